"""What `make bench-method` reads, keeps and reports; nothing here asks a model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from optimizer.engine import Item
from optimizer.engine.reasoning import Reasoning
from optimizer.llm.scripted import Scripted
from promptevolver.embedded.model.weights import DEFAULT_NAME
from tests.bench.method.aims import verdicts
from tests.bench.method.figures import Figures, all_figures
from tests.bench.method.jobs import Job, run
from tests.bench.method.meter import BudgetSpentError, Meter
from tests.bench.method.ours import search
from tests.bench.method.programs import STALLED, Found, Track, held_out_scores, prompted
from tests.bench.method.report import render
from tests.bench.method.runs import Runs
from tests.bench.method.tasks import HELD_OUT, OWN, SEARCHED, read_tasks
from tests.llm.server import FakeOllama, Served, serving

MODEL = "qwen2.5-coder-0.5b-instruct"


def line(method: str, right: int, *, task: str = "sums", seed: int = 0, **other: Any) -> dict[str, Any]:
    scores = [1.0] * right + [0.0] * (40 - right)
    budget = {"original": 0, "few-shot": 0, "knn-few-shot": 0, "ours-third": 8_000}.get(method, 24_000)
    told = {"method": method, "task": task, "seed": seed, "model": MODEL, "budget": budget, "version": "1"}
    cost = {"search_tokens": budget, "search_calls": 9, "best_at_tokens": 5, "seconds": 1.0}
    found = {
        "scores": scores,
        "accuracy": right / 40,
        "at": "2026-01-02 03:04",
        "machine": "m",
        "command": "c",
    }
    return told | cost | found | other


def write_task(folder: Path, rows: int, name: str = "sums") -> None:
    told = "\n".join(json.dumps({"input": f"{n} 1", "expected": str(n + 1)}) for n in range(rows))
    (folder / f"{name}.jsonl").write_text(told + "\n")


# What is measured on


def test_a_folders_own_manifest_wins(tmp_path: Path) -> None:
    write_task(tmp_path, 120, "sum")
    assert read_tasks(tmp_path)[0].prompt == "Add the numbers."
    (tmp_path / "manifest.json").write_text('{"sum": {"prompt": "Sum up.", "grader": "numeric"}}')
    [task] = read_tasks(tmp_path)
    assert (task.prompt, task.grader) == ("Sum up.", "numeric")


def test_searched_and_held_out_rows_are_apart(tmp_path: Path) -> None:
    write_task(tmp_path, 90, "sum")
    [task] = read_tasks(tmp_path)
    assert (len(task.rows), len(task.held_out)) == (50, HELD_OUT)
    assert not set(task.rows) & set(task.held_out)


def test_our_own_tasks_are_whole() -> None:
    tasks = read_tasks(OWN)
    assert len(tasks) == 3
    assert {(len(task.rows), len(task.held_out)) for task in tasks} == {(SEARCHED, HELD_OUT)}


def test_an_unknown_task_is_named_with_those_that_there_are() -> None:
    with pytest.raises(ValueError, match=r"no task nonsense.*initials"):
        read_tasks(OWN, ["nonsense"])


def test_an_answer_is_cut_where_it_can_no_longer_be_right(tmp_path: Path) -> None:
    write_task(tmp_path, 120, "sum")
    (tmp_path / "manifest.json").write_text('{"sum": {"prompt": "Add.", "grader": "exact"}}')
    assert read_tasks(tmp_path)[0].answer_tokens == len("64") + 16


# What a method may spend


def test_an_equal_request_is_paid_for_once_and_none_after_the_budget() -> None:
    model = Scripted(lambda request: "2")
    meter = Meter(model, MODEL, budget=60)
    chats = [prompted_chat(f"{number} 1") for number in (1, 2)]
    assert meter.answers(chats + chats[:1], max_tokens=8) == ["2", "2", "2"]
    assert meter.calls == 2
    with pytest.raises(BudgetSpentError):
        meter.answers([prompted_chat(f"{number} 5") for number in range(100)], max_tokens=8)
    assert 60 <= meter.tokens < 200
    assert meter.answers(chats, max_tokens=8) == ["2", "2"], "what is known costs nothing"


def test_a_search_that_asks_for_nothing_new_is_through() -> None:
    meter = Meter(Scripted(lambda request: "2"), MODEL, budget=24_000)
    task = read_tasks(OWN)[0]
    track = Track(meter)
    for round_ in range(2 * STALLED):
        meter.answers([prompted_chat(f"{round_ // 2} 1")], max_tokens=8)
        track.note(prompted(task.original, task))
    assert not track.stalled, "every second round asked for something new"
    for _ in range(STALLED):
        meter.answers([prompted_chat("0 1")], max_tokens=8)
        track.note(prompted(task.original, task))
    assert track.stalled


def prompted_chat(text: str) -> Any:
    return read_tasks(OWN)[0].original.messages(Item(text))


def test_every_method_is_measured_by_the_same_grades() -> None:
    task = read_tasks(OWN, ["initials"])[0]
    right = {row.input: row.expected for row in task.held_out}
    model = Scripted(lambda request: f"{right[request.messages[-1].content.splitlines()[-1]].lower()}.")
    assert held_out_scores(prompted(task.original, task), task, Meter(model, MODEL)) == [1.0] * HELD_OUT


def test_our_search_sees_no_held_out_row() -> None:
    task = read_tasks(OWN, ["initials"])[0]
    model = Scripted(lambda request: "{}" if request.purpose != "answer" else "x")
    search(Job("ours", "", task.name, 0, "", MODEL, 20_000), task, Meter(model, MODEL))
    texts = [message.content for request in model.requests for message in request.messages]
    assert texts
    assert not any(row.input in text for row in task.held_out for text in texts)


def test_each_finalist_is_measured_and_the_first_only_once() -> None:
    task = read_tasks(OWN, ["initials"])[0]
    think = Reasoning("Think.", "Answer:")
    first, second = prompted(task.original, task), prompted(task.original.but(reasoning=think), task)
    right = {row.input: row.expected for row in task.held_out}

    def script(body: dict[str, Any]) -> str:
        text = body["messages"][-1]["content"]
        return f"So.\nAnswer: {right[text.splitlines()[-1]]}" if "Think." in text else "no"

    with serving(FakeOllama([Served(MODEL)], script)) as fake:
        kinds = (("answer_only", first), ("reasons_first", second))
        job = Job("ours", str(OWN), task.name, 0, fake.address, MODEL, 0)
        told = run(job, {"ours": lambda *_: Found(first, finalists=kinds)})
    assert told["accuracy"] == 0
    assert [one["accuracy"] for one in told["finalists"]] == [0, 1]
    assert len(fake.bodies("/api/chat")) == 2 * HELD_OUT


# What is kept


def test_a_run_that_is_kept_is_not_made_again(tmp_path: Path) -> None:
    path = tmp_path / "kept" / "runs.jsonl"
    Runs(path).add(line("ours", 20))
    again = Runs(path)
    assert again.has(line("ours", 3))
    for change in ({"seed": 1}, {"budget": 5}, {"version": "2"}, {"task": "other"}, {"model": "other"}):
        assert not again.has(line("ours", 20) | change)


def test_a_line_cut_off_by_an_interruption_is_made_again(tmp_path: Path) -> None:
    path = tmp_path / "runs.jsonl"
    runs = Runs(path)
    runs.add(line("ours", 20))
    runs.add(line("gepa", 20))
    path.write_text(path.read_text()[:-30])
    again = Runs(path)
    assert again.has(line("ours", 20))
    assert not again.has(line("gepa", 20))
    again.add(line("gepa", 20))
    assert Runs(path).has(line("gepa", 20)), "what follows a cut line can be read"


# What is reported


def three_seeds() -> list[dict[str, Any]]:
    right = {"original": 4, "gepa": 10, "miprov2": 20, "ours-third": 24, "ours": 30}
    return [line(method, n, seed=seed) for seed in range(3) for method, n in right.items()]


def test_means_are_over_runs_that_every_method_has_made() -> None:
    figures = Figures(MODEL, 24_000, [*three_seeds(), line("ours", 0, seed=3)])
    assert figures.shared == [("sums", 0), ("sums", 1), ("sums", 2)]
    assert figures.mean_of("ours") == pytest.approx(0.75)
    assert figures.mean_of_all("ours") == pytest.approx(0.75 * 3 / 4)


def test_a_method_that_is_not_through_all_tasks_does_not_hold_up_the_means() -> None:
    begun = [line(method, 8, task="more") for method in ("original", "ours", "ours-third", "miprov2")]
    figures = Figures(MODEL, 24_000, [*three_seeds(), *begun])
    assert len(figures.shared) == 4
    assert figures.mean_of("gepa") is None
    assert figures.accuracy("gepa", "more") is None
    assert "not yet gepa" in verdicts(figures)[0].figure


def test_only_the_version_of_ours_that_ran_last_counts() -> None:
    [figures] = all_figures([line("ours", 40, version="old"), line("ours", 10, version="new", seed=1)])
    assert figures.mean_of("ours") == pytest.approx(0.25)


def test_rows_are_paired_with_those_of_the_original() -> None:
    [against] = Figures(MODEL, 24_000, three_seeds()).against_original()
    assert (against.rows_better, against.rows_worse, against.seeds_better) == (78, 0, 3)
    assert against.p_value < 0.001


def test_the_report_says_what_was_measured_and_which_aims_are_missed() -> None:
    page = render(three_seeds())
    assert "| sums | 10.0 | 25.0 | 50.0 | 60.0 | 75.0 |" in page
    assert "| miprov2 | +25.0 | +25.0 to +25.0 | 3 / 0 | 3 |" in page
    told = {verdict.aim: verdict.met for verdict in verdicts(Figures(MODEL, 24_000, three_seeds()))}
    assert told == {
        "Every method on at least 10 tasks, 3 seeds, 40 held-out rows": False,
        "Mean not below 62.9": True,
        "Mean at least 40 points above that of original": True,
        "Mean above that of few-shot": None,
        "Mean above that of every peer and baseline at the same tokens": None,
        "No task significantly below the original (p < 0.05)": True,
        "The best peer's own best mean with at most a third of its tokens": True,
    }
    assert "**missed** | 1 tasks, 3 pairs of task and seed" in page


def test_the_embedded_model_is_measured_by_aims_of_its_own() -> None:
    lines = [run | {"model": DEFAULT_NAME} for run in three_seeds()]
    told = {verdict.aim: verdict.figure for verdict in verdicts(Figures(DEFAULT_NAME, 24_000, lines))}
    assert told["Significant gains on at least 6 tasks"] == "1 of 1"


def two_finalists(*kinds: str, accuracies: tuple[float, ...] = (0.75, 0.5)) -> dict[str, Any]:
    told = zip(kinds, accuracies, (8_000, 4_000), strict=False)
    keys = ("kind", "accuracy", "measuring_tokens")
    return {"finalists": [dict(zip(keys, one, strict=True)) for one in told]}


def with_a_larger_model(*lines: dict[str, Any]) -> Figures:
    model = "qwen2.5-coder-1.5b-instruct"
    at = [run | {"model": model} | ({"budget": 32_000} if run["budget"] else {}) for run in lines]
    return Figures(model, 32_000, at)


def test_the_finalist_that_only_answers_has_an_aim_of_its_own() -> None:
    leads = line("ours", 30, **two_finalists("reasons_first", "answer_only"))
    alone = line("ours", 30, task="more", **two_finalists("reasons_first"))
    others = [line(method, 18, task=task) for method in ("original", "few-shot") for task in ("sums", "more")]
    told = {verdict.aim: verdict for verdict in verdicts(with_a_larger_model(leads, alone, *others))}
    ahead = told["Mean at least 12 points above that of few-shot"]
    only = told["Without reasoning, mean at least 3 points above that of few-shot"]
    assert (ahead.met, ahead.figure) == (True, "+30.0 points (+30.0 to +30.0) over 2 pairs")
    assert (only.met, only.figure) == (False, "+2.5 points over 2 pairs"), "the original answers, in one"
    assert told["Mean above that of cot-bootstrap"].met is None
    assert told["No task below few-shot by more than its noise"].met


def test_both_finalists_stand_in_the_report() -> None:
    [first, *others] = three_seeds()
    runs = [first, *(run for run in others if run["method"] != "ours")]
    runs += [line("ours", 30, seed=0, **two_finalists("reasons_first", "answer_only"))]
    runs += [line("ours", 20, seed=1, **two_finalists("answer_only"))]
    assert "| sums | 1 of 2 | 62.5 | 150 | 1 of 2 | 75.0 | 200 |" in render(runs)
    assert "Our finalists\n" not in render(three_seeds())


def test_what_was_left_out_is_named() -> None:
    ran = [run for run in three_seeds() if run["method"] != "gepa" or run["seed"] == 1]
    page = render(ran)
    assert "- gepa: sums (seed 0, 2)\n" in page
    assert "- cot-bootstrap: everything\n" in page
    assert "- ours:" not in page


def test_tasks_that_nothing_was_searched_on_do_not_count() -> None:
    figures = Figures(MODEL, 24_000, [*three_seeds(), line("original", 9, task="of another sitting")])
    assert figures.tasks == ["sums"]


def test_a_peer_without_a_search_is_not_asked_for_a_third_of_its_tokens() -> None:
    figures = Figures(MODEL, 24_000, [*three_seeds(), *(line("knn-few-shot", 40, seed=n) for n in range(3))])
    told = {verdict.aim: verdict.figure for verdict in verdicts(figures)}
    assert "miprov2" in told["The best peer's own best mean with at most a third of its tokens"]


def test_aims_against_peers_stay_open_where_a_peer_has_not_run() -> None:
    alone = [run for run in three_seeds() if run["method"] != "gepa"]
    told = {verdict.aim: verdict for verdict in verdicts(Figures(MODEL, 24_000, alone))}
    above_all = told["Mean above that of every peer and baseline at the same tokens"]
    size = told["Every method on at least 10 tasks, 3 seeds, 40 held-out rows"]
    assert (size.met, above_all.met) == (False, None)
    assert "; not yet gepa, gepa-reasoning, " in size.figure
    assert "; not yet gepa, gepa-reasoning, " in above_all.figure


def test_what_was_noted_of_runs_stands_on_the_page() -> None:
    noted = [run | {"remark": "it was warm."} if run["method"] == "gepa" else run for run in three_seeds()]
    assert "3 runs of gepa: it was warm." in render(noted)
    assert "runs of gepa" not in render(three_seeds())


def test_without_a_run_of_ours_the_aims_are_open() -> None:
    page = render([line("original", 4), line("gepa", 10)])
    assert "| open | no run yet |" in page
