"""Deals in money: what is open by month of closing, and pipeline and revenue by where the leads came from.

A deal belongs to the source and campaign that a named rule says (settings.RULES). An amount counts where it
is known and in the organisation's currency; the others are counted as left out. Deals of test leads are
nowhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from django.db import connection
from django.db.models import Q, QuerySet

from leads.models import Handoff, Opportunity
from reporting.lately import Lately, lately
from reporting.models import HandoffFact
from reporting.selectors.questions import INBOUND, OUTBOUND, Question, in_sight

SPLITS: Final = ("source", "campaign")
#: What a list of deals may be asked for.
LISTED: Final = {
    "open": "Open opportunities",
    "won": "Won opportunities",
    "lost": "Lost opportunities",
    "closed": "Closed opportunities",
}
MOST_GROUPS: Final = 50
#: Of a list: all deals, those without an amount, those in another currency.
LEFT_OUT: Final = ("", "no_amount", "other_currency")
NO_MONTH: Final = "none"

_TOUCH: Final[Mapping[str, str]] = {
    "first": """left join lateral (select e.source, e.campaign from leads_engagement e
        where e.tenant_id = o.tenant_id and e.lead_id = o.lead_id
          and (e.source <> '' or e.campaign <> '') order by e.at, e.id limit 1
    ) touch on true""",
    "last": """left join lateral (select e.source, e.campaign from leads_engagement e
        where e.tenant_id = o.tenant_id and e.lead_id = o.lead_id and e.at <= o.opened_at
          and (e.source <> '' or e.campaign <> '')
        order by e.at desc, e.id desc limit 1) touch on true""",
    "handoff": """left join leads_handoff touch
        on touch.tenant_id = o.tenant_id and touch.id = o.handoff_id""",
}


@dataclass(slots=True)
class Sum:
    """Deals and what they are worth. amount: of the counted; the others lack an amount or have another
    currency."""

    deals: int = 0
    counted: int = 0
    no_amount: int = 0
    other_currency: int = 0
    amount: Decimal = Decimal(0)

    def add(self, row: Sequence[Any]) -> None:
        deals, counted, no_amount, other_currency, amount = row
        self.deals += deals
        self.counted += counted
        self.no_amount += no_amount
        self.other_currency += other_currency
        self.amount += amount or 0

    def as_dict(self) -> dict[str, Any]:
        return {
            "deals": self.deals,
            "amount": f"{self.amount:.2f}" if self.counted else None,
            "base": self.counted,
            "without_amount": self.no_amount,
            "other_currency": self.other_currency,
        }


@dataclass(slots=True)
class Worth:
    """What a group is worth. open: now, whatever the period. won, lost: closed in the period."""

    name: str
    open: Sum = field(default_factory=Sum)
    won: Sum = field(default_factory=Sum)
    lost: Sum = field(default_factory=Sum)


@dataclass(frozen=True, slots=True)
class Forecast:
    """What was forecast of the deals closed in the period, against what came. first, last, won: amounts of
    those whose first and last amount are known; won is 0 of the lost. slip_days: from the first close date
    to the day on which it closed, of those that had one."""

    deals: int
    counted: int
    first: Decimal
    last: Decimal
    won: Decimal
    dated: int
    median_slip_days: int | None
    p90_slip_days: int | None


@dataclass(frozen=True, slots=True)
class Pipeline:
    """The answer to a question. number: of groups that there are; the rest of them together in others."""

    rule: str
    whole: Worth
    months: list[tuple[date | None, Sum]]
    groups: list[Worth]
    others: Worth | None
    number: int
    forecast: Forecast

    @property
    def deals(self) -> int:
        """How many it is counted of."""
        return self.whole.open.deals + self.whole.won.deals + self.whole.lost.deals


def deals_of(question: Question) -> QuerySet[Opportunity]:
    """Every deal that the reader may see, of any time, of the kind of handoffs that is asked about. Those of
    outbound meetings are no marketing's; one of no handoff counts as inbound."""
    found: QuerySet[Opportunity] = Opportunity.objects.filter(lead__is_test=False)
    if question.kind == INBOUND:
        found = found.exclude(handoff__kind=Handoff.Kind.OUTBOUND)
    elif question.kind == OUTBOUND:
        found = found.filter(handoff__kind=Handoff.Kind.OUTBOUND)
    if question.seen_by is not None:
        seen = HandoffFact.objects.filter(in_sight(question, "team_id", "member_id"))
        found = found.filter(handoff_id__in=seen.values("id"))
    return found


def outbound_deals(question: Question) -> int:
    """How many deals of outbound meetings are open, or closed in the period, whatever kind is asked about."""
    told = Q(outcome="") | Q(closed_at__gte=question.start, closed_at__lt=question.end)
    return deals_of(replace(question, kind=OUTBOUND)).filter(told).count()


def pipeline(question: Question, *, rule: str, by: str, currency: str) -> Pipeline:
    """Deals by source or campaign under a rule. Three queries."""
    whole, groups = Worth("All"), dict[str, Worth]()
    for key, state, *numbers in _rows(_GROUPS.format(by=by, sums=_SUM), question, rule, currency):
        for worth in (whole, groups.setdefault(key, Worth(key))):
            getattr(worth, state).add(numbers)
    ordered = sorted(groups.values(), key=lambda one: (-(one.won.amount + one.open.amount), one.name))
    rest = ordered[MOST_GROUPS:]
    return Pipeline(
        rule=rule,
        whole=whole,
        months=_months(question, rule, currency),
        groups=ordered[:MOST_GROUPS],
        others=_together(rest) if rest else None,
        number=len(ordered),
        forecast=_forecast(question, rule, currency),
    )


