"""Optimize one prompt from the terminal: the same session, through the same code, in this process."""

from __future__ import annotations

import json
import sys
from contextlib import nullcontext, suppress
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from optimizer import cautions
from optimizer.brief import MODELS
from optimizer.counts import counted
from optimizer.engine import TaskRefusedError
from optimizer.engine.events import Event
from optimizer.engine.variables import in_braces
from optimizer.forecasts import Forecast
from optimizer.forms.optimization import OptimizationForm
from optimizer.management.arguments import PASSED_ON, add_arguments
from optimizer.management.giving_up import GivingUp
from optimizer.management.interruption import Interruption
from optimizer.management.people import user_called
from optimizer.management.reading import (
    SHARES,
    adapted,
    bad_input,
    faults,
    grader_fault,
    option,
    percent,
    read,
    rows_file,
    text_or_file,
    typed_of,
    unknown_literals,
)
from optimizer.management.telling import result_lines, result_text, summary
from optimizer.management.terminal import ProgressBar, plain
from optimizer.models import OptimizationSession, SessionStatus, User
from optimizer.sample import sample_form_data
from optimizer.services.choices import Choices
from optimizer.services.estimates import forecast, forecast_comparison
from optimizer.services.optimizations import resume_optimization, start_optimization, stop_optimization
from optimizer.services.preferences import preference_of
from optimizer.services.results import compare_stopped
from optimizer.worker import measuring
from optimizer.worker.claiming import claim
from optimizer.worker.loop import work
from optimizer.worker.run import Run
from promptevolver.migrating import migrate

ONLY_OTHERS = "The result is complete, but not all other models were measured."
NOTHING_TO_TELL = "The cost cannot be estimated for this one."


