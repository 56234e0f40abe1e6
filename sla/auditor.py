"""The auditor: looks at the rows from outside and says where the engine broke its promise. It mends nothing.

Checks, each one query a tenant over an index or over what happened lately:
  timer_late       a step is more than a minute overdue
  timer_missing    an open handoff lacks a clock that its tier promises
  timer_orphaned   a clock runs on although its handoff is closed
  event_missing    a breach, or a climbed step, has no event
  message_missing  a step that tells somebody told nobody
  shadow_broken    a step of a team in shadow told somebody, or left no record of what it would have done
  timer_failed     a timer raised again and again and was given up (written by the sweep, cleared here)
Findings are rows, one a kind and subject while it lasts; what is found no more is cleared.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import connection
from django.db.models import Q

from leads.models import Handoff
from sla.findings import Fault, report
from sla.models import Finding, Timer
from sla.policies import find_policy
from sla.selectors import cycles, open_findings
from sla.targets import ANSWER_COLUMNS, BEGIN_COLUMNS, COMPANY_ONLY
from sla.tiers import TARGETS
from tenants.clock import Clock
from tenants.context import current_tenant_id, tenant_scope
from tenants.selectors import active_tenants

logger = logging.getLogger(__name__)

#: How late a step may be before it is a fault: twelve sweeps.
PATIENCE: Final = timedelta(seconds=60)
#: How far back breaches and messages are checked at each audit; older ones were checked before.
LOOK_BACK: Final = timedelta(hours=2)
_LONG_AGO: Final = datetime(1970, 1, 2, tzinfo=UTC)
#: Findings of one kind that are written at most: the first hundred say what a million would.
MOST: Final = 100
#: A tick is silent when its last pulse is older than this many of its intervals, and than PATIENCE.
SILENT_INTERVALS: Final = 3
KINDS: Final = (
    "timer_late",
    "timer_missing",
    "timer_orphaned",
    "event_missing",
    "message_missing",
    "shadow_broken",
    "timer_failed",
)
_ALWAYS_CHECKED: Final = ("timer_late", "timer_failed")


def audit(*, clock: Clock, full: bool = False) -> dict[UUID, list[Finding]]:
    """Audit every active organisation; the open findings of each. One that raises does not stop the others.

    full: check everything that is there, not only what changed lately. Slower the more there is.
    """
    found: dict[UUID, list[Finding]] = {}
    for tenant_id in active_tenants():
        try:
            with tenant_scope(tenant_id):
                found[tenant_id] = audit_tenant(now=clock(), full=full)
        except Exception:
            logger.exception("Auditing an organisation failed.", extra={"tenant": str(tenant_id)})
    return found


def audit_tenant(*, now: datetime, full: bool = False) -> list[Finding]:
    """Audit the organisation in scope: write new findings, clear those that are mended, return the open
    ones.
    """
    since = _LONG_AGO if full else now - LOOK_BACK
    faults = {(fault.kind, fault.subject): fault for fault in _faults(now, since)}
    standing = {
        (finding.kind, finding.subject): finding for finding in open_findings() if finding.kind in KINDS
    }
    # What has left the window is not looked at again, so it is not mended either.
    mended = [
        finding.id
        for key, finding in standing.items()
        if key not in faults and (finding.kind in _ALWAYS_CHECKED or finding.found_at > since)
    ]
    if mended:
        Finding.objects.filter(id__in=mended).update(cleared_at=now)
    report([fault for key, fault in faults.items() if key not in standing], now=now)
    return open_findings()


def _faults(now: datetime, since: datetime) -> Iterator[Fault]:
    yield from _late(now)
    yield from _missing_timers(since)
    yield from _orphans(since)
    yield from _missing_events(now, since)
    yield from _missing_messages(since)
    yield from _broken_shadows(since)
    failed = Timer.objects.filter(state=Timer.State.FAILED, closed_at__isnull=True)
    for timer_id, error in failed.values_list("id", "last_error")[:MOST]:
        yield Fault("timer_failed", f"timer:{timer_id}", error)


def _late(now: datetime) -> Iterator[Fault]:
    late = Timer.objects.filter(next_at__lt=now - PATIENCE).order_by("next_at")
    for timer_id, next_at, attempts in late.values_list("id", "next_at", "attempts")[:MOST]:
        seconds = round((now - next_at).total_seconds())
        yield Fault(
            "timer_late", f"timer:{timer_id}", f"Due {seconds} s ago and not fired; {attempts} failed tries."
        )


def _missing_timers(since: datetime) -> Iterator[Fault]:
    """Open handoffs without a clock for a target of their tier: the company's, or the present owner's."""
    changed = Handoff.objects.filter(
        Q(started_at__gt=since) | Q(owned_since__gt=since),
        state=Handoff.State.OPEN,
        is_history=False,
        policy_version_id__isnull=False,
    )
    promised: dict[str, list[tuple[UUID, str]]] = {target: [] for target in TARGETS}
    for version_id, slug in set(changed.order_by().values_list("policy_version_id", "tier")):
        policy = find_policy(version_id)
        tier = policy.tier(slug) if policy else None
        if tier is None:
            detail = "Open handoffs name a tier that their policy does not have."
            yield Fault("timer_missing", f"tier:{slug}"[:80], detail)
            continue
        for target in TARGETS:
            if tier.spec(target) is not None:
                promised[target].append((version_id, slug))
    for target, tiers in promised.items():
        parameters = {
            "tenant": current_tenant_id(),
            "since": since,
            "versions": [str(version_id) for version_id, _ in tiers],
            "tiers": [slug for _, slug in tiers],
            "target": target,
            "most": MOST,
        }
        if not tiers:
            continue
        columns = {"answered_at": ANSWER_COLUMNS[target], "begun_at": BEGIN_COLUMNS[target]}
        begun = f"h.{columns['begun_at']}"
        wanted = [(_WITHOUT_COMPANY, begun)]
        if target not in COMPANY_ONLY:
            wanted.append((_WITHOUT_OWNER, f"greatest(h.owned_since, {begun})"))
        for sql, since_when in wanted:
            moved = _NOT_BEFORE_A_MOVE.format(since_when=since_when)
            for handoff_id, clock in _rows(sql.format(**columns, moved=moved), parameters):
                detail = f"This open handoff has no {clock} clock for {target}."
                yield Fault("timer_missing", f"handoff:{handoff_id}:{clock}:{target}"[:80], detail)


# An open lead that was moved to a version goes on with the clocks that it had: what is promised there
# anew begins with new leads, so its clock is not missing. What began after the move has its clock as always.
_NOT_BEFORE_A_MOVE: Final = """
  and not exists (select 1 from sla_timermove m
                  join sla_clockmove o on o.tenant_id = %(tenant)s and o.id = m.clock_move_id
                  where m.tenant_id = %(tenant)s and m.handoff_id = h.id
                    and o.policy_version_id = h.policy_version_id and m.at >= {since_when})
  and not exists (select 1 from sla_timer d where d.tenant_id = %(tenant)s and d.handoff_id = h.id
                  and d.close_reason = 'not_promised' and d.closed_at >= {since_when})
