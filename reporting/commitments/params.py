"""The month that an address asks for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from core.errors import ValidationFailed
from reporting.commitments.targets import month_of
from tenants.models import Tenant

_MONTH: Final = re.compile(r"(20\d\d)-(0[1-9]|1[0-2])", re.ASCII)


def present_month(tenant: Tenant, now: datetime) -> date:
    """The month that it is for an organisation."""
    return month_of(now.astimezone(ZoneInfo(tenant.time_zone)).date())


def month_from(query: Mapping[str, str], *, tenant: Tenant, now: datetime) -> date:
    """The first day of `month=2026-11`; of the present month without it. Raises ValidationFailed."""
    text = query.get("month", "")
    if not text:
        return present_month(tenant, now)
    found = _MONTH.fullmatch(text)
    if found is None:
        raise ValidationFailed.at("/month", "month is a month from 2000 to 2099: 2026-11.", "invalid")
    return date(int(found[1]), int(found[2]), 1)
