"""What the search tried, how each did, and every call that was paid for."""

from __future__ import annotations

from typing import Any

from django.db import models

from optimizer.engine.constraint import Constraint, constraint_of
from optimizer.models.sessions import OptimizationSession


class Mark(models.TextChoices):
    """What became of one row, as one character."""

    RIGHT = "+", "right"
    PARTLY = "~", "partly right"
    WRONG = "-", "wrong"
    UNJUDGED = "?", "not judged yet"
    WAITING = ".", "waiting"

    @classmethod
    def of(cls, score: float) -> Mark:
        """The mark for a score from 0 to 1."""
        return cls.RIGHT if score >= 0.999 else cls.WRONG if score <= 0.001 else cls.PARTLY


class Candidate(models.Model):
    """One version of the prompt that the search tried. Number 0 is the original."""

    session = models.ForeignKey(OptimizationSession, on_delete=models.CASCADE, related_name="candidates")
    number = models.PositiveIntegerField()
    parents = models.ManyToManyField("self", symmetrical=False, related_name="children", blank=True)
    operator = models.CharField(max_length=30)
    components = models.JSONField()
    text = models.TextField()
    system_text = models.TextField(blank=True, default="", db_default="")  # of a prompt that has one apart
    messages = models.JSONField()
    score = models.FloatField(null=True, blank=True)
    scored_items = models.PositiveIntegerField(default=0)
    # While answers arrive: the mean over this many rows, and a Mark for each row of the search, or a blank. The two
    # above cover whole steps of the race, and decide who is ahead.
    live_score = models.FloatField(null=True, blank=True)
    live_items = models.PositiveIntegerField(default=0, db_default=0)
    marks = models.TextField(blank=True, default="", db_default="")
    # Means over all rows that are answered: tokens, in and out, and milliseconds of the model.
    answer_tokens = models.FloatField(null=True, blank=True)
    answer_ms = models.FloatField(null=True, blank=True)
    dropped = models.BooleanField(default=False)
    is_best = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(fields=["session", "number"], name="candidate_number_once"),
            models.UniqueConstraint(
                fields=["session"], condition=models.Q(is_best=True), name="candidate_one_best"
            ),
            models.CheckConstraint(
                condition=models.Q(score=None) | models.Q(score__range=(0, 1)), name="candidate_score_0_to_1"
            ),
            models.CheckConstraint(
                condition=models.Q(live_score=None) | models.Q(live_score__range=(0, 1)),
                name="candidate_live_score_0_to_1",
            ),
        ]

    def __str__(self) -> str:
        return f"candidate {self.number}"

    @property
    def score_so_far(self) -> float | None:
        """The mean over all answered rows, including a step of the race that has not ended."""
        return self.live_score if self.live_items > self.scored_items else self.score

    @property
    def rows_so_far(self) -> int:
        """On how many rows that is."""
        return max(self.live_items, self.scored_items)

    @property
    def answer_seconds(self) -> float | None:
        """The mean seconds of an answer."""
        return None if self.answer_ms is None else self.answer_ms / 1000

    @property
    def is_system_message(self) -> bool:
        """Whether its text is a system message, and each row a user message."""
        return bool(self.messages) and self.messages[0]["role"] == "system" and not self.system_text

    @property
    def examples_for_each_input(self) -> int:
        """How many rows each input is shown as examples, if they are chosen for it; 0 if all see the same."""
        return int(self.components.get("nearest") or 0)

    @property
    def marker(self) -> str:
        """What the answer stands behind, if the prompt asks for reasoning; else ""."""
        return str((self.components.get("reasoning") or {}).get("marker", ""))

    @property
    def constraint(self) -> Constraint | None:
        """What its answers are constrained to; None if they are not."""
        return constraint_of(self.components.get("constraint"))

    @property
    def format(self) -> dict[str, Any] | None:
        """What is sent as `format` with the call that answers."""
        return self.constraint.format if self.constraint else None

    @property
    def in_two_calls(self) -> bool:
        """Whether the model reasons in one call, and answers in a second."""
        return bool(self.constraint and self.marker)

    @property
    def where_the_answer_is(self) -> str:
        """How to get at the answer, if the prompt asks for reasoning; else ""."""
        if self.in_two_calls:
            return (
                "The model reasons first. Its answer takes a second call: add the reasoning as the assistant's message "
                f"and “{self.marker}” as the user's, and send the format with it."
            )
        read = f"The model reasons first. Its answer is what follows the last “{self.marker}”."
        return read if self.marker else ""

    @property
    def is_program(self) -> bool:
        """Whether it can be written out as a program: for one input, and with examples that a program can choose."""
        one_input = len(self.components.get("variables") or ()) < 2
        return one_input and not (self.examples_for_each_input and not self.in_turns)

    @property
    def in_turns(self) -> bool:
        """Whether it was measured with earlier chat turns, which one text can only imitate."""
        return any(message["role"] == "assistant" for message in self.messages)


