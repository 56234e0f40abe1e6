"""Reports on a schedule: who gets which, when the next one leaves, and the mail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, time
from typing import Any, Final
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.urls import reverse

from core.errors import Conflict, NotFound, ValidationFailed
from notifications.context import Context, Row, register
from notifications.outbox import Message, enqueue
from reporting.mailings import reports
from reporting.mailings.messages import context_from
from reporting.mailings.models import Subscription
from reporting.mailings.reports import REPORTS
from reporting.mailings.schedule import next_time
from reporting.mailings.words import Letter, Line, absolute, moment_words
from tenants.audit import record_change
from tenants.context import current_tenant_id
from tenants.models import Member, Tenant
from tenants.selectors import time_zone_of

KIND: Final = "report.scheduled"
NONE_SUCH: Final = "There is no such subscription."
#: Most subscriptions of one person.
MOST: Final = 20
#: Most that one turn writes.
_TURN: Final = 200


def subscriptions_of(member: Member) -> list[Subscription]:
    return list(Subscription.objects.filter(member=member).order_by("report", "created_at", "id"))


@transaction.atomic
def subscribe(
    *,
    tenant: Tenant,
    member: Member,
    report: str,
    query: str,
    frequency: str,
    weekday: int,
    day: int,
    at: time,
    now: datetime,
    actor: str = "",
) -> Subscription:
    """Let somebody have a report by mail. actor: who does it for them, for the audit log; "" for themselves.
    Raises ValidationFailed at /report, /query and parameters of it; Conflict where they have too many."""
    if report not in REPORTS or not REPORTS[report].may_read(member):
        raise ValidationFailed.at("/report", "Choose a report that you may read.", "invalid_choice")
    kept = reports.kept_query(query)
    reports.check(REPORTS[report], kept, tenant=tenant, member=member, now=now)
    if len(kept) > 1000:
        raise ValidationFailed.at("/query", "These filters are too long to be kept.", "too_long")
    Member.objects.select_for_update(of=("self",)).get(id=member.id)
    if Subscription.objects.filter(member=member).count() >= MOST:
        who = f"{member.name} gets" if actor else "You get"
        raise Conflict(f"{who} {MOST} reports already. Remove one first.")
    when: dict[str, Any] = {"frequency": frequency, "weekday": weekday, "day": day, "at": at}
    zone = ZoneInfo(time_zone_of(member=member, tenant=tenant))
    made: Subscription = Subscription.objects.create(
        member=member,
        report=report,
        query=kept,
        **when,
        next_at=next_time(now, zone=zone, **when),
        created_at=now,
    )
    if actor:
        _audit(made, "subscription.made", actor, now)
    return made


def unsubscribe(*, member: Member, subscription_id: UUID) -> None:
    """Raises NotFound, for another's too."""
    deleted, _ = Subscription.objects.filter(member=member, id=subscription_id).delete()
    if not deleted:
        raise NotFound(NONE_SUCH)


def get_subscription(subscription_id: UUID) -> Subscription:
    """Anybody's, of this organisation. Raises NotFound."""
    found: Subscription | None = (
        Subscription.objects.select_related("member").filter(id=subscription_id).first()
    )
    if found is None:
        raise NotFound(NONE_SUCH)
    return found


@transaction.atomic
def end_for(*, subscription_id: UUID, actor: str, now: datetime) -> None:
    """End somebody's, for them. Raises NotFound, for whoever comes second too."""
    found: Subscription | None = (
        Subscription.objects.filter(id=subscription_id).select_for_update(of=("self",)).first()
    )
    if found is None:
        raise NotFound(NONE_SUCH)
    _audit(found, "subscription.ended", actor, now)
    found.delete()


def _audit(row: Subscription, action: str, actor: str, now: datetime) -> None:
    said = {"member": str(row.member_id), "report": row.report, "query": row.query}
    made = action == "subscription.made"
    record_change(
        actor=actor,
        action=action,
        object_type="subscription",
        object_id=row.id,
        before=None if made else said,
        after=said if made else None,
        now=now,
    )


def write_due(tenant: Tenant, *, now: datetime) -> int:
    """Write the reports whose hour has come to the outbox; how many. Of several hours that were missed the
    last is told. Rows that another has are passed over."""
    due = list(
        Subscription.objects.filter(next_at__lte=now, member__is_active=True)
        .select_related("member")
        .order_by("next_at", "id")
        .select_for_update(of=("self",), skip_locked=True)[:_TURN]
    )
    messages = []
    for each in due:
        event = uuid5(each.id, each.next_at.isoformat())
        data = {"subscription": str(each.id), "due_at": each.next_at.isoformat()}
        messages.append(Message(KIND, event, f"subscription:{each.id}", [each.member_id], data))
        zone = ZoneInfo(time_zone_of(member=each.member, tenant=tenant))
        each.next_at = next_time(
            now, zone=zone, frequency=each.frequency, weekday=each.weekday, day=each.day, at=each.at
        )
    Subscription.objects.bulk_update(due, ["next_at"])
    enqueue(messages, now=now)
    return len(messages)


def install() -> None:
    """Speak for these messages. Called once, when the app is ready."""
    register("report.", context_of)


def context_of(rows: Sequence[Row], now: datetime) -> Mapping[UUID, Context]:
    """The mail of each subscription that its reader still has and may still read. See
    notifications.context."""
    tenant = Tenant.objects.get(id=current_tenant_id())
    ids = {row.data["subscription"] for row in rows}
    known = {
        str(each.id): each
        for each in Subscription.objects.filter(id__in=ids).select_related("member__user", "member__team")
    }
    found: dict[UUID, Context] = {}
    for row in rows:
        each = known.get(row.data["subscription"])
        if each is None or row.member_id != each.member_id or not each.member.is_active:
            continue
        report = REPORTS.get(each.report)
        if report is None or not report.may_read(each.member):
            continue
        path = reports.page_of(report, each.query)
        title = f"{report.title}, as you asked"
        if row.told or row.channel == "inapp":
            found[row.id] = Context({"title": title, "body": "Its numbers are on the page."}, {}, path)
            continue
        try:
            part = reports.part_of(report, each.query, tenant=tenant, member=each.member, now=now)
            file = reports.file_of(report, each.query, tenant=tenant, member=each.member, now=now)
        except (PermissionDenied, ValidationFailed):
            continue
        zone = ZoneInfo(time_zone_of(member=each.member, tenant=tenant))
        letter = Letter(
            title=f"{report.title}, {moment_words(now, zone)}",
            late="",
            parts=(part,),
            foot=("The table is attached. The page has the same numbers with what they count.",),
            links=(
                Line("The report", url=absolute(path)),
                Line("My mails, to change or end this", url=absolute(reverse("reporting:my_mails"))),
            ),
        )
        found[row.id] = context_from(letter, tenant, path, attachments=(file,))
    return found
