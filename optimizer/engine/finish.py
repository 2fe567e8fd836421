"""What a result comes to: the comparison in figures, ratings of the text, what was changed and what it brought."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from optimizer.counts import counted
from optimizer.engine import figures, meta, replies
from optimizer.engine.asking import Asker, Steps
from optimizer.engine.calls import THINKING_TOKENS, cut_in_thought, judge_request
from optimizer.engine.components import Components
from optimizer.engine.results import Comparison, Rating
from optimizer.engine.stats import bootstrap_interval, mean, sign_test
from optimizer.llm.base import CallFailedError


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
        baseline=min(1.0, mean(baseline)),
        best=min(1.0, mean(best)),
        difference=mean(differences),
        low=low,
        high=high,
        p_value=sign_test(better, worse),
    )


def rate(asker: Asker, model: str, texts: Sequence[str]) -> Steps[list[Rating | None]]:
    """How each prompt reads, by this model; None where it gave no readable rating."""
    requests = [judge_request("rate", meta.rate(text), meta.RATING_SCHEMA, model=model) for text in texts]
    answers = yield from asker.ask("Rating the text", requests)
    if all(map(cut_in_thought, answers)):
        requests = [replace(request, max_tokens=THINKING_TOKENS) for request in requests]
        answers = yield from asker.ask("Rating the text", requests)
    return [None if isinstance(answer, CallFailedError) else read_rating(answer.text) for answer in answers]


def read_rating(text: str) -> Rating | None:
    """A rating whose three scores are all there, as whole numbers from 0 to 10."""
    scores = [replies.read_score(text, key) for key in ("clarity", "specificity", "engagement")]
    if None in scores:
        return None
    clarity, specificity, engagement = (float(score or 0) for score in scores)
    return Rating(clarity, specificity, engagement)


def changes(before: Components, after: Components) -> str:
    """What is different, in plain words."""
    return " ".join(
        [
            *_changed_words(before, after),
            *_changed_reasoning(before, after),
            *_changed_examples(before, after),
            *_changed_frame(before, after),
            *_changed_constraint(before, after),
        ]
    )


def _changed_reasoning(before: Components, after: Components) -> Iterator[str]:
    if after.reasoning and not before.reasoning:
        yield f"Asked for reasoning first, and for the answer after “{after.reasoning.marker}”."
    elif before.reasoning and not after.reasoning:
        yield "Removed the request for reasoning."


def _changed_constraint(before: Components, after: Components) -> Iterator[str]:
    if after.constraint and after.constraint != before.constraint:
        yield f"Constrained the answer to {after.constraint.words}."
    elif before.constraint and not after.constraint:
        yield "Removed the constraint on the answer."


def _changed_words(before: Components, after: Components) -> Iterator[str]:
    parts = ("system text", "text") if after.head_as == "system" else ("text", "system text")
    if before.instruction != after.instruction:
        yield f"Rewrote the {parts[0] if after.beside else 'instruction'}."
    if before.beside != after.beside:
        yield f"Rewrote the {parts[1]}."
    if before.answer_format and not after.answer_format:
        yield "Removed the answer format."
    elif before.answer_format != after.answer_format:
        yield f"Set the answer format: {after.answer_format}"


def _changed_examples(before: Components, after: Components) -> Iterator[str]:
    if before.shots and not after.shots:
        yield "Removed the examples."
    elif after.shots:
        yield from _other_examples(before, after)
        yield from _placed_examples(before, after)
    if any(shot.reasoning for shot in set(after.shots) - set(before.shots)):
        yield "Showed the model its own right reasonings."


def _other_examples(before: Components, after: Components) -> Iterator[str]:
    """Which rows are shown now."""
    where = "as chat turns" if after.shots_as == "turns" else "in the text"
    number = len(after.shots)
    if after.nearest:
        if (after.nearest, number) != (before.nearest, len(before.shots)):
            yield f"Showed for each input the {after.nearest} most similar of {counted(number, 'row')}, {where}."
    elif not before.shots:
        yield f"Added {counted(number, 'example')} from your rows, {where}."
    elif _rows(before) != _rows(after):
        yield f"Chose {counted(number, 'other example')}."
    elif [(s.input, s.output) for s in before.shots] != [(s.input, s.output) for s in after.shots]:
        yield "Put the examples in another order."


def _placed_examples(before: Components, after: Components) -> Iterator[str]:
    """Where they stand now."""
    if before.shots and before.shots_as != after.shots_as:
        yield f"Put the examples {'into chat turns' if after.shots_as == 'turns' else 'into the text'}."
    if before.head_as != after.head_as:
        once = after.head_as == "system"
        yield "Put the prompt once before all turns." if once else "Repeated the prompt in each turn."


def _changed_frame(before: Components, after: Components) -> Iterator[str]:
    if before.persona and not after.persona:
        yield "Removed the role."
    elif before.persona != after.persona:
        yield f"Gave the model a role: {after.persona}"
    if before.keywords and not after.keywords:
        yield "Removed the keywords."
    elif before.keywords != after.keywords:
        yield f"Named the keywords: {', '.join(after.keywords)}."


def gain(before: Sequence[float], after: Sequence[float], kind: str) -> str:
    """Why a change was taken: both scores on the search rows that both ran on."""
    if not before:
        return ""
    told = figures.pair(min(1.0, mean(before)), min(1.0, mean(after)))
    return f"{kind.capitalize()} on {counted(len(before), 'search row')}: {told.before} before, {told.after} after."


def _rows(components: Components) -> set[str]:
    return {shot.input for shot in components.shots}


def quality(comparison: Comparison, *, handed_over: bool) -> float:
    """0 to 100: what the prompt that is handed over reached on held-out rows."""
    return 100 * min(1.0, comparison.best if handed_over else comparison.baseline)
