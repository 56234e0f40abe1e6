"""The numbers beside the places of the rail that are ours: rows to count, or what the page counted anyway."""

from __future__ import annotations

from django.http import HttpRequest

from handoff.dispute_reads import open_count
from handoff.excuses import are_used
from handoff.selectors import ownerless, undecided
from tenants.models import Member, Role
from tenants.requests import TenantRequest
from web.shell import Badge, Waiting, register_badge, register_use


def register() -> None:
    """Called once, when the app is ready."""
    register_badge("handoff:inbox", _inbox)
    register_badge("handoff:unrouted", _unrouted)
    register_badge("handoff:disputes", _disputes)
    register_use("handoff:excuses", lambda request: are_used())
    register_use("handoff:shadow", _shadow)


def remember(request: HttpRequest, *, undecided: int | None = None, unrouted: int | None = None) -> None:
    """Spare the rail a count that the page has made anyway."""
    known = {"undecided": undecided, "unrouted": unrouted}
    request.handoff_counts = {  # type: ignore[attr-defined]
        name: count for name, count in known.items() if count is not None
    }


def _known(request: HttpRequest, name: str) -> int | None:
    counts: dict[str, int] = getattr(request, "handoff_counts", {})
    return counts.get(name)


def _inbox(request: HttpRequest) -> Badge | Waiting:
    known = _known(request, "undecided")
    return Waiting(undecided(request.member)) if known is None else Badge(known)  # type: ignore[attr-defined]


def _disputes(request: HttpRequest) -> Badge:
    """For marketing, whose pages have room for a query more; others hear of each by a message."""
    member: Member = request.member  # type: ignore[attr-defined]
    return Badge(open_count(member) if member.role == Role.MARKETING else 0)


def _shadow(request: TenantRequest) -> bool:
    """Asked with the request's member: whether anything that they oversee is in shadow, or was lately."""
    return bool(getattr(request.member, "saw_shadow", False))


def _unrouted(request: HttpRequest) -> Badge | Waiting:
    known = _known(request, "unrouted")
    return Waiting(ownerless(), "bad") if known is None else Badge(known, "bad" if known else "")
