"""From outbox rows to deliveries, and their way out: form, claim, send, settle.

Each step commits by itself, and nothing leaves inside a transaction. A sender that dies between claim and
settle leaves a lease that runs out; the delivery is then sent again under the same id. So a record is written
exactly once, and transport happens at least once.
"""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Max

from notifications.channels.base import Channel, Dead, Outcome, Parcel, Rendered, Retry, Sent, channel
from notifications.context import Context, Row, contexts
from notifications.models import Delivery, OutboxMessage, WebhookEndpoint
from notifications.secrets import signing_secrets
from notifications.texts import render
from notifications.timing import is_scheduled, may_wait, running_clocks, send_at
from tenants.bulk import insert_rows
from tenants.calendars import load_calendar, member_calendar_versions
from tenants.clock import Clock
from tenants.context import current_tenant_id, tenant_scope
from tenants.models import Member, Tenant

log = logging.getLogger(__name__)

LEASE: Final = timedelta(seconds=30)
# Seconds to wait before try 1, 2, ... (the ladder of Standard Webhooks); after the last one it is dead.
LADDER: Final = (0, 5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
LONGEST_REST: Final = 300  # seconds; an endpoint that fails is left alone at most so long
FORM_LIMIT: Final = 5_000  # rows put into deliveries in one go
CLAIM_LIMIT: Final = 8  # deliveries of one tenant under way at once: a slow one must not hold up the others
SENDERS: Final = 16  # sends under way at once in one process
LANES: Final = 2  # of them to one endpoint
_FORMING: Final = 0x6E6F7469  # our part of the advisory lock's key


# --- Form ---


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A pending row, as far as forming needs it."""

    id: UUID
    channel: str
    recipient: UUID | None
    priority: int
    kind: str
    subject: str


#: Rows by (channel, recipient), the most pressing first.
Groups = dict[tuple[str, UUID | None], list[_Waiting]]


def form_deliveries(*, now: datetime, limit: int = FORM_LIMIT) -> int:
    """Put due outbox rows into deliveries; return how many deliveries were made. In the tenant's scope.

    A person gets one delivery a minute from a channel: what comes sooner waits for the minute to end and then
    shares one. Only one process forms a tenant's deliveries at a time, so that the minute holds; others skip
    their turn.
    """
    if not _take_turn():
        return 0
    groups, held = _keep_hours(_due_rows(now, limit), now)
    spaced = {key for key in groups if channel(key[0]).spacing_seconds}
    free_at = _free_at(spaced, now)
    deliveries: list[Delivery] = []
    taken: list[tuple[str, str]] = []
    for key, rows in _apart(groups, spaced):
        delivery = _delivery(key, rows, now)
        deliveries.append(delivery)
        taken += [(str(row.id), str(delivery.id)) for row in rows]
    for key, rows in groups.items():
        if key in free_at:
            held += [(str(row.id), free_at[key]) for row in rows]
            continue
        size = channel(key[0]).bundle
        bundles = [rows[start : start + size] for start in range(0, len(rows), size)]
        if key in spaced and len(bundles) > 1:  # more than one message can list: the rest is next minute's
            later = now + timedelta(seconds=channel(key[0]).spacing_seconds)
            held += [(str(row.id), later) for bundle in bundles[1:] for row in bundle]
            del bundles[1:]
        for bundle in bundles:
            delivery = _delivery(key, bundle, now)
            deliveries.append(delivery)
            taken += [(str(row.id), str(delivery.id)) for row in bundle]
    insert_rows(deliveries)
    _take(taken)
    _hold(held)
    return len(deliveries)


def _apart(
    groups: Groups, spaced: Collection[tuple[str, UUID | None]]
) -> list[tuple[tuple[str, UUID | None], list[_Waiting]]]:
    """Take out what is sent on a schedule, each for a delivery of its own: a list of titles is no digest."""
    found = []
    for key in spaced:
        alone = [row for row in groups[key] if is_scheduled(row.kind)]
        if alone:
            found += [(key, [row]) for row in alone]
            groups[key] = [row for row in groups[key] if not is_scheduled(row.kind)]
            if not groups[key]:
                del groups[key]
    return found


def _take_turn() -> bool:
    key = current_tenant_id().int & 0x7FFFFFFF
    with connection.cursor() as cursor:
        cursor.execute("select pg_try_advisory_xact_lock(%s, %s)", [_FORMING, key])
        return bool(cursor.fetchone()[0])


def _due_rows(now: datetime, limit: int) -> Groups:
    """Pending rows by (channel, recipient), the most pressing first. Rows that somebody is expiring are
    passed over.
    """
    rows = (
        OutboxMessage.objects.filter(state=OutboxMessage.State.PENDING, not_before__lte=now)
        .order_by("-priority", "created_at", "id")
        .select_for_update(skip_locked=True, of=("self",))
        .values_list("id", "channel", "member_id", "endpoint_id", "priority", "kind", "subject")[:limit]
    )
    groups: Groups = defaultdict(list)
    for row_id, name, member_id, endpoint_id, priority, kind, subject in rows:
        recipient = member_id or endpoint_id
        groups[name, recipient].append(_Waiting(row_id, name, recipient, priority, kind, subject))
    return groups


def _keep_hours(groups: Groups, now: datetime) -> tuple[Groups, list[tuple[str, datetime]]]:
    """The rows that may leave now, and when each of the others may: in its reader's working day."""
    quiet = [
        row
        for (name, _), rows in groups.items()
        if channel(name).keeps_hours
        for row in rows
        if may_wait(row.kind)
    ]
    if not quiet:
        return groups, []
    readers = {row.recipient for row in quiet if row.recipient}
    tenant = Tenant.objects.get(id=current_tenant_id())
    versions = member_calendar_versions(tenant=tenant, member_ids=readers)
    clocks = running_clocks({row.subject for row in quiet}, now)
    later: dict[UUID, datetime] = {}
    for row in quiet:
        hours = load_calendar(versions.get(row.recipient)) if row.recipient else None
        at = send_at(row.kind, hours=hours, clock_runs=row.subject in clocks, now=now)
        if at > now:
            later[row.id] = at
    kept = {key: [row for row in rows if row.id not in later] for key, rows in groups.items()}
    return {key: rows for key, rows in kept.items() if rows}, [(str(key), at) for key, at in later.items()]


def _free_at(
    keys: Iterable[tuple[str, UUID | None]], now: datetime
) -> dict[tuple[str, UUID | None], datetime]:
    """When a recipient who was written to less than a channel's spacing ago may be written to again."""
    wanted = set(keys)
    if not wanted:
        return {}
    names = {name for name, _ in wanted}
    widest = timedelta(seconds=max(channel(name).spacing_seconds for name in names))
    last = (
        Delivery.objects.filter(
            channel__in=names, member_id__in={member for _, member in wanted}, created_at__gt=now - widest
        )
        .values_list("channel", "member_id")
        .annotate(last=Max("created_at"))
    )
    free = {
        (name, member): at + timedelta(seconds=channel(name).spacing_seconds) for name, member, at in last
    }
    return {key: at for key, at in free.items() if key in wanted and at > now}


def _delivery(key: tuple[str, UUID | None], rows: Sequence[_Waiting], now: datetime) -> Delivery:
    name, recipient = key
    to_endpoint = name == "webhook"
    return Delivery(
        channel=name,
        member_id=None if to_endpoint else recipient,
        endpoint_id=recipient if to_endpoint else None,
        priority=max(row.priority for row in rows),
        next_at=now,
        created_at=now,
    )


def _take(pairs: Sequence[tuple[str, str]]) -> None:
    """Freeze the membership: row -> delivery."""
    if not pairs:
        return
    ids, deliveries = (list(column) for column in zip(*pairs, strict=True))
    with connection.cursor() as cursor:
        cursor.execute(
            "update notifications_outboxmessage as row set state = 'taken', delivery_id = pair.delivery_id"
            " from unnest(%s::uuid[], %s::uuid[]) as pair(id, delivery_id)"
            " where row.tenant_id = %s and row.id = pair.id",
            [ids, deliveries, str(current_tenant_id())],
        )


def _hold(pairs: Sequence[tuple[str, datetime]]) -> None:
    """Let rows wait for their recipient's next minute."""
    if not pairs:
        return
    ids, moments = (list(column) for column in zip(*pairs, strict=True))
    with connection.cursor() as cursor:
        cursor.execute(
            "update notifications_outboxmessage as row set not_before = pair.at"
            " from unnest(%s::uuid[], %s::timestamptz[]) as pair(id, at)"
            " where row.tenant_id = %s and row.id = pair.id",
            [ids, moments, str(current_tenant_id())],
        )


# --- Claim ---


@dataclass(frozen=True, slots=True)
class Claim:
    """A delivery that this process may send until the lease ends."""

    parcel: Parcel
    messages: Sequence[Rendered]
    problem: str = ""  # it could not be put into words; nothing to send


def claim_deliveries(*, now: datetime, limit: int = CLAIM_LIMIT) -> list[Claim]:
    """Lease due deliveries, the most pressing first, and put them into words. In the tenant's scope.

    Looks at the world again: what is moot, or for a person or endpoint that is no longer active, expires
    here. A delivery whose lease ran out is due again, whoever had it.
    """
    due = list(
        Delivery.objects.filter(next_at__lte=now)
        .order_by("-priority", "next_at", "id")
        .select_for_update(skip_locked=True, of=("self",))[: limit * 4]
    )
    if not due:
        return []
    endpoints = WebhookEndpoint.objects.in_bulk([d.endpoint_id for d in due if d.endpoint_id])
    chosen = _choose(due, endpoints, now, limit)
    chosen = [delivery for delivery in chosen if not _used_up(delivery, now)]
    for delivery in chosen:
        delivery.state = Delivery.State.SENDING
        delivery.attempts += 1
        delivery.lease_until = delivery.next_at = now + LEASE
    Delivery.objects.bulk_update(chosen, ["state", "attempts", "lease_until", "next_at"])
    return _in_words(chosen, endpoints, now)


def _choose(
    due: Sequence[Delivery], endpoints: dict[UUID, WebhookEndpoint], now: datetime, limit: int
) -> list[Delivery]:
    """What to send now. Deliveries to an endpoint that rests after a failure wait until it may be tried
    again.
    """
    chosen: list[Delivery] = []
    resting: list[Delivery] = []
    lanes: Counter[UUID] = Counter()
    for delivery in due:
        endpoint = endpoints.get(delivery.endpoint_id) if delivery.endpoint_id else None
        if endpoint is not None and endpoint.rest_until is not None and endpoint.rest_until > now:
            delivery.next_at = endpoint.rest_until
            resting.append(delivery)
        elif len(chosen) < limit and (endpoint is None or lanes[endpoint.id] < LANES):
            chosen.append(delivery)
            if endpoint is not None:
                lanes[endpoint.id] += 1
    Delivery.objects.bulk_update(resting, ["next_at"])
    return chosen


def _used_up(delivery: Delivery, now: datetime) -> bool:
    """The last try's lease ran out: nobody knows what became of it, and there is no further one."""
    if delivery.attempts < len(LADDER):
        return False
    _finish(delivery, Delivery.State.DEAD, now, delivery.last_error or "The last try never came back")
    return True


def _in_words(
    deliveries: Sequence[Delivery], endpoints: dict[UUID, WebhookEndpoint], now: datetime
) -> list[Claim]:
    rows: dict[UUID, list[OutboxMessage]] = defaultdict(list)
    for row in OutboxMessage.objects.filter(
        delivery_id__in=[delivery.id for delivery in deliveries], state=OutboxMessage.State.TAKEN
    ).order_by("-priority", "created_at", "id"):
        rows[row.delivery_id].append(row)
    tenant = Tenant.objects.get(id=current_tenant_id())
    members = Member.objects.select_related("user").in_bulk([d.member_id for d in deliveries if d.member_id])
    words, problems = _words_of(rows, now)
    claims = []
    for delivery in deliveries:
        parcel = _parcel(delivery, members, endpoints, now) if tenant.is_active else None
        if parcel is None:
            _finish(delivery, Delivery.State.EXPIRED, now, "The recipient is no longer active")
        elif delivery.id in problems:
            claims.append(Claim(parcel, (), problems[delivery.id]))
        else:
            claim = _claim(delivery, parcel, rows[delivery.id], words, now)
            if claim is not None:
                claims.append(claim)
    return claims


def _words_of(
    rows: dict[UUID, list[OutboxMessage]], now: datetime
) -> tuple[dict[UUID, Context], dict[UUID, str]]:
    """Contexts by row, and what went wrong by delivery. One poisoned row must not hold up its neighbours."""
    try:
        with transaction.atomic():
            return contexts([as_row(row) for its_rows in rows.values() for row in its_rows], now), {}
    except Exception:
        log.exception("A batch of messages could not be looked up; trying them one by one")
    words: dict[UUID, Context] = {}
    problems: dict[UUID, str] = {}
    for delivery_id, its_rows in rows.items():
        try:
            with transaction.atomic():
                words.update(contexts([as_row(row) for row in its_rows], now))
        except Exception as error:
            log.exception("A delivery could not be put into words", extra={"delivery": str(delivery_id)})
            problems[delivery_id] = f"It could not be put into words: {type(error).__name__}"
    return words, problems


def as_row(row: OutboxMessage) -> Row:
    return Row(row.id, row.kind, row.subject, row.data, row.member_id, row.created_at, channel=row.channel)


def _parcel(
    delivery: Delivery,
    members: dict[UUID, Member],
    endpoints: dict[UUID, WebhookEndpoint],
    now: datetime,
) -> Parcel | None:
    """The addressed parcel; None when the recipient is not active any more."""
    common: dict[str, Any] = {
        "tenant_id": current_tenant_id(),
        "id": delivery.id,
        "channel": delivery.channel,
        "attempt": delivery.attempts,
    }
    if delivery.endpoint_id is not None:
        endpoint = endpoints.get(delivery.endpoint_id)
        if endpoint is None or not endpoint.is_active:
            return None
        secrets = signing_secrets(endpoint, now)
        return Parcel(
            **common, name="", address=endpoint.url, endpoint_id=endpoint.id, secrets=tuple(secrets)
        )
    member = members.get(delivery.member_id) if delivery.member_id else None
    if member is None or not member.is_active or not member.user.is_active:
        return None
    return Parcel(**common, name=member.name, address=member.email, member_id=member.id)


def _claim(
    delivery: Delivery,
    parcel: Parcel,
    rows: Sequence[OutboxMessage],
    words: dict[UUID, Context],
    now: datetime,
) -> Claim | None:
    """The delivery in words without what has become moot; None when nothing is left to say."""
    alive = [row for row in rows if row.id in words]
    moot = [row.id for row in rows if row.id not in words]
    if moot:
        OutboxMessage.objects.filter(id__in=moot).update(state=OutboxMessage.State.EXPIRED, closed_at=now)
    if not alive:
        _finish(delivery, Delivery.State.EXPIRED, now, "Moot before it was sent")
        return None
    try:
        return Claim(parcel, tuple(put_into_words(row, words[row.id]) for row in alive))
    except LookupError as error:
        return Claim(parcel, (), str(error))


def put_into_words(row: OutboxMessage, context: Context) -> Rendered:
    """Raises LookupError for a kind without a text."""
    text = render(row.kind, {"site": settings.SITE_URL, **context.words})
    link = f"{settings.SITE_URL.rstrip('/')}{context.path}" if context.path else ""
    return Rendered(
        id=row.id,
        event_id=row.event_id,
        kind=row.kind,
        subject=row.subject,
        data=row.data,
        at=row.created_at,
        title=text.title,
        body=text.body,
        link=link,
        facts=context.facts,
        whom=context.words.get("lead_and_company", ""),
        html=context.html,
        attachments=context.attachments,
    )


# --- Send and settle ---


def send(claim: Claim, now: datetime) -> Outcome:
    """Carry one claimed delivery. Any thread, no transaction; whatever goes wrong is an outcome."""
    if claim.problem:
        return Retry(claim.problem)
    try:
        carrier: Channel = channel(claim.parcel.channel)
        return carrier.send(claim.parcel, claim.messages, now)
    except Exception as error:
        log.exception("A channel failed", extra={"delivery": str(claim.parcel.id)})
        return Retry(f"The channel failed: {type(error).__name__}")


def settle(claim: Claim, outcome: Outcome, *, now: datetime) -> bool:
    """Record what became of a try. False when the lease was lost: another's try counts then. In scope."""
    parcel = claim.parcel
    delivery = Delivery.objects.select_for_update(of=("self",)).get(id=parcel.id)
    if delivery.state != Delivery.State.SENDING or delivery.attempts != parcel.attempt:
        return False
    if isinstance(outcome, Sent):
        channel(parcel.channel).record(parcel, claim.messages, now)
        _finish(delivery, Delivery.State.SENT, now, "")
        if parcel.endpoint_id is not None:
            _recovered(parcel.endpoint_id)
    elif isinstance(outcome, Dead):
        _finish(delivery, Delivery.State.DEAD, now, outcome.error)
        if outcome.gone and parcel.endpoint_id is not None:
            WebhookEndpoint.objects.filter(id=parcel.endpoint_id).update(
                is_active=False, disabled_reason=outcome.error[:120]
            )
    elif delivery.attempts >= len(LADDER):
        _finish(delivery, Delivery.State.DEAD, now, outcome.error)
        _failed(parcel.endpoint_id, now, outcome)
    else:
        delivery.state = Delivery.State.PENDING
        delivery.next_at = now + retry_wait(delivery.id, delivery.attempts, outcome.after_seconds)
        delivery.lease_until = None
        delivery.last_error = outcome.error[:300]
        delivery.save(update_fields=["state", "next_at", "lease_until", "last_error"])
        _failed(parcel.endpoint_id, now, outcome)
    return True


def retry_wait(delivery_id: UUID, attempts: int, asked_seconds: int | None = None) -> timedelta:
    """How long to wait after try number `attempts` failed: the ladder's step and up to a tenth of it.

    The tenth is derived from the id, so that a crowd spreads out and a repeated computation agrees.
    """
    step = LADDER[attempts]
    share = int.from_bytes(sha256(delivery_id.bytes + bytes([attempts])).digest()[:4]) / 2**32
    seconds = step * (1 + share / 10)
    return timedelta(seconds=max(seconds, asked_seconds or 0))


def _finish(delivery: Delivery, state: Delivery.State, now: datetime, error: str) -> None:
    """Close a delivery and its rows."""
    delivery.state = state
    delivery.next_at = delivery.lease_until = None
    delivery.last_error = error[:300]
    delivery.sent_at = now if state == Delivery.State.SENT else None
    delivery.save(update_fields=["state", "next_at", "lease_until", "last_error", "sent_at"])
    OutboxMessage.objects.filter(delivery_id=delivery.id, state=OutboxMessage.State.TAKEN).update(
        state=OutboxMessage.State(str(state)), closed_at=now
    )


def _failed(endpoint_id: UUID | None, now: datetime, outcome: Retry) -> None:
    """Let a failing endpoint rest, longer each time: its other messages must not wait for its timeouts."""
    if endpoint_id is None:
        return
    endpoint = WebhookEndpoint.objects.select_for_update(of=("self",)).get(id=endpoint_id)
    endpoint.failures = min(endpoint.failures + 1, len(LADDER) - 1)
    rest = max(min(LADDER[endpoint.failures], LONGEST_REST), outcome.after_seconds or 0)
    endpoint.rest_until = now + timedelta(seconds=rest)
    endpoint.save(update_fields=["failures", "rest_until"])


def _recovered(endpoint_id: UUID) -> None:
    WebhookEndpoint.objects.filter(id=endpoint_id, failures__gt=0).update(failures=0, rest_until=None)


# --- All of it ---


def deliver_round(
    tenant_ids: Sequence[UUID], *, clock: Clock, pool: ThreadPoolExecutor, room: int = SENDERS
) -> int:
    """Form and claim for each tenant, send everything at once, settle; return how many tries were made.

    room: most sends in a round, no more than the pool sends at once: nothing that is claimed waits for a
    sender while its lease runs. All tenants share a round, so one tenant's silent endpoint does not stop the
    others.
    """
    claims: list[Claim] = []
    for tenant_id in tenant_ids:
        limit = min(CLAIM_LIMIT, room - len(claims))
        if limit <= 0:
            break
        try:
            with tenant_scope(tenant_id):
                form_deliveries(now=clock())
            with tenant_scope(tenant_id):
                claims += claim_deliveries(now=clock(), limit=limit)
        except Exception:
            log.exception("A tenant's messages could not be claimed", extra={"tenant": str(tenant_id)})
    now = clock()
    outcomes = list(pool.map(lambda claim: send(claim, now), claims))
    for claim, outcome in zip(claims, outcomes, strict=True):
        try:
            with tenant_scope(claim.parcel.tenant_id):
                settle(claim, outcome, now=clock())
        except Exception:  # the lease will run out, and it is tried again
            log.exception("A try could not be recorded", extra={"delivery": str(claim.parcel.id)})
    return len(claims)
