"""Opportunities of leads: what a deal is forecast at, first and now, and how it ended.

Whoever calls holds the lead's handoffs and the lead itself locked, in this order (`handoff.opportunities`).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Final
from zoneinfo import ZoneInfo

from core.currencies import is_currency
from core.errors import Conflict, FieldError, NotFound, ValidationFailed
from leads.models import Handoff, Lead, Opportunity
from tenants.models import Member, Tenant

#: Of an amount: digits altogether, and those after the point.
DIGITS: Final = 14
PLACES: Final = 2
LONGEST_NAME: Final = 200
_WHOLE_DIGITS: Final = DIGITS - PLACES
_YEARS: Final = (2000, 2100)


def get_opportunity(*, lead_id: Any, opportunity_id: Any) -> Opportunity:
    """An opportunity of this lead. Raises NotFound."""
    found: Opportunity | None = Opportunity.objects.filter(id=opportunity_id, lead_id=lead_id).first()
    if found is None:
        raise NotFound("There is no such opportunity of this lead.")
    return found


def opportunities_of(lead_id: Any) -> list[Opportunity]:
    """All of a lead, the one opened last first."""
    found = Opportunity.objects.filter(lead_id=lead_id).select_related("owner")
    return list(found.order_by("-opened_at", "-id"))


def write_opportunity(
    *,
    tenant: Tenant,
    lead: Lead,
    handoff: Handoff | None,
    said: Mapping[str, Any],
    now: datetime,
    present: Opportunity | None = None,
    path: str = "",
) -> tuple[Opportunity, bool]:
    """Make an opportunity or change one, by what is said; what is not said stays. True where it is new.

    said: of name, amount, currency, close_date, outcome ("" opens it again), opened_at, owner (a Member),
    external_system and external_id. An amount or a close date of None is taken away; what was forecast first
    stays. An outside id that this lead has already names that opportunity.
    handoff: what a new one came of. path: of the place where refusals point, "/opportunity".

    Raises ValidationFailed with each field that is wrong; Conflict where another lead has the outside id.
    """
    today = now.astimezone(ZoneInfo(tenant.time_zone)).date()
    _check(said, today=today, now=now, path=path)
    found = present or _of_outside_id(lead, said)
    is_new = found is None
    if found is None:
        opened_at = said.get("opened_at") or now
        found = Opportunity(
            lead=lead, handoff=handoff, currency=tenant.currency, opened_at=opened_at, owner=_owner(lead)
        )
    for name in ("name", "currency", "external_system", "external_id", "amount", "close_date", "owner"):
        if name in said:
            value = said[name]
            empty = None if name in ("amount", "close_date", "owner") else ""
            setattr(found, name, empty if value is None else value)
    if not found.currency:
        found.currency = tenant.currency
    _keep_first(found)
    if "outcome" in said:
        _end(found, said["outcome"] or "", said, zone=ZoneInfo(tenant.time_zone), now=now)
    if found.closed_at is not None:
        _check_closed(found, today=today, is_new=is_new, zone=ZoneInfo(tenant.time_zone), now=now, path=path)
    found.updated_at = now
    found.save()
    return found, is_new


def _owner(lead: Lead) -> Member | None:
    owner: Member | None = lead.owner
    return owner


def _keep_first(found: Opportunity) -> None:
    """What is said for the first time is the first forecast."""
    if found.first_amount is None:
        found.first_amount = found.amount
    if found.first_close_date is None:
        found.first_close_date = found.close_date


def _end(found: Opportunity, outcome: str, said: Mapping[str, Any], *, zone: ZoneInfo, now: datetime) -> None:
    if outcome == found.outcome:
        return
    found.outcome = outcome
    if not outcome:
        found.closed_at = None
        return
    found.closed_at = now
    if said.get("close_date") is None:
        found.close_date = now.astimezone(zone).date()


def _check_closed(
    found: Opportunity, *, today: date, is_new: bool, zone: ZoneInfo, now: datetime, path: str
) -> None:
    """The close date of a closed one is the day on which it closed. It may be told later, with that day."""
    assert found.closed_at is not None
    day = found.close_date or found.closed_at.astimezone(zone).date()
    found.close_date = day
    if day > today:
        text = "It is closed: the day on which it closed is not in the future."
        raise ValidationFailed.at(f"{path}/close_date", text, "in_future")
    if day != found.closed_at.astimezone(zone).date():
        end_of_day = datetime.combine(day + timedelta(days=1), time(), tzinfo=zone) - timedelta(seconds=1)
        found.closed_at = min(end_of_day, now)
    if found.closed_at < found.opened_at:
        if not is_new:
            text = f"It was opened on {found.opened_at.astimezone(zone).date()}: it did not close before."
            raise ValidationFailed.at(f"{path}/close_date", text, "before_opening")
        found.opened_at = found.closed_at


def _of_outside_id(lead: Lead, said: Mapping[str, Any]) -> Opportunity | None:
    if not said.get("external_id"):
        return None
    found: Opportunity | None = (
        Opportunity.objects.select_for_update(of=("self",))
        .filter(external_system=said.get("external_system") or "", external_id=said["external_id"])
        .first()
    )
    if found is not None and found.lead_id != lead.id:
        raise Conflict("Another lead has the opportunity with this external id.", lead=str(found.lead_id))
    return found


def read_amount(text: str) -> Decimal | None:
    """An amount as people type it, "12,500.50"; None for nothing. Raises ValueError."""
    plain = text.strip().replace(",", "").replace(" ", "")
    if not plain:
        return None
    try:
        return Decimal(plain)
    except InvalidOperation as error:
        raise ValueError(f"{text[:40]!r} is no amount.") from error


def _check(said: Mapping[str, Any], *, today: date, now: datetime, path: str) -> None:
    wrong: list[FieldError] = []

    def refuse(name: str, text: str, code: str = "invalid") -> None:
        wrong.append(FieldError(f"{path}/{name}", text, code))

    if fault := _amount_fault(said.get("amount")):
        refuse("amount", fault)
    currency = said.get("currency")
    if currency and not is_currency(currency):
        refuse(
            "currency", "A currency is three capital letters of ISO 4217: EUR, USD, GBP.", "invalid_choice"
        )
    day = said.get("close_date")
    if day is not None and not _YEARS[0] <= day.year <= _YEARS[1]:
        refuse("close_date", f"A day between {_YEARS[0]} and {_YEARS[1]}.")
    if (said.get("outcome") or "") not in ("", *Opportunity.Outcome.values):
        refuse("outcome", "won or lost; nothing while it is open.", "invalid_choice")
    opened_at = said.get("opened_at")
    if opened_at is not None and (opened_at > now or opened_at.year < _YEARS[0]):
        refuse("opened_at", f"A moment between {_YEARS[0]} and now.")
    if said.get("external_system") and not said.get("external_id"):
        refuse("external_id", "Say the id in that system too.", "required")
    if wrong:
        raise ValidationFailed(wrong[0].message, field_errors=wrong)


def _amount_fault(amount: Decimal | None) -> str:
    if amount is None:
        return ""
    if not amount.is_finite():
        return "An amount is a number."
    if amount < 0:
        return "An amount is not negative."
    if amount >= Decimal(10) ** _WHOLE_DIGITS:
        return f"An amount has at most {_WHOLE_DIGITS} digits before the point."
    exponent = amount.normalize().as_tuple().exponent
    if isinstance(exponent, int) and exponent < -PLACES:
        return f"An amount has at most {PLACES} digits after the point."
    return ""
