"""The end of a run: the best against the original on rows that nothing was chosen by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from optimizer.counts import counted
from optimizer.engine import meta
from optimizer.engine.asking import THINKING_TOKENS, Asker, Steps, cut_in_thought, judge_request
from optimizer.engine.components import Components
from optimizer.engine.events import Comparison, Outcome, Rating
from optimizer.engine.stats import bootstrap_interval, mean, sign_test
from optimizer.llm.base import CallFailed

FEW_ROWS = 20
DISCORDANT = 6  # the fewest rows, all one way, with p < 0.05 in a sign test


def compare(baseline: Sequence[float], best: Sequence[float], *, seed: int) -> Comparison:
    """A paired comparison over the same rows, with the 95 % bootstrap interval and the exact sign test."""
    differences = [b - a for a, b in zip(baseline, best, strict=True)]
    better, worse = sum(d > 0 for d in differences), sum(d < 0 for d in differences)
    low, high = bootstrap_interval(differences, seed=seed)
    return Comparison(
        rows=len(differences),
        better=better,
        worse=worse,
        same=len(differences) - better - worse,
        baseline=mean(baseline),
        best=mean(best),
        difference=mean(differences),
        low=low,
        high=high,
        p_value=sign_test(better, worse),
    )


def rate(asker: Asker, model: str, texts: Sequence[str]) -> Steps[list[Rating | None]]:
    """How each prompt reads, by the judge; None where it gave no readable rating."""
    requests = [judge_request("rate", meta.rate(text), meta.RATING_SCHEMA, model=model) for text in texts]
    answers = yield from asker.ask("Rating the text", requests)
    if all(map(cut_in_thought, answers)):
        requests = [replace(request, max_tokens=THINKING_TOKENS) for request in requests]
        answers = yield from asker.ask("Rating the text", requests)
    return [None if isinstance(answer, CallFailed) else read_rating(answer.text) for answer in answers]


def read_rating(text: str) -> Rating | None:
    """A rating whose three scores are all there, as whole numbers from 0 to 10."""
    scores = [meta.read_score(text, key) for key in ("clarity", "specificity", "engagement")]
    if None in scores:
        return None
    clarity, specificity, engagement = (float(score or 0) for score in scores)
    return Rating(clarity, specificity, engagement)


def changes(before: Components, after: Components) -> str:
    """What is different, in plain words."""
    where = "as chat turns" if after.shots_as == "turns" else "in the text"
    number = len(after.shots)
    same_order = [(s.input, s.output) for s in before.shots] == [(s.input, s.output) for s in after.shots]
    added, swapped = not before.shots and number, before.shots and number
    told = {
        "Rewrote the instruction.": before.instruction != after.instruction,
        f"Set the answer format: {after.answer_format}": before.answer_format != after.answer_format != "",
        "Removed the answer format.": before.answer_format and not after.answer_format,
        f"Added {counted(number, 'example')} from your rows, {where}.": added,
        f"Chose {counted(number, 'other example')}.": swapped and _rows(before) != _rows(after),
        "Put the examples in another order.": swapped and _rows(before) == _rows(after) and not same_order,
        f"Put the examples {'into chat turns' if after.shots_as == 'turns' else 'into the text'}.": swapped
        and before.shots_as != after.shots_as,
        "Removed the examples.": before.shots and not number,
        "Added a line of reasoning to each example.": any(
            s.reasoning for s in set(after.shots) - set(before.shots)
        ),
        f"Gave the model a role: {after.persona}": before.persona != after.persona != "",
        "Removed the role.": before.persona and not after.persona,
        f"Named what it is about: {', '.join(after.keywords)}.": before.keywords != after.keywords != (),
        "Removed the keywords.": before.keywords and not after.keywords,
    }
    return " ".join(text for text, made in told.items() if made)


def gain(before: Sequence[Outcome], after: Sequence[Outcome], kind: str) -> str:
    """Why a change was taken: both scores on the search rows that both ran on."""
    earlier = {outcome.item: outcome.score for outcome in before}
    later = {outcome.item: outcome.score for outcome in after}
    rows = sorted(earlier.keys() & later.keys())
    if not rows:
        return ""
    old, new = (mean([scores[row] for row in rows]) for scores in (earlier, later))
    return f"{kind.capitalize()} on {counted(len(rows), 'search row')}: {old:.0%} before, {new:.0%} after."


def _rows(components: Components) -> set[str]:
    return {shot.input for shot in components.shots}


def quality(comparison: Comparison) -> float:
    """0 to 100: what the prompt that is handed over reached on held-out rows."""
    return 100 * (comparison.best if comparison.difference > 0 else comparison.baseline)


def in_words(comparison: Comparison) -> str:
    """The comparison in a plain sentence."""
    return (
        f"{comparison.better} of {counted(comparison.rows, 'held-out row')} better, {comparison.worse} worse, "
        f"{comparison.same} the same."
    )


def caveats(comparison: Comparison) -> tuple[str, ...]:
    """What the figures cannot show."""
    rows = counted(comparison.rows, "held-out row")
    notes = {
        f"Only {rows}: fewer than {DISCORDANT} rows better, with none worse, cannot be told "
        "from chance. More rows would show smaller differences.": comparison.rows < FEW_ROWS,
        "The interval includes zero: the gain may be chance.": comparison.difference > 0
        and comparison.low <= 0,
        "The best found did no better than the original on held-out rows.": comparison.difference <= 0,
    }
    return tuple(text for text, holds in notes.items() if holds)
