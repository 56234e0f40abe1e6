"""The facts that the leak finder takes, counted by the database: two statements over the period, whatever the
number of leads, and two for what people call things.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from django.db import connection
from django.db.models import QuerySet
from django.db.models.functions import TruncHour

from feedback.models import Reason
from leads.quality import COMPLETE
from reporting import selectors
from reporting.leaks.finder.facts import (
    APART,
    COUNTED_IN,
    ENDED,
    STANDING,
    TALLIED,
    WENT_ON,
    Facts,
    Tally,
    Terms,
)
from reporting.leaks.finder.registry import Leaks, find
from reporting.leaks.rows import SPANS, dimensions, flags, handoffs, learn_since, with_stages
from reporting.leaks.settings import LeakTerms, leak_terms
from reporting.selectors.questions import Question

#: What is counted in one go: the columns that it groups by, beside the source, and the tables of the facts
#: that come of it, by the places of their keys among those columns.
_SCANS: Final[tuple[tuple[tuple[str, ...], Mapping[str, tuple[int, ...]]], ...]] = (
    (
        ("speed", "attempts", "moved", "answer", "reason"),
        {"by_speed": (0,), "by_attempts": (1,), "by_move": (2,), "by_reason": (3, 4)},
    ),
    (("member_id",), {"by_rep": (0,)}),
    (("lacks",), {"by_lacks": ()}),
    (("hour_start",), {"by_hour": ()}),
)
#: Groups are few, which the planner cannot know of expressions: without this it would sort all leads.
_MEMORY: Final = "set local work_mem = '64MB'"


def leaks_for(question: Question, now: datetime, *, chosen: LeakTerms | None = None) -> Leaks:
    """The leaks of a period, as far as the reader of the question sees it. chosen: the organisation's unless
    they are at hand."""
    terms = (chosen or leak_terms()).terms
    return find(leak_facts(question, terms, now=now), terms)


def leak_facts(question: Question, terms: Terms, *, now: datetime) -> Facts:
    """The handoffs of the period, counted; those that conversion is learned from too."""
    tables: dict[str, dict[Any, Tally]] = {name: {} for _, names in _SCANS for name in names}
    for table, key, tally in _tallies(question, terms, now):
        cells = tables[table]
        cells[key] = cells.get(key, Tally()) + tally
    waits: dict[tuple[str, int, str], int] = {}
    came: dict[tuple[str, int], int] = {}
    for stage, age, days, how, number in _stays(question, now):
        if how is None:
            came[stage, age] = number
        else:
            waits[stage, days, how] = number
    names = selectors.load_names()
    called = {str(key): name for key, (name, *_) in names.members.items()}
    called |= {str(key): name for key, name in names.teams.items()}
    called |= dict(COMPLETE)
    # A slug may stand for a reason of both kinds; the rejection's words come last and so hold.
    called |= dict(Reason.objects.order_by("kind").reverse().values_list("slug", "label"))
    return Facts(
        **tables,
        waits=waits,
        came=came,
        names=called,
        team_of={str(key): str(team) for key, (_, team, _) in names.members.items() if team is not None},
    )


def _tallies(question: Question, terms: Terms, now: datetime) -> Iterable[tuple[str, Any, Tally]]:
    """(table, key, tally) of cells; some come in several parts."""
    found = with_stages(handoffs(question, since=learn_since(question))).annotate(
        **dimensions(terms, now),
        **{f"is_{name}": flag for name, flag in flags(question, terms, now).items()},
        hour_start=TruncHour("started_at", tzinfo=question.zone),
    )
    parts: list[str] = []
    values: list[Any] = []
    for number, (columns, tables) in enumerate(_SCANS):
        counted = COUNTED_IN[next(iter(tables))]
        inner, own = _sql(found, ["source", *columns, *(f"is_{name}" for name in counted)])
        key = f"array[{', '.join(f'{each}::text' for each in columns)}]"
        key = "lacks::text[]" if columns == ("lacks",) else key
        source = "''" if columns == ("hour_start",) else "source"
        grouped = ", ".join(columns if columns == ("hour_start",) else ("source", *columns))
        sums = ", ".join(f"sum(is_{name})" if name in counted else "0" for name in TALLIED)
        # All names are constants of this module or of the pure package.
        parts.append(
            f"select {number}, {source}, {key}, {sums} from ({inner}) handoffs group by {grouped}"  # noqa: S608
        )
        values += own
    with connection.cursor() as cursor:
        cursor.execute(_MEMORY)
        cursor.execute(" union all ".join(parts), values)
        for number, source, key, *numbers in cursor:
            if not any(numbers):
                continue
            tally = Tally(*map(int, numbers))
            for table, places in _SCANS[number][1].items():
                cell = _cell(table, source, [each or "" for each in key], places)
                if cell is not None:
                    yield table, cell, tally


def _cell(table: str, source: str, key: list[str], places: tuple[int, ...]) -> Any:
    """The key of a cell as Facts has it; None where its dimension does not apply."""
    if table == "by_hour":
        local = datetime.fromisoformat(key[0])  # the wall clock of the question's zone, without one
        return local.weekday(), local.hour
    if table == "by_lacks":
        return source, tuple(sorted(key))
    if table != "by_rep" and key[places[0]] == APART:
        return None
    return (source, *(key[place] for place in places))


#: Of one stage, whole days: date_part on a difference of instants counts 24 hours each.
_STAYS: Final = """
select '{stage}', age, days, how, count(*) from (
    select greatest(date_part('day', %s - {came}), 0)::int as age,
        case when {went} is not null then '{went_on}' when closed_at is not null then '{ended}'
            else '{standing}' end as how,
        greatest(date_part('day', coalesce({went}, closed_at, %s) - {came}), 0)::int as days
    from ({inner}) handoffs where {came} is not null
) stays group by grouping sets ((age), (days, how))
"""


def _stays(question: Question, now: datetime) -> Iterable[tuple[str, int, int, str | None, int]]:
    parts, values = [], []
    for stage, (came, went) in SPANS.items():
        inner, own = _sql(with_stages(handoffs(question)), list({came, went, "closed_at"}))
        words = {"went_on": WENT_ON, "ended": ENDED, "standing": STANDING}
        parts.append(_STAYS.format(stage=stage, came=came, went=went, inner=inner, **words))
        values += [now, now, *own]
    with connection.cursor() as cursor:
        cursor.execute(" union all ".join(parts), values)
        yield from cursor.fetchall()


def _sql(found: QuerySet[Any], columns: list[str]) -> tuple[str, tuple[Any, ...]]:
    statement, values = found.order_by().values(*columns).query.sql_with_params()
    return statement, values
