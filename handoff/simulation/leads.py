"""The leads of a simulation: those that an address asks for, and each as programs read it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, Final
from uuid import UUID

from django.db.models import F, Q, QuerySet

from core.errors import ValidationFailed
from handoff.simulation.replay import NURTURED, OUTSIDE
from routing.models import SimulatedLead, SimulationRun
from tenants.selectors import find_member

#: What an address may ask of a run's leads, besides its cursor.
FILTERS: Final = ("member", "live_member", "past_member", "pool", "rule", "reason", "tier", "day", "moved")
NOBODY: Final = "none"
#: Against what a lead is with somebody else, or under another tier.
MOVED: Final = {"live": "live_member", "past": "past_member", "tier": "past_tier"}
_LONGEST: Final = 254


def leads_of(run: SimulationRun, query: Mapping[str, str]) -> QuerySet[SimulatedLead]:
    """The leads of a run that an address asks for, in no order. Raises ValidationFailed at each filter."""
    rows: QuerySet[SimulatedLead] = SimulatedLead.objects.filter(run_id=run.id)
    for name in ("member", "live_member", "past_member"):
        text = _text(query, name)
        if text == NOBODY:
            rows = rows.filter(**{f"{name}__isnull": True}).exclude(reason__in=(OUTSIDE, NURTURED))
        elif text:
            rows = rows.filter(**{name: find_member(text, path=f"/{name}", active=False).id})
    for name in ("pool", "rule", "reason", "tier"):
        if text := _text(query, name):
            rows = rows.filter(**{name: text})
    if text := _text(query, "day"):
        rows = rows.filter(day=_day(text))
    if text := _text(query, "moved"):
        if text not in MOVED:
            raise ValidationFailed.at("/moved", f"Use one of: {', '.join(MOVED)}.", "invalid_choice")
        if text == "tier":
            rows = rows.exclude(tier=F(MOVED[text]))
        else:
            rows = rows.filter(_differs(MOVED[text])).exclude(reason__in=(OUTSIDE, NURTURED))
    return rows


def _differs(other: str) -> Q:
    """The lead is with somebody else than by this column; nobody is somebody else than anybody."""
    return (
        Q(member__isnull=True, **{f"{other}__isnull": False})
        | Q(member__isnull=False, **{f"{other}__isnull": True})
        | Q(member__lt=F(other))
        | Q(member__gt=F(other))
    )


def _text(query: Mapping[str, str], name: str) -> str:
    text = (query.get(name) or "").strip()
    if len(text) > _LONGEST:
        raise ValidationFailed.at(f"/{name}", f"{name} has at most {_LONGEST} characters.", "too_long")
    return text


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ValidationFailed.at("/day", "day is a day: 2026-11-17.", "invalid") from error


def lead_document(row: SimulatedLead) -> dict[str, Any]:
    """A lead of a run, for programs."""
    return {
        "number": row.number,
        "lead": row.lead_id,
        "handoff": row.handoff_id,
        "at": row.at,
        "day": row.day,
        "tier": row.tier,
        "past_tier": row.past_tier,
        "rule": row.rule,
        "pool": row.pool,
        "priority": row.priority,
        "reason": row.reason,
        "member": row.member_id,
        "given_at": row.given_at,
        "live_pool": row.live_pool,
        "live_member": row.live_member_id,
        "past_member": row.past_member_id,
        "past_given_at": row.past_given_at,
    }


def run_document(run: SimulationRun, *, whole: bool = True) -> dict[str, Any]:
    """A run, for programs; whole: with its result."""
    told: dict[str, Any] = {
        "id": run.id,
        "rules": run.side,
        "version": run.version_number,
        "revision": run.revision,
        "against": run.against_number,
        "days": run.days,
        "since": run.since,
        "until": run.until,
        "with_history": run.with_history,
        "state": run.state,
        "step": run.step,
        "done": run.done,
        "total": run.total,
        "asked_at": run.asked_at,
        "asked_by": run.asked_by,
        "started_at": run.started_at,
        "finished_at": run.finished_at,
        "error": run.error,
    }
    return {**told, "result": run.result} if whole else told


def as_uuid(text: str) -> UUID | None:
    """The id that a text is; None for any other text."""
    try:
        return UUID(text)
    except ValueError:
        return None
