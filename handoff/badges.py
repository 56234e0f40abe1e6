"""The numbers beside the places of the rail that are ours; one query each."""

from __future__ import annotations

from django.http import HttpRequest

from handoff.selectors import undecided_count, unrouted_count
from web.shell import Badge, register_badge


def register() -> None:
    """Called once, when the app is ready."""
    register_badge("handoff:inbox", _inbox)
    register_badge("handoff:unrouted", _unrouted)


def _inbox(request: HttpRequest) -> Badge:
    return Badge(undecided_count(request.member))  # type: ignore[attr-defined]


def _unrouted(request: HttpRequest) -> Badge:
    count = unrouted_count()
    return Badge(count, "bad" if count else "")
