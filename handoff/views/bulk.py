"""Chosen leads move together: who they are, what would become of each, then done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from core.errors import DomainError
from handoff import bulk, selectors, words
from handoff.bulk_form import BulkForm
from handoff.services import Actor
from handoff.views import base
from handoff.views.base import overseer
from leads.lifecycle import Stage
from leads.models import Lead
from routing.overview import possible_owners
from tenants.refusals import status_of, status_of_refusal, take_errors
from tenants.requests import TenantRequest

_SAID: Final = {
    bulk.MOVED: "moves",
    bulk.OFFERED: "is put up to be claimed",
    bulk.WAITS: "waits without an owner",
    bulk.STAYS: "stays: nobody else can take it",
    bulk.LEFT: "is left alone",
}


def filtered(request: TenantRequest, query: Any) -> Any:
    """The leads that a list's filters name, of those that the member may move."""
    found = bulk.movable(request.member)
    stage, source, owner = (str(query.get(name, ""))[:80] for name in ("stage", "source", "owner"))
    if stage in Stage.values:
        found = found.filter(stage=stage)
    if source:
        found = found.filter(source=source)
    if owner:
        found = by_owner(found, owner)
    return found


def by_owner(found: Any, owner: str) -> Any:
    """Of leads those of one owner, by id, or of "none"; nobody's where it is no id."""
    if owner == "none":
        return found.filter(owner__isnull=True)
    try:
        return found.filter(owner_id=UUID(owner))
    except ValueError:
        return found.none()


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@overseer
def move(request: TenantRequest) -> HttpResponse:
    """POST /leads/move {lead...} or {all, stage, source, owner}: the form for these leads; with `do`
    "preview" what would become of each, with "move" it is done. GET leads to the list of leads.
    """
    if request.method != "POST":
        return redirect("handoff:leads")
    ids = _chosen(request)
    if not ids or len(ids) > bulk.MOST_LEADS:
        text = (
            "Choose at least one lead."
            if not ids
            else (f"At most {bulk.MOST_LEADS} leads move in one step: choose fewer, or narrow the filter.")
        )
        messages.warning(request, text)
        return redirect("handoff:leads")
    do = request.POST.get("do", "")
    now = base.reading_clock()
    first = do not in ("preview", "move")
    initial = {
        "seen_at": now.isoformat(),
        "untouched_only": request.POST.get("untouched_only"),
        "why": request.POST.get("why", ""),
        "to": request.POST.get("to", ""),
    }
    form = BulkForm(None if first else request.POST, initial=initial, people=possible_owners())
    status, lines = 200, None
    had: dict[UUID, str] = {}
    if not first:
        status = status_of(form)
    if not first and form.is_valid():
        act = bulk.move_leads if do == "move" else bulk.preview
        had = _owners(ids)
        actor = Actor.person(request.member)
        try:
            lines = act(lead_ids=ids, wish=form.wish(), actor=actor, clock=base.deciding_clock)
        except DomainError as refusal:
            take_errors(form, refusal)
            status = status_of_refusal(refusal)
    context = {
        "ids": ids,
        "form": form,
        "rows": told(lines, had) if lines is not None else _listed(ids),
        "previewed": lines is not None and do != "move",
        "done": lines is not None and do == "move",
        "summary": summary(lines) if lines is not None else "",
        "most": bulk.MOST_LEADS,
        "crumbs": [
            {"label": "Leads", "url": reverse("handoff:leads")},
            {"label": "Move leads", "url": ""},
        ],
    }
    return render(request, "handoff/bulk.html", context, status=status if form.errors else 200)


def _chosen(request: TenantRequest) -> list[UUID]:
    """The leads named, or all that the filters name; one more than may move, at most."""
    if request.POST.get("all"):
        found = filtered(request, request.POST)
        rows = found.order_by("-updated_at", "-id").values_list("id", flat=True)
        return list(rows[: bulk.MOST_LEADS + 1])
    ids = []
    for text in request.POST.getlist("lead")[: bulk.MOST_LEADS + 1]:
        try:
            ids.append(UUID(text))
        except ValueError:
            continue
    return list(dict.fromkeys(ids))


def _listed(ids: Sequence[UUID]) -> list[dict[str, Any]]:
    """The leads, before anything is said of them."""
    leads = Lead.objects.select_related("account", "owner").in_bulk(ids)
    return [{"lead": leads[key], "said": "", "why": ""} for key in ids if key in leads]


def _owners(ids: Sequence[UUID]) -> dict[UUID, str]:
    """Who has each lead that somebody has, by name."""
    return dict(Lead.objects.filter(id__in=ids, owner__isnull=False).values_list("id", "owner__name"))


def told(lines: Sequence[bulk.Line], had: Mapping[UUID, str] | None = None) -> list[dict[str, Any]]:
    """What became of each lead, in words. Two queries. A lead that may not be seen has no line of its own.

    had: who had each lead before, where that is to be said.
    """
    leads = Lead.objects.select_related("account", "owner").in_bulk(
        [line.lead_id for line in lines if line.reason != "not_found"]
    )
    names = selectors.names_of([line.member_id for line in lines])
    rows = []
    for line in lines:
        lead = leads.get(line.lead_id)
        said = _SAID[line.outcome]
        if line.outcome == bulk.MOVED:
            former = f"from {had[line.lead_id]} " if had and line.lead_id in had else ""
            said = f"{former}to {names.get(str(line.member_id), 'somebody')}"
        why = bulk.LEFT_WORDS.get(line.reason) or words.say(words.REASONS, line.reason)
        rows.append({"lead": lead, "said": said, "why": why, "left": line.outcome in (bulk.LEFT, bulk.STAYS)})
    return rows


def summary(lines: Sequence[bulk.Line]) -> str:
    """ "12 move: 7 to Bo, 5 to Cy. 2 are left alone." """
    counts = bulk.tally(lines)
    names = selectors.names_of([line.member_id for line in lines])
    going: dict[str, int] = {}
    for line in lines:
        if line.outcome == bulk.MOVED:
            name = names.get(str(line.member_id), "somebody")
            going[name] = going.get(name, 0) + 1
    to = ", ".join(f"{number} to {name}" for name, number in sorted(going.items(), key=lambda each: -each[1]))
    said = [f"{counts[bulk.MOVED]} go on{': ' + to if to else ''}."]
    for outcome, text in (
        (bulk.OFFERED, "put up to be claimed"),
        (bulk.WAITS, "without an owner"),
        (bulk.STAYS, "where they were: nobody else can take them"),
        (bulk.LEFT, "left alone"),
    ):
        if counts[outcome]:
            said.append(f"{counts[outcome]} {text}.")
    return " ".join(said)
