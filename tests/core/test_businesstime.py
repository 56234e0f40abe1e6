"""Business time on days one can check by hand. The broad net is in test_businesstime_oracle.py."""

import copy
import threading
from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from core.businesstime import CalendarClosedError, WorkCalendar

WORKDAYS = ("mon", "tue", "wed", "thu", "fri")
ALL_DAYS = (*WORKDAYS, "sat", "sun")
BERLIN = ZoneInfo("Europe/Berlin")


def local(tz, *parts, fold=0):
    return datetime(*parts, tzinfo=ZoneInfo(tz), fold=fold)


def utc(*parts):
    return datetime(*parts, tzinfo=UTC)


def daily(tz, *intervals, days=ALL_DAYS):
    return WorkCalendar(tz, {day: list(intervals) for day in days})


@pytest.fixture
def office():
    """Berlin, nine to five with lunch, Friday until three; 1 May 2025 closed, Saturday the 3rd open."""
    weekly = {day: [("09:00", "12:00"), ("13:00", "17:00")] for day in WORKDAYS[:4]}
    return WorkCalendar(
        "Europe/Berlin",
        weekly | {"fri": [("09:00", "15:00")]},
        holidays=[date(2025, 5, 1), date(2025, 5, 3)],
        extra={date(2025, 5, 3): [("10:00", "11:00")]},
    )


def berlin(*parts):
    return datetime(*parts, tzinfo=BERLIN)


@pytest.mark.parametrize(
    "start, minutes, due",
    [
        (berlin(2025, 5, 5, 9, 30), 60, berlin(2025, 5, 5, 10, 30)),
        (berlin(2025, 5, 5, 11, 30), 60, berlin(2025, 5, 5, 13, 30)),  # over lunch
        (berlin(2025, 5, 5, 11, 0), 60, berlin(2025, 5, 5, 12, 0)),  # exactly at closing stays there
        (berlin(2025, 5, 5, 12, 0), 1, berlin(2025, 5, 5, 13, 1)),  # at closing it is closed
        (berlin(2025, 5, 9, 14, 30), 60, berlin(2025, 5, 12, 9, 30)),  # over a weekend
        (berlin(2025, 4, 30, 16, 30), 60, berlin(2025, 5, 2, 9, 30)),  # over a holiday
        (berlin(2025, 5, 2, 14, 30), 60, berlin(2025, 5, 3, 10, 30)),  # a special opening beats the holiday
        (berlin(2025, 5, 10, 3, 0), 0, berlin(2025, 5, 10, 3, 0)),  # nothing added, nothing moved
        (berlin(2025, 5, 5, 9, 0), 0.5, berlin(2025, 5, 5, 9, 0, 30)),
        (berlin(2025, 5, 5, 9, 0), 1 / 60_000_000, berlin(2025, 5, 5, 9, 0, 0, 1)),
    ],
)
def test_a_deadline_is_the_earliest_instant_with_so_much_open_time(office, start, minutes, due):
    assert office.add(start, minutes) == due.astimezone(UTC)
    assert office.add(start, minutes).tzinfo is UTC
    assert office.elapsed(start, due) == pytest.approx(minutes)


def test_elapsed_is_zero_when_the_end_is_not_after_the_start(office):
    noon = berlin(2025, 5, 5, 11)
    assert office.elapsed(noon, noon) == 0
    assert office.elapsed(noon, noon - timedelta(days=3)) == 0


def test_hours_are_half_open(office):
    assert office.is_open(berlin(2025, 5, 5, 9))
    assert not office.is_open(berlin(2025, 5, 5, 12))
    assert office.is_open(berlin(2025, 5, 5, 11, 59, 59, 999_999))
    assert office.next_open(berlin(2025, 5, 5, 12)) == berlin(2025, 5, 5, 13)
    assert office.next_open(berlin(2025, 5, 5, 13)) == berlin(2025, 5, 5, 13)


