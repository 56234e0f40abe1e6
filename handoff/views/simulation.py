"""Simulation on pages: one lead, the leads of the last days, what came of it, and each of its leads."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.db.models import F
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST, require_safe

from core.errors import Conflict, DomainError, ValidationFailed
from handoff.selectors import search
from handoff.simulation import present, present_answer, runs
from handoff.simulation.asking import answers, find_lead
from handoff.simulation.forms import LeadForm, RunForm, TypedLeadForm
from handoff.simulation.leads import FILTERS, as_uuid, leads_of
from handoff.views import base
from leads.models import Handoff, Lead
from routing.models import Pool, RuleSetVersion, SimulatedLead, SimulationRun
from routing.overview import possible_owners
from tenants.audit import member_actor, names_of_actors
from tenants.auth import member_required
from tenants.models import Member, Role
from tenants.refusals import REFUSED, status_of_refusal, take_errors
from tenants.requests import TenantRequest
from tenants.versions import open_draft, version_in_force
from web.pagination import next_url, page_of
from web.table_files import table_file

_SHOWN = 10  # runs of the list
_PAGE = 50
_MATCHES = 10  # leads that a name may mean
_HERE = {"label": "Simulate", "url": "/routing/simulate"}
_CRUMBS = [{"label": "Set up"}, {"label": "Routing", "url": "/routing"}]


def owner_choices() -> list[tuple[str, str]]:
    """Everybody who may own leads, as a form's choices."""
    return [(str(key), name) for key, name in possible_owners()]


@never_cache
@require_safe
@member_required(Role.ADMIN)
def simulate(request: TenantRequest) -> HttpResponse:
    """GET /routing/simulate: past leads to replay, and a lead to ask about."""
    return _page(request)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Role.ADMIN)
def one_lead(request: TenantRequest) -> HttpResponse:
    """GET /routing/simulate/lead?lead=<id>&at=&rules=: what would become of a lead that is there. POST {lead,
    at}: find it by its name or e-mail first, which no address and so no log is to hold.
    """
    said = request.POST if request.method == "POST" else request.GET
    form = LeadForm(said)
    context: dict[str, Any] = {
        "form": form,
        "crumbs": [*_CRUMBS, _HERE, {"label": "One lead"}],
        "asked": None,
    }
    status = REFUSED
    if form.is_valid():
        found = _meant(request, form)
        if len(found) == 1:
            return redirect(reverse("handoff:simulate_lead") + _match(found[0], said)["url"])
        if len(found) > 1:
            context["matches"], status = [_match(each, said) for each in found], 200
        elif not form.errors:
            context["asked"], status = _asked(request, said, form, at=form.cleaned_data["at"])
    return render(request, "handoff/simulate_lead.html", context, status=status)


def _meant(request: TenantRequest, form: LeadForm) -> list[Lead]:
    """The leads that a name or an e-mail may mean; empty for an id. What is nobody's stands in the form."""
    said = form.cleaned_data["lead"]
    if as_uuid(said):
        return []
    try:
        found = [] if "@" in said else search(member=request.member, text=said, limit=_MATCHES)
        return list(found) or [find_lead(said)]
    except ValidationFailed as refusal:
        take_errors(form, refusal)
        return []


def _match(lead: Lead, said: QueryDict) -> dict[str, Any]:
    """A lead that a name may mean, and the address that asks about it."""
    asked = {"lead": str(lead.id), **{name: said[name] for name in ("at", "rules") if said.get(name)}}
    return {"lead": lead, "url": f"?{urlencode(asked)}"}


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Role.ADMIN)
def typed(request: TenantRequest) -> HttpResponse:
    """GET, POST /routing/simulate/typed: the same of a lead that somebody types. What they type of a person
    is in no address; nothing is written, so a page that is loaded again only asks again.
    """
    sent = request.POST if request.method == "POST" else None
    form = TypedLeadForm(sent, owners=owner_choices())
    context: dict[str, Any] = {
        "form": form,
        "crumbs": [*_CRUMBS, _HERE, {"label": "Type a lead"}],
        "asked": None,
    }
    status = 200
    if sent is not None:
        if form.is_valid():
            context["asked"], status = _asked(
                request, sent, form, typed_facts=form.typed_facts(), at=form.cleaned_data["at"]
            )
        else:
            status = REFUSED
    return render(request, "handoff/simulate_typed.html", context, status=status)


