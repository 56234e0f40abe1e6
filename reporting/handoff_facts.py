"""Build the facts of handoffs: one row each, from what the record says. See `reporting.facts`, which calls
this in its own transaction.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final
from uuid import UUID

from django.db import connection

from leads.completeness import SPOILING
from leads.quality import COMPLETE, INSTEAD
from reporting.clock_facts import RECORDED, RECORDED_VERDICT, VERDICT
from reporting.measures import SEGMENTS
from reporting.rollups import TOLD, Changes
from reporting.spans import WHOLE, Progress, spans
from tenants.context import current_tenant_id


def _segment(column: str) -> str:
    sizes = [f"when {column} < {below} then '{slug}'" for slug, (_, below) in SEGMENTS.items() if below]
    last = list(SEGMENTS)[-1]
    return f"case when {column} is null then '' {' '.join(sizes)} else '{last}' end"


def _lacks() -> str:
    """The fields of COMPLETE that a lead has not, or has a value for that cannot be true, as an array; what
    `leads.completeness` counts by source."""
    parts = []
    for name in COMPLETE:
        known = _is_known(name)
        spoiled = ", ".join(f"'{code}'" for code in SPOILING.get(name, ()))
        bad = f" or l.invalid ?| array[{spoiled}]" if spoiled else ""
        parts.append(f"case when not ({known}){bad} then '{name}' end")
    return f"array_remove(array[{', '.join(parts)}]::varchar[], null)"


def _is_known(name: str) -> str:
    def has(path: str) -> str:
        owner, _, part = path.rpartition(".")
        if part == "employees":
            return "account.employees is not null"
        return f"coalesce({'account' if owner else 'l'}.{part}, '') <> ''"

    return " or ".join(has(path) for path in (name, INSTEAD.get(name)) if path)


def _of_clock() -> str:
    """Verdict, seconds and deadline of the latest company clock of first touch and of the decision, of clocks
    `f` that come in order, the latest first."""
    return ", ".join(
        f"(array_agg(f.{column}) filter (where f.target = '{target}'))[1] as {name}_{what}"
        for target, name in (("first_touch", "touch"), ("decision", "decision"))
        for column, what in (("verdict", "verdict"), ("business_seconds", "seconds"), ("due_at", "due_at"))
    )


# All that is looked up of a handoff is looked up by it alone, the rest being left to filters: offered an
# order and a limit, a planner reads an index of time from its end, over everybody's rows, for each handoff.
# So are its lead and account (offset 0): of rows that are new a planner expects one, and would go through
# all leads for each handoff.
# Imported history has no answers of its own: what was accepted, or ended so, says it. Nor has it touches of
# its own: its activities stand in its imported cycle, where a day without a time counts until its end. When
# it first had an owner is not known: a file names the last one.
_FACTS: Final = """
insert into reporting_handofffact as f (id, tenant_id, lead_id, number, is_history, member_id, team_id,
    source, campaign, channel, segment, tier, tier_name, criteria_number, lacks, created_at, started_at,
    assigned_at, first_touch_at, decided_at, accepted_at, sql_at, opportunity_at, won_at, lost_at, closed_at,
    decision, reason, reason_side, outcome, touches, moves, wrong_owner_moves, touch_verdict, touch_seconds,
    decision_verdict, decision_seconds, amount, won_amount, feedback, feedback_at, decision_due_at,
    overturned, dispute, kind)