def test_spans_are_cut_to_the_range_asked_for(office):
    assert office.spans(berlin(2025, 5, 2, 14), berlin(2025, 5, 5, 9, 1)) == [
        (berlin(2025, 5, 2, 14), berlin(2025, 5, 2, 15)),
        (berlin(2025, 5, 3, 10), berlin(2025, 5, 3, 11)),
        (berlin(2025, 5, 5, 9), berlin(2025, 5, 5, 9, 1)),
    ]
    assert office.spans(berlin(2025, 5, 2, 18), berlin(2025, 5, 2, 19)) == []
    assert office.spans(berlin(2025, 5, 3, 11), berlin(2025, 5, 5, 9)) == []  # from a closing to an opening
    monday = berlin(2025, 5, 5, 9)
    assert office.spans(monday, monday) == []
    assert office.spans(berlin(2025, 5, 2, 14), berlin(2025, 5, 2, 9)) == []


@pytest.mark.parametrize(
    "start, days, due",
    [
        (berlin(2025, 5, 5, 10, 15), 1, berlin(2025, 5, 6, 10, 15)),
        (berlin(2025, 5, 5, 10, 15), 5, berlin(2025, 5, 12, 10, 15)),
        (berlin(2025, 4, 30, 10, 15), 1, berlin(2025, 5, 2, 10, 15)),  # the holiday is no business day
        (berlin(2025, 5, 2, 10, 15), 1, berlin(2025, 5, 3, 10, 15)),  # the special opening is one
        (
            berlin(2025, 5, 10, 10, 15),
            1,
            berlin(2025, 5, 13, 9, 0),
        ),  # Saturday moves to Monday's opening first
        (berlin(2025, 5, 10, 10, 15), 0, berlin(2025, 5, 12, 9, 0)),
        (berlin(2025, 5, 5, 10, 15), 0, berlin(2025, 5, 5, 10, 15)),
        (berlin(2025, 5, 8, 16, 30), 1, berlin(2025, 5, 9, 15, 0)),  # a shorter day clamps to its closing
        (berlin(2025, 5, 9, 12, 30), 1, berlin(2025, 5, 12, 13, 0)),  # lunch: the next opening of that day
        (berlin(2025, 5, 9, 12, 0), 1, berlin(2025, 5, 12, 12, 0)),  # but a closing time stays
        (berlin(2025, 4, 30, 9, 30), 2, berlin(2025, 5, 3, 10, 0)),  # a day that opens later
    ],
)
def test_business_days_keep_the_local_time_of_day(office, start, days, due):
    assert office.add_days(start, days) == due.astimezone(UTC)


def test_after_the_last_closing_of_a_day_with_a_break_it_is_that_closing():
    hours = {"mon": [("07:00", "18:00")], "tue": [("09:00", "12:00"), ("13:00", "15:00"), ("16:00", "17:00")]}
    calendar, monday = WorkCalendar("UTC", hours), utc(2025, 5, 5)
    for clock, arrives in ((17.5, 17), (7.5, 9), (12, 12), (12.5, 13), (13, 13), (15.5, 16), (17, 17)):
        tuesday = monday + timedelta(days=1)
        assert calendar.add_days(monday + timedelta(hours=clock), 1) == tuesday + timedelta(hours=arrives)


def test_business_days_keep_the_time_of_day_when_the_clocks_change(office):
    friday = berlin(2025, 3, 28, 10)
    assert office.add_days(friday, 1) == berlin(2025, 3, 31, 10)
    assert office.add_days(friday, 1) - friday.astimezone(UTC) == timedelta(hours=71)


@pytest.mark.parametrize(
    "start, days, closing",
    [
        (berlin(2025, 5, 8, 10), 0, berlin(2025, 5, 8, 17)),
        (berlin(2025, 5, 8, 12, 30), 0, berlin(2025, 5, 8, 17)),
        (berlin(2025, 5, 8, 17), 0, berlin(2025, 5, 9, 15)),  # after hours it is the next day's
        (berlin(2025, 5, 8, 10), 1, berlin(2025, 5, 9, 15)),
        (berlin(2025, 5, 8, 10), 2, berlin(2025, 5, 12, 17)),
    ],
)
def test_end_of_day_is_the_last_closing_of_the_nth_business_day(office, start, days, closing):
    assert office.end_of_day(start, days) == closing


