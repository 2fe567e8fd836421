"""The library from end to end: a starter, rows of one's own, a better version, a fixed row, and the way back."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Product
from tests.browser.test_library import picture
from tests.browser.test_pages import made
from tests.llm.server import FakeOllama, Served, serving

MINUTE = 60_000
STARTER = "Check a question against a policy"
LIMITS = {"Billing": 15, "Sales": 25, "Repairs": 35, "Returns": 45, "Delivery": 55}
ROWS = [
    (f"{team} takes up to {limit} days.", f"May it take {days} days?", "yes" if days <= limit else "no")
    for days in (3, 12, 20, 28, 40, 58, 70)
    for team, limit in LIMITS.items()
]
WRONG = 4  # the place of the row that says the opposite, until it is fixed
SENT = re.compile(r"Policy:\n(.+)\n\nQuestion: (.+)")
FIRST_SENT = f"Policy:\n{ROWS[0][0]}\n\nQuestion: {ROWS[0][1]}"
LEDGER = """
calls = OptimizationSession.objects.get(pk={pk}).ledger.filter(purpose='answer')
tell(asked=[call.request['messages'][-1]['content'] for call in calls])
"""


def says(body: dict[str, Any]) -> str:
    """A model that knows the answer where the prompt lists the answers to choose from, and hesitates elsewhere."""
    asked = body["messages"][-1]["content"]
    if isinstance(body.get("format"), dict) and "properties" in body["format"]:
        return json.dumps({name: 7 if about.get("type") == "integer" else "Be brief." for name, about in
                           body["format"]["properties"].items()})  # fmt: skip
    limits, days = re.findall(r"up to (\d+) days", asked), re.findall(r"take (\d+) days", asked)
    right = "yes" if limits and days and int(days[-1]) <= int(limits[-1]) else "no"
    return right if "exactly one of" in asked else "That depends on the case."


@pytest.fixture(scope="module")
def model() -> Iterator[FakeOllama]:
    """The only model server that the product knows."""
    with serving(FakeOllama([Served("careful:1b")], says)) as fake, pytest.MonkeyPatch.context() as patch:
        patch.setenv("OLLAMA_HOST", fake.address)
        patch.setenv("PROMPTEVOLVER_EMBEDDED", "postgres,valkey")
        yield fake


@pytest.fixture(scope="module")
def live_product(model: FakeOllama, live_product: Product) -> Product:
    return live_product


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A file with the columns team, question and answer, and one wrong answer."""
    rows = [list(row) for row in ROWS]
    rows[WRONG][2] = "no" if rows[WRONG][2] == "yes" else "yes"
    file = tmp_path / "deadlines.csv"
    file.write_text("\n".join(",".join(row) for row in [["team", "question", "answer"], *rows]))
    return file


def optimized(page: Page) -> int:
    """Start what the form says, and watch it until it ends. Its number."""
    page.get_by_text("Settings models").click()
    page.get_by_label("Limit on model calls").fill("120")
    page.get_by_role("button", name="Optimize").click()
    page.wait_for_url(re.compile(r"/optimizations/\d+/$"))
    expect(page.locator(".verdict-word")).to_have_text("Better", timeout=MINUTE)
    return int(page.url.split("/")[-2])


def tab(page: Page, name: str) -> None:
    """Open a tab, and load it again: what is seen there stays."""
    page.locator(".tabs").get_by_role("link", name=name).click()
    page.reload()
    expect(page.locator(".tabs [aria-current]")).to_have_text(name)


def a_starter_is_tried(page: Page) -> str:
    """It is filled, and a model answers. The address of the template."""
    page.goto("/templates/")
    page.get_by_role("button", name="Load 20 templates to start with").click()
    page.get_by_role("link", name=STARTER).click()
    page.wait_for_url("**/templates/*/")
    template = page.url
    page.get_by_role("link", name="Try it").first.click()
    page.get_by_label("policy").fill(ROWS[0][0])
    page.get_by_label("question").fill(ROWS[0][1])
    page.get_by_role("button", name="Try it").click()
    expect(page.locator("#try-text")).to_have_text("That depends on the case.")
    expect(page.locator("#try-status")).to_contain_text("tokens in")
    return template


