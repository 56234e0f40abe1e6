"""Arrival: one person is one lead, however often and under whatever name it comes.

Set-based: 1,000 arrivals cost as many statements as one. Locks are taken in one order (handoffs of known
leads, known leads, accounts, outside ids, new leads), each by ascending key. Where somebody else brings the
same person at the same moment, or gives another lead the same address, the slower one finds that out by the
unique keys, and starts again with the person known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from operator import attrgetter
from uuid import UUID

from django.db import IntegrityError, OperationalError, connection
from psycopg2.errors import DeadlockDetected
from uuid_utils.compat import uuid7

from core.errors import Conflict, DomainError
from core.rules import Facts
from leads.account_facts import Beside
from leads.accounts import match_accounts
from leads.arrivals import Arrival, NewEngagement, Person
from leads.criteria import ARRIVAL, Judgement, facts_of, load_criteria
from leads.dirty import mark_leads_dirty
from leads.incoming import LeadIn
from leads.lifecycle import IN_HANDOFF, Stage, can_move
from leads.matching import normalise_email, normalise_phone
from leads.models import CriteriaVersion, Engagement, Handoff, Lead, LeadExternalId, StageChange
from leads.past import counts
from leads.people import find_people
from leads.quality import findings, known_of
from leads.score import FIELD as SCORE_FIELD
from leads.score import shown_score
from leads.triggers import judge as judge_triggers
from leads.triggers import note_change, note_stage, trigger_why, triggers_in_force
from tenants.bulk import fresh, insert_rows, insert_values, update_rows
from tenants.clock import Clock
from tenants.context import current_tenant_id
from tenants.roundtrips import send_waiting, write
from tenants.versions import version_in_force

TRIES = 5
_SAVEPOINT = "slaportal_arrival"
# Keys by which one of two transactions that bring the same person learns of the other.
_ONCE = ("lead_email_once", "lead_external_id_once")
_FILLED = ("first_name", "last_name", "title", "phone", "postal_code")
# The first that is known stays: handoffs keep those of each return.
_FIRST_TOUCH = ("source", "campaign", "channel")
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
    "outside_stage",
    "outside_system",
    "stage_by_system",
    "triggered_at",
    "custom",
    "stage",
    "verdict",
    "criteria_version",
    "needs",
    "needs_since",
    "invalid",
    "is_test",
    "updated_at",
)
_ENGAGEMENT_NAMES = tuple(each.name for each in fields(NewEngagement))
_engagement_values = attrgetter(*_ENGAGEMENT_NAMES)


class Raced(Exception):
    """Another transaction brought one of these people meanwhile."""


def upsert_leads(
    items: Sequence[LeadIn],
    *,
    now: datetime,
    clock: Clock | None = None,
    criteria: CriteriaVersion | None = None,
) -> list[Arrival | DomainError]:
    """Take arrivals in: find or make each lead, its account and engagements, and judge it. One answer an
    item, in order: a refused item is its error and leaves no trace; the others land.

    clock:    read again once known leads and their handoffs are locked: what others did meanwhile lies
              before it.
    criteria: judged by these; those in force unless given.
    The lead's row holds the stage that the verdict gives it; `record_steps` writes its steps, once the
    handoffs they belong to are open. Raises Conflict where others keep sending the same people.
    """
    version = criteria or version_in_force(CriteriaVersion, now)
    return try_until_alone(lambda: Batch(items, now, clock, version))


def try_until_alone(make: Callable[[], Batch]) -> list[Arrival | DomainError]:
    """Run a batch, made anew for each try, until nobody comes between. Raises Conflict after `TRIES`."""
    # A try that was overtaken gives back what it wrote and every lock before it starts again: kept, its lock
    # of an account would come before those of the handoffs, and meet the other order in somebody's way.
    # One savepoint for all tries, which travels with the next statement: a way of its own would cost every
    # lead one.
    write(f"SAVEPOINT {_SAVEPOINT}", [])
    for _ in range(TRIES):
        try:
            answers = make().run()
        except (Raced, OperationalError) as error:
            # Batches that give known leads each other's addresses can wait for one another in a ring; whoever
            # the database picks to give way takes its turn again.
            if isinstance(error, OperationalError) and not isinstance(error.__cause__, DeadlockDetected):
                raise
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
            why = trigger_why(arrival.lead.verdict) if new == Stage.MQL else ""
            handoff_id = handoff.id if handoff else None
            rows.append((uuid7(), arrival.lead.id, handoff_id, old, str(new), now, actor, why))
    insert_values(StageChange, ("id", "lead_id", "handoff_id", "old", "new", "at", "actor", "why"), rows)


class Batch:
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
        self.people: list[Person] = []
        self.gains_address = False  # a known lead gets an e-mail that it did not have
        self.triggers = triggers_in_force()

    def run(self) -> list[Arrival | DomainError]:
        self.people, self.errors = self.find()
        self.load_known()
        match_accounts(self.people, self.now)
        self.note_standing()
        for person in self.people:
            self.merge(person)
        self.judge()
        self.write()
        return self.answers()

    def find(self) -> tuple[list[Person], dict[int, DomainError]]:
        """Whom the items name, and the errors of those that name nobody, by position."""
        return find_people(self.items, self.now)

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
            raise Raced  # erased between the look-up and the lock
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
            if counts(received_at, person.closed_at):
                person.past.append((kind, subject, at))

    @staticmethod
    def check_handoffs(known: Mapping[UUID, Person]) -> None:
        """Start again where somebody opened a handoff while we waited for the lead: its lock comes first."""
        missed = [
            lead_id
            for lead_id, person in known.items()
            if person.handoff is None and person.lead is not None and person.lead.stage in IN_HANDOFF
        ]
        if missed and Handoff.objects.filter(lead_id__in=missed, state=Handoff.State.OPEN).exists():
            raise Raced

    def note_standing(self) -> None:
        """Note what says already that known leads are to be handed over.

        Of one whose last handoff ended, the verdict may be from before, when all it had done counted: its
        score is counted anew, so that who raises a hand again says something new.
        """
        known = [(each, each.lead) for each in self.people if each.lead is not None]
        if self.triggers.is_plain or not known:
            return
        criteria = load_criteria(self.version) if self.version else None
        beside = Beside((lead, person.account) for person, lead in known)
        for person, lead in known:
            score = shown_score(lead.score, lead.verdict)
            if person.closed_at is not None and criteria is not None and criteria.signals is not None:
                facts = facts_of(lead, person.account, person.past, self.now, beside=beside)
                score = criteria.signals.points(facts)
            person.stood = self.triggers.standing(lead, score)

    # --- The lead itself ------------------------------------------------------------------------------------

    def merge(self, person: Person) -> None:
        """Put what the items say into the lead, and keep each as engagements."""
        if person.lead is None:
            person.is_new = True
            person.lead = fresh(
                Lead,
                tenant_id=self.tenant_id,
                is_test=all(item.test for _, item in person.items),
                created_at=self.now,
                stage=Stage.SUBSCRIBER,
            )
        lead, address = person.lead, person.lead.email
        for index, item in person.items:
            # What happened before the last thing we know of only fills gaps.
            newer = person.latest is None or item.occurred_at is None or item.occurred_at >= person.latest
            self.merge_item(lead, item, newer=newer)
            person.engagements[index] = self.new_engagements(person, item)
        if not person.is_new and lead.email != address:
            self.gains_address = True
        if person.account is not None:
            lead.account_id = person.account.id
        lead.search_name = f"{lead.first_name} {lead.last_name}".strip().lower()[:170]
        # Who waited for data goes on waiting since then; for who did not, a wait of long ago is over.
        lead.needs_since = lead.waits_since if lead.needs else None
        lead.updated_at = self.now

    def merge_item(self, lead: Lead, item: LeadIn, *, newer: bool) -> None:
        country = item.company.country
        values: dict[str, str] = {
            "email": normalise_email(item.email),
            "first_name": item.first_name.strip(),
            "last_name": item.last_name.strip(),
            "title": item.title.strip(),
            "phone": normalise_phone(item.phone, country)[:40],
            "country": country,
            "region": item.company.region,
            "postal_code": item.postal_code.strip(),
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
        if item.stage.strip():
            note_stage(lead, item.external_system.strip(), item.stage.strip(), newer=newer)
        if item.custom:
            lead.custom = {**lead.custom, **item.custom} if newer else {**item.custom, **lead.custom}
        if not item.test:
            lead.is_test = False

    def new_engagements(self, person: Person, item: LeadIn) -> list[NewEngagement]:
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
        criteria = load_criteria(self.version) if self.version else None
        beside = Beside((person.lead, person.account) for person in self.people if person.lead is not None)
        for person in self.people:
            lead = person.lead
            assert lead is not None
            person.facts = facts_of(
                lead, person.account, person.past, self.now, criteria=criteria, beside=beside
            )
            lead.invalid = [each.code for each in findings(known_of(person.facts.values))]
            if person.is_new:
                person.steps.append(("", Stage(lead.stage)))
            judgement = judge_lead(lead, person.facts, self.version) if self.version else None
            judgement = self.ask_triggers(person, judgement)
            lead.note_waiting(self.now)
            if judgement is None:
                continue
            person.judgement = judgement
            if person.is_new and judgement.fits:
                lead.stage = Stage.LEAD
                person.steps[0] = ("", Stage.LEAD)
            elif judgement.fits and lead.stage == Stage.SUBSCRIBER:
                self.step(person, Stage.LEAD)
            # At MQL or further without an open handoff: imported history that the file left open.
            movable = can_move(Stage(lead.stage), Stage.MQL) or lead.stage in IN_HANDOFF
            person.may_open = (
                judgement.qualified and person.handoff is None and movable and self.may_open(person)
            )
            if person.may_open and not lead.needs:
                person.qualifies = True
                self.step(person, Stage.MQL)

    def ask_triggers(self, person: Person, judgement: Judgement | None) -> Judgement | None:
        """The judgement with what hands leads over here, which may be something else than our criteria."""
        if self.triggers.is_plain:
            return judgement
        lead, facts = person.lead, person.facts
        assert lead is not None
        assert facts is not None
        risen = note_change(lead, person.stood, self.triggers, self.now, score=facts.value(SCORE_FIELD))
        found = judge_triggers(
            self.triggers,
            judgement,
            criteria=load_criteria(self.version) if self.version else None,
            lead=lead,
            facts=facts,
            past=person.past,
            closed_at=person.closed_at,
            risen=risen,
        )
        if found is not None:
            lead.verdict = found.verdict
            lead.needs = found.needs if found.qualified else []
        return found

    def may_open(self, person: Person) -> bool:
        """May a handoff be opened for a person who qualifies and has none?"""
        return True

    @staticmethod
    def step(person: Person, to: Stage) -> None:
        assert person.lead is not None
        person.steps.append((str(person.lead.stage), to))
        person.lead.stage = to

    # --- Writing --------------------------------------------------------------------------------------------

    def write(self) -> None:
        """Write what all of them became. Raises Raced where somebody else brought one of them, or gave
        another lead one of their addresses, meanwhile."""
        try:
            self.write_rows()
        except IntegrityError as error:
            if getattr(getattr(error.__cause__, "diag", None), "constraint_name", "") not in _ONCE:
                raise
            raise Raced from error

    def write_rows(self) -> None:
        known = [person.lead for person in self.people if person.lead is not None and not person.is_new]
        update_rows(known, _CHANGING)
        handed_over = [person.lead.id for person in self.people if person.lead and person.last_number]
        mark_leads_dirty(handed_over, self.now)
        ids = [
            fresh(
                LeadExternalId,
                tenant_id=self.tenant_id,
                lead_id=person.lead.id,
                system=system,
                external_id=external_id,
            )
            for person in self.people
            if person.lead is not None
            for system, external_id in person.new_ids
        ]
        ids.sort(key=lambda row: (row.system, row.external_id))
        insert_rows(ids)
        arrived = sorted(
            (person.lead for person in self.people if person.lead is not None and person.is_new),
            key=lambda lead: (lead.email, lead.id),
        )
        insert_rows(arrived)
        kept = [row for person in self.people for rows in person.engagements.values() for row in rows]
        insert_values(Engagement, _ENGAGEMENT_NAMES, [_engagement_values(row) for row in kept])
        if ids or arrived or self.gains_address:
            # Here, and not with a later statement: there nobody could tell whose key was met.
            send_waiting()

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
                    may_open=person.may_open and first,
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
