"""A newcomer's way, in a real browser, on the embedded model. The tests follow each other."""

from __future__ import annotations

import os
import re

from playwright.sync_api import Page, expect

from tests.browser.conftest import Product, django

MINUTES = 60_000
PICTURE = os.environ.get("PICTURE")  # where to put a picture of the sample's result, for the README


def test_the_link_signs_in_and_the_sample_is_there(page: Page) -> None:
    expect(page.get_by_label("Prompt", exact=True)).to_have_value("What is this customer writing about?")
    expect(page.locator("#prompt-length")).to_have_text("36 / 10,000")


def test_variables_are_shown_and_a_draft_survives_a_reload(page: Page) -> None:
    prompt = page.get_by_label("Prompt", exact=True)
    prompt.fill("Answer {{question}} for {{reader}}.")
    expect(page.locator("#variables .chip")).to_have_text(["{{question}}", "{{reader}}"])
    page.reload()
    expect(prompt).to_have_value("Answer {{question}} for {{reader}}.")


def test_an_error_is_told_at_its_field_without_losing_anything(page: Page) -> None:
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


def test_what_it_takes_is_told_before_it_starts(page: Page) -> None:
    page.goto("/?sample=1")
    expect(page.locator("#estimate")).to_contain_text(" here, based on ", timeout=MINUTES)
    expect(page.locator("#estimate")).to_contain_text(
        re.compile(r"[\d,]+–[\d,]+ calls, [\d,]+–[\d,]+ tokens, \d+")
    )


def test_the_grader_shows_its_options_and_can_be_tried(page: Page) -> None:
    expect(page.get_by_label("Tolerance")).to_be_hidden()
    page.get_by_label("How answers are graded").select_option("contains")
    page.get_by_text("Try the grader").click()
    page.get_by_label("An answer to grade").fill("It is about a bench.")
    page.get_by_role("button", name="Grade it").click()
    expect(page.locator("#grade")).to_contain_text("Right")
    page.get_by_label("Row", exact=True).fill("2")
    page.get_by_label("Row", exact=True).press("Enter")
    expect(page.locator("#grade")).to_contain_text("Wrong")
    expect(page.locator("#grade-it")).to_be_visible()
    page.get_by_label("How answers are graded").select_option("numeric")
    expect(page.get_by_label("Tolerance")).to_be_visible()
    page.get_by_label("How answers are graded").select_option("exact")
    page.evaluate("localStorage.clear()")


def test_the_sample_is_optimized_live(page: Page) -> None:
    page.goto("/?sample=1")
    page.get_by_label("Prompt", exact=True).press("Control+Enter")
    page.wait_for_url(re.compile(r"/optimizations/\d+/$"))
    page.evaluate("window.sameDocument = true")
    expect(page.locator(".candidate-line").first).to_be_visible(timeout=2 * MINUTES)
    expect(page.locator(".chart .dot").first).to_be_visible(timeout=2 * MINUTES)
    expect(page.locator(".headline")).to_be_visible(timeout=5 * MINUTES)
    expect(page.locator(".copy-row .primary")).to_be_visible()
    expect(page.locator("table.answers tbody tr").first).to_be_visible()
    assert page.evaluate("window.sameDocument"), "the page was loaded again"
    if PICTURE:
        page.set_viewport_size({"width": 1440, "height": 900})
        page.screenshot(path=PICTURE)


def test_the_difference_can_be_read_in_one_text(page: Page) -> None:
    page.get_by_text("In one text").click()
    expect(page.locator(".unified")).to_be_visible()
    expect(page.locator(".split")).to_be_hidden()


def test_copying_says_so(page: Page) -> None:
    button = page.locator(".copy-row .primary")
    label = button.inner_text()
    button.click()
    expect(button).to_have_text("Copied")
    page.get_by_role("link", name="Run again").focus()
    expect(button).to_have_text(label, timeout=4000)
    expect(page.get_by_role("link", name="Run again")).to_be_focused()


def test_it_is_rated_by_key_and_the_rating_cleared(page: Page) -> None:
    page.locator("h1").click()
    page.keyboard.press("4")
    expect(page.locator(".stars [data-star='4']")).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="Helpful", exact=True).click()
    expect(page.get_by_role("button", name="Helpful", exact=True)).to_have_attribute("aria-pressed", "true")
    page.reload()
    expect(page.locator(".stars .on")).to_have_count(4)
    page.locator(".stars [data-star='4']").click()
    expect(page.locator(".stars .on")).to_have_count(0)


def test_a_star_pressed_on_an_older_page_leaves_newer_words(page: Page) -> None:
    older = page.context.new_page()
    older.goto(page.url)
    page.get_by_text("Say more").click()
    page.get_by_label("Comment").fill("Just right.")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    older.locator(".stars [data-star='5']").click()
    expect(older.get_by_label("Comment")).to_have_value("Just right.")
    older.locator(".stars [data-star='5']").click()
    older.close()
    page.reload()
    expect(page.get_by_label("Comment")).to_have_value("Just right.")