def it_is_optimized_on_a_file(page: Page, template: str, table: Path) -> int:
    """The columns of the file fill its variables. The number of the optimization."""
    page.goto(template)
    page.get_by_role("link", name="Optimize", exact=True).click()
    page.locator("#id_dataset").select_option(label="New rows, or none")
    page.get_by_label("Or upload a file").set_input_files(table)
    page.locator("#id_mapping_policy").select_option("team")
    expect(page.locator("#id_mapping_question option:checked")).to_have_text("question (same name)")
    expect(page.locator("#rendered")).to_contain_text(FIRST_SENT)
    expect(page.locator("#rows-preview")).to_contain_text("“answer” is the expected answer")
    picture(page, "journey-mapped")
    number = optimized(page)
    picture(page, "journey-result")
    return number


def the_result_becomes_version_2(page: Page) -> None:
    """And it gets a label."""
    page.get_by_label("Note for the new version").fill("Lists the answers")
    page.get_by_role("button", name=f"Save as version 2 of {STARTER}").click()
    expect(page.get_by_role("heading", name="Version 2")).to_be_visible()
    page.get_by_label("Label", exact=True).fill("production")
    page.get_by_role("button", name="Set").click()
    expect(page.locator(".label-line")).to_contain_text("production → version 2")
    picture(page, "journey-labelled")


def a_row_is_fixed(page: Page, first: int) -> str:
    """On the way from the version back to the rows that measured it. The address of the dataset."""
    page.get_by_role("link", name=f"Result of optimization {first}").click()
    tab(page, "Settings")
    page.get_by_role("link", name="deadlines, version 1").click()
    page.get_by_role("link", name=f"Edit row {WRONG + 1}", exact=True).click()
    picture(page, "journey-row")
    page.get_by_label("answer").fill(ROWS[WRONG][2])
    page.get_by_role("button", name="Save the row").click()
    expect(page.get_by_text("version 2", exact=True)).to_be_visible()
    return page.url.split("?")[0].split("#")[0]


def it_runs_again(page: Page, first: int) -> int:
    """On the new version of the rows, mapped as before. The number of the optimization."""
    page.goto(f"/optimizations/{first}/")
    page.get_by_role("link", name="Run again").click()
    expect(page.locator("#rows-preview")).to_contain_text("See and change these rows version 2")
    expect(page.locator("#rendered")).to_contain_text(FIRST_SENT)
    picture(page, "journey-again")
    number = optimized(page)
    picture(page, "journey-second")
    return number


def version_1_is_restored(page: Page, template: str) -> None:
    page.goto(template)
    tab(page, "Versions")
    page.locator("#version-1").get_by_role("button", name="Restore").click()
    expect(page.get_by_role("heading", name="Version 3")).to_be_visible()
    expect(page.locator(".label-line")).to_contain_text("production → version 2")


def all_of_it_is_still_there(page: Page, dataset: str, first: int) -> None:
    tab(page, "Versions")
    picture(page, "journey-versions")
    expect(page.locator("#version-3")).to_contain_text("Restored from version 1")
    expect(page.locator("#version-2")).to_contain_text(f"production Result of optimization {first}: Better")
    tab(page, "Optimizations")
    picture(page, "journey-optimizations")
    expect(page.locator(".lineage-row")).to_contain_text(["from version 1", "→ version 2"])
    page.goto(dataset)
    tab(page, "Versions")
    picture(page, "journey-row-versions")
    expect(page.locator(".dataset-row")).to_contain_text(["Version 2", "Version 1"])
    tab(page, "Used by")
    picture(page, "journey-used-by")
    expect(page.locator(".dataset-row")).to_contain_text(["version 2", "version 1"])


def each_variable_had_its_own_column(session: int) -> None:
    """The ledger shows it."""
    pairs = {(team, question) for team, question, _ in ROWS}
    asked: Any = made(LEDGER.format(pk=session))["asked"]
    sent = {SENT.findall(text)[-1] for text in asked}
    assert sent <= pairs
    assert len(sent) > len(ROWS) / 2


def test_a_starter_becomes_a_better_prompt_on_rows_that_are_fixed(page: Page, table: Path) -> None:
    template = a_starter_is_tried(page)
    first = it_is_optimized_on_a_file(page, template, table)
    the_result_becomes_version_2(page)
    dataset = a_row_is_fixed(page, first)
    second = it_runs_again(page, first)
    version_1_is_restored(page, template)
    all_of_it_is_still_there(page, dataset, first)
    for session in (first, second):
        each_variable_had_its_own_column(session)
