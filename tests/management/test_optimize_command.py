"""`manage.py optimize`: what it prints, where, and with which exit status. The model is scripted where it is asked."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.test import override_settings

from optimizer import installed, pools
from optimizer.engine.across import STAGE
from optimizer.engine.events import Beat, Stage
from optimizer.llm.base import CallFailedError, Request
from optimizer.llm.facts import ModelFacts
from optimizer.llm.ollama import OllamaHost
from optimizer.llm.scripted import ScriptedHost
from optimizer.management import giving_up
from optimizer.management.telling import result_lines
from optimizer.models import Candidate, Example, OptimizationSession, Prompt, SessionStatus, User
from optimizer.services.accounts import administrator
from optimizer.services.optimizations import resume_optimization
from optimizer.services.preferences import save_preferences
from tests import factories
from tests.engine.judges import always_a, good, judged_by
from tests.engine.test_parts_of_prompts import taught_by_system
from tests.engine.test_verdicts import ENDINGS
from tests.engine.world import ITEMS, PROMPT, world

UseModel = Callable[[Callable[[Request], "str | CallFailedError"]], None]

AHEAD = ENDINGS["ahead"].script
KEYS = {
    "session", "status", "finish_reason", "original", "optimized", "messages", "kept_original", "quality_score",
    "score_kind", "baseline_score", "best_score", "interval", "metrics", "improvements", "calls", "calls_reused",
    "prompt_tokens", "completion_tokens", "seconds", "estimate", "verdict", "handed_over", "comparison",
    "search_scores", "settings", "finalists", "headroom", "other_models", "started_from", "format", "front", "judge",
    "interval_note", "original_system_text", "optimized_system_text",
}  # fmt: skip


@pytest.fixture(autouse=True)
def person(db: None) -> User:
    return administrator()


@pytest.fixture(autouse=True)
def model(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Callable[[Request], str]], None]]:
    """Puts a scripted server in place of the configured ones."""

    def use(script: Callable[[Request], str]) -> None:
        def answer(request: Request) -> str:
            return "1 2 3" if request.purpose == "speed" else script(request)

        monkeypatch.setattr(pools, "hosts", lambda: [ScriptedHost(answer)])

    use(world)  # type: ignore[arg-type]
    yield use
    installed.keep([])


@pytest.fixture
def rows(tmp_path: Path) -> str:
    file = tmp_path / "rows.jsonl"
    file.write_text("\n".join(json.dumps({"input": i.input, "expected": i.expected}) for i in ITEMS))
    return str(file)


def refusal(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """The message of a command that ends with 2, prints nothing, and leaves nothing behind."""
    with pytest.raises(CommandError) as refused:
        call_command("optimize", *words)
    assert refused.value.returncode == 2
    assert capsys.readouterr().out == ""
    assert not Prompt.objects.exists()
    assert not OptimizationSession.objects.exists()
    return str(refused.value)


def test_json_has_everything_that_was_measured(rows: str, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("optimize", "--prompt", PROMPT, "--examples", rows, "--preset", "quick", "--json")
    said = json.loads(capsys.readouterr().out)
    assert said.keys() == KEYS
    assert said["status"] == "completed"
    assert said["best_score"] > said["baseline_score"]
    assert said["interval"][0] > 0
    assert said["messages"][-1]["role"] == "user"


@pytest.mark.parametrize(("judge", "trusted"), [(good, True), (always_a, False)])
def test_without_rows_it_tells_how_far_the_judge_can_be_trusted(
    model: UseModel, capsys: pytest.CaptureFixture[str], judge: Callable[[Request], str], trusted: bool
) -> None:
    model(judged_by(judge))
    call_command("optimize", "--prompt", PROMPT, "--preset", "quick", "--json")
    told = capsys.readouterr()
    said = json.loads(told.out)
    assert said["judge"].keys() == {
        "model", "pairs", "readable", "position_bias", "consistent", "trusted", "told",
    }  # fmt: skip
    assert said["judge"]["trusted"] is trusted
    assert said["settings"]["judge_model"] == said["judge"]["model"]
    assert trusted or said["verdict"] == "not_proven"
    assert told.err.count(said["judge"]["told"]) == 1
    assert ("Choose another judge model" in told.err) is not trusted


def test_an_unknown_judge_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    said = refusal(capsys, "--prompt", PROMPT, "--judge-model", "gpt-9")
    assert "There is no model “gpt-9”" in said
    assert "--judge-model" in said


def test_the_prompt_alone_goes_to_standard_output(rows: str, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("optimize", "--prompt", PROMPT, "--examples", rows, "--preset", "quick")
    said = capsys.readouterr()
    assert said.out.strip() == Prompt.objects.get().optimized
    assert "Better." in said.err
    assert "\r" not in said.err, "a bar is for terminals"


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("--prompt", ""), "prompt: Write or paste"),
        (("--prompt", "   "), "prompt: Write or paste"),
        (("--prompt", "x" * 10_001), "10,001 characters"),
        (("--prompt", "a\0b"), "NUL"),
        (("--prompt", "a\ud800b"), "surrogate"),
        (("--prompt", "x", "--iterations", "0"), "iterations:"),
        (("--prompt", "x", "--iterations", "99"), "iterations:"),
        (("--prompt", "x", "--temperature", "-1"), "temperature:"),
        (("--prompt", "x", "--max-calls", "1"), "--max-calls:"),
        (("--prompt", "x", "--model", "nobody:7b"), "--model: There is no model “nobody:7b”"),
        (("--prompt", "x", "--user", "nobody@example.com"), "no user"),
        (("--prompt", "x", "--max-total-tokens", "10"), "--max-total-tokens:"),
        (("--prompt", "x", "--max-minutes", "0"), "--max-minutes:"),
        (
            ("--prompt", "x", "--target-score", "90"),
            "90 is not a score. Write a number above 0 and at most 1",
        ),
        (("--prompt", "x", "--threshold", "0"), "threshold: 0 is not a score"),
        (("--prompt", "x {{a}}", "--literal", "b"), "--literal b: the prompt has no {{b}}"),
        (("--prompt", "x", "--patience", "0"), "patience:"),
        (("--prompt", "x", "--tolerance", "0.1"), "belongs to the numeric grader. Add --grader numeric"),
        (
            ("--prompt", "x", "--grader", "exact", "--choices", "a,b"),
            "--choices: it belongs to the choice grader",
        ),
        (
            ("--prompt", "x", "--grader", "choice", "--choices", "a"),
            "--choices: One choice leaves nothing to choose",
        ),
        (("--file", "/nowhere/prompt.txt"), "cannot be read"),
        (("--prompt", "x", "--examples", "/nowhere/rows.csv"), "cannot be read"),
        (("--resume", "7"), "no stopped or failed"),
        (("--resume", "7", "--iterations", "2"), "same settings"),
        (("--resume", "7", "--patience", "2"), "same settings; leave out: --patience"),
        (("--resume", "7", "--choices", "a,b", "--examples", "x"), "leave out: --choices, --examples"),
        (("--resume", "7", "--estimate"), "only before the start"),
        (("--resume", "7", "--only-proven"), "leave out: --only-proven"),
        (("--resume", "7", "--compare-only"), "There is no optimization 7"),
        (("--prompt", "x", "--compare-only"), "--compare-only needs --resume"),
    ],
)
def test_bad_input_is_refused_with_its_reason(
    words: tuple[str, ...], part: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert part in refusal(capsys, *words)


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b"question,why\na,b\n", "column"),
        (b"input,input,expected\na,b,c\n", "twice"),
        ("a\n水是湿的吗？\n火是冷的吗？".encode("gbk"), "UTF-8"),
        (b"input,expected\n" + b"a,b\nc,d\n", "at least 4"),
        (b"input,expected\n" + b"a,b\n" * 9, "There is 1 different row"),
        (b"", "no rows"),
        (b"x" * (6 * 2**20), "5 MB"),
    ],
)
def test_bad_rows_are_refused_with_their_reason(
    content: bytes, part: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "rows.csv"
    file.write_bytes(content)
    assert part.lower() in refusal(capsys, "--prompt", "x", "--examples", str(file)).lower()


def test_an_answer_that_the_grader_cannot_use_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "rows.csv"
    file.write_text("input,expected\na,(\nb,x\nc,y\nd,z\n")
    message = refusal(capsys, "--prompt", "x", "--examples", str(file), "--grader", "regex")
    assert "--examples: Row 1" in message


TEAMS = "team,question,expected\n" + "".join(f"red,word{n},{['even', 'odd'][n % 2]}\n" for n in range(12))


@pytest.fixture
def teams(tmp_path: Path) -> str:
    file = tmp_path / "teams.csv"
    file.write_text(TEAMS)
    return str(file)


def estimated(*words: str) -> None:
    call_command("optimize", *words, "--estimate")


def test_a_variable_without_a_column_is_bad_input(teams: str, capsys: pytest.CaptureFixture[str]) -> None:
    said = refusal(capsys, "--prompt", "Say {{mail}}.", "--examples", teams)
    assert said.startswith("--map: No column fills {{mail}}. Columns without a variable: “team”, “question”.")
    assert "By hand: --map mail=COLUMN. As text: --literal mail" in said
    estimated("--prompt", "Say {{mail}}.", "--examples", teams, "--literal", "mail")


def test_a_column_is_mapped_by_hand(teams: str, capsys: pytest.CaptureFixture[str]) -> None:
    rows = (
        "--prompt",
        "Say {{mail}} of {{who}}.",
        "--examples",
        teams,
        "--map",
        "mail=question",
        "--map",
        "who=team",
    )
    estimated(*rows)
    assert "“question” fills {{mail}}; “team” fills {{who}}" in capsys.readouterr().err
    assert "--map: There is no column “nope” for {{who}}." in refusal(capsys, *rows[:-1], "who=nope")
    assert "--map: “who” is not a pair. Write VARIABLE=COLUMN" in refusal(capsys, *rows[:-1], "who")


def test_each_variable_gets_the_value_of_its_own_column(tmp_path: Path, model: UseModel) -> None:
    model(lambda request: "even")
    file = tmp_path / "teams.csv"
    lines = [f"team-{n},T-{n},word{n},{['even', 'odd'][n % 2]}\n" for n in range(12)]
    file.write_text("Abteilung,Ticket,Frage,expected\n" + "".join(lines))
    columns = ("--map", "team=Abteilung", "--map", "question=Frage")
    prompt = "As {{team}}: is {{question}} even or odd?"
    call_command(
        "optimize", "--prompt", prompt, "--examples", str(file), *columns, "--max-calls", "60", "--json"
    )
    session = OptimizationSession.objects.get()
    asked = [str(call.request) for call in session.ledger.all()]
    pairs = {pair for text in asked for pair in re.findall(r"As team-(\d+): is word(\d+) even", text)}
    assert len(pairs) == 12
    assert all(team == word for team, word in pairs)
    assert not any("T-1" in text for text in asked)


def test_how_columns_are_used_is_told(teams: str, capsys: pytest.CaptureFixture[str]) -> None:
    estimated("--prompt", "Is {{question}} even?", "--examples", teams)
    told = capsys.readouterr().err
    assert (
        "12 rows: “question” fills {{question}}; “expected” is the expected answer; not used: “team”." in told
    )


def test_columns_are_named_by_options(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "rows.csv"
    file.write_text("".join(f"word{n},{['even', 'odd'][n % 2]},x\n" for n in range(12)))
    rows = ("--prompt", PROMPT, "--examples", str(file))
    said = refusal(capsys, *rows)
    assert "Columns found: “word0”, “even”, “x”" in said
    assert "--expected-column NAME" in said
    assert "--no-header" in said
    estimated(*rows, "--no-header", "--expected-column", "column 2", "--input-column", "column 1")
    told = capsys.readouterr().err
    assert "12 rows: “column 1” goes below the prompt; “column 2” is the expected answer" in told
    assert "not used: “column 3”" in told


def test_other_scripts_take_no_more_room_than_in_the_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "rows.jsonl"
    rows = [{"input": "письмо " * 50 + str(n), "expected": "да", "weight": 1.0} for n in range(8)]
    file.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows))
    with override_settings(DATASET_MAX_BYTES=file.stat().st_size):
        call_command("optimize", "--prompt", PROMPT, "--examples", str(file), "--estimate")
    assert capsys.readouterr().out.partition(" ")[0].replace("–", "").isdigit()


def test_limits_and_options_reach_the_session(rows: str, capsys: pytest.CaptureFixture[str]) -> None:
    limits = [
        "--max-calls",
        "60",
        "--max-total-tokens",
        "90000",
        "--max-minutes",
        "3",
        "--target-score",
        "0.9",
        "--patience",
        "2",
    ]
    options = ["--grader", "choice", "--choices", "even, odd", "--choices", "neither"]
    call_command("optimize", "--prompt", PROMPT, "--examples", rows, *limits, *options, "--json")
    session = OptimizationSession.objects.get()
    assert (session.max_calls, session.token_budget, session.max_minutes) == (60, 90_000, 3.0)
    assert (session.target_score, session.patience) == (0.9, 2)
    assert session.grader_options == {"choices": "even\nodd\nneither"}
    said = json.loads(capsys.readouterr().out)
    assert said["calls"] <= 60
    assert said["estimate"]["calls"][1] <= 60


def test_the_rubric_and_its_threshold_reach_the_session(rows: str) -> None:
    options = ["--grader", "rubric", "--rubric", "Short.", "--threshold", "0.7", "--max-calls", "60"]
    call_command("optimize", "--prompt", PROMPT, "--examples", rows, *options, "--json")
    assert OptimizationSession.objects.get().grader_options == {"rubric": "Short.", "threshold": "0.7"}


def test_a_limit_that_ends_the_run_is_named(rows: str, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("optimize", "--prompt", PROMPT, "--examples", rows, "--max-calls", "60", "--json")
    assert "60 calls" in json.loads(capsys.readouterr().out)["finish_reason"]


def test_the_estimate_is_told_before_the_start(rows: str, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("optimize", "--prompt", PROMPT, "--examples", rows, "--preset", "quick")
    assert re.search(r"\n\d+ to \d+ calls, ", capsys.readouterr().err)


def test_an_estimate_alone_starts_nothing(rows: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--prompt", PROMPT, "--examples", rows, "--preset", "quick", "--estimate")
    call_command("optimize", *words)
    assert capsys.readouterr().out.partition(" ")[0].replace("–", "").isdigit()
    call_command("optimize", *words, "--json")
    said = json.loads(capsys.readouterr().out)
    assert said.keys() == {"calls", "tokens", "minutes", "model", "basis"}
    assert 20 < said["calls"][0] < said["calls"][1]
    assert not OptimizationSession.objects.exists()


def test_weights_of_rows_are_kept(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text(
        "\n".join(json.dumps({"input": i.input, "expected": i.expected, "weight": 2}) for i in ITEMS)
    )
    call_command("optimize", "--prompt", PROMPT, "--examples", str(file), "--max-calls", "60", "--json")
    assert set(Example.objects.values_list("weight", flat=True)) == {2.0}


def test_a_failing_run_ends_with_1_and_says_why(
    rows: str, model: Callable[[Callable[[Request], str]], None], capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(request: Request) -> str:
        raise CallFailedError("refused", "what happened and what to do")

    model(fail)
    with pytest.raises(CommandError, match="what happened and what to do") as failed:
        call_command("optimize", "--prompt", PROMPT, "--examples", rows)
    assert failed.value.returncode == 1
    assert capsys.readouterr().out == ""


def run_in_text(rows: str, *words: str) -> None:
    call_command("optimize", "--prompt", PROMPT, "--examples", rows, "--preset", "quick", *words)


def last_lines(told: str) -> list[str]:
    """What stands below the progress."""
    lines = told.splitlines()
    starts = [
        n for n, line in enumerate(lines) if re.match("Better|Not proven|Worse|Too few|Stopped early", line)
    ]
    return lines[starts[-1] :] if starts else []


def test_the_verdict_and_the_gain_are_the_last_lines_on_standard_error(
    rows: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run_in_text(rows)
    said = capsys.readouterr()
    assert said.out == Prompt.objects.get().optimized + "\n"
    session = OptimizationSession.objects.get()
    told = last_lines(said.err)
    assert told[:3] == [
        "Better. 16 of 16 rows better, none worse.",
        "+100 points on 16 rows that the search never saw (95 % interval +100 to +100): "
        "16 better, 0 worse, 0 the same.",
        "Accuracy: 0 % with the original, 100 % with the best found.",
    ]
    assert f"/optimizations/{session.pk}/" in told[-1]


def test_chat_turns_are_said_to_be_what_was_measured(rows: str, capsys: pytest.CaptureFixture[str]) -> None:
    run_in_text(rows)
    messages = OptimizationSession.objects.get().candidates.get(is_best=True).messages
    said = "--json holds them under “messages”" in capsys.readouterr().err
    assert said is (len(messages) > 1)


def test_what_is_ahead_without_proof_is_printed_with_that_line_beside_it(
    rows: str, model: UseModel, capsys: pytest.CaptureFixture[str]
) -> None:
    model(AHEAD)
    run_in_text(rows)
    said = capsys.readouterr()
    assert said.out.strip() not in ("", PROMPT)
    assert last_lines(said.err)[0] == "Not proven. Ahead on 3 of 16 rows, not proven."


def test_only_proven_prints_the_original_instead(
    rows: str, model: UseModel, capsys: pytest.CaptureFixture[str]
) -> None:
    model(AHEAD)
    run_in_text(rows, "--only-proven")
    said = capsys.readouterr()
    assert said.out.strip() == PROMPT
    assert "not proven: the original is kept, as you asked." in last_lines(said.err)[0]
    run_in_text(rows, "--only-proven", "--json")
    told = json.loads(capsys.readouterr().out)
    assert (told["verdict"], told["handed_over"], told["optimized"]) == ("not_proven", "original", PROMPT)
    assert [message["content"][: len(PROMPT)] for message in told["messages"]] == [PROMPT]


def test_json_names_the_verdict(rows: str, capsys: pytest.CaptureFixture[str]) -> None:
    run_in_text(rows, "--json")
    told = json.loads(capsys.readouterr().out)
    assert (told["verdict"], told["handed_over"]) == ("better", "best")
    assert told["comparison"]["rows"] == 16


@contextmanager
def interrupted(when: Callable[[object], bool]) -> Iterator[None]:
    """Ctrl-C at the first event for which it is time."""

    def show(bar: object, event: object) -> None:
        if when(event):
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("optimizer.management.commands.optimize.ProgressBar.show", show)
        yield


def test_ctrl_c_tells_what_it_really_took(rows: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Even in the middle of a wave, whose calls the search has not counted yet."""
    with interrupted(lambda event: isinstance(event, Stage) and event.done == 5):
        run_in_text(rows, "--json")
    told = json.loads(capsys.readouterr().out)
    session = OptimizationSession.objects.get()
    assert told["calls"] == session.ledger.count() >= 5
    assert told["prompt_tokens"] == sum(session.ledger.values_list("prompt_tokens", flat=True)) > 0


