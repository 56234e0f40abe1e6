"""The target of one commitment: its history, setting another one, and what MQLs a pipeline takes."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from core.errors import DomainError, NotFound, ValidationFailed
from reporting.commitments.calculator import DAYS, FOLLOWED, Inputs, inputs_of, needed
from reporting.commitments.catalog import CATALOG, Kind, Side, Unit
from reporting.commitments.forms import CalculatorForm, TargetForm
from reporting.commitments.models import CommitmentTarget
from reporting.commitments.params import present_month
from reporting.commitments.services import Wanted, may_set, set_target
from reporting.commitments.targets import Targets, Term, load_targets
from reporting.views.commitments import READERS, SIDES
from tenants.audit import member_actor, names_of_actors
from tenants.auth import member_required
from tenants.clock import database_clock
from tenants.refusals import REFUSED, status_of_refusal, take_errors
from tenants.requests import TenantRequest


@require_http_methods(["GET", "HEAD", "POST"])
@member_required(*READERS)
def target(request: TenantRequest, commitment: str) -> HttpResponse:
    """GET /commitments/targets/mql_volume: what is promised, since when, and who set it. POST: promise
    something else from a month on."""
    kind = CATALOG.get(commitment)
    if kind is None:
        raise NotFound("There is no such commitment.")
    may = may_set(request.member.role, kind.side)
    if request.method == "POST":
        if not may:
            raise PermissionDenied(f"{SIDES[kind.side]}'s targets are set by {SIDES[kind.side].lower()}.")
        return _set(request, kind)
    return _page(request, kind, _form(request, kind) if may else None)


def _form(request: TenantRequest, kind: Kind) -> TargetForm:
    """The form as it stands, or as the calculator fills it."""
    present = present_month(request.tenant, database_clock())
    targets = load_targets(request.tenant.target_percent)
    term, last = targets.of(kind, present), targets.last(kind)
    given = request.GET.get("target", "")
    initial = {
        "target": given if given.isascii() and given.isdigit() and len(given) < 9 else term.target,
        "weekly_floor": term.weekly_floor,
        "counts_rejected": term.counts_rejected,
        "valid_from": present.isoformat(),
        "why": request.GET.get("why", "")[:300],
        "instead_of": None if last is None else last.id,
    }
    return TargetForm(kind=kind, present=present, initial=initial)


def _set(request: TenantRequest, kind: Kind) -> HttpResponse:
    now = database_clock()
    form = TargetForm(request.POST, kind=kind, present=present_month(request.tenant, now))
    if not form.is_valid():
        return _page(request, kind, form, REFUSED)
    said = form.cleaned_data
    wanted = Wanted(
        target=said["target"],
        valid_from=said["valid_from"],
        why=said["why"],
        weekly_floor=said.get("weekly_floor"),
        counts_rejected=said.get("counts_rejected", True),
        instead_of=said["instead_of"],
    )
    try:
        row = set_target(
            tenant=request.tenant, kind=kind, wanted=wanted, actor=member_actor(request.member), now=now
        )
    except DomainError as error:
        take_errors(form, error)
        return _page(request, kind, form, status_of_refusal(error))
    if row is None:
        messages.info(request, "That is promised already: nothing changed.")
    else:
        messages.success(request, f"{kind.label}: promised from {row.valid_from:%B %Y} on.")
    return redirect("reporting:commitment_target", commitment=kind.key)


def _page(request: TenantRequest, kind: Kind, form: TargetForm | None, status: int = 200) -> HttpResponse:
    targets = load_targets(request.tenant.target_percent)
    present = present_month(request.tenant, database_clock())
    history = targets.history(kind)
    people = names_of_actors(row.set_by for row in history)
    context = {
        "crumbs": [
            {"label": "Contract"},
            {"label": "Commitments", "url": reverse("reporting:commitments")},
            {"label": kind.label},
        ],
        "kind": kind,
        "side": SIDES[kind.side],
        "term": targets.of(kind, present),
        "form": form,
        "history": [_row(kind, row, targets, people) for row in history],
        "is_volume": kind.unit == Unit.COUNT,
        "counted": _counted(kind),
    }
    return render(request, "reporting/commitment_target.html", context, status=status)


def _row(kind: Kind, row: CommitmentTarget, targets: Targets, people: dict[str, str]) -> dict[str, Any]:
    term = Term(kind, row.target, row.weekly_floor, row.counts_rejected, row)
    holds = targets.of(kind, row.valid_from).row_id == row.id
    counts_all = kind.unit != Unit.COUNT or row.counts_rejected
    return {
        "set": row,
        "words": term.words or "nothing",
        "note": "" if counts_all else "without rejected MQLs",
        "by": people[row.set_by],
        "replaced": not holds,
    }


def _counted(kind: Kind) -> str:
    """What it counts, in a sentence."""
    if kind.unit == Unit.COUNT:
        return "MQLs that were handed over in the month, by the organisation's days. Test leads never count."
    left = f" Left out and shown: {kind.left_out}." if kind.left_out else ""
    return f"Kept: {kind.kept}. Base: {kind.base}.{left}"


# --- The calculator -----------------------------------------------------------------------------------------


@require_safe
@member_required(*READERS)
def calculator(request: TenantRequest) -> HttpResponse:
    """GET /commitments/calculator?pipeline=600000: how many MQLs a month that takes."""
    inputs = inputs_of(tenant=request.tenant, now=database_clock())
    form = CalculatorForm(request.GET if "pipeline" in request.GET else None)
    found: dict[str, Any] = {}
    if form.is_bound and form.is_valid():
        found = _needed(form, inputs, request.tenant.currency)
    kind = CATALOG["mql_volume"]
    context = {
        "crumbs": [
            {"label": "Contract"},
            {"label": "Commitments", "url": reverse("reporting:commitments")},
            {"label": "MQLs from a pipeline"},
        ],
        "form": form,
        "inputs": inputs,
        "days": DAYS,
        "followed": FOLLOWED,
        "currency": request.tenant.currency,
        "may_set": may_set(request.member.role, Side.MARKETING),
        "target_url": reverse("reporting:commitment_target", args=[kind.key]),
        **found,
    }
    return render(request, "reporting/commitment_calculator.html", context, status=_status(form))


def _status(form: CalculatorForm) -> int:
    return REFUSED if form.is_bound and form.errors else 200


def _needed(form: CalculatorForm, inputs: Inputs, currency: str) -> dict[str, Any]:
    """What the page says of the number; or puts an error at the input that is wanted."""
    said = form.cleaned_data
    try:
        found = needed(inputs, pipeline=said["pipeline"], value=said["value"], conversion=said["conversion"])
    except ValidationFailed as error:
        take_errors(form, error)
        return {}
    why = found.why(currency)
    url = reverse("reporting:commitment_target", args=["mql_volume"])
    return {
        "number": found.mqls,
        "why": why,
        "use_url": f"{url}?{urlencode({'target': found.mqls, 'why': why})}",
    }
