"""The live board."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from handoff import selectors
from handoff.badges import remember
from handoff.views import base
from handoff.views.base import is_part, watcher
from handoff.words import listed
from sla.status import Status
from tenants.models import Mode, Role, Tenant
from tenants.requests import TenantRequest
from web.table_files import table_file


@never_cache
@require_GET
@watcher
def board(request: TenantRequest) -> HttpResponse:
    """What is due, at risk and overdue now, by person; of one status alone, page by page, where asked."""
    now = base.reading_clock()
    only = {status.value: status for status in _PRESSES}.get(request.GET.get("status", ""))
    page = _page_number(request.GET.get("page", "")) if only else 1
    found = selectors.board(member=request.member, now=now, only=only, page=page)
    remember(request, unrouted=found.unrouted)
    context = {
        "board": found,
        "presses": [_board_group(group) for group in found.pressing],
        "only": only,
        "kpis": _board_kpis(found),
        "shadowed": listed(_shadowed(found, request.tenant)),
        "may_move": request.member.role in (Role.MANAGER, Role.ADMIN),
        "here": request.get_full_path(),
        "back": f"?{urlencode({'next': request.get_full_path()})}",
        "now": now,
    }
    return render(
        request, "handoff/_board.html" if is_part(request, "board") else "handoff/board.html", context
    )


def _shadowed(found: selectors.Board, tenant: Tenant) -> list[str]:
    """The teams in shadow whose people the board shows, by name, and what has no team."""
    teams = {person.member.team for person in found.people if person.member.team}
    names = sorted(team.name for team in teams if team.mode == Mode.SHADOW)
    return [*names, "leads without an owner"] if tenant.mode == Mode.SHADOW else names


_PRESSES = {Status.OVERDUE: "Overdue", Status.AT_RISK: "At risk"}
_LAST_PAGE = 10_000  # of the board; no one has more, and the database's numbers end


def _page_number(text: str) -> int:
    """A page of an address: 1 for what is none."""
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 1
    return min(max(number, 1), _LAST_PAGE)


def _of_status(status: Status, **more: int) -> str:
    return f"{reverse('handoff:board')}?{urlencode({'status': status.value, **more})}"


@never_cache
@require_GET
@watcher
def board_file(request: TenantRequest) -> HttpResponse:
    """GET /board.csv, .xlsx: the people of the board as they stand now."""
    now = base.reading_clock()
    found = selectors.board(member=request.member, now=now)
    zone = ZoneInfo(request.tenant.time_zone)
    head = [
        "Person",
        "Team",
        "Open leads",
        "Cap",
        "Overdue",
        "At risk",
        "Other clocks",
        "Next due",
        "Out until",
    ]
    lines = [
        [
            each.member.name,
            each.member.team.name if each.member.team else "",
            each.open_leads,
            each.cap_open,
            each.overdue,
            each.at_risk,
            each.rest,
            each.next_due.astimezone(zone).strftime("%Y-%m-%d %H:%M") if each.next_due else "",
            each.out_until.astimezone(zone).strftime("%Y-%m-%d %H:%M") if each.out_until else "",
        ]
        for each in found.people
    ]
    return table_file(request, f"board-{now.astimezone(zone):%Y-%m-%d-%H%M}", head, lines)


def _board_group(group: selectors.Pressing) -> dict[str, Any]:
    """One list of the board, with the ways to its other pages."""

    def link(page: int) -> str:
        return _of_status(group.status, page=page)

    return {
        "title": _PRESSES[group.status],
        "rows": group.rows,
        "total": group.total,
        "after": group.after,
        "previous": link(min(group.page - 1, group.last_page)) if group.page > 1 else "",
        "next": link(group.page + 1) if group.after else "",
    }


def _board_kpis(found: selectors.Board) -> list[dict[str, Any]]:
    overdue, at_risk = found.counts[Status.OVERDUE], found.counts[Status.AT_RISK]
    standing = [
        f"{found.counts[status]} {words}"
        for status, words in ((Status.CLOSED_HOURS, "in closed hours"), (Status.PAUSED, "paused"))
        if found.counts[status]
    ]
    return [
        {
            "label": "Overdue",
            "value": overdue,
            "status": "off_target" if overdue else "on_target",
            "url": _of_status(Status.OVERDUE) if overdue else "",
        },
        {
            "label": "At risk",
            "value": at_risk,
            "status": "watch" if at_risk else "on_target",
            "url": _of_status(Status.AT_RISK) if at_risk else "",
        },
        {
            "label": "On time",
            "value": found.counts[Status.ON_TIME],
            "target": ", ".join(standing) or "All clocks run",
        },
        {
            "label": "Without an owner",
            "value": found.unrouted,
            "status": "off_target" if found.unrouted else "on_target",
            "url": reverse("handoff:unrouted"),
        },
    ]
