"""Templates in a real browser: two people, each in a browser of their own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Product
from tests.browser.test_pages import made

MATE = """
mate = factories.make_user('team.mate@example.com', username='Team mate')
factories.join(workspace, mate)
browser = Client()
browser.force_login(mate)
tell(cookie=browser.cookies['sessionid'].value)
"""


@pytest.fixture(scope="module")
def other(browser: Browser, page: Page, live_product: Product) -> Iterator[Page]:
    """The browser of a team mate."""
    context = browser.new_context(base_url=live_product.base)
    cookie = str(made(MATE)["cookie"])
    context.add_cookies([{"name": "sessionid", "value": cookie, "url": live_product.base}])
    yield context.new_page()
    context.close()


def a_template_is_written(page: Page) -> str:
    """After a fault in its variables. Its address."""
    page.goto("/templates/new/")
    page.get_by_label("Name").fill("Letters to the editor")
    page.get_by_label("Tags").fill("press, letters")
    page.get_by_label("Prompt", exact=True).fill("Answer {{letter")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("is never closed")).to_be_visible()
    page.get_by_label("Prompt", exact=True).fill("Answer {{letter}} in two sentences.")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("heading", name="Letters to the editor")).to_be_visible()
    return page.url


def it_is_found(page: Page) -> None:
    page.goto("/templates/")
    page.get_by_label("Search in templates").press_sequentially("zeb")
    expect(page.get_by_role("heading", name="No matches")).to_be_visible()
    page.get_by_label("Search in templates").fill("sente pres")
    expect(page.get_by_role("link", name="Letters to the editor")).to_be_visible()


def two_edit_it(page: Page, other: Page, template: str) -> None:
    """The second sees what the first saved, and decides."""
    for person in (page, other):
        person.goto(f"{template}edit/")
    page.get_by_label("Prompt", exact=True).fill("Answer {{letter}} in two short sentences.")
    page.get_by_role("button", name="Save as version 2").click()
    expect(page.get_by_role("heading", name="Version 2")).to_be_visible()
    expect(other.locator("#template-facts")).to_contain_text("Version 2")  # without a reload
    other.get_by_label("Prompt", exact=True).fill("Answer {{letter}} in two sentences, kindly.")
    other.get_by_role("button", name="Save as version 2").click()
    expect(other.get_by_role("alert")).to_contain_text("saved version 2")
    expect(other.get_by_text("short", exact=True)).to_be_visible()
    expect(other.get_by_text(", kindly", exact=True)).to_be_visible()
    other.get_by_role("button", name="Save mine as version 3").click()
    expect(other.get_by_role("heading", name="Version 3")).to_be_visible()


def a_label_and_an_old_version(page: Page, other: Page, template: str) -> None:
    other.get_by_label("Label", exact=True).fill("production")
    other.get_by_role("button", name="Set").click()
    page.goto(f"{template}?tab=versions")
    row = page.locator("#version-3")
    expect(row).to_contain_text("production")
    expect(row).to_contain_text("Team mate")
    page.locator("#version-1").get_by_role("button", name="Restore").click()
    expect(page.get_by_role("heading", name="Version 4")).to_be_visible()
    expect(page.get_by_text("Restored from version 1")).to_be_visible()


def it_is_deleted_and_brought_back(page: Page, template: str) -> None:
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Undo").click()
    page.goto(template)
    expect(page.get_by_role("heading", name="Version 4")).to_be_visible()


def test_a_template_is_made_found_published_and_edited_by_two(page: Page, other: Page) -> None:
    other.goto("/templates/?scope=public")
    expect(other.get_by_text("Nothing public yet")).to_be_visible()
    template = a_template_is_written(page)
    page.get_by_role("button", name="Publish").click()
    expect(other.get_by_role("link", name="Letters to the editor")).to_be_visible()  # without a reload
    it_is_found(page)
    two_edit_it(page, other, template)
    a_label_and_an_old_version(page, other, template)
    it_is_deleted_and_brought_back(page, template)
