"""How many MQLs a month a pipeline target takes: pipeline / value of an opportunity / conversion."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from math import ceil
from typing import Final
from zoneinfo import ZoneInfo

from core.errors import FieldError, ValidationFailed
from core.numbers import shown
from reporting.definitions import Share, counted_as
from reporting.selectors.daily import daily_amounts, daily_counts
from reporting.selectors.handoff_cells import handoff_ground
from reporting.selectors.questions import Question
from tenants.models import Tenant

#: Days of MQLs that the inputs are read from, and days that each is followed for to an opportunity.
DAYS: Final = 365
FOLLOWED: Final = 90
#: Amounts from here on are told without cents.
_ROUND: Final = 1_000
_OPPORTUNITY: Final = counted_as("opportunity", FOLLOWED)


@dataclass(frozen=True, slots=True)
class Inputs:
    """What the organisation's own data say of the MQLs of DAYS.

    value: of the opportunities that an MQL brought, on average; None where none has an amount. valued: of how
    many MQLs with an amount, of how many that became opportunities. conversion: MQL to opportunity within
    FOLLOWED days; left out are MQLs younger than that. imported: of its base, those that are history, whose
    files may say nothing of opportunities.
    """

    first: date
    last: date
    value: Decimal | None
    valued: int
    opportunities: int
    conversion: Share
    imported: int = 0


def inputs_of(*, tenant: Tenant, now: datetime) -> Inputs:
    """Read them; three queries."""
    zone = ZoneInfo(tenant.time_zone)
    today = now.astimezone(zone).date()
    question = Question(zone=zone, first=today - timedelta(days=DAYS - 1), last=today)
    ground = handoff_ground(question)
    names = ("mqls", "opportunity", _OPPORTUNITY, "with_amount", "imported")
    by_day = daily_counts(question, ground, names)
    amount = sum(daily_amounts(question, ground).values(), Decimal(0))
    unfollowed = today - timedelta(days=FOLLOWED)
    followed = [counts for day, counts in by_day.items() if day < unfollowed]
    every = sum(counts["mqls"] for counts in by_day.values())
    base = sum(counts["mqls"] for counts in followed)
    valued = sum(counts["with_amount"] for counts in by_day.values())
    return Inputs(
        first=question.first,
        last=today,
        value=(amount / valued).quantize(Decimal("0.01")) if valued else None,
        valued=valued,
        opportunities=sum(counts["opportunity"] for counts in by_day.values()),
        conversion=Share(sum(counts[_OPPORTUNITY] for counts in followed), base, every - base),
        imported=sum(counts["imported"] for counts in followed),
    )


def mqls_needed(pipeline: Decimal, *, value: Decimal, conversion: Decimal) -> int:
    """MQLs a month that bring so much pipeline a month. conversion: per cent. All above 0, else
    ValueError."""
    if min(pipeline, value, conversion) <= 0:
        raise ValueError("A pipeline, a value and a conversion above 0 are wanted.")
    return ceil(pipeline / value / (conversion / 100))


def _imported(inputs: Inputs) -> str:
    if not inputs.imported:
        return ""
    return f" ({inputs.imported:,} were imported, and their files may say nothing of opportunities)"


@dataclass(frozen=True, slots=True)
class Needed:
    """mqls a month, and what they were worked out with: the value of an opportunity and the conversion in per
    cent, given or the organisation's own."""

    mqls: int
    pipeline: Decimal
    value: Decimal
    conversion: Decimal

    def why(self, currency: str) -> str:
        """The sum in words."""
        return (
            f"Pipeline target {_amount(self.pipeline)} {currency} / {_amount(self.value)} {currency} an"
            f" opportunity / {shown(self.conversion, 1)}% MQL to opportunity"
        )


def _amount(amount: Decimal) -> str:
    """Without cents, but for an amount that these are a part of."""
    return shown(amount) if amount >= _ROUND or amount == int(amount) else shown(amount, 2)


def needed(
    inputs: Inputs, *, pipeline: Decimal, value: Decimal | None = None, conversion: Decimal | None = None
) -> Needed:
    """How many MQLs a month a pipeline takes. value, conversion: instead of the organisation's own. Raises
    ValidationFailed at /value and /conversion where there is nothing to go by."""
    own = inputs.conversion
    value = value or inputs.value
    if conversion is None and own.base:
        conversion = Decimal(own.count * 100) / own.base
    wrong = []
    if not value:
        text = "No opportunity of yours has an amount to go by: give a value."
        wrong.append(FieldError("/value", text, "required"))
    if conversion is None:
        text = f"No MQL of yours has been followed for {FOLLOWED} days yet: give a share."
        wrong.append(FieldError("/conversion", text, "required"))
    elif not conversion:
        text = (
            f"None of {own.base:,} MQLs became an opportunity{_imported(inputs)}: no number of them would"
            " bring this pipeline. Give a share that is to be reached."
        )
        wrong.append(FieldError("/conversion", text, "required"))
    if wrong or not value or not conversion:
        raise ValidationFailed(wrong[0].message, field_errors=wrong)
    return Needed(mqls_needed(pipeline, value=value, conversion=conversion), pipeline, value, conversion)
