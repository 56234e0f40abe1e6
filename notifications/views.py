"""Pages: the bell, and the organisation's webhooks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from core.errors import Conflict, ValidationFailed
from notifications import selectors, services
from notifications.forms import EndpointForm
from notifications.models import WebhookEndpoint
from notifications.outbox import KINDS
from tenants.audit import member_actor
from tenants.auth import member_required
from tenants.clock import database_clock
from tenants.models import Member, Role, Tenant
from tenants.refusals import status_of, take_errors
from web.pagination import next_url, page_of


class TenantRequest(HttpRequest):
    """A request of somebody who is logged in, as tenants.middleware makes it."""

    tenant: Tenant
    member: Member


@require_safe
@member_required()
def inbox(request: TenantRequest) -> HttpResponse:
    """GET /notifications: what I was told, newest first."""
    notices = selectors.notices_of(tenant=request.tenant, member=request.member)
    page = page_of(notices, cursor=request.GET.get("cursor", ""), size=50, order=("-at", "-id"))
    context = {
        "notices": selectors.in_words(page.rows, now=database_clock()),
        "next": next_url(request, page.next),
        "unread": selectors.unread(tenant=request.tenant, member=request.member).count(),
        "crumbs": [{"label": "Notifications", "url": ""}],
    }
    return render(request, "notifications/inbox.html", context)


@require_POST
@member_required()
def mark_all_read(request: TenantRequest) -> HttpResponse:
    """POST /notifications/read: nothing is new to me any more."""
    services.mark_all_read(tenant=request.tenant, member=request.member, now=database_clock())
    return redirect("notifications:inbox")


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Role.ADMIN)
def webhooks(request: TenantRequest) -> HttpResponse:
    """GET, POST /webhooks: the endpoints; a new one's secret is shown once, on the answer to the POST."""
    form = EndpointForm(request.POST or None)
    made: dict[str, str] = {}
    if request.method == "POST" and form.is_valid():
        try:
            endpoint, secret = services.add_endpoint(
                tenant=request.tenant,
                url=form.cleaned_data["url"],
                events=form.cleaned_data["events"],
                actor=member_actor(request.member),
                now=database_clock(),
            )
        except ValidationFailed as error:
            take_errors(form, error)
        else:
            made, form = {"secret": secret, "url": endpoint.url}, EndpointForm()
    context = {
        "endpoints": [_endpoint_view(one) for one in selectors.endpoints_of(tenant=request.tenant)],
        "form": form,
        "made": made,
        "crumbs": [{"label": "Set up", "url": ""}, {"label": "Webhooks", "url": ""}],
    }
    return render(request, "notifications/webhooks.html", context, status=status_of(form))


@never_cache
@require_safe
@member_required(Role.ADMIN)
def webhook(request: TenantRequest, endpoint_id: UUID) -> HttpResponse:
    """GET /webhooks/<id>: one endpoint and its last deliveries."""
    return _webhook_page(request, selectors.get_endpoint(tenant=request.tenant, endpoint_id=endpoint_id))


@never_cache
@require_POST
@member_required(Role.ADMIN)
def rotate(request: TenantRequest, endpoint_id: UUID) -> HttpResponse:
    """POST /webhooks/<id>/rotate: a new secret, shown once on the answer."""
    endpoint, secret = services.rotate_secret(
        tenant=request.tenant,
        endpoint_id=endpoint_id,
        actor=member_actor(request.member),
        now=database_clock(),
    )
    return _webhook_page(request, endpoint, secret=secret)


def _switch(is_active: bool, done: str) -> Callable[..., HttpResponse]:
    @require_POST
    @member_required(Role.ADMIN)
    def view(request: TenantRequest, endpoint_id: UUID) -> HttpResponse:
        services.set_active(
            tenant=request.tenant,
            endpoint_id=endpoint_id,
            is_active=is_active,
            actor=member_actor(request.member),
            now=database_clock(),
        )
        messages.success(request, done)
        return redirect("notifications:webhook", endpoint_id)

    return view


enable = _switch(True, "The webhook is on.")
disable = _switch(False, "The webhook is off. What waited for it will not be sent.")


@require_POST
@member_required(Role.ADMIN)
def send_again(request: TenantRequest, endpoint_id: UUID, delivery_id: UUID) -> HttpResponse:
    """POST /webhooks/<id>/deliveries/<id>/again: once more, under the same message id."""
    try:
        services.send_again(
            tenant=request.tenant,
            endpoint_id=endpoint_id,
            delivery_id=delivery_id,
            actor=member_actor(request.member),
            now=database_clock(),
        )
    except Conflict as error:
        messages.error(request, error.message)
    else:
        messages.success(request, "It is on its way again.")
    return redirect("notifications:webhook", endpoint_id)


def _endpoint_view(endpoint: WebhookEndpoint) -> dict[str, Any]:
    return {
        "row": endpoint,
        "events": [KINDS.get(kind, kind) for kind in endpoint.events] or ["All events"],
    }


def _webhook_page(request: TenantRequest, endpoint: WebhookEndpoint, *, secret: str = "") -> HttpResponse:
    context = {
        "endpoint": endpoint,
        "events": _endpoint_view(endpoint)["events"],
        "deliveries": selectors.last_deliveries(endpoint=endpoint),
        "secret": secret,
        "crumbs": [
            {"label": "Set up", "url": ""},
            {"label": "Webhooks", "url": "/webhooks"},
            {"label": endpoint.url, "url": ""},
        ],
    }
    return render(request, "notifications/webhook.html", context)
