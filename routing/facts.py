"""Everything a batch of decisions looks at, read in a fixed number of statements.

Call the readers of people and loads after the locks are held: what they say is then true until the commit.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import connection
from uuid_utils.compat import uuid7

from core.businesstime import WorkCalendar
from leads.criteria import SCHEMA
from routing.decide import Candidate, OffHours, PoolView, RuleSet, Seat, Strategy, compile_rule_set
from routing.models import Pool, RepLoad, RuleSetVersion
from tenants.arrays import as_array
from tenants.bulk import insert_rows, update_rows
from tenants.calendars import load_calendar
from tenants.clock import Clock, database_clock
from tenants.config import configured
from tenants.context import current_tenant_id
from tenants.selectors import absences
from tenants.versions import version_in_force


@dataclass(frozen=True, slots=True)
class Setup:
    """What a tenant has decided about routing. rule_set None: nothing is published yet."""

    enabled: bool
    max_hops: int
    fallback_id: UUID | None  # of a person who exists and is active, else None
    rule_set_id: UUID | None
    rule_set: RuleSet | None
    breaches_in_a_row: int | None = None  # broken owner's clocks that take somebody off the rotation
    overflows: Mapping[str, str] = field(default_factory=dict)  # slug of a pool, and of the one after it
    owner_first: frozenset[str] = frozenset()  # slugs of pools that ask the account's owner

    @property
    def needs_facts(self) -> bool:
        """Whether anything is asked about a lead: by a rule, or who owns its account."""
        return self.rule_set is not None and (self.rule_set.needs_facts or bool(self.owner_first))

    def chain(self, slug: str) -> list[str]:
        """The pools that may decide about a lead of this one: itself, and those that it overflows to."""
        found = [slug]
        while (following := self.overflows.get(found[-1])) is not None and following not in found:
            found.append(following)
        return found


@dataclass(frozen=True, slots=True)
class PoolRow:
    """What a decision needs of a routing.models.Pool. overflow: a slug."""

    id: UUID
    slug: str
    name: str
    counters: dict[str, int]
    strategy: Strategy
    owner_first: bool
    off_hours: OffHours
    overflow: str | None
    absence_turns: int
    calendar_version_id: UUID | None

    def view(self, seats: Sequence[Seat]) -> PoolView:
        """The pool as the pure decision sees it."""
        has_hours = self.calendar_version_id is not None
        return PoolView(
            str(self.id),
            seats,
            self.counters,
            strategy=self.strategy,
            owner_first=self.owner_first,
            off_hours=self.off_hours,
            overflow=self.overflow,
            absence_turns=self.absence_turns,
            calendar=load_calendar(self.calendar_version_id) if has_hours else None,
        )


@dataclass(slots=True)
class Load:
    """A rep's counters while a batch is decided. `changed` rows are written back."""

    id: str
    member_id: str
    open_leads: int
    day: date | None
    leads_today: int
    last_assigned_at: datetime | None
    week: date | None
    leads_this_week: int
    changed: bool = False


@dataclass(slots=True)
class Board:
    """The locked state of a batch: pools by slug, everybody concerned by id (as text), and their loads.

    calendars: the calendar version in force of each person; None is always open.
    """

    now: datetime
    pools: dict[str, PoolView] = field(default_factory=dict)
    candidates: dict[str, Candidate] = field(default_factory=dict)
    loads: dict[str, Load] = field(default_factory=dict)
    zones: dict[str, str] = field(default_factory=dict)
    calendars: dict[str, UUID | None] = field(default_factory=dict)
    pool_rows: dict[str, PoolRow] = field(default_factory=dict)


_SETUP_SQL = """
select coalesce(s.enabled, true), coalesce(s.max_hops, 3), f.id, v.id, (
    select effective_at from routing_rulesetversion where tenant_id = t.tenant_id and state = 'scheduled'
), (
    select coalesce(jsonb_agg(jsonb_build_array(
        p.slug, p.owner_first, case when p.off_hours = 'overflow' then o.slug end)), '[]')::text
    from routing_pool p left join routing_pool o on o.tenant_id = p.tenant_id and o.id = p.overflow_id
    where p.tenant_id = t.tenant_id and p.is_active and (p.owner_first or p.off_hours = 'overflow')
), s.breaches_in_a_row
from (select %(tenant)s::uuid as tenant_id) t
left join routing_routingsettings s on s.tenant_id = t.tenant_id
left join tenants_member f on f.tenant_id = t.tenant_id and f.id = s.fallback_id and f.is_active
left join lateral (
    select id from routing_rulesetversion
    where tenant_id = t.tenant_id and state = 'published' order by number desc limit 1
) v on true
"""


