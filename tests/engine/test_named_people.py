"""Everybody who is to hear of leads is looked after: who is missing is a finding, until that is mended."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client

from handoff.tasks import audit_tick, look_after_the_named_tick
from routing.models import RoutingSettings
from sla.models import Finding, PolicyVersion
from tenants.clock import database_clock
from tenants.models import Member
from tests.factories import Org
from tests.sla.test_effective_dates import named, schedule

pytestmark = pytest.mark.django_db


def open_findings(org: Org) -> list[tuple[str, str]]:
    with org.scope():
        rows = Finding.objects.filter(cleared_at__isnull=True).order_by("kind", "subject")
        return list(rows.values_list("kind", "detail"))


def switch(org: Org, member: Member, *, on: bool) -> None:
    """Past the guards, as a directory of people that is synchronised might."""
    with org.scope():
        Member.objects.filter(id=member.id).update(is_active=on)


def test_nothing_is_found_where_all_are_there(acme: Org, globex: Org) -> None:
    assert look_after_the_named_tick() == 0
    assert open_findings(acme) == []


def test_a_fallback_person_who_went_is_found_before_a_lead_needs_them(acme: Org, globex: Org) -> None:
    switch(acme, acme.fallback, on=False)
    assert look_after_the_named_tick() == 1
    assert look_after_the_named_tick() == 1
    said = "Fay Acme is to catch the leads that nobody takes, and is not active any more."
    assert open_findings(acme) == [("fallback_missing", said)]
    assert open_findings(globex) == []
    switch(acme, acme.fallback, on=True)
    assert audit_tick() == 0
    assert open_findings(acme) == []


def test_nobody_named_at_all_is_found_too(acme: Org) -> None:
    with acme.scope():
        RoutingSettings.objects.update(fallback=None)
    look_after_the_named_tick()
    assert [kind for kind, _ in open_findings(acme)] == ["fallback_missing"]


def test_somebody_whom_the_policy_in_force_names_and_who_went_is_found(acme: Org) -> None:
    with acme.scope():
        version = PolicyVersion.objects.get(state="published")
        version.content = {**version.content, "ladder": named(acme.director)}
        version.save(update_fields=["content"])
    switch(acme, acme.director, on=False)
    assert look_after_the_named_tick() == 1
    said = "The SLA policy in force (version 1) names Dirk Acme, who is not active."
    assert open_findings(acme) == [("named_missing", said)]
    assert audit_tick() == 1, "it stands while it is not mended"
    switch(acme, acme.director, on=True)
    assert audit_tick() == 0
    assert open_findings(acme) == []


def test_one_whom_a_scheduled_version_names_is_found_before_its_day(acme: Org) -> None:
    now = database_clock()
    with acme.scope():
        schedule(acme, now, now + timedelta(days=9), ladder=named(acme.director))
    switch(acme, acme.director, on=False)
    look_after_the_named_tick()
    said = "The SLA policy that is scheduled (version 2) names Dirk Acme, who is not active."
    assert open_findings(acme) == [("named_missing", said)]


def test_an_admin_sees_red_on_every_page_and_what_to_do(acme: Org, globex: Org) -> None:
    switch(acme, acme.fallback, on=False)
    look_after_the_named_tick()
    client = Client()
    client.force_login(acme.admin.user)
    for path in ("/people", "/policy", "/leads"):
        page = client.get(path).content.decode()
        assert "Fay Acme is to catch the leads" in page, path
    assert "Fay Acme is to catch the leads" in client.get("/engine").content.decode()
    client.force_login(acme.manager.user)
    assert "is to catch the leads" not in client.get("/policy").content.decode()
    client.force_login(globex.admin.user)
    assert "is to catch the leads" not in client.get("/policy").content.decode()
