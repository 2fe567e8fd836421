"""The pages in a real browser, each from rows that are made for it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.conftest import Product, django

MAKE = """
import json
from datetime import timedelta
from uuid import uuid4
from django.test import Client
from django.utils import timezone
from optimizer.models import *
from tests import factories
from tests.browser import showcase
ada = User.objects.get(is_superuser=True)
workspace = ada.personal_workspace
def tell(**found): print(json.dumps(found))
def running(**fields):  # held for an hour by a worker that does nothing
    until = timezone.now() + timedelta(hours=1)
    return factories.make_session(workspace, status='processing', lease_token=uuid4(), lease_until=until, **fields)
"""
TELL_COOKIE = "tell(cookie=browser.cookies['sessionid'].value)"
MARKED = "input[type=checkbox][name=literals]"


@pytest.fixture(autouse=True)
def forgotten(page: Page, live_product: Product) -> None:
    """Each test begins without drafts."""
    page.goto("/history/")
    page.evaluate("localStorage.clear()")


@pytest.fixture(scope="module")
def shown(live_product: Product, page: Page) -> dict[str, int]:
    """One optimization in each state, by the name of its state."""
    return made("found = showcase.fill(ada); tell(**{name: one.pk for name, one in found.items()})")


@pytest.fixture
def second(page: Page) -> Iterator[Page]:
    """Another window of the same person."""
    window = page.context.new_page()
    yield window
    window.close()


@pytest.fixture
def plain(browser: Browser, page: Page, live_product: Product) -> Iterator[Page]:
    """The same person's browser, without JavaScript."""
    context = browser.new_context(base_url=live_product.base, java_script_enabled=False)
    context.add_cookies(page.context.cookies())  # type: ignore[arg-type]
    yield context.new_page()
    context.close()


def made(code: str) -> dict[str, int]:
    """What the code, run beside the product, tells about the rows that it made."""
    printed = django("shell", "-c", MAKE + code).strip().splitlines()
    found: dict[str, int] = json.loads(printed[-1])
    return found


def prompt(page: Page) -> Locator:
    return page.get_by_label("Prompt", exact=True)


# Drafts


def test_a_draft_is_one_wherever_a_new_optimization_is_begun(page: Page, shown: dict[str, int]) -> None:
    page.goto("/")
    prompt(page).fill("Sort the letters.")
    page.goto("/history/")
    page.get_by_role("link", name="New optimization").click()
    expect(prompt(page)).to_have_value("Sort the letters.")
    expect(page.locator("#draft-note")).to_contain_text("Your draft")


def test_an_empty_page_is_empty_and_the_draft_comes_back(page: Page, shown: dict[str, int]) -> None:
    page.goto("/")
    prompt(page).fill("Sort the letters.")
    page.goto("/?blank=1")
    expect(prompt(page)).to_have_value("")
    page.reload()
    expect(prompt(page)).to_have_value("")
    prompt(page).fill("Count the birds.")
    page.reload()
    expect(prompt(page)).to_have_value("Count the birds.")
    page.get_by_role("button", name="Bring back “Sort the letters.”").click()
    expect(prompt(page)).to_have_value("Sort the letters.")
    page.get_by_role("button", name="Bring back “Count the birds.”").click()
    expect(prompt(page)).to_have_value("Count the birds.")
    page.goto("/")
    expect(prompt(page)).to_have_value("Count the birds.")


def test_going_back_finds_what_was_typed_on_an_empty_page(page: Page, shown: dict[str, int]) -> None:
    page.goto("/?blank=1")
    prompt(page).fill("Count the birds.")
    page.goto("/history/")
    page.go_back()
    expect(prompt(page)).to_have_value("Count the birds.")


