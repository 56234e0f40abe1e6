"""Reads for the people who work and watch leads: who may see what, the inbox, the board, the lists.

Lists cost the same number of queries whatever their length; how a clock stands comes from handoff.clocks,
which asks sla.status. What a person may not see is not there: NotFound.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import connection
from django.db.models import BooleanField, Count, Exists, F, Func, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.expressions import RawSQL
from django.db.models.functions import Coalesce

from core.errors import NotFound
from handoff import clocks, words
from handoff.clocks import Reading
from leads.models import Account, Assignment, Handoff, Lead, LeadExternalId, Touch
from routing.models import RepLoad
from sla.models import Timer
from sla.status import OPEN_STATUSES, Status
from tenants.models import Leave, Member, RepProfile, Role, Team, Tenant

#: Who reads every lead of the organisation.
SEES_ALL: Final = (Role.ADMIN, Role.MARKETING, Role.EXECUTIVE)
#: Who may act on leads.
ACTS: Final = (Role.REP, Role.MANAGER, Role.ADMIN)
#: Rows that a list draws at most; the counts are always whole.
SHOWN: Final = 100
#: Handoffs that a page of the board draws at most of each status that presses.
PRESSING: Final = 50
_PRESSES: Final = (Status.OVERDUE, Status.AT_RISK)
#: A rep's undecided leads are read whole up to here.
MOST_OPEN: Final = 1_000


# --- Who may see what ---


def teams_of(member: Member) -> list[UUID]:
    """The teams that a manager watches: those they lead or stand in for, and their own."""
    ids = set(Team.objects.filter(Q(manager=member) | Q(backup=member)).values_list("id", flat=True))
    if member.team_id is not None:
        ids.add(member.team_id)
    return sorted(ids)


def visible_leads(member: Member) -> QuerySet[Lead]:
    """The leads that a member may open: a rep's own and former ones; a manager's teams' and those that no
    rep ever had; everybody's for the roles that read all."""
    leads: QuerySet[Lead] = Lead.objects.all()
    if member.role in SEES_ALL:
        return leads
    owned = Assignment.objects.filter(handoff__lead_id=OuterRef("pk"))
    if member.role == Role.MANAGER:
        theirs = owned.filter(Q(member__team_id__in=teams_of(member)) | Q(member=member))
        # Unrouted, or not handed over yet: any manager may take care of it.
        return leads.filter(Q(owner__isnull=True) & ~Exists(owned) | Q(Exists(theirs)) | _unrouted_now())
    return leads.filter(Exists(owned.filter(member=member)))


def _unrouted_now() -> Q:
    waiting = Handoff.objects.filter(lead_id=OuterRef("pk"), state=Handoff.State.OPEN, owner__isnull=True)
    return Q(Exists(waiting))


def get_lead(*, tenant: Tenant, member: Member, lead_id: UUID) -> Lead:
    """A lead that this member may open, with its account. NotFound for others' and for none alike."""
    lead: Lead | None = (
        visible_leads(member)
        .annotate(colleagues=_colleagues())
        .filter(tenant=tenant, id=lead_id)
        .select_related("account", "account__owner")
        .first()
    )
    if lead is None:
        raise NotFound("There is no such lead.")
    return lead


def _colleagues() -> Coalesce:
    """How many other leads the lead's account has."""
    same = Lead.objects.filter(account_id=OuterRef("account_id")).exclude(id=OuterRef("id")).order_by()
    counted = same.values("account_id").annotate(number=Count("id")).values("number")
    return Coalesce(Subquery(counted), 0)


def watched(member: Member) -> Q | None:
    """Which owners' handoffs a board shows to this member; None for all."""
    if member.role in SEES_ALL:
        return None
    return Q(owner__team_id__in=teams_of(member)) | Q(owner=member)


# --- Rows ---


@dataclass(frozen=True, slots=True)
class Row:
    """A handoff in a list, with the most pressing of its open clocks (None: nothing is owed)."""

    handoff: Handoff
    reading: Reading | None
    at: datetime  # the moment of reading
    touches: int = 0

    @property
    def status(self) -> Status | None:
        return self.reading.status if self.reading else None

    @property
    def due(self) -> str:
        """ "first touch 14:15", in the reader's zone."""
        return clocks.due_line(self.reading, now=self.at) if self.reading else ""

    @property
    def order(self) -> tuple[int, datetime]:
        return self.reading.order if self.reading else (len(clocks.URGENCY), self.handoff.started_at)