def load_setup(clock: Clock = database_clock) -> Setup:
    """The tenant's routing settings and its rules in force, in one statement once they are compiled.

    The clock is read only while a version waits for its time: from then on it is in force, whether the engine
    has come round to write so or not.
    """
    setup, comes_at = _standing_setup()
    if comes_at is None or comes_at > (now := clock()):
        return setup
    version = version_in_force(RuleSetVersion, now)
    if version is None or version.id == setup.rule_set_id:
        return setup
    # Not kept: until the engine has published it somebody may call it off and write it anew.
    return replace(setup, rule_set_id=version.id, rule_set=compile_rule_set(version.content, SCHEMA))


@configured
def _standing_setup() -> tuple[Setup, datetime | None]:
    """The setup with the rules that were published last, and when the next ones come into force."""
    tenant_id = current_tenant_id()
    with connection.cursor() as cursor:
        cursor.execute(_SETUP_SQL, {"tenant": str(tenant_id)})
        row = cursor.fetchone()
    enabled, max_hops, fallback_id, version_id, comes_at, pools, breaches_in_a_row = row
    rule_set = compiled_rule_set(tenant_id, version_id) if version_id else None
    special: list[tuple[str, bool, str | None]] = json.loads(pools)
    setup = Setup(
        enabled,
        max_hops,
        fallback_id,
        version_id,
        rule_set,
        breaches_in_a_row=breaches_in_a_row,
        overflows={slug: after for slug, _, after in special if after is not None},
        owner_first=frozenset(slug for slug, first, _ in special if first),
    )
    return setup, comes_at


@lru_cache(maxsize=512)
def compiled_rule_set(tenant_id: UUID, version_id: UUID) -> RuleSet:
    """A version of the tenant in force, compiled. A published one never changes, so the process keeps it."""
    content = RuleSetVersion.objects.filter(tenant_id=tenant_id, id=version_id).values_list(
        "content", flat=True
    )
    return compile_rule_set(content.get(), SCHEMA)


# Written out: on the way of every lead, and building the query by its parts costs more than running it.
_POOLS_SQL = """
select p.id, p.slug, p.name, p.counters::text, p.strategy, p.owner_first, p.off_hours, o.slug,
       p.absence_turns, c.current_version_id
from routing_pool p
left join routing_pool o on o.tenant_id = p.tenant_id and o.id = p.overflow_id
left join tenants_calendar c on c.tenant_id = p.tenant_id and c.id = p.calendar_id
where p.tenant_id = %s and p.slug = any(%s) and p.is_active order by p.id
"""


def lock_pools(slugs: Iterable[str]) -> list[PoolRow]:
    """The active pools of these slugs, locked in ascending order of id."""
    return _pools(f"{_POOLS_SQL} for update of p", slugs)


def read_pools() -> list[PoolRow]:
    """Every active pool as it stands, in ascending order of id; nothing is locked."""
    return _pools(_POOLS_SQL.replace(" and p.slug = any(%s)", ""), None)


def _pools(sql: str, slugs: Iterable[str] | None) -> list[PoolRow]:
    wanted = [] if slugs is None else [sorted(set(slugs))]
    with connection.cursor() as cursor:
        cursor.execute(sql, [str(current_tenant_id()), *wanted])
        return [
            PoolRow(
                pool_id,
                slug,
                name,
                json.loads(counters),
                strategy=Strategy(strategy),
                owner_first=owner_first,
                off_hours=OffHours(off_hours),
                overflow=overflow,
                absence_turns=absence_turns,
                calendar_version_id=calendar_version_id,
            )
            for (
                pool_id,
                slug,
                name,
                counters,
                strategy,
                owner_first,
                off_hours,
                overflow,
                absence_turns,
                calendar_version_id,
            ) in cursor.fetchall()
        ]


