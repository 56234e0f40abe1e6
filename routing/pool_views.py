"""The pages of a pool's settings. For admins; who sits in a pool is on the routing page."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from core.errors import Conflict, ValidationFailed
from routing import overview, pools
from routing.models import Pool
from routing.pool_forms import PoolForm
from tenants.audit import member_actor
from tenants.auth import member_required
from tenants.clock import database_clock
from tenants.models import Calendar, Role
from tenants.refusals import status_of, status_of_refusal, take_errors
from tenants.requests import TenantRequest


@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Role.ADMIN)
def new_pool(request: TenantRequest) -> HttpResponse:
    """GET /routing/pools/new; POST makes a pool, which people are then seated in."""
    return _page(request, None)


@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Role.ADMIN)
def edit_pool(request: TenantRequest, pool_id: UUID) -> HttpResponse:
    """GET /routing/pools/<id>; POST changes its settings, from the next lead on."""
    return _page(request, overview.get_pool(pool_id=pool_id))


def _page(request: TenantRequest, pool: Pool | None) -> HttpResponse:
    others = Pool.objects.exclude(id=pool.id) if pool else Pool.objects.all()
    form = PoolForm(
        request.POST or None,
        pools=list(others.filter(is_active=True).order_by("name").values_list("id", "name")),
        calendars=list(Calendar.objects.order_by("name").values_list("id", "name")),
        settings=pools.PoolSettings.of(pool) if pool else None,
    )
    status = status_of(form)
    if form.is_valid():
        try:
            saved = _save(request, pool, form)
        except (ValidationFailed, Conflict) as refusal:
            take_errors(form, refusal)
            status = status_of_refusal(refusal)
        else:
            if pool:
                messages.success(request, f"{saved.name} is saved. It counts from the next lead on.")
            else:
                messages.success(request, f"{saved.name} is there. Seat people in it, and let rules name it.")
            return redirect("routing:rules")
    title = pool.name if pool else "New pool"
    context = {
        "form": form,
        "pool": pool,
        "title": title,
        "crumbs": [
            {"label": "Set up", "url": ""},
            {"label": "Routing", "url": "/routing"},
            {"label": title, "url": ""},
        ],
    }
    return render(request, "routing/pool.html", context, status=status)


def _save(request: TenantRequest, pool: Pool | None, form: PoolForm) -> Pool:
    by: dict[str, Any] = {"actor": member_actor(request.member), "clock": database_clock}
    if pool is None:
        return pools.create_pool(settings=form.settings, **by)
    return pools.change_pool(pool_id=pool.id, changes=asdict(form.settings), **by)
