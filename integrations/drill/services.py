"""A drill goes through its states: asked, its leads sent, looked at, judged, its leads closed.

Every step is a transaction of its own, and each may be done again: a worker that dies leaves the drill where
it was, and the leads are sent under one idempotency key.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from uuid_utils.compat import uuid7

from core.errors import Conflict, NotFound, ValidationFailed
from handoff.intake import receive_leads
from handoff.services import end_test
from integrations.drill import observing
from integrations.drill.cards import Line, as_json, card_of, has_passed, is_settled
from integrations.drill.kinds import known_kinds
from integrations.drill.plan import LONGEST, SHORTEST, check_leads, next_run, plan_of
from integrations.drill.sending import Answer, Post, as_drilled, documents_of, post
from integrations.models import Drill, DrillPlan
from leads.incoming import CompanyIn, EngagementIn, LeadIn
from notifications import outbox
from notifications.addresses import own_receiver
from notifications.models import WebhookEndpoint
from tenants.audit import SYSTEM, record_change
from tenants.clock import Clock, database_clock
from tenants.context import current_tenant_id, tenant_scope
from tenants.models import ApiKey, Member, Role, Tenant
from tenants.services import create_api_key, revoke_api_key

logger = logging.getLogger(__name__)

#: How long after the deadline a step or message may still come.
PATIENCE: Final = timedelta(seconds=75)
_LEASE: Final = timedelta(seconds=60)
_KEY_LIFE: Final = timedelta(minutes=10)
_MOST_TRIES: Final = 3
_KINDS: Final = ["lead.assigned", "lead.moved", "timer.breached", "timer.escalated"]
_OVER: Final = "The drill is over"
KEPT: Final = 200  # cards of an organisation; older ones go


# --- Beginning and ending ---


@transaction.atomic
def start_drill(
    *, actor: str, now: datetime, leads: Sequence[Mapping[str, Any]] | None = None, seconds: int | None = None
) -> Drill:
    """Ask for a drill: with the organisation's set of leads unless others are given.

    Raises Conflict while one is under way; ValidationFailed with a path to each error.
    """
    plan = plan_of(now)
    if leads is None:
        checked, errors = check_leads(plan.leads, None)
    else:
        checked, errors = check_leads(leads, known_kinds())
    length = plan.seconds if seconds is None else seconds
    if not SHORTEST <= length <= LONGEST:
        raise ValidationFailed.at("/seconds", f"From {SHORTEST} to {LONGEST} seconds.", "invalid")
    if errors:
        raise ValidationFailed(errors[0].message, field_errors=errors)
    try:
        with transaction.atomic():
            drill: Drill = Drill.objects.create(actor=actor, asked_at=now, seconds=length, leads=checked)
    except IntegrityError:
        raise Conflict("A drill is under way. Wait for its end, or stop it.") from None
    record_change(
        actor=actor,
        action="started",
        object_type="drill",
        object_id=drill.id,
        after={"leads": len(checked), "seconds": length},
        now=now,
    )
    old = Drill.objects.order_by("-asked_at", "-id").values_list("id", flat=True)[KEPT:]
    Drill.objects.filter(id__in=list(old)).delete()
    return drill


@transaction.atomic
def stop_drill(*, drill_id: UUID, actor: str, clock: Clock) -> Drill:
    """End a drill early: its leads are closed, nothing is judged. Raises NotFound, Conflict where it is
    over.
    """
    drill = get_drill(drill_id, lock=True)
    if drill.state not in (Drill.State.ASKED, Drill.State.RUNNING):
        raise Conflict("This drill is over.")
    drill.state = Drill.State.CANCELLED
    _end(drill, clock)
    record_change(actor=actor, action="stopped", object_type="drill", object_id=drill.id, now=clock())
    return drill


def get_drill(drill_id: UUID, *, lock: bool = False) -> Drill:
    """A drill of this organisation. Raises NotFound."""
    rows = Drill.objects.select_for_update(of=("self",)) if lock else Drill.objects.all()
    found: Drill | None = rows.filter(id=drill_id).first()
    if found is None:
        raise NotFound("There is no such drill.")
    return found


# --- What the engine does ---


def tenants_with_drills(now: datetime) -> list[UUID]:
    """Organisations with a drill under way or due; by the resolver, before any tenant is set."""
    with connection.cursor() as cursor:
        cursor.execute("select tenant_id from tenants_with_drills(%s)", [now])
        return [row[0] for row in cursor.fetchall()]


def look_on(tenant_id: UUID, *, clock: Clock = database_clock) -> bool:
    """Begin an organisation's drill whose hour has come, and judge the one that runs; whether one runs."""
    with tenant_scope(tenant_id):
        _begin_planned(clock())
        running = Drill.objects.select_for_update(skip_locked=True, of=("self",))
        found = running.filter(state=Drill.State.RUNNING).first()
        if found is not None:
            _look(found, clock)
        return found is not None


