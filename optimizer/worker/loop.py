"""The work on one claimed session, event by event; a task and a command share it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

from optimizer import engine
from optimizer.briefing import config_of, contender_of, task_of
from optimizer.engine.crossfit import suits
from optimizer.engine.events import Beat, Event, Noted
from optimizer.engine.inputs import invent
from optimizer.llm.base import Model, UnavailableError
from optimizer.llm.ledger import Ledger
from optimizer.llm.pool import Pool
from optimizer.llm.windows import Windowed
from optimizer.models import OptimizationSession
from optimizer.pools import connected
from optimizer.worker import waiting
from optimizer.worker.choosing import settle_models
from optimizer.worker.ledger import LedgerRows
from optimizer.worker.run import Run

SIDE_BY_SIDE = 4  # calls between two checks of the limits: a replay checks as often, whatever the servers are

shutting_down = threading.Event()


def work(run: Run, watch: Callable[[Event], None] = lambda event: None, *, gives_back: bool = False) -> None:
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


def _still_away(run: Run, pool: Pool) -> bool:
    """Whether a session that waited has to wait again; the work on it begins with a replay, so ask first."""
    pool.recall((run.session.waiting or {}).get("faults") or {})
    if run.stop_requested:
        return False
    if run.past_limit:
        waiting.end_waiting(run)
        return True
    try:
        pool.models()
    except UnavailableError as fault:
        waiting.wait(run, str(fault), pool.faults())
        return True
    return False


def search(run: Run, pool: Pool) -> Iterator[Event]:
    """The engine's events, once the models are known."""
    while not run.models_known:
        try:
            yield from settle_models(run, pool)
        except UnavailableError as error:
            yield Beat(str(error), away=True)
            time.sleep(0.5)
    run.settle_past()
    ledger = LedgerRows(run.session, run.worked)
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
        task, config = task_of(session), config_of(session)
        run.settle(cross_fitted=suits(task, config))
        yield from engine.run(task, config, model, session.seed)


def written_inputs(session: OptimizationSession, model: Model) -> Iterator[Event]:
    """Only the writing of test inputs. Notes about them wait: if none are approved, the run notes the same again."""
    for event in invent(task_of(session), config_of(session), model, session.seed):
        if not isinstance(event, Noted):
            yield event


def _interrupt(run: Run, steps: Iterator[Event]) -> None:
    """Abort what is in flight; then end the session if a person asked, else leave it for another worker."""
    steps.close()  # type: ignore[attr-defined]
    if run.stop_requested:
        run.stop()
    else:
        run.release()
