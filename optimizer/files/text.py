"""From bytes to text, whichever program wrote them."""

from __future__ import annotations

from typing import NamedTuple

from charset_normalizer import CharsetMatch, from_bytes

from optimizer.engine.languages import language_of
from optimizer.files.faults import FileFaultError

AS_UTF8 = "Save it again with the encoding UTF-8 (in a spreadsheet: “CSV UTF-8”)."
WESTERN, CENTRAL = "cp1252", "cp1250"
WESTERN_LANGUAGES = {
    "ca", "da", "de", "en", "es", "eu", "fi", "fr", "gl", "is", "it", "nb", "nl", "nn", "no", "pt", "sv",
}  # fmt: skip
CENTRAL_LANGUAGES = {"bs", "cs", "hr", "hu", "pl", "ro", "sk", "sl", "sq", "sr"}
SAMPLE = 4_096  # bytes
NEAR = 0.05  # of the two measures of charset-normalizer, each 0 to 1
# What spreadsheets and editors really write, so that rare ones do not win by chance.
USUAL = [
    WESTERN, CENTRAL, "cp1251", "cp1253", "cp1255", "cp1256", "koi8_r", "cp932", "euc_jp", "gb18030", "big5", "cp949",
]  # fmt: skip


# What people may choose if the encoding was not recognised: the codec, and what people call it.
ENCODINGS = {
    "utf-8": "UTF-8", "utf-16": "UTF-16", WESTERN: "Windows-1252 (Western Europe)",
    CENTRAL: "Windows-1250 (Central Europe)", "cp1251": "Windows-1251 (Cyrillic)", "cp1253": "Windows-1253 (Greek)",
    "cp1254": "Windows-1254 (Turkish)", "cp1255": "Windows-1255 (Hebrew)", "cp1256": "Windows-1256 (Arabic)",
    "koi8_r": "KOI8-R (Cyrillic)", "cp932": "Shift JIS (Japanese)", "euc_jp": "EUC-JP (Japanese)",
    "gb18030": "GB 18030 (Chinese)", "big5": "Big5 (Chinese)", "cp949": "CP949 (Korean)",
    "mac_roman": "Mac Roman", "cp437": "DOS (CP437)",
}  # fmt: skip
# How a file begins that holds no text.
NO_TEXT = {
    b"\x89PNG": "a PNG image", b"\xff\xd8\xff": "a JPEG image", b"GIF8": "a GIF image", b"%PDF-": "a PDF document",
    b"\x1f\x8b": "a gzip archive", b"7z\xbc\xaf": "a 7z archive", b"Rar!": "a RAR archive", b"BZh": "a bzip2 archive",
    b"\xfd7zXZ": "an xz archive", b"PAR1": "a Parquet file", b"SQLite format 3": "a SQLite database",
    b"\xd0\xcf\x11\xe0": "an old Excel or Word file", b"\x7fELF": "a program", b"(\xb5/\xfd": "a zstd archive",
}  # fmt: skip


class Decoded(NamedTuple):
    """A text, the codec that it was read with, and what to know of that."""

    text: str
    encoding: str = "utf-8"
    notes: tuple[str, ...] = ()


def decoded(content: bytes | str, *, most_bytes: int, encoding: str = "") -> Decoded:
    """The text. FileFaultError if it is too long, or no text, or its encoding is unclear, or not the chosen one."""
    check_size(content, most_bytes)
    if isinstance(content, str):
        found = Decoded(content)
    else:
        _refuse_no_text(content)
        found = _chosen(content, encoding) if encoding else _text_of(content)
    if "\0" in found.text:
        line = found.text[: found.text.index("\0")].count("\n") + 1
        raise FileFaultError(f"Line {line} holds a NUL character. Remove it, or save the file as plain text.")
    return found._replace(text=found.text.removeprefix("\ufeff"))


def check_size(content: bytes | str, most_bytes: int) -> None:
    """FileFaultError if it is too long."""
    size = len(content) if isinstance(content, bytes) else len(content.encode(errors="surrogatepass"))
    if size > most_bytes:
        limit = most_bytes / 2**20
        raise FileFaultError(
            f"The rows take {size / 2**20:.1f} MB; the limit is {limit:g} MB. Leave some rows out."
        )


