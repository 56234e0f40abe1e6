"""Putting a version in force, at once or from a later instant on.

Locks, in this order, everywhere: what the kind holds (`Kind.hold`), the version in force, the version that is
to come, the order, then what the kind does next. So two who publish, approve, cancel or bring into force take
turns, where it is in one line; two lines wait for each other only at the organisation's row, which every
change of configuration stamps.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar
from uuid import UUID

from django.db import IntegrityError, connection, transaction

from core.errors import ApprovalNeeded, Conflict, DomainError, StaleVersion, ValidationFailed
from tenants.audit import ENGINE
from tenants.context import current_tenant_id
from tenants.models import Member, Publication, Tenant, VersionedModel, VersionState
from tenants.versions.drafts import create_draft, locked_draft
from tenants.versions.gates import check_gates
from tenants.versions.kinds import Kind, Validate, get_kind, kind_of
from tenants.versions.orders import (
    UNNEEDED,
    State,
    close,
    dated_order,
    get_order,
    orders_of,
    withdraw_asked,
)
from tenants.versions.reading import of_line, open_draft, published_version, version_in_force
from tenants.versions.records import record, record_order

V = TypeVar("V", bound=VersionedModel)
#: How far ahead a version may be published.
FURTHEST: Final = timedelta(days=400)
_ONCE: Final = (VersionState.PUBLISHED, VersionState.RETIRED)
#: States of a version whose content may be put in force again.
_REUSABLE: Final = (VersionState.RETIRED, VersionState.CANCELLED)


@transaction.atomic
def publish(
    version: V,
    *,
    actor: str,
    now: datetime,
    expected_revision: int | None = None,
    against: int | None = None,
    validate: Validate | None = None,
    effective_at: datetime | None = None,
    options: Mapping[str, Any] | None = None,
    beside: int | None = None,
    gated: bool = True,
) -> V:
    """Put a draft in force and retire the one before it; it never changes again.

    against:      number of the version in force that the author compared it with, 0 for none.
    effective_at: from when on, at most FURTHEST ahead; until then the version is scheduled. None: at once.
    options:      what the kind is to do when it comes into force.
    beside:       number of the scheduled version that the author knows will replace this one.
    gated:        False asks no gate (tenants.versions.gates): an earlier version is used again.

    Raises StaleVersion where draft or version in force is another one by now; ApprovalNeeded where a second
    person must approve; Conflict where it is no draft any more, and where another is scheduled: for a second
    one, or without `beside`; ValidationFailed at /effective_at; and what `validate` raises.
    """
    locked = lock(version, now=now, expected_revision=expected_revision)
    kind = kind_of(type(version))
    if needs_approval(kind.slug):
        raise ApprovalNeeded(
            f"Each version of the {kind.title} needs the approval of a second admin: ask for it.",
            kind=kind.slug,
        )
    check_against(locked, against, now)
    if validate is not None:
        validate(locked.content)
    if gated:
        check_gates(locked)
    # One that was asked for at the very moment at which second approval was turned off.
    withdraw_asked(locked, why=UNNEEDED, actor=actor, now=now)
    if effective_at is None:
        check_beside(locked, beside)
        return put_in_force(locked, by=actor, actor=actor, at=now, now=now, options=options or {})
    check_moment(kind, effective_at, now, locked.line)
    order = new_order(
        kind,
        locked,
        state=State.SCHEDULED,
        actor=actor,
        now=now,
        effective_at=effective_at,
        options=options or {},
    )
    schedule(locked, order, actor=actor, now=now)
    return locked


@transaction.atomic
def roll_back(
    to: V,
    *,
    actor: str,
    now: datetime,
    against: int | None = None,
    validate: Validate | None = None,
    effective_at: datetime | None = None,
    options: Mapping[str, Any] | None = None,
    beside: int | None = None,
) -> V:
    """Put a copy of an older version in force, under a new number. An open draft stays as it is.

    Raises Conflict for a draft and for the version in force, and as `publish`.
    """
    check_reusable(to)
    settle(type(to), now, to.line)  # its locks, before the copy stamps the organisation's row
    copy = create_draft(type(to), content=to.content, actor=actor, now=now, copy_of=to.number, line=to.line)
    return publish(
        copy,
        actor=actor,
        now=now,
        against=against,
        validate=validate,
        effective_at=effective_at,
        options=options,
        beside=beside,
        gated=False,
    )


def check_reusable(version: VersionedModel) -> None:
    """Raises Conflict for a version that was never put in force, or is now."""
    if version.state not in _REUSABLE:
        what = "is in force" if version.state == VersionState.PUBLISHED else "was never in force"
        raise Conflict(
            f"Version {version.number} {what}: only one that was in force before can be used again."
        )


def needs_approval(kind: str) -> bool:
    """Whether the organisation asks for a second person's approval of each version of this kind."""
    chosen = Tenant.objects.filter(id=current_tenant_id()).values_list("second_approval", flat=True).first()
    return kind in (chosen or [])