def test_a_bad_value_left_in_a_fold_does_not_block_the_sample(page: Page, shown: dict[str, int]) -> None:
    page.goto("/?sample=1")
    page.get_by_text("Settings models").click()
    page.get_by_label("Iterations", exact=True).fill("99")
    page.goto("/history/")
    page.goto("/?sample=1")
    expect(page.get_by_label("Iterations", exact=True)).to_have_value("")
    expect(page.get_by_role("button", name="Bring back")).to_be_visible()


def test_a_bad_value_in_a_fold_is_shown_where_it_stands(page: Page, shown: dict[str, int]) -> None:
    page.goto("/?sample=1")
    page.get_by_text("Settings models").click()
    page.get_by_label("Iterations", exact=True).fill("99")
    page.get_by_text("Settings models").click()
    page.get_by_role("button", name="Optimize").click()
    expect(page.get_by_label("Iterations", exact=True)).to_be_focused()
    page.reload()
    expect(page.get_by_label("Iterations", exact=True)).to_be_visible()
    page.get_by_label("Iterations", exact=True).fill("")
    page.get_by_label("Iterations", exact=True).press_sequentially("2e")
    page.get_by_text("Settings models").click()
    page.get_by_role("button", name="Optimize").click()
    expect(page.get_by_label("Iterations", exact=True)).to_be_focused()
    expect(page).to_have_url(re.compile("sample=1"))


def test_several_values_of_one_name_are_kept_whole(page: Page, shown: dict[str, int]) -> None:
    page.goto("/?blank=1")
    add = """names => names.forEach(value => document.querySelector("#optimization-form").append(
        Object.assign(document.createElement("input"), {type: "hidden", name: "literals", value})))"""
    page.evaluate(add, ["i", "n_i"])
    prompt(page).fill("x^{{i}} {{n_i}}")
    page.reload()
    marked = page.locator(MARKED)
    expect(marked).to_have_count(2)
    assert marked.evaluate_all("fields => fields.map(field => field.value)") == ["i", "n_i"]
    marked.first.uncheck()
    page.reload()
    expect(marked).to_have_count(1)
    expect(marked).to_have_value("n_i")


def test_a_draft_is_one_persons(page: Page, shown: dict[str, int], live_product: Product) -> None:
    page.goto("/")
    prompt(page).fill("Sort the letters.")
    mine = page.context.cookies()
    other = made("browser = Client(); browser.force_login(factories.make_user())\n" + TELL_COOKIE)["cookie"]
    page.context.add_cookies([{"name": "sessionid", "value": str(other), "url": live_product.base}])
    page.goto("/")
    expect(prompt(page)).to_have_value("What is this customer writing about?")
    expect(page.locator("#draft-note")).to_be_hidden()
    page.context.clear_cookies()
    page.context.add_cookies(mine)  # type: ignore[arg-type]
    page.goto("/")
    expect(prompt(page)).to_have_value("Sort the letters.")


def test_two_windows_do_not_overwrite_each_others_drafts(
    page: Page, second: Page, shown: dict[str, int]
) -> None:
    page.goto("/")
    second.goto("/?blank=1")
    prompt(page).fill("Sort the letters.")
    prompt(second).fill("Count the birds.")
    prompt(page).fill("Sort the letters, please.")
    second.reload()
    expect(prompt(second)).to_have_value("Sort the letters, please.")
    second.get_by_role("button", name="Bring back “Count the birds.”").click()
    expect(prompt(second)).to_have_value("Count the birds.")


def test_a_file_is_asked_for_again(page: Page, shown: dict[str, int]) -> None:
    page.goto("/?blank=1")
    rows = {"name": "rows.csv", "mimeType": "text/csv", "buffer": b"input,expected\na,b\n"}
    page.get_by_label("Or upload a file").set_input_files(rows)  # type: ignore[arg-type]
    prompt(page).fill("Sort the letters.")
    page.reload()
    expect(page.locator("#draft-note")).to_contain_text("choose rows.csv again")


