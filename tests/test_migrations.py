"""Databases of every age end up the same."""

from __future__ import annotations

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader

from optimizer.models import OptimizationSession, PromptTemplate, User, Workspace
from tests import factories

FIRST, BEFORE, WITH = (("optimizer", name) for name in ("0001_initial", "0006_digests", "0007_evidence"))
VERDICTS = ("optimizer", "0011_verdicts_of_old_sessions")
TABLE = OptimizationSession._meta.db_table


def columns() -> set[str]:
    with connection.cursor() as cursor:
        return {column.name for column in connection.introspection.get_table_description(cursor, TABLE)}


def test_published_migrations_stay_as_they_were() -> None:
    state = MigrationLoader(None).project_state([BEFORE])
    assert "evidence" not in state.models["optimizer", "optimizationsession"].fields


@pytest.mark.parametrize("reached", [FIRST, BEFORE], ids=str)
@pytest.mark.parametrize("has_column", [False, True])
def test_the_column_is_there_in_the_end(db: None, reached: tuple[str, str], has_column: bool) -> None:
    MigrationExecutor(connection).migrate([reached])
    assert "evidence" not in columns()
    if has_column:  # as 0001 made it for a while
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE {TABLE} ADD COLUMN evidence jsonb NULL")
    MigrationExecutor(connection).migrate([WITH])
    assert "evidence" in columns()


OLD = [
    ({"rows": 6, "low": 0.2, "high": 0.9, "best": 0.7}, {}, False, "too_few_rows"),
    ({"rows": 24, "low": 0.2, "high": 0.9, "best": 0.7}, {}, False, "better"),
    ({"rows": 24, "low": 0.0, "high": 0.9, "best": 0.7}, {}, False, "not_proven"),
    ({"rows": 24, "low": -0.4, "high": -0.1, "best": 0.2}, {}, True, "worse"),
    ({"rows": 24, "low": 0.2, "high": 0.9, "best": 0.7}, {"position_bias": 0.92}, False, "not_proven"),
    ({"rows": 24, "low": 0.2, "high": 0.9, "best": 0.7}, {"position_bias": 0.08}, False, "not_proven"),
    ({"rows": 24, "best": 0.7}, {}, False, ""),  # from before there were intervals
    (None, {}, False, ""),
]


def test_old_sessions_get_their_verdict_and_lose_it_again(workspace: Workspace) -> None:
    sessions = [
        factories.make_session(
            workspace, status="completed", baseline_score=0.5, best_score=0.5 if kept else 0.7,
            kept_original=kept, results={"comparison": comparison, **more},
        )
        for comparison, more, kept, _ in OLD
    ]  # fmt: skip
    migrate(("optimizer", "0010_verdicts"))
    migrate(VERDICTS)
    migrate()
    found = [OptimizationSession.objects.get(pk=session.pk) for session in sessions]
    assert [session.verdict for session in found] == [said for *_, said in OLD]
    assert found[3].best_score == 0.2
    migrate(("optimizer", "0010_verdicts"))
    stored = OptimizationSession.objects.values_list("verdict", "best_score")
    assert {verdict for verdict, _ in stored} == {""}
    assert stored.get(pk=sessions[3].pk)[1] == 0.5
    migrate(VERDICTS)
    migrate()


def test_the_time_zone_that_nobody_chose_becomes_the_browsers(user: User) -> None:
    migrate(("optimizer", "0021_preferences"))
    assert zone_of(user) == "UTC"
    migrate()
    assert zone_of(user) == ""


def zone_of(user: User) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT time_zone FROM optimizer_preference WHERE user_id = %s", [user.pk])
        return str(cursor.fetchone()[0])


def test_old_templates_come_along(workspace: Workspace, user: User) -> None:
    template = factories.make_template(workspace, created_by=user, tags=["mail"])
    factories.make_version(template, "Sum up {{letter}}.")
    migrate(("optimizer", "0021_templates"))
    with connection.cursor() as cursor:
        cursor.execute("UPDATE optimizer_prompttemplate SET words = NULL")
        cursor.execute("SELECT newest FROM optimizer_prompttemplate")
        assert cursor.fetchall() == [(0,)]
    migrate()
    assert PromptTemplate.objects.matching("summ lett MAIL writing").get().newest == 2
    assert [version.created_by for version in template.versions.all()] == [None, user]


def migrate(*targets: tuple[str, str]) -> None:
    """To these, else to the newest; what waits for the end of the transaction is checked first."""
    connection.check_constraints()
    executor = MigrationExecutor(connection)
    executor.migrate(list(targets) or executor.loader.graph.leaf_nodes())


def test_evidence_is_kept(workspace: Workspace) -> None:
    session = factories.make_session(workspace, evidence=[{"text": "Too long.", "session": 1}])
    session.refresh_from_db()
    assert session.evidence == [{"text": "Too long.", "session": 1}]


BEFORE_VERSIONS = ("optimizer", "0022_time_zone_of_the_browser")


def test_datasets_from_before_there_were_versions_come_along(workspace: Workspace) -> None:
    dataset = factories.make_dataset(workspace, rows=5, name="Old rows")
    session = factories.make_session(workspace, dataset=dataset)
    migrate(BEFORE_VERSIONS)
    migrate()
    dataset.refresh_from_db()
    assert (dataset.name, dataset.version, dataset.row_count) == ("Old rows", 1, 5)
    assert [row.input for row in dataset.rows(1)] == [f"Review {n}" for n in range(5)]
    version = dataset.versions.get()
    assert (version.number, version.row_count, version.created_at) == (1, 5, dataset.created_at)
    session.refresh_from_db()
    assert session.dataset_version == 1
