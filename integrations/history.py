"""Write what happened elsewhere as history: leads, their one imported cycle, its dates and its owner.

History is measured and never acted on: no clock is armed, nobody is told, nothing is routed. An imported
handoff is closed as it stands, so that the same person's next arrival opens a live one. Set-based: a batch
costs as many statements as one row.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid5

from core.errors import FieldError
from integrations import recorded
from integrations.past import Owner, Past
from leads.accounts import accounts_of_domains
from leads.incoming import LeadIn
from leads.lifecycle import Stage
from leads.matching import company_domain, normalise_email, normalise_phone
from leads.models import Account, Assignment, Handoff, ImportedCycle, Lead, LeadExternalId, StageChange
from leads.services import mark_dirty
from tenants.bulk import insert_rows, update_rows
from tenants.models import Member, Role, Team, Tenant, User

#: Places of the stages in a story; the ends share the last one, and their dates say which was it.
RANK: Final[Mapping[Stage, int]] = {
    Stage.SUBSCRIBER: 0,
    Stage.LEAD: 1,
    Stage.MQL: 2,
    Stage.SAL: 3,
    Stage.SQL: 4,
    Stage.OPPORTUNITY: 5,
    Stage.WON: 6,
    Stage.LOST: 6,
    Stage.REJECTED: 6,
    Stage.NURTURE: 6,
    Stage.DISQUALIFIED: 6,
}
_OUTCOMES: Final = {
    Stage.WON: Handoff.Outcome.WON,
    Stage.LOST: Handoff.Outcome.LOST,
    Stage.REJECTED: Handoff.Outcome.REJECTED,
    Stage.NURTURE: Handoff.Outcome.NURTURE,
    Stage.DISQUALIFIED: Handoff.Outcome.DISQUALIFIED,
}
#: A lead that got here was handed over, whether or not the file dates it.
_HANDED_OVER: Final = frozenset(
    {Stage.MQL, Stage.SAL, Stage.SQL, Stage.OPPORTUNITY, Stage.WON, Stage.LOST, Stage.REJECTED}
)
_TEXTS: Final = ("first_name", "last_name", "title", "phone", "postal_code", "source", "campaign", "channel")
_LEAD_CHANGES: Final = (
    "email",
    *_TEXTS,
    "search_name",
    "country",
    "region",
    "company_name",
    "account",
    "score",
    "custom",
    "stage",
)
_HANDOFF_CHANGES: Final = (
    "started_at",
    "closed_at",
    "outcome",
    "accepted_at",
    "sql_at",
    "opportunity_at",
    "first_touch_at",
    "owner",
    "owned_since",
    "source",
    "campaign",
    "channel",
)


class Raced(Exception):
    """Somebody else brought one of these people meanwhile: roll back and start again."""


@dataclass(slots=True)
class _Person:
    past: Past
    lead: Lead
    is_new: bool
    is_live: bool = False  # has a handoff of its own: history must not move it
    handoff: Handoff | None = None
    handoff_is_new: bool = False
    cycle: ImportedCycle | None = None
    cycle_was: tuple[Any, ...] = ()
    cycle_row_was: tuple[Any, ...] = ()
    last_number: int = 0
    lead_was: tuple[Any, ...] = ()
    handoff_was: tuple[Any, ...] = ()


def _values(row: Lead | Handoff | None, names: Sequence[str]) -> tuple[Any, ...]:
    """What a row holds now, to see later whether anything changed."""
    return tuple(
        getattr(row, f"{name}_id" if name in ("account", "owner") else name) for name in names if row
    )


def record(
    items: Sequence[Past], *, tenant: Tenant, actor: str, now: datetime, update_only: bool = False
) -> list[str | FieldError]:
    """Write the history of different people; "created", "updated", "unchanged" or what is wrong with each, in
    order.

    No two items may name the same person. Raises Raced where the whole must be rolled back and tried again.
    """
    leads = _find(items)
    answers: list[_Person | FieldError] = []
    people: list[_Person] = []
    for item, found in zip(items, leads, strict=True):
        if isinstance(found, FieldError):
            answers.append(found)
            continue
        if found is None and update_only:
            answers.append(
                FieldError("external_id", "No lead with this id or e-mail is here yet.", "not_found")
            )
            continue
        lead = found or Lead(tenant_id=tenant.id, created_at=now, updated_at=now, stage=Stage.SUBSCRIBER)
        person = _Person(item, lead, is_new=found is None)
        people.append(person)
        answers.append(person)
    _lock(people)
    owners = resolve_owners([person.past.owner for person in people], tenant=tenant)
    accounts = _accounts(people, now)
    for person in people:
        person.lead_was = _values(person.lead, _LEAD_CHANGES)
        person.handoff_was = _values(person.handoff, _HANDOFF_CHANGES)
        person.cycle_was = recorded.values(person.cycle)
        person.cycle_row_was = recorded.values(person.cycle, recorded.COLUMNS)
        _fill(person, accounts, now)
    before = _steps_before(people)
    after = {person.lead.id: _dates(person, before.get(person.lead.id, {})) for person in people}
    for person in people:
        _shape(person, after[person.lead.id], owners, now)
    named = _write_leads(people, now)
    _write_cycles(people, before, after, actor=actor, now=now)
    rewritten = named | {key for key, dates in after.items() if dates != before.get(key, {})}
    return [each if isinstance(each, FieldError) else _outcome(each, rewritten) for each in answers]


def _outcome(person: _Person, rewritten: set[UUID]) -> str:
    """What became of a person. rewritten: leads with another outside id or other stage dates than before."""
    if person.is_new:
        return "created"
    changed = (
        person.lead.id in rewritten
        or person.handoff_is_new
        or person.lead_was != _values(person.lead, _LEAD_CHANGES)
        or person.handoff_was != _values(person.handoff, _HANDOFF_CHANGES)
        or person.cycle_was != recorded.values(person.cycle)
    )
    return "updated" if changed else "unchanged"


# --- Who it is ---


def _find(items: Sequence[Past]) -> list[Lead | FieldError | None]:
    """The lead of each item, by outside id and e-mail; None for somebody new."""
    ids = [item.lead.external_id for item in items if item.lead.external_id]
    emails = [normalise_email(item.lead.email) for item in items]
    by_id: dict[tuple[str, str], UUID] = {}
    if ids:
        rows = LeadExternalId.objects.filter(
            system__in={item.lead.external_system for item in items}, external_id__in=ids
        )
        by_id = {
            (system, external_id): lead_id
            for system, external_id, lead_id in rows.values_list("system", "external_id", "lead_id")
        }
    by_email = dict(
        Lead.objects.filter(email__in=[email for email in emails if email]).values_list("email", "id")
    )
    wanted = {*by_id.values(), *by_email.values()}
    leads = {lead.id: lead for lead in Lead.objects.filter(id__in=wanted)} if wanted else {}
    found: list[Lead | FieldError | None] = []
    for item, email in zip(items, emails, strict=True):
        named = by_id.get((item.lead.external_system, item.lead.external_id))
        mailed = by_email.get(email) if email else None
        if named and mailed and named != mailed:
            found.append(FieldError("email", "The id and the e-mail name two different leads.", "conflict"))
        else:
            lead_id = named or mailed
            found.append(leads[lead_id] if lead_id else None)
    return found


def _lock(people: Sequence[_Person]) -> None:
    """Lock what is known, handoffs before leads, and read it again as it is under the lock."""
    known = {person.lead.id: person for person in people if not person.is_new}
    if not known:
        return
    handoffs = Handoff.objects.filter(lead_id__in=known).order_by("id").select_for_update(of=("self",))
    for handoff in handoffs:
        person = known[handoff.lead_id]
        person.last_number = max(person.last_number, handoff.number)
        if not handoff.is_history:
            person.is_live = True
        elif person.handoff is None or handoff.number > person.handoff.number:
            person.handoff = handoff
    by_handoff = {person.handoff.id: person for person in known.values() if person.handoff is not None}
    for cycle in ImportedCycle.objects.filter(handoff_id__in=by_handoff):
        by_handoff[cycle.handoff_id].cycle = cycle
    locked = Lead.objects.filter(id__in=known).order_by("id").select_for_update(of=("self",))
    for lead in locked:
        known.pop(lead.id).lead = lead
    if known:
        raise Raced


# --- Owners ---


def resolve_owners(owners: Iterable[Owner], *, tenant: Tenant) -> dict[Owner, UUID]:
    """The member of each owner. One who is not here becomes a former member: inactive, without a login.

    An e-mail or another system's id finds the same person again; a name alone only an exact and single one.
    """
    wanted = {owner for owner in owners if owner}
    if not wanted:
        return {}
    teams = {name.casefold(): team_id for team_id, name in Team.objects.values_list("id", "name")}
    by_email: dict[str, UUID] = {}
    by_name: dict[str, list[UUID]] = {}
    for member_id, email, name in Member.objects.values_list("id", "email", "name"):
        by_email[email] = member_id
        by_name.setdefault(name.casefold(), []).append(member_id)
    found: dict[Owner, UUID] = {}
    for owner in sorted(wanted, key=lambda each: (each.email, each.ref, each.name)):
        address = owner.email.strip().lower() or _former_address(owner, tenant)
        same_name = by_name.get(owner.name.casefold(), []) if owner.name and not owner.email else []
        member_id = by_email.get(address) or (same_name[0] if len(same_name) == 1 else None)
        if member_id is None:
            team_id = teams.get(owner.team.casefold()) if owner.team else None
            member_id = _former_member(owner, address, tenant, team_id).id
            by_email[address] = member_id
        found[owner] = member_id
    return found


def _former_address(owner: Owner, tenant: Tenant) -> str:
    """An address that nothing is ever sent to: ".invalid" never resolves. The same for the same person."""
    key = uuid5(tenant.id, f"{owner.ref or owner.name}".casefold()).hex
    return f"former-{key}@{tenant.slug}.invalid"


def _former_member(owner: Owner, address: str, tenant: Tenant, team_id: UUID | None) -> Member:
    """Somebody who worked here once. The login row is never shared with a real one and never opens."""
    name = (owner.name or owner.email or f"Former {owner.ref}")[:120]
    login = f"former-{uuid5(tenant.id, address).hex}@{tenant.slug}.invalid"
    user = User.objects.filter(email=login).first() or User.objects.create_user(
        email=login, name=name, is_active=False
    )
    member: Member = Member.objects.create(
        tenant=tenant, user=user, name=name, email=address, role=Role.REP, team_id=team_id, is_active=False
    )
    return member


# --- Leads ---


def _accounts(people: Sequence[_Person], now: datetime) -> dict[str, Account]:
    """The account of each company domain that the items name, made where there is none."""
    told: dict[str, LeadIn] = {}
    for person in people:
        domain = _domain(person.past.lead)
        if domain:
            told.setdefault(domain, person.past.lead)
    if not told:
        return {}
    found = accounts_of_domains(told)
    fresh = [
        Account(
            domain=domain,
            name=item.company.name or domain,
            employees=item.company.employees,
            revenue=item.company.revenue,
            industry=item.company.industry,
            country=item.company.country,
            region=item.company.region,
            created_at=now,
        )
        for domain, item in sorted(told.items())
        if domain not in found
    ]
    made = insert_rows(fresh, conflict="on conflict do nothing", returning=True)
    if len(made) != len(fresh):
        raise Raced
    return found | {account.domain: account for account in fresh}


def _domain(item: LeadIn) -> str:
    return company_domain(given=item.company.domain, email=normalise_email(item.email))


def _fill(person: _Person, accounts: Mapping[str, Account], now: datetime) -> None:
    """Put what the file says on the lead. What a live lead has stays; its blanks are filled."""
    lead, past, item = person.lead, person.past, person.past.lead
    account = accounts.get(_domain(item))
    told: dict[str, Any] = {name: getattr(item, name) for name in _TEXTS}
    told |= {
        "email": normalise_email(item.email),
        "phone": normalise_phone(item.phone, past.country) if item.phone else "",
        "country": past.country,
        "region": past.region,
        "company_name": item.company.name,
        "account_id": account.id if account else None,
        "score": item.score,
    }
    for name, value in told.items():
        present = getattr(lead, name)
        keep = present not in ("", None) and (person.is_live or name in ("email", "account_id"))
        if value not in ("", None) and not keep:
            setattr(lead, name, value)
    lead.custom = {**item.custom, **lead.custom} if person.is_live else {**lead.custom, **item.custom}
    lead.search_name = f"{lead.first_name} {lead.last_name}".strip().lower()[:170]
    if person.is_new:
        lead.created_at = past.created_at or min(past.dates.values(), default=past.stage_at or now)


def _write_leads(people: Sequence[_Person], now: datetime) -> set[UUID]:
    """Write leads and their outside ids; return the leads that got an id they did not have."""
    fresh = sorted((each.lead for each in people if each.is_new), key=lambda lead: (lead.email, lead.id))
    made = insert_rows(fresh, conflict="on conflict do nothing", returning=True)
    if len(made) != len(fresh):
        raise Raced
    changed = [
        each.lead for each in people if not each.is_new and each.lead_was != _values(each.lead, _LEAD_CHANGES)
    ]
    for lead in changed:
        lead.updated_at = now
    update_rows(changed, [*_LEAD_CHANGES, "updated_at"])
    known = {
        (row.system, row.external_id)
        for row in LeadExternalId.objects.filter(
            lead_id__in=[each.lead.id for each in people if not each.is_new]
        )
    }
    named = [
        LeadExternalId(
            lead_id=each.lead.id,
            system=each.past.lead.external_system,
            external_id=each.past.lead.external_id,
        )
        for each in people
        if each.past.lead.external_id
        and (each.past.lead.external_system, each.past.lead.external_id) not in known
    ]
    named.sort(key=lambda row: (row.system, row.external_id))
    kept = insert_rows(named, conflict="on conflict do nothing", returning=True)
    if len(kept) != len(named):
        raise Raced
    return {row.lead_id for row in named}


# --- The imported cycle ---


def _write_cycles(
    people: Sequence[_Person],
    before: Mapping[UUID, Mapping[Stage, datetime]],
    after: Mapping[UUID, Mapping[Stage, datetime]],
    *,
    actor: str,
    now: datetime,
) -> None:
    """Handoffs, ownership spans and stage records that are new or not as they were, each table by one
    statement."""
    known = [each.handoff.id for each in people if each.handoff is not None and not each.handoff_is_new]
    spans = {span.handoff_id: span for span in Assignment.objects.filter(handoff_id__in=known, hop=0)}
    new_spans, changed_spans, rewritten = [], [], []
    fresh: list[Handoff] = []
    changed: list[Handoff] = []
    cycles: dict[bool, list[ImportedCycle]] = {True: [], False: []}
    changes: list[StageChange] = []
    for person in people:
        dates = after[person.lead.id]
        if dates != before.get(person.lead.id, {}):
            rewritten.append(person.lead.id)
            changes += _chain(person, dates, actor)
        handoff = person.handoff
        if handoff is None:
            continue
        if person.handoff_is_new:
            fresh.append(handoff)
        elif person.handoff_was != _values(handoff, _HANDOFF_CHANGES):
            changed.append(handoff)
        cycle = person.cycle
        if cycle is not None and person.cycle_row_was != recorded.values(cycle, recorded.COLUMNS):
            cycles[not person.cycle_row_was].append(cycle)
        span = spans.get(handoff.id)
        if handoff.owner_id is not None and span is None:
            new_spans.append(_span(handoff))
        elif span is not None and (span.member_id, span.started_at, span.ended_at) != _ends(handoff):
            span.member_id, span.started_at, span.ended_at = _ends(handoff)
            changed_spans.append(span)
    insert_rows(fresh)
    update_rows(changed, _HANDOFF_CHANGES)
    insert_rows(cycles[True])
    update_rows(cycles[False], recorded.COLUMNS)
    insert_rows(new_spans)
    update_rows(changed_spans, ["member", "started_at", "ended_at"])
    if rewritten:
        StageChange.objects.filter(lead_id__in=rewritten, actor__startswith="import:").delete()
    insert_rows(changes)
    said = {cycle.handoff_id for part in cycles.values() for cycle in part}
    mark_dirty([*{*said, *(handoff.id for handoff in (*fresh, *changed))}], now)


def _steps_before(people: Sequence[_Person]) -> dict[UUID, dict[Stage, datetime]]:
    """What earlier imports wrote of these leads: when they reached which stage."""
    known = [person.lead.id for person in people if not person.is_new]
    found: dict[UUID, dict[Stage, datetime]] = {}
    if known:
        rows = StageChange.objects.filter(lead_id__in=known, actor__startswith="import:")
        for lead_id, stage, at in rows.values_list("lead_id", "new", "at"):
            found.setdefault(lead_id, {})[Stage(stage)] = at
    return found


def _dates(person: _Person, before: Mapping[Stage, datetime]) -> dict[Stage, datetime]:
    """When the lead reached which stage, by this file and those before it; a handed-over lead has an MQL
    date."""
    past = person.past
    dates = {**before, **past.dates, **recorded.changes_of(person.cycle, past)}
    if past.stage is not None and past.stage not in dates:
        latest = max(dates.values(), default=None)
        at = past.stage_at or latest or past.created_at or person.lead.created_at
        dates[past.stage] = at if latest is None else max(at, latest)
    if _HANDED_OVER & dates.keys() and Stage.MQL not in dates:
        first = min(at for stage, at in dates.items() if RANK[stage] >= RANK[Stage.MQL])
        dates[Stage.MQL] = min(past.created_at or first, first)
    return dates


def _stage_now(past: Past, dates: Mapping[Stage, datetime]) -> Stage | None:
    """What the row says, unless an earlier file dates something further that this row does not know of."""
    furthest = _last(dates)
    if past.stage is None or furthest is None:
        return furthest
    unknown_here = furthest not in past.dates and RANK[furthest] > RANK[past.stage]
    return furthest if unknown_here else past.stage


def _last(dates: Mapping[Stage, datetime]) -> Stage | None:
    """The furthest stage; of two ends the later one."""
    return max(dates, key=lambda stage: (RANK[stage], dates[stage]), default=None)


def _shape(
    person: _Person, dates: Mapping[Stage, datetime], owners: Mapping[Owner, UUID], now: datetime
) -> None:
    """Put the lead's stage and its imported handoff into the state that the dates tell."""
    lead, past = person.lead, person.past
    if not person.is_live:
        lead.stage = _stage_now(past, dates) or lead.stage
    if Stage.MQL not in dates:
        return
    if person.handoff is None:
        person.handoff = Handoff(
            tenant_id=lead.tenant_id,
            lead=lead,
            number=person.last_number + 1,
            started_at=dates[Stage.MQL],
            state=Handoff.State.CLOSED,
            is_history=True,
            is_test=lead.is_test,
        )
        person.handoff_is_new = True
    handoff = person.handoff
    end = _last(dates)
    outcome = _OUTCOMES.get(end) if end else None
    handoff.started_at = dates[Stage.MQL]
    handoff.outcome = outcome or ""
    handoff.closed_at = dates[end] if end and outcome else max(dates.values())
    handoff.accepted_at = dates.get(Stage.SAL) or handoff.accepted_at
    handoff.sql_at = dates.get(Stage.SQL) or handoff.sql_at
    handoff.opportunity_at = dates.get(Stage.OPPORTUNITY) or handoff.opportunity_at
    handoff.first_touch_at = past.first_touch_at or handoff.first_touch_at
    for name in ("source", "campaign", "channel"):
        setattr(handoff, name, getattr(past.lead, name) or getattr(handoff, name) or getattr(lead, name))
    owner_id = owners.get(past.owner) or handoff.owner_id
    handoff.owner_id = owner_id
    handoff.owned_since = handoff.started_at if owner_id else None
    person.cycle = recorded.merge(person.cycle, past, handoff, dates, now=now)


