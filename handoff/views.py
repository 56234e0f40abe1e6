"""Pages of the people who work and watch leads. Each view: get, authorise, parse, call, render.

A dialog is one address: a page of its own without script, a dialog when htmx asks. What a service refuses
comes back in the same form with everything that was typed.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django import forms as django_forms
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from core.errors import DomainError, NotFound
from feedback.models import Reason
from feedback.selectors import active_reasons
from handoff import clocks, selectors, services
from handoff.badges import remember
from handoff.forms import MoveForm, NurtureForm, RejectForm, StageForm, TouchForm, minute_of, take_errors
from handoff.lead_page import LeadPage, clock_panels, decisions_view, lead_page, needs_text, why_line
from handoff.services import LATER_STAGES, Actor
from handoff.timeline import assignments_of
from leads.lifecycle import Stage, can_move
from leads.models import Handoff, Lead
from leads.selectors import waiting_for_data
from sla.status import Status
from tenants.auth import member_required
from tenants.clock import database_clock
from tenants.models import Member, Role, Tenant
from web.pagination import next_url, page_of

STATUS_OF_ERROR = 422  # what a refused form answers; htmx swaps it like 200


class TenantRequest(HttpRequest):
    """A request of somebody who is logged in, as tenants.middleware makes it."""

    tenant: Tenant
    member: Member
    htmx: Any


reader = member_required()
worker = member_required(Role.REP, Role.MANAGER)
watcher = member_required(Role.MANAGER, Role.MARKETING, Role.EXECUTIVE)
overseer = member_required(Role.MANAGER)


def reading_clock() -> datetime:
    """The moment at which a page is read. What is decided under a lock asks the database's clock instead."""
    return timezone.now()


def _lead(request: TenantRequest, lead_id: UUID) -> Lead:
    return selectors.get_lead(tenant=request.tenant, member=request.member, lead_id=lead_id)


def _way_on(request: HttpRequest, fallback: str) -> str:
    """Where to go after an act: the page it was done from, if it is one of ours."""
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    safe = url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return wanted if safe and wanted.startswith("/") else fallback


def _go(request: TenantRequest, url: str) -> HttpResponse:
    """Leave for another page: by a header where htmx asked, since it would swap a redirect's page into the
    dialog."""
    if request.htmx:
        return HttpResponse(headers={"HX-Redirect": url})
    return HttpResponseRedirect(url)


def _is_part(request: TenantRequest, element: str) -> bool:
    """Whether only this element is asked for, to be renewed in place."""
    return bool(request.htmx) and request.htmx.target == element


# --- Inbox ---


@never_cache
@require_GET
@reader
def inbox(request: TenantRequest) -> HttpResponse:
    """A rep's leads, the most pressing first, and the chosen one beside them."""
    now = reading_clock()
    tab = request.GET.get("tab", "decide")
    tab = tab if tab in selectors.TABS else "decide"
    found = selectors.inbox(member=request.member, tab=tab, now=now)
    remember(request, undecided=found.counts["decide"])
    wanted = _uuid_or_none(request.GET.get("lead", ""))
    rows = [row for group in _groups(found) for row in group["rows"]]
    chosen = wanted or (rows[0].handoff.lead_id if rows else None)
    page = None if _is_part(request, "queue") else _chosen_page(request, chosen, now)
    context = {
        "inbox": found,
        "groups": _queue_groups(found, chosen=chosen, now=now),
        "hidden": found.total - len(found.rows),
        "page": page,
        "chosen": chosen,
        "explicit": wanted is not None,
        "here": request.get_full_path(),
        "now": now,
        **_neighbours(rows, chosen, tab),
    }
    if _is_part(request, "queue"):
        return render(request, "handoff/_queue.html", context)
    return render(request, "handoff/inbox.html", context)


def _chosen_page(request: TenantRequest, lead_id: UUID | None, now: datetime) -> LeadPage | None:
    if lead_id is None:
        return None
    lead = _lead(request, lead_id)
    return lead_page(lead=lead, member=request.member, now=now, sla_only=request.GET.get("show") == "sla")


