"""Whether a lead that qualifies may go to sales now: it has what its SLA tier asks for, and does not wait for
enrichment. What may not is put back before its handoff is opened, so no clock of it ever ran.

Called with the leads locked, by everything that hands leads over (`handoff.intake.hand_off`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Exists, OuterRef, QuerySet

from handoff import words
from handoff.kept_arrivals import keep, recall
from leads.criteria import criteria_that_judged
from leads.lifecycle import Stage
from leads.models import DataWait, Lead
from leads.requirements import Hold, Requirements, required_labels
from leads.services import Arrival, Terms
from tenants.bulk import fresh, insert_rows, update_rows

Matching = Callable[[Sequence[Arrival]], dict[UUID, Terms]]
Outcome = DataWait.Outcome


def let_through(
    arrivals: Sequence[Arrival], terms: Mapping[UUID, Terms], match: Matching, *, now: datetime
) -> list[Arrival]:
    """Those of the arrivals that are handed over now, in order; of the others the lead is put back to where
    it was, with what it needs.

    terms: the tiers of those that qualify, by lead. match: finds them for others.
    What an earlier arrival said of a lead that waited until now is put into its item.
    """
    recall(arrivals)
    through = _ready(arrivals, terms, match, now)
    keep(arrivals, {arrival.lead.id for arrival in through})
    return through


def _ready(
    arrivals: Sequence[Arrival], terms: Mapping[UUID, Terms], match: Matching, now: datetime
) -> list[Arrival]:
    through = [arrival for arrival in arrivals if arrival.qualifies]
    asked = {
        arrival.lead.id: asks
        for arrival in arrivals
        if arrival.may_open and (asks := _requirements(arrival)) is not None and asks.asks_more
    }
    if not asked:
        return through
    looked_at = [arrival for arrival in arrivals if arrival.lead.id in asked and arrival.may_open]
    wanting = [arrival for arrival in looked_at if not arrival.qualifies and asked[arrival.lead.id].by_tier]
    tiers = {**terms, **(match(wanting) if wanting else {})}
    waits = _waits(looked_at)
    started: list[DataWait] = []
    put_back: list[Lead] = []
    stopped: set[UUID] = set()
    for arrival in looked_at:
        lead, asks = arrival.lead, asked[arrival.lead.id]
        values = arrival.facts.values if arrival.facts else {}
        tier = tiers.get(lead.id)
        lacking = asks.lacking(values, tier.tier if tier else None)
        is_held = _held(arrival, asks.hold, values, bool(lacking), waits.get(lead.id), started, now)
        if is_held or lacking:
            stopped.add(lead.id)
            if _put_back(arrival, lacking, now):
                put_back.append(lead)
    insert_rows(started)
    update_rows([wait for wait in waits.values() if wait.ended_at == now], ["ended_at", "outcome"])
    update_rows(put_back, ["stage", "needs", "needs_since"])
    return [arrival for arrival in through if arrival.lead.id not in stopped]


def _requirements(arrival: Arrival) -> Requirements | None:
    criteria = criteria_that_judged(arrival.lead)
    return criteria.requirements if criteria is not None else None


def _waits(arrivals: Sequence[Arrival]) -> dict[UUID, DataWait]:
    """The hold of each lead's next handoff, where it has or had one. A lead that is new never had."""
    numbers = {arrival.lead.id: arrival.last_number + 1 for arrival in arrivals if not arrival.created}
    if not numbers:
        return {}
    rows = DataWait.objects.filter(lead_id__in=list(numbers), kind=DataWait.Kind.ENRICHMENT)
    return {row.lead_id: row for row in rows if row.number == numbers[row.lead_id]}


def _held(
    arrival: Arrival,
    hold: Hold | None,
    values: Mapping[str, object],
    is_lacking: bool,
    wait: DataWait | None,
    started: list[DataWait],
    now: datetime,
) -> bool:
    """Whether a lead waits for enrichment. Begins its hold, or ends it: once for each handoff."""
    missing = hold.lacking(values) if hold is not None else []
    if wait is None:
        if hold is None or not missing:
            return False
        started.append(
            fresh(
                DataWait,
                tenant_id=arrival.lead.tenant_id,
                lead_id=arrival.lead.id,
                kind=DataWait.Kind.ENRICHMENT,
                number=arrival.last_number + 1,
                fields=missing,
                since=now,
                due_at=now + timedelta(minutes=hold.minutes),
            )
        )
        return True
    if wait.ended_at is not None:
        return False
    if missing and now < wait.due_at:
        return True
    wait.ended_at = now
    if is_lacking:
        wait.outcome = Outcome.NEEDS_DATA
    else:
        wait.outcome = Outcome.EXPIRED if missing else Outcome.COMPLETE
    return False


def _put_back(arrival: Arrival, lacking: list[str], now: datetime) -> bool:
    """Take the step to MQL back that the judgement made; whether anything of the lead changed."""
    lead, before = arrival.lead, (arrival.lead.stage, list(arrival.lead.needs))
    if arrival.qualifies:
        arrival.qualifies = False
        old, _ = arrival.steps.pop()
        lead.stage = Stage(old)
    lead.needs = lacking
    lead.note_waiting(now)
    return before != (lead.stage, lead.needs)


@dataclass(frozen=True, slots=True)
class Held:
    """A lead that waits for enrichment. fields: that were missing when it began."""

    lead: Lead
    fields: Sequence[str]
    since: datetime
    due_at: datetime

    @property
    def waits_for(self) -> str:
        """ "Phone and Employees" """
        return words.listed(required_labels(self.fields))


def held_leads() -> QuerySet[Lead]:
    """Leads that are held for enrichment, test leads left out."""
    lasting = DataWait.objects.filter(
        lead_id=OuterRef("pk"), kind=DataWait.Kind.ENRICHMENT, ended_at__isnull=True
    )
    found: QuerySet[Lead] = Lead.objects.filter(Exists(lasting), is_test=False).select_related("account")
    return found


def held_now(*, limit: int) -> list[Held]:
    """Leads that are held for enrichment, those first that are released first; test leads left out."""
    rows = DataWait.objects.filter(kind=DataWait.Kind.ENRICHMENT, ended_at__isnull=True, lead__is_test=False)
    listed = rows.select_related("lead__account").order_by("due_at", "id")[:limit]
    return [Held(row.lead, row.fields, row.since, row.due_at) for row in listed]


def hold_of(lead: Lead) -> DataWait | None:
    """The hold that lasts of a lead, if any."""
    found: DataWait | None = DataWait.objects.filter(
        lead=lead, kind=DataWait.Kind.ENRICHMENT, ended_at__isnull=True
    ).first()
    return found