def stopped_with_a_best(rows: str, capsys: pytest.CaptureFixture[str]) -> tuple[OptimizationSession, str]:
    leads = Candidate.objects.filter(is_best=True, number__gt=0)
    with interrupted(lambda event: leads.exists()):
        run_in_text(rows)
    return OptimizationSession.objects.get(), capsys.readouterr().err


def test_the_best_of_a_stopped_one_is_compared_in_the_terminal(
    rows: str, capsys: pytest.CaptureFixture[str]
) -> None:
    session, _ = stopped_with_a_best(rows, capsys)
    number = str(session.pk)
    call_command("optimize", "--resume", number, "--compare-only", "--estimate", "--json")
    cost = json.loads(capsys.readouterr().out)
    assert cost["calls"] == [32, 32]
    call_command("optimize", "--resume", number, "--compare-only")
    said = capsys.readouterr()
    assert said.err.startswith("32 calls")
    assert last_lines(said.err)[0].startswith("Better. 16 of 16 rows better")
    session.refresh_from_db()
    assert (session.status, session.verdict) == ("cancelled", "better")
    with pytest.raises(CommandError, match="cannot be compared") as refused:
        call_command("optimize", "--resume", number, "--compare-only")
    assert refused.value.returncode == 2


def test_a_stopped_one_says_how_to_compare_and_to_continue(
    rows: str, capsys: pytest.CaptureFixture[str]
) -> None:
    session, _ = stopped_with_a_best(rows, capsys)
    told = "\n".join(result_lines(session))
    assert told.startswith("Stopped early: this is the best found so far.")
    assert "on search rows; not compared on held-out rows" in told
    assert f"manage.py optimize --resume {session.pk} --compare-only" in told
    assert "That takes: 32 calls" in told


