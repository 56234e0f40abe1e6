"""Open reviews, write in them, decide in them, and close them: from then on their numbers are frozen.

Lock: whoever writes in a review or closes it holds its row.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import QuerySet

from core.errors import Conflict, NotFound, PermissionDenied, ValidationFailed
from reporting.commitments.targets import months_from
from reporting.models import HandoffFact
from reporting.reviews import messages
from reporting.reviews.gather import pack_of
from reporting.reviews.models import (
    NOTE_LIMIT,
    BreakdownNote,
    Review,
    ReviewDecision,
    ReviewNote,
    ReviewSettings,
)
from reporting.reviews.periods import Period, period_of, periods_at
from reporting.reviews.record import said_in
from tenants.audit import member_actor, record_change
from tenants.context import current_tenant_id
from tenants.models import Member, Role, Tenant

#: Months before the present one that have a review from the beginning, where there was anything to review.
MONTHS_BACK: Final = 12
MOST_REMIND_DAYS: Final = 60
#: Years ahead that something may be due.
MOST_YEARS: Final = 5
#: Who writes notes and decisions, and who closes.
WRITERS: Final = (Role.ADMIN, Role.MANAGER, Role.MARKETING)
CLOSERS: Final = (*WRITERS, Role.EXECUTIVE)


def today_of(tenant: Tenant, now: datetime) -> date:
    return now.astimezone(ZoneInfo(tenant.time_zone)).date()


def get_review(review_id: UUID) -> Review:
    """A review of the organisation in scope. Raises NotFound."""
    found: Review | None = Review.objects.filter(id=review_id).first()
    if found is None:
        raise NotFound("There is no such review.")
    return found


def _locked(review_id: UUID) -> Review:
    found: Review | None = Review.objects.select_for_update(of=("self",)).filter(id=review_id).first()
    if found is None:
        raise NotFound("There is no such review.")
    return found


# --- Opening ---


def open_reviews(*, tenant: Tenant, now: datetime) -> int:
    """Open the review of the present month and quarter, and with the first ones those of the months before
    that had leads; how many were opened. Safe to repeat."""
    today = today_of(tenant, now)
    wanted = periods_at(today)
    found = Review.objects.filter(first_day__in={each.first for each in wanted})
    known = {Period(kind, first) for kind, first in found.values_list("kind", "first_day")}
    if known.issuperset(wanted):
        return 0
    if not Review.objects.exists():
        wanted += _before(tenant, today)
    made = Review.objects.bulk_create(
        [
            Review(kind=each.kind, first_day=each.first, opened_at=now)
            for each in dict.fromkeys(wanted)
            if each not in known
        ],
        ignore_conflicts=True,
    )
    return len(made)


def _before(tenant: Tenant, today: date) -> list[Period]:
    first = HandoffFact.objects.order_by("started_at").values_list("started_at", flat=True).first()
    if first is None:
        return []
    since = today_of(tenant, first)
    found: list[Period] = []
    for place in range(1, MONTHS_BACK + 1):
        for period in periods_at(months_from(today.replace(day=1), -place)):
            if period.last >= since and period not in found:
                found.append(period)
    return found


# --- Writing ---


@transaction.atomic
def write_note(*, actor: str, review_id: UUID, text: str, now: datetime) -> ReviewNote:
    """Say something in a review; after its close as an addendum. Raises ValidationFailed at /text and
    NotFound."""
    review = _locked(review_id)
    at = now
    if review.closed_at is not None:
        # Who came before the close and waited for it wrote an addendum: those are known by their moment.
        at = max(now, review.closed_at + timedelta(microseconds=1))
    made: ReviewNote = ReviewNote.objects.create(review=review, text=_text(text), at=at, by=actor)
    return made


def owners() -> QuerySet[Member]:
    """Who may own a decision: everybody who reads reviews."""
    found: QuerySet[Member] = Member.objects.filter(is_active=True).exclude(role=Role.REP)
    return found.order_by("name", "id")


@transaction.atomic
def decide(
    *, tenant: Tenant, member: Member, review_id: UUID, text: str, owner: UUID, due_on: date, now: datetime
) -> ReviewDecision:
    """Write down a decision, who does it, and by when. Raises ValidationFailed with the field; Conflict where
    the review is closed."""
    review = _locked(review_id)
    if review.state == Review.State.CLOSED:
        raise Conflict("The review is closed. Write an addendum, or decide in the next review.")
    said = _text(text)
    chosen = owners().filter(id=owner).first()
    if chosen is None:
        raise ValidationFailed.at("/owner", "Choose somebody who reads reviews.", "unknown")
    today = today_of(tenant, now)
    if due_on < today:
        raise ValidationFailed.at("/due_on", "That day is over.", "past")
    if due_on > today + timedelta(days=366 * MOST_YEARS):
        raise ValidationFailed.at("/due_on", f"At most {MOST_YEARS} years ahead.", "too_late")
    made: ReviewDecision = ReviewDecision.objects.create(
        review=review, text=said, owner=chosen, due_on=due_on, at=now, by=member_actor(member)
    )
    return made


def get_decision(decision_id: UUID) -> ReviewDecision:
    """A decision of the organisation in scope. Raises NotFound."""
    found: ReviewDecision | None = ReviewDecision.objects.filter(id=decision_id).first()
    if found is None:
        raise NotFound("There is no such decision.")
    return found


@transaction.atomic
def mark_done(*, member: Member, decision_id: UUID, now: datetime) -> ReviewDecision:
    """Say that a decision was carried out, by whoever owns it or writes in reviews; a closed review too.

    Raises NotFound; PermissionDenied; Conflict where it is done.
    """
    rows = ReviewDecision.objects.select_for_update(of=("self",))
    found: ReviewDecision | None = rows.filter(id=decision_id).first()
    if found is None:
        raise NotFound("There is no such decision.")
    if member.role not in WRITERS and found.owner_id != member.id:
        raise PermissionDenied("Its owner says that it is done.")
    if found.done_at is not None:
        raise Conflict("It is done already.")
    found.done_at, found.done_by = now, member_actor(member)
    found.save(update_fields=["done_at", "done_by"])
    return found


def note_breakdown(*, actor: str, timer_id: UUID, text: str, now: datetime) -> BreakdownNote:
    """Say what was done about a missed deadline. Raises ValidationFailed at /text."""
    made: BreakdownNote = BreakdownNote.objects.create(timer_id=timer_id, text=_text(text), at=now, by=actor)
    return made


def _text(text: str) -> str:
    said = text.strip()
    if not said:
        raise ValidationFailed.at("/text", "Write what is to be said.", "required")
    if len(said) > NOTE_LIMIT:
        raise ValidationFailed.at("/text", f"At most {NOTE_LIMIT:,} characters.", "too_long")
    return said


# --- Closing ---


@transaction.atomic
def close_review(*, tenant: Tenant, member: Member, review_id: UUID, now: datetime) -> Review:
    """Freeze the numbers, notes and decisions of a review, and tell those who read it. For good.

    Raises NotFound; PermissionDenied; Conflict where the period is not over, and where somebody closed it
    first.
    """
    if member.role not in CLOSERS:
        raise PermissionDenied("You do not close reviews.")
    review = _locked(review_id)
    if review.state == Review.State.CLOSED:
        raise Conflict("Somebody closed this review before you.")
    period = period_of(review)
    if not period.is_over(today_of(tenant, now)):
        raise Conflict(f"It can be closed once {period.name} is over.")
    pack = pack_of(tenant=tenant, period=period, now=now)
    said = said_in(review)
    review.frozen = {**pack.as_document(), "said": said.as_document()}
    # A note that this waited for is frozen, and no addendum as well.
    closed_at = max([now, *(each.at for each in said.notes)])
    review.state, review.closed_at, review.closed_by = Review.State.CLOSED, closed_at, member_actor(member)
    review.save(update_fields=["frozen", "state", "closed_at", "closed_by"])
    record_change(
        actor=review.closed_by,
        action="review.closed",
        object_type="review",
        object_id=review.id,
        after={"kind": review.kind, "first_day": review.first_day.isoformat()},
        now=now,
    )
    messages.tell_closed(review, now=now)
    return review


# --- Reminding ---


def remind_days() -> int:
    """Days after a period's end until people are reminded to close its review."""
    row = ReviewSettings.objects.first()
    return (row or ReviewSettings()).remind_days


