"""What an optimization will take, before it is started."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import asdict, dataclass
from math import floor, log10
from typing import Any

from celery import current_app
from django.conf import settings
from django.core.cache import cache

from optimizer import briefing, installed, speeds
from optimizer.counts import counted
from optimizer.engine import Config, Task, TaskRefused
from optimizer.engine.estimate import Estimate, Speed, estimate, estimate_comparison
from optimizer.models import OptimizationSession, Prompt
from optimizer.services.choices import COLUMNS, Choices

UNMEASURED = Speed(1e6, 1e6, slots=1, call_seconds=0.0)  # for what does not depend on the speed
REMEMBERED = 600  # seconds
PATIENCE = 4.0  # seconds that a rehearsal may take: a person waits for it, and so does whoever comes next
TOO_BIG = "too big"  # what is remembered instead of an estimate that took longer

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Forecast:
    """What a run will take. `minutes` is None while nobody knows how fast the model is here."""

    calls: int
    tokens: int
    minutes: float | None
    model: str

    @property
    def awaited(self) -> bool:
        """Whether the model is being measured now."""
        return self.minutes is None and speeds.awaited(self.model)

    def kept(self) -> dict[str, Any]:
        """As a session keeps it."""
        return asdict(self)

    def __str__(self) -> str:
        cost = f"About {counted(rough(self.calls), 'call')}, {counted(rough(self.tokens), 'token')}"
        if self.minutes is not None:
            return f"{cost}, {duration(self.minutes)} with {self.model} on this server."
        if not self.model:
            return f"{cost}. How long is not known yet: no model server has answered so far."
        if self.awaited:
            return f"{cost}. The speed of {self.model} on this server is being measured…"
        if speeds.given_up(self.model):
            busy = f"the workers are too busy to measure {self.model}"
            return f"{cost}. How long cannot be told now: {busy}. Start anyway."
        return f"{cost}. How long is not known yet: {self.model} has not been measured on this server."


def forecast(choices: Choices, *, as_told: bool = False) -> Forecast | None:
    """What these choices will take, if that can be told; `as_told` a moment ago, where somebody was. TaskRefused says
    why they cannot be run."""
    model = target_model(choices)
    speed = speeds.known(model) if model else None
    draft = _draft(choices)
    task, config = briefing.task_of(draft, choices.examples()), briefing.config_of(draft)
    try:
        found = _estimate(task, config, speed or UNMEASURED, choices.seed, as_told=as_told)
    except TaskRefused:
        raise
    except TimeoutError:
        return None
    except Exception:  # only an estimate: the run itself may go well
        log.exception("no estimate of an optimization with %s", model)
        return None
    return Forecast(found.calls, found.tokens, found.minutes if speed else None, model)


def _estimate(task: Task, config: Config, speed: Speed, seed: int, *, as_told: bool) -> Estimate:
    """Remembered for a while: a page asks for it, then the start does, when the speed may have been measured anew.
    TimeoutError where it takes too long."""
    asked = hashlib.sha256(repr((task, config, seed)).encode(errors="replace")).hexdigest()
    known: tuple[Speed, Estimate | str] | None = cache.get(f"estimate:{asked}")
    good_enough = known and (known[0] == speed or (as_told and known[0] != UNMEASURED))
    if known is None or not good_enough:
        known = speed, _rehearsed(task, config, speed, seed)
        cache.set(f"estimate:{asked}", known, REMEMBERED)
    if isinstance(known[1], str):
        raise TimeoutError(known[1])
    return known[1]


def _rehearsed(task: Task, config: Config, speed: Speed, seed: int) -> Estimate | str:
    try:
        return estimate(task, config, speed, seed, within=PATIENCE)
    except TimeoutError:
        return TOO_BIG


def forecast_comparison(session: OptimizationSession) -> Forecast | None:
    """What comparing the best of a stopped search will take, besides what is paid for; None where that cannot be
    told."""
    model = session.target_model
    speed = speeds.known(model)
    measured = hashlib.sha256(repr(speed).encode()).hexdigest()
    key = f"comparison:{session.pk}:{session.calls}:{measured}"
    try:
        found = cache.get(key) or _comparison(session, speed or UNMEASURED)
    except Exception:  # only an estimate: the comparison itself may go well
        log.exception("no estimate of comparing session %s", session.pk)
        return None
    cache.set(key, found, REMEMBERED)
    return Forecast(found.calls, found.tokens, found.minutes if speed else None, model)


def _comparison(session: OptimizationSession, speed: Speed) -> Estimate:
    return estimate_comparison(
        briefing.task_of(session),
        briefing.config_of(session),
        speed,
        session.seed,
        contender=briefing.contender_of(session),
        paid=lambda keys: briefing.paid_for(session, keys),
    )


def _draft(choices: Choices) -> OptimizationSession:
    """The session as it would be, never saved."""
    return OptimizationSession(
        prompt=Prompt(original=choices.prompt, context=choices.context),
        grader_options=dict(choices.grader_options),
        literals=list(choices.literals),
        turns=installed.tells_turns(target_model(choices)),
        **{name: getattr(choices, name) for name in COLUMNS},
    )


def target_model(choices: Choices) -> str:
    """The model that would run the prompt; "" while no server has told what it has."""
    return choices.target_model or settings.TARGET_MODEL or next(iter(installed.models()), "")


def ask_for_speed(model: str) -> None:
    """Have a worker measure the model, unless one does already."""
    if model and speeds.ask(model):
        current_app.send_task("optimizer.tasks.measure_speed", args=[model], expires=speeds.ASKED)


def rough(count: float) -> int:
    """A number with two digits that mean something: 447 is 450."""
    return int(round(count, 1 - floor(log10(count)))) if count >= 1 else 0


def duration(minutes: float) -> str:
    """A span as people say it: `40 seconds`, `4 minutes`, `3 hours`."""
    if minutes < 1.5:
        seconds = max(5, round(minutes * 12) * 5)
        return counted(seconds, "second")
    return counted(round(minutes), "minute") if minutes < 120 else counted(round(minutes / 60), "hour")
