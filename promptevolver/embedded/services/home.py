"""Where everything that this program writes lives, and the locks that its processes share."""

import errno
import fcntl
import hashlib
import os
import pwd
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[3]
OWNER = "PROMPTEVOLVER_HOME_OWNER"  # in the environment of every process started for a home
SOCKET_PATH_LIMIT = 100  # the kernel allows 107 bytes on Linux and 103 on macOS
# Why a file cannot be written although the program is right: permissions, a read-only or a full disk.
UNWRITABLE = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT}


class ServiceError(Exception):
    """A part could not be started; the text says what to do."""


class NotOursError(PermissionError):
    """Another user made this folder."""


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
        except OSError as error:
            raise trouble(self.root, error) from error


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
        raise NotOursError(f"{folder} belongs to {owner_of(folder)}")
    folder.chmod(mode)


def write_private(path: Path, text: str) -> None:
    """Replace a file in one step, readable by this user alone."""
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as stream:
        stream.write(text)
    draft.replace(path)


def owner_of(path: Path) -> str:
    number = path.stat().st_uid
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"user {number}"


def trouble(path: Path, error: OSError) -> ServiceError:
    """What it means that something at `path` could not be written, and what to do."""
    elsewhere = "choose another folder with PROMPTEVOLVER_HOME"
    if isinstance(error, NotOursError):
        return ServiceError(f"{error}. Run as that user, or {elsewhere}.")
    reason = f"{error.filename or path} cannot be written: {error.strerror or error}."
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return ServiceError(f"{reason} Make room, or {elsewhere}.")
    folder = existing(path)
    whose = "" if folder.stat().st_uid == os.geteuid() else f" {folder} belongs to {owner_of(folder)}."
    return ServiceError(f"{reason}{whose} Make {folder} writable for this user, or {elsewhere}.")


def existing(path: Path) -> Path:
    """The path, or the nearest folder above it that exists."""
    return next(part for part in (path, *path.parents) if os.path.exists(part))


def open_lock(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise trouble(path, error) from error


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock; a killed process lets go of it."""
    handle = open_lock(path)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
