"""The whole product, served to a real browser: web server, worker and sweep on the embedded services."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.conf import settings
from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome") or ""
PYTHON = [sys.executable, "-m"]


@dataclass
class Product:
    """`link` signs the administrator in, once."""

    port: int
    link: str = ""
    web: subprocess.Popen[str] | None = None

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start_web(self) -> None:
        self.web = start("daphne", "-b", "127.0.0.1", "-p", str(self.port), "promptevolver.asgi:application")
        wait_until_answering(f"{self.base}/healthz")

    def stop_web(self) -> None:
        if self.web:
            end(self.web)

    def sign_in_link(self) -> str:
        found = re.search(r"/sign-in/\S+", django("sign_in_link"))
        assert found
        return self.base + found.group()


@pytest.fixture(scope="module")
def live_product() -> Iterator[Product]:
    """On the services' own database, not the one that other tests roll back."""
    product = Product(free_port())
    for command in (["migrate"], ["flush", "--no-input"], ["collectstatic", "--no-input"]):
        django(*command)
    schedule = str(settings.HOME / "beat-schedule")
    worker = start(
        "celery",
        "-A",
        "promptevolver",
        "worker",
        "--beat",
        "--pool",
        "threads",
        "--concurrency",
        "2",
        "-s",
        schedule,
    )
    try:
        product.start_web()
        product.link = product.sign_in_link()
        yield product
    finally:
        product.stop_web()
        end(worker)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment() -> dict[str, str]:
    return os.environ | {"DJANGO_SETTINGS_MODULE": "promptevolver.settings"}


def django(*command: str) -> str:
    done = subprocess.run(
        [*PYTHON, "django", *command],
        env=environment(),
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def start(*command: str) -> subprocess.Popen[str]:
    with (settings.HOME / f"{command[0]}.log").open("a") as log:
        return subprocess.Popen(
            [*PYTHON, *command],
            env=environment(), cwd=settings.BASE_DIR, stdout=log, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip


def end(program: subprocess.Popen[str]) -> None:
    program.terminate()
    try:
        program.wait(20)
    except subprocess.TimeoutExpired:
        program.kill()
        program.wait()


def wait_until_answering(address: str) -> None:
    for _ in range(150):
        with contextlib.suppress(OSError), urllib.request.urlopen(address, timeout=2):
            return
        time.sleep(0.2)
    pytest.fail(f"{address} does not answer")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not Path(CHROMIUM).is_file():
        pytest.fail(
            "The browser tests need chromium: sudo apt-get install chromium, or CHROMIUM=/path/to/chromium"
        )
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        program = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield program
        program.close()


@pytest.fixture(scope="module")
def page(browser: Browser, live_product: Product) -> Iterator[Page]:
    """Signed in. Fails when the page's own script or its content policy complains."""
    context = browser.new_context(base_url=live_product.base)
    tab = context.new_page()
    complaints: list[str] = []
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.on(
        "console",
        lambda said: complaints.append(said.text) if "Content Security Policy" in said.text else None,
    )
    tab.goto(live_product.link)
    yield tab
    context.close()
    assert complaints == []
