"""What each KPI is in a month, from what was counted. Pure; the words for it are in the catalogue."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

from reporting.commitments.catalog import FOLLOWED_DAYS
from reporting.commitments.counts import refused_of, volume_of
from reporting.definitions import Share, counted_as
from reporting.kpis.catalog import ENGAGED_DAYS, ENGAGED_SAMPLE, OPPORTUNITY_DAYS, Kind
from reporting.kpis.costs import Spent, spent_by_source, together
from reporting.kpis.counted import Came, Closed, Engaged, Measured, Opened, Wins
from reporting.kpis.spans import Span

Number = Decimal | float | int
_SQL: Final = counted_as("sql", FOLLOWED_DAYS)
_DAY: Final = 86_400


@dataclass(frozen=True, slots=True)
class LeftOut:
    """How many were left out, and why, in words that go on after the number. link: of reporting.kpis.links,
    where they can be listed."""

    number: int
    why: str
    link: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """A number with what it is of.

    value: None where there is none, and `why` says so. count: of a share, those that count. p90: of a median.
    cost: of a cost per something, the money; of a pipeline, that of everybody. aside: money that is in no
    number and what it is.
    """

    value: Number | None
    base: int
    why: str = ""
    count: int | None = None
    p90: Number | None = None
    cost: Decimal | None = None
    left_out: tuple[LeftOut, ...] = ()
    aside: tuple[tuple[Decimal, str], ...] = ()


def _some(*left_out: LeftOut) -> tuple[LeftOut, ...]:
    return tuple(each for each in left_out if each.number)


def _summed(counts: Mapping[date, Counter[str]], first: date, last: date) -> Counter[str]:
    found: Counter[str] = Counter()
    for day, numbers in counts.items():
        if first <= day <= last:
            found.update(numbers)
    return found


def _of_share(share: Share, *left_out: LeftOut, why: str) -> Reading:
    return Reading(
        share.percent, share.base, "" if share.base else why, count=share.count, left_out=_some(*left_out)
    )


def _mql_to_sql(measured: Measured, span: Span) -> Reading:
    days = span.followed
    cohort = _summed(measured.counts, days.first, days.cohort_last)
    young = _summed(measured.counts, days.cohort_last + timedelta(days=1), days.last)["mqls"]
    return _of_share(
        Share(cohort[_SQL], cohort["mqls"], young),
        LeftOut(young, f"too young: MQL less than {FOLLOWED_DAYS} days ago", "young"),
        why=f"No MQL has been followed for {FOLLOWED_DAYS} days yet.",
    )


def _came(measured: Measured, first: date, last: date) -> Came:
    return sum((each for day, each in measured.rows.came.items() if first <= day <= last), Came())


def _lead_to_opportunity(measured: Measured, span: Span) -> Reading:
    first, last = span.leads
    came = _came(measured, first, last)
    young = _came(measured, last + timedelta(days=1), span.last).leads
    return _of_share(
        Share(came.opened, came.leads),
        LeftOut(came.subscribers, "still subscribers, no leads yet", "subscribers"),
        LeftOut(came.disqualified, "disqualified", "disqualified"),
        LeftOut(young, f"too young: came less than {OPPORTUNITY_DAYS} days ago", "young"),
        why=f"No lead has been followed for {OPPORTUNITY_DAYS} days yet.",
    )


def _days(seconds: int | None) -> float | None:
    return None if seconds is None else round(seconds / _DAY, 1)


def cycle_of(wins: Wins) -> Reading:
    """How long won leads took since they came."""
    return Reading(
        _days(wins.median),
        wins.dated,
        "" if wins.dated else "Nothing was won in these three months.",
        p90=_days(wins.p90),
        left_out=_some(LeftOut(wins.won - wins.dated, "came after they were won, by the dates given")),
    )


def velocity_of(wins: Wins) -> Reading:
    """How long won leads took since somebody first touched them."""
    none = (
        "No first touch is known of what was won." if wins.won else "Nothing was won in these three months."
    )
    return Reading(
        _days(wins.touch_median),
        wins.touched,
        "" if wins.touched else none,
        p90=_days(wins.touch_p90),
        left_out=_some(LeftOut(wins.won - wins.touched, "without a known first touch before it")),
    )


def _pipeline(measured: Measured, span: Span) -> Reading:
    found = measured.rows.opened.get(span.month, Opened())
    why = ""
    if not found.priced:
        why = (
            f"None of {found.opened:,} opportunities of the month has an amount in the currency."
            if found.opened
            else "No opportunity was opened in the month."
        )
    return Reading(
        found.amount if found.priced else None,
        found.priced,
        why,
        cost=found.all_amount,
        left_out=_some(
            LeftOut(found.no_amount, "without an amount"),
            LeftOut(found.other_currency, "in another currency"),
            LeftOut(found.all_priced - found.priced, "of outbound meetings"),
        ),
    )


def _spent(measured: Measured, span: Span) -> Spent:
    by_source = spent_by_source(span.cost_months, measured.brought, measured.costs, span.today)
    return together(list(by_source.values()))


def _cost_per_mql(measured: Measured, span: Span) -> Reading:
    spent = _spent(measured, span)
    return Reading(
        spent.per_mql,
        spent.mqls,
        spent.why_no_mql_cost,
        cost=spent.cost,
        left_out=_left_out_of_costs(spent),
        aside=_nothing(spent),
    )


def _cost_per_sql(measured: Measured, span: Span) -> Reading:
    spent = _spent(measured, span)
    young = LeftOut(spent.young, f"MQLs with a cost not followed for {FOLLOWED_DAYS} days yet")
    return Reading(
        spent.per_sql,
        spent.sqls,
        spent.why_no_sql_cost,
        cost=spent.sql_cost,
        left_out=_some(*_left_out_of_costs(spent), young),
        aside=_nothing(spent),
    )


def _left_out_of_costs(spent: Spent) -> tuple[LeftOut, ...]:
    sources = spent.sources_without
    where = f"{sources:,} source{'' if sources == 1 else 's'}"
    return _some(
        LeftOut(spent.no_cost, f"MQLs of {where}: no cost known"),
        LeftOut(spent.others, "costs in another currency"),
    )


def _nothing(spent: Spent) -> tuple[tuple[Decimal, str], ...]:
    return ((spent.nothing, "spent where no MQL came"),) if spent.nothing else ()


def _engagement(measured: Measured, span: Span) -> Reading:
    found = measured.rows.engaged.get(span.month, Engaged())
    first, last = span.engaged
    came = _came(measured, first, last).all
    young = _came(measured, last + timedelta(days=1), span.last).all
    why = f"No lead has been followed for {ENGAGED_DAYS} days yet."
    if found.looked_at and not found.known:
        # Nothing was sent: a share of 0 would say that nobody did anything.
        why = f"Not known: of {found.looked_at:,} leads nothing was sent of what they did."
        return Reading(None, found.looked_at, why)
    return _of_share(
        Share(found.again, found.looked_at),
        LeftOut(came - found.looked_at, f"came before the latest {ENGAGED_SAMPLE:,}"),
        LeftOut(young, f"too young: came less than {ENGAGED_DAYS} days ago"),
        why=why,
    )


def _close_rate(measured: Measured, span: Span) -> Reading:
    found = measured.rows.closed.get(span.month, Closed())
    return _of_share(
        Share(found.won, found.won + found.lost),
        LeftOut(found.outbound, "closed ones of outbound meetings"),
        LeftOut(found.unwritten, "leads won of which no won opportunity is written down"),
        why="No opportunity was won or lost in these three months.",
    )


def _deal_size(measured: Measured, span: Span) -> Reading:
    found = measured.rows.closed.get(span.month, Closed())
    none = (
        f"None of {found.won:,} won opportunities has an amount in the currency."
        if found.won
        else "No opportunity was won in these three months."
    )
    return Reading(
        found.median,
        found.priced,
        "" if found.priced else none,
        p90=found.p90,
        left_out=_some(
            LeftOut(found.no_amount, "won without an amount", "no_amount"),
            LeftOut(found.other_currency, "won in another currency", "other_currency"),
        ),
    )


def _volume(measured: Measured, span: Span, *, counts_rejected: bool) -> Reading:
    counts = _summed(measured.counts, span.month, span.last)
    refused = 0 if counts_rejected else refused_of(counts)
    value = volume_of(counts, counts_rejected=counts_rejected)
    left_out = _some(LeftOut(refused, "rejected, which do not count", "refused"))
    return Reading(value, counts["mqls"], left_out=left_out)


_READ: Final[Mapping[str, Callable[[Measured, Span], Reading]]] = {
    "mql_to_sql": _mql_to_sql,
    "lead_to_opportunity": _lead_to_opportunity,
    "cycle_length": lambda measured, span: cycle_of(measured.rows.wins.get(span.month, Wins())),
    "marketing_pipeline": _pipeline,
    "cost_per_mql": _cost_per_mql,
    "cost_per_sql": _cost_per_sql,
    "engagement": _engagement,
    "close_rate": _close_rate,
    "deal_size": _deal_size,
    "velocity": lambda measured, span: velocity_of(measured.rows.wins.get(span.month, Wins())),
}


def read(kind: Kind, measured: Measured, span: Span, *, counts_rejected: bool = True) -> Reading:
    """A KPI in a month. counts_rejected: of MQLs a month, whether rejected ones count."""
    if kind.key == "mql_volume":
        return _volume(measured, span, counts_rejected=counts_rejected)
    return _READ[kind.key](measured, span)
