"""Name the owner of a KPI and set its target. What was set is never changed: a later row says something
else."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import transaction

from core.errors import NotFound, StaleVersion, ValidationFailed
from reporting.commitments import services as commitments
from reporting.commitments.catalog import CATALOG as COMMITMENTS
from reporting.commitments.targets import load_targets as load_promises
from reporting.commitments.targets import month_of, months_from
from reporting.kpis.catalog import CATALOG, Kind, Unit
from reporting.kpis.models import KpiOwner, KpiTarget
from reporting.kpis.targets import NOBODY, Term, load_targets, owners_of
from tenants.audit import record_change
from tenants.models import Member, Role, Tenant

MOST_WHY: Final = commitments.MOST_WHY
MONTHS_AHEAD: Final = commitments.MONTHS_AHEAD
MOST: Final = Decimal(999_999_999_999)
_CENT: Final = Decimal("0.01")
_NONE: Final = Term()


def may_set(role: str) -> bool:
    """Whether somebody in this role names owners and sets targets."""
    return role == Role.ADMIN


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be reached from a month (its first day) on. target None: nothing any more.

    instead_of: the row that was set last when the writer looked, None for none; `checks_last` False sets it
    whatever came between.
    """

    target: Decimal | None
    valid_from: date
    why: str
    instead_of: UUID | None = None
    checks_last: bool = True


def get_kind(kpi: str) -> Kind:
    """A KPI by its key. Raises NotFound."""
    kind = CATALOG.get(kpi)
    if kind is None:
        raise NotFound("There is no such KPI.")
    return kind


@transaction.atomic
def set_target(*, tenant: Tenant, kind: Kind, wanted: Wanted, actor: str, now: datetime) -> bool:
    """Set what a KPI is to reach from a month on; False where that is set already. Of one that a commitment
    promises too it is the commitment that is set.

    Raises ValidationFailed; StaleVersion (409) where somebody set another target meanwhile.
    """
    _check(tenant, kind, wanted, now)
    locked = Tenant.objects.select_for_update(no_key=True).get(id=tenant.id)
    if kind.commitment:
        return _promise(locked, kind, wanted, actor, now)
    targets = load_targets(locked.target_percent)
    last = next(iter(targets.history(kind)), _NONE)
    if wanted.checks_last and wanted.instead_of != last.row_id:
        raise StaleVersion(
            f"Somebody set another target for {kind.label} meanwhile. Look at it, then set yours.",
            last=None if last.row_id is None else str(last.row_id),
        )
    before = targets.of(kind, wanted.valid_from)
    is_known = before.row_id is not None or wanted.target is None
    if is_known and before.target == wanted.target and not targets.upcoming(kind, wanted.valid_from):
        return False
    row = KpiTarget.objects.create(
        kpi=kind.key,
        target=wanted.target,
        valid_from=wanted.valid_from,
        set_at=_after(last.set_at, now),
        set_by=actor,
        why=wanted.why.strip(),
    )
    record_change(
        actor=actor,
        action="kpi.target_set",
        object_type="kpi",
        object_id=row.id,
        before={"kpi": kind.key, "target": _text(before.target)},
        after={
            "kpi": kind.key,
            "target": _text(wanted.target),
            "valid_from": wanted.valid_from.isoformat(),
            "why": row.why,
        },
        now=now,
    )
    return True


def _promise(tenant: Tenant, kind: Kind, wanted: Wanted, actor: str, now: datetime) -> bool:
    """The same number has one target: what else the commitment says (its weekly floor) stays."""
    commitment = COMMITMENTS[kind.commitment]
    term = load_promises(tenant.target_percent).of(commitment, wanted.valid_from)
    said = commitments.Wanted(
        target=None if wanted.target is None else int(wanted.target),
        valid_from=wanted.valid_from,
        why=wanted.why,
        weekly_floor=term.weekly_floor,
        counts_rejected=term.counts_rejected,
        instead_of=wanted.instead_of,
        checks_last=wanted.checks_last,
    )
    row = commitments.set_target(tenant=tenant, kind=commitment, wanted=said, actor=actor, now=now)
    return row is not None


def _text(target: Decimal | None) -> str | None:
    return None if target is None else f"{target:f}"


def _check(tenant: Tenant, kind: Kind, wanted: Wanted, now: datetime) -> None:
    target = wanted.target
    if target is not None:
        _check_number(kind, target)
    why = wanted.why.strip()
    if not why:
        raise ValidationFailed.at("/why", "Say why, for those who read the history.", "required")
    if len(why) > MOST_WHY:
        raise ValidationFailed.at("/why", f"At most {MOST_WHY} characters.", "too_long")
    present = month_of(now.astimezone(ZoneInfo(tenant.time_zone)).date())
    if wanted.valid_from.day != 1:
        raise ValidationFailed.at("/valid_from", "A target holds from the first of a month.", "invalid")
    if wanted.valid_from < present:
        text = (
            "A month that is over is judged by the target that held then: choose this month or a later one."
        )
        raise ValidationFailed.at("/valid_from", text, "past")
    if wanted.valid_from > months_from(present, MONTHS_AHEAD):
        raise ValidationFailed.at("/valid_from", f"At most {MONTHS_AHEAD} months ahead.", "too_late")


def _check_number(kind: Kind, target: Decimal) -> None:
    if not target.is_finite() or target <= 0:
        raise ValidationFailed.at("/target", "A number above 0 is wanted; leave it out for none.", "invalid")
    most = kind.most or MOST
    if target > most:  # first: a number of hundreds of digits cannot be rounded
        raise ValidationFailed.at("/target", f"At most {most:,}.", "too_large")
    whole = kind.unit in (Unit.PERCENT, Unit.COUNT)
    if target != target.quantize(Decimal(1) if whole else _CENT):
        text = "A whole number is wanted." if whole else "At most two digits after the point."
        raise ValidationFailed.at("/target", text, "invalid")


@transaction.atomic
def set_owner(*, tenant: Tenant, kind: Kind, member_id: UUID | None, actor: str, now: datetime) -> bool:
    """Name who answers for a KPI, or nobody; False where that is so already. Raises ValidationFailed at
    /member."""
    Tenant.objects.select_for_update(no_key=True).get(id=tenant.id)
    before = next(iter(owners_of(kind.key).get(kind.key, ())), NOBODY)
    if before.member_id == member_id:
        return False
    member = None
    if member_id is not None:
        member = Member.objects.filter(id=member_id, is_active=True).first()
        if member is None:
            raise ValidationFailed.at("/member", "Nobody active here has this id.", "invalid_choice")
    at = _after(before.set_at, now)
    row = KpiOwner.objects.create(kpi=kind.key, member=member, set_at=at, set_by=actor)
    record_change(
        actor=actor,
        action="kpi.owner_set",
        object_type="kpi",
        object_id=row.id,
        before={"kpi": kind.key, "member": _id(before.member_id)},
        after={"kpi": kind.key, "member": _id(member_id)},
        now=now,
    )
    return True


def _after(last: datetime | None, now: datetime) -> datetime:
    """The moment of a row that is written now: whoever waited for another's turn comes after it, by the
    moment too, since the latest is what counts."""
    return now if last is None else max(now, last + timedelta(microseconds=1))


def _id(member_id: UUID | None) -> str | None:
    return None if member_id is None else str(member_id)
