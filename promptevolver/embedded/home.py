"""Where everything that this program writes lives, and the locks that its processes share."""

import fcntl
import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
OWNER = "PROMPTEVOLVER_HOME_OWNER"  # in the environment of every process started for a home
SOCKET_PATH_LIMIT = 100  # the kernel allows 107 bytes on Linux and 103 on macOS


class ServiceError(Exception):
    """A part could not be started; the text says what to do."""


@dataclass(frozen=True)
class Home:
    """The folder with the data, logs and sockets of one installation."""

    root: Path

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def control_socket(self) -> Path:
        return short(self.root / "run", "supervisord.sock.1234567") / "supervisord.sock"

    def log(self, name: str) -> Path:
        return self.logs / f"{name}.log"

    def make(self) -> None:
        """Create the folders; only this user (and, for root, the database's user) may enter."""
        try:
            private(self.root, mode=0o711 if os.geteuid() == 0 else 0o700)
            private(self.logs)
            private(self.control_socket.parent)
        except PermissionError as error:
            raise ServiceError(
                f"{self.root} belongs to someone else ({error}). "
                "Run as its owner, or choose another folder with PROMPTEVOLVER_HOME."
            ) from error


def home_of(environ: Mapping[str, str]) -> Home:
    """The home that these variables choose: PROMPTEVOLVER_HOME, else .local of the checkout."""
    return Home(Path(environ.get("PROMPTEVOLVER_HOME") or CHECKOUT / ".local").resolve())


def digest(path: Path) -> str:
    return hashlib.sha256(str(path).encode()).hexdigest()[:10]


def short(folder: Path, name: str) -> Path:
    """`folder`, or one under /tmp when a socket `name` in it would have too long a path."""
    if len(os.fsencode(folder / name)) <= SOCKET_PATH_LIMIT:
        return folder
    return Path("/tmp") / f"promptevolver-{os.geteuid()}-{digest(folder)}"  # noqa: S108 (see `private`)


def private(folder: Path, mode: int = 0o700) -> None:
    """Make a folder that is ours; one that another user prepared is refused."""
    folder.mkdir(mode=mode, parents=True, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid not in (os.geteuid(), 0):
        raise PermissionError(f"{folder} is not ours")
    folder.chmod(mode)


def open_lock(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except PermissionError as error:
        raise ServiceError(f"{path} belongs to someone else; run as its owner.") from error


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock; a killed process lets go of it."""
    handle = open_lock(path)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
