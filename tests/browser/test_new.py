"""The page of a new optimization: a template, saved rows, columns by hand, and what proves it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Product
from tests.browser.test_pages import made, prompt

ROWS = "Abteilung,Frage,expected\\n" + "".join(f"team {n},why {n}?,so\\n" for n in range(6))
MAKE = f"""
from optimizer.files import read_table
from optimizer.services.datasets import create_dataset
template = factories.make_template(workspace, 'For {{{{team}}}} answer {{{{question}}}}.', name='Answering')
factories.make_version(template, 'You are {{{{team}}}}. Answer {{{{question}}}}')
other = factories.make_template(workspace, 'Another.', name='Another')
dataset = create_dataset(workspace=workspace, by=ada, name='Questions', table=read_table('{ROWS}')).dataset
tell(template=template.pk, other=other.pk, dataset=dataset.pk)
"""


@pytest.fixture(scope="module")
def library(live_product: Product, page: Page) -> dict[str, int]:
    """A template with two versions, another one, and saved rows with German columns."""
    return made(MAKE)


@pytest.fixture(autouse=True)
def forgotten(page: Page, library: dict[str, int]) -> Iterator[None]:
    page.goto("/history/")
    page.evaluate("localStorage.clear()")
    yield
    page.set_viewport_size({"width": 1280, "height": 720})


def choose(page: Page, library: dict[str, int]) -> None:
    page.goto("/?blank=1")
    page.locator("#id_template").select_option(str(library["template"]))
    expect(prompt(page)).to_have_value("You are {{team}}. Answer {{question}}")
    page.locator("#id_dataset").select_option(str(library["dataset"]))
    expect(page.locator("#id_mapping_team")).to_be_visible()


def test_columns_are_mapped_by_hand_beside_the_rendered_prompt(page: Page, library: dict[str, int]) -> None:
    choose(page, library)
    expect(page).to_have_url(re.compile(rf"template={library['template']}&version=2"))
    expect(page.locator("#id_mapping_team")).to_have_attribute("aria-invalid", "true")
    page.locator("#id_mapping_team").select_option("team=Abteilung")
    expect(page.locator("#id_mapping_team")).not_to_have_attribute("aria-invalid", "true")
    page.locator("#id_mapping_question").select_option("question=Frage")
    expect(page.locator("#rendered")).to_contain_text("You are team 0. Answer why 0?")
    page.locator("#id_version").select_option("1")
    expect(page.locator("#rendered")).to_contain_text("For team 0 answer why 0?.")


def test_what_was_mapped_is_kept_as_a_draft_of_its_template(page: Page, library: dict[str, int]) -> None:
    choose(page, library)
    page.locator("#id_mapping_team").select_option("team=Abteilung")
    page.locator("#id_mapping_question").select_option("question=Frage")
    expect(page.locator("#rendered")).to_contain_text("You are team 0.")
    page.reload()
    expect(page.locator("#rendered")).to_contain_text("You are team 0. Answer why 0?")
    page.goto(f"/?template={library['other']}")
    expect(prompt(page)).to_have_value("Another.")
    page.goto("/?blank=1")
    expect(prompt(page)).to_have_value("")
    page.goto(f"/?template={library['template']}")
    expect(page.locator("#rendered")).to_contain_text("You are team 0. Answer why 0?")


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (390, 844)])
def test_optimize_is_in_view_without_scrolling(
    page: Page, library: dict[str, int], width: int, height: int
) -> None:
    page.set_viewport_size({"width": width, "height": height})
    choose(page, library)
    page.evaluate("scrollTo(0, 0)")
    for wanted in (page.get_by_role("button", name="Optimize"), page.locator("#id_target_model")):
        box = wanted.bounding_box()
        assert box is not None
        assert box["y"] >= 0
        assert box["y"] + box["height"] <= height
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_clear_says_what_goes_and_can_be_undone(page: Page, library: dict[str, int]) -> None:
    page.goto("/?blank=1")
    prompt(page).fill("Say {{x}}.")
    page.locator("#id_rows").fill("x,expected\na,b\nc,d\ne,f\ng,h")
    expect(page.locator("#rendered")).to_contain_text("Say a.")
    page.get_by_role("button", name="Clear", exact=True).click()
    expect(page.get_by_text("Cleared: the prompt and the pasted rows.")).to_be_visible()
    expect(prompt(page)).to_have_value("")
    page.get_by_role("link", name="Undo").click()
    expect(prompt(page)).to_have_value("Say {{x}}.")
    expect(page.locator("#rendered")).to_contain_text("Say a.")


def test_rows_with_faults_are_left_out_by_one_click(page: Page, library: dict[str, int]) -> None:
    page.goto("/?blank=1")
    prompt(page).fill("Say {{x}}.")
    page.locator("#id_rows").fill("x,expected\na,b\n,c\nc,d\ne,f\ng,h\nz,")
    page.get_by_role("button", name="Keep the 4 good rows and leave out these 2").click()
    expect(page.locator("#rendered")).to_contain_text("the first row of 4")


def test_all_of_it_works_without_javascript(
    browser: Browser, page: Page, live_product: Product, library: dict[str, int]
) -> None:
    context = browser.new_context(base_url=live_product.base, java_script_enabled=False)
    context.add_cookies(page.context.cookies())  # type: ignore[arg-type]
    plain = context.new_page()
    plain.goto("/?blank=1")
    plain.locator("#id_template").select_option(str(library["template"]))
    plain.get_by_role("button", name="Use it").click()
    plain.locator("#id_dataset").select_option(str(library["dataset"]))
    plain.get_by_role("button", name="Show how the rows are read").click()
    plain.locator("#id_mapping_team").select_option("team=Abteilung")
    plain.locator("#id_mapping_question").select_option("question=Frage")
    plain.get_by_role("button", name="Show how the rows are read").click()
    expect(plain.locator("#rendered")).to_contain_text("You are team 0. Answer why 0?")
    plain.get_by_role("button", name="Clear", exact=True).click()
    plain.get_by_role("link", name="Undo").click()
    expect(plain.locator("#id_prompt")).to_have_value("You are {{team}}. Answer {{question}}")
    context.close()
