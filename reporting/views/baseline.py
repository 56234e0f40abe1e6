"""Before and after: the baseline beside the present, and naming it."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from core.errors import ValidationFailed
from reporting.baseline.counting import FOLLOW, Number
from reporting.baseline.standing import (
    USUAL_DAYS,
    Pair,
    baseline_line,
    count_again,
    figure,
    history,
    in_unit,
    name_baseline,
    period_after,
    side_by_side,
    standing,
)
from tenants.audit import member_actor
from tenants.auth import member_required
from tenants.clock import database_clock
from tenants.models import Role
from tenants.requests import TenantRequest
from web.table_files import table_file

#: Who reads it; an admin always.
READERS: Final = (Role.MANAGER, Role.MARKETING, Role.EXECUTIVE)

#: What no import knows, whatever the file.
NEVER_KNOWN: Final = (
    "Working hours: what was open when. First touch is by the wall clock on both sides.",
    "Owners before the last one: an export names who owns a lead now. A file of owner changes is not read.",
    "People who left: they are former members, by name, in no team unless the file names one.",
    "Changes of status that the export does not keep: without a file of them only the dates in a lead's row.",
    "Leads that were deleted there before the export.",
)


class BaselineForm(forms.Form):
    """A period of imported history, and how it is called."""

    name = forms.CharField(label="Name", max_length=80)
    first = forms.DateField(label="First day", widget=forms.DateInput(attrs={"type": "date"}))
    last = forms.DateField(label="Last day", widget=forms.DateInput(attrs={"type": "date"}))
    instead_of = forms.UUIDField(required=False, widget=forms.HiddenInput)


def _zone(request: TenantRequest) -> ZoneInfo:
    return ZoneInfo(request.tenant.time_zone)


@require_safe
@member_required(*READERS)
def baseline(request: TenantRequest) -> HttpResponse:
    """GET /baseline: each number before and after, with its base, and what the import cannot know."""
    return _page(request, None)


def _page(request: TenantRequest, form: BaselineForm | None) -> HttpResponse:
    zone, now = _zone(request), database_clock()
    stands, imported = standing(), history(zone)
    context: dict[str, Any] = {
        "crumbs": [{"label": "Insight"}, {"label": "Before and after"}],
        "baseline": stands,
        "history": imported,
        "never_known": NEVER_KNOWN,
        "usual_days": USUAL_DAYS,
        "follow": FOLLOW,
        "csv_url": reverse("reporting:baseline_csv") if stands else "",
    }
    if stands is not None:
        after, pairs = side_by_side(stands, zone=zone, now=now)
        first, last = period_after(stands, zone=zone, now=now)
        context |= {
            "after": after,
            "after_first": first,
            "after_last": last,
            "rows": [_row(pair) for pair in pairs],
        }
    if request.member.role == Role.ADMIN and imported.usual is not None:
        first, last = imported.usual
        context["form"] = form or BaselineForm(
            initial={
                "name": "Before the portal",
                "first": first,
                "last": last,
                "instead_of": stands.id if stands else None,
            }
        )
    status = 422 if form is not None else 200
    return render(request, "reporting/baseline.html", context, status=status)


def _row(pair: Pair) -> dict[str, Any]:
    return {
        "label": pair.measure.label,
        "says": pair.measure.says,
        "before": _cell(pair, pair.before),
        "after": _cell(pair, pair.after),
        "points": pair.points,
    }


def _cell(pair: Pair, number: Number) -> dict[str, Any]:
    measure = pair.measure
    return {
        "figure": "" if number.unknown else figure(measure, number),
        "p90": "" if measure.is_share or number.unknown else in_unit(measure, number.p90),
        "is_share": measure.is_share,
        "number": number,
        "left_out_why": measure.left_out,
    }


@require_safe
@member_required(*READERS)
def baseline_file(request: TenantRequest) -> HttpResponse:
    """GET /baseline.csv, .xlsx: the same as a file; its head alone without a baseline."""
    stands = standing()
    head = ["Number", "Unit"]
    for side in ("before", "after"):
        head += [f"Count {side}", f"Base {side}", f"Left out {side}", f"Median {side}", f"90% {side}"]
        head += [f"Not known {side}"]
    lines = []
    if stands is not None:
        _, pairs = side_by_side(stands, zone=_zone(request), now=database_clock())
        for pair in pairs:
            line: list[Any] = [pair.measure.label, "share" if pair.measure.is_share else pair.measure.unit]
            for each in (pair.before, pair.after):
                share = pair.measure.is_share and not each.unknown
                line += [each.count if share else None, None if each.unknown else each.base]
                line += [None if each.unknown else each.left_out, each.median, each.p90, each.unknown]
            lines.append(line)
    return table_file(request, "before-and-after", head, lines)


@require_POST
@member_required(Role.ADMIN)
def name(request: TenantRequest) -> HttpResponse:
    """POST /baseline/name: a period of imported history stands as the baseline from now on."""
    form = BaselineForm(request.POST)
    if form.is_valid():
        try:
            made = name_baseline(
                **form.cleaned_data,
                zone=_zone(request),
                actor=member_actor(request.member),
                now=database_clock(),
            )
        except ValidationFailed as refusal:
            for error in refusal.field_errors:
                form.add_error(error.path.lstrip("/"), error.message)
        else:
            messages.success(request, f"{made.name}: {made.mqls:,} imported MQLs stand as the baseline.")
            return redirect("reporting:baseline")
    return _page(request, form)


@require_POST
@member_required(Role.ADMIN)
def count(request: TenantRequest, baseline_id: UUID) -> HttpResponse:
    """POST /baseline/<id>/count: count it again, after more was imported."""
    found = count_again(
        baseline_id=baseline_id,
        zone=_zone(request),
        actor=member_actor(request.member),
        now=database_clock(),
    )
    messages.success(request, f"Counted again: {found.mqls:,} imported MQLs.")
    return redirect("reporting:baseline")


def note_of(request: TenantRequest, *names: str) -> str:
    """What these numbers were before, in one line, for whoever may read the baseline; "" for others and
    without one. One query."""
    role = request.member.role
    if role != Role.ADMIN and role not in READERS:
        return ""
    return baseline_line(names, standing())
