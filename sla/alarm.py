"""What every page shows an admin while something is wrong that only a person can mend: the number of findings
beside the engine's place, and in red above the page what leaves leads with nobody to hear of them.
"""

from __future__ import annotations

from typing import Final

from django.http import HttpRequest
from django.urls import reverse

from sla.models import Finding
from tenants.models import Role
from web.shell import Alarm, Badge, register_alarm, register_badge

#: Findings that stand above every page until they are mended.
RED: Final = ("fallback_missing", "named_missing", "publication_held")
_MOST: Final = 100


def register() -> None:
    """Called once, when the app is ready."""
    register_badge("sla:engine", _badge)
    register_alarm(_alarm)


def _open(request: HttpRequest) -> list[tuple[str, str]]:
    """(kind, detail) of the open findings, the oldest first: one query a page, none for who is no admin."""
    if request.member.role != Role.ADMIN:  # type: ignore[attr-defined]
        return []
    found: list[tuple[str, str]] | None = getattr(request, "open_findings", None)
    if found is None:
        rows = Finding.objects.filter(cleared_at__isnull=True).order_by("found_at", "id")
        found = list(rows.values_list("kind", "detail")[:_MOST])
        request.open_findings = found  # type: ignore[attr-defined]
    return found


def _badge(request: HttpRequest) -> Badge:
    return Badge(len(_open(request)), "bad")


def _alarm(request: HttpRequest) -> Alarm | None:
    details = [detail for kind, detail in _open(request) if kind in RED]
    if not details:
        return None
    more = f" And {len(details) - 1} more." if len(details) > 1 else ""
    return Alarm(f"{details[0]}{more}", reverse("sla:engine"), "What to do")
