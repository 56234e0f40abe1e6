"""Arm, meet, cancel and move timers. All take lists and write with one statement a table: one handoff is a
list of one.

The caller holds the lock of every handoff whose timers it changes (handoffs before timers, everywhere), and
has read `now` after that. Times of events (`at`) decide whether a target was met; `now` only says when we
heard of it.
"""

from sla.services.answers import Answer, Met, meet, meet_all
from sla.services.arming import arm_company, arm_owner, arm_stage
from sla.services.carrying import company_takes_ladder, company_yields_ladder
from sla.services.closing import record_silent_breaches
from sla.services.endings import cancel
from sla.services.leave import follow_leave, would_break
from sla.services.matching import TierMatch, counts_as_response, match_again, match_tier, match_tiers
from sla.services.pausing import end_with_handoff, hold, latest_end, pause, pause_rules, resume
from sla.services.pulse import record_cycle, record_lateness
from sla.services.rearming import StricterTier, begin_with_people, rearm_stricter
from sla.services.undoing import rejudge, unbegin, unend

__all__ = [
    "Answer",
    "Met",
    "StricterTier",
    "TierMatch",
    "arm_company",
    "arm_owner",
    "arm_stage",
    "begin_with_people",
    "cancel",
    "company_takes_ladder",
    "company_yields_ladder",
    "counts_as_response",
    "end_with_handoff",
    "follow_leave",
    "hold",
    "latest_end",
    "match_again",
    "match_tier",
    "match_tiers",
    "meet",
    "meet_all",
    "pause",
    "pause_rules",
    "rearm_stricter",
    "record_cycle",
    "record_lateness",
    "record_silent_breaches",
    "rejudge",
    "resume",
    "unbegin",
    "unend",
    "would_break",
]
