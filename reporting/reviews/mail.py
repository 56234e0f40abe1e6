"""A closed review as a mail: what was decided and how promises were kept, with the whole pack as a PDF."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from django.urls import reverse

from notifications.context import Attachment, Context
from reporting.mailings.messages import context_from
from reporting.mailings.words import Letter, Line, Part, absolute, day_words
from reporting.reviews.models import Review
from reporting.reviews.pack import Table, written_rows
from reporting.reviews.paper import file_name, review_pdf, state_words
from reporting.reviews.periods import period_of
from reporting.reviews.shown import Shown, shown_of
from tenants.models import Tenant
from web.templatetags.sp import DASH

#: Mail servers refuse large letters: a bigger file stays behind, and the mail says so.
MOST_BYTES: Final = 5_000_000
#: Sections of the pack whose first table stands in the mail.
_TOLD: Final = ("compliance", "commitments")


def mail_of(review: Review, *, tenant: Tenant, now: datetime) -> Context:
    """The mail of a review that is closed; the same for everybody who gets it."""
    shown = shown_of(review, tenant=tenant, now=now)
    zone, period = ZoneInfo(tenant.time_zone), period_of(review)
    content = review_pdf(tenant, review, shown)
    files = [Attachment(file_name(review, "pdf"), content, "application/pdf")]
    path = reverse("reporting:review", args=[review.id])
    is_small = len(content) <= MOST_BYTES
    letter = Letter(
        title=f"{period.title} is closed",
        late="",
        parts=(
            Part("", (Line(f"{state_words(review, shown, zone)}. Its numbers stay as they are."),)),
            _decided(shown),
            *_tables(shown),
        ),
        foot=(_attached(len(content), is_small=is_small),),
        links=(Line("The review, with its notes", url=absolute(path)),),
    )
    return context_from(letter, tenant, path, attachments=files if is_small else ())


def _attached(size: int, *, is_small: bool) -> str:
    if is_small:
        return "The whole pack is attached as a PDF."
    return (
        f"The PDF of the pack is not attached: it has {size / 1e6:.1f} MB, and mails take "
        f"{MOST_BYTES / 1e6:.0f} MB. It is on the page of the review."
    )


def _decided(shown: Shown) -> Part:
    lines = [
        Line(each.text, more=f"{each.owner}, until {day_words(each.due_on, year=True)}")
        for each in shown.said.decisions
    ]
    return Part("What was decided", tuple(lines) or (Line("Nothing was decided."),))


def _tables(shown: Shown) -> list[Part]:
    found = {section.slug: section for section in shown.pack.sections}
    tables = [found[slug].tables[0] for slug in _TOLD if slug in found and found[slug].tables]
    return [_part(table) for table in tables]


def _part(table: Table) -> Part:
    rows: Sequence[Sequence[str]] = written_rows(table)
    if not rows:
        return Part(table.title, (Line(table.empty),))
    head = tuple(column.head for column in table.columns)
    return Part(table.title, tuple(_line(table, row) for row in rows), head)


def _line(table: Table, row: Sequence[str]) -> Line:
    """A row of a table, and the same as a sentence for plain text: what it is about, and its numbers by the
    heads of their columns."""
    told = [
        f"{column.head.lower()} {cell}"
        for column, cell in zip(table.columns[1:], row[1:], strict=True)
        if cell and cell != DASH
    ]
    return Line(row[0], tuple(row[1:]), more=", ".join(told))
