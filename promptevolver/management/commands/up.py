"""`manage.py up`: the whole product, until Ctrl-C."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import sys
import time
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connections

from optimizer.models import OptimizationSession, SessionStatus
from optimizer.services.accounts import NoAdministratorError, sign_in_link
from promptevolver import product
from promptevolver.embedded import Home, ServiceError, ensure_running, release
from promptevolver.embedded.services.addresses import needed
from promptevolver.embedded.services.home import home_of, open_lock
from promptevolver.migrating import migrate
from promptevolver.public import public_url

NAMES = {"postgres": "PostgreSQL", "valkey": "Valkey", "model": "the model server"}
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Command(BaseCommand):
    help = "Start everything that this installation needs, print a sign-in link, and run until Ctrl-C."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, help="where the pages are served (default: PORT, or 8000)")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["port"]:
            os.environ["PORT"] = str(options["port"])
        home = home_of(os.environ)
        try:
            with only_one(home) as first:
                self.run(home) if first else self.stdout.write(already_running(home))
        except ServiceError as error:
            raise CommandError(str(error)) from error

    def run(self, home: Home) -> None:
        product.end_leftovers(home)
        product.check_port(os.environ)
        product.remember(home, os.environ, [str(host) for host in settings.OLLAMA_HOSTS])
        stop_on_signals()
        try:
            self.bring_up(home)
            self.watch(home)
        except KeyboardInterrupt:
            say("Stopping…")
        finally:
            finish(home)

    def bring_up(self, home: Home) -> None:
        if parts := [NAMES[service.name] for service in needed(home, os.environ)]:
            say(f"Starting {', '.join(parts)}…")
        ensure_running(home, os.environ)
        say("Preparing the database…")
        migrate(home.root)
        call_command("collectstatic", interactive=False, verbosity=0)
        say("Starting the worker, the scheduler and the pages…")
        product.start(home, os.environ)
        say_what_continues()
        entry = entrance(public_url() or product.base_url(os.environ))
        self.stdout.write(f"PromptEvolver is ready: {entry}  (Ctrl-C stops it; logs are in {home.logs})")
        self.stdout.flush()

    def watch(self, home: Home) -> None:
        while True:
            time.sleep(2)
            try:
                for line in product.heal(home, os.environ):
                    say(line)
                    say_what_continues()
            except ServiceError as error:
                say(f"{error} Trying again.")


def say(line: str) -> None:
    """Progress goes beside the output, plain: Django would print it as an error, in red."""
    print(line, file=sys.stderr, flush=True)


def say_what_continues() -> None:
    """Optimizations whose worker was killed; until their lease lapses, nobody may take them."""
    cut = (
        OptimizationSession.objects.exclude(lease_token=None).filter(status=SessionStatus.PROCESSING).count()
    )
    connections.close_all()
    soon = f"within {settings.LEASE_SECONDS} seconds. Nothing is lost."
    if cut == 1:
        say(f"1 optimization that was running continues by itself {soon}")
    elif cut:
        say(f"{cut} optimizations that were running continue by themselves {soon}")


def already_running(home: Home) -> str:
    """Where it runs, with a new sign-in link if it serves pages already, and how to stop it."""
    base = product.last_url(home)
    stop = f"To stop it, press Ctrl-C in its terminal, or run: kill {product.last_process(home)}"
    if not product.healthy(base):
        return f"Already starting: {base}\n{stop}"
    return f"Already running: {entrance(public_url() or base)}\n{stop}"


def entrance(base: str) -> str:
    """The one-time sign-in link; without an administrator the plain address."""
    try:
        return sign_in_link(base)
    except NoAdministratorError:
        return base
    finally:
        connections.close_all()


@contextlib.contextmanager
def only_one(home: Home) -> Iterator[bool]:
    """Whether this is the only `up` of the home; it stays so inside."""
    handle = open_lock(home.root / "up.lock")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield True
    except BlockingIOError:
        yield False
    finally:
        os.close(handle)


def stop_on_signals() -> None:
    """A closed terminal or a plain `kill` ends the program as cleanly as Ctrl-C, even in the background."""

    def stop(number: int, _: Any) -> None:
        raise KeyboardInterrupt

    for name in STOP_SIGNALS:
        signal.signal(name, stop)


def finish(home: Home) -> None:
    """Nothing stays behind, however impatiently Ctrl-C is pressed."""
    for name in STOP_SIGNALS:
        signal.signal(name, signal.SIG_IGN)
    connections.close_all()
    with contextlib.suppress(ServiceError):
        product.stop(home)
    release(home)
