"""`python -m tests.readme`: types what the pages say, in a fresh copy, as an ordinary user. Takes minutes."""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import psutil

from tests.readme.exceptions import CONFIGURED, MODEL, NOT_RUN, NOT_SAVED, OLLAMA, SERVERS, starts
from tests.readme.pages import ROOT, commands, files

LONGEST = 900  # seconds of one command
ANYBODY = "nobody"
SETTINGS = {
    "DATABASE_URL",
    "REDIS_URL",
    "OLLAMA_HOST",
    "PORT",
    "BIND",
    "PROMPTEVOLVER_HOME",
    "PROMPTEVOLVER_EMBEDDED",
}


class FailedError(Exception):
    """A command did not do what the page says."""


class Visitor:
    """An ordinary user in a fresh copy."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.outputs = Path(tempfile.mkdtemp(prefix="pe-readme-said-", dir="/tmp"))
        self.environ = {name: value for name, value in os.environ.items() if name not in SETTINGS}
        for name in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS"):  # of the `make` that runs this
            self.environ.pop(name, None)
        self.environ |= {"HOME": str(folder), "PYTHONUNBUFFERED": "1", "GIT_CONFIG_NOSYSTEM": "1"}
        self.as_user: list[str] = []
        if os.geteuid() == 0:
            group = pwd.getpwnam(ANYBODY).pw_gid
            self.as_user = ["setpriv", f"--reuid={ANYBODY}", f"--regid={group}", "--clear-groups"]
        self.product: subprocess.Popen[bytes] | None = None

    def start(self, command: str) -> subprocess.Popen[bytes]:
        environ = self.environ | (self.configuration() if command.startswith(CONFIGURED) else {})
        typed = command.replace(OLLAMA, self.ollama()) if self.product else command
        with self.said_by(command).open("wb") as output:
            return subprocess.Popen(
                [*self.as_user, "sh", "-c", typed],
                cwd=self.folder,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def said_by(self, command: str) -> Path:
        """Where its output goes."""
        return self.outputs / re.sub(r"\W+", "-", command)[:100]

    def said(self, command: str) -> str:
        return self.said_by(command).read_text(errors="replace")

    def run(self, command: str) -> None:
        process = self.start(command)
        try:
            status = process.wait(LONGEST)
        except subprocess.TimeoutExpired:
            end(process)
            raise FailedError(f"took longer than {LONGEST} s:\n{self.said(command)}") from None
        if status:
            raise FailedError(f"ended with status {status}:\n{self.said(command)}")

    def serve(self, command: str, ready: str) -> subprocess.Popen[bytes]:
        """The server, once it is ready."""
        process = self.start(command)
        try:
            self.wait_ready(process, command, ready)
        except BaseException:
            end(process)
            raise
        return process

    def wait_ready(self, process: subprocess.Popen[bytes], command: str, ready: str) -> None:
        deadline = time.monotonic() + LONGEST
        while not self.is_ready(command, ready):
            if process.poll() is not None or time.monotonic() > deadline:
                raise FailedError(f"did not get ready:\n{self.said(command)}")
            time.sleep(0.2)

    def is_ready(self, command: str, ready: str) -> bool:
        """Whether its address answers, or it has printed what it prints then, with an address that answers."""
        if ready.startswith("http"):
            return answers(ready)
        found = re.search(ready, self.said(command))
        return bool(found and (not found.groups() or fetch(found[1])))

    def configuration(self) -> dict[str, str]:
        """The environment of the running product's web server."""
        known: dict[str, str] = json.loads((self.folder / ".local" / "web.env.json").read_text())
        return known

    def ollama(self) -> str:
        return self.configuration()["OLLAMA_HOST"]

    def model(self) -> str:
        listed = json.loads(fetch(f"{self.ollama()}/api/tags"))
        return str(listed["models"][0]["name"])

    def save_files(self) -> None:
        """What the pages tell to save, with a model that is here."""
        for name, text in files().items():
            if Path(name).name not in NOT_SAVED:
                (self.folder / name).write_text(text.replace(MODEL, self.model()))

    def foreign_files(self) -> list[str]:
        """Files in the copy that git would add, except those that people were told to make."""
        git = ["git", "-c", f"safe.directory={self.folder}", "status", "--porcelain", "--untracked-files=all"]
        status = subprocess.run(git, cwd=self.folder, capture_output=True, text=True, check=True).stdout
        made = {*files(), "better.txt", "result.json"}
        return [line for line in status.splitlines() if line[3:] not in made]


