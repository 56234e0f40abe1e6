"""Reads of the taxonomy and of what sales answered."""

from __future__ import annotations

from feedback.models import Reason


def active_reasons(*kinds: Reason.Kind) -> list[Reason]:
    """The reasons of these kinds that a person may choose from, in the tenant's order."""
    return list(Reason.objects.filter(kind__in=kinds, is_active=True).order_by("position", "label"))