def test_a_draft_of_an_earlier_run_stays_apart(page: Page, shown: dict[str, int]) -> None:
    page.goto(f"/?from={shown['done']}")
    prompt(page).fill("Changed.")
    page.goto("/")
    expect(prompt(page)).to_have_value("")
    page.goto(f"/?from={shown['done']}&grader=contains")
    expect(prompt(page)).to_have_value("What does this customer think?")
    expect(page.get_by_label("Grader", exact=True)).to_have_value("contains")
    page.goto(f"/?from={shown['done']}")
    expect(prompt(page)).to_have_value("Changed.")
    page.get_by_role("button", name="Start over").click()
    expect(prompt(page)).to_have_value("What does this customer think?")
    expect(page.get_by_role("button", name="Bring back “Changed.”")).to_be_visible()


# Without JavaScript


def test_a_run_shows_itself_without_javascript(plain: Page, live_product: Product) -> None:
    pk = made("tell(pk=running(stage='Scoring').pk)")["pk"]
    plain.goto(f"/optimizations/{pk}/")
    expect(plain.locator(".stage")).to_have_text("Scoring")
    made(f"OptimizationSession.objects.filter(pk={pk}).update(stage='Writing'); tell()")
    expect(plain.locator(".stage")).to_have_text("Writing", timeout=15_000)
    plain.get_by_role("link", name="Show what is new").click()
    expect(plain.locator(".stage")).to_have_text("Writing")


def test_a_long_prompt_can_be_read_whole_without_javascript(plain: Page, shown: dict[str, int]) -> None:
    plain.set_viewport_size({"width": 390, "height": 900})
    plain.goto(f"/optimizations/{shown['long']}/")
    short = plain.evaluate("document.documentElement.scrollHeight")
    assert short < 4000
    plain.get_by_label("Show all").check()
    assert plain.evaluate("document.documentElement.scrollHeight") > short + 2000


# The result


def test_what_was_measured_as_turns_is_copied_as_turns(page: Page, shown: dict[str, int]) -> None:
    page.goto(f"/optimizations/{shown['long']}/")
    main, other = page.locator(".copy-row button").all()
    expect(main).to_have_text("Copy as chat messages")
    expect(other).to_have_text("Copy as one text")
    expect(page.locator(".copy-row")).to_contain_text("As one text they were not measured.")
    assert json.loads(main.get_attribute("data-copy") or "")[1]["role"] == "assistant"
    page.goto(f"/optimizations/{shown['done']}/")
    expect(page.locator(".copy-row .primary")).to_have_text("Copy prompt")
    page.goto(f"/optimizations/{shown['long']}/?tab=candidates")
    page.locator("#candidate-5 summary").click()
    expect(page.locator("#candidate-5 button").first).to_have_text("Copy as chat messages")


def test_another_grader_is_one_click_away_where_nothing_was_right(page: Page, shown: dict[str, int]) -> None:
    page.goto(f"/optimizations/{shown['zero']}/")
    expect(page.get_by_text("The exact grader found none of 8 answers right.")).to_be_visible()
    page.get_by_role("link", name="Run again with the choice grader").click()
    expect(page.get_by_label("Grader", exact=True)).to_have_value("choice")


def test_stars_set_in_one_window_show_in_the_other(page: Page, second: Page, shown: dict[str, int]) -> None:
    for window in (page, second):
        window.goto(f"/optimizations/{shown['done']}/")
        window.wait_for_timeout(500)  # both are connected
    second.get_by_text("Say more").click()
    second.get_by_label("Comment").fill("Being typed")
    page.locator(".stars [data-star='2']").click()
    expect(second.locator(".stars .on")).to_have_count(2)
    expect(second.get_by_label("Comment")).to_have_value("Being typed")
    page.get_by_text("Say more").click()
    page.get_by_label("Comment").fill("Said here")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    second.wait_for_timeout(500)
    expect(second.get_by_label("Comment")).to_have_value("Being typed")
    page.locator(".verdicts").first.get_by_role("button", name="Wrong").click()
    other = second.locator(".verdicts").first.get_by_role("button", name="Wrong")
    expect(other).to_have_attribute("aria-pressed", "true")
    other.click()
    expect(page.locator(".verdicts").first.locator("[aria-pressed=true]")).to_have_count(0)


