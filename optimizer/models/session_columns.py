"""The columns of an optimization, and what the database holds them to."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from optimizer.brief import PRESET_TITLES, PRESETS, USUAL
from optimizer.engine.verdicts import Verdict
from optimizer.models.base import Owned, one_of
from optimizer.models.datasets import Dataset
from optimizer.models.prompts import Prompt
from optimizer.models.states import ACTIVE, UNLEARNED, Chosen, SessionStatus


class SessionColumns(Owned):
    """What was asked for, how far it is, what came of it."""

    prompt = models.ForeignKey(Prompt, on_delete=models.CASCADE, related_name="sessions")
    dataset = models.ForeignKey(
        Dataset, null=True, blank=True, on_delete=models.RESTRICT, related_name="sessions"
    )
    # Which version of the dataset it uses; of no meaning without one.
    dataset_version = models.PositiveIntegerField(default=1, db_default=1)

    # What was asked for
    preset = models.CharField(max_length=10, choices=PRESET_TITLES, default=USUAL)
    iterations = models.PositiveSmallIntegerField(default=3)
    rounds = models.PositiveSmallIntegerField(default=3)
    temperature = models.FloatField(default=0.8)
    max_tokens = models.PositiveIntegerField(default=256)
    # Which part of the prompt the search changes.
    part = models.CharField(max_length=6, default="text", db_default="text")
    # The prompt is the system message, and each row the user message.
    as_system = models.BooleanField(default=False, db_default=False)
    # Whether the prompt may ask for reasoning before the answer.
    reasoning = models.CharField(max_length=5, default="both", db_default="both")
    # The prompt shows no examples.
    instructions_only = models.BooleanField(default=False, db_default=False)
    grader = models.CharField(max_length=10, default="exact")
    grader_options = models.JSONField(default=dict, blank=True)
    literals = models.JSONField(default=list, db_default=[], blank=True)  # names in braces that are text
    # The columns that a person chose: by role (files/roles.py), and by variable under "variables".
    mapping = models.JSONField(default=dict, db_default={}, blank=True)
    target_model = models.CharField(max_length=200, blank=True)
    optimizer_model = models.CharField(max_length=200, blank=True)
    judge_model = models.CharField(max_length=200, blank=True, default="", db_default="")
    # They run the finalists too, at the end.
    other_models = models.JSONField(default=list, db_default=[], blank=True)
    # By model, the digest of its content: a name may come to mean another model.
    digests = models.JSONField(null=True, blank=True)
    # By name of a model that runs elsewhere, the host that everything is sent to.
    remotes = models.JSONField(default=dict, db_default={}, blank=True)
    # Whether the target model tells chat turns apart, gets system messages, and reasons by itself.
    turns = models.BooleanField(default=True, db_default=True)
    hears_system = models.BooleanField(default=True, db_default=True)
    thinks = models.BooleanField(default=False, db_default=False)
    # The context window of each call, in tokens; 0: as large as is allowed.
    window = models.PositiveIntegerField(default=0, db_default=0)
    max_calls = models.PositiveIntegerField(null=True, blank=True)  # None: as the preset says, here and below
    token_budget = models.PositiveBigIntegerField(null=True, blank=True)
    max_minutes = models.FloatField(null=True, blank=True)
    target_score = models.FloatField(null=True, blank=True)
    patience = models.PositiveSmallIntegerField(null=True, blank=True)
    # Keep the original unless proven better.
    only_proven = models.BooleanField(default=False, db_default=False)
    seed = models.BigIntegerField(default=0)
    evidence = models.JSONField(null=True, blank=True)  # what people said about earlier results, and where
    priors = models.JSONField(null=True, blank=True)  # how operators did before
    # Outputs that people found right or wrong; all three as they were given to the run.
    rated = models.JSONField(null=True, blank=True)
    # A person wants to see the test inputs first.
    inputs_requested = models.BooleanField(default=False, db_default=False)
    inputs = models.JSONField(null=True, blank=True)  # test inputs: as written, and then as approved
    # Whether few rows are all searched and compared (engine/crossfit.py), or some are held out. None: not yet decided.
    cross_fitted = models.BooleanField(null=True, blank=True)
    # The session whose result the search starts from, and the components of what that had found.
    continues = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.SET_NULL, related_name="continuations"
    )
    starts = models.JSONField(default=list, db_default=[], blank=True)
    # The numbers of the rows that the earlier search saw.
    seen = models.JSONField(default=list, db_default=[], blank=True)
    estimate = models.JSONField(null=True, blank=True)  # calls, tokens, minutes, as shown at the start
    submit_key = models.UUIDField(null=True, blank=True, editable=False)

    # How far it is
    status = models.CharField(max_length=10, choices=SessionStatus.choices, default=SessionStatus.PENDING)
    stage = models.CharField(max_length=60, blank=True)
    stage_done = models.PositiveIntegerField(default=0)
    stage_total = models.PositiveIntegerField(default=0)
    iterations_completed = models.PositiveSmallIntegerField(default=0)
    calls = models.PositiveIntegerField(default=0)
    prompt_tokens = models.PositiveBigIntegerField(default=0)
    completion_tokens = models.PositiveBigIntegerField(default=0)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    stop_requested_at = models.DateTimeField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    lease_token = models.UUIDField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    # While no model server answers: for what, since when, when its worker was given back, what servers reported.
    waiting = models.JSONField(null=True, blank=True)
    # A person wants this stopped session compared: no search, and it is stopped again afterwards.
    comparing = models.BooleanField(default=False, db_default=False)

    # How far the judge of pairs can be trusted, as measured before the search.
    judge = models.JSONField(null=True, blank=True)

    # What came of it
    finish_reason = models.CharField(max_length=200, blank=True)
    error_code = models.CharField(max_length=40, blank=True)
    error_message = models.TextField(blank=True)
    processing_time_ms = models.PositiveBigIntegerField(null=True, blank=True)
    # "": nothing was compared.
    verdict = models.CharField(
        max_length=12, blank=True, default="", db_default="", choices=[(v.value, v.words) for v in Verdict]
    )
    chosen = models.CharField(max_length=8, blank=True, default="", db_default="", choices=Chosen.choices)
    kept_original = models.BooleanField(null=True, blank=True)
    score_kind = models.CharField(max_length=20, blank=True)
    baseline_score = models.FloatField(null=True, blank=True)
    best_score = models.FloatField(null=True, blank=True)
    quality_score = models.FloatField(null=True, blank=True)
    results = models.JSONField(default=dict, blank=True)
    learned_at = models.DateTimeField(null=True, blank=True)  # None: there is something new to learn from it
    learned_verdict = models.SmallIntegerField(null=True, blank=True)  # what people said, as it was counted

    class Meta:
        abstract = True
        constraints = [
            one_of("status", SessionStatus, "session_status_known"),
            one_of("preset", list(PRESETS), "session_preset_known"),
            models.CheckConstraint(
                condition=Q(dataset_version__gte=1), name="session_dataset_version_from_1"
            ),
            models.CheckConstraint(
                condition=Q(verdict__in=["", *(v.value for v in Verdict)]), name="session_verdict_of_list"
            ),
            models.CheckConstraint(condition=Q(chosen__in=["", *Chosen.values]), name="session_chosen_known"),
            one_of("reasoning", ["both", "never", "only"], "session_reasoning_known"),
            one_of("part", ["text", "system", "both"], "session_part_known"),
            models.UniqueConstraint(
                fields=["prompt"], condition=Q(status__in=ACTIVE), name="session_one_active"
            ),
            models.UniqueConstraint(fields=["created_by", "submit_key"], name="session_submitted_once"),
            models.CheckConstraint(
                condition=Q(status__in=ACTIVE) | Q(finished_at__isnull=False),
                name="session_finished_has_time",
            ),
            models.CheckConstraint(condition=Q(iterations__range=(1, 20)), name="session_iterations_1_to_20"),
            models.CheckConstraint(condition=Q(rounds__range=(1, 20)), name="session_rounds_1_to_20"),
            models.CheckConstraint(condition=Q(temperature__range=(0, 2)), name="session_temperature_0_to_2"),
            models.CheckConstraint(condition=Q(max_tokens__range=(1, 32768)), name="session_max_tokens"),
            models.CheckConstraint(
                condition=Q(learned_verdict=None) | Q(learned_verdict__range=(-1, 1)),
                name="session_verdict_known",
            ),
            models.CheckConstraint(
                condition=Q(max_minutes=None) | Q(max_minutes__gt=0), name="session_max_minutes"
            ),
            models.CheckConstraint(
                condition=Q(target_score=None) | Q(target_score__range=(0, 1)), name="session_target_0_to_1"
            ),
            models.CheckConstraint(
                condition=Q(patience=None) | Q(patience__gte=1), name="session_patience_from_1"
            ),
            models.CheckConstraint(
                condition=Q(quality_score=None) | Q(quality_score__range=(0, 100)),
                name="session_quality_0_to_100",
            ),
        ]
        indexes = [
            models.Index(
                fields=["workspace", "-created_at", "-id"],
                name="session_newest",
                condition=Q(deleted_at=None),
            ),
            models.Index(fields=["workspace", "status", "-created_at", "-id"], name="session_by_status"),
            models.Index(
                fields=["-created_at", "-id"], name="session_newest_anywhere", condition=Q(deleted_at=None)
            ),
            models.Index(
                fields=["dataset", "-created_at", "-id"],
                name="session_by_dataset",
                condition=Q(deleted_at=None, dataset__isnull=False),
            ),
            models.Index(fields=["lease_until"], name="session_active", condition=Q(status__in=ACTIVE)),
            models.Index(fields=["finished_at"], name="session_unlearned", condition=UNLEARNED),
        ]
