"""A table as a file: CSV and spreadsheet say the same, and neither runs anything."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from io import BytesIO
from typing import Any

import pytest
from django.test import RequestFactory
from openpyxl import load_workbook

from web.csv_files import plain_cell, safe_cell
from web.table_files import XLSX, cut_at, in_chunks, table_file


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


@pytest.mark.parametrize(
    "text", ["Ada;=cmd|' /C calc'!A0;x", "Ada; -2", "Ada\n=1+1", "Ada\r\n@SUM(A1)", "a\t+1"]
)
def test_no_part_of_a_text_becomes_a_formula_where_cells_are_parted_otherwise(text: str) -> None:
    """A spreadsheet whose comma is decimal parts at semicolons, and takes a quotation mark after a comma as
    part of the text, so that a line ends within what we quoted."""
    written = table_file(RequestFactory().get("/volume.csv"), "volume", ["Source", "Note"], [["x", text]])
    for part in re.split(r"[;\t\r\n]", written.content.decode("utf-8-sig")):
        assert part.strip()[:1] not in ("=", "+", "-", "@"), part


@pytest.mark.parametrize("text", ["=1", "a;=b", "Ada; -2", "'plain", "a;b", ";=1", "=1;=2", "it's; so"])
def test_a_cell_is_as_it_was_when_a_file_is_taken_in_again(text: str) -> None:
    assert plain_cell(safe_cell(text)) == text


def test_a_number_stays_one() -> None:
    assert [safe_cell(each) for each in (-2, -2.5, Decimal("-2.50"))] == ["-2", "-2.5", "-2.50"]


def test_rows_are_taken_in_chunks_and_cut_where_there_are_too_many() -> None:
    assert list(in_chunks(range(5), 2)) == [[0, 1], [2, 3], [4]]
    assert list(in_chunks([], 2)) == []
    assert list(cut_at([[1], [2]], 2)) == [[1], [2]]
    *kept, told = cut_at(([each] for each in range(4)), 2)
    assert kept == [[0], [1]]
    assert told[0].startswith("More than 2 lines")