"""

# Of targets that have begun; an owner's also only of those that are not answered yet. The names in braces are
# columns that sla.targets names.
_WITHOUT_COMPANY: Final = """
select h.id, 'company' from leads_handoff h
join unnest(%(versions)s::uuid[], %(tiers)s::text[]) as p(version, tier)
  on p.version = h.policy_version_id and p.tier = h.tier
where h.tenant_id = %(tenant)s and h.state = 'open' and not h.is_history and h.{begun_at} > %(since)s
  and not exists (select 1 from sla_timer t where t.tenant_id = %(tenant)s and t.handoff_id = h.id
                  and t.target = %(target)s and t.clock = 'company')
  {moved}
limit %(most)s
"""

_WITHOUT_OWNER: Final = """
select h.id, 'owner' from leads_handoff h
join unnest(%(versions)s::uuid[], %(tiers)s::text[]) as p(version, tier)
  on p.version = h.policy_version_id and p.tier = h.tier
join leads_assignment a on a.tenant_id = %(tenant)s and a.handoff_id = h.id and a.ended_at is null
where h.tenant_id = %(tenant)s and h.state = 'open' and not h.is_history
  and greatest(h.owned_since, h.{begun_at}) > %(since)s
  and h.{begun_at} is not null
  and h.{answered_at} is null
  and not exists (select 1 from sla_timer t where t.tenant_id = %(tenant)s and t.handoff_id = h.id
                  and t.target = %(target)s and t.clock = 'owner' and t.assignment_id = a.id)
  {moved}
limit %(most)s
"""


def _orphans(since: datetime) -> Iterator[Fault]:
    running = Timer.objects.filter(
        state__in=(Timer.State.RUNNING, Timer.State.PAUSED),
        handoff__tenant_id=current_tenant_id(),
        handoff__state=Handoff.State.CLOSED,
        handoff__closed_at__gt=since,
    )
    for timer_id in running.values_list("id", flat=True)[:MOST]:
        yield Fault("timer_orphaned", f"timer:{timer_id}", "It runs although its handoff is closed.")


_BREACH_WITHOUT_EVENT: Final = """
select t.id from sla_timer t join leads_handoff h on h.tenant_id = %(tenant)s and h.id = t.handoff_id
where t.tenant_id = %(tenant)s and t.breached_at > %(since)s and not h.is_history
  and not exists (select 1 from sla_timerevent e where e.tenant_id = %(tenant)s and e.timer_id = t.id
                  and e.generation = t.generation and e.percent = 100)