def _page(
    request: TenantRequest, *, run_form: RunForm | None = None, refused: str = "", status: int = 200
) -> HttpResponse:
    now = base.reading_clock()
    draft = open_draft(RuleSetVersion)
    newest = SimulationRun.objects.defer("rules", "against", "result").order_by("-asked_at", "-id")
    listed = list(newest.annotate(replayed=F("result__leads"))[:_SHOWN])
    has_history = Handoff.objects.filter(is_history=True).exists()
    context = {
        "lead_form": LeadForm(),
        "run_form": run_form or RunForm(has_draft=draft is not None, has_history=has_history),
        "runs": present.lines_of(listed),
        "at_work": next((run for run in listed if run.state in ("queued", "running")), None),
        "actors": names_of_actors([run.asked_by for run in listed]),
        "draft": draft,
        "live": version_in_force(RuleSetVersion, now),
        "refused": refused,
        "kept": runs.KEPT.days,
        "now": now,
        "crumbs": [*_CRUMBS, {"label": "Simulate"}],
    }
    return render(request, "handoff/simulate.html", context, status=status)


def _asked(
    request: TenantRequest,
    query: QueryDict,
    form: Any,
    *,
    at: Any,
    typed_facts: dict[str, Any] | None = None,
) -> tuple[dict[str, Any] | None, int]:
    """(the answers for the template, the status); what was refused stands in the form."""
    now = base.reading_clock()
    try:
        lead = find_lead(form.cleaned_data["lead"]) if typed_facts is None else None
        broken: dict[str, str] = {}
        found = answers(["draft", "live"], lead=lead, typed=typed_facts, at=at or now, now=now, broken=broken)
    except ValidationFailed as refusal:
        take_errors(form, refusal)
        return None, REFUSED
    people = present_answer.people_of(found.values())
    pools = dict(Pool.objects.values_list("slug", "name"))
    shown = query.get("rules", "")
    if shown not in found or found[shown] is None:
        shown = "draft" if found["draft"] is not None else "live"
    wanted = query.copy()
    wanted.pop("rules", None)
    sides = []
    for side, label in (("draft", "Draft"), ("live", "Live")):
        if found[side] is None:
            continue
        # A typed lead is in no address: its sides are buttons of its form.
        url = f"{_match(lead, wanted)['url']}&rules={side}" if lead is not None else ""
        sides.append({"side": side, "label": label, "url": url, "shown": side == shown})
    told = {
        side: present_answer.answer_in_words(one, at or now, people, pools)
        for side, one in found.items()
        if one is not None
    }
    other_side = next((side for side in told if side != shown), None)
    return {
        "lead": lead,
        "at": at or now,
        "shown": told[shown],
        "side": shown,
        "sides": sides,
        "other": _beside(told[shown], told[other_side], other_side) if other_side else "",
        "broken": list(broken.values()),
    }, 200


def _beside(shown: dict[str, Any], other: dict[str, Any], side: str) -> str:
    """What the other side makes of it, in a sentence."""
    which = "The rules in force give it" if side == "live" else "The draft gives it"
    who = other["owner"] or "nobody"
    same = "the same person" if other["owner"] == shown["owner"] else f"to {who}"
    if other["owner"] != shown["owner"]:
        return f"{which} {same}."
    return f"{which} to {same}." if other["owner"] else f"{which} to nobody either."


# --- Past leads ---


@require_POST
@member_required(Role.ADMIN)
def start(request: TenantRequest) -> HttpResponse:
    """POST /routing/simulations {rules, days, with_history}."""
    has_history = Handoff.objects.filter(is_history=True).exists()
    draft = open_draft(RuleSetVersion)
    form = RunForm(request.POST, has_draft=draft is not None, has_history=has_history)
    if not form.is_valid():
        return _page(request, run_form=form, status=REFUSED)
    said = form.cleaned_data
    try:
        run = runs.ask(
            side=said["rules"],
            days=said["days"],
            with_history=said.get("with_history", False),
            actor=member_actor(request.member),
            now=base.deciding_clock(),
        )
    except ValidationFailed as refusal:
        take_errors(form, refusal)
        return _page(request, run_form=form, status=REFUSED)
    except Conflict as refusal:
        return _page(request, run_form=form, refused=refusal.message, status=status_of_refusal(refusal))
    return redirect("handoff:simulation", run.id)


@never_cache
@require_safe
@member_required(Role.ADMIN)
def one(request: TenantRequest, simulation_run_id: UUID) -> HttpResponse:
    """GET /routing/simulations/<id>: how far it is, then what came of it."""
    run = runs.get_run(simulation_run_id)
    context: dict[str, Any] = {
        "run": run,
        "title": present.title_of(run),
        "by": names_of_actors([run.asked_by])[run.asked_by],
        "progress": present.progress_of(run),
        "at_work": run.state in ("queued", "running"),
        "now": base.reading_clock(),
        "crumbs": [*_CRUMBS, _HERE, {"label": present.title_of(run)}],
    }
    if base.is_part(request, "progress") and context["at_work"]:
        return render(request, "handoff/_simulation_progress.html", context)
    if base.is_part(request, "progress"):
        return base.go(request, request.path)
    if run.state == SimulationRun.State.DONE and run.result:
        context |= present.result_of(run)
    return render(request, "handoff/simulation.html", context)


