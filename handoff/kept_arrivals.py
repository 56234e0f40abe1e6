"""What an arrival says beside the lead itself is kept while the lead waits for data: whom the other system
chose, where this return came from, whether it is a test or a drill. Who hands the lead over in the end, an
engine or somebody who puts it right, says nothing of that.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final
from uuid import UUID

from leads.arrivals import Arrival
from leads.models import Lead
from routing.facts import load_setup
from tenants.bulk import update_rows
from tenants.models import Member

#: What an arrival may say of the return, and the lead says of the first time.
_ORIGIN: Final = ("source", "campaign", "channel")


def recall(arrivals: Sequence[Arrival]) -> None:
    """Put what was kept into those that say less than an earlier arrival did; what they say goes first."""
    for arrival in arrivals:
        kept = arrival.lead.kept_arrival
        if not kept or not arrival.may_open:
            continue
        item = arrival.item
        said: dict[str, Any] = {
            name: getattr(item, name) or kept.get(name, "") for name in ("owner", *_ORIGIN)
        }
        if not arrival.engagements:  # a look at what is known, and no arrival
            said |= {
                "test": item.test or kept.get("test", False),
                "drill_seconds": kept.get("drill_seconds"),
            }
        arrival.item = replace(item, **said)


def keep(arrivals: Sequence[Arrival], through: Collection[UUID]) -> None:
    """Keep what those said whose leads wait from here on; forget it of leads that are handed over (`through`)
    and of those that qualify no more. Their leads are locked."""
    changed: list[Lead] = []
    for arrival in arrivals:
        lead, judged = arrival.lead, arrival.judgement
        if arrival.may_open:
            kept = None if lead.id in through else _said(arrival)
        elif judged is not None and not judged.qualified:
            kept = None
        else:
            continue
        if kept != lead.kept_arrival:
            lead.kept_arrival = kept
            changed.append(lead)
    update_rows(changed, ["kept_arrival"])


def _said(arrival: Arrival) -> dict[str, Any] | None:
    """What the lead itself does not know; None for nothing, which is the rule."""
    item, lead = arrival.item, arrival.lead
    said: dict[str, Any] = {"owner": item.owner.strip().lower()}
    said |= {name: getattr(item, name) for name in _ORIGIN if getattr(item, name) != getattr(lead, name)}
    said |= {"test": item.test and not lead.is_test, "drill_seconds": item.drill_seconds}
    return {name: value for name, value in said.items() if value} or None


def with_kept_owners(arrivals: Sequence[Arrival], owners: Mapping[str, UUID]) -> dict[str, UUID]:
    """Besides `owners` those whom earlier arrivals named, by e-mail, as far as they can still have leads."""
    kept = {
        arrival.lead.kept_arrival.get("owner", "")
        for arrival in arrivals
        if arrival.may_open and arrival.lead.kept_arrival
    }
    missing = kept - {"", *owners}
    if not missing:
        return dict(owners)
    rows = Member.objects.filter(email__in=missing, is_active=True)
    if not load_setup().enabled:
        rows = rows.filter(profiles__isnull=False)
    return {**dict(rows.values_list("email", "id")), **owners}
