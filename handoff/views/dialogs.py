"""A dialog is one address: a page of its own without script, a dialog when htmx asks. What a service refuses
comes back in the same form with everything that was typed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms as django_forms
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from core.errors import DomainError, NotFound
from handoff.views.base import way_on
from leads.models import Lead
from tenants.models import Role
from tenants.refusals import REFUSED, status_of_refusal, take_errors
from tenants.requests import TenantRequest


def posted(request: HttpRequest) -> Any:
    """What a form was sent with, be it nothing; None where it is only shown."""
    return request.POST if request.method == "POST" else None


def dialog(
    request: TenantRequest,
    found: Lead,
    form: django_forms.Form,
    *,
    part: str,
    title: str,
    status: int = 200,
    **extra: Any,
) -> HttpResponse:
    """A form as a dialog for htmx, as a page without it."""
    in_dialog = bool(request.htmx)
    context = {
        "lead": found,
        "form": form,
        "part": f"handoff/{part}",
        "title": title,
        "sub": " · ".join(filter(None, (found.company, found.source))),
        "in_dialog": in_dialog,
        "next": way_on(request, ""),
        "action": request.path,
        "back": way_on(request, reverse("handoff:lead", args=[found.id])),
        "crumbs": [
            {"label": "Inbox", "url": reverse("handoff:inbox")},
            {"label": found.full_name, "url": reverse("handoff:lead", args=[found.id])},
            {"label": title},
        ],
        **extra,
    }
    return render(
        request, "handoff/_dialog.html" if in_dialog else "handoff/act.html", context, status=status
    )


def answer(
    request: TenantRequest,
    form: django_forms.Form,
    act: Callable[[], HttpResponse],
    again: Callable[[int], HttpResponse],
) -> HttpResponse:
    """Carry a filled form out, or show it again with what is wrong; a refusal leaves nothing half done."""
    if not form.is_valid():
        return again(REFUSED)
    try:
        with transaction.atomic():
            return act()
    except NotFound:
        raise
    except DomainError as error:
        take_errors(form, error)
        return again(status_of_refusal(error))


def after(request: TenantRequest) -> str:
    """After a lead has left: the list it was in, not the lead itself, which the person may not own any
    more; for whoever oversees them, the board."""
    own = "handoff:inbox" if request.member.role == Role.REP else "handoff:board"
    way = way_on(request, reverse(own))
    return way if not way.startswith(("/leads/", "/inbox")) else reverse(own)
