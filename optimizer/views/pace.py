"""How long a run will still take, judged by its speed."""

from __future__ import annotations

from optimizer.amounts import duration, duration_range, range_of
from optimizer.models import OptimizationSession, SessionStatus

FEWEST_CALLS = 5  # calls that show a speed
ALIKE = 1.2  # a range whose ends differ by no more than this factor is told as one number


def time_left(session: OptimizationSession) -> str:
    """`about 3 minutes`, `3 to 5 minutes`: by the run's own calls a second, and the calls that it was estimated to
    take. Without an estimate, or beyond it, the time of the present step; "" while nothing can be told."""
    if session.status != SessionStatus.PROCESSING or session.calls < FEWEST_CALLS:
        return ""
    minutes_a_call = (session.processing_time_ms or 0) / 60_000 / session.calls
    told = estimated(session, "calls") or (0, 0)
    low, high = (max(0, min(count, session.max_calls or count) - session.calls) for count in told)
    if high:
        return span(low * minutes_a_call, high * minutes_a_call)
    left = session.stage_total - session.stage_done
    return f"{duration(left * minutes_a_call)} for this step" if left > 0 else ""


def estimated(session: OptimizationSession, what: str) -> tuple[float, float] | None:
    """The least and the most `calls`, `tokens` or `minutes` that were told at the start; a single number is both."""
    told = (session.estimate or {}).get(what)
    if not told:
        return None
    low, high = told if isinstance(told, list) else (told, told)
    return low, high


def span(low: float, high: float) -> str:
    """A range of minutes, as people say it; one end alone where both are alike."""
    last = duration(high)
    if not low:
        return f"up to {last}"
    told = duration_range(range_of((low, high)))
    return f"about {last}" if high <= ALIKE * low or told == last else told