def pipeline_lately(
    question: Question, *, rule: str, by: str, currency: str, now: datetime
) -> Lately[Pipeline]:
    """The same, of many deals at most ten minutes old."""
    return lately(
        "pipeline",
        (question, rule, by, currency),
        lambda: pipeline(question, rule=rule, by=by, currency=currency),
        rows=lambda found: found.deals,
        now=now,
        seen_by=question.seen_by,
    )


def outbound_deals_lately(question: Question, *, among: int, now: datetime) -> int:
    """`outbound_deals`, at most ten minutes old where they are looked for among many deals."""
    found = lately(
        "pipeline/outbound",
        replace(question, kind=OUTBOUND),
        lambda: outbound_deals(question),
        rows=among,
        now=now,
        seen_by=question.seen_by,
    )
    return found.value


def _together(rest: Sequence[Worth]) -> Worth:
    found = Worth(f"{len(rest):,} others")
    for each in rest:
        for state in ("open", "won", "lost"):
            one: Sum = getattr(each, state)
            getattr(found, state).add((one.deals, one.counted, one.no_amount, one.other_currency, one.amount))
    return found


_DEALS: Final = """
with deal as (
    select o.id, o.lead_id, o.name, o.amount, o.currency, o.first_amount, o.close_date, o.first_close_date,
        o.opened_at, o.closed_at, coalesce(nullif(o.outcome, ''), 'open') as state,
        coalesce(touch.source, '') as source, coalesce(touch.campaign, '') as campaign,
        o.amount is not null and o.currency = %(currency)s as counts
    from leads_opportunity o {touch}
    where o.id in ({deals}) and (o.outcome = '' or (o.closed_at >= %(start)s and o.closed_at < %(end)s))
)
"""
_SUM: Final = """count(*), count(*) filter (where counts), count(*) filter (where amount is null),
    count(*) filter (where amount is not null and not counts), sum(amount) filter (where counts)"""
_GROUPS: Final = "select {by}, state, {sums} from deal group by 1, 2"
_MONTHS: Final = """
select date_trunc('month', close_date)::date, {sums} from deal where state = 'open' group by 1
order by 1 nulls last
"""
_FORECAST: Final = """
select count(*), count(*) filter (where counts and first_amount is not null),
    coalesce(sum(first_amount) filter (where counts), 0),
    coalesce(sum(amount) filter (where counts and first_amount is not null), 0),
    coalesce(sum(amount) filter (where counts and first_amount is not null and state = 'won'), 0),
    count(first_close_date),
    percentile_disc(0.5) within group (order by close_date - first_close_date),
    percentile_disc(0.9) within group (order by close_date - first_close_date)
from deal where state <> 'open'
"""
_LIST: Final = """
select deal.*, l.first_name, l.last_name, l.email, l.company_name
from deal join leads_lead l on l.id = deal.lead_id
where (%(state)s = deal.state or (%(state)s = 'closed' and deal.state <> 'open'))
  and (%(source)s::text is null or deal.source = %(source)s)
  and (%(campaign)s::text is null or deal.campaign = %(campaign)s)
  and (%(month)s::text is null
       or coalesce(to_char(close_date, 'YYYY-MM'), 'none') = %(month)s)
  and (%(left_out)s = '' or (%(left_out)s = 'no_amount' and amount is null)
       or (%(left_out)s = 'other_currency' and amount is not null and not counts))
order by deal.amount desc nulls last, deal.id limit %(most)s
"""


def _rows(select: str, question: Question, rule: str, currency: str, **more: Any) -> list[tuple[Any, ...]]:
    deals, params = deals_of(question).order_by().values("id").query.sql_with_params()
    named = {f"p{place}": value for place, value in enumerate(params)}
    deals = deals % tuple(f"%({name})s" for name in named)
    sql = _DEALS.format(touch=_TOUCH[rule], deals=deals) + select
    with connection.cursor() as cursor:
        cursor.execute(
            sql, {**named, "currency": currency, "start": question.start, "end": question.end, **more}
        )
        return cursor.fetchall()


def _months(question: Question, rule: str, currency: str) -> list[tuple[date | None, Sum]]:
    found = []
    for month, *numbers in _rows(_MONTHS.format(sums=_SUM), question, rule, currency):
        one = Sum()
        one.add(numbers)
        found.append((month, one))
    return found


def _forecast(question: Question, rule: str, currency: str) -> Forecast:
    return Forecast(*_rows(_FORECAST, question, rule, currency)[0])


@dataclass(frozen=True, slots=True)
class Deal:
    """One deal of a list, with its lead."""

    id: Any
    lead_id: Any
    name: str
    amount: Decimal | None
    currency: str
    first_amount: Decimal | None
    close_date: date | None
    first_close_date: date | None
    opened_at: Any
    closed_at: Any
    state: str
    source: str
    campaign: str
    counts: bool
    first: str
    last: str
    email: str
    company: str

    @property
    def who(self) -> str:
        return f"{self.first} {self.last}".strip() or self.email or "Unnamed lead"


def deals_behind(
    question: Question,
    *,
    rule: str,
    currency: str,
    state: str,
    month: str | None = None,
    left_out: str = "",
    most: int,
) -> list[Deal]:
    """The deals that a number counts, the largest first: as the question's source and campaign are by the
    rule. month: of closing, "2026-12"; NO_MONTH for none."""
    rows = _rows(
        _LIST,
        question,
        rule,
        currency,
        state=state,
        source=question.source,
        campaign=question.campaign,
        month=month,
        left_out=left_out,
        most=most,
    )
    return [Deal(*row) for row in rows]
