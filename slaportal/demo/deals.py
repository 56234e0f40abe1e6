"""What the demo's deals are worth: forecasts that are too high or too low, some without an amount, some in
another currency, and what they close at."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from core.errors import DomainError
from handoff.services import Actor
from handoff.services.opportunities import save_opportunity
from leads.models import Lead, Opportunity
from tenants.clock import fixed_clock
from tenants.models import Tenant

#: Of deals: how many are changed on the way, nobody knows the amount of, and are in dollars.
CHANGED: Final = 0.4
UNKNOWN, FOREIGN = 0.07, 0.05
#: What a deal of each source is worth, as a factor: people who were sent by others buy more.
WORTH: Final[Mapping[str, float]] = {
    "Referral": 1.5,
    "Organic search": 1.15,
    "Trade show": 1.3,
    "LinkedIn Ads": 0.9,
    "Content syndication": 0.6,
}
_YEARLY: Final = 140  # of one employee of theirs
_LEAST, _MOST = 3_000, 180_000


def forecast(lead: Lead, chance: random.Random, now: datetime) -> dict[str, Any]:
    """What the rep says of a deal on the day on which it is opened."""
    employees = lead.account.employees if lead.account and lead.account.employees else 60
    worth = employees * _YEARLY * WORTH.get(lead.source, 1.0) * chance.lognormvariate(0, 0.4)
    said: dict[str, Any] = {"close_date": (now + timedelta(days=chance.randrange(10, 45))).date()}
    if chance.random() >= UNKNOWN:
        said["amount"] = _rounded(worth)
    if chance.random() < FOREIGN:
        said["currency"] = "USD"
    return said


def change(
    *, tenant: Tenant, lead_id: UUID, chance: random.Random, actor: Actor, now: datetime
) -> Opportunity | None:
    """The rep learns more: another amount, a later day. None where there is no open deal any more."""
    open_deals = Opportunity.objects.filter(lead_id=lead_id, outcome="")
    present: Opportunity | None = open_deals.order_by("-opened_at", "-id").first()
    if present is None:
        return None
    said: dict[str, Any] = {}
    if present.amount is not None:
        said["amount"] = _rounded(float(present.amount) * chance.uniform(0.65, 1.25))
    if present.close_date is not None and chance.random() < 0.6:
        said["close_date"] = present.close_date + timedelta(days=chance.randrange(5, 25))
    try:
        return save_opportunity(
            tenant=tenant,
            lead_id=lead_id,
            said=said,
            actor=actor,
            clock=fixed_clock(now),
            opportunity_id=present.id,
        )[0]
    except DomainError:
        return None


def closing(lead_id: UUID, chance: random.Random) -> dict[str, Any] | None:
    """What is said of a deal on the day on which it is won; None where nothing is new."""
    present = Opportunity.objects.filter(lead_id=lead_id, outcome="").order_by("-opened_at", "-id").first()
    if present is None or present.amount is None or chance.random() < 0.5:
        return None
    return {"amount": _rounded(float(present.amount) * chance.uniform(0.8, 1.05))}


def _rounded(worth: float) -> Decimal:
    return Decimal(round(min(_MOST, max(_LEAST, worth)) / 100) * 100)