def test_an_overnight_shift_may_be_written_as_one_or_split_at_midnight():
    one = WorkCalendar("America/Chicago", {"mon": [("22:00", "06:00")]})
    split = WorkCalendar("America/Chicago", {"mon": [("22:00", "24:00")], "tue": [("00:00", "06:00")]})
    assert one == split
    start = local("America/Chicago", 2025, 6, 2, 23)
    assert one.add(start, 120) == local("America/Chicago", 2025, 6, 3, 1)
    assert one.spans(start, start + timedelta(days=2)) == [(start, local("America/Chicago", 2025, 6, 3, 6))]
    assert one.end_of_day(start, 0) == local("America/Chicago", 2025, 6, 3, 0)


def test_a_holiday_closes_the_hours_after_midnight_of_the_shift_before():
    calendar = WorkCalendar("UTC", {"mon": [("22:00", "06:00")]}, holidays=[date(2025, 6, 3)])
    assert calendar.elapsed(utc(2025, 6, 2, 12), utc(2025, 6, 3, 12)) == 120


def test_sunday_night_runs_into_monday():
    calendar = WorkCalendar("UTC", {"sun": [("23:00", "01:00")]})
    assert calendar.elapsed(utc(2025, 6, 1), utc(2025, 6, 3)) == 120


# The nights on which clocks change. Warnings are at 80 % of the way and must come before the breach.


@pytest.mark.parametrize(
    "tz, night, real_hours",
    [
        ("America/New_York", date(2025, 3, 9), 23),
        ("America/New_York", date(2025, 11, 2), 25),
        ("Europe/Berlin", date(2025, 3, 30), 23),
        ("Europe/Berlin", date(2025, 10, 26), 25),
        ("Australia/Lord_Howe", date(2025, 10, 5), 23.5),
        ("Australia/Lord_Howe", date(2025, 4, 6), 24.5),
        ("America/Santiago", date(2025, 9, 7), 23),  # 00:00 becomes 01:00: the day begins at one
        ("America/Santiago", date(2025, 4, 5), 25),  # 24:00 becomes 23:00: the day's last hour comes twice
        ("America/St_Johns", date(2010, 11, 7), 25),  # 00:01 becomes 23:01 of the day before
        ("Pacific/Apia", date(2011, 12, 30), 0),  # the day that Samoa skipped
    ],
)
def test_a_day_has_as_many_minutes_as_its_clock_really_shows(tz, night, real_hours):
    # Open on that date only, so that what is counted is the date and not a stretch of UTC.
    calendar = WorkCalendar(tz, {}, extra={night: [("00:00", "24:00")]})
    around = utc(night.year, night.month, night.day)
    if tz == "America/St_Johns":
        # 7 November has one minute, then 59 of the 6th again, then all of its own: 24 h and that minute.
        real_hours = 24 + 1 / 60
    counted = calendar.elapsed(around - timedelta(days=2), around + timedelta(days=3))
    assert counted == pytest.approx(real_hours * 60)


@pytest.mark.parametrize(
    "tz, opening, closing, minutes",
    [
        ("America/New_York", (2025, 3, 9, 1, 30), (2025, 3, 9, 3, 30), 60),
        ("America/New_York", (2025, 11, 2, 0, 30), (2025, 11, 2, 2, 30), 180),
        ("Europe/Berlin", (2025, 3, 30, 1, 30), (2025, 3, 30, 3, 30), 60),
        ("Europe/Berlin", (2025, 10, 26, 1, 30), (2025, 10, 26, 3, 30), 180),
        ("Australia/Lord_Howe", (2025, 10, 5, 1, 30), (2025, 10, 5, 3, 30), 90),
        ("Australia/Lord_Howe", (2025, 4, 6, 0, 30), (2025, 4, 6, 2, 30), 150),
        ("America/Santiago", (2025, 9, 6, 23, 30), (2025, 9, 7, 1, 30), 60),
        ("America/Santiago", (2025, 4, 5, 22, 30), (2025, 4, 6, 0, 30), 180),
    ],
)
def test_a_shift_through_the_change_lasts_what_a_watch_would_say(tz, opening, closing, minutes):
    start, end = local(tz, *opening), local(tz, *closing, fold=1)
    shift = (f"{opening[3]:02}:{opening[4]:02}", f"{closing[3]:02}:{closing[4]:02}")
    calendar = daily(tz, shift)
    assert calendar.elapsed(start, end) == minutes
    assert calendar.add(start, minutes) == end
    warned, breached = calendar.add(start, minutes * 0.8), calendar.add(start, minutes)
    assert start.astimezone(UTC) < warned < breached
    assert calendar.elapsed(start, warned) == minutes * 0.8


