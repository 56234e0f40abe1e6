"""Documents as PDF: a title, then blocks one below the other. The same document is the same bytes.

    pdf_bytes(
        Document("Review of November", at=closed_at, notes=("Brightpath",), footer="Frozen 1 Dec 2026"),
        [
            Heading("What was promised"),
            Paragraph("Each side said what it would do."),
            Bullets(("First touch within an hour.", "A reason with each rejection.")),
            Table(("Promise", "Target"), (("First touch", "85%"),), widths=(3, 1), right=(1,)),
        ],
    )

Texts are plain: nothing in them is markup. Names in Latin, Greek, Cyrillic, Arabic or Hebrew letters have
their glyphs (right-to-left scripts are not shaped); a character that the font lacks prints as an empty box.
"""

from __future__ import annotations

import logging
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, cast

from django.http import HttpResponse
from fpdf import FPDF
from fpdf.enums import Align, TableBordersLayout, XPos, YPos
from fpdf.fonts import FontFace

_FONTS: Final = Path(__file__).resolve().parent / "fonts" / "dejavu"
_FONT: Final = "dejavu"
_MARGIN: Final = 18.0  # millimetres
_BODY: Final = 9.5  # points
_SIZES: Final = {1: 13.0, 2: 10.5}
_TITLE: Final = 19.0
_SMALL: Final = 8.0
_INK: Final = (24, 28, 38)
_QUIET: Final = (90, 98, 112)
_LINE: Final = (208, 212, 220)
_SHADE: Final = (243, 244, 247)
_PADDING: Final = 1.1  # millimetres, of the cells of tables
_MOST_LINES: Final = 40  # of a row of a table: they fit a page
_LONG: Final = 400  # characters: a shorter cell fits a page, however narrow
_KEPT_TOGETHER: Final = 24.0  # millimetres that a heading wants below itself

# One line for each character that no font has: the reader sees the box.
logging.getLogger("fpdf").setLevel(logging.ERROR)
logging.getLogger("fontTools").setLevel(logging.ERROR)


@dataclass(frozen=True, slots=True)
class Document:
    """What a file says of itself.

    at:     the moment that it is of, written into it instead of the present; aware.
    notes:  lines under the title.
    footer: at the left in the foot of every page; the page's number is at the right.
    """

    title: str
    at: datetime
    notes: Sequence[str] = ()
    footer: str = ""


@dataclass(frozen=True, slots=True)
class Heading:
    """level: 1 or 2. Never the last line of a page."""

    text: str
    level: int = 1


@dataclass(frozen=True, slots=True)
class Paragraph:
    """small: in small, grey letters."""

    text: str
    small: bool = False


@dataclass(frozen=True, slots=True)
class Bullets:
    items: Sequence[str]


@dataclass(frozen=True, slots=True)
class Table:
    """Its head is repeated on each page. widths: of the columns against each other. right: places of the
    columns whose cells stand at the right. Each row is as long as the head.
    """

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    widths: Sequence[float] = ()
    right: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class PageBreak:
    """What comes next begins a page."""


Block = Heading | Paragraph | Bullets | Table | PageBreak


def pdf_bytes(document: Document, blocks: Iterable[Block]) -> bytes:
    """The file. Raises ValueError for a table with a row of another length than its head."""
    paper = _Paper(document)
    paper.add_page()
    paper.head_of_document()
    for block in blocks:
        paper.put(block)
    return bytes(paper.output())


def pdf_response(name: str, content: bytes) -> HttpResponse:
    """A download. name: of the file, ASCII."""
    response = HttpResponse(content, content_type="application/pdf")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["Cache-Control"] = "no-store"
    return response


