"""A newcomer's way, in a real browser, on the embedded model."""

from __future__ import annotations

import os
import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Product, django

MINUTES = 60_000
PICTURE = os.environ.get("PICTURE")  # where to put a picture of the sample's result, for the README
FEWER_CALLS = "100"  # than the sample takes by itself, where no picture is made
SEEDED = """
from optimizer.services.accounts import administrator
from tests import factories
workspace = administrator().personal_workspace
prompt = factories.make_prompt(workspace, original={text!r})
print(factories.make_session(workspace, prompt=prompt, **{fields!r}).pk)
"""


@pytest.fixture(autouse=True)
def no_drafts(page: Page) -> None:
    """What other tests typed is forgotten."""
    page.goto("/history/")
    page.evaluate("localStorage.clear()")


@pytest.fixture(scope="module")
def sample(page: Page) -> str:
    """The address of the sample's result, which was optimized while the person watched."""
    page.goto("/history/")
    page.evaluate("localStorage.clear()")
    page.goto("/?sample=1")
    expect(page.locator("#prompt-length")).to_have_text("36 / 10,000")
    if not PICTURE:
        page.get_by_text("Settings models").click()
        page.get_by_label("Limit on model calls").fill(FEWER_CALLS)
    page.get_by_label("Prompt", exact=True).press("Control+Enter")
    page.wait_for_url(re.compile(r"/optimizations/\d+/$"))
    page.evaluate("window.sameDocument = true")
    expect(page.locator(".candidate-line").first).to_be_visible(timeout=2 * MINUTES)
    expect(page.locator(".chart .dot").first).to_be_visible(timeout=2 * MINUTES)
    expect(page.locator(".headline")).to_be_visible(timeout=5 * MINUTES)
    assert page.evaluate("window.sameDocument"), "the page was loaded again"
    return page.url


@pytest.fixture
def result(page: Page, sample: str) -> Page:
    """The page, on the sample's result."""
    page.goto(sample)
    return page


def say_more(page: Page) -> None:
    """Open what hides the comment."""
    if not page.get_by_label("Comment").is_visible():
        page.get_by_text("Say more").click()


def seeded(text: str, **fields: object) -> str:
    """The address of an optimization of this prompt, by default one that has ended."""
    code = SEEDED.format(text=text, fields={"status": "completed"} | fields)
    return f"/optimizations/{django('shell', '-v', '0', '-c', code).split()[-1]}/"


def test_the_link_signs_in_and_the_sample_is_there(page: Page) -> None:
    page.goto("/?sample=1")
    expect(page.get_by_label("Prompt", exact=True)).to_have_value("What is this customer writing about?")
    expect(page.locator("#prompt-length")).to_have_text("36 / 10,000")


def test_variables_are_shown_and_a_draft_survives_a_reload(page: Page) -> None:
    page.goto("/?blank=1")
    prompt = page.get_by_label("Prompt", exact=True)
    prompt.fill("Answer {{question}} for {{reader}}.")
    expect(page.locator("#variables .chip")).to_have_text(["{{question}}", "{{reader}}"])
    page.reload()
    expect(prompt).to_have_value("Answer {{question}} for {{reader}}.")


def test_an_error_is_told_at_its_field_without_losing_anything(page: Page) -> None:
    page.goto("/?blank=1")
    long = "Answer the question. " * 500
    page.get_by_label("Prompt", exact=True).fill(long)
    page.get_by_text("Settings models").click()
    page.get_by_label("Seed").fill("42")
    page.get_by_role("button", name="Optimize").click()
    expect(page.locator("#id_prompt_about .errors")).to_contain_text("at most 10,000 are allowed")
    expect(page.get_by_label("Seed")).to_have_value("42")
    expect(page.get_by_label("Prompt", exact=True)).to_have_value(long)
    expect(page.get_by_label("Prompt", exact=True)).to_be_focused()
    expect(page.locator("#settings-fold")).to_have_attribute("open", "")


