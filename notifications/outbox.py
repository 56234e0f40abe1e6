"""The outbox: what must be told is written in the transaction that caused it, and sent later.

`enqueue` turns messages into rows, one a recipient and channel, in one statement whatever their number;
`expire` takes back what has become moot before it left. Rows hold ids and times only: texts are made when
they are sent (notifications.sending).

Data that the texts understand, all optional, ids as strings: "lead", "handoff", "assignment", "decision",
"timer", "event", "from" and "to" (members), "stage", "disposition", "engagement", "reason" (a slug),
"publication", "version", "dispute", "week" (a Monday), "subscription", "meeting"; "at" and "due_at" are ISO
times.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha1
from typing import Any, Final
from uuid import UUID

from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Q

from notifications.models import OutboxMessage, WebhookEndpoint
from tenants.config import configured
from tenants.context import current_tenant_id
from tenants.roundtrips import write

_encode: Final = DjangoJSONEncoder().encode
MEMBER_CHANNELS: Final = ("email", "inapp")  # by which every member is told
WEBHOOK: Final = "webhook"

# What can be told. Webhook endpoints subscribe to these; templates/notifications/ has a text for each.
KINDS: Final[Mapping[str, str]] = {
    "lead.assigned": "A lead has a new owner",
    "lead.moved": "A lead left its owner",
    "lead.unrouted": "A lead has no owner",
    "lead.to_claim": "A lead may be claimed",
    "lead.accepted": "A lead was accepted",
    "lead.rejected": "A lead was rejected",
    "lead.nurture": "A lead went to nurture",
    "lead.progressing": "Sales says that a lead is progressing",
    "lead.nurture_started": "A nurture sequence is to begin",
    "lead.touched": "A touch was logged",
    "lead.engaged": "A lead did something again",
    "lead.stage_changed": "A lead changed its stage",
    "lead.excuse_asked": "An excuse for a missed clock was asked for",
    "lead.excuse_decided": "An excuse was approved or refused",
    "lead.disputed": "Marketing disputes a rejection",
    "lead.dispute_decided": "A dispute was decided",
    "config.approval_asked": "A version waits for a second person's approval",
    "config.approval_decided": "A version was approved or refused",
    "agreement.sign_asked": "The agreement waits for a signature",
    "agreement.in_force": "An agreement is in force and to be read",
    "agreement.changed": "Something that was signed was changed",
    "agreement.recalibrate": "The agreement is due for recalibration",
    "review.closed": "A review was closed, and its numbers frozen",
    "review.due": "A period is over and its review is not closed",
    "digest.weekly": "The weekly digest of what sales said",
    "digest.team": "A team's week, for its manager",
    "compliance.escalated": "A team's compliance was too low for two weeks running",
    "report.scheduled": "A report that somebody asked for",
    "meeting.booked": "A meeting was booked",
    "meeting.to_answer": "A meeting waits for its answer",
    "meeting.decided": "What became of a meeting",
    "quality.degraded": "The data of a source became worse",
    "campaign.verdict": "The leads of a new campaign were found usable, or not",
    "survey.asked": "The alignment survey is open",
    "rep.off_rotation": "Somebody was taken off the rotation",
    "drill.failed": "A drill found something that does not work",
    "timer.reminder": "A clock reached its reminder",
    "timer.warned": "A clock is at risk",
    "timer.breached": "A clock is overdue",
    "timer.escalated": "An overdue clock was escalated",
    "timer.step": "A clock reached a step that calls webhooks",
}


#: Kinds that are one person's own: webhooks do not get them.
PERSONAL: Final = frozenset({"digest.team", "report.scheduled"})


@dataclass(frozen=True, slots=True)
class Message:
    """One thing that happened and whom it concerns.

    event_id:      of the row that records the event; told once by each channel to each recipient.
    subject:       what it is about, "handoff:<id>"; at most 60 characters.
    member_ids:    who is told, by every channel for people. Webhooks get it also when nobody is named.
    priority:      higher first: breaches before warnings.
    delay_seconds: how long it may still be taken back (undo).
    suppressed:    written to the record of what would have been told, and never sent (shadow mode).
    """

    kind: str
    event_id: UUID
    subject: str
    member_ids: Sequence[UUID] = ()
    data: Mapping[str, Any] = field(default_factory=dict)
    priority: int = 0
    delay_seconds: int = 0
    suppressed: bool = False


# The facts of a message travel once, its recipients beside them: with four recipients a message that is a
# third of the bytes. Constants of the whole call (tenant, time) are scalars.
_INSERT: Final = """
insert into notifications_outboxmessage
    (id, tenant_id, event_id, kind, channel, member_id, endpoint_id, subject, priority, data, state,
     created_at, not_before, closed_at, delivery_id)
