"""What people hear of the agreement: that it waits for their signature, is in force, was changed, is due."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Final
from uuid import UUID, uuid5

from django.urls import reverse

from notifications.context import Context, Row, register
from notifications.outbox import Message, enqueue, expire
from reporting.agreement.dates import day_words
from reporting.agreement.models import Agreement, Signature

ASKED: Final = "agreement.sign_asked"
IN_FORCE: Final = "agreement.in_force"
CHANGED: Final = "agreement.changed"
DUE: Final = "agreement.recalibrate"


def _subject(agreement: Agreement) -> str:
    return f"agreement:{agreement.id}"


def _message(kind: str, agreement: Agreement, people: Sequence[UUID], event: UUID, **data: str) -> Message:
    about = {"agreement": str(agreement.id), **data}
    return Message(kind, event, _subject(agreement), list(dict.fromkeys(people)), about)


def ask_signature(agreement: Agreement, people: Sequence[UUID], *, now: datetime) -> None:
    """Tell those who must or may still sign a version; once a person."""
    enqueue([_message(ASKED, agreement, people, agreement.id)], now=now)


def ask_reading(agreement: Agreement, people: Sequence[UUID], *, now: datetime) -> None:
    """Tell that a version is in force; nobody need sign it any more."""
    expire([_subject(agreement)], now=now, kinds=[ASKED])
    enqueue([_message(IN_FORCE, agreement, people, agreement.id)], now=now)


def tell_changed(agreement: Agreement, digest: str, people: Sequence[UUID], *, now: datetime) -> None:
    """Tell those who sign that something else is configured than was signed; once for each such state."""
    enqueue([_message(CHANGED, agreement, people, uuid5(agreement.id, digest))], now=now)


def remind(agreement: Agreement, due: date, people: Sequence[UUID], *, now: datetime) -> None:
    """Tell that three months are over; once for each."""
    event = uuid5(agreement.id, f"recalibrate:{due.isoformat()}")
    enqueue([_message(DUE, agreement, people, event, due=due.isoformat())], now=now)


def install() -> None:
    """Speak for these messages. Called once, when the app is ready."""
    register("agreement.", context_of)


def context_of(rows: Sequence[Row], now: datetime) -> Mapping[UUID, Context]:
    """The words of each message that is still worth telling. Two queries. See notifications.context."""
    ids = {row.subject.partition(":")[2] for row in rows}
    known = {f"agreement:{each.id}": each for each in Agreement.objects.filter(id__in=ids).defer("document")}
    signed: dict[UUID, list[str]] = {}
    signatures = Signature.objects.filter(agreement__in=list(known.values())).select_related("member")
    for each in signatures.order_by("at", "id"):
        signed.setdefault(each.agreement_id, []).append(each.member.name)
    found = {}
    for row in rows:
        agreement = known.get(row.subject)
        if agreement is None or (_is_moot(row, agreement) and not row.told and row.member_id):
            continue
        words = {
            "version": f"version {agreement.number} of the agreement between marketing and sales",
            "signed_by": " and ".join(signed.get(agreement.id, [])) or "Nobody",
            "due": day_words(date.fromisoformat(row.data["due"])) if row.data.get("due") else "",
        }
        facts = {"number": agreement.number, "state": str(agreement.state), "digest": agreement.digest}
        found[row.id] = Context(words, facts, reverse("reporting:agreement"))
    return found


def _is_moot(row: Row, agreement: Agreement) -> bool:
    """Whether what it asks for is over: signed, lapsed, replaced."""
    state = Agreement.State.OPEN if row.kind == ASKED else Agreement.State.IN_FORCE
    return agreement.state != state or (row.kind == CHANGED and not agreement.changed_digest)
