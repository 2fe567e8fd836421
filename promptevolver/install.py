"""`python -m promptevolver.install ARGUMENTS`: pip install, told in one line. Needs nothing but Python."""

from __future__ import annotations

import queue
import re
import shutil
import subprocess
import sys
import threading
import time
from typing import TextIO

PIP = [
    sys.executable,
    "-m",
    "pip",
    "--disable-pip-version-check",
    "--no-color",
    "install",
    "--progress-bar=off",
]
FOUND = re.compile(r"^(?:Collecting|Requirement already satisfied:) ([A-Za-z0-9][\w.-]*)")
FETCHED = re.compile(r"^\s+Downloading \S*?([^/\s]+?)-\d\S* \(([\d.]+ [kMG]?B)\)")
INSTALLED = re.compile(r"^Successfully installed (.+)")
EVERY = 5.0  # seconds between two lines where nothing can be overwritten
LAST = 15  # lines of pip that are shown when it fails


class Telling:
    """What pip does, as its own output says: one line that is overwritten, or a new one now and then."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.terminal = stream.isatty()
        self.began = time.monotonic()
        self.told = self.began - EVERY
        self.found: set[str] = set()
        self.doing = "looking for packages"
        self.count = 0

    def hear(self, line: str) -> None:
        """Learn from one line of pip's output."""
        if known := FOUND.match(line):
            self.found.add(known[1].lower())
            self.doing = self._so_far()
        elif fetched := FETCHED.match(line):
            self.doing = f"{self._so_far()}, downloading {fetched[1]} ({fetched[2]})"
        elif line.startswith("Installing collected packages: "):
            self.doing = f"unpacking {packages(line.count(',') + 1)}"
        elif installed := INSTALLED.match(line):
            self.count = len(installed[1].split())

    def tick(self) -> None:
        """Show that it is alive."""
        now = time.monotonic()
        if self.terminal:
            width = shutil.get_terminal_size().columns - 1
            self.stream.write(f"\r\033[K{self._line(now)[:width]}")
        elif now - self.told >= EVERY:
            self.told = now
            self.stream.write(f"{self._line(now)}\n")
        self.stream.flush()

    def close(self, *, well: bool) -> None:
        """The last line stays."""
        if self.terminal:
            self.stream.write("\r\033[K")
        if well and self.count:
            self.stream.write(f"Installed {packages(self.count)} in {self._seconds(time.monotonic())} s.\n")
        elif well:
            self.stream.write("All packages are here already.\n")
        self.stream.flush()

    def _so_far(self) -> str:
        return f"{packages(len(self.found))} found"

    def _line(self, now: float) -> str:
        return f"Installing: {self.doing}, {self._seconds(now)} s"

    def _seconds(self, now: float) -> int:
        return round(now - self.began)


def packages(count: int) -> str:
    return "1 package" if count == 1 else f"{count} packages"


def main(arguments: list[str]) -> int:
    pip = subprocess.Popen(  # noqa: S603
        [*PIP, *arguments], text=True, errors="replace", stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(pip, lines), daemon=True).start()
    telling, heard = Telling(sys.stderr), list[str]()
    try:
        _follow(lines, telling, heard)
    except KeyboardInterrupt:
        telling.close(well=False)
        pip.wait()
        return 130
    status = pip.wait()
    telling.close(well=status == 0)
    if status:
        _explain(heard, arguments)
    return status


def _read(pip: subprocess.Popen[str], lines: queue.SimpleQueue[str | None]) -> None:
    for line in pip.stdout or ():
        lines.put(line)
    lines.put(None)


def _follow(lines: queue.SimpleQueue[str | None], telling: Telling, heard: list[str]) -> None:
    """Show progress until pip has finished, even while pip is silent."""
    while True:
        telling.tick()
        try:
            line = lines.get(timeout=0.5)
        except queue.Empty:
            continue
        if line is None:
            return
        heard.append(line)
        telling.hear(line)


def _explain(heard: list[str], arguments: list[str]) -> None:
    faults = [line for line in heard[:-LAST] if line.startswith("ERROR")]
    sys.stderr.writelines([*faults, *heard[-LAST:]])
    print(
        f"pip could not install {' '.join(arguments)}; its messages are above. Try again: make setup",
        file=sys.stderr,
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
