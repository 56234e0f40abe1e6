"""Pools as an admin sets them up: how leads are shared, and what happens in closed hours.

A pool that the rules in force send leads to, or that another pool overflows to, stays on. Every change holds
all pools in the order in which decisions lock them: a batch under way sees them before or after it, and two
admins cannot make a circle of two halves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.utils.text import slugify

from core.errors import Conflict, FieldError, ValidationFailed
from routing.decide import OffHours, Strategy
from routing.models import Pool, PoolSeat
from routing.pool_use import take_from_pools
from routing.settings import locked_pool, slugs_in_use
from tenants.audit import record_change
from tenants.clock import Clock
from tenants.models import Calendar

LONGEST_NAME: Final = 80
LONGEST_SLUG: Final = 60
MOST_POOLS: Final = 200
MOST_ABSENCE_TURNS: Final = 20


@dataclass(frozen=True, slots=True)
class PoolSettings:
    """What an admin may set of a pool; routing.decide.PoolView says what each does.

    overflow: id of the pool that is asked with off_hours "overflow". calendar: id, None for its people's own.
    """

    name: str = ""
    strategy: str = Strategy.WEIGHTED
    owner_first: bool = False
    off_hours: str = OffHours.ASSIGN
    overflow: UUID | None = None
    absence_turns: int = 1
    calendar: UUID | None = None
    is_active: bool = True

    @classmethod
    def of(cls, pool: Pool) -> PoolSettings:
        return cls(
            name=pool.name,
            strategy=pool.strategy,
            owner_first=pool.owner_first,
            off_hours=pool.off_hours,
            overflow=pool.overflow_id,
            absence_turns=pool.absence_turns,
            calendar=pool.calendar_id,
            is_active=pool.is_active,
        )


@transaction.atomic
def create_pool(*, settings: PoolSettings, slug: str = "", actor: str, clock: Clock) -> Pool:
    """A new pool, with nobody in it yet. slug: how rules name it; made from the name where it is "".

    Raises ValidationFailed with the places of all that is wrong.
    """
    if len(_hold_pools()) >= MOST_POOLS:
        raise ValidationFailed.at("/name", f"There are {MOST_POOLS} pools, which is the most.", "limit")
    settings = replace(settings, name=settings.name.strip())
    wanted = slugify(slug or settings.name)[:LONGEST_SLUG]
    errors = _errors(settings, None)
    if not wanted and settings.name:
        errors.append(FieldError("/slug", "Give it a slug of letters and digits.", "required"))
    if slug and slug != wanted:
        errors.append(FieldError("/slug", "Small letters, digits and hyphens.", "invalid"))
    named_so = any(error.path == "/name" for error in errors)  # said already, where the slug comes from it
    if wanted and (slug or not named_so) and Pool.objects.filter(slug=wanted).exists():
        errors.append(FieldError("/slug", f"There is a pool of the slug {wanted} already.", "taken"))
    if errors:
        raise ValidationFailed(errors[0].message, field_errors=errors)
    made: Pool = Pool.objects.create(slug=wanted, **_columns(settings))
    _record("added", made.id, None, settings, actor, clock)
    return made


@transaction.atomic
def change_pool(*, pool_id: UUID, changes: Mapping[str, Any], actor: str, clock: Clock) -> Pool:
    """Change settings of a pool, {field of PoolSettings: value}; it counts from the next decision on.

    Raises NotFound, ValidationFailed with the places of all that is wrong, and Conflict where a pool that is
    needed would be switched off.
    """
    if not changes.get("is_active", True):
        take_from_pools()
    _hold_pools()
    pool = locked_pool(pool_id)
    before = PoolSettings.of(pool)
    after = replace(before, **changes)
    after = replace(after, name=after.name.strip())
    errors = _errors(after, pool)
    if errors:
        raise ValidationFailed(errors[0].message, field_errors=errors)
    if before.is_active and not after.is_active:
        _check_not_needed(pool)
    if after == before:
        return pool
    columns = _columns(after)
    for name, value in columns.items():
        setattr(pool, name, value)
    pool.save(update_fields=list(columns))
    _record("changed", pool.id, before, after, actor, clock)
    return pool


def _hold_pools() -> list[UUID]:
    """Lock every pool, in ascending order of id; their ids."""
    return list(Pool.objects.select_for_update(of=("self",)).order_by("id").values_list("id", flat=True))


def _columns(settings: PoolSettings) -> dict[str, Any]:
    """Settings by the columns of the table. An overflow that is not asked is forgotten."""
    said = {each.name: getattr(settings, each.name) for each in fields(settings)}
    overflow, calendar = said.pop("overflow"), said.pop("calendar")
    asked = settings.off_hours == OffHours.OVERFLOW
    return {**said, "overflow_id": overflow if asked else None, "calendar_id": calendar}


def _errors(settings: PoolSettings, pool: Pool | None) -> list[FieldError]:
    errors: list[FieldError] = []

    def refuse(place: str, message: str, code: str) -> None:
        errors.append(FieldError(f"/{place}", message, code))

    if not settings.name:
        refuse("name", "Give it a name.", "required")
    elif len(settings.name) > LONGEST_NAME:
        refuse("name", f"A name has at most {LONGEST_NAME} characters.", "max_length")
    elif _others(pool).filter(name__iexact=settings.name).exists():
        refuse("name", "Another pool is called so.", "taken")
    if settings.strategy not in list(Strategy):
        refuse("strategy", f"One of {', '.join(Strategy)}.", "choice")
    if settings.off_hours not in list(OffHours):
        refuse("off_hours", f"One of {', '.join(OffHours)}.", "choice")
    if not 0 <= settings.absence_turns <= MOST_ABSENCE_TURNS:
        refuse("absence_turns", f"Between 0 and {MOST_ABSENCE_TURNS}.", "range")
    if settings.calendar is not None and not Calendar.objects.filter(id=settings.calendar).exists():
        refuse("calendar", "There is no such calendar.", "choice")
    if settings.off_hours == OffHours.OVERFLOW and (why := _why_no_overflow(settings.overflow, pool)):
        refuse("overflow", why, "choice")
    return errors


def _others(pool: Pool | None) -> Any:
    return Pool.objects.exclude(id=pool.id) if pool else Pool.objects.all()


def _why_no_overflow(overflow: UUID | None, pool: Pool | None) -> str:
    """Why leads cannot pass on to this pool; "" where they can."""
    if overflow is None:
        return "Choose the pool that is asked."
    after = {row.id: row for row in Pool.objects.only("id", "name", "overflow", "off_hours", "is_active")}
    if overflow not in after:
        return "There is no such pool."
    if not after[overflow].is_active:
        return f"{after[overflow].name} is switched off."
    names, seen = list[str](), set[UUID]()
    at: UUID | None = overflow
    while at is not None and at not in seen:
        names.append(after[at].name)
        if pool is not None and at == pool.id:
            if len(names) == 1:
                return "A pool cannot pass leads on to itself."
            return f"That is a circle: {' to '.join([pool.name, *names])}. Choose one that ends elsewhere."
        seen.add(at)
        row = after[at]
        at = row.overflow_id if row.off_hours == OffHours.OVERFLOW else None
    # One that was chosen while people sat in it stays, so that the rest of the pool can be changed.
    chosen = pool.overflow_id if pool and pool.off_hours == OffHours.OVERFLOW else None
    if overflow != chosen and not PoolSeat.objects.filter(pool_id=overflow, member__is_active=True).exists():
        return f"Nobody active sits in {after[overflow].name}: add a person to it first, or choose another."
    return ""


def _check_not_needed(pool: Pool) -> None:
    if pool.slug in slugs_in_use():
        raise Conflict(f"The rules in force send leads to {pool.name}: publish rules without it first.")
    users = Pool.objects.filter(overflow_id=pool.id, is_active=True).order_by("name")
    if names := [each.name for each in users]:
        raise Conflict(f"{', '.join(names)} passes leads on to {pool.name}: change that first.")


def _record(
    action: str, pool_id: UUID, before: PoolSettings | None, after: PoolSettings, actor: str, clock: Clock
) -> None:
    record_change(
        actor=actor,
        action=action,
        object_type="pool",
        object_id=pool_id,
        before=_told(before) if before else None,
        after=_told(after),
        now=clock(),
    )


def _told(settings: PoolSettings) -> dict[str, Any]:
    return {
        name: str(value) if isinstance(value, UUID) else value for name, value in asdict(settings).items()
    }
