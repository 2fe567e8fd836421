"""A run ends with the best prompt of each kind, and a person chooses between them."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from django.core.exceptions import PermissionDenied
from django.test import Client
from django.urls import reverse

from optimizer import verdicts
from optimizer.briefing import components_of
from optimizer.engine import Item
from optimizer.engine.reasoning import Kind
from optimizer.llm.base import CallFailedError, Request
from optimizer.management.telling import result_lines, summary
from optimizer.models import Chosen, OptimizationSession, Role, User, Workspace
from optimizer.services.results import choose_finalist, choose_result
from optimizer.worker import loop
from tests import factories
from tests.engine.test_reasoning import asks
from tests.engine.world import ITEMS, PROMPT, last_input, proposals
from tests.worker.test_comparing import use_host
from tests.worker.test_work import UseHost, claimed

__all__ = ["use_host"]


def either(request: Request) -> str | CallFailedError:
    """Better with examples, and better still where it may reason."""
    if request.purpose != "answer":
        return proposals(request)
    number = int(last_input(request)[4:])
    right, wrong = ("even", "odd") if number % 2 == 0 else ("odd", "even")
    if asks(request):
        return f"The last digit of {number} tells.\nAnswer: {right if number % 9 else wrong}"
    return right if len(request.messages) > 1 and number % 3 else f"I think {right}"


@pytest.fixture
def optimized(workspace: Workspace, user: User) -> Callable[..., OptimizationSession]:
    """An optimization with these settings, which a worker has finished."""

    def make(**settings: object) -> OptimizationSession:
        dataset = factories.keep_rows(workspace, user, [(item.input, item.expected) for item in ITEMS])
        prompt = factories.make_prompt(workspace, original=PROMPT)
        session = factories.make_session(workspace, prompt=prompt, dataset=dataset, **settings)
        loop.work(claimed(session))
        session.refresh_from_db()
        assert session.status == "completed"
        return session

    return make


@pytest.fixture
def finished(optimized: Callable[..., OptimizationSession], use_host: UseHost) -> OptimizationSession:
    """One that ended with two finalists, the first of which reasons."""
    use_host(either)
    return optimized()


def test_both_are_kept_with_what_they_cost(finished: OptimizationSession) -> None:
    first, second = finished.finalists
    assert (first.kind, second.kind) == (Kind.REASONS_FIRST, Kind.ANSWER_ONLY)
    assert first.is_result
    assert not second.is_result
    assert first.comparison
    assert second.comparison
    assert first.comparison["best"] > second.comparison["best"] > second.comparison["baseline"]
    assert first.answer_tokens
    assert second.answer_tokens
    best = finished.candidates.get(is_best=True)
    assert best.number == first.number
    assert best.answer_tokens


def test_a_click_changes_what_is_copied_listed_and_exported(
    finished: OptimizationSession, user: User, client: Client
) -> None:
    client.force_login(user)
    page = client.get(reverse("session-detail", args=[finished.pk])).content.decode()
    assert "Two ways to answer" in page
    assert "Reasons first" in page
    assert "Its answer is what follows the last “Answer:”." in page
    assert "The model reasons first. Its answer is what follows the last “Answer:”." in list(
        result_lines(finished)
    )
    second = finished.finalists[1]
    reached = f"{100 * (second.comparison or {})['best']:.0f} %"
    assert reached in page
    answer = client.post(reverse("finalist-choose", args=[finished.pk]), {"number": second.number})
    assert answer.status_code == 302
    finished.refresh_from_db()
    chosen = finished.candidates.get(is_best=True)
    assert chosen.number == second.number
    assert finished.prompt.optimized == chosen.text
    assert finished.best_score is not None
    assert finished.best_score == (second.comparison or {})["best"]
    assert finished.quality_score == pytest.approx(100 * finished.best_score)
    assert finished.hands_over_best
    assert finished.events.filter(data__text=f"{user} chose the prompt that answers at once.").count() == 1
    told = summary(finished)
    assert told["optimized"] == chosen.text
    assert told["messages"] == chosen.messages
    assert [(one["kind"], one["in_use"]) for one in told["finalists"]] == [
        ("reasons_first", False),
        ("answer_only", True),
    ]
    json.dumps(told)
    assert verdicts.scores(finished).after == reached  # type: ignore[union-attr]
    assert told["metrics"] is None
    choose_finalist(session=finished, by=user, number=finished.finalists[0].number)
    assert finished.finalists[0].is_result
    assert summary(finished)["metrics"] == finished.finalists[0].results["metrics"]
    assert summary(finished)["metrics"]


def test_what_was_chosen_can_be_undone(finished: OptimizationSession, user: User) -> None:
    for choice in (Chosen.ORIGINAL, Chosen.BEST, Chosen.ORIGINAL):
        choose_finalist(session=finished, by=user, number=finished.finalists[1].number)
        choose_result(session=finished, by=user, choice=choice)
        assert finished.open_to_choice
        assert finished.hands_over_best is (choice == Chosen.BEST)
        assert verdicts.next_step(finished).startswith("Copy it") is (choice == Chosen.BEST)


def test_what_is_no_finalist_changes_nothing(finished: OptimizationSession, user: User) -> None:
    before = finished.prompt.optimized
    for number in (1, 999_999, finished.finalists[0].number):
        choose_finalist(session=finished, by=user, number=number)
    finished.prompt.refresh_from_db()
    assert finished.prompt.optimized == before
    assert not finished.events.filter(kind="chosen").exists()


def test_who_may_not_write_may_not_choose_and_what_is_no_number_is_refused(
    finished: OptimizationSession, outsider: User, user: User, client: Client
) -> None:
    factories.join(finished.workspace, outsider, Role.VIEWER)
    with pytest.raises(PermissionDenied):
        choose_finalist(session=finished, by=outsider, number=finished.finalists[1].number)
    client.force_login(user)
    for sent in ("", "x", "0", "-1", "99999999999999999999"):
        assert (
            client.post(reverse("finalist-choose", args=[finished.pk]), {"number": sent}).status_code == 400
        )


def test_reasoning_stands_beside_the_answers(
    finished: OptimizationSession, user: User, client: Client
) -> None:
    client.force_login(user)
    page = client.get(reverse("session-detail", args=[finished.pk])).content.decode()
    assert "The last digit of" in page
    row = finished.candidates.get(is_best=True).evaluations.filter(split="held-out").first()
    assert row is not None
    assert row.reasoning.startswith("The last digit of")
    assert row.output in {"even", "odd"}


@pytest.mark.parametrize(("mode", "asked"), [("never", False), ("only", True), ("both", True)])
def test_the_setting_says_whether_prompts_ask_for_reasoning(
    optimized: Callable[..., OptimizationSession], use_host: UseHost, mode: str, asked: bool
) -> None:
    host = use_host(either)
    session = optimized(reasoning=mode)
    assert any(map(asks, host.requests)) is asked
    if mode == "only":
        assert session.finalists[0].kind == Kind.REASONS_FIRST


def test_the_prompt_in_use_is_downloaded_as_a_program(
    finished: OptimizationSession, user: User, outsider: User, client: Client
) -> None:
    client.force_login(user)
    address = reverse("session-program", args=[finished.pk])
    assert address in client.get(reverse("session-detail", args=[finished.pk])).content.decode()
    answer = client.get(address)
    assert answer["Content-Disposition"] == f'attachment; filename="prompt-{finished.pk}.py"'
    program: dict[str, object] = {"__name__": "prompt"}
    exec(compile(answer.content, "prompt.py", "exec"), program)
    assert program["MODEL"] == finished.target_model
    assert program["MAX_TOKENS"] == finished.max_tokens
    assert program["WINDOW"] == finished.window
    best = finished.candidates.get(is_best=True)
    asked = components_of(best.components).messages(Item("word77"))
    assert program["messages"]("word77") == [vars(message) for message in asked]  # type: ignore[operator]
    client.force_login(outsider)
    assert client.get(address).status_code == 404
