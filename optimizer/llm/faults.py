"""What a server's error means, in its own words: which errors may pass, and which will not."""

from __future__ import annotations

import html
import json
import re
import urllib.request
from urllib.parse import urlsplit

import httpx

from optimizer.llm.address import Address
from optimizer.llm.base import CallFailedError, UnavailableError, storable
from optimizer.llm.client import UnreadableError, ollama

FAULTS = (
    ollama.ResponseError, UnreadableError, httpx.HTTPError, httpx.InvalidURL, ConnectionError, ValueError, TypeError,
    AttributeError, LookupError,
)  # fmt: skip
BROKEN = (httpx.RemoteProtocolError, httpx.ReadError)  # the server took the call, and hung up
WINDOW_FULL = ("exceeds the context", "exceed the context", "exceeds the available context", "exceeds maximum context",
               "input length", "prompt is too long", "context length", "context size", "context window")  # fmt: skip
BAD_FORMAT = ("JSON schema", "grammar", "invalid format")  # in a 500 for a schema that the server cannot use
TRANSIENT = {408, 425, 429, *range(500, 600)} - {501, 505}
MOST_WORDS = 200  # characters of a server's own words
TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.DOTALL | re.IGNORECASE)
NOT_TEXT = re.compile(r"<(script|style)\b.*?</\1>|<[^>]*>|[\x00-\x20\x7f-\x9f]+", re.DOTALL | re.IGNORECASE)
TOO_LONG = {400, 413}  # statuses of a prompt that does not fit
DENIED = {401: "refuses the call", 403: "forbids the call"}


def words_of(text: str) -> str:
    """A server's words as one short line of plain text; the title if it sent a page."""
    title = TITLE.search(text)
    plain = html.unescape(NOT_TEXT.sub(" ", title[1] if title else _message(text)))
    line = storable(" ".join(plain.split()))
    return line if len(line) <= MOST_WORDS else f"{line[: MOST_WORDS - 1]}…"


def _message(text: str) -> str:
    """What stands under `error` or `message`, if the text is JSON. Newer servers put one into the other."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return text
    if isinstance(found, dict):
        told = found.get("error") or found.get("message")
        return _message(told if isinstance(told, str) else json.dumps(told)) if told else text
    return found or text if isinstance(found, str) else text


def explained(error: Exception, address: Address, *, model: str = "", window: int = 0) -> Exception:
    """UnavailableError if another try may help, else CallFailedError."""
    if isinstance(error, ollama.ResponseError):
        return _answered(error.status_code, str(error.error), address, model, window)
    if isinstance(error, UnreadableError):
        words = words_of(str(error))
        return UnavailableError(f"{address} sent a reply that cannot be read: {words}", answered=True)
    if isinstance(error, httpx.InvalidURL | httpx.UnsupportedProtocol):
        return CallFailedError("bad_address", f"{address} is not an address. Check OLLAMA_HOST.")
    if isinstance(error, ValueError | TypeError | AttributeError | LookupError):  # not an answer from Ollama
        return CallFailedError("not_ollama", f"{address} does not speak Ollama's API. Check OLLAMA_HOST.")
    if "SSL" in str(error) and "WRONG_VERSION" in str(error):
        return CallFailedError("no_https", f"{address} does not speak https. Write http:// in OLLAMA_HOST.")
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return CallFailedError(
            "bad_certificate", f"The certificate of {address} is not trusted. Set SSL_CERT_FILE."
        )
    if isinstance(error, BROKEN):
        return UnavailableError(f"Ollama at {address} broke the connection.", answered=True)
    return UnavailableError(f"Ollama at {address} does not answer ({_kind(error)}){_through_proxy(address)}.")


def _answered(status: int, text: str, address: Address, model: str, window: int) -> Exception:
    words = words_of(text) or f"HTTP {status}"
    if 300 <= status < 400:
        elsewhere = words.partition("/api/")[0]
        return CallFailedError(
            "redirected", f"{address} redirects to {elsewhere}. Write that in OLLAMA_HOST."
        )
    if status in TOO_LONG and any(part in text for part in WINDOW_FULL):
        return window_exceeded(model, window)
    if status in TRANSIENT and not any(part in text for part in BAD_FORMAT):
        return UnavailableError(f"Ollama at {address} says: {words}", answered=True, status=status)
    if status in DENIED:
        keys = "Write user:password@ before the host in OLLAMA_HOST, or set OLLAMA_API_KEY."
        return CallFailedError("unauthorized", f"Ollama at {address} {DENIED[status]}: {words}. {keys}")
    if status == 404 and "<" in text:
        return CallFailedError(
            "not_ollama", f"{address} does not speak Ollama's API ({words}). Check OLLAMA_HOST."
        )
    if status == 404:
        return CallFailedError(
            "unknown_model", f"{words}. Get it with `ollama pull`, or choose another model."
        )
    return CallFailedError("refused", f"Ollama at {address} refused the call: {words}")


def _kind(error: Exception) -> str:
    if isinstance(error, httpx.TimeoutException):
        return "no answer in time"
    if isinstance(error, ConnectionError | httpx.ConnectError):
        return "no connection"
    return type(error).__name__


def _through_proxy(address: Address) -> str:
    """A note that the server was asked through a proxy, which may be the cause."""
    place = urlsplit(address.url)
    proxies = {} if address.on_this_machine else urllib.request.getproxies()
    used = {place.scheme, "all"} & proxies.keys()
    if not used or urllib.request.proxy_bypass(place.netloc):
        return ""
    return ", asked through a proxy; if it needs none, add its host to NO_PROXY"


def window_exceeded(model: str, window: int) -> CallFailedError:
    """The error for a call that does not fit: names the model, its window and the fix."""
    return CallFailedError(
        "context_window",
        f"A call does not fit into the context window of {model}, {window} tokens. Shorten the prompt, the rows or "
        "the answers, choose a model with a larger window, or raise OLLAMA_CONTEXT "
        "(for the embedded model: EMBEDDED_CONTEXT).",
    )