def send_on(tenant_id: UUID, *, clock: Clock = database_clock, send: Post = post) -> bool:
    """Send the leads of the drill that waits for it; whether there was one. It may take as long as an answer
    of the portal does, so those that run are looked at first.
    """
    claimed = _claim(tenant_id, clock)
    if claimed is None:
        return False
    drill, key = claimed
    _send(tenant_id, drill, key, send, clock)
    return True


def _begin_planned(now: datetime) -> None:
    """Ask for the drill of the plan whose time has come. One that is still under way stands for it."""
    plan = DrillPlan.objects.select_for_update(skip_locked=True).filter(next_at__lte=now).first()
    if plan is None:
        return
    plan.next_at = next_run(plan, Tenant.objects.get(id=current_tenant_id()).time_zone, now)
    plan.save(update_fields=["next_at"])
    try:
        start_drill(actor=SYSTEM, now=now)
    except (Conflict, ValidationFailed):
        logger.warning("A planned drill did not begin.", exc_info=True)


def _claim(tenant_id: UUID, clock: Clock) -> tuple[Drill, str] | None:
    """The drill whose leads are to be sent, with a key for it: for this worker alone for a while. One that
    could not be sent several times has failed.
    """
    with tenant_scope(tenant_id):
        now = clock()
        asked = Drill.objects.select_for_update(skip_locked=True, of=("self",))
        drill = asked.filter(state=Drill.State.ASKED).first()
        if drill is None or (drill.sending_until is not None and drill.sending_until > now):
            return None
        _forget_key(drill, now)
        if drill.tries >= _MOST_TRIES:
            _give_up(drill, clock)
            return None
        _open_receiver(tenant_id, now)
        row, key = create_api_key(
            tenant=Tenant.objects.get(id=tenant_id),
            name=f"Drill of {drill.asked_at:%Y-%m-%d %H:%M}",
            scopes=["leads:write"],
            now=now,
            expires_at=now + _KEY_LIFE,
        )
        drill.sending_until, drill.tries, drill.key_id = now + _LEASE, drill.tries + 1, row.id
        drill.save(update_fields=["sending_until", "tries", "key_id"])
        return drill, key


def _forget_key(drill: Drill, now: datetime) -> None:
    """The key of a drill opens nothing any more, and is in no list."""
    for row in ApiKey.objects.filter(id=drill.key_id) if drill.key_id else ():
        revoke_api_key(key=row, actor=SYSTEM, now=now)
        row.delete()
    drill.key_id = None


def _give_up(drill: Drill, clock: Clock) -> None:
    """Every worker that was to send its leads died or failed."""
    drill.answers = [{"error": f"Its leads could not be sent in {_MOST_TRIES} tries."}] * len(drill.leads)
    cards = [card_of(seen, over=True) for seen in observing.see(drill)]
    drill.cards, drill.state, drill.passed = _documents(drill, cards), Drill.State.DONE, False
    _end(drill, clock)
    _tell_admins(drill, clock())


def _open_receiver(tenant_id: UUID, now: datetime) -> None:
    """The portal's own webhook, which is on while a drill is under way."""
    endpoint, made = WebhookEndpoint.objects.get_or_create(
        is_own=True,
        defaults={"url": own_receiver(tenant_id), "events": _KINDS, "created_at": now},
    )
    if not made:
        endpoint.url, endpoint.events, endpoint.is_active = own_receiver(tenant_id), _KINDS, True
        endpoint.failures, endpoint.rest_until, endpoint.disabled_reason = 0, None, ""
        endpoint.save()


