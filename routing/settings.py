"""Changes an admin makes to routing by hand: who sits in a pool with which weight, and what catches the rest.

Every change of a pool's seats holds the pool's row, as the rotation does: two who each remove one of the last
two people take turns, and a batch under way sees a pool before or after a change, never in between.
"""

from __future__ import annotations

from uuid import UUID

from django.db import transaction

from core.errors import Conflict, NotFound, ValidationFailed
from routing.facts import load_setup
from routing.models import Pool, PoolSeat, RoutingSettings
from routing.pool_use import take_from_pools
from tenants.audit import record_change
from tenants.clock import Clock
from tenants.models import Member, RepProfile

LEAST_WEIGHT, MOST_WEIGHT = 1, 100
MOST_HOPS = 10
FEWEST_BREACHES, MOST_BREACHES = 2, 10


@transaction.atomic
def add_seat(*, pool_id: UUID, member_id: UUID, weight: int, actor: str, clock: Clock) -> PoolSeat:
    """Seat a person in a pool. Their first turn is at the mean of the others'.

    Raises NotFound for the pool, ValidationFailed for the person or the weight.
    """
    pool = locked_pool(pool_id)
    _check_weight(weight)
    member = _possible_owner(member_id, path="/member", lock=False)
    if PoolSeat.objects.filter(pool_id=pool.id, member_id=member.id).exists():
        raise ValidationFailed.at("/member", f"{member.name} sits in this pool already.", "taken")
    seat: PoolSeat = PoolSeat.objects.create(pool_id=pool.id, member_id=member.id, weight=weight)
    record_change(
        actor=actor,
        action="added",
        object_type="poolseat",
        object_id=seat.id,
        after=_told(seat),
        now=clock(),
    )
    return seat


@transaction.atomic
def change_weight(*, seat_id: UUID, weight: int, actor: str, clock: Clock) -> PoolSeat:
    """Change how many turns a person takes beside the others; what they took so far stays counted."""
    seat = _seat_under_lock(seat_id)
    _check_weight(weight)
    if seat.weight == weight:
        return seat
    before = _told(seat)
    seat.weight = weight
    seat.save(update_fields=["weight"])
    record_change(
        actor=actor,
        action="changed",
        object_type="poolseat",
        object_id=seat.id,
        before=before,
        after=_told(seat),
        now=clock(),
    )
    return seat


@transaction.atomic
def remove_seat(*, seat_id: UUID, actor: str, clock: Clock) -> None:
    """Take a person out of a pool; leads they own stay theirs.

    Raises Conflict where a pool that leads are sent to would be left without anybody active.
    """
    take_from_pools()
    seat = _seat_under_lock(seat_id)
    others = list(
        PoolSeat.objects.filter(pool_id=seat.pool_id)
        .exclude(id=seat.id)
        .values_list("member__is_active", flat=True)
    )
    is_last = not others or (seat.member.is_active and not any(others))
    if is_last and seat.pool.slug in slugs_fed():
        raise Conflict(
            f"{seat.member.name} is the last one in {seat.pool.name}, and leads are sent there: "
            "add somebody else first."
        )
    record_change(
        actor=actor,
        action="removed",
        object_type="poolseat",
        object_id=seat.id,
        before=_told(seat),
        now=clock(),
    )
    seat.delete()


def pools_left_empty(member: Member) -> list[Pool]:
    """Pools that leads are sent to and where nobody else active sits, by name."""
    seats = PoolSeat.objects.filter(member=member).select_related("pool").order_by("pool__name")
    pools = [seat.pool for seat in seats]
    used = slugs_fed() if pools else set()
    others = PoolSeat.objects.filter(pool_id__in=[pool.id for pool in pools], member__is_active=True)
    filled = set(others.exclude(member=member).values_list("pool_id", flat=True))
    return [pool for pool in pools if pool.slug in used and pool.id not in filled]


