"""A policy as written, checked and made quick to use. Pure: no database, no clock.

Content of a policy version (all rules are `core.rules` trees):
    {"tiers": [{"slug": "demo_request", "name": "Demo request", "when": tree | null, "targets": [
         {"target": "first_touch", "duration": {"minutes": 5}, "clock": "business"},
         {"target": "attempts", "duration": {"business_days": 10}, "count": 6, "channels": 2}, ...]}, ...],
     "ladder": [{"at": 80, "actions": ["warn_manager"]},
                {"at": 100, "actions": ["tell_manager", {"do": "reassign", "to": "backup"}]},
                {"after": {"minutes": 30}, "actions": [{"do": "tell_person", "to": member id}]}, ...],
     "responses": ["call", "email", ...],
     "on_reassign": "restart" | "continue" | {"window": {"minutes": 30}},
     "pauses": [{"reason": "waiting_for_lead", "name": "Waiting for the lead",
                 "at_most": {"business_days": 5}, "who": ["rep", "manager"]}, ...]}
Tiers are tried in order; the last has no condition, so that every lead has a tier. `at` is a share of the
target's time in percent; the step at 100 is the breach. Steps after it say all a share or all a time.
"""

from sla.tiers.check import is_id, unknown_parts, validate_policy
from sla.tiers.model import (
    ACTIONS,
    BACKUP,
    BREACH,
    DEFAULT_WARNING,
    LARGEST,
    MOST_ATTEMPTS,
    MOST_PERCENT,
    MOST_STEPS,
    MOVES,
    PAUSERS,
    RESPONSES,
    TARGETS,
    UNITS,
    Act,
    Action,
    Duration,
    PauseRule,
    Policy,
    Step,
    TargetSpec,
    Tier,
    Unit,
    match_tier,
)
from sla.tiers.parse import parse_policy, read_duration, read_step, read_target

__all__ = [
    "ACTIONS",
    "BACKUP",
    "BREACH",
    "DEFAULT_WARNING",
    "LARGEST",
    "MOST_ATTEMPTS",
    "MOST_PERCENT",
    "MOST_STEPS",
    "MOVES",
    "PAUSERS",
    "RESPONSES",
    "TARGETS",
    "UNITS",
    "Act",
    "Action",
    "Duration",
    "PauseRule",
    "Policy",
    "Step",
    "TargetSpec",
    "Tier",
    "Unit",
    "is_id",
    "match_tier",
    "parse_policy",
    "read_duration",
    "read_step",
    "read_target",
    "unknown_parts",
    "validate_policy",
]
