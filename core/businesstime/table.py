"""Working hours as UTC instants, ready to be bisected.

Instants are integer microseconds since 1970-01-01T00:00Z. A *piece* is a stretch of open time that lies
within one local date and one UTC offset, so inside a piece wall clock and UTC run in step. Pieces come from
the stretches between the zone's offset changes: a local minute that a change skips lies in no stretch and
counts nothing, one that a change repeats lies in two and counts twice, and a lost day is no day at all.
"""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from core.businesstime.hours import DAY, SECOND, Hours, Interval

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_ORDINAL = EPOCH.date().toordinal()

FIRST_YEAR, LAST_YEAR = 1970, 2199
"""Questions are answered about instants in these years (UTC); a table may reach a year beyond them."""

_MARGIN = 2 * DAY
"""No zone is further than this from UTC: this far inside the table's edges its pieces are complete."""


class Piece(NamedTuple):
    start: int
    end: int
    day: int  # ordinal of the local date
    shift: int  # added to an instant of the piece: its microseconds after local midnight


@dataclass(frozen=True, slots=True)
class Table:
    """The open time of a run of whole years. Built once, read by many threads, never changed.

    `worked[i]` is the open time from the table's beginning to the end of piece i. It only grows, so it can be
    bisected by duration as `starts` is by instant. `days` has one entry a local date with any open time, in
    order: the indices of its pieces (two on a day with a lunch break or an offset change).
    """

    first_year: int
    last_year: int
    since: int  # first and last instant at which the table can be trusted
    until: int
    starts: list[int]
    ends: list[int]
    worked: list[int]
    shifts: list[int]
    day_of: list[int]  # index into `days`, by piece
    days: list[tuple[int, ...]]

    def worked_before(self, at: int) -> int:
        """Open microseconds between the table's beginning and `at`."""
        i = bisect_right(self.starts, at) - 1
        if i < 0:
            return 0
        left = self.ends[i] - at
        return self.worked[i] if left <= 0 else self.worked[i] - left

    def when_worked(self, target: int) -> int | None:
        """The earliest instant at which `worked_before` reaches `target` (> 0); None if not in this table."""
        i = bisect_left(self.worked, target)
        if i == len(self.worked):
            return None
        at = self.ends[i] - self.worked[i] + target
        return at if at <= self.until else None

    def opening(self, at: int) -> tuple[int, int] | None:
        """The piece that `at` lies in, and `at`; or the next piece and its start; None beyond this table."""
        i = bisect_right(self.starts, at) - 1
        if i >= 0 and at < self.ends[i]:
            return i, at
        i += 1
        if i == len(self.starts) or self.starts[i] > self.until:
            return None
        return i, self.starts[i]

    def place(self, day: int, clock: int) -> int:
        """The instant at which day number `day` shows `clock` (microseconds after midnight).

        If it never shows that or is closed then: the next opening of the day, or else its last closing. A
        clock time that is itself a closing time stays, and one that comes twice is taken the first time.
        """
        pieces = self.days[day]
        if len(pieces) == 1:
            i = pieces[0]
            at = clock - self.shifts[i]
            return min(max(at, self.starts[i]), self.ends[i])
        for i in pieces:
            if self.starts[i] <= clock - self.shifts[i] < self.ends[i]:
                return clock - self.shifts[i]
        closings = {self.ends[i] for i in pieces} - {self.starts[i] for i in pieces}
        for i in pieces:
            if clock - self.shifts[i] == self.ends[i] and self.ends[i] in closings:
                return self.ends[i]
        later = (self.starts[i] for i in pieces if self.starts[i] > clock - self.shifts[i])
        return next(later, self.ends[pieces[-1]])


