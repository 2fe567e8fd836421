"""What the runs say: means, costs, and paired comparisons."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from optimizer.engine.reasoning import Kind
from optimizer.engine.stats import bootstrap_interval, mean, sign_test
from tests.bench.method.apart import PACKAGES
from tests.bench.method.runs import Line

ORIGINAL, FEW_SHOT, OURS, THIRD = "original", "few-shot", "ours", "ours-third"
PEERS = tuple(PACKAGES)
METHODS = (ORIGINAL, FEW_SHOT, "rewrite", *PEERS, THIRD, OURS)


@dataclass(frozen=True)
class AgainstOriginal:
    """Ours beside the original on one task: seeds and rows that got better and worse."""

    task: str
    difference: float
    seeds_better: int
    seeds_worse: int
    rows_better: int
    rows_worse: int

    @property
    def p_value(self) -> float:
        return sign_test(self.rows_better, self.rows_worse)


@dataclass(frozen=True)
class AgainstMethod:
    """Ours beside another method, over pairs of task and seed; the difference with its 95 % interval."""

    method: str
    pairs: int
    better: int
    worse: int
    difference: float
    low: float
    high: float


class Figures:
    """The runs with one model at one budget."""

    def __init__(self, model: str, budget: int, lines: Iterable[Line]) -> None:
        self.model = model
        self.budget = budget
        self.runs = {(line["method"], line["task"], line["seed"]): line for line in _of(model, budget, lines)}

    @cached_property
    def methods(self) -> list[str]:
        return [name for name in METHODS if any(name == method for method, _, _ in self.runs)]

    @cached_property
    def tasks(self) -> list[str]:
        return list(dict.fromkeys(task for _, task, _ in self.runs))

    @cached_property
    def seeds(self) -> list[int]:
        return sorted({seed for _, _, seed in self.runs})

    @cached_property
    def shared(self) -> list[tuple[str, int]]:
        """Pairs of task and seed that every method has run. A method that has not finished all tasks does not count."""
        pairs = dict.fromkeys((task, seed) for _, task, seed in self.runs)
        return [pair for pair in pairs if all((method, *pair) in self.runs for method in self.through)]

    @cached_property
    def through(self) -> list[str]:
        """Methods that have run on every task."""
        return [m for m in self.methods if {line["task"] for line in self.of(m)} == set(self.tasks)]

    def of(self, method: str, task: str | None = None) -> list[Line]:
        """The method's runs, on one task or all."""
        return [line for (name, on, _), line in self.runs.items() if name == method and task in (None, on)]

    def accuracy(self, method: str, task: str) -> float | None:
        """Mean over the seeds; None without a run."""
        runs = self.of(method, task)
        return mean([line["accuracy"] for line in runs]) if runs else None

    def mean_of(self, method: str, what: str = "accuracy") -> float | None:
        """Mean over the shared pairs, so that all methods have the same ones; None where runs do not tell it."""
        lines = [self.runs[method, task, seed] for task, seed in self.shared if method in self.through]
        told = [line[what] for line in lines if what in line]
        return mean(told) if told else None

    def mean_of_all(self, method: str) -> float:
        """Mean accuracy over all runs of the method, shared or not."""
        return mean([line["accuracy"] for line in self.of(method)])

    @cached_property
    def left_out(self) -> dict[str, list[tuple[str, int]]]:
        """By method, the pairs of task and seed that it has not run, of all tasks and seeds that any has."""
        pairs = [(task, seed) for task in self.tasks for seed in self.seeds]
        missing = {method: [pair for pair in pairs if (method, *pair) not in self.runs] for method in METHODS}
        return {method: those for method, those in missing.items() if those}

    def finalists(self, task: str) -> list[list[Line]]:
        """Of each of our runs on the task that has any, its finalists, each measured by itself. The leader is first."""
        return [run["finalists"] for run in self.of(OURS, task) if run.get("finalists")]

    def answer_only_against(self, method: str) -> list[float]:
        """By pair, the accuracy of our finalist that only answers minus the other method's. Where no such finalist was
        found, the original prompt is what only answers. Runs that do not tell their finalists are left out."""
        return [
            accuracy - them["accuracy"]
            for us, them in self.pairs(method)
            if (accuracy := self._answer_only(us)) is not None
        ]

    def _answer_only(self, run: Line) -> float | None:
        if "finalists" not in run:
            return None
        found = [one for one in run["finalists"] if one["kind"] == Kind.ANSWER_ONLY]
        found += filter(None, [self.runs.get((ORIGINAL, run["task"], run["seed"]))])
        return float(found[0]["accuracy"]) if found else None

    def against_original(self) -> list[AgainstOriginal]:
        """Ours and the original by task, over the seeds that both have."""
        compared = []
        for task in self.tasks:
            if pairs := [pair for pair in self.pairs(ORIGINAL) if pair[0]["task"] == task]:
                compared.append(_against_original(task, pairs))
        return compared

    def against(self, method: str) -> AgainstMethod:
        """Ours and another method over all pairs of task and seed that both have."""
        differences = [us["accuracy"] - them["accuracy"] for us, them in self.pairs(method)]
        low, high = bootstrap_interval(differences, seed=0)
        return AgainstMethod(
            method,
            len(differences),
            sum(d > 0 for d in differences),
            sum(d < 0 for d in differences),
            mean(differences),
            low,
            high,
        )

    def pairs(self, method: str, mine: str = OURS) -> list[tuple[Line, Line]]:
        """Runs of ours, each with that of the other method on the same task with the same seed."""
        return [
            (line, self.runs[method, task, seed])
            for (name, task, seed), line in self.runs.items()
            if name == mine and (method, task, seed) in self.runs
        ]


def _against_original(task: str, pairs: Sequence[tuple[Line, Line]]) -> AgainstOriginal:
    seeds = [us["accuracy"] - them["accuracy"] for us, them in pairs]
    rows = [a - b for us, them in pairs for a, b in zip(us["scores"], them["scores"], strict=True)]
    return AgainstOriginal(
        task,
        mean(seeds),
        sum(d > 0 for d in seeds),
        sum(d < 0 for d in seeds),
        sum(d > 0 for d in rows),
        sum(d < 0 for d in rows),
    )


def _of(model: str, budget: int, lines: Iterable[Line]) -> list[Line]:
    """The model's lines at the budget, on tasks that were searched on; only those of the version that ran last."""
    mine = [line for line in lines if line["model"] == model and _is_at(line, budget)]
    searched = {line["task"] for line in mine if line["budget"]}
    mine = [line for line in mine if line["task"] in searched]
    versions = {line["method"]: line["version"] for line in mine}
    return [line for line in mine if line["version"] == versions[line["method"]]]


def _is_at(line: Line, budget: int) -> bool:
    return int(line["budget"]) in {0, budget // 3 if line["method"] == THIRD else budget}


def all_figures(lines: Sequence[Line]) -> list[Figures]:
    """One for each model and budget that searches were run with."""
    searched = [line for line in lines if line["budget"] and line["method"] != THIRD]
    keys = dict.fromkeys((line["model"], int(line["budget"])) for line in searched)
    return [Figures(model, budget, lines) for model, budget in keys]
