"""The number beside Reviews: periods that are over and whose review waits to be closed."""

from __future__ import annotations

from reporting.reviews.models import Review
from web.shell import Waiting, register_badge


def register() -> None:
    """Called once, when the app is ready."""
    register_badge("reporting:reviews", lambda request: Waiting(_due(), "risk"))


def _due():  # type: ignore[no-untyped-def]
    return Review.objects.filter(state=Review.State.OPEN, reminded_at__isnull=False)