def test_hours_that_the_spring_night_skips_do_not_exist():
    calendar = daily("Europe/Berlin", ("02:00", "03:00"))
    assert calendar.elapsed(berlin(2025, 3, 30, 0), berlin(2025, 3, 31, 0)) == 0
    assert calendar.add(berlin(2025, 3, 29, 2, 30), 60) == berlin(2025, 3, 31, 2, 30)
    assert calendar.add_days(berlin(2025, 3, 29, 2, 30), 1) == berlin(2025, 3, 31, 2, 30)


def test_a_time_of_day_that_the_target_day_skips_becomes_the_first_that_exists():
    calendar = daily("Europe/Berlin", ("00:00", "24:00"))
    assert calendar.add_days(berlin(2025, 3, 29, 2, 30), 1) == berlin(2025, 3, 30, 3, 0)


def test_a_time_of_day_that_comes_twice_is_taken_the_first_time():
    calendar = daily("Europe/Berlin", ("00:00", "24:00"))
    assert calendar.add_days(berlin(2025, 10, 25, 2, 30), 1) == utc(2025, 10, 26, 0, 30)
    assert calendar.add_days(berlin(2025, 10, 25, 3, 0), 1) == utc(2025, 10, 26, 2, 0)


def test_an_hour_that_comes_twice_counts_twice_and_both_starts_are_told_apart():
    calendar = daily("America/New_York", ("01:00", "02:00"))
    first, second = (local("America/New_York", 2025, 11, 2, 1, 30, fold=fold) for fold in (0, 1))
    assert calendar.elapsed(first, second) == 60
    assert calendar.elapsed(second, first) == 0
    assert calendar.spans(utc(2025, 11, 2), utc(2025, 11, 3)) == [(utc(2025, 11, 2, 5), utc(2025, 11, 2, 7))]
    assert calendar.end_of_day(first, 0) == utc(2025, 11, 2, 7)


def test_the_day_samoa_skipped_is_no_business_day():
    calendar = daily("Pacific/Apia", ("09:00", "17:00"))
    thursday = local("Pacific/Apia", 2011, 12, 29, 16)
    assert calendar.add(thursday, 120) == local("Pacific/Apia", 2011, 12, 31, 10)
    assert calendar.add_days(thursday, 1) == local("Pacific/Apia", 2011, 12, 31, 16)
    assert calendar.add(thursday, 120) - thursday.astimezone(UTC) == timedelta(hours=18)


def test_a_closing_time_that_comes_twice_closes_the_second_time():
    calendar = WorkCalendar("Europe/Berlin", {"sat": [("00:00", "24:00")], "sun": [("00:00", "03:00")]})
    assert calendar.add_days(berlin(2025, 10, 25, 3), 1) == utc(2025, 10, 26, 2)
    assert calendar.end_of_day(berlin(2025, 10, 25, 3), 1) == utc(2025, 10, 26, 2)


def test_two_dates_that_alternate_are_kept_apart():
    # Newfoundland then went from 00:01 back to 23:01: a minute of the 7th, the 6th again, the 7th again.
    calendar = daily("America/St_Johns", ("23:30", "00:01"))
    evening, minute = utc(2010, 11, 7, 2), timedelta(minutes=1)
    assert calendar.spans(evening, evening + timedelta(hours=12)) == [
        (evening, evening + 31 * minute),
        (evening + 60 * minute, evening + 91 * minute),
    ]
    assert calendar.add(evening, 62) == evening + 91 * minute
    assert calendar.end_of_day(evening, 0) == evening + 90 * minute
    assert calendar.add_days(evening + 30.5 * minute, 1) == utc(2010, 11, 8, 3, 30, 30)


