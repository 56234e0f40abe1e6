"""The list of stale leads as a file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from django.http import HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from handoff.selectors.stale import StaleRow, stale_rows
from handoff.stale import NAMES, ORDER, asked_of
from tenants.auth import member_required
from tenants.clock import database_clock
from tenants.requests import TenantRequest
from web.table_files import table_file

MOST_ROWS: Final = 20_000
_HEAD: Final = ("Lead", "Company", "Stage", "Owner", "Team", "Working days", "Allowed", "Last sign of work")


@require_safe
@member_required()
def stale_file(request: TenantRequest) -> HttpResponse:
    """GET /leads/stale.csv, .xlsx, with the filters of the page: what its reader may see of it."""
    params = {name: request.GET.get(name, "") for name in NAMES}
    asked = asked_of(params, tenant=request.tenant, member=request.member, now=database_clock())
    found = asked.found().select_related("lead__account", "owner__team").order_by(*ORDER)[:MOST_ROWS]
    return table_file(request, "stale-leads", _HEAD, _rows(stale_rows(asked.rule, found)))


def _rows(rows: list[StaleRow]) -> Iterator[list[Any]]:
    for each in rows:
        owner, lead = each.handoff.owner, each.handoff.lead
        team = owner.team if owner else None
        yield [
            lead.full_name,
            lead.company,
            each.stage.label,
            owner.name if owner else "",
            team.name if team else "",
            each.idle,
            each.allowed,
            timezone.localtime(each.handoff.worked_at).strftime("%Y-%m-%d %H:%M"),
        ]