def _rows(handoffs: Sequence[Handoff], *, now: datetime, clock: str = Timer.Clock.OWNER) -> list[Row]:
    """Handoffs with their open clocks, the most pressing first. One query."""
    timers: dict[UUID, list[Timer]] = {}
    ids = [handoff.id for handoff in handoffs]
    open_timers = Timer.objects.filter(handoff_id__in=ids, clock=clock, closed_at__isnull=True)
    for timer in open_timers:
        timers.setdefault(timer.handoff_id, []).append(timer)
    rows = [Row(each, clocks.most_urgent(timers.get(each.id, ()), now=now), now) for each in handoffs]
    return sorted(rows, key=lambda row: row.order)


def _open_handoffs() -> QuerySet[Handoff]:
    return Handoff.objects.filter(state=Handoff.State.OPEN, is_history=False)


# --- Inbox ---

TABS: Final = ("decide", "working", "paused", "done")
_PAUSED: Final = (Status.PAUSED, Status.CLOSED_HOURS)


@dataclass(frozen=True, slots=True)
class Inbox:
    """One tab of a rep's inbox. rows: the first SHOWN of `total`. counts: of the tabs that are counted."""

    tab: str
    rows: list[Row]
    total: int
    counts: dict[str, int]

    def group(self, *statuses: Status | None) -> list[Row]:
        return [row for row in self.rows if row.status in statuses]


def inbox(*, member: Member, tab: str, now: datetime) -> Inbox:
    """What a rep has to do, the most pressing first: to decide, being worked, standing still, or done.

    Three queries whatever the length, one more for working and for done: who is there, how their clocks
    stand, and the rows that are shown.
    """
    own = _open_handoffs().filter(owner=member).order_by("started_at")
    accepted = dict(own.values_list("id", "accepted_at")[:MOST_OPEN])
    undecided = [key for key, at in accepted.items() if at is None]
    working = [key for key, at in accepted.items() if at is not None]
    readings = _readings(working if tab == "working" else undecided, now=now)
    paused = [key for key in undecided if (each := readings.get(key)) and each.status in _PAUSED]
    counts = {"decide": len(undecided), "working": len(working)}
    if tab in ("decide", "paused"):
        counts["paused"] = len(paused)
    chosen = {"decide": undecided, "working": working, "paused": paused}.get(tab, [])
    rows = _done(member, now=now) if tab == "done" else _shown(chosen, readings, now=now)
    if tab == "working":
        made = attempts([row.handoff.id for row in rows])
        rows = [replace(row, touches=made.get(row.handoff.id, 0)) for row in rows]
    return Inbox(tab, rows, len(rows) if tab == "done" else len(chosen), counts)


def _readings(handoff_ids: Collection[UUID], *, now: datetime) -> dict[UUID, Reading]:
    """The most pressing open owner's clock of each handoff that has one; one query."""
    timers: dict[UUID, list[Timer]] = {}
    for timer in Timer.objects.filter(
        handoff_id__in=handoff_ids, clock=Timer.Clock.OWNER, closed_at__isnull=True
    ):
        timers.setdefault(timer.handoff_id, []).append(timer)
    found = {key: clocks.most_urgent(each, now=now) for key, each in timers.items()}
    return {key: reading for key, reading in found.items() if reading is not None}


def _shown(handoff_ids: Collection[UUID], readings: Mapping[UUID, Reading], *, now: datetime) -> list[Row]:
    """The rows of the most pressing handoffs; those that nothing is owed on come last. One query."""
    calm = (len(clocks.URGENCY), now)
    first = sorted(handoff_ids, key=lambda key: readings[key].order if key in readings else calm)[:SHOWN]
    handoffs = Handoff.objects.filter(id__in=first).select_related("lead", "lead__account")
    rows = [Row(handoff, readings.get(handoff.id), now) for handoff in handoffs]
    return sorted(rows, key=lambda row: row.order)


def attempts(handoff_ids: Collection[UUID]) -> dict[UUID, int]:
    """How many touches people made on each handoff."""
    made = Touch.objects.filter(handoff_id__in=handoff_ids, undone_at__isnull=True, automatic=False)
    return dict(made.values_list("handoff_id").annotate(Count("id")))


