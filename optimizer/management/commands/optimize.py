"""Optimize one prompt from the terminal: the same session, through the same code, in this process."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from optimizer import progress, tasks
from optimizer.engine.graders import GRADER_NAMES
from optimizer.forms.optimization import OptimizationForm
from optimizer.management.terminal import ProgressBar, plain
from optimizer.models import OptimizationSession, Preset, SessionStatus, User
from optimizer.sample import sample_form_data
from optimizer.services.accounts import administrator
from optimizer.services.datasets import parse_rows
from optimizer.services.optimizations import start_optimization, stop_optimization

BAD_INPUT = 2
PASSED_ON = (
    "context", "preset", "grader", "iterations", "rounds", "temperature", "max_tokens",
    "target_model", "optimizer_model", "max_calls", "seed",
)  # fmt: skip


class Command(BaseCommand):
    help = "Improve a prompt; print the optimized prompt. Exit status: 0 done, 1 failed, 2 bad input."

    def add_arguments(self, parser: CommandParser) -> None:
        source = parser.add_mutually_exclusive_group(required=True)
        source.add_argument("--prompt", help="the prompt itself")
        source.add_argument("--file", help="a file with the prompt; - for standard input")
        source.add_argument("--sample", action="store_true", help="the sample that the home page offers")
        source.add_argument("--resume", type=int, metavar="ID", help="go on with a stopped optimization")
        parser.add_argument("--context", help="what the prompt is for")
        parser.add_argument("--examples", metavar="FILE", help="rows with answers: .jsonl, .json or .csv")
        parser.add_argument("--grader", choices=GRADER_NAMES)
        parser.add_argument("--preset", choices=Preset.values)
        parser.add_argument("--iterations", type=int)
        parser.add_argument("--rounds", type=int)
        parser.add_argument(
            "--temperature", type=float, help="of the rewrites; answers are always scored at 0"
        )
        parser.add_argument("--max-tokens", type=int, help="of one answer")
        parser.add_argument("--model", dest="target_model", help="runs the prompt")
        parser.add_argument("--optimizer-model", help="rewrites the prompt")
        parser.add_argument("--max-calls", type=int, help="hard limit on model calls")
        parser.add_argument("--seed", type=int)
        parser.add_argument(
            "--user", metavar="EMAIL", help="whose optimization it is; default: the administrator's"
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object instead of the prompt")

    def handle(self, *args: Any, **options: Any) -> None:
        if "postgres" in settings.EMBEDDED:
            call_command("migrate", interactive=False, verbosity=0)
        tasks.refresh_models()
        user = self._user(options["user"])
        run = self._run(user, options)
        try:
            with ProgressBar(sys.stderr) as bar:
                tasks.work(run, bar.show)
        except KeyboardInterrupt:
            self._interrupted(run, user)
        self._print(run.session, as_json=options["json"])

    def _run(self, user: User, options: dict[str, Any]) -> progress.Run:
        """The session, claimed before a worker can."""
        with transaction.atomic():
            session = self._resumed(user, options) or self._started(user, options)
            run = progress.claim(session.pk)
        if run is None:
            raise CommandError(f"Optimization {session.pk} is being worked on elsewhere.", returncode=1)
        return run

    def _resumed(self, user: User, options: dict[str, Any]) -> OptimizationSession | None:
        if options["resume"] is None:
            return None
        sessions = OptimizationSession.objects.visible_to(user).filter(pk=options["resume"])
        session: OptimizationSession | None = sessions.first()
        if ignored := [name for name in (*PASSED_ON, "examples") if options[name] is not None]:
            raise bad_input(f"--resume goes on with the same settings; leave out: {', '.join(ignored)}.")
        if session is None or not progress.reopen(session.pk):
            raise bad_input(f"There is no stopped or failed optimization {options['resume']} to go on with.")
        return session

    def _started(self, user: User, options: dict[str, Any]) -> OptimizationSession:
        form = OptimizationForm(self._typed(options), user=user)
        if not form.is_valid():
            raise bad_input(
                "\n".join(f"{name}: {' '.join(map(str, texts))}" for name, texts in form.errors.items())
            )
        return start_optimization(by=user, choices=form.choices())

    def _typed(self, options: dict[str, Any]) -> dict[str, Any]:
        given = {name: options[name] for name in PASSED_ON if options[name] is not None}
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
        self.stderr.write(f"Stopped. Go on with: manage.py optimize --resume {run.session.pk}")

    def _print(self, session: OptimizationSession, *, as_json: bool) -> None:
        session.refresh_from_db()
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


def bad_input(text: str) -> CommandError:
    """An error that ends the command with exit status 2."""
    return CommandError(text, returncode=BAD_INPUT)


def rows_of(name: str) -> str:
    """The rows of a file, as JSONL for the form, which checks them again."""
    try:
        rows = parse_rows(read_bytes(name, at_most=settings.DATASET_MAX_BYTES), name)
    except ValidationError as error:
        raise bad_input("\n".join(f"{name}: {message}" for message in error.messages)) from error
    return "\n".join(json.dumps({"input": given, "expected": expected}) for given, expected in rows)


def read_bytes(name: str, *, at_most: int = 2**20) -> bytes:
    """The content of a file, or of standard input for -."""
    try:
        if name == "-":
            return sys.stdin.buffer.read(at_most + 1)
        with Path(name).open("rb") as file:
            return file.read(at_most + 1)
    except OSError as error:
        raise bad_input(f"{name} cannot be read: {error.strerror}.") from error


def read(name: str) -> str:
    """The text of a file, or of standard input for -."""
    try:
        return read_bytes(name).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise bad_input(f"{name} is not UTF-8 text. Save it as UTF-8 and try again.") from error


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
        "seconds": round((session.processing_time_ms or 0) / 1000, 1),
    }
