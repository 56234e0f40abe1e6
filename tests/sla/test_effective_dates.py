"""A policy for a later day: in force from its instant on, whoever asks first, and written so exactly once."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from importlib import import_module
from typing import Any

import pytest

from core.errors import Conflict, StaleVersion, ValidationFailed
from core.rules import Facts
from handoff.tasks import audit_tick, publish_due_tick
from sla.models import ClockMove, Finding, PolicyVersion
from sla.policies import tiers_in_force
from sla.services import match_tier
from tenants import versions
from tenants.audit import member_actor
from tenants.clock import database_clock, fixed_clock
from tenants.config import steady_config
from tenants.context import tenant_scope
from tenants.models import AuditEntry, Member, Publication
from tests.engine.scenes import open_handoff
from tests.factories import Org, make_org
from tests.tenants.publications import drafted, second_admin
from tests.threads import in_threads

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


def schedule(org: Org, now: datetime, at: datetime, **more: Any) -> PolicyVersion:
    options = more.pop("options", None)
    draft = drafted(org.admin, now, **more)
    return versions.publish(draft, actor=member_actor(org.admin), now=now, effective_at=at, options=options)


def order_of(version: PolicyVersion) -> Publication:
    found = versions.last_order(version)
    assert found is not None
    return found


def number_at(at: datetime) -> int:
    found = versions.version_in_force(PolicyVersion, at)
    assert found is not None
    return found.number


def policy_of_a_lead(at: datetime) -> int:
    """The version that a lead of that instant is measured by."""
    with steady_config():
        match = match_tier(Facts({}, [], at), at=at)
    return PolicyVersion.objects.get(id=match.policy_version_id).number


def named(member: Member) -> list[dict[str, Any]]:
    return [{"at": 100, "actions": [{"do": "tell_person", "to": str(member.id)}]}]


def test_until_its_time_the_old_one_is_in_force(acme: Org, now: datetime) -> None:
    with acme.scope():
        version = schedule(acme, now, now + HOUR)
        assert (version.state, version.effective_at, version.published_at) == ("scheduled", now + HOUR, None)
        assert policy_of_a_lead(now + HOUR - timedelta(microseconds=1)) == 1
        assert versions.bring_due(versions.get_kind("policy"), now) == (None, None)


def test_from_its_instant_on_leads_get_it_before_the_engine_came_round(acme: Org, now: datetime) -> None:
    with acme.scope():
        version = schedule(acme, now, now + HOUR)
        assert policy_of_a_lead(now + HOUR) == 2
        version.refresh_from_db()
        assert version.state == "scheduled", "nobody has written so yet"


def test_its_tiers_are_those_that_criteria_may_name_from_its_instant_on(acme: Org, now: datetime) -> None:
    with acme.scope():
        version = schedule(acme, now, now + HOUR)
        content = {**version.content, "tiers": [*version.content["tiers"]]}
        content["tiers"][0] = {**content["tiers"][0], "slug": "from_monday"}
        PolicyVersion.objects.filter(id=version.id).update(content=content)
        for at, known in ((now, False), (now + HOUR, True)):
            slugs = [slug for slug, _ in tiers_in_force(fixed_clock(at))]
            assert ("from_monday" in slugs) is known


def test_the_engine_writes_so_once_as_of_its_instant(acme: Org, now: datetime) -> None:
    with acme.scope():
        schedule(acme, now, now + HOUR)
        late = now + 2 * HOUR
        kind = versions.get_kind("policy")
        arrived, held = versions.bring_due(kind, late)
        assert arrived is not None
        assert held is None
        assert (arrived.state, arrived.published_at) == ("published", now + HOUR)
        assert arrived.published_by == member_actor(acme.admin)
        assert PolicyVersion.objects.get(number=1).state == "retired"
        assert versions.bring_due(kind, late) == (None, None)
        entry = AuditEntry.objects.get(action="published")
        assert (entry.actor, entry.at) == ("engine", late)


@pytest.mark.parametrize(
    ("ahead", "code"),
    [(timedelta(0), "past"), (timedelta(days=-1), "past"), (timedelta(days=400, seconds=1), "too_far")],
)
def test_only_a_moment_to_come_within_400_days(acme: Org, now: datetime, ahead: timedelta, code: str) -> None:
    with acme.scope():
        with pytest.raises(ValidationFailed) as refused:
            schedule(acme, now, now + ahead)
        assert [(each.path, each.code) for each in refused.value.field_errors] == [("/effective_at", code)]
        assert versions.open_draft(PolicyVersion) is not None


def test_one_is_scheduled_at_a_time_and_a_draft_is_written_meanwhile(acme: Org, now: datetime) -> None:
    with acme.scope():
        schedule(acme, now, now + HOUR)
        draft = drafted(acme.admin, now, responses=["email"])
        assert draft.number == 3
        with pytest.raises(Conflict, match="Version 2 is scheduled already"):
            versions.publish(draft, actor="x", now=now, effective_at=now + 2 * HOUR)


def test_publishing_beside_a_scheduled_one_must_be_meant(acme: Org, now: datetime) -> None:
    with acme.scope():
        schedule(acme, now, now + HOUR)
        draft = drafted(acme.admin, now, responses=["email"])
        with pytest.raises(Conflict, match="Version 2 is scheduled and would replace this one") as refused:
            versions.publish(draft, actor="x", now=now)
        assert refused.value.data["scheduled"] == 2
        versions.publish(draft, actor="x", now=now, beside=2)
        assert number_at(now) == 3
        arrived, _ = versions.bring_due(versions.get_kind("policy"), now + HOUR)
        assert arrived is not None
        assert arrived.number == 4, "numbers rise with publication"


def test_it_may_be_called_off_and_is_the_draft_again(acme: Org, now: datetime) -> None:
    with acme.scope():
        version = schedule(acme, now, now + HOUR)
        versions.cancel(order_id=order_of(version).id, actor=member_actor(acme.admin), now=now)
        assert versions.open_draft(PolicyVersion) == version
        assert number_at(now + HOUR) == 1
        with pytest.raises(Conflict, match="nothing to cancel"):
            versions.cancel(order_id=order_of(version).id, actor="x", now=now)


def test_called_off_beside_another_draft_it_may_be_used_again(acme: Org, now: datetime) -> None:
    with acme.scope():
        version = schedule(acme, now, now + HOUR)
        drafted(acme.admin, now, responses=["email"])
        versions.cancel(order_id=order_of(version).id, actor="x", now=now)
        version.refresh_from_db()
        assert version.state == "cancelled"
        assert versions.roll_back(version, actor="x", now=now).content == version.content


def test_what_came_into_force_is_not_called_off(acme: Org, now: datetime) -> None:
    with acme.scope():
        version = schedule(acme, now, now + HOUR)
        with pytest.raises(Conflict, match="Version 2 came into force"):
            versions.cancel(order_id=order_of(version).id, actor="x", now=now + HOUR)


def test_who_publishes_after_its_time_compares_with_it(acme: Org, now: datetime) -> None:
    with acme.scope():
        schedule(acme, now, now + HOUR)
        draft = drafted(acme.admin, now, responses=["email"])
        with pytest.raises(StaleVersion, match="Version 2 was published meanwhile"):
            versions.publish(draft, actor="x", now=now + HOUR, against=1)


def test_one_that_names_somebody_who_went_is_held_and_the_old_one_goes_on(acme: Org) -> None:
    now = database_clock()
    with acme.scope():
        version = schedule(acme, now - 2 * HOUR, now - HOUR, ladder=named(acme.director))
        Member.objects.filter(id=acme.director.id).update(is_active=False)
        assert number_at(now) == 1
        assert policy_of_a_lead(now) == 1
    assert publish_due_tick() == 0
    with acme.scope():
        version.refresh_from_db()
        assert (version.state, number_at(now)) == ("held", 1)
        assert "Dirk Acme is not active" in order_of(version).why
        finding = Finding.objects.get(cleared_at__isnull=True)
        assert finding.kind == "publication_held"
        assert "Version 2" in finding.detail
        assert "Dirk Acme is not active" in finding.detail
        Member.objects.filter(id=acme.director.id).update(is_active=True)
    assert publish_due_tick() == 0, "a person decides now, not the engine"
    with acme.scope():
        assert number_at(now) == 1
        versions.cancel(order_id=order_of(version).id, actor=member_actor(acme.admin), now=now)
        assert versions.open_draft(PolicyVersion) == version
    audit_tick()
    with acme.scope():
        assert not Finding.objects.filter(cleared_at__isnull=True).exists()


def test_moving_the_open_clocks_is_ordered_when_it_comes(acme: Org, now: datetime) -> None:
    with acme.scope():
        open_handoff(acme, at=now, owner=acme.reps[0], tier="contact_form")
        schedule(acme, now, now + HOUR, options={"move_open": True})
        assert not ClockMove.objects.exists()
        arrived, _ = versions.bring_due(versions.get_kind("policy"), now + HOUR)
        assert arrived is not None
        order = ClockMove.objects.get()
        assert (order.policy_version_id, order.ordered_by) == (arrived.id, member_actor(acme.admin))
        assert order.expected == 4


def test_nobody_whom_a_version_in_force_by_the_clock_names_leaves(acme: Org) -> None:
    from handoff.departures import _is_not_named_by_the_policy

    now = database_clock()
    with acme.scope():
        schedule(acme, now - 2 * HOUR, now - HOUR, ladder=named(acme.director))
        with pytest.raises(Conflict, match="The escalation ladder names Dirk"):
            _is_not_named_by_the_policy(acme.director)


def test_a_kind_that_knows_no_later_day_is_published_at_once_or_not(
    acme: Org, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    from leads.models import CriteriaVersion

    known = import_module("tenants.versions.kinds")._kinds
    monkeypatch.setitem(known, "criteria", replace(versions.get_kind("criteria"), dated=False))
    with acme.scope():
        draft = versions.start_draft(CriteriaVersion, actor="x", now=now)
        with pytest.raises(ValidationFailed, match="comes into force at once"):
            versions.publish(draft, actor="x", now=now, effective_at=now + HOUR)


@pytest.mark.django_db(transaction=True)
def test_engines_that_come_at_once_bring_it_into_force_once() -> None:
    now = database_clock()
    org, other = make_org("acme", now=now), make_org("globex", now=now)
    with org.scope():
        schedule(org, now - 2 * HOUR, now - HOUR, options={"move_open": True})
    in_threads(*[publish_due_tick] * 4)
    with org.scope():
        assert AuditEntry.objects.filter(action="published").count() == 1
        assert ClockMove.objects.count() == 1
        assert number_at(now) == 2
    with other.scope():
        assert number_at(now) == 1


@pytest.mark.django_db(transaction=True)
def test_two_admins_who_schedule_at_once_schedule_one() -> None:
    now = database_clock()
    org = make_org("acme", now=now)
    second_admin(org)
    with org.scope():
        draft = drafted(org.admin, now)
    refused: list[str] = []

    def act() -> None:
        try:
            with tenant_scope(org.id):
                versions.publish(draft, actor="x", now=now, effective_at=now + HOUR)
        except Conflict as conflict:
            refused.append(conflict.message)

    in_threads(act, act)
    assert refused == ["Version 2 is already scheduled."]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("first", ["call off", "draft"])
def test_whoever_calls_one_off_while_a_draft_is_begun_makes_no_second_draft(first: str) -> None:
    now = database_clock()
    org = make_org("acme", now=now)
    with org.scope():
        order = order_of(schedule(org, now, now + HOUR))
    acts: dict[str, Callable[[], object]] = {
        "call off": lambda: versions.cancel(order_id=order.id, actor="x", now=now),
        "draft": lambda: versions.start_draft(PolicyVersion, actor="x", now=now),
    }
    begun = threading.Event()

    def lead() -> None:
        with tenant_scope(org.id):
            acts.pop(first)()
            begun.set()
            time.sleep(0.5)  # the other one is at it, or waits

    def follow() -> None:
        begun.wait(10)
        with contextlib.suppress(Conflict), tenant_scope(org.id):
            [act] = acts.values()
            act()

    in_threads(lead, follow)
    with org.scope():
        states = PolicyVersion.objects.exclude(state="published").order_by("number")
        found = list(states.values_list("state", flat=True))
    assert found == (["draft"] if first == "call off" else ["cancelled", "draft"])