def test_a_server_that_is_away_is_given_up_with_what_to_do(
    rows: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def away() -> list[OllamaHost]:
        return [OllamaHost(address) for address in settings.OLLAMA_HOSTS]

    monkeypatch.setattr(pools, "hosts", away)
    monkeypatch.setattr(giving_up, "GIVE_UP", 1.0)
    began = time.monotonic()
    with override_settings(OLLAMA_HOSTS=["http://127.0.0.1:9"]), pytest.raises(CommandError) as failed:
        run_in_text(rows)
    assert time.monotonic() - began < 20
    session = OptimizationSession.objects.get()
    assert failed.value.returncode == 1
    for part in ("http://127.0.0.1:9", "Start Ollama", "OLLAMA_HOST", f"--resume {session.pk}"):
        assert part in str(failed.value)
    assert capsys.readouterr().out == ""
    assert (session.status, session.error_code) == ("failed", "unreachable")
    assert resume_optimization(session=session, by=User.objects.get(), here=True)


def test_a_server_that_tells_its_fault_is_not_given_up_as_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(giving_up, "GIVE_UP", -1.0)
    watching = giving_up.GivingUp(7)
    watching.watch(Beat("Ollama at http://a:1 says: server busy", away=True))
    with pytest.raises(CallFailedError, match="--resume 7"):
        watching.watch(Beat("Ollama at http://a:1 does not answer (no connection).", away=True))


def test_the_patience_of_a_terminal_is_a_minute() -> None:
    assert giving_up.GIVE_UP == 60


def test_ctrl_c_keeps_the_best_and_resume_goes_on(
    rows: str, model: Callable[[Callable[[Request], str]], None], capsys: pytest.CaptureFixture[str]
) -> None:
    left = iter(range(90))

    def interrupted(request: Request) -> str:
        return world(request)  # type: ignore[return-value]

    def interrupt(event: object) -> None:
        if next(left, None) is None:
            raise KeyboardInterrupt

    model(interrupted)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "optimizer.management.commands.optimize.ProgressBar.show", lambda self, event: interrupt(event)
        )
        call_command("optimize", "--prompt", PROMPT, "--examples", rows, "--preset", "quick", "--json")
    said = capsys.readouterr()
    stopped = json.loads(said.out)
    assert stopped["status"] == SessionStatus.CANCELLED
    assert f"--resume {stopped['session']}" in said.err
    call_command("optimize", "--resume", str(stopped["session"]), "--json")
    resumed = json.loads(capsys.readouterr().out)
    assert (resumed["session"], resumed["status"]) == (stopped["session"], "completed")
    assert resumed["calls"] > stopped["calls"]


