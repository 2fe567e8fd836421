"""What a GGUF model file says about itself, read from its header."""

from __future__ import annotations

import hashlib
import math
import struct
from pathlib import Path
from typing import Any, BinaryIO

SCALARS = {
    0: "<B",
    1: "<b",
    2: "<H",
    3: "<h",
    4: "<I",
    5: "<i",
    6: "<f",
    7: "<?",
    10: "<Q",
    11: "<q",
    12: "<d",
}
STRING, ARRAY = 8, 9
QUANTIZATIONS = {
    0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 7: "Q8_0", 8: "Q5_0", 9: "Q5_1", 10: "Q2_K", 11: "Q3_K_S",
    12: "Q3_K_M", 13: "Q3_K_L", 14: "Q4_K_S", 15: "Q4_K_M", 16: "Q5_K_S", 17: "Q5_K_M", 18: "Q6_K",
    32: "BF16",
}  # fmt: skip


class NotGGUFError(Exception):
    """The file is not a GGUF model that we can read; says so with its path."""


def read_metadata(path: Path) -> dict[str, Any]:
    """The header's keys with their values, and the number of weights as general.parameter_count."""
    try:
        with path.open("rb") as file:
            return _read_header(file)
    except (OSError, struct.error, KeyError, ValueError) as error:
        raise NotGGUFError(f"{path} is not a readable GGUF model file: {error}") from error


def digest(path: Path) -> str:
    """Names the file's content: the same file has the same digest, wherever it is."""
    sha = hashlib.sha256(str(path.stat().st_size).encode())
    with path.open("rb") as file:
        sha.update(file.read(4 << 20))  # header and first weights; hashing gigabytes would delay the start
    return sha.hexdigest()


def _read_header(file: BinaryIO) -> dict[str, Any]:
    if file.read(4) != b"GGUF":
        raise ValueError("it does not begin with GGUF")
    _version, tensors, pairs = struct.unpack("<IQQ", file.read(20))
    metadata: dict[str, Any] = {}
    for _ in range(pairs):
        key = _string(file)
        metadata[key] = _value(file, _scalar(file, 4))
    metadata.setdefault("general.parameter_count", sum(_weights(file) for _ in range(tensors)))
    return metadata


def _value(file: BinaryIO, kind: int) -> Any:
    if kind == STRING:
        return _string(file)
    if kind != ARRAY:
        return _scalar(file, kind)
    item, count = _scalar(file, 4), _scalar(file, 10)
    return [_value(file, item) for _ in range(count)]


def _weights(file: BinaryIO) -> int:
    _string(file)
    shape = [_scalar(file, 10) for _ in range(_scalar(file, 4))]
    file.seek(12, 1)  # its type and offset
    return math.prod(shape)


def _string(file: BinaryIO) -> str:
    return file.read(_scalar(file, 10)).decode("utf-8", "replace")


def _scalar(file: BinaryIO, kind: int) -> Any:
    form = SCALARS[kind]
    return struct.unpack(form, file.read(struct.calcsize(form)))[0]
