"""Pictures of the pages: `python -m tests.browser.screenshots [folder [beginnings of names]]`."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from promptevolver import embedded
from tests import running

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "promptevolver.settings")
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"  # Playwright's loop runs in this thread

ADMIN = [
    "optimizationsession", "user", "workspace", "prompttemplate", "dataset", "feedback", "outputrating"
]  # fmt: skip
NEWCOMER = {"home": "/", "history-empty": "/history/", "datasets-empty": "/datasets/"}
VISITOR = {"sign-in": "/accounts/login/", "forgotten": "/accounts/password/reset/"}
WIDTHS = {"wide": 1440, "narrow": 390}


def main(folder: Path, *only: str) -> None:
    """Of all pages, or of those whose names begin with one of these."""
    embedded.ensure_running(running.HOME, os.environ)
    try:
        pages = prepare()
        with served() as base:
            take(base, folder, *pages, only=only)
    finally:
        embedded.release(running.HOME)


def prepare() -> tuple[str, str, dict[str, str]]:
    """Cookies of a newcomer and of somebody with a history, and the addresses to visit."""
    import django

    django.setup()
    from django.core.cache import cache
    from django.core.management import call_command

    from tests import factories
    from tests.browser import library, showcase, template_shelf

    call_command("migrate", verbosity=0)
    call_command("flush", interactive=False, verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
    cache.clear()
    ada = factories.make_user("ada@example.com", username="Ada", is_staff=True, is_superuser=True)
    sessions = showcase.fill(ada)
    addresses = {name: f"/optimizations/{session.pk}/" for name, session in sessions.items()}
    done = addresses["done"]
    addresses |= {
        "candidates": f"{done}?tab=candidates",
        "log": f"{done}?tab=log",
        "settings": f"{done}?tab=settings",
    }
    addresses |= {
        "history": "/history/",
        "preferences": "/settings/",
        "no-matches": "/history/?q=zebra",
        "home-used": "/",
        "not-found": "/nope",
        "email": "/accounts/email/",
        "password": "/accounts/password/change/",
        "sign-out": "/accounts/logout/",
    }
    addresses |= library.addresses_of(ada) | template_shelf.addresses_of(ada)
    addresses |= {f"admin-{name}": f"/admin/optimizer/{name}/" for name in ADMIN} | {"admin": "/admin/"}
    return cookie_of(ada), cookie_of(factories.make_user("new@example.com")), addresses


def cookie_of(user: object) -> str:
    from django.test import Client

    client = Client()
    client.force_login(user)  # type: ignore[arg-type]
    return client.cookies["sessionid"].value


@contextlib.contextmanager
def served() -> Iterator[str]:
    """The site on a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "daphne",
        "-b",
        "127.0.0.1",
        "-p",
        str(port),
        "promptevolver.asgi:application",
    ]
    server = subprocess.Popen(command)
    try:
        for _ in range(100):
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2)
                break
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()


def take(
    base: str, folder: Path, known: str, new: str, addresses: dict[str, str], *, only: tuple[str, ...] = ()
) -> None:
    from playwright.sync_api import sync_playwright

    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        for theme in ("light", "dark"):
            for size, width in WIDTHS.items():
                for cookie, paths in ((known, addresses), (new, NEWCOMER), ("", VISITOR)):
                    context = browser.new_context(
                        viewport={"width": width, "height": 900}, color_scheme=theme
                    )
                    if cookie:
                        context.add_cookies([{"name": "sessionid", "value": cookie, "url": base}])
                    page = context.new_page()
                    page.on("console", lambda message: print("console:", message.text))
                    for name, path in paths.items():
                        if only and not name.startswith(only):
                            continue
                        page.goto(base + path)
                        page.wait_for_timeout(300)
                        overflow = page.evaluate("document.documentElement.scrollWidth - innerWidth")
                        if overflow > 0:
                            print(f"{name} {size}: {overflow} px too wide")
                        page.screenshot(path=folder / f"{name}-{size}-{theme}.png", full_page=True)
                    context.close()
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "screenshots"), *sys.argv[2:])
