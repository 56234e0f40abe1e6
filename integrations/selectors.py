"""Reads of the intake log."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from django.db.models import QuerySet

from core.errors import NotFound
from integrations.models import IntakeEntry
from tenants.models import ApiKey


def entries(*, outcome: str = "") -> QuerySet[IntakeEntry]:
    """Entries of the log, of one outcome where given. Unordered; payloads are not loaded."""
    found: QuerySet[IntakeEntry] = IntakeEntry.objects.select_related("lead").defer("payload")
    return found.filter(outcome=outcome) if outcome else found


def get_entry(*, entry_id: UUID) -> IntakeEntry:
    """One entry with its payload. Raises NotFound."""
    entry: IntakeEntry | None = IntakeEntry.objects.select_related("lead").filter(id=entry_id).first()
    if entry is None:
        raise NotFound("There is no such entry.")
    return entry


def senders(entries: Iterable[IntakeEntry]) -> dict[str, str]:
    """What the keys that sent these are called, by actor; one query."""
    ids = {entry.actor.removeprefix("key:") for entry in entries if entry.actor.startswith("key:")}
    return {
        f"key:{key_id}": name for key_id, name in ApiKey.objects.filter(id__in=ids).values_list("id", "name")
    }
