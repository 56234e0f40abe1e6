"""Who changed what: one append-only row a change."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from tenants.models import AuditEntry, Member

ENGINE = "engine"
SYSTEM = "system"


def member_actor(member: Member) -> str:
    """How a person is named in records: by id, so that erasing a name erases it everywhere."""
    return f"member:{member.id}"


def member_id_of(actor: str) -> str | None:
    """The id of the person that an actor is; None where it is no person."""
    kind, _, key = actor.partition(":")
    return key if kind == "member" else None


def names_of_actors(actors: Iterable[str]) -> dict[str, str]:
    """How to call those who did something, by actor, to a person who reads of it; one query at most."""
    asked = set(actors)
    ids = [member_id for actor in asked if (member_id := member_id_of(actor))]
    people = Member.objects.filter(id__in=ids).values_list("id", "name") if ids else []
    names = {f"member:{member_id}": name for member_id, name in people}
    return {actor: names.get(actor, _CALLED.get(actor.partition(":")[0], actor)) for actor in asked}


_CALLED = {
    "member": "a former member",
    "key": "an API key",
    "import": "an import",
    ENGINE: "the engine",
    SYSTEM: "the set-up",
}


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
