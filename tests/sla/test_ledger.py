"""The time ledger: every second of a handoff in exactly one entry."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.businesstime import Gap, WorkCalendar
from sla.ledger import Kind, Ownership, ledger, totals

ANNA, BEN = UUID(int=1), UUID(int=2)
NINE_TO_FIVE = WorkCalendar("UTC", {day: [("09:00", "17:00")] for day in ("mon", "tue", "wed", "thu", "fri")})
LATE = WorkCalendar("America/New_York", {day: [("12:00", "20:00")] for day in ("mon", "tue", "sat")})
HOUR = timedelta(hours=1)


def at(day, hour=0, minute=0):
    return datetime(2026, 11, day, hour, minute, tzinfo=UTC)


def test_a_friday_lead_goes_from_nobody_to_its_owner_through_the_weekend():
    entries = ledger(
        at(20, 16),
        at(23, 10),
        owners=[Ownership(ANNA, at(20, 16, 30), None, NINE_TO_FIVE)],
        house=NINE_TO_FIVE,
    )
    assert [(each.start, each.kind, each.member_id) for each in entries] == [
        (at(20, 16), Kind.UNROUTED, None),
        (at(20, 16, 30), Kind.OWNER, ANNA),
        (at(20, 17), Kind.CLOSED_HOURS, ANNA),
        (at(23, 9), Kind.OWNER, ANNA),
    ]
    sums = totals(entries)
    assert sums.owner == {ANNA: 1.5 * 3600}
    assert (sums.unrouted, sums.paused, sums.closed_hours) == (1800, 0, 64 * 3600)
    assert sums.wall == 66 * 3600


def test_a_handoff_that_has_not_begun_has_no_entries():
    owners = [Ownership(ANNA, at(20, 10), None, NINE_TO_FIVE)]
    assert ledger(at(20, 12), at(20, 12), owners=owners) == []
    assert ledger(at(20, 12), at(20, 11), owners=owners) == []


def test_closed_hours_and_pauses_of_a_persons_time_are_not_counted_as_that_persons():
    sums = totals(
        ledger(
            at(19, 16),
            at(19, 20),
            owners=[Ownership(ANNA, at(19, 16), None, None)],
            pauses=[Gap(at(19, 17), at(19, 18), "pause")],
        )
    )
    assert (sums.owner, sums.paused, sums.closed_hours) == ({ANNA: 3 * 3600}, 3600, 0)


def test_neighbours_of_one_kind_and_person_are_one_entry():
    entries = ledger(
        at(20, 15),
        at(23, 10),
        owners=[Ownership(ANNA, at(20, 15), None, NINE_TO_FIVE, leave=[Gap(at(21), at(22), "leave")])],
    )
    assert [(each.start, each.kind) for each in entries] == [
        (at(20, 15), Kind.OWNER),
        (at(20, 17), Kind.CLOSED_HOURS),
        (at(23, 9), Kind.OWNER),
    ]


def test_a_pause_goes_before_everything_and_leave_is_closed_hours():
    entries = ledger(
        at(19, 9),
        at(19, 17),
        owners=[
            Ownership(ANNA, at(19, 9), at(19, 12), NINE_TO_FIVE),
            Ownership(BEN, at(19, 12), None, NINE_TO_FIVE, leave=[Gap(at(19, 15), at(20), "leave")]),
        ],
        pauses=[Gap(at(19, 11), at(19, 13), "pause")],
    )
    assert [(each.start.hour, each.kind, each.member_id) for each in entries] == [
        (9, Kind.OWNER, ANNA),
        (11, Kind.PAUSED, ANNA),
        (12, Kind.PAUSED, BEN),
        (13, Kind.OWNER, BEN),
        (15, Kind.CLOSED_HOURS, BEN),
    ]


def test_a_handoff_without_length_has_no_entries():
    assert ledger(at(19, 9), at(19, 9), owners=[]) == []


minutes = st.integers(0, 14 * 24 * 60)


@st.composite
def histories(draw):
    cuts = sorted(draw(st.lists(minutes, min_size=2, max_size=9, unique=True)))
    begin = at(2)
    when = [begin + timedelta(minutes=cut) for cut in cuts]
    owners = [
        Ownership(
            draw(st.sampled_from([ANNA, BEN])),
            since,
            until,
            draw(st.sampled_from([None, NINE_TO_FIVE, LATE])),
            leave=[Gap(since + HOUR, since + draw(st.integers(2, 40)) * HOUR, "leave")]
            if draw(st.booleans())
            else (),
        )
        for since, until in pairwise(when[1:])
        if draw(st.booleans())
    ]
    stops = sorted(draw(st.lists(minutes, max_size=4, unique=True)))
    pauses = [
        Gap(begin + timedelta(minutes=a), begin + timedelta(minutes=b), "pause")
        for a, b in zip(stops[::2], stops[1::2], strict=False)
    ]
    return when[0], when[-1], owners, pauses, draw(st.sampled_from([None, NINE_TO_FIVE]))


def check(history):
    start, end, owners, pauses, house = history
    entries = ledger(start, end, owners=owners, pauses=pauses, house=house)
    assert (entries[0].start, entries[-1].end) == (start, end)
    assert all(left.end == right.start for left, right in pairwise(entries))
    assert all(each.start < each.end for each in entries)
    assert totals(entries).wall == (end - start).total_seconds()
    for each in entries:
        middle = each.start + (each.end - each.start) / 2
        owner = next((o for o in owners if o.start <= middle and (o.end is None or middle < o.end)), None)
        assert each.member_id == (owner.member_id if owner else None)
        calendar = owner.calendar if owner else house
        away = owner is not None and any(gap.start <= middle < gap.end for gap in owner.leave)
        if any(gap.start <= middle < gap.end for gap in pauses):
            expected = Kind.PAUSED
        elif away or (calendar is not None and not calendar.is_open(middle)):
            expected = Kind.CLOSED_HOURS
        else:
            expected = Kind.OWNER if owner else Kind.UNROUTED
        assert each.kind == expected


@settings(max_examples=1_000, deadline=None)
@given(histories())
def test_every_second_of_a_thousand_histories_stands_in_exactly_one_entry(history):
    check(history)


@pytest.mark.slow
@settings(max_examples=10_000, deadline=None)
@given(histories())
def test_every_second_of_ten_thousand_histories_stands_in_exactly_one_entry(history):
    check(history)
