"""Whoever lets so many promises break in a row is off the rotation until their manager says otherwise."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from handoff.rotation import context_of
from handoff.services import Actor, log_touch
from handoff.sweep import sweep_tenant
from notifications.context import Row
from notifications.models import OutboxMessage
from routing.models import RoutingSettings
from tenants.clock import fixed_clock
from tenants.models import AuditEntry, Member, RepProfile
from tenants.services import change_profile
from tests.engine.scenes import open_handoff
from tests.factories import Org

pytestmark = pytest.mark.django_db

LATE = timedelta(minutes=6)  # a demo request's first touch is due in five


@pytest.fixture
def strict(in_acme: Org) -> Org:
    """Three broken promises in a row are one too many; what breaks goes to the fallback person."""
    RoutingSettings.objects.update(breaches_in_a_row=3, max_hops=0)
    return in_acme


def break_promises(org: Org, rep: Member, count: int, at: datetime, **fields: Any) -> datetime:
    """So many leads come to this rep, ten minutes apart, and each waits too long; when the last one broke."""
    for _ in range(count):
        open_handoff(org, at=at, owner=rep, **fields)
        sweep_tenant(org.id, clock=fixed_clock(at + LATE))
        at += timedelta(minutes=10)
    return at


def keep_promise(org: Org, rep: Member, at: datetime) -> None:
    handoff = open_handoff(org, at=at, owner=rep)
    log_touch(
        lead_id=handoff.lead_id,
        kind="call",
        actor=Actor.person(rep),
        clock=fixed_clock(at + timedelta(minutes=1)),
    )


def is_on(rep: Member) -> bool:
    return bool(RepProfile.objects.get(member=rep).on_rotation)


def test_the_third_in_a_row_takes_them_off_and_the_manager_hears_it(strict: Org, now: datetime) -> None:
    rep = strict.reps[0]
    at = break_promises(strict, rep, 2, now)
    assert is_on(rep)
    break_promises(strict, rep, 1, at)
    assert not is_on(rep)
    entry = AuditEntry.objects.get(action="taken_off_rotation")
    assert (entry.object_id, entry.actor, entry.after["broken_in_a_row"]) == (rep.id, "engine", 3)
    told = OutboxMessage.objects.filter(kind="rep.off_rotation", channel="inapp")
    assert set(told.values_list("member_id", flat=True)) == {strict.manager.id, rep.id}


def test_one_that_was_kept_breaks_the_row(strict: Org, now: datetime) -> None:
    rep = strict.reps[0]
    at = break_promises(strict, rep, 2, now)
    keep_promise(strict, rep, at)
    at = break_promises(strict, rep, 2, at + timedelta(minutes=10))
    assert is_on(rep)
    break_promises(strict, rep, 1, at)
    assert not is_on(rep)


def test_without_the_setting_nobody_is_taken_off(in_acme: Org, now: datetime) -> None:
    break_promises(in_acme, in_acme.reps[0], 5, now)
    assert is_on(in_acme.reps[0])


def test_broken_promises_of_others_and_of_drills_do_not_count(strict: Org, now: datetime) -> None:
    one, other = strict.reps[:2]
    at = break_promises(strict, one, 2, now)
    at = break_promises(strict, other, 2, at)
    break_promises(strict, one, 3, at, is_test=True)
    assert is_on(one)
    assert is_on(other)


def test_whoever_is_put_back_begins_anew(strict: Org, now: datetime) -> None:
    rep = strict.reps[0]
    at = break_promises(strict, rep, 3, now)
    change_profile(member=rep, actor="member:x", now=at, on_rotation=True)
    at = break_promises(strict, rep, 2, at)
    assert is_on(rep)
    break_promises(strict, rep, 1, at)
    assert not is_on(rep)


def test_the_words_say_who_and_what_to_do(strict: Org, now: datetime) -> None:
    rep = strict.reps[0]
    at = break_promises(strict, rep, 3, now)
    rows = [
        Row(each.id, each.kind, each.subject, each.data, each.member_id, at)
        for each in OutboxMessage.objects.filter(kind="rep.off_rotation", channel="inapp")
    ]
    said = {row.member_id: context_of([row], at)[row.id] for row in rows}
    assert (said[rep.id].words["who"], said[rep.id].path) == ("You", "/inbox")
    assert said[strict.manager.id].words["who"] == rep.name
    assert said[strict.manager.id].path == f"/people/{rep.id}"
    change_profile(member=rep, actor="member:x", now=at, on_rotation=True)
    assert context_of(rows, at) == {}


def test_their_page_says_why_they_are_off_and_how_they_come_back(strict: Org, now: datetime) -> None:
    rep = strict.reps[0]
    manager = Client()
    manager.force_login(strict.manager.user)
    page = f"/people/{rep.id}"
    assert "Taken off the rotation" not in manager.get(page).content.decode()
    at = break_promises(strict, rep, 3, now)
    said = manager.get(page).content.decode()
    assert "because the first touches of their last 3 leads were late." in said
    assert "To put them back, tick On rotation below and save." in said
    change_profile(member=rep, actor="member:x", now=at, on_rotation=True)
    assert "Taken off the rotation" not in manager.get(page).content.decode()
    change_profile(member=rep, actor=f"member:{strict.manager.id}", now=at, on_rotation=False)
    said = manager.get(page).content.decode()
    assert f"by {strict.manager.name}. Pools give them no new leads" in said
    assert "were late" not in said
