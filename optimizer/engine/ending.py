"""What a run ends with: its finalists, each compared with the original, and which of them is handed over."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from optimizer.engine import finish
from optimizer.engine.across import OtherModels, across
from optimizer.engine.asking import Asker, Steps
from optimizer.engine.board import Board, Entry, too_long
from optimizer.engine.budget import BudgetSpentError
from optimizer.engine.calls import MESSAGE, VERDICT_TOKENS
from optimizer.engine.caveats import Caveats
from optimizer.engine.costs import Cost
from optimizer.engine.events import Across, Event, Finished, Leading, Noted
from optimizer.engine.figures import NOTHING
from optimizer.engine.improvements import improvements
from optimizer.engine.pairs import Judged
from optimizer.engine.population import Population
from optimizer.engine.reasoning import Kind
from optimizer.engine.results import SOME_HEADROOM, Comparison, Finalist, Headroom, Proof, Rating
from optimizer.engine.scoring import Evaluator
from optimizer.engine.starts import seen_among
from optimizer.engine.stats import ahead as told_ahead
from optimizer.engine.stats import mean
from optimizer.engine.task import Prior, Task
from optimizer.engine.usable import Usability
from optimizer.engine.verdicts import UNPROVEN, Judgement, Verdict, verdict
from optimizer.llm.base import CallFailedError

RATING_BYTES = 400  # of a request to rate a text, besides the text


class Ending:
    """Compares, rates and tells. `cost` is what to keep back for it."""

    def __init__(
        self,
        task: Task,
        asker: Asker,
        evaluator: Evaluator,
        held_out: Board,
        population: Population,
        *,
        left_out: int = 0,
        folds: int = 0,
    ) -> None:
        """`left_out` is how many held-out rows the limits of the run left out; `folds` as in `Proof`."""
        self.task = task
        self.asker = asker
        self.evaluator = evaluator
        self.held_out = held_out
        self.population = population
        self.left_out = left_out
        self.folds = folds
        self.others = OtherModels(task, evaluator, held_out, seed=asker.seed, compares=asker.config.compare)
        self._missing: dict[int, str] = {}  # by number, why a finalist has no comparison
        self._usability = Usability(task)
        self._caveats = Caveats(task, evaluator, held_out, population)

    def cost(self, field: Sequence[Entry]) -> Cost:
        """The cost of the end of a run if its finalists are the dearest of each kind in the field. As many other models
        count as half of each limit pays for. If both finalists would take more than that, only the dearer one counts.
        """
        if not self.asker.config.compare:
            return Cost()
        rows = range(len(self.held_out.items))
        texts = max(2 * len(entry.components.whole.encode()) for entry in field) + 2 * RATING_BYTES
        original = self.held_out.cost([self.population.original], rows)
        least = original + self.asker.price(2, texts, 4 * MESSAGE, 2 * VERDICT_TOKENS)
        dearest = [self.held_out.cost([entry], rows) for entry in self._dearest(field)]
        for others in range(len(self.task.other_models), -1, -1):
            whole = sum(dearest, least) + sum(dearest, original) * others
            if self.asker.within(0.5, whole):
                return whole
        return least + max(dearest, key=lambda cost: cost.tokens, default=Cost())

    @staticmethod
    def _dearest(field: Sequence[Entry]) -> list[Entry]:
        """The longest prompt of each kind."""
        by_kind: dict[Kind, list[Entry]] = {}
        for entry in field:
            if entry.number:
                by_kind.setdefault(entry.components.kind, []).append(entry)
        return [max(those, key=lambda entry: entry.components.size) for those in by_kind.values()]

    def run(
        self,
        reason: str,
        used: tuple[Prior, ...],
        *,
        failure: str = "",
        used_evidence: tuple[str, ...] = (),
        headroom: Headroom = SOME_HEADROOM,
    ) -> Iterator[Event]:
        """Compare, rate, and finish; then other models run the finalists. `failure` is the optimizer model's, where it
        ended the search."""
        self.asker.reserve = Cost()
        proofs = yield from self._proofs()
        leader, proof = proofs[0]
        best = leader if proof.handed_over else self.population.original
        rating, original_rating = yield from self._ratings(best)
        yield Leading(leader.number)
        field = [self.population.original, *(entry for entry, _ in proofs if entry.number)]
        if models := self.others.begin(field, missing=self._why_missing(leader)):
            yield Across(across(models))
        yield Finished(
            reason=reason,
            best=best.number,
            components=best.components,
            score_kind=self.evaluator.kind,
            quality_score=self.quality(proof),
            comparison=proof.comparison,
            rating=rating,
            original_rating=original_rating,
            improvements=self._improvements(leader if proof.ahead else best),
            rejected=tuple(sorted(self.population.rejected.items())),
            caveats=self.caveats(failure),
            used_evidence=used_evidence,
            operators=used,
            position_bias=self.position_bias,
            proof=proof,
            finalists=tuple(self._finalist(*pair, failure) for pair in proofs if pair[0].number),
            headroom=headroom,
        )
        yield from self.others.run(field, models)

    def _proofs(self) -> Steps[list[tuple[Entry, Proof]]]:
        """The finalists with what was proven of each. The first is the winner; it is the original if no candidate is a
        finalist. One that could not be compared is left out, unless that is true of all."""
        field, proofs = self.population.finalists or [self.population.original], []
        for entry in field:
            proof = yield from self.proved(entry)
            proofs.append((entry, proof))
        if self.asker.config.compare:
            proofs = [pair for pair in proofs if pair[1].comparison] or proofs[:1]
        winner, first = proofs[0][0], field[0].number
        if winner.number != first:
            yield Noted(f"Candidate {first} led, but it was not compared. {self._missing[first]}.")
        self.population.winner = winner
        return proofs

    def _finalist(self, entry: Entry, proof: Proof, failure: str) -> Finalist:
        own = [] if self.folds else self.held_out.outcomes(entry)
        measured = own or self.population.race.outcomes(entry)
        return Finalist(
            number=entry.number,
            kind=entry.components.kind,
            components=entry.components,
            proof=proof,
            quality_score=self.quality(proof, entry),
            improvements=self._improvements(entry),
            caveats=self.caveats(failure, entry),
            answer_tokens=mean([outcome.tokens for outcome in measured]) if measured else None,
            answer_seconds=mean([outcome.ms for outcome in measured]) / 1000 if measured else None,
        )

    @property
    def position_bias(self) -> float | None:
        """See `Finished`."""
        return self.evaluator.position_bias if isinstance(self.evaluator, Judged) else None

    def proved(self, finalist: Entry | None = None) -> Steps[Proof]:
        """Compare a finalist, by default the leader, with the original, and decide whether to hand it over. It must be
        proven better, or ahead if no proof is required. If no comparison is wanted, the search decides."""
        entry, config = finalist or self.population.leader, self.asker.config
        if not config.compare:
            return Proof(winner=entry.number, handed_over=self._worth_its_cost(entry))
        comparison = yield from self._comparison(entry)
        if comparison is None:
            return Proof(winner=entry.number, left_out=self.left_out, folds=self.folds)
        judged = self._judgement()
        seen = seen_among(self.task, self.held_out.items)
        said = verdict(comparison, misfits=len(self.held_out.misfits), judged=judged, seen=seen)
        ahead = self._ahead_in_search(entry) and comparison.difference > NOTHING
        enough = ahead and said in UNPROVEN and not config.only_proven and self._worth_its_cost(entry)
        won = said == Verdict.BETTER or enough
        doubtful = judged is not None and judged.proves_nothing
        return Proof(entry.number, comparison, said, ahead, won, self.left_out, doubtful, self.folds)

    def _worth_its_cost(self, entry: Entry) -> bool:
        """Whether it is a rewrite that is worth its cost. One that reasons first costs more, so it must lead the
        original by more than one standard error on the search rows."""
        population = self.population
        if (
            entry.components.kind == population.original.components.kind
            or population.config.reasoning == "only"
        ):
            return entry.number > 0
        return told_ahead(*population.race.paired(population.original, entry))

    def quality(self, proof: Proof, finalist: Entry | None = None) -> float:
        """0 to 100: what is handed over reached on held-out rows; where nothing was compared, on search rows."""
        entry = finalist or self.population.leader
        if proof.comparison:
            return finish.quality(proof.comparison, handed_over=proof.handed_over)
        best = entry if proof.handed_over else self.population.original
        return 100 * min(1.0, self.population.race.mean(best))

    def _judgement(self) -> Judgement | None:
        return self.evaluator.judgement if isinstance(self.evaluator, Judged) else None

    def _ahead_in_search(self, entry: Entry) -> bool:
        """Whether its mean is above the original's on the search rows that both ran on."""
        before, after = self.population.race.paired(self.population.original, entry)
        return mean(after) > mean(before) + NOTHING

    def _comparison(self, entry: Entry) -> Steps[Comparison | None]:
        """Paired, on all held-out rows; None, and why, where that cannot be."""
        pair = [self.population.original, entry]
        rows = range(len(self.held_out.items))
        try:
            if not rows:
                raise BudgetSpentError
            could_run = yield from self.held_out.score(list(dict.fromkeys(pair)), rows)
        except BudgetSpentError:
            self._missing[entry.number] = "The budget was too small for the final comparison"
            return None
        except CallFailedError as error:
            if not too_long(error):
                raise
            self._missing[entry.number] = "No held-out row fits into the context window"
            return None
        if entry not in could_run:
            where = "for the context window on some held-out rows"
            self._missing[entry.number] = f"The best found is too long {where}"
            return None
        scores = [self.held_out.scores(entry, rows.stop) for entry in pair]
        compared = finish.compare(*scores, seed=self.asker.seed)
        return replace(compared, usable_baseline=self._usable(pair[0]), usable_best=self._usable(entry))

    def _usable(self, entry: Entry) -> float | None:
        return self._usability.share(self.held_out.items, self.held_out.outcomes(entry))

    def _ratings(self, best: Entry) -> Steps[tuple[Rating | None, Rating | None]]:
        if not self.asker.config.compare:
            return None, None
        texts = [best.components.whole, self.population.original.components.whole]
        try:
            ratings = yield from finish.rate(self.asker, self.task.optimizer_model, texts)
        except BudgetSpentError:
            return None, None
        return ratings[0], ratings[1]

    def _improvements(self, entry: Entry) -> tuple[str, ...]:
        return tuple(improvements(self.population, entry, self.evaluator.kind))

    def caveats(self, failure: str = "", finalist: Entry | None = None) -> tuple[str, ...]:
        """What people should know about a finalist, by default the winner; `failure` as in `run`."""
        entry = finalist or self.population.leader
        return tuple(self._caveats.about(entry, missing=self._why_missing(entry), failure=failure))

    def _why_missing(self, entry: Entry) -> str:
        why = self._missing.get(entry.number)
        return f"{why}, so the original is kept." if why else ""
