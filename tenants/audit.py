"""Who changed what: one append-only row a change."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from tenants.models import AuditEntry, Member

ENGINE = "engine"
SYSTEM = "system"


def member_actor(member: Member) -> str:
    """How a person is named in records: by id, so that erasing a name erases it everywhere."""
    return f"member:{member.id}"


def record_change(
    *,
    actor: str,
    action: str,
    object_type: str,
    object_id: UUID | None,
    before: Any = None,
    after: Any = None,
    now: datetime,
) -> None:
    """Write one audit row in the caller's transaction. `before` and `after` are JSON-safe and hold no lead
    data."""
    AuditEntry.objects.create(
        at=now,
        actor=actor,
        action=action,
        object_type=object_type,
        object_id=object_id,
        before=before,
        after=after,
    )
