"""Calendar files: what is read of them, what is skipped and why, and files that mean harm."""

from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from core.ical import MOST_BYTES, Feed, Happening, IcalError, bounded, read_bounded, read_feed
from core.ical.feed import from_json, to_json

NOW = datetime(2026, 11, 27, 9, 0, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


OUTLANDISH_ZONE = (
    b"BEGIN:VCALENDAR\nBEGIN:VTIMEZONE\nTZID:X\nBEGIN:STANDARD\nDTSTART:16010101T000000\n"
    b"RRULE:FREQ=SECONDLY\nTZOFFSETFROM:+0100\nTZOFFSETTO:+0100\nEND:STANDARD\nEND:VTIMEZONE\n"
    b"END:VCALENDAR\n"
)


def event(*lines: str, uid: str = "a") -> str:
    return "\r\n".join(["BEGIN:VEVENT", f"UID:{uid}", *lines, "END:VEVENT", ""])


def file_of(*parts: str) -> bytes:
    return f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{''.join(parts)}END:VCALENDAR\r\n".encode()


def read(*parts: str, keep_free: bool = False) -> Feed:
    last = NOW + timedelta(days=400)
    return read_feed(file_of(*parts), zone="Europe/Berlin", first=NOW, last=last, keep_free=keep_free)


def only(feed: Feed) -> Happening:
    (found,) = feed.happenings
    return found


def test_whole_days_are_dates_and_the_end_is_not_among_them() -> None:
    found = only(read(event("DTSTART;VALUE=DATE:20261201", "DTEND;VALUE=DATE:20261204", "SUMMARY:Off")))
    assert (found.start, found.end, found.summary, found.key) == (
        date(2026, 12, 1),
        date(2026, 12, 4),
        "Off",
        "a",
    )
    assert found.days() == [date(2026, 12, day) for day in (1, 2, 3)]


def test_a_day_without_an_end_is_that_day() -> None:
    assert only(read(event("DTSTART;VALUE=DATE:20261201"))).days() == [date(2026, 12, 1)]


@pytest.mark.parametrize(
    ("lines", "start", "end"),
    [
        (["DTSTART:20261201T090000", "DTEND:20261201T130000"], "08:00", "12:00"),  # floating: the person's
        (["DTSTART:20261201T090000Z", "DURATION:PT4H"], "09:00", "13:00"),
        (["DTSTART;TZID=America/New_York:20261201T090000", "DURATION:PT1H30M"], "14:00", "15:30"),
        (["DTSTART;TZID=W. Europe Standard Time:20261201T090000", "DURATION:PT1H"], "08:00", "09:00"),
    ],
)
def test_times_are_read_in_their_own_zone_or_the_persons(lines: list[str], start: str, end: str) -> None:
    found = only(read(event(*lines)))
    assert (f"{found.start:%H:%M}", f"{found.end:%H:%M}") == (start, end)


def test_an_hour_in_the_night_of_the_clock_change_is_an_hour() -> None:
    found = only(read(event("DTSTART;TZID=Europe/Berlin:20270328T013000", "DURATION:PT1H")))
    assert found.end - found.start == timedelta(hours=1)


def test_a_repeating_event_comes_as_often_as_it_does_within_the_window() -> None:
    lines = ["DTSTART;TZID=Europe/Berlin:20261204T130000", "DTEND;TZID=Europe/Berlin:20261204T170000"]
    feed = read(event(*lines, "RRULE:FREQ=WEEKLY;BYDAY=FR", "EXDATE;TZID=Europe/Berlin:20261211T130000"))
    local = [each.span(BERLIN)[0].astimezone(BERLIN) for each in feed.happenings]
    assert {f"{start:%a %H:%M}" for start in local} == {"Fri 13:00"}  # also in summer
    assert local[0].date() == date(2026, 12, 4)
    assert local[1].date() == date(2026, 12, 18)
    assert len(local) == 56
    assert len({each.key for each in feed.happenings}) == 56


def test_a_moved_occurrence_keeps_its_key_and_a_cancelled_one_is_gone() -> None:
    series = event("DTSTART:20261204T130000", "DURATION:PT4H", "RRULE:FREQ=WEEKLY;COUNT=3")
    moved = event("RECURRENCE-ID:20261211T130000", "DTSTART:20261210T130000", "DURATION:PT4H")
    off = event("RECURRENCE-ID:20261218T130000", "DTSTART:20261218T130000", "STATUS:CANCELLED")
    feed = read(series, moved, off)
    assert [(each.key, each.start.date()) for each in feed.happenings] == [
        ("a#20261204T130000", date(2026, 12, 4)),
        ("a#20261211T130000", date(2026, 12, 10)),
    ]
    assert feed.is_gone("a#20261218T130000")
    assert not feed.is_gone("a#20261204T130000")


def test_a_cancelled_series_is_gone_with_all_its_occurrences() -> None:
    feed = read(event("DTSTART:20261204T130000", "DURATION:PT4H", "RRULE:FREQ=DAILY", "STATUS:CANCELLED"))
    assert not feed.happenings
    assert feed.is_gone("a#20261204T130000")
    assert not feed.is_gone("ab#20261204T130000")


def test_of_two_editions_of_an_event_the_later_one_counts() -> None:
    older = event("DTSTART;VALUE=DATE:20261201", "SEQUENCE:1")
    newer = event("DTSTART;VALUE=DATE:20261208", "SEQUENCE:2")
    feed = read(newer, older)
    assert only(feed).start == date(2026, 12, 8)
    assert "newer" in feed.skipped[0].why


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        (["DTSTART;VALUE=DATE:20261201", "TRANSP:TRANSPARENT"], "It is shown as free."),
        (["DTSTART;VALUE=DATE:20261203", "DTEND;VALUE=DATE:20261202"], "It ends before it begins."),
        (["DTSTART:20261203T090000Z"], "It takes no time."),
        (["SUMMARY:Off"], "It has no beginning"),
        (["DTSTART:tomorrow"], "It cannot be read"),
        (["DTSTART;VALUE=DATE:20261332"], "It cannot be read"),
        (["DTSTART;TZID=Mars/Base:20261203T090000", "DURATION:PT1H"], "no time zone Mars/Base"),
        (["DTSTART;VALUE=DATE:20261203", "DTEND;VALUE=DATE:20280601"], "longer than 400 days"),
        (["DTSTART;VALUE=DATE:20261203", "RRULE:FREQ=SECONDLY"], "more often than by the day"),
        (["DTSTART;VALUE=DATE:20261203", "RRULE:FREQ=HOURLY"], "more often than by the day"),
        (
            ["DTSTART:20261203T090000", "DURATION:PT1M", "RRULE:FREQ=DAILY;BYMINUTE=1,2"],
            "several times a day",
        ),
        (["DTSTART;VALUE=DATE:20261203", "RRULE:FREQ=DAILY;INTERVAL=0"], "every 0 days"),
        (["DTSTART;VALUE=DATE:20261203", "RRULE:FREQ=OFTEN"], "It cannot be read"),
        (["DTSTART;VALUE=DATE:00010101", "RRULE:FREQ=DAILY"], "more than 50 years ago"),
        (["DTSTART;VALUE=DATE:20261203", "no property at all"], "It cannot be read"),
    ],
)
def test_an_event_that_cannot_be_taken_is_skipped_with_the_reason_and_the_line(
    lines: list[str], why: str
) -> None:
    feed = read(event("DTSTART;VALUE=DATE:20261210", uid="fine"), event(*lines))
    assert only(feed).key == "fine"
    (skipped,) = feed.skipped
    assert why in skipped.why
    assert skipped.line == 7  # of its BEGIN