def test_a_system_message_is_previewed(page: Page) -> None:
    page.goto("/?sample=1")
    expect(page.locator("#rendered")).to_contain_text("The bench was delivered twice.")
    page.get_by_text("Settings models").click()
    page.get_by_label("Send the prompt as the system message").check()
    expect(page.locator("#rendered")).to_contain_text("System message")
    page.get_by_label("Send the prompt as the system message").uncheck()
    expect(page.locator("#rendered")).not_to_contain_text("System message")


def test_what_it_takes_is_told_before_it_starts(page: Page) -> None:
    page.goto("/?sample=1")
    expect(page.locator("#estimate")).to_contain_text(" here, based on ", timeout=MINUTES)
    expect(page.locator("#estimate")).to_contain_text(
        re.compile(r"[\d,]+ to [\d,]+ calls, [\d,]+ to [\d,]+ tokens, \d+")
    )


def test_the_grader_shows_its_options_and_can_be_tried(page: Page) -> None:
    page.goto("/?sample=1")
    expect(page.get_by_label("Tolerance")).to_be_hidden()
    page.get_by_label("Grader", exact=True).select_option("contains")
    page.get_by_text("Try the grader").click()
    page.get_by_label("An answer to grade").fill("It is about a bench.")
    page.get_by_role("button", name="Grade it").click()
    expect(page.locator("#grade")).to_contain_text("Right")
    page.get_by_label("Row", exact=True).fill("2")
    page.get_by_label("Row", exact=True).press("Enter")
    expect(page.locator("#grade")).to_contain_text("Wrong")
    expect(page.locator("#grade-it")).to_be_visible()
    page.get_by_label("Grader", exact=True).select_option("numeric")
    expect(page.get_by_label("Tolerance")).to_be_visible()


def test_the_sample_is_optimized_live(result: Page) -> None:
    expect(result.locator(".headline")).to_be_visible()
    expect(result.locator(".copy-row .primary")).to_be_visible()
    expect(result.locator("table.answers tbody tr").first).to_be_visible()
    if PICTURE:
        result.set_viewport_size({"width": 1440, "height": 900})
        result.screenshot(path=PICTURE)


def test_the_difference_can_be_read_in_one_text(result: Page) -> None:
    result.get_by_text("In one text").click()
    expect(result.locator(".unified")).to_be_visible()
    expect(result.locator(".split")).to_be_hidden()


def test_copying_says_so(result: Page) -> None:
    button = result.locator(".copy-row .primary")
    label = button.inner_text()
    button.click()
    expect(button).to_have_text("Copied")
    result.get_by_role("link", name="Run again").focus()
    expect(button).to_have_text(label, timeout=4000)
    expect(result.get_by_role("link", name="Run again")).to_be_focused()


def test_it_is_rated_by_key_and_the_rating_cleared(result: Page) -> None:
    result.locator("h1").click()
    result.keyboard.press("4")
    expect(result.locator(".stars [data-star='4']")).to_have_attribute("aria-pressed", "true")
    result.get_by_role("button", name="Helpful", exact=True).click()
    expect(result.get_by_role("button", name="Helpful", exact=True)).to_have_attribute("aria-pressed", "true")
    result.reload()
    expect(result.locator(".stars .on")).to_have_count(4)
    result.locator(".stars [data-star='4']").click()
    expect(result.locator(".stars .on")).to_have_count(0)


def test_a_star_pressed_on_an_older_page_leaves_newer_words(result: Page) -> None:
    older = result.context.new_page()
    older.goto(result.url)
    say_more(result)
    result.get_by_label("Comment").fill("Just right.")
    result.get_by_role("button", name="Save", exact=True).click()
    expect(result.get_by_text("Saved.")).to_be_visible()
    older.locator(".stars [data-star='5']").click()
    expect(older.get_by_label("Comment")).to_have_value("Just right.")
    older.locator(".stars [data-star='5']").click()
    older.close()
    result.reload()
    expect(result.get_by_label("Comment")).to_have_value("Just right.")


