"""Empty tables after a test that commits, in a tenth of the time of Django's flush.

The flush writes every table and index of the schema anew, however few the test has touched, and makes all
content types and permissions again. Here rows are deleted where a table has any storage, unless they are
many, and those two stay: no test changes them. tests/ops/test_emptying.py holds that nothing is left and that
no table is less secured.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connections, transaction
from django.test import TransactionTestCase

#: Made by the migrations, and the same for every test.
_STAY = {"auth_permission", "django_content_type"}
#: Bytes in all tables, of rows that are gone too, from which writing the tables anew is quicker.
_MUCH = 1_000_000
_STORED = """
select c.relname, c.relforcerowsecurity, exists(
    select from pg_trigger where tgrelid = c.oid and not tgisinternal
), pg_relation_size(c.oid)
from pg_class c
where c.relnamespace = 'public'::regnamespace and c.relname = any(%s) and pg_relation_size(c.oid) > 0
"""


def empty(alias: str) -> None:
    """Take every row out of every model's table."""
    connection = connections[alias]
    known = [name for name in connection.introspection.django_table_names() if name not in _STAY]
    with transaction.atomic(using=alias), connection.cursor() as cursor:
        cursor.execute(_STORED, [known])
        stored = cursor.fetchall()
        if sum(size for *_, size in stored) > _MUCH:
            every = ", ".join(map(connection.ops.quote_name, known))
            cursor.execute(f"truncate {every}")
            return
        quoted = {name: connection.ops.quote_name(name) for name, *_ in stored}
        forced = [quoted[name] for name, is_forced, *_ in stored if is_forced]
        with_triggers = [quoted[name] for name, _, has_triggers, _ in stored if has_triggers]
        # The tables' owner sees all rows only where that is not forced upon it; and a row that goes with the
        # others has told nobody.
        _alter(cursor, forced, "no force row level security")
        _alter(cursor, with_triggers, "disable trigger user")
        for name in quoted.values():
            cursor.execute(f"delete from {name}")
        # What hangs together was deleted one after the other: looked at now, or no table could be altered.
        cursor.execute("set constraints all immediate")
        _alter(cursor, with_triggers, "enable trigger user")
        _alter(cursor, forced, "force row level security")


def _alter(cursor: Any, tables: Iterable[str], how: str) -> None:
    for table in tables:
        cursor.execute(f"alter table {table} {how}")


@contextmanager
def quick_emptying() -> Iterator[None]:
    """Tests that commit and end in this block leave empty tables in this way."""

    def teardown(case: Any) -> None:
        for alias in case._databases_names(include_mirrors=False):
            empty(alias)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", teardown)
        yield
