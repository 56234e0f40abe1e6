"""What a report counts, from roll-ups: the same figures at the cost of cells.

Counts are those of the facts exactly, deadlines that passed a moment ago included; response times are the
facts' to within measures.BUCKET_ERROR per cent.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, Final

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Sum, Value
from django.db.models.functions import Coalesce, Lower, StrIndex, TruncDate

from reporting.measures import has_passed, place_of, quantiles
from reporting.models import RollUp, RollUpState
from reporting.reading import FOR_REPORTS
from reporting.rollups import CUBES, LAYOUT, NOBODY
from reporting.selectors.counted import OF_GROUP, OF_WHOLE, Counted, Key, excused_facts, is_true, key_of
from reporting.selectors.questions import INBOUND, SPLITS, Question, facts, in_sight, led_by
from tenants.together import Ask, answer, tuples_of

#: Of no roll-up: what has none is counted from facts.
NO_LAYOUT: Final = 1_000
_VALUES: Final = {"source": "source", "campaign": "campaign"}  # columns of facts, by the cube that has them


@dataclass(frozen=True, slots=True)
class Ground:
    """That roll-ups may be read for a question. owns_elsewhere: the reader, who leads teams, has clocks of
    their own outside of them, which only a cube with members can find."""

    owns_elsewhere: bool = False


def ground_of(question: Question) -> Ground | None:
    """What a question may be counted on; None where the organisation's roll-ups are not complete, and for
    outbound handoffs. One query."""
    return answer(ask_ground(question))


def ask_ground(question: Question) -> Ask[Ground | None]:
    """`ground_of` as a question that may be asked with others."""
    layout = LAYOUT if question.kind == INBOUND else NO_LAYOUT
    state = RollUpState.objects.filter(zone=question.zone.key, layout=layout)
    reader = question.seen_by
    if reader is None or not question.leads_teams:
        return tuples_of(state.values_list("id")[:1]).then(lambda rows: Ground() if rows else None)
    monday = question.before.first - timedelta(days=6)
    own = RollUp.objects.filter(
        tenant_id=OuterRef("tenant_id"),
        cube="rep",
        days=7,
        clock=question.clock,
        target__in=question.targets,
        day__range=(monday, question.last),
        member_id=reader.id,
    ).exclude(led_by(reader, "team_id"))
    found = state.annotate(elsewhere=Exists(own)).values_list("elsewhere")[:1]
    return tuples_of(found).then(lambda rows: next((Ground(row[0]) for row in rows), None))


def cube_for(question: Question, column: str | None, ground: Ground | None) -> str | None:
    """The cheapest cube that answers a question split by a column of facts; None where none does."""
    if ground is None or question.hour is not None:
        return None
    needed = {column} if column else set()
    chosen = {
        "team_id": question.team,
        "member_id": question.member,
        "source": question.source,
        "campaign": question.campaign,
    }
    if question.tier is not None:
        needed.add("tier")
    needed |= {name for name, value in chosen.items() if value is not None} | set(question.without)
    if question.seen_by is not None and (not question.leads_teams or ground.owns_elsewhere):
        needed.add("member_id")
    return next((cube for cube, columns in CUBES.items() if needed <= columns), None)


def cells(question: Question, cube: str) -> QuerySet[RollUp]:
    """The cells of a cube that a question is about: whole weeks where it is drawn by week, else days."""
    return _cells(question, cube, _spans(question))


def found_keys(question: Question, cube: str, find: str, *, most: int) -> tuple[list[Key], int]:
    """The values of a cube of sources or campaigns whose names have this text, those with the most clocks,
    and how many such values there are. At most two queries."""
    place = StrIndex(Lower("value"), Lower(Value(find)))
    found = cells(question, cube).alias(place=place).filter(place__gt=0).order_by().values("value")
    clocks = Sum(F("kept") + F("broken") + F("running") + F("called_off"))
    keys: list[Key] = [
        row["value"] for row in found.annotate(clocks=clocks).order_by("-clocks", "value")[:most]
    ]
    return keys, len(keys) if len(keys) < most else found.distinct().count()


def day_cells(question: Question, cube: str) -> QuerySet[RollUp]:
    """The same, a day each."""
    return _cells(question, cube, Q(days=1, day__gte=question.first, day__lte=question.last))


def _cells(question: Question, cube: str, spans: Q) -> QuerySet[RollUp]:
    found: QuerySet[RollUp] = RollUp.objects.filter(
        spans, cube=cube, clock=question.clock, target__in=question.targets
    )
    if question.seen_by is not None:
        has_members = "member_id" in CUBES[cube]
        seen = (
            in_sight(question, "team_id", "member_id") if has_members else led_by(question.seen_by, "team_id")
        )
        found = found.filter(seen)
    chosen = {"team_id": question.team, "member_id": question.member, "tier": question.tier}
    chosen["value"] = (
        question.source if cube == "source" else question.campaign if cube == "campaign" else None
    )
    found = found.filter(**{name: value for name, value in chosen.items() if value is not None})
    return found.filter(**dict.fromkeys(question.without, NOBODY))


def _spans(question: Question) -> Q:
    after = question.last + timedelta(days=1)
    if not question.by_week:
        return Q(days=1, day__gte=question.first, day__lt=after)
    monday = question.first + timedelta(days=-question.first.weekday() % 7)
    last_monday = after - timedelta(days=after.weekday())
    edges = Q(day__gte=question.first, day__lt=monday) | Q(day__gte=last_monday, day__lt=after)
    return Q(days=7, day__gte=monday, day__lt=last_monday) | Q(edges, days=1)


# Cells of the period, of the one before (without key and step, for they are told as a whole only), and the
# facts whose deadlines passed unnoted, which cells count as running. Lists are unnested side by side among
# the columns, the shorter filled up with nulls: a function joined to each cell would keep its rows first.
# Cells that are told together have one place: hundreds of thousands of buckets are put together by two
# numbers in two thirds of the time that texts take.
_REPORT: Final = """
with cell as materialized (
    select *, (dense_rank() over (order by present, target, key collate "C"))::int as place from (
        select true as present, key::text as key, (day - %s) / %s as step, target, {counts}, running,
            unanswered, {lists}
        from ({present}) as now
        union all
        select false, null, null, target, {counts}, running, unanswered, {lists}
        from ({before}) as former
        union all
        select present, case when present then key::text end, case when present then (day - %s) / %s end,
            target, 0, 1, 0, -1, is_open::int, {no_lists}
        from ({passed}) as passed
    ) as every
)
select 'verdicts', present, key, target, array[sum(kept), sum(broken), sum(running), sum(called_off),
    sum(unanswered), min(place)]::int[], null::int[], null::int[], null::bigint[]
    from cell group by present, key, target
