"""Write down what sales answered."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from django.db import IntegrityError, transaction

from core.errors import AlreadyDecided, FieldError, ValidationFailed
from feedback.models import NOTE_LIMIT, Disposition, Reason
from feedback.reasons import DEFAULT_REASONS
from leads.models import Handoff
from tenants.bulk import insert_rows


def seed_reasons() -> None:
    """Give the organisation in scope the default taxonomy; reasons that it has already are left alone."""
    insert_rows(
        [
            Reason(
                kind=reason.kind,
                slug=reason.slug,
                label=reason.label,
                hint=reason.hint,
                side=reason.side,
                note_required=reason.note_required,
                earns_credit=reason.earns_credit,
                position=position,
            )
            for position, reason in enumerate(DEFAULT_REASONS)
        ],
        conflict="on conflict do nothing",
    )


def choose_reason(*, kind: Reason.Kind, slug: str, note: str, note_at: str = "/note") -> Reason:
    """The active reason of this slug, its note checked. Raises ValidationFailed with the field and the way
    out. note_at: which field of the call the note is."""
    reasons = {
        reason.slug: reason
        for reason in Reason.objects.filter(kind=kind, is_active=True).order_by("position")
    }
    if not slug:
        raise ValidationFailed(
            "Choose a reason.",
            field_errors=[FieldError("/reason", "Choose a reason.", "required")],
            reasons=list(reasons),
        )
    reason: Reason | None = reasons.get(slug)
    if reason is None:
        known = ", ".join(reasons)
        raise ValidationFailed(
            f"There is no reason “{slug}”.",
            field_errors=[FieldError("/reason", f"Use one of: {known}.", "invalid_choice")],
        )
    if reason.note_required and not note.strip():
        message = f"“{reason.label}” needs a note: say in a few words what it was."
        raise ValidationFailed(message, field_errors=[FieldError(note_at, message, "required")])
    if len(note) > NOTE_LIMIT:
        message = f"A note may have at most {NOTE_LIMIT:,} characters."
        raise ValidationFailed(message, field_errors=[FieldError(note_at, message, "max_length")])
    return reason


def record_disposition(
    *,
    handoff: Handoff,
    kind: Disposition.Kind,
    actor: str,
    now: datetime,
    by_id: UUID | None = None,
    reason: Reason | None = None,
    note: str = "",
    until: date | None = None,
) -> Disposition:
    """Write sales' answer on a handoff, once a kind but for "progressing". The caller holds the handoff's
    lock. Raises AlreadyDecided."""
    disposition = Disposition(
        handoff=handoff,
        kind=kind,
        reason=reason,
        note=note.strip(),
        until=until,
        by_id=by_id,
        actor=actor,
        at=now,
    )
    try:
        with transaction.atomic():
            disposition.save(force_insert=True)
    except IntegrityError as error:
        raise AlreadyDecided(f"This handoff was {kind} before.") from error
    return disposition


def undo_disposition(*, handoff: Handoff, kind: Disposition.Kind, now: datetime) -> bool:
    """Take an answer back: it stays in the record, marked. False if there was none."""
    return bool(
        Disposition.objects.filter(handoff=handoff, kind=kind, undone_at__isnull=True).update(undone_at=now)
    )
