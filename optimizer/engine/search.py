"""The PromptWizard method (arXiv 2405.18369), with sound scoring: mutate, score, critique, synthesize, then examples,
persona and keywords, and at the end a comparison with the original on held-out rows."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

from optimizer.engine import finish, meta, operators
from optimizer.engine.asking import Asker, BudgetSpent, Steps, proposal_request
from optimizer.engine.components import Components, variables
from optimizer.engine.events import (
    Comparison,
    Event,
    Finished,
    IterationDone,
    Leading,
    Noted,
    Outcome,
    Proposed,
    Rating,
    Rejected,
)  # fmt: skip
from optimizer.engine.graders import fault
from optimizer.engine.guards import objection
from optimizer.engine.operators import Proposal, Understanding
from optimizer.engine.race import Entry, Race
from optimizer.engine.scoring import Evaluator, Graded, Judged, calls_per_case
from optimizer.engine.splits import MOST_HELD_OUT, Splits, split
from optimizer.engine.task import FEWEST_CALLS, Config, Item, Task, TaskRefused
from optimizer.llm.base import CallFailed, Model

INVENTED = 16
MOST_CHALLENGERS = 100
REASONED_GRADERS = {"contains", "numeric", "choice", "rubric"}


def run(task: Task, config: Config, model: Model) -> Iterator[Event]:
    """Improve the task's prompt. The last event is Finished.

    Deterministic given the task, the config and the model's replies. Raises ValueError for a task that cannot be
    run (fewer than 4 different rows), and CallFailed when the model refuses the original prompt itself.
    """
    return Search(task, config, Asker(model, config)).run()


class Search:
    """The state of one run: entries so far, the leader, and what was refused."""

    def __init__(self, task: Task, config: Config, asker: Asker) -> None:
        self.task = task
        self.config = config
        self.asker = asker
        self.original = Entry(0, (), "original", Components(task.prompt.strip()))
        self.entries = [self.original]
        self.leader = self.original
        self.about = Understanding()
        self.rejected: Counter[str] = Counter()
        self.rounds_without_gain = 0

    def run(self) -> Iterator[Event]:
        self._check()
        yield Proposed(0, (), "original", self.original.components)
        self.splits, self.evaluator = yield from self._prepare()
        self.race = self._race(self.splits.validation, "validation")
        self.asker.reserve = self.evaluator.cost(2 * len(self.splits.held_out)) + 2
        reason = yield from self._search()
        self.asker.reserve = 0
        yield from self._finish(reason)

    # Before the search

    def _check(self) -> None:
        """TaskRefused, before anything is spent, for a task that cannot be searched or graded."""
        for number, item in enumerate(self.task.items, 1):
            if reason := fault(self.task.grader, item.expected):
                raise TaskRefused(
                    f"Row {number}: the {self.task.grader} grader cannot use this answer: {reason}."
                )
        calls = self.config.max_calls
        if calls is not None and calls < FEWEST_CALLS:
            raise TaskRefused(
                f"A limit of {calls} calls leaves no room to search. Allow at least {FEWEST_CALLS}."
            )

    def _prepare(self) -> Steps[tuple[Splits, Evaluator]]:
        if self.task.items:
            splits = split(self.task.items, seed=self.config.seed, most_held_out=self._most_held_out())
            self.about = yield from operators.understand(self.task, self.asker, splits.train)
            return splits, Graded(self.task, self.asker)
        self.about = yield from operators.understand(self.task, self.asker, ())
        items = yield from self._invent_items()
        half = min(len(items) // 2 or 1, self._most_held_out())
        splits = Splits((), tuple(items[:half]), tuple(items[half : 2 * half] or items))
        return splits, Judged(self.task, self.asker, self.about.good_answer)

    def _most_held_out(self) -> int:
        """At most half of the calls go to the final comparison."""
        calls = self.config.max_calls
        return MOST_HELD_OUT if calls is None else max(2, calls // (4 * calls_per_case(self.task)))

    def _invent_items(self) -> Steps[list[Item]]:
        """Varied inputs for a prompt that came without rows; the prompt alone where that gives nothing."""
        hints = ("ordinary ones", "difficult or unusual ones")
        names = sorted(variables(self.task.prompt))
        about = f", each a value for {', '.join(names)}" if names else ""
        requests = [
            proposal_request(
                "inputs",
                meta.invent_inputs(self.task.prompt, self.task.context, INVENTED // len(hints), hint + about),
                meta.INPUTS_SCHEMA,
                model=self.task.optimizer_model,
                config=replace(self.config, proposal_tokens=max(512, self.config.proposal_tokens)),
                salt=hint,
            )
            for hint in hints
        ]
        answers = yield from self.asker.ask("Writing test inputs", requests)
        texts = [
            t[:500]
            for a in answers
            if not isinstance(a, CallFailed)
            for t in meta.read_texts(a.text, "inputs")
        ]
        if not texts:
            yield Noted("The optimizer model wrote no usable test inputs: the prompt is run as it is.")
        return [Item(text) for text in dict.fromkeys(texts)][:INVENTED] or [Item("")]

    # The search

    def _search(self) -> Steps[str]:
        """Search until something ends it; says what."""
        try:
            yield from self._compete([*self._structural_proposals()])
            for number in range(1, self.config.iterations + 1):
                yield from self._iteration(number)
                yield IterationDone(number)
                if self._enough():
                    break
            reason = self._enough() or "All iterations are done."
            yield from self._polish()
        except BudgetSpent as spent:
            return str(spent)
        return reason

    def _iteration(self, number: int) -> Steps[None]:
        for round_number in range(1, self.config.rounds + 1):
            if self._enough():
                return
            yield from self._round(f"{number}.{round_number}")
        before = self.leader
        yield from self._compete((yield from self._refined(number)))
        rng = self._rng(f"swap {number}")
        yield from self._compete(operators.swap_examples(self.leader.components, self.splits.train, rng=rng))
        if self.leader != before:
            self.rounds_without_gain = 0

    def _refined(self, number: int) -> Steps[list[Proposal]]:
        return operators.refine(
            self.task, self.asker, self.leader.components, outcomes=self._outcomes(), salt=str(number)
        )

    def _round(self, name: str) -> Steps[None]:
        before = self.leader
        styles = self._rng(f"styles {name}").sample(meta.STYLES, min(self.config.styles, len(meta.STYLES)))
        proposals = yield from operators.mutate(
            self.task, self.asker, self.leader.components, about=self.about, styles=styles, salt=name
        )
        yield from self._compete(proposals)
        self.rounds_without_gain = 0 if self.leader != before else self.rounds_without_gain + 1

    def _structural_proposals(self) -> Iterator[Proposal]:
        """Proposals that need no model: where small models gain most."""
        rows, start = self.splits.train, self.original.components
        formats = operators.set_format(start, rows)
        yield from formats
        for parent in (start, *(proposal.components for proposal in formats)):
            yield from operators.give_examples(
                parent, rows, count=self.config.shots, rng=self._rng("examples")
            )

    def _polish(self) -> Steps[None]:
        """Reasoning for the examples; then persona, keywords, and whatever can go at equal score, side by side."""
        if self.leader.components.shots and self.task.grader in REASONED_GRADERS:
            yield from self._compete(
                (yield from operators.add_reasoning(self.task, self.asker, self.leader.components, salt=""))
            )
        parent = self.leader.components
        persona, keywords = (
            operators.set_persona(parent, self.about),
            operators.set_keywords(parent, self.about),
        )
        yield from self._compete([*persona, *keywords, *operators.delete(parent)])

    def _compete(self, proposals: Sequence[Proposal]) -> Steps[None]:
        """Let the proposals that pass the guards race with the leader; the winner leads."""
        challengers = yield from self._admit(proposals[: self._room()])
        if not challengers:
            return
        spent = None
        try:
            self.leader = yield from self.race.run([self.leader, *challengers])
        except BudgetSpent as error:
            self.leader, spent = self.race.standing, error
        yield Leading(self.leader.number)
        if spent:
            raise spent

    def _room(self) -> int:
        """How many challengers the limit on calls leaves room for, on the first block; at least one."""
        if (left := self.asker.calls_left) is None:
            return MOST_CHALLENGERS
        return max(1, left // self.evaluator.cost(self.config.block) - 1)

    def _admit(self, proposals: Sequence[Proposal]) -> Steps[list[Entry]]:
        admitted = []
        for proposal in proposals:
            seen = {entry.components for entry in self.entries}
            answers = {item.expected for item in self.splits.train}
            if reason := objection(proposal.components, self.original.components, seen, answers):
                self.rejected[reason] += 1
                yield Rejected(reason, proposal.components.instruction[:500])
                continue
            entry = Entry(len(self.entries), (self.leader.number,), proposal.operator, proposal.components)
            self.entries.append(entry)
            admitted.append(entry)
            yield Proposed(entry.number, entry.parents, entry.operator, entry.components)
        return admitted

    def _enough(self) -> str:
        full = len(self._outcomes()) == len(self.splits.validation)
        if self.task.items and full and self.race.mean(self.leader) >= self.config.target_score:
            return "The target score is reached on the validation rows."
        if self.rounds_without_gain >= self.config.patience:
            return f"{self.config.patience} rounds brought nothing better."
        return ""

    # The end

    def _finish(self, reason: str) -> Iterator[Event]:
        best, comparison = yield from self._final()
        rating, original_rating = yield from self._ratings(best)
        score = comparison.best if best.number else comparison.baseline
        yield Leading(best.number)
        yield Finished(
            reason=reason,
            best=best.number,
            components=best.components,
            score_kind=self.evaluator.kind,
            quality_score=100 * score,
            comparison=comparison,
            rating=rating,
            original_rating=original_rating,
            improvements=tuple(self._improvements(best)),
            rejected=tuple(sorted(self.rejected.items())),
            caveats=(*finish.caveats(comparison), *self._search_caveats()),
            used_evidence=self.task.evidence,
        )

    def _final(self) -> Steps[tuple[Entry, Comparison]]:
        """The leader against the original on held-out rows. The original stays unless the leader is better."""
        held_out = self._race(self.splits.held_out, "held-out")
        rows = range(len(self.splits.held_out))
        yield from held_out.score(list(dict.fromkeys([self.original, self.leader])), rows)
        scores = [held_out.scores(entry, rows.stop) for entry in (self.original, self.leader)]
        comparison = finish.compare(*scores, seed=self.config.seed)
        return (self.leader if comparison.difference > 0 else self.original), comparison

    def _ratings(self, best: Entry) -> Steps[tuple[Rating | None, Rating | None]]:
        texts = [best.components.head, self.original.components.head]
        ratings = yield from finish.rate(self.asker, self.task.optimizer_model, texts)
        return ratings[0], ratings[1]

    def _improvements(self, best: Entry) -> list[str]:
        """What each step from the original to the best changed, and what it brought."""
        steps = []
        while best.parents:
            parent = self.entries[best.parents[0]]
            what = finish.changes(parent.components, best.components)
            why = finish.gain(self.race.outcomes(parent), self.race.outcomes(best), self.evaluator.kind)
            steps.append(f"{what} {why}".strip())
            best = parent
        return steps[::-1]

    def _search_caveats(self) -> list[str]:
        written = [e for e in self.entries if e.operator in {"mutate", "critique and synthesize"}]
        return [] if written else ["The optimizer model wrote no usable rewrite of the instruction."]

    def _outcomes(self) -> list[Outcome]:
        return self.race.outcomes(self.leader)

    def _race(self, items: Sequence[Item], name: str) -> Race:
        return Race(
            self.evaluator, items, split=name, block=self.config.block, abreast=self.asker.model.slots
        )

    def _rng(self, purpose: str) -> random.Random:
        return random.Random(f"{self.config.seed}:{purpose}")
