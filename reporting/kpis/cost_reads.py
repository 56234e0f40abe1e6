"""The costs that were brought in, by month and row by row."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.db.models import Count, Sum

from reporting.kpis.models import SourceCost


@dataclass(slots=True)
class MonthOfCosts:
    """The costs of a month together. amount: of those in the organisation's currency."""

    month: date
    rows: int = 0
    amount: Decimal = Decimal(0)
    others: int = 0


def months_of_costs(currency: str) -> list[MonthOfCosts]:
    """The months that have a cost, the latest first. One query."""
    found: dict[date, MonthOfCosts] = {}
    summed = SourceCost.objects.order_by().values("month", "currency")
    for each in summed.annotate(amount_sum=Sum("amount"), rows=Count("id")):
        one = found.setdefault(each["month"], MonthOfCosts(each["month"]))
        one.rows += each["rows"]
        if each["currency"] == currency:
            one.amount += each["amount_sum"]
        else:
            one.others += each["rows"]
    return [found[month] for month in sorted(found, reverse=True)]


def costs_of(month: date | None) -> list[SourceCost]:
    """The costs of a month, or all, the latest month first. One query."""
    rows = SourceCost.objects.order_by("-month", "source", "campaign")
    return list(rows if month is None else rows.filter(month=month))
