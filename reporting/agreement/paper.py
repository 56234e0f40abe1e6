"""An agreement as a PDF: what it says, and who signed it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from reporting.agreement.dates import moment_words
from reporting.agreement.models import Agreement, Side, Signature
from reporting.agreement.terms import Group, Terms
from tenants.models import Role, Tenant
from web.pdf import Block, Bullets, Document, Heading, Paragraph, Table, pdf_bytes

TITLE = "Agreement between marketing and sales"


def agreement_pdf(
    tenant: Tenant,
    terms: Terms,
    *,
    at: datetime,
    agreement: Agreement | None,
    signatures: Sequence[Signature] = (),
    state: str,
) -> bytes:
    """The file; the same for the same terms and signatures.

    at: what the terms are of. agreement: the version, where these terms are one. state: as in a sentence.
    """
    zone = ZoneInfo(tenant.time_zone)
    which = f"Version {agreement.number}" if agreement else "Not signed"
    footer = f"{tenant.name}. {which}. {terms.digest[:12]}"
    document = Document(TITLE, at=at, notes=(tenant.name, state), footer=footer)
    return pdf_bytes(document, [*_said(terms), *_signed(signatures, zone, terms)])


def _said(terms: Terms) -> Iterator[Block]:
    for number, section in enumerate(terms.sections, 1):
        yield Heading(f"{number}. {section.title}")
        for group in section.groups:
            if group.heading:
                yield Heading(group.heading, 2)
            if group.head:
                yield Table(group.head, group.rows, widths=_widths(group))
            if group.lines:
                yield Bullets(group.lines)


def _widths(group: Group) -> tuple[float, ...]:
    """Columns as wide as what is written in them asks, within reason."""
    columns = zip(group.head, *group.rows, strict=True)
    return tuple(min(40.0, max(11.0, *(len(cell) for cell in column))) for column in columns)


def _signed(signatures: Sequence[Signature], zone: ZoneInfo, terms: Terms) -> Iterator[Block]:
    yield Heading("Signatures")
    if not signatures:
        yield Paragraph("Nobody has signed this.")
        return
    rows = [
        (
            Side(each.side).label,
            each.member.name,
            role_words(each.role),
            moment_words(each.at, zone),
        )
        for each in signatures
    ]
    yield Table(("Side", "Name", "Role", "Signed"), rows, widths=(2, 4, 2, 4))
    yield Paragraph(f"Checksum of what is promised: {terms.digest}", small=True)


def role_words(role: str) -> str:
    """A role as people call it."""
    return str(Role(role).label) if role in Role.values else role
