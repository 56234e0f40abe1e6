"""Rejections: by reason, over time, by source or campaign, and how much sales accepts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, Final

from django.db import connection

from feedback.models import Reason
from reporting.definitions import Share
from reporting.reading import FOR_REPORTS
from reporting.selectors.funnels import Key, Tally, TallyGroup, key_of, tallies_of, top_keys
from reporting.selectors.handoff_cells import HandoffGround, rows_of
from reporting.selectors.names import Names
from reporting.selectors.questions import HANDOFF_SPLITS, Question

#: Sources or campaigns that have a column in the table of reasons.
MOST_COLUMNS: Final = 5
#: Splits of rejections: those that cubes by reason have.
REJECTION_SPLITS: Final = ("source", "campaign")


@dataclass(frozen=True, slots=True)
class ReasonRow:
    """One reason. before: how many gave it in as many days right before. by_key: of the columns. by_week: by
    the Monday of MQL."""

    slug: str
    label: str
    note: str
    count: int
    before: int
    by_key: Mapping[Key, int]
    by_week: Mapping[date, int]


@dataclass(frozen=True, slots=True)
class Rejections:
    """The answer to a question. columns: (key, name) of the groups with the most rejections, of `number_of`
    that have any. weeks: (Monday of MQL, its counts), the earliest first."""

    whole: Tally
    before: Tally
    reasons: list[ReasonRow]
    columns: list[tuple[Key, str]]
    number_of_columns: int
    weeks: list[tuple[date, Tally]]
    groups: list[TallyGroup]
    others: Tally | None
    number: int


_WEEKS: Final = """
select day >= %s, date_trunc('week', day)::date, {sums} from ({rows}) as cell group by 1, 2 order by 1, 2
"""
_COUNTED: Final = ("mqls", "accepted", "rejected", "rejected_for_routing", "nurtured", "undecided")
_SUMS: Final = ", ".join(f"sum({name})::int" for name in _COUNTED)
# All reasons come from the cheapest cells that have them, and those of the told columns from their own: those
# of a hundred thousand campaigns would be read for the five that have a column.
_REASONS: Final = """
with cell as materialized (
    select day >= %s as is_present, reason, date_trunc('week', day)::date as week, mqls from ({rows}) as every
)
select is_present, reason, null::text, week, sum(mqls)::int from cell
group by grouping sets ((is_present, reason), (is_present, reason, week))
"""
_OF_COLUMNS: Final = """
union all
select day >= %s, reason, key::text, null::date, sum(mqls)::int from ({rows}) as every group by 1, 2, 3
"""


def rejections(
    question: Question,
    by: str,
    *,
    now: datetime,
    names: Names,
    ground: HandoffGround | None,
    find: str = "",
) -> Rejections:
    """All numbers of rejections, split by `by` (of REJECTION_SPLITS); six queries.

    A rejection counts on the day of its MQL, as everything that is told of handoffs. find: only groups whose
    value has this in it.
    """
    column = HANDOFF_SPLITS[by][0]
    weeks, before = _weeks(question, ground)
    whole = Tally()
    for _, tally in weeks:
        whole.add(tally)
    columns, number_of_columns = top_keys(question, column, ground, by_reason=True, most=MOST_COLUMNS)
    counts, former = _reasons(question, column, ground, columns)
    keys, number = top_keys(question, column, ground, find=find)
    tallies = tallies_of(question, column, ground, now, None, keys)
    groups = [TallyGroup(key, *names.of(by, key), tallies.get(key, Tally())) for key in keys]
    others = whole.minus(group.tally for group in groups) if number > len(groups) and not find else None
    return Rejections(
        whole=whole,
        before=before,
        reasons=_rows(counts, former),
        columns=[(key, names.of(by, key)[0]) for key in columns],
        number_of_columns=number_of_columns,
        weeks=weeks,
        groups=groups,
        others=others,
        number=number,
    )


def _both(question: Question) -> Question:
    """The period and as many days before."""
    return replace(question, first=question.before.first)


def _weeks(question: Question, ground: HandoffGround | None) -> tuple[list[tuple[date, Tally]], Tally]:
    """The weeks of the period, and all of the one before."""
    rows = rows_of(_both(question), None, ground, cuts=[question.first])
    weeks: list[tuple[date, Tally]] = []
    before = Tally()
    if rows is None:
        return weeks, before
    with connection.cursor() as cursor:
        cursor.execute(FOR_REPORTS + _WEEKS.format(rows=rows.sql, sums=_SUMS), [question.first, *rows.params])
        for is_present, monday, *numbers in cursor.fetchall():
            tally = Tally(all=Counter(dict(zip(_COUNTED, numbers, strict=True))))
            if is_present:
                weeks.append((monday, tally))
            else:
                before.add(tally)
    return weeks, before


def _reasons(
    question: Question, column: str, ground: HandoffGround | None, columns: Sequence[Key]
) -> tuple[dict[str, dict[Any, int]], dict[str, dict[Any, int]]]:
    """Of the period and of the one before, by reason: {None: all, a key: of it, a Monday: of its week}."""
    asked, cuts = _both(question), [question.first]
    rows = rows_of(asked, None, ground, cuts=cuts, by_reason=True)
    found: tuple[dict[str, dict[Any, int]], dict[str, dict[Any, int]]] = ({}, {})
    if rows is None:
        return found
    sql, params = _REASONS.format(rows=rows.sql), [question.first, *rows.params]
    told = rows_of(asked, column, ground, cuts=cuts, keys=columns, by_reason=True) if columns else None
    if told is not None:
        sql += _OF_COLUMNS.format(rows=told.sql)
        params += [question.first, *told.params]
    with connection.cursor() as cursor:
        cursor.execute(FOR_REPORTS + sql, params)
        for is_present, reason, key, week, count in cursor.fetchall():
            what = week if week is not None else None if key is None else key_of(column, key)
            found[0 if is_present else 1].setdefault(reason, {})[what] = count
    return found


def _rows(
    counts: Mapping[str, Mapping[Any, int]], former: Mapping[str, Mapping[Any, int]]
) -> list[ReasonRow]:
    """The most frequent first. Reasons that were given before and are not any more stand with 0."""
    known = {
        slug: (label, is_active)
        for slug, label, is_active in Reason.objects.filter(kind=Reason.Kind.REJECT)
        .order_by("slug")
        .values_list("slug", "label", "is_active")
    }
    found = []
    for slug in {*counts, *former}:
        label, is_active = known.get(slug, (slug or "No reason given", True))
        mine = counts.get(slug, {})
        note = "retired" if not is_active else "" if slug else "imported history"
        found.append(
            ReasonRow(
                slug=slug,
                label=label,
                note=note,
                count=mine.get(None, 0),
                before=former.get(slug, {}).get(None, 0),
                by_key={key: n for key, n in mine.items() if key is not None and not isinstance(key, date)},
                by_week={key: n for key, n in mine.items() if isinstance(key, date)},
            )
        )
    return sorted(found, key=lambda row: (-row.count, -row.before, row.label.casefold()))


def reason_share(row: ReasonRow, whole: Tally) -> Share:
    """A reason's part of all rejections of the period."""
    return Share(row.count, whole.all["rejected"])
