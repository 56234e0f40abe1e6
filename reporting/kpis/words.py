"""Numbers of KPIs as people read them. Pure."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from reporting.kpis.catalog import Kind, Unit
from reporting.kpis.numbers import Number
from web.templatetags.sp import DASH, pct

#: Amounts from here on are told without cents.
_ROUND: Final = 1_000


def money(amount: Decimal | int, currency: str) -> str:
    """ "1,250 EUR", "41.20 EUR"."""
    text = f"{amount:,.0f}" if amount >= _ROUND else f"{amount:,.2f}"
    return f"{text} {currency}"


def exact_money(amount: Decimal | int, currency: str) -> str:
    """ "1,250.00 EUR", where amounts stand below each other."""
    return f"{amount:,.2f} {currency}"


def number(kind: Kind, value: Number | None, currency: str) -> str:
    """A value of a KPI, with its unit."""
    if value is None:
        return DASH
    if kind.unit == Unit.PERCENT:
        return pct(float(value))
    if kind.unit == Unit.DAYS:
        text = f"{float(value):,.1f}".removesuffix(".0")
        return f"{text} day{'' if text == '1' else 's'}"
    if kind.unit == Unit.MONEY:
        return money(Decimal(value), currency)
    return f"{value:,.0f}"
