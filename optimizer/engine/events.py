"""What the engine tells, as it happens. All frozen; a run has one Finished, after which only other models run."""

from __future__ import annotations

from dataclasses import dataclass

from optimizer.engine.components import Components
from optimizer.engine.results import (
    SOME_HEADROOM,
    UNCOMPARED,
    AcrossModels,
    Comparison,
    Finalist,
    Headroom,
    Proof,
    Rating,
)
from optimizer.engine.task import Prior
from optimizer.engine.verdicts import JudgeMeasure, Verdict


@dataclass(frozen=True)
class Stage:
    """What is being done, and how much of it is: `done` of `total` calls."""

    name: str
    done: int = 0
    total: int = 0


@dataclass(frozen=True)
class Writing:
    """The text being generated now, as far as it is. Where a candidate answers a row, its number and the row's
    input."""

    text: str
    number: int | None = None
    input: str = ""


@dataclass(frozen=True)
class Beat:
    """Nothing new for a moment. `waiting` says for what, when not for the model's thinking; `away` is whether that is a
    server that does not answer."""

    waiting: str = ""
    away: bool = False


@dataclass(frozen=True)
class Tried:
    """A server did not answer a call, and why. It is no part of the search: a replay need not tell it again."""

    fault: str


@dataclass(frozen=True)
class Spent:
    """What the run has cost so far: distinct model calls, tokens in and out."""

    calls: int
    prompt_tokens: int
    completion_tokens: int


@dataclass(frozen=True)
class Proposed:
    """A new candidate, numbered from 0 (the original), with the numbers of its parents."""

    number: int
    parents: tuple[int, ...]
    operator: str
    components: Components


@dataclass(frozen=True)
class Rejected:
    """A proposal that a guard refused before it cost an evaluation."""

    reason: str
    text: str


@dataclass(frozen=True)
class Outcome:
    """What a candidate answered to one item, its score (0 to 1), why it is not higher, in words, and the reasoning
    before the answer. It took so many `tokens`, in and out, and `ms` milliseconds of the model."""

    item: int
    input: str
    expected: str
    output: str
    score: float
    why: str = ""
    reasoning: str = ""
    tokens: int = 0
    ms: int = 0


@dataclass(frozen=True)
class Asked:
    """The rows of a split that a candidate is now asked to answer. No others are waited for any more."""

    number: int
    split: str
    items: tuple[int, ...]


@dataclass(frozen=True)
class Answered:
    """A candidate's answer to one row, as soon as it is there and judged, and the mean (0 to 1) over `items` rows so
    far. A Scored follows when all rows are answered; what it says counts."""

    number: int
    split: str
    outcome: Outcome
    mean: float
    items: int


@dataclass(frozen=True)
class Unjudged:
    """A candidate has answered a row, and a judge has yet to say how well."""

    number: int
    split: str
    item: int


@dataclass(frozen=True)
class Scored:
    """A candidate's new outcomes on a split, and its mean (0 to 1) over all `items` rows of it so far."""

    number: int
    split: str
    outcomes: tuple[Outcome, ...]
    mean: float
    items: int


@dataclass(frozen=True)
class Dropped:
    """A candidate that goes no further in its race: it is clearly worse, cannot lead any more, is not among the first
    few, is too long for the context window, or the budget does not last for it."""

    number: int


@dataclass(frozen=True)
class Leading:
    """The candidate that is the best so far."""

    number: int


@dataclass(frozen=True)
class Noted:
    """A line for the log."""

    text: str


@dataclass(frozen=True)
class IterationDone:
    """An outer iteration has ended."""

    number: int


@dataclass(frozen=True)
class Invented:
    """Test inputs for a prompt that came without rows."""

    inputs: tuple[str, ...]


@dataclass(frozen=True)
class JudgeMeasured:
    """How far the model that judges pairs can be trusted, before the search begins."""

    model: str
    measure: JudgeMeasure


@dataclass(frozen=True)
class Compared:
    """The result of a comparison alone. For the rest see Finished."""

    proof: Proof
    score_kind: str
    quality_score: float
    caveats: tuple[str, ...]
    position_bias: float | None = None


@dataclass(frozen=True)
class Finished:
    """The result. `best` is the number of the candidate handed over: 0 where the original was kept.

    `quality_score` is 0 to 100; `operators` is how each did in this run; `position_bias` is the share of decided
    verdicts in which a judge preferred the answer shown first (0.5 is none), None where no pairs were judged; `proof`
    says what the comparison proves, and why the best is handed over or not. `finalists` are the best of each kind, at
    most two; the first is the one that this result is about. `headroom` says whether anything could be gained.
    """

    reason: str
    best: int
    components: Components
    score_kind: str
    quality_score: float
    comparison: Comparison | None
    rating: Rating | None
    original_rating: Rating | None
    improvements: tuple[str, ...]
    rejected: tuple[tuple[str, int], ...]
    caveats: tuple[str, ...]
    used_evidence: tuple[str, ...]
    operators: tuple[Prior, ...] = ()
    position_bias: float | None = None
    proof: Proof = UNCOMPARED
    finalists: tuple[Finalist, ...] = ()
    headroom: Headroom = SOME_HEADROOM

    @property
    def verdict(self) -> Verdict | None:
        """None where nothing was compared."""
        return self.proof.verdict


@dataclass(frozen=True)
class Across:
    """How the finalists do with other models, as far as that is known. It comes right before Finished, and then after
    each model; the last one counts."""

    table: AcrossModels


Event = (
    Stage
    | Writing
    | Beat
    | Tried
    | Spent
    | Proposed
    | Rejected
    | Asked
    | Answered
    | Unjudged
    | Scored
    | Dropped
    | Leading
    | Noted
    | IterationDone
    | Invented
    | JudgeMeasured
    | Compared
    | Finished
    | Across
)
