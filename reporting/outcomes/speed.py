"""What speed is worth here: what became of MQLs by how soon somebody reached out, and by criteria met.

Cohort-true: every MQL is followed for the same days; younger ones are left out and counted as such. Response
time is working time from MQL to the first touch that counts, by the company's clock.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from django.core.exceptions import EmptyResultSet
from django.db import connection

from reporting.definitions import BAND_LABELS, BANDS, COUNTS, NEVER, counted_as
from reporting.lately import Lately, lately
from reporting.leaks.finder.statistics import Group
from reporting.outcomes import comparing
from reporting.outcomes.comparing import Comparison, Moments, Slope, compare, slope_within
from reporting.selectors.funnels import first_unfollowed
from reporting.selectors.questions import Question, handoff_facts, midnight
from tenants.context import current_tenant_id
from tenants.models import Tenant

#: Of a comparison: under an hour against all slower and none.
FAST: Final = ("5m", "30m", "1h")
#: Hours within which the price of one more is looked for.
MOST_HOURS: Final = 8
OUTCOMES: Final = ("sql", "opportunity", "won")
#: Criteria that are listed, those with the most leads on their smaller side first.
MOST_CRITERIA: Final = 20
_UNCLOCKED: Final = "unclocked"


@dataclass(slots=True)
class Came:
    """MQLs and what came of them within the days. won_amount: of the won, in the organisation's currency.
    without_amount: won ones that have none."""

    leads: int = 0
    sql: int = 0
    opportunity: int = 0
    won: int = 0
    won_amount: Decimal = Decimal(0)
    without_amount: int = 0

    def add(self, row: Iterable[Any]) -> None:
        leads, sql, opportunity, won, amount, without = row
        self.leads += leads
        self.sql += sql
        self.opportunity += opportunity
        self.won += won
        self.won_amount += amount
        self.without_amount += without

    def of(self, outcome: str) -> Group:
        return Group(getattr(self, outcome), self.leads)

    @property
    def per_lead(self) -> Decimal | None:
        """Money a lead; None of nobody, or where no won deal has an amount."""
        if not self.leads or (self.won and self.without_amount == self.won):
            return None
        return self.won_amount / self.leads


@dataclass(frozen=True, slots=True)
class Criterion:
    """An optional criterion: MQLs that met it and those that did not."""

    label: str
    met: Came
    unmet: Came
    comparison: Comparison


@dataclass(frozen=True, slots=True)
class Hour:
    """What one more hour until first touch costs. opportunities, money: a hundred leads; None: too few.
    leads, hits: that it was looked for among."""

    leads: int
    hits: int
    opportunities: Slope | None
    money: Slope | None


@dataclass(slots=True)
class Speed:
    """The answer to a question. unclocked: touched, but no clock measured how soon. young: not followed for
    long enough."""

    follow: int
    bands: dict[str, Came] = field(default_factory=dict)
    unclocked: int = 0
    young: int = 0
    comparisons: dict[str, Comparison] = field(default_factory=dict)
    hour: Hour | None = None
    criteria: list[Criterion] = field(default_factory=list)

    @property
    def leads(self) -> int:
        return sum(each.leads for each in self.bands.values())


def _within(stage: str, days: int) -> str:
    return COUNTS[counted_as(stage, days)]


def _columns(days: int) -> str:
    """What is counted of a fact, in the order of Came.add."""
    won = _within("won", days)
    return f"""count(*), sum({_within("sql", days)}), sum({_within("opportunity", days)}), sum({won}),
    coalesce(sum(won_amount) filter (where {won} = 1), 0),
    count(*) filter (where {won} = 1 and won_amount is null)"""


_BAND: Final = "case {never} {bands} end"
_BY_BAND: Final = "select {band}, source, {columns} from ({facts}) as fact group by 1, 2"
_BY_HOUR: Final = """
select count(*), sum(x), sum(x * x), sum(y), sum(y * y), sum(x * y), sum(m), sum(m * m), sum(x * m)
from (
    select source, touch_seconds / 3600.0::float8 as x, ({opportunity})::float8 as y,
        case when {won} = 1 then coalesce(won_amount, 0) else 0 end::float8 as m
    from ({facts}) as fact where touch_seconds < %s
) as lead group by source
"""
_BY_CRITERION: Final = """
select criterion->>'label', criterion->>'state' = 'met', source, {columns}
from ({facts}) as fact
join lateral (select h.verdict from leads_handoff h where h.id = fact.id) as judged on true
cross join lateral jsonb_array_elements(
    case when jsonb_typeof(judged.verdict->'criteria') = 'array' then judged.verdict->'criteria'
         else '[]'::jsonb end) as criterion
