"""CSV that a spreadsheet may open: no cell of it can become a formula."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, Final

from django.http import HttpResponse

#: What makes a spreadsheet read a cell as a formula, or start another cell, the full-width forms included.
_RISKY: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\x00", "＝", "＋", "－", "＠")
#: The same where a spreadsheet that parts cells otherwise would begin another one, quoted or not: at a
#: semicolon, as where the comma is decimal, at a tab, and at the end of a line.
_RISKY_INSIDE: Final = re.compile(r"([;\t\r\n] *)(?=[=+\-@＝＋－＠])")
_GUARDED_INSIDE: Final = re.compile(r"([;\t\r\n] *)'(?=[=+\-@＝＋－＠])")


def safe_cell(value: Any) -> str:
    """The value as a cell's text. A text that could be run is led by an apostrophe, and so is each part of
    it that could be taken for a cell; numbers stay."""
    if value is None:
        return ""
    if isinstance(value, int | float | Decimal):
        return str(value)
    text = _RISKY_INSIDE.sub(r"\1'", str(value).replace("\x00", ""))
    lead = str(value).lstrip(" ")[:1]
    return f"'{text}" if lead and lead in _RISKY else text


def plain_cell(cell: str) -> str:
    """A cell as it was before `safe_cell`, so that a file can be taken in again."""
    inside = _GUARDED_INSIDE.sub(r"\1", cell)
    found = inside[1:] if inside[:1] == "'" else inside
    return next((text for text in (found, inside) if safe_cell(text) == cell), cell)


def csv_response(name: str, head: Sequence[str], rows: Iterable[Sequence[Any]]) -> HttpResponse:
    """A download. It starts with a byte-order mark, without which Excel misreads what is not ASCII."""
    response = HttpResponse("\ufeff", content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["Cache-Control"] = "no-store"
    writer = csv.writer(response)
    writer.writerow([safe_cell(cell) for cell in head])
    for row in rows:
        writer.writerow([safe_cell(cell) for cell in row])
    return response
