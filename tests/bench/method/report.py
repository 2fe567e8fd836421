"""docs/benchmarks.md, from the runs that are kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from optimizer.engine.reasoning import Kind
from optimizer.engine.stats import mean
from tests.bench.method.about import HEAD
from tests.bench.method.aims import Verdict, verdicts
from tests.bench.method.figures import ORIGINAL, OURS, Figures, all_figures
from tests.bench.method.runs import DOCS, Line
from tests.bench.method.tasks import HELD_OUT

PAGE = DOCS / "benchmarks.md"
TITLES = {"ours-third": "ours, a third of the tokens"}


def write(lines: Sequence[Line]) -> None:
    """Write the page."""
    PAGE.write_text(render(lines))


def tables(lines: Sequence[Line]) -> str:
    """What is printed: accuracies and costs, by model and budget."""
    found = all_figures(lines)
    return "\n\n".join(f"{f.model}, {f.budget:,} tokens\n\n{_accuracies(f)}\n\n{_costs(f)}" for f in found)


def render(lines: Sequence[Line]) -> str:
    """The page: a section for each model and budget."""
    return "\n".join([HEAD, *(_section(figures) for figures in all_figures(lines))])


def _section(figures: Figures) -> str:
    parts = [
        f"## {figures.model}, {figures.budget:,} tokens a search\n\n{_circumstances(figures)}",
        "### Accuracy\n\n" + _accuracies(figures),
        "### Cost\n\n" + _costs(figures),
        *_finalists(figures),
        "### Ours and the original\n\n" + _against_original(figures),
        "### Ours and the others\n\n" + _against_others(figures),
        "### Aims\n\n" + _table(("aim", "", "measured"), [_verdict(v) for v in verdicts(figures)]),
        *_left_out(figures),
    ]
    return "\n\n".join(parts) + "\n"


def _circumstances(figures: Figures) -> str:
    lines = list(figures.runs.values())
    days = sorted({line["at"][:10] for line in lines})
    span = days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
    parts = [f"{span}; {'; '.join(_distinct(lines, 'machine'))}; {', '.join(_distinct(lines, 'version'))}."]
    parts += _remarks(lines)
    parts += ["This repeats it, with an Ollama that serves the model:", f"```sh\n{_command(figures)}\n```"]
    return "\n\n".join(parts)


def _command(figures: Figures) -> str:
    """One command for all that was run in parts."""
    lines = figures.runs.values()
    options = [
        "--ollama http://127.0.0.1:11434",
        f"--methods {' '.join(dict.fromkeys(line['method'] for line in lines))}",
        f"--tasks {' '.join(figures.tasks)}",
        f"--seeds {len(figures.seeds)} --budget {figures.budget}",
    ]
    return 'make bench-method ARGS="' + " \\\n    ".join(options) + '"'


def _remarks(lines: Sequence[Line]) -> list[str]:
    """Remarks on how these runs were made, added to kept lines by hand."""
    noted = Counter((line["remark"], line["method"]) for line in lines if "remark" in line)
    return [f"{count} runs of {method}: {remark}" for (remark, method), count in sorted(noted.items())]


def _distinct(lines: Sequence[Line], what: str) -> list[str]:
    return [text for text in dict.fromkeys(str(line[what]) for line in lines) if text]


def _accuracies(figures: Figures) -> str:
    def row(name: str, value: Callable[[str], float | None]) -> list[str]:
        return [name, *(_percent(value(method)) for method in figures.methods)]

    def on(task: str) -> Callable[[str], float | None]:
        return lambda method: figures.accuracy(method, task)

    rows = [row(task, on(task)) for task in figures.tasks]
    rows.append(row(f"**mean of the {len(figures.shared)} shared runs**", figures.mean_of))
    rows.append(row("mean of all its runs", figures.mean_of_all))
    rows.append(["runs", *(str(len(figures.of(method))) for method in figures.methods)])
    note = (
        f"Means over up to {len(figures.seeds)} seeds. A run (a task with a seed) is shared if every method has made "
        "it; a method that has not finished all tasks does not count here."
    )
    return note + "\n\n" + _table(("task", *map(_title, figures.methods)), rows)


def _costs(figures: Figures) -> str:
    head = ("method", "runs", "tokens", "best at", "calls", "seconds", "accuracy", "at a third")
    note = (
        "Means of one search, over the shared runs; `best at` is the tokens spent when the final prompt first led "
        "(ours: was proposed), `at a third` the accuracy of what led when a third of the tokens was spent."
    )
    return note + "\n\n" + _table(head, [_cost(figures, method) for method in figures.methods])


def _cost(figures: Figures, method: str) -> list[str]:
    def shared(what: str) -> str:
        value = figures.mean_of(method, what)
        return "–" if value is None else f"{value:,.0f}"

    figures_of = [shared(what) for what in ("search_tokens", "best_at_tokens", "search_calls", "seconds")]
    accuracies = [_percent(figures.mean_of(method, what)) for what in ("accuracy", "third_accuracy")]
    return [_title(method), str(len(figures.of(method))), *figures_of, *accuracies]


def _finalists(figures: Figures) -> list[str]:
    """Nothing where no run tells its finalists."""
    rows = [_finalists_on(figures, task) for task in figures.tasks if figures.finalists(task)]
    if not rows:
        return []
    note = (
        "Means over the runs that ended with such a finalist: accuracy, and tokens of one answer, in and out. `led` is "
        "how many of the runs put that one first by their search rows; it counts as *ours* above."
    )
    kinds = (f"{kind.replace('_', ' ')}: {what}" for kind in Kind for what in ("led", "accuracy", "tokens"))
    return [f"### Our finalists\n\n{note}\n\n" + _table(("task", *kinds), rows)]


def _finalists_on(figures: Figures, task: str) -> list[str]:
    runs, cells = figures.finalists(task), [task]
    for kind in Kind:
        those = [one for run in runs for one in run if one["kind"] == kind]
        cells += [f"{sum(run[0]['kind'] == kind for run in runs)} of {len(runs)}", *_answering(those)]
    return cells


def _answering(finalists: Sequence[Line]) -> list[str]:
    """Accuracy, and tokens of one answer."""
    if not finalists:
        return ["–", "–"]
    tokens = mean([one["measuring_tokens"] for one in finalists]) / HELD_OUT
    return [_percent(mean([one["accuracy"] for one in finalists])), f"{tokens:,.0f}"]


def _left_out(figures: Figures) -> list[str]:
    """Nothing where every method has run on everything."""
    lines = [f"- {_title(method)}: {_named(figures, pairs)}" for method, pairs in figures.left_out.items()]
    return ["### Left out\n\nThese have not been run, or failed.\n\n" + "\n".join(lines)] if lines else []


def _named(figures: Figures, pairs: Sequence[tuple[str, int]]) -> str:
    if len(pairs) == len(figures.tasks) * len(figures.seeds):
        return "everything"
    by_task = {task: [str(seed) for on, seed in pairs if on == task] for task, _ in pairs}
    return ", ".join(f"{task} (seed {', '.join(seeds)})" for task, seeds in by_task.items())


def _against_original(figures: Figures) -> str:
    head = ("task", "difference", "seeds better / worse", "rows better / worse", "p (exact sign test)")
    rows = [
        [
            one.task,
            _points(one.difference),
            f"{one.seeds_better} / {one.seeds_worse}",
            f"{one.rows_better} / {one.rows_worse}",
            f"{one.p_value:.2g}",
        ]
        for one in figures.against_original()
    ]
    return _table(head, rows)


def _against_others(figures: Figures) -> str:
    head = ("method", "difference", "95 % interval", "better / worse", "pairs of task and seed")
    others = [figures.against(method) for method in figures.methods if method not in (OURS, ORIGINAL)]
    rows = [
        [
            _title(one.method),
            _points(one.difference),
            f"{_points(one.low)} to {_points(one.high)}",
            f"{one.better} / {one.worse}",
            str(one.pairs),
        ]
        for one in others
        if one.pairs
    ]
    return "Ours minus the other; the interval is a paired bootstrap.\n\n" + _table(head, rows)


def _verdict(verdict: Verdict) -> list[str]:
    word = {True: "met", False: "**missed**", None: "open"}[verdict.met]
    return [verdict.aim, word, verdict.figure]


def _title(method: str) -> str:
    return TITLES.get(method, method)


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f}"


def _points(share: float) -> str:
    return f"{100 * share:+.1f}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """First column to the left, the others to the right."""
    if not rows:
        return "No run yet."
    lines = [head, ["---", *["--:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
