"""Whether the database has the tables that this version of the code expects."""

from __future__ import annotations

from typing import Final

from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

#: What PostgreSQL says of a missing table, column, function and schema.
_MISSING: Final = {"42P01", "42703", "42883", "3F000"}
ADVICE: Final = "The database lacks tables of this version: run `manage.py migrate` first."


def lacks_migrations(error: DatabaseError) -> bool:
    """Whether a statement failed because migrations were not run; any other fault keeps its traceback."""
    if getattr(error.__cause__, "pgcode", None) not in _MISSING:
        return False
    connection.close()  # the failed transaction answers nothing more
    executor = MigrationExecutor(connection)
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))
