"""Before a run: which models it uses, and what stays true of them until its end."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass

from django.conf import settings

from optimizer import installed
from optimizer.brief import Circumstances, objections
from optimizer.briefing import config_of, task_of
from optimizer.engine.asking import Steps
from optimizer.engine.calls import THINKING_TOKENS
from optimizer.engine.events import Beat, Event
from optimizer.engine.fitting import longest_call
from optimizer.llm.base import CallFailedError
from optimizer.llm.facts import ModelFacts, named, nothing_answers, offered, only_embeds
from optimizer.llm.pool import Pool
from optimizer.llm.roles import Roles
from optimizer.llm.windows import window_for
from optimizer.models import OptimizationSession
from optimizer.worker.run import Run

PULSE = 0.25  # seconds between two signs of life while a server loads a model


@dataclass(frozen=True)
class ChosenModels:
    """The models of a run. `others` run the finalists at the end."""

    target: ModelFacts
    optimizer: ModelFacts
    judge: ModelFacts
    others: tuple[ModelFacts, ...] = ()

    @property
    def thoughts(self) -> int:
        """Tokens that may be needed before an answer."""
        return THINKING_TOKENS if any(facts.thinks for facts in self.by_name().values()) else 0

    def by_name(self) -> dict[str, ModelFacts]:
        every = self.target, self.optimizer, self.judge, *self.others
        return {facts.name: facts for facts in every}


def settle_models(run: Run, pool: Pool) -> Iterator[Event]:
    """Write down once what a replay must find again.

    Raises UnavailableError while no server answers, and CallFailedError."""
    chosen = choose(run.session, pool.models())
    window = window_for(
        longest_call(task_of(run.session), config_of(run.session)),
        largest=settings.OLLAMA_CONTEXT,
        facts=chosen.target,
        thoughts=chosen.thoughts,
    )
    roles = chosen.target.roles
    if not chosen.target.remote:
        roles = (yield from _awaited(pool.roles(chosen.target.name, window))) or roles
    system_text = bool(run.session.prompt.system_text)
    facts = Circumstances(hears_system=roles.system, system_text=system_text)
    if facts.unheard:
        raise CallFailedError("setting_refused", f"System text: {facts.unheard}")
    for setting, why in objections(run.session.settings, facts):
        raise CallFailedError("setting_refused", f"{setting.label}: {why}")
    found = chosen.by_name()
    run.settle(
        target_model=chosen.target.name,
        optimizer_model=chosen.optimizer.name,
        judge_model=chosen.judge.name,
        digests={name: facts.digest for name, facts in found.items()},
        remotes={name: facts.remote for name, facts in found.items() if facts.remote},
        turns=roles.turns,
        hears_system=roles.system,
        thinks=chosen.target.thinks,
        window=window,
    )


def choose(session: OptimizationSession, available: Mapping[str, ModelFacts]) -> ChosenModels:
    """The person's choice, else the installation's, else the first that a server offers. The optimizer defaults to
    the target, and the judge to the optimizer."""
    names = offered(available)
    if not names:
        raise CallFailedError("no_model", nothing_answers(available))
    target = session.target_model or settings.TARGET_MODEL or names[0]
    chosen = installed.by_role(target, session.optimizer_model, session.judge_model)
    others = tuple(_found(name, available) for name in session.other_models)
    runs, writes, judges = (_usable(name, available) for name in chosen)
    return ChosenModels(runs, writes, judges, others)


def _usable(name: str, available: Mapping[str, ModelFacts]) -> ModelFacts:
    """What is known about it. Raises CallFailedError if it cannot answer."""
    facts = _found(name, available)
    if not facts.completes:
        raise CallFailedError("no_completion", only_embeds(name))
    return facts


def _found(name: str, available: Mapping[str, ModelFacts]) -> ModelFacts:
    """What is known about it, under the chosen name. A model that no server has fails when it is called."""
    return (named(available, name) or ModelFacts(name)).called(name)


def _awaited(found: Future[Roles | None]) -> Steps[Roles | None]:
    """The roles, with signs of life meanwhile: the model may have to be loaded."""
    try:
        while not found.done():
            yield Beat()
            time.sleep(PULSE)
        return found.result()
    finally:
        found.cancel()
