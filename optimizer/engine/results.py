"""What a run comes to: comparisons, what they prove, and the finalists. Events carry these."""

from __future__ import annotations

from dataclasses import dataclass

from optimizer.engine.components import Components
from optimizer.engine.reasoning import Kind
from optimizer.engine.verdicts import Verdict


@dataclass(frozen=True)
class Comparison:
    """The best against the original on held-out rows. Scores 0 to 1; `low` and `high` bound the difference (95 %).

    `usable_baseline` and `usable_best` are the shares (0 to 1) of outputs that a program could use as they are, None
    unless the JSON grader grades.
    """

    rows: int
    better: int
    worse: int
    same: int
    baseline: float
    best: float
    difference: float
    low: float
    high: float
    p_value: float
    usable_baseline: float | None = None
    usable_best: float | None = None


@dataclass(frozen=True)
class Rating:
    """How a prompt reads, each 0 to 10."""

    clarity: float
    specificity: float
    engagement: float


@dataclass(frozen=True)
class Proof:
    """What the comparison of the search's winner with the original came to.

    `winner` is that candidate's number, 0 where no candidate was ahead of the original in the search. `verdict` is
    None where nothing could be compared. `ahead` is whether the winner did better than the original both on search
    rows and on held-out rows, however little. `handed_over` is whether it is the result. `left_out` is how many
    held-out rows the limits of the run left out; `doubtful_judge` is whether a judge of pairs cannot be trusted.
    `folds` is how many parts the rows were cut into, each compared by a search that did not see it (crossfit.py). It is
    0 where the rows were held out from the one search.
    """

    winner: int = 0
    comparison: Comparison | None = None
    verdict: Verdict | None = None
    ahead: bool = False
    handed_over: bool = False
    left_out: int = 0
    doubtful_judge: bool = False
    folds: int = 0


UNCOMPARED = Proof()


@dataclass(frozen=True)
class Headroom:
    """`verdict` is "none" if nothing can be gained, else "some"; `reason` says why, and what would help."""

    verdict: str = "some"
    reason: str = ""


SOME_HEADROOM = Headroom()


@dataclass(frozen=True)
class Reached:
    """What one prompt reached on held-out rows with one model.

    `number` is the candidate's, 0 for the original; `score` is 0 to 1. `low` and `high` bound the `difference` from the
    original with the same model (95 %). `answer_tokens` is the mean of an answer, in and out. `too_long` rows did not
    fit into the model's context window: they count as wrong.
    """

    number: int
    score: float
    difference: float = 0.0
    low: float = 0.0
    high: float = 0.0
    answer_tokens: float | None = None
    too_long: int = 0


@dataclass(frozen=True)
class WithModel:
    """The original and the finalists with one model, in this order; `best` is the number of the best of them.

    Without `prompts`, `missing` says why; `notes` are what else to know.
    """

    model: str
    prompts: tuple[Reached, ...] = ()
    best: int | None = None
    missing: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class AcrossModels:
    """The finalists with the target model and with others. `best` has the highest mean over the models that were
    measured; None if that was only one."""

    models: tuple[WithModel, ...]
    best: int | None = None


@dataclass(frozen=True)
class Finalist:
    """The best candidate of one kind at the end of a run, compared with the original by itself.

    `answer_tokens` (in and out) and `answer_seconds` of the model are means over the rows that it was measured on, None
    where there are none; `quality_score` is 0 to 100; `caveats` are what to know if this one is used.
    """

    number: int
    kind: Kind
    components: Components
    proof: Proof
    quality_score: float
    improvements: tuple[str, ...] = ()
    caveats: tuple[str, ...] = ()
    answer_tokens: float | None = None
    answer_seconds: float | None = None
