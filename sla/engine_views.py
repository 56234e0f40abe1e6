"""The page that says whether the engine keeps its promises to this organisation, and what to do if not."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from core.errors import Conflict
from sla import engine
from sla.auditor import PATIENCE
from sla.retrying import retry_timer
from tenants.audit import member_actor
from tenants.auth import member_required
from tenants.clock import database_clock
from tenants.models import Role
from tenants.requests import TenantRequest
from web.templatetags.sp import minutes_text


def _seconds(value: float | None) -> str:
    """ "0.4 s" under ten seconds, then as in a sentence."""
    if value is None:
        return "none"
    return f"{value:.1f} s" if value < 10 else minutes_text(value)


@require_safe
@member_required(Role.ADMIN)
def engine_page(request: TenantRequest) -> HttpResponse:
    """GET /engine: the ticks, the clocks, what the auditor found."""
    now = database_clock()
    ticks, figures = engine.ticks(now=now), engine.figures(now=now)
    found, total = engine.standing()
    waiting = f"oldest {minutes_text(now - figures.outbox_oldest)} ago" if figures.outbox_oldest else ""
    waited = (now - figures.oldest_due) if figures.oldest_due else timedelta()
    kpis = [
        {
            "label": "Clocks armed",
            "value": f"{figures.armed:,}",
            "target": f"{figures.due:,} due now",
            "delta": f"oldest {minutes_text(waited)} ago" if figures.oldest_due else "",
        },
        {
            "label": "Worst lateness",
            "value": _seconds(figures.worst_lateness),
            "target": f"of {figures.fired:,} steps in 24 hours",
            "delta": f"99 of 100 within {_seconds(figures.p99_lateness)}" if figures.fired else "",
        },
        {
            "label": "Messages waiting",
            "value": f"{figures.outbox_waiting:,}",
            "target": waiting,
        },
        {"label": "Failed clocks", "value": f"{figures.failed:,}", "target": "wait for a person"},
    ]
    context = {
        "ticks": ticks,
        "silent": [tick for tick in ticks if tick.state == "silent"],
        "late": waited > PATIENCE,
        "kpis": kpis,
        "findings": found,
        "total": total,
        "cleared": engine.cleared(now=now),
        "crumbs": [{"label": "Set up", "url": ""}, {"label": "Engine", "url": ""}],
    }
    return render(request, "sla/engine.html", context)


@require_POST
@member_required(Role.ADMIN)
def retry(request: TenantRequest, timer_id: UUID) -> HttpResponse:
    """POST /engine/timers/<id>/retry: have a failed clock looked at by the next sweep."""
    try:
        retry_timer(timer_id=timer_id, actor=member_actor(request.member), clock=database_clock)
    except Conflict as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, "The next sweep tries this clock again.")
    return redirect("sla:engine")
