"""Numbers in files that people write: thousands may be divided, and nothing else is taken for that."""

from __future__ import annotations

import pytest

from core.errors import ValidationFailed
from routing.rules_check import PoolState
from routing.territory_file import merged, read_file
from web.csv_text import undivided


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("1200", "1200"),
        (" 1,200 ", "1200"),
        ("1 200 000", "1200000"),
        ("1\u202f200", "1200"),
        ("1'200", "1200"),
        ("12,34,567", "1234567"),
        ("1,200.50", "1200.50"),
        ("-1,200", "-1200"),
        ("1,5", "1,5"),
        ("7,50", "7,50"),
        ("1,2000", "1,2000"),
        (",200", ",200"),
        ("", ""),
    ],
)
def test_only_what_divides_thousands_is_left_out(written: str, read: str) -> None:
    assert undivided(written) == read


def test_a_decimal_comma_is_no_number_of_employees() -> None:
    pools = {"south": PoolState("south", "South", is_active=True, people=1)}
    head = b"name;employees_from;pool\n"
    (row,) = read_file(head + b"Bavaria;1,200;south\n", pools)
    assert row["employees"] == [1200, None]
    with pytest.raises(ValidationFailed, match="employees_from is no whole number"):
        read_file(head + b"Bavaria;1,5;south\n", pools)


def test_a_territory_of_a_file_takes_the_place_of_the_one_that_is_called_the_same() -> None:
    present = [{"name": "C\u00f4te  d'Azur", "pool": "a"}, {"name": "Rest", "pool": "b"}]
    sent = [{"name": "Cote d'azur", "pool": "c"}]
    assert merged(present, sent, replace=False) == [*sent, present[1]]