# --- Under the lock ---


def lock(version: V, *, now: datetime, expected_revision: int | None = None) -> V:
    """The draft as it is once nobody else publishes, with whatever was due by now in force. Raises Conflict
    and StaleVersion as `publish`.
    """
    settle(type(version), now, version.line)
    return locked_draft(version, expected_revision)


def check_against(locked: VersionedModel, against: int | None, now: datetime) -> None:
    """Raises StaleVersion where another version is in force than the author compared the draft with."""
    before = version_in_force(type(locked), now, locked.line)
    number = before.number if before else 0
    if against is not None and against != number:
        raise StaleVersion(
            f"Version {number} was published meanwhile. Check again, then publish.", number=number
        )


def check_beside(locked: VersionedModel, beside: int | None) -> None:
    """Raises Conflict where a scheduled version would replace this one and the author was not shown it."""
    order = dated_order(type(locked), locked.line)
    if order is None or order.state != State.SCHEDULED:
        return
    number = _number(type(locked), order)
    if beside != number:
        raise Conflict(
            f"Version {number} is scheduled and would replace this one when its time comes. Cancel it, or "
            "publish all the same.",
            scheduled=number,
        )


def check_moment(kind: Kind, effective_at: datetime, now: datetime, line: UUID | None = None) -> None:
    """Raises ValidationFailed at /effective_at for a moment at which no version may come into force, and
    Conflict where a version of the line waits for its time already.
    """
    if not kind.dated:
        raise ValidationFailed.at(
            "/effective_at", f"A version of the {kind.title} comes into force at once.", "not_dated"
        )
    if effective_at <= now:
        raise ValidationFailed.at("/effective_at", "This has passed: choose a moment to come.", "past")
    if effective_at - now > FURTHEST:
        raise ValidationFailed.at("/effective_at", f"At most {FURTHEST.days} days ahead.", "too_far")
    order = dated_order(kind.model, line)
    if order is not None:
        raise Conflict(
            f"Version {_number(kind.model, order)} is scheduled already: cancel it first.",
            scheduled=_number(kind.model, order),
        )


def _number(model: type[VersionedModel], order: Publication) -> int:
    return int(model.objects.values_list("number", flat=True).get(id=order.version_id))


def new_order(
    kind: Kind,
    locked: VersionedModel,
    *,
    state: str,
    actor: str,
    now: datetime,
    effective_at: datetime | None,
    options: Mapping[str, Any],
    asker: Member | None = None,
) -> Publication:
    """Write an order. Raises Conflict where another of its sort was given at the same moment."""
    try:
        with transaction.atomic():
            order: Publication = Publication.objects.create(
                kind=kind.slug,
                version_id=locked.id,
                line=locked.line,
                revision=locked.revision,
                effective_at=effective_at,
                options=dict(options),
                state=state,
                asked_at=now,
                asked_by=actor,
                asker=asker,
            )
    except IntegrityError as error:
        raise Conflict("Somebody else was there at the same moment. Look again.") from error
    record_order(order, str(state), actor=actor, now=now)
    return order


def schedule(locked: VersionedModel, order: Publication, *, actor: str, now: datetime) -> None:
    """Let a draft wait for its time; it is not to be edited any more."""
    locked.state, locked.effective_at = VersionState.SCHEDULED, order.effective_at
    locked.save(update_fields=["state", "effective_at"])
    record(
        locked,
        "scheduled",
        actor=actor,
        after={"number": locked.number, "effective_at": _iso(order.effective_at)},
        now=now,
    )


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def put_in_force(
    locked: V, *, by: str, actor: str, at: datetime, now: datetime, options: Mapping[str, Any]
) -> V:
    """Write that a version is in force, and let its kind do what follows.

    by: who published it; actor: whose act it is now, the approver's or the engine's. at: from when on.
    """
    model = type(locked)
    before = published_version(model, locked.line)
    of_its_line = of_line(model, locked.line)
    of_its_line.filter(state=VersionState.PUBLISHED).update(state=VersionState.RETIRED)
    others = of_its_line.exclude(id=locked.id).order_by("-number").values_list("number", flat=True)
    newest = others.filter(state__in=_ONCE).first()
    if newest is not None and newest > locked.number:
        locked.number = (others.first() or 0) + 1  # numbers rise in the order of publication
    locked.state = VersionState.PUBLISHED
    locked.published_at, locked.published_by = at, by
    locked.save(update_fields=["number", "state", "published_at", "published_by"])
    record(
        locked,
        "published",
        actor=actor,
        before={"number": before.number} if before else None,
        after={"number": locked.number, "copy_of": locked.copy_of},
        now=now,
    )
    arrived = kind_of(model).arrived
    if arrived is not None:
        arrived(locked, options, by, now)
    return locked


