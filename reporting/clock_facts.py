"""Build the facts of clocks: one row each, from timers and from what files of history recorded. See
`reporting.facts`, which calls this in its own transaction.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final
from uuid import UUID

from django.db import connection
from django.db.models import Q

from reporting.rollups import TOLD, Changes
from reporting.spans import WHOLE, Progress, spans
from sla.models import Timer
from sla.policies import due_without_pauses
from sla.rows import read_timers
from tenants.context import current_tenant_id

#: The verdict of a timer `t`, as reporting.measures knows them.
VERDICT: Final = """case t.state when 'met' then 'met' when 'breached' then 'missed'
        when 'cancelled' then 'cancelled' when 'paused' then 'paused'
        else case when t.closed_at is null then 'open'
                  when t.due_at < t.closed_at then 'missed' else 'cancelled' end end"""

#: The targets that an imported cycle `t` of a handoff `h` had, to join to it: said.target, said.due_at (null:
#: it had none), said.met_at, said.name (of the field), and day.long.
RECORDED: Final = """cross join lateral (values
    ('first_touch', t.first_touch_due_at, h.first_touch_at, 'first_touch_at'),
    ('decision', t.decision_due_at, coalesce(t.decided_at, h.accepted_at,
        case when h.outcome in ('rejected', 'nurture', 'disqualified') then h.closed_at end), 'decided_at')
) as said(target, due_at, met_at, name)
cross join lateral (
    select case when t.days_only ? said.name then interval '1 day' - interval '1 second'
                else interval '0' end as long
) day"""
#: The verdict of such a target. A day without a time says whether it was in time where the whole day lies on
#: one side of the deadline. One of which that cannot be said is called off: left out of the base.
RECORDED_VERDICT: Final = """case when said.met_at is null and said.due_at <= t.known_until then 'missed'
         when said.met_at + day.long <= said.due_at then 'met'
         when said.met_at > said.due_at then 'missed' else 'cancelled' end"""

# What is looked up of a handoff is looked up by it alone (offset 0): of an organisation that no statistics
# know a planner expects one row, and would compare each clock with each of its handoffs, or read all clocks
# for each span of time.
#
# Whom the company's clock counts for: who owned the lead when it was answered, else who owns it, else the
# last who did. An owner's clock counts for its owner.
_OF_TIMERS: Final = """
insert into reporting_targetfact as f (id, tenant_id, handoff_id, lead_id, target, clock, member_id, team_id,
    source, campaign, tier, tier_name, started_at, due_at, met_at, closed_at, verdict, business_seconds,
    wall_seconds, is_history, excused, plain_due_at, paused_seconds, kind)
select t.id, t.tenant_id, t.handoff_id, h.lead_id, t.target, t.clock, who.member_id, m.team_id, h.source,
    h.campaign, t.tier, case when h.tier = t.tier then h.tier_name else '' end, t.started_at, t.due_at,
    t.met_at, t.closed_at,
    {verdict},
    t.business_seconds, t.wall_seconds, h.is_history,
    exists (select 1 from sla_excuse e
             where e.tenant_id = t.tenant_id and e.timer_id = t.id and e.state = 'approved'),
    plain.due_at, t.paused_seconds, h.kind
from leads_handoff h
cross join lateral (
    select * from sla_timer where tenant_id = h.tenant_id and handoff_id = h.id offset 0
) t
left join unnest(%(paused)s::uuid[], %(plain_dues)s::timestamptz[]) as plain(timer_id, due_at)
    on plain.timer_id = t.id
cross join lateral (
    select case when t.clock = 'owner' then t.member_id else coalesce(
        (select a.member_id from leads_assignment a
          where a.tenant_id = t.tenant_id and a.handoff_id = t.handoff_id and t.met_at is not null
            and a.started_at <= t.met_at and (a.ended_at is null or t.met_at <= a.ended_at)
          order by a.hop desc limit 1),
        h.owner_id,
        (select a.member_id from leads_assignment a
          where a.tenant_id = t.tenant_id and a.handoff_id = t.handoff_id order by a.hop desc limit 1)
    ) end as member_id offset 0
) who
left join tenants_member m on m.tenant_id = t.tenant_id and m.id = who.member_id
where h.tenant_id = %(tenant)s and not h.is_test
"""
_INSERT: Final = _OF_TIMERS.format(verdict=VERDICT)

# Clocks that ran elsewhere, as a file of history recorded them: measured only, so there is no timer, and no
# working time.
_OF_CYCLES: Final = """
insert into reporting_targetfact as f (id, tenant_id, handoff_id, lead_id, target, clock, member_id, team_id,
    source, campaign, tier, tier_name, started_at, due_at, met_at, closed_at, verdict, business_seconds,
    wall_seconds, is_history, excused, plain_due_at, paused_seconds)
