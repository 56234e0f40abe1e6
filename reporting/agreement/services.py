"""What people do with the agreement: sign it, confirm having read it, agree to a change in the freeze, decide
how it is signed, and decide a quarter's recalibration.

Lock: everybody who signs, or changes who signs, holds the organisation's row of settings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import transaction

from core.errors import Conflict, FieldError, PermissionDenied, StaleVersion, ValidationFailed
from reporting.agreement import messages
from reporting.agreement.gather import present_terms
from reporting.agreement.measured import Proposed
from reporting.agreement.models import (
    Agreement,
    AgreementSettings,
    FreezeOverride,
    Reading,
    Recalibration,
    Side,
    Signature,
)
from reporting.agreement.selectors import (
    Signers,
    agreement_in_force,
    is_frozen,
    open_agreement,
    signers_of,
)
from reporting.agreement.terms import Terms, as_document
from sla.models import PolicyVersion
from sla.policy_drafts import base_content, with_durations, write_draft
from tenants import versions
from tenants.audit import SYSTEM, member_actor, record_change
from tenants.models import Member, Tenant, VersionState

MOST_FREEZE_DAYS: Final = 365
NOTE_LIMIT: Final = 300


def _locked_settings() -> AgreementSettings:
    """The organisation's row, held until the transaction ends; made where there is none yet."""
    AgreementSettings.objects.get_or_create()
    found: AgreementSettings = AgreementSettings.objects.select_for_update(of=("self",)).get()
    return found


# --- Signing ---


@transaction.atomic
def sign(*, tenant: Tenant, member: Member, side: str, seen: Terms, now: datetime) -> Agreement:
    """Sign the terms for a side, as they were shown. With the last signature that is needed they are in
    force, and the version before them is replaced.

    seen: what the person read. Raises ValidationFailed at /side; PermissionDenied for somebody who does not
    sign for that side; StaleVersion where something else is configured by now; Conflict where nothing can be
    signed yet, where this is in force already, and where the person signed.
    """
    if side not in Side.values:
        raise ValidationFailed.at("/side", "Sign for marketing or for sales.", "invalid_choice")
    signers = signers_of(_locked_settings())
    if not signers[Side(side)].may_sign(member):
        raise PermissionDenied(f"You do not sign for {side}.")
    present = present_terms(tenant, now).terms
    if present.digest != seen.at(now).digest:
        raise StaleVersion("What you read has changed since. Read what is different, then sign.")
    if present.lacking:
        raise Conflict(f"There is nothing to sign before {' and '.join(present.lacking)} are in force.")
    standing = agreement_in_force()
    if standing is not None and standing.promises(present, now):
        raise Conflict("Both sides have signed this: it is in force.")
    agreement = _version_of(present, now)
    _check_unsigned(agreement, member, Side(side))
    Signature.objects.create(agreement=agreement, side=side, member=member, role=member.role, at=now)
    Reading.objects.get_or_create(agreement=agreement, member=member, defaults={"at": now})
    _record(agreement, "signed", member, {"number": agreement.number, "side": side}, now)
    if not _settle(agreement, signers, now):
        messages.ask_signature(agreement, _missing(agreement, signers), now=now)
    return agreement


def _version_of(present: Terms, now: datetime) -> Agreement:
    """The version that these terms are, begun where nobody signed them yet."""
    waiting: Agreement | None = Agreement.objects.filter(state=Agreement.State.OPEN).first()
    if waiting is not None and waiting.promises(present, now):
        return waiting
    if waiting is not None:
        waiting.state, waiting.closed_at = Agreement.State.LAPSED, now
        waiting.save(update_fields=["state", "closed_at"])
    last = Agreement.objects.order_by("-number").values_list("number", flat=True).first()
    begun: Agreement = Agreement.objects.create(
        number=(last or 0) + 1, document=as_document(present), digest=present.digest, opened_at=now
    )
    return begun


def _check_unsigned(agreement: Agreement, member: Member, side: Side) -> None:
    """Raises Conflict where the person has signed this version."""
    before = Signature.objects.filter(agreement=agreement, member=member).first()
    if before is None:
        return
    if before.side == side:
        raise Conflict("You have signed this already.")
    raise Conflict(f"You have signed for {before.side}: a person signs for one side only.")


