"""What must never be false is the database's own business: raw SQL, past every form and model, is refused by name."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

import psycopg
import pytest
from django.apps import apps
from django.db import IntegrityError, connection, transaction
from django.db.models import RestrictedError
from django.utils import timezone

from optimizer.models import (
    Dataset,
    Evaluation,
    LabelMove,
    OptimizationSession,
    StarterCopy,
    SystemMetric,
    TemplateLabel,
    Upload,
    User,
    Workspace,
)
from tests import factories

LONG = "repeat('x', 10001)"

# (constraint, table, what an UPDATE sets)
CHECKS = [
    ("prompt_original_length", "prompt", "original = ''"),
    ("prompt_original_length", "prompt", "original = '   '"),
    ("prompt_original_length", "prompt", f"original = {LONG}"),
    ("prompt_context_length", "prompt", f"context = {LONG}"),
    ("prompt_system_text_length", "prompt", f"system_text = {LONG}"),
    ("prompt_status_known", "prompt", "status = 'lost'"),
    ("session_status_known", "optimizationsession", "status = 'lost', finished_at = now()"),
    ("session_preset_known", "optimizationsession", "preset = 'slow'"),
    ("session_reasoning_known", "optimizationsession", "reasoning = 'x'"),
    ("session_part_known", "optimizationsession", "part = 'all'"),
    ("session_finished_has_time", "optimizationsession", "status = 'completed'"),
    ("session_finished_has_time", "optimizationsession", "status = 'failed'"),
    ("session_finished_has_time", "optimizationsession", "status = 'cancelled'"),
    ("session_iterations_1_to_20", "optimizationsession", "iterations = 0"),
    ("session_iterations_1_to_20", "optimizationsession", "iterations = 99"),
    ("session_rounds_1_to_20", "optimizationsession", "rounds = 0"),
    ("session_rounds_1_to_20", "optimizationsession", "rounds = 21"),
    ("session_temperature_0_to_2", "optimizationsession", "temperature = -1"),
    ("session_temperature_0_to_2", "optimizationsession", "temperature = 2.1"),
    ("session_temperature_0_to_2", "optimizationsession", "temperature = 'NaN'"),
    ("session_max_tokens", "optimizationsession", "max_tokens = 0"),
    ("session_max_tokens", "optimizationsession", "max_tokens = 32769"),
    ("session_max_minutes", "optimizationsession", "max_minutes = 0"),
    ("session_target_0_to_1", "optimizationsession", "target_score = 1.1"),
    ("session_target_0_to_1", "optimizationsession", "target_score = 'NaN'"),
    ("session_patience_from_1", "optimizationsession", "patience = 0"),
    ("session_quality_0_to_100", "optimizationsession", "quality_score = -0.1"),
    ("session_quality_0_to_100", "optimizationsession", "quality_score = 100.1"),
    ("session_verdict_of_list", "optimizationsession", "verdict = 'best'"),
    ("session_chosen_known", "optimizationsession", "chosen = 'both'"),
    ("session_verdict_known", "optimizationsession", "learned_verdict = 2"),
    ("session_verdict_known", "optimizationsession", "learned_verdict = -2"),
    ("prior_wins_of_tries", "operatorprior", "wins = -0.1"),
    ("prior_wins_of_tries", "operatorprior", "wins = 9.1"),
    ("prior_wins_of_tries", "operatorprior", "wins = 'NaN'"),
    ("candidate_score_0_to_1", "candidate", "score = -0.1"),
    ("candidate_score_0_to_1", "candidate", "score = 1.1"),
    ("candidate_live_score_0_to_1", "candidate", "live_score = -0.1"),
    ("candidate_live_score_0_to_1", "candidate", "live_score = 1.1"),
    ("evaluation_score_0_to_1", "evaluation", "score = -0.1"),
    ("evaluation_score_0_to_1", "evaluation", "score = 'NaN'"),
    ("evaluation_split_known", "evaluation", "split = 'test'"),
    ("feedback_rating_1_to_5", "feedback", "rating = 0"),
    ("feedback_rating_1_to_5", "feedback", "rating = 6"),
    ("feedback_comment_length", "feedback", f"comment = {LONG}"),
    ("example_input_length", "example", "input = ' '"),
    ("example_input_length", "example", f"input = {LONG}"),
    ("example_expected_length", "example", "expected = ''"),
    ("example_expected_length", "example", f"expected = {LONG}"),
    ("example_since_until_sane", "example", "until = 1"),
    ("example_since_until_sane", "example", "since = 0"),
    ("example_split_known", "example", "split = 'test'"),
    ("dataset_named", "dataset", "name = ' '"),
    ("dataset_description_length", "dataset", f"description = {LONG}"),
    ("dataset_version_from_1", "dataset", "version = 0"),
    ("dataset_version_number_from_1", "datasetversion", "number = 0"),
    ("session_dataset_version_from_1", "optimizationsession", "dataset_version = 0"),
    ("upload_size", "upload", f"content = decode(repeat('00', {2**26 + 1}), 'hex')"),
    ("example_weight_above_0", "example", "weight = 0"),
    ("example_weight_above_0", "example", "weight = 'NaN'"),
    ("template_rating_1_to_5", "prompttemplate", "average_rating = 0.9"),
    ("template_has_name", "prompttemplate", "name = ' '"),
    ("template_description_length", "prompttemplate", f"description = {LONG}"),
    ("template_tags_at_most", "prompttemplate", "tags = array_fill('x'::text, ARRAY[21])"),
    ("template_label_has_name", "templatelabel", "name = ' '"),
    ("template_rating_1_to_5", "prompttemplate", "average_rating = 5.1"),
    ("template_version_length", "templateversion", "text = ' '"),
    ("template_version_length", "templateversion", f"text = {LONG}"),
    ("template_version_system_length", "templateversion", f"system_text = {LONG}"),
    ("template_version_source_known", "templateversion", "source = 'dreamt'"),
    ("template_version_restored_from", "templateversion", "source = 'restored'"),
    ("template_version_restored_from", "templateversion", "restored_from = 1"),
    ("preference_theme_known", "preference", "theme = 'pink'"),
    ("preference_preset_known", "preference", "default_preset = 'endless'"),
    ("membership_role_known", "membership", "role = 'king'"),
]

ANEW = {"submit_key": "NULL"}
ENDED = {"status": "'failed'", "finished_at": "now()"}

# (constraint, table, what differs in a second row like the first, what differs and then is welcome)
TWINS = [
    ("user_email_once", "user", {"email": "'USER@Example.com'"}, {"email": "'other@example.com'"}),
    ("membership_once", "membership", {}, None),
    ("session_one_active", "optimizationsession", ANEW, ANEW | ENDED),
    ("session_one_active", "optimizationsession", ANEW | {"status": "'processing'"}, None),
    ("session_submitted_once", "optimizationsession", ENDED, ANEW | ENDED),
    ("event_seq_once", "sessionevent", {}, {"seq": "7"}),
    ("candidate_number_once", "candidate", {"is_best": "false"}, {"is_best": "false", "number": "7"}),
    ("candidate_one_best", "candidate", {"number": "7"}, None),
    ("evaluation_once", "evaluation", {}, {"split": "'train'"}),
    ("call_paid_once", "llmcall", {}, {"key": "'other'"}),
    ("feedback_once", "feedback", {}, None),
    ("output_rated_once", "outputrating", {}, None),
    ("prior_once", "operatorprior", {}, {"model": "'other'"}),
    ("prior_once", "operatorprior", {}, {"operator": "'other'"}),
    ("example_place_once", "example", {"since": "2"}, {"position": "7"}),
    ("example_place_in_version", "example", {"until": "9"}, {"since": "2", "until": "9"}),
    ("dataset_version_once", "datasetversion", {}, {"number": "7"}),
    ("optimizer_upload_dataset_id_key", "upload", {}, None),
    ("template_version_once", "templateversion", {}, {"number": "7"}),
    ("template_label_once", "templatelabel", {}, {"name": "'other'"}),
    ("starter_once_a_workspace", "startercopy", {}, {"slug": "'other'"}),
    ("metric_minute_once", "systemmetric", {}, {"name": "'other'"}),
    ("optimizer_preference_user_id_key", "preference", {}, None),
    ("optimizer_workspace_personal_of_id_key", "workspace", {}, {"personal_of_id": "NULL"}),
]  # fmt: skip

# A primary key is in it: no two rows can break it. A label's foreign key refers to it.
SERVE_A_REFERENCE = {"template_version_of_its_own"}

COUNTS = [
    (model._meta.model_name, field.column)
    for model in apps.get_app_config("optimizer").get_models()
    for field in model._meta.fields
    if field.get_internal_type().startswith("Positive")
]


@pytest.fixture
def world(user: User, workspace: Workspace) -> None:
    """One row in every table."""
    key = UUID("00000000-0000-4000-8000-000000000000")
    dataset = factories.make_dataset(workspace, rows=1)
    Upload.objects.create(dataset=dataset, content=b"input,expected")
    session = factories.make_session(workspace, created_by=user, submit_key=key, dataset=dataset)
    evaluation = factories.make_evaluation(factories.make_candidate(session, is_best=True))
    factories.rate_output(evaluation, user)
    factories.make_event(session)
    factories.make_call(session)
    factories.make_feedback(session, user)
    template = factories.make_template(workspace)
    TemplateLabel.objects.create(template=template, name="production", version=template.versions.get())
    LabelMove.objects.create(template=template, name="production", after=1)
    StarterCopy.objects.create(workspace=workspace, slug="summary", template=template)
    factories.make_prior(workspace)
    SystemMetric.objects.create(name="page", minute=timezone.now())


def run(sql: str) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)
        assert cursor.rowcount == 1


def refused_by(sql: str) -> str | None:
    """The name of the constraint that refuses the statement."""
    with pytest.raises(IntegrityError) as caught:
        run(sql)
    cause = caught.value.__cause__
    assert isinstance(cause, psycopg.errors.IntegrityError)
    return cause.diag.constraint_name


def twin(table: str, **differs: str) -> str:
    """A statement that inserts a row like the one that is there."""
    columns = [f.column for f in apps.get_model("optimizer", table)._meta.fields if not f.primary_key]
    named = [f'"{column}"' for column in columns]
    values = [differs.get(column, name) for column, name in zip(columns, named, strict=True)]
    return (
        f"INSERT INTO optimizer_{table} ({', '.join(named)}) "
        f"SELECT {', '.join(values)} FROM optimizer_{table} LIMIT 1"
    )


@pytest.mark.parametrize(("name", "table", "change"), CHECKS)
def test_a_false_value_is_refused(world: None, name: str, table: str, change: str) -> None:
    assert refused_by(f"UPDATE optimizer_{table} SET {change}") == name


@pytest.mark.parametrize(("name", "table", "same", "other"), TWINS)
def test_a_second_one_is_refused_and_another_is_welcome(
    world: None, name: str, table: str, same: dict[str, str], other: dict[str, str] | None
) -> None:
    assert refused_by(twin(table, **same)) == name
    if other is not None:
        run(twin(table, **other))


@pytest.mark.parametrize(("table", "column"), COUNTS)
def test_a_count_below_zero_is_refused(world: None, table: str, column: str) -> None:
    name = refused_by(f'UPDATE optimizer_{table} SET "{column}" = -1')
    assert column in str(name)


def test_a_label_points_into_its_own_template(world: None, workspace: Workspace) -> None:
    other = factories.make_template(workspace).versions.get()
    TemplateLabel.objects.update(version=other)
    with pytest.raises(IntegrityError, match="template_label_of_its_own"), transaction.atomic():
        connection.check_constraints()
    TemplateLabel.objects.all().delete()


def test_the_lists_above_are_complete() -> None:
    tested = {row[0] for row in CHECKS} | {row[0] for row in TWINS} | SERVE_A_REFERENCE
    assert set(declared()) <= tested


def declared() -> Iterator[str]:
    for model in apps.get_app_config("optimizer").get_models():
        yield from (constraint.name for constraint in model._meta.constraints)


@pytest.mark.django_db
def test_every_declared_constraint_is_in_the_database() -> None:
    tables = "SELECT oid FROM pg_class WHERE relname LIKE 'optimizer%'"
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT conname FROM pg_constraint WHERE conrelid IN ({tables}) UNION "
            f"SELECT indexrelid::regclass::text FROM pg_index WHERE indisunique AND indrelid IN ({tables})"
        )
        assert set(declared()) <= {name for (name,) in cursor.fetchall()}


def test_deleting_a_person_keeps_what_the_team_made(
    user: User, team_mate: User, workspace: Workspace
) -> None:
    session = factories.make_session(workspace, created_by=team_mate)
    team_mate.delete()
    session.refresh_from_db()
    assert session.created_by is None


def test_deleting_a_session_leaves_no_orphan(world: None, workspace: Workspace) -> None:
    workspace.delete()
    assert not Evaluation.objects.exists()


def test_a_person_is_deleted_with_all_that_is_theirs(user: User) -> None:
    own = user.personal_workspace
    factories.make_session(own, created_by=user, dataset=factories.make_dataset(own))
    user.delete()
    assert not OptimizationSession.objects.exists()
    assert not Dataset.objects.exists()


def test_rows_that_were_used_are_not_deleted_alone(workspace: Workspace) -> None:
    dataset = factories.make_dataset(workspace)
    factories.make_session(workspace, dataset=dataset)
    with pytest.raises(RestrictedError):
        dataset.delete()
