"""The funnel from Subscriber to Won: how many came how far, split, how quickly, and by week of MQL."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django.db import connection

from reporting.definitions import (
    AMOUNTS,
    ATTEMPTS_CODE,
    COHORT_WEEKS,
    COUNTS,
    DURATIONS,
    LATER_STAGES,
    STAGES,
    UNTOUCHED_HOURS,
    WEEK_CODES,
    Share,
    Spread,
    counted_as,
)
from reporting.lately import lately
from reporting.measures import quantiles
from reporting.reading import FOR_REPORTS
from reporting.rollups import NOBODY
from reporting.selectors.created import created
from reporting.selectors.handoff_cells import HandoffGround, rows_of
from reporting.selectors.names import Names
from reporting.selectors.questions import HANDOFF_SPLITS, Question

#: Rows of a split that are told one by one; the others are told together.
MOST_GROUPS: Final = 50

Key = UUID | str | None
Number = int | Decimal


@dataclass(slots=True)
class Tally:
    """Counts of handoffs, by the names of definitions.COUNTS and AMOUNTS: of all, of those that were followed
    for as long as the question wants, and of those that are older than UNTOUCHED_HOURS."""

    all: Counter[str] = field(default_factory=Counter)
    followed: Counter[str] = field(default_factory=Counter)
    settled: Counter[str] = field(default_factory=Counter)

    def add(self, other: Tally) -> None:
        self.all.update(other.all)
        self.followed.update(other.followed)
        self.settled.update(other.settled)

    def minus(self, others: Iterable[Tally]) -> Tally:
        """What is left of it without those."""
        left = Tally(Counter(self.all), Counter(self.followed), Counter(self.settled))
        for other in others:
            left.all.subtract(other.all)
            left.followed.subtract(other.followed)
            left.settled.subtract(other.settled)
        return left

    def reached(self, stage: str, follow: int | None) -> int:
        """How many reached a stage: of all, at any time; or of the followed, within as many days."""
        return (self.all if follow is None else self.followed)[counted_as(stage, follow)]

    def conversion(self, start: str, end: str, follow: int | None) -> Share:
        left_out = 0 if follow is None else self.all["mqls"] - self.followed["mqls"]
        return Share(self.reached(end, follow), self.reached(start, follow), left_out)

    @property
    def acceptance(self) -> Share:
        """Accepted of those that sales answered; left out are those without an answer."""
        base = self.all["accepted"] + self.all["rejected"] + self.all["nurtured"]
        return Share(self.all["accepted"], base, self.all["undecided"])

    @property
    def rejection(self) -> Share:
        base = self.all["accepted"] + self.all["rejected"] + self.all["nurtured"]
        return Share(self.all["rejected"], base, self.all["undecided"])

    @property
    def contacted(self) -> Share:
        return Share(self.all["contacted"], self.all["mqls"])

    @property
    def untouched(self) -> Share:
        """Neither touched nor closed within UNTOUCHED_HOURS."""
        base = self.settled["mqls"] - self.settled["closed_untouched"]
        return Share(self.settled["untouched"], base, self.all["mqls"] - base)


@dataclass(frozen=True, slots=True)
class TallyGroup:
    """One row of a split. subscribers, leads: created in the period; None where that cannot be said."""

    key: Key
    name: str
    note: str
    tally: Tally
    subscribers: int | None = None
    leads: int | None = None


@dataclass(frozen=True, slots=True)
class Cohort:
    """MQLs of one week. reached: by whole weeks since MQL, how many had reached the stage within them; None
    where not all have been followed for so long."""

    monday: date
    mqls: int
    reached: list[int | None]


@dataclass(frozen=True, slots=True)
class Funnel:
    """The answer to a question. others: the groups beyond MOST_GROUPS together; None where there are none.
    number: of groups that there are."""

    follow: int | None
    whole: Tally
    subscribers: int | None
    leads: int | None
    groups: list[TallyGroup]
    others: Tally | None
    number: int
    durations: Mapping[str, Spread]
    attempts: Spread
    cohorts: list[Cohort]
    is_rounded: bool


def first_unfollowed(now: datetime, question: Question, days: int) -> date:
    """The first day whose MQLs have not all been followed for so many days."""
    return now.astimezone(question.zone).date() - timedelta(days=days)


def funnel(
    question: Question,
    by: str,
    *,
    now: datetime,
    names: Names,
    ground: HandoffGround | None,
    follow: int | None = None,
    cohort_of: str = "sql",
    find: str = "",
) -> Funnel:
    """All numbers of the funnel, split by `by` (of HANDOFF_SPLITS); five queries at most.

    follow: days, see reporting.definitions. cohort_of: the stage that cohorts are followed to. find: only
    groups whose value has this in it (of texts).
    """
    whole, spread, cohorts, is_rolled = _whole(question, now, ground, follow, cohort_of)
    column = HANDOFF_SPLITS[by][0]
    keys, number = top_keys(question, column, ground, find=find, now=now)
    tallies = tallies_of(question, column, ground, now, follow, keys)
    came = created(question, column, keys, ground)
    groups = []
    for key in keys:
        name, note = names.of(by, key)
        of_group = came.groups.get(key) if came else None
        groups.append(
            TallyGroup(
                key,
                name,
                note,
                tallies.get(key, Tally()),
                of_group.all if of_group else None,
                of_group.beyond if of_group else None,
            )
        )
    others = whole.minus(group.tally for group in groups) if number > len(groups) and not find else None
    return Funnel(
        follow=follow,
        whole=whole,
        subscribers=came.whole.all if came else None,
        leads=came.whole.beyond if came else None,
        groups=groups,
        others=others,
        number=number,
        durations={name: _spread(spread.get(each.code, {})) for name, each in DURATIONS.items()},
        attempts=_spread(spread.get(ATTEMPTS_CODE, {})),
        cohorts=cohorts,
        is_rounded=is_rolled,
    )


@dataclass(frozen=True, slots=True)
class ResponseTimes:
    """How quickly the handoffs of a question were assigned, touched, decided and moved on."""

    whole: Tally
    durations: Mapping[str, Spread]
    attempts: Spread


def response_times(question: Question, *, now: datetime, ground: HandoffGround | None) -> ResponseTimes:
    """The same durations as the funnel's, alone. One query."""
    whole, spread, _, _ = _whole(question, now, ground, None, LATER_STAGES[0])
    return ResponseTimes(
        whole,
        {name: _spread(spread.get(each.code, {})) for name, each in DURATIONS.items()},
        _spread(spread.get(ATTEMPTS_CODE, {})),
    )


