"""Set targets and write notes. What was set or written is never changed: a later row says something else."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final, Protocol
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import transaction

from core.errors import StaleVersion, ValidationFailed
from reporting.commitments.catalog import CATALOG, Kind, Side, Unit
from reporting.commitments.models import CommitmentNote, CommitmentTarget
from reporting.commitments.targets import Term, load_targets, month_of, months_from
from tenants.audit import record_change
from tenants.models import Role, Tenant

MOST_MQLS: Final = 10_000_000
MOST_WHY: Final = 300
MOST_NOTE: Final = 1_000
#: Months ahead that a target may be announced for.
MONTHS_AHEAD: Final = 24

#: Whose people set the targets of a side, beside admins.
SETTERS: Final = {Side.MARKETING: Role.MARKETING, Side.SALES: Role.MANAGER}
#: Who writes notes: both sides.
NOTERS: Final = (Role.ADMIN, Role.MARKETING, Role.MANAGER)


def may_set(role: str, side: Side) -> bool:
    """Whether somebody in this role sets the targets of a side."""
    return role in (Role.ADMIN, SETTERS[side])


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be promised from a month (its first day) on. target None: nothing.

    instead_of: the row that was set last when the writer looked, None for none; `checks_last` False sets it
    whatever came between.
    """

    target: int | None
    valid_from: date
    why: str
    weekly_floor: int | None = None
    counts_rejected: bool = True
    instead_of: UUID | None = None
    checks_last: bool = True


class TargetListener(Protocol):
    """Called in the transaction that sets a target, after it is written; raises to refuse it.

    before, after: what held and what will, in the first month of the change, as `described` says it.
    """

    def __call__(
        self, kind: Kind, before: dict[str, Any], after: dict[str, Any], *, now: datetime
    ) -> None: ...


#: Filled when the apps start: whoever signs promises, or keeps them from being changed for a while.
target_listeners: list[TargetListener] = []


def get_kind(commitment: str, path: str = "/commitment") -> Kind:
    """A commitment by its key. Raises ValidationFailed at the path."""
    kind = CATALOG.get(commitment)
    if kind is None:
        raise ValidationFailed.at(path, f"A commitment is one of: {', '.join(CATALOG)}.", "invalid_choice")
    return kind


@transaction.atomic
def set_target(
    *, tenant: Tenant, kind: Kind, wanted: Wanted, actor: str, now: datetime, at: str = ""
) -> CommitmentTarget | None:
    """Promise something from a month on; None where that is promised already. In the tenant's scope.

    at: where in the input it stands, for errors. Raises ValidationFailed; StaleVersion (409) where somebody
    set another target meanwhile.
    """
    _check(tenant, kind, wanted, now, at)
    # One after another for each organisation: which row was set last is read below.
    locked = Tenant.objects.select_for_update(no_key=True).get(id=tenant.id)
    targets = load_targets(locked.target_percent)
    last = targets.last(kind)
    if wanted.checks_last and wanted.instead_of != (None if last is None else last.id):
        raise StaleVersion(
            f"Somebody set another target for {kind.label} meanwhile. Look at it, then set yours.",
            last=None if last is None else str(last.id),
        )
    before = targets.of(kind, wanted.valid_from)
    is_announced = any(True for _ in targets.upcoming(kind, wanted.valid_from))
    after = Term(kind, wanted.target, wanted.weekly_floor, wanted.counts_rejected)
    if described(before) == described(after) and before.row is not None and not is_announced:
        return None
    # Whoever waited for another's turn comes after it, by the moment too: it is what was set last.
    set_at = now if last is None else max(now, last.set_at + timedelta(microseconds=1))
    row: CommitmentTarget = CommitmentTarget.objects.create(
        commitment=kind.key,
        target=wanted.target,
        weekly_floor=wanted.weekly_floor,
        counts_rejected=wanted.counts_rejected,
        valid_from=wanted.valid_from,
        set_at=set_at,
        set_by=actor,
        why=wanted.why.strip(),
    )
    record_change(
        actor=actor,
        action="commitment.target_set",
        object_type="commitment",
        object_id=row.id,
        before={"commitment": kind.key, **described(before)},
        after={
            "commitment": kind.key,
            **described(after),
            "valid_from": wanted.valid_from.isoformat(),
            "why": row.why,
        },
        now=now,
    )
    for listener in target_listeners:
        listener(kind, described(before), described(after), now=now)
    return row


