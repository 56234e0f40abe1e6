"""Pages of the taxonomy of reasons. Admins keep it; marketing, managers and executives read it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.db.models import Count, Q
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from core.errors import Conflict, ValidationFailed
from feedback import taxonomy
from feedback.models import Disposition, Reason
from feedback.reasons import LEADS_TO, stage_of
from feedback.settings import DISPUTE_DAYS, SHEET_SIZE, change_settings, settings
from leads.lifecycle import Stage
from tenants.audit import member_actor
from tenants.auth import member_required
from tenants.clock import database_clock
from tenants.models import Role
from tenants.numbers import IntegerField
from tenants.refusals import status_of, status_of_refusal, take_errors
from tenants.requests import TenantRequest

_readers = member_required(Role.MARKETING, Role.MANAGER, Role.EXECUTIVE)
_keepers = member_required(Role.ADMIN)
#: What each kind answers, as the page heads it.
HEADS = {
    Reason.Kind.REJECT: ("Rejected", "Sales refuses the lead."),
    Reason.Kind.NURTURE: ("Sent to nurture", "Not now: back to marketing."),
    Reason.Kind.DISQUALIFIED: ("Disqualified", "Looked at, and nothing will come of it."),
    Reason.Kind.LOST: ("Lost", "The deal went elsewhere, or nowhere."),
}


class ReasonForm(forms.Form):
    """One reason. kind: what it answers; the fields that this kind cannot have are left out."""

    label = forms.CharField(label="Reason", max_length=60)
    hint = forms.CharField(
        label="Hint", max_length=120, required=False, help_text="Beside the reason, where it is chosen."
    )
    side = forms.ChoiceField(
        label="Whose it is",
        choices=[
            (Reason.Side.MARKETING, "Marketing's: counted, and may be disputed"),
            (Reason.Side.ROUTING, "Routing's: the lead goes to somebody else instead"),
        ],
        widget=forms.RadioSelect,
    )
    note_required = forms.BooleanField(label="Needs a note", required=False)
    earns_credit = forms.BooleanField(
        label="Gives the turn back",
        required=False,
        help_text="Whoever got the lead is no later in the rotation for it.",
    )
    leads_to = forms.ChoiceField(label="The lead becomes", required=False)

    def __init__(self, *args: Any, kind: Reason.Kind, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        first, *others = LEADS_TO[kind]
        field: Any = self.fields["leads_to"]
        field.choices = [("", Stage(first).label), *((each, Stage(each).label) for each in others)]
        if not others:
            del self.fields["leads_to"]
        if kind != Reason.Kind.REJECT:
            del self.fields["side"], self.fields["earns_credit"]

    def said(self) -> dict[str, Any]:
        """After is_valid()."""
        return {name: self.cleaned_data[name] for name in taxonomy.CHANGEABLE if name in self.fields}


class SettingsForm(forms.Form):
    dispute_days = IntegerField(
        label="Days to dispute a rejection",
        min_value=DISPUTE_DAYS[0],
        max_value=DISPUTE_DAYS[1],
        help_text="After it was given, weekends included.",
    )
    sheet_size = IntegerField(
        label="Rejections on a weekly sheet",
        min_value=SHEET_SIZE[0],
        max_value=SHEET_SIZE[1],
        help_text="From 5 to 10. A sheet that was opened stays as it is.",
    )


@never_cache
@require_safe
@_readers
def reasons(request: TenantRequest) -> HttpResponse:
    """GET /feedback/reasons: every reason, how often it was given, and what it leads to."""
    return _reasons(request, _settings_form(None))


@never_cache
@require_POST
@_keepers
def save_settings(request: TenantRequest) -> HttpResponse:
    """POST /feedback/settings: for how long a rejection may be disputed, and the size of a sheet."""
    form = _settings_form(request.POST)
    if form.is_valid():
        now = database_clock()
        change_settings(**form.cleaned_data, actor=member_actor(request.member), now=now)
        messages.success(request, "Saved.")
        return redirect("feedback:reasons")
    return _reasons(request, form)


def _settings_form(data: Any) -> SettingsForm:
    kept = settings()
    return SettingsForm(data, initial={"dispute_days": kept.dispute_days, "sheet_size": kept.sheet_size})


def _reasons(request: TenantRequest, form: SettingsForm) -> HttpResponse:
    given = dict(
        Disposition.objects.filter(reason__isnull=False, undone_at__isnull=True)
        .values_list("reason_id")
        .annotate(number=Count("id", filter=Q(handoff__is_test=False)))
    )
    groups: dict[str, list[dict[str, Any]]] = {kind: [] for kind in Reason.Kind.values}
    for each in taxonomy.all_reasons():
        stage = stage_of(each)
        groups[each.kind].append(
            {
                "reason": each,
                "given": given.get(each.id, 0),
                "becomes": stage.label if stage else "Goes to somebody else",
            }
        )
    context = {
        "groups": [
            {
                "kind": kind,
                "head": HEADS[Reason.Kind(kind)][0],
                "text": HEADS[Reason.Kind(kind)][1],
                "rows": rows,
                "last": sum(row["reason"].is_active for row in rows) - 1,
            }
            for kind, rows in groups.items()
        ],
        "active": sum(row["reason"].is_active for rows in groups.values() for row in rows),
        "most": taxonomy.MOST,
        "form": form,
        "may_change": request.member.role == Role.ADMIN,
    }
    return render(request, "feedback/reasons.html", context, status=status_of(form))


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@_keepers
def new_reason(request: TenantRequest) -> HttpResponse:
    """GET, POST /feedback/reasons/new?kind=: a reason more."""
    asked = request.GET.get("kind", "")
    kind = Reason.Kind(asked) if asked in Reason.Kind.values else Reason.Kind.REJECT
    start = {"side": Reason.Side.MARKETING}
    form = ReasonForm(request.POST if request.method == "POST" else None, kind=kind, initial=start)
    return _edit(request, form, kind, None)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@_keepers
def edit_reason(request: TenantRequest, reason_id: UUID) -> HttpResponse:
    """GET, POST /feedback/reasons/<id>: change one."""
    reason = taxonomy.get_reason(reason_id)
    kind = Reason.Kind(reason.kind)
    start = {name: getattr(reason, name) for name in taxonomy.CHANGEABLE}
    form = ReasonForm(request.POST if request.method == "POST" else None, kind=kind, initial=start)
    return _edit(request, form, kind, reason)


def _edit(request: TenantRequest, form: ReasonForm, kind: Reason.Kind, reason: Reason | None) -> HttpResponse:
    status = status_of(form)
    if form.is_valid():
        now, actor = database_clock(), member_actor(request.member)
        try:
            if reason is None:
                saved = taxonomy.create_reason(kind=kind, said=form.said(), actor=actor, now=now)
            else:
                saved = taxonomy.change_reason(reason_id=reason.id, said=form.said(), actor=actor, now=now)
        except (ValidationFailed, Conflict) as refusal:
            take_errors(form, refusal)
            status = status_of_refusal(refusal)
        else:
            messages.success(request, f"“{saved.label}” is saved.")
            return redirect("feedback:reasons")
    head = HEADS[kind][0]
    title = reason.label if reason else f"New reason: {head.lower()}"
    crumbs = [{"label": "Reasons", "url": reverse("feedback:reasons")}, {"label": title}]
    context = {"form": form, "reason": reason, "title": title, "head": head, "crumbs": crumbs}
    return render(request, "feedback/reason.html", context, status=status)


@never_cache
@require_POST
@_keepers
def retire(request: TenantRequest, reason_id: UUID) -> HttpResponse:
    """POST /feedback/reasons/<id>/retire: given no more, and kept in history."""
    done = taxonomy.retire_reason(
        reason_id=reason_id, actor=member_actor(request.member), now=database_clock()
    )
    messages.success(request, f"“{done.label}” is retired. History and reports keep it.")
    return redirect("feedback:reasons")


@never_cache
@require_POST
@_keepers
def restore(request: TenantRequest, reason_id: UUID) -> HttpResponse:
    """POST /feedback/reasons/<id>/restore: given again."""
    done = taxonomy.restore_reason(
        reason_id=reason_id, actor=member_actor(request.member), now=database_clock()
    )
    messages.success(request, f"“{done.label}” may be given again.")
    return redirect("feedback:reasons")


@never_cache
@require_POST
@_keepers
def move(request: TenantRequest, reason_id: UUID) -> HttpResponse:
    """POST /feedback/reasons/<id>/move: do=up or do=down, one place."""
    taxonomy.move_reason(
        reason_id=reason_id,
        up=request.POST.get("do") == "up",
        actor=member_actor(request.member),
        now=database_clock(),
    )
    return redirect("feedback:reasons")
