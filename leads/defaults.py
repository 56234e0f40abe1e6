"""The criteria a new organisation starts with, and the engagement conditions they are made of."""

from __future__ import annotations

from typing import Any

INTENT_KINDS = ("demo_request", "pricing_page", "contact_form", "content_download")


def engaged(kind: str, *, days: int = 30, times: int = 1) -> dict[str, Any]:
    """The condition "did this at least `times` times in the last `days` days"."""
    return {
        "engagements": {
            "kind": kind,
            "measure": "count",
            "op": "at_least",
            "value": times,
            "within_days": days,
        }
    }


def flag(name: str) -> dict[str, Any]:
    """The condition that a flag is set."""
    return {"field": name, "op": "equals", "value": True}


EXCLUSIONS: dict[str, str] = {
    "account.is_customer": "Existing customer",
    "account.is_competitor": "Competitor",
    "account.has_open_opportunity": "Open opportunity",
}

DEFAULT_CRITERIA: dict[str, Any] = {
    "rule": {"any": [engaged(kind) for kind in INTENT_KINDS]},
    "fit": None,
    "exclude": [{"name": label, "when": flag(name)} for name, label in EXCLUSIONS.items()],
    "required": ["email"],
}