def build_table(hours: Hours, first_year: int, last_year: int) -> Table:
    """Materialise the local dates of `first_year` to `last_year`, both included."""
    pieces: list[Piece] = []
    for year in range(first_year, last_year + 1):
        pieces += _pieces_of_year(hours, year)
    # Nearly sorted already. A change at 00:01 back to 23:01 makes two dates alternate, also at New Year.
    pieces.sort()
    worked, total = [], 0
    by_day: dict[int, list[int]] = {}
    for i, piece in enumerate(pieces):
        total += piece.end - piece.start
        worked.append(total)
        by_day.setdefault(piece.day, []).append(i)
    number = {day: n for n, day in enumerate(sorted(by_day))}
    return Table(
        first_year=first_year,
        last_year=last_year,
        # Never beyond the years that are answered: what was asked before must not decide what is refused.
        since=max(_new_year(first_year) + _MARGIN, _new_year(FIRST_YEAR)),
        until=min(_new_year(last_year + 1) - _MARGIN, _new_year(LAST_YEAR + 1)),
        starts=[piece.start for piece in pieces],
        ends=[piece.end for piece in pieces],
        worked=worked,
        shifts=[piece.shift for piece in pieces],
        day_of=[number[piece.day] for piece in pieces],
        days=[tuple(by_day[day]) for day in number],
    )


def year_of(at: int) -> int:
    """The UTC year of an instant."""
    return (EPOCH + timedelta(microseconds=at)).year


def _pieces_of_year(hours: Hours, year: int) -> list[Piece]:
    dates = _open_dates(hours, year)
    if not dates:
        return []
    stretches = _stretches(hours.zone, year)
    pieces = []
    for day, intervals in dates:
        midnight = (day - _EPOCH_ORDINAL) * DAY
        for opening, closing in intervals:
            for since, until, offset in stretches:
                start = max(midnight + opening - offset, since)
                end = min(midnight + closing - offset, until)
                if start < end:
                    pieces.append(Piece(start, end, day, offset - midnight))
    return pieces


def _open_dates(hours: Hours, year: int) -> list[tuple[int, tuple[Interval, ...]]]:
    first, last = date(year, 1, 1).toordinal(), date(year, 12, 31).toordinal()
    special = {day: intervals for day, intervals in hours.special if first <= day <= last}
    if not any(hours.weekly):
        return [(day, intervals) for day, intervals in special.items() if intervals]
    weekly = hours.weekly
    # Ordinal 1 was a Monday.
    dates = [(day, special.get(day, weekly[(day - 1) % 7])) for day in range(first, last + 1)]
    return [(day, intervals) for day, intervals in dates if intervals]


@lru_cache(maxsize=4096)
def _stretches(zone: str, year: int) -> tuple[tuple[int, int, int], ...]:
    """(since, until, UTC offset) of every stretch of constant offset that touches the local year.

    zoneinfo does not tell its transitions, so they are found: two days with different offsets are halved down
    to the second. Cached by zone, because a tenant's reps have many calendars and few zones.
    """
    tz = ZoneInfo(zone)
    at, stop = (_new_year(year) - _MARGIN) // SECOND, (_new_year(year + 1) + _MARGIN) // SECOND
    stretches = []
    since, offset = at, _offset_seconds(tz, at)
    while at < stop:
        ahead = min(at + DAY // SECOND, stop)
        if _offset_seconds(tz, ahead) == offset:
            at = ahead
            continue
        at = _first_change(tz, at, ahead, offset)
        stretches.append((since * SECOND, at * SECOND, offset * SECOND))
        since, offset = at, _offset_seconds(tz, at)
    stretches.append((since * SECOND, stop * SECOND, offset * SECOND))
    return tuple(stretches)


def _first_change(tz: ZoneInfo, before: int, after: int, offset: int) -> int:
    """The first second whose offset is not `offset`, which holds at `before` and no longer at `after`."""
    while after - before > 1:
        middle = (before + after) // 2
        if _offset_seconds(tz, middle) == offset:
            before = middle
        else:
            after = middle
    return after


def _offset_seconds(tz: ZoneInfo, at_second: int) -> int:
    offset = datetime.fromtimestamp(at_second, tz).utcoffset()
    assert offset is not None  # only a time without a date has none
    return offset.days * 86_400 + offset.seconds


def _new_year(year: int) -> int:
    return (date(year, 1, 1).toordinal() - _EPOCH_ORDINAL) * DAY