def _done(member: Member, *, now: datetime) -> list[Row]:
    """The last handoffs that ended in this member's hands, with what became of the first touch."""
    ended = Handoff.objects.filter(owner=member, state=Handoff.State.CLOSED, is_history=False)
    handoffs = list(ended.select_related("lead", "lead__account").order_by("-closed_at")[:SHOWN])
    judged = Timer.objects.filter(
        handoff_id__in=[each.id for each in handoffs], clock=Timer.Clock.OWNER, member=member
    )
    last: dict[UUID, Reading] = {}
    for timer in judged.order_by(
        "target", "started_at"
    ):  # "first_touch" after "decision": it has the last word
        reading = clocks.read(timer, now=now)
        if reading.status is not Status.CANCELLED:
            last[timer.handoff_id] = reading
    return [Row(handoff, last.get(handoff.id), now) for handoff in handoffs]


def undecided_count(member: Member) -> int:
    """How many leads wait for this member's decision; one query."""
    count: int = _open_handoffs().filter(owner=member, accepted_at__isnull=True).count()
    return count


# --- Board ---


@dataclass(slots=True)
class Person:
    """One line of the board. counts: open clocks by status."""

    member: Member
    profile: RepProfile | None = None
    open_leads: int = 0
    cap_open: int | None = None
    out_until: datetime | None = None
    counts: Counter[Status] = field(default_factory=Counter)
    next_due: datetime | None = None

    @property
    def overdue(self) -> int:
        return self.counts[Status.OVERDUE]

    @property
    def at_risk(self) -> int:
        return self.counts[Status.AT_RISK]

    @property
    def rest(self) -> int:
        return sum(self.counts.values()) - self.overdue - self.at_risk

    @property
    def load(self) -> float | None:
        """Open leads in per cent of the cap; None without one."""
        return None if not self.cap_open else self.open_leads / self.cap_open * 100

    @property
    def load_tone(self) -> str:
        return "idle" if self.load is None else "risk" if self.load >= 100 else "brand"


