"""Writes that wait for the next statement: in order, seen by reads, gone with a roll-back."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from leads.models import Account
from tenants.bulk import insert_rows
from tenants.roundtrips import travelling_together, write


def account(name: str, now, domain: str = "") -> Account:
    return Account(name=name, domain=domain, created_at=now)


def rename(old: str, new: str) -> int | None:
    return write("update leads_account set name = %s where name = %s", [new, old])


def test_they_travel_with_the_next_statement_in_their_order(in_acme, now):
    with CaptureQueriesContext(connection) as captured, travelling_together():
        insert_rows([account("50 % off", now)])
        assert rename("50 % off", "a %s b") is None
        assert len(captured) == 0
        assert list(Account.objects.filter(name="a %s b").values_list("name", flat=True)) == ["a %s b"]
        assert len(captured) == 1
        insert_rows([account("last", now)])
    assert len(captured) == 2
    assert Account.objects.count() == 2


def test_outside_the_block_a_write_is_sent_at_once_and_counts(in_acme, now):
    insert_rows([account("one", now), account("two", now)])
    assert rename("one", "three") == 1


def test_a_statement_without_parameters_carries_them_too(in_acme, now):
    with travelling_together():
        insert_rows([account("50 % off", now)])
        with connection.cursor() as cursor:
            cursor.execute("select count(*), '%' from leads_account")
            assert cursor.fetchone() == (1, "%")


def test_a_savepoint_that_is_rolled_back_takes_only_its_own(in_acme, now):
    with travelling_together():
        insert_rows([account("before", now)])
        with pytest.raises(RuntimeError), transaction.atomic():  # noqa: PT012
            insert_rows([account("inside", now)])
            raise RuntimeError
        insert_rows([account("after", now)])
    assert sorted(Account.objects.values_list("name", flat=True)) == ["after", "before"]


def test_a_write_that_fails_is_told_by_the_statement_that_carries_it(in_acme, now):
    insert_rows([account("one", now, "one.com")])
    with pytest.raises(IntegrityError), transaction.atomic(), travelling_together():  # noqa: PT012
        insert_rows([account("two", now, "one.com")])
        assert Account.objects.count() == 0  # this read fails
    assert Account.objects.get().name == "one"


def test_nested_blocks_are_one(in_acme, now):
    with CaptureQueriesContext(connection) as captured, travelling_together():
        with travelling_together():
            insert_rows([account("one", now)])
        assert len(captured) == 0
    assert len(captured) == 1
