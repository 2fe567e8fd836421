"""Optimize one prompt from the terminal: the same session, through the same code, in this process."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from optimizer import progress, tasks
from optimizer.engine import TaskRefused
from optimizer.engine.graders import GRADER_NAMES
from optimizer.forms.optimization import OptimizationForm
from optimizer.management.reading import bad_input, grader_fault, lines, option, percent, read, rows_of
from optimizer.management.terminal import ProgressBar, plain
from optimizer.models import OptimizationSession, Preset, SessionStatus, User
from optimizer.sample import sample_form_data
from optimizer.services.accounts import administrator
from optimizer.services.choices import Choices
from optimizer.services.estimates import Forecast, forecast
from optimizer.services.optimizations import start_optimization, stop_optimization

PASSED_ON = (
    "context", "preset", "grader", "rubric", "tolerance", "choice_list", "threshold", "iterations", "rounds",
    "temperature", "max_tokens", "target_model", "optimizer_model", "max_calls", "token_budget", "max_minutes",
    "target_score", "patience", "seed",
)  # fmt: skip
NOTHING_TO_TELL = "What it takes cannot be told beforehand."


class Command(BaseCommand):
    help = "Improve a prompt; print the optimized prompt. Exit status: 0 done, 1 failed, 2 bad input."

    def add_arguments(self, parser: CommandParser) -> None:
        source = parser.add_mutually_exclusive_group(required=True)
        source.add_argument("--prompt", help="the prompt itself")
        source.add_argument("--file", help="a file with the prompt; - for standard input")
        source.add_argument("--sample", action="store_true", help="the sample that the home page offers")
        source.add_argument("--resume", type=int, metavar="ID", help="go on with a stopped optimization")
        parser.add_argument("--context", help="what the prompt is for")
        self._add_grading(parser)
        self._add_search(parser)
        self._add_limits(parser)
        parser.add_argument(
            "--user", metavar="EMAIL", help="whose optimization it is; default: the administrator's"
        )
        parser.add_argument(
            "--estimate", action="store_true", help="print what it will take, and start nothing"
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object instead of text")

    def _add_grading(self, parser: CommandParser) -> None:
        parser.add_argument("--examples", metavar="FILE", help="rows with answers: .jsonl, .json or .csv")
        parser.add_argument("--grader", choices=GRADER_NAMES)
        parser.add_argument("--rubric", metavar="TEXT", help="what a good answer has; for the rubric grader")
        parser.add_argument(
            "--threshold",
            type=float,
            metavar="SCORE",
            help="0 to 1; answers that the rubric scores below are wrong",
        )
        parser.add_argument(
            "--tolerance", type=float, help="how far off a number may be; for the numeric grader"
        )
        parser.add_argument(
            "--choices", dest="choice_list", type=lines, action="extend", metavar="A,B",
            help="what may be answered, comma-separated or given several times; for the choice grader",
        )  # fmt: skip

    def _add_search(self, parser: CommandParser) -> None:
        parser.add_argument("--preset", choices=Preset.values)
        parser.add_argument("--iterations", type=int)
        parser.add_argument("--rounds", type=int)
        parser.add_argument(
            "--temperature", type=float, help="of the rewrites; answers are always scored at 0"
        )
        parser.add_argument("--max-tokens", type=int, help="of one answer")
        parser.add_argument("--model", dest="target_model", help="runs the prompt")
        parser.add_argument("--optimizer-model", help="rewrites the prompt")
        parser.add_argument("--seed", type=int)

    def _add_limits(self, parser: CommandParser) -> None:
        parser.add_argument("--max-calls", type=int, help="hard limit on model calls")
        parser.add_argument(
            "--max-total-tokens", dest="token_budget", type=int, metavar="TOKENS",
            help="hard limit on the tokens of the whole run, in and out",
        )  # fmt: skip
        parser.add_argument("--max-minutes", type=float, help="hard limit on minutes of model work")
        parser.add_argument(
            "--target-score", type=float, metavar="SCORE", help="0 to 1; the search ends once it is reached"
        )
        parser.add_argument("--patience", type=int, help="rounds without anything better that end the search")

    def handle(self, *args: Any, **options: Any) -> None:
        if "postgres" in settings.EMBEDDED:
            call_command("migrate", interactive=False, verbosity=0)
        tasks.refresh_models()
        user = self._user(options["user"])
        choices = self._choices(user, options) if options["resume"] is None else None
        if choices:
            estimate = self._estimate(choices)
            if options["estimate"]:
                return self._tell(estimate, as_json=options["json"])
            self.stderr.write(str(estimate or NOTHING_TO_TELL))
        run = self._run(user, choices, options)
        try:
            with ProgressBar(sys.stderr) as bar:
                tasks.work(run, bar.show)
        except KeyboardInterrupt:
            self._interrupted(run, user)
        return self._print(run.session, as_json=options["json"])

    def _choices(self, user: User, options: dict[str, Any]) -> Choices:
        typed = self._typed(options)
        if fault := grader_fault(typed):
            raise bad_input(fault)
        form = OptimizationForm(typed, user=user)
        if not form.is_valid():
            raise bad_input(
                "\n".join(f"{option(name)}: {' '.join(map(str, said))}" for name, said in form.errors.items())
            )
        return form.choices()

    def _estimate(self, choices: Choices) -> Forecast | None:
        """What it will take, by the model's measured speed; measured now where nobody did."""
        try:
            estimate = forecast(choices)
            if estimate and estimate.model and estimate.minutes is None:
                tasks.measure_speed(estimate.model)
                estimate = forecast(choices)
        except TaskRefused as error:
            raise bad_input(str(error)) from error
        return estimate

    def _run(self, user: User, choices: Choices | None, options: dict[str, Any]) -> progress.Run:
        """The session, claimed before a worker can."""
        with transaction.atomic():
            session = (
                start_optimization(by=user, choices=choices) if choices else self._resumed(user, options)
            )
            run = progress.claim(session.pk)
        _refuse_waiting(session)
        if run is None:
            raise CommandError(f"Optimization {session.pk} is being worked on elsewhere.", returncode=1)
        return run

    def _resumed(self, user: User, options: dict[str, Any]) -> OptimizationSession:
        sessions = OptimizationSession.objects.visible_to(user).filter(pk=options["resume"])
        session: OptimizationSession | None = sessions.first()
        if ignored := [option(name) for name in (*PASSED_ON, "examples") if options[name] is not None]:
            raise bad_input(f"--resume goes on with the same settings; leave out: {', '.join(ignored)}.")
        if options["estimate"]:
            raise bad_input("--estimate is for what has not been started; leave out --resume.")
        if session is None or not progress.reopen(session.pk):
            raise bad_input(f"There is no stopped or failed optimization {options['resume']} to go on with.")
        session.refresh_from_db()
        return session

    def _typed(self, options: dict[str, Any]) -> dict[str, Any]:
        given = {name: options[name] for name in PASSED_ON if options[name] is not None}
        for name in {"threshold", "target_score"} & given.keys():
            given[name] = percent(name, given[name])
        if "choice_list" in given:
            given["choice_list"] = "\n".join(given["choice_list"])
        if options["sample"]:
            return {**sample_form_data(), **given}
        rows = rows_of(options["examples"]) if options["examples"] else ""
        prompt = read(options["file"]) if options["prompt"] is None else options["prompt"]
        return {"prompt": prompt, "rows": rows, **given}

    def _user(self, email: str | None) -> User:
        if email is None:
            return administrator()
        user = User.objects.filter(email__iexact=email).first()
        if user is None:
            raise bad_input(f"There is no user {email}.")
        return user

    def _interrupted(self, run: progress.Run, user: User) -> None:
        stop_optimization(session=run.session, by=user)
        run.stop()
        self.stderr.write(f"Stopped. Go on with: ./manage.py optimize --resume {run.session.pk}")

    def _tell(self, estimate: Forecast | None, *, as_json: bool) -> None:
        if estimate is None:
            raise CommandError(NOTHING_TO_TELL, returncode=1)
        self.stdout.write(json.dumps(asdict(estimate)) if as_json else str(estimate))

    def _print(self, session: OptimizationSession, *, as_json: bool) -> None:
        session.refresh_from_db()
        _refuse_waiting(session)
        if session.is_active:
            raise CommandError(
                f"Optimization {session.pk} goes on elsewhere; its page shows it.", returncode=1
            )
        if as_json:
            self.stdout.write(json.dumps(summary(session), ensure_ascii=False))
        elif session.status != SessionStatus.FAILED:
            self.stdout.write(plain(result_text(session), self.stdout.isatty()))
        if session.status == SessionStatus.FAILED:
            raise CommandError(session.error_message, returncode=1)


