"""Reports that are sent by mail: their headline numbers and their table, made by their own pages for the
reader, so that nobody gets more than the page would show them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlencode

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, QueryDict
from django.urls import reverse

from core.errors import FieldError, ValidationFailed
from leads.lifecycle import Stage
from notifications.context import Attachment
from reporting.mailings.words import Line, Part
from reporting.selectors import stages_with_shares
from reporting.views import commitments, compliance, funnel, leaks, rejections
from reporting.views.asked import KEPT, asked_by
from tenants.models import Member, Role, Tenant
from tenants.requests import TenantRequest

#: Parameters of an address that a subscription keeps: a fixed period would tell the same for ever.
_KEPT: Final = frozenset(KEPT) - {"from", "to", "breaches"}


@dataclass(frozen=True, slots=True)
class MailedReport:
    """view: the name of its page. readers: who may read it beside an admin; empty is everybody. asked: reads
    what the page's address asks, and raises ValidationFailed. goes_by: the parameters that it reads."""

    title: str
    view: str
    readers: tuple[Role, ...]
    asked: Callable[[TenantRequest], object]
    lines: Callable[[TenantRequest], tuple[Line, ...]]
    file: Callable[..., HttpResponse]
    last_head: str = "Change"
    goes_by: frozenset[str] = _KEPT

    def may_read(self, member: Member) -> bool:
        return not self.readers or member.role in (*self.readers, Role.ADMIN)


def _cards(cards: list[dict[str, Any]]) -> tuple[Line, ...]:
    return tuple(
        Line(
            card["label"],
            (
                f"{card['value']} {card.get('unit') or ''}".strip(),
                card.get("target") or "",
                card.get("delta") or "",
            ),
        )
        for card in cards
    )


def _compliance(request: TenantRequest) -> tuple[Line, ...]:
    return _cards(compliance.headline(request))


def _rejections(request: TenantRequest) -> tuple[Line, ...]:
    return _cards(rejections.headline(request))


def _funnel(request: TenantRequest) -> tuple[Line, ...]:
    found, follow = funnel.headline(request)
    lines = []
    for stage, count, share, _ in stages_with_shares(found.whole, follow):
        of_before = "" if share.percent is None or stage == Stage.MQL else f"{share.percent:g}%"
        base = f"of {share.base:,} at the stage before" if of_before else ""
        lines.append(Line(Stage(stage).label, (f"{count:,}", base, of_before)))
    return tuple(lines)


def _commitments(request: TenantRequest) -> tuple[Line, ...]:
    return tuple(Line(label, cells) for label, cells in commitments.headline(request))


def _nothing(request: TenantRequest) -> None:
    """A page of a whole month has nothing to ask: every mail is of the month that it leaves in."""


def _leaks(request: TenantRequest) -> tuple[Line, ...]:
    found = leaks.headline(request)
    return tuple(
        Line(each.title, (_size(each.size.opportunities, each.size.high), each.evidence, ""))
        for each in found
    )


def _size(opportunities: float, high: float) -> str:
    """A finding may be beyond chance before it can be said what it costs: its method says why."""
    return f"{opportunities:.1f} opportunities" if high else "size not known yet"


REPORTS: Final[Mapping[str, MailedReport]] = {
    "compliance": MailedReport(
        "Compliance", "compliance", (), asked_by, _compliance, compliance.compliance_file
    ),
    "funnel": MailedReport("Funnel", "funnel", (), funnel.asked_of, _funnel, funnel.funnel_file, "Rate"),
    "rejections": MailedReport(
        "Rejections", "rejections", (), rejections.asked_of, _rejections, rejections.rejections_file
    ),
    "commitments": MailedReport(
        "Commitments",
        "commitments",
        commitments.READERS,
        _nothing,
        _commitments,
        commitments.commitments_file,
        "Target",
        goes_by=frozenset(),
    ),
    "leaks": MailedReport("Leaks", "leaks", leaks.READERS, leaks.asked_of, _leaks, leaks.leaks_file),
}


def kept_query(text: str) -> str:
    """What of an address's parameters a subscription keeps."""
    return urlencode(kept_filters(text))


def kept_filters(text: str) -> dict[str, str]:
    """The same, by name."""
    return {name: value for name, value in parse_qsl(text) if name in _KEPT}


def unkept_of(text: str) -> list[str]:
    """Names of an address's parameters that a subscription does not keep: others than those, and what is said
    of one a second time."""
    names = [name for name, _ in parse_qsl(text, keep_blank_values=True)]
    return [name for place, name in enumerate(names) if name not in _KEPT or name in names[:place]]


def check(report: MailedReport, query: str, *, tenant: Tenant, member: Member, now: datetime) -> None:
    """Raises ValidationFailed where its page would refuse these parameters, since such a mail would never
    leave, and where it does not go by them."""
    if "\x00" in unquote(query):
        raise ValidationFailed.at("/query", "This has a character that no text can hold (NUL).", "invalid")
    unread = [name for name, _ in parse_qsl(query) if name not in report.goes_by]
    if unread:
        wrong = [
            FieldError(f"/{name}", f"{report.title} does not go by {name!r}: leave it out.", "invalid")
            for name in unread
        ]
        raise ValidationFailed(wrong[0].message, field_errors=wrong)
    report.asked(_request(report, query, tenant, member, now))


def page_of(report: MailedReport, query: str) -> str:
    """The path of the page with its filters."""
    read = _read(report, query)
    return reverse(f"reporting:{report.view}") + (f"?{read}" if read else "")


def part_of(report: MailedReport, query: str, *, tenant: Tenant, member: Member, now: datetime) -> Part:
    """The headline numbers as this member sees them. Raises PermissionDenied and ValidationFailed."""
    if not report.may_read(member):
        raise PermissionDenied
    lines = report.lines(_request(report, query, tenant, member, now))
    return Part(report.title, lines, ("", "Number", "Of", report.last_head))


def file_of(report: MailedReport, query: str, *, tenant: Tenant, member: Member, now: datetime) -> Attachment:
    """The table of the page as a file that a spreadsheet opens. Raises as `part_of`."""
    answer = report.file(_request(report, query, tenant, member, now, ending="_xlsx"))
    name = answer["Content-Disposition"].partition('filename="')[2].rstrip('"')
    return Attachment(name, answer.content, answer["Content-Type"])


def _read(report: MailedReport, query: str) -> str:
    """What of the parameters that were kept the report goes by."""
    return urlencode([(name, value) for name, value in parse_qsl(query) if name in report.goes_by])


def _request(
    report: MailedReport, query: str, tenant: Tenant, member: Member, now: datetime, *, ending: str = ""
) -> Any:
    """The request that this member would make at a moment."""
    request: Any = HttpRequest()
    request.method, request.path = "GET", reverse(f"reporting:{report.view}{ending}")
    request.GET, request.moment = QueryDict(_read(report, query)), now
    request.user, request.tenant, request.member = member.user, tenant, member
    request.memberships, request.invitations, request.roll_back, request.htmx = [], [], False, None
    return request
