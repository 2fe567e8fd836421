"""One reading of OLLAMA_HOST, whatever people write there, and no password in what is shown."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from optimizer.llm.address import IN_PASSWORDS, AddressError, read_addresses


@pytest.mark.parametrize(
    ("typed", "urls"),
    [
        ("http://a:11434,http://b:11434", ["http://a:11434", "http://b:11434"]),
        (" http://a:1 , b:2 ,", ["http://a:1", "http://b:2"]),
        ('"http://a:1"', ["http://a:1"]),
        ("'a' 'b'", ["http://a:11434", "http://b:11434"]),
        (":11434", ["http://127.0.0.1:11434"]),
        ("0.0.0.0", ["http://127.0.0.1:11434"]),
        ("a:1/v1", ["http://a:1"]),
        ("http://a:1/api/", ["http://a:1"]),
        ("http://a/ollama/api", ["http://a:80/ollama"]),
        ("https://a", ["https://a:443"]),
        ("[::1]:9", ["http://[::1]:9"]),
        ("[::1]", ["http://[::1]:11434"]),
        ("::1", ["http://[::1]:11434"]),
        ("::", ["http://[::1]:11434"]),
        ("https://2001:DB8::7/v1, a", ["https://[2001:db8::7]:443", "http://a:11434"]),
        ("a,a,http://a:11434", ["http://a:11434"]),
        ("HTTP://a:1", ["http://a:1"]),
    ],
)
def test_an_address_is_read_as_it_is_meant(typed: str, urls: list[str]) -> None:
    assert [address.url for address in read_addresses(typed)] == urls


@pytest.mark.parametrize(
    "typed",
    [
        *("", " , ", "ftp://a", "http://a:port", "a:99999", "http://[::1", "::1:11434"),
        *("http:/a", "HTTPS:/a:1", "http//a", "http:///a", "/a", "http:a", "a, http:/b"),
    ],
)
def test_what_is_no_address_says_what_to_write(typed: str) -> None:
    with pytest.raises(AddressError, match=r"OLLAMA_HOST.*http://"):
        read_addresses(typed)


def test_a_password_is_sent_and_never_shown() -> None:
    (address,) = read_addresses("https://anna:s%403cret@a.example/v1", api_key="tok-123")
    assert address.headers == {"authorization": "Basic YW5uYTpzQDNjcmV0"}
    assert (str(address), repr(address)) == (
        "https://a.example:443",
        "Address(url='https://a.example:443')",
    )
    with pytest.raises(AddressError) as failed:
        read_addresses("http://anna:s3cret@a:port")
    assert "s3cret" not in str(failed.value)


def test_a_key_goes_to_whoever_has_no_password() -> None:
    assert read_addresses("a", api_key="tok-123")[0].headers == {"authorization": "Bearer tok-123"}
    assert read_addresses("a")[0].headers == {}


@pytest.mark.parametrize(
    "environ",
    [{"OLLAMA_HOST": "http://a:11434,http://b:11434"}, {"ALL_PROXY": "socks9://x"}],
    ids=["several hosts", "a proxy that nobody knows"],
)
def test_the_client_is_imported_whatever_stands_in_the_environment(environ: dict[str, str]) -> None:
    code = "import os; before = dict(os.environ); import optimizer.llm.client; assert os.environ == before"
    subprocess.run([sys.executable, "-c", code], env={**os.environ, **environ}, check=True)


@pytest.mark.parametrize(
    "typed",
    [
        "http://u:pa,ss@host",
        "http://u:pa ss@host",
        "http://u:12,34@host",
        "http://u:pa,s:s@host",
        "http://u:p;w@h",
        "http:/u:pw@h",
    ],
)
def test_a_password_that_was_cut_is_in_no_message_and_no_address(typed: str) -> None:
    with pytest.raises(AddressError) as failed:
        read_addresses(typed)
    assert str(failed.value) == IN_PASSWORDS


def test_several_passwords_are_read() -> None:
    found = read_addresses("http://a:1, http://u:p%2Cw@b:2 http://v:x@c:3")
    assert [address.url for address in found] == ["http://a:1", "http://b:2", "http://c:3"]
