"""Days and halves of days as instants: over changes of the clocks, breaks and days without hours."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.businesstime import WorkCalendar
from core.errors import ValidationFailed
from tenants.leave.days import Days, Part, bounds_of, halves_hint, halves_of, leave_words, said_of, span_of

BERLIN = ZoneInfo("Europe/Berlin")
WEEK = ("mon", "tue", "wed", "thu", "fri")
OFFICE = WorkCalendar("Europe/Berlin", {day: [("09:00", "17:30")] for day in WEEK})
BROKEN = WorkCalendar("Europe/Berlin", {day: [("09:00", "12:00"), ("13:00", "16:00")] for day in WEEK})
TUESDAY, SATURDAY = date(2026, 12, 1), date(2026, 12, 5)


def local(span: tuple[datetime, datetime]) -> tuple[str, str]:
    return tuple(f"{each.astimezone(BERLIN):%d %H:%M}" for each in span)


def span(said: Days, calendar: WorkCalendar | None = OFFICE) -> tuple[str, str]:
    return local(span_of(said, zone=BERLIN, calendar=calendar))


def test_whole_days_run_from_midnight_to_midnight() -> None:
    assert span(Days(TUESDAY, date(2026, 12, 3))) == ("01 00:00", "04 00:00")


def test_half_a_day_is_half_of_its_working_hours() -> None:
    assert span(Days(TUESDAY, TUESDAY, Part.MORNING)) == ("01 09:00", "01 13:15")
    assert span(Days(TUESDAY, TUESDAY, Part.AFTERNOON)) == ("01 13:15", "01 17:30")


def test_where_the_middle_is_a_break_the_halves_end_and_begin_with_it() -> None:
    assert span(Days(TUESDAY, TUESDAY, Part.MORNING), BROKEN) == ("01 09:00", "01 12:00")
    assert span(Days(TUESDAY, TUESDAY, Part.AFTERNOON), BROKEN) == ("01 13:00", "01 16:00")


def test_leave_of_several_days_begins_with_an_afternoon_and_ends_with_a_morning() -> None:
    said = Days(TUESDAY, date(2026, 12, 3), Part.AFTERNOON, Part.MORNING)
    assert span(said) == ("01 13:15", "03 13:15")


def test_a_morning_can_be_said_either_way() -> None:
    assert span(Days(TUESDAY, TUESDAY, Part.DAY, Part.MORNING)) == ("01 09:00", "01 13:15")


def test_exact_times_are_those_of_the_persons_zone() -> None:
    said = Days(TUESDAY, TUESDAY, Part.TIME, Part.TIME, time(10, 20), time(11, 5))
    assert span(said) == ("01 10:20", "01 11:05")


def test_without_hours_of_anybody_a_day_has_24_and_its_half_is_noon() -> None:
    assert span(Days(TUESDAY, TUESDAY, Part.MORNING), None) == ("01 00:00", "01 12:00")


@pytest.mark.parametrize(
    ("said", "path", "words"),
    [
        (Days(SATURDAY, SATURDAY, Part.MORNING), "/first_part", "Sat 5 Dec 2026 has no working hours"),
        (Days(TUESDAY, SATURDAY, Part.DAY, Part.MORNING), "/last_part", "no working hours"),
        (Days(TUESDAY, date(2026, 12, 3), Part.MORNING), "/first_part", "several days"),
        (Days(TUESDAY, TUESDAY, Part.AFTERNOON, Part.MORNING), "/last_part", "ends after it starts"),
        (Days(TUESDAY, date(2026, 11, 30)), "/last_day", "the first or a later one"),
        (Days(TUESDAY, TUESDAY, Part.TIME), "/first_time", "From when?"),
        (Days(TUESDAY, TUESDAY, Part.DAY, Part.TIME), "/last_time", "Until when?"),
        (
            Days(TUESDAY, TUESDAY, Part.TIME, Part.TIME, time(11), time(11)),
            "/last_time",
            "ends after it starts",
        ),
        (Days(date(1, 1, 1), TUESDAY), "/first_day", "2000 to 2100"),
        (Days(TUESDAY, date(9999, 12, 31)), "/last_day", "2000 to 2100"),
    ],
)
def test_days_that_make_no_sense_are_refused_at_their_field(said: Days, path: str, words: str) -> None:
    with pytest.raises(ValidationFailed, match=words) as refused:
        span_of(said, zone=BERLIN, calendar=OFFICE)
    assert refused.value.field_errors[0].path == path


_ZONES = st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo", "UTC"])
_DAYS = st.dates(date(2026, 1, 1), date(2028, 12, 31))


@st.composite
def calendars(draw: st.DrawFn) -> WorkCalendar | None:
    """Every day the same one to three intervals, in any of the zones; or none at all."""
    if draw(st.booleans()) and draw(st.booleans()):
        return None
    edges = sorted(draw(st.sets(st.integers(0, 96), min_size=2, max_size=6)))
    pairs = list(zip(edges[::2], edges[1::2], strict=False))
    hours = [tuple(f"{at // 4:02}:{at % 4 * 15:02}" for at in pair) for pair in pairs]
    return WorkCalendar(draw(_ZONES), dict.fromkeys((*WEEK, "sat", "sun"), hours))


@settings(max_examples=400, deadline=None)
@given(day=_DAYS, zone=_ZONES, calendar=calendars())
def test_the_halves_are_the_days_hours_and_share_them_equally(
    day: date, zone: str, calendar: WorkCalendar | None
) -> None:
    """Also on days of 23 and 25 hours, and where hours are those of another zone."""
    place = ZoneInfo(zone)
    start, end = bounds_of(day, place)
    hours = calendar or WorkCalendar.always(zone)
    halves = halves_of(day, place, calendar)
    open_time = hours.elapsed_seconds(start, end)
    if halves is None:
        assert open_time == 0
        return
    (since, middle), (again, until) = halves
    assert start <= since < middle <= again < until <= end
    first, second = hours.elapsed_seconds(since, middle), hours.elapsed_seconds(again, until)
    assert first + second == open_time
    assert abs(first - second) < 120  # the middle is a whole minute


@settings(max_examples=300, deadline=None)
@given(
    day=_DAYS,
    length=st.integers(0, 20),
    zone=_ZONES,
    parts=st.tuples(st.sampled_from(list(Part)), st.sampled_from(list(Part))),
    clock=st.tuples(st.integers(0, 23), st.integers(0, 23)),
)
def test_what_is_said_of_leave_gives_the_same_leave_back(
    day: date, length: int, zone: str, parts: tuple[Part, Part], clock: tuple[int, int]
) -> None:
    place = ZoneInfo(zone)
    said = Days(day, day + timedelta(days=length), *parts, time(clock[0]), time(clock[1]))
    try:
        found = span_of(said, zone=place, calendar=OFFICE)
    except ValidationFailed:
        return
    again = said_of(*found, zone=place, calendar=OFFICE)
    start, end = span_of(again, zone=place, calendar=OFFICE)
    # A time that the clock skips, or shows twice, may be told by its neighbour.
    assert abs(start - found[0]) <= timedelta(hours=1)
    assert abs(end - found[1]) <= timedelta(hours=1)
    lengths = [bounds_of(each, place)[1] - bounds_of(each, place)[0] for each in (said.first, said.last)]
    if set(lengths) == {timedelta(days=1)}:
        assert (start, end) == found


@pytest.mark.parametrize(
    ("start", "end", "words"),
    [
        ("2026-12-01T00:00", "2026-12-02T00:00", "Tue 1 Dec 2026"),
        ("2026-12-01T00:00", "2026-12-05T00:00", "Tue 1 to Fri 4 Dec 2026"),
        ("2026-11-30T00:00", "2026-12-05T00:00", "Mon 30 Nov to Fri 4 Dec 2026"),
        ("2026-12-30T00:00", "2027-01-05T00:00", "Wed 30 Dec 2026 to Mon 4 Jan 2027"),
        ("2026-12-01T09:00", "2026-12-01T13:15", "Tue 1 Dec 2026, 09:00 to 13:15"),
        ("2026-12-01T13:15", "2026-12-03T00:00", "Tue 1, 13:15 to Wed 2 Dec 2026, 24:00"),
        ("2026-12-01T12:00", "2026-12-02T00:00", "Tue 1 Dec 2026, 12:00 to 24:00"),
    ],
)
def test_leave_in_words(start: str, end: str, words: str) -> None:
    moments = (datetime.fromisoformat(each).replace(tzinfo=BERLIN).astimezone(UTC) for each in (start, end))
    assert leave_words(*moments, BERLIN) == words


def test_the_hint_shows_the_halves_of_the_next_working_day() -> None:
    friday = datetime(2026, 12, 4, 20, 0, tzinfo=UTC)
    assert halves_hint(friday, zone=BERLIN, calendar=OFFICE).endswith(
        "on Mon 7 Dec 09:00 to 13:15 and 13:15 to 17:30."
    )
