"""Leave is entered, changed and withdrawn here, whoever asks for it; every change has its audit entry.

What is past stays: it explains why a lead moved on or a clock stood still. Leave that has begun may only end
earlier or later, and what is withdrawn of it is the part to come.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction

from core.errors import Conflict, NotFound, ValidationFailed
from tenants.audit import record_change
from tenants.leave_listeners import leave_changed
from tenants.models import Leave, Member

#: Longer absences are departures.
MOST_LEAVE: Final = timedelta(days=400)
#: How far back leave may begin: somebody who is ill does not enter it the same day.
MOST_BACK: Final = timedelta(days=30)


def _audited(leave: Leave) -> dict[str, Any]:
    """Leave as the audit tells it: whose, from when, until when, and whence. The reason may be private."""
    return {
        "member": str(leave.member_id),
        "from": leave.starts_at.isoformat(),
        "to": leave.ends_at.isoformat(),
        "source": leave.source,
    }


def lock_leave_of(member: Member) -> None:
    """Until the transaction ends nobody else writes leave of this person. No-key: whoever holds a lead and
    gives it to them must not wait for us, who may wait for the lead.
    """
    Member.objects.select_for_update(no_key=True).get(id=member.id)


def check_span(
    *, member: Member, starts_at: datetime, ends_at: datetime, now: datetime, but: Leave | None = None
) -> None:
    """Raises ValidationFailed at /starts_at or /ends_at where leave may not be [starts_at, ends_at).

    but: the leave that is being changed. Its beginning is not asked about again.
    """
    if ends_at <= starts_at:
        raise ValidationFailed.at("/ends_at", "Leave ends after it starts.", "reversed")
    if ends_at <= now:
        raise ValidationFailed.at(
            "/ends_at",
            "This leave is over already. For a promise missed meanwhile ask for an excuse.",
            "over",
        )
    if ends_at - starts_at > MOST_LEAVE:
        raise ValidationFailed.at(
            "/ends_at", f"At most {MOST_LEAVE.days} days: switch the person off instead.", "too_long"
        )
    if starts_at < now - MOST_BACK and (but is None or starts_at != but.starts_at):
        raise ValidationFailed.at(
            "/starts_at", f"Leave begins at most {MOST_BACK.days} days before today.", "too_early"
        )
    other = Leave.objects.filter(member=member, starts_at__lt=ends_at, ends_at__gt=starts_at)
    if other.exclude(id=but.id if but else None).exists():
        raise ValidationFailed.at("/starts_at", "Some of these days are leave already.", "overlap")


@transaction.atomic
def schedule_leave(
    *, member: Member, starts_at: datetime, ends_at: datetime, reason: str, actor: str, now: datetime
) -> Leave:
    """Write time off. Raises ValidationFailed as `check_span`."""
    lock_leave_of(member)
    check_span(member=member, starts_at=starts_at, ends_at=ends_at, now=now)
    made = write_leave(
        Leave(member=member, starts_at=starts_at, ends_at=ends_at, reason=reason), actor=actor, now=now
    )
    leave_changed(member.id, now=now)
    return made


@transaction.atomic
def change_leave(
    *, leave: Leave, starts_at: datetime, ends_at: datetime, reason: str, actor: str, now: datetime
) -> Leave:
    """Change time off that is not over. Raises Conflict for leave that is; ValidationFailed as `check_span`,
    and at /starts_at where it has begun and would begin at another time."""
    locked = _locked(leave, now)
    if locked.starts_at <= now and starts_at != locked.starts_at:
        raise ValidationFailed.at(
            "/starts_at", "This leave has begun: only its end can be changed.", "has_begun"
        )
    check_span(member=locked.member, starts_at=starts_at, ends_at=ends_at, now=now, but=locked)
    rewrite_leave(locked, starts_at=starts_at, ends_at=ends_at, reason=reason, actor=actor, now=now)
    leave_changed(locked.member_id, now=now)
    return locked


@transaction.atomic
def remove_leave(*, leave: Leave, actor: str, now: datetime) -> Leave | None:
    """Take back what is to come of it: all of it (None), or its rest, and it ends now (the leave that
    stays). Raises Conflict for leave that is over."""
    rest = withdraw_leave(_locked(leave, now), actor=actor, now=now)
    leave_changed(leave.member_id, now=now)
    return rest


def _locked(leave: Leave, now: datetime) -> Leave:
    """The leave as it is now, for whoever changes it next. Raises NotFound, or Conflict where it is over."""
    lock_leave_of(leave.member)
    found: Leave | None = Leave.objects.select_related("member").filter(id=leave.id).first()
    if found is None:
        raise NotFound("There is no such leave.")
    if found.ends_at <= now:
        raise Conflict("This leave is over. It stays, to explain what became of leads meanwhile.")
    return found


# --- Writing, for whoever holds the lock and has checked, and calls `leave_changed` once when all is written:
# each call plans every clock of the person anew. ---


def write_leave(leave: Leave, *, actor: str, now: datetime) -> Leave:
    """Write new leave with its audit entry."""
    leave.save(force_insert=True)
    _written("added", leave, None, _audited(leave), actor, now)
    return leave


def rewrite_leave(
    leave: Leave, *, starts_at: datetime, ends_at: datetime, reason: str, actor: str, now: datetime
) -> Leave:
    """Write what changed with its audit entry; nothing where nothing did."""
    before, reworded = _audited(leave), leave.reason != reason
    leave.starts_at, leave.ends_at, leave.reason = starts_at, ends_at, reason
    after = _audited(leave)
    if before != after or reworded:
        leave.save(update_fields=["starts_at", "ends_at", "reason"])
        _written("changed", leave, before, after, actor, now)
    return leave


def withdraw_leave(leave: Leave, *, actor: str, now: datetime) -> Leave | None:
    """Delete leave that has not begun (None), end what has (the leave), with the audit entry."""
    before = _audited(leave)
    if leave.starts_at >= now:
        leave_id = leave.id
        leave.delete()
        leave.id = leave_id
        _written("removed", leave, before, None, actor, now)
        return None
    leave.ends_at = now
    leave.save(update_fields=["ends_at"])
    _written("ended", leave, before, _audited(leave), actor, now)
    return leave


def _written(
    action: str,
    leave: Leave,
    before: dict[str, Any] | None,
    after: dict[str, Any] | None,
    actor: str,
    now: datetime,
) -> None:
    record_change(
        actor=actor,
        action=action,
        object_type="leave",
        object_id=leave.id,
        before=before,
        after=after,
        now=now,
    )
