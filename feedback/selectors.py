"""Reads of the taxonomy and of what sales answered."""

from __future__ import annotations

from feedback.models import Reason


def active_reasons(kind: Reason.Kind) -> list[Reason]:
    """The reasons a person may choose from, in the tenant's order."""
    return list(Reason.objects.filter(kind=kind, is_active=True).order_by("position", "label"))