def described(term: Term) -> dict[str, Any]:
    """What a term promises, JSON-safe; two that are equal promise the same."""
    found: dict[str, Any] = {"target": term.target}
    if term.kind.unit == Unit.COUNT:
        found |= {"weekly_floor": term.weekly_floor, "counts_rejected": term.counts_rejected}
    return found


def _check(tenant: Tenant, kind: Kind, wanted: Wanted, now: datetime, at: str) -> None:
    _check_numbers(kind, wanted, at)
    if not wanted.why.strip():
        raise ValidationFailed.at(f"{at}/why", "Say why, for those who read the history.", "required")
    if len(wanted.why.strip()) > MOST_WHY:
        raise ValidationFailed.at(f"{at}/why", f"At most {MOST_WHY} characters.", "too_long")
    present = month_of(now.astimezone(ZoneInfo(tenant.time_zone)).date())
    if wanted.valid_from.day != 1:
        raise ValidationFailed.at(f"{at}/valid_from", "A target holds from the first of a month.", "invalid")
    if wanted.valid_from < present:
        raise ValidationFailed.at(
            f"{at}/valid_from",
            "A month that is over is judged by the target that held then: choose this month or a later one.",
            "past",
        )
    if wanted.valid_from > months_from(present, MONTHS_AHEAD):
        raise ValidationFailed.at(f"{at}/valid_from", f"At most {MONTHS_AHEAD} months ahead.", "too_late")


def _check_numbers(kind: Kind, wanted: Wanted, at: str) -> None:
    target, floor = wanted.target, wanted.weekly_floor
    if kind.unit == Unit.PERCENT:
        if target is not None and not 0 < target <= 100:
            raise ValidationFailed.at(f"{at}/target", "A share from 1 to 100 per cent.", "invalid")
        if floor is not None:
            raise ValidationFailed.at(
                f"{at}/weekly_floor", "Only MQLs a month have a weekly floor.", "invalid"
            )
        return
    if target is not None and not 1 <= target <= MOST_MQLS:
        raise ValidationFailed.at(
            f"{at}/target", f"A whole number of MQLs from 1 to {MOST_MQLS:,}.", "invalid"
        )
    if floor is not None and not 1 <= floor <= MOST_MQLS:
        raise ValidationFailed.at(f"{at}/weekly_floor", "A whole number of MQLs, at least 1.", "invalid")
    if floor is not None and target is not None and floor > target:
        raise ValidationFailed.at(
            f"{at}/weekly_floor", "A week cannot owe more than its whole month.", "invalid"
        )


def add_note(
    *, tenant: Tenant, kind: Kind, month: date, text: str, actor: str, now: datetime
) -> CommitmentNote:
    """Say something about a commitment in a month that has begun. Raises ValidationFailed."""
    text = text.strip()
    if not text:
        raise ValidationFailed.at("/text", "Write what is to be said.", "required")
    if len(text) > MOST_NOTE:
        raise ValidationFailed.at("/text", f"At most {MOST_NOTE:,} characters.", "too_long")
    if month > month_of(now.astimezone(ZoneInfo(tenant.time_zone)).date()):
        raise ValidationFailed.at("/month", "This month has not begun.", "future")
    note: CommitmentNote = CommitmentNote.objects.create(
        commitment=kind.key, month=month_of(month), text=text, at=now, by=actor
    )
    return note
