"""The gaps of a timer: what its column keeps, and what becomes of planned leave. Plain values."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from core.businesstime import Gap
from sla.gaps import (
    LEAVE,
    PAUSE,
    gap_at,
    leave_gaps,
    read_gaps,
    with_gap,
    with_leave,
    without_leave_to_come,
    write_gaps,
)


def day(number: int, hour: int = 0) -> datetime:
    return datetime(2026, 11, number, hour, tzinfo=UTC)


PAUSED = Gap(day(2), day(3), PAUSE)
NOW = day(10)


def test_the_column_is_in_utc_and_gives_back_what_was_written() -> None:
    india = timezone(timedelta(hours=5, minutes=30))
    stored = write_gaps([Gap(day(5).astimezone(india), day(6).astimezone(india), LEAVE), PAUSED])
    assert stored == [
        ["2026-11-02T00:00:00+00:00", "2026-11-03T00:00:00+00:00", "pause"],
        ["2026-11-05T00:00:00+00:00", "2026-11-06T00:00:00+00:00", "leave"],
    ]
    assert read_gaps(stored) == (PAUSED, Gap(day(5), day(6), LEAVE))


def test_a_clock_knows_of_leave_only_from_its_own_start_on() -> None:
    spans = [(day(1), day(4)), (day(8), day(12)), (day(14), day(15)), (day(9), NOW)]
    assert leave_gaps(spans, since=NOW) == (Gap(NOW, day(12), LEAVE), Gap(day(14), day(15), LEAVE))


def test_leave_that_is_over_stays_and_leave_to_come_is_as_it_is_planned_now() -> None:
    over, lasting, to_come = (
        Gap(day(5), day(6), LEAVE),
        Gap(day(8), day(12), LEAVE),
        Gap(day(20), day(21), LEAVE),
    )
    stored = write_gaps([PAUSED, over, lasting, to_come])
    went_home_early = with_leave(stored, [], now=NOW)
    assert read_gaps(went_home_early) == (PAUSED, over, Gap(day(8), NOW, LEAVE))
    stays_longer = with_leave(stored, [(day(8), day(13)), (day(25), day(26))], now=NOW)
    assert read_gaps(stays_longer) == (
        PAUSED,
        over,
        Gap(day(8), day(13), LEAVE),
        Gap(day(25), day(26), LEAVE),
    )


def test_a_pause_that_is_still_to_end_is_no_leave_and_survives_a_change_of_plans() -> None:
    lasting = Gap(day(9), day(11), PAUSE)
    to_come = Gap(day(12), day(13), PAUSE)
    stored = write_gaps([lasting, to_come])
    assert read_gaps(with_leave(stored, [], now=NOW)) == (lasting, to_come)
    assert without_leave_to_come([lasting, to_come], now=NOW) == (lasting, to_come)


def test_without_leave_to_come_a_clock_goes_as_if_nobody_were_away_from_now_on() -> None:
    gaps = [PAUSED, Gap(day(5), day(6), LEAVE), Gap(day(8), day(12), LEAVE), Gap(day(20), day(21), LEAVE)]
    assert without_leave_to_come(gaps, now=NOW) == (
        PAUSED,
        Gap(day(5), day(6), LEAVE),
        Gap(day(8), NOW, LEAVE),
    )


def test_an_instant_falls_into_a_gap_from_its_beginning_to_before_its_end() -> None:
    leave = Gap(day(8), day(12), LEAVE)
    stored = write_gaps([PAUSED, leave])
    assert gap_at(stored, day(8), kind=LEAVE) == leave
    assert gap_at(stored, day(12), kind=LEAVE) is None
    assert gap_at(stored, day(2, 12), kind=LEAVE) is None
    assert gap_at(stored, day(2, 12), kind=PAUSE) == PAUSED


def test_one_more_gap_is_a_pause_unless_told_and_nothing_without_length() -> None:
    stored = write_gaps([PAUSED])
    assert with_gap(stored, day(4), day(4)) == stored
    assert read_gaps(with_gap(stored, day(4), day(5))) == (PAUSED, Gap(day(4), day(5), PAUSE))
    assert read_gaps(with_gap(stored, day(3), day(5))) == (Gap(day(2), day(5), PAUSE),)
    assert read_gaps(with_gap(stored, day(3), day(5), LEAVE)) == (PAUSED, Gap(day(3), day(5), LEAVE))