@pytest.mark.parametrize("inputs", [None, ["Mine.", "Mine, too."]], ids=["not yet written", "written"])
def test_resuming_one_that_awaits_approval_says_so(person: User, inputs: list[str] | None) -> None:
    session = factories.make_session(
        person.personal_workspace, status=SessionStatus.CANCELLED, inputs_requested=True, inputs=inputs
    )
    with pytest.raises(CommandError, match="waits on its page for you to approve") as refused:
        call_command("optimize", "--resume", str(session.pk))
    assert refused.value.returncode == 1
    session.refresh_from_db()
    assert session.awaits_approval is True


def test_a_remote_model_is_said_to_be_one_before_the_start(
    rows: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (host,) = pools.hosts()
    host.facts = [ModelFacts("cloud:120b", remote="ollama.com")]  # type: ignore[attr-defined]
    monkeypatch.setattr(pools, "hosts", lambda: [host])
    run_in_text(rows)
    said = capsys.readouterr().err
    assert "cloud:120b does not run here: the prompt, rows and answers are sent to ollama.com." in said
    assert said.index("cloud:120b does not run") < said.index("Its page")
    session = OptimizationSession.objects.get()
    OptimizationSession.objects.update(status=SessionStatus.CANCELLED)
    call_command("optimize", "--resume", str(session.pk))
    assert "cloud:120b does not run" in capsys.readouterr().err


def test_the_prompt_can_be_the_system_message(rows: str, capsys: pytest.CaptureFixture[str]) -> None:
    call_command(
        "optimize", "--prompt", PROMPT, "--examples", rows, "--preset", "quick", "--as-system", "--json"
    )
    said = json.loads(capsys.readouterr().out)
    session = OptimizationSession.objects.get()
    assert said["settings"]["as_system"] is True
    assert said["messages"][0]["role"] == "system"
    answered = session.ledger.filter(purpose="answer")
    assert answered.exists()
    for call in answered:
        roles = [message["role"] for message in call.request["messages"]]
        assert roles[0] == "system"
        assert roles.count("system") == 1


def run_with_system(rows: str, *words: str) -> None:
    call_command("optimize", "--prompt", PROMPT, "--examples", rows, "--preset", "quick", "--json", *words)


def test_a_prompt_may_have_a_system_text(
    rows: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "system.txt"
    file.write_text("You know numbers.\n", encoding="utf-8")
    for given in ("You know numbers.", str(file)):
        run_with_system(rows, "--system", given, "--part", "both")
        said = json.loads(capsys.readouterr().out)
        assert said["settings"]["part"] == "both"
        assert said["original_system_text"] == "You know numbers."
        assert said["messages"][0]["role"] == "system"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--part", "system"], "--part: The prompt has no system text."),
        (["--system", "missing.txt"], "missing.txt cannot be read"),
        (["--system", "Be kind.", "--as-system"], "--as-system: The prompt has a system text of its own"),
        (["--system", "x" * 10_001], "--system: This is 10,001 characters long"),
    ],
)
def test_a_system_text_that_cannot_be_used_is_refused(rows: str, words: list[str], told: str) -> None:
    with pytest.raises(CommandError, match=re.escape(told)) as refused:
        run_with_system(rows, *words)
    assert refused.value.returncode == 2


