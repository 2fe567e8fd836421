"""`manage.py serve_model`: the embedded model server in the foreground."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from promptevolver.embedded.model import server
from promptevolver.embedded.model.gguf import NotGGUFError
from promptevolver.embedded.model.weights import NoModelError, load_model


class Command(BaseCommand):
    help = "Serve the embedded model over Ollama's HTTP API until Ctrl-C."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=11434)
        parser.add_argument("--parallel", type=server.count, default=settings.EMBEDDED_PARALLEL)
        parser.add_argument("--model", default=settings.EMBEDDED_MODEL, metavar="PATH.gguf")
        parser.add_argument("--ctx", type=int, default=settings.EMBEDDED_CONTEXT, metavar="TOKENS")

    def handle(self, *args: Any, **options: Any) -> None:
        path = Path(options["model"]) if options["model"] else None
        try:
            listener = server.listen(options["host"], options["port"])
            server.serve(listener, load_model(path, window=options["ctx"]), slots=options["parallel"])
        except (server.ListenError, NoModelError, NotGGUFError) as problem:
            raise CommandError(str(problem)) from problem