def test_what_is_shown_as_free_is_kept_where_asked() -> None:
    lines = ["DTSTART;VALUE=DATE:20261201", "TRANSP:TRANSPARENT"]
    assert only(read(event(*lines), keep_free=True)).start == date(2026, 12, 1)


def test_events_outside_the_window_are_counted() -> None:
    feed = read(event("DTSTART;VALUE=DATE:20251201", uid="b"), event("DTSTART;VALUE=DATE:20301201", uid="c"))
    assert (feed.over, feed.later, feed.happenings) == (1, 1, [])


def test_a_private_title_is_not_read() -> None:
    assert only(read(event("DTSTART;VALUE=DATE:20261201", "SUMMARY:Surgery", "CLASS:PRIVATE"))).summary == ""


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b" \n", "Line 1: There is nothing in it"),
        (b"<html>", "Line 1: A calendar begins with"),
        (b"BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:1\n", "Line 2: VEVENT begins here and does not end"),
        (b"BEGIN:VCALENDAR\nBEGIN:VEVENT\nEND:VCALENDAR\n", "Line 3: END:VCALENDAR where VEVENT of line 2"),
        (b"BEGIN:VCALENDAR\nwhat is this\nEND:VCALENDAR\n", "no line of a calendar"),
        (b"BEGIN:VCALENDAR\nX-A:\xff\nEND:VCALENDAR\n", "Line 2: This is not UTF-8"),
        (b"BEGIN:VCALENDAR\nX-A:\x00\nEND:VCALENDAR\n", "Line 2: There is a NUL"),
        (b"x" * (MOST_BYTES + 1), "larger than 1 MB"),
        (
            b"BEGIN:VCALENDAR\n" + b"BEGIN:VEVENT\nUID:1\nEND:VEVENT\n" * 5001 + b"END:VCALENDAR\n",
            "Line 15002: There are more than 5,000 events",
        ),
        (
            OUTLANDISH_ZONE,
            "Line 6: A time zone changes its clocks by the year",
        ),
    ],
)
def test_a_file_that_cannot_be_taken_is_refused_with_the_line(data: bytes, said: str) -> None:
    with pytest.raises(IcalError) as refused:
        read_feed(data, zone="UTC", first=NOW, last=NOW + timedelta(days=400))
    assert said in str(refused.value)


