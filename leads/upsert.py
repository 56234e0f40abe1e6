"""Arrival: one person is one lead, however often and under whatever name it comes.

Set-based: 1,000 arrivals cost as many statements as one. Locks are taken in one order (handoffs of known
leads, known leads, accounts, outside ids, new leads), each by ascending key. Where somebody else brings the
same person at the same moment, the slower one finds that out by the unique keys, and starts again with the
person known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from operator import attrgetter
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Q
from uuid_utils.compat import uuid7

from core.errors import Conflict, DomainError
from core.rules import Facts
from leads.criteria import ARRIVAL, Judgement, facts_of, load_criteria
from leads.incoming import CompanyIn, LeadIn, check
from leads.lifecycle import IN_HANDOFF, Stage, can_move
from leads.matching import company_domain, normalise_email, normalise_phone
from leads.models import Account, CriteriaVersion, Engagement, Handoff, Lead, LeadExternalId, StageChange
from tenants.bulk import insert_rows, insert_values, update_rows
from tenants.clock import Clock
from tenants.context import current_tenant_id
from tenants.roundtrips import write
from tenants.versions import published_version

TRIES = 5
_SAVEPOINT = "slaportal_arrival"
# A lead at one of these has a handoff that is open.
_HANDED_OVER = frozenset({Stage.MQL, Stage.SAL, Stage.SQL, Stage.OPPORTUNITY})
_FILLED = ("first_name", "last_name", "title", "phone")
_FIRST_TOUCH = (
    "source",
    "campaign",
    "channel",
)  # the first that is known stays: handoffs keep those of each return
_CHANGING = (
    "email",
    *_FILLED,
    *_FIRST_TOUCH,
    "search_name",
    "country",
    "region",
    "company_name",
    "account",
    "score",
    "custom",
    "stage",
    "verdict",
    "criteria_version",
    "needs",
    "is_test",
    "updated_at",
)


class _Raced(Exception):
    """Another transaction brought one of these people meanwhile."""


@dataclass(slots=True)
class NewEngagement:
    """A row of leads.Engagement that this arrival leaves."""

    id: UUID
    lead_id: UUID
    kind: str
    subject: str
    at: datetime
    received_at: datetime
    source: str
    campaign: str


_ENGAGEMENT_NAMES = tuple(each.name for each in fields(NewEngagement))
_engagement_values = attrgetter(*_ENGAGEMENT_NAMES)


@dataclass(slots=True)
class Arrival:
    """What became of one item.

    at:           when we took it: where its clocks start.
    created:      the lead is new, and this item made it.
    handoff:      the handoff that is open already, locked; None where there is none.
    last_number:  of the lead's handoffs so far; 0 for none.
    qualifies:    judged an MQL, lacks nothing, has no open handoff: a handoff is to be opened (once a lead).
    judgement:    None where the tenant has published no criteria.
    """

    item: LeadIn
    at: datetime
    lead: Lead
    created: bool
    engagements: list[NewEngagement]
    account: Account | None = None
    facts: Facts | None = None
    handoff: Handoff | None = None
    last_number: int = 0
    qualifies: bool = False
    judgement: Judgement | None = None
    steps: list[tuple[str, Stage]] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class _Person:
    """Everything about one person in this batch."""

    lead_id: UUID | None  # of the known lead
    items: list[tuple[int, LeadIn]] = field(default_factory=list)
    lead: Lead | None = None
    is_new: bool = False
    account: Account | None = None
    new_ids: dict[tuple[str, str], None] = field(default_factory=dict)
    past: list[tuple[str, str | None, datetime]] = field(
        default_factory=list
    )  # that counts for the judgement
    known_events: set[tuple[str, str, datetime]] = field(default_factory=set)
    latest: datetime | None = None  # the last thing known of the lead before this batch
    handoff: Handoff | None = None
    closed_at: datetime | None = None
    last_number: int = 0
    engagements: dict[int, list[NewEngagement]] = field(default_factory=dict)
    facts: Facts | None = None
    judgement: Judgement | None = None
    qualifies: bool = False
    steps: list[tuple[str, Stage]] = field(default_factory=list)


def upsert_leads(
    items: Sequence[LeadIn],
    *,
    now: datetime,
    clock: Clock | None = None,
    criteria: CriteriaVersion | None = None,
) -> list[Arrival | DomainError]:
    """Take arrivals in: find or make each lead, its account and engagements, and judge it. One answer per
    item, in
    order: a refused item is its error and leaves no trace; the others land.

    clock:    read again once known leads and their handoffs are locked: what others did meanwhile lies
              before it.
    criteria: judged by these; the published ones unless given. The lead's row holds the stage that the
              verdict
    gives it; its steps are written by `record_steps`, once the handoffs they belong to are open.
    """
    version = criteria or published_version(CriteriaVersion)
    # A try that was overtaken gives back what it wrote and every lock before it starts again: kept, its lock
    # of an account would come before those of the handoffs, and meet the other order in somebody's way.
    # One savepoint for all tries, which travels with the next statement: a way of its own would cost every
    # lead one.
    write(f"SAVEPOINT {_SAVEPOINT}", [])
    for _ in range(TRIES):
        try:
            answers = _Batch(items, now, clock, version).run()
        except _Raced:
            with connection.cursor() as cursor:
                cursor.execute(f"ROLLBACK TO SAVEPOINT {_SAVEPOINT}")
        else:
            write(f"RELEASE SAVEPOINT {_SAVEPOINT}", [])
            return answers
    raise Conflict("Others are sending the same person at this moment; send it again.")


def record_steps(
    arrivals: Sequence[Arrival], *, actor: str, now: datetime, handoffs: dict[UUID, Handoff] | None = None
) -> None:
    """Write the stage history of arrivals; `handoffs` are those opened for them, by lead id."""
    rows = []
    for arrival in arrivals:
        for old, new in arrival.steps:
            handoff = (handoffs or {}).get(arrival.lead.id) if new == Stage.MQL else None
            why = "Meets the MQL criteria" if new == Stage.MQL else ""
            handoff_id = handoff.id if handoff else None
            rows.append((uuid7(), arrival.lead.id, handoff_id, old, str(new), now, actor, why))
    insert_values(StageChange, ("id", "lead_id", "handoff_id", "old", "new", "at", "actor", "why"), rows)


class _Batch:
    """One try at a batch of arrivals."""

    def __init__(
        self, items: Sequence[LeadIn], now: datetime, clock: Clock | None, version: CriteriaVersion | None
    ) -> None:
        self.items = items
        self.now = now
        self.clock = clock
        self.version = version
        self.tenant_id = current_tenant_id()
        self.errors: dict[int, DomainError] = {}
        self.people: list[_Person] = []

    def run(self) -> list[Arrival | DomainError]:
        self.find_people()
        self.load_known()
        self.match_accounts()
        for person in self.people:
            self.merge(person)
        self.judge()
        self.write()
        return self.answers()

    # --- Who is it? -----------------------------------------------------------------------------------------

    def find_people(self) -> None:
        """Sort the items by person. Items that name two different leads are refused."""
        good: list[tuple[int, LeadIn, str]] = []
        for index, item in enumerate(self.items):
            error = check(item, self.now)
            if error is not None:
                self.errors[index] = error
            else:
                good.append((index, item, normalise_email(item.email)))
        by_email, by_id = self.look_up(good)
        by_lead: dict[UUID, _Person] = {}
        emails: dict[str, _Person] = {}
        outside: dict[tuple[str, str], _Person] = {}
        for email, lead_id in by_email.items():
            emails[email] = by_lead.setdefault(lead_id, _Person(lead_id))
        for key, lead_id in by_id.items():
            outside[key] = by_lead.setdefault(lead_id, _Person(lead_id))
        for index, item, email in good:
            key = (item.external_system, item.external_id)
            named = emails.get(email) if email else None
            known = outside.get(key) if item.external_id else None
            if named is not None and known is not None and named is not known:
                self.errors[index] = Conflict(
                    "The e-mail belongs to one lead and the external id to another: correct one of them.",
                    conflict="identity",
                )
                continue
            person = named or known or _Person(None)
            if email:
                emails[email] = person
            if item.external_id:
                if known is None:
                    person.new_ids[key] = None
                outside[key] = person
            if not person.items:
                self.people.append(person)
            person.items.append((index, item))

    def look_up(
        self, good: Sequence[tuple[int, LeadIn, str]]
    ) -> tuple[dict[str, UUID], dict[tuple[str, str], UUID]]:
        """Leads that are known by these e-mails and by these outside ids, in one statement."""
        emails = sorted({email for _, _, email in good if email})
        ids = sorted({(item.external_system, item.external_id) for _, item, _ in good if item.external_id})
        parts: list[str] = []
        parameters: list[Any] = []
        if emails:
            # "not (email = '')" is the condition of the index, which a long list alone does not imply.
            parts.append(
                "select id, email, null::text, null::text from leads_lead"
                " where tenant_id = %s and email = any(%s) and not (email = '')"
            )
            parameters += [str(self.tenant_id), emails]
        if ids:
            parts.append(
                "select known.lead_id, null::text, known.system, known.external_id"
                " from leads_leadexternalid known"
                " join unnest(%s::text[], %s::text[]) as wanted(system, external_id)"
                " on known.system = wanted.system and known.external_id = wanted.external_id"
                " where known.tenant_id = %s"
            )
            parameters += [[system for system, _ in ids], [key for _, key in ids], str(self.tenant_id)]
        by_email: dict[str, UUID] = {}
        by_id: dict[tuple[str, str], UUID] = {}
        if parts:
            with connection.cursor() as cursor:
                cursor.execute(" union all ".join(parts), parameters)
                for lead_id, email, system, external_id in cursor.fetchall():
                    if email is not None:
                        by_email[email] = lead_id
                    else:
                        by_id[(system, external_id)] = lead_id
        return by_email, by_id

    # --- What do we know of them? ---------------------------------------------------------------------------

    def load_known(self) -> None:
        """Lock the handoffs and then the rows of known leads, and read what they did before."""
        known = {person.lead_id: person for person in self.people if person.lead_id is not None}
        if not known:
            return
        ids = list(known)
        handoffs = Handoff.objects.filter(lead_id__in=ids).order_by("id")
        for handoff in handoffs.select_for_update(of=("self",), no_key=True):
            person = known[handoff.lead_id]
            person.last_number = max(person.last_number, handoff.number)
            if handoff.state == Handoff.State.OPEN:
                person.handoff = handoff
            elif handoff.closed_at and (person.closed_at is None or handoff.closed_at > person.closed_at):
                person.closed_at = handoff.closed_at
        leads = Lead.objects.filter(id__in=ids).order_by("id")
        for lead in leads.select_for_update(of=("self",), no_key=True):
            known[lead.id].lead = lead
            if known[lead.id].handoff is not None:
                known[lead.id].handoff.lead = lead  # type: ignore[union-attr]
        if any(person.lead is None for person in known.values()):
            raise _Raced  # erased between the look-up and the lock
        self.check_handoffs(known)
        if self.clock is not None:
            self.now = self.clock()
        events = Engagement.objects.filter(lead_id__in=ids)
        for lead_id, kind, subject, at, received_at in events.values_list(
            "lead_id", "kind", "subject", "at", "received_at"
        ):
            person = known[lead_id]
            person.known_events.add((kind, subject, at))
            person.latest = max(person.latest or at, at)
            # After a closed handoff the lead starts clean: what led to that one cannot open the next.
            if person.closed_at is None or received_at >= person.closed_at:
                person.past.append((kind, subject, at))

    @staticmethod
    def check_handoffs(known: Mapping[UUID, _Person]) -> None:
        """Start again where somebody opened a handoff while we waited for the lead: its lock comes first."""
        missed = [
            lead_id
            for lead_id, person in known.items()
            if person.handoff is None and person.lead is not None and person.lead.stage in _HANDED_OVER
        ]
        if missed and Handoff.objects.filter(lead_id__in=missed, state=Handoff.State.OPEN).exists():
            raise _Raced

    # --- Accounts -------------------------------------------------------------------------------------------

    def match_accounts(self) -> None:
        """Find or make the account of each person: by domain, else by the exact name of one that has no
        domain."""
        wanted: dict[_Person, tuple[str, str]] = {}
        for person in self.people:
            wanted[person] = self.account_key(person)
        domains = sorted({domain for domain, _ in wanted.values() if domain})
        names = sorted({name for domain, name in wanted.values() if name and not domain})
        known = sorted(
            {person.lead.account_id for person in self.people if person.lead and person.lead.account_id}
        )
        if not (domains or names or known):
            return
        by_domain, by_name, by_id = self.find_accounts(domains, names, known)
        missing = [domain for domain in domains if domain not in by_domain]
        nameless = [name for name in names if name not in by_name]
        if missing or nameless:
            self.make_accounts(missing, nameless, wanted, by_domain, by_name)
        changed: dict[UUID, Account] = {}
        for person, (domain, name) in wanted.items():
            found = by_domain.get(domain) if domain else by_name.get(name) if name else None
            current = by_id.get(person.lead.account_id) if person.lead and person.lead.account_id else None
            person.account = found or current
            if person.account is not None:
                for _, item in person.items:
                    if _improve_account(person.account, item.company):
                        changed[person.account.id] = person.account
        if changed:
            list(
                Account.objects.filter(id__in=list(changed))
                .select_for_update(of=("self",), no_key=True)
                .order_by("id")
                .only("id")
            )
            update_rows(
                list(changed.values()), ["name", "employees", "revenue", "industry", "country", "region"]
            )

    def account_key(self, person: _Person) -> tuple[str, str]:
        """(domain, name) of the company that the items name; a known lead keeps its account unless they name
        one."""
        has_account = person.lead is not None and person.lead.account_id is not None
        for _, item in person.items:
            domain = company_domain(
                given=item.company.domain, email="" if has_account else normalise_email(item.email)
            )
            if domain:
                return domain, item.company.name
        name = next((item.company.name for _, item in person.items if item.company.name), "")
        return "", "" if has_account else name

    @staticmethod
    def find_accounts(
        domains: list[str], names: list[str], ids: list[UUID]
    ) -> tuple[dict[str, Account], dict[str, Account], dict[UUID, Account]]:
        condition = Q(pk__in=[])
        if domains:
            condition |= Q(domain__in=domains) & ~Q(domain="")
        if names:
            condition |= Q(name__in=names, domain="")
        if ids:
            condition |= Q(id__in=ids)
        by_domain: dict[str, Account] = {}
        by_name: dict[str, Account] = {}
        by_id: dict[UUID, Account] = {}
        for account in Account.objects.filter(condition).order_by("id"):
            by_id[account.id] = account
            if account.domain:
                by_domain[account.domain] = account
            else:
                by_name.setdefault(account.name, account)
        return by_domain, by_name, by_id

    def make_accounts(
        self,
        domains: list[str],
        names: list[str],
        wanted: dict[_Person, tuple[str, str]],
        by_domain: dict[str, Account],
        by_name: dict[str, Account],
    ) -> None:
        """Make the accounts that there are not yet. Those that somebody else is making are waited for and
        taken."""
        title = {domain: name for domain, name in reversed(wanted.values()) if name}
        if names:
            # Names are no unique key: whoever makes accounts by name does so one after the other.
            with connection.cursor() as cursor:
                cursor.execute("select pg_advisory_xact_lock(hashtext(%s))", [f"accounts:{self.tenant_id}"])
            by_name.update(self.find_accounts([], names, [])[1])
        rows = [
            Account(
                tenant_id=self.tenant_id,
                name=(title.get(domain) or domain)[:200],
                domain=domain,
                created_at=self.now,
            )
            for domain in domains
        ]
        rows += [
            Account(tenant_id=self.tenant_id, name=name, created_at=self.now)
            for name in names
            if name not in by_name
        ]
        by_key = {(row.domain, "" if row.domain else row.name): row for row in rows}
        for person, (domain, name) in wanted.items():
            row = by_key.get((domain, "" if domain else name))
            if row is not None:
                for _, item in person.items:
                    _improve_account(row, item.company)
        made = set(insert_rows(rows, conflict="on conflict do nothing", returning=True))
        lost = [row.domain for row in rows if row.id not in made]
        for row in rows:
            if row.id in made:
                (by_domain if row.domain else by_name)[row.domain or row.name] = row
        if lost:
            by_domain.update(self.find_accounts(lost, [], [])[0])

    # --- The lead itself ------------------------------------------------------------------------------------

    def merge(self, person: _Person) -> None:
        """Put what the items say into the lead, and keep each as engagements."""
        if person.lead is None:
            person.is_new = True
            person.lead = Lead(
                tenant_id=self.tenant_id,
                is_test=all(item.test for _, item in person.items),
                created_at=self.now,
                stage=Stage.SUBSCRIBER,
            )
        lead = person.lead
        for index, item in person.items:
            # What happened before the last thing we know of only fills gaps.
            newer = person.latest is None or item.occurred_at is None or item.occurred_at >= person.latest
            self.merge_item(lead, item, newer=newer)
            person.engagements[index] = self.new_engagements(person, item)
        if person.account is not None:
            lead.account_id = person.account.id
        lead.search_name = f"{lead.first_name} {lead.last_name}".strip().lower()[:170]
        lead.updated_at = self.now

    @staticmethod
    def merge_item(lead: Lead, item: LeadIn, *, newer: bool) -> None:
        country = item.company.country
        values: dict[str, str] = {
            "email": normalise_email(item.email),
            "first_name": item.first_name.strip(),
            "last_name": item.last_name.strip(),
            "title": item.title.strip(),
            "phone": normalise_phone(item.phone, country)[:40],
            "country": country,
            "region": item.company.region,
            "company_name": item.company.name,
        }
        for name, value in values.items():
            if value and (newer or not getattr(lead, name)):
                setattr(lead, name, value)
        for name in _FIRST_TOUCH:
            if not getattr(lead, name):
                setattr(lead, name, getattr(item, name))
        if item.score is not None and (newer or lead.score is None):
            lead.score = item.score
        if item.custom:
            lead.custom = {**lead.custom, **item.custom} if newer else {**item.custom, **lead.custom}
        if not item.test:
            lead.is_test = False

    def new_engagements(self, person: _Person, item: LeadIn) -> list[NewEngagement]:
        """The rows this arrival leaves: its engagements, or the arrival itself where it names none. One that
        carries its own time and is there already is not kept twice."""
        assert person.lead is not None
        came_at = min(item.occurred_at or self.now, self.now)
        rows = []
        told = [(each.kind, each.subject, each.at) for each in item.engagements] or [
            (ARRIVAL, item.source, None)
        ]
        for kind, subject, told_at in told:
            at = min(told_at or came_at, self.now)
            if told_at is not None and (kind, subject, at) in person.known_events:
                continue
            person.known_events.add((kind, subject, at))
            person.past.append((kind, subject, at))
            rows.append(
                NewEngagement(
                    id=uuid7(),
                    lead_id=person.lead.id,
                    kind=kind,
                    subject=subject,
                    at=at,
                    received_at=self.now,
                    source=item.source,
                    campaign=item.campaign,
                )
            )
        return rows

    # --- Judgement ------------------------------------------------------------------------------------------

    def judge(self) -> None:
        for person in self.people:
            lead = person.lead
            assert lead is not None
            person.facts = facts_of(lead, person.account, person.past, self.now)
            if person.is_new:
                person.steps.append(("", Stage(lead.stage)))
            if self.version is None:
                continue
            judgement = judge_lead(lead, person.facts, self.version)
            person.judgement = judgement
            if person.is_new and judgement.fits:
                lead.stage = Stage.LEAD
                person.steps[0] = ("", Stage.LEAD)
            elif judgement.fits and lead.stage == Stage.SUBSCRIBER:
                self.step(person, Stage.LEAD)
            ready = judgement.qualified and not lead.needs
            # At MQL or further without an open handoff: imported history that the file left open.
            movable = can_move(Stage(lead.stage), Stage.MQL) or lead.stage in IN_HANDOFF
            if ready and person.handoff is None and movable:
                person.qualifies = True
                self.step(person, Stage.MQL)

    @staticmethod
    def step(person: _Person, to: Stage) -> None:
        assert person.lead is not None
        person.steps.append((str(person.lead.stage), to))
        person.lead.stage = to

    # --- Writing --------------------------------------------------------------------------------------------

    def write(self) -> None:
        known = [person.lead for person in self.people if person.lead is not None and not person.is_new]
        update_rows(known, _CHANGING)
        ids = [
            LeadExternalId(
                tenant_id=self.tenant_id, lead_id=person.lead.id, system=system, external_id=external_id
            )
            for person in self.people
            if person.lead is not None
            for system, external_id in person.new_ids
        ]
        ids.sort(key=lambda row: (row.system, row.external_id))
        kept = insert_rows(ids, conflict="on conflict do nothing", returning=True)
        if len(kept) != len(ids):
            raise _Raced
        fresh = sorted(
            (person.lead for person in self.people if person.lead is not None and person.is_new),
            key=lambda lead: (lead.email, lead.id),
        )
        made = insert_rows(fresh, conflict="on conflict do nothing", returning=True)
        if len(made) != len(fresh):
            raise _Raced
        kept = [row for person in self.people for rows in person.engagements.values() for row in rows]
        insert_values(Engagement, _ENGAGEMENT_NAMES, [_engagement_values(row) for row in kept])

    def answers(self) -> list[Arrival | DomainError]:
        found: dict[int, Arrival | DomainError] = dict(self.errors)
        for person in self.people:
            assert person.lead is not None
            for position, (index, item) in enumerate(person.items):
                first = position == 0
                found[index] = Arrival(
                    item=item,
                    at=self.now,
                    lead=person.lead,
                    created=person.is_new and first,
                    engagements=person.engagements[index],
                    account=person.account,
                    facts=person.facts,
                    handoff=person.handoff,
                    last_number=person.last_number,
                    qualifies=person.qualifies and first,
                    judgement=person.judgement,
                    steps=person.steps if first else [],
                )
        return [found[index] for index in range(len(self.items))]


def judge_lead(lead: Lead, facts: Facts, version: CriteriaVersion) -> Judgement:
    """Judge a lead by a version and put verdict, version and missing requirements on the instance (not
    saved)."""
    judgement = load_criteria(version).judge(facts)
    lead.verdict = judgement.verdict
    lead.criteria_version_id = version.id
    lead.needs = judgement.needs if judgement.qualified else []
    return judgement


def _improve_account(account: Account, company: CompanyIn) -> bool:
    """Write what the arrival says about the company; True if that changed anything. A real name replaces a
    domain."""
    changed = False
    for name in ("employees", "revenue", "industry", "country", "region"):
        value = getattr(company, name)
        if value not in (None, "") and getattr(account, name) != value:
            setattr(account, name, value)
            changed = True
    if company.name and account.name == account.domain:
        account.name = company.name
        changed = True
    return changed
