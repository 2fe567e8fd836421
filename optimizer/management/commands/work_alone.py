"""Work on one claimed optimization in this process. A worker starts it for one at which workers died."""

from __future__ import annotations

import signal
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandParser

from optimizer.worker import loop
from optimizer.worker.alone import work_as_child


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("session", type=int)
        parser.add_argument("token", type=UUID, help="of the claim")

    def handle(self, *args: Any, **options: Any) -> None:
        signal.signal(signal.SIGTERM, lambda *_: loop.shutting_down.set())
        work_as_child(options["session"], options["token"])
