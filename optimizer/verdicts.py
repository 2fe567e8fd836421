"""What came of an optimization, in words: the same on its page, in History and in the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from typing import Any

from optimizer.counts import counted
from optimizer.engine import figures
from optimizer.engine.caveats import NO_REWRITE, SEEN_BEFORE, STILL_THINKING
from optimizer.engine.splits import FEW_ROWS, HELD_OUT_SHARE, MOST_HELD_OUT
from optimizer.engine.verdicts import FEWEST_ROWS, Verdict
from optimizer.models import Chosen, OptimizationSession, SessionStatus

NOT_COMPARED = "The best found did better on search rows. It was not compared on held-out rows."
ENOUGH_MORE = 1.25  # how many times as many rows to ask for, at least

Comparison = Mapping[str, Any]


def word(session: OptimizationSession) -> str:
    """The verdict in its fixed words; "" where nothing was compared."""
    return Verdict(session.verdict).words if session.verdict else ""


def headline(session: OptimizationSession) -> str:
    """One sentence that claims no more than was measured."""
    if comparison := comparison_of(session):
        return _of_comparison(session, comparison)
    if session.chosen == Chosen.BEST:
        return f"{NOT_COMPARED[:-1]}{_settled(session)}."
    if session.status == SessionStatus.CANCELLED:
        return _of_stopped(session)
    if session.kept_original:
        return "Kept the original: the best found could not be compared with it."
    return NOT_COMPARED


def comparison_of(session: OptimizationSession) -> Comparison | None:
    """The best against the original on held-out rows, if that was measured."""
    found: Comparison | None = session.results.get("comparison")
    return found


def _of_stopped(session: OptimizationSession) -> str:
    if session.kept_original is False:
        return "Stopped early: this is the best found so far."
    return "Stopped before anything better was found."


def _of_comparison(session: OptimizationSession, comparison: Comparison) -> str:
    if nothing_ahead(session):
        return "Kept the original: no candidate was ahead of it on search rows."
    if session.verdict == Verdict.BETTER:
        kept = _settled(session) if session.chosen == Chosen.ORIGINAL else ""
        return f"{_counted(comparison)}{kept}."
    if session.open_to_choice and comparison["difference"] > figures.NOTHING:
        return f"{_ahead(comparison)}{_settled(session)}."
    if session.chosen == Chosen.BEST:
        return f"{_counted(comparison)}{_settled(session)}."
    if session.kept_original:
        return f"Kept the original: {_of_loser(comparison)}."
    return f"{_counted(comparison)}."


def nothing_ahead(session: OptimizationSession) -> bool:
    """Whether no candidate led: the comparison then measures the original alone."""
    return bool(session.results.get("winner") == 0)


def _counted(comparison: Comparison) -> str:
    worse = f"{comparison['worse']} worse" if comparison["worse"] else "none worse"
    return f"{_of_rows(comparison)} better, {worse}"


def _ahead(comparison: Comparison) -> str:
    behind = f", behind on {comparison['worse']}" if comparison["worse"] else ""
    return f"Ahead on {_of_rows(comparison)}{behind}, not proven"


def _of_rows(comparison: Comparison) -> str:
    return f"{comparison['better']} of {counted(comparison['rows'], 'row')}"


def _settled(session: OptimizationSession) -> str:
    """Who decided, if the verdict leaves it open."""
    if session.chosen == Chosen.BEST:
        return ": you chose to use it"
    if session.chosen == Chosen.ORIGINAL:
        return ": you chose to keep the original"
    return ": the original is kept, as you asked" if session.kept_original else ""


def _of_loser(comparison: Comparison) -> str:
    if not (comparison["better"] or comparison["worse"]):
        return "the best found did just as well, no better"
    told = f"with the best found, {_of_rows(comparison)} got better and {comparison['worse']} worse"
    if comparison["difference"] > figures.NOTHING:
        return f"{told}, but it was not ahead on search rows"
    return told


def gain(session: OptimizationSession) -> str:
    """What was measured on held-out rows, with its uncertainty; "" where nothing was."""
    comparison = comparison_of(session)
    if not comparison:
        return ""
    where = counted(comparison["rows"], "row")
    if nothing_ahead(session) and cross_fitted(session):
        return f"The original was measured on {where}."
    if cross_fitted(session):
        where += ", none of which the search that was tested saw"
    elif comparison["rows"] > 1 or session.dataset_id:
        where += " that the search never saw"
    if nothing_ahead(session):
        return f"The original was measured on {where}."
    pair = figures.pair(comparison["baseline"], comparison["best"])
    better, worse, same = (comparison[name] for name in ("better", "worse", "same"))
    return (
        f"{pair.difference} on {where}{_interval(session, comparison)}: "
        f"{better} better, {worse} worse, {same} the same."
    )


def _interval(session: OptimizationSession, comparison: Comparison) -> str:
    """The interval; few rows have none that tells anything."""
    if session.verdict == Verdict.TOO_FEW_ROWS or comparison.get("low") is None:
        return ""
    ends = (comparison[name] for name in ("baseline", "best", "low", "high"))
    low, high = figures.interval(*ends)
    return f" (95 % interval {low} to {high})"


def cross_fitted(session: OptimizationSession) -> bool:
    """Whether more searches compared few rows, each without a part of them."""
    return bool(comparison_of(session) and session.results.get("folds"))


def about_interval(session: OptimizationSession) -> str:
    """What was measured, if that is not the prompt itself; else ""."""
    if not cross_fitted(session) or nothing_ahead(session):
        return ""
    return (
        "The interval is for this way of searching, tested on each quarter of the rows; "
        "the prompt itself was made from all rows."
    )


def scores(session: OptimizationSession) -> figures.Pair | None:
    """Both scores on held-out rows, as they are told."""
    comparison = comparison_of(session)
    return figures.pair(comparison["baseline"], comparison["best"]) if comparison else None


def usable_outputs(session: OptimizationSession) -> figures.Pair | None:
    """Both shares of outputs that a program can use as they are; None unless the answers are JSON."""
    comparison = comparison_of(session)
    if not comparison or comparison.get("usable_best") is None:
        return None
    return figures.pair(comparison["usable_baseline"], comparison["usable_best"])


# What to do next


def next_step(session: OptimizationSession) -> str:
    """The one thing that helps most now; "" where nothing was compared."""
    comparison = comparison_of(session)
    if not comparison or not session.verdict:
        return ""
    if session.verdict == Verdict.BETTER:
        return "" if session.chosen == Chosen.ORIGINAL else "Copy it, and use it in place of the original."
    return (
        _other_judge(session)
        or _unseen_rows(session)
        or _more_of_the_limits(session)
        or _enough_rows(session, comparison)
        or _other_grader(session, comparison)
        or _more_rows(session, comparison)
        or _other_writer(session)
    )


def _other_judge(session: OptimizationSession) -> str:
    if not session.results.get("doubtful_judge"):
        return ""
    return "Choose another judge model, or add rows with answers, which need no judge."


def _unseen_rows(session: OptimizationSession) -> str:
    seen = any(SEEN_BEFORE in caveat for caveat in session.results.get("caveats", []))
    if not seen or session.verdict == Verdict.WORSE:
        return ""
    return f"Add {FEWEST_ROWS} or more rows that the earlier search never saw."


def _other_writer(session: OptimizationSession) -> str:
    if any(NO_REWRITE in caveat for caveat in session.results.get("caveats", [])):
        return "Choose another optimizer model: this one wrote no usable rewrite."
    return "Choose a stronger optimizer model: the best that this one wrote was not ahead."


def _more_of_the_limits(session: OptimizationSession) -> str:
    left_out = session.results.get("left_out") or 0
    unproven = session.verdict == Verdict.TOO_FEW_ROWS or bool(session.results.get("ahead"))
    if not (left_out and unproven):
        return ""
    return f"Allow more calls or tokens: the limits left {counted(left_out, 'row')} out of the comparison."


def _enough_rows(session: OptimizationSession, comparison: Comparison) -> str:
    if session.verdict != Verdict.TOO_FEW_ROWS:
        return ""
    if session.dataset_id:
        if round(comparison["rows"] / HELD_OUT_SHARE) < FEWEST_ROWS:
            return f"Add rows: {FEWEST_ROWS} or more with different inputs."
        enough = f"{_in_all(session, FEWEST_ROWS)} or more in all"
        return f"Add rows: {enough}. Or allow more calls or tokens, so that all rows can be compared."
    return f"Give {2 * FEWEST_ROWS} or more test inputs of your own, because half of them are held out."


def _other_grader(session: OptimizationSession, comparison: Comparison) -> str:
    if not session.dataset_id:
        return ""
    if any(STILL_THINKING in caveat for caveat in session.results.get("caveats", [])):
        return "The model is cut off while thinking: allow longer answers, or choose one that thinks less."
    if comparison["baseline"] == comparison["best"] == 0:
        return "No answer counts as right: compare some of them with the expected answers to see why."
    if comparison["baseline"] >= 1:
        return "The original is right on every held-out row: only harder rows could show a gain."
    return ""


def _more_rows(session: OptimizationSession, comparison: Comparison) -> str:
    if session.verdict == Verdict.WORSE:
        return "Keep the original. More rows would mislead the search less often."
    if not session.open_to_choice:
        return ""
    needed = rows_to_prove(comparison)
    if needed > MOST_HELD_OUT:
        return "A gain this small needs more rows than a comparison uses: choose a stronger optimizer model."
    if session.dataset_id:
        return f"Add rows: about {_in_all(session, needed)} in all would prove a gain like this one."
    return f"Give about {2 * needed} test inputs of your own: they would prove a gain like this one."


def rows_to_prove(comparison: Comparison) -> int:
    """How many held-out rows would move the interval of such a difference off 0: its width falls with the square root
    of their number."""
    width: float = comparison["difference"] - comparison["low"]
    times: float = (width / comparison["difference"]) ** 2 if comparison["difference"] > 0 else float("inf")
    rows: int = comparison["rows"]
    return ceil(min(rows * max(times, ENOUGH_MORE), MOST_HELD_OUT + 1))


def _in_all(session: OptimizationSession, compared: int) -> int:
    """How many rows it takes to compare so many, up to a multiple of ten: few rows are all compared, else some are
    held out."""
    stays_few = cross_fitted(session) and compared < FEW_ROWS
    return ceil(compared / (1 if stays_few else HELD_OUT_SHARE) / 10) * 10
