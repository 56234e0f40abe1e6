"""Moving clocks that run to another version of their calendar, or of the policy: never by itself, always
previewed, audited, and in batches that let the sweep go on.

A clock keeps when it began and what of the ladder it has climbed; its deadline is counted anew from its
start. What is broken stays broken: a clock whose deadline has passed is not moved, neither earlier nor later.
A clock of a target that its tier promises no more ends with the move. One by the wall clock whose target is
counted in working time there goes on its owner's or the organisation's hours; and the other way round.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from django.db import connection
from django.db.models import F, Func, IntegerField, Q, QuerySet, TextField, Value
from django.db.models.functions import Cast, Mod

from core.businesstime import WorkCalendar, tidy
from core.errors import Conflict
from leads.criteria import SCHEMA
from leads.models import Handoff
from leads.services import mark_dirty
from sla import ladder
from sla.gaps import LEAVE, leave_gaps, read_gaps, write_gaps
from sla.models import ClockMove, PolicyVersion, Timer, TimerMove
from sla.policies import is_whole, load_policy, plan_of, replan
from sla.rows import TimerRow, read_timers, update_timers
from sla.services.closing import CLOSING, close
from sla.tiers import Policy, TargetSpec, parse_policy
from sla.timers import Schedule, add_seconds, schedule, warn_at
from sla.units import has_units
from tenants.audit import record_change
from tenants.bulk import insert_rows, update_rows
from tenants.calendars import house_calendar_version, load_calendar, member_calendar_versions
from tenants.clock import Clock, database_clock
from tenants.context import current_tenant_id, tenant_scope
from tenants.models import Calendar, CalendarVersion, Tenant, VersionedModel, VersionState
from tenants.selectors import leave_from

#: Handoffs that one batch locks, each with a handful of clocks: a fraction of a second.
BATCH: Final = 250
#: Clocks that a preview shows one by one, the most moved first.
SHOWN: Final = 50
#: Clocks that a preview counts on; of more it takes a sample of about so many, and says so.
LOOKED_AT: Final = 5_000


@dataclass(frozen=True, slots=True)
class PreviewRow:
    """One clock that would move. overdue: its new deadline has passed already. onto: "hours" or "wall" where
    it would change from the wall clock to working time or back, else "".
    """

    timer: TimerRow
    new_due_at: datetime
    overdue: bool
    onto: str = ""

    @property
    def seconds(self) -> float:
        """By how much the deadline moves; negative is earlier."""
        return (self.new_due_at - self.timer.due_at).total_seconds()


@dataclass(frozen=True, slots=True)
class Preview:
    """What moving would do. running: clocks that run on another version; earlier, later and overdue are of
    those whose deadline changes. left: clocks that cannot follow, since the new version lacks their tier.
    dropped: those that end, since their tier there promises their target no more. to_hours, to_wall: those
    that change from the wall clock to working time, and back. changing: whose deadline or clock changes.

    exact: False where there are so many clocks that these numbers, but `running`, were told from a sample.
    """

    running: int
    earlier: int
    later: int
    overdue: int
    left: int
    rows: Sequence[PreviewRow]
    dropped: int = 0
    exact: bool = True
    to_hours: int = 0
    to_wall: int = 0
    changing: int = 0

    @property
    def moving(self) -> int:
        return self.earlier + self.later


# --- Calendars ---


def preview_calendar(calendar: Calendar, hours: WorkCalendar, *, now: datetime) -> Preview:
    """What the clocks that run on this calendar would do if its hours were these. Writes nothing."""
    timers, running = _looked_at(_on_calendar(calendar, now))
    pairs = [(timer, _on_hours(timer, hours).due_at, "") for timer in timers]
    return _preview(pairs, running=running, now=now)


def order_calendar_move(*, version: CalendarVersion, actor: str, now: datetime) -> ClockMove:
    """Have the clocks that run on earlier versions of the calendar moved to this one. Raises Conflict where
    it is not the calendar's current one.
    """
    calendar = Calendar.objects.get(id=version.calendar_id)
    if calendar.current_version_id != version.id:
        raise Conflict("Clocks are moved to a calendar's current version only.")
    expected = _on_calendar(calendar, now).exclude(calendar_version=version).count()
    return _order(ClockMove(calendar_version=version, expected=expected), actor=actor, now=now)


def _on_calendar(calendar: Calendar, now: datetime) -> QuerySet[Timer]:
    return Timer.objects.filter(
        _alive(now),
        calendar_version__in=CalendarVersion.objects.filter(calendar=calendar).values("id"),
    )


def _on_hours(timer: TimerRow, hours: WorkCalendar | None) -> Schedule:
    """The timer's promise counted on other hours."""
    return replan(timer, read_gaps(timer.gaps), calendar=hours)


