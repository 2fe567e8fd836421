"""The short form of `make check-readme`: what the pages tell people to type and to save is there and right."""

from __future__ import annotations

import configparser
import csv
import importlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandParser, get_commands, load_command_class

from optimizer.files import read_table
from optimizer.forms.optimization import OptimizationForm
from optimizer.models import User
from tests.readme import exceptions
from tests.readme.pages import PAGES, ROOT, commands, files, spans, words

BIN = Path(sys.executable).parent
# Programs that are not ours: their words are checked by nobody here.
OUTSIDE = {"curl", "journalctl", "ollama", "sudo"}
CHEAP = [
    "make help",
    "./manage.py optimize --help",
    'python3 -c "import secrets; print(secrets.token_urlsafe(50))"',
]


def parser_of(command: str) -> CommandParser:
    name = get_commands()[command]
    loaded = load_command_class(name, command) if isinstance(name, str) else name
    return loaded.create_parser("manage.py", command)


def targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def settings_names() -> set[str]:
    """The variables that `.env.example` explains."""
    return set(re.findall(r"^#?([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))


@pytest.mark.parametrize("command", commands())
def test_each_command_and_its_options_exist(command: str) -> None:
    assert set(re.findall(r"\b([A-Z_]+)=", command)) <= settings_names()
    program, *rest = words(command)
    match program:
        case "make":
            assert set(rest) <= targets()
        case "./manage.py" if "--help" in rest:
            parser_of(rest[0])
        case "./manage.py":
            parser_of(rest[0]).parse_args(rest[1:])
        case "python3":
            compile(rest[1], command, "exec")
        case ".venv/bin/python":
            assert rest[0] in files()
        case ".venv/bin/daphne":
            cli = importlib.import_module("daphne.cli").CommandLineInterface()
            cli.parser.parse_args(rest)
        case ".venv/bin/celery":
            assert {word for word in rest if word.startswith("--")} <= celery_options(rest[2])
        case _:
            assert program in OUTSIDE


def celery_options(command: str) -> set[str]:
    found = getattr(importlib.import_module(f"celery.bin.{command}"), command)
    return {option for parameter in found.params for option in parameter.opts}


def words_of(text: str) -> list[str]:
    return re.findall(r"--[a-z-]+", text)


@pytest.mark.parametrize("page", PAGES)
def test_each_option_and_variable_in_the_text_exists(page: str) -> None:
    known = set(words_of(parser_of("optimize").format_help())) | celery_options("worker")
    for span in spans(page):
        if span.startswith("--"):
            assert span.split()[0] in known, span
        if found := re.match(r"([A-Z]+_[A-Z_]+)(=|$)", span):
            assert found[1] in settings_names() | {"PROMPTEVOLVER_HOME"}, span


def test_each_exception_is_still_needed() -> None:
    typed = commands()
    for start in (*exceptions.NOT_RUN, *exceptions.SERVERS, *exceptions.CONFIGURED):
        assert any(command.startswith(start) for command in typed), start
    assert set(files()) >= exceptions.NOT_SAVED
    assert any(exceptions.OLLAMA in command for command in typed)
    assert exceptions.MODEL in files()["ask.py"]


@pytest.mark.parametrize("command", CHEAP)
def test_cheap_commands_run_as_they_are_written(command: str) -> None:
    done = subprocess.run(
        command, shell=True, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_the_rows_and_the_prompt_can_be_optimized(user: User) -> None:
    saved = files()
    assert len(list(csv.reader(saved["rows.csv"].splitlines()))) == 11
    assert len(read_table(saved["rows.csv"], "rows.csv").rows) == 10
    form = OptimizationForm(
        {"prompt": saved["prompt.txt"], "rows": saved["rows.csv"], "grader": "exact"}, user=user
    )
    assert form.is_valid(), form.errors


def test_the_request_and_the_program_are_well_formed() -> None:
    request = json.loads(files()["request.json"])
    assert [message["role"] for message in request["messages"]] == ["user", "assistant", "user"]
    compile(files()["ask.py"], "ask.py", "exec")


def test_the_modelfile_has_instructions_that_ollama_knows() -> None:
    lines = files()["Modelfile"].splitlines()
    assert {line.split()[0] for line in lines} == {"FROM", "PARAMETER", "SYSTEM", "MESSAGE"}
    roles = [line.split()[1] for line in lines if line.startswith("MESSAGE")]
    assert roles == ["user", "assistant"] * (len(roles) // 2)


def test_the_settings_of_a_deployment_are_known_and_enough() -> None:
    named = dict(line.split("=", 1) for line in files()[".env"].splitlines())
    assert set(named) <= settings_names()
    script = "import django; django.setup(); from promptevolver.public import public_url; print(public_url())"
    environ = {**os.environ, **named, "DJANGO_SETTINGS_MODULE": "promptevolver.settings"}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environ, capture_output=True, text=True, check=True
    )
    assert done.stdout == "https://your.host\n"


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit as a file, for this checkout and this user."""
    text = files()["promptevolver.service"].replace("/srv/promptevolver/.venv/bin", str(BIN))
    path = tmp_path / "promptevolver.service"
    path.write_text(text.replace("/srv/promptevolver", str(ROOT)).replace("User=promptevolver", "User=root"))
    return path


def test_the_unit_starts_a_command_that_exists(unit: Path) -> None:
    parsed = configparser.ConfigParser(strict=True)
    parsed.optionxform = str  # type: ignore[assignment,method-assign]
    parsed.read_string(unit.read_text())
    program, script, command = parsed["Service"]["ExecStart"].split()
    assert os.access(program, os.X_OK)
    assert (ROOT / script).exists()
    assert command in get_commands()


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="there is no systemd here")
def test_systemd_takes_the_unit(unit: Path) -> None:
    command = ["systemd-analyze", "verify", "--man=no", str(unit)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    ours = [line for line in done.stderr.splitlines() if unit.name in line]
    assert ours == []


def test_the_oldest_postgresql_is_what_django_says() -> None:
    from django.db import connection

    (oldest,) = connection.features.minimum_database_version or (0,)
    for page in PAGES:
        assert f"PostgreSQL {oldest} or newer" in (ROOT / page).read_text()


def test_the_scheduler_leaves_nothing_in_the_checkout() -> None:
    assert Path(settings.CELERY_BEAT_SCHEDULE_FILENAME).is_relative_to(settings.HOME)


@pytest.mark.parametrize("page", PAGES)
def test_lines_are_short(page: str) -> None:
    assert [line for line in (ROOT / page).read_text().splitlines() if len(line) >= 120] == []
