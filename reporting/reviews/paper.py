"""A review as a PDF."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final
from zoneinfo import ZoneInfo

from reporting.agreement.paper import moment_words
from reporting.reviews.models import Review
from reporting.reviews.pack import Pack, Table, written_rows
from reporting.reviews.periods import period_of
from reporting.reviews.record import Note, Said
from reporting.reviews.shown import Shown
from tenants.models import Tenant
from web import pdf


def review_pdf(tenant: Tenant, review: Review, shown: Shown) -> bytes:
    """The file; of a closed review the same until somebody writes an addendum or does what was decided."""
    zone = ZoneInfo(tenant.time_zone)
    period = period_of(review)
    state = state_words(review, shown, zone)
    document = pdf.Document(
        period.title, at=shown.as_of, notes=(tenant.name, state), footer=f"{tenant.name}. {state}"
    )
    return pdf.pdf_bytes(document, _blocks(shown.pack, shown.said, shown.addenda, zone))


def state_words(review: Review, shown: Shown, zone: ZoneInfo) -> str:
    """ "Closed by Martina Keller on 3 Dec 2026, 14:20 CET" """
    if review.closed_at is not None:
        return f"Closed by {shown.closed_by} on {moment_words(review.closed_at, zone)}"
    return f"Not closed: numbers of {moment_words(shown.as_of, zone)}"


def _blocks(pack: Pack, said: Said, addenda: Sequence[Note], zone: ZoneInfo) -> Iterator[pdf.Block]:
    for section in pack.sections:
        yield pdf.Heading(section.title)
        for table in section.tables:
            yield pdf.Heading(table.title, 2)
            if table.rows:
                yield _table(table)
            else:
                yield pdf.Paragraph(table.empty)
        for line in section.lines:
            yield pdf.Paragraph(line, small=True)
    yield pdf.Heading("Decisions")
    if said.decisions:
        rows = [
            (
                each.text,
                each.owner,
                f"{each.due_on:%-d %b %Y}",
                f"{each.done_at.astimezone(zone):%-d %b %Y}" if each.done_at else "No",
            )
            for each in said.decisions
        ]
        yield pdf.Table(("Decision", "Owner", "Due", "Done"), rows, widths=(6, 2.5, 2, 2))
    else:
        yield pdf.Paragraph("Nothing was decided.")
    yield pdf.Heading("Notes")
    yield from _notes(said.notes, zone, "Nobody wrote a note.")
    if addenda:
        yield pdf.Heading("Written after the close")
        yield from _notes(addenda, zone, "")


def _notes(notes: Sequence[Note], zone: ZoneInfo, empty: str) -> Iterator[pdf.Block]:
    for each in notes:
        yield pdf.Paragraph(each.text)
        yield pdf.Paragraph(f"{each.by}, {moment_words(each.at, zone)}", small=True)
    if not notes:
        yield pdf.Paragraph(empty)


#: Letters of the paper's table font that a line of it holds, and those that a column's padding takes.
_LINE, _PADDING = 92.0, 2.5
#: A column of sentences gets no more than so many letters where others want room.
_WIDEST: Final = 30.0


def _table(table: Table) -> pdf.Table:
    rows = written_rows(table)
    heads = [column.head for column in table.columns]
    right = tuple(place for place, column in enumerate(table.columns) if column.is_right)
    return pdf.Table(heads, rows, widths=_widths(heads, rows), right=right)


def _widths(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> tuple[float, ...]:
    """Of the columns against each other: room for the longest word of each, so that words and numbers are not
    broken, and what is left goes to those that have more to say. Heads are bold."""
    least, wanted = [], []
    for place, head in enumerate(heads):
        cells = [row[place] for row in rows]
        words = [1.15 * _longest(head), *(_longest(cell) for cell in cells)]
        least.append(max(3.0, *(min(_WIDEST, word) for word in words)) + _PADDING)
        wanted.append(max(least[-1], min(_WIDEST, max(map(len, cells), default=0)) + _PADDING))
    room, more = _LINE - sum(least), sum(wanted) - sum(least)
    share = min(1.0, max(0.0, room) / more) if more else 0.0
    return tuple(few + share * (many - few) for few, many in zip(least, wanted, strict=True))


def _longest(text: str) -> float:
    return float(max(map(len, text.split()), default=0))


def file_name(review: Review, ending: str = "") -> str:
    name = f"review-{review.kind}-{review.first_day:%Y-%m}"
    return f"{name}.{ending}" if ending else name