@transaction.atomic
def change_settings(
    *, fallback_id: UUID | None, max_hops: int, breaches_in_a_row: int | None = None, actor: str, clock: Clock
) -> RoutingSettings:
    """Name who catches what nobody takes, how often a lead may move before it goes to them, and after how
    many broken promises in a row somebody is taken off the rotation (None: never).

    Raises ValidationFailed for somebody who is not active or owns no leads, and for a number out of range.
    """
    if breaches_in_a_row is not None and not FEWEST_BREACHES <= breaches_in_a_row <= MOST_BREACHES:
        message = f"Between {FEWEST_BREACHES} and {MOST_BREACHES}, or empty for never."
        raise ValidationFailed.at("/breaches_in_a_row", message, "range")
    if not 0 <= max_hops <= MOST_HOPS:
        raise ValidationFailed.at("/max_hops", f"Between 0 and {MOST_HOPS}.", "range")
    # The person's row is held so that they cannot be switched off while they are being named.
    person = _possible_owner(fallback_id, path="/fallback", lock=True)
    RoutingSettings.objects.get_or_create()
    found: RoutingSettings = RoutingSettings.objects.select_for_update(of=("self",)).get()
    before = _told_settings(found)
    found.fallback_id, found.max_hops, found.breaches_in_a_row = person.id, max_hops, breaches_in_a_row
    if _told_settings(found) == before:
        return found
    found.save(update_fields=["fallback", "max_hops", "breaches_in_a_row"])
    record_change(
        actor=actor,
        action="changed",
        object_type="routingsettings",
        object_id=found.id,
        before=before,
        after=_told_settings(found),
        now=clock(),
    )
    return found


@transaction.atomic
def set_enabled(*, enabled: bool, actor: str, clock: Clock) -> bool:
    """Choose whether we route, or another system does and only the clocks run here; whether that changed.

    Leads that wait because nobody was named are routed within the next turn of the engine where we do.
    """
    RoutingSettings.objects.get_or_create()
    found: RoutingSettings = RoutingSettings.objects.select_for_update(of=("self",)).get()
    if found.enabled == enabled:
        return False
    found.enabled = enabled
    found.save(update_fields=["enabled"])
    record_change(
        actor=actor,
        action="routing_switched",
        object_type="routingsettings",
        object_id=found.id,
        before={"enabled": not enabled},
        after={"enabled": enabled},
        now=clock(),
    )
    return True


def locked_pool(pool_id: UUID) -> Pool:
    """The pool, held until the transaction ends. Raises NotFound."""
    pool: Pool | None = Pool.objects.select_for_update(of=("self",)).filter(id=pool_id).first()
    if pool is None:
        raise NotFound("There is no such pool.")
    return pool


def _seat_under_lock(seat_id: UUID) -> PoolSeat:
    """The seat as it is once its pool is held. Raises NotFound, also where it went meanwhile."""
    pool_id = PoolSeat.objects.filter(id=seat_id).values_list("pool_id", flat=True).first()
    seat: PoolSeat | None = None
    if pool_id is not None:
        locked_pool(pool_id)
        seat = PoolSeat.objects.select_related("member", "pool").filter(id=seat_id).first()
    if seat is None:
        raise NotFound("There is no such seat.")
    return seat


def _possible_owner(member_id: UUID | None, *, path: str, lock: bool) -> Member:
    """An active member with hours of their own, who may therefore own leads."""
    query = Member.objects.filter(id=member_id, is_active=True)
    if lock:
        query = query.select_for_update(of=("self",), no_key=True)
    found: Member | None = query.first()
    if found is None or not RepProfile.objects.filter(member_id=member_id).exists():
        raise ValidationFailed.at(path, "Choose an active person who owns leads.", "choice")
    return found


def _check_weight(weight: int) -> None:
    if not LEAST_WEIGHT <= weight <= MOST_WEIGHT:
        raise ValidationFailed.at("/weight", f"Between {LEAST_WEIGHT} and {MOST_WEIGHT}.", "range")


def slugs_in_use() -> set[str]:
    """Slugs of the pools that the rules in force may choose."""
    rules = load_setup().rule_set
    return {str(item.value) for item in rules.pools} if rules else set()


def slugs_fed() -> set[str]:
    """The same, with the pools that another one passes leads on to."""
    passing = Pool.objects.filter(is_active=True, overflow__isnull=False)
    return slugs_in_use() | set(passing.values_list("overflow__slug", flat=True))


def _told(seat: PoolSeat) -> dict[str, str | int]:
    return {"pool": str(seat.pool_id), "member": str(seat.member_id), "weight": seat.weight}


def _told_settings(found: RoutingSettings) -> dict[str, str | int | None]:
    fallback = str(found.fallback_id) if found.fallback_id else None
    return {
        "fallback": fallback,
        "max_hops": found.max_hops,
        "breaches_in_a_row": found.breaches_in_a_row,
    }
