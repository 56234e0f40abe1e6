"""Keep the facts true: what was written down as changed is computed again, whole, from what is there.

Facts hold nothing of their own, so building them twice gives the same rows, and a lost one is mended by
`rebuild`. Drills and other test leads have none. The roll-ups are told of what changed in the same
transaction; the first drain of an organisation that has none counts all of them.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Collection, Sequence
from datetime import date, datetime
from functools import partial
from types import ModuleType
from typing import Any, Final
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.db.models import Q

from leads.models import Handoff
from reporting import handoff_facts, handoff_rollups, lead_rollups, rollups, watch
from reporting.rollups import TOLD, Changes
from sla.models import Timer
from sla.policies import due_without_pauses
from sla.rows import read_timers
from tenants.context import current_tenant_id, tenant_scope

logger = logging.getLogger(__name__)

#: Dirty rows that one turn of one organisation takes at most. A turn counts its days once, however many of
#: their handoffs it takes, so few large ones are cheaper than many small ones.
TURN: Final = 5_000
#: Turns of one organisation in one tick: what is left waits for the next.
TURNS: Final = 20
# The statements look up many things of each row: to compile them takes longer than to carry them out.
_UNCOMPILED: Final = "set local jit = off"
#: First half of the advisory lock's key: one builder of facts per organisation at a time.
_LOCK: Final = 0x5A1F

_OF_HANDOFFS: Final = "handoff_id = any(%(handoffs)s::uuid[])"
# Said of both sides of the join, so that each is few rows however it is read.
_OF_THESE: Final = f" and t.{_OF_HANDOFFS} and h.id = any(%(handoffs)s::uuid[])"
# Before and after statements that join chosen clocks with their handoffs. Of an organisation that no
# statistics know a planner expects one row, and would compare each clock with each of its handoffs.
_HASHED: Final = "set local enable_nestloop = off"
_AS_USUAL: Final = "set local enable_nestloop to default"
_OF_SPAN: Final = " and h.started_at >= %(start)s and h.started_at < %(end)s"
_DELETE: Final = "delete from reporting_targetfact as f where tenant_id = %(tenant)s and "
_GIVE_BACK: Final = f" returning {TOLD.format(row='f')}"

# Whom the company's clock counts for: who owned the lead when it was answered, else who owns it, else the
# last who did. An owner's clock counts for its owner.
_INSERT: Final = """
insert into reporting_targetfact as f (id, tenant_id, handoff_id, lead_id, target, clock, member_id, team_id,
    source, campaign, tier, tier_name, started_at, due_at, met_at, closed_at, verdict, business_seconds,
    wall_seconds, is_history, excused, plain_due_at, paused_seconds, kind)
select t.id, t.tenant_id, t.handoff_id, h.lead_id, t.target, t.clock, who.member_id, m.team_id, h.source,
    h.campaign, t.tier, case when h.tier = t.tier then h.tier_name else '' end, t.started_at, t.due_at,
    t.met_at, t.closed_at,
    case t.state when 'met' then 'met' when 'breached' then 'missed' when 'cancelled' then 'cancelled'
                 when 'paused' then 'paused'
                 else case when t.closed_at is null then 'open'
                           when t.due_at < t.closed_at then 'missed' else 'cancelled' end end,
    t.business_seconds, t.wall_seconds, h.is_history,
    exists (select 1 from sla_excuse e
             where e.tenant_id = t.tenant_id and e.timer_id = t.id and e.state = 'approved'),
    plain.due_at, t.paused_seconds, h.kind
from sla_timer t
left join unnest(%(paused)s::uuid[], %(plain_dues)s::timestamptz[]) as plain(timer_id, due_at)
    on plain.timer_id = t.id
