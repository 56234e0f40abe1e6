"""A second person's approval: off until chosen, by kind. Who asks, who decides, and what a save in between
does.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, TypeVar
from uuid import UUID

from django.db import transaction

from core.errors import Conflict, FieldError, PermissionDenied, ValidationFailed
from tenants.audit import record_change
from tenants.context import current_tenant_id
from tenants.models import ApiKey, Member, Publication, Role, Tenant, VersionedModel
from tenants.versions.drafts import start_draft
from tenants.versions.gates import check_gates
from tenants.versions.kinds import Kind, get_kind, kind_of
from tenants.versions.orders import UNNEEDED, State, close, get_order, tell, waiting_order
from tenants.versions.publishing import (
    check_against,
    check_beside,
    check_moment,
    check_reusable,
    lock,
    needs_approval,
    new_order,
    put_in_force,
    schedule,
    settle,
)

V = TypeVar("V", bound=VersionedModel)
NOTE: Final = 300
UNGATED: Final = "ungated"  # of an order's options: an earlier version, used again
FEWEST: Final = 2  # active admins, for one to ask and another to approve


# --- The setting ---


@transaction.atomic
def set_second_approval(*, kind: str, on: bool, actor: str, now: datetime) -> bool:
    """Ask for a second person's approval of each version of a kind, or no more; whether that is so now.

    To turn it off takes two, like everything that it guards: one asks, another admin confirms by asking the
    same. Where there is no other active admin, one is enough. Turning it on takes back a request to turn it
    off. Turned off, requests for approval that wait are withdrawn.

    Raises NotFound for the kind; Conflict at /<kind> where fewer than two admins are active, and where
    whoever asked to turn it off, or a program, tries to confirm.
    """
    title = get_kind(kind).title
    # The order of the locks is that of a publication and of a change of a member: the tenant's row last.
    waiting = list(Publication.objects.select_for_update(of=("self",)).filter(kind=kind, state=State.ASKED))
    rows = Member.objects.filter(role=Role.ADMIN, is_active=True).order_by("id")
    admins = {admin.id for admin in rows.select_for_update(of=("self",), no_key=True)}
    if on and len(admins) < FEWEST:
        text = (
            f"A second admin must approve each version of the {title}, and there is only one active "
            "admin. Make somebody else admin first."
        )
        raise Conflict(text, field_errors=[FieldError(f"/{kind}", text, "too_few_admins")])
    tenant = Tenant.objects.select_for_update().get(id=current_tenant_id())
    if on:
        _turn_on(tenant, kind, actor=actor, now=now)
        return True
    if kind not in tenant.second_approval:
        return True
    asked = tenant.switching_off.get(kind)
    if admins - _people([actor]):
        if asked is None:
            tenant.switching_off = {**tenant.switching_off, kind: {"by": actor, "at": now.isoformat()}}
            tenant.save(update_fields=["switching_off"])
            _record(tenant, "asked", {}, {"off": kind}, actor=actor, now=now)
            return False
        _check_confirms(kind, asked["by"], admins, actor)
    _turn_off(tenant, kind, asked["by"] if asked else "", actor=actor, now=now)
    for order in waiting:
        close(order, State.WITHDRAWN, why=UNNEEDED, actor=actor, now=now)
        tell(order, "withdrawn", actor=actor, now=now)
    return True


def _check_confirms(kind: str, asker: str, admins: set[UUID], actor: str) -> None:
    """Raise Conflict where this actor may not confirm what somebody asked."""
    text = ""
    if actor == asker or _people([actor]) & _people([asker]):
        text = "You asked to turn it off: another admin must confirm it."
    elif not actor.startswith("member:") or not _people([actor]) & admins:
        text = "A key is not a person: an admin confirms on the page that it is turned off."
    if text:
        raise Conflict(text, field_errors=[FieldError(f"/{kind}", text, "second_admin_needed")])


def _turn_on(tenant: Tenant, kind: str, *, actor: str, now: datetime) -> None:
    asked = tenant.switching_off.pop(kind, None)
    before = sorted(tenant.second_approval)
    if asked is not None:
        tenant.save(update_fields=["switching_off"])
        _record(tenant, "kept", {"off": kind}, {}, actor=actor, now=now)
    elif kind not in before:
        tenant.second_approval = sorted({*before, kind})
        tenant.save(update_fields=["second_approval"])
        _record(tenant, "changed", {"kinds": before}, {"kinds": tenant.second_approval}, actor=actor, now=now)


def _turn_off(tenant: Tenant, kind: str, asker: str, *, actor: str, now: datetime) -> None:
    """asker: who had asked for it, "" where one admin was enough."""
    before = sorted(tenant.second_approval)
    tenant.second_approval = [each for each in before if each != kind]
    tenant.switching_off.pop(kind, None)
    tenant.save(update_fields=["second_approval", "switching_off"])
    after = {"kinds": tenant.second_approval, **({"asked_by": asker} if asker else {})}
    _record(tenant, "changed", {"kinds": before}, after, actor=actor, now=now)


def _record(
    tenant: Tenant,
    action: str,
    before: dict[str, Any],
    after: dict[str, Any],
    *,
    actor: str,
    now: datetime,
) -> None:
    record_change(
        actor=actor,
        action=action,
        object_type="secondapproval",
        object_id=tenant.id,
        before=before,
        after=after,
        now=now,
    )


def may_confirm_off(asker: str, member: Member) -> bool:
    """Whether this admin may confirm what somebody asked: that second approval be turned off."""
    return member.id not in _people([asker])


# --- Asking ---


@transaction.atomic
def ask(
    version: V,
    *,
    actor: str,
    asker: Member | None,
    now: datetime,
    expected_revision: int,
    against: int | None = None,
    effective_at: datetime | None = None,
    options: Mapping[str, Any] | None = None,
    beside: int | None = None,
    gated: bool = True,
) -> Publication:
    """Ask that a draft be put in force; the other admins are told. Parameters as those of `publish`.

    asker: the person behind the actor, None for a program. Raises as `publish`; Conflict where no approval is
    needed, where a request waits already, and where nobody could approve.
    """
    locked = lock(version, now=now, expected_revision=expected_revision)
    kind = kind_of(type(version))
    if not needs_approval(kind.slug):
        raise Conflict(f"A version of the {kind.title} needs nobody's approval: publish it.")
    standing = waiting_order(type(version), version.line)
    if standing is not None:
        raise Conflict("Approval is asked for already. Withdraw that request to ask anew.")
    check_against(locked, against, now)
    kind.validate(locked.content)
    if gated:
        check_gates(locked)
    if effective_at is not None:
        check_moment(kind, effective_at, now, locked.line)
    else:
        check_beside(locked, beside)
    order = Publication(
        kind=kind.slug, version_id=locked.id, asked_by=actor, asker_id=asker.id if asker else None
    )
    if not deciders(order, locked):
        raise Conflict(
            "Nobody could approve it: whoever asks, and whoever saved the draft last, may not, and there is "
            "no other active admin. Make somebody else admin, or turn the second approval of the "
            f"{kind.title} off."
        )
    order = new_order(
        kind,
        locked,
        state=State.ASKED,
        actor=actor,
        now=now,
        effective_at=effective_at,
        options={
            **(options or {}),
            **({"beside": beside} if beside is not None else {}),
            **({} if gated else {UNGATED: True}),
        },
        asker=asker,
    )
    tell(order, "asked", actor=actor, now=now)
    return order


@transaction.atomic
def ask_again(
    to: V,
    *,
    actor: str,
    asker: Member | None,
    now: datetime,
    against: int | None = None,
    effective_at: datetime | None = None,
    options: Mapping[str, Any] | None = None,
    beside: int | None = None,
) -> Publication:
    """Ask that an older version be used again: a copy of it is the draft that waits.

    Raises as `ask`, and Conflict where another draft is open.
    """
    check_reusable(to)
    settle(type(to), now, to.line)  # its locks, before the draft stamps the organisation's row
    draft = start_draft(type(to), actor=actor, now=now, content=to.content, copy_of=to.number, line=to.line)
    return ask(
        draft,
        actor=actor,
        asker=asker,
        now=now,
        expected_revision=draft.revision,
        against=against,
        effective_at=effective_at,
        options=options,
        beside=beside,
        gated=False,
    )


@transaction.atomic
def withdraw(*, order_id: UUID, actor: str, now: datetime) -> Publication:
    """Take one's own request back while nobody has decided. Raises NotFound, PermissionDenied, Conflict."""
    _, order = _lock_order(order_id, now)
    if order.asked_by != actor:
        raise PermissionDenied("Only whoever asked may withdraw a request.")
    _check_waiting(order)
    close(order, State.WITHDRAWN, why="Whoever asked took it back.", actor=actor, now=now)
    tell(order, "withdrawn", actor=actor, now=now)
    return order


