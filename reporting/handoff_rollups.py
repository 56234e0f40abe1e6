"""Roll-ups of handoffs: facts counted by day and by week, as `reporting.rollups` counts those of clocks, by
the same rules: the cells that a changed fact is in, or was in, are counted anew, never added to.

Cubes, each with the columns that questions ask for together:

    team                          team, tier
    rep                           team, member, tier
    source, campaign, channel, segment    team, one of them, tier
    reason_source, reason_campaign        rejections: team, one of the two, tier, reason

Everything here runs in the tenant's scope, under the lock of `reporting.facts`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import date, datetime, time
from typing import Any, Final, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import connection

from reporting import handoff_rollup_sql as statements
from reporting.measures import BUCKET_ENDS, BUCKET_WIDTHS
from reporting.models import HandoffFact, HandoffRollUp, RollUpState
from reporting.rollups import NOBODY, fill_by, weeks_of
from tenants.context import current_tenant_id

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


class Counted(NamedTuple):
    """The cells of a fact and all that it says: two that are equal here count alike."""

    id: UUID
    day: date
    team_id: UUID
    member_id: UUID
    source: str
    campaign: str
    channel: str
    segment: str
    tier: str
    refused: str | None  # reason of its rejection
    digest: str


def are_complete(zone: str) -> bool:
    """Whether every fact of a handoff is rolled up by this zone's days."""
    return bool(RollUpState.objects.filter(handoffs_zone=zone, handoffs_layout=LAYOUT).exists())


def refresh(facts: Collection[Counted], *, zone: str) -> None:
    """Count the cells anew that these facts are in, or were in."""
    cells = {(*fact[1:10],) for fact in facts}
    if not cells:
        return
    names = ("days", "teams", "members", "sources", "campaigns", "channels", "segments", "tiers", "reasons")
    columns = {name: list(column) for name, column in zip(names, zip(*cells, strict=True), strict=True)}
    for ids in ("teams", "members"):
        columns[ids] = [str(each) for each in columns[ids]]
    values = {**constants(zone), **columns}
    with connection.cursor() as cursor:
        cursor.execute(statements.ERASE_TOUCHED, values)
    fill_by(values, statements.FILL_TOUCHED_DAYS, statements.FILL_TOUCHED_WEEKS)


def rebuild(*, zone: str, progress: Callable[[date, date], None] | None = None) -> None:
    """Count every cell anew. progress: is told (day so far, last day) as it goes on."""
    HandoffRollUp.objects.all().delete()
    for monday, after in weeks_of(HandoffFact.objects.all(), zone=zone, progress=progress):
        _fill(monday, after, zone=zone)
    RollUpState.objects.update_or_create(defaults={"handoffs_zone": zone, "handoffs_layout": LAYOUT})


def _fill(monday: date, after: date, *, zone: str) -> None:
    """Count the cells of whole weeks that have none."""
    start, end = (datetime.combine(day, time(), tzinfo=ZoneInfo(zone)) for day in (monday, after))
    values = {**constants(zone), "start": start, "end": end, "first": monday, "after": after}
    fill_by(values, statements.FILL_DAYS, statements.FILL_WEEKS)


def constants(zone: str) -> dict[str, Any]:
    """Parameters of every statement."""
    return {
        "tenant": current_tenant_id(),
        "zone": zone,
        "nobody": str(NOBODY),
        "ends": list(BUCKET_ENDS),
        "widths": list(BUCKET_WIDTHS),
    }
