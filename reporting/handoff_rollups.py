"""Roll-ups of handoffs: facts counted by day and by week, as `reporting.rollups` counts those of clocks, by
the same rules.

Cubes, each with the columns that questions ask for together:

    team                          team, tier
    rep                           team, member, tier
    source, campaign, channel, segment    team, one of them, tier
    reason_source, reason_campaign        rejections: team, one of the two, tier, reason

Cells count inbound handoffs alone. Outbound ones are few, and counted from their facts.

Everything here runs in the tenant's scope, under the lock of `reporting.facts`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from django.db.models import Count, Max, Min

from reporting import handoff_rollup_sql as statements
from reporting.models import HandoffFact, HandoffRollUp, RollUpState
from reporting.rollups import Changes, change, constants, fill_by
from reporting.spans import Progress, weeks

#: The columns of facts that tell a cube's cells apart. The cheapest to read first.
CUBES: Final[Mapping[str, frozenset[str]]] = {
    "team": frozenset({"team_id", "tier"}),
    "rep": frozenset({"team_id", "member_id", "tier"}),
    "source": frozenset({"team_id", "source", "tier"}),
    "channel": frozenset({"team_id", "channel", "tier"}),
    "segment": frozenset({"team_id", "segment", "tier"}),
    "campaign": frozenset({"team_id", "campaign", "tier"}),
}
#: The same of those that count rejections by reason.
REASON_CUBES: Final[Mapping[str, frozenset[str]]] = {
    "reason_source": frozenset({"team_id", "source", "tier", "reason"}),
    "reason_campaign": frozenset({"team_id", "campaign", "tier", "reason"}),
}
#: Number of the cubes above and of definitions.COUNTS: one more with each change of them.
LAYOUT: Final = 4


def are_complete(zone: str) -> bool:
    """Whether every fact of a handoff is rolled up by this zone's days."""
    return bool(RollUpState.objects.filter(handoffs_zone=zone, handoffs_layout=LAYOUT).exists())


def refresh(changes: Changes, *, zone: str) -> None:
    """Take from the cells what facts gave that are gone, and add what those give that are new.

    Raises IntegrityError where a cell would count less than nothing: it had not been the sum of its facts.
    """
    change(HandoffRollUp, statements.CHANGE, changes, constants(zone))


def rebuild(*, zone: str, progress: Progress | None = None) -> None:
    """Count every cell anew. progress: is told (day so far, last day) as it goes on."""
    HandoffRollUp.objects.all().delete()
    found = HandoffFact.objects.aggregate(first=Min("started_at"), last=Max("started_at"), count=Count("id"))
    if found["first"] is not None:
        for start, end in weeks(**found, zone=zone, progress=progress):
            fill_by({**constants(zone), "start": start, "end": end}, statements.FILL)
    RollUpState.objects.update_or_create(defaults={"handoffs_zone": zone, "handoffs_layout": LAYOUT})
