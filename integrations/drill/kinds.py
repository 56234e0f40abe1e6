"""What a drill's lead may do: the kinds of engagement that the portal knows, and those that rules or forms
here ask about."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from core.rules.text import fold
from leads.criteria import ENGAGEMENT_KINDS
from leads.triggers import triggers_in_force
from tenants.models import VersionState
from tenants.versions.kinds import kinds

_ALIVE = (VersionState.DRAFT, VersionState.SCHEDULED, VersionState.HELD, VersionState.PUBLISHED)


def known_kinds() -> dict[str, str]:
    """{kind: what it is called}. A statement a kind of version, and one."""
    found = dict(ENGAGEMENT_KINDS)
    folded = {fold(each) for each in found}
    for kind in sorted({*_asked_about(), *triggers_in_force().forms}):
        if fold(kind) not in folded:
            folded.add(fold(kind))
            found[kind] = kind
    return found


def _asked_about() -> Iterator[str]:
    """The kinds that conditions of living versions count."""
    waiting: list[Any] = []
    for kind in kinds():
        if any(field.name == "content" for field in kind.model._meta.fields):
            rows = kind.model.objects.filter(state__in=_ALIVE)
            waiting += rows.values_list("content", flat=True)
    while waiting:
        part = waiting.pop()
        if isinstance(part, list):
            waiting += part
        elif isinstance(part, dict):
            counted = part.get("engagements")
            said = counted.get("kind") if isinstance(counted, dict) else None
            for each in said if isinstance(said, list) else [said]:
                if isinstance(each, str) and each.strip():
                    yield each.strip()
            waiting += part.values()
