"""Settings and Undo in a real browser."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any
from zipfile import ZipFile

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.conftest import Product, django

Opened = Callable[..., Page]


@pytest.fixture
def opened(browser: Browser, page: Page, live_product: Product) -> Iterator[Opened]:
    """Opens another browser of the same person, with these options."""
    contexts: list[BrowserContext] = []

    def open_one(**options: Any) -> Page:
        contexts.append(browser.new_context(base_url=live_product.base, **options))
        contexts[-1].add_cookies(page.context.cookies())  # type: ignore[arg-type]
        return contexts[-1].new_page()

    yield open_one
    for context in contexts:
        context.close()


@pytest.fixture(autouse=True)
def unset(page: Page) -> None:
    """Each test begins without preferences."""
    run("Preference.objects.all().delete()")


def run(code: str) -> str:
    """Run the code beside the product; the last line that it prints."""
    begin = "from optimizer.models import *; from tests import factories; ada = User.objects.get(is_superuser=True); "
    return (django("shell", "-c", begin + code).strip().splitlines() or [""])[-1]


def save(page: Page) -> None:
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved.")).to_be_visible()


def test_the_theme_is_the_same_in_every_browser(page: Page, opened: Opened) -> None:
    other = opened(color_scheme="light")
    page.goto("/history/")
    page.emulate_media(color_scheme="light")
    with page.expect_response("**/settings/theme/"):
        page.get_by_role("button", name="Switch between light and dark").click()
    other.goto("/settings/")
    expect(other.locator("html")).to_have_attribute("data-theme", "dark")
    expect(other.get_by_role("radio", name="Dark")).to_be_checked()
    with other.expect_response("**/settings/theme/"):
        other.get_by_role("button", name="Switch between light and dark").click()
    expect(other.get_by_role("radio", name="Light")).to_be_checked()
    other.get_by_text("As my system").click()
    save(other)
    page.goto("/history/")
    assert page.locator("html").get_attribute("data-theme") is None
    assert "theme" not in [cookie["name"] for cookie in page.context.cookies()]


def test_times_are_told_in_the_browsers_zone_or_in_the_chosen_one(page: Page, opened: Opened) -> None:
    run("factories.make_session(ada.personal_workspace, created_at='2026-01-15T23:30:00Z')")
    berlin = opened(timezone_id="Europe/Berlin", locale="en-GB")
    berlin.goto("/history/")
    moment = berlin.locator("time[data-day]").last
    expect(moment).to_have_text("16 Jan 2026")
    moment.hover()
    expect(moment).to_have_attribute("title", re.compile("00:30:00"))
    berlin.goto("/settings/")
    expect(berlin.locator("#id_time_zone option").first).to_have_text("As the browser: Europe/Berlin")
    berlin.get_by_label("Time zone").select_option("America/New_York")
    save(berlin)
    berlin.goto("/history/")
    expect(moment).to_have_text("15 Jan 2026")
    moment.hover()
    expect(moment).to_have_attribute("title", re.compile("18:30:00"))


def test_single_keys_can_be_switched_off(page: Page) -> None:
    page.goto("/settings/")
    page.get_by_label("Keyboard shortcuts").uncheck()
    save(page)
    page.locator("h1").click()
    page.keyboard.press("?")
    page.keyboard.press("/")
    expect(page.locator("#keys")).to_be_hidden()
    expect(page).to_have_url(re.compile("/settings/"))


def test_settings_are_saved_without_javascript(opened: Opened) -> None:
    plain = opened(java_script_enabled=False)
    plain.goto("/settings/")
    plain.get_by_role("radio", name="Dark").check(force=True)
    plain.get_by_label("Context").fill("A tea shop.")
    save(plain)
    expect(plain.locator("html")).to_have_attribute("data-theme", "dark")
    plain.goto("/?blank=1")
    expect(plain.get_by_label("Context")).to_have_value("A tea shop.")


def test_ones_own_data_is_downloaded(page: Page) -> None:
    run("factories.make_prompt(ada.personal_workspace, original='Which tea?', created_by=ada)")
    page.goto("/settings/")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download your data").click()
    with ZipFile(download.value.path()) as archive:
        assert archive.testzip() is None
        assert b"Which tea?" in archive.read("prompts.jsonl")


@pytest.mark.parametrize("script", [True, False])
def test_what_was_deleted_comes_back_by_undo(opened: Opened, script: bool) -> None:
    name = f"Scones {script}"
    number = run(f"print(factories.make_template(ada.personal_workspace, name='{name}').pk)")
    window = opened(java_script_enabled=script)
    window.goto(f"/templates/{number}/")
    window.get_by_role("button", name="Delete").click()
    expect(window.get_by_text(f"“{name}” is deleted.")).to_be_visible()
    expect(window.get_by_role("link", name=name)).to_have_count(0)
    window.get_by_role("button", name="Undo").click()
    expect(window.get_by_text(f"“{name}” is back.")).to_be_visible()
    expect(window.get_by_role("link", name=name)).to_be_visible()


def test_the_offer_to_undo_goes_away_but_not_from_under_the_focus(page: Page) -> None:
    number = run("print(factories.make_template(ada.personal_workspace, name='Jam').pk)")
    page.clock.install()
    page.goto(f"/templates/{number}/")
    page.get_by_role("button", name="Delete").click()
    undo = page.get_by_role("button", name="Undo")
    undo.focus()
    page.clock.run_for(15_000)
    expect(undo).to_be_visible()
    page.get_by_role("link", name="History").focus()
    page.clock.run_for(2_000)
    expect(undo).to_have_count(0)
