"""What the routing page shows: the rules in force in words, how often each was used, pools and seats."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Count

from core.errors import NotFound
from core.rules import InvalidRule
from routing.decide import DEFAULT_HORIZON_MINUTES, LayerRule, OffHours, Strategy
from routing.facts import compiled_rule_set
from routing.models import Decision, Pool, PoolSeat, RoutingSettings, RuleSetVersion
from tenants.context import current_tenant_id
from tenants.models import Member, RepProfile
from tenants.versions import published_version

COUNTED_DAYS = 30
EVERYONE_ELSE = "Everyone else"


@dataclass(frozen=True, slots=True)
class PoolRule:
    """A rule of the first layer. hits: decisions it made lately. problem: why its pool can take nobody."""

    name: str
    sentence: str
    pool: str
    hits: int
    problem: str


@dataclass(frozen=True, slots=True)
class PriorityRule:
    name: str
    sentence: str
    priority: int


@dataclass(frozen=True, slots=True)
class Rules:
    """The version in force in words. error: why it cannot be read; then the layers are empty."""

    version: RuleSetVersion
    pools: Sequence[PoolRule]
    priorities: Sequence[PriorityRule]
    horizon_minutes: int
    error: str = ""


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
    """A pool with its seats by name."""

    id: UUID
    slug: str
    name: str
    is_active: bool
    seats: Sequence[SeatRow]
    sentence: str


def pools_with_seats() -> list[PoolRow]:
    """Every pool by name; three queries for any number of seats."""
    seats: dict[UUID, list[SeatRow]] = defaultdict(list)
    rows = list(PoolSeat.objects.select_related("member").order_by("member__name", "id"))
    columns = ("member_id", "weight", "on_rotation")
    profiles = {
        member_id: (weight, on_rotation)
        for member_id, weight, on_rotation in RepProfile.objects.filter(
            member_id__in={row.member_id for row in rows}
        ).values_list(*columns)
    }
    for row in rows:
        own_weight, on_rotation = profiles.get(row.member_id, (1, True))
        seats[row.pool_id].append(
            SeatRow(
                id=row.id,
                member_id=row.member_id,
                name=row.member.name,
                weight=row.weight,
                own_weight=own_weight,
                is_active=row.member.is_active,
                on_rotation=on_rotation,
            )
        )
    return [
        PoolRow(pool.id, pool.slug, pool.name, pool.is_active, seats[pool.id], _how_it_works(pool))
        for pool in Pool.objects.select_related("overflow", "calendar")
        .defer("counters")
        .order_by("name", "id")
    ]


_CHOOSES = {
    Strategy.WEIGHTED: "by turns, weighted",
    Strategy.ROUND_ROBIN: "by turns, everybody alike",
    Strategy.LEAST_LOADED: "to whoever has most room below their limit",
    Strategy.FASTEST: "to whoever can answer soonest, then to the least loaded",
    Strategy.CLAIM: "to whoever claims it first",
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
    """The published rules in words, with the names of these pools; None before the first publication."""
    version = published_version(RuleSetVersion)
    if version is None:
        return None
    try:
        rule_set = compiled_rule_set(current_tenant_id(), version.id)
    except InvalidRule as error:
        return Rules(
            version,
            (),
            (),
            DEFAULT_HORIZON_MINUTES,
            f"The rules in force cannot be read any more. {error.message}",
        )
    known = {pool.slug: pool for pool in pools}
    hits = _hits(now)
    return Rules(
        version=version,
        pools=[_pool_rule(item, known, hits) for item in rule_set.pools],
        priorities=[
            PriorityRule(item.name, _sentence(item), int(item.value)) for item in rule_set.priorities
        ],
        horizon_minutes=int(rule_set.horizon.total_seconds() // 60),
    )


def _hits(now: datetime) -> dict[str, int]:
    """Decisions of the last 30 days by the name of the rule that chose the pool; one query."""
    lately = Decision.objects.filter(at__gte=now - timedelta(days=COUNTED_DAYS)).exclude(rule="")
    return dict(lately.values_list("rule").annotate(number=Count("id")).order_by("rule"))


def _pool_rule(item: LayerRule, known: Mapping[str, PoolRow], hits: Mapping[str, int]) -> PoolRule:
    pool = known.get(str(item.value))
    return PoolRule(
        name=item.name,
        sentence=_sentence(item),
        pool=pool.name if pool else str(item.value),
        hits=hits.get(item.name[: Decision._meta.get_field("rule").max_length], 0),
        problem=_problem(pool),
    )


def _problem(pool: PoolRow | None) -> str:
    if pool is None:
        return "There is no such pool"
    if not pool.is_active:
        return "This pool is off"
    return "" if pool.seats else "Nobody sits in it"


def _sentence(item: LayerRule) -> str:
    return item.rule.sentence if item.rule else EVERYONE_ELSE


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
