"""What to know about the models before a run, and about those that it used."""

from __future__ import annotations

from collections.abc import Iterable

from optimizer import installed
from optimizer.llm.facts import sent_away
from optimizer.llm.roles import Roles
from optimizer.models import OptimizationSession


def before(target: str, optimizer: str, judge: str, *, others: Iterable[str] = ()) -> list[str]:
    """One sentence for each thing to know about the models that these choices would use."""
    chosen = installed.by_role(target, optimizer, judge)
    names = dict.fromkeys([*chosen, *others])
    found = [facts for name in names if (facts := installed.facts(name))]
    said = [sent_away(facts.name, facts.remote) for facts in found if facts.remote]
    known = installed.facts(chosen[0])
    return list(filter(None, [*said, known.roles.caution(chosen[0]) if known else ""]))


def of(session: OptimizationSession) -> list[str]:
    """The same for a run whose models are settled."""
    away = [sent_away(model, host) for model, host in session.remotes.items()]
    return away if session.turns else [*away, Roles(turns=False).caution(session.target_model)]
