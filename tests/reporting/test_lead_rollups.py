"""Leads created in a period are counted from roll-ups as from the leads themselves, after any history."""

from __future__ import annotations

import random
import threading
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection

from leads.lifecycle import Stage
from leads.models import Lead
from reporting import lead_rollups
from reporting.facts import drain, drain_tenant, rebuild
from reporting.models import LeadChange, LeadRollUp, RollUpState
from reporting.selectors import HandoffGround, Question, handoff_ground
from reporting.selectors.created import Created, created
from tests.factories import Org

pytestmark = pytest.mark.django_db
BERLIN = ZoneInfo("Europe/Berlin")
SOURCES = ["Webinar", "Partner", ""]
CAMPAIGNS = ["", "Spring", "Summer"]
CHANNELS = ["web", "event"]
STAGES = [Stage.SUBSCRIBER, Stage.LEAD, Stage.MQL, Stage.DISQUALIFIED]


def all_cells() -> list[tuple[Any, ...]]:
    names = [field.name for field in LeadRollUp._meta.fields if field.name != "id"]
    return sorted(LeadRollUp.objects.values_list(*names), key=str)


def some_lead(now: datetime, chance: random.Random) -> Lead:
    at = now - timedelta(days=chance.randint(0, 120), minutes=chance.randint(1, 1_440))
    return Lead(
        first_name="Lea",
        last_name="Berg",
        stage=chance.choice(STAGES),
        source=chance.choice(SOURCES),
        campaign=chance.choice(CAMPAIGNS),
        channel=chance.choice(CHANNELS),
        is_test=chance.random() < 0.2,
        created_at=at,
        updated_at=at,
    )


def change_some(now: datetime, chance: random.Random) -> None:
    """What happens to leads: they come one by one and by the file, are corrected, go on, turn out to be
    tests or none, are given their true date, are removed."""
    Lead.objects.bulk_create([some_lead(now, chance) for _ in range(chance.randint(1, 12))])
    ids = list(Lead.objects.values_list("id", flat=True))
    some = Lead.objects.filter(id__in=chance.sample(ids, k=min(4, len(ids))))
    what = chance.choice(["stage", "source", "campaign", "channel", "test", "date", "gone", "name"])
    if what == "stage":
        some.update(stage=chance.choice(STAGES))
    elif what == "source":
        some.update(source=chance.choice(SOURCES))
    elif what == "campaign":
        some.update(campaign=chance.choice(CAMPAIGNS))
    elif what == "channel":
        some.update(channel=chance.choice(CHANNELS))
    elif what == "test":
        some.update(is_test=chance.random() < 0.5)
    elif what == "date":
        some.update(created_at=now - timedelta(days=chance.randint(0, 60)))
    elif what == "gone":
        some.delete()
    else:
        some.update(first_name="Ada", updated_at=now)


def asked_of(now: datetime) -> list[tuple[Question, str]]:
    today = now.astimezone(BERLIN).date()
    plain = Question(zone=BERLIN, first=today - timedelta(days=99), last=today)
    found = [
        replace(plain, **given)
        for given in (
            {},
            {"first": today - timedelta(days=11)},
            {"first": today, "last": today},
            {"source": "Webinar"},
            {"source": ""},
            {"channel": "event"},
            {"campaign": "Nobody's"},
            {"campaign": "Spring", "channel": "web"},  # no cube has both
        )
    ]
    return [(question, column) for question in found for column in ("source", "campaign", "channel", "tier")]


def both_ways(question: Question, column: str) -> tuple[Created | None, Created | None]:
    keys = {"source": SOURCES, "campaign": [*CAMPAIGNS, "Nobody's"], "channel": CHANNELS}.get(column, ["a"])
    ground = handoff_ground(question)
    assert ground is not None
    assert ground.has_lead_cells
    return created(question, column, keys, ground), created(question, column, keys, None)


@pytest.mark.parametrize("seed", range(3))
def test_after_any_history_and_amid_it_cells_say_what_the_leads_say(
    in_acme: Org, now: datetime, seed: int
) -> None:
    chance = random.Random(seed)
    rebuild(in_acme.id)
    waited = 0
    for _ in range(12):
        change_some(now, chance)
        waited += LeadChange.objects.count()
        for question, column in asked_of(now):
            quick, slow = both_ways(question, column)
            assert quick == slow
        if chance.random() < 0.5:
            drain_tenant(in_acme.id)
            assert not LeadChange.objects.exists()
    assert waited > 50
    drain_tenant(in_acme.id)
    assert any(quick.whole.all for quick, _ in (both_ways(*asked) for asked in asked_of(now)) if quick)
    found = all_cells()
    rebuild(in_acme.id)
    assert all_cells() == found


@pytest.mark.parametrize("name", lead_rollups.CUBES)
def test_what_a_lead_can_hold_finds_room_in_its_changes_and_cells(name: str) -> None:
    """The database writes them down with the lead: what found no room there would refuse the lead itself."""
    room = Lead._meta.get_field(name).max_length
    assert LeadChange._meta.get_field(name).max_length >= room
    assert LeadRollUp._meta.get_field("value").max_length >= room


@pytest.mark.parametrize("held", [False, True])
def test_leads_that_are_written_by_key_count_once(in_acme: Org, now: datetime, held: bool) -> None:
    """One statement that makes those that are not there and corrects those that are."""
    made = [Lead(source="Webinar", created_at=now, updated_at=now) for _ in range(3)]
    Lead.objects.bulk_create(made[: 2 if held else 0])
    drain_tenant(in_acme.id)
    for lead in made:
        lead.source = "Partner"
    Lead.objects.bulk_create(
        made, update_conflicts=True, unique_fields=["tenant", "id"], update_fields=["source"]
    )
    drain_tenant(in_acme.id)
    counted = LeadRollUp.objects.filter(cube="source", days=1).values_list("value", "leads")
    assert list(counted) == [("Partner", 3)]