# --- Policies ---


def preview_policy(version: PolicyVersion, *, now: datetime) -> Preview:
    """What the open leads' clocks would do under this version, a draft or one not even saved. Writes nothing.

    Raises ValidationFailed where its content is no policy.
    """
    policy = parse_policy(version.content, SCHEMA)  # never remembered: a draft's content still changes
    timers, running = _looked_at(_under_others(version, now))
    pairs, left, dropped = [], 0, 0
    hours = _hours_of(timers, policy)
    for timer in timers:
        found = _under(timer, policy, hours)
        if found is not None:
            pairs.append((timer, found.plan.due_at, _onto(timer, found)))
        elif _is_dropped(timer, policy):
            dropped += 1
        else:
            left += 1
    return _preview(pairs, running=running, now=now, left=left, dropped=dropped)


def order_policy_move(*, version: PolicyVersion, actor: str, now: datetime) -> ClockMove:
    """Have the clocks of all open leads moved to this version. Raises Conflict where it is not in force."""
    if version.state != VersionState.PUBLISHED:
        raise Conflict(f"Version {version.number} is not in force.")
    expected = _under_others(version, now).count()
    return _order(ClockMove(policy_version=version, expected=expected), actor=actor, now=now)


def move_as_chosen(version: VersionedModel, options: Mapping[str, Any], actor: str, now: datetime) -> None:
    """A version came into force: order the move of the open leads' clocks where that was chosen with it."""
    if options.get("move_open") and isinstance(version, PolicyVersion):
        order_policy_move(version=version, actor=actor, now=now)


def ordered_for(version: PolicyVersion) -> ClockMove | None:
    """The move that was ordered when a version came into force, or None."""
    found: ClockMove | None = ClockMove.objects.filter(policy_version=version).first()
    return found


def _under_others(version: PolicyVersion, now: datetime) -> QuerySet[Timer]:
    """Clocks that run by another version of the same line: those of other units are none of its business."""
    running = Timer.objects.filter(
        _alive(now), handoff__is_history=False, handoff__drill_seconds__isnull=True
    ).exclude(policy_version=version)
    if version.unit_id is None and not has_units():
        return running
    of_its_line = PolicyVersion.objects.filter(unit_id=version.unit_id)
    return running.filter(policy_version__in=of_its_line.values("id"))


@dataclass(frozen=True, slots=True)
class _Hours:
    """What a clock that leaves the wall clock is counted on: a calendar version (None: there is none), and
    its owner's leave."""

    calendar_version_id: UUID | None
    leave: Sequence[tuple[datetime, datetime]] = ()


@dataclass(frozen=True, slots=True)
class _Promise:
    """A timer's promise under another policy, and the calendar version that it is counted on."""

    plan: Schedule
    calendar_version_id: UUID | None


def _spec(timer: TimerRow, policy: Policy) -> TargetSpec | None:
    tier = policy.tier(timer.tier)
    return tier.spec(timer.target) if tier else None


