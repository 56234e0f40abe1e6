"""The policy a new organisation starts with: the usual speeds, two promises a tier, and one tier for outbound
meetings, to be argued about from there. Attempts come with the preset that somebody chooses (6 within 10
business days is its first choice): who begins sees two targets a tier and no more.
"""

from __future__ import annotations

from typing import Any

from sla.presets import content_of, pick

DEFAULT_POLICY: dict[str, Any] = content_of(
    pick({}, "none", outbound=True),
    {
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
    },
)