@dataclass(frozen=True, slots=True)
class Pressing:
    """A page of the handoffs of one status, the earliest due first. total: of that status, on every page."""

    status: Status
    rows: list[Row]
    total: int
    page: int

    @property
    def before(self) -> int:
        """How many stand on earlier pages."""
        return (self.page - 1) * PRESSING

    @property
    def last_page(self) -> int:
        return max(1, -(-self.total // PRESSING))

    @property
    def after(self) -> int:
        """How many stand on later pages."""
        return max(0, self.total - self.before - len(self.rows))


@dataclass(frozen=True, slots=True)
class Board:
    """What a manager watches now: people, and the handoffs that press. counts: handoffs, by status."""

    people: list[Person]
    pressing: list[Pressing]
    counts: Counter[Status]
    unrouted: int


# Lateral, so that the clocks of the open handoffs are looked up one handoff at a time: the planner would
# rather read every clock there ever was. {handoffs}, {timers}: querysets, the timers those of _OWNED.
_OWNED: Final = "owned.id"
_VERSIONS: Final = """
with owned as materialized ({handoffs})
select distinct clock.calendar_version_id from owned cross join lateral ({timers} offset 0) clock
"""
# Of each handoff's open clocks the most pressing one speaks; the rows are then counted by person and status,
# and those that are shown are named.
_STANDING: Final = """
with owned as materialized ({handoffs}),
placed as (
    select clock.*, row_number() over (partition by urgency order by due_at, clock.id) as place
    from owned cross join lateral ({timers}) clock
)
select member_id, urgency, count(*), min(due_at),
    array_agg(id) filter (where place > %s and place <= %s and urgency <= %s)
from placed group by member_id, urgency
"""


@dataclass(frozen=True, slots=True)
class _Standing:
    """How many handoffs of one person have one status. timer_ids: of those on the page asked for."""

    member_id: UUID | None
    status: Status
    count: int
    first_due: datetime
    timer_ids: list[UUID]


def board(*, member: Member, now: datetime, only: Status | None = None, page: int = 1) -> Board:
    """The open clocks of the member's teams by person, and what is overdue or at risk; ten queries.

    only, page: of the handoffs that press those of one status alone, and which PRESSING of them.
    """
    standing = _standing(member, now=now, first=(page - 1) * PRESSING)
    people = {person.member.id: person for person in _people(member, now=now)}
    counts: Counter[Status] = Counter()
    for each in standing:
        counts[each.status] += each.count
        person = people.get(each.member_id) if each.member_id else None
        if person is not None:
            person.counts[each.status] += each.count
            if each.status is not Status.OVERDUE:
                person.next_due = min(filter(None, (person.next_due, each.first_due)))
    wanted = [only] if only else list(_PRESSES)
    shown = [key for each in standing if each.status in wanted for key in each.timer_ids]
    rows = _pressing_rows(shown, now=now)
    return Board(
        people=sorted(
            people.values(),
            key=lambda each: (-each.overdue, -each.at_risk, -each.open_leads, each.member.name),
        ),
        pressing=[
            Pressing(status, [row for row in rows if row.status is status], counts[status], page)
            for status in wanted
        ],
        counts=counts,
        unrouted=unrouted_count(),
    )


def _standing(member: Member, *, now: datetime, first: int) -> list[_Standing]:
    """How the handoffs stand that the member watches, counted; two queries, and no timer is read.

    first: how many pressing handoffs of each status stand on earlier pages.
    """
    scope = watched(member)
    owned = _open_handoffs().filter(owner__isnull=False)
    if scope is not None:
        owned = owned.filter(scope)
    timers = Timer.objects.filter(
        handoff_id=RawSQL(_OWNED, ()), clock=Timer.Clock.OWNER, closed_at__isnull=True
    )
    versions = _run(_VERSIONS, owned, timers.values("calendar_version_id"))
    closed = clocks.closed_now([version_id for (version_id,) in versions], now=now)
    speaker = (
        timers.annotate(urgency=clocks.urgency_in_sql(now=now, closed=closed))
        .filter(urgency__lte=max(clocks.URGENCY[status] for status in OPEN_STATUSES))
        .order_by("urgency", "due_at")
        .values("id", "member_id", "due_at", "urgency")[:1]
    )
    least_pressing = max(clocks.URGENCY[status] for status in _PRESSES)
    found = _run(_STANDING, owned, speaker, first, first + PRESSING, least_pressing)
    by_urgency = {urgency: status for status, urgency in clocks.URGENCY.items()}
    return [
        _Standing(member_id, by_urgency[urgency], count, first_due, timer_ids or [])
        for member_id, urgency, count, first_due, timer_ids in found
    ]


def _run(
    statement: str, handoffs: QuerySet[Handoff], timers: QuerySet[Timer, Any], *parameters: int
) -> list[tuple[Any, ...]]:
    """The rows of a statement over these handoffs, and for each of them these timers."""
    owned, owned_parameters = handoffs.order_by().values("id").query.sql_with_params()
    clock, clock_parameters = timers.query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(
            statement.format(handoffs=owned, timers=clock),
            [*owned_parameters, *clock_parameters, *parameters],
        )
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def _pressing_rows(timer_ids: Sequence[UUID], *, now: datetime) -> list[Row]:
    """The handoffs that these timers speak for, the most pressing first. One query."""
    timers = Timer.objects.filter(id__in=timer_ids).select_related("handoff__lead__account", "handoff__owner")
    rows = [Row(timer.handoff, clocks.read(timer, now=now), now) for timer in timers]
    return sorted(rows, key=lambda row: row.order)


def _people(member: Member, *, now: datetime) -> list[Person]:
    """Everybody who may own leads and whom the member watches, with load, cap and absence. Three queries."""
    profiles = RepProfile.objects.filter(member__is_active=True).select_related("member", "member__team")
    if member.role not in SEES_ALL:
        teams = teams_of(member)
        profiles = profiles.filter(Q(member__team_id__in=teams) | Q(member=member))
    found = [
        Person(profile.member, profile=profile, cap_open=profile.cap_open)
        for profile in profiles.order_by("member__name")
    ]
    _add_load(found, now=now)
    return found


def _add_load(people: Iterable[Person], *, now: datetime) -> None:
    by_id = {person.member.id: person for person in people}
    for member_id, open_leads in RepLoad.objects.filter(member_id__in=by_id).values_list(
        "member_id", "open_leads"
    ):
        by_id[member_id].open_leads = open_leads
    leave = Leave.objects.filter(member_id__in=by_id, starts_at__lte=now, ends_at__gt=now)
    for member_id, ends_at in leave.values_list("member_id", "ends_at"):
        person = by_id[member_id]
        person.out_until = max(filter(None, (person.out_until, ends_at)))


def receivers(*, now: datetime, exclude: UUID | None = None) -> list[Person]:
    """Everybody who may be given a lead by hand, whoever has room first. Three queries."""
    profiles = RepProfile.objects.filter(member__is_active=True).select_related("member", "member__team")
    found = [
        Person(profile.member, profile=profile, cap_open=profile.cap_open)
        for profile in profiles
        if profile.member_id != exclude
    ]
    _add_load(found, now=now)
    return sorted(
        found,
        key=lambda each: (each.out_until is not None, each.load or 0, each.open_leads, each.member.name),
    )


# --- Without an owner, without data ---


@dataclass(frozen=True, slots=True)
class Waiting:
    """A lead that nobody owns: why, since when, and how its company clock stands."""

    handoff: Handoff
    reason: str
    since: datetime
    reading: Reading | None
    at: datetime  # the moment of reading

    @property
    def waited(self) -> float:
        """Wall seconds without an owner."""
        return (self.at - self.since).total_seconds()


def unrouted(*, now: datetime) -> list[Waiting]:
    """Leads without an owner, the one that waits longest first; three queries."""
    handoffs = list(
        _open_handoffs()
        .filter(owner__isnull=True)
        .select_related("lead", "lead__account")
        .order_by("started_at")[:SHOWN]
    )
    rows = {row.handoff.id: row for row in _rows(handoffs, now=now, clock=Timer.Clock.COMPANY)}
    spans = Assignment.objects.filter(handoff_id__in=list(rows), ended_at__isnull=False)
    ended: dict[UUID, datetime] = dict(spans.order_by("ended_at").values_list("handoff_id", "ended_at"))
    return [
        Waiting(
            handoff=handoff,
            reason=words.say(words.REASONS, handoff.unrouted_reason or "nobody_available"),
            since=ended.get(handoff.id, handoff.started_at),
            reading=rows[handoff.id].reading,
            at=now,
        )
        for handoff in handoffs
    ]


def unrouted_count() -> int:
    """How many open leads nobody owns; one query."""
    count: int = _open_handoffs().filter(owner__isnull=True).count()
    return count


# --- Search ---


def search(*, member: Member, text: str, limit: int = 50) -> list[Lead]:
    """Leads that the member may see by e-mail (whole), name (its beginning), company, domain or outside id.

    Row security hides indexes from LIKE, so every way is an equality or starts_with. Text of under two
    characters finds nothing.
    """
    wanted = " ".join(text.lower().split())
    if len(wanted) < 2:
        return []
    seen = visible_leads(member).select_related("account", "owner")
    if "@" in wanted:
        return list(seen.filter(email=wanted)[:limit])
    # Each way by itself, so that each may use its own index.
    ids: set[UUID] = set(
        LeadExternalId.objects.filter(external_id=text.strip()).values_list("lead_id", flat=True)[:limit]
    )
    by_name = Lead.objects.alias(begins=_starts_with(F("search_name"), wanted)).filter(begins=True)
    ids.update(seen.filter(id__in=by_name.values("id")).values_list("id", flat=True)[:limit])
    named = Account.objects.alias(begins=_starts_with(Func(F("name"), function="lower"), wanted))
    accounts = list(named.filter(Q(begins=True) | Q(domain=wanted)).values_list("id", flat=True)[:limit])
    ids.update(seen.filter(account_id__in=accounts).values_list("id", flat=True)[:limit])
    return list(seen.filter(id__in=ids).order_by("-updated_at", "-id")[:limit])


def _starts_with(value: Any, prefix: str) -> Func:
    return Func(value, Value(prefix), function="starts_with", output_field=BooleanField())


# --- Names ---


def names_of(member_ids: Iterable[UUID | str | None]) -> dict[str, str]:
    """Names by member id as text; one query."""
    wanted = {str(each) for each in member_ids if each}
    if not wanted:
        return {}
    return {str(key): name for key, name in Member.objects.filter(id__in=wanted).values_list("id", "name")}
