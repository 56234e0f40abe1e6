"""Roll-ups of handoffs say what their facts say, after any history, and are built where they are missing."""

from __future__ import annotations

import random
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from feedback.models import Disposition, Reason
from feedback.taxonomy import change_reason
from leads.models import Account, Handoff, Lead, Opportunity, Touch
from leads.services import mark_dirty, record_touch, undo_touch
from reporting import handoff_rollups
from reporting.facts import drain_tenant, rebuild
from reporting.handoff_rollups import are_complete
from reporting.models import HandoffFact, HandoffRollUp, RollUpState
from reporting.outcomes.settings import set_money
from tenants.models import Member
from tests.factories import Org
from tests.reporting.scenes import give, hand_over, second_team

pytestmark = pytest.mark.django_db


_CHANGES = [
    "touch",
    "touch",
    "undo",
    "accept",
    "reject",
    "nurture",
    "sql",
    "deal",
    "win",
    "lose",
    "move",
    "source",
    "size",
    "late",
    "side",
    "currency",
]


def all_cells() -> list[tuple[Any, ...]]:
    names = [field.name for field in HandoffRollUp._meta.fields if field.name != "id"]
    return sorted(HandoffRollUp.objects.values_list(*names), key=str)


def live_through(
    org: Org, now: datetime, chance: random.Random, *, rounds: int = 5, teams_change: bool = False
) -> None:
    """Handoffs over four months, in steps between which the facts are drained: answered, moved, corrected,
    undone, won and lost, late and out of order, by people who change teams."""
    _, outsider = second_team(org)
    people = [*org.reps, outsider, org.manager, None]
    reasons = list(Reason.objects.filter(kind="reject"))[:4]
    handoffs: list[Handoff] = []
    for _ in range(rounds):
        for _ in range(chance.randint(2, 7)):
            at = now - timedelta(days=chance.randint(0, 120), minutes=chance.randint(1, 1_440))
            handoffs.append(
                hand_over(
                    org,
                    at=at,
                    owner=chance.choice(people),
                    tier=chance.choice(["contact_form", "demo_request"]),
                    source=chance.choice(["Webinar", "Partner", ""]),
                    campaign=chance.choice(["", "Spring"]),
                    channel=chance.choice(["", "web", "event"]),
                )
            )
        if teams_change and chance.random() < 0.7:
            team = chance.choice([org.team, outsider.team])
            Member.objects.filter(id=org.reps[0].id).update(team=team)
        for handoff in chance.sample(handoffs, k=min(8, len(handoffs))):
            change(org, handoff, people, reasons, chance)
            mark_dirty([handoff.id], now)
        drain_tenant(org.id)


def change(
    org: Org, handoff: Handoff, people: list[Any], reasons: list[Reason], chance: random.Random
) -> None:
    handoff.refresh_from_db()
    at = handoff.started_at + timedelta(minutes=chance.choice([5, 700, 30_000, 90_000, 200_000]))
    what = chance.choice(_CHANGES)
    if what in ("touch", "late"):
        early = handoff.started_at + timedelta(hours=1) if what == "late" else at
        record_touch(
            lead=handoff.lead, handoff=handoff, kind="call", at=early, now=at, counts=chance.random() < 0.8
        )
    elif what == "undo":
        touch = Touch.objects.filter(handoff=handoff, undone_at__isnull=True).first()
        if touch is not None:
            undo_touch(touch, first_touch_at=None, now=at)
    elif what in ("accept", "reject", "nurture"):
        kind = {"accept": "accepted", "reject": "rejected", "nurture": "nurture"}[what]
        Disposition.objects.filter(handoff=handoff).update(undone_at=at)
        reason = chance.choice(reasons) if what == "reject" else None
        Disposition.objects.create(handoff=handoff, kind=kind, at=at, actor="x", reason=reason)
        fields: dict[str, Any] = {"accepted_at": at if what == "accept" else None}
        if what == "reject":
            fields |= {"state": "closed", "outcome": "rejected", "closed_at": at}
        Handoff.objects.filter(id=handoff.id).update(**fields)
    elif what == "sql":
        Handoff.objects.filter(id=handoff.id).update(sql_at=at)
    elif what in ("deal", "win", "lose"):
        outcome = {"deal": "", "win": "won", "lose": "lost"}[what]
        Opportunity.objects.create(
            lead=handoff.lead,
            handoff=handoff,
            amount=Decimal(chance.randint(1, 900)),
            currency=chance.choice(["EUR", "EUR", "USD"]),
            outcome=outcome,
            opened_at=at,
            closed_at=at + timedelta(days=chance.randint(0, 60)) if outcome else None,
            updated_at=at,
        )
    elif what == "move" and handoff.owner_id is not None:
        give(handoff, chance.choice([one for one in people if one is not None]), at=at)
    elif what == "source":
        Handoff.objects.filter(id=handoff.id).update(source="Corrected", channel="mail")
    elif what == "side":
        reason = Reason.objects.get(kind="reject", slug="wrong_title")
        side = "marketing" if reason.side == "routing" else "routing"
        change_reason(reason_id=reason.id, said={"side": side}, actor="x", now=at)
    elif what == "currency":
        org.tenant.refresh_from_db()
        currency = "USD" if org.tenant.currency == "EUR" else "EUR"
        set_money(tenant=org.tenant, currency=currency, rule="handoff", actor="x", now=at)
    elif what == "size":
        account = Account.objects.create(
            name=f"Firm {chance.random()}", employees=chance.choice([10, 100, 5_000]), created_at=at
        )
        Lead.objects.filter(id=handoff.lead_id).update(account=account)


