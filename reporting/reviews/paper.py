"""A review as a PDF."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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


def _table(table: Table) -> pdf.Table:
    rows = written_rows(table)
    heads = [column.head for column in table.columns]
    # A head is broken between its words only.
    widths = tuple(
        max(
            5.0,
            1.3 * max(len(word) for word in head.split()),
            *(min(30.0, len(row[place])) for row in rows),
        )
        for place, head in enumerate(heads)
    )
    right = tuple(place for place, column in enumerate(table.columns) if column.is_right)
    return pdf.Table(heads, rows, widths=widths, right=right)


def file_name(review: Review, ending: str = "") -> str:
    name = f"review-{review.kind}-{review.first_day:%Y-%m}"
    return f"{name}.{ending}" if ending else name