def test_repetitions_without_number_are_refused() -> None:
    events = [event("DTSTART;VALUE=DATE:20261201", "RRULE:FREQ=DAILY", uid=f"u{n}") for n in range(6)]
    with pytest.raises(IcalError, match="more than 2,000 repetitions"):
        read(*events)


def test_a_repetition_without_end_is_stopped_and_its_line_told(monkeypatch: pytest.MonkeyPatch) -> None:
    never = "RRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30"
    events = [event("DTSTART;VALUE=DATE:20261201", never, uid=f"u{n}") for n in range(50)]
    asked = {"zone": "UTC", "first": NOW, "last": NOW + timedelta(days=400)}
    with pytest.raises(IcalError, match="took more than 2 seconds") as refused:
        read_bounded(file_of(*events), seconds=2, **asked)
    assert refused.value.line > 2


def test_the_process_of_its_own_says_the_same() -> None:
    data = file_of(
        event("DTSTART;VALUE=DATE:20261201", "SUMMARY:Ärzte\\, 2"),
        event("DTSTART:x", uid="b"),
        event("DTSTART:20261204T130000", "DURATION:PT4H", "RRULE:FREQ=WEEKLY;COUNT=3", uid="c"),
        event("DTSTART;VALUE=DATE:20261208", "STATUS:CANCELLED", uid="d"),
    )
    asked = {"zone": "Europe/Berlin", "first": NOW, "last": NOW + timedelta(days=400)}
    assert read_bounded(data, **asked) == read_feed(data, **asked)
    with pytest.raises(IcalError, match="Line 1: A calendar begins"):
        read_bounded(b"no", **asked)


def test_a_reader_that_dies_is_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded.sys, "executable", "/bin/false")
    with pytest.raises(IcalError, match="cannot be read"):
        read_bounded(file_of(), zone="UTC", first=NOW, last=NOW + timedelta(days=1))


_SPANS = st.tuples(st.integers(0, 380), st.integers(1, 15))


@settings(max_examples=60, deadline=None)
@given(spans=st.lists(_SPANS, max_size=12), zone=st.sampled_from(["Europe/Berlin", "Asia/Kolkata", "UTC"]))
def test_whole_days_that_were_written_are_read_back(spans: list[tuple[int, int]], zone: str) -> None:
    first = NOW.date() + timedelta(days=2)
    days = [(first + timedelta(days=at), first + timedelta(days=at + length)) for at, length in spans]
    events = [
        event(f"DTSTART;VALUE=DATE:{start:%Y%m%d}", f"DTEND;VALUE=DATE:{end:%Y%m%d}", uid=f"u{number}")
        for number, (start, end) in enumerate(days)
    ]
    feed = read_feed(file_of(*events), zone=zone, first=NOW, last=NOW + timedelta(days=410))
    assert sorted((each.start, each.end) for each in feed.happenings) == sorted(days)
    assert from_json(to_json(feed)) == feed


@settings(max_examples=40, deadline=None)
@given(
    step=st.integers(1, 40),
    at=st.integers(0, 23),
    hours=st.integers(1, 10),
    start=st.integers(-300, 300),
)
@example(step=1, at=2, hours=1, start=0)
def test_a_daily_repetition_keeps_its_local_time_and_leaves_no_day_out(
    step: int, at: int, hours: int, start: int
) -> None:
    """Against a simple count of days, over both changes of the clocks."""
    began, last = NOW.date() + timedelta(days=start), NOW + timedelta(days=400)
    line = f"DTSTART;TZID=Europe/Berlin:{began:%Y%m%d}T{at:02}0000"
    feed = read(event(line, f"DURATION:PT{hours}H", f"RRULE:FREQ=DAILY;INTERVAL={step}"))
    expected = []
    for number in range(0, 720, step):
        local = datetime(began.year, began.month, began.day, at, tzinfo=BERLIN) + timedelta(days=number)
        starts = local.astimezone(UTC)
        if starts < last and starts + timedelta(hours=hours) > NOW + timedelta(hours=1):
            expected.append(starts)
    assert not feed.skipped
    for each in feed.happenings:  # by the second, also over the hour that spring leaves out
        since, until = each.span(BERLIN)
        assert until - since == timedelta(hours=hours)
    found = [each.span(BERLIN)[0] for each in feed.happenings]
    # The first may have begun before the window, and is there if any of it is left.
    assert [each for each in found if each >= NOW] == [each for each in expected if each >= NOW]


@settings(max_examples=150, deadline=None)
@given(data=st.binary(max_size=300))
def test_whatever_follows_the_head_is_read_or_refused(data: bytes) -> None:
    whole = b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\n" + data + b"\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    with suppress(IcalError):
        read_feed(whole, zone="Europe/Berlin", first=NOW, last=NOW + timedelta(days=400))
