"""Databases of every age end up the same."""

from __future__ import annotations

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader

from optimizer.models import OptimizationSession, Workspace
from tests import factories

FIRST, BEFORE, WITH = (("optimizer", name) for name in ("0001_initial", "0006_digests", "0007_evidence"))
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


def test_evidence_is_kept(workspace: Workspace) -> None:
    session = factories.make_session(workspace, evidence=[{"text": "Too long.", "session": 1}])
    session.refresh_from_db()
    assert session.evidence == [{"text": "Too long.", "session": 1}]
