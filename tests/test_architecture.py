"""The house's one rule: a module imports only what stands to its right, or what it points at."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Container, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from importlib.util import resolve_name
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
    "brief": {"engine"},
    "files": {"engine"},
    "models": {"brief", "files", "engine"},
    "topics": set(),
    "pools": {"llm"},
    "sample": set(),
    "starters": {"files"},
    "newest": set(),
    "briefing": {"brief", "models", "engine", "files", "llm"},
    "verdicts": {"counts", "models", "engine"},
    "installed": {"llm"},
    "amounts": {"engine"},
    "forecasts": {"amounts", "speeds", "engine"},
    "cautions": {"installed", "models", "llm"},
    "speeds": {"installed", "models", "engine", "llm"},
    "services": {
        "brief",
        "briefing",
        "forecasts",
        "installed",
        "pools",
        "speeds",
        "starters",
        "models",
        "topics",
        "engine",
        "files",
        "llm",
    },
    "worker": {
        "brief",
        "briefing",
        "installed",
        "newest",
        "pools",
        "speeds",
        "models",
        "topics",
        "engine",
        "llm",
    },
    "tasks": {"worker"},
    "forms": {"brief", "briefing", "files", "installed", "services", "models", "engine", "llm"},
    "templatetags": {"amounts", "models", "services", "topics", "engine"},
    "views": {
        "llm",
        "amounts",
        "forecasts",
        "brief",
        "briefing",
        "cautions",
        "files",
        "forms",
        "installed",
        "newest",
        "services",
        "models",
        "sample",
        "starters",
        "engine",
        "verdicts",
    },
    "middleware": {"services", "views"},
    "live": {"views", "services", "models", "topics"},
    "routing": {"live"},
    "urls": {"views"},
    "accounts": {"services", "models"},
    "signals": {"services", "models", "topics"},
    "admin": {"models", "services"},
    "staff": {"views"},
    "management": {
        "forecasts",
        "brief",
        "cautions",
        "files",
        "forms",
        "services",
        "models",
        "worker",
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


@pytest.mark.parametrize("part", ["brief", "counts", "engine", "files", "llm"])
def test_the_engine_and_the_models_clients_are_plain_python(part: str) -> None:
    names = {name.split(".")[0] for _, tree in modules(APP / part) for name in imported(tree)}
    assert not names & {"django", "celery", "channels", "promptevolver"}


def test_importing_the_engine_does_not_import_django() -> None:
    plain = "optimizer.brief, optimizer.engine, optimizer.files, optimizer.llm.ollama, optimizer.llm.pool"
    code = f"import sys, {plain}; sys.exit('django' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_only_llm_speaks_to_ollama() -> None:
    for path, tree in modules(APP):
        written_out = path.name == "standalone.py"  # for people to run
        if "llm" not in path.parts and not written_out:
            assert "ollama" not in {name.split(".")[0] for name in imported(tree)}, path


def test_only_settings_read_the_environment() -> None:
    hides_it = APP / "llm" / "client.py"  # from a package that reads it when it is imported
    for path, _ in modules(APP):
        assert path == hides_it or not re.search(r"os\.environ|os\.getenv|getenv\(", path.read_text()), path


def sources() -> dict[str, str]:
    """The text of every module of ours, by dotted name; a package's ends in `__init__`."""
    paths = [path for package in ("optimizer", "promptevolver") for path in (ROOT / package).rglob("*.py")]
    return {".".join(path.relative_to(ROOT).with_suffix("").parts): path.read_text() for path in paths}