_GROUPS: tuple[tuple[str, str, tuple[Status | None, ...]], ...] = (
    ("Overdue", "bad", (Status.OVERDUE,)),
    ("At risk: most of the time is used", "risk", (Status.AT_RISK,)),
    ("On time", "", (Status.ON_TIME,)),
    ("Paused", "", (Status.CLOSED_HOURS, Status.PAUSED)),
    ("Nothing owed now", "", (None, Status.MET, Status.MISSED, Status.CANCELLED)),
)


def _groups(found: selectors.Inbox) -> list[dict[str, Any]]:
    if found.tab == "done":
        return [{"title": "Last answered", "tone": "", "rows": found.rows}]
    groups = [
        {"title": title, "tone": tone, "rows": found.group(*statuses)} for title, tone, statuses in _GROUPS
    ]
    return [group for group in groups if group["rows"]]


def _queue_groups(found: selectors.Inbox, *, chosen: UUID | None, now: datetime) -> list[dict[str, Any]]:
    return [
        {
            "title": group["title"],
            "tone": group["tone"],
            "total": len(group["rows"]),
            "rows": [queue_row(row, tab=found.tab, chosen=chosen, now=now) for row in group["rows"]],
        }
        for group in _groups(found)
    ]


def queue_row(row: selectors.Row, *, tab: str, chosen: UUID | None, now: datetime) -> dict[str, Any]:
    """A row of the queue, for web/_queue_row.html."""
    handoff, reading = row.handoff, row.reading
    lead = handoff.lead
    company = lead.account.name if lead.account else lead.company_name
    attempts = f"{row.touches} attempt{'' if row.touches == 1 else 's'}"
    return {
        "id": lead.id,
        "url": f"{reverse('handoff:inbox')}?{urlencode({'tab': tab, 'lead': lead.id})}",
        "name": lead.full_name,
        "sub": " · ".join(part for part in (company, lead.title) if part),
        "status": reading.status if reading else Status.MET,
        "seconds": reading.seconds if reading else None,
        "running": reading.running if reading else False,
        "next_change": reading.next_change if reading else None,
        "due": _queue_due(row, tab=tab, now=now),
        "tier": handoff.tier_name,
        "hot": handoff.priority > 0,
        "source": handoff.source,
        "why": attempts if tab == "working" else why_line(handoff),
        "selected": lead.id == chosen,
    }


def _queue_due(row: selectors.Row, *, tab: str, now: datetime) -> str:
    handoff, reading = row.handoff, row.reading
    if tab == "done":
        return f"{handoff.get_outcome_display()} {clocks.due_text(handoff.closed_at, now)}"
    if reading is None:
        return "answered"
    if reading.resumes is not None:
        return f"resumes {clocks.due_text(reading.resumes, now)}"
    return clocks.due_line(reading, now=now)


def _neighbours(rows: list[selectors.Row], chosen: UUID | None, tab: str) -> dict[str, Any]:
    """The leads before and after the chosen one, for J and K."""
    ids = [row.handoff.lead_id for row in rows]
    if chosen not in ids:
        return {"place": 0, "of": len(ids)}
    place = ids.index(chosen)

    def link(index: int) -> str:
        return f"{reverse('handoff:inbox')}?{urlencode({'tab': tab, 'lead': ids[index]})}"

    return {
        "place": place + 1,
        "of": len(ids),
        "previous": link(place - 1) if place else "",
        "following": link(place + 1) if place + 1 < len(ids) else "",
    }


