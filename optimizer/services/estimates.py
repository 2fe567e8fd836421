"""What an optimization will take, before it is started."""

from __future__ import annotations

import copy
import hashlib
import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from celery import current_app
from django.core.cache import cache

from optimizer import briefing, installed, speeds
from optimizer.brief import MODELS, PRESETS, SETTINGS
from optimizer.engine import Config, Task, TaskRefusedError
from optimizer.engine.estimate import Estimate, Speed, estimate, estimate_comparison
from optimizer.forecasts import Forecast
from optimizer.models import OptimizationSession, Prompt
from optimizer.services.choices import Choices

UNMEASURED = Speed(1e6, 1e6, slots=1, call_seconds=0.0)  # for what does not depend on the speed
REMEMBERED = 600  # seconds
LONGEST = (
    4.0  # seconds of computing that rehearsals may take: a person waits for them, even on a busy machine
)
AS_FAST = "Other models that were not measured here yet are taken to be as fast as the target model."
SOONER = "Less if it reaches the target score early."
TOO_BIG = "too big"  # what is remembered instead of an estimate that took longer

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Pace:
    """How fast the models are, and others by name, as far as that is known. `basis` says what that rests on. `lacking`
    are models that a trial would tell more about."""

    target: Speed | None = None
    optimizer: Speed | None = None
    judge: Speed | None = None
    basis: str = ""
    lacking: tuple[str, ...] = ()
    others: tuple[tuple[str, Speed], ...] = ()


def forecast(choices: Choices, *, as_told: bool = False) -> Forecast | None:
    """What these choices will take, if that can be told; with `as_told`, what a page was told a moment ago.

    TaskRefusedError says why they cannot be run."""
    model, optimizer, judge = installed.by_role(*(choices.settings[name] for name in MODELS))
    others = choices.settings["other_models"]
    pace = _pace(model, optimizer, judge if choices.judged else "", others)
    try:
        found = _grown(choices, pace, as_told=as_told)
    except TaskRefusedError:
        raise
    except TimeoutError:
        return None
    except Exception:  # only an estimate: the run itself may go well
        log.exception("no estimate of an optimization with %s", model)
        return None
    note = SOONER if len(pace.others) == len(others) else f"{AS_FAST} {SOONER}"
    return replace(_forecast(found, pace, model), note=note)


def _forecast(found: Estimate, pace: Pace, model: str) -> Forecast:
    minutes = found.minutes if pace.target else None
    return Forecast(found.calls, found.tokens, minutes, model, pace.basis, pace.lacking)


def _pace(target: str, optimizer: str, judge: str, others: Sequence[str] = ()) -> Pace:
    """What is known about the speeds. The target's serves for a model whose speed is unknown. No trial is made for
    other models, which make few calls."""
    names = dict.fromkeys(name for name in (target, optimizer, judge) if name)
    known = {name: speeds.measured(name) for name in names}
    lacking = tuple(name for name, found in known.items() if not (found and found.fresh))
    main = known.get(target)
    if main is None:
        return Pace(lacking=lacking)
    last = {name: found.speed for name in others if (found := speeds.measured(name))}
    loading = sum(found.speed.load_seconds for found in known.values() if found)
    loading += sum(speed.load_seconds for speed in last.values())
    writing, judging = ((known.get(name) or main).speed for name in (optimizer, judge))
    speed = replace(main.speed, load_seconds=loading)
    return Pace(speed, writing, judging, main.basis, lacking, tuple(last.items()))


def _grown(choices: Choices, pace: Pace, *, as_told: bool) -> Estimate:
    """What they take, but no less than with a smaller preset, as far as there is time to find out."""
    draft, deadline = _draft(choices), time.thread_time() + LONGEST
    rows = choices.examples()

    def told(session: OptimizationSession) -> Estimate:
        asked = briefing.task_of(session, rows), briefing.config_of(session)
        return _estimate(*asked, pace, draft.seed, deadline, as_told=as_told)

    found = told(draft)
    for smaller in _smaller(draft):
        if time.thread_time() < deadline:
            try:
                found = found.at_least(told(smaller))
            except TimeoutError:
                break
    return found