def fetch(address: str) -> bytes:
    with urllib.request.urlopen(address, timeout=30) as reply:
        return bytes(reply.read())


def answers(address: str) -> bool:
    with contextlib.suppress(OSError):
        return bool(fetch(address))
    return False


def end(process: subprocess.Popen[bytes]) -> None:
    """End it as Ctrl-C does; what ignores that is killed."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGINT)
    try:
        process.wait(90)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def copy_to(folder: Path) -> None:
    """The files that git knows or would add, as they are now, committed."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    author = ["-c", "user.name=README", "-c", "user.email=readme@example.org"]
    for git in (["init", "--quiet"], ["add", "--all"], [*author, "commit", "--quiet", "--message", "A copy"]):
        subprocess.run(["git", *git], cwd=folder, check=True)


def left_running(folder: Path) -> list[str]:
    found = []
    for process in psutil.process_iter(["cwd", "cmdline"]):
        if process.info["cwd"] and Path(process.info["cwd"]).is_relative_to(folder):
            found.append(" ".join(process.info["cmdline"] or [str(process.pid)]))
    return found


def check(visitor: Visitor, command: str) -> None:
    """Type it. A server is stopped again, except the product, which the other commands need."""
    server = starts(command, SERVERS)
    if not server:
        return visitor.run(command)
    product = "make run" in server
    if product and visitor.product:
        end(visitor.product)
        visitor.product = None
    process = visitor.serve(command, SERVERS[server])
    if not product:
        return end(process)
    visitor.product = process
    return visitor.save_files()


def check_all(visitor: Visitor) -> list[str]:
    """Type every command in its order. Returns what went wrong."""
    faults = []
    for command in commands():
        if reason := NOT_RUN.get(starts(command, NOT_RUN)):
            print(f"  --     {command}  ({reason})", flush=True)
            continue
        began = time.monotonic()
        try:
            check(visitor, command)
        except (FailedError, OSError) as error:
            faults.append(f"{command}\n{error}")
        verdict = "FAIL" if faults and faults[-1].startswith(f"{command}\n") else "ok"
        print(f"  {verdict:4} {command}  ({time.monotonic() - began:.0f} s)", flush=True)
    return faults


def main() -> int:
    folder = Path(tempfile.mkdtemp(prefix="pe-readme-", dir="/tmp"))
    visitor = Visitor(folder)
    copy_to(folder)
    if os.geteuid() == 0:
        subprocess.run(["chown", "-R", f"{ANYBODY}:", str(folder)], check=True)
    print(
        f"In {folder}, as {ANYBODY if visitor.as_user else pwd.getpwuid(os.geteuid()).pw_name}:", flush=True
    )
    try:
        faults = check_all(visitor)
    finally:
        if visitor.product:
            end(visitor.product)
    faults += [f"left in the folder: {line}" for line in visitor.foreign_files()]
    faults += [f"left running: {line}" for line in left_running(folder)]
    if faults:
        print(*faults, f"Faults: {len(faults)}. The copy stays in {folder}.", sep="\n\n")
        return 1
    print("All that the pages say works as it is written.")
    shutil.rmtree(folder)
    shutil.rmtree(visitor.outputs)
    return 0


if __name__ == "__main__":
    sys.exit(main())
