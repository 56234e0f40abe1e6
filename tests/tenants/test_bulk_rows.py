"""Rows written many at a time and few at a time: what is said is what is stored, whatever it looks like."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.db import connection

from leads.lifecycle import Stage
from leads.models import Account, Lead
from tenants.arrays import as_array
from tenants.bulk import FEW, fresh, insert_rows, insert_values, update_rows
from tenants.context import TenantMixError

AWKWARD = [
    "",
    "NULL",
    "null",
    'say "hello"',
    "back\\slash \\n \\",
    "a,b;{c}",
    "100 % %s %(x)s",
    "two\nlines\tand a tab",
    " blanks around ",
    "O'Neill -- /* */",
    "Zoë 🙂 \u2028",
]


def accounts(names, now, **values) -> list[Account]:
    return [Account(name=name, created_at=now, **values) for name in names]


@pytest.mark.parametrize("size", [1, FEW, len(AWKWARD)])
def test_texts_come_back_as_they_were(in_acme, now, size):
    for start in range(0, len(AWKWARD), size):
        insert_rows(accounts(AWKWARD[start : start + size], now))
    assert sorted(Account.objects.values_list("name", flat=True)) == sorted(AWKWARD)


@pytest.mark.parametrize("count", [1, len(AWKWARD)])
def test_changes_of_texts_come_back_as_they_were(in_acme, now, count):
    rows = accounts(AWKWARD[:count], now)
    insert_rows(rows)
    for row in rows:
        row.industry, row.employees, row.is_named = f"{row.name}!"[:80], len(row.name), True
    update_rows(rows, ["industry", "employees", "is_named"])
    stored = Account.objects.values_list("name", "industry", "employees", "is_named")
    assert sorted(stored) == sorted((name, f"{name}!", len(name), True) for name in AWKWARD[:count])


@pytest.mark.parametrize("count", [2, 20])
def test_json_ids_times_and_choices_come_back_as_they_were(in_acme, now, count):
    (account,) = accounts(["Acme"], now)
    insert_rows([account])
    custom = {"quoted": 'a "b" \\ {c}', "list": [1, 2.5, None, True]}
    rows = [
        fresh(
            Lead,
            tenant_id=in_acme.tenant.id,
            email=f"ann{number}@acme.com",
            account_id=account.id if number % 2 else None,
            score=number or None,
            custom=custom if number % 2 else {},
            verdict=None if number % 2 else {"met": False},
            stage=Stage.MQL,
            created_at=now,
            updated_at=now,
        )
        for number in range(count)
    ]
    insert_rows(rows)
    names = ("id", "account_id", "score", "custom", "verdict", "stage", "created_at")
    stored = Lead.objects.order_by("id").values_list(*names)
    assert list(stored) == [tuple(getattr(row, name) for name in names) for row in rows]


def test_rows_of_another_tenant_are_not_written(in_acme, now):
    stranger = accounts(["Stranger"], now, tenant_id="00000000-0000-7000-8000-000000000000")
    with pytest.raises(TenantMixError):
        insert_rows(accounts(["Ours"], now) + stranger)
    assert not Account.objects.exists()


def test_a_row_that_is_not_written_yet_takes_its_changes_along(in_acme, now):
    (row,) = accounts(["Acme"], now)
    row.employees = 7
    update_rows([row], ["employees"])
    assert not Account.objects.exists()
    insert_rows([row])
    assert Account.objects.get().employees == 7


def test_nothing_to_write_is_no_statement(in_acme, django_assert_num_queries):
    with django_assert_num_queries(0):
        insert_rows([])
        insert_values(Account, ("id", "name"), [])
        update_rows([], ["name"])


def test_the_database_reads_an_array_as_it_was_meant(in_acme):
    with connection.cursor() as cursor:
        for values, kind in (
            ([], "int"),
            ([1, None, -3], "int"),
            ([None, None], "text"),
            (["same", "same"], "text"),
            ([True, False, None], "bool"),
            ([0.5, 1e300], "float8"),
            ([Decimal("1.10")], "numeric"),
        ):
            cursor.execute(f"select %s::{kind}[]", [as_array(values)])
            assert cursor.fetchone()[0] == values


def test_what_has_no_form_in_an_array_is_refused():
    with pytest.raises(TypeError):
        as_array([object()])