def _refuse_no_text(content: bytes) -> None:
    for beginning, kind in NO_TEXT.items():
        if content.startswith(beginning):
            raise FileFaultError(
                f"This is {kind}, whatever its name says. Save the rows as CSV, JSON or Excel (.xlsx)."
            )


def _chosen(content: bytes, encoding: str) -> Decoded:
    """Read with the encoding that a person chose."""
    name = ENCODINGS.get(encoding)
    if name is None:
        raise FileFaultError(f"“{encoding[:40]}” is no encoding that is known here. Choose one of the list.")
    try:
        return Decoded(content.decode(encoding), encoding)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise FileFaultError(f"The file is not {name}: see line {line}. Choose another encoding.") from error


def _text_of(content: bytes) -> Decoded:
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        seen = f"byte 0x{content[error.start]:02X} on line {line}"
    else:
        if "\0" not in text:
            return Decoded(text)
        seen = "it holds NUL"
    if encoding := _utf16(content):
        return _decoded_as(content, encoding, "UTF-16", seen)
    return _guessed(content, seen)


def _utf16(content: bytes) -> str:
    """Known by its mark, or by the NUL in every other byte that Latin letters and delimiters have."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    sample = content[:SAMPLE]
    for encoding, first in (("utf-16-le", 1), ("utf-16-be", 0)):
        if 2 * sample[first::2].count(0) > len(sample) // 2 and not sample[1 - first :: 2].count(0):
            return encoding
    return ""


def _decoded_as(content: bytes, encoding: str, name: str, seen: str) -> Decoded:
    try:
        return Decoded(content.decode(encoding), encoding, (f"The file was read as {name}.",))
    except UnicodeDecodeError as error:
        raise FileFaultError(f"The file looks like {name} but is not ({seen}). {AS_UTF8}") from error


def _guessed(content: bytes, seen: str) -> Decoded:
    """Read with the likeliest encoding, if it is clearly likelier than those that give another text."""
    matches = list(from_bytes(content, cp_isolation=USUAL)) if b"\0" not in content else []
    if not matches:
        raise FileFaultError(f"The file is not UTF-8 text: {seen}. {AS_UTF8}")
    if matches[0].encoding in (WESTERN, CENTRAL):
        return _european(content, seen)
    best, *others = matches
    if rival := next((match for match in others if _as_likely(match, best)), None):
        raise _unclear(seen, best.encoding, rival.encoding)
    text = _decoded_as(content, best.encoding, _name(best.encoding), seen).text
    return Decoded(text, best.encoding, (_told(best.encoding),))


def _european(content: bytes, seen: str) -> Decoded:
    """Chooses between two encodings that differ in a few letters, by the languages that the text would be in."""
    western, central = (_read(content, encoding) for encoding in (WESTERN, CENTRAL))
    if western and western == central:
        return Decoded(western, WESTERN, (_told(WESTERN),))
    west = language_of(western)[0] in WESTERN_LANGUAGES
    middle = language_of(central)[0] in CENTRAL_LANGUAGES
    if west == middle:
        raise _unclear(seen, WESTERN, CENTRAL)
    text, encoding = (western, WESTERN) if west else (central, CENTRAL)
    return Decoded(text, encoding, (_told(encoding),))


def _read(content: bytes, encoding: str) -> str:
    try:
        return content.decode(encoding)
    except UnicodeDecodeError:
        return ""


def _told(encoding: str) -> str:
    doubt = "If letters look wrong, save it again as UTF-8."
    return f"The file is not UTF-8: it was read as {_name(encoding)}. {doubt}"


def _unclear(seen: str, one: str, other: str) -> FileFaultError:
    names = f"{_name(one)} or {_name(other)}"
    return FileFaultError(f"The file is not UTF-8 text ({seen}); it may be {names}. {AS_UTF8}")


def _as_likely(match: CharsetMatch, best: CharsetMatch) -> bool:
    """Whether it makes almost as much sense as the best one, but gives another text."""
    near = match.coherence >= best.coherence - NEAR and match.chaos <= best.chaos + NEAR
    return near and str(match) != str(best)


def _name(encoding: str) -> str:
    return "Windows-" + encoding[2:] if encoding.startswith("cp125") else encoding