def whole_of(
    question: Question, *, now: datetime, ground: HandoffGround | None, follow: int | None = None
) -> Tally:
    """The counts of all handoffs of a question, its `followed` for so many days. One query."""
    return _whole(question, now, ground, follow, LATER_STAGES[0])[0]


# --- Queries ------------------------------------------------------------------------------------------------

_MEASURES: Final = (*COUNTS, *AMOUNTS)
_SUMS: Final = ", ".join(f"sum({name})" for name in _MEASURES)
_BUCKETS: Final = (
    "unnest(kinds) as kind, unnest(starts) as start, unnest(counts) as n, unnest(seconds) as length"
)
_WHOLE: Final = """
with cell as materialized ({rows})
select 'sums', day + days <= %s, day + days <= %s, null::date, null::int, null::int, null::bigint,
    array[{sums}]::numeric[]
    from cell group by 2, 3
union all
select 'spread', null, null, null, kind, start, sum(length)::bigint, array[sum(n)]
    from (select {buckets} from cell) as bucket where kind <= %s group by kind, start
union all
select 'weeks', null, null, date_trunc('week', day)::date, null, start, null, array[sum(n)]
    from (select day, {buckets} from cell) as bucket where kind = %s group by 4, start
union all
select 'mqls', null, null, date_trunc('week', day)::date, null, null, null, array[sum(mqls)]
    from cell group by 4
"""
_TALLIES: Final = """
select key::text, day + days <= %s, day + days <= %s, {sums} from ({rows}) as cell group by 1, 2, 3
"""
# Most of a hundred thousand campaigns have one lead: to put those in order by name, of which none is told,
# would take half of the time.
_TOP: Final = """
with counted as materialized (
    select key, sum(mqls)::int as number from ({rows}) as cell {where} group by key
)
select key::text, (select count(*) from counted) from counted
where number >= coalesce((select number from counted order by number desc offset %s limit 1), 0)
order by number desc, key limit %s
"""

_Bins = dict[int, tuple[int, int]]