# One row a seat, and one for everybody named besides (no pool): who they are, and the calendar in force for
# them, as tenants.calendars has it: their own, else their team's, else the organisation's.
_PEOPLE_SQL = """
select s.pool_id, m.id, s.weight, m.is_active, p.id is not null, coalesce(p.on_rotation, true),
       coalesce(p.weight, 1), p.cap_open, p.cap_per_day, p.cap_per_week, p.cap_deals,
       coalesce(p.time_zone, o.time_zone),
       coalesce(own.current_version_id, team.current_version_id, house.current_version_id)
from (
    select tenant_id, pool_id, member_id, weight from routing_poolseat
    where tenant_id = %(tenant)s and pool_id = any(%(pools)s::uuid[])
    union all
    select tenant_id, null, id, 1 from tenants_member
    where tenant_id = %(tenant)s and id = any(%(members)s::uuid[])
) s
join tenants_member m on m.tenant_id = s.tenant_id and m.id = s.member_id
join tenants_tenant o on o.id = s.tenant_id
left join tenants_repprofile p on p.tenant_id = m.tenant_id and p.member_id = m.id
left join tenants_calendar own on own.tenant_id = m.tenant_id and own.id = p.calendar_id
left join tenants_team t on t.tenant_id = m.tenant_id and t.id = m.team_id
left join tenants_calendar team on team.tenant_id = m.tenant_id and team.id = t.calendar_id
left join tenants_calendar house on house.tenant_id = o.id and house.id = o.calendar_id
order by s.pool_id, m.id
"""


@dataclass(frozen=True, slots=True)
class _Person:
    """A seat (or none), and what is configured of whoever sits there; see Candidate."""

    pool_id: UUID | None
    seat: Seat
    is_active: bool
    owns_leads: bool
    on_rotation: bool
    weight: int
    cap_open: int | None
    cap_per_day: int | None
    cap_per_week: int | None
    cap_deals: int | None
    zone: str
    calendar_version_id: UUID | None
    calendar: WorkCalendar | None
    leave: list[tuple[datetime, datetime]]


def read_people(board: Board, pools: Sequence[PoolRow], *, others: Iterable[UUID] = ()) -> None:
    """Put pools, seats and everybody concerned on the board; others: members without a seat."""
    # From the day's beginning, so that the answer can be kept for the day.
    since = board.now.replace(hour=0, minute=0, second=0, microsecond=0)
    seats: dict[UUID, list[Seat]] = {pool.id: [] for pool in pools}
    for person in _people(tuple(pool.id for pool in pools), tuple(sorted(others)), since):
        member_id = person.seat.member_id
        if person.pool_id is not None:
            seats[person.pool_id].append(person.seat)
        if member_id not in board.candidates:
            board.zones[member_id], board.calendars[member_id] = person.zone, person.calendar_version_id
            board.candidates[member_id] = Candidate(
                member_id,
                is_active=person.is_active,
                owns_leads=person.owns_leads,
                on_rotation=person.on_rotation,
                calendar=person.calendar,
                absences=[span for span in person.leave if span[1] > board.now],
                cap_open=person.cap_open,
                cap_per_day=person.cap_per_day,
                weight=person.weight,
                cap_per_week=person.cap_per_week,
                cap_deals=person.cap_deals,
            )
    for pool in pools:
        board.pools[pool.slug] = pool.view(seats[pool.id])
        board.pool_rows[pool.slug] = pool
    _count_deals([person for person in board.candidates.values() if person.cap_deals is not None])


_DEALS_SQL = """
select owner_id::text, count(*) from leads_handoff
where tenant_id = %s and owner_id = any(%s::uuid[]) and state = 'open' and opportunity_at is not null
group by owner_id
"""


def _count_deals(people: Sequence[Candidate]) -> None:
    """Put the open opportunities of those whom they limit on their lines; no lead of a batch adds one."""
    if not people:
        return
    with connection.cursor() as cursor:
        wanted = as_array([person.member_id for person in people])
        cursor.execute(_DEALS_SQL, [str(current_tenant_id()), wanted])
        found = dict(cursor.fetchall())
    for person in people:
        person.open_deals = found.get(person.member_id, 0)