def _uuid_or_none(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


# --- Lead ---


@never_cache
@require_GET
@reader
def lead(request: TenantRequest, lead_id: UUID) -> HttpResponse:
    """Everything about one lead, and what can be done with it."""
    now = reading_clock()
    page = _chosen_page(request, lead_id, now)
    crumbs = [
        {"label": "Inbox", "url": reverse("handoff:inbox")},
        {"label": page.lead.full_name if page else ""},
    ]
    return render(
        request,
        "handoff/lead.html",
        {"page": page, "crumbs": crumbs, "here": request.get_full_path(), "now": now},
    )


@never_cache
@require_GET
@reader
def lead_clocks(request: TenantRequest, lead_id: UUID) -> HttpResponse:
    """The clocks of a lead, to be renewed in place."""
    now = reading_clock()
    found = _lead(request, lead_id)
    handoff = Handoff.objects.filter(lead=found).order_by("-number").first()
    panels, _ = clock_panels(handoff, assignments_of([handoff.id] if handoff else []), now=now)
    return render(request, "handoff/_clocks.html", {"clocks": panels, "lead": found, "now": now})


@never_cache
@require_GET
@reader
def decision(request: TenantRequest, lead_id: UUID) -> HttpResponse:
    """Why this person and not another: every routing decision about the lead's present handoff."""
    now = reading_clock()
    found = _lead(request, lead_id)
    handoff = Handoff.objects.filter(lead=found).order_by("-number").first()
    crumbs = [
        {"label": "Inbox", "url": reverse("handoff:inbox")},
        {"label": found.full_name, "url": reverse("handoff:lead", args=[found.id])},
        {"label": "Why this person"},
    ]
    decisions = decisions_view(handoff.id) if handoff else []
    context = {"lead": found, "handoff": handoff, "decisions": decisions, "crumbs": crumbs, "now": now}
    return render(request, "handoff/decision.html", context)


# --- Acts ---


@require_POST
@worker
def accept(request: TenantRequest, lead_id: UUID) -> HttpResponse:
    """Take the lead, with ten seconds to take it back."""
    found = _lead(request, lead_id)
    services.accept_lead(lead_id=found.id, actor=Actor.person(request.member), clock=database_clock)
    undo = reverse("handoff:undo_accept", args=[found.id])
    messages.success(request, f"{found.full_name} is accepted.", extra_tags=f"undo={undo}")
    return _go(request, _way_on(request, reverse("handoff:lead", args=[found.id])))


@require_POST
@worker
def undo_accept(request: TenantRequest, lead_id: UUID) -> HttpResponse:
    """Take an acceptance back."""
    found = _lead(request, lead_id)
    services.undo_accept(lead_id=found.id, actor=Actor.person(request.member), clock=database_clock)
    messages.success(request, f"{found.full_name} is undecided again.")
    return _go(request, _way_on(request, reverse("handoff:lead", args=[found.id])))


@require_POST
@worker
def undo_touch(request: TenantRequest, lead_id: UUID, touch_id: UUID) -> HttpResponse:
    """Take a touch back, and the acceptance that was given with it."""
    found = _lead(request, lead_id)
    actor = Actor.person(request.member)
    with transaction.atomic():
        if request.GET.get("accept"):
            services.undo_accept(lead_id=found.id, actor=actor, clock=database_clock)
        services.undo_touch(lead_id=found.id, touch_id=touch_id, actor=actor, clock=database_clock)
    messages.success(request, "The touch is taken back.")
    return _go(request, _way_on(request, reverse("handoff:lead", args=[found.id])))


def _posted(request: HttpRequest) -> Any:
    """What a form was sent with, be it nothing; None where it is only shown."""
    return request.POST if request.method == "POST" else None


def _dialog(
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
        "sub": " · ".join(
            filter(None, (found.account.name if found.account else found.company_name, found.source))
        ),
        "in_dialog": in_dialog,
        "next": _way_on(request, ""),
        "action": request.path,
        "back": _way_on(request, reverse("handoff:lead", args=[found.id])),
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


def _answer(
    request: TenantRequest,
    form: django_forms.Form,
    act: Callable[[], HttpResponse],
    again: Callable[[int], HttpResponse],
) -> HttpResponse:
    """Carry a filled form out, or show it again with what is wrong; a refusal leaves nothing half done."""
    if not form.is_valid():
        return again(STATUS_OF_ERROR)
    try:
        with transaction.atomic():
            return act()
    except NotFound:
        raise
    except DomainError as error:
        take_errors(form, error)
        return again(error.status if error.status == 409 else STATUS_OF_ERROR)


@never_cache
@require_http_methods(["GET", "POST"])
@worker
def reject(request: TenantRequest, lead_id: UUID) -> HttpResponse:
    """Refuse the lead with a reason."""
    found = _lead(request, lead_id)
    form = RejectForm(_posted(request), reasons=active_reasons(Reason.Kind.REJECT))

    def show(status: int = 200) -> HttpResponse:
        title = f"Reject {found.full_name}?"
        return _dialog(request, found, form, part="_reject.html", title=title, status=status)

    def act() -> HttpResponse:
        result = services.reject_lead(
            lead_id=found.id,
            reason=form.cleaned_data["reason"],
            note=form.cleaned_data["note"],
            actor=Actor.person(request.member),
            clock=database_clock,
        )
        if result.outcome == "rerouted":
            names = selectors.names_of([result.new_owner_id])
            owner = names.get(str(result.new_owner_id), "the next free person, who is being looked for")
            messages.success(request, f"{found.full_name} goes to {owner}.")
        else:
            messages.success(request, f"{found.full_name} is rejected. Marketing sees your reason.")
        return _go(request, _after(request))

    return show() if request.method == "GET" else _answer(request, form, act, show)


def _after(request: TenantRequest) -> str:
    """After a lead has left: the list it was in, not the lead itself, which the person may not own any
    more."""
    way = _way_on(request, reverse("handoff:inbox"))
    return way if not way.startswith(("/leads/", "/inbox")) else reverse("handoff:inbox")


@never_cache
@require_http_methods(["GET", "POST"])
@worker
def nurture(request: TenantRequest, lead_id: UUID) -> HttpResponse:
    """Not now: back to marketing, with a day to look again."""
    found = _lead(request, lead_id)
    form = NurtureForm(_posted(request), reasons=active_reasons(Reason.Kind.NURTURE))

    def show(status: int = 200) -> HttpResponse:
        title = f"Send {found.full_name} to nurture?"
        return _dialog(request, found, form, part="_nurture.html", title=title, status=status)

    def act() -> HttpResponse:
        services.nurture_lead(
            lead_id=found.id,
            reason=form.cleaned_data["reason"],
            until=form.cleaned_data["until"],
            note=form.cleaned_data["note"],
            actor=Actor.person(request.member),
            clock=database_clock,
        )
        messages.success(request, f"{found.full_name} goes back to marketing.")
        return _go(request, _after(request))

    return show() if request.method == "GET" else _answer(request, form, act, show)


@never_cache
@require_http_methods(["GET", "POST"])
@worker
def touch(request: TenantRequest, lead_id: UUID) -> HttpResponse:
    """Log an attempt to reach the lead, and accept it in the same step where that is still owed."""
    found = _lead(request, lead_id)
    now = reading_clock()
    handoff = Handoff.objects.filter(lead=found).order_by("-number").first()
    undecided = bool(
        handoff
        and handoff.state == Handoff.State.OPEN
        and handoff.owner_id == request.member.id
        and handoff.accepted_at is None
    )
    start = {"kind": "call", "at": timezone.localtime(minute_of(now)), "accept": True}
    form = TouchForm(_posted(request), initial=start, may_accept=undecided)

    def show(status: int = 200) -> HttpResponse:
        title = f"Log a touch with {found.full_name}"
        return _dialog(request, found, form, part="_touch.html", title=title, status=status)

    def act() -> HttpResponse:
        actor = Actor.person(request.member)
        logged = services.log_touch(
            lead_id=found.id,
            kind=form.cleaned_data["kind"],
            at=_made_at(form.cleaned_data["at"], handoff, now),
            outcome=form.cleaned_data["outcome"],
            note=form.cleaned_data["note"],
            actor=actor,
            clock=database_clock,
        )
        also = bool(form.cleaned_data.get("accept"))
        if also:
            services.accept_lead(lead_id=found.id, actor=actor, clock=database_clock)
        undo = reverse("handoff:undo_touch", args=[found.id, logged.id]) + ("?accept=1" if also else "")
        text = f"{logged.get_kind_display()} logged" + (f", {found.full_name} is accepted." if also else ".")
        messages.success(request, text, extra_tags=f"undo={undo}")
        return _go(request, _way_on(request, reverse("handoff:lead", args=[found.id])))

    return show() if request.method == "GET" else _answer(request, form, act, show)


def _made_at(said: datetime, handoff: Handoff | None, now: datetime) -> datetime | None:
    """A form knows minutes only: the present one means now, and the one in which the handoff began, its
    beginning."""
    if minute_of(said) == minute_of(now):
        return None
    if handoff is not None and minute_of(said) == minute_of(handoff.owned_since or handoff.started_at):
        return handoff.owned_since or handoff.started_at
    return said


@never_cache
@require_http_methods(["GET", "POST"])
@worker
def hand_over(request: TenantRequest, lead_id: UUID) -> HttpResponse:
    """The owner gives the lead on."""
    return _move(request, lead_id, services.hand_over, verb="Hand over")


@never_cache
@require_http_methods(["GET", "POST"])
@overseer
def reassign(request: TenantRequest, lead_id: UUID) -> HttpResponse:
    """A manager gives the lead to somebody, also one that nobody owns."""
    return _move(request, lead_id, services.reassign_lead, verb="Reassign")


def _move(request: TenantRequest, lead_id: UUID, service: Callable[..., Any], *, verb: str) -> HttpResponse:
    found = _lead(request, lead_id)
    now = reading_clock()
    people = selectors.receivers(now=now, exclude=found.owner_id)
    form = MoveForm(_posted(request), people=people)

    def show(status: int = 200) -> HttpResponse:
        return _dialog(
            request,
            found,
            form,
            part="_move.html",
            title=f"{verb} {found.full_name}",
            status=status,
            verb=verb,
            now=now,
        )

    def act() -> HttpResponse:
        result = service(
            lead_id=found.id,
            why=form.cleaned_data["why"],
            to=form.receiver,
            actor=Actor.person(request.member),
            clock=database_clock,
        )
        if result.outcome in ("stays", "unrouted"):
            messages.warning(request, f"Nobody else can take {found.full_name} now, so it stays where it is.")
        else:
            name = selectors.names_of([result.new_member_id]).get(str(result.new_member_id), "somebody else")
            messages.success(request, f"{found.full_name} goes to {name}.")
        return _go(request, _after(request))

    return show() if request.method == "GET" else _answer(request, form, act, show)


@never_cache
@require_http_methods(["GET", "POST"])
@worker
def stage(request: TenantRequest, lead_id: UUID) -> HttpResponse:
    """Report how it went on after acceptance: SQL, opportunity, won, lost, disqualified."""
    found = _lead(request, lead_id)
    stages = [each for each in LATER_STAGES if can_move(Stage(found.stage), each)]
    form = StageForm(_posted(request), stages=stages)

    def show(status: int = 200) -> HttpResponse:
        title = f"Move {found.full_name} on"
        return _dialog(request, found, form, part="_stage.html", title=title, status=status)

    def act() -> HttpResponse:
        to = Stage(form.cleaned_data["to"])
        services.move_to_stage(
            lead_id=found.id,
            to=to,
            why=form.cleaned_data["why"],
            actor=Actor.person(request.member),
            clock=database_clock,
        )
        messages.success(request, f"{found.full_name} is now: {to.label}.")
        return _go(request, _way_on(request, reverse("handoff:lead", args=[found.id])))

    return show() if request.method == "GET" else _answer(request, form, act, show)


# --- Watching ---


@never_cache
@require_GET
@watcher
def board(request: TenantRequest) -> HttpResponse:
    """What is due, at risk and overdue now, by person; of one status alone, page by page, where asked."""
    now = reading_clock()
    only = {status.value: status for status in _PRESSES}.get(request.GET.get("status", ""))
    page = _page_number(request.GET.get("page", "")) if only else 1
    found = selectors.board(member=request.member, now=now, only=only, page=page)
    remember(request, unrouted=found.unrouted)
    context = {
        "board": found,
        "presses": [_board_group(group) for group in found.pressing],
        "only": only,
        "kpis": _board_kpis(found),
        "may_move": request.member.role in (Role.MANAGER, Role.ADMIN),
        "here": request.get_full_path(),
        "now": now,
    }
    return render(
        request, "handoff/_board.html" if _is_part(request, "board") else "handoff/board.html", context
    )


_PRESSES = {Status.OVERDUE: "Overdue", Status.AT_RISK: "At risk"}
_LAST_PAGE = 10_000  # of the board; no one has more, and the database's numbers end


def _page_number(text: str) -> int:
    """A page of an address: 1 for what is none."""
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 1
    return min(max(number, 1), _LAST_PAGE)


def _board_group(group: selectors.Pressing) -> dict[str, Any]:
    """One list of the board, with the ways to its other pages."""

    def link(page: int) -> str:
        return f"{reverse('handoff:board')}?{urlencode({'status': group.status.value, 'page': page})}"

    return {
        "title": _PRESSES[group.status],
        "rows": group.rows,
        "total": group.total,
        "after": group.after,
        "previous": link(min(group.page - 1, group.last_page)) if group.page > 1 else "",
        "next": link(group.page + 1) if group.after else "",
    }


def _board_kpis(found: selectors.Board) -> list[dict[str, Any]]:
    overdue, at_risk = found.counts[Status.OVERDUE], found.counts[Status.AT_RISK]
    paused = found.counts[Status.PAUSED] + found.counts[Status.CLOSED_HOURS]
    return [
        {"label": "Overdue", "value": overdue, "status": "off_target" if overdue else "on_target"},
        {"label": "At risk", "value": at_risk, "status": "watch" if at_risk else "on_target"},
        {"label": "On time", "value": found.counts[Status.ON_TIME], "target": f"{paused} stand still now"},
        {
            "label": "Without an owner",
            "value": found.unrouted,
            "status": "off_target" if found.unrouted else "on_target",
            "url": reverse("handoff:unrouted"),
        },
    ]


@never_cache
@require_GET
@watcher
def unrouted(request: TenantRequest) -> HttpResponse:
    """Leads that nobody owns, why, and since when."""
    now = reading_clock()
    total = selectors.unrouted_count()
    remember(request, unrouted=total)
    context = {
        "waiting": selectors.unrouted(now=now),
        "total": total,
        "may_move": request.member.role in (Role.MANAGER, Role.ADMIN),
        "here": reverse("handoff:unrouted"),
        "now": now,
    }
    part = _is_part(request, "unrouted")
    return render(request, "handoff/_unrouted.html" if part else "handoff/unrouted.html", context)


@require_POST
@overseer
def retry(request: TenantRequest, lead_id: UUID) -> HttpResponse:
    """Ask the routing rules once more about a lead that nobody owns."""
    found = _lead(request, lead_id)
    result = services.reassign_lead(
        lead_id=found.id, why="Tried again.", actor=Actor.person(request.member), clock=database_clock
    )
    if result.new_member_id is None:
        messages.warning(request, f"Still nobody can take {found.full_name}.")
    else:
        name = selectors.names_of([result.new_member_id]).get(str(result.new_member_id), "somebody")
        messages.success(request, f"{found.full_name} goes to {name}.")
    return _go(request, reverse("handoff:unrouted"))


@never_cache
@require_GET
@watcher
def needs_data(request: TenantRequest) -> HttpResponse:
    """Leads that qualify and lack something that a handoff requires."""
    leads, missing = waiting_for_data(limit=selectors.SHOWN)
    rows = [{"lead": each, "needs": needs_text(each.needs)} for each in leads]
    often = [(needs_text([name]), count) for name, count in missing.most_common(4)]
    return render(request, "handoff/needs_data.html", {"rows": rows, "often": often, "now": reading_clock()})


@never_cache
@require_GET
@reader
def leads(request: TenantRequest) -> HttpResponse:
    """Every lead that the member may open, the latest change first, by stage and source where asked."""
    stage, source = request.GET.get("stage", ""), request.GET.get("source", "").replace("\x00", "")[:80]
    found = selectors.visible_leads(request.member).select_related("account", "owner")
    if stage in Stage.values:
        found = found.filter(stage=stage)
    if source:
        found = found.filter(source=source)
    page = page_of(found, cursor=request.GET.get("cursor", ""))
    context = {
        "found": page.rows,
        "following": next_url(request, page.next),
        "stages": Stage.choices,
        "stage": stage,
        "source": source,
        "now": reading_clock(),
    }
    return render(request, "handoff/leads.html", context)


@never_cache
@require_GET
@reader
def search(request: TenantRequest) -> HttpResponse:
    """Leads by e-mail, name, company or outside id."""
    text = request.GET.get("q", "").replace("\x00", "").strip()[:200]
    found = selectors.search(member=request.member, text=text)
    return render(request, "handoff/search.html", {"text": text, "found": found, "now": reading_clock()})
