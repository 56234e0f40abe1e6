"""Business time against an oracle that shares nothing with it: it asks the clock minute by minute.

All IANA zones, 2010 to 2030, with a liking for the days around offset changes.
"""

import pickle
import random
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import accumulate, pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.businesstime import WorkCalendar

ZONES = sorted(available_timezones() - {"localtime"})
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
SINCE, UNTIL = (
    int(datetime(2010, 1, 3, tzinfo=UTC).timestamp()),
    int(datetime(2030, 12, 20, tzinfo=UTC).timestamp()),
)
WINDOW_DAYS = 8


class Oracle:
    """A window of minutes, each known to be open or not by looking at the wall clock in it."""

    def __init__(self, zone, weekly, holidays, extra, first_minute, minutes=WINDOW_DAYS * 1440):
        self.tz = ZoneInfo(zone)
        self.weekly, self.holidays, self.extra = weekly, holidays, extra
        self.first = first_minute
        self.local = [datetime.fromtimestamp((first_minute + i) * 60, self.tz) for i in range(minutes)]
        open_minutes = cache(self._open_minutes)
        self.open = [t.hour * 60 + t.minute in open_minutes(t.date()) for t in self.local]
        self.before = [0, *accumulate(self.open)]  # open minutes before minute i

    def _open_minutes(self, day):
        """Minutes after midnight that the rules call open on a date, whether the clock shows them or not."""
        if day in self.extra:
            today, yesterday = self.extra[day], []
        elif day in self.holidays:
            today = yesterday = []
        else:
            today = self.weekly.get(DAYS[day.weekday()], [])
            yesterday = self.weekly.get(DAYS[day.weekday() - 1], [])
        minutes = set()
        for opening, closing in ((self._at(a), self._at(b)) for a, b in today):
            minutes.update(range(opening, closing if closing > opening else 1440))
        for opening, closing in ((self._at(a), self._at(b)) for a, b in yesterday):
            minutes.update(range(closing) if closing <= opening else ())
        return minutes

    @staticmethod
    def _at(text):
        return int(text[:2]) * 60 + int(text[3:])

    def instant(self, microseconds):
        """The moment that many microseconds after the window's first minute."""
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(minutes=self.first, microseconds=microseconds)

    def worked(self, microseconds):
        minute, rest = divmod(microseconds, 60_000_000)
        return self.before[minute] * 60_000_000 + (rest if rest and self.open[minute] else 0)

    def elapsed(self, start, end):
        return max(0, self.worked(end) - self.worked(start))

    def add(self, start, length):
        """Microseconds after the window's beginning, or None if that is past its end."""
        if length == 0:
            return start
        minute, at = start // 60_000_000, start
        while minute < len(self.open):
            end = (minute + 1) * 60_000_000
            if self.open[minute]:
                if length <= end - at:
                    return at + length
                length -= end - at
            minute, at = minute + 1, end
        return None

    def next_open(self, at):
        minute = at // 60_000_000
        if self.open[minute]:
            return at
        later = next((m for m in range(minute, len(self.open)) if self.open[m]), None)
        return None if later is None else later * 60_000_000

    def business_days(self):
        """Dates with open time that lie in the window as a whole."""
        edges = {self.local[0].date(), self.local[-1].date()}
        return sorted(
            {local.date() for local, is_open in zip(self.local, self.open, strict=True) if is_open} - edges
        )

    def day_after(self, at, days):
        """The opening at or after `at`, and the `days`-th business day after it, if the window has both."""
        opening = self.next_open(at)
        known = self.business_days()
        if opening is None or (day := self.local[opening // 60_000_000].date()) not in known:
            return None
        index = known.index(day) + days
        return (opening, known[index]) if index < len(known) else None

    def same_time_on(self, opening, day):
        clock = self.clock(opening // 60_000_000)
        rest = opening % 60_000_000
        minutes = [m for m, local in enumerate(self.local) if local.date() == day and self.open[m]]
        for m in minutes:
            if self.clock(m) == clock:
                return m * 60_000_000 + rest
        for m in minutes:
            closes = not self.open[m + 1] or self.local[m + 1].date() != day
            if rest == 0 and self.clock(m) + 1 == clock and closes:
                return (m + 1) * 60_000_000
        return next((m for m in minutes if self.clock(m) > clock), minutes[-1] + 1) * 60_000_000

    def closing_of(self, day):
        return (
            1 + max(m for m, local in enumerate(self.local) if local.date() == day and self.open[m])
        ) * 60_000_000

    def clock(self, minute):
        return self.local[minute].hour * 60 + self.local[minute].minute


@cache
def changes(zone):
    """Days (seconds since the epoch) after which the zone's offset is another than before."""
    tz = ZoneInfo(zone)
    offsets = [(at, datetime.fromtimestamp(at, tz).utcoffset()) for at in range(SINCE, UNTIL, 86_400)]
    return [at for (at, now), (_, then) in pairwise(offsets) if now != then]


def clock(minute):
    return f"{minute // 60:02}:{minute % 60:02}"


@st.composite
def day_hours(draw, most=3):
    # Night hours as often as day hours: most clocks change between midnight and three.
    minutes = st.one_of(st.integers(0, 1440), st.integers(0, 200), st.sampled_from([0, 60, 120, 180, 1440]))
    cuts = sorted(draw(st.sets(minutes, max_size=2 * most)))
    return [(clock(a), clock(b)) for a, b in zip(cuts[::2], cuts[1::2], strict=False)]


@st.composite
def weeks(draw):
    week = {day: draw(day_hours()) for day in DAYS}
    for index, day in enumerate(DAYS):
        tomorrow = week[DAYS[(index + 1) % 7]]
        if not week[day] or not draw(st.booleans()):
            continue
        opening = week[day][-1][0]
        latest = min(Oracle._at(opening) - 1, Oracle._at(tomorrow[0][0]) if tomorrow else 1439)
        if latest >= 0:
            week[day][-1] = (opening, clock(draw(st.integers(0, latest))))
    return week


@st.composite
def windows(draw):
    """A calendar and an oracle of eight days of it."""
    zone = draw(st.sampled_from(ZONES))
    near = st.integers(SINCE, UNTIL)
    if changes(zone):
        near = st.one_of(near, st.sampled_from(changes(zone)), st.sampled_from(changes(zone)))
    first_minute = (draw(near) - draw(st.integers(0, 4)) * 86_400) // 60
    first_day = datetime.fromtimestamp(first_minute * 60, UTC).date()
    dates = st.integers(0, WINDOW_DAYS).map(lambda n: first_day + timedelta(days=n))
    weekly = draw(weeks())
    holidays = draw(st.sets(dates, max_size=2))
    extra = draw(st.dictionaries(dates, day_hours(), max_size=2))
    return WorkCalendar(zone, weekly, holidays, extra), Oracle(zone, weekly, holidays, extra, first_minute)


def moments(oracle_minutes=WINDOW_DAYS * 1440 - 1):
    whole = st.integers(0, oracle_minutes).map(lambda m: m * 60_000_000)
    return st.one_of(whole, st.integers(0, oracle_minutes * 60_000_000))


relaxed = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


@settings(relaxed, max_examples=60)
@given(window=windows(), pairs=st.lists(st.tuples(moments(), moments()), min_size=10, max_size=40))
def test_elapsed_agrees_with_the_oracle(window, pairs):
    calendar, oracle = window
    for start, end in pairs:
        expected = oracle.elapsed(start, end)
        assert calendar.elapsed(oracle.instant(start), oracle.instant(end)) == expected / 60_000_000
        assert calendar.elapsed_seconds(oracle.instant(start), oracle.instant(end)) == expected / 1_000_000


@settings(relaxed, max_examples=60)
@given(
    window=windows(),
    questions=st.lists(
        st.tuples(moments(), st.one_of(st.just(0), st.integers(0, 3 * 86_400_000_000), moments())),
        min_size=10,
        max_size=40,
    ),
)
def test_add_agrees_with_the_oracle(window, questions):
    calendar, oracle = window
    if not any(oracle.open):
        return
    last = oracle.instant(len(oracle.open) * 60_000_000)
    for start, length in questions:
        expected = oracle.add(start, length)
        if expected is not None:
            assert calendar.add(oracle.instant(start), length / 60_000_000) == oracle.instant(expected)
            assert calendar.add_seconds(oracle.instant(start), length / 1_000_000) == oracle.instant(expected)
        elif any(oracle.weekly.values()):
            assert calendar.add(oracle.instant(start), length / 60_000_000) > last


@settings(relaxed, max_examples=50)
@given(window=windows(), moments_asked=st.lists(moments(), min_size=10, max_size=40))
def test_openings_and_spans_agree_with_the_oracle(window, moments_asked):
    calendar, oracle = window
    for at in moments_asked:
        assert calendar.is_open(oracle.instant(at)) == oracle.open[at // 60_000_000]
        if (expected := oracle.next_open(at)) is not None:
            assert calendar.next_open(oracle.instant(at)) == oracle.instant(expected)
    size = len(oracle.open)
    edges = [m for m in range(size + 1) if (m > 0 and oracle.open[m - 1]) != (m < size and oracle.open[m])]
    expected_spans = [
        (oracle.instant(a * 60_000_000), oracle.instant(b * 60_000_000))
        for a, b in zip(edges[::2], edges[1::2], strict=True)
    ]
    assert calendar.spans(oracle.instant(0), oracle.instant(size * 60_000_000)) == expected_spans


@settings(relaxed, max_examples=50)
@given(
    window=windows(), questions=st.lists(st.tuples(moments(), st.integers(0, 5)), min_size=10, max_size=30)
)
def test_business_days_agree_with_the_oracle(window, questions):
    calendar, oracle = window
    for start, days in questions:
        arrival = oracle.day_after(start, days)
        if arrival is None:
            continue
        opening, day = arrival
        expected = opening if days == 0 else oracle.same_time_on(opening, day)
        assert calendar.add_days(oracle.instant(start), days) == oracle.instant(expected)
        assert calendar.end_of_day(oracle.instant(start), days) == oracle.instant(oracle.closing_of(day))


NIGHT = 1440 + 180  # minutes: from the last probe before the change to a little after the next
NIGHT_SHIFT = {day: [("00:10", "01:17"), ("01:30", "03:05"), ("22:30", "00:10")] for day in DAYS}


@pytest.mark.parametrize("area", sorted({zone.split("/")[0] for zone in ZONES}))
def test_every_zone_agrees_with_the_oracle_on_its_nights_of_change(area):
    dice = random.Random(area)
    for zone in (z for z in ZONES if z.split("/")[0] == area):
        nights = changes(zone) or [SINCE]
        for night in {nights[0], nights[-1], dice.choice(nights)}:
            calendar = WorkCalendar(zone, NIGHT_SHIFT)  # a new one a night: its table stays short
            oracle = Oracle(zone, NIGHT_SHIFT, (), {}, night // 60, minutes=NIGHT)
            for _ in range(12):
                start, end = (dice.randrange(NIGHT * 60_000_000) for _ in range(2))
                expected = oracle.elapsed(start, end)
                where = f"{zone}, {oracle.instant(start)} to {oracle.instant(end)}"
                assert (
                    calendar.elapsed_seconds(oracle.instant(start), oracle.instant(end)) == expected / 1e6
                ), where
                added = oracle.add(start, expected)
                assert calendar.add_seconds(oracle.instant(start), expected / 1e6) == oracle.instant(added), (
                    where
                )


# Laws that need no oracle, and therefore reach over years.

instants = st.datetimes(datetime(2010, 1, 1), datetime(2030, 12, 31), timezones=st.just(UTC))
seconds = st.integers(0, 400 * 86_400)


def open_minutes(week):
    return sum((Oracle._at(b) - Oracle._at(a)) % 1440 or 1440 for day in week.values() for a, b in day)


@st.composite
def calendars(draw):
    # A week that opens for minutes only would need centuries for a year of work: it has not got them.
    weekly = draw(weeks().filter(lambda week: open_minutes(week) >= 600))
    dates = st.dates(date(2010, 1, 1), date(2030, 12, 31))
    holidays = draw(st.sets(dates, max_size=20))
    extra = draw(st.dictionaries(dates, day_hours(), max_size=20))
    return WorkCalendar(draw(st.sampled_from(ZONES)), weekly, holidays, extra)


@settings(relaxed, max_examples=50)
@given(calendar=calendars(), start=instants, length=seconds)
def test_elapsed_undoes_add_and_add_is_the_earliest_such_instant(calendar, start, length):
    end = calendar.add_seconds(start, length)
    assert calendar.elapsed_seconds(start, end) == length
    if length:
        assert calendar.elapsed_seconds(start, end - timedelta(microseconds=1)) < length
    else:
        assert end == start


@settings(relaxed, max_examples=50)
@given(calendar=calendars(), start=instants, minutes=st.floats(0, 100_000))
def test_add_undoes_elapsed_for_fractions_of_a_minute(calendar, start, minutes):
    end = calendar.add(start, minutes)
    assert calendar.add(start, calendar.elapsed(start, end)) == end


@settings(relaxed, max_examples=50)
@given(calendar=calendars(), start=instants, first=seconds, second=seconds)
def test_two_adds_are_one(calendar, start, first, second):
    assert calendar.add_seconds(calendar.add_seconds(start, first), second) == calendar.add_seconds(
        start, first + second
    )


@settings(relaxed, max_examples=50)
@given(calendar=calendars(), start=instants, length=seconds, later=seconds, more=seconds)
def test_a_later_start_or_a_longer_duration_never_ends_earlier(calendar, start, length, later, more):
    end = calendar.add_seconds(start, length)
    assert calendar.add_seconds(start + timedelta(seconds=later), length) >= end
    assert calendar.add_seconds(start, length + more) >= end


@settings(relaxed, max_examples=50)
@given(calendar=calendars(), three=st.tuples(instants, instants, instants).map(sorted))
def test_elapsed_is_additive_and_is_the_sum_of_the_spans(calendar, three):
    a, b, c = three
    whole = round(calendar.elapsed_seconds(a, c) * 1e6)
    assert whole == round(calendar.elapsed_seconds(a, b) * 1e6) + round(calendar.elapsed_seconds(b, c) * 1e6)
    spans = calendar.spans(a, c)
    assert whole == sum((end - start) // timedelta(microseconds=1) for start, end in spans)
    assert all(first[1] < second[0] for first, second in pairwise(spans))
    for start, end in spans:
        assert calendar.is_open(start)
        assert calendar.is_open(end - timedelta(microseconds=1))
        assert end == c or not calendar.is_open(end)


@settings(relaxed, max_examples=50)
@given(calendar=calendars(), asked=st.lists(st.tuples(instants, seconds), min_size=2, max_size=5))
def test_answers_do_not_depend_on_what_was_asked_before(calendar, asked):
    for start, length in asked:
        alone = pickle.loads(pickle.dumps(calendar))  # equal, and not asked anything yet
        assert alone == calendar
        assert hash(alone) == hash(calendar)
        assert calendar.add_seconds(start, length) == alone.add_seconds(start, length)
        assert calendar.add_days(start, 9) == alone.add_days(start, 9)


@settings(relaxed, max_examples=50)
@given(zone=st.sampled_from(ZONES), start=instants, length=seconds)
def test_round_the_clock_is_plain_subtraction(zone, start, length):
    calendar = WorkCalendar.always(zone)
    end = start + timedelta(seconds=length)
    assert calendar.add_seconds(start, length) == end
    assert calendar.elapsed_seconds(start, end) == length
    assert calendar.spans(start, end) == ([(start, end)] if length else [])