union all
select 'course', true, key, '', array_agg(step), array_agg(kept::int), array_agg(broken::int), null
    from (
        select key, step, sum(kept) as kept, sum(broken) as broken from cell
        where present and target = %s group by key, step having sum(kept + broken) > 0
    ) as drawn group by key
union all
select 'times', null, place::text, '', array_agg(start), array_agg(in_time::int), array_agg(late::int),
    array_agg(seconds::bigint)
    from (
        select place, starts as start, {sums}
        from (select place, {unnested} from cell where target = any(%s)) as bucket
        group by place, starts
    ) as binned group by place
union all
select 'excused', true, key::text, target, array[number]::int[], null, null, null
    from ({excused}) as excused(key, target, number)
"""

_COLUMNS: Final = (
    "kept",
    "broken",
    "called_off",
    "running",
    "unanswered",
    "starts",
    "in_time",
    "late",
    "seconds",
)
_COLUMNS_OF_PAUSES: Final = (
    "kept_by_pause",
    "called_off_by_pause",
    "shift_in_time",
    "shift_late",
    "shift_seconds",
)
# What of a cell is read, with pauses as measured and ignored.
_LISTS: Final = ("starts", "in_time", "late", "seconds")
_SHIFTS: Final = ("shift_in_time", "shift_late", "shift_seconds")


def _of_lists(*names: str) -> dict[str, str]:
    return {
        "lists": ", ".join(names),
        "unnested": ", ".join(f"unnest({name}) as {name}" for name in names),
        "no_lists": ", ".join("'{}'" for _ in names),
    }


_MEASURED: Final = {
    "counts": "kept, broken, called_off",
    "sums": "sum(in_time) as in_time, sum(late) as late, sum(seconds) as seconds",
    **_of_lists(*_LISTS),
}
_IGNORING: Final = {
    "counts": """kept - kept_by_pause as kept, broken + kept_by_pause + called_off_by_pause as broken,
        called_off - called_off_by_pause as called_off""",
    "sums": """sum(in_time + coalesce(shift_in_time, 0)) as in_time,
            sum(late + coalesce(shift_late, 0)) as late,
            sum(seconds + coalesce(shift_seconds, 0)) as seconds""",
    **_of_lists(*_LISTS, *_SHIFTS),
}


def count_cells(
    question: Question,
    by: str,
    cube: str,
    *,
    before: str,
    now: datetime,
    first_step: date,
    keys: Sequence[Key] | None = None,
    timed: Sequence[str] | None = None,
) -> Counted:
    """Everything a report says of the question, and of the period before; one query.

    cube, before: what the period and the one before are counted in. first_step: see count_facts. keys: only
    these groups of the split are counted, and what is told of the whole is theirs. timed: the targets whose
    response times are told; all of the question's unless said.
    """
    counted = Counted()
    whole_bins: dict[tuple[bool, str], dict[int, list[int]]] = {}
    rows = _rows(question, by, cube, before, now, first_step, keys, timed or question.targets)
    places: dict[int, tuple[bool, Key, str]] = {}
    for part, present, text, target, numbers, *_ in rows:
        if part == "verdicts":
            *stands, unanswered, place = numbers
            key = _key(by, text)
            places[place] = present, key, target
            verdicts = dict(zip(("met", "missed", "open", "cancelled"), stands, strict=True))
            counted.add_to_whole(present, target, verdicts)
            if present:
                counted.add_to_group(key, target, verdicts)
                counted.unanswered += unanswered
    for part, _, text, target, first, second, third, seconds in rows:
        if part == "excused":
            counted.excused[_key(by, text), target] = first[0]
        elif part == "course":
            counted.courses[_key(by, text)] = {
                "met": Counter(dict(zip(first, second, strict=True))),
                "missed": Counter(dict(zip(first, third, strict=True))),
            }
        elif part == "times":
            present, key, target = places[int(text)]
            bins = list(zip(first, second, third, seconds, strict=True))
            _add(whole_bins.setdefault((present, target), {}), bins)
            if present:
                buckets = {start: (kept + late, total) for start, kept, late, total in bins}
                shares = quantiles(buckets, OF_GROUP)
                counted.group_times[key, target] = sum(n for n, _ in buckets.values()), shares
    for (present, target), bins_of in whole_bins.items():
        buckets = {start: (kept + late, total) for start, (kept, late, total) in bins_of.items()}
        shares = quantiles(buckets, OF_WHOLE)
        counted.whole_times[present, target] = sum(n for n, _ in buckets.values()), shares
    _draw_bars(counted, question.lead_target, whole_bins.get((True, question.lead_target), {}))
    return counted


def _add(bins: dict[int, list[int]], more: Iterable[tuple[int, int, int, int]]) -> None:
    for start, kept, late, seconds in more:
        each = bins.setdefault(start, [0, 0, 0])
        each[0] += kept
        each[1] += late
        each[2] += seconds


def _draw_bars(counted: Counted, target: str, bins: dict[int, list[int]]) -> None:
    """Clocks of a target by response time; the broken ones without any were never answered."""
    for start, (kept, late, _) in bins.items():
        bar = counted.bars[place_of(start)]
        bar[0] += kept
        bar[1] += late
    broken = counted.whole.get((True, target), Counter())["missed"]
    counted.bars[-1][1] = broken - sum(late for _, late, _ in bins.values())


def _key(by: str, text: str | None) -> Key:
    key = key_of(by, text)
    return None if key == NOBODY else key


def _rows(
    question: Question,
    by: str,
    cube: str,
    before: str,
    now: datetime,
    first_step: date,
    keys: Sequence[Key] | None,
    timed: Sequence[str],
) -> list[tuple[Any, ...]]:
    column = SPLITS[by][0]
    measures = _COLUMNS + (_COLUMNS_OF_PAUSES if question.ignore_pauses else ())
    present = cells(question, cube).annotate(key=F("value" if column in _VALUES else column))
    passed = (
        facts(replace(question, first=question.before.first))
        .filter(has_passed(now, ignore_pauses=question.ignore_pauses))
        .annotate(
            key=Coalesce(column, Value(NOBODY)) if column.endswith("_id") else F(column),
            present=is_true(Q(started_at__gte=question.start)),
            day=TruncDate("started_at", tzinfo=question.zone),
            is_open=is_true(Q(closed_at__isnull=True)),
        )
    )
    excused = excused_facts(question, by, now=now)
    if keys is not None:
        present, passed = present.filter(key__in=keys), passed.filter(key__in=keys)
        excused = excused.filter(**{f"{column}__in": keys})
    parts = (
        present.values("key", "day", "target", *measures),
        cells(question.before, before).values("target", *measures),
        passed.values("key", "present", "day", "target", "is_open"),
        excused,
    )
    try:
        (now_sql, a), (former_sql, b), (passed_sql, c), (excused_sql, d) = (
            part.order_by().query.sql_with_params() for part in parts
        )
    except EmptyResultSet:
        return []
    steps: list[Any] = [first_step, question.step_days]
    with connection.cursor() as cursor:
        cursor.execute(
            FOR_REPORTS
            + _REPORT.format(
                present=now_sql,
                before=former_sql,
                passed=passed_sql,
                excused=excused_sql,
                **(_IGNORING if question.ignore_pauses else _MEASURED),
            ),
            [*steps, *a, *b, *steps, *c, question.lead_target, list(timed), *d],
        )
        return list(cursor.fetchall())
