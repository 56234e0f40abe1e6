"""The "needs data" queue: leads that qualify and are not handed over, what each lacks or has wrong, and who
can mend it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db.models import Exists, OuterRef, QuerySet

from handoff import words
from handoff.corrections import may_correct
from leads.criteria import values_of
from leads.models import DataWait, Handoff, Lead
from leads.requirements import MISSING, Lack, lacks_of, required_labels
from tenants.models import Member, Role

#: More are not counted: they are said to be more.
MOST_COUNTED: Final = 1_000
_NAMED: Final = 3


@dataclass(frozen=True, slots=True)
class Waiting:
    """One lead of the queue. since: when it began to wait. held_until: it is held for enrichment as well, so
    what lacks may still come by itself."""

    lead: Lead
    lacks: Sequence[Lack]
    since: datetime
    held_until: datetime | None
    may_correct: bool = False

    @property
    def missing(self) -> str:
        """ "Phone and Employees" """
        return words.listed([lack.label for lack in self.lacks if lack.code == MISSING])

    @property
    def wrong(self) -> list[str]:
        """What is known and cannot be true, a sentence each."""
        return [lack.words for lack in self.lacks if lack.code != MISSING]

    def as_dict(self) -> dict[str, Any]:
        """As the API answers it."""
        return {
            "lead": self.lead.id,
            "name": self.lead.full_name,
            "company": self.lead.company,
            "source": self.lead.source,
            "stage": self.lead.stage,
            "updated_at": self.lead.updated_at,
            "since": self.since,
            "needs": self.lead.needs,
            "lacks": [lack.as_dict() for lack in self.lacks],
            "held_until": self.held_until,
        }


def leads_waiting() -> QuerySet[Lead]:
    """Leads that lack something that a handoff asks for. One that sales has already waits for nothing, and a
    test lead is nobody's to mend."""
    running = Handoff.objects.filter(lead_id=OuterRef("pk"), state=Handoff.State.OPEN)
    waiting: QuerySet[Lead] = Lead.objects.filter(is_test=False).exclude(needs=[]).exclude(Exists(running))
    return waiting.select_related("account")


def waiting_of(leads: Sequence[Lead], member: Member | None = None) -> list[Waiting]:
    """What each of these leads waits for, in order; one query. member: who would mend it."""
    held = DataWait.objects.filter(
        lead_id__in=[lead.id for lead in leads], kind=DataWait.Kind.ENRICHMENT, ended_at__isnull=True
    )
    holds = {
        lead_id: (since, due_at) for lead_id, since, due_at in held.values_list("lead_id", "since", "due_at")
    }
    return [
        Waiting(
            lead=lead,
            lacks=lacks_of(lead.needs, values_of(lead, lead.account)),
            since=lead.waits_since if lead.needs or lead.id not in holds else holds[lead.id][0],
            held_until=holds[lead.id][1] if lead.id in holds else None,
            may_correct=member is not None and may_correct(lead, member),
        )
        for lead in leads
    ]


def counted() -> tuple[int, str]:
    """How many leads wait, at most MOST_COUNTED, and the same in words."""
    found = leads_waiting().select_related(None).values("id")[: MOST_COUNTED + 1].count()
    if found > MOST_COUNTED:
        return MOST_COUNTED, f"More than {MOST_COUNTED:,} leads"
    return found, f"{found:,} lead{'' if found == 1 else 's'}"


def often(rows: Sequence[Waiting]) -> list[tuple[str, int]]:
    """What lacks most among those shown, with how often."""
    fields = Counter(name for row in rows for name in row.lead.needs)
    return [(required_labels([name])[0], count) for name, count in fields.most_common(4)]


def menders() -> str:
    """Who can fill in what lacks, in a sentence."""
    people = Member.objects.filter(role=Role.MARKETING, is_active=True).order_by("name", "id")
    names = list(people.values_list("name", flat=True)[: _NAMED + 1])
    if not names:
        return "Managers and admins can fill it in: there is nobody in marketing."
    if len(names) > _NAMED:
        return "Marketing, managers and admins can fill it in."
    return f"{words.listed(names)} in marketing, managers and admins can fill it in."
