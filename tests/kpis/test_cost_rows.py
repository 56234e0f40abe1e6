"""What a row of costs says, and what it is told where it cannot be read."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from core.errors import ValidationFailed
from reporting.kpis.cost_csv import Said, read_row, read_table

SOUND = {"month": "2026-09", "source": "Google Ads", "amount": "1250.50", "currency": "EUR"}


def said(**cells: str) -> Said | dict[str, str]:
    return read_row({**SOUND, **cells}, currency="EUR", present=date(2026, 11, 1))


def test_a_sound_row_says_month_source_campaign_and_amount() -> None:
    expected = Said(date(2026, 9, 1), "Google Ads", "Brand", Decimal("1250.50"), "EUR")
    assert said(campaign="Brand") == expected


@pytest.mark.parametrize(
    ("text", "amount"),
    [("0", "0.00"), ("1,250", "1250.00"), ("1 250.5", "1250.50"), ("+7", "7.00"), ("12.30000", "12.30")],
)
def test_amounts_are_read_as_people_write_them(text: str, amount: str) -> None:
    found = said(amount=text)
    assert isinstance(found, Said)
    assert found.amount == Decimal(amount)


@pytest.mark.parametrize(
    ("column", "text", "words"),
    [
        ("month", "Sep-26", "write it as 2026-09"),
        ("month", "2026-13", "is no month"),
        ("month", "2026-09-17", "is no month"),
        ("month", "2026-12", "has not begun"),
        ("month", "1987-09", "from 2000 on"),
        ("month", "", "Say the month"),
        ("amount", "12,5", "decimal comma"),
        ("amount", "1.234,56", "decimal comma"),
        ("amount", "-5", "not below 0"),
        ("amount", "(500)", "not below 0"),
        ("amount", "1.234", "more than two digits"),
        ("amount", "1.250", "thousands or hundredths"),
        ("amount", "€ 5", "no amount"),
        ("amount", "1e3", "no amount"),
        ("amount", "٥", "no amount"),
        ("amount", "9" * 13, "At most 12 digits"),
        ("amount", "", "Write 0 where it cost nothing"),
        ("source", "", "Name the source"),
        ("source", "x" * 81, "At most 80"),
        ("campaign", "x" * 121, "At most 120"),
        ("currency", "USD", "Convert the amount and write EUR"),
        ("currency", "", "Name the currency: EUR"),
    ],
)
def test_what_cannot_be_read_is_told_at_its_column_with_what_to_do(
    column: str, text: str, words: str
) -> None:
    found = said(**{column: text})
    assert isinstance(found, dict)
    assert list(found) == [column]
    assert words in found[column]


def test_everything_that_is_wrong_with_a_row_is_told_at_once() -> None:
    found = said(month="never", amount="-1", currency="GBP")
    assert isinstance(found, dict)
    assert set(found) == {"month", "amount", "currency"}


def test_columns_may_be_called_otherwise_and_parted_by_semicolons() -> None:
    table = read_table("Period;Lead source;Spend;Currency code;Remark\n2026-09;Ads;5;EUR;late\n\n")
    assert table.ignored == ["Remark"]
    assert [(row.line, row.cells) for row in table.rows] == [
        (2, {"month": "2026-09", "source": "Ads", "amount": "5", "currency": "EUR"})
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("month,source,amount\n2026-09,Ads,5", "It lacks currency"),
        ("2026-09,Ads,,5,EUR", "It lacks month, source, amount, currency"),
        ("month,source,amount,cost,currency\n2026-09,Ads,5,5,EUR", "Two columns say amount"),
        ("month,source,amount,currency\n", "no rows"),
        ('month,source,amount,currency\n2026-09,"Ads,5,EUR', "quotation mark"),
        ("month,source,amount,currency\n" + "2026-09,Ads,5,EUR\n" * 5_001, "At most 5,000 rows"),
    ],
)
def test_a_file_that_is_no_table_of_costs_is_refused_as_a_whole(text: str, words: str) -> None:
    with pytest.raises(ValidationFailed) as refused:
        read_table(text)
    assert words in refused.value.message


def test_a_row_that_goes_on_after_the_last_heading_is_not_half_read() -> None:
    """An amount with a comma in it, where it stands last, would be taken for what is before the comma."""
    rows = read_table("month,source,currency,amount\n2026-09,Ads,EUR,1,250.00\n2026-09,Ads,EUR,7,,\n").rows
    told = [read_row(row.cells, currency="EUR", present=date(2026, 11, 1)) for row in rows]
    assert isinstance(told[0], dict)
    assert "after the last heading, with '250.00'" in told[0]["amount"]
    assert isinstance(told[1], Said)
    assert told[1].amount == 7
