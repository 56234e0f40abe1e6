"""What outcomes of disputes owe, and the published version that answers each."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from core.errors import Conflict, NotFound, ValidationFailed
from feedback.models import FollowUp
from handoff.dispute_reads import in_sight
from leads.models import CriteriaVersion
from routing.models import RuleSetVersion
from tenants.audit import record_change
from tenants.models import Member, VersionedModel, VersionState

About = FollowUp.About
_MODELS: Final[dict[str, type[VersionedModel]]] = {
    About.CRITERIA: CriteriaVersion,
    About.ROUTING: RuleSetVersion,
}
_PUBLISHED: Final = (VersionState.PUBLISHED, VersionState.RETIRED)


@dataclass(frozen=True, slots=True)
class Owed:
    """A follow-up that waits. versions: numbers of those published since, which may be what answers it."""

    follow_up: FollowUp
    versions: Sequence[int]


def follow_ups(about: str = "", member: Member | None = None) -> QuerySet[FollowUp]:
    """Those that stand, answered or not; none of a dispute that was opened again. member: who reads, where
    they may see a part alone."""
    standing = FollowUp.objects.filter(in_sight(member, "dispute__handoff__"), dropped_at__isnull=True)
    found: QuerySet[FollowUp] = standing.select_related(
        "dispute__disposition__reason", "dispute__handoff__lead__account", "dispute__decider"
    )
    return found.filter(about=about) if about else found


def owed(about: str = "", member: Member | None = None) -> list[Owed]:
    """What waits for a version, the oldest first; three queries at most."""
    waiting = list(follow_ups(about, member).filter(answered_at__isnull=True).order_by("opened_at", "id"))
    published = {each: _published(each) for each in dict.fromkeys(row.about for row in waiting)}
    return [
        Owed(row, [number for number, at in published[row.about] if at >= row.opened_at]) for row in waiting
    ]


def _published(about: str) -> Collection[tuple[int, datetime]]:
    rows = _MODELS[about]._default_manager.filter(state__in=_PUBLISHED, published_at__isnull=False)
    return list(rows.order_by("-number").values_list("number", "published_at")[:50])


def owed_count(member: Member | None = None) -> int:
    return follow_ups(member=member).filter(answered_at__isnull=True).count()


def get_follow_up(follow_up_id: UUID) -> FollowUp:
    """Raises NotFound."""
    found: FollowUp | None = follow_ups().filter(id=follow_up_id).first()
    if found is None:
        raise NotFound("There is no such follow-up.")
    return found


@transaction.atomic
def answer(*, follow_up_id: UUID, version: int, actor: str, now: datetime) -> FollowUp:
    """Say that a published version answers a follow-up. Raises NotFound; Conflict where it is answered;
    ValidationFailed at /version for one that was not published since it is owed."""
    locked: FollowUp | None = (
        FollowUp.objects.select_for_update(of=("self",)).filter(id=follow_up_id, dropped_at=None).first()
    )
    if locked is None:
        raise NotFound("There is no such follow-up.")
    if locked.answered_at is not None:
        raise Conflict(f"Version {locked.version_number} answers this already.")
    found = (
        _MODELS[locked.about]
        ._default_manager.filter(number=version, state__in=_PUBLISHED, published_at__gte=locked.opened_at)
        .first()
    )
    if found is None:
        text = f"There is no version {version} that was published since this is owed."
        raise ValidationFailed.at("/version", text, "invalid_choice")
    locked.version_id, locked.version_number = found.id, found.number
    locked.answered_at, locked.answered_by = now, actor
    locked.save(update_fields=["version_id", "version_number", "answered_at", "answered_by"])
    record_change(
        actor=actor,
        action="follow_up.answered",
        object_type="followup",
        object_id=locked.id,
        after={"about": locked.about, "version": version, "dispute": str(locked.dispute_id)},
        now=now,
    )
    return get_follow_up(locked.id)


def document(found: FollowUp, versions: Sequence[int] = ()) -> dict[str, Any]:
    """A follow-up as the API gives it."""
    return {
        "id": found.id,
        "dispute": found.dispute_id,
        "about": found.about,
        "opened_at": found.opened_at,
        "note": found.dispute.note,
        "answered_by_version": found.version_number,
        "answered_at": found.answered_at,
        "candidates": list(versions),
    }
