"""One's own mails: which weekly ones, and which reports on a schedule."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from core.errors import DomainError
from reporting.mailings import reports, services, subscriptions
from reporting.mailings.forms import WEEKDAYS, MyMailsForm, SubscribeForm
from reporting.mailings.models import Kind, Subscription
from reporting.mailings.reports import REPORTS
from tenants.auth import member_required
from tenants.clock import database_clock
from tenants.models import Member
from tenants.refusals import REFUSED, status_of_refusal, take_errors
from tenants.requests import TenantRequest


@require_http_methods(["GET", "HEAD", "POST"])
@member_required()
def my_mails(request: TenantRequest) -> HttpResponse:
    """GET, POST /account/mails: which weekly mails I want, and the reports that I get. `report=` and the
    parameters of its page fill the form for a new one."""
    if request.method == "POST":
        form = MyMailsForm(request.POST)
        if form.is_valid():
            chosen = {kind: bool(form.cleaned_data[kind.value]) for kind in Kind}
            services.choose_mails(member=request.member, wanted=chosen)
            messages.success(request, "Saved.")
            return redirect("reporting:my_mails")
    return _page(request, None)


def _page(request: TenantRequest, form: SubscribeForm | None, status: int = 200) -> HttpResponse:
    member = request.member
    wanted = services.wants(member)
    filters = reports.kept_filters(request.GET.urlencode())
    initial = {"report": request.GET.get("report", ""), "query": urlencode(filters)}
    context = {
        "form": MyMailsForm(initial={kind.value: on for kind, on in wanted.items()}),
        "new": form or SubscribeForm(None, reports=_offered(member), filters=filters, initial=initial),
        "is_filtered": bool(filters),
        "subscriptions": [_row(each) for each in subscriptions.subscriptions_of(member)],
        "crumbs": [
            {"label": "My settings", "url": reverse("tenants:account")},
            {"label": "My mails", "url": ""},
        ],
    }
    return render(request, "reporting/my_mails.html", context, status=status)


def _offered(member: Member) -> list[tuple[str, str]]:
    return [(slug, each.title) for slug, each in REPORTS.items() if each.may_read(member)]


def _row(each: Subscription) -> dict[str, Any]:
    report = REPORTS[each.report]
    when = {
        Subscription.Frequency.DAILY.value: "Every day",
        Subscription.Frequency.WEEKLY.value: f"Every {WEEKDAYS[each.weekday]}",
        Subscription.Frequency.MONTHLY.value: f"On day {each.day} of every month",
    }[each.frequency]
    return {
        "id": each.id,
        "title": report.title,
        "url": reports.page_of(report, each.query),
        "filters": each.query.replace("&", ", "),
        "when": f"{when} at {each.at:%H:%M}",
        "next_at": each.next_at,
    }


@require_POST
@member_required()
def subscribe(request: TenantRequest) -> HttpResponse:
    """POST /account/mails/reports: let me have a report by mail."""
    filters = reports.kept_filters(request.POST.get("query", ""))
    form = SubscribeForm(request.POST, reports=_offered(request.member), filters=filters)
    if not form.is_valid():
        return _page(request, form, REFUSED)
    try:
        subscriptions.subscribe(
            tenant=request.tenant, member=request.member, **form.said, now=database_clock()
        )
    except DomainError as error:
        take_errors(form, error)
        return _page(request, form, status_of_refusal(error))
    messages.success(request, "You will get this report by mail.")
    return redirect("reporting:my_mails")


@require_POST
@member_required()
def unsubscribe(request: TenantRequest, subscription_id: UUID) -> HttpResponse:
    """POST /account/mails/reports/<id>/remove: I do not want it any more."""
    subscriptions.unsubscribe(member=request.member, subscription_id=subscription_id)
    messages.success(request, "Removed.")
    return redirect("reporting:my_mails")
