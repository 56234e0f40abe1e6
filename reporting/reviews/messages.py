"""What people hear of reviews: that one is closed, and that one is over and waits to be closed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final
from uuid import UUID, uuid5

from django.urls import reverse

from notifications.context import Context, Row, register
from notifications.outbox import Message, enqueue, expire
from reporting.reviews.mail import mail_of
from reporting.reviews.models import Review
from reporting.reviews.periods import period_of
from tenants.audit import names_of_actors
from tenants.context import current_tenant_id
from tenants.models import Member, Role, Tenant

CLOSED: Final = "review.closed"
DUE: Final = "review.due"
#: Who gets the pack, and who is asked to close it.
READERS: Final = (Role.MARKETING, Role.MANAGER, Role.EXECUTIVE)
ASKED: Final = (Role.ADMIN, Role.MARKETING, Role.MANAGER)


def _subject(review: Review) -> str:
    return f"review:{review.id}"


def _people(roles: Sequence[Role]) -> list[UUID]:
    return list(
        Member.objects.filter(role__in=roles, is_active=True).order_by("id").values_list("id", flat=True)
    )


def tell_closed(review: Review, *, now: datetime) -> None:
    """Send the pack to those who read it; nobody need close it any more."""
    expire([_subject(review)], now=now, kinds=[DUE])
    enqueue([Message(CLOSED, review.id, _subject(review), _people(READERS), _about(review))], now=now)


def ask_to_close(review: Review, *, now: datetime) -> None:
    event = uuid5(review.id, "due")
    enqueue([Message(DUE, event, _subject(review), _people(ASKED), _about(review))], now=now)


def _about(review: Review) -> dict[str, str]:
    return {"review": str(review.id)}


def install() -> None:
    """Speak for these messages. Called once, when the app is ready."""
    register("review.", context_of)


def context_of(rows: Sequence[Row], now: datetime) -> Mapping[UUID, Context]:
    """The words of each message that is still worth telling; a pack is read and drawn once, however many get
    it. See notifications.context."""
    ids = {row.subject.partition(":")[2] for row in rows}
    known = {_subject(each): each for each in Review.objects.filter(id__in=ids).defer("frozen")}
    people = names_of_actors({each.closed_by for each in known.values() if each.closed_by})
    found = {}
    mails: dict[UUID, Context] = {}
    for row in rows:
        review = known.get(row.subject)
        if review is None:
            continue
        is_moot = row.kind == DUE and review.state == Review.State.CLOSED
        if is_moot and not row.told and row.member_id:
            continue
        if row.kind == CLOSED and row.channel == "email" and review.state == Review.State.CLOSED:
            if review.id not in mails:
                mails[review.id] = mail_of(review, tenant=_tenant(), now=now)
            found[row.id] = replace(mails[review.id], facts=_facts(review))
            continue
        period = period_of(review)
        closed_by = people.get(review.closed_by, "")
        words = {
            "review": period.name,
            "title": f"The review of {period.name} is closed",
            "body": f"{closed_by} closed it. Its numbers stay as they are; its page has them with the notes "
            "and decisions, and as a PDF.",
        }
        found[row.id] = Context(words, _facts(review), reverse("reporting:review", args=[review.id]))
    return found


def _facts(review: Review) -> dict[str, str]:
    return {"kind": review.kind, "first_day": review.first_day.isoformat(), "state": review.state}


def _tenant() -> Tenant:
    found: Tenant = Tenant.objects.get(id=current_tenant_id())
    return found
