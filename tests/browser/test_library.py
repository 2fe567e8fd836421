"""A starter template in a real browser: loaded, filled, tried on the embedded model, left, exported."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Product

PICTURES = os.environ.get("LIBRARY_PICTURES", "")  # a folder, to look at the pages

TOO_WIDE = """[...document.querySelectorAll("*")].filter((one) => one.getBoundingClientRect().right > innerWidth)
    .map((one) => one.outerHTML.slice(0, 90))"""


def picture(page: Page, name: str) -> None:
    """The page wide and narrow, light and dark, if that is asked for."""
    for theme in ("light", "dark") if PICTURES else ():
        page.emulate_media(color_scheme=theme)
        for size, width in {"wide": 1440, "narrow": 390}.items():
            page.set_viewport_size({"width": width, "height": 900})
            if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
                print(f"{name} {size} is too wide: {page.evaluate(TOO_WIDE)}")
            page.screenshot(path=Path(PICTURES) / f"{name}-{size}-{theme}.png", full_page=True)
    if PICTURES:
        page.set_viewport_size({"width": 1280, "height": 900})


@pytest.fixture
def template(page: Page) -> str:
    """The address of a starter, loaded by the button of the empty page."""
    page.goto("/templates/")
    button = page.get_by_role("button", name="Load 20 templates to start with")
    if button.is_visible():
        picture(page, "empty")
        button.click()
        expect(page.get_by_text("20 templates of the starter library loaded")).to_be_visible()
        picture(page, "list")
    page.get_by_role("searchbox").fill("summarize a text")
    page.get_by_role("link", name="Summarize a text").click()
    page.wait_for_url("**/templates/*/")
    return page.url


def test_a_starter_is_filled_and_tried(page: Page, template: str) -> None:
    page.get_by_role("link", name="Try it").first.click()
    expect(page.get_by_label("sentences")).to_have_value("3")
    page.get_by_label("text", exact=False).last.fill(
        "The shop is open from nine to five. It is closed on Sunday."
    )
    picture(page, "use")
    page.get_by_role("button", name="Try it").click()
    expect(page.locator("#try-status")).to_contain_text("tokens in", timeout=90_000)
    assert page.locator("#try-text").inner_text().strip()
    expect(page.get_by_role("button", name="Try it")).to_be_enabled()
    picture(page, "tried")


def test_what_is_missing_is_said_and_nothing_is_lost(page: Page, template: str) -> None:
    page.goto(f"{template}?tab=use")
    page.get_by_label("sentences").fill("many")
    page.get_by_label("reader").fill("my aunt")
    page.get_by_role("button", name="Try it").click()
    expect(page.get_by_text("“many” is not a number")).to_be_visible()
    expect(page.get_by_label("reader")).to_have_value("my aunt")
    page.get_by_label("sentences").fill("2")
    page.get_by_role("button", name="Try it").click()
    expect(page.locator("#try-answer")).to_be_visible()
    stop = page.get_by_role("button", name="Stop")
    if stop.is_visible():
        stop.click()
    expect(page.locator("#try-status")).to_contain_text("Stopped", timeout=60_000)
    page.get_by_role("button", name="Try it").click()
    page.goto("/templates/")  # which ends it
    page.goto(f"{template}?tab=use")
    page.get_by_role("button", name="Try it").click()
    expect(page.locator("#try-status")).to_contain_text("tokens in", timeout=90_000)


def test_variables_are_declared_by_keyboard(page: Page, template: str) -> None:
    page.goto(f"{template}?tab=variables")
    picture(page, "variables")
    page.get_by_label("Help").first.fill("From one to five")
    page.keyboard.press("Enter")
    expect(page.get_by_text("The variables are saved.")).to_be_visible()
    expect(page.get_by_text("From one to five")).to_be_visible()


def test_without_javascript(browser: Browser, page: Page, live_product: Product, template: str) -> None:
    context = browser.new_context(base_url=live_product.base, java_script_enabled=False)
    context.add_cookies(page.context.cookies())  # type: ignore[arg-type]
    plain = context.new_page()
    plain.goto(f"{template}?tab=use")
    plain.get_by_label("text", exact=False).last.fill("The shop is closed on Sunday.")
    plain.get_by_role("button", name="Try it").click(timeout=90_000)
    expect(plain.get_by_text("tokens in")).to_be_visible(timeout=90_000)
    expect(plain.get_by_text("The shop is closed on Sunday.").first).to_be_visible()
    picture(plain, "plain")
    context.close()


def test_files_go_out_and_come_in(page: Page, template: str, tmp_path: Path) -> None:
    page.goto("/templates/")
    with page.expect_download() as out:
        page.get_by_role("link", name="Export all").click()
    out.value.save_as(tmp_path / "templates.zip")
    page.get_by_role("link", name="Import").click()
    (tmp_path / "good.md").write_text("Say {{word}}.")
    (tmp_path / "bad.md").write_bytes(b"\x89PNG\0")
    page.get_by_label("Files").set_input_files(
        [tmp_path / "templates.zip", tmp_path / "good.md", tmp_path / "bad.md"]
    )
    page.get_by_role("button", name="Import").click()
    expect(page.get_by_role("heading", name="What came in")).to_be_visible()
    expect(page.get_by_role("link", name="Good")).to_be_visible()
    expect(page.get_by_text("A template is a text: save it as UTF-8")).to_be_visible()
    picture(page, "imported")
