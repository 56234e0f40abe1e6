"""The board counts clocks in the database: it must count what `status_of` says of each of them."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from django.test import Client

from core.businesstime import Gap
from handoff import clocks, selectors
from handoff.selectors import boards
from leads.models import Assignment, Handoff, Lead
from sla.gaps import write_gaps
from sla.models import Target, Timer
from sla.selectors import status_now
from sla.status import Status
from tenants.calendars import ALWAYS_WEEK, make_spec, write_calendar
from tests.factories import Org
from tests.handoff.conftest import browser, new_lead

pytestmark = pytest.mark.django_db
AtHand = Callable[[datetime], None]

TICK, HOUR = timedelta(microseconds=1), timedelta(hours=1)
#: Around the moment of reading, and on it: where an off-by-one would show.
OFFSETS = (-3 * HOUR, -HOUR, -TICK, timedelta(0), TICK, HOUR, 3 * HOUR)


def calendars(org: Org, now: datetime) -> list[UUID | None]:
    """The office's hours, one that never closes, one in another part of the world, and the wall clock."""
    specs = {
        "Always": make_spec(tz="UTC", weekly=ALWAYS_WEEK, year=now.year),
        "Auckland": make_spec(
            tz="Pacific/Auckland",
            weekly={"wed": [["08:00", "18:00"]], "tue": [["20:00", "23:00"]]},
            year=now.year,
        ),
    }
    versions = [
        write_calendar(tenant=org.tenant, name=name, spec=spec, actor="system", now=now).id
        for name, spec in specs.items()
    ]
    return [org.calendar_version_id, *versions, None]


def gap_about(now: datetime, chance: random.Random) -> list[Gap]:
    """Sometimes a gap, which may hold `now` or touch it."""
    start, end = sorted(chance.sample([-2, -1, 0, 1, 2], 2))
    gap = Gap(now + start * HOUR, now + end * HOUR, chance.choice(["leave", "leave", "pause"]))
    return [gap] if chance.random() < 0.5 else []


def random_timers(org: Org, leads: list[Lead], now: datetime, chance: random.Random) -> None:
    """Instead of the leads' own clocks some of every state, closed and open, on every calendar."""
    versions = calendars(org, now)
    handoffs = list(Handoff.objects.filter(lead__in=leads).order_by("id"))
    assignments = {each.handoff_id: each for each in Assignment.objects.filter(handoff__in=handoffs)}
    Timer.objects.all().delete()

    def moment(*, missing: float) -> datetime | None:
        return None if chance.random() < missing else now + chance.choice(OFFSETS)

    Timer.objects.bulk_create(
        Timer(
            handoff=handoff,
            assignment=assignments[handoff.id],
            member_id=handoff.owner_id,
            target=target,
            clock=Timer.Clock.OWNER,
            policy_version=org.policy,
            tier="demo_request",
            calendar_version_id=chance.choice(versions),
            state=chance.choice(Timer.State.values),
            started_at=now - 4 * HOUR,
            duration_seconds=300,
            warn_at=moment(missing=0.2),
            due_at=now + chance.choice(OFFSETS),
            met_at=moment(missing=0.8),
            closed_at=moment(missing=0.7),
            gaps=write_gaps(gap_about(now, chance)),
        )
        for handoff in handoffs
        for target in chance.sample(Target.values, chance.randint(0, 4))
    )


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("hour", [9, 22])  # the office is open, and closed
def test_the_database_counts_what_status_of_says(acme: Org, now: datetime, seed: int, hour: int) -> None:
    leads = [new_lead(acme, now, f"p{n}@c{n}.example") for n in range(16)]
    at = datetime(2026, 11, 17, hour, 0, tzinfo=UTC)
    with acme.scope():
        random_timers(acme, leads, at, random.Random(seed))
        timers = list(Timer.objects.all())
        closed = clocks.closed_now({timer.calendar_version_id for timer in timers}, now=at)
        said = dict(
            Timer.objects.annotate(urgency=clocks.urgency_in_sql(now=at, closed=closed)).values_list(
                "id", "urgency"
            )
        )
        assert said == {timer.id: clocks.URGENCY[status_now(timer, now=at)] for timer in timers}

        spoken: dict[UUID, list[Timer]] = {}
        for timer in timers:
            if timer.closed_at is None:
                spoken.setdefault(timer.handoff_id, []).append(timer)
        readings = [each for own in spoken.values() if (each := clocks.most_urgent(own, now=at))]
        board = selectors.board(member=acme.manager, now=at)
    assert board.counts == Counter(each.status for each in readings)
    for person in board.people:
        own = [each for each in readings if each.timer.member_id == person.member.id]
        assert person.counts == Counter(each.status for each in own)
        ahead = [each.timer.due_at for each in own if each.status not in (Status.OVERDUE, Status.PAUSED)]
        assert person.next_due == min(ahead, default=None)
    for group in board.pressing:
        same = [each for each in readings if each.status is group.status]
        assert [row.reading.timer.due_at for row in group.rows if row.reading] == sorted(
            each.timer.due_at for each in same
        )
        assert {row.status for row in group.rows} <= {group.status}