# --- When its time comes ---


def settle(model: type[V], now: datetime, line: UUID | None = None) -> V | None:
    """Put the scheduled version of a line in force whose time has come, where it passes its check; exactly
    once, whoever else does so. What was in force is locked afterwards in any case.
    """
    _hold(kind_of(model))
    version, order, error = _due(model, now, line)
    if version is None or order is None or error is not None:
        return None
    return _arrive(version, order, now)


@transaction.atomic
def bring_due(kind: Kind, now: datetime) -> tuple[VersionedModel | None, Publication | None]:
    """As `settle`, for whichever line has one due; and one that does not pass its check is held, with the
    reason, and what was in force goes on. Answers (what came into force, the order that is held); call it
    again until both are None.
    """
    due = Publication.objects.filter(kind=kind.slug, state=State.SCHEDULED, effective_at__lte=now)
    first = due.order_by("effective_at", "id").first()
    if first is not None:
        _hold(kind)
    version, order, error = _due(kind.model, now, first.line if first else None)
    if version is None or order is None:
        return None, None
    if error is None:
        return _arrive(version, order, now), None
    version.state = VersionState.HELD
    version.save(update_fields=["state"])
    close(order, State.HELD, actor=ENGINE, now=now, why=error)
    return None, order


def _hold(kind: Kind) -> None:
    if kind.hold is not None:
        kind.hold()


def _arrive(version: V, order: Publication, now: datetime) -> V:
    close(order, State.DONE, actor=ENGINE, now=now)
    return put_in_force(
        version,
        by=order.asked_by,
        actor=ENGINE,
        at=order.effective_at or now,
        now=now,
        options=order.options,
    )


def _due(model: type[V], now: datetime, line: UUID | None) -> tuple[V | None, Publication | None, str | None]:
    """(version, its order, why it may not come into force) of what is due, locked; Nones where nothing is."""
    published = of_line(model, line).filter(state=VersionState.PUBLISHED)
    list(published.select_for_update().order_by("id").only("id"))
    due = orders_of(model, line).filter(state=State.SCHEDULED, effective_at__lte=now)
    found = due.first()
    if found is None:
        return None, None, None
    version: V | None = model.objects.select_for_update().filter(id=found.version_id).first()
    order = due.select_for_update(of=("self",)).filter(id=found.id).first()
    if version is None or order is None:  # somebody else was faster
        return None, None, None
    try:
        kind_of(model).validate(version.content)
    except DomainError as refusal:
        return version, order, refusal.message
    return version, order, None


@transaction.atomic
def cancel(*, order_id: UUID, actor: str, now: datetime) -> VersionedModel:
    """Call a scheduled or held version off: it is the draft again, or set aside where another is open.

    Raises NotFound, and Conflict where it came into force or was cancelled before.
    """
    order = get_order(order_id)
    model = get_kind(order.kind).model
    settle(model, now, order.line)
    version: VersionedModel | None = model.objects.select_for_update().filter(id=order.version_id).first()
    order = Publication.objects.select_for_update(of=("self",)).get(id=order.id)
    if version is None:
        raise Conflict("Its draft was discarded: there is nothing to cancel.", state=str(order.state))
    if order.state not in (State.SCHEDULED, State.HELD):
        what = "came into force" if order.state == State.DONE else f"is {order.get_state_display().lower()}"
        raise Conflict(f"Version {version.number} {what}: there is nothing to cancel.", state=order.state)
    version.state = VersionState.CANCELLED if open_draft(model, version.line) else VersionState.DRAFT
    version.effective_at = None
    version.save(update_fields=["state", "effective_at"])
    close(order, State.CANCELLED, actor=actor, now=now)
    record(version, "cancelled", actor=actor, after={"number": version.number}, now=now)
    return version


def tenants_with_due_publications(now: datetime) -> list[UUID]:
    """Organisations with a version whose time has come; by the resolver, before any tenant is set."""
    with connection.cursor() as cursor:
        cursor.execute("select tenant_id from tenants_with_due_publications(%s)", [now])
        return [row[0] for row in cursor.fetchall()]
