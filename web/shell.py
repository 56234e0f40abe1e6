"""What every page's frame shows: who is reading, and where they may go."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest


def page_shell(request: HttpRequest) -> dict[str, Any]:
    """Context processor: `shell` and `nav` for base.html; nothing for visitors."""
    member = getattr(request, "member", None)
    if member is None:
        return {}
    return {"shell": {"tenant": request.tenant, "member": member}}  # type: ignore[attr-defined]