def test_a_refused_rating_keeps_all_that_was_typed(page: Page) -> None:
    page.get_by_label("Comment").fill("Nearly right.")
    page.get_by_label("What should be better?").fill("\n".join(f"Change {number}" for number in range(21)))
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("#rating .errors")).to_contain_text("21 suggestions")
    page.get_by_label("What should be better?").fill("Change 1")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    page.get_by_label("What should be better?").fill("\n".join(f"Change {number}" for number in range(21)))
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("#rating .errors")).to_contain_text("21 suggestions")
    expect(page.get_by_label("Comment")).to_have_value("Nearly right.")
    page.get_by_label("What should be better?").fill("Change 2")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    page.reload()
    expect(page.get_by_label("Comment")).to_have_value("Nearly right.")


def test_who_was_signed_out_goes_on_after_signing_in_elsewhere(page: Page, live_product: Product) -> None:
    page.get_by_label("Comment").fill("Still right.")
    other = page.context.new_page()
    other.goto("/accounts/logout/")
    other.get_by_role("main").get_by_role("button", name="Sign out").click()
    expect(page.locator("#connection")).to_contain_text("Signed out.")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("#connection")).to_contain_text("then try again")
    expect(page.get_by_label("Comment")).to_have_value("Still right.")
    other.goto(live_product.sign_in_link())
    with page.expect_websocket(lambda socket: "/live/" in socket.url):
        other.close()  # the page connects again when it gets the focus back, or by the next request
        page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    expect(page.locator("#connection")).to_be_hidden()
    page.reload()
    expect(page.get_by_label("Comment")).to_have_value("Still right.")


def test_an_output_is_called_wrong_and_right_again(page: Page) -> None:
    wrong = page.locator(".verdicts").last.get_by_role("button", name="Wrong")
    wrong.press("Space")
    expect(wrong).to_have_attribute("aria-pressed", "true")
    expect(wrong).to_be_focused()
    page.reload()
    page.wait_for_timeout(500)  # the first live frame, which is the same for everyone, has come
    expect(wrong).to_have_attribute("aria-pressed", "true")
    page.locator(".verdicts").last.get_by_role("button", name="Right").click()
    expect(wrong).to_have_attribute("aria-pressed", "false")
    expect(page.locator(".verdicts [aria-pressed=true]")).to_have_text(["Right"])


def test_another_run_is_stopped(page: Page) -> None:
    earlier = page.url
    page.get_by_role("link", name="Run again").click()
    page.wait_for_url(re.compile("from="))
    again = page.url
    long = "What is this? " * 800
    page.get_by_label("Prompt", exact=True).fill(long)
    page.get_by_role("button", name="Optimize").click()
    expect(page.locator("#id_prompt_about .errors")).to_contain_text("at most 10,000 are allowed")
    page.goto(earlier)
    page.goto(again)
    expect(page.get_by_label("Prompt", exact=True)).to_have_value(long)
    page.get_by_label("Prompt", exact=True).fill("What is this customer writing about, in a word?")
    page.get_by_role("button", name="Optimize").click()
    page.wait_for_url(re.compile(r"/optimizations/\d+/$"))
    page.route("**/stop/", lambda route: route.abort())
    stop = page.locator("button[form=stop-form]")
    stop.click()
    expect(page.locator("#connection")).to_contain_text("did not answer")
    expect(stop).to_have_text("Stop")
    page.unroute("**/stop/")
    stop.click()
    expect(page.locator(".status.cancelled").first).to_be_visible(timeout=MINUTES)
    page.goto(again)
    expect(page.get_by_label("Prompt", exact=True)).to_have_value("What is this customer writing about?")


def test_what_is_typed_as_test_inputs_outlives_a_new_connection(page: Page, live_product: Product) -> None:
    page.goto("/?blank=1")
    page.get_by_label("Prompt", exact=True).fill("What is this about?")
    page.get_by_label("show me the test inputs first").check()
    page.get_by_role("button", name="Optimize").click()
    fields = page.locator("#approval textarea")
    expect(fields.first).to_be_visible(timeout=2 * MINUTES)
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
    page.keyboard.press("/")
    page.wait_for_url(re.compile("/history/"))
    expect(page.locator("#history-list li")).to_have_count(3)
    page.get_by_label("Search in prompts").fill("word")
    expect(page.locator("#history-list li")).to_have_count(1)
    expect(page).to_have_url(re.compile("q=word"))
    page.get_by_label("Search in prompts").fill("zebra")
    expect(page.get_by_text("No matches")).to_be_visible()
    page.go_back()
    expect(page.locator("#history-list li")).to_have_count(1)
    expect(page.get_by_role("heading", name="History")).to_be_visible()
    expect(page.get_by_label("Search in prompts")).to_have_value("word")


def test_an_optimization_that_was_deleted_is_told(page: Page) -> None:
    page.goto("/history/")
    page.locator("#history-list a").first.click()
    page.wait_for_url(re.compile(r"/optimizations/\d+/"))
    with page.expect_websocket(lambda socket: "/live/" in socket.url, timeout=MINUTES):
        django(
            "shell",
            "-c",
            f"from optimizer.models import *; OptimizationSession.objects.get(pk={number_of(page)}).delete()",
        )
    expect(page.locator("#connection")).to_have_text("This is no longer here, or no longer yours.")


def number_of(page: Page) -> int:
    """Of the optimization that the page shows."""
    return int(re.findall(r"\d+", page.url.split("/optimizations/")[1])[0])


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
    page.get_by_role("button", name="Switch between light and dark").click()
    chosen = page.locator("html").get_attribute("data-theme")
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", str(chosen))