def _ends(handoff: Handoff) -> tuple[UUID | None, datetime, datetime | None]:
    return handoff.owner_id, handoff.started_at, handoff.closed_at


def _span(handoff: Handoff) -> Assignment:
    member_id, started_at, ended_at = _ends(handoff)
    assert member_id is not None  # asked for owned handoffs only
    return Assignment(
        tenant_id=handoff.tenant_id,
        handoff=handoff,
        member_id=member_id,
        started_at=started_at,
        ended_at=ended_at,
        end_reason=Assignment.EndReason.CLOSED,
        reason="Imported: chosen elsewhere.",
    )


def _chain(person: _Person, dates: Mapping[Stage, datetime], actor: str) -> list[StageChange]:
    """The stages in the order of the lifecycle, each with its own date; dates of a file may run backwards."""
    rows = []
    before = ""
    for stage in sorted(dates, key=lambda each: (RANK[each], dates[each])):
        inside = person.handoff is not None and RANK[stage] >= RANK[Stage.MQL]
        rows.append(
            StageChange(
                lead_id=person.lead.id,
                handoff_id=person.handoff.id if inside and person.handoff else None,
                old=before,
                new=str(stage),
                at=dates[stage],
                actor=actor,
                why="Imported",
            )
        )
        before = str(stage)
    return rows