select h.id, h.tenant_id, h.lead_id, h.number, h.is_history, who.member_id, member.team_id, h.source,
    h.campaign, h.channel, {segment}, h.tier, h.tier_name, criteria.number, {lacks},
    l.created_at, h.started_at, case when not h.is_history then spans.first_at end, h.first_touch_at,
    answer.at, h.accepted_at, h.sql_at,
    coalesce(h.opportunity_at, deals.opened_at), coalesce(steps.won_at, deals.won_at),
    coalesce(steps.lost_at, deals.lost_at, case when h.outcome = 'lost' then h.closed_at end), h.closed_at,
    coalesce(answer.kind, ''),
    coalesce(given.slug, ''), coalesce(given.side, ''), h.outcome,
    least(coalesce(made.touches, 0) + coalesce(told.touches, 0), {most_touches}),
    greatest(coalesce(spans.owners, 0) - 1, 0), coalesce(spans.refused, 0),
    coalesce(clocks.touch_verdict, ''), clocks.touch_seconds, coalesce(clocks.decision_verdict, ''),
    clocks.decision_seconds, case when deals.amount is not null then least(deals.amount, {most_money}) end,
    case when deals.won_amount is not null then least(deals.won_amount, {most_money}) end,
    coalesce(heard.kind, ''), heard.at, clocks.decision_due_at, coalesce(heard.overturned, false),
    coalesce(disputed.state, ''), h.kind
from leads_handoff h
cross join lateral (
    select * from leads_lead where tenant_id = h.tenant_id and id = h.lead_id offset 0
) l
join tenants_tenant tenant on tenant.id = h.tenant_id
left join lateral (
    select * from leads_account where tenant_id = h.tenant_id and id = l.account_id offset 0
) account on true
left join leads_criteriaversion criteria
    on criteria.tenant_id = h.tenant_id and criteria.id = h.criteria_version_id
