"""Migrations that go over big tables while these are in use."""

from __future__ import annotations

from datetime import datetime, timedelta
from importlib import import_module
from types import SimpleNamespace

import pytest
from django.apps import apps
from django.db import connection, connections

from leads.models import Handoff, Lead
from tenants.index_builds import BuildIndexApart
from tests.factories import Org
from tests.handoff.conftest import new_lead

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "owner"])

signs_of_work = import_module("leads.migrations.0020_signs_of_work")


def test_open_handoffs_of_every_organisation_get_their_last_sign_of_work(
    acme: Org, globex: Org, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signs_of_work, "AT_ONCE", 2)
    touched = now + timedelta(hours=3)
    for org in (acme, globex):
        for number in range(5):
            new_lead(org, now, f"p{number}@crane.example")
        with org.scope():
            Handoff.objects.update(worked_at=None)
            Handoff.objects.filter(number=1, lead__email="p3@crane.example").update(first_touch_at=touched)
            Handoff.objects.filter(lead__email="p4@crane.example").update(is_history=True)
    for _ in range(2):  # the second time there is nothing to do
        with connections["owner"].schema_editor(atomic=False) as editor:
            signs_of_work.begin_with_what_is_known(apps, editor)
    for org in (acme, globex):
        with org.scope():
            found = dict(Handoff.objects.values_list("lead__email", "worked_at"))
        assert found.pop("p4@crane.example") is None
        assert found.pop("p3@crane.example") == touched
        assert set(found.values()) == {now}


def test_an_index_whose_build_was_broken_off_is_built_anew(db: None) -> None:
    index = next(index for index in Lead._meta.indexes if index.name == "lead_created")
    build = BuildIndexApart("lead", index)
    before = _oid("lead_created")
    with connections["owner"].schema_editor(atomic=False) as editor:
        state = SimpleNamespace(apps=apps)
        build.database_forwards("leads", editor, state, state)
    assert _oid("lead_created") != before


def _oid(name: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "select indexrelid from pg_index where indisvalid and indexrelid = %s::regclass", [name]
        )
        return int(cursor.fetchone()[0])
