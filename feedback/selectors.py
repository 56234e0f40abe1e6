"""Reads of the taxonomy and of what sales answered."""

from __future__ import annotations

from uuid import UUID

from feedback.models import Disposition, Reason


def active_reasons(kind: Reason.Kind) -> list[Reason]:
    """The reasons a person may choose from, in the tenant's order."""
    return list(Reason.objects.filter(kind=kind, is_active=True).order_by("position", "label"))


def dispositions_of(handoff_ids: list[UUID]) -> list[Disposition]:
    """Every answer on these handoffs, undone ones too, oldest first."""
    return list(
        Disposition.objects.filter(handoff_id__in=handoff_ids)
        .select_related("reason", "by")
        .order_by("at", "id")
    )