def _hours_of(timers: Sequence[TimerRow], policy: Policy) -> dict[UUID, _Hours]:
    """By timer, of those that run by the wall clock and would not under this policy. A fixed number of
    queries; none where there is no such clock."""
    leaving = [
        timer
        for timer in timers
        if timer.calendar_version_id is None and (spec := _spec(timer, policy)) is not None and not spec.wall
    ]
    if not leaving:
        return {}
    house = house_calendar_version()
    members = frozenset(timer.member_id for timer in leaving if timer.member_id)
    calendars: Mapping[UUID, UUID | None] = {}
    leave: Mapping[UUID, Sequence[tuple[datetime, datetime]]] = {}
    if members:
        tenant = Tenant.objects.get(id=current_tenant_id())
        calendars = member_calendar_versions(tenant=tenant, member_ids=members)
        earliest = min(timer.started_at for timer in leaving)
        leave = leave_from(members, earliest.astimezone(UTC).date())
    return {
        timer.id: _Hours(calendars[timer.member_id], leave.get(timer.member_id, ()))
        if timer.member_id
        else _Hours(house)
        for timer in leaving
    }


def _under(timer: TimerRow, policy: Policy, hours: Mapping[UUID, _Hours]) -> _Promise | None:
    """The timer's promise under another policy; None where that has no such tier, or the tier no such target.

    A clock that went on after a move keeps the time that earlier owners used; one that changes between the
    wall clock and working time keeps the share of its time that they left.
    """
    spec = _spec(timer, policy)
    if spec is None:
        return None
    old = plan_of(timer)
    version_id, gaps = timer.calendar_version_id, tuple(old.gaps)
    if spec.wall:
        # Leave does not stop the wall clock.
        version_id, gaps = None, tuple(gap for gap in gaps if gap.kind != LEAVE)
    elif (onto := hours.get(timer.id)) is not None:
        version_id = onto.calendar_version_id
        if version_id is not None:
            gaps = tidy([*gaps, *leave_gaps(onto.leave, since=timer.started_at)])
    plan = schedule(spec, timer.started_at, load_calendar(version_id), gaps)
    was = _spec(timer, load_policy(timer.policy_version_id))
    if was is None or is_whole(timer, was):
        return _Promise(plan, version_id)
    whole = schedule(was, timer.started_at, old.calendar).duration_seconds
    if (version_id is None) == (timer.calendar_version_id is None):
        seconds = max(1, plan.duration_seconds - (whole - timer.duration_seconds))
    else:
        seconds = max(1, plan.duration_seconds * timer.duration_seconds // whole)
    due_at = add_seconds(plan.calendar, timer.started_at, seconds, gaps)
    return _Promise(Schedule(timer.started_at, due_at, seconds, plan.calendar, gaps), version_id)


def _onto(timer: TimerRow, found: _Promise) -> str:
    """Onto which kind of clock the timer changes: see `PreviewRow`."""
    if (found.calendar_version_id is None) == (timer.calendar_version_id is None):
        return ""
    return "wall" if found.calendar_version_id is None else "hours"


def _is_dropped(timer: TimerRow, policy: Policy) -> bool:
    """Whether the timer's tier is there and does not promise its target any more."""
    tier = policy.tier(timer.tier)
    return tier is not None and tier.spec(timer.target) is None


# --- Both ---


def _alive(now: datetime) -> Q:
    """Clocks that can still be kept: running towards a deadline to come, or standing."""
    return Q(state=Timer.State.RUNNING, due_at__gte=now) | Q(state=Timer.State.PAUSED)


def _looked_at(clocks: QuerySet[Timer]) -> tuple[list[TimerRow], int]:
    """The clocks that a preview counts on, and how many there are. A sample goes by a hash of the id, so that
    the next look takes the same ones.
    """
    running = clocks.count()
    if running > LOOKED_AT:
        hashed = Func(Cast("id", TextField()), function="hashtext", output_field=IntegerField())
        clocks = clocks.annotate(part=Mod(hashed, Value(-(-running // LOOKED_AT)))).filter(part=0)
    return read_timers(clocks.order_by("id")), running


def _preview(
    pairs: Sequence[tuple[TimerRow, datetime, str]],
    *,
    running: int,
    now: datetime,
    left: int = 0,
    dropped: int = 0,
) -> Preview:
    rows = [PreviewRow(timer, due_at, due_at < now, onto) for timer, due_at, onto in pairs]
    changed = [row for row in rows if row.seconds or row.onto]
    changed.sort(key=lambda row: (-abs(row.seconds), row.timer.due_at))
    seen = len(rows) + left + dropped

    def counted(number: int) -> int:
        return number if seen >= running else round(number * running / max(1, seen))

    return Preview(
        running=running,
        earlier=counted(sum(row.seconds < 0 for row in changed)),
        later=counted(sum(row.seconds > 0 for row in changed)),
        overdue=counted(sum(row.overdue for row in changed)),
        to_hours=counted(sum(row.onto == "hours" for row in changed)),
        to_wall=counted(sum(row.onto == "wall" for row in changed)),
        changing=counted(len(changed)),
        left=counted(left),
        rows=changed[:SHOWN],
        dropped=counted(dropped),
        exact=seen >= running,
    )


def _order(move: ClockMove, *, actor: str, now: datetime) -> ClockMove:
    move.ordered_at, move.ordered_by = now, actor
    if not move.expected:
        move.finished_at = now
    move.save(force_insert=True)
    record_change(
        actor=actor,
        action="ordered",
        object_type="clockmove",
        object_id=move.id,
        after={
            "calendar_version": str(move.calendar_version_id) if move.calendar_version_id else None,
            "policy_version": str(move.policy_version_id) if move.policy_version_id else None,
            "clocks": move.expected,
        },
        now=now,
    )
    return move


def carry_on(tenant_id: UUID, *, clock: Clock = database_clock, batches: int = 20) -> int:
    """Do the next batches of the organisation's orders, the oldest first; how many clocks were moved.

    Each batch is a transaction of its own: what was committed when a process dies is not done again.
    """
    moved = 0
    for _ in range(batches):
        with tenant_scope(tenant_id):
            orders = ClockMove.objects.filter(finished_at__isnull=True).order_by("ordered_at", "id")
            move = orders.select_for_update(skip_locked=True, of=("self",)).first()
            if move is None:
                break
            moved += _batch(move, clock)
    return moved


def _batch(move: ClockMove, clock: Clock) -> int:
    """Move the clocks of the next handoffs; finish the order where there are none."""
    waiting = _waiting(move, clock())
    if move.reached_handoff_id is not None:
        waiting = waiting.filter(handoff_id__gt=move.reached_handoff_id)
    ids = list(waiting.order_by("handoff_id").values_list("handoff_id", flat=True).distinct()[:BATCH])
    if not ids:
        _finish(move, clock())
        return 0
    handoffs = {
        handoff.id: handoff
        for handoff in Handoff.objects.filter(id__in=ids)
        .order_by("id")
        .select_for_update(no_key=True)
        .defer("verdict")
    }
    now = clock()  # after the locks: what was answered or fired before us is seen
    timers = read_timers(
        _waiting(move, now)
        .filter(handoff_id__in=ids)
        .order_by("id")
        .select_for_update(no_key=True, of=("self",))
    )
    done = _move_to_calendar(move, timers, handoffs) if move.calendar_version_id else []
    if move.policy_version_id:
        done = _move_to_policy(move, timers, handoffs, now)
    insert_rows(
        [
            TimerMove(
                clock_move_id=move.id,
                timer_id=timer.id,
                handoff_id=timer.handoff_id,
                at=now,
                old_due_at=old_due_at,
                new_due_at=timer.due_at,
            )
            for timer, old_due_at in done
        ]
    )
    mark_dirty({timer.handoff_id for timer, _ in done}, now)
    ClockMove.objects.filter(id=move.id).update(moved=F("moved") + len(done), reached_handoff_id=ids[-1])
    return len(done)


def _waiting(move: ClockMove, now: datetime) -> QuerySet[Timer]:
    if move.calendar_version_id:
        calendar = Calendar.objects.get(versions__id=move.calendar_version_id)
        return _on_calendar(calendar, now).exclude(calendar_version_id=move.calendar_version_id)
    return _under_others(PolicyVersion.objects.get(id=move.policy_version_id), now)


def _move_to_calendar(
    move: ClockMove, timers: Sequence[TimerRow], handoffs: Mapping[UUID, Handoff]
) -> list[tuple[TimerRow, datetime]]:
    hours = load_calendar(move.calendar_version_id)
    done = []
    for timer in timers:
        policy = load_policy(timer.policy_version_id)
        done.append((timer, timer.due_at))
        plan = _on_hours(timer, hours)
        timer.calendar_version_id = move.calendar_version_id
        _take(timer, plan, policy, timer.next_step, handoffs[timer.handoff_id])
    update_timers([timer for timer, _ in done], ["calendar_version_id", *_REPLANNED])
    return done


def _move_to_policy(
    move: ClockMove, timers: Sequence[TimerRow], handoffs: Mapping[UUID, Handoff], now: datetime
) -> list[tuple[TimerRow, datetime]]:
    assert move.policy_version_id is not None
    policy = load_policy(move.policy_version_id)
    done, dropped = [], []
    hours = _hours_of(timers, policy)
    for timer in timers:
        found = _under(timer, policy, hours)
        if found is None:
            if _is_dropped(timer, policy):
                close(timer, Timer.State.CANCELLED, now, reason="not_promised")
                dropped.append(timer)
            continue
        done.append((timer, timer.due_at))
        step = ladder.same_place(
            load_policy(timer.policy_version_id), policy, plan_of(timer), timer.next_step
        )
        timer.policy_version_id = move.policy_version_id
        timer.calendar_version_id = found.calendar_version_id
        _take(timer, found.plan, policy, step, handoffs[timer.handoff_id])
    update_timers([timer for timer, _ in done], ["policy_version_id", "calendar_version_id", *_REPLANNED])
    update_timers(dropped, CLOSING)
    mark_dirty({timer.handoff_id for timer in dropped}, now)
    reached = {timer.handoff_id for timer, _ in done} | {timer.handoff_id for timer in dropped}
    followed = [handoffs[handoff_id] for handoff_id in reached]
    for handoff in followed:
        tier = policy.tier(handoff.tier)
        if tier is not None:
            handoff.policy_version_id, handoff.tier_name = move.policy_version_id, tier.name
    update_rows(followed, ["policy_version_id", "tier_name"])
    return done


_REPLANNED: Final = [
    "duration_seconds",
    "gaps",
    "due_at",
    "warn_at",
    "generation",
    "first_step",
    "next_step",
    "next_at",
]


def _take(timer: TimerRow, plan: Schedule, policy: Policy, next_step: int, handoff: Handoff) -> None:
    """Give the timer its new deadline as its next generation; what it has climbed stays climbed."""
    timer.duration_seconds, timer.due_at = plan.duration_seconds, plan.due_at
    timer.gaps = write_gaps(plan.gaps)
    timer.warn_at = warn_at(plan, policy)
    timer.generation += 1
    timer.first_step = timer.next_step = next_step
    carries = timer.clock == Timer.Clock.OWNER or handoff.owner_id is None
    if timer.state == Timer.State.RUNNING and not handoff.is_history:
        timer.next_at = ladder.next_look(policy, plan, next_step=next_step, carries=carries)


def _finish(move: ClockMove, now: datetime) -> None:
    move.refresh_from_db()
    move.finished_at = now
    move.save(update_fields=["finished_at"])
    record_change(
        actor=move.ordered_by,
        action="finished",
        object_type="clockmove",
        object_id=move.id,
        after={"clocks": move.moved},
        now=now,
    )


def tenants_with_clock_moves() -> list[UUID]:
    """Organisations with an order that is not done; by the resolver, before any tenant is set."""
    with connection.cursor() as cursor:
        cursor.execute("select tenant_id from tenants_with_clock_moves()")
        return [row[0] for row in cursor.fetchall()]
