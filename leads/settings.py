"""Changes of what hands a lead over, what is owed at each stage, and when a status is stale."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction

from leads import owed, sql_bar, triggers
from leads.models import LeadSettings
from tenants.audit import record_change

_TRIGGERS = ("triggers", "outside_stages", "score_from", "form_kinds")
_UPKEEP = ("owed", "stale_days")


def locked_settings() -> LeadSettings:
    """The organisation's row, held until the transaction ends; made where there is none yet."""
    LeadSettings.objects.get_or_create()
    found: LeadSettings = LeadSettings.objects.select_for_update(of=("self",)).get()
    return found


@transaction.atomic
def change_triggers(
    *,
    kinds: Sequence[str],
    stages: Sequence[str],
    score_from: int | None,
    forms: Sequence[str],
    actor: str,
    now: datetime,
) -> LeadSettings:
    """Choose what hands a lead over; it counts from each lead's next arrival on. Raises ValidationFailed with
    a path to each error (`triggers.check`)."""
    kept = triggers.check(kinds=kinds, stages=stages, score_from=score_from, forms=forms)
    return _write(kept, _TRIGGERS, "triggers", actor=actor, now=now)


@transaction.atomic
def change_upkeep(
    *, owed_fields: Mapping[str, Any], stale_days: Mapping[str, Any], actor: str, now: datetime
) -> LeadSettings:
    """Choose what is owed at each stage, and after how many working days a status is stale. Raises
    ValidationFailed at /owed/... and /stale_days/...."""
    kept = {
        "owed": owed.check_owed(owed_fields, sql_bar.bar_in_force(now)),
        "stale_days": owed.check_stale(stale_days),
    }
    return _write(kept, _UPKEEP, "upkeep", actor=actor, now=now)


def _write(
    kept: Mapping[str, Any], names: Sequence[str], what: str, *, actor: str, now: datetime
) -> LeadSettings:
    found = locked_settings()
    before = {name: getattr(found, name) for name in names}
    if before == dict(kept):
        return found
    for name, value in kept.items():
        setattr(found, name, value)
    found.save(update_fields=list(names))
    record_change(
        actor=actor,
        action=f"{what}_changed",
        object_type="leadsettings",
        object_id=found.id,
        before=before,
        after=dict(kept),
        now=now,
    )
    return found