# --- Deciding ---


@transaction.atomic
def approve(
    *,
    order_id: UUID,
    member: Member | None,
    actor: str,
    note: str,
    now: datetime,
    against: int | None = None,
) -> VersionedModel:
    """Say yes: the version is in force at once, or from the moment that was asked for.

    A moment that has passed meanwhile is at once. The gates are asked as they are now, but not of an earlier
    version that is used again. Raises NotFound; PermissionDenied for a program and for
    whoever had a hand in it; Conflict where it is decided or withdrawn, and as `publish`.
    """
    version, order = _lock_order(order_id, now)
    _decide(order, version, member, actor, note, now)
    kind = get_kind(order.kind)
    locked = lock(version, now=now, expected_revision=order.revision)
    check_against(locked, against, now)
    kind.validate(locked.content)
    if not order.options.get(UNGATED):
        check_gates(locked)
    if order.effective_at is not None and order.effective_at > now:
        check_moment(kind, order.effective_at, now, locked.line)
        close(order, State.SCHEDULED, actor=actor, now=now)
        schedule(locked, order, actor=actor, now=now)
    else:
        check_beside(locked, order.options.get("beside"))
        close(order, State.DONE, actor=actor, now=now)
        put_in_force(locked, by=order.asked_by, actor=actor, at=now, now=now, options=order.options)
    tell(order, "decided", actor=actor, now=now)
    return locked


