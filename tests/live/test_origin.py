"""Which pages may open a socket."""

from __future__ import annotations

import pytest
from django.test import override_settings

from optimizer.live.origin import is_own


@pytest.mark.parametrize(
    ("origin", "host", "own"),
    [
        ("http://localhost:8000", "localhost:8000", True),
        ("https://prompts.example.org", "prompts.example.org", True),
        ("https://prompts.example.org", "prompts.example.org:443", True),
        ("http://[::1]:8000", "[::1]:8000", True),
        ("https://trusted.example.org:8443", "prompts.example.org", True),
        ("http://localhost:8001", "localhost:8000", False),
        ("http://prompts.example.org:8000", "prompts.example.org", False),
        ("https://evil.example", "evil.example", False),
        ("null", "localhost:8000", False),
        ("", "localhost:8000", False),
        ("http://[bad", "localhost:8000", False),
        ("http://localhost:port", "localhost:8000", False),
        ("file://localhost", "localhost", False),
    ],
)
@override_settings(
    ALLOWED_HOSTS=["localhost", "prompts.example.org", "[::1]"],
    CSRF_TRUSTED_ORIGINS=["https://trusted.example.org:8443"],
)
def test_a_page_talks_to_its_own_host_and_port_alone(origin: str, host: str, own: bool) -> None:
    assert is_own(origin, host) is own