def test_an_earlier_result_brings_its_system_text(
    rows: str, model: UseModel, capsys: pytest.CaptureFixture[str]
) -> None:
    model(taught_by_system)
    run_with_system(rows, "--system", "You know numbers.", "--part", "system")
    first = OptimizationSession.objects.get()
    found = json.loads(capsys.readouterr().out)["optimized_system_text"]
    assert found != "You know numbers."
    call_command("optimize", "--from", str(first.pk), "--json")
    said = json.loads(capsys.readouterr().out)
    assert said["original_system_text"] == "You know numbers."
    assert said["settings"]["part"] == "system"
    started = Candidate.objects.filter(session=said["session"], operator="earlier result")
    assert found in started.values_list("system_text", flat=True)


# Other models, and the result of an earlier optimization


def optimized(rows: str, capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    call_command("optimize", "--prompt", PROMPT, "--examples", rows, "--preset", "quick", "--json", *words)
    said: dict[str, Any] = json.loads(capsys.readouterr().out)
    return said


@pytest.fixture
def several_models(monkeypatch: pytest.MonkeyPatch) -> None:
    def hosts() -> list[ScriptedHost]:
        host = ScriptedHost(lambda request: "1 2 3" if request.purpose == "speed" else str(world(request)))
        host.facts = [ModelFacts(name, "1") for name in ("scripted", "second", "third", "fourth")]
        return [host]

    monkeypatch.setattr(pools, "hosts", hosts)


@pytest.mark.usefixtures("several_models")
def test_other_models_are_measured_and_told(rows: str, capsys: pytest.CaptureFixture[str]) -> None:
    said = optimized(rows, capsys, "--other-models", "second", "--other-models", "third,second")
    assert said["settings"]["other_models"] == ["second", "third"]
    assert [one["model"] for one in said["other_models"]["models"]] == ["scripted", "second", "third"]
    told = list(result_lines(OptimizationSession.objects.get()))
    assert any(re.match(r"With third: Original \d+ %", line) for line in told)
    assert any(line.startswith("Best for all of them, by the mean of the scores: ") for line in told)


@pytest.mark.usefixtures("several_models")
def test_the_estimate_counts_other_models(rows: str, capsys: pytest.CaptureFixture[str]) -> None:
    def calls(*words: str) -> float:
        call_command("optimize", "--prompt", PROMPT, "--examples", rows, "--estimate", "--json", *words)
        low, high = json.loads(capsys.readouterr().out)["calls"]
        return float(low + high)

    assert calls("--other-models", "second,third,fourth") > calls() + 3 * 32


def test_a_search_starts_from_an_earlier_result(rows: str, capsys: pytest.CaptureFixture[str]) -> None:
    first = optimized(rows, capsys, "--seed", "0", "--temperature", "0", "--patience", "1")
    earlier = OptimizationSession.objects.get()
    call_command("optimize", "--from", str(earlier.pk), "--json")
    said = json.loads(capsys.readouterr().out)
    assert said["started_from"] == earlier.pk
    again = {**first["settings"], "seed": 0}
    assert said["settings"] == again
    session = OptimizationSession.objects.get(pk=said["session"])
    assert session.dataset == earlier.dataset
    assert [one.components for one in earlier.candidates.filter(is_best=True)] == session.starts[:1]
    assert session.candidates.get(number=1).operator == "earlier result"
    assert said["best_score"] >= first["best_score"]


@pytest.mark.usefixtures("several_models")
def test_what_is_given_now_counts_instead(rows: str, capsys: pytest.CaptureFixture[str]) -> None:
    optimized(rows, capsys, "--other-models", "third,fourth")
    earlier = OptimizationSession.objects.get()
    call_command("optimize", "--from", str(earlier.pk), "--model", "third", "--preset", "thorough", "--json",
                 "--iterations", "1")  # fmt: skip
    settings = json.loads(capsys.readouterr().out)["settings"]
    assert (settings["target_model"], settings["optimizer_model"]) == ("third", "third")
    assert settings["other_models"] == ["fourth"]
    assert (settings["preset"], settings["iterations"], settings["rounds"]) == ("thorough", 1, 4)


def refused(*words: str) -> str:
    with pytest.raises(CommandError) as error:
        call_command("optimize", *words)
    assert error.value.returncode == 2
    return str(error.value)


def test_there_must_be_a_result_of_ones_own_to_start_from(
    rows: str, capsys: pytest.CaptureFixture[str], person: User
) -> None:
    stranger = factories.make_session(factories.make_user().personal_workspace)
    for number in (stranger.pk, 10**9):
        assert f"there is no optimization {number}" in refused("--from", str(number))
    nothing = factories.make_session(
        person.personal_workspace,
        status="completed",
        dataset=factories.make_dataset(person.personal_workspace),
    )
    assert "--from: Optimization" in (said := refused("--from", str(nothing.pk)))
    assert "found nothing better" in said
    optimized(rows, capsys)
    earlier = OptimizationSession.objects.latest("pk")
    earlier.dataset = None
    earlier.save()
    assert "--examples: A search that starts from an earlier result needs rows" in refused(
        "--from", str(earlier.pk)
    )
    call_command("optimize", "--from", str(earlier.pk), "--examples", rows, "--estimate")


@pytest.mark.parametrize(
    ("models", "why"),
    [
        ("a,b,c,d", "These are 4 models"),
        ("scripted", "is the target model"),
        ("gone", "There is no model “gone”"),
    ],
)
def test_other_models_that_cannot_be_used_are_refused(
    rows: str, capsys: pytest.CaptureFixture[str], models: str, why: str
) -> None:
    said = refusal(capsys, "--prompt", PROMPT, "--examples", rows, "--other-models", models)
    assert said.startswith("--other-models: ")
    assert why in said


@pytest.mark.usefixtures("several_models")
def test_ctrl_c_while_other_models_run_keeps_the_result(
    rows: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with interrupted(lambda event: isinstance(event, Stage) and event.name == STAGE):
        run_in_text(rows, "--other-models", "third")
    said = capsys.readouterr()
    assert "The result is complete, but not all other models were measured." in said.err
    assert "Better. 16 of 16 rows better" in said.err
    assert "With third: not measured. The optimization ended before its turn." in said.err
    assert said.out.strip() == Prompt.objects.get().optimized
    assert OptimizationSession.objects.get().status == SessionStatus.COMPLETED


def test_what_the_person_prefers_counts_where_nothing_is_given(
    rows: str, person: User, capsys: pytest.CaptureFixture[str]
) -> None:
    save_preferences(
        by=person, default_preset="thorough", default_context="A tea shop.", default_judge_model="scripted"
    )
    settings = optimized(rows, capsys, "--preset", "quick")["settings"]
    assert (settings["preset"], settings["judge_model"]) == ("quick", "scripted")
    assert OptimizationSession.objects.get().prompt.context == "A tea shop."


def test_a_default_that_cannot_be_used_is_said_to_be_one(rows: str, person: User) -> None:
    save_preferences(by=person, default_model="gone:1b")
    installed.keep([ModelFacts("here:1b")])
    said = refused("--prompt", PROMPT, "--examples", rows)
    assert "--model: There is no model “gone:1b” on the server." in said
    assert "This comes from your Settings page: --model." in said
    assert "Settings page" not in refused("--prompt", PROMPT, "--examples", rows, "--model", "lost:1b")
