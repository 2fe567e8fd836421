"""Celery's names for what a worker does, one call each."""

from __future__ import annotations

from typing import Any

from celery import shared_task
from celery.signals import worker_ready, worker_shutting_down

from optimizer.worker import learning, loop, measuring, sweeping
from optimizer.worker.alone import work_alone
from optimizer.worker.claiming import claim, is_suspect


@worker_ready.connect
def _start(**_: Any) -> None:
    refresh_models.delay()


@worker_shutting_down.connect
def _shut_down(**_: Any) -> None:
    loop.shutting_down.set()


@shared_task(acks_late=True)
def optimize(session_id: int) -> None:
    """Safe to deliver twice: whoever claims the session does the work."""
    run = claim(session_id)
    if run and is_suspect(run.session):
        work_alone(run)
    elif run:
        loop.work(run, gives_back=True)


@shared_task
def sweep() -> None:
    """Send again the sessions that nobody works on."""
    sweeping.sweep(send=optimize.delay)


@shared_task
def learn() -> None:
    """Let later sessions know how operators did, and what people thought of the results."""
    learning.learn()


@shared_task
def refresh_models() -> None:
    """Keep the list of models that forms offer."""
    measuring.refresh_models()


@shared_task
def measure_speed(model: str) -> None:
    """Time a few small calls of a model, for estimates."""
    measuring.measure_speed(model)
