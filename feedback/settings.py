"""What an organisation agreed about objections: for how long, and how many are looked at a week."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from django.db import transaction

from core.errors import FieldError, ValidationFailed
from feedback.models import FeedbackSettings
from tenants.audit import record_change

#: Days within which a rejection may be disputed, from least to most.
DISPUTE_DAYS: Final = (1, 90)
#: Rows of a weekly sheet.
SHEET_SIZE: Final = (5, 10)


def settings() -> FeedbackSettings:
    """The organisation's settings; those of the start, not saved, where it has chosen none."""
    return FeedbackSettings.objects.first() or FeedbackSettings()


def locked_settings() -> FeedbackSettings:
    """The organisation's row, held until the transaction ends; made where there is none yet. Whoever changes
    reasons or opens a sheet takes turns here."""
    FeedbackSettings.objects.get_or_create()
    found: FeedbackSettings = FeedbackSettings.objects.select_for_update(of=("self",)).get()
    return found


@transaction.atomic
def change_settings(*, dispute_days: int, sheet_size: int, actor: str, now: datetime) -> FeedbackSettings:
    """Choose both. Disputes that are open stay so. Raises ValidationFailed at /dispute_days, /sheet_size."""
    errors = [
        FieldError(f"/{name}", f"From {least} to {most}.", "out_of_range")
        for name, value, (least, most) in (
            ("dispute_days", dispute_days, DISPUTE_DAYS),
            ("sheet_size", sheet_size, SHEET_SIZE),
        )
        if not least <= value <= most
    ]
    if errors:
        raise ValidationFailed(errors[0].message, field_errors=errors)
    found = locked_settings()
    before = {"dispute_days": found.dispute_days, "sheet_size": found.sheet_size}
    after = {"dispute_days": dispute_days, "sheet_size": sheet_size}
    if before == after:
        return found
    found.dispute_days, found.sheet_size = dispute_days, sheet_size
    found.save(update_fields=list(after))
    record_change(
        actor=actor,
        action="feedback_changed",
        object_type="feedbacksettings",
        object_id=found.id,
        before=before,
        after=after,
        now=now,
    )
    return found
