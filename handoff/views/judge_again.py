"""Leads are judged again by the criteria in force: first looked at, then done."""

from __future__ import annotations

from typing import Any, Final

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from core.errors import DomainError
from handoff import selectors
from handoff.judge_again import MOST, JudgedAgain, judge_again, last_leads
from leads.models import Lead
from tenants.audit import member_actor
from tenants.auth import member_required
from tenants.clock import database_clock
from tenants.models import Role
from tenants.refusals import status_of, status_of_refusal, take_errors
from tenants.requests import TenantRequest

_LASTS: Final = (100, MOST)


class JudgeAgainForm(forms.Form):
    """Which leads: one by its id, else the last so many."""

    last = forms.TypedChoiceField(
        label="Which leads",
        choices=[(each, f"The last {each:,}") for each in reversed(_LASTS)],
        coerce=int,
        empty_value=MOST,  # type: ignore[arg-type]
        required=False,
        help_text=(
            "Real leads, those heard of latest. Left alone: a lead that sales has, and one that sales "
            "had and that did nothing since."
        ),
    )
    lead = forms.UUIDField(required=False, widget=forms.HiddenInput)


@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Role.MARKETING)
def judge(request: TenantRequest) -> HttpResponse:
    """GET /qualification/judge-again: which leads. POST {last | lead, do}: "preview" says what would become
    of them and leaves nothing; "judge" does it.
    """
    form = JudgeAgainForm(request.POST or None)
    status, lead, found = status_of(form), None, None
    if form.is_bound and form.is_valid():
        lead = _lead(request, form)
        does = request.POST.get("do") == "judge"
        chosen = [lead] if lead else last_leads(form.cleaned_data["last"])
        try:
            found = judge_again(
                chosen, actor=member_actor(request.member), clock=database_clock, dry_run=not does
            )
        except DomainError as refused:
            take_errors(form, refused)
            status = status_of_refusal(refused)
        else:
            if does:
                messages.success(request, _told(found))
                return redirect("handoff:lead", lead.id) if lead else redirect("handoff:judge_again")
    context: dict[str, Any] = {
        "form": form,
        "lead": lead,
        "found": found,
        "does": _does(found) if found else "",
        "crumbs": [
            {"label": "Set up", "url": ""},
            {"label": "Qualification", "url": reverse("leads:criteria")},
            {"label": "Judge again", "url": ""},
        ],
    }
    return render(request, "handoff/judge_again.html", context, status=status)


def _lead(request: TenantRequest, form: JudgeAgainForm) -> Lead | None:
    lead_id = form.cleaned_data["lead"]
    if lead_id is None:
        return None
    return selectors.get_lead(tenant=request.tenant, member=request.member, lead_id=lead_id)


def _does(found: JudgedAgain) -> str:
    """What the button does, with how much of it changes: "Judge 873 again: 12 change, 3 go to sales"."""
    what = "Judge this lead again" if found.leads == 1 else f"Judge these {found.leads:,} again"
    if found.leads == 1:
        return what
    number = len(found.changed)
    said = f"{what}: {number:,} change{'s' if number == 1 else ''}"
    if found.handed_over:
        said += f", {found.handed_over:,} go{'es' if found.handed_over == 1 else ''} to sales"
    return said


def _told(found: JudgedAgain) -> str:
    if not found.leads:
        why = "sales has it" if found.with_sales else "sales had it, and it did nothing since"
        return f"Nothing was judged: {why}." if found.with_sales + found.ended == 1 else "Nothing was judged."
    leads = "1 lead was" if found.leads == 1 else f"{found.leads:,} leads were"
    said = f"{leads} judged by version {found.version}"
    if not found.changed:
        return f"{said}: nothing changed."
    if len(found.changed) == 1:
        return f"{said}. {found.changed[0].words}"
    each = "; ".join(f"{number:,} {words[:1].lower()}{words[1:]}" for words, number in found.becoming)
    return f"{said}: {len(found.changed):,} changed. {each}."
