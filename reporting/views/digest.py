"""The weekly digest: what would be sent of any week, to whom it was sent, and what is chosen about it."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from core.errors import ValidationFailed
from notifications.models import OutboxMessage
from notifications.outbox import message_id
from reporting.mailings import services, team, words
from reporting.mailings.digest import Digest, digest_of
from reporting.mailings.forms import WEEKDAYS, MailSettingsForm
from reporting.mailings.messages import KINDS, event_of
from reporting.mailings.models import Kind, Mailing, MailSettings
from reporting.mailings.params import week_from
from reporting.mailings.schedule import monday_of, week_told
from reporting.mailings.words import as_text
from tenants.audit import member_actor
from tenants.auth import member_required
from tenants.clock import database_clock
from tenants.models import Member, Role, Tenant
from tenants.refusals import REFUSED, take_errors
from tenants.requests import TenantRequest
from tenants.selectors import time_zone_of
from web.table_files import table_file

#: Weeks to choose from.
WEEKS: Final = 13
_READERS: Final = (Role.MANAGER, Role.MARKETING, Role.EXECUTIVE)


@require_safe
@member_required(*_READERS)
def digest(request: TenantRequest) -> HttpResponse:
    """GET /digest?week=2026-11-16: the digest of a week as it would be sent to the reader now."""
    return _page(request, None)


@require_safe
@member_required(*_READERS)
def digest_file(request: TenantRequest) -> HttpResponse:
    """GET /digest.csv, .xlsx: a line for each number of the mail."""
    now = database_clock()
    _, told = services.due_week(services.mail_settings(), request.tenant, now)
    week = week_from(request.GET.get("week", ""), default=told)
    kind, _, letter = _letter(request, week, now)
    lines = [
        [part.title or "The week", line.text, column, cell]
        for part in letter.parts
        if part.head
        for line in part.lines
        for column, cell in zip(part.head[1:], line.cells, strict=False)
    ]
    return table_file(request, f"{kind.value}-{week}", ["Section", "Line", "Column", "Value"], lines)


def _letter(request: TenantRequest, week: date, now: datetime) -> tuple[Kind, Digest | None, words.Letter]:
    """The mail of a week as the reader would get it; the digest that it is of, where it is one."""
    tenant, member = request.tenant, request.member
    zone = ZoneInfo(time_zone_of(member=member, tenant=tenant))
    if request.GET.get("mail") == Kind.TEAM and member.role == Role.MANAGER:
        found = team.team_week(tenant, week, member, now=now)
        return Kind.TEAM, None, team.letter_of(found, zone=zone, now=now)
    told = digest_of(tenant, week, now=now, reader=member)
    return Kind.DIGEST, told, words.letter_of(told, zone=zone, now=now)


def _page(request: TenantRequest, form: MailSettingsForm | None, status: int = 200) -> HttpResponse:
    now, tenant, member = database_clock(), request.tenant, request.member
    setting = services.mail_settings()
    due, told = services.due_week(setting, tenant, now)
    week = week_from(request.GET.get("week", ""), default=told)
    kind, found, letter = _letter(request, week, now)
    may_set = member.role in (Role.ADMIN, Role.MARKETING)
    context = {
        "crumbs": [{"label": "Insight", "url": ""}, {"label": "Digest", "url": ""}],
        "letter": letter,
        "kind": kind.value,
        "text": f"{letter.title}\n\n{as_text(letter)}",
        "is_empty": found is not None and found.is_empty,
        "week": week,
        "weeks": _weeks(now, tenant, week),
        "ahead": week > now.astimezone(ZoneInfo(tenant.time_zone)).date(),
        "csv_url": f"{reverse('reporting:digest_csv')}?{urlencode({'week': week, 'mail': kind.value})}",
        "before_url": _url(week - timedelta(days=7), kind),
        "after_url": _url(week + timedelta(days=7), kind),
        "tabs": _tabs(week, kind) if member.role == Role.MANAGER else [],
        "sent": _sent(kind, week, member),
        "setting": setting,
        "day": WEEKDAYS[setting.weekday],
        "next": _next(setting, tenant, due),
        "form": (form or MailSettingsForm(None, setting=setting, people=services.candidates()))
        if may_set
        else None,
    }
    return render(request, "reporting/digest.html", context, status=status)


def _url(week: date, kind: Kind) -> str:
    more = "&mail=team" if kind == Kind.TEAM else ""
    return f"{reverse('reporting:digest')}?week={week.isoformat()}{more}"


def _tabs(week: date, kind: Kind) -> list[dict[str, Any]]:
    return [{"label": each.label, "url": _url(week, each), "current": each == kind} for each in Kind]


def _weeks(now: datetime, tenant: Tenant, week: date) -> list[tuple[str, str, bool]]:
    """The weeks to choose from: the last ones, the present one among them, and the one shown."""
    present = monday_of(now.astimezone(ZoneInfo(tenant.time_zone)).date())
    known = {present - timedelta(days=7 * place) for place in range(WEEKS)} | {week}
    return [
        (each.isoformat(), words.week_words(each, each + timedelta(days=6)), each == week)
        for each in sorted(known, reverse=True)
    ]


def _next(setting: MailSettings, tenant: Tenant, due: datetime) -> datetime:
    """When the next digest leaves: the same hour of the wall clock a week on, or two where the week that this
    would tell was told before another day was chosen."""
    zone = ZoneInfo(tenant.time_zone)
    found = datetime.combine(due.astimezone(zone).date() + timedelta(days=7), setting.at, tzinfo=zone)
    if setting.digest_week is not None and week_told(found, zone=zone) <= setting.digest_week:
        found = datetime.combine(found.date() + timedelta(days=7), setting.at, tzinfo=zone)
    return found


def _sent(kind: Kind, week: date, reader: Member) -> list[dict[str, Any]]:
    """To whom the week's mail went, and what became of it; a manager reads of their own Monday mail alone."""
    rows = (
        Mailing.objects.filter(kind=kind, week=week).select_related("member").order_by("member__name", "id")
    )
    if kind == Kind.TEAM:
        rows = rows.filter(member=reader)
    told = list(rows)
    ids = {
        row.member_id: message_id(event_of(kind, week), KINDS[kind], "email", row.member_id) for row in told
    }
    states = dict(OutboxMessage.objects.filter(id__in=ids.values()).values_list("id", "state"))
    closed = dict(OutboxMessage.objects.filter(id__in=ids.values()).values_list("id", "closed_at"))
    return [
        {
            "name": row.member.name,
            "state": _STATES.get(states.get(ids[row.member_id], ""), "no longer kept"),
            "at": closed.get(ids[row.member_id]) or row.at,
        }
        for row in told
    ]


_STATES: Final = {
    "pending": "waits",
    "taken": "on its way",
    "sent": "sent",
    "dead": "could not be delivered",
    "expired": "not sent: no longer wanted",
    "suppressed": "not sent: shadow mode",
}


@require_POST
@member_required(Role.MARKETING)
def change_settings(request: TenantRequest) -> HttpResponse:
    """POST /digest/settings: when the weekly mails leave, and who gets the digest."""
    setting = services.mail_settings()
    form = MailSettingsForm(request.POST, setting=setting, people=services.candidates())
    if form.is_valid():
        try:
            services.change_settings(
                tenant=request.tenant,
                **form.said,
                actor=member_actor(request.member),
                now=database_clock(),
            )
        except ValidationFailed as error:
            take_errors(form, error)
        else:
            messages.success(request, "Saved.")
            return redirect("reporting:digest")
    return _page(request, form, REFUSED)