def test_a_refused_rating_keeps_all_that_was_typed(result: Page) -> None:
    say_more(result)
    result.get_by_label("Comment").fill("Nearly right.")
    result.get_by_label("What should be better?").fill("\n".join(f"Change {number}" for number in range(21)))
    result.get_by_role("button", name="Save", exact=True).click()
    expect(result.locator("#rating .errors")).to_contain_text("21 suggestions")
    result.get_by_label("What should be better?").fill("Change 1")
    result.get_by_role("button", name="Save", exact=True).click()
    expect(result.get_by_text("Saved.")).to_be_visible()
    result.get_by_label("What should be better?").fill("\n".join(f"Change {number}" for number in range(21)))
    result.get_by_role("button", name="Save", exact=True).click()
    expect(result.locator("#rating .errors")).to_contain_text("21 suggestions")
    expect(result.get_by_label("Comment")).to_have_value("Nearly right.")
    result.get_by_label("What should be better?").fill("Change 2")
    result.get_by_role("button", name="Save", exact=True).click()
    expect(result.get_by_text("Saved.")).to_be_visible()
    result.reload()
    expect(result.get_by_label("Comment")).to_have_value("Nearly right.")


def test_who_was_signed_out_goes_on_after_signing_in_elsewhere(result: Page, live_product: Product) -> None:
    say_more(result)
    result.get_by_label("Comment").fill("Still right.")
    other = result.context.new_page()
    other.goto("/accounts/logout/")
    other.get_by_role("main").get_by_role("button", name="Sign out").click()
    expect(result.locator("#connection")).to_contain_text("You are signed out.")
    result.get_by_role("button", name="Save", exact=True).click()
    expect(result.locator("#connection")).to_contain_text("then try again")
    expect(result.get_by_label("Comment")).to_have_value("Still right.")
    link = live_product.sign_in_link()
    with result.expect_websocket(lambda socket: "/live/" in socket.url):
        other.goto(
            link
        )  # from here on the page may connect again: by itself, by its focus, by the next request
        other.close()
        result.get_by_role("button", name="Save", exact=True).click()
    expect(result.get_by_text("Saved.")).to_be_visible()
    expect(result.locator("#connection")).to_be_hidden()
    result.reload()
    expect(result.get_by_label("Comment")).to_have_value("Still right.")


def test_an_output_is_called_wrong_and_right_again(result: Page) -> None:
    wrong = result.locator(".verdicts").last.get_by_role("button", name="Wrong")
    wrong.press("Space")
    expect(wrong).to_have_attribute("aria-pressed", "true")
    expect(wrong).to_be_focused()
    result.reload()
    result.wait_for_timeout(500)  # the first live frame, which is the same for everyone, has come
    expect(wrong).to_have_attribute("aria-pressed", "true")
    result.locator(".verdicts").last.get_by_role("button", name="Right").click()
    expect(wrong).to_have_attribute("aria-pressed", "false")
    expect(result.locator(".verdicts [aria-pressed=true]")).to_have_text(["Right"])


def test_another_run_is_stopped(result: Page) -> None:
    earlier = result.url
    result.get_by_role("link", name="Run again").click()
    result.wait_for_url(re.compile("from="))
    again = result.url
    long = "What is this? " * 800
    result.get_by_label("Prompt", exact=True).fill(long)
    result.get_by_role("button", name="Optimize").click()
    expect(result.locator("#id_prompt_about .errors")).to_contain_text("at most 10,000 are allowed")
    result.goto(earlier)
    result.goto(again)
    expect(result.get_by_label("Prompt", exact=True)).to_have_value(long)
    result.get_by_label("Prompt", exact=True).fill("What is this customer writing about, in a word?")
    result.get_by_role("button", name="Optimize").click()
    result.wait_for_url(re.compile(r"/optimizations/\d+/$"))
    result.route("**/stop/", lambda route: route.abort())
    stop = result.locator("button[form=stop-form]")
    stop.click()
    expect(result.locator("#connection")).to_contain_text("did not answer")
    expect(stop).to_have_text("Stop")
    result.unroute("**/stop/")
    stop.click()
    expect(result.locator(".status.cancelled").first).to_be_visible(timeout=MINUTES)
    result.goto(again)
    expect(result.get_by_label("Prompt", exact=True)).to_have_value("What is this customer writing about?")