def run_time_imports(node: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    """Imports at every depth, functions' too, but not those that only type checkers read."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            yield from run_time_imports(ast.Module(child.orelse, []))
        elif isinstance(child, ast.Import | ast.ImportFrom):
            yield child
        else:
            yield from run_time_imports(child)


def names_in(statement: ast.Import | ast.ImportFrom, package: str) -> list[str]:
    if isinstance(statement, ast.Import):
        return [alias.name for alias in statement.names]
    start = resolve_name("." * statement.level + (statement.module or ""), package)
    return [f"{start}.{alias.name}" for alias in statement.names]


def circle_in(texts: Mapping[str, str]) -> list[str]:
    """The modules of one circle, or nothing."""
    modules = {name.removesuffix(".__init__") for name in texts}
    graph: dict[str, set[str]] = {name: set() for name in modules}
    for dotted, text in texts.items():
        name, package = dotted.removesuffix(".__init__"), dotted.rpartition(".")[0]
        for statement in run_time_imports(ast.parse(text)):
            graph[name] |= {module_of(other, modules) for other in names_in(statement, package)} - {name, ""}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def module_of(name: str, modules: Container[str]) -> str:
    """The module that defines the name, or ""."""
    while name and name not in modules:
        name = name.rpartition(".")[0]
    return name


def test_no_modules_import_each_other_in_a_circle() -> None:
    assert not circle_in(sources())


CIRCLES = [
    {"a": "import b", "b": "import c", "c": "import a"},
    {"a": "def later():\n    from b import thing", "b": "import a"},
    {"p.__init__": "from .a import thing", "p.a": "from . import other"},
    {"a": "if TYPE_CHECKING:\n    import c\nelse:\n    import b", "b": "import a"},
]


@pytest.mark.parametrize("planted", CIRCLES)
def test_a_circle_is_seen(planted: dict[str, str]) -> None:
    assert circle_in(planted)


def test_what_only_type_checkers_read_makes_no_circle() -> None:
    assert not circle_in({"a": "if TYPE_CHECKING:\n    import b", "b": "import a"})


NO_ROW = {"cache", "hashlib"}  # whose methods have such names too


def writes_in(tree: ast.Module) -> Iterator[str]:
    """Calls that write rows: any of the names on a manager, `save` or `delete` on a single row."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            called, owner = ast.unparse(node.func), ast.unparse(node.func.value)
            of_rows = node.func.attr in {"save", "delete"} and owner not in NO_ROW and ".session" not in owner
            if node.func.attr in WRITES and (of_rows or "objects" in called):
                yield f"{node.lineno} {called}"


@pytest.mark.parametrize("part", ["views", "forms", "live", "templatetags"])
def test_pages_write_only_through_services(part: str) -> None:
    for path, tree in modules(APP / part):
        assert not list(writes_in(tree)), path.relative_to(ROOT)


@pytest.mark.parametrize(
    "planted", ["row.delete()", "form.instance.save()", "Prompt.objects.filter(pk=1).update(status=2)"]
)
def test_a_write_of_a_page_is_seen(planted: str) -> None:
    assert list(writes_in(ast.parse(planted)))


@pytest.mark.parametrize("part", ["views", "live"])
def test_pages_fetch_only_what_is_visible(part: str) -> None:
    """Except live regions, which render once for all who watch: each watcher was checked when it subscribed."""
    owned = r"(Prompt|OptimizationSession|Dataset|PromptTemplate)\.objects"
    for path, _ in modules(APP / part):
        for found in re.finditer(owned + r"\s*\.(\w+)", path.read_text()):
            assert found[2] in {"visible_to", "with_trash"} or path.name == "regions.py", (
                f"{path.relative_to(ROOT)}: {found[0]}"
            )


SPELLED_AT = {
    "optimizer/brief/settings.py",
    "optimizer/models/session_columns.py",
    "optimizer/briefing.py",
    "optimizer/engine/task.py",
}


@pytest.mark.parametrize("setting", ["patience", "token_budget", "target_score", "as_system"])
def test_a_setting_is_declared_once(setting: str) -> None:
    """Only its column, a migration and the engine name it too; everything else derives from the declaration."""
    places = [
        path for folder in ("optimizer", "templates", "static") for path in (ROOT / folder).rglob("*.*")
    ]
    spelled = {
        str(path.relative_to(ROOT))
        for path in places
        if path.suffix in {".py", ".html", ".js"} and re.search(rf"\b{setting}\b", path.read_text())
    }
    users = {path for path in spelled - SPELLED_AT if not path.startswith("optimizer/migrations/")}
    assert {"optimizer/brief/settings.py", "optimizer/models/session_columns.py"} <= spelled
    assert len(users) <= 1, users
    assert all(path.startswith("optimizer/engine/") for path in users)


TOPICS = "session|opinion|template|templates|history|recent|signed-out|rights"
SPELLED_TOPIC = re.compile(rf"""topic=\w|["'`](?:{TOPICS}):|(?:kind|topic) == ["'](?:{TOPICS})["']""")


def test_topics_are_built_in_one_file() -> None:
    built = (APP / "topics.py").read_text()
    assert all(f'"{kind}"' in built or f'"{kind}:' in built for kind in TOPICS.split("|"))
    for folder in ("optimizer", "promptevolver", "templates", "static/js"):
        for path in (ROOT / folder).rglob("*.*"):
            if path.suffix in {".py", ".html", ".js"} and path != APP / "topics.py":
                found = SPELLED_TOPIC.search(path.read_text())
                assert not found, f"{path.relative_to(ROOT)} spells a topic: {found}"


@pytest.mark.parametrize(
    "planted",
    [
        'ws-connect="/live/?topic=recent"',
        'publish(f"history:{workspace_id}")',
        'if kind == "recent":',
        "connect(`session:${pk}`)",
    ],
)
def test_a_topic_that_is_spelled_elsewhere_is_seen(planted: str) -> None:
    assert SPELLED_TOPIC.search(planted)


BEFORE_ANYBODY_IS_SIGNED_IN = APP / "services" / "accounts.py"


def verbs() -> Iterator[tuple[str, ast.FunctionDef]]:
    """The public functions of the services that write, directly or through a private one of their file."""
    for path, tree in modules(APP / "services"):
        if path == BEFORE_ANYBODY_IS_SIGNED_IN:
            continue
        functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
        writing: set[str] = set()
        while (
            more := {name for name, node in functions.items() if called_in(node) & (WRITES | writing)}
            - writing
        ):
            writing |= more
        yield from ((path.name, functions[name]) for name in sorted(writing) if not name.startswith("_"))


def called_in(function: ast.FunctionDef) -> set[str]:
    calls = [node.func for node in ast.walk(function) if isinstance(node, ast.Call)]
    return {call.attr if isinstance(call, ast.Attribute) else ast.unparse(call) for call in calls}


def objection_to(verb: ast.FunctionDef) -> str:
    """What is wrong with a verb, or ""."""
    named = {argument.arg for argument in verb.args.kwonlyargs}
    first = verb.body[1] if ast.get_docstring(verb) else verb.body[0]
    if verb.args.args or verb.args.posonlyargs:
        return "takes arguments by position"
    if "by" not in named:
        return "does not take by="
    if verb.name.startswith(("start_", "create_")) and "workspace" not in named:
        return "does not take workspace="
    if not ast.unparse(first).startswith("require_"):
        return "does not ask for the right first"
    return ""


def test_the_services_have_verbs() -> None:
    names = {verb.name for _, verb in verbs()}
    assert {
        "start_optimization",
        "create_dataset",
        "rate_session",
        "save_preferences",
        "choose_result",
    } <= names


@pytest.mark.parametrize(("file", "verb"), list(verbs()), ids=lambda part: getattr(part, "name", part))
def test_a_verb_asks_for_the_right_first(file: str, verb: ast.FunctionDef) -> None:
    assert not objection_to(verb), f"{file}: {verb.name} {objection_to(verb)}"


@pytest.mark.parametrize(
    ("planted", "why"),
    [
        ("def rename(name, *, by): ...", "by position"),
        ("def rename(*, name): ...", "does not take by="),
        ("def create_thing(*, by): ...", "does not take workspace="),
        ("def rename(*, by, name):\n    'Doc.'\n    save(name)", "ask for the right"),
        ("def rename(*, by, name):\n    'Doc.'\n    require_writer(user=by)", ""),
    ],
)
def test_a_breach_is_seen(planted: str, why: str) -> None:
    (verb,) = ast.parse(planted).body
    assert isinstance(verb, ast.FunctionDef)
    found = objection_to(verb)
    assert why in found if why else not found
