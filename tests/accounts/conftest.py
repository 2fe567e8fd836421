"""Counters of their own, and mail, for tests of the ways in."""

from __future__ import annotations

import uuid
from typing import Any

import pytest


@pytest.fixture(autouse=True)
def own_counters(settings: Any) -> None:
    """Rate limits count in the shared cache: each test counts under its own prefix."""
    settings.CACHES = {"default": settings.CACHES["default"] | {"KEY_PREFIX": uuid.uuid4().hex}}


@pytest.fixture
def mail(settings: Any) -> None:
    """Addresses have to be confirmed, as where mail is sent."""
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
