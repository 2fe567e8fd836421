"""From bytes to text, whichever program wrote them."""

from __future__ import annotations

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


def decoded(content: bytes | str, *, most_bytes: int) -> tuple[str, list[str]]:
    """The text, and what to know of how it was read. FileFaultError if it is too long or its encoding is unclear."""
    size = len(content) if isinstance(content, bytes) else len(content.encode(errors="surrogatepass"))
    if size > most_bytes:
        limit = most_bytes / 2**20
        raise FileFaultError(
            f"The rows take {size / 2**20:.1f} MB; the limit is {limit:g} MB. Leave some rows out."
        )
    text, notes = (content, []) if isinstance(content, str) else _text_of(content)
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise FileFaultError(f"Line {line} holds a NUL character. Remove it, or save the file as plain text.")
    return text.removeprefix("\ufeff"), notes


def _text_of(content: bytes) -> tuple[str, list[str]]:
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        seen = f"byte 0x{content[error.start]:02X} on line {line}"
    else:
        if "\0" not in text:
            return text, []
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


def _decoded_as(content: bytes, encoding: str, name: str, seen: str) -> tuple[str, list[str]]:
    try:
        return content.decode(encoding), [f"The file was read as {name}."]
    except UnicodeDecodeError as error:
        raise FileFaultError(f"The file looks like {name} but is not ({seen}). {AS_UTF8}") from error


def _guessed(content: bytes, seen: str) -> tuple[str, list[str]]:
    """Read with the likeliest encoding, if it is clearly likelier than those that give another text."""
    matches = list(from_bytes(content, cp_isolation=USUAL)) if b"\0" not in content else []
    if not matches:
        raise FileFaultError(f"The file is not UTF-8 text: {seen}. {AS_UTF8}")
    if matches[0].encoding in (WESTERN, CENTRAL):
        return _european(content, seen)
    best, *others = matches
    if rival := next((match for match in others if _as_likely(match, best)), None):
        raise _unclear(seen, best.encoding, rival.encoding)
    text, _ = _decoded_as(content, best.encoding, _name(best.encoding), seen)
    return text, [_told(best.encoding)]


def _european(content: bytes, seen: str) -> tuple[str, list[str]]:
    """Chooses between two encodings that differ in a few letters, by the languages that the text would be in."""
    western, central = (_read(content, encoding) for encoding in (WESTERN, CENTRAL))
    if western and western == central:
        return western, [_told(WESTERN)]
    west = language_of(western)[0] in WESTERN_LANGUAGES
    middle = language_of(central)[0] in CENTRAL_LANGUAGES
    if west == middle:
        raise _unclear(seen, WESTERN, CENTRAL)
    return (western, [_told(WESTERN)]) if west else (central, [_told(CENTRAL)])


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
