"""What people said about results and outputs."""

from __future__ import annotations

from django.contrib import admin

from optimizer.admin.lists import Witness
from optimizer.models import Feedback, OptimizationSession, OutputRating


@admin.register(Feedback)
class FeedbackAdmin(Witness):
    list_display = ["session", "user", "rating", "is_helpful", "comment_start", "created_at"]
    list_filter = ["rating", "is_helpful", "created_at"]
    list_select_related = ["session", "user"]
    search_fields = ["=user__email", "comment"]

    @admin.display(description="comment")
    def comment_start(self, feedback: Feedback) -> str:
        return feedback.comment[:80]


@admin.register(OutputRating)
class OutputRatingAdmin(Witness):
    list_display = ["session", "user", "is_right", "output_start", "updated_at"]
    list_filter = ["is_right", "updated_at"]
    list_select_related = ["evaluation__candidate__session", "user"]
    search_fields = ["=user__email", "=evaluation__candidate__session__pk"]
    raw_id_fields = ["evaluation"]

    @admin.display(description="optimization")
    def session(self, rating: OutputRating) -> OptimizationSession:
        return rating.evaluation.candidate.session

    @admin.display(description="output")
    def output_start(self, rating: OutputRating) -> str:
        return rating.evaluation.output[:80]
