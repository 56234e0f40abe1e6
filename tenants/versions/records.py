"""What the record of changes says of versions and of orders to publish them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from tenants.audit import record_change
from tenants.models import Publication, VersionedModel


def record(
    version: VersionedModel,
    action: str,
    *,
    actor: str,
    before: Any = None,
    after: Any = None,
    now: datetime,
) -> None:
    """Something happened to a version."""
    record_change(
        actor=actor,
        action=action,
        object_type=version._meta.model_name or "",
        object_id=version.id,
        before=before,
        after=after,
        now=now,
    )


def record_order(order: Publication, action: str, *, actor: str, now: datetime, why: str = "") -> None:
    """An order was given, decided or called off."""
    after: dict[str, Any] = {
        "kind": order.kind,
        "version": str(order.version_id),
        "revision": order.revision,
        "state": str(order.state),
        "effective_at": order.effective_at.isoformat() if order.effective_at else None,
        **order.options,
    }
    if why:
        after["why"] = why
    record_change(
        actor=actor, action=action, object_type="publication", object_id=order.id, after=after, now=now
    )
