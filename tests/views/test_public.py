"""Where a deployed site is said to be: never on this machine's loopback."""

from __future__ import annotations

import os
import subprocess
import sys
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command

from promptevolver.management.commands import doctor
from promptevolver.public import public_url
from tests.embedded.test_up import free_port

ORIGINS = ["https://*.example.org", "https://p.example.org:8443"]
NAMED = {"ALLOWED_HOSTS": ["localhost", ".example.org", "prompts.example.org"]}


def configure(settings: Any, **changes: Any) -> None:
    plain = {
        "SITE_URL": "",
        "HTTPS": False,
        "CSRF_TRUSTED_ORIGINS": [],
        "ALLOWED_HOSTS": ["localhost", "[::1]"],
    }
    for name, value in (plain | changes).items():
        setattr(settings, name, value)


@pytest.mark.parametrize(
    ("changes", "address"),
    [
        ({}, ""),
        (NAMED, ""),  # without HTTPS nobody knows the port
        ({"HTTPS": True}, ""),
        ({"HTTPS": True, **NAMED}, "https://prompts.example.org"),
        ({"HTTPS": True, "ALLOWED_HOSTS": ["*"]}, ""),
        ({"HTTPS": True, **NAMED, "CSRF_TRUSTED_ORIGINS": ORIGINS}, "https://p.example.org:8443"),
        ({"SITE_URL": "http://prompts.lan:8000/", "HTTPS": True, **NAMED}, "http://prompts.lan:8000"),
    ],
)
def test_the_settings_tell_it(settings: Any, changes: dict[str, Any], address: str) -> None:
    configure(settings, **changes)
    assert public_url() == address


def test_the_sign_in_link_of_a_deployed_site(settings: Any, db: None) -> None:
    configure(settings, HTTPS=True, **NAMED)
    out = StringIO()
    call_command("sign_in_link", stdout=out)
    assert out.getvalue().startswith("https://prompts.example.org/sign-in/")


def test_the_doctor_of_a_deployed_site_looks_there(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    nobody = f"http://localhost:{free_port()}"
    configure(settings, SITE_URL=nobody)
    monkeypatch.setenv("PORT", str(free_port()))
    with pytest.raises(doctor.TroubleError, match=f"no healthy answer at {nobody}/healthz.*daphne.*proxy"):
        doctor.web()


@pytest.mark.parametrize("value", ["prompts.example.org", "https://", "ftp://prompts.example.org"])
def test_what_is_no_address_stops_the_start(value: str) -> None:
    command = [sys.executable, "-c", "import django; django.setup()"]
    environ = {**os.environ, "SITE_URL": value, "DJANGO_SETTINGS_MODULE": "promptevolver.settings"}
    result = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert result.returncode != 0
    assert "SITE_URL must be the address of the site" in result.stderr