def _smaller(draft: OptimizationSession) -> Iterator[OptimizationSession]:
    """The same with each smaller preset, the next smaller first, and what it says besides."""
    names = list(PRESETS)
    for name in names[: names.index(draft.preset)][::-1]:
        session = copy.copy(draft)
        session.preset = name
        for setting in SETTINGS:
            if setting.at_start and getattr(draft, setting.name) == setting.by_preset[draft.preset]:
                setattr(session, setting.name, setting.by_preset[name])
        yield session


def _estimate(
    task: Task, config: Config, pace: Pace, seed: int, deadline: float, *, as_told: bool
) -> Estimate:
    """Remembered for a while: first a page asks for it, then the start does, when the speed may have been measured
    again. TimeoutError if it takes too long."""
    asked = hashlib.sha256(repr((task, config, seed)).encode(errors="replace")).hexdigest()
    by = pace.target, pace.optimizer, pace.judge, pace.others
    known: tuple[tuple[Any, ...], Estimate | str] | None = cache.get(f"estimates:{asked}")
    good_enough = known and (known[0] == by or (as_told and known[0][0] is not None))
    if known is None or not good_enough:
        within = deadline - time.thread_time()
        known = by, _rehearsed(task, config, pace, seed, within)
        if within > LONGEST / 2:  # otherwise more time may give an estimate, or a better one
            cache.set(f"estimates:{asked}", known, REMEMBERED)
    if isinstance(known[1], str):
        raise TimeoutError(known[1])
    return known[1]


def _rehearsed(task: Task, config: Config, pace: Pace, seed: int, within: float) -> Estimate | str:
    try:
        speed = pace.target or UNMEASURED
        known = {"writing": pace.optimizer, "judging": pace.judge}
        return estimate(task, config, speed, seed, **known, others=dict(pace.others), within=within)
    except TimeoutError:
        return TOO_BIG


def forecast_comparison(session: OptimizationSession) -> Forecast | None:
    """What comparing the best of a stopped search will still take; None if that cannot be told."""
    pace = _pace(session.target_model, session.target_model, session.judged_by)
    measured = hashlib.sha256(repr((pace.target, pace.judge)).encode()).hexdigest()
    key = f"comparisons:{session.pk}:{session.calls}:{measured}"
    try:
        found: Estimate | str = cache.get(key) or _comparison(session, pace)
    except Exception:  # only an estimate: the comparison itself may go well
        log.exception("no estimate of comparing session %s", session.pk)
        return None
    cache.set(key, found, REMEMBERED)
    return None if isinstance(found, str) else _forecast(found, pace, session.target_model)


def _comparison(session: OptimizationSession, pace: Pace) -> Estimate | str:
    try:
        return estimate_comparison(
            briefing.task_of(session),
            briefing.config_of(session),
            pace.target or UNMEASURED,
            session.seed,
            judging=pace.judge,
            contender=briefing.contender_of(session),
            paid=lambda keys: briefing.paid_for(session, keys),
            within=LONGEST,
        )
    except TimeoutError:
        return TOO_BIG


def _draft(choices: Choices) -> OptimizationSession:
    """The session as it would be, never saved."""
    models = installed.by_role(*(choices.settings[name] for name in MODELS))
    return OptimizationSession(
        prompt=Prompt(original=choices.prompt, system_text=choices.system_text, context=choices.context),
        grader=choices.grader,
        grader_options=dict(choices.grader_options),
        literals=list(choices.literals),
        mapping=choices.assignment.stored(),
        starts=choices.starts(),
        seen=choices.seen(),
        turns=installed.tells_turns(models[0]),
        **{**choices.settings, **dict(zip(MODELS, models, strict=True))},
    )


def target_model(choices: Choices) -> str:
    """The model that would run the prompt; "" until a server has listed its models."""
    return installed.target(choices.settings["target_model"])


def ask_for_speeds(told: Forecast) -> None:
    """Have a worker measure the models that a trial would tell more about, unless one does already."""
    for model in told.lacking:
        if speeds.ask(model):
            current_app.send_task("optimizer.tasks.measure_speed", args=[model], expires=speeds.ASKED)
