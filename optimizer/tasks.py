"""Celery's way in: an id, then a loop."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

from celery import shared_task
from celery.signals import worker_ready, worker_shutting_down
from django.conf import settings
from django.core.cache import cache
from django.utils import timezone

from optimizer import engine, installed, progress, speeds
from optimizer.briefing import config_of, contender_of, task_of
from optimizer.engine.events import Beat, Event, Noted
from optimizer.engine.inputs import invent
from optimizer.llm.base import CallFailed, Model, Unavailable
from optimizer.llm.facts import named
from optimizer.llm.lanes import SharedLanes
from optimizer.llm.ledger import Ledger
from optimizer.llm.ollama import OllamaHost
from optimizer.llm.pool import Pool
from optimizer.llm.servers import Host
from optimizer.llm.trial import trial
from optimizer.llm.windows import Windowed, window_of_trial
from optimizer.models import OptimizationSession
from optimizer.progress import waiting

SIDE_BY_SIDE = 4  # calls between two looks at the limits: a replay looks as often, on whatever servers
BETWEEN_BELLS = timedelta(seconds=30)  # how long a queued session may wait before its doorbell is rung again

shutting_down = threading.Event()


@worker_ready.connect
def _start(**_: Any) -> None:
    refresh_models.delay()


@worker_shutting_down.connect
def _shut_down(**_: Any) -> None:
    shutting_down.set()


@shared_task(acks_late=True)
def optimize(session_id: int) -> None:
    """Safe to deliver twice: whoever claims the session does the work."""
    run = progress.claim(session_id)
    if run is not None:
        work(run, gives_back=True)


@shared_task
def sweep() -> None:
    """Send again the sessions whose worker died or whose doorbell was lost."""
    forgotten = OptimizationSession.objects.claimable().exclude(
        lease_token=None, created_at__gt=timezone.now() - BETWEEN_BELLS
    )
    for session_id, waits in forgotten.order_by("created_at").values_list("pk", "waiting")[:100]:
        between = waiting.SOONEST if waits else BETWEEN_BELLS
        if cache.add(f"sent:{session_id}", True, between.total_seconds()):
            optimize.delay(session_id)
    progress.tell_of_silence()


@shared_task
def learn() -> None:
    """Let later sessions know how operators did, and what people thought of the results."""
    progress.learn()


@shared_task
def refresh_models() -> None:
    """Keep the list of models that forms offer; a run says what is wrong where there is none."""
    with suppress(Unavailable, CallFailed), connected() as pool:
        installed.keep(pool.models().values())


@shared_task
def measure_speed(model: str) -> None:
    """Time a few small calls of a model, for estimates."""
    with suppress(Unavailable, CallFailed), connected() as pool:
        windowed = Windowed(pool, window_of_trial(named(pool.models(), model)))
        tried = trial(windowed, model)
        speeds.keep(model, speeds.of_trial(tried), calls=tried.calls)
    speeds.answer(model)


def work(
    run: progress.Run, watch: Callable[[Event], None] = lambda event: None, *, gives_back: bool = False
) -> None:
    """Optimize a claimed session to its end, unless it is stopped or taken away. With `gives_back` the worker becomes
    free while no model server answers."""
    with run.failing_honestly(), connected() as pool:
        if gives_back and run.session.waiting and _still_away(run, pool):
            return None
        steps = search(run, pool)
        for event in steps:
            watch(event)
            if shutting_down.is_set() or not run.record(event):
                return _interrupt(run, steps)
            if run.recorder.away and run.past_limit:
                steps.close()  # type: ignore[attr-defined]
                return waiting.end_waiting(run)
            if gives_back and waiting.waits_long(run):
                steps.close()  # type: ignore[attr-defined]
                return waiting.wait(run, run.recorder.away, pool.faults())
        run.finish()
    return None


def _still_away(run: progress.Run, pool: Pool) -> bool:
    """Whether a session that waited has to wait again; the work on it begins with a replay, so ask first."""
    pool.recall((run.session.waiting or {}).get("faults") or {})
    if run.stop_requested:
        return False
    if run.past_limit:
        waiting.end_waiting(run)
        return True
    try:
        pool.models()
    except Unavailable as fault:
        waiting.wait(run, str(fault), pool.faults())
        return True
    return False


def search(run: progress.Run, pool: Pool) -> Iterator[Event]:
    """The engine's events, once the models are known."""
    while not run.models_known:
        try:
            yield from progress.settle_models(run, pool)
        except Unavailable as error:
            yield Beat(str(error), away=True)
            time.sleep(0.5)
    run.settle_past()
    ledger = progress.LedgerRows(run.session, run.worked)
    model = Ledger(Windowed(pool, run.session.window), ledger, slots=SIDE_BY_SIDE)
    session = run.session
    if session.inputs_requested and session.inputs is None:
        yield from written_inputs(session, model)
    elif session.comparing:
        contender = contender_of(session)
        yield from engine.compare(
            task_of(session), config_of(session), model, session.seed, contender=contender
        )
    else:
        yield from engine.run(task_of(session), config_of(session), model, session.seed)


def written_inputs(session: OptimizationSession, model: Model) -> Iterator[Event]:
    """The writing of test inputs alone. What is noted of them waits: a run that continues without any notes
    it again."""
    for event in invent(task_of(session), config_of(session), model, session.seed):
        if not isinstance(event, Noted):
            yield event


def _interrupt(run: progress.Run, steps: Iterator[Event]) -> None:
    """Abort what is in flight; then end the session if a person asked, else leave it for another worker."""
    steps.close()  # type: ignore[attr-defined]
    if run.stop_requested:
        run.stop()
    else:
        run.release()


@contextmanager
def connected() -> Iterator[Pool]:
    """The pool of the configured Ollama servers."""
    pool = Pool(hosts, lambda: SharedLanes(settings.REDIS_URL))
    try:
        yield pool
    finally:
        pool.close()


def hosts() -> Sequence[Host]:
    """The configured Ollama servers."""
    return [
        OllamaHost(
            address,
            slots=settings.OLLAMA_PARALLEL,
            context=settings.OLLAMA_CONTEXT,
            timeout=settings.OLLAMA_TIMEOUT,
        )
        for address in settings.OLLAMA_HOSTS
    ]