select copy.id, %s::uuid, told.event_id, told.kind, copy.channel, copy.member_id, copy.endpoint_id,
       told.subject, told.priority, told.data::jsonb,
       case when told.suppressed then 'suppressed' else 'pending' end, %s::timestamptz, told.not_before,
       case when told.suppressed then told.not_before end, null
from unnest(%s::int[], %s::uuid[], %s::text[], %s::text[], %s::int[], %s::text[], %s::timestamptz[],
            %s::boolean[])
         as told(number, event_id, kind, subject, priority, data, not_before, suppressed)
join unnest(%s::int[], %s::uuid[], %s::text[], %s::uuid[], %s::uuid[])
         as copy(number, id, channel, member_id, endpoint_id) using (number)
on conflict do nothing
"""


def enqueue(messages: Sequence[Message], *, now: datetime) -> int:
    """Write the messages to the outbox in one statement; return how many rows are new.

    Fans out to e-mail and in-app per member, and to each active webhook endpoint that wants the kind. Writing
    the same message again adds nothing. Needs a tenant's scope; two statements whatever the number. Where the
    writes of a transaction travel together (tenants.roundtrips) the rows sent are counted, known ones too.
    """
    if not messages:
        return 0
    endpoints = _endpoints()
    wanting: dict[str, list[str]] = {}
    copies: list[tuple[int, str, str, str | None, str | None]] = []
    for number, message in enumerate(messages):
        kind = message.kind
        if kind not in wanting:
            wanting[kind] = [str(endpoint) for endpoint, events in endpoints if not events or kind in events]
        for member_id in dict.fromkeys(message.member_ids):
            member = str(member_id)
            for channel in MEMBER_CHANNELS:
                row_id = _row_id(message.event_id, f"{kind}:{channel}:{member}")
                copies.append((number, row_id, channel, member, None))
        for endpoint in () if kind in PERSONAL else wanting[kind]:
            row_id = _row_id(message.event_id, f"{kind}:{WEBHOOK}:{endpoint}")
            copies.append((number, row_id, WEBHOOK, None, endpoint))
    if not copies:
        return 0
    told: list[list[Any]] = [
        list(range(len(messages))),
        [message.event_id for message in messages],
        [message.kind for message in messages],
        [message.subject for message in messages],
        [message.priority for message in messages],
        _texts(messages),
        [now + timedelta(seconds=m.delay_seconds) if m.delay_seconds else now for m in messages],
        [message.suppressed for message in messages],
    ]
    columns = [list(column) for column in zip(*copies, strict=True)]
    new = write(_INSERT, [str(current_tenant_id()), now, *told, *columns])
    return len(copies) if new is None else new


def _texts(messages: Sequence[Message]) -> list[str]:
    """The data of each message as JSON; what several say of one thing is written out once."""
    known: dict[int, str] = {}
    texts = []
    for message in messages:
        text = known.get(id(message.data))
        if text is None:
            text = known[id(message.data)] = _encode(message.data)
        texts.append(text)
    return texts


@configured
def _endpoints() -> list[tuple[UUID, list[str]]]:
    """(id, kinds) of each active webhook endpoint."""
    return list(WebhookEndpoint.objects.filter(is_active=True).values_list("id", "events"))


def message_id(event_id: UUID, kind: str, channel: str, recipient: UUID) -> UUID:
    """The row's id: the same event told to the same recipient by the same channel is the same row.

    The kind is part of it: one firing may breach a clock and move a lead, and an endpoint must hear both.
    """
    return UUID(_row_id(event_id, f"{kind}:{channel}:{recipient}"))


def _row_id(event_id: UUID, name: str) -> str:
    """uuid5(event_id, name) as hex digits, without building the objects that thousands a sweep would cost."""
    digest = bytearray(sha1(event_id.bytes + name.encode(), usedforsecurity=False).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x50
    digest[8] = digest[8] & 0x3F | 0x80
    return digest.hex()


def expire(subjects: Iterable[str], *, now: datetime, kinds: Collection[str] | None = None) -> int:
    """Take back what has not left yet about these subjects, in one statement; return how many rows.

    kinds: only these; None means all. A person's message that waits for another try is taken back too; a
    webhook that has begun its tries is not, since it reports a fact.
    """
    wanted = set(subjects)
    if not wanted:
        return 0
    unsent = Q(state=OutboxMessage.State.PENDING) | Q(state=OutboxMessage.State.TAKEN, endpoint__isnull=True)
    rows = OutboxMessage.objects.filter(unsent, subject__among=wanted)
    if kinds is not None:
        rows = rows.filter(kind__in=list(kinds))
    return rows.update(state=OutboxMessage.State.EXPIRED, closed_at=now)
