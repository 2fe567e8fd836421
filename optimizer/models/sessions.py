"""One optimization of one prompt, from its settings to its result."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Count, Sum
from django.utils import timezone

from optimizer.brief import SETTINGS
from optimizer.engine.components import original_of
from optimizer.engine.graders import RUBRIC
from optimizer.engine.verdicts import UNPROVEN, Verdict
from optimizer.files import Assignment
from optimizer.models.across import ModelTable, table_of
from optimizer.models.finalists import Finalist, finalists_of
from optimizer.models.session_columns import SessionColumns
from optimizer.models.states import (
    ACTIVE,
    ENDED,
    SILENCE,
    STATES,
    SWEPT_EVERY,
    Chosen,
    SessionQuerySet,
    SessionStatus,
)
from optimizer.models.templates import PromptTemplate
from optimizer.models.users import Preference


class OptimizationSession(SessionColumns):
    """An optimization, and what follows from its columns."""

    objects = SessionQuerySet.as_manager()

    def __str__(self) -> str:
        return f"optimization {self.pk}"

    @property
    def settings(self) -> dict[str, Any]:
        """What was asked for, by setting."""
        return {setting.name: getattr(self, setting.name) for setting in SETTINGS}

    @property
    def judged_by(self) -> str:
        """The model that judges its outputs; "" if a grader does, or if no model is known yet."""
        if self.dataset_id and self.grader != RUBRIC:
            return ""
        return self.judge_model or self.optimizer_model or self.target_model

    @property
    def kept_in(self) -> PromptTemplate | None:
        """The template whose next version its result may be: the one that it came from, in its workspace."""
        template = self.prompt.shown_template
        return template if template and template.workspace_id == self.workspace_id else None

    @property
    def models_by_role(self) -> dict[str, str]:
        """By role, the models besides the target model, where the role has one of its own."""
        optimizer = self.optimizer_model or self.target_model
        judge = self.judged_by or optimizer
        found = {"optimizer": optimizer} if optimizer != self.target_model else {}
        return found | ({"judge": judge} if judge != optimizer else {})

    @property
    def is_active(self) -> bool:
        """Whether work may still be going on."""
        return self.status in ACTIVE

    @property
    def hands_over_best(self) -> bool:
        """Whether the best found is the result: as the person chose, or else as it was proven."""
        return self.chosen == Chosen.BEST or (not self.chosen and self.kept_original is False)

    @property
    def finalists(self) -> list[Finalist]:
        """The best prompt of each kind; the first did best on the rows of the search."""
        return finalists_of(self.results)

    @property
    def continuable(self) -> bool:
        """Whether another search may start from what it found. That needs rows."""
        found = bool(self.finalists) or self.kept_original is False
        return found and not self.is_active and self.dataset_id is not None

    @property
    def model_table(self) -> ModelTable | None:
        """How the finalists did with other models; None if none were asked for."""
        few = self.verdict == Verdict.TOO_FEW_ROWS
        return table_of(self.results, self.finalists, intervals=not few)

    @property
    def open_to_choice(self) -> bool:
        """Whether a person may say which text to use: the best is ahead, without proof, or a text was chosen before.
        As `OPEN_TO_CHOICE`."""
        if self.chosen:
            return True
        ahead = self.kept_original is False or bool(self.results.get("ahead"))
        return ahead and self.status in ENDED and self.verdict in UNPROVEN

    @property
    def comparable(self) -> bool:
        """Whether its best can still be compared on held-out rows. As `COMPARABLE`."""
        return self.status == SessionStatus.CANCELLED and not self.verdict and self.kept_original is False

    @property
    def state(self) -> str:
        """Where it stands, in the one word that people see everywhere."""
        if self.awaits_approval:
            return "Needs you"
        if self.status != SessionStatus.PROCESSING:
            return STATES[SessionStatus(self.status)]
        if self.stop_requested_at is not None:
            return "Stopping"
        if self.waiting:
            return "Waiting"
        return "Comparing" if self.comparing else "Running"

    @property
    def seconds_to_takeover(self) -> int | None:
        """Seconds until another worker takes over, if this one has gone silent; None while it gives signs of life."""
        if self.status != SessionStatus.PROCESSING or self.lease_until is None or self.lease_token is None:
            return None
        left = self.lease_until - timezone.now()
        if left > timedelta(seconds=settings.LEASE_SECONDS) - SILENCE:
            return None
        return math.ceil(max(left, timedelta()).total_seconds()) + SWEPT_EVERY

    @property
    def waiting_since(self) -> datetime | None:
        """Since when no model server has answered; None while one does."""
        since = (self.waiting or {}).get("since")
        return datetime.fromisoformat(since) if since else None

    @property
    def may_learn(self) -> bool:
        """Whether its owner lets it learn, and lets others learn from it."""
        return not Preference.objects.filter(user=self.created_by_id, learn_from_feedback=False).exists()

    @property
    def evidence_given(self) -> list[dict[str, Any]]:
        """What people said about earlier results, as the run was given it: each has a `text` and its `session`, which
        older runs did not keep."""
        given = self.evidence or []
        return [said if isinstance(said, dict) else {"text": said, "session": None} for said in given]

    @property
    def feedback_used(self) -> list[dict[str, Any]]:
        """The part of it that the critique was given in the end; `session` only while that still exists."""
        given = {said["text"]: said["session"] for said in reversed(self.evidence_given)}
        there = OptimizationSession.objects.in_workspaces([self.workspace_id]).filter(
            pk__in=[pk for pk in given.values() if pk]
        )
        pks = set(there.values_list("pk", flat=True))
        used = [(text, given.get(text)) for text in self.results.get("used_feedback") or []]
        return [{"text": text, "session": pk if pk in pks else None} for text, pk in used]

    @property
    def calls_reused(self) -> int:
        """How many of the calls were known from earlier optimizations of the workspace."""
        return min(self.calls, self.ledger.filter(reused=True).count())

    @property
    def hosts_asked(self) -> list[str]:
        """The model servers that answered its newest calls."""
        newest = (
            self.ledger.filter(reused=False).exclude(host="").order_by("-id").values_list("host", flat=True)
        )
        return sorted(set(newest[:20]))

    @property
    def spent_before(self) -> dict[str, int]:
        """What writing the test inputs took, once a person has approved them. It is part of the whole cost."""
        if not self.inputs:
            return {"calls": 0, "prompt_tokens": 0, "completion_tokens": 0}
        return self.ledger.filter(purpose="inputs").aggregate(
            calls=Count("pk"),
            prompt_tokens=Sum("prompt_tokens", default=0),
            completion_tokens=Sum("completion_tokens", default=0),
        )

    def id_of(self, model: str) -> str:
        """The ID behind a model's name, as `ollama list` shows it; "" while that is not known."""
        return str((self.digests or {}).get(model, ""))[:12]

    @property
    def variables(self) -> tuple[str, ...]:
        """The variables of its prompt, without what was marked as text."""
        return original_of(self.prompt.whole, tuple(self.literals)).variables

    @property
    def assignment(self) -> Assignment:
        """The columns that a person chose."""
        return Assignment.of(self.mapping)

    @property
    def awaits_approval(self) -> bool:
        """Whether it waits for a person to approve its test inputs."""
        return self.status == SessionStatus.PENDING and self.inputs_requested and self.inputs is not None