def test_a_change_that_counts_for_nothing_writes_nothing_down(in_acme: Org, now: datetime) -> None:
    lead = Lead.objects.create(stage=Stage.MQL, source="Webinar", created_at=now, updated_at=now)
    rebuild(in_acme.id)
    assert not LeadChange.objects.exists()
    lead.first_name, lead.stage, lead.score = "Ada", Stage.SAL, 40
    lead.save()
    Lead.objects.filter(id=lead.id).update(updated_at=now + timedelta(hours=1))
    assert not LeadChange.objects.exists()
    Lead.objects.filter(id=lead.id).update(stage=Stage.DISQUALIFIED)
    assert sorted(LeadChange.objects.values_list("leads", "disqualified")) == [(-1, 0), (1, 1)]


def test_a_cell_that_counts_nothing_any_more_is_gone(in_acme: Org, now: datetime) -> None:
    lead = Lead.objects.create(stage=Stage.MQL, source="Webinar", created_at=now, updated_at=now)
    drain_tenant(in_acme.id)
    assert LeadRollUp.objects.filter(value="Webinar").count() == 2  # its day, and its week
    Lead.objects.filter(id=lead.id).update(source="Partner")
    drain_tenant(in_acme.id)
    assert not LeadRollUp.objects.filter(value="Webinar").exists()
    assert LeadRollUp.objects.filter(value="Partner", leads=1).count() == 2


def test_cells_that_somebody_changed_by_hand_are_counted_anew(in_acme: Org, now: datetime) -> None:
    lead = Lead.objects.create(stage=Stage.MQL, source="Webinar", created_at=now, updated_at=now)
    drain_tenant(in_acme.id)
    LeadRollUp.objects.filter(value="Webinar").update(leads=0)
    Lead.objects.filter(id=lead.id).update(source="Partner")
    drain_tenant(in_acme.id)
    found = all_cells()
    rebuild(in_acme.id)
    assert all_cells() == found


def test_an_organisation_from_before_counts_its_leads_until_it_has_cells(in_acme: Org, now: datetime) -> None:
    Lead.objects.create(stage=Stage.MQL, source="Webinar", created_at=now, updated_at=now)
    rebuild(in_acme.id)
    expected = all_cells()
    LeadRollUp.objects.all().delete()
    RollUpState.objects.update(leads_zone="")
    question, _ = asked_of(now)[0]
    assert handoff_ground(question) == HandoffGround(has_lead_cells=False)
    drain_tenant(in_acme.id)
    assert handoff_ground(question) == HandoffGround(has_lead_cells=True)
    assert all_cells() == expected


def test_after_a_move_to_another_zone_leads_are_counted_until_all_days_are_new(
    in_acme: Org, now: datetime
) -> None:
    evening = datetime(2026, 11, 9, 23, 30, tzinfo=now.tzinfo)
    Lead.objects.create(stage=Stage.MQL, created_at=evening, updated_at=evening)
    drain_tenant(in_acme.id)
    assert str(LeadRollUp.objects.get(cube="all", days=1).day) == "2026-11-10"
    in_acme.tenant.time_zone = "America/New_York"
    in_acme.tenant.save(update_fields=["time_zone"])
    assert not lead_rollups.are_complete("America/New_York")
    drain_tenant(in_acme.id)
    assert str(LeadRollUp.objects.get(cube="all", days=1).day) == "2026-11-09"


@pytest.mark.django_db(transaction=True)
def test_leads_alone_are_brought_up_to_date_for_each_organisation(
    acme: Org, globex: Org, now: datetime
) -> None:
    for org, count in ((acme, 2), (globex, 3)):
        with org.scope():
            for _ in range(count):
                Lead.objects.create(stage=Stage.SUBSCRIBER, created_at=now, updated_at=now)
    drain()
    for org, count in ((acme, 2), (globex, 3)):
        with org.scope():
            assert LeadRollUp.objects.get(cube="all", days=7).subscribers == count
            assert not LeadChange.objects.exists()
            assert {row.tenant_id for row in LeadRollUp.objects.all()} == {org.id}


@pytest.mark.django_db(transaction=True)
def test_leads_that_arrive_while_cells_are_counted_anew_count_once(acme: Org, now: datetime) -> None:
    """Leads come on connections of their own while rebuilds and drains go on; nothing is lost or doubled."""
    with acme.scope():
        rebuild(acme.id)
    stop = threading.Event()
    made: list[int] = []

    def arrive() -> None:
        count = 0
        try:
            while not stop.is_set() or count < 20:
                with acme.scope():
                    lead = Lead.objects.create(stage=Stage.SUBSCRIBER, created_at=now, updated_at=now)
                    Lead.objects.filter(id=lead.id).update(stage=Stage.LEAD, source="Webinar")
                count += 1
        finally:
            connection.close()
            made.append(count)

    threads = [threading.Thread(target=arrive) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(6):
        rebuild(acme.id)
        drain_tenant(acme.id)
    stop.set()
    for thread in threads:
        thread.join()
    drain_tenant(acme.id)
    with acme.scope():
        cell = LeadRollUp.objects.get(cube="source", value="Webinar", days=7)
        assert (cell.leads, cell.subscribers) == (sum(made), 0)
        assert len(made) == 3
        assert not LeadChange.objects.exists()
