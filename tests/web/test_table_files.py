"""A table as a file: CSV and spreadsheet say the same, and neither runs anything."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from io import BytesIO
from typing import Any

import pytest
from django.test import RequestFactory
from openpyxl import load_workbook

from web.table_files import XLSX, table_file


def sheet_of(rows: list[list[Any]], head: list[str] | None = None) -> list[list[Any]]:
    request = RequestFactory().get("/volume.xlsx")
    answer = table_file(request, "volume", head or ["Source", "MQLs"], rows)
    assert answer["Content-Type"] == XLSX
    assert answer["Content-Disposition"] == 'attachment; filename="volume.xlsx"'
    sheet = load_workbook(BytesIO(answer.content)).active
    assert sheet is not None
    return [[cell.value for cell in row] for row in sheet.iter_rows()]


def test_the_address_s_ending_chooses_the_file() -> None:
    answer = table_file(RequestFactory().get("/volume.csv"), "volume", ["Source"], [["Webinar"]])
    assert answer["Content-Disposition"] == 'attachment; filename="volume.csv"'
    assert answer.content.decode("utf-8-sig").splitlines() == ["Source", "Webinar"]


def test_numbers_days_and_moments_stay_what_they_are() -> None:
    moment = datetime(2026, 11, 17, 9, 0, tzinfo=UTC)
    rows = sheet_of([["Webinar", 12], [1.5, Decimal("2.50")], [date(2026, 11, 17), moment], [None, True]])
    assert rows[0] == ["Source", "MQLs"]
    assert rows[1:3] == [["Webinar", 12], [1.5, 2.5]]
    assert rows[3] == [datetime(2026, 11, 17), datetime(2026, 11, 17, 9, 0)]
    assert rows[4] == [None, True]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-2", "@SUM(A1)", "=cmd|' /C calc'!A0"])
def test_a_text_never_becomes_a_formula(text: str) -> None:
    request = RequestFactory().get("/volume.xlsx")
    answer = table_file(request, "volume", ["Source"], [[text]])
    cell = load_workbook(BytesIO(answer.content))["Table"]["A2"]
    assert (cell.value, cell.data_type) == (text, "s")


def test_what_a_sheet_cannot_hold_is_left_out_of_a_text() -> None:
    assert sheet_of([["a\x00b\x07c", "x" * 40_000]])[1] == ["abc", "x" * 32_767]


def test_an_empty_table_is_its_head() -> None:
    assert sheet_of([]) == [["Source", "MQLs"]]
