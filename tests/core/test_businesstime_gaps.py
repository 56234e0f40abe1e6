"""Clocks that stand still: pauses and leave, and the sum of a deadline day by day."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.businesstime import Gap, WorkCalendar, add_outside, breakdown, elapsed_inside, elapsed_outside, tidy

OFFICE = WorkCalendar(
    "Europe/Berlin", {day: [("09:00", "17:00")] for day in ("mon", "tue", "wed", "thu", "fri")}
)
BERLIN = ZoneInfo("Europe/Berlin")
ZONES = sorted(available_timezones() - {"localtime"})


def berlin(text):
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN).astimezone(UTC)


def gap(start, end, kind="pause"):
    return Gap(berlin(start), berlin(end), kind)


def test_a_pause_over_a_weekend_costs_only_its_working_hours():
    weekend = [gap("2026-11-20T16:00", "2026-11-23T10:00")]
    due = add_outside(OFFICE, berlin("2026-11-20T15:00"), 4 * 3600, weekend)
    assert due == berlin("2026-11-23T13:00")
    assert elapsed_inside(OFFICE, berlin("2026-11-20T15:00"), due, weekend) == 2 * 3600
    assert elapsed_outside(OFFICE, berlin("2026-11-20T15:00"), due, weekend) == 4 * 3600


def test_a_duration_that_ends_where_a_gap_begins_ends_there():
    lunch = [gap("2026-11-20T12:00", "2026-11-20T13:00")]
    assert add_outside(OFFICE, berlin("2026-11-20T11:00"), 3600, lunch) == berlin("2026-11-20T12:00")
    assert add_outside(OFFICE, berlin("2026-11-20T11:00"), 3601, lunch) == berlin(
        "2026-11-20T13:00"
    ) + timedelta(seconds=1)


def test_a_start_inside_a_gap_counts_from_its_end_and_nothing_added_stays():
    lunch = [gap("2026-11-20T12:00", "2026-11-20T13:00")]
    noon = berlin("2026-11-20T12:30")
    assert add_outside(OFFICE, noon, 60, lunch) == berlin("2026-11-20T13:01")
    assert add_outside(OFFICE, noon, 0, lunch) == noon


def test_a_gap_outside_working_hours_costs_nothing():
    night = [gap("2026-11-19T18:00", "2026-11-20T08:00")]
    start = berlin("2026-11-19T16:00")
    assert add_outside(OFFICE, start, 7200, night) == OFFICE.add_seconds(start, 7200)


def test_tidy_orders_joins_and_parts_what_overlaps():
    found = tidy(
        [
            gap("2026-11-20T14:00", "2026-11-20T16:00", "leave"),
            gap("2026-11-20T10:00", "2026-11-20T12:00"),
            gap("2026-11-20T12:00", "2026-11-20T15:00"),
            gap("2026-11-20T11:00", "2026-11-20T11:00"),
        ]
    )
    assert found == (
        gap("2026-11-20T10:00", "2026-11-20T15:00"),
        gap("2026-11-20T15:00", "2026-11-20T16:00", "leave"),
    )


def test_tidy_joins_what_touches_its_neighbour_whatever_the_first_gap_was():
    found = tidy(
        [
            gap("2026-11-20T09:00", "2026-11-20T10:00"),
            gap("2026-11-20T12:00", "2026-11-20T13:00", "leave"),
            gap("2026-11-20T11:00", "2026-11-20T12:00", "leave"),
            gap("2026-11-20T14:00", "2026-11-20T15:00"),
        ]
    )
    assert found == (
        gap("2026-11-20T09:00", "2026-11-20T10:00"),
        gap("2026-11-20T11:00", "2026-11-20T13:00", "leave"),
        gap("2026-11-20T14:00", "2026-11-20T15:00"),
    )


def test_time_in_gaps_can_be_told_by_their_kind():
    gaps = [
        gap("2026-11-20T09:00", "2026-11-20T10:00"),
        gap("2026-11-20T12:00", "2026-11-20T14:00", "leave"),
        gap("2026-11-20T16:00", "2026-11-20T20:00", "leave"),
    ]
    start, end = berlin("2026-11-20T08:00"), berlin("2026-11-20T22:00")
    hours = {kind: elapsed_inside(OFFICE, start, end, gaps, kind=kind) / 3600 for kind in ("pause", "leave")}
    assert hours == {"pause": 1, "leave": 3}
    assert elapsed_inside(OFFICE, start, end, gaps) == 4 * 3600


def test_a_gap_that_begins_at_an_opening_or_at_a_closing_leaves_no_empty_span():
    gaps = [
        gap("2026-11-20T09:00", "2026-11-20T10:00"),
        gap("2026-11-20T12:00", "2026-11-20T13:00"),
        gap("2026-11-20T17:00", "2026-11-20T18:00"),
    ]
    (friday,) = breakdown(OFFICE, berlin("2026-11-20T08:00"), berlin("2026-11-20T20:00"), gaps)
    assert friday.spans == (
        (berlin("2026-11-20T10:00"), berlin("2026-11-20T12:00")),
        (berlin("2026-11-20T13:00"), berlin("2026-11-20T17:00")),
    )


def test_a_breakdown_names_every_day_and_what_stopped_the_clock():
    away = [gap("2026-11-19T13:00", "2026-11-20T00:00", "leave")]
    days = breakdown(OFFICE, berlin("2026-11-19T11:00"), berlin("2026-11-23T10:00"), away)
    assert [(each.day, each.seconds) for each in days] == [
        (date(2026, 11, 19), 2 * 3600),
        (date(2026, 11, 20), 8 * 3600),
        (date(2026, 11, 21), 0),
        (date(2026, 11, 22), 0),
        (date(2026, 11, 23), 3600),
    ]
    assert days[0].spans == ((berlin("2026-11-19T11:00"), berlin("2026-11-19T13:00")),)
    assert days[0].open == ((berlin("2026-11-19T11:00"), berlin("2026-11-19T17:00")),)
    assert [each.kind for each in days[0].gaps] == ["leave"]
    assert days[1].gaps == ()


def test_a_day_on_which_the_clocks_change_says_so():
    always = WorkCalendar.always("Europe/Berlin")
    spring, autumn = (
        breakdown(always, berlin(f"{day}T00:00"), berlin(f"{day}T23:59"))[0]
        for day in ("2026-03-29", "2026-10-25")
    )
    assert (spring.clock_change, spring.seconds) == (3600, 22 * 3600 + 59 * 60)
    assert (autumn.clock_change, autumn.seconds) == (-3600, 24 * 3600 + 59 * 60)


def test_the_day_that_apia_never_had_is_left_out():
    always = WorkCalendar.always("Pacific/Apia")
    start = datetime(2011, 12, 29, 22, tzinfo=ZoneInfo("Pacific/Apia"))
    days = breakdown(always, start, start + timedelta(hours=6))
    assert [each.day for each in days] == [date(2011, 12, 29), date(2011, 12, 31)]
    assert sum(each.seconds for each in days) == 6 * 3600


def test_a_breakdown_shows_each_day_its_own_part_of_a_long_gap():
    trip = [gap("2026-11-17T15:00", "2026-11-19T00:00", "leave")]
    days = breakdown(OFFICE, berlin("2026-11-17T09:00"), berlin("2026-11-19T17:00"), trip)
    assert [day.gaps for day in days] == [
        (gap("2026-11-17T15:00", "2026-11-18T00:00", "leave"),),
        (gap("2026-11-18T00:00", "2026-11-19T00:00", "leave"),),
        (),
    ]
    afterwards = breakdown(OFFICE, berlin("2026-11-16T09:00"), berlin("2026-11-17T12:00"), trip)
    assert [day.gaps for day in afterwards] == [(), ()]
    midnight = [gap("2026-11-18T00:00", "2026-11-18T09:00")]
    days = breakdown(OFFICE, berlin("2026-11-17T09:00"), berlin("2026-11-18T17:00"), midnight)
    assert [day.gaps for day in days] == [(), tuple(midnight)]


def test_a_breakdown_of_no_time_is_its_one_day_and_backwards_there_is_none():
    noon = berlin("2026-11-17T12:00")
    (only,) = breakdown(OFFICE, noon, noon)
    assert (only.day, only.spans, only.seconds) == (date(2026, 11, 17), (), 0)
    assert breakdown(OFFICE, noon, noon - timedelta(seconds=1)) == []


def test_hours_that_begin_or_end_at_midnight_belong_to_one_day_of_a_breakdown():
    nights = WorkCalendar("Europe/Berlin", {"wed": [("00:00", "06:00")], "thu": [("18:00", "24:00")]})
    days = breakdown(nights, berlin("2026-11-17T12:00"), berlin("2026-11-20T12:00"))
    assert [(day.day.day, day.spans, day.open) for day in days] == [
        (17, (), ()),
        *(
            (number, spans, spans)
            for number, spans in (
                (18, ((berlin("2026-11-18T00:00"), berlin("2026-11-18T06:00")),)),
                (19, ((berlin("2026-11-19T18:00"), berlin("2026-11-20T00:00")),)),
            )
        ),
        (20, (), ()),
    ]


def test_a_breakdown_covers_two_years_and_not_a_day_more():
    start = berlin("2026-01-01T12:00")
    assert len(breakdown(OFFICE, start, start + timedelta(days=731))) == 732
    with pytest.raises(ValueError, match="732 days at most, not 733"):
        breakdown(OFFICE, start, start + timedelta(days=732))


# --- Against a plain count of seconds ---

instants = st.integers(
    int(datetime(2023, 1, 10, tzinfo=UTC).timestamp()), int(datetime(2026, 12, 1, tzinfo=UTC).timestamp())
)


@st.composite
def scenes(draw):
    zone = draw(st.sampled_from(ZONES))
    opens = draw(st.integers(0, 20))
    weekly = {
        day: [(f"{opens:02}:00", f"{draw(st.integers(opens + 1, 24)):02}:00")]
        for day in draw(
            st.sets(st.sampled_from(("mon", "tue", "wed", "thu", "fri", "sat", "sun")), min_size=2)
        )
    }
    start = draw(instants)
    gaps = []
    for _ in range(draw(st.integers(0, 4))):
        begins = start + draw(st.integers(-86_400, 10 * 86_400))
        gaps.append(
            (begins, begins + draw(st.integers(1, 4 * 86_400)), draw(st.sampled_from(("pause", "leave"))))
        )
    return WorkCalendar(zone, weekly), start, gaps, draw(st.integers(1, 60 * 3600))


def at(seconds):
    return datetime.fromtimestamp(seconds, UTC)


@settings(max_examples=400, deadline=None)
@given(scenes())
def test_adding_and_measuring_outside_gaps_are_inverse_and_agree_with_a_plain_count(scene):
    calendar, start, gaps, seconds = scene
    tidied = tidy(Gap(at(a), at(b), kind) for a, b, kind in gaps)
    due = add_outside(calendar, at(start), seconds, tidied)
    # The count: seconds of open spans, less those that lie in any gap as written, overlaps and all.
    counted = 0
    for opening, closing in calendar.spans(at(start), due):
        cuts = sorted(
            {opening.timestamp(), closing.timestamp(), *(edge for a, b, _ in gaps for edge in (a, b))}
        )
        for left, right in pairwise(cuts):
            inside = opening.timestamp() <= left and right <= closing.timestamp()
            if inside and not any(a <= left and right <= b for a, b, _ in gaps):
                counted += right - left
    assert counted == seconds
    assert elapsed_outside(calendar, at(start), due, tidied) == seconds
    assert elapsed_outside(calendar, at(start), due - timedelta(seconds=1), tidied) == seconds - 1


@settings(max_examples=400, deadline=None)
@given(scenes())
def test_the_days_of_a_breakdown_add_up_to_the_deadline_to_the_second(scene):
    calendar, start, gaps, seconds = scene
    tidied = tidy(Gap(at(a), at(b), kind) for a, b, kind in gaps)
    due = add_outside(calendar, at(start), seconds, tidied)
    days = breakdown(calendar, at(start), due, tidied)
    assert sum(each.seconds for each in days) == seconds
    assert [each.day for each in days] == sorted({each.day for each in days})
    zone = ZoneInfo(calendar.tz)
    for each in days:
        for opening, closing in each.spans:
            assert opening.astimezone(zone).date() == each.day
            assert (closing - timedelta(microseconds=1)).astimezone(zone).date() == each.day
