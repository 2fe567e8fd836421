"""What to know about the models before a run, and about those that it used."""

from __future__ import annotations

from collections.abc import Iterable

from django.conf import settings

from optimizer import installed
from optimizer.llm.facts import sent_away
from optimizer.llm.roles import Roles
from optimizer.models import OptimizationSession


def before(target: str, optimizer: str, others: Iterable[str] = ()) -> list[str]:
    """One sentence for each thing to know about the models that these choices would use."""
    target = installed.target(target)
    optimizer = optimizer or settings.OPTIMIZER_MODEL or target
    found = [
        facts for name in dict.fromkeys([target, optimizer, *others]) if (facts := installed.facts(name))
    ]
    said = [sent_away(facts.name, facts.remote) for facts in found if facts.remote]
    known = installed.facts(target)
    return list(filter(None, [*said, known.roles.caution(target) if known else ""]))


def of(session: OptimizationSession) -> list[str]:
    """The same for a run whose models are settled."""
    away = [sent_away(model, host) for model, host in session.remotes.items()]
    return away if session.turns else [*away, Roles(turns=False).caution(session.target_model)]
