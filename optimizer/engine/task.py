"""What is asked of the engine, in plain values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from optimizer.engine.variables import variables, whole

if TYPE_CHECKING:
    from optimizer.engine.components import Components

FEWEST_CALLS = 40  # a lower limit leaves no room for a search and the final comparison


class TaskRefusedError(ValueError):
    """The task cannot be run as it is. The text says why and what to do."""


@dataclass(frozen=True)
class Grade:
    """`score` is 0 to 1; `why` is for the critique and for people."""

    score: float
    why: str = ""


Options = Mapping[str, str]
ReasoningMode = Literal["both", "never", "only"]
Part = Literal["text", "system", "both"]
Grader = Callable[[str, str, Options], Grade]  # output, expected, options of the task


@dataclass(frozen=True)
class Item:
    """One row: the input for the prompt, the expected answer ("" where none is known), and how much it counts (> 0).

    `values` are what fills each variable of the prompt, by name; without any, `input` stands below the prompt. `input`
    is in either case what tells one row from another, and what people see. `also` are further answers that are right.
    `split` is where a person put the row: "search", "held_out", or "" for where the seed puts it.
    """

    input: str
    expected: str = ""
    weight: float = 1.0
    values: tuple[tuple[str, str], ...] = ()
    also: tuple[str, ...] = ()
    split: str = ""

    @property
    def answers(self) -> tuple[str, ...]:
        """All answers that are right, the usual one first."""
        return (self.expected, *self.also)

    @property
    def wanted(self) -> str:
        """The answers in words."""
        return " or ".join(self.answers)


@dataclass(frozen=True)
class Rated:
    """An output that a person found right or wrong: what a judge is checked against."""

    input: str
    expected: str
    output: str
    right: bool


@dataclass(frozen=True)
class Prior:
    """How an operator did before: of `tries` uses, `wins` gave the new leader. Neither need be whole."""

    operator: str
    wins: float
    tries: float


@dataclass(frozen=True)
class Task:
    """A prompt to improve, for a target model, by an optimizer model. `judge_model` judges outputs where no grader
    can: "" for the optimizer model.

    With `items` the prompt is measured by `grader`, a name of GRADERS, "rubric", or a function; the final comparison is
    on `held_out` where given, else on two fifths of `items`. Without items, outputs on `inputs` are judged in pairs;
    without those too, the optimizer model writes inputs. `literals` are names in double braces that are text, not
    variables; where the prompt has variables, an input without rows is the value of the only one, or a JSON object with
    a value for each. `evidence` is what people said of earlier results, in plain
    words; `priors` is how the operators did in earlier runs, which counts faintly. Without `turns` the target model
    does not tell chat turns apart: examples stand in the text. `hears_system` says whether it gets system messages,
    and `thinks` whether it reasons by itself; then no prompt asks for it. A prompt may have a `system_text` besides its
    text: the system message of each call. `part` says which of the two the search changes. With `as_system` the text is
    the system message, and an input the user message; a prompt with variables, or with a system text, cannot be sent
    so. `other_models` run the
    finalists too, once the target model has. `starts` are prompts that an earlier search found: they race from the
    beginning. `seen` are the inputs of rows that this search saw: they are held out last, and prove nothing.
    """

    prompt: str
    target_model: str
    optimizer_model: str
    judge_model: str = ""
    context: str = ""
    literals: tuple[str, ...] = ()
    items: tuple[Item, ...] = ()
    held_out: tuple[Item, ...] = ()
    inputs: tuple[str, ...] = ()
    grader: str | Grader = "exact"
    grader_options: tuple[tuple[str, str], ...] = ()
    rated: tuple[Rated, ...] = ()
    evidence: tuple[str, ...] = ()
    priors: tuple[Prior, ...] = ()
    turns: bool = True
    hears_system: bool = True
    thinks: bool = False
    system_text: str = ""
    part: Part = "text"
    as_system: bool = False
    other_models: tuple[str, ...] = ()
    starts: tuple[Components, ...] = ()
    seen: tuple[str, ...] = ()

    @property
    def whole_prompt(self) -> str:
        """Its text, with the system text before it if there is one."""
        return whole(self.system_text, self.prompt)

    @property
    def example_turns(self) -> bool:
        """Whether examples can be chat turns. A turn shows its row in the text alone, because the system message is
        sent once."""
        names = {name for name in variables(self.whole_prompt) if name not in self.literals}
        return self.turns and (not names or not names.isdisjoint(variables(self.prompt)))

    @property
    def judge(self) -> str:
        """The model that judges pairs, and applies rubrics."""
        return self.judge_model or self.optimizer_model

    @property
    def grader_name(self) -> str:
        """The grader's name, for people."""
        return self.grader if isinstance(self.grader, str) else getattr(self.grader, "__name__", "own")


@dataclass(frozen=True)
class Config:
    """How hard to search. Counts are whole numbers; `temperature` is that of proposals (scoring uses 0).

    `max_calls`, `max_tokens` (in and out) and `max_minutes` (of model work) are hard limits on the whole run, None for
    no limit; `answer_tokens` limits one answer of the target model, `proposal_tokens` one rewrite; `block` is rows
    scored between two tests of a race; `patience` is how many rounds without a better candidate end the search;
    `target_score` (0 to 1, on validation rows) ends it too. Without `compare` no rows are held out and the leader is
    handed over as it is, for who measures it elsewhere. With `only_proven` the original is handed over unless the
    comparison proves the best better. A candidate that surely does not fit into a `window` of so many tokens is not
    tried; 0 is not known. `reasoning` says whether a prompt may ask for reasoning first: `both` tries both ways,
    `never` forbids it, and `only` admits no other finalists. With `instructions_only` no prompt shows examples.
    """

    iterations: int = 3
    rounds: int = 3
    styles: int = 3
    shots: int = 8
    temperature: float = 0.8
    answer_tokens: int = 256
    proposal_tokens: int = 320
    block: int = 8
    max_calls: int | None = None
    max_tokens: int | None = None
    max_minutes: float | None = None
    patience: int = 4
    target_score: float = 1.0
    compare: bool = True
    only_proven: bool = False
    window: int = 0
    reasoning: ReasoningMode = "both"
    instructions_only: bool = False
