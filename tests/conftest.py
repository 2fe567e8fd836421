"""What every test may ask for. Services come from `-p tests.running`."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from django.conf import settings
from django.test import Client, override_settings
from redis import Redis

from optimizer.models import User, Workspace
from tests import factories

ClientOf = Callable[[User], Client]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The browser comes last: it waits for pages by the clock, and the other half of the tests is over by then."""
    items.sort(key=lambda item: "tests/browser" in item.nodeid)


@pytest.fixture(autouse=True, scope="session")
def plain_static_files() -> Iterator[None]:
    """Pages name static files as they lie in `static/`, so that no test needs them collected first. An override drops
    the storage that an earlier look at a page may have made."""
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)  # whitenoise warns of one that is not there
    with override_settings(STORAGES={**settings.STORAGES, "staticfiles": plain}):
        yield


@pytest.fixture(autouse=True, scope="session")
def quick_passwords() -> Iterator[None]:
    """A safe hash takes half a second on purpose, and nearly every test makes a person."""
    quick = "django.contrib.auth.hashers.MD5PasswordHasher"
    with override_settings(PASSWORD_HASHERS=[quick, *settings.PASSWORD_HASHERS]):
        yield


@pytest.fixture(scope="session")
def store() -> Iterator[Redis]:
    """Valkey itself."""
    with Redis.from_url(settings.REDIS_URL) as client:
        yield client


@pytest.fixture(autouse=True)
def new_servers(store: Redis) -> None:
    """Forget what an earlier test learned about a server's lanes: scripted servers share one address."""
    if known := list(store.scan_iter("lanes:*")):
        store.delete(*known)


@pytest.fixture
def user(db: None) -> User:
    """A person at work in `workspace`."""
    return factories.make_user("user@example.com")


@pytest.fixture
def workspace(user: User) -> Workspace:
    """The user's personal workspace."""
    return user.personal_workspace


@pytest.fixture
def team_mate(workspace: Workspace) -> User:
    """Works in the same workspace."""
    person = factories.make_user("team.mate@example.com")
    factories.join(workspace, person)
    return person


@pytest.fixture
def outsider(db: None) -> User:
    """Has an account, and nothing to do with `workspace`."""
    return factories.make_user("outsider@example.com")


@pytest.fixture
def client_of() -> ClientOf:
    """A browser in which that person is signed in: `client_of(user).get(...)`."""

    def signed_in(person: User) -> Client:
        client = Client()
        client.force_login(person)
        return client

    return signed_in


@pytest.fixture
def user_client(user: User, client_of: ClientOf) -> Client:
    return client_of(user)
