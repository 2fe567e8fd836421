"""What to know of the models before a run, and of those that it used."""

from __future__ import annotations

from django.conf import settings

from optimizer import installed
from optimizer.llm.facts import sent_away
from optimizer.models import OptimizationSession


def before(target: str, optimizer: str) -> list[str]:
    """A sentence for each thing, of the models that these choices would use."""
    target = target or settings.TARGET_MODEL or next(iter(installed.models()), "")
    optimizer = optimizer or settings.OPTIMIZER_MODEL or target
    found = [installed.facts(name) for name in dict.fromkeys([target, optimizer]) if name]
    return [sent_away(facts.name, facts.remote) for facts in found if facts and facts.remote]


def of(session: OptimizationSession) -> list[str]:
    """The same of a run whose models are settled."""
    return [sent_away(model, host) for model, host in session.remotes.items()]