select md5(t.handoff_id::text || said.target)::uuid, t.tenant_id, t.handoff_id, h.lead_id, said.target,
    'company', who.member_id, m.team_id, h.source, h.campaign, h.tier, h.tier_name, h.started_at, said.due_at,
    said.met_at, coalesce(said.met_at, t.known_until),
    {verdict},
    null,
    case when said.met_at >= h.started_at and day.long = interval '0' and not t.days_only ? 'started_at'
         then floor(extract(epoch from said.met_at - h.started_at))::int end,
    true, false, null, null
from leads_handoff h
cross join lateral (
    select * from leads_importedcycle where tenant_id = h.tenant_id and handoff_id = h.id offset 0
) t
{recorded}
cross join lateral (
    select coalesce(h.owner_id, (select a.member_id from leads_assignment a
        where a.tenant_id = t.tenant_id and a.handoff_id = t.handoff_id order by a.hop desc limit 1)
    ) as member_id offset 0
) who
left join tenants_member m on m.tenant_id = t.tenant_id and m.id = who.member_id
where h.tenant_id = %(tenant)s and said.due_at is not null and not h.is_test
"""
_INSERT_RECORDED: Final = _OF_CYCLES.format(verdict=RECORDED_VERDICT, recorded=RECORDED)
_OF_THESE: Final = " and h.id = any(%(handoffs)s::uuid[])"
_OF_SPAN: Final = " and h.started_at >= %(start)s and h.started_at < %(end)s"
_DELETE: Final = "delete from reporting_targetfact as f where tenant_id = %(tenant)s"
_GIVE_BACK: Final = f" returning {TOLD.format(row='f')}"


def build(handoff_ids: Collection[UUID]) -> Changes:
    """Build the facts of these handoffs' clocks anew; gives back those that differ, as they were and as they
    are."""
    values: dict[str, Any] = {
        "tenant": current_tenant_id(),
        "handoffs": [str(handoff_id) for handoff_id in handoff_ids],
        **_without_pauses(Q(handoff_id__in=list(handoff_ids))),
    }
    changes = Changes()
    with connection.cursor() as cursor:
        cursor.execute(_DELETE + " and handoff_id = any(%(handoffs)s::uuid[])" + _GIVE_BACK, values)
        changes.gone(cursor.fetchall())
        for insert in (_INSERT, _INSERT_RECORDED):
            cursor.execute(insert + _OF_THESE + _GIVE_BACK, values)
            changes.made(cursor.fetchall())
    return changes


def rebuild(*, zone: str, progress: Progress | None = None) -> int:
    """Build the facts of all clocks anew; how many there are then. progress: is told (day so far, last day)
    as it goes on."""
    built = 0
    with connection.cursor() as cursor:
        cursor.execute(WHOLE)
        cursor.execute(_DELETE, {"tenant": current_tenant_id()})
        for start, end in spans(zone=zone, progress=progress):
            values: dict[str, Any] = {"tenant": current_tenant_id(), "start": start, "end": end}
            values |= _without_pauses(Q(handoff__started_at__gte=start, handoff__started_at__lt=end))
            for insert in (_INSERT, _INSERT_RECORDED):
                cursor.execute(insert + _OF_SPAN, values)
                built += int(cursor.rowcount)
    return built


def _without_pauses(which: Q) -> dict[str, Any]:
    """The paused ones of these timers and when each would have been due else, as parameters of _INSERT.

    Only a calendar can tell, and calendars the database does not know. One query.
    """
    stood = Q(paused_at__isnull=False) | ~Q(gaps=[])
    dues = {timer.id: due_without_pauses(timer) for timer in read_timers(Timer.objects.filter(which, stood))}
    found = {str(timer_id): due_at for timer_id, due_at in dues.items() if due_at is not None}
    return {"paused": list(found), "plain_dues": list(found.values())}