def test_words_about_a_result_outlive_a_reload(page: Page, shown: dict[str, int]) -> None:
    page.goto(f"/optimizations/{shown['kept']}/")
    page.get_by_text("Say more").click()
    page.get_by_label("Comment").fill("Not yet saved")
    page.reload()
    page.wait_for_timeout(500)  # the first live frame has come
    expect(page.get_by_label("Comment")).to_have_value("Not yet saved")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    assert page.evaluate("Object.keys(localStorage)") == []


# Frame, account and admin


def test_the_account_menu_closes(page: Page) -> None:
    page.goto("/history/")
    menu, summary = page.locator("details.menu"), page.locator("details.menu summary")
    summary.click()
    page.keyboard.press("Tab")
    page.keyboard.press("Escape")
    expect(menu).not_to_have_attribute("open", "")
    expect(summary).to_be_focused()
    summary.click()
    page.locator("h1").click()
    expect(menu).not_to_have_attribute("open", "")


@pytest.mark.parametrize("path", ["/", "/history/"])
def test_the_head_of_a_page_fits_a_phone(page: Page, path: str) -> None:
    page.set_viewport_size({"width": 390, "height": 900})
    page.goto(path)
    assert page.locator("details.menu").evaluate("menu => menu.getBoundingClientRect().right") <= 390 - 15


@pytest.mark.parametrize("path", ["/accounts/email/", "/accounts/password/change/"])
def test_an_account_page_has_its_width(page: Page, path: str) -> None:
    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto(path)
    assert page.locator(".card.narrow").evaluate("card => card.offsetWidth") == 448


def test_the_sign_in_card_has_its_width(browser: Browser, live_product: Product) -> None:
    context = browser.new_context(base_url=live_product.base, viewport={"width": 1440, "height": 900})
    window = context.new_page()
    window.goto("/accounts/login/")
    assert window.locator(".card.narrow").evaluate("card => card.offsetWidth") == 448
    context.close()


LISTS = ["optimizationsession", "user", "workspace", "prompttemplate", "dataset", "feedback", "outputrating"]
TOO_WIDE = "list => list.scrollWidth > list.clientWidth"
LONG = """
name = ('A rather long name of something ' * 4)[:100]
person = factories.make_user('somebody.with.a.rather.long.name.and.address@department.example.com', username=name[:60])
session = factories.make_session(workspace, target_model='registry.example.com/library/llama3.2:3b-instruct-q4',
    prompt=factories.make_prompt(workspace, original=name * 3), status='completed', baseline_score=.1, best_score=.2)
factories.make_template(workspace, name=name, category=name[:50])
factories.make_dataset(workspace, name=name)
factories.make_feedback(session, person, comment=name * 3)
evaluation = factories.make_evaluation(factories.make_candidate(session), output=name * 3)
factories.rate_output(evaluation, person)
tell()
"""


def test_no_list_of_the_admin_is_cut_off(page: Page, shown: dict[str, int]) -> None:
    made(LONG)
    page.set_viewport_size({"width": 1440, "height": 900})
    cut_off = []
    for name in LISTS:
        page.goto(f"/admin/optimizer/{name}/")
        if page.locator("#changelist-form .results").evaluate(TOO_WIDE):
            cut_off.append(name)
    assert cut_off == []


def test_done_and_running_can_be_told_apart(page: Page, shown: dict[str, int]) -> None:
    made("running(); tell()")
    page.goto("/history/")
    look = "mark => [getComputedStyle(mark).color, getComputedStyle(mark, '::before').content]"
    running = page.locator(".status.processing").first.evaluate(look)
    done = page.locator(".status.completed").first.evaluate(look)
    assert running[0] != done[0]
    assert running[1] != done[1]