join leads_handoff h on h.tenant_id = t.tenant_id and h.id = t.handoff_id
cross join lateral (
    select case when t.clock = 'owner' then t.member_id else coalesce(
        (select a.member_id from leads_assignment a
          where a.tenant_id = t.tenant_id and a.handoff_id = t.handoff_id and t.met_at is not null
            and a.started_at <= t.met_at and (a.ended_at is null or t.met_at <= a.ended_at)
          order by a.hop desc limit 1),
        h.owner_id,
        (select a.member_id from leads_assignment a
          where a.tenant_id = t.tenant_id and a.handoff_id = t.handoff_id order by a.hop desc limit 1)
    ) end as member_id
) who
left join tenants_member m on m.tenant_id = t.tenant_id and m.id = who.member_id
where t.tenant_id = %(tenant)s and not h.is_test
"""

# Clocks that ran elsewhere, as a file of history recorded them: measured only, so there is no timer, and no
# working time. A day without a time says whether it was in time where the whole day lies on one side of the
# deadline. One of which that cannot be said is called off: left out of the base.
_INSERT_RECORDED: Final = """
insert into reporting_targetfact as f (id, tenant_id, handoff_id, lead_id, target, clock, member_id, team_id,
    source, campaign, tier, tier_name, started_at, due_at, met_at, closed_at, verdict, business_seconds,
    wall_seconds, is_history, excused, plain_due_at, paused_seconds)
select md5(t.handoff_id::text || said.target)::uuid, t.tenant_id, t.handoff_id, h.lead_id, said.target,
    'company', who.member_id, m.team_id, h.source, h.campaign, h.tier, h.tier_name, h.started_at, said.due_at,
    said.met_at, coalesce(said.met_at, t.known_until),
    case when said.met_at is null and said.due_at <= t.known_until then 'missed'
         when said.met_at + day.long <= said.due_at then 'met'
         when said.met_at > said.due_at then 'missed' else 'cancelled' end,
    null,
    case when said.met_at >= h.started_at and day.long = interval '0' and not t.days_only ? 'started_at'
         then floor(extract(epoch from said.met_at - h.started_at))::int end,
    true, false, null, null
