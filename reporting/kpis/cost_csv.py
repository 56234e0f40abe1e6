"""A CSV file of costs as rows with their lines, and what a row says. Pure: nothing here reads a database."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Final

from core.errors import ValidationFailed
from leads.list_csv import Row, columns_of, csv_rows, rows_under
from web.csv_text import undivided

#: What a column may be called, by what it holds.
COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "month": ("month", "period"),
    "source": ("source", "lead source"),
    "campaign": ("campaign", "campaign name"),
    "amount": ("amount", "cost", "costs", "spend"),
    "currency": ("currency", "currency code"),
}
NEEDED: Final = ("month", "source", "amount", "currency")
_BY_NAME: Final = {name: column for column, names in COLUMNS.items() for name in names}
_MONTH: Final = re.compile(r"([0-9]{4})-([0-9]{2})(?:-([0-9]{2}))?")
_AMOUNT: Final = re.compile(r"[0-9]{1,20}(?:\.[0-9]+)?")
_COMMA: Final = re.compile(r"[+-]?(?:[0-9]{1,3}(?:[. '\u00a0\u202f][0-9]{3})*|[0-9]+),[0-9]+")
MOST_DIGITS: Final = 12
LONGEST: Final = {"source": 80, "campaign": 120}
#: Beside the columns of a row: what it has to the right of the last heading.
_BEYOND: Final = "beyond"


@dataclass(frozen=True, slots=True)
class Table:
    """What a file holds. ignored: headings of columns that say nothing to us. encoding: as it was read."""

    rows: list[Row]
    ignored: list[str] = field(default_factory=list)
    encoding: str = "UTF-8"


@dataclass(frozen=True, slots=True)
class Said:
    """What a row says. currency: of ISO 4217, as given."""

    month: date
    source: str
    campaign: str
    amount: Decimal
    currency: str


def read_table(text: str, encoding: str = "UTF-8") -> Table:
    """The rows of a file, whose first row names the columns. Raises ValidationFailed at /file."""
    rows = csv_rows(text)
    known = columns_of(rows[0][1], _BY_NAME)
    missing = [column for column in NEEDED if column not in known]
    if missing:
        said = ", ".join(cell[:30] or "(blank)" for cell in rows[0][1][:8])
        raise ValidationFailed.at(
            "/file",
            "The first row must name the columns month, source, amount and currency; campaign may be there."
            f" It lacks {', '.join(missing)}. It says: {said}.",
            "columns",
        )
    beyond = {line: next(filter(None, cells[len(known) :]), "") for line, cells in rows[1:]}
    return Table(
        rows=[
            Row(row.line, {**row.cells, _BEYOND: beyond[row.line]}) if beyond[row.line] else row
            for row in rows_under(known, rows[1:])
        ],
        ignored=[cell for cell, column in zip(rows[0][1], known, strict=True) if not column],
        encoding=encoding,
    )


def read_row(cells: Mapping[str, str], *, currency: str, present: date) -> Said | dict[str, str]:
    """What a row says, or what is wrong and what to do, by column.

    currency: the organisation's. present: the first day of the month that it is.
    """
    errors: dict[str, str] = {}
    month = _month(cells.get("month", ""), present, errors)
    amount = _amount(cells.get("amount", ""), errors)
    source, campaign = cells.get("source", ""), cells.get("campaign", "")
    if not source:
        errors["source"] = "Name the source, as leads name it."
    for name, text in (("source", source), ("campaign", campaign)):
        if len(text) > LONGEST[name]:
            errors[name] = f"At most {LONGEST[name]} characters."
    given = cells.get("currency", "").upper()
    if not given:
        errors["currency"] = f"Name the currency: {currency}."
    elif given != currency:
        errors["currency"] = (
            f"Amounts are told in {currency} here, and nothing is converted: not {given[:20]!r}."
            f" Convert the amount and write {currency}."
        )
    if cells.get(_BEYOND):
        # "1,250.00" without quotation marks is two cells: the amount would be 1, and nobody would see it.
        errors["amount"] = (
            f"This row goes on after the last heading, with {cells[_BEYOND][:30]!r}. Put what has a separator"
            ' in it into quotation marks, like "1,250.00".'
        )
    if errors or month is None or amount is None:
        return errors
    return Said(month, source, campaign, amount, given)


def _month(text: str, present: date, errors: dict[str, str]) -> date | None:
    if not text:
        errors["month"] = "Say the month: 2026-09."
        return None
    found = _MONTH.fullmatch(text)
    if found is None or not 1 <= int(found[2]) <= 12 or found[3] not in (None, "01"):
        errors["month"] = (
            f"{text[:30]!r} is no month: write it as 2026-09 (or its first day, 2026-09-01). A spreadsheet"
            " keeps that where the column is formatted as text."
        )
        return None
    if not 2000 <= int(found[1]) <= 2099:
        errors["month"] = "A month from 2000 on."
        return None
    month = date(int(found[1]), int(found[2]), 1)
    if month > present:
        errors["month"] = f"{month:%B %Y} has not begun: what it cost is not known yet."
        return None
    return month


def _amount(text: str, errors: dict[str, str]) -> Decimal | None:
    if not text:
        errors["amount"] = "Say what it cost: 1250.00. Write 0 where it cost nothing."
        return None
    plain = undivided(text).removeprefix("+")
    if plain.startswith(("-", "\u2212")) or (plain.startswith("(") and plain.endswith(")")):
        errors["amount"] = (
            "A cost is not below 0: write what the month cost in all, with credit notes taken off."
        )
        return None
    if _AMOUNT.fullmatch(plain) is None:
        errors["amount"] = (
            f"{text[:30]!r} has a decimal comma: write a point, like 1250.50."
            if _COMMA.fullmatch(plain)
            else f"{text[:30]!r} is no amount: write digits and a point, like 1250.50, and the currency in"
            " its own column."
        )
        return None
    whole, _, cents = plain.partition(".")
    if len(cents.rstrip("0")) > 2:
        errors["amount"] = (
            f"{text[:30]!r} has more than two digits after the point. If the point divides thousands, leave"
            " it out."
        )
        return None
    if len(whole.lstrip("0")) > MOST_DIGITS:
        errors["amount"] = f"At most {MOST_DIGITS} digits before the point."
        return None
    # A point before three digits may divide thousands, also where the last is a zero.
    if len(cents) == 3 and len(whole) <= 3:
        errors["amount"] = (
            f"{text[:30]!r} may be thousands or hundredths: write {whole}.{cents[:2]} or {whole}{cents}."
        )
        return None
    return Decimal(plain).quantize(Decimal("0.01"))
