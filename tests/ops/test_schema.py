"""What a command says on a database whose migrations were not run."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import DatabaseError, ProgrammingError, connection

from slaportal import schema

pytestmark = pytest.mark.django_db


def failure(statement: str) -> DatabaseError:
    """What Django raises for a statement."""
    with pytest.raises(ProgrammingError) as caught, connection.cursor() as cursor:
        cursor.execute(statement)
    error = caught.value
    assert isinstance(error, DatabaseError)
    return error


class Plan:
    """In place of Django's executor, which would ask a database that tests share."""

    def __init__(self, steps: list[str]) -> None:
        self.steps = steps
        self.loader = self.graph = self

    def leaf_nodes(self) -> list[str]:
        return []

    def migration_plan(self, targets: list[str]) -> list[str]:
        return self.steps


@pytest.mark.parametrize(
    ("statement", "steps", "expected"),
    [
        ("select * from no_such_table", ["0001"], True),
        ("select no_such_function()", ["0001"], True),
        ("select * from no_such_table", [], False),  # a fault of ours: everything was migrated
        ("selec 1", ["0001"], False),
    ],
)
def test_a_missing_table_is_told_from_a_fault(
    monkeypatch: pytest.MonkeyPatch, statement: str, steps: list[str], expected: bool
) -> None:
    error = failure(statement)
    monkeypatch.setattr(schema, "MigrationExecutor", lambda _: Plan(steps))
    monkeypatch.setattr(schema, "connection", Untouched())
    assert schema.lacks_migrations(error) is expected


class Untouched:
    """The test's own connection must stay open."""

    def close(self) -> Any:
        return None
