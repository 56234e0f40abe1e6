"""What an organisation set for its leak finder."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final

from django.db import transaction

from core.errors import FieldError, ValidationFailed
from reporting.leaks.finder.facts import Terms
from reporting.models import LeakSettings
from tenants.audit import record_change
from tenants.context import current_tenant_id


@dataclass(frozen=True, slots=True)
class LeakTerms:
    """As people set them. percents are whole; fast_minutes: None is the target of each lead's tier."""

    sql_percent: int = 30
    wrong_owner_percent: int = 5
    cohort_days: int = 90
    enough_attempts: int = 4
    fast_minutes: int | None = None

    @property
    def terms(self) -> Terms:
        return Terms(
            sql_share=self.sql_percent / 100,
            wrong_owner_share=self.wrong_owner_percent / 100,
            cohort_days=self.cohort_days,
            enough_attempts=self.enough_attempts,
            fast_minutes=self.fast_minutes,
        )


#: Least and most of each, both included.
LIMITS: Final = {
    "sql_percent": (1, 99),
    "wrong_owner_percent": (1, 50),
    "cohort_days": (7, 180),  # conversion is learned from a year, of which this is taken off
    "enough_attempts": (2, 20),
    "fast_minutes": (1, 10_080),
}
FIELDS: Final = tuple(LIMITS)


def leak_terms() -> LeakTerms:
    """Those in force; one query."""
    row = LeakSettings.objects.values(*FIELDS).first()
    return LeakTerms(**row) if row else LeakTerms()


@transaction.atomic
def set_leak_terms(chosen: LeakTerms, *, actor: str, now: datetime) -> None:
    """Change what the finder goes by, with an audit entry. Raises ValidationFailed with each wrong field."""
    wrong = [
        FieldError(f"/{name}", f"A whole number from {least:,} to {most:,}.", "out_of_range")
        for name, (least, most) in LIMITS.items()
        if (value := getattr(chosen, name)) is not None and not least <= value <= most
    ]
    if wrong:
        raise ValidationFailed("These settings cannot be kept.", field_errors=wrong)
    before = leak_terms()
    if before == chosen:
        return
    LeakSettings.objects.update_or_create(tenant_id=current_tenant_id(), defaults=asdict(chosen))
    record_change(
        actor=actor,
        action="leak_settings.changed",
        object_type="leak_settings",
        object_id=None,
        before=asdict(before),
        after=asdict(chosen),
        now=now,
    )
