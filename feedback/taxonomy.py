"""The taxonomy of reasons as its organisation keeps it: added, changed, put in order, retired, restored.

A slug is part of the API and of history, so it never changes, and no reason is ever deleted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Max

from core.errors import Conflict, FieldError, NotFound, ValidationFailed
from feedback.models import Reason
from feedback.reasons import LEADS_TO
from feedback.settings import locked_settings
from tenants.audit import record_change
from tenants.bulk import update_rows

#: Reasons that may be given at one time, of all kinds together: more are chosen between by nobody.
MOST: Final = 40
_SLUG: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")
#: What may be changed of a reason, in the order of the form.
CHANGEABLE: Final = ("label", "hint", "side", "note_required", "earns_credit", "leads_to")
# Answers that were taken back say nothing. Set-based: a reason may stand in a hundred thousand handoffs.
_DIRTY: Final = """
insert into leads_dirtyhandoff (id, tenant_id, handoff_id, at)
select gen_random_uuid(), tenant_id, handoff_id, %(now)s
  from feedback_disposition
 where tenant_id = %(tenant)s and reason_id = %(reason)s and undone_at is null
 group by tenant_id, handoff_id
"""
_LABEL: Final = 60
_HINT: Final = 120


def all_reasons() -> list[Reason]:
    """Every reason, by kind and in the organisation's order; those that were retired last in each kind."""
    kinds = list(Reason.Kind)
    found = Reason.objects.order_by("-is_active", "position", "label")
    return sorted(found, key=lambda each: kinds.index(Reason.Kind(each.kind)))


def get_reason(reason_id: UUID) -> Reason:
    """Raises NotFound."""
    found: Reason | None = Reason.objects.filter(id=reason_id).first()
    if found is None:
        raise NotFound("There is no such reason.")
    return found


@transaction.atomic
def create_reason(*, kind: str, slug: str = "", said: Mapping[str, Any], actor: str, now: datetime) -> Reason:
    """A new reason at the end of its kind. slug: made from the label where it is blank. said: of CHANGEABLE.

    Raises ValidationFailed with the place of each error; Conflict where there are MOST already.
    """
    locked_settings()
    if kind not in Reason.Kind.values:
        known = ", ".join(Reason.Kind.values)
        raise ValidationFailed.at("/kind", f"Use one of: {known}.", "invalid_choice")
    reason = Reason(kind=kind)
    errors = _take(reason, said)
    named = bool(slug)
    reason.slug = slug or _slug_of(reason.label)
    if named and not _SLUG.fullmatch(reason.slug):
        text = "Small letters, digits and underscores, a letter first; at most 40."
        errors.append(FieldError("/slug", text, "invalid"))
    known_slugs = set(Reason.objects.filter(kind=kind).values_list("slug", flat=True))
    if reason.slug in known_slugs and named:
        errors.append(FieldError("/slug", "There is a reason with this slug; it may be retired.", "taken"))
    _check(reason, errors)
    _check_room()
    number, stem = 2, reason.slug[:36]
    while reason.slug in known_slugs:
        reason.slug, number = f"{stem}_{number}", number + 1
    last = Reason.objects.filter(kind=kind).aggregate(last=Max("position"))["last"]
    reason.position = 0 if last is None else last + 1
    reason.save(force_insert=True)
    _record(reason, "created", actor, now, before=None)
    return reason


@transaction.atomic
def change_reason(*, reason_id: UUID, said: Mapping[str, Any], actor: str, now: datetime) -> Reason:
    """Change what `said` names, of CHANGEABLE. What was answered before keeps what it led to; whose it counts
    as follows the reason, so that every handoff answered by it is counted again.

    Raises NotFound; ValidationFailed with the place of each error; Conflict where the kind would be left with
    routing's reasons alone.
    """
    locked_settings()
    reason = get_reason(reason_id)
    before = _state(reason)
    errors = _take(reason, said)
    _check(reason, errors)
    if reason.side == Reason.Side.ROUTING and before["side"] != reason.side:
        _check_others(reason, "goes to routing")
    if _state(reason) != before:
        reason.save(update_fields=list(CHANGEABLE))
        _record(reason, "changed", actor, now, before=before)
        if reason.side != before["side"]:
            _count_again(reason, now)
    return reason


@transaction.atomic
def retire_reason(*, reason_id: UUID, actor: str, now: datetime) -> Reason:
    """Let a reason be given no more. Raises NotFound; Conflict for the last of its kind, and where it was
    retired before."""
    locked_settings()
    reason = get_reason(reason_id)
    if not reason.is_active:
        raise Conflict(f"“{reason.label}” was retired before.")
    _check_others(reason, "is retired")
    return _set_active(reason, False, "retired", actor, now)


@transaction.atomic
def restore_reason(*, reason_id: UUID, actor: str, now: datetime) -> Reason:
    """Let a retired reason be given again. Raises NotFound; Conflict where it is not retired, or where there
    are MOST; ValidationFailed where another took its name meanwhile."""
    locked_settings()
    reason = get_reason(reason_id)
    if reason.is_active:
        raise Conflict(f"“{reason.label}” is in use.")
    _check_room()
    _check(reason, [])
    return _set_active(reason, True, "restored", actor, now)