# Calendars that have no answer, and the edges of the range.


def test_a_calendar_that_is_never_open_raises_and_counts_nothing():
    closed = WorkCalendar("Europe/Berlin", {"mon": []}, extra={date(2025, 5, 5): []})
    start = utc(2025, 5, 5)
    for question in (
        lambda: closed.add(start, 1),
        lambda: closed.next_open(start),
        lambda: closed.add_days(start, 1),
        lambda: closed.end_of_day(start, 0),
    ):
        with pytest.raises(CalendarClosedError, match="never open"):
            question()
    assert not closed.is_open(start)
    assert closed.elapsed(start, utc(2026, 1, 1)) == 0
    assert closed.spans(start, utc(2026, 1, 1)) == []
    assert closed.add(start, 0) == start


def test_a_calendar_that_has_run_out_of_open_days_raises():
    fair = WorkCalendar("Europe/Berlin", {}, extra={date(2025, 5, 5): [("10:00", "12:00")]})
    assert fair.add(utc(2020, 1, 1), 120) == berlin(2025, 5, 5, 12)
    assert fair.is_open(berlin(2025, 5, 5, 11))
    assert fair.next_open(berlin(2025, 5, 5, 11)) == berlin(2025, 5, 5, 11)
    with pytest.raises(CalendarClosedError, match="so much open time"):
        fair.add(utc(2020, 1, 1), 121)
    with pytest.raises(CalendarClosedError):
        fair.next_open(berlin(2025, 5, 5, 12))
    with pytest.raises(CalendarClosedError):
        fair.add_days(utc(2020, 1, 1), 1)


def test_more_work_than_the_centuries_hold_raises(office):
    for impossible in (10**9, 10**30, 1e300):
        with pytest.raises(CalendarClosedError):
            office.add(utc(2025, 5, 5), impossible)
    with pytest.raises(CalendarClosedError):
        office.add_days(utc(2025, 5, 5), 10**9)
    with pytest.raises(CalendarClosedError):
        office.end_of_day(utc(2199, 12, 1), 300)


@pytest.mark.parametrize("outside", [utc(1969, 12, 31), utc(2200, 1, 2), datetime.max.replace(tzinfo=UTC)])
def test_instants_outside_the_years_it_knows_are_refused(office, outside):
    with pytest.raises(ValueError, match="1970 to 2199"):
        office.is_open(outside)
    with pytest.raises(ValueError, match="1970 to 2199"):
        office.elapsed(min(outside, utc(2000, 1, 1)), max(outside, utc(2000, 1, 1)))


def test_the_first_and_the_last_day_it_knows_are_answered(office):
    assert office.next_open(utc(1970, 1, 1)) == berlin(1970, 1, 1, 9)
    assert office.add(utc(1970, 1, 1), 60) == berlin(1970, 1, 1, 10)
    assert office.elapsed(utc(2199, 12, 31), utc(2200, 1, 1)) == 7 * 60


def test_the_years_it_knows_begin_and_end_to_the_microsecond():
    first, last, moment = utc(1970, 1, 1), utc(2200, 1, 1), timedelta(microseconds=1)
    for inside, outside in ((first, first - moment), (last, last + moment)):
        always = WorkCalendar.always("UTC")
        assert always.is_open(inside)
        assert always.add(inside, 0) == inside
        # Refused although the table, built for the moment beside it, reaches further.
        with pytest.raises(ValueError, match="1970 to 2199"):
            always.is_open(outside)


def test_a_deadline_may_fall_on_the_last_moment_it_knows_and_not_after():
    always, eleven = WorkCalendar.always("UTC"), utc(2199, 12, 31, 23)
    assert always.add(eleven, 60) == utc(2200, 1, 1)
    with pytest.raises(CalendarClosedError, match="before 2200"):
        always.add_seconds(eleven, 3600.000001)
    mornings = daily("UTC", ("00:00", "12:00"))
    assert mornings.add(utc(2199, 12, 31, 11), 60) == utc(2199, 12, 31, 12)
    with pytest.raises(CalendarClosedError, match="before 2200"):
        mornings.add(utc(2199, 12, 31, 11), 61)
    assert mornings.next_open(utc(2199, 12, 31, 12)) == utc(2200, 1, 1)
    with pytest.raises(CalendarClosedError, match="before 2200"):
        daily("UTC", ("01:00", "12:00")).next_open(utc(2199, 12, 31, 12))


