"""Where model servers are: OLLAMA_HOST is read here for workers, pages, doctor and the embedded services."""

from __future__ import annotations

import base64
import ipaddress
import re
from dataclasses import dataclass, field
from urllib.parse import SplitResult, unquote, urlsplit

USUAL_PORT = 11434
PORTS = {"http": 80, "https": 443}  # for a scheme without a port, as Ollama's own programs read it
APIS = re.compile(r"/(v1|api)$")  # paths of the API, which the client adds itself
ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 (what a server listens on; nobody can call it)
SLASHES = re.compile(r"(https?:?)?/|https?:\Z", re.IGNORECASE)  # a scheme without its two slashes, or no host

TAIL_OF_PASSWORD = re.compile(r"[^:@/]*@.*")  # of a password that was cut at a comma or a blank
IN_PASSWORDS = (
    "OLLAMA_HOST has an address that cannot be read. Write http://user:password@host:11434, and in a password "
    "%2C for a comma, %3B for a semicolon, %20 for a space."
)
NO_ADDRESS = "OLLAMA_HOST: {} is not an address. Write http://host:11434; separate several with commas."


class AddressError(ValueError):
    """An address that cannot be read. The text says which and what to do, and holds no password."""


@dataclass(frozen=True)
class Address:
    """A server. `url` can be shown; `authorization` is sent with each request, and is shown nowhere."""

    url: str
    authorization: str = field(default="", repr=False)

    def __str__(self) -> str:
        return self.url

    @property
    def headers(self) -> dict[str, str]:
        """What goes with each request."""
        return {"authorization": self.authorization} if self.authorization else {}

    @property
    def on_this_machine(self) -> bool:
        """Whether it is reached without a network, and so without a proxy."""
        name = urlsplit(self.url).hostname or ""
        try:
            return ipaddress.ip_address(name).is_loopback
        except ValueError:
            return name == "localhost"


def read_addresses(text: str, *, api_key: str = "") -> tuple[Address, ...]:
    """The servers that the text names, each once: separated by commas or blanks, with quotes or without.

    `api_key` is sent if an address has no user and password of its own. Raises AddressError.
    """
    parts = [part.strip("\"'") for part in re.split(r"[\s,;]+", text.strip().strip("\"'"))]
    if any(TAIL_OF_PASSWORD.fullmatch(part) for part in parts[1:]):
        raise AddressError(IN_PASSWORDS)
    try:
        found = [read_address(part, api_key=api_key) for part in parts if part]
    except AddressError:
        if "@" in text:  # what cannot be read may be a part of a password
            raise AddressError(IN_PASSWORDS) from None
        raise
    if not found:
        raise AddressError(
            "OLLAMA_HOST names no server. Write http://host:11434; separate several with commas."
        )
    return tuple({address.url: address for address in found}.values())


def read_address(text: str, *, api_key: str = "") -> Address:
    """One server. Without a scheme it is http, without a port 11434. Raises AddressError."""
    scheme, _, rest = text.rpartition("://")
    scheme = scheme.lower() or "http"
    if scheme not in PORTS:
        raise AddressError(f"OLLAMA_HOST: {scheme}:// is not supported. Write http:// or https://.")
    user, _, place = rest.rpartition("@")
    if SLASHES.match(rest):
        raise AddressError(NO_ADDRESS.format(place))
    split, port = _split(scheme, _bracketed(place))
    default = PORTS[scheme] if "://" in text else USUAL_PORT
    name = split.hostname or "127.0.0.1"
    name = ANYWHERE.get(name, name)
    host = f"[{name}]" if ":" in name else name
    path = APIS.sub("", split.path.rstrip("/")).rstrip("/")
    return Address(f"{scheme}://{host}:{port or default}{path}", _authorization(user, api_key))


def _split(scheme: str, place: str) -> tuple[SplitResult, int | None]:
    try:
        split = urlsplit(f"{scheme}://{place}")
        return split, split.port
    except ValueError as error:
        raise AddressError(NO_ADDRESS.format(place)) from error


def _bracketed(place: str) -> str:
    """An IPv6 address as URLs have it: `::1` becomes `[::1]`."""
    host, slash, path = place.partition("/")
    try:
        return f"[{ipaddress.IPv6Address(host)}]{slash}{path}"
    except ValueError:
        return place


def _authorization(user: str, api_key: str) -> str:
    if user:
        name, _, password = user.partition(":")
        pair = f"{unquote(name)}:{unquote(password)}".encode()
        return f"Basic {base64.b64encode(pair).decode()}"
    return f"Bearer {api_key}" if api_key else ""
