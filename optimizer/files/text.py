"""From bytes to text, whatever the program that wrote them."""

from __future__ import annotations

from charset_normalizer import CharsetMatch, from_bytes

from optimizer.files.faults import FileFault

AS_UTF8 = "Save it again with the encoding UTF-8 (in a spreadsheet: “CSV UTF-8”)."
# What spreadsheets and editors really write, so that rare ones do not win by chance.
USUAL = [
    "cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "cp1258", "koi8_r", "cp932",
    "euc_jp", "gb18030", "big5", "cp949",
]  # fmt: skip


def decoded(content: bytes | str, *, most_bytes: int) -> tuple[str, list[str]]:
    """The text, and what to know of how it was read. FileFault where it is too long or cannot be told."""
    size = len(content) if isinstance(content, bytes) else len(content.encode(errors="surrogatepass"))
    if size > most_bytes:
        limit = most_bytes / 2**20
        raise FileFault(
            f"The rows take {size / 2**20:.1f} MB; the limit is {limit:g} MB. Leave some rows out."
        )
    text, notes = (content, []) if isinstance(content, str) else _text_of(content)
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise FileFault(f"Line {line} holds a NUL character. Remove it, or save the file as plain text.")
    return text.removeprefix("\ufeff"), notes


def _text_of(content: bytes) -> tuple[str, list[str]]:
    try:
        return content.decode(), []
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        seen = f"byte 0x{content[error.start]:02X} on line {line}"
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return _utf16(content), ["The file was read as UTF-16."]
    return _guessed(content, seen)


def _utf16(content: bytes) -> str:
    try:
        return content.decode("utf-16")
    except UnicodeDecodeError as error:
        raise FileFault(f"The file begins like UTF-16 text but is not. {AS_UTF8}") from error


def _guessed(content: bytes, seen: str) -> tuple[str, list[str]]:
    """By the likeliest encoding, if one is clearly likelier than those under which the text is another."""
    matches = list(from_bytes(content, cp_isolation=USUAL)) if b"\0" not in content else []
    if not matches:
        raise FileFault(f"The file is not UTF-8 text: {seen}. {AS_UTF8}")
    best, *others = matches
    rival = next((match for match in others if _as_likely(match, best)), None)
    if rival:
        names = f"{_name(best)} or {_name(rival)}"
        raise FileFault(f"The file is not UTF-8 text ({seen}); it may be {names}. {AS_UTF8}")
    try:
        text = content.decode(best.encoding)
    except UnicodeDecodeError as error:
        raise FileFault(f"The file is not UTF-8 text: {seen}. {AS_UTF8}") from error
    doubt = "Where letters look wrong, save it again as UTF-8."
    return text, [f"The file is not UTF-8: it was read as {_name(best)}. {doubt}"]


def _as_likely(match: CharsetMatch, best: CharsetMatch) -> bool:
    """Whether it makes as much sense as the best one, and of another text."""
    no_worse = match.coherence >= best.coherence and match.chaos <= best.chaos
    return no_worse and str(match) != str(best)


def _name(match: CharsetMatch) -> str:
    return "Windows-" + match.encoding[2:] if match.encoding.startswith("cp125") else match.encoding