def test_what_is_typed_as_test_inputs_outlives_a_new_connection(page: Page, live_product: Product) -> None:
    written = ["A bench.", "A lamp.", "A kite."]
    page.goto(seeded("What is it?", status="pending", inputs_requested=True, inputs=written))
    fields = page.locator("#approval textarea")
    expect(fields.first).to_be_visible()
    for field in fields.all():
        field.fill("")
    fields.first.fill("A bench in the park.")
    page.locator(".tabs").get_by_role("link", name="Settings").click()
    page.locator(".tabs").get_by_role("link", name="Progress").click()
    expect(fields.first).to_have_value("A bench in the park.")
    expect(fields.nth(1)).to_have_value("")
    page.get_by_role("button", name="Continue").click()
    expect(page.locator("#approval .errors")).to_contain_text("There is 1 different input")
    live_product.stop_web()
    expect(page.locator("#connection")).to_be_visible()
    live_product.start_web()
    expect(page.locator("#connection")).to_be_hidden(timeout=MINUTES)
    page.wait_for_timeout(500)  # the first live frame has come
    expect(fields.first).to_have_value("A bench in the park.")
    expect(page.locator("#approval .errors")).to_be_visible()
    page.locator("button[form=stop-form]").click()
    expect(page.locator(".status.cancelled").first).to_be_visible(timeout=MINUTES)


def test_the_history_is_live_and_searchable(page: Page) -> None:
    seeded("Count the quaggas.")
    page.keyboard.press("/")
    page.wait_for_url(re.compile("/history/"))
    page.get_by_label("Search in prompts").fill("quaggas")
    expect(page.locator("#history-list li")).to_have_count(1)
    expect(page).to_have_url(re.compile("q=quaggas"))
    page.get_by_label("Search in prompts").fill("zebra")
    expect(page.get_by_text("No matches")).to_be_visible()
    page.go_back()
    expect(page.locator("#history-list li")).to_have_count(1)
    expect(page.get_by_role("heading", name="History")).to_be_visible()
    expect(page.get_by_label("Search in prompts")).to_have_value("quaggas")


def test_an_optimization_that_was_deleted_is_told(page: Page) -> None:
    address = seeded("Count the okapis.")
    page.goto(address)
    number = address.split("/")[2]
    with page.expect_websocket(lambda socket: "/live/" in socket.url, timeout=MINUTES):
        django(
            "shell",
            "-c",
            f"from optimizer.models import *; OptimizationSession.objects.get(pk={number}).delete()",
        )
    expect(page.locator("#connection")).to_have_text("This is no longer here, or no longer yours.")


def test_a_lost_connection_is_told_and_mended(page: Page, live_product: Product) -> None:
    page.goto("/history/")
    live_product.stop_web()
    expect(page.locator("#connection")).to_contain_text("Reconnecting…")
    expect(page.locator("#connection")).to_be_visible()
    live_product.start_web()
    expect(page.locator("#connection")).to_be_hidden(timeout=MINUTES)


def test_the_keys_are_shown(page: Page) -> None:
    page.locator("h1").click()
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#keys")).to_be_hidden()


def test_the_theme_switches_and_stays(page: Page) -> None:
    with page.expect_response("**/settings/theme/"):
        page.get_by_role("button", name="Switch between light and dark").click()
    chosen = page.locator("html").get_attribute("data-theme")
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", str(chosen))