@transaction.atomic
def order_reasons(*, kind: str, ids: Sequence[UUID], actor: str, now: datetime) -> list[Reason]:
    """Put the reasons of a kind that are in use in this order. Raises ValidationFailed at /reasons unless
    each of them is named once."""
    locked_settings()
    active = {each.id: each for each in Reason.objects.filter(kind=kind, is_active=True)}
    if kind not in Reason.Kind.values or sorted(ids) != sorted(active):
        text = "Name every reason of the kind that is in use, each once."
        raise ValidationFailed.at("/reasons", text, "incomplete")
    before = [each.slug for each in sorted(active.values(), key=lambda each: (each.position, each.label))]
    ordered = [active[reason_id] for reason_id in ids]
    for place, reason in enumerate(ordered):
        reason.position = place
    update_rows(ordered, ["position"])
    after = [each.slug for each in ordered]
    if before != after:
        record_change(
            actor=actor,
            action="reasons.ordered",
            object_type="reason",
            object_id=None,
            before={"kind": kind, "reasons": before},
            after={"kind": kind, "reasons": after},
            now=now,
        )
    return ordered


@transaction.atomic
def move_reason(*, reason_id: UUID, up: bool, actor: str, now: datetime) -> Reason:
    """Let a reason change places with its neighbour; at the end of the list it stays. Raises NotFound,
    Conflict for a retired one."""
    locked_settings()
    reason = get_reason(reason_id)
    if not reason.is_active:
        raise Conflict(f"“{reason.label}” is retired: restore it first.")
    rows = Reason.objects.filter(kind=reason.kind, is_active=True).order_by("position", "label")
    ids = list(rows.values_list("id", flat=True))
    place = ids.index(reason.id)
    other = place - 1 if up else place + 1
    if 0 <= other < len(ids):
        ids[place], ids[other] = ids[other], ids[place]
        order_reasons(kind=reason.kind, ids=ids, actor=actor, now=now)
    return reason


# --- Under the lock ---


def _count_again(reason: Reason, now: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_DIRTY, {"tenant": reason.tenant_id, "reason": reason.id, "now": now})


def _take(reason: Reason, said: Mapping[str, Any]) -> list[FieldError]:
    """Put what was said on the reason. What a kind cannot have is an error only where it was said."""
    errors: list[FieldError] = []
    for name in CHANGEABLE:
        if name in said:
            value = said[name]
            setattr(reason, name, " ".join(value.split()) if name in ("label", "hint") else value)
    is_reject = reason.kind == Reason.Kind.REJECT
    if reason.side == Reason.Side.ROUTING and not is_reject:
        text = "Only a rejection can go to somebody else instead."
        errors.append(FieldError("/side", text, "not_of_this_kind"))
    if reason.earns_credit and not is_reject:
        text = "Only a rejection gives a turn back."
        errors.append(FieldError("/earns_credit", text, "not_of_this_kind"))
    if reason.side == Reason.Side.ROUTING:
        reason.leads_to = ""
    allowed = LEADS_TO[Reason.Kind(reason.kind)]
    if reason.leads_to and reason.leads_to not in allowed:
        known = ", ".join(allowed)
        errors.append(FieldError("/leads_to", f"Use one of: {known}.", "invalid_choice"))
    return errors


def _check(reason: Reason, errors: list[FieldError]) -> None:
    if not reason.label:
        errors.append(FieldError("/label", "Say what it is called.", "required"))
    elif len(reason.label) > _LABEL:
        errors.append(FieldError("/label", f"At most {_LABEL} characters.", "max_length"))
    if len(reason.hint) > _HINT:
        errors.append(FieldError("/hint", f"At most {_HINT} characters.", "max_length"))
    same = Reason.objects.filter(kind=reason.kind, is_active=True, label__iexact=reason.label)
    if reason.label and same.exclude(id=reason.id).exists():
        errors.append(FieldError("/label", "Another reason of this kind is called so.", "taken"))
    if errors:
        raise ValidationFailed(errors[0].message, field_errors=errors)


def _check_room() -> None:
    if Reason.objects.filter(is_active=True).count() >= MOST:
        raise Conflict(f"There are {MOST} reasons, which is the most: retire one first.")


def _check_others(reason: Reason, what: str) -> None:
    """Raise Conflict unless the kind keeps another reason of marketing's."""
    others = Reason.objects.filter(kind=reason.kind, is_active=True, side=Reason.Side.MARKETING)
    was_marketing = Reason.objects.filter(id=reason.id, side=Reason.Side.MARKETING).exists()
    if was_marketing and not others.exclude(id=reason.id).exists():
        kind = Reason.Kind(reason.kind).label.lower()
        raise Conflict(f"This is the last reason of its kind ({kind}): add another before this one {what}.")


def _set_active(reason: Reason, active: bool, action: str, actor: str, now: datetime) -> Reason:
    reason.is_active = active
    if active:
        rows = Reason.objects.filter(kind=reason.kind, is_active=True)
        last = rows.aggregate(last=Max("position"))["last"]
        reason.position = 0 if last is None else last + 1
    reason.save(update_fields=["is_active", "position"])
    _record(reason, action, actor, now, before={"is_active": not active}, after={"is_active": active})
    return reason


def _slug_of(label: str) -> str:
    """ "Wrong title or role" as "wrong_title_or_role"; "reason" where nothing of it can be in a slug."""
    found = re.sub(r"[^a-z0-9]+", "_", label.lower()).strip("_")[:40].strip("_")
    return found if found[:1].isalpha() else f"reason_{found}".strip("_")[:40]


def _state(reason: Reason) -> dict[str, Any]:
    return {name: getattr(reason, name) for name in CHANGEABLE}


def _record(
    reason: Reason,
    action: str,
    actor: str,
    now: datetime,
    *,
    before: Mapping[str, Any] | None,
    after: Mapping[str, Any] | None = None,
) -> None:
    about = {"kind": reason.kind, "slug": reason.slug}
    record_change(
        actor=actor,
        action=f"reason.{action}",
        object_type="reason",
        object_id=reason.id,
        before=None if before is None else {**about, **before},
        after={**about, **(_state(reason) if after is None else after)},
        now=now,
    )
