"""What an act does to the cycle of a handoff: a promise is answered, a stage begins, the cycle ends."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from uuid_utils.compat import uuid7

from leads import services as leads
from leads.lifecycle import Stage
from leads.models import Handoff
from notifications import outbox
from routing import services as routing
from sla import services as sla
from sla.models import Target
from sla.targets import STAGE_COLUMNS, answered_by

# Of a handoff that ended, what people need not hear any more.
_MOOT = ("lead.assigned", "lead.unrouted", "lead.to_claim", "timer.reminder", "timer.warned")


def tell(handoff: Handoff, kind: str, now: datetime, *, delay: int = 0, **data: str) -> None:
    """Report what happened to the programs that listen; people see it on the pages."""
    if handoff.is_history:
        return
    outbox.enqueue(
        [
            outbox.Message(
                kind=kind,
                event_id=uuid7(),
                subject=f"handoff:{handoff.id}",
                data={
                    "handoff": str(handoff.id),
                    "lead": str(handoff.lead_id),
                    "at": now.isoformat(),
                    **data,
                },
                delay_seconds=delay,
            )
        ],
        now=now,
    )


def meet(handoff: Handoff, targets: Collection[str], at: datetime, now: datetime) -> None:
    """These promises are answered as of `at`; `now` is when it is written down."""
    sla.meet_all([sla.Answer(handoff.id, target, at) for target in targets], now=now)


def come_to(handoff: Handoff, stage: Stage, now: datetime) -> None:
    """The lead has come to a stage of the handoff: what was promised up to it is answered, what is promised
    from it on begins."""
    column = STAGE_COLUMNS[stage]
    setattr(handoff, column, now)
    handoff.save(update_fields=[column])
    meet(handoff, answered_by(stage), now, now)
    sla.arm_stage(handoff, stage)


def close_cycle(handoff: Handoff, outcome: Handoff.Outcome, now: datetime) -> None:
    """End the cycle: the owner's load falls, timers stop, what was still to be told about it is moot.

    Ending it is an answer too: the decision that is still owed is met now.
    """
    if handoff.owner_id is not None:
        routing.release({handoff.owner_id: 1}, now=now)
    if outcome == Handoff.Outcome.WON:
        meet(handoff, answered_by(Stage.WON), now, now)
    else:
        meet(handoff, [Target.SQL_DECISION if handoff.accepted_at else Target.DECISION], now, now)
    sla.cancel([handoff.id], reason=str(outcome), now=now)
    sla.end_with_handoff([handoff.id], actor="engine", now=now)
    leads.close_handoffs([handoff], outcome=outcome, now=now)
    outbox.expire([f"handoff:{handoff.id}"], now=now, kinds=_MOOT)
    leads.mark_dirty([handoff.id], now)


def end_nurture(handoff: Handoff, *, now: datetime, why: str) -> None:
    """A sequence has the lead no longer: it goes to nurture, and a return to MQL opens a new handoff.

    The caller holds the locks of the handoff and its lead.
    """
    leads.move_stage(handoff.lead, Stage.NURTURE, actor="engine", now=now, handoff=handoff, why=why)
    close_cycle(handoff, Handoff.Outcome.NURTURE, now)
