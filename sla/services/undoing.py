"""An answer is taken back: every clock of its target is judged anew by the answers that remain, and what the
answer had begun never was.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from leads.models import Assignment, Handoff
from sla import ladder
from sla.gaps import PAUSE, read_gaps, write_gaps
from sla.models import Pause, Timer, TimerEvent
from sla.policies import load_policy, plan_of, replan
from sla.rows import update_timers
from sla.services.answers import judge, within_span
from sla.services.arming import arm_owner, stand_where_paused
from sla.services.closing import CLOSING, close, record_silent_breaches
from sla.services.pausing import end_those_over
from sla.targets import Target
from sla.tiers import BREACH
from tenants.calendars import load_calendar

_COMPANY: Final = Timer.Clock.COMPANY
#: What the ending of a handoff answers.
_ANSWERED_BY_ENDING: Final = (Target.DECISION, Target.SQL_DECISION)


def rejudge(handoff: Handoff, target: str, *, answers: Sequence[datetime], now: datetime) -> None:
    """Write the clocks of one target as if only these answers had ever been given.

    answers: when those that remain were made. The rows of the handoff and its assignments must be as they
    are after the undoing. The company's clock goes by the earliest answer; an owner's by the earliest within
    that owner's time, and without one it ends as it did when the lead moved on, or runs again. Deadlines stay
    where they were: what passed meanwhile fires at the next sweep. An owner who got the lead while it was
    answered, and so has no clock, gets one.
    """
    timers = list(Timer.objects.filter(handoff_id=handoff.id, target=target).order_by("id"))
    spans = {span.id: span for span in Assignment.objects.filter(handoff_id=handoff.id)}
    began = {span_id: span.started_at for span_id, span in spans.items()}
    events = TimerEvent.objects.filter(timer_id__in=[timer.id for timer in timers])
    stopped = Pause.objects.filter(handoff_id=handoff.id, ended_at__isnull=True).first()
    broken = set(events.filter(percent__gte=BREACH).values_list("timer_id", flat=True))
    for timer in timers:
        span = spans[timer.assignment_id] if timer.assignment_id else None
        _unanswer(timer, handoff, span, broken=timer.id in broken)
        if stopped is not None and timer.state == Timer.State.RUNNING:
            _stand_still(timer, stopped)
    update_timers(timers, CLOSING)
    if stopped is not None and end_those_over([handoff.id], now=now):
        timers = list(Timer.objects.filter(handoff_id=handoff.id, target=target).order_by("id"))
    events.update(repaired_at=None)
    first = min(answers, default=None)
    pairs = []
    for timer in timers:
        own = [at for at in answers if within_span(timer, at, began=began)]
        if own or (first is not None and timer.closed_at is None):
            pairs.append((timer, min(own) if own else first))
    judge([(timer, at) for timer, at in pairs if at is not None], began=began, now=now)
    # A deadline of an earlier owner's that passed, unseen by any sweep, while it counted as answered.
    unseen = [each for each in timers if each.breached_at and each.closed_at and each.id not in broken]
    record_silent_breaches(unseen, now=now)
    _arm_missing(handoff, target, timers, list(spans.values()), answered=first is not None)


def unbegin(handoff: Handoff, targets: Collection[str], *, now: datetime) -> None:
    """End the clocks that the answer had begun as if they had never run: what passed meanwhile was never
    owed. A breach that was told already stays on the record, marked as mended.
    """
    begun = Timer.objects.filter(handoff_id=handoff.id, target__in=targets, closed_at__isnull=True)
    timers = list(begun.order_by("id"))
    for timer in timers:
        close(timer, Timer.State.CANCELLED, now, reason="undone")
        timer.breached_at = None
    update_timers(timers, CLOSING)
    TimerEvent.objects.filter(timer_id__in=[timer.id for timer in timers], percent__gte=BREACH).update(
        repaired_at=now
    )


def unend(handoff: Handoff, *, closed_at: datetime, now: datetime) -> None:
    """Let the clocks go on that ended with a handoff at `closed_at`, and its pause: it is taken back.

    The rows of the handoff and its assignments must be as they are after that. What answered a promise before
    stands; the decision that the ending answered is owed again.
    """
    Pause.objects.filter(handoff_id=handoff.id, ended_at=closed_at, end_reason=Pause.EndReason.CLOSED).update(
        ended_at=None, end_reason="", ended_by=""
    )
    timers = list(Timer.objects.filter(handoff_id=handoff.id).order_by("id"))
    for target in sorted({timer.target for timer in timers if timer.closed_at == closed_at}):
        by_ending = target in _ANSWERED_BY_ENDING
        answers = {
            timer.met_at
            for timer in timers
            if timer.target == target
            and timer.met_at is not None
            and not (by_ending and timer.met_at == closed_at)
        }
        rejudge(handoff, target, answers=sorted(answers), now=now)


def _unanswer(timer: Timer, handoff: Handoff, span: Assignment | None, *, broken: bool) -> None:
    """The timer as it would be now if nobody had ever answered."""
    timer.met_at = timer.repaired_at = None
    if span is not None and span.ended_at is not None:
        if broken or timer.due_at < span.ended_at:
            timer.breached_at = timer.due_at
            timer.next_step = max(timer.next_step, load_policy(timer.policy_version_id).breach + 1)
            close(timer, Timer.State.BREACHED, span.ended_at, reason="moved")
        else:
            timer.breached_at = None
            close(timer, Timer.State.CANCELLED, span.ended_at, reason="moved")
        return
    timer.breached_at = timer.due_at if broken else None
    timer.state = Timer.State.BREACHED if broken else Timer.State.RUNNING
    timer.closed_at = timer.business_seconds = timer.wall_seconds = timer.paused_seconds = None
    timer.close_reason = ""
    carries = timer.clock != _COMPANY or handoff.owner_id is None
    policy = load_policy(timer.policy_version_id)
    timer.next_at = (
        None
        if handoff.is_history
        else ladder.next_look(policy, plan_of(timer), next_step=timer.next_step, carries=carries)
    )


def _stand_still(timer: Timer, stopped: Pause) -> None:
    """The handoff is paused: the clock that runs again stands as it did before it was answered."""
    timer.state, timer.next_at = Timer.State.PAUSED, None
    timer.paused_at = max(stopped.started_at, timer.started_at)
    before = [gap for gap in read_gaps(timer.gaps) if gap.kind != PAUSE or gap.end <= stopped.started_at]
    timer.gaps = write_gaps(before)
    timer.due_at = replan(timer, before, calendar=load_calendar(timer.calendar_version_id)).due_at


def _arm_missing(
    handoff: Handoff, target: str, timers: Sequence[Timer], spans: Sequence[Assignment], *, answered: bool
) -> None:
    """Give the present owner the clock that nobody needed while the target was answered."""
    current = next((span for span in spans if span.ended_at is None), None)
    clocks: set[UUID | None] = {timer.assignment_id for timer in timers}
    if current is not None and current.id not in clocks and not answered:
        armed = arm_owner([current], handoffs={handoff.id: handoff}, targets=(target,))
        stand_where_paused(handoff, armed)