class Split(models.TextChoices):
    TRAIN = "train"
    VALIDATION = "validation"
    HELD_OUT = "held-out"


class Evaluation(models.Model):
    """What a candidate answered to one item, and what the grader said."""

    candidate = models.ForeignKey(Candidate, on_delete=models.CASCADE, related_name="evaluations")
    split = models.CharField(max_length=10, choices=Split.choices)
    item = models.PositiveIntegerField()
    input = models.TextField()
    expected = models.TextField(blank=True)
    output = models.TextField(blank=True)
    score = models.FloatField()
    why = models.TextField(blank=True, default="", db_default="")  # why the score is not higher, in words
    reasoning = models.TextField(blank=True, default="", db_default="")  # before the answer
    tokens = models.PositiveIntegerField(default=0, db_default=0)  # in and out
    ms = models.PositiveIntegerField(default=0, db_default=0)  # of the model

    class Meta:
        ordering = ["item"]
        constraints = [
            models.UniqueConstraint(fields=["candidate", "split", "item"], name="evaluation_once"),
            models.CheckConstraint(condition=models.Q(score__range=(0, 1)), name="evaluation_score_0_to_1"),
            models.CheckConstraint(condition=models.Q(split__in=Split.values), name="evaluation_split_known"),
        ]

    def __str__(self) -> str:
        return f"{self.score} on {self.split} {self.item}"

    @property
    def reason(self) -> str:
        """Why it is not right, if the expected answer does not show it."""
        return "" if self.score >= 1 or self.why.startswith("expected ") else self.why


class LLMCall(models.Model):
    """The ledger: one reply of a model, written before the search sees it."""

    session = models.ForeignKey(OptimizationSession, on_delete=models.CASCADE, related_name="ledger")
    key = models.CharField(max_length=64)
    purpose = models.CharField(max_length=30)
    model = models.CharField(max_length=200)
    request = models.JSONField()
    response = models.TextField()
    finish_reason = models.CharField(max_length=20)
    prompt_tokens = models.PositiveIntegerField()
    completion_tokens = models.PositiveIntegerField()
    duration_ms = models.PositiveIntegerField()
    at_ms = models.PositiveBigIntegerField(null=True)  # of the run's own clock
    busy_ms = models.PositiveIntegerField(default=0, db_default=0)  # without waiting and loading; 0: unknown
    load_ms = models.PositiveIntegerField(default=0, db_default=0)
    host = models.CharField(max_length=200, blank=True, default="", db_default="")  # the server's address
    # Known from an earlier session, not asked again.
    reused = models.BooleanField(default=False, db_default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["session", "key"], name="call_paid_once")]
        indexes = [
            models.Index(fields=["key"], name="call_by_key", condition=models.Q(reused=False)),
            models.Index(fields=["session"], name="call_reused", condition=models.Q(reused=True)),
            models.Index(
                fields=["model", "-id"], name="call_newest_of_model", condition=models.Q(reused=False)
            ),
            models.Index(
                fields=["model", "-id"], name="call_that_loaded", condition=models.Q(load_ms__gte=1000)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.purpose} call {self.pk}"
