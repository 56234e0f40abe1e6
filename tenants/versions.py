"""Drafts, publication and roll-back of versioned configuration: written once, used by criteria, routing and
policies."""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypeVar

from django.db import transaction

from core.errors import Conflict
from tenants.audit import record_change
from tenants.config import configured
from tenants.models import VersionedModel, VersionState

V = TypeVar("V", bound=VersionedModel)


@configured
def published_version(model: type[V]) -> V | None:
    """The version in force, or None before the first publication."""
    found: V | None = model.objects.filter(state=VersionState.PUBLISHED).order_by("-number").first()
    return found


@transaction.atomic
def create_draft(model: type[V], *, content: dict[str, Any], actor: str, now: datetime) -> V:
    """Write the next number as a draft. Content is the caller's to validate."""
    last = model.objects.order_by("-number").first()
    draft: V = model.objects.create(
        number=last.number + 1 if last else 1, content=content, created_at=now, created_by=actor
    )
    return draft


@transaction.atomic
def publish(version: V, *, actor: str, now: datetime) -> V:
    """Put a draft in force and retire the one before it. Publishing twice raises Conflict; it never changes
    again."""
    model = type(version)
    locked: V = model.objects.select_for_update().get(id=version.id)
    if locked.state != VersionState.DRAFT:
        raise Conflict(f"Version {locked.number} is already {locked.state}.")
    before = published_version(model)
    model.objects.filter(state=VersionState.PUBLISHED).update(state=VersionState.RETIRED)
    locked.state = VersionState.PUBLISHED
    locked.published_at = now
    locked.published_by = actor
    locked.save(update_fields=["state", "published_at", "published_by"])
    record_change(
        actor=actor,
        action="published",
        object_type=model._meta.model_name or "",
        object_id=locked.id,
        before={"number": before.number} if before else None,
        after={"number": locked.number},
        now=now,
    )
    return locked
