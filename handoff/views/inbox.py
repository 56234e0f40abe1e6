"""A rep's inbox."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from feedback.models import Meeting
from handoff import clocks, selectors
from handoff.after_hours import short_words
from handoff.badges import remember
from handoff.lead_page import why_line
from handoff.meetings import answers_for, takes_part
from handoff.selectors.rows import rows_of
from handoff.services import Actor
from handoff.shadow import is_measured_only
from handoff.views import base
from handoff.views.base import chosen_page, is_part, reader
from leads.list_names import ListNames
from sla.status import Status
from tenants.requests import TenantRequest


@never_cache
@require_GET
@reader
def inbox(request: TenantRequest) -> HttpResponse:
    """A rep's leads, the most pressing first, and the chosen one beside them."""
    now = base.reading_clock()
    tab = request.GET.get("tab", "decide")
    tab = tab if tab in selectors.TABS else "decide"
    found = selectors.inbox(member=request.member, tab=tab, now=now)
    remember(request, undecided=found.counts["decide"])
    wanted = _uuid_or_none(request.GET.get("lead", "")) if tab != "claim" else None
    held = _held(found.held)
    groups = _groups(found, held, now)
    lists = ListNames()
    rows = [row for group in groups for row in group["rows"]]
    # A lead that nobody has yet opens for whoever claims it.
    chosen = wanted or (rows[0].handoff.lead_id if rows and tab != "claim" else None)
    page = None if is_part(request, "queue") else chosen_page(request, chosen, now)
    context = {
        "inbox": found,
        "measured": is_measured_only(request.member, request.tenant),
        "groups": [
            {
                "title": group["title"],
                "tone": group["tone"],
                "total": len(group["rows"]),
                "rows": [
                    _drawn(row, held, tab=tab, chosen=chosen, now=now, lists=lists) for row in group["rows"]
                ],
            }
            for group in groups
        ],
        "held": len(held),
        "meeting": _meeting(request, next((each for each in held.values() if each.lead_id == chosen), None)),
        "hidden": found.total - len(found.rows),
        "page": page,
        "chosen": chosen,
        "explicit": wanted is not None,
        "here": request.get_full_path(),
        "now": now,
        **_neighbours(rows, chosen, tab),
    }
    if is_part(request, "queue"):
        return render(request, "handoff/_queue.html", context)
    return render(request, "handoff/inbox.html", context)


_GROUPS: tuple[tuple[str, str, tuple[Status | None, ...]], ...] = (
    ("Overdue", "bad", (Status.OVERDUE,)),
    ("At risk: most of the time is used", "risk", (Status.AT_RISK,)),
    ("On time", "", (Status.ON_TIME,)),
    ("Closed hours", "", (Status.CLOSED_HOURS,)),
    ("Paused", "", (Status.PAUSED,)),
    ("Nothing owed now", "", (None, Status.MET, Status.MISSED, Status.CANCELLED)),
)


def _meeting(request: TenantRequest, meeting: Meeting | None) -> dict[str, Any] | None:
    """The meeting of the chosen lead that is to be answered, and what this reader may say of it."""
    if meeting is None:
        return None
    actor, owner_id = Actor.person(request.member), meeting.handoff.owner_id
    return {
        "row": meeting,
        "answers": answers_for(meeting, owner_id, actor),
        "takes_part": takes_part(meeting, owner_id, actor),
    }


def _held(found: Sequence[Meeting]) -> dict[UUID, Meeting]:
    """Meetings to answer, by their handoffs; of two of one handoff the older one."""
    return {each.handoff_id: each for each in reversed(found)}


def _groups(found: selectors.Inbox, held: Mapping[UUID, Meeting], now: datetime) -> list[dict[str, Any]]:
    """The rows of the queue under their titles; a lead whose meeting is to be answered stands there alone."""
    if found.tab == "done":
        return [{"title": "Last answered", "tone": "", "rows": found.rows}]
    handoffs = [each.handoff for each in held.values()]
    groups = [{"title": "Meetings to answer", "tone": "", "rows": rows_of(handoffs, now=now) if held else []}]
    for title, tone, statuses in _GROUPS:
        rows = [row for row in found.group(*statuses) if row.handoff.id not in held]
        groups.append({"title": title, "tone": tone, "rows": rows})
    return [group for group in groups if group["rows"]]


def _drawn(
    row: selectors.Row,
    held: Mapping[UUID, Meeting],
    *,
    tab: str,
    chosen: UUID | None,
    now: datetime,
    lists: ListNames,
) -> dict[str, Any]:
    """A row of the queue; that of a meeting says which, and whose answer it waits for."""
    drawn = queue_row(row, tab=tab, chosen=chosen, now=now, lists=lists)
    meeting = held.get(row.handoff.id)
    if meeting is None:
        return drawn
    if row.reading is None:
        drawn |= {"status": "waiting", "due": ""}
    when = clocks.due_text(meeting.starts_at, now)
    return {**drawn, "source": "", "why": f"Meeting {when} with {meeting.ae.name}: how did it go?"}


def queue_row(
    row: selectors.Row, *, tab: str, chosen: UUID | None, now: datetime, lists: ListNames
) -> dict[str, Any]:
    """A row of the queue, for web/_queue_row.html."""
    handoff, reading = row.handoff, row.reading
    lead = handoff.lead
    short = short_words(handoff, reading.timer if reading else None, now=now)
    attempts = f"{row.touches} attempt{'' if row.touches == 1 else 's'}"
    return {
        "id": lead.id,
        "url": f"{reverse('handoff:inbox')}?{urlencode({'tab': tab, 'lead': lead.id})}",
        "name": lead.full_name,
        "sub": " · ".join(part for part in (lead.company, lead.title) if part),
        "status": reading.status if reading else Status.MET,
        "seconds": reading.seconds if reading else None,
        "running": reading.running if reading else False,
        "next_change": reading.next_change if reading else None,
        "due": _queue_due(row, tab=tab, now=now),
        "tier": handoff.tier_name,
        "hot": handoff.priority > 0,
        "source": handoff.source,
        "why": attempts if tab == "working" else short or why_line(handoff, lists),
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