left join lateral (
    select d.kind, d.at from feedback_disposition d
     where d.tenant_id = h.tenant_id and d.handoff_id = h.id and d.undone_at is null
       and d.kind in ('accepted', 'rejected', 'nurture')
    union all
    select 'accepted', h.accepted_at where h.is_history and h.accepted_at is not null
    union all
    select h.outcome, h.closed_at
     where h.is_history and h.accepted_at is null and h.outcome in ('rejected', 'nurture')
    order by at limit 1
) answer on true
left join lateral (
    select min(a.started_at) as first_at, count(distinct a.member_id) as owners,
        count(*) filter (where a.end_reason = 'rerouted') as refused
      from leads_assignment a where a.tenant_id = h.tenant_id and a.handoff_id = h.id
) spans on true
cross join lateral (
    select coalesce(
        (select a.member_id from leads_assignment a
          where a.tenant_id = h.tenant_id and a.handoff_id = h.id and answer.at is not null
            and a.started_at <= answer.at and (a.ended_at is null or answer.at <= a.ended_at)
          order by a.hop desc limit 1),
        h.owner_id,
        (select a.member_id from leads_assignment a
          where a.tenant_id = h.tenant_id and a.handoff_id = h.id order by a.hop desc limit 1)
    ) as member_id offset 0
) who
left join tenants_member member on member.tenant_id = h.tenant_id and member.id = who.member_id
left join lateral (
    select count(*) as touches from leads_touch t
     where t.tenant_id = h.tenant_id and t.lead_id = h.lead_id and t.handoff_id = h.id
       and not t.automatic and t.undone_at is null
) made on true
left join lateral (
    select count(*) as touches
      from leads_importedcycle c cross join lateral jsonb_array_elements_text(c.touched_at) as touched(at)
     where c.tenant_id = h.tenant_id and c.handoff_id = h.id
       and touched.at::timestamptz
           + case when c.days_only ? 'touched_at' then interval '1 day' else interval '0' end >= h.started_at
) told on h.is_history
left join lateral (
    select max(s.at) filter (where s.new = 'won') as won_at,
        max(s.at) filter (where s.new = 'lost') as lost_at
      from leads_stagechange s
     where s.tenant_id = h.tenant_id and s.lead_id = h.lead_id and s.handoff_id = h.id
) steps on h.outcome in ('won', 'lost')
left join lateral (
    select {of_clock} from (
        select t.target, {verdict} as verdict, t.business_seconds, t.due_at, t.started_at
          from sla_timer t where t.tenant_id = h.tenant_id and t.handoff_id = h.id and t.clock = 'company'
        union all
        select said.target, {recorded_verdict}, null, said.due_at, h.started_at
          from leads_importedcycle t {recorded}
         where t.tenant_id = h.tenant_id and t.handoff_id = h.id and said.due_at is not null
        order by started_at desc
    ) f
) clocks on true
left join lateral (
    select sum(o.amount) filter (where o.currency = tenant.currency) as amount,
        sum(o.amount) filter (where o.currency = tenant.currency and o.outcome = 'won') as won_amount,
        min(o.closed_at) filter (where o.outcome = 'won') as won_at,
        min(o.closed_at) filter (where o.outcome = 'lost') as lost_at, min(o.opened_at) as opened_at
      from leads_opportunity o where o.tenant_id = h.tenant_id and o.handoff_id = h.id
) deals on true
left join lateral (
    select coalesce((array_agg(d.kind order by d.at, d.id))[1],
            case when h.outcome in ('rejected', 'disqualified', 'lost', 'won') then h.outcome end) as kind,
        coalesce(min(d.at),
            case when h.outcome in ('rejected', 'disqualified', 'lost', 'won') then h.closed_at end) as at,
        bool_or(d.kind = 'rejected' and d.overturned_at is not null) as overturned,
        (array_agg(d.reason_id order by d.at desc) filter (where d.reason_id is not null))[1] as reason_id
      from feedback_disposition d
     where d.tenant_id = h.tenant_id and d.handoff_id = h.id and d.undone_at is null
) heard on true
left join feedback_reason given on given.tenant_id = h.tenant_id and given.id = heard.reason_id
left join lateral (
    select (array_agg(x.state order by x.opened_at desc, x.id desc))[1] as state
      from feedback_dispute x where x.tenant_id = h.tenant_id and x.handoff_id = h.id
) disputed on true
where h.tenant_id = %(tenant)s and not h.is_test
"""
# What the columns hold. A program that writes touches or opportunities of one lead without end would else
# stop the facts of everybody. Money is asked for first, since `least` passes over nulls: none stays none.
_MOST_TOUCHES: Final = 32_767
_MOST_MONEY: Final = "99999999999999.99"
_INSERT: Final = _FACTS.format(
    segment=_segment("account.employees"),
    lacks=_lacks(),
    of_clock=_of_clock(),
    verdict=VERDICT,
    recorded=RECORDED,
    recorded_verdict=RECORDED_VERDICT,
    most_touches=_MOST_TOUCHES,
    most_money=_MOST_MONEY,
)
_DELETE: Final = "delete from reporting_handofffact as f where tenant_id = %(tenant)s"
_GIVE_BACK: Final = f" returning {TOLD.format(row='f')}"


def build(handoff_ids: Collection[UUID]) -> Changes:
    """Build the facts of these handoffs anew; gives back those that differ, as they were and as they are."""
    values: dict[str, Any] = {
        "tenant": current_tenant_id(),
        "handoffs": [str(handoff_id) for handoff_id in handoff_ids],
    }
    changes = Changes()
    with connection.cursor() as cursor:
        cursor.execute(_DELETE + " and id = any(%(handoffs)s::uuid[])" + _GIVE_BACK, values)
        changes.gone(cursor.fetchall())
        cursor.execute(_INSERT + " and h.id = any(%(handoffs)s::uuid[])" + _GIVE_BACK, values)
        changes.made(cursor.fetchall())
    return changes


def rebuild(*, zone: str, progress: Progress | None = None) -> int:
    """Build the facts of all handoffs anew; how many there are then. progress: is told (day so far, last day)
    as it goes on."""
    built = 0
    with connection.cursor() as cursor:
        cursor.execute(WHOLE)
        cursor.execute(_DELETE, {"tenant": current_tenant_id()})
        for start, end in spans(zone=zone, progress=progress):
            values: dict[str, Any] = {"tenant": current_tenant_id(), "start": start, "end": end}
            cursor.execute(_INSERT + " and h.started_at >= %(start)s and h.started_at < %(end)s", values)
            built += int(cursor.rowcount)
        cursor.execute("set local enable_nestloop to default")
    return built
