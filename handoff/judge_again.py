"""Leads are judged again on demand, after other criteria were put in force: looked at first, then done. What
qualifies now is handed over; a lead that sales has is left alone.

The look is the real thing, taken back at once, so that the two cannot differ. It judges as of now: what a
lead did is as old as it is, while `leads.criteria_preview` judges each as of its latest sign of life.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.db import transaction

from core.errors import FieldError, ValidationFailed
from handoff import words
from handoff.intake import hand_off
from leads.arrivals import Arrival
from leads.judge_again import is_met, judge_leads
from leads.list_names import ListNames
from leads.models import CriteriaVersion, Handoff, Lead
from leads.past import quiet_since_closing
from leads.preview_facts import latest_leads
from leads.reasons import Reason, reasons_against
from leads.requirements import required_labels
from tenants.audit import record_change
from tenants.clock import Clock
from tenants.config import steady_config
from tenants.roundtrips import travelling_together
from tenants.versions import version_in_force

#: Leads of one go.
MOST: Final = 1_000
#: Reasons that are told with how many leads each keeps.
MOST_KINDS: Final = 5
#: Leads that change, told one by one.
MOST_TOLD: Final = 200
#: What may become of a lead, with the words for it; the most telling first.
CHANGES: Final[Mapping[str, str]] = {
    "handed_over": "Goes to sales",
    "needs_data": "Qualifies, and waits under Needs data",
    "held": "Qualifies, and is held for enrichment",
    "no_more": "Qualifies no more",
    "fits": "Fits now, and becomes a Lead",
}


@dataclass(frozen=True, slots=True)
class Changed:
    """A lead that is judged otherwise than it stood. change: of CHANGES. reasons: what keeps it from
    qualifying now, or kept it until now."""

    id: UUID
    name: str
    company: str
    change: str
    needs: Sequence[str]
    reasons: Sequence[Reason] = ()

    @property
    def words(self) -> str:
        lacking = f": {words.listed(required_labels(self.needs))}" if self.needs else ""
        return f"{CHANGES[self.change]}{lacking}."

    def as_dict(self) -> dict[str, Any]:
        """As the API answers it."""
        return {
            "lead": self.id,
            "name": self.name,
            "company": self.company,
            "change": self.change,
            "needs": list(self.needs),
            "words": self.words,
            "reasons": [reason.text for reason in self.reasons],
        }


@dataclass(frozen=True, slots=True)
class JudgedAgain:
    """version: by which. leads: how many were judged; with_sales, ended: left alone, because sales has them,
    and because sales had them and they did nothing since. changed: all that are judged otherwise, those that
    go to sales first."""

    version: int
    leads: int
    with_sales: int
    ended: int
    changed: Sequence[Changed]

    @property
    def counts(self) -> dict[str, int]:
        """How many of each of CHANGES that there are."""
        found = Counter(each.change for each in self.changed)
        return {change: found[change] for change in CHANGES if found[change]}

    @property
    def becoming(self) -> list[tuple[str, int]]:
        """The same in words."""
        return [(CHANGES[change], number) for change, number in self.counts.items()]

    @property
    def lost_by(self) -> list[tuple[str, int]]:
        """What keeps those that qualify no more, with how many; a lead counts with each reason of its own."""
        lost = (each for each in self.changed if each.change == "no_more")
        return Counter(reason.kind for each in lost for reason in each.reasons).most_common(MOST_KINDS)

    @property
    def handed_over(self) -> int:
        return sum(1 for each in self.changed if each.change == "handed_over")

    @property
    def told(self) -> Sequence[Changed]:
        """Those that are told one by one."""
        return self.changed[:MOST_TOLD]


def named_leads(ids: Sequence[UUID]) -> list[Lead]:
    """Leads by their ids, each once. Raises ValidationFailed at /leads/<place> for what is none here."""
    found = Lead.objects.select_related("account").in_bulk(list(ids))
    errors = [
        FieldError(f"/leads/{place}", "There is no such lead.", "not_found")
        for place, lead_id in enumerate(ids)
        if lead_id not in found
    ]
    if errors:
        raise ValidationFailed(errors[0].message, field_errors=errors)
    return [found[lead_id] for lead_id in dict.fromkeys(ids)]


def last_leads(last: int) -> list[Lead]:
    """The last leads that are real, those heard of latest first."""
    return list(latest_leads(last).select_related("account"))


def judge_again(leads: Sequence[Lead], *, actor: str, clock: Clock, dry_run: bool = False) -> JudgedAgain:
    """Judge at most MOST leads by the criteria in force, and hand over those that qualify now; in the
    caller's transaction. A lead that sales has, and one that sales had and that did nothing since, is left as
    it is: what it did led to that handoff, and no criteria hand it over again. One entry in the audit log,
    with numbers alone.

    dry_run: nothing of it is left. Raises Conflict where no criteria are in force.
    """
    ids = [lead.id for lead in leads]
    running = set(
        Handoff.objects.filter(lead_id__in=ids, state=Handoff.State.OPEN).values_list("lead_id", flat=True)
    )
    ended = quiet_since_closing(set(ids) - running)
    judged = [lead for lead in leads if lead.id not in running and lead.id not in ended]
    with transaction.atomic():
        with steady_config(), travelling_together():
            found = _judge(judged, actor=actor, clock=clock, left=(len(running), len(ended)))
        transaction.set_rollback(dry_run)
    return found


def _judge(leads: Sequence[Lead], *, actor: str, clock: Clock, left: tuple[int, int]) -> JudgedAgain:
    now = clock()
    arrivals = judge_leads(leads, now=now, clock=clock)
    opened = hand_off(arrivals, {}, actor=actor)[0] if arrivals else {}
    lists = ListNames()
    changed = [
        Changed(
            lead.id,
            lead.full_name,
            lead.company,
            change,
            arrival.lead.needs,
            _reasons(lead, arrival, change, lists),
        )
        for lead, arrival in zip(leads, arrivals, strict=True)
        if (change := _change(lead, arrival, opened))
    ]
    order = list(CHANGES)
    changed.sort(key=lambda each: order.index(each.change))
    version = version_in_force(CriteriaVersion, now)
    result = JudgedAgain(version.number if version else 0, len(leads), *left, changed)
    record_change(
        actor=actor,
        action="leads.judge_again",
        object_type="criteriaversion",
        object_id=version.id if version else None,
        after={"leads": len(leads), "changed": len(changed), "handed_over": result.handed_over},
        now=now,
    )
    return result


def _reasons(before: Lead, arrival: Arrival, change: str, lists: ListNames) -> list[Reason]:
    if change == "no_more":
        return reasons_against(lists.in_verdict(arrival.lead.verdict), "Now")
    if before.needs and is_met(before):
        if change == "needs_data":
            return []
        lacked = f"Until now it lacked: {words.listed(required_labels(before.needs))}."
        return [Reason(lacked, lacked)]
    return reasons_against(lists.in_verdict(before.verdict), "Until now")


def _change(before: Lead, arrival: Arrival, opened: Collection[UUID]) -> str:
    """What became of a lead; "" where it stays what it was. before: as it stood."""
    lead = arrival.lead
    if lead.id in opened:
        return "handed_over"
    was_met, met = is_met(before), is_met(lead)
    if lead.needs:
        return "" if lead.needs == before.needs else "needs_data"
    if arrival.may_open:
        return "" if was_met and not before.needs else "held"
    if met:
        return ""  # somebody opened its handoff since it was chosen, or closed it
    if was_met or before.needs:
        return "no_more"
    return "" if lead.stage == before.stage else "fits"