def _send(tenant_id: UUID, drill: Drill, key: str, send: Post, clock: Clock) -> None:
    """Post the leads, outside of every transaction, and note what the API said. What cannot be reached over
    HTTP is taken in all the same: the rest of the way is worth a look.
    """
    with tenant_scope(tenant_id):
        documents = documents_of(drill)
    answer = send(documents, key, f"drill-{drill.id}")
    with tenant_scope(tenant_id):
        locked, now = get_drill(drill.id, lock=True), clock()
        if locked.state != Drill.State.ASKED:
            # Stopped meanwhile: what arrived after that is nobody's work. Or this worker was slower than its
            # lease, and another looks after them.
            if locked.state == Drill.State.CANCELLED:
                _close_leads(locked, clock)
            return
        _forget_key(locked, now)
        if answer.error:
            items = as_drilled([as_item(document) for document in documents])
            receive_leads(items=items, actor=SYSTEM, clock=clock)
        now = clock()
        locked.answers = _answers(answer, len(documents))
        locked.state, locked.sent_at, locked.sending_until = Drill.State.RUNNING, now, None
        locked.save(update_fields=["answers", "state", "sent_at", "sending_until", "key_id"])


def as_item(document: Mapping[str, Any]) -> LeadIn:
    """A lead as it is posted, for whoever takes it in without the API."""
    rest = {name: value for name, value in document.items() if name not in ("company", "engagements")}
    engagements = tuple(EngagementIn(**each) for each in document["engagements"])
    return LeadIn(**rest, company=CompanyIn(**document["company"]), engagements=engagements)


def _answers(answer: Answer, count: int) -> list[dict[str, Any]]:
    """What the API said of each lead, as `drill.cards.Seen.answer`."""
    if answer.error:
        return [{"error": answer.error}] * count
    rows = {row.get("index"): row for row in answer.rows}
    found = []
    for place in range(count):
        row = rows.get(place, {})
        detail = str((row.get("problem") or {}).get("detail", ""))[:300]
        found.append({"status": row.get("status"), "ms": answer.ms, "detail": detail})
    return found


def _look(drill: Drill, clock: Clock) -> None:
    """Write down what is seen by now; judge, and end it, when nothing is waited for any more."""
    now = clock()
    assert drill.sent_at is not None
    over = now >= drill.sent_at + timedelta(seconds=drill.seconds) + PATIENCE
    cards = [card_of(seen, over=over) for seen in observing.see(drill)]
    drill.cards = _documents(drill, cards)
    if not over and not is_settled(cards):
        drill.save(update_fields=["cards"])
        return
    drill.state, drill.passed = Drill.State.DONE, has_passed(cards)
    _end(drill, clock)
    if not drill.passed:
        _tell_admins(drill, now)


def _documents(drill: Drill, cards: Sequence[Sequence[Line]]) -> list[dict[str, Any]]:
    leads = observing.leads_of(drill)
    return [
        {
            "name": lead["name"],
            "lead": str(leads[place].id) if place in leads else None,
            "lines": as_json(lines),
        }
        for place, (lead, lines) in enumerate(zip(drill.leads, cards, strict=True))
    ]


def _end(drill: Drill, clock: Clock) -> None:
    """Close the leads, which nobody need work, and the receiver."""
    _close_leads(drill, clock)
    WebhookEndpoint.objects.filter(is_own=True).update(is_active=False)
    drill.closed_at = clock()
    _forget_key(drill, drill.closed_at)
    drill.save(update_fields=["state", "passed", "cards", "answers", "closed_at", "key_id"])


def _close_leads(drill: Drill, clock: Clock) -> None:
    for lead in observing.leads_of(drill).values():
        end_test(lead_id=lead.id, why=_OVER, clock=clock)


def _tell_admins(drill: Drill, now: datetime) -> None:
    admins = Member.objects.filter(role=Role.ADMIN, is_active=True).order_by("id")
    message = outbox.Message(
        kind="drill.failed",
        event_id=uuid7(),
        subject=f"drill:{drill.id}",
        member_ids=list(admins.values_list("id", flat=True)),
        data={"drill": str(drill.id)},
        priority=20,
    )
    outbox.enqueue([message], now=now)


__all__ = [
    "PATIENCE",
    "as_item",
    "get_drill",
    "look_on",
    "send_on",
    "start_drill",
    "stop_drill",
    "tenants_with_drills",
]
