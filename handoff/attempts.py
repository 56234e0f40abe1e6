"""The contact attempts that a lead's tier asks for: made, owed, and what to do next."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

from core.errors import FieldError, ValidationFailed
from handoff import words
from leads.models import Handoff, Touch
from sla import services as sla
from sla.attempts import Progress, progress
from sla.policies import find_policy
from sla.targets import Target
from sla.tiers import TargetSpec
from tenants.bulk import update_rows

#: The reason that may be given only when the attempts are made (feedback.reasons).
NO_RESPONSE: Final = "no_response"


def asked_of(handoff: Handoff) -> TargetSpec | None:
    """The attempts that the handoff's tier asks for; None where it asks for none."""
    policy = find_policy(handoff.policy_version_id) if handoff.policy_version_id else None
    tier = policy.tier(handoff.tier) if policy else None
    return tier.spec(Target.ATTEMPTS) if tier else None


def progress_of(handoffs: Collection[Handoff]) -> Mapping[UUID, Progress]:
    """How far the attempts of each handoff are, by its id; those that owe none are left out. One query."""
    asked = {each.id: spec for each in handoffs if (spec := asked_of(each)) is not None}
    if not asked:
        return {}
    made: dict[UUID, list[tuple[datetime, str]]] = {handoff_id: [] for handoff_id in asked}
    touches = Touch.objects.filter(handoff_id__in=list(asked), undone_at__isnull=True, automatic=False)
    for handoff_id, at, kind in touches.values_list("handoff_id", "at", "kind"):
        made[handoff_id].append((at, kind))
    return {handoff_id: progress(spec, made[handoff_id]) for handoff_id, spec in asked.items()}


def settle_attempts(handoff: Handoff, *, now: datetime) -> None:
    """A touch was logged or undone: the attempts are complete as of the one that made them enough, or not.

    The caller holds the handoff's lock.
    """
    found = progress_of([handoff]).get(handoff.id)
    if found is None or found.completed_at == handoff.attempts_at:
        return
    was, handoff.attempts_at = handoff.attempts_at, found.completed_at
    update_rows([handoff], ["attempts_at"])
    if found.completed_at is not None and (was is None or found.completed_at < was):
        sla.meet([handoff.id], Target.ATTEMPTS, at=found.completed_at, now=now)
        return
    answers = [found.completed_at] if found.completed_at else []
    sla.rejudge(handoff, Target.ATTEMPTS, answers=answers, now=now)


def check_attempts_made(handoff: Handoff) -> None:
    """Raises ValidationFailed at /reason, saying what is owed, while the tier asks for more attempts."""
    found = progress_of([handoff]).get(handoff.id)
    if found is None or not found.owed:
        return
    message = f"No response can be the reason once the attempts are made: {owed_words(found)}"
    raise ValidationFailed(message, field_errors=[FieldError("/reason", message, "attempts_owed")])


def owed_words(found: Progress) -> str:
    """ "4 attempts are still owed, over 1 more channel than e-mail."."""
    number = f"{found.owed} attempt{' is' if found.owed == 1 else 's are'} still owed"
    if not found.owed_channels:
        return f"{number}."
    used = [words.lower_first(words.TOUCHES[kind]) for kind in found.channels]
    than = f" than {words.listed(used)}" if used else ""
    if found.owed_channels == 1:
        return f"{number}, {'by' if found.owed == 1 else 'one of them by'} another channel{than}."
    return f"{number}, over {found.owed_channels} more channels{than}."