@pytest.fixture
def crowded(acme: Org, now: datetime, monkeypatch: pytest.MonkeyPatch) -> Client:
    """A manager whose teams have five overdue leads, two to a page of the board."""
    for number in range(5):
        new_lead(
            acme, now + timedelta(seconds=number), f"p{number}@c{number}.example", first_name=f"P{number}"
        )
    monkeypatch.setattr(boards, "PRESSING", 2)
    return browser(acme.manager)


def test_the_board_draws_the_most_pressing_and_leads_to_the_rest(
    crowded: Client, now: datetime, at_hand: AtHand
) -> None:
    at_hand(now + timedelta(minutes=8))
    page = crowded.get("/board").content.decode()
    assert "P0 Adeyemi" in page
    assert "P1 Adeyemi" in page
    assert "P2 Adeyemi" not in page
    assert "and 3 more" in page
    assert 'href="/board?status=overdue&amp;page=2"' in page
    second = crowded.get("/board?status=overdue&page=2").content.decode()
    assert "P1 Adeyemi" not in second
    assert "P2 Adeyemi" in second
    assert "P3 Adeyemi" in second
    assert "and 1 more" in second
    assert 'hx-get="/board?status=overdue&amp;page=2"' in second  # renews itself, not the first page
    last = crowded.get("/board?status=overdue&page=3").content.decode()
    assert "P4 Adeyemi" in last
    assert "more</span>" not in last
    assert 'href="/board?status=overdue&amp;page=2"' in last


def test_numbers_of_the_board_lead_to_their_leads_and_people_come_as_a_file(
    crowded: Client, now: datetime, at_hand: AtHand
) -> None:
    at_hand(now + timedelta(minutes=8))
    answer = crowded.get("/board")
    overdue = next(card for card in answer.context["kpis"] if card["label"] == "Overdue")
    listed = crowded.get(overdue["url"]).context["presses"]
    assert [(group["title"], group["total"]) for group in listed] == [("Overdue", overdue["value"])]
    people = [each for each in answer.context["board"].people if each.open_leads]
    assert people
    for each in people:
        behind = crowded.get(f"/leads?owner={each.member.id}")
        assert f'href="/leads?owner={each.member.id}"' in answer.content.decode()
        assert len(behind.context["found"]) == each.open_leads
    head, *rows = crowded.get("/board.csv").content.decode().splitlines()
    assert head.removeprefix("\ufeff").startswith("Person,Team,Open leads,Cap,Overdue")
    assert len(rows) == len(answer.context["board"].people)
    sheet = crowded.get("/board.xlsx")
    assert (sheet.status_code, sheet.content[:2]) == (200, b"PK")


@pytest.mark.parametrize(
    "query", ["?status=met", "?status=overdue&page=0", "?status=overdue&page=x", "?page=9", "?status="]
)
def test_an_odd_address_of_the_board_shows_its_beginning(
    crowded: Client, now: datetime, at_hand: AtHand, query: str
) -> None:
    at_hand(now + timedelta(minutes=8))
    assert "P0 Adeyemi" in crowded.get(f"/board{query}").content.decode()


def test_a_page_behind_the_last_leads_back(crowded: Client, now: datetime, at_hand: AtHand) -> None:
    at_hand(now + timedelta(minutes=8))
    page = crowded.get("/board?status=overdue&page=99999").content.decode()
    assert "P0 Adeyemi" not in page
    assert 'rel="prev" href="/board?status=overdue&amp;page=3"' in page