def test_special_days_on_the_first_and_the_last_day_of_a_year_count():
    closed, short = [date(2025, 1, 1), date(2025, 12, 31)], [("09:00", "10:00")]
    hours = {day: [("09:00", "17:00")] for day in ALL_DAYS}
    calendar = WorkCalendar("UTC", hours, closed, {date(2026, 1, 1): short, date(2026, 12, 31): short})
    for new_year, open_hours in ((2025, 8), (2026, 1), (2027, 9)):
        edge, day = utc(new_year, 1, 1), timedelta(days=1)
        assert calendar.elapsed(edge - day, edge + day) == open_hours * 60
    fair = WorkCalendar("UTC", {}, extra={date(2026, 1, 1): short, date(2026, 12, 31): short})
    assert (
        fair.elapsed(utc(2025, 12, 1), utc(2026, 2, 1))
        == fair.elapsed(utc(2026, 12, 1), utc(2027, 2, 1))
        == 60
    )


@pytest.mark.parametrize(
    "tz", ["Pacific/Kiritimati", "Pacific/Pago_Pago", "UTC"]
)  # 14 hours ahead, 11 behind
def test_around_new_year_it_does_not_matter_what_was_asked_before(tz):
    wide = daily(tz, ("09:00", "17:00"))
    wide.elapsed(utc(2022, 1, 1), utc(2029, 1, 1))
    june = utc(2025, 6, 1)
    for edge in (utc(2025, 1, 1), utc(2026, 1, 1)):
        for hours in range(-96, 97, 3):
            at, narrow = edge + timedelta(hours=hours), daily(tz, ("09:00", "17:00"))
            narrow.is_open(june)  # builds the table of 2025 alone
            first, last = min(at, june), max(at, june)
            assert narrow.elapsed(first, last) == wide.elapsed(first, last)


def test_far_and_near_agree_however_the_table_has_grown(office):
    start = utc(2025, 5, 5)
    far = office.add(start, 60 * 7 * 240 * 40)
    assert far.year > 2060
    assert office.elapsed(start, far) == 60 * 7 * 240 * 40
    assert copy.deepcopy(office).add(start, 60 * 7 * 240 * 40) == far
    assert office.add(utc(1990, 5, 7, 8), 60) == utc(1990, 5, 7, 9)


def test_any_zone_of_the_argument_means_the_same_instant(office):
    tokyo = datetime(2025, 5, 5, 18, tzinfo=timezone(timedelta(hours=9)))
    assert office.add(tokyo, 30) == office.add(tokyo.astimezone(UTC), 30) == berlin(2025, 5, 5, 11, 30)


def test_equal_calendars_are_one_cache_key(office):
    same = WorkCalendar("UTC", {"mon": [("09:00", "12:00"), ("12:00", "17:00")], "tue": []})
    assert same == WorkCalendar("UTC", {"mon": [["09:00", "17:00"]]})
    assert len({same, WorkCalendar("UTC", {"mon": [["09:00", "17:00"]]}), office}) == 2
    assert same != WorkCalendar("Europe/London", {"mon": [("09:00", "17:00")]})
    assert same != "UTC"


def test_many_threads_asking_one_new_calendar_get_the_same_answers(office):
    starts = [utc(1990 + n, 6, 1) for n in range(40)]
    expected = [copy.deepcopy(office).add(start, 100_000) for start in starts]
    answers: list[list[datetime]] = []
    barrier = threading.Barrier(6)

    def ask(order):
        barrier.wait()
        found = {start: office.add(start, 100_000) for start in order}
        answers.append([found[start] for start in starts])

    threads = [threading.Thread(target=ask, args=(starts[n * 6 :] + starts[: n * 6],)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [expected] * 6