def _cuts(question: Question, now: datetime, follow: int | None) -> tuple[date, date]:
    """The first days that are not followed for long enough, and that are not settled."""
    return (
        first_unfollowed(now, question, follow or 0),
        first_unfollowed(now, question, UNTOUCHED_HOURS // 24),
    )


def _whole(
    question: Question, now: datetime, ground: HandoffGround | None, follow: int | None, cohort_of: str
) -> tuple[Tally, dict[int, _Bins], list[Cohort], bool]:
    cuts = _cuts(question, now, follow)
    rows = rows_of(question, None, ground, cuts=cuts)
    tally, spread = Tally(), dict[int, _Bins]()
    by_week: dict[date, Counter[int]] = {}
    mqls: dict[date, int] = {}
    if rows is None:
        return tally, {}, [], ground is not None
    with connection.cursor() as cursor:
        cursor.execute(
            FOR_REPORTS + _WHOLE.format(rows=rows.sql, sums=_SUMS, buckets=_BUCKETS),
            [*rows.params, *cuts, ATTEMPTS_CODE, WEEK_CODES[cohort_of]],
        )
        for part, is_followed, is_settled, monday, kind, start, length, numbers in cursor.fetchall():
            if part == "sums":
                _add(tally, is_followed, is_settled, numbers)
            elif part == "spread":
                spread.setdefault(kind, {})[start] = (int(numbers[0]), length)
            elif part == "weeks":
                by_week.setdefault(monday, Counter())[start] += int(numbers[0])
            else:
                mqls[monday] = int(numbers[0])
    return tally, spread, _cohorts(question, now, mqls, by_week), rows.is_rolled


def _add(tally: Tally, is_followed: bool, is_settled: bool, numbers: Sequence[Any]) -> None:
    for name, value in zip(_MEASURES, numbers, strict=True):
        number: Any = value if name in AMOUNTS else int(value)
        tally.all[name] += number
        if is_followed:
            tally.followed[name] += number
        if is_settled:
            tally.settled[name] += number


def _cohorts(
    question: Question, now: datetime, mqls: Mapping[date, int], by_week: Mapping[date, Mapping[int, int]]
) -> list[Cohort]:
    """The latest week first; weeks of which the period has a part count that part."""
    today = now.astimezone(question.zone).date()
    found = []
    for monday in sorted(mqls, reverse=True):
        last = min(monday + timedelta(days=6), question.last)
        weeks = max((today - last - timedelta(days=1)).days // 7, 0)  # all have been followed for
        reached: list[int | None] = []
        so_far = 0
        for week in range(1, COHORT_WEEKS + 1):
            so_far += by_week.get(monday, {}).get(week - 1, 0)
            reached.append(so_far if week <= weeks else None)
        found.append(Cohort(monday, mqls[monday], reached))
    return found


def top_keys(
    question: Question,
    column: str,
    ground: HandoffGround | None,
    *,
    find: str = "",
    by_reason: bool = False,
    most: int | None = None,
    now: datetime | None = None,
) -> tuple[list[Key], int]:
    """The values of a column that have the most handoffs, and how many values there are. One query.

    most: MOST_GROUPS unless said. now: where it is given, which of tens of thousands are the largest may be
    ten minutes old; what is counted of them is not."""

    def read() -> tuple[list[Key], int]:
        return _read_top(question, column, ground, find, by_reason, most or MOST_GROUPS)

    if now is None:
        return read()
    asked = (question, column, ground, find, by_reason, most)
    return lately("top", asked, read, rows=lambda found: found[1], now=now, seen_by=question.seen_by).value


def _read_top(
    question: Question, column: str, ground: HandoffGround | None, find: str, by_reason: bool, most: int
) -> tuple[list[Key], int]:
    rows = rows_of(question, column, ground, by_reason=by_reason, is_narrow=True)
    if rows is None:
        return [], 0
    is_text = not column.endswith("_id")
    where = "where position(lower(%s) in lower(key)) > 0" if find and is_text else ""
    with connection.cursor() as cursor:
        cursor.execute(
            FOR_REPORTS + _TOP.format(rows=rows.sql, where=where),
            [*rows.params, *([find] if where else []), most - 1, most],
        )
        found = cursor.fetchall()
    return [key_of(column, text) for text, _ in found], found[0][1] if found else 0


def tallies_of(
    question: Question,
    column: str,
    ground: HandoffGround | None,
    now: datetime,
    follow: int | None,
    keys: Sequence[Key],
) -> dict[Key, Tally]:
    """The counts of these values of a column. One query."""
    cuts = _cuts(question, now, follow)
    rows = rows_of(question, column, ground, cuts=cuts, keys=keys) if keys else None
    if rows is None:
        return {}
    found: dict[Key, Tally] = {}
    with connection.cursor() as cursor:
        cursor.execute(FOR_REPORTS + _TALLIES.format(rows=rows.sql, sums=_SUMS), [*cuts, *rows.params])
        for text, is_followed, is_settled, *numbers in cursor.fetchall():
            _add(found.setdefault(key_of(column, text), Tally()), is_followed, is_settled, numbers)
    return found


def key_of(column: str, text: str) -> Key:
    """A group's key as the database writes it; None is nobody."""
    if not column.endswith("_id"):
        return text
    key = UUID(text)
    return None if key == NOBODY else key


def _spread(bins: _Bins) -> Spread:
    shares = quantiles(bins, (50, 90))
    return Spread(sum(count for count, _ in bins.values()), shares[50], shares[90])


def stages_with_shares(tally: Tally, follow: int | None) -> list[tuple[str, int, Share, Share]]:
    """Each stage from MQL on: how many reached it, of those at the stage before, and of the MQLs."""
    return [
        (
            stage,
            tally.reached(stage, follow),
            tally.conversion(STAGES[max(place - 1, 0)], stage, follow),
            tally.conversion(STAGES[0], stage, follow),
        )
        for place, stage in enumerate(STAGES)
    ]
