"""What the routing page shows: the rules in force in words, how often each was used, pools and seats."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Count, F

from core.errors import NotFound
from core.rules import InvalidRule
from leads.criteria import SCHEMA
from leads.list_names import ListNames
from routing.decide import DEFAULT_HORIZON_MINUTES, OffHours, Strategy, compile_rule_set
from routing.models import Decision, Pool, PoolSeat, RoutingSettings, RuleSetVersion
from routing.rule_rows import RuleRow, is_plain, rule_rows
from routing.rules_check import PoolState
from routing.rules_edit import horizon_of
from tenants.models import Member, RepProfile
from tenants.versions import version_in_force

COUNTED_DAYS = 30


@dataclass(frozen=True, slots=True)
class Rules:
    """The version in force in words. error: why it cannot be read; then the layers are empty.

    is_plain: one rule sends everyone to one pool, and no priority is given.
    """

    version: RuleSetVersion
    pools: Sequence[RuleRow]
    priorities: Sequence[RuleRow]
    horizon_minutes: int
    error: str = ""
    is_plain: bool = False


@dataclass(frozen=True, slots=True)
class SeatRow:
    """A person in a pool. own_weight: what the seat's weight is multiplied with in every pool."""

    id: UUID
    member_id: UUID
    name: str
    weight: int
    own_weight: int
    is_active: bool
    on_rotation: bool


@dataclass(frozen=True, slots=True)
class PoolRow:
    """A pool with its seats by name. is_claimed: its people claim leads, and take no turns."""

    id: UUID
    slug: str
    name: str
    is_active: bool
    seats: Sequence[SeatRow]
    sentence: str
    is_claimed: bool


def pools_with_seats() -> list[PoolRow]:
    """Every pool by name; two queries for any number of seats."""
    seats: dict[UUID, list[SeatRow]] = defaultdict(list)
    rows = PoolSeat.objects.select_related("member").annotate(
        own_weight=F("member__profiles__weight"), on_rotation=F("member__profiles__on_rotation")
    )
    for row in rows.order_by("member__name", "id"):
        seats[row.pool_id].append(
            SeatRow(
                id=row.id,
                member_id=row.member_id,
                name=row.member.name,
                weight=row.weight,
                own_weight=1 if row.own_weight is None else row.own_weight,
                is_active=row.member.is_active,
                on_rotation=row.on_rotation is not False,
            )
        )
    return [
        PoolRow(
            pool.id,
            pool.slug,
            pool.name,
            pool.is_active,
            seats[pool.id],
            _how_it_works(pool),
            is_claimed=pool.strategy == Strategy.CLAIM,
        )
        for pool in Pool.objects.select_related("overflow", "calendar")
        .defer("counters")
        .order_by("name", "id")
    ]


_CHOOSES = {
    Strategy.WEIGHTED: "by turns, weighted",
    Strategy.ROUND_ROBIN: "by turns, everybody alike",
    Strategy.LEAST_LOADED: "to whoever has most room below their limit",
    Strategy.FASTEST: "to whoever can answer soonest, then to the least loaded",
    Strategy.CLAIM: "to whoever claims them first",
}


def _how_it_works(pool: Pool) -> str:
    """A pool's settings in a sentence or three."""
    first = "to the account's owner first, then " if pool.owner_first else ""
    said = [f"Leads go {first}{_CHOOSES[Strategy(pool.strategy)]}."]
    if pool.calendar:
        said.append(f"It works in the hours of {pool.calendar.name}, whatever its people's own are.")
    if pool.off_hours == OffHours.HOLD:
        said.append("While nobody is at work a lead is held.")
    elif pool.off_hours == OffHours.OVERFLOW and pool.overflow:
        said.append(f"While nobody is at work or everybody is full, {pool.overflow.name} is asked.")
    return " ".join(said)


def rules_in_force(pools: Sequence[PoolRow], *, now: datetime) -> Rules | None:
    """The rules in force in words, with the names of these pools; None before the first publication."""
    version = version_in_force(RuleSetVersion, now)
    if version is None:
        return None
    try:
        compile_rule_set(version.content, SCHEMA)
    except InvalidRule as error:
        return Rules(
            version,
            (),
            (),
            DEFAULT_HORIZON_MINUTES,
            f"The rules in force cannot be read any more. {error.message}",
        )
    states = {pool.slug: state_of(pool) for pool in pools}
    content = ListNames().in_rules(version.content)
    return Rules(
        version=version,
        pools=rule_rows(content, "pools", pools=states, hits=hits(now)),
        priorities=rule_rows(content, "priorities", pools=states),
        horizon_minutes=horizon_of(content),
        is_plain=is_plain(content),
    )


def state_of(pool: PoolRow) -> PoolState:
    """What rules need to know of a pool that is shown."""
    people = sum(seat.is_active for seat in pool.seats)
    return PoolState(pool.slug, pool.name, pool.is_active, people)


def hits(now: datetime) -> dict[str, int]:
    """Decisions of the last 30 days by the name of the rule that chose the pool, test leads and drills left
    out; one query."""
    since = now - timedelta(days=COUNTED_DAYS)
    lately = Decision.objects.filter(at__gte=since, handoff__is_test=False).exclude(rule="")
    return dict(lately.values_list("rule").annotate(number=Count("id")).order_by("rule"))


def possible_owners() -> list[tuple[UUID, str]]:
    """Id and name of everybody who may own leads: active, with hours of their own. By name."""
    profiles = RepProfile.objects.values("member_id")
    rows = Member.objects.filter(is_active=True, id__in=profiles).order_by("name", "id")
    return list(rows.values_list("id", "name"))


def settings_in_force() -> RoutingSettings:
    """The organisation's settings, with the fallback person; the usual ones, unsaved, where none are set."""
    found: RoutingSettings | None = RoutingSettings.objects.select_related("fallback").first()
    return found or RoutingSettings()


def get_pool(*, pool_id: UUID) -> Pool:
    """A pool of this organisation. Raises NotFound."""
    found: Pool | None = Pool.objects.filter(id=pool_id).first()
    if found is None:
        raise NotFound("There is no such pool.")
    return found


def get_seat(*, seat_id: UUID) -> PoolSeat:
    """A seat of this organisation, with its person and pool. Raises NotFound."""
    found: PoolSeat | None = PoolSeat.objects.select_related("member", "pool").filter(id=seat_id).first()
    if found is None:
        raise NotFound("There is no such seat.")
    return found