class Command(BaseCommand):
    help = (
        "Improve a prompt; print the optimized prompt. "
        "Exit status: 0 done, 1 failed, 2 bad input, 129 or 143 ended by a signal."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        if "postgres" in settings.EMBEDDED:
            migrate(settings.HOME)
        measuring.refresh_models()
        user = user_called(options["user"])
        if options["resume"] is None and options["compare_only"]:
            raise bad_input("--compare-only needs --resume ID of an optimization that was stopped.")
        if options["resume"] is not None:
            self._refuse_settings(options)
        choices = self._choices(user, options) if options["resume"] is None else None
        if choices:
            estimate = self._estimate(choices)
            if options["estimate"]:
                return self._tell(estimate, as_json=options["json"])
            self._say(str(estimate or NOTHING_TO_TELL))
            chosen = choices.settings
            self._caution(cautions.before(*(chosen[name] for name in MODELS), others=chosen["other_models"]))
        elif options["compare_only"] and self._told_of_comparison(user, options):
            return None
        run = self._run(user, choices, options)
        if choices is None:
            self._caution(cautions.of(run.session))
        signalled = self._work(run, user)
        with suppress(OSError) if signalled else nullcontext():  # the terminal may be gone
            self._print(run.session, as_json=options["json"])
        if signalled:
            sys.exit(128 + signalled)
        return None

    def _work(self, run: Run, user: User) -> int:
        """Work to the end; the number of a signal that ended it, 0 for none and for Ctrl-C."""
        giving_up = GivingUp(run.session.pk)
        with Interruption() as interruption:
            try:
                with ProgressBar(sys.stderr) as bar:

                    def watch(event: Event) -> None:
                        bar.show(event)
                        giving_up.watch(event)
                        interruption.watch(event)

                    work(run, watch)
            except KeyboardInterrupt as interrupt:
                self._interrupted(run, user)
                return interrupt.args[0] if interrupt.args else 0
        if giving_up.ended and not run.recorder.result:
            raise CommandError(giving_up.ended, returncode=1)
        return 0

    def _told_of_comparison(self, user: User, options: dict[str, Any]) -> bool:
        """Print what the comparison takes. Returns whether that was all that was asked for."""
        session = self._stopped(user, options)
        estimate = forecast_comparison(session)
        if options["estimate"]:
            self._tell(estimate, as_json=options["json"])
        else:
            self._say(str(estimate or NOTHING_TO_TELL))
        return bool(options["estimate"])

    def _stopped(self, user: User, options: dict[str, Any]) -> OptimizationSession:
        """The stopped session whose best can be compared."""
        number = options["resume"]
        found = OptimizationSession.objects.visible_to(user).filter(pk=number).first()
        session: OptimizationSession | None = found
        if session is None:
            raise bad_input(f"There is no optimization {number}.")
        if not session.comparable:
            raise bad_input(
                f"Optimization {number} cannot be compared. Choose one that was stopped after something better was "
                "found, and that has no verdict yet."
            )
        return session

    def _choices(self, user: User, options: dict[str, Any]) -> Choices:
        typed = self._typed(user, options)
        if fault := grader_fault(typed):
            raise bad_input(fault)
        files = {"rows_file": rows_file(options["examples"])} if options["examples"] else {}
        form = OptimizationForm(typed, files, user=user)
        if not form.is_valid():
            raise bad_input(faults(form, preferred=self._preferred(user, options)))
        if unknown := unknown_literals(form):
            raise bad_input(f"--literal {unknown[0]}: the prompt has no {in_braces(unknown[0])}.")
        self._tell_rows(form)
        return form.choices()

    def _tell_rows(self, form: OptimizationForm) -> None:
        """Print how the rows were read: a terminal has no preview."""
        if form.table and form.binding:
            rows = counted(len(form.table.rows), "row")
            told = [f"{rows}: {form.binding.in_words(form.table, apart=form.sends_apart)}", *form.table.notes]
            told += [*form.binding.blanks(form.table), *form.warnings]
            self._say("\n".join(told))

    def _estimate(self, choices: Choices) -> Forecast | None:
        """What it will take, by the model's measured speed; measured now if nobody did lately."""
        try:
            estimate = forecast(choices)
            if estimate and estimate.lacking:
                for model in estimate.lacking:
                    measuring.measure_speed(model)
                estimate = forecast(choices)
        except TaskRefusedError as error:
            raise bad_input(str(error)) from error
        return estimate

    def _say(self, text: str) -> None:
        """Print beside the result. Django would write it in red, as if it were an error."""
        self.stderr.write(text, style_func=str)

    def _caution(self, lines: list[str]) -> None:
        """What to know of the models: a terminal has no page that says it."""
        for line in lines:
            self._say(line)

    def _run(self, user: User, choices: Choices | None, options: dict[str, Any]) -> Run:
        """The session, claimed before a worker can."""
        with transaction.atomic():
            session = self._session(user, choices, options)
            run = claim(session.pk)
        _refuse_waiting(session)
        if run is None:
            raise CommandError(f"Optimization {session.pk} is running elsewhere.", returncode=1)
        return run

    def _session(self, user: User, choices: Choices | None, options: dict[str, Any]) -> OptimizationSession:
        if choices:
            return start_optimization(by=user, workspace=user.personal_workspace, choices=choices)
        if not options["compare_only"]:
            return self._resumed(user, options)
        session = self._stopped(user, options)
        try:
            compare_stopped(session=session, by=user)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages), returncode=1) from error
        return session

    @staticmethod
    def _refuse_settings(options: dict[str, Any]) -> None:
        """An optimization that continues keeps its settings."""
        if ignored := [option(name) for name in (*PASSED_ON, "examples") if options[name] is not None]:
            raise bad_input(f"--resume continues with the same settings; leave out: {', '.join(ignored)}.")
        if options["estimate"] and not options["compare_only"]:
            raise bad_input("--estimate works only before the start; leave out --resume.")

    def _resumed(self, user: User, options: dict[str, Any]) -> OptimizationSession:
        sessions = OptimizationSession.objects.visible_to(user).filter(pk=options["resume"])
        session: OptimizationSession | None = sessions.first()
        if session is None or not resume_optimization(session=session, by=user, here=True):
            raise bad_input(f"There is no stopped or failed optimization {options['resume']} to continue.")
        session.refresh_from_db()
        return session

    def _typed(self, user: User, options: dict[str, Any]) -> dict[str, Any]:
        given = {name: options[name] for name in PASSED_ON if options[name] is not None}
        for name in SHARES & given.keys():
            given[name] = percent(name, given[name])
        if "system_text" in given:
            given["system_text"] = text_or_file(given["system_text"])
        if "choice_list" in given:
            given["choice_list"] = "\n".join(given["choice_list"])
        preferred = self._preferred(user, options)
        if options["sample"]:
            return {**preferred, **sample_form_data(), **given}
        if options["continues"] is not None:
            return self._continued(user, options, given)
        prompt = read(options["file"]) if options["prompt"] is None else options["prompt"]
        return {**preferred, "prompt": prompt, **given}

    @staticmethod
    def _preferred(user: User, options: dict[str, Any]) -> dict[str, str]:
        """What the person set as their defaults, where the command line says nothing. What starts from an earlier
        optimization takes over its settings instead."""
        if options["continues"] is not None:
            return {}
        preferred = preference_of(user).defaults
        return {name: value for name, value in preferred.items() if options[name] is None}

    @staticmethod
    def _continued(user: User, options: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
        """What an earlier optimization was asked for, with what is given now instead."""
        number = options["continues"]
        found: OptimizationSession | None = (
            OptimizationSession.objects.visible_to(user).filter(pk=number).first()
        )
        if found is None:
            raise bad_input(f"--from: there is no optimization {number} that you may start from.")
        typed = typed_of(found, user)
        if options["examples"]:
            typed.pop("dataset", None)
        return typed | adapted(typed, given) | given

    def _interrupted(self, run: Run, user: User) -> None:
        stop_optimization(session=run.session, by=user)
        run.stop()
        again = f"Continue with: ./manage.py optimize --resume {run.session.pk}"
        with suppress(OSError):  # the terminal may be gone
            self._say(f"Stopped. {ONLY_OTHERS if run.recorder.result else again}")

    def _tell(self, estimate: Forecast | None, *, as_json: bool) -> None:
        if estimate is None:
            raise CommandError(NOTHING_TO_TELL, returncode=1)
        self.stdout.write(json.dumps(estimate.kept()) if as_json else str(estimate))

    def _print(self, session: OptimizationSession, *, as_json: bool) -> None:
        session.refresh_from_db()
        _refuse_waiting(session)
        if session.is_active:
            raise CommandError(
                f"Optimization {session.pk} continues elsewhere; its page shows it.", returncode=1
            )
        if as_json:
            self.stdout.write(json.dumps(summary(session), ensure_ascii=False))
        elif session.status != SessionStatus.FAILED:
            self.stdout.write(plain(result_text(session), self.stdout.isatty()))
            self.stdout.flush()
            self._say("\n".join(result_lines(session)))
        if session.status == SessionStatus.FAILED:
            again = f"To try again: ./manage.py optimize --resume {session.pk}"
            raise CommandError(f"{session.error_message}\n{again}", returncode=1)


def _refuse_waiting(session: OptimizationSession) -> None:
    if session.awaits_approval:
        raise CommandError(
            f"Optimization {session.pk} waits on its page for you to approve its test inputs.",
            returncode=1,
        )
