"""The facts that the leak finder takes, counted by the database: two statements over the period, whatever the
number of leads, and two for what people call things.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from django.db import connection
from django.db.models import QuerySet

from feedback.models import Reason
from leads.quality import COMPLETE
from reporting import selectors
from reporting.leak_rows import SPANS, dimensions, flags, handoffs, learn_since, with_stages
from reporting.leak_settings import LeakTerms, leak_terms
from reporting.leaks.facts import APART, ENDED, STANDING, TALLIED, WENT_ON, Facts, Tally, Terms
from reporting.leaks.registry import Leaks, find
from reporting.selectors.questions import Question

_DIMENSIONS: Final = ("speed", "attempts", "moved", "answer", "reason", "member_id", "lacks", "hour")
#: Each table of the facts, by the columns that it groups by.
_TABLES: Final = {
    "by_speed": ("source", "speed"),
    "by_attempts": ("source", "attempts"),
    "by_move": ("source", "moved"),
    "by_reason": ("source", "answer", "reason"),
    "by_rep": ("source", "member_id"),
    "by_lacks": ("source", "lacks"),
    "by_hour": ("hour",),
}


def leaks_for(question: Question, now: datetime, *, chosen: LeakTerms | None = None) -> Leaks:
    """The leaks of a period, as far as the reader of the question sees it. chosen: the organisation's unless
    they are at hand."""
    terms = (chosen or leak_terms()).terms
    return find(leak_facts(question, terms, now=now), terms)


def leak_facts(question: Question, terms: Terms, *, now: datetime) -> Facts:
    """The handoffs of the period, counted; those that conversion is learned from too."""
    tables: dict[str, dict[Any, Tally]] = {name: {} for name in _TABLES}
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
    found = with_stages(handoffs(question, since=learn_since(question)))
    found = found.annotate(
        **dimensions(question, terms, now),
        **{f"is_{name}": flag for name, flag in flags(question, terms, now).items()},
    )
    columns = ["source", *_DIMENSIONS]
    inner, values = _sql(found, [*columns, *(f"is_{name}" for name in TALLIED)])
    sets = ", ".join(f"({', '.join(each)})" for each in _TABLES.values())
    sums = ", ".join(f"sum(is_{name})" for name in TALLIED)
    places = {_mask(each, columns): name for name, each in _TABLES.items()}
    # All names are constants of this module or of the pure package.
    statement = (
        f"select grouping({', '.join(columns)}), {', '.join(columns)}, {sums}"  # noqa: S608
        f" from ({inner}) counted group by grouping sets ({sets})"
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        for mask, *row in cursor:
            table = places[mask]
            by_name = dict(zip(columns, row, strict=False))
            key = tuple(_plain(by_name[name]) for name in _TABLES[table])
            numbers = row[len(columns) :]
            if table == "by_hour":
                key = divmod(by_name["hour"], 24)
            elif table != "by_rep" and key[1] == APART:
                continue
            if any(numbers):
                yield table, key, Tally(*(int(number) for number in numbers))


def _mask(grouped: tuple[str, ...], columns: list[str]) -> int:
    """What GROUPING says of a set: a bit for each column that is not in it, the last column the lowest."""
    return sum(1 << place for place, column in enumerate(reversed(columns)) if column not in grouped)


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(sorted(value))
    return "" if value is None else value if isinstance(value, str) else str(value)


_STAYS: Final = """
select stage, age, days, how, count(*) from (
    select stage, greatest(floor(extract(epoch from %s - came) / 86400), 0)::int as age,
        case when went is not null then '{went_on}' when closed_at is not null then '{ended}'
            else '{standing}' end as how,
        greatest(floor(extract(epoch from coalesce(went, closed_at, %s) - came) / 86400), 0)::int as days
    from ({inner}) handoffs
    cross join lateral (values {spans}) as span (stage, came, went)
    where came is not null
) stays group by grouping sets ((stage, age), (stage, days, how))
"""


def _stays(question: Question, now: datetime) -> Iterable[tuple[str, int, int, str | None, int]]:
    columns = sorted({column for span in SPANS.values() for column in span} | {"closed_at"})
    inner, values = _sql(with_stages(handoffs(question)), columns)
    spans = ", ".join(f"('{stage}', {came}, {went})" for stage, (came, went) in SPANS.items())
    statement = _STAYS.format(inner=inner, spans=spans, went_on=WENT_ON, ended=ENDED, standing=STANDING)
    with connection.cursor() as cursor:
        cursor.execute(statement, [now, now, *values])
        yield from cursor.fetchall()


def _sql(found: QuerySet[Any], columns: list[str]) -> tuple[str, tuple[Any, ...]]:
    statement, values = found.order_by().values(*columns).query.sql_with_params()
    return statement, values