group by 1, 2, 3
"""


def _band(days: int) -> str:
    """The band of a fact; a first touch after the days is none within them."""
    limit = f"started_at + interval '{days * 24} hours'"
    never = f"when first_touch_at is null or first_touch_at > {limit} then '{NEVER}'"
    bands = [f"when touch_seconds is null then '{_UNCLOCKED}'"]
    bands += [f"when touch_seconds < {end} then '{name}'" for name, _, end in BANDS if end is not None]
    return _BAND.format(never=never, bands=" ".join([*bands, f"else '{BANDS[-1][0]}'"]))


def speed(question: Question, *, now: datetime, follow: int, is_whole: bool = True) -> Speed:
    """What became of the period's MQLs by how soon they were reached. Four queries; two where not `is_whole`:
    without the price of an hour and the criteria."""
    cut = midnight(first_unfollowed(now, question, follow), question.zone)
    every = handoff_facts(question)
    found = Speed(follow, {name: Came() for name in BAND_LABELS})
    found.young = every.filter(started_at__gte=cut).count()
    try:
        facts, params = every.filter(started_at__lt=cut).order_by().values().query.sql_with_params()
    except EmptyResultSet:
        return found
    by_source: dict[str, dict[str, Came]] = {}
    band, columns = _band(follow), _columns(follow)
    for name, source, *numbers in _ask(_BY_BAND.format(band=band, columns=columns, facts=facts), params):
        if name == _UNCLOCKED:
            found.unclocked += numbers[0]
            continue
        found.bands[name].add(numbers)
        by_source.setdefault(name, {}).setdefault(source, Came()).add(numbers)
    for outcome in OUTCOMES:
        found.comparisons[outcome] = compare(
            _groups((by_source.get(name, {}) for name in FAST), outcome),
            _groups((each for name, each in by_source.items() if name not in FAST), outcome),
        )
    if is_whole:
        found.hour = _hour(facts, params, follow)
        found.criteria = _criteria(facts, params, columns)
    return found


def speed_lately(question: Question, *, now: datetime, follow: int, is_whole: bool = True) -> Lately[Speed]:
    """The same, in large organisations at most ten minutes old: every MQL of a year is followed for it, and
    what its criteria said is read."""
    money = Tenant.objects.filter(id=current_tenant_id()).values_list("currency", flat=True).get()
    today = now.astimezone(question.zone).date()
    return lately(
        "speed",
        (question, follow, is_whole, money, today),
        lambda: speed(question, now=now, follow=follow, is_whole=is_whole),
        rows=lambda found: found.leads + found.unclocked,
        now=now,
        seen_by=question.seen_by,
    )


def _groups(parts: Iterable[dict[str, Came]], outcome: str) -> dict[str, Group]:
    """Hits and base by source, of several bands together."""
    found: dict[str, Group] = {}
    for part in parts:
        for source, came in part.items():
            one, former = came.of(outcome), found.get(source, Group(0, 0))
            found[source] = Group(former.hits + one.hits, former.base + one.base)
    return found


def _ask(sql: str, params: Iterable[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, list(params))
        return cursor.fetchall()


def _hour(facts: str, params: Iterable[Any], follow: int) -> Hour:
    sql = _BY_HOUR.format(opportunity=_within("opportunity", follow), won=_within("won", follow), facts=facts)
    rows = _ask(sql, [*params, MOST_HOURS * 3_600])
    leads, hits = sum(row[0] for row in rows), int(sum(row[3] for row in rows))
    if leads < comparing.LEAST_FOR_HOUR or hits < comparing.LEAST_HITS_FOR_HOUR:
        return Hour(leads, hits, None, None)
    deals = slope_within([Moments(n, x, xx, y, yy, xy) for n, x, xx, y, yy, xy, *_ in rows])
    with_money = any(row[6] for row in rows)
    money = slope_within([Moments(n, x, xx, m, mm, xm) for n, x, xx, _, _, _, m, mm, xm in rows])
    return Hour(leads, hits, deals, money if with_money else None)


def _criteria(facts: str, params: Iterable[Any], columns: str) -> list[Criterion]:
    met: dict[str, dict[str, Came]] = {}
    unmet: dict[str, dict[str, Came]] = {}
    for label, is_met, source, *numbers in _ask(_BY_CRITERION.format(columns=columns, facts=facts), params):
        side = met if is_met else unmet
        side.setdefault(label or "", {}).setdefault(source, Came()).add(numbers)
    found = [
        Criterion(
            label,
            _together(met[label].values()),
            _together(unmet[label].values()),
            compare(_groups([met[label]], "opportunity"), _groups([unmet[label]], "opportunity")),
        )
        for label in met
        if label in unmet
    ]
    found.sort(key=lambda each: (-min(each.met.leads, each.unmet.leads), each.label))
    return found[:MOST_CRITERIA]


def _together(parts: Iterable[Came]) -> Came:
    whole = Came()
    for each in parts:
        whole.add((each.leads, each.sql, each.opportunity, each.won, each.won_amount, each.without_amount))
    return whole
