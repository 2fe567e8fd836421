"""The house's one rule: a module imports only what stands to its right, or what it points at."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
APP = ROOT / "optimizer"

# Each part, and the parts of the application that it may import.
EVERYWHERE = {"counts"}  # how words are counted
MAY_IMPORT = {
    "counts": set(),
    "llm": set(),
    "engine": {"llm"},
    "files": {"engine"},
    "models": {"files", "engine"},
    "topics": set(),
    "sample": set(),
    "briefing": {"models", "engine", "files", "llm"},
    "verdicts": {"counts", "models", "engine"},
    "installed": {"llm"},
    "cautions": {"installed", "models", "llm"},
    "speeds": {"installed", "models", "engine", "llm"},
    "services": {"briefing", "installed", "speeds", "models", "topics", "engine", "files"},
    "progress": {"briefing", "models", "topics", "engine", "llm"},
    "tasks": {"progress", "briefing", "installed", "speeds", "engine", "llm", "models"},
    "forms": {"briefing", "files", "installed", "services", "models", "engine", "llm"},
    "templatetags": {"models", "services", "engine"},
    "views": {
        "briefing",
        "cautions",
        "files",
        "forms",
        "installed",
        "services",
        "models",
        "progress",
        "sample",
        "topics",
        "engine",
        "verdicts",
    },
    "middleware": {"views"},
    "live": {"views", "models", "topics"},
    "routing": {"live"},
    "urls": {"views"},
    "accounts": {"services", "models"},
    "signals": {"services", "models", "topics"},
    "admin": {"models", "services"},
    "management": {
        "cautions",
        "forms",
        "services",
        "models",
        "progress",
        "tasks",
        "sample",
        "engine",
        "llm",
        "verdicts",
    },
    "apps": {"signals"},
}
WRITES = {
    "save",
    "create",
    "update",
    "delete",
    "bulk_create",
    "bulk_update",
    "get_or_create",
    "update_or_create",
}


def modules(part: Path) -> Iterator[tuple[Path, ast.Module]]:
    for path in [part.with_suffix(".py")] if part.with_suffix(".py").exists() else part.rglob("*.py"):
        yield path, ast.parse(path.read_text())


def imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def parts() -> set[str]:
    found = {path.stem for path in APP.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    return found - {"__init__", "migrations", "data"}


def test_every_part_is_in_the_picture() -> None:
    assert parts() == set(MAY_IMPORT)


@pytest.mark.parametrize("part", sorted(MAY_IMPORT))
def test_a_part_imports_only_what_it_points_at(part: str) -> None:
    for path, tree in modules(APP / part):
        for name in imported(tree):
            if name.startswith("optimizer.") and (other := name.split(".")[1]) != part:
                assert other in MAY_IMPORT[part] | EVERYWHERE, f"{path.relative_to(ROOT)} imports {name}"


@pytest.mark.parametrize("part", ["counts", "engine", "files", "llm"])
def test_the_engine_and_the_models_clients_are_plain_python(part: str) -> None:
    names = {name.split(".")[0] for _, tree in modules(APP / part) for name in imported(tree)}
    assert not names & {"django", "celery", "channels", "promptevolver"}


def test_importing_the_engine_does_not_import_django() -> None:
    code = "import sys, optimizer.engine, optimizer.llm.ollama, optimizer.llm.pool; sys.exit('django' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_only_llm_speaks_to_ollama() -> None:
    for path, tree in modules(APP):
        if "llm" not in path.parts:
            assert "ollama" not in {name.split(".")[0] for name in imported(tree)}, path


def test_only_settings_read_the_environment() -> None:
    hides_it = APP / "llm" / "client.py"  # from a package that reads it when it is imported
    for path, _ in modules(APP):
        assert path == hides_it or not re.search(r"os\.environ|os\.getenv|getenv\(", path.read_text()), path


@pytest.mark.parametrize("part", ["views", "forms", "live", "templatetags"])
def test_pages_write_only_through_services(part: str) -> None:
    for path, tree in modules(APP / part):
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in WRITES
            ):
                called = ast.unparse(node.func)
                assert "objects" not in called, f"{path.relative_to(ROOT)}:{node.lineno} {called}"


@pytest.mark.parametrize("part", ["views", "live"])
def test_pages_fetch_only_what_is_visible(part: str) -> None:
    """But for live regions, which render once for all who watch: each watcher was checked when it subscribed."""
    owned = r"(Prompt|OptimizationSession|Dataset|PromptTemplate)\.objects"
    for path, _ in modules(APP / part):
        for found in re.finditer(owned + r"\s*\.(\w+)", path.read_text()):
            assert found[2] == "visible_to" or path.name == "regions.py", (
                f"{path.relative_to(ROOT)}: {found[0]}"
            )
