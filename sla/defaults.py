"""The policy a new organisation starts with: the tighter of the common promises, to be argued about from
there.
"""

from __future__ import annotations

from typing import Any

from leads.defaults import engaged


def _tier(slug: str, name: str, first_touch: dict[str, int], when: dict[str, Any] | None) -> dict[str, Any]:
    return {
        "slug": slug,
        "name": name,
        "when": when,
        "targets": [
            {"target": "first_touch", "duration": first_touch, "clock": "business"},
            {"target": "decision", "duration": {"business_days": 1}, "clock": "business"},
        ],
    }


DEFAULT_POLICY: dict[str, Any] = {
    "tiers": [
        _tier("demo_request", "Demo request", {"minutes": 5}, engaged("demo_request")),
        _tier("pricing_page", "Pricing page", {"minutes": 60}, engaged("pricing_page")),
        _tier("contact_form", "Contact form", {"minutes": 240}, engaged("contact_form")),
        _tier("content", "Content", {"end_of_day": 0}, None),
    ],
    "ladder": [
        {"at": 50, "actions": ["remind_owner"]},
        {"at": 80, "actions": ["warn_manager"]},
        {"at": 100, "actions": ["tell_manager", "reassign"]},
        {"at": 200, "actions": ["tell_director"]},
    ],
    "responses": ["call", "email", "meeting", "linkedin", "sms"],
    "on_reassign": "restart",
    "pauses": [
        {
            "reason": "waiting_for_lead",
            "name": "Waiting for the lead",
            "at_most": {"business_days": 5},
            "who": ["rep", "manager"],
        }
    ],
}
