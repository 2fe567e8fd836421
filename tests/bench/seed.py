"""A person with a long history, one finished optimization and one that runs."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import timedelta

from django.db import connection
from django.test import Client
from django.utils import timezone

from optimizer.models import OptimizationSession, Prompt, User, Workspace
from tests import factories
from tests.browser import showcase

SESSIONS = 20_000
BATCH = 2_000
COMMON, RARE = "complaint", "zeppelin"  # words of 2,500 and of 10 prompts
TASKS = ["Answer", "Summarise", "Classify", "Translate into German", "Rewrite politely", "Rate from 1 to 5"]
THINGS = [
    "this complaint", "the mail below", "this review of a hotel", "the article", "this bug report",
    "a question about an invoice", "the minutes of our meeting", "this product description",
]  # fmt: skip
RULES = [
    "Answer with one word.", "Use at most three sentences.", "Keep every number as it is.",
    "Say so when you are not sure.", "Write for a reader who is in a hurry.", "Give your reason first.",
]  # fmt: skip
STATUSES = ["completed"] * 8 + ["failed", "cancelled"]


@dataclass(frozen=True)
class Seeded:
    """Whom to sign in, and what to look at. `browser` is signed in, in this process."""

    browser: Client
    done: OptimizationSession
    running: OptimizationSession

    @property
    def cookie(self) -> str:
        return self.browser.cookies["sessionid"].value


def seed() -> Seeded:
    user = factories.make_user("ada@example.com", username="Ada")
    _history(user.personal_workspace)
    done = showcase.done(user.personal_workspace, user)
    running = showcase.running(user.personal_workspace)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    return Seeded(_signed_in(user), done, running)


def _history(workspace: Workspace) -> None:
    """The last year: a prompt and its finished session every 26 minutes."""
    dice, now = random.Random(7), timezone.now()
    prompts = [
        Prompt(
            workspace=workspace,
            original=_prompt(number, dice),
            status="completed",
            created_at=now - timedelta(minutes=26 * number + 60),
        )
        for number in range(SESSIONS)
    ]
    Prompt.objects.bulk_create(prompts, BATCH)
    OptimizationSession.objects.bulk_create((_session(prompt, dice) for prompt in prompts), BATCH)


def _prompt(number: int, dice: random.Random) -> str:
    rules = " ".join(dice.sample(RULES, 3))
    subject = f"the history of the {RARE}" if number % 2_000 == 1_999 else THINGS[number % len(THINGS)]
    return f"{dice.choice(TASKS)} {subject}, number {number}.\n\n{rules}"


def _session(prompt: Prompt, dice: random.Random) -> OptimizationSession:
    baseline = round(dice.uniform(0.3, 0.7), 3)
    return OptimizationSession(
        workspace=prompt.workspace, prompt=prompt, status=dice.choice(STATUSES), created_at=prompt.created_at,
        started_at=prompt.created_at, finished_at=prompt.created_at + timedelta(minutes=4),
        processing_time_ms=240_000,
        finish_reason="All iterations are done.", kept_original=False, score_kind="accuracy", calls=900,
        baseline_score=baseline, best_score=baseline + 0.2, quality_score=100 * baseline + 20,
        target_model="llama3.2:3b", optimizer_model="qwen3:8b", results=showcase.RESULTS,
    )  # fmt: skip


def _signed_in(user: User) -> Client:
    client = Client(SERVER_NAME="localhost")
    client.force_login(user)
    return client