def _settle(agreement: Agreement, signers: Mapping[Side, Signers], now: datetime) -> bool:
    """Put a version in force where everybody who must has signed it; whether it is in force."""
    rows = list(Signature.objects.filter(agreement=agreement))
    for side, each in signers.items():
        if not each.is_done([row.member_id for row in rows if row.side == side]):
            return False
    Agreement.objects.filter(state=Agreement.State.IN_FORCE).update(
        state=Agreement.State.REPLACED, closed_at=now
    )
    days = AgreementSettings.objects.values_list("freeze_days", flat=True).get()
    agreement.state, agreement.in_force_at = Agreement.State.IN_FORCE, now
    agreement.frozen_until = now + timedelta(days=days) if days else None
    agreement.save(update_fields=["state", "in_force_at", "frozen_until"])
    record_change(
        actor=SYSTEM,
        action="agreement_in_force",
        object_type="agreement",
        object_id=agreement.id,
        after={"number": agreement.number, "frozen_until": _iso(agreement.frozen_until)},
        now=now,
    )
    read = Reading.objects.filter(agreement=agreement).values("member_id")
    people = Member.objects.filter(is_active=True).exclude(id__in=read).values_list("id", flat=True)
    messages.ask_reading(agreement, list(people), now=now)
    return True


def _missing(agreement: Agreement, signers: Mapping[Side, Signers]) -> list[UUID]:
    """Who must or may still sign."""
    rows = list(Signature.objects.filter(agreement=agreement))
    signed = {row.member_id for row in rows}
    return [
        member.id
        for side, each in signers.items()
        for member in each.missing([row.member_id for row in rows if row.side == side])
        if member.id not in signed and member.is_active
    ]


# --- Reading ---


@transaction.atomic
def confirm_read(*, member: Member, agreement_id: UUID, now: datetime) -> None:
    """Write down that somebody has read the agreement in force; again changes nothing. Raises Conflict where
    another version is in force by now."""
    standing = Agreement.objects.filter(state=Agreement.State.IN_FORCE).only("id").first()
    if standing is None or standing.id != agreement_id:
        raise Conflict("Another version is in force by now. Read that one.")
    Reading.objects.get_or_create(agreement=standing, member=member, defaults={"at": now})


# --- The freeze ---


@transaction.atomic
def override_freeze(
    *,
    member: Member,
    side: str,
    kind: str,
    version_id: UUID,
    revision: int,
    reason: str,
    now: datetime,
) -> FreezeOverride:
    """Agree for a side that a draft may be published within the freeze, as it is saved now.

    Raises ValidationFailed at /side and /reason; NotFound for a kind that there is not; PermissionDenied;
    StaleVersion where the draft was saved since; Conflict where nothing is frozen, where it is no draft any
    more, and where the side or the person has said so.
    """
    if side not in Side.values:
        raise ValidationFailed.at("/side", "Agree for marketing or for sales.", "invalid_choice")
    why = " ".join(reason.split())
    if not why:
        raise ValidationFailed.at("/reason", "Say why it cannot wait.", "required")
    if len(why) > NOTE_LIMIT:
        raise ValidationFailed.at("/reason", f"At most {NOTE_LIMIT} characters.", "too_long")
    signers = signers_of(_locked_settings())
    if not signers[Side(side)].may_sign(member):
        raise PermissionDenied(f"You do not sign for {side}.")
    agreement = Agreement.objects.filter(state=Agreement.State.IN_FORCE).first()
    if agreement is None or not is_frozen(agreement, now):
        raise Conflict("The agreement is not frozen: versions can be published.")
    model = versions.get_kind(kind).model
    draft = model.objects.select_for_update(of=("self",)).filter(id=version_id).first()
    if draft is None or draft.state != VersionState.DRAFT:
        raise Conflict("That is no draft any more.")
    if draft.revision != revision:
        raise StaleVersion("The draft was saved since you read it. Look at it again.")
    for said in FreezeOverride.objects.filter(agreement=agreement, version_id=draft.id, revision=revision):
        if said.side == side:
            raise Conflict(f"{Side(side).label} has agreed already.")
        if said.member_id == member.id:
            raise Conflict(f"You have agreed for {said.side}: it takes somebody else for {side}.")
    made: FreezeOverride = FreezeOverride.objects.create(
        agreement=agreement,
        kind=kind,
        version_id=draft.id,
        number=draft.number,
        revision=revision,
        side=side,
        member=member,
        reason=why,
        at=now,
    )
    after = {"kind": kind, "number": draft.number, "revision": revision, "side": side, "reason": why}
    _record(agreement, "freeze_overridden", member, after, now)
    return made


def both_sides_agreed(said: FreezeOverride) -> bool:
    """Whether the other side agreed to the same draft, as it was saved then, too."""
    same = FreezeOverride.objects.filter(
        agreement_id=said.agreement_id, version_id=said.version_id, revision=said.revision
    )
    return same.count() == len(Side)


# --- How it is signed ---


