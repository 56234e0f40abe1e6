"""What people and programs do with a lead that was handed over: one function per thing that can happen.

Each is one transaction of the tenant in scope. It takes the handoff's lock first and reads the clock second,
so that an answer at or before the deadline is in time whatever a sweep does meanwhile. The next steps are
called by name. A module a subject; what others call is named here.
"""

from handoff.services.acting import Actor, check_owner, lock_handoff
from handoff.services.answers import (
    Rejected,
    accept_lead,
    nurture_lead,
    reject_lead,
    report_progress,
    undo_accept,
)
from handoff.services.cycle import end_nurture
from handoff.services.opportunities import may_write, save_opportunity
from handoff.services.owners import claim_lead, hand_over, reassign_lead, try_again
from handoff.services.stages import ANSWERS, LATER_STAGES, end_test, move_to_stage
from handoff.services.steps import Step, step_to
from handoff.services.touches import log_touch, undo_touch
from handoff.services.undoing import undo_answer

__all__ = [
    "ANSWERS",
    "LATER_STAGES",
    "Actor",
    "Rejected",
    "Step",
    "accept_lead",
    "check_owner",
    "claim_lead",
    "end_nurture",
    "end_test",
    "hand_over",
    "lock_handoff",
    "log_touch",
    "may_write",
    "move_to_stage",
    "nurture_lead",
    "reassign_lead",
    "reject_lead",
    "report_progress",
    "save_opportunity",
    "step_to",
    "try_again",
    "undo_accept",
    "undo_answer",
    "undo_touch",
]
