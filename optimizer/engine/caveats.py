"""What people should know about a result, in sentences."""

from __future__ import annotations

from optimizer.counts import agreeing, counted
from optimizer.engine import checks
from optimizer.engine.answering import CUT
from optimizer.engine.board import Board, Entry
from optimizer.engine.calls import THINKING_TOKENS
from optimizer.engine.events import Outcome
from optimizer.engine.population import Population
from optimizer.engine.scoring import WHOLE, Evaluator
from optimizer.engine.starts import seen_among
from optimizer.engine.task import Task

STILL_THINKING = "ended while the model was still thinking"
NO_REWRITE = "wrote no usable rewrite"
SEEN_BEFORE = "so they cannot prove that its result is better"


class Caveats:
    """What went wrong on the way, and what the rows cannot show."""

    def __init__(self, task: Task, evaluator: Evaluator, held_out: Board, population: Population) -> None:
        self.task = task
        self.config = population.config
        self.evaluator = evaluator
        self.held_out = held_out
        self.population = population

    def about(self, entry: Entry, *, missing: str = "", failure: str = "") -> list[str]:
        """About this finalist. `missing` says why it was not compared; `failure` is the optimizer model's, if it ended
        the search."""
        failed = failure and f"The optimizer model failed, which ended the search: {failure}"
        answers = (self._thinking(entry), self._reasoning(entry), self._cut(entry))
        rows = (self._seen(), self._misfits(), self._fewer(), self._single())
        return [
            *(text for text in (missing, self._no_rewrite(), failed, *answers, *rows) if text),
            *checks.caveats(self.task, self.config),
            *self.evaluator.caveats(),
        ]

    def _no_rewrite(self) -> str:
        refused = sum(self.population.refused[writer] for writer in self.population.writers)
        if not refused or any(entry.operator in self.population.writers for entry in self.population.entries):
            return ""
        proposals = counted(refused, "proposal")
        return f"The optimizer model {NO_REWRITE} of the instruction ({proposals} skipped)."

    def _seen(self) -> str:
        seen, compared = seen_among(self.task, self.held_out.items), len(self.held_out.items)
        if not seen:
            return ""
        return f"The earlier search saw {seen} of {counted(compared, 'held-out row')}, {SEEN_BEFORE}."

    def _fewer(self) -> str:
        asked, given = len(self.task.held_out), len(self.held_out.items)
        if given >= asked:
            return ""
        compared = f"{counted(asked, 'held-out row')} {agreeing(given, 'is', 'are')} compared"
        return f"Only {given} of your {compared}, so that half of the limits is left for the search."

    def _single(self) -> str:
        if self.held_out.items != self.population.race.items:
            return ""
        return "There is only one input: it was used for the search and for the comparison."

    def _thinking(self, entry: Entry) -> str:
        """How many answers to held-out rows never began, whatever the grader."""
        outcomes = self._measured(entry)
        cut = sum(outcome.output == CUT and not outcome.reasoning for outcome in outcomes)
        if not cut:
            return ""
        return (
            f"{cut} of {counted(len(outcomes), 'answer')} to held-out rows {STILL_THINKING}, despite "
            f"{THINKING_TOKENS:,} extra tokens: {agreeing(cut, 'it counts', 'they count')} as "
            "wrong. Allow longer answers, or choose a model that thinks less."
        )

    def _reasoning(self, entry: Entry) -> str:
        """How many answers to held-out rows reached their limit before the reasoning ended."""
        outcomes = self.held_out.outcomes(entry)
        cut = sum(outcome.output == CUT and bool(outcome.reasoning) for outcome in outcomes)
        if not cut:
            return ""
        reached = f"{cut} of {counted(len(outcomes), 'answer')} to held-out rows reached the limit"
        counts = f"{agreeing(cut, 'It counts', 'They count')} as wrong. Allow longer answers."
        return f"{reached} of {self._limit} before the reasoning ended. {counts}"

    def _cut(self, entry: Entry) -> str:
        """How many answers to held-out rows were not whole. A grader of whole answers finds them wrong anyway."""
        if self.task.grader in WHOLE:
            return ""
        original, best = (
            sum(
                outcome.output.endswith(CUT) and outcome.output != CUT
                for outcome in self.held_out.outcomes(one)
            )
            for one in (self.population.original, entry)
        )
        if not (original or best):
            return ""
        also = f", {best} with the best" if entry.number else ""
        return (
            f"Answers to held-out rows were cut at the limit for one answer, {self._limit}: {original} of "
            f"{len(self.held_out.items)} with "
            f"the original{also}. They are scored as far as they go. Allow longer answers if needed."
        )

    def _misfits(self) -> str:
        races = self.population.training, self.population.race, self.held_out
        rows = sum(len(race.misfits) for race in races)
        if not rows:
            return ""
        many = f"{counted(rows, 'row')} {agreeing(rows, 'does', 'do')}"
        told = f"even with the original prompt, and {agreeing(rows, 'counts', 'count')} as wrong"
        what_to_do = f"Shorten {agreeing(rows, 'it', 'them')}, or use a larger window."
        return f"{many} not fit into the context window, {told}. {what_to_do}"

    def _measured(self, entry: Entry) -> list[Outcome]:
        """What the original and this entry answered to held-out rows."""
        entries = {one.number: one for one in (self.population.original, entry)}
        return [outcome for one in entries.values() for outcome in self.held_out.outcomes(one)]

    @property
    def _limit(self) -> str:
        return counted(self.config.answer_tokens, "token")