@transaction.atomic
def refuse(*, order_id: UUID, member: Member | None, actor: str, note: str, now: datetime) -> Publication:
    """Say no; the draft stays as it is. Raises as `approve`, and ValidationFailed at /note without a reason.

    A program may refuse: nothing comes into force by that.
    """
    version, order = _lock_order(order_id, now)
    if not note.strip():
        raise ValidationFailed.at("/note", "Say why: whoever asked reads it.", "required")
    _decide(order, version, member, actor, note, now, program_may=True)
    close(order, State.REFUSED, actor=actor, now=now)
    tell(order, "decided", actor=actor, now=now)
    return order


def _decide(
    order: Publication,
    version: VersionedModel,
    member: Member | None,
    actor: str,
    note: str,
    now: datetime,
    *,
    program_may: bool = False,
) -> None:
    _check_waiting(order)
    why = "" if member is None and program_may else why_not_decide(order, version, member)
    if why:
        raise PermissionDenied(why)
    if len(note.strip()) > NOTE:
        raise ValidationFailed.at("/note", f"At most {NOTE} characters.", "max_length")
    if "\x00" in note:
        raise ValidationFailed.at("/note", "No text can hold a NUL character.", "null_characters_not_allowed")
    order.decided_at, order.decided_by, order.note = now, actor, note.strip()


def _check_waiting(order: Publication) -> None:
    if order.state != State.ASKED:
        ended = {
            State.WITHDRAWN: f"was withdrawn. {order.why}".strip(),
            State.REFUSED: "was refused already.",
        }.get(State(order.state), "was approved already.")
        raise Conflict(f"This request {ended}", state=str(order.state))


def why_not_decide(order: Publication, version: VersionedModel, member: Member | None) -> str:
    """Why this person may not decide about a request, as a sentence; "" where they may. Two queries."""
    if member is None:
        return "A key is not a person: an admin approves on the page."
    if member.role != Role.ADMIN or not member.is_active:
        return "Only an admin approves a version."
    if member.id in _people([order.asked_by]):
        return "You asked for this approval: somebody else must give it."
    if member.id in _people([version.saved_by]):
        return "You saved this draft last: somebody else must approve it."
    return ""


def deciders(order: Publication, version: VersionedModel) -> list[Member]:
    """The admins who may decide about a request."""
    hands = _people([order.asked_by, version.saved_by])
    admins = Member.objects.filter(role=Role.ADMIN, is_active=True).exclude(id__in=hands)
    return list(admins.order_by("id"))


def _people(actors: list[str]) -> set[UUID]:
    """The members behind actors; behind a key stands whoever made it."""
    found: set[UUID] = set()
    keys: set[UUID] = set()
    for actor in actors:
        what, _, text = actor.partition(":")
        if what in ("member", "key"):
            try:
                (found if what == "member" else keys).add(UUID(text))
            except ValueError:
                continue
    if keys:
        makers = ApiKey.objects.filter(id__in=keys, created_by__isnull=False)
        found |= set(makers.values_list("created_by_id", flat=True))
    return found


def _lock_order(order_id: UUID, now: datetime) -> tuple[VersionedModel, Publication]:
    """The request as it is once nobody else publishes or saves its draft."""
    order = get_order(order_id)
    kind: Kind = get_kind(order.kind)
    settle(kind.model, now, order.line)
    version = kind.model.objects.select_for_update().filter(id=order.version_id).first()
    order = Publication.objects.select_for_update(of=("self",)).select_related("asker").get(id=order.id)
    if version is None:  # discarded, and the request withdrawn with it
        _check_waiting(order)
        raise Conflict("The draft was discarded meanwhile.")
    return version, order
