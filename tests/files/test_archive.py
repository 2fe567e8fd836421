"""A zip file that is sent while it is made."""

from __future__ import annotations

import io
import tracemalloc
from collections.abc import Iterator
from zipfile import ZipFile

from optimizer.files.archive import zipped


def test_what_is_put_in_comes_out() -> None:
    files = {"README.txt": [b"Read me."], "empty": [], "rows/ä.jsonl": [b"one\n", b"two\n"]}
    with ZipFile(io.BytesIO(b"".join(zipped(files.items())))) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in archive.namelist()} == {
            name: b"".join(content) for name, content in files.items()
        }


def test_a_content_is_asked_for_when_its_turn_comes() -> None:
    asked = []

    def content(name: str) -> Iterator[bytes]:
        asked.append(name)
        yield b"x" * 1_000_000

    pieces = zipped((name, content(name)) for name in "ab")
    next(pieces)
    assert asked == ["a"]
    list(pieces)
    assert asked == ["a", "b"]


def test_a_large_archive_takes_little_memory() -> None:
    line = bytes(range(256)) * 40
    tracemalloc.start()
    size = sum(map(len, zipped([("large", (line + str(n).encode() for n in range(5_000)))])))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size > 100_000
    assert peak < 2_000_000
