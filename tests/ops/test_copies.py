"""A copied organisation is the first one in all but its ids."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import pytest
from django.db import connection, transaction

from leads.models import Handoff
from tests import factories
from tests.factories import Org, make_org
from tests.handoff.conftest import new_lead
from tests.tenants.rows import TENANT_MODELS

pytestmark = pytest.mark.django_db
ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def rows_of(org: Org) -> dict[str, list[str]]:
    """All rows of a tenant as text, each id by its place among all that are named."""
    found: dict[str, list[str]] = {}
    with org.scope(), connection.cursor() as cursor:
        for model in TENANT_MODELS:
            cursor.execute(f'select t::text from "{model._meta.db_table}" t order by t.id')
            found[model._meta.db_table] = [row[0] for row in cursor.fetchall()]
    places = {each: str(place) for place, each in enumerate(sorted(ids_of(found)))}
    return {
        table: [ID.sub(lambda each: places[each[0]], row) for row in rows] for table, rows in found.items()
    }


def ids_of(found: dict[str, list[str]]) -> set[str]:
    return {each for rows in found.values() for row in rows for each in ID.findall(row)}


def made(now: datetime) -> tuple[Org, dict[str, list[str]]]:
    """An organisation and its rows, which are gone again."""
    with transaction.atomic():
        org = make_org("acme", now=now)
        rows = rows_of(org)
        transaction.set_rollback(True)
    return org, rows


def told(org: Org) -> Any:
    return [
        (each.name, each.email, each.role, each.user.email) for each in (org.admin, org.manager, *org.reps)
    ]


def test_a_copy_has_the_same_rows_and_fresh_ids(now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(factories, "_kept", {})
    (first, written), (copy, again) = made(now), made(now)
    assert len(factories._kept) == 1
    # The secrets of people who have no password and of the key are drawn once.
    assert again == written
    assert told(copy) == told(first)
    ids = [[org.id, org.admin.id, org.admin.user_id, *(rep.id for rep in org.reps)] for org in (first, copy)]
    assert not set(ids[0]) & set(ids[1])
    assert sorted(ids[0]) == [each for _, each in sorted(zip(ids[1], ids[0], strict=True))]
    assert copy.team.manager is copy.manager


def test_a_copy_works(now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(factories, "_kept", {})
    made(now)
    copy = make_org("acme", now=now)
    lead = new_lead(copy, now)
    with copy.scope():
        assert Handoff.objects.get(lead=lead).owner in copy.reps


def test_what_was_said_of_it_makes_another_kind(now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(factories, "_kept", {})
    assert (len(make_org("acme", now=now).reps), len(make_org("globex", now=now, reps=5).reps)) == (3, 5)
    assert len(factories._kept) == 2
