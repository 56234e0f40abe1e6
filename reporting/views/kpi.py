"""One KPI: who owned it, what it was to reach, and naming somebody or setting a target."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from core.errors import DomainError
from reporting.commitments.params import present_month
from reporting.kpis import words
from reporting.kpis.catalog import Kind
from reporting.kpis.forms import OwnerForm, TargetForm
from reporting.kpis.services import Wanted, get_kind, may_set, set_owner, set_target
from reporting.kpis.targets import NOBODY, Owner, Targets, Term, load_targets, owners_of
from reporting.views.kpis import READERS, SECTIONS
from tenants.audit import member_actor, names_of_actors
from tenants.auth import member_required
from tenants.clock import database_clock
from tenants.models import Role
from tenants.refusals import REFUSED, status_of_refusal, take_errors
from tenants.requests import TenantRequest


@require_safe
@member_required(*READERS)
def kpi(request: TenantRequest, kpi: str) -> HttpResponse:
    """GET /kpis/close_rate: what it counts, its owner and its target, and what they were."""
    return _page(request, get_kind(kpi))


@require_POST
@member_required(Role.ADMIN)
def target(request: TenantRequest, kpi: str) -> HttpResponse:
    """POST /kpis/close_rate/target: what it is to reach from a month on."""
    kind, now = get_kind(kpi), database_clock()
    form = TargetForm(
        request.POST,
        kind=kind,
        present=present_month(request.tenant, now),
        currency=request.tenant.currency,
    )
    if not form.is_valid():
        return _page(request, kind, target_form=form, status=REFUSED)
    said = form.cleaned_data
    wanted = Wanted(said["target"], said["valid_from"], said["why"], said["instead_of"])
    actor = member_actor(request.member)
    try:
        is_new = set_target(tenant=request.tenant, kind=kind, wanted=wanted, actor=actor, now=now)
    except DomainError as error:
        take_errors(form, error)
        return _page(request, kind, target_form=form, status=status_of_refusal(error))
    if is_new:
        messages.success(request, f"{kind.label}: set from {wanted.valid_from:%B %Y} on.")
    else:
        messages.info(request, "That is set already: nothing changed.")
    return redirect("reporting:kpi", kpi=kind.key)


@require_POST
@member_required(Role.ADMIN)
def owner(request: TenantRequest, kpi: str) -> HttpResponse:
    """POST /kpis/close_rate/owner: who answers for it from now on."""
    kind = get_kind(kpi)
    form = OwnerForm(request.POST)
    if not form.is_valid():
        return _page(request, kind, owner_form=form, status=REFUSED)
    try:
        is_new = set_owner(
            tenant=request.tenant,
            kind=kind,
            member_id=form.cleaned_data["member"],
            actor=member_actor(request.member),
            now=database_clock(),
        )
    except DomainError as error:
        take_errors(form, error)
        return _page(request, kind, owner_form=form, status=status_of_refusal(error))
    if is_new:
        messages.success(request, "The owner is named.")
    else:
        messages.info(request, "That is so already: nothing changed.")
    return redirect("reporting:kpi", kpi=kind.key)


def _page(
    request: TenantRequest,
    kind: Kind,
    *,
    target_form: TargetForm | None = None,
    owner_form: OwnerForm | None = None,
    status: int = 200,
) -> HttpResponse:
    may, currency = may_set(request.member.role), request.tenant.currency
    if (target_form or owner_form) and not may:
        raise PermissionDenied("An admin names owners and sets targets.")
    targets = load_targets(request.tenant.target_percent)
    present = present_month(request.tenant, database_clock())
    term, history = targets.of(kind, present), targets.history(kind)
    owners = owners_of(kind.key).get(kind.key, [])
    people = names_of_actors(
        [*(each.set_by for each in history), *(each.set_by for each in owners if each.set_by)]
    )
    present_owner = next(iter(owners), NOBODY)
    if may and target_form is None:
        initial = {
            "target": None if term.target is None else words_plain(term),
            "valid_from": present.isoformat(),
            "instead_of": targets.last(kind),
        }
        target_form = TargetForm(kind=kind, present=present, currency=currency, initial=initial)
    if may and owner_form is None:
        owner_form = OwnerForm(initial={"member": _member(present_owner)})
    context = {
        "crumbs": [
            {"label": "Contract"},
            {"label": "KPIs", "url": reverse("reporting:kpis")},
            {"label": kind.label},
        ],
        "kind": kind,
        "section": SECTIONS[kind.section],
        "term": term,
        "target": "" if term.target is None else words.number(kind, term.target, currency),
        "owner": present_owner,
        "history": [_row(kind, each, targets, people, currency) for each in history],
        "owners": [{"owner": each, "by": people[each.set_by]} for each in owners if each.set_at],
        "target_form": target_form,
        "owner_form": owner_form,
        "commitment_url": reverse("reporting:commitment_target", args=[kind.commitment])
        if kind.commitment
        else "",
    }
    return render(request, "reporting/kpi.html", context, status=status)


def _member(owner: Owner) -> str:
    return "" if owner.member_id is None or owner.has_left else str(owner.member_id)


def words_plain(term: Term) -> str:
    """A target as a form takes it again."""
    text = f"{term.target:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _row(kind: Kind, term: Term, targets: Targets, people: dict[str, str], currency: str) -> dict[str, Any]:
    holds = term.valid_from is None or targets.of(kind, term.valid_from).row_id == term.row_id
    said = "none" if term.target is None else words.number(kind, term.target, currency)
    return {"set": term, "words": said, "by": people[term.set_by], "replaced": not holds}
