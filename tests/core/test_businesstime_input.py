"""Hours and questions that make no sense are refused, and the refusal says where."""

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import pytest

from core.businesstime import CalendarInputError, WorkCalendar

DAY = date(2025, 12, 24)


@pytest.mark.parametrize(
    "arguments, place, says",
    [
        ({"tz": "Europe/Atlantis"}, "tz", "IANA"),
        ({"tz": ""}, "tz", "IANA"),
        ({"tz": "America"}, "tz", "IANA"),
        ({"tz": "../../etc/passwd"}, "tz", "IANA"),
        ({"tz": None}, "tz", "IANA"),
        ({"tz": UTC}, "tz", "IANA"),
        ({"weekly": {"monday": [("09:00", "17:00")]}}, "weekly.monday", "unknown day"),
        (
            {"weekly": {"mon": [("09:00", "17:00"), ("16:00", "18:00")]}},
            "weekly.mon",
            "09:00-17:00 and 16:00",
        ),
        ({"weekly": {"mon": [("22:00", "06:00")], "tue": [("05:00", "09:00")]}}, "weekly.tue", "overlap"),
        ({"weekly": {"mon": [("09:00", "12:00"), ("13:00", "25:00")]}}, "weekly.mon[1]", "'25:00'"),
        ({"weekly": {"mon": [("09:60", "17:00")]}}, "weekly.mon[0]", "'09:60'"),
        ({"weekly": {"mon": [("9:00", "17:00")]}}, "weekly.mon[0]", "'9:00'"),
        ({"weekly": {"mon": [("09", "17:00")]}}, "weekly.mon[0]", "'09'"),
        ({"weekly": {"mon": [("٠٩:00", "17:00")]}}, "weekly.mon[0]", "local time"),
        ({"weekly": {"mon": [("24:00", "24:00")]}}, "weekly.mon[0]", "only end"),
        ({"weekly": {"mon": [("09:00", "09:00")]}}, "weekly.mon[0]", "at once"),
        ({"weekly": {"mon": [(9, 17)]}}, "weekly.mon[0]", "9 is not"),
        ({"weekly": {"mon": [(time(9, tzinfo=UTC), "17:00")]}}, "weekly.mon[0]", "local time"),
        ({"weekly": {"mon": [("09:00",)]}}, "weekly.mon[0]", "pair"),
        ({"weekly": {"mon": ["09:00-17:00"]}}, "weekly.mon[0]", "pair"),
        ({"weekly": {"mon": "09:00-17:00"}}, "weekly.mon", "list"),
        ({"weekly": {"mon": None}}, "weekly.mon", "list"),
        ({"holidays": ["2025-12-24"]}, "holidays", "not a date"),
        ({"holidays": [datetime(2025, 12, 24, tzinfo=UTC)]}, "holidays", "not a date"),
        ({"extra": {"2025-12-24": []}}, "extra", "not a date"),
        ({"extra": {DAY: [("17:00", "09:00")]}}, "extra.2025-12-24[0]", "two dates"),
        ({"extra": {DAY: [("09:00", "12:00"), ("11:00", "13:00")]}}, "extra.2025-12-24", "overlap"),
        ({"extra": {DAY: [("09:00", "26:00")]}}, "extra.2025-12-24[0]", "'26:00'"),
    ],
)
def test_hours_that_cannot_be_read_are_refused_with_their_place(arguments, place, says):
    with pytest.raises(CalendarInputError) as refusal:
        WorkCalendar(**({"tz": "UTC", "weekly": {}} | arguments))
    assert refusal.value.place == place
    assert str(refusal.value).startswith(f"{place}: ")
    assert says in str(refusal.value)


def test_every_way_to_write_an_interval_means_the_same():
    forms = [
        [("09:00", "17:00")],
        [["09:00", "17:00"]],
        [("09:00:00", "17:00:00")],
        [(time(9), time(17))],
        (("13:00", "17:00"), ("09:00", "13:00")),
    ]
    assert len({WorkCalendar("UTC", {"mon": form}) for form in forms}) == 1
    assert WorkCalendar(ZoneInfo("UTC"), {}).tz == "UTC"


def test_the_calendar_does_not_follow_later_changes_of_what_it_was_made_from():
    weekly, holidays = {"mon": [("09:00", "17:00")]}, [date(2025, 5, 5)]
    calendar = WorkCalendar("UTC", weekly, holidays)
    weekly["mon"].clear()
    holidays.clear()
    assert calendar == WorkCalendar("UTC", {"mon": [("09:00", "17:00")]}, [date(2025, 5, 5)])


AT = datetime(2025, 5, 5, 10, tzinfo=UTC)
NAIVE = datetime(2025, 5, 5, 10)


@pytest.mark.parametrize(
    "question, name",
    [
        (lambda c: c.add(NAIVE, 5), "start"),
        (lambda c: c.add_seconds(NAIVE, 5), "start"),
        (lambda c: c.elapsed(NAIVE, AT), "start"),
        (lambda c: c.elapsed(AT, NAIVE), "end"),
        (lambda c: c.elapsed_seconds(AT, NAIVE), "end"),
        (lambda c: c.is_open(NAIVE), "at"),
        (lambda c: c.next_open(date(2025, 5, 5)), "at"),
        (lambda c: c.next_open(None), "at"),
        (lambda c: c.spans(NAIVE, AT), "since"),
        (lambda c: c.spans(AT, NAIVE), "until"),
        (lambda c: c.add_days(NAIVE, 1), "start"),
        (lambda c: c.end_of_day(NAIVE, 1), "start"),
    ],
)
def test_a_datetime_without_a_zone_is_refused_by_name(question, name):
    with pytest.raises(ValueError, match=f"^{name} must be a datetime with a time zone"):
        question(WorkCalendar.always("UTC"))


@pytest.mark.parametrize("minutes", [-1, -0.001, float("nan"), float("inf"), "5", None])
def test_a_duration_that_is_none_is_refused(minutes):
    with pytest.raises(ValueError, match="duration"):
        WorkCalendar.always("UTC").add(AT, minutes)


@pytest.mark.parametrize("days", [-1, 1.5, "1", None])
def test_business_days_are_counted_in_whole_numbers(days):
    with pytest.raises(ValueError, match="whole number"):
        WorkCalendar.always("UTC").add_days(AT, days)
    with pytest.raises(ValueError, match="whole number"):
        WorkCalendar.always("UTC").end_of_day(AT, days)
