"""Why somebody is off the rotation, read from the audit log, for the page that can put them back."""

from __future__ import annotations

from django.utils import timezone

from tenants.audit import ENGINE, names_of_actors
from tenants.models import AuditEntry, Member, RepProfile

_WAY_BACK = (
    "Pools give them no new leads; by hand they can still be given some. To put them back, tick On rotation "
    "below and save."
)


def off_rotation_text(member: Member, profile: RepProfile | None) -> str:
    """Since when, why, and how they come back; "" where they take turns, or own no leads at all."""
    if profile is None or profile.on_rotation:
        return ""
    entry = (
        AuditEntry.objects.filter(
            object_type="repprofile", object_id=member.id, before__on_rotation=True, after__on_rotation=False
        )
        .order_by("-at", "-id")
        .first()
    )
    if entry is None:
        return f"{member.name} is off the rotation. {_WAY_BACK}"
    at = timezone.localtime(entry.at)
    since = f"{at.day} {at:%b %Y, %H:%M}"
    if entry.actor == ENGINE:
        broken = entry.after.get("broken_in_a_row", 1)
        missed = f"first touches of their last {broken} leads were" if broken > 1 else "first touch was"
        return (
            f"Taken off the rotation {since}, because the {missed} late. {_WAY_BACK} "
            "What was late before counts no more then."
        )
    by = names_of_actors([entry.actor])[entry.actor]
    return f"Taken off the rotation {since} by {by}. {_WAY_BACK}"