limit %(most)s
"""

# Owner clocks climb every step, so the steps behind them, since this generation began, are exactly its
# events. Every clock comes through the window before its next step.
_STEP_WITHOUT_EVENT: Final = """
select t.id from sla_timer t
where t.tenant_id = %(tenant)s and t.next_at <= %(soon)s and t.clock = 'owner' and t.next_step > 0
  and t.state = 'running' and t.next_step - t.first_step > (
      select count(*) from sla_timerevent e where e.tenant_id = %(tenant)s and e.timer_id = t.id
      and e.generation = t.generation)
limit %(most)s
"""


def _missing_events(now: datetime, since: datetime) -> Iterator[Fault]:
    parameters = {"tenant": current_tenant_id(), "since": since, "soon": now + LOOK_BACK, "most": MOST}
    for (timer_id,) in _rows(_BREACH_WITHOUT_EVENT, parameters):
        yield Fault("event_missing", f"timer:{timer_id}", "It was breached and has no event that says so.")
    for (timer_id,) in _rows(_STEP_WITHOUT_EVENT, parameters):
        yield Fault("event_missing", f"timer:{timer_id}", "It has climbed more steps than it has events.")


# A step that was held back has its messages too, all of them suppressed; one that was done has real ones.
_EVENT_WITHOUT_MESSAGE: Final = """
select e.id, e.percent from sla_timerevent e
where e.tenant_id = %(tenant)s and e.fired_at > %(since)s
  and e.actions ?| array['remind_owner', 'warn_manager', 'tell_manager', 'tell_director', 'tell_chain',
                               'tell_person']
  and not exists (select 1 from notifications_outboxmessage o
                  where o.tenant_id = %(tenant)s and o.event_id = e.id and o.member_id is not null
                    and (o.state = 'suppressed') = e.shadow)
limit %(most)s
"""


def _missing_messages(since: datetime) -> Iterator[Fault]:
    parameters = {"tenant": current_tenant_id(), "since": since, "most": MOST}
    for event_id, percent in _rows(_EVENT_WITHOUT_MESSAGE, parameters):
        yield Fault("message_missing", f"event:{event_id}", f"The step at {percent}% told nobody.")


_SHADOW_SPOKE: Final = """
select e.id from sla_timerevent e
where e.tenant_id = %(tenant)s and e.fired_at > %(since)s and e.shadow
  and exists (select 1 from notifications_outboxmessage o
              where o.tenant_id = %(tenant)s and o.event_id = e.id and o.state <> 'suppressed')
limit %(most)s
"""

_SHADOW_UNRECORDED: Final = """
select e.id from sla_timerevent e
where e.tenant_id = %(tenant)s and e.fired_at > %(since)s and e.shadow and e.actions <> '[]'::jsonb
  and not exists (select 1 from sla_heldback b
                  where b.tenant_id = %(tenant)s and b.event_id = e.id and b.kind = 'step')
limit %(most)s
"""


def _broken_shadows(since: datetime) -> Iterator[Fault]:
    parameters = {"tenant": current_tenant_id(), "since": since, "most": MOST}
    for (event_id,) in _rows(_SHADOW_SPOKE, parameters):
        yield Fault("shadow_broken", f"event:{event_id}", "It fired in shadow mode and told somebody.")
    for (event_id,) in _rows(_SHADOW_UNRECORDED, parameters):
        detail = "It fired in shadow mode and did not write down what it would have done."
        yield Fault("shadow_broken", f"event:{event_id}", detail)


def _rows(sql: str, parameters: dict[str, Any]) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return list(cursor.fetchall())


def patience_with(pause: float) -> timedelta:
    """How old the last pulse of a tick may be that runs every `pause` seconds."""
    return max(PATIENCE, timedelta(seconds=SILENT_INTERVALS * pause))


def late_cycles(ticks: Sequence[str], *, now: datetime, patience: timedelta = PATIENCE) -> list[str]:
    """One sentence for each tick whose pulse is missing or too old."""
    from django.conf import settings

    pauses = dict(settings.ENGINE_TICKS)
    pulses = cycles()
    lines = []
    for tick in ticks:
        allowed = max(patience, patience_with(pauses.get(tick, 0)))
        pulse = pulses.get(tick)
        if pulse is None:
            lines.append(f"{tick} has never run.")
        elif now - pulse.finished_at > allowed:
            seconds = round((now - pulse.finished_at).total_seconds())
            lines.append(f"{tick} last ran {seconds} s ago.")
    return lines
