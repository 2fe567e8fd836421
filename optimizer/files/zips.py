"""Zip files, which may be damaged, locked, or made to do harm."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from zipfile import BadZipFile

from optimizer.files.faults import FileFaultError


@contextmanager
def reading_zip(said: str) -> Iterator[None]:
    """Whatever a zip file does to its reader becomes a FileFaultError that says this."""
    try:
        yield
    except FileFaultError:
        raise
    except (
        BadZipFile,
        zlib.error,
        RuntimeError,
        NotImplementedError,
        EOFError,
        OSError,
        ValueError,
    ) as error:
        raise FileFaultError(said) from error