@pytest.mark.parametrize("seed", range(4))
def test_after_any_history_the_cells_are_those_of_a_rebuild(in_acme: Org, now: datetime, seed: int) -> None:
    live_through(in_acme, now, random.Random(seed))
    found = all_cells()
    assert {row.cube for row in HandoffRollUp.objects.all()} >= {"team", "rep", "source", "segment"}
    rebuild(in_acme.id)
    assert all_cells() == found


@pytest.mark.parametrize("seed", range(3))
def test_where_people_change_teams_the_cells_are_those_of_their_facts(
    in_acme: Org, now: datetime, seed: int
) -> None:
    """A handoff keeps the team that its owner was in when it last changed, until it changes again."""
    live_through(in_acme, now, random.Random(seed), teams_change=True)
    found = all_cells()
    handoff_rollups.rebuild(zone="Europe/Berlin")
    assert all_cells() == found


@pytest.mark.parametrize("seed", range(3))
def test_every_cube_counts_each_fact_once_by_day_and_by_week(in_acme: Org, now: datetime, seed: int) -> None:
    live_through(in_acme, now, random.Random(seed))
    facts = HandoffFact.objects.count()
    for cube in ("team", "rep", "source", "campaign", "channel", "segment"):
        for days in (1, 7):
            cells = HandoffRollUp.objects.filter(cube=cube, days=days)
            assert sum(cell.mqls for cell in cells) == facts
    refused = HandoffFact.objects.filter(decision="rejected").count()
    for cube in ("reason_source", "reason_campaign"):
        assert sum(cell.mqls for cell in HandoffRollUp.objects.filter(cube=cube, days=7)) == refused


def test_roll_ups_from_before_a_change_of_zone_are_counted_anew(in_acme: Org, now: datetime) -> None:
    evening = datetime(2026, 11, 9, 23, 30, tzinfo=now.tzinfo)
    handoff = hand_over(in_acme, at=evening, owner=in_acme.reps[0])
    drain_tenant(in_acme.id)
    assert set(HandoffRollUp.objects.filter(days=1).values_list("day", flat=True)) == {date(2026, 11, 10)}
    in_acme.tenant.time_zone = "America/New_York"
    in_acme.tenant.save(update_fields=["time_zone"])
    assert not are_complete("America/New_York")
    mark_dirty([handoff.id], now)
    drain_tenant(in_acme.id)
    assert are_complete("America/New_York")
    assert set(HandoffRollUp.objects.filter(days=1).values_list("day", flat=True)) == {date(2026, 11, 9)}


def test_an_organisation_from_before_gets_theirs_at_its_first_drain(in_acme: Org, now: datetime) -> None:
    handoff = hand_over(in_acme, at=now, owner=in_acme.reps[0])
    hand_over(in_acme, at=now - timedelta(days=40), owner=in_acme.reps[0])
    drain_tenant(in_acme.id)
    expected = all_cells()
    HandoffRollUp.objects.all().delete()
    RollUpState.objects.update(handoffs_zone="")
    mark_dirty([handoff.id], now)
    drain_tenant(in_acme.id)
    assert all_cells() == expected


@pytest.mark.parametrize(
    "name",
    [
        "back\\slash",
        'quo"te',
        "o'clock",
        "(a,b)",
        "{a,b}",
        "NULL",
        " blanks ",
        "%(tenant)s",
        "two\nlines",
        "ü\u2028😀",
    ],
)
def test_whatever_a_source_is_called_its_cells_follow_its_changes(
    in_acme: Org, now: datetime, name: str
) -> None:
    one, other = (
        hand_over(in_acme, at=now, owner=in_acme.reps[0], source=name, campaign=name, channel=name)
        for _ in range(2)
    )
    drain_tenant(in_acme.id)
    Handoff.objects.filter(id=one.id).update(source="Corrected")
    Handoff.objects.filter(id=other.id).update(campaign=f"{name}2")
    mark_dirty([one.id, other.id], now)
    drain_tenant(in_acme.id)
    found = all_cells()
    assert HandoffRollUp.objects.filter(cube="source", value=name, mqls=1).count() == 2  # a day and a week
    rebuild(in_acme.id)
    assert all_cells() == found