@transaction.atomic
def change_settings(
    *,
    freeze_days: int,
    review_day: int,
    marketing_signers: Sequence[UUID],
    sales_signers: Sequence[UUID],
    member: Member,
    now: datetime,
) -> AgreementSettings:
    """Choose how the agreement is signed, frozen and reviewed. A version that waits comes into force at once
    where those who signed it are enough now; one in force keeps its freeze.

    Raises ValidationFailed with a path to each error.
    """
    chosen = {
        "freeze_days": freeze_days,
        "review_day": review_day,
        "marketing_signers": list(dict.fromkeys(marketing_signers)),
        "sales_signers": list(dict.fromkeys(sales_signers)),
    }
    setting = _locked_settings()
    _check_settings(chosen, setting)
    before = {name: getattr(setting, name) for name in chosen}
    if before == chosen:
        return setting
    for name, value in chosen.items():
        setattr(setting, name, value)
    setting.save(update_fields=list(chosen))
    record_change(
        actor=member_actor(member),
        action="agreement_settings_changed",
        object_type="agreementsettings",
        object_id=setting.id,
        before=_plain(before),
        after=_plain(chosen),
        now=now,
    )
    waiting = open_agreement()
    if waiting is not None and waiting.promises(present_terms(member.tenant, now).terms, now):
        _settle(waiting, signers_of(setting), now)
    return setting


def _check_settings(chosen: Mapping[str, Any], setting: AgreementSettings) -> None:
    errors = []
    if not 0 <= chosen["freeze_days"] <= MOST_FREEZE_DAYS:
        errors.append(FieldError("/freeze_days", f"Between 0 and {MOST_FREEZE_DAYS} days.", "out_of_range"))
    if not 1 <= chosen["review_day"] <= 28:
        errors.append(FieldError("/review_day", "Between 1 and 28: every month has it.", "out_of_range"))
    named = {name: set(chosen[name]) for name in ("marketing_signers", "sales_signers")}
    active = set(
        Member.objects.filter(id__in=set().union(*named.values()), is_active=True).values_list(
            "id", flat=True
        )
    )
    for name, ids in named.items():
        kept = set(getattr(setting, name))  # somebody who left since may stay, and is shown
        if ids - active - kept:
            errors.append(FieldError(f"/{name}", "Choose active people of the organisation.", "unknown"))
    if named["marketing_signers"] & named["sales_signers"]:
        errors.append(FieldError("/sales_signers", "A person signs for one side only.", "both_sides"))
    if errors:
        raise ValidationFailed(errors[0].message, field_errors=errors)


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: [str(each) for each in value] if isinstance(value, list) else value
        for name, value in values.items()
    }


# --- Recalibration ---


@transaction.atomic
def record_recalibration(
    *,
    member: Member,
    is_changed: bool,
    note: str,
    proposals: Sequence[Mapping[str, Any]],
    now: datetime,
) -> Recalibration:
    """Write down that the quarter's look at the numbers is done; the next is due three months from now.

    is_changed: a draft was made of what was proposed. Raises Conflict where nothing is in force, and
    ValidationFailed at /note.
    """
    said = " ".join(note.split())
    if len(said) > NOTE_LIMIT:
        raise ValidationFailed.at("/note", f"At most {NOTE_LIMIT} characters.", "too_long")
    _locked_settings()
    agreement = Agreement.objects.filter(state=Agreement.State.IN_FORCE).first()
    if agreement is None:
        raise Conflict("No agreement is in force: there is nothing to recalibrate.")
    made: Recalibration = Recalibration.objects.create(
        agreement=agreement,
        at=now,
        member=member,
        is_changed=is_changed,
        note=said,
        proposals=[dict(each) for each in proposals],
    )
    Agreement.objects.filter(id=agreement.id).update(reminded_on=None)
    after = {"number": agreement.number, "is_changed": is_changed, "note": said}
    _record(agreement, "recalibrated", member, after, now)
    return made


@transaction.atomic
def draft_recalibration(
    *,
    member: Member,
    proposed: Proposed,
    revisions: Mapping[str, int],
    note: str,
    now: datetime,
) -> list[PolicyVersion]:
    """Put what is proposed into a draft of each policy of which something changes, or into the one that is
    open, and write down that the quarter's look is done.

    revisions: of the open drafts that the author saw, by the slug of the unit, "" of the main policy. Raises
    Conflict where nothing is proposed, StaleVersion where a draft was saved or begun since, and as
    `record_recalibration`.
    """
    if not proposed.changed:
        raise Conflict("There is nothing to change by these numbers.")
    record_recalibration(
        member=member,
        is_changed=True,
        note=note,
        proposals=[each.as_document() for each in proposed.proposals],
        now=now,
    )
    return [
        write_draft(
            with_durations(base_content(line.unit), line.durations),
            revision=revisions.get(line.unit.slug if line.unit else ""),
            actor=member_actor(member),
            now=now,
            unit=line.unit,
        )
        for line in proposed.changed
    ]


def _record(agreement: Agreement, what: str, member: Member, after: Mapping[str, Any], now: datetime) -> None:
    record_change(
        actor=member_actor(member),
        action=f"agreement_{what}",
        object_type="agreement",
        object_id=agreement.id,
        after=dict(after),
        now=now,
    )


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
