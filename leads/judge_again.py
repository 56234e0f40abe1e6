"""Leads that are known are judged again by the criteria in force, by what is known of them now. Nothing came
in: no engagement is left, and nothing that they said is changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from core.errors import Conflict, DomainError
from leads.arrivals import Arrival, NewEngagement, Person
from leads.incoming import LeadIn
from leads.models import CriteriaVersion, Lead
from leads.upsert import Batch, try_until_alone
from tenants.clock import Clock
from tenants.versions import version_in_force


def judge_leads(leads: Sequence[Lead], *, now: datetime, clock: Clock) -> list[Arrival]:
    """Judge leads again, in the caller's transaction, and give back what became of each, in order:
    `qualifies` says that a handoff is to be opened. The steps are the caller's to
    write (`upsert.record_steps`).

    Raises Conflict where no criteria are in force, and where a lead was erased meanwhile.
    """
    version = version_in_force(CriteriaVersion, now)
    if version is None:
        raise Conflict("No criteria are in force, so there is nothing to judge by.")
    found: list[Arrival] = []
    for answer in try_until_alone(lambda: _JudgingAgain(leads, now, clock, version)):
        if isinstance(answer, DomainError):
            raise answer
        found.append(answer)
    return found


class _JudgingAgain(Batch):
    """One try at it: the way of arrivals, from leads that are known and say nothing new."""

    def __init__(self, leads: Sequence[Lead], now: datetime, clock: Clock, version: CriteriaVersion) -> None:
        super().__init__([LeadIn(email=lead.email, test=lead.is_test) for lead in leads], now, clock, version)
        self.ids = [lead.id for lead in leads]

    def find(self) -> tuple[list[Person], dict[int, DomainError]]:
        return [
            Person(lead_id, items=[(place, self.items[place])]) for place, lead_id in enumerate(self.ids)
        ], {}

    def merge(self, person: Person) -> None:
        assert person.lead is not None
        heard_of = person.lead.updated_at
        super().merge(person)
        person.lead.updated_at = heard_of

    def merge_item(self, lead: Lead, item: LeadIn, *, newer: bool) -> None:
        """Nothing was said."""

    def new_engagements(self, person: Person, item: LeadIn) -> list[NewEngagement]:
        """None: nobody did anything."""
        return []

    def may_open(self, person: Person) -> bool:
        """Not for a lead whose handoff ended and that did nothing since, as for corrections."""
        return person.closed_at is None or bool(person.past)

    def judge(self) -> None:
        """A lead that stays what it was was not heard of: it keeps its place in the lists."""
        before = [_standing(person.lead) for person in self.people]
        super().judge()
        for person, stood in zip(self.people, before, strict=True):
            if person.lead is not None and _standing(person.lead) != stood:
                person.lead.updated_at = self.now


def _standing(lead: Lead | None) -> tuple[Any, ...]:
    return (lead.stage, list(lead.needs), is_met(lead)) if lead is not None else ()


def is_met(lead: Lead) -> bool:
    """Whether it qualified when it was judged last."""
    return bool((lead.verdict or {}).get("met"))
