"""Cost per MQL and per SQL: only where both the cost and what it brought are known. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from reporting.kpis.counted import Brought, Cost
from reporting.kpis.spans import is_followed

_CENT: Final = Decimal("0.01")


@dataclass(slots=True)
class Spent:
    """What was spent and what it brought, of months and sources.

    mqls, cost: of those with both. no_cost: MQLs without a known cost, and of how many sources. nothing: what
    was spent where no MQL came. sqls, sql_cost: the same of MQLs that were followed for long enough. young:
    MQLs, with a cost, that were not. sql_nothing: spent where MQLs came and no SQL. others: costs in another
    currency. months_known: of the months, those with a cost.
    """

    mqls: int = 0
    cost: Decimal = Decimal(0)
    no_cost: int = 0
    sources_without: int = 0
    nothing: Decimal = Decimal(0)
    sqls: int = 0
    sql_cost: Decimal = Decimal(0)
    sql_nothing: Decimal = Decimal(0)
    young: int = 0
    others: int = 0
    all_mqls: int = 0
    known: int = 0  # costs that are known, in the currency
    months_known: int = 0

    def add(self, other: Spent) -> None:
        for name in (
            "mqls",
            "cost",
            "no_cost",
            "nothing",
            "sqls",
            "sql_cost",
            "sql_nothing",
            "young",
            "others",
            "all_mqls",
            "known",
        ):
            setattr(self, name, getattr(self, name) + getattr(other, name))

    @property
    def per_mql(self) -> Decimal | None:
        return _divided(self.cost, self.mqls)

    @property
    def per_sql(self) -> Decimal | None:
        return _divided(self.sql_cost, self.sqls)

    @property
    def why_no_mql_cost(self) -> str:
        """Why there is no cost per MQL; "" where there is one."""
        if self.mqls:
            return ""
        if not self.known:
            return self._no_cost_known
        return "Costs are known, but no MQL came of them: there is nothing to divide by."

    @property
    def why_no_sql_cost(self) -> str:
        if self.sqls:
            return ""
        if not self.known:
            return self._no_cost_known
        if self.young and not self.sql_nothing:
            return f"Too early: {_mqls(self.young)} with a cost not followed for 30 days yet."
        if not self.mqls:
            return self.why_no_mql_cost
        return "Costs are known, but none of their MQLs became SQL in time: there is nothing to divide by."

    @property
    def _no_cost_known(self) -> str:
        if self.others:
            return "No cost known in this currency: what there is is in another one, and is not converted."
        return "No cost known."


def _mqls(number: int) -> str:
    return f"{number:,} MQL{'' if number == 1 else 's'}"


def _divided(amount: Decimal, number: int) -> Decimal | None:
    return (amount / number).quantize(_CENT, ROUND_HALF_UP) if number else None


def spent_by_source(
    months: Collection[date],
    brought: Mapping[tuple[date, str], Brought],
    costs: Mapping[tuple[date, str], Cost],
    today: date,
) -> dict[str, Spent]:
    """What was spent in these months, by source, those with most MQLs first. "" is none given."""
    found: dict[str, Spent] = {}
    for month, source in {*brought, *costs}:
        if month not in months:
            continue
        came = brought.get((month, source), Brought())
        cost = costs.get((month, source), Cost())
        one = _of_pair(came, cost, followed=is_followed(month, today))
        spent = found.setdefault(source, Spent())
        spent.add(one)
        spent.months_known += one.known
    for spent in found.values():
        spent.sources_without = int(bool(spent.no_cost))
    return dict(sorted(found.items(), key=lambda each: (-each[1].all_mqls, -each[1].nothing, each[0])))


def _of_pair(came: Brought, cost: Cost, *, followed: bool) -> Spent:
    found = Spent(others=cost.others, all_mqls=came.mqls)
    if cost.amount is None:
        found.no_cost = came.mqls
        return found
    found.known = 1
    if not came.mqls:
        found.nothing = cost.amount
        return found
    found.mqls, found.cost = came.mqls, cost.amount
    if not followed:
        found.young = came.mqls
        return found
    # A source that costs and brings MQLs but no SQL makes SQLs dearer: its money counts.
    found.sqls, found.sql_cost = came.sqls, cost.amount
    if not came.sqls:
        found.sql_nothing = cost.amount
    return found


def together(spent: Sequence[Spent]) -> Spent:
    """All of them as one."""
    whole = Spent()
    for each in spent:
        whole.add(each)
        whole.sources_without += each.sources_without
    return whole
