"""After a test that commits nothing is left, and every table is secured as it was."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from django.db import connections

from leads.models import Lead
from tests import emptying
from tests.emptying import empty
from tests.factories import Org
from tests.ops.test_quick_migrations import SCHEMA

pytestmark = pytest.mark.django_db(transaction=True)


def schema() -> list[Any]:
    with connections["owner"].cursor() as cursor:
        cursor.execute(SCHEMA)
        return sorted(tuple(str(part) for part in row) for row in cursor.fetchall())


def rows_left() -> dict[str, int]:
    """How many rows a table has, those that a policy would hide as well."""
    found = {}
    with connections["owner"].cursor() as cursor:
        for table in connections["owner"].introspection.django_table_names():
            cursor.execute(f'alter table "{table}" disable row level security')
            cursor.execute(f'select count(*) from "{table}"')
            (found[table],) = cursor.fetchone()
    return {table: number for table, number in found.items() if number}


@pytest.mark.parametrize("much", [0, 10**12])
def test_nothing_is_left_of_what_was_committed(
    acme: Org, globex: Org, now: datetime, monkeypatch: pytest.MonkeyPatch, much: int
) -> None:
    monkeypatch.setattr(emptying, "_MUCH", much)
    with acme.scope():
        Lead.objects.create(last_name="Berg", created_at=now, updated_at=now)
    before = schema()
    empty("owner")
    assert schema() == before
    with connections["owner"].cursor() as cursor:
        cursor.execute("begin")
        left = rows_left()
        cursor.execute("rollback")
    assert set(left) == {"auth_permission", "django_content_type"}
    assert schema() == before