@configured
def _people(pool_ids: tuple[UUID, ...], member_ids: tuple[UUID, ...], since: datetime) -> list[_Person]:
    """Everybody with a seat in these pools, and these members; leave only where it ends after `since`."""
    named = {"pools": list(map(str, pool_ids)), "members": list(map(str, member_ids))}
    with connection.cursor() as cursor:
        cursor.execute(_PEOPLE_SQL, {"tenant": str(current_tenant_id()), **named})
        rows = cursor.fetchall()
    away = absences(member_ids=list({row[1] for row in rows}), after=since) if rows else {}
    people = []
    for row in rows:
        pool_id, member_id, seat_weight, active, owns, rotation, weight, *caps, zone, calendar = row
        cap_open, cap_per_day, cap_per_week, cap_deals = caps
        people.append(
            _Person(
                pool_id=pool_id,
                seat=Seat(str(member_id), seat_weight),
                is_active=active,
                owns_leads=owns,
                on_rotation=rotation,
                weight=weight,
                cap_open=cap_open,
                cap_per_day=cap_per_day,
                cap_per_week=cap_per_week,
                cap_deals=cap_deals,
                zone=zone,
                calendar_version_id=calendar,
                calendar=load_calendar(calendar),
                leave=away[member_id],
            )
        )
    return people


def ensure_loads(member_ids: Iterable[UUID]) -> None:
    """Make the rows that count each rep's leads where they are missing; safe when two do so at once."""
    wanted = set(member_ids)
    found = set(RepLoad.objects.filter(member_id__in=wanted).values_list("member_id", flat=True))
    rows = [RepLoad(id=uuid7(), member_id=member_id) for member_id in sorted(wanted - found)]
    insert_rows(rows, conflict="on conflict (tenant_id, member_id) do nothing")


_LOADS_SQL = """
select id::text, member_id::text, open_leads, day, leads_today, last_assigned_at, week, leads_this_week
from routing_repload
where tenant_id = %s and member_id = any(%s::uuid[]) order by routing_repload.id
"""


def _loads(member_ids: Iterable[str], *, lock: bool) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        sql = f"{_LOADS_SQL} for update" if lock else _LOADS_SQL
        cursor.execute(sql, [str(current_tenant_id()), as_array(list(member_ids))])
        return list(cursor.fetchall())


def hold_loads(member_ids: Iterable[UUID]) -> None:
    """Lock the rows that count these people's leads, for whoever will move leads in more steps than one."""
    _loads({str(member_id) for member_id in member_ids}, lock=True)


def read_loads(board: Board, member_ids: Iterable[str], *, lock: bool) -> None:
    """Put loads of members (by id, as text) on the board, and into the candidates; locked in ascending order
    of id if so asked."""
    wanted = set(member_ids)
    if not wanted:
        return
    rows = _loads(wanted, lock=lock)
    if lock and len(rows) < len(wanted):
        ensure_loads(map(UUID, wanted))
        rows = _loads(wanted, lock=lock)
    elif len(rows) < len(wanted):  # who has no row yet has no lead
        rows += [("", each, 0, None, 0, None, None, 0) for each in wanted.difference(row[1] for row in rows)]
    days = {zone: local_day(zone, board.now) for zone in set(board.zones.values())}
    for row in rows:
        load = Load(*row)
        board.loads[load.member_id] = load
        person = board.candidates.get(load.member_id)
        if person is None:
            continue
        today = days[board.zones[load.member_id]]
        if load.day != today:  # a new local day begins at nought
            load.day, load.leads_today = today, 0
        monday = today - timedelta(days=today.weekday())
        if load.week != monday:
            load.week, load.leads_this_week = monday, 0
        person.open_leads = load.open_leads
        person.leads_today, person.leads_this_week = load.leads_today, load.leads_this_week
        person.last_assigned_at = load.last_assigned_at


def local_day(zone: str, now: datetime) -> date:
    """The calendar day at `now` where the rep lives."""
    return now.astimezone(ZoneInfo(zone)).date()


def write_loads(loads: Iterable[Load]) -> None:
    """Store the changed ones in one statement. They must be locked."""
    names = ("open_leads", "day", "leads_today", "last_assigned_at", "week", "leads_this_week")
    update_rows([load for load in loads if load.changed], names, model=RepLoad)


def write_counters(pools: Sequence[PoolView | Pool]) -> None:
    """Store the rotations of pools in one statement. The pools must be locked."""
    update_rows(pools, ("counters",), model=Pool)
