"""A lead as the API shows it: the fields it came with, and what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from handoff.attempts import progress_of
from leads import selectors as leads
from leads.arrivals import NewEngagement
from leads.criteria import values_of
from leads.models import Account, Assignment, Engagement, Handoff, Lead, SqlAnswers
from leads.quality import completeness
from sla.attempts import Progress
from sla.models import Timer
from sla.rows import AnyTimer
from sla.status import status_of
from tenants.calendars import load_calendar
from tenants.models import Member
from tenants.selectors import person_document


@dataclass(slots=True)
class LeadView:
    """Everything about one lead that its document shows."""

    lead: Lead
    account: Account | None
    owner: Member | None
    external: tuple[str, str] = ("", "")
    handoff: Handoff | None = None
    assignment: Assignment | None = None
    timers: Sequence[AnyTimer] = ()
    engagements: Sequence[Engagement | NewEngagement] = ()
    attempts: Progress | None = None
    sql: SqlAnswers | None = None


def lead_views(rows: Sequence[Lead]) -> list[LeadView]:
    """Load what belongs to these leads (with `account` and `owner` selected): five queries, however many;
    one more each where tiers ask for attempts, and where a handoff came to SQL.
    """
    ids = [lead.id for lead in rows]
    if not ids:
        return []
    handoffs = leads.latest_handoffs(ids)
    handoff_ids = [handoff.id for handoff in handoffs.values()]
    assignments = leads.latest_assignments(handoff_ids) if handoff_ids else {}
    timers: dict[Any, list[Timer]] = {}
    if handoff_ids:
        for timer in Timer.objects.filter(handoff_id__in=handoff_ids).order_by("started_at", "id"):
            timers.setdefault(timer.handoff_id, []).append(timer)
    engagements = leads.latest_engagements(ids)
    attempts = progress_of(list(handoffs.values()))
    sql = leads.latest_sql_answers([each.id for each in handoffs.values() if each.sql_at is not None])
    named = leads.external_ids(ids)
    views = []
    for lead in rows:
        handoff = handoffs.get(lead.id)
        outside = named.get(lead.id)
        views.append(
            LeadView(
                lead=lead,
                account=lead.account,
                owner=lead.owner,
                external=(outside.system, outside.external_id) if outside else ("", ""),
                handoff=handoff,
                assignment=assignments.get(handoff.id) if handoff else None,
                timers=timers.get(handoff.id, []) if handoff else [],
                engagements=engagements[lead.id],
                attempts=attempts.get(handoff.id) if handoff else None,
                sql=sql.get(handoff.id) if handoff else None,
            )
        )
    return views


def lead_documents(rows: Sequence[Lead], *, now: datetime) -> list[dict[str, Any]]:
    """The documents of many leads, in order."""
    return [lead_document(view, now=now) for view in lead_views(rows)]


def lead_document(view: LeadView, *, now: datetime) -> dict[str, Any]:
    """The JSON of one lead; times are datetimes, written by the renderer."""
    lead, handoff, account = view.lead, view.handoff, view.account
    owner = view.owner
    return {
        "id": lead.id,
        "external_system": view.external[0],
        "external_id": view.external[1],
        "email": lead.email,
        "first_name": lead.first_name,
        "last_name": lead.last_name,
        "title": lead.title,
        "phone": lead.phone,
        "postal_code": lead.postal_code,
        "company": {
            "name": lead.company_name or (account.name if account else ""),
            "domain": account.domain if account else "",
            "employees": account.employees if account else None,
            "revenue": account.revenue if account else None,
            "industry": account.industry if account else "",
            "country": account.country if account else lead.country,
            "region": account.region if account else lead.region,
        },
        "source": lead.source,
        "campaign": lead.campaign,
        "channel": lead.channel,
        "score": lead.score,
        "occurred_at": view.engagements[0].at if view.engagements else lead.created_at,
        "engagements": [
            {"kind": each.kind, "subject": each.subject, "at": each.at} for each in view.engagements
        ],
        "custom": lead.custom,
        "test": lead.is_test,
        "stage": lead.stage,
        "needs": lead.needs,
        "completeness": completeness(values_of(lead, account)).as_dict(),
        "owner": person_document(owner),
        "handoff": {
            "id": handoff.id,
            "number": handoff.number,
            "state": handoff.state,
            "outcome": handoff.outcome,
            "started_at": handoff.started_at,
        }
        if handoff
        else None,
        "outside_stage": lead.outside_stage,
        "qualification": lead.verdict,
        "sql": sql_document(view.sql) if view.sql else None,
        "assignment": {"decision": view.assignment.decision_id, "reason": view.assignment.reason}
        if view.assignment
        else None,
        "tier": (handoff.tier or None) if handoff else None,
        "timers": [timer_document(timer, now=now) for timer in view.timers],
        "attempts": attempts_document(view.attempts) if view.attempts else None,
        "created_at": lead.created_at,
        "updated_at": lead.updated_at,
    }


def sql_document(found: SqlAnswers) -> dict[str, Any]:
    """The JSON of what sales answered at the SQL step."""
    return {"version": found.number, "met": found.met, "at": found.at, "answers": found.answers}


def attempts_document(found: Progress) -> dict[str, Any]:
    """The JSON of the contact attempts that a lead's tier asks for."""
    return {
        "needed": found.count,
        "made": found.done,
        "owed": found.owed,
        "channels_needed": found.needed_channels,
        "channels": list(found.channels),
        "next_channels": list(found.next_channels),
        "completed_at": found.completed_at,
    }


def timer_document(timer: AnyTimer, *, now: datetime) -> dict[str, Any]:
    """The JSON of one timer, with its status at `now`."""
    return {
        "id": timer.id,
        "target": timer.target,
        "clock": timer.clock,
        "state": timer.state,
        "status": status_of(timer, now=now, calendar=load_calendar(timer.calendar_version_id)).value,
        "started_at": timer.started_at,
        "warn_at": timer.warn_at,
        "due_at": timer.due_at,
        "met_at": timer.met_at,
        "breached_at": timer.breached_at,
    }