@require_POST
@member_required(Role.ADMIN)
def cancel(request: TenantRequest, simulation_run_id: UUID) -> HttpResponse:
    """POST /routing/simulations/<id>/cancel."""
    runs.get_run(simulation_run_id)
    try:
        runs.cancel(simulation_run_id, now=base.deciding_clock())
        messages.success(request, "It stops at its next step.")
    except Conflict as refusal:
        messages.info(request, refusal.message)
    return redirect("handoff:simulation", simulation_run_id)


@require_POST
@member_required(Role.ADMIN)
def again(request: TenantRequest, simulation_run_id: UUID) -> HttpResponse:
    """POST /routing/simulations/<id>/again: the same over as many days until now, by the rules of now."""
    runs.get_run(simulation_run_id)
    try:
        run = runs.begin_again(
            simulation_run_id, actor=member_actor(request.member), now=base.deciding_clock()
        )
    except DomainError as refusal:
        return _page(request, refused=refusal.message, status=status_of_refusal(refusal))
    return redirect("handoff:simulation", run.id)


@never_cache
@require_GET
@member_required(Role.ADMIN)
def leads(request: TenantRequest, simulation_run_id: UUID) -> HttpResponse:
    """GET /routing/simulations/<id>/leads: its leads, by what the address asks."""
    run = runs.get_run(simulation_run_id)
    query = _query(request)
    found = leads_of(run, query).select_related("lead__account", "member", "live_member", "past_member")
    page = page_of(found, cursor=request.GET.get("cursor", ""), size=_PAGE, order=("number",))
    asked = request.GET.copy()
    asked.pop("cursor", None)
    address = reverse("handoff:simulation_csv", args=[run.id])
    context = {
        "run": run,
        "title": present.title_of(run),
        "rows": present.lead_rows(page.rows),
        "filters": [(name.replace("_", " ").capitalize(), value) for name, value in _said(query)],
        "following": next_url(request, page.next),
        "csv_url": f"{address}?{asked.urlencode()}" if asked else address,
        "now": base.reading_clock(),
        "crumbs": [
            *_CRUMBS,
            _HERE,
            {"label": present.title_of(run), "url": reverse("handoff:simulation", args=[run.id])},
            {"label": "Leads"},
        ],
    }
    return render(request, "handoff/simulation_leads.html", context)


def _query(request: TenantRequest) -> dict[str, str]:
    return {name: value for name in FILTERS if (value := request.GET.get(name, "").strip())}


def _said(query: dict[str, str]) -> list[tuple[str, str]]:
    """The filters in words."""
    ids = [value for value in query.values() if as_uuid(value)]
    names = {str(key): name for key, name in Member.objects.filter(id__in=ids).values_list("id", "name")}
    known = {
        "none": "Nobody",
        "live": "By the rules in force",
        "past": "From what happened",
        "tier": "To another tier",
    }
    return [(name, names.get(value, known.get(value, value))) for name, value in query.items()]


_HEAD = (
    "Lead",
    "Company",
    "Arrived",
    "Tier",
    "Tier then",
    "Rule",
    "Pool",
    "Reason",
    "Would get it",
    "At",
    "By the rules in force",
    "Had it",
    "Since",
)


@require_GET
@member_required(Role.ADMIN)
def as_file(request: TenantRequest, simulation_run_id: UUID) -> HttpResponse:
    """GET /routing/simulations/<id>/leads.csv, .xlsx: all that the address asks for, as a file."""
    run = runs.get_run(simulation_run_id)
    found = leads_of(run, _query(request)).order_by("number")
    rows = found.select_related("lead__account", "member", "live_member", "past_member")
    return table_file(
        request,
        f"simulation-{run.since:%Y-%m-%d}-to-{run.until:%Y-%m-%d}",
        _HEAD,
        (_line(row) for row in rows.iterator(chunk_size=2_000)),
    )


def _line(row: SimulatedLead) -> list[Any]:
    return [
        row.lead.full_name,
        row.lead.company,
        row.at.isoformat(),
        row.tier,
        row.past_tier,
        row.rule,
        row.pool,
        row.reason,
        row.member.name if row.member else "",
        row.given_at.isoformat() if row.given_at else "",
        row.live_member.name if row.live_member else "",
        row.past_member.name if row.past_member else "",
        row.past_given_at.isoformat() if row.past_given_at else "",
    ]
