"""The commitments that are told by source: how complete and how accurate each source's data are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from reporting.commitments.catalog import CATALOG
from reporting.commitments.counts import share_of_tally
from reporting.definitions import Share
from reporting.selectors.funnels import tallies_of, top_keys
from reporting.selectors.handoff_cells import HandoffGround
from reporting.selectors.questions import Question
from tenants.models import Tenant

BY_SOURCE: Final = ("completeness", "accuracy")


@dataclass(frozen=True, slots=True)
class SourceRow:
    """One source. source: "" is none given. shares: by the keys of BY_SOURCE."""

    source: str
    mqls: int
    shares: dict[str, Share]


def sources_of(
    *, tenant: Tenant, first: date, last: date, now: datetime, ground: HandoffGround | None
) -> tuple[list[SourceRow], int]:
    """The sources of a period with the most MQLs, and how many there are; two queries. ground: of the
    organisation's handoffs."""
    question = Question(zone=ZoneInfo(tenant.time_zone), first=first, last=last)
    keys, number = top_keys(question, "source", ground)
    tallies = tallies_of(question, "source", ground, now, None, keys)
    rows = []
    for key in keys:
        tally = tallies.get(key)
        if tally is not None:
            shares = {name: share_of_tally(CATALOG[name], tally) for name in BY_SOURCE}
            rows.append(SourceRow(str(key or ""), tally.all["mqls"], shares))
    return rows, number
