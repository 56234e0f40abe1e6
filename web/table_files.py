"""A table as a file: the same rows as CSV or as a spreadsheet, by the end of the address.

No cell of either can become a formula.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from io import BytesIO
from itertools import islice
from typing import Any, Final, TypeVar

from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from openpyxl import Workbook
from openpyxl.cell import Cell, WriteOnlyCell
from openpyxl.styles import Font
from openpyxl.worksheet._write_only import WriteOnlyWorksheet

from web.csv_files import csv_response

XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
#: Rows of a sheet, its head among them; no spreadsheet program takes more.
MOST_ROWS: Final = 1_048_576
#: Rows of a file whose leads are read at once.
CHUNK: Final = 1_000
T = TypeVar("T")
#: Characters of a cell.
MOST_CHARACTERS: Final = 32_767
# What XML cannot hold.
_UNWRITABLE: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def file_paths(address: str, view: Callable[..., HttpResponse], name: str) -> list[URLPattern]:
    """The two addresses of a view that answers with `table_file`: <address>.csv and <address>.xlsx, named
    <name>_csv and <name>_xlsx."""
    return [path(f"{address}.{kind}", view, name=f"{name}_{kind}") for kind in ("csv", "xlsx")]


def table_file(
    request: HttpRequest, stem: str, head: Sequence[str], rows: Iterable[Sequence[Any]]
) -> HttpResponse:
    """The download that the address asks for. stem: the name of the file without its ending."""
    if request.path.endswith(".xlsx"):
        return xlsx_response(f"{stem}.xlsx", head, rows)
    return csv_response(f"{stem}.csv", head, rows)


def cut_at(lines: Iterable[Sequence[Any]], most: int) -> Iterator[Sequence[Any]]:
    """At most so many lines; where there are more, the last one says that they are left out. They come with
    one more than is to be written, so that it is known."""
    waiting = iter(lines)
    yield from islice(waiting, most)
    if next(waiting, None) is not None:
        yield [f"More than {most:,} lines: only the latest are here. A shorter period has the others."]


def in_chunks(rows: Iterable[T], size: int = CHUNK) -> Iterator[list[T]]:
    """Rows in lists of at most `size`, so that what belongs to them is not held for all at once."""
    waiting = iter(rows)
    while chunk := list(islice(waiting, size)):
        yield chunk


def xlsx_response(name: str, head: Sequence[str], rows: Iterable[Sequence[Any]]) -> HttpResponse:
    """A download of one sheet, its head bold and in sight. What does not fit on a sheet is left out, and its
    last row says so."""
    response = HttpResponse(_workbook(head, rows), content_type=XLSX)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["Cache-Control"] = "no-store"
    return response


def _workbook(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> bytes:
    book = Workbook(write_only=True)
    sheet: WriteOnlyWorksheet = book.create_sheet("Table")
    sheet.freeze_panes = "A2"
    sheet.append([_text(sheet, title, bold=True) for title in head])
    waiting = iter(rows)
    for row in islice(waiting, MOST_ROWS - 2):
        sheet.append([_cell(sheet, value) for value in row])
    if next(waiting, None) is not None:
        sheet.append([_text(sheet, "More rows than a sheet can hold: the CSV file has all of them.")])
    file = BytesIO()
    book.save(file)
    return file.getvalue()


def _cell(sheet: WriteOnlyWorksheet, value: Any) -> Any:
    """Numbers and days stay what they are; a moment becomes its local time, as a sheet knows no zones."""
    if value is None or isinstance(value, bool | int | float | Decimal):
        return value
    if isinstance(value, datetime):
        return value.replace(tzinfo=None)
    return value if isinstance(value, date) else _text(sheet, str(value))


def _text(sheet: WriteOnlyWorksheet, text: str, *, bold: bool = False) -> Cell:
    """A text that stays one, whatever it begins with."""
    cell = WriteOnlyCell(sheet, value=_UNWRITABLE.sub("", text)[:MOST_CHARACTERS])
    cell.data_type = "s"
    if bold:
        cell.font = Font(bold=True)
    return cell