class _Paper(FPDF):
    """A4, upright."""

    def __init__(self, document: Document) -> None:
        super().__init__(format="A4", unit="mm")
        self.document = document
        self.set_margin(_MARGIN)
        self.set_auto_page_break(True, margin=_MARGIN + 4)
        self.add_font(_FONT, "", _FONTS / "DejaVuSans.ttf")
        self.add_font(_FONT, "B", _FONTS / "DejaVuSans-Bold.ttf")
        self.set_creation_date(document.at)
        self.set_title(_plain(document.title))
        self.set_creator("slaportal")
        self.set_producer("slaportal")
        self.set_lang("en")

    def footer(self) -> None:
        """Called by FPDF at the end of each page."""
        self.set_y(-_MARGIN + 3)
        self._ink(_SMALL, _QUIET)
        half = self.epw / 2
        self.cell(half, 4, _plain(self.document.footer))
        self.cell(half, 4, f"Page {self.page_no()} of {{nb}}", align=Align.R)

    def head_of_document(self) -> None:
        self._ink(_TITLE, bold=True)
        self._lines(self.document.title, 9)
        self._ink(_SMALL + 0.5, _QUIET)
        for note in self.document.notes:
            self._lines(note, 4.6)
        self.ln(2)

    def put(self, block: Block) -> None:
        """Draw a block where the last one ended."""
        match block:
            case Heading():
                self._heading(block)
            case Paragraph():
                self._ink(_SMALL if block.small else _BODY, _QUIET if block.small else _INK)
                self._lines(block.text, 4.2 if block.small else 5)
                self.ln(1.2)
            case Bullets():
                self._bullets(block)
            case Table():
                self._table(block)
            case PageBreak():
                self.add_page()

    def _heading(self, block: Heading) -> None:
        if self.will_page_break(_KEPT_TOGETHER):
            self.add_page()
        else:
            self.ln(3 if block.level == 1 else 1.5)
        self._ink(_SIZES[block.level], bold=True)
        self._lines(block.text, 6.4 if block.level == 1 else 5.4)
        self.ln(0.8)

    def _bullets(self, block: Bullets) -> None:
        self._ink(_BODY)
        indent = 4.5
        for item in block.items:
            if self.will_page_break(5):
                self.add_page()
                self._ink(_BODY)
            self.cell(indent, 5, "•")
            self.set_left_margin(_MARGIN + indent)
            self._lines(item, 5)
            self.set_left_margin(_MARGIN)
            self.set_x(_MARGIN)
        self.ln(1.2)

    def _table(self, block: Table) -> None:
        if any(len(row) != len(block.head) for row in block.rows):
            raise ValueError("Each row of a table is as long as its head.")
        self._ink(_SMALL + 0.5)
        self.set_draw_color(*_LINE)
        aligns = [Align.R if place in block.right else Align.L for place in range(len(block.head))]
        with self.table(
            col_widths=tuple(block.widths) or None,
            text_align=tuple(aligns),
            line_height=4.8,
            padding=_PADDING,
            borders_layout=TableBordersLayout.HORIZONTAL_LINES,
            headings_style=FontFace(emphasis="BOLD", color=_QUIET, fill_color=_SHADE),
        ) as table:
            for cells in (block.head, *block.rows):
                for part in self._parts(block, [_plain(cell) for cell in cells]):
                    row = table.row()
                    for cell in part:
                        row.cell(cell)
        self.ln(2.5)

    def _parts(self, block: Table, cells: list[str]) -> list[list[str]]:
        """A row as several where a cell of it has more lines than fit a page."""
        if max((len(cell) for cell in cells), default=0) < _LONG:
            return [cells]
        weights = list(block.widths) or [1.0] * len(cells)
        lines = [
            cast(
                "list[str]",  # as its output is asked for
                self.multi_cell(
                    max(self.epw * weight / sum(weights) - 2 * _PADDING, 1),
                    4.8,
                    cell,
                    dry_run=True,
                    output="LINES",
                ),
            )
            for weight, cell in zip(weights, cells, strict=True)
        ]
        most = max(len(each) for each in lines)
        return [
            ["\n".join(each[first : first + _MOST_LINES]) for each in lines]
            for first in range(0, most, _MOST_LINES)
        ]

    def _ink(self, size: float, colour: tuple[int, int, int] = _INK, *, bold: bool = False) -> None:
        self.set_font(_FONT, "B" if bold else "", size)
        self.set_text_color(*colour)

    def _lines(self, text: str, height: float) -> None:
        self.multi_cell(0, height, _plain(text), align=Align.L, new_x=XPos.LMARGIN, new_y=YPos.NEXT)


def _plain(text: str) -> str:
    """Without what cannot be drawn: control characters (a line break stays), composed where letters have
    marks of their own."""
    kept = "".join(
        each for each in str(text) if each == "\n" or unicodedata.category(each) not in ("Cc", "Cs", "Co")
    )
    # What {nb} would stand for is the number of pages.
    return unicodedata.normalize("NFC", kept).replace("{nb}", "{ nb}")