from leads_importedcycle t
join leads_handoff h on h.tenant_id = t.tenant_id and h.id = t.handoff_id
cross join lateral (values
    ('first_touch', t.first_touch_due_at, h.first_touch_at, 'first_touch_at'),
    ('decision', t.decision_due_at, coalesce(t.decided_at, h.accepted_at,
        case when h.outcome in ('rejected', 'nurture', 'disqualified') then h.closed_at end), 'decided_at')
) as said(target, due_at, met_at, name)
cross join lateral (
    select case when t.days_only ? said.name then interval '1 day' - interval '1 second'
                else interval '0' end as long
) day
cross join lateral (
    select coalesce(h.owner_id, (select a.member_id from leads_assignment a
        where a.tenant_id = t.tenant_id and a.handoff_id = t.handoff_id order by a.hop desc limit 1)
    ) as member_id
) who
left join tenants_member m on m.tenant_id = t.tenant_id and m.id = who.member_id
where t.tenant_id = %(tenant)s and said.due_at is not null and not h.is_test
"""


def drain(*, turns: int = TURNS) -> int:
    """Bring the facts of every organisation up to date, and its roll-ups; how many dirty rows that used up.

    An organisation whose turn raises is logged and left out; its dirty rows stay, and after five minutes
    are a finding (`reporting.watch`).
    """
    waiting = _tenants_with_changes()
    random.shuffle(waiting)
    drained = 0
    for tenant_id in waiting:
        try:
            for _ in range(turns):
                taken = drain_tenant(tenant_id)
                drained += taken
                if taken < TURN:
                    break
        except Exception as error:
            logger.exception("The facts of an organisation were not built.", extra={"tenant": str(tenant_id)})
            connection.close_if_unusable_or_obsolete()
            _say_why(tenant_id, error)
    return drained


def _say_why(tenant_id: UUID, error: Exception) -> None:
    try:
        watch.note_failure(tenant_id, error)
    except Exception:  # the database itself may be what fails
        logger.exception("Nor could that be noted.", extra={"tenant": str(tenant_id)})


def drain_tenant(tenant_id: UUID, *, limit: int = TURN) -> int:
    """One turn of one organisation, in one transaction: take dirty rows, build those handoffs' facts anew.

    Gives back how many dirty rows it took; 0 also where another process is at it. The dirty rows go first and
    the facts are read after: a change that commits in between has left its own dirty row for the next turn.
    """
    with tenant_scope(tenant_id), connection.cursor() as cursor:
        cursor.execute(_UNCOMPILED)
        cursor.execute("select pg_try_advisory_xact_lock(%s, hashtext(%s))", [_LOCK, str(tenant_id)])
        if not cursor.fetchone()[0]:
            return 0
        cursor.execute(
            # Materialized: a plain subquery may be run again for each row, and take more than the limit.
            "with taken as materialized (select id from leads_dirtyhandoff where tenant_id = %s"
            " order by at limit %s for update skip locked) delete from leads_dirtyhandoff d using taken"
            " where d.tenant_id = %s and d.id = taken.id"
            " returning d.handoff_id, d.lead_id, d.account_id, d.at",
            [tenant_id, limit, tenant_id],
        )
        taken = cursor.fetchall()
        _refresh(lead_rollups, zone=rollups.zone_of_days())
        handoffs = {row[0] for row in taken if row[0] is not None}
        further = _handoffs_of([row[1:] for row in taken if row[0] is None])
        if len(further) > limit:
            # One turn is not to hold them all: each is noted by itself, and the next turns take them.
            cursor.execute(
                "insert into leads_dirtyhandoff (id, tenant_id, handoff_id, at)"
                " select gen_random_uuid(), %s, said.id, said.at"
                " from unnest(%s::uuid[], %s::timestamptz[]) as said(id, at)",
                [tenant_id, [str(each) for each in further], list(further.values())],
            )
            _build(handoffs)
            return max(limit, len(taken))
        _build(handoffs | set(further))
        return len(taken)


def _handoffs_of(said: Sequence[tuple[UUID | None, UUID | None, datetime]]) -> dict[UUID, datetime]:
    """The handoffs of these leads and of the leads of these accounts, each with when it was noted first."""
    if not said:
        return {}
    leads, accounts, moments = (list(each) for each in zip(*said, strict=True))
    with connection.cursor() as cursor:
        cursor.execute(
            "with said as (select * from unnest(%s::uuid[], %s::uuid[], %s::timestamptz[])"
            " as said(lead_id, account_id, at)), meant as ("
            " select lead_id, at from said where lead_id is not null union all"
            " select l.id, said.at from said"
            " join leads_lead l on l.tenant_id = %s and l.account_id = said.account_id)"
            " select h.id, min(meant.at) from meant"
            " join leads_handoff h on h.tenant_id = %s and h.lead_id = meant.lead_id group by h.id",
            [
                [str(each) if each else None for each in leads],
                [str(each) if each else None for each in accounts],
                moments,
                current_tenant_id(),
                current_tenant_id(),
            ],
        )
        return dict(cursor.fetchall())


#: Is told what is counted, the day so far, and the last day.
Progress = Callable[[str, date, date], None]


def rebuild(tenant_id: UUID, *, progress: Progress | None = None) -> int:
    """Build every fact of an organisation anew, and its roll-ups, in one transaction; how many facts there
    are then. Broken off, it leaves everything as it was.

    Waits for a drain that is at work. Dirty rows stay: draining them later changes nothing.
    """

    def telling(what: str) -> Callable[[date, date], None] | None:
        return None if progress is None else partial(progress, what)

    with tenant_scope(tenant_id), connection.cursor() as cursor:
        cursor.execute(handoff_facts.WHOLE)
        cursor.execute("select pg_advisory_xact_lock(%s, hashtext(%s))", [_LOCK, str(tenant_id)])
        cursor.execute("delete from reporting_targetfact where tenant_id = %s", [tenant_id])
        zone = rollups.zone_of_days()
        count = 0
        for start, end in handoff_facts.spans(zone=zone, progress=telling("clocks")):
            span: dict[str, Any] = {"tenant": tenant_id, "start": start, "end": end}
            stood = Q(handoff__started_at__gte=start, handoff__started_at__lt=end)
            cursor.execute(_INSERT + _OF_SPAN, {**span, **_without_pauses(stood)})
            count += int(cursor.rowcount)
            cursor.execute(_INSERT_RECORDED + _OF_SPAN, span)
            count += int(cursor.rowcount)
        handoff_facts.rebuild(zone=zone, progress=telling("handoffs"))
        rollups.rebuild(zone=zone, progress=telling("roll-ups of clocks"))
        handoff_rollups.rebuild(zone=zone, progress=telling("roll-ups of handoffs"))
        lead_rollups.rebuild(zone=zone)
        return count


def _build(handoff_ids: Collection[UUID]) -> None:
    if not handoff_ids:
        return
    zone = rollups.zone_of_days()
    if not rollups.are_complete(zone):
        # An upgrade that brought the facts of outbound handoffs left those without that nobody changes.
        outbound = Handoff.objects.filter(kind=Handoff.Kind.OUTBOUND)
        handoff_ids = {*handoff_ids, *outbound.values_list("id", flat=True)}
    values: dict[str, Any] = {
        "tenant": current_tenant_id(),
        "handoffs": [str(handoff_id) for handoff_id in handoff_ids],
        **_without_pauses(Q(handoff_id__in=list(handoff_ids))),
    }
    changes = Changes()
    with connection.cursor() as cursor:
        cursor.execute(_DELETE + _OF_HANDOFFS + _GIVE_BACK, values)
        changes.gone(cursor.fetchall())
        cursor.execute(_HASHED)
        for insert in (_INSERT, _INSERT_RECORDED):
            cursor.execute(insert + _OF_THESE + _GIVE_BACK, values)
            changes.made(cursor.fetchall())
        cursor.execute(_AS_USUAL)
    changes_of_handoffs = handoff_facts.build(handoff_ids)
    if rollups.are_complete(zone):
        _refresh(rollups, changes, zone=zone)
    else:
        rollups.rebuild(zone=zone)
    if handoff_rollups.are_complete(zone):
        _refresh(handoff_rollups, changes_of_handoffs, zone=zone)
    else:
        # An upgrade that brought these facts, or columns of them, left handoffs without that nobody changes.
        handoff_facts.rebuild(zone=zone)
        handoff_rollups.rebuild(zone=zone)


def _refresh(kind: ModuleType, *changes: Changes, zone: str) -> None:
    try:
        with transaction.atomic():
            kind.refresh(*changes, zone=zone)
    except IntegrityError:
        logger.exception("%s were not the sum of what they count, and are counted anew.", kind.__name__)
        kind.rebuild(zone=zone)


def _without_pauses(which: Q) -> dict[str, Any]:
    """The paused ones of these timers and when each would have been due else, as parameters of _INSERT.

    Only a calendar can tell, and calendars the database does not know. One query.
    """
    stood = Q(paused_at__isnull=False) | ~Q(gaps=[])
    dues = {timer.id: due_without_pauses(timer) for timer in read_timers(Timer.objects.filter(which, stood))}
    found = {str(timer_id): due_at for timer_id, due_at in dues.items() if due_at is not None}
    return {"paused": list(found), "plain_dues": list(found.values())}


def _tenants_with_changes() -> list[UUID]:
    with connection.cursor() as cursor:
        cursor.execute(
            "select tenant_id from tenants_with_dirty_handoffs()"
            " union select tenant_id from tenants_with_changed_leads()"
        )
        return [row[0] for row in cursor.fetchall()]