@transaction.atomic
def set_remind_days(*, member: Member, days: int, now: datetime) -> None:
    """Change when people are reminded. Raises ValidationFailed at /remind_days."""
    if not 0 <= days <= MOST_REMIND_DAYS:
        raise ValidationFailed.at("/remind_days", f"From 0 to {MOST_REMIND_DAYS} days.", "out_of_range")
    before = remind_days()
    if before == days:
        return
    ReviewSettings.objects.update_or_create(tenant_id=current_tenant_id(), defaults={"remind_days": days})
    record_change(
        actor=member_actor(member),
        action="review_settings.changed",
        object_type="review_settings",
        object_id=None,
        before={"remind_days": before},
        after={"remind_days": days},
        now=now,
    )


def remind(*, tenant: Tenant, now: datetime) -> int:
    """Ask once for the close of each review whose period is over for long enough; how many were asked for.

    Those of periods that were over before their review was opened are asked for by nobody.
    """
    days, zone = remind_days(), ZoneInfo(tenant.time_zone)
    today, told = today_of(tenant, now), 0
    waiting = Review.objects.select_for_update(of=("self",), skip_locked=True).filter(
        state=Review.State.OPEN, reminded_at__isnull=True, first_day__lt=today
    )
    with transaction.atomic():
        for review in waiting.order_by("first_day"):
            last = period_of(review).last
            end = datetime.combine(last + timedelta(days=1), time(), zone)
            if today <= last + timedelta(days=days) or review.opened_at >= end:
                continue
            review.reminded_at = now
            review.save(update_fields=["reminded_at"])
            messages.ask_to_close(review, now=now)
            told += 1
    return told
