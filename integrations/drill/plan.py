"""What an organisation drills with, and when it does so by itself."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.db import transaction

from core.errors import FieldError, ValidationFailed, pointer
from core.rules.text import fold
from integrations.drill.kinds import known_kinds
from integrations.models import DrillPlan
from leads.incoming import COMPANY_LIMITS, ENGAGEMENT_LIMITS, LEAD_LIMITS, MAX_INTEGER, storable
from tenants.audit import record_change
from tenants.bulk import fresh, insert_rows
from tenants.models import Tenant

MOST_LEADS: Final = 10
SHORTEST, USUAL, LONGEST = 10, 20, 300  # seconds that the first touch of a drill's lead is promised in
#: A name and what the lead does; what is known of it beside that.
_TEXTS: Final[Mapping[str, int]] = {
    "name": 60,
    "kind": ENGAGEMENT_LIMITS["kind"],
    "country": COMPANY_LIMITS["country"],
    "title": LEAD_LIMITS["title"],
    "source": LEAD_LIMITS["source"],
}
_USUAL_KINDS: Final = {
    "Asks for a demo": "demo_request",
    "Reads prices": "pricing_page",
    "Writes to us": "contact_form",
}
DEFAULT_LEADS: Final[tuple[dict[str, Any], ...]] = tuple(
    {"name": name, "kind": kind, "country": "", "employees": 200, "title": "", "source": ""}
    for name, kind in _USUAL_KINDS.items()
)


def plan_of(now: datetime) -> DrillPlan:
    """The organisation's plan; an unsaved one with the usual leads where it has none yet."""
    found: DrillPlan | None = DrillPlan.objects.first()
    if found is not None:
        return found
    return DrillPlan(leads=list(DEFAULT_LEADS), seconds=USUAL, changed_at=now, changed_by="")


@transaction.atomic
def change_plan(
    *,
    tenant: Tenant,
    leads: Sequence[Mapping[str, Any]],
    seconds: int,
    weekday: int | None,
    minute: int,
    actor: str,
    now: datetime,
) -> DrillPlan:
    """Write what to drill with, and when. weekday: 0 is Monday, None on demand only; minute: of the
    organisation's day. Raises ValidationFailed with a path to each error.
    """
    checked, errors = check_leads(leads, known_kinds())
    errors += _number_errors("seconds", seconds, SHORTEST, LONGEST)
    errors += _number_errors("minute", minute, 0, 24 * 60 - 1)
    if weekday is not None:
        errors += _number_errors("weekday", weekday, 0, 6)
    if errors:
        raise ValidationFailed(errors[0].message, field_errors=errors)
    first = fresh(DrillPlan, tenant_id=tenant.id, changed_at=now, changed_by="")
    insert_rows([first], conflict="on conflict do nothing")  # of several at once, all but one find it there
    plan = DrillPlan.objects.select_for_update().get()
    before = _audited(plan) if plan.changed_by else None
    plan.leads, plan.seconds, plan.weekday, plan.minute = checked, seconds, weekday, minute
    plan.next_at = next_run(plan, tenant.time_zone, now)
    plan.changed_at, plan.changed_by = now, actor
    plan.save()
    record_change(
        actor=actor,
        action="changed",
        object_type="drillplan",
        object_id=plan.id,
        before=before,
        after=_audited(plan),
        now=now,
    )
    return plan


def _audited(plan: DrillPlan) -> dict[str, Any]:
    return {name: getattr(plan, name) for name in ("leads", "seconds", "weekday", "minute")}


def check_leads(
    leads: Sequence[Mapping[str, Any]], kinds: Collection[str] | None
) -> tuple[list[dict[str, Any]], list[FieldError]]:
    """The set of leads in its one spelling, and everything wrong with it. kinds: of which each must do one;
    None for leads of a plan, which was looked at when it was saved."""
    errors: list[FieldError] = []
    if not leads:
        errors.append(FieldError("/leads", "A drill needs at least one lead.", "min_length"))
    if len(leads) > MOST_LEADS:
        errors.append(FieldError("/leads", f"At most {MOST_LEADS} leads.", "max_length"))
    checked = []
    folded = {fold(kind) for kind in kinds or ()}
    for position, lead in enumerate(leads[:MOST_LEADS]):
        found: dict[str, Any] = {name: str(lead.get(name) or "").strip() for name in _TEXTS}
        found["employees"] = lead.get("employees")
        for name, most in _TEXTS.items():
            at = pointer("leads", position, name)
            if len(found[name]) > most:
                errors.append(FieldError(at, f"At most {most} characters.", "max_length"))
            elif not storable(found[name]):
                errors.append(FieldError(at, "There are characters that no text can hold.", "bad_text"))
            elif name in ("name", "kind") and not found[name]:
                errors.append(FieldError(at, "This is required.", "required"))
            elif name == "kind" and kinds is not None and fold(found[name]) not in folded:
                text = f"No rule here asks about {found[name][:40]!r}. There are: {', '.join(kinds)}."
                errors.append(FieldError(at, text, "unknown_choice"))
        if found["employees"] is not None:
            at = pointer("leads", position, "employees")
            errors += _number_errors(at, found["employees"], 0, MAX_INTEGER)
        checked.append(found)
    names = [each["name"] for each in checked]
    for position, name in enumerate(names):
        if name and name in names[:position]:
            at = pointer("leads", position, "name")
            errors.append(FieldError(at, "Another lead is called so.", "duplicate"))
    return checked, errors


def _number_errors(name: str, value: object, least: int, most: int) -> list[FieldError]:
    path = name if name.startswith("/") else f"/{name}"
    if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
        return []
    return [FieldError(path, f"A whole number from {least:,} to {most:,}.", "invalid")]


def next_run(plan: DrillPlan, zone: str, after: datetime) -> datetime | None:
    """The next moment of the plan behind an instant, by the organisation's clocks; None on demand only.

    An hour that a clock change leaves out is taken as the one after it (`zoneinfo`, fold 0).
    """
    if plan.weekday is None:
        return None
    here = ZoneInfo(zone)
    day = after.astimezone(here).date()
    for ahead in range(15):
        date = day + timedelta(days=ahead)
        at = datetime.combine(date, time(plan.minute // 60, plan.minute % 60), here)
        if date.weekday() == plan.weekday and at > after:
            return at
    raise AssertionError("Every weekday comes within a week.")
