"""Handoffs in every state that a report tells apart, made by the real services."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.test import Client

from leads.lifecycle import Stage
from leads.models import Assignment, Handoff, Lead
from leads.services import NewOwner, close_handoffs, end_assignments, mark_dirty, start_assignments
from reporting.facts import drain_tenant
from sla.models import Pause, Target
from sla.services import arm_company, arm_owner, cancel, meet, pause_rules, resume
from sla.services import pause as stop_clocks
from tenants.models import Member, Team
from tests.factories import PASSWORD, Org


def hand_over(
    org: Org,
    *,
    at: datetime,
    owner: Member | None = None,
    touched: datetime | None = None,
    decided: datetime | None = None,
    closed: datetime | None = None,
    tier: str = "contact_form",
    source: str = "Webinar",
    **fields: Any,
) -> Handoff:
    """A lead handed over at `at` and answered as told; inside the organisation's scope.

    The contact form's first touch is due after 240 working minutes, its decision after one business day.
    """
    lead = Lead.objects.create(
        first_name="Lea", last_name="Berg", stage=Stage.MQL, created_at=at, updated_at=at, source=source
    )
    handoff = Handoff.objects.create(
        lead=lead,
        number=1,
        started_at=at,
        tier=tier,
        tier_name=tier.replace("_", " ").capitalize(),
        policy_version_id=org.policy.id,
        source=source,
        **fields,
    )
    if owner is not None:
        give(handoff, owner, at=at, first=True)
    arm_company([handoff])
    for target, when in ((Target.FIRST_TOUCH, touched), (Target.DECISION, decided)):
        if when is not None:
            meet([handoff.id], target, at=when, now=when)
    if closed is not None:
        cancel([handoff.id], reason="closed", now=closed)
        close_handoffs([handoff], outcome=Handoff.Outcome.REJECTED, now=closed)
    mark_dirty([handoff.id], at)
    return handoff


def give(handoff: Handoff, owner: Member, *, at: datetime, first: bool = False) -> None:
    """Make `owner` the owner from `at` on, clocks included; the former one's are called off."""
    if not first:
        end_assignments([handoff], reason=Assignment.EndReason.REASSIGNED, now=at)
        cancel([handoff.id], reason="moved", now=at, clock="owner")
    made = start_assignments([NewOwner(handoff=handoff, member_id=owner.id)], now=at, first=first)
    arm_owner(made, handoffs={handoff.id: handoff})


def pause(handoff: Handoff, *, at: datetime, until: datetime, go_on: bool = True) -> None:
    """Let its clocks stand from `at`; they go on at `until`, unless told not to have yet."""
    rule = pause_rules(handoff, role=None)[0]
    stop_clocks(handoff, rule, until=until, note="", actor="system", now=at)
    if go_on:
        resume([handoff.id], end_reason=Pause.EndReason.RESUMED, actor="system", now=until)
    mark_dirty([handoff.id], at)


def answer(handoff: Handoff, at: datetime, target: str = Target.FIRST_TOUCH) -> None:
    """A target of it is answered at `at`."""
    meet([handoff.id], target, at=at, now=at)
    mark_dirty([handoff.id], at)


def drain(org: Org) -> int:
    """Bring the facts up to date."""
    return drain_tenant(org.id)


def week_of_work(org: Org, now: datetime) -> dict[str, Handoff]:
    """One handoff of each kind, started within the week before `now` (a Tuesday at 10:00 in Berlin).

    First touches on the company's clock: in time after 30 min and after 60 min, late after 300 min, never,
    not due yet, called off.
    """
    monday = now - timedelta(days=1)
    one, two = org.reps[:2]
    found = {
        "quick": hand_over(
            org,
            at=monday,
            owner=one,
            touched=monday + timedelta(minutes=30),
            decided=monday + timedelta(hours=1),
        ),
        "hour": hand_over(
            org, at=monday, owner=two, touched=monday + timedelta(minutes=60), source="Paid social"
        ),
        "late": hand_over(
            org,
            at=monday,
            owner=one,
            touched=monday + timedelta(minutes=300),
            decided=monday + timedelta(minutes=300),
        ),
        "never": hand_over(org, at=monday, owner=two),
        "running": hand_over(org, at=now - timedelta(minutes=10), owner=one, source=""),
        "called_off": hand_over(org, at=monday, owner=two, closed=monday + timedelta(minutes=15)),
        "drill": hand_over(org, at=monday, owner=one, is_test=True),
    }
    drain(org)
    return found


def second_team(org: Org, name: str = "Outbound") -> tuple[Team, Member]:
    """Another team with one rep, under another manager; inside the scope."""
    from tenants.models import Role
    from tenants.services import add_member, set_rep_profile

    chief = add_member(tenant=org.tenant, name="Otto Chief", email="otto@acme.example", role=Role.MANAGER)
    team = Team.objects.create(tenant=org.tenant, name=name, manager=chief)
    rep = add_member(tenant=org.tenant, name="Olga Out", email="olga@acme.example", role=Role.REP, team=team)
    set_rep_profile(member=rep, time_zone="Europe/Berlin")
    return team, rep


def browser(member: Member) -> Client:
    """A logged-in browser of this person."""
    client = Client()
    client.force_login(member.user)
    return client


__all__ = [
    "PASSWORD",
    "answer",
    "browser",
    "drain",
    "give",
    "hand_over",
    "pause",
    "second_team",
    "week_of_work",
]