def _refuse_waiting(session: OptimizationSession) -> None:
    if session.awaits_approval:
        raise CommandError(
            f"Optimization {session.pk} waits on its page for you to approve of its test inputs.",
            returncode=1,
        )


def result_text(session: OptimizationSession) -> str:
    """The best text there is: the original where nothing better was found."""
    return session.prompt.optimized or session.prompt.original


def summary(session: OptimizationSession) -> dict[str, Any]:
    """What `--json` prints."""
    best = session.candidates.filter(is_best=True).first()
    comparison = session.results.get("comparison")
    return {
        "session": session.pk,
        "status": session.status,
        "finish_reason": session.error_message or session.finish_reason,
        "original": session.prompt.original,
        "optimized": result_text(session),
        "messages": best.messages if best else [],
        "kept_original": session.kept_original,
        "quality_score": session.quality_score,
        "score_kind": session.score_kind,
        "baseline_score": session.baseline_score,
        "best_score": session.best_score,
        "interval": [comparison["low"], comparison["high"]] if comparison else None,
        "metrics": session.results.get("metrics"),
        "improvements": session.results.get("improvements", []),
        "calls": session.calls,
        "calls_reused": session.calls_reused,
        "prompt_tokens": session.prompt_tokens,
        "completion_tokens": session.completion_tokens,
        "estimate": session.estimate,
        "seconds": round((session.processing_time_ms or 0) / 1000, 1),
    }
