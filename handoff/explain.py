"""One answer for any lead: why it qualified, why this person and not the others, why this deadline, what
fired."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from handoff import words
from handoff.after_hours import after_hours
from handoff.candidates import lines_of
from handoff.decision_log import line_document, turn_given_back, version_numbers, versions_of
from handoff.lead_score import score_now
from handoff.readiness import hold_of
from handoff.selectors import last_handoff, names_of
from leads.criteria import values_of
from leads.list_names import ListNames
from leads.models import Assignment, Handoff, Lead
from leads.quality import completeness
from leads.requirements import lacks_of
from routing.models import Decision
from routing.selectors import explain_layers
from sla.models import PolicyVersion, Timer, TimerEvent
from sla.selectors import status_now
from tenants.models import CalendarVersion


def timer_row(timer: Timer, *, lead_id: UUID, now: datetime) -> dict[str, Any]:
    """A clock as the API shows it, with its status at `now`."""
    return {
        "id": timer.id,
        "lead": lead_id,
        "handoff": timer.handoff_id,
        "owner": timer.member_id,
        "target": timer.target,
        "clock": timer.clock,
        "tier": timer.tier,
        "state": timer.state,
        "status": status_now(timer, now=now).value,
        "started_at": timer.started_at,
        "warn_at": timer.warn_at,
        "due_at": timer.due_at,
        "met_at": timer.met_at,
        "breached_at": timer.breached_at,
    }


def decision_document(decision: Decision) -> dict[str, Any]:
    """A routing decision with its trace: the rules in words and what they read, every candidate with the
    numbers for and against."""
    lines = lines_of(decision.trace)
    names = names_of([line["member"] for line in lines])
    return {
        **line_document(decision),
        "versions": version_numbers(decision, versions_of([decision])),
        "turn_given_back": turn_given_back(decision, lines),
        "inputs": decision.inputs,
        "layers": explain_layers(decision),
        "candidates": [
            {
                **line,
                "name": names.get(line["member"], ""),
                "words": words.say(words.REASONS, line["reason"]),
            }
            for line in lines
        ],
    }


def explain_document(lead: Lead, *, now: datetime) -> dict[str, Any]:
    """The explanation of a lead's open, or else last, handoff; without one only how it was judged."""
    handoff = last_handoff(lead.id)
    assignment = (
        Assignment.objects.filter(handoff=handoff).select_related("member").order_by("-hop").first()
        if handoff
        else None
    )
    return {
        "lead": lead.id,
        "stage": lead.stage,
        "needs": lead.needs,
        "quality": _quality(lead),
        "score": score_now(lead, now=now).as_dict(),
        "qualification": ListNames().in_verdict((handoff.verdict if handoff else None) or lead.verdict),
        "assignment": _assignment(assignment),
        "decision": _decision(handoff, assignment),
        "deadline": _deadline(handoff, now=now) if handoff else None,
    }


def _quality(lead: Lead) -> dict[str, Any]:
    """How complete the lead is, what its handoff lacks, and until when it is held for enrichment."""
    known = values_of(lead, lead.account)
    hold = hold_of(lead)
    return {
        "completeness": completeness(known).as_dict(),
        "lacks": [lack.as_dict() for lack in lacks_of(lead.needs, known)],
        "held_until": hold.due_at if hold else None,
    }


def _assignment(assignment: Assignment | None) -> dict[str, Any] | None:
    if assignment is None:
        return None
    return {
        "owner": {
            "id": assignment.member_id,
            "name": assignment.member.name,
            "email": assignment.member.email,
        },
        "reason": assignment.reason,
        "since": assignment.started_at,
        "until": assignment.ended_at,
        "decision": assignment.decision_id,
        "number": assignment.hop + 1,
    }


def _decision(handoff: Handoff | None, assignment: Assignment | None) -> dict[str, Any] | None:
    """What made the assignment; where nobody has the lead, the last try."""
    if handoff is None:
        return None
    tries = Decision.objects.select_related("pool", "handoff").filter(handoff=handoff)
    found: Decision | None = None
    if assignment is not None and assignment.ended_at is None and assignment.decision_id:
        found = tries.filter(id=assignment.decision_id).first()
    else:
        found = tries.order_by("-at", "-id").first()
    return decision_document(found) if found else None


def _deadline(handoff: Handoff, *, now: datetime) -> dict[str, Any]:
    timers = list(Timer.objects.filter(handoff=handoff).order_by("clock", "started_at", "id"))
    calendars = _calendars({timer.calendar_version_id for timer in timers if timer.calendar_version_id})
    events: dict[UUID, list[dict[str, Any]]] = {}
    for event in TimerEvent.objects.filter(handoff=handoff).order_by("fired_at", "step"):
        events.setdefault(event.timer_id, []).append(
            {
                "percent": event.percent,
                "fired_at": event.fired_at,
                "due_at": event.due_at,
                "lateness_ms": event.lateness_ms,
                "actions": event.actions,
                "repaired_at": event.repaired_at,
                "shadow": event.shadow,
            }
        )
    version = PolicyVersion.objects.filter(id=handoff.policy_version_id).select_related("unit")
    found = version.defer("content").first()
    return {
        "tier": handoff.tier or None,
        "tier_name": handoff.tier_name,
        "policy_version": found.number if found else None,
        "business_unit": found.line_name if found else "",
        "started_at": handoff.started_at,
        "after_hours": _after_hours(handoff, timers, now=now),
        "timers": [
            {
                **timer_row(timer, lead_id=handoff.lead_id, now=now),
                "generation": timer.generation,
                "duration_seconds": timer.duration_seconds,
                "business_seconds": timer.business_seconds,
                "wall_seconds": timer.wall_seconds,
                "calendar": calendars.get(timer.calendar_version_id) if timer.calendar_version_id else None,
                "events": events.get(timer.id, []),
            }
            for timer in timers
        ],
    }


def _after_hours(handoff: Handoff, timers: list[Timer], *, now: datetime) -> dict[str, Any] | None:
    """When the lead came and business opened, and how long it waited; None where it came in working hours."""
    found = after_hours(handoff, timers, now=now)
    if found is None:
        return None
    return {
        "arrived_at": found.came_at,
        "opened_at": found.opened_at,
        "wall_seconds": found.wall_seconds,
        "business_seconds": found.business_seconds,
    }


def _calendars(version_ids: set[UUID]) -> dict[UUID, dict[str, Any]]:
    rows = CalendarVersion.objects.filter(id__in=version_ids).select_related("calendar")
    return {
        row.id: {"version": row.number, "name": row.calendar.name, "time_zone": row.spec["tz"]}
        for row in rows
    }
