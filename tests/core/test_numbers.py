"""Numbers that people type are read as they write them, and shown so that something is never nothing."""

from __future__ import annotations

from decimal import Decimal

import pytest

from core.numbers import is_plain, shown


@pytest.mark.parametrize("text", ["1000", "-2.5", "+3", "1e3", "", "many", "1,000"])
def test_what_people_write_may_be_read(text: str) -> None:
    assert is_plain(text)


@pytest.mark.parametrize("text", ["1_000", "٣", "1٣", "１２", "²", "1_0.5"])
def test_what_only_a_program_takes_for_a_number_may_not(text: str) -> None:
    assert not is_plain(text)


@pytest.mark.parametrize(
    ("number", "places", "text"),
    [
        (Decimal("12.55"), 1, "12.6"),
        (Decimal(1), 1, "1.0"),
        (Decimal("0.25"), 1, "0.25"),
        (Decimal("0.0333"), 1, "0.033"),
        (0.0004, 1, "0.0004"),
        (0.999, 0, "1"),
        (0.5, 0, "0.5"),
        (0, 1, "0.0"),
        (Decimal(1_234_567), 0, "1,234,567"),
    ],
)
def test_little_is_not_shown_as_nothing(number: Decimal | float, places: int, text: str) -> None:
    assert shown(number, places) == text
