"""What the rail and the first page ask of a person about the agreement: one query a page."""

from __future__ import annotations

from typing import Any, Final

from django.db.models import Exists, OuterRef
from django.urls import reverse

from reporting.agreement.models import Agreement, Reading, Signature
from reporting.agreement.selectors import settings_row, signers_of
from tenants.requests import TenantRequest
from web.shell import Alarm, Badge, path_or_none, register_alarm, register_badge

#: Where people's days begin: there it is said in words that something is to be read.
_FIRST_PAGES: Final = ("handoff:inbox", "handoff:board", "reporting:compliance")
_IN_FORCE, _OPEN = Agreement.State.IN_FORCE, Agreement.State.OPEN


def register() -> None:
    """Called once, when the app is ready."""
    register_badge("reporting:agreement", lambda request: _badge(request))  # type: ignore[arg-type]
    register_alarm(lambda request: _note(request))  # type: ignore[arg-type]


def _badge(request: TenantRequest) -> Badge:
    standing = _standing(request)
    signed = standing.get(_IN_FORCE)
    unread = signed is not None and not signed["read"]
    asked = [each for each in standing.values() if _asks_signature(each)]
    if asked and _signs(request):
        return Badge(1, "risk")
    if signed is not None and signed["reminded_on"] and _signs(request):
        return Badge(1, "risk")
    return Badge(1 if unread else 0)


def _asks_signature(row: dict[str, Any]) -> bool:
    if row["state"] == _OPEN:
        return not row["signed"]
    return bool(row["changed_digest"])


def _note(request: TenantRequest) -> Alarm | None:
    if request.path not in [path_or_none(view) for view in _FIRST_PAGES]:
        return None
    signed = _standing(request).get(_IN_FORCE)
    if signed is None or signed["read"]:
        return None
    text = "Marketing and sales signed an agreement. Read it, and confirm that you have."
    return Alarm(text, reverse("reporting:agreement"), "Read it", tone="brand")


def _standing(request: TenantRequest) -> dict[str, dict[str, Any]]:
    """The version in force and the one that waits, as far as this person is concerned; by state."""
    known: dict[str, dict[str, Any]] | None = getattr(request, "agreement_standing", None)
    if known is None:
        mine = {"agreement": OuterRef("pk"), "member_id": request.member.id}
        rows = Agreement.objects.filter(state__in=[_IN_FORCE, _OPEN]).annotate(
            read=Exists(Reading.objects.filter(**mine)), signed=Exists(Signature.objects.filter(**mine))
        )
        found = rows.values("state", "read", "signed", "changed_digest", "reminded_on")
        known = {row["state"]: row for row in found}
        request.agreement_standing = known  # type: ignore[attr-defined]
    return known


def _signs(request: TenantRequest) -> bool:
    sides = signers_of(settings_row()).values()
    return any(each.may_sign(request.member) for each in sides)
