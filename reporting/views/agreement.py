"""The agreement: the page that both sides sign and everybody reads, its versions, and what is done there."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.core import signing
from django.forms import BaseForm
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from core.errors import DomainError
from reporting.agreement import services
from reporting.agreement.dates import day_words
from reporting.agreement.forms import OverrideForm, ReadForm, RecalibrateForm, SettingsForm, SignForm
from reporting.agreement.gather import due_after, present_terms
from reporting.agreement.measured import DAYS, proposals, row_of
from reporting.agreement.models import Agreement, AgreementSettings, Side
from reporting.agreement.paper import agreement_pdf, role_words
from reporting.agreement.recalibration import LEAST
from reporting.agreement.selectors import (
    Desk,
    Signers,
    agreement_in_force,
    everybody,
    frozen_drafts,
    get_agreement,
    is_frozen,
    open_agreement,
    overrides_of,
    read_desk,
    readers_among,
    readers_of,
    settings_row,
    signed_for,
    signers_of,
)
from reporting.agreement.terms import Terms, as_document, changes, from_document
from sla.models import PolicyVersion
from tenants import versions
from tenants.auth import member_required
from tenants.clock import database_clock
from tenants.models import Member, Role, Tenant
from tenants.refusals import REFUSED, status_of_refusal, take_errors
from tenants.requests import TenantRequest
from web.pdf import pdf_response

_SEAL: Final = "reporting.agreement.seen"
#: Who sees who has not read it, and what is proposed.
_LEADING: Final = (Role.ADMIN, Role.MANAGER, Role.MARKETING, Role.EXECUTIVE)


@require_safe
@member_required()
def agreement(request: TenantRequest) -> HttpResponse:
    """GET /agreement: the terms as they are configured, who signed them, and what is asked of the reader."""
    return _page(request)


def _page(
    request: TenantRequest,
    *,
    refused: str = "",
    seen: Terms | None = None,
    settings_form: SettingsForm | None = None,
    status: int = 200,
) -> HttpResponse:
    """The page; with what was refused, and what is different from what the reader had seen."""
    now, tenant, member, desk = database_clock(), request.tenant, request.member, read_desk()
    standing, waiting, setting = desk.standing, desk.waiting, desk.ground.setting
    present = present_terms(tenant, now, ground=desk.ground)
    signers = signers_of(setting, desk.people)
    is_standing = standing is not None and standing.promises(present.terms, now)
    current = standing if is_standing else _current(waiting, present.terms, now)
    context: dict[str, Any] = {
        "terms": present.terms,
        "standing": standing,
        "is_standing": is_standing,
        "waiting": current if current is not None and not is_standing else None,
        "lapsing": waiting if waiting is not None and current is not waiting else None,
        "changes": changes(standing.terms_at(now), present.terms) if standing else [],
        "sides": [_side(side, signers[side], current, member, present.terms) for side in Side],
        "signed": _signatures(current) if current else [],
        "seen": signing.dumps(as_document(present.terms), salt=_SEAL, compress=True),
        "refused": refused,
        "missed": changes(seen.at(now), present.terms) if seen else [],
        "history": desk.history,
        "readers": readers_among(desk.readings, desk.people) if standing else None,
        "is_leading": member.role in _LEADING,
        "has_read": False,
        "crumbs": _crumbs(),
        **_freeze(desk, signers, member, now),
        **_recalibration(request, desk, signers, now),
        **_settings(request, setting, settings_form, desk.people),
    }
    context["may_sign"] = any(side["may_sign"] for side in context["sides"])
    if context["readers"]:
        context["has_read"] = any(each.member_id == member.id for each in context["readers"].read)
    return render(request, "reporting/agreement.html", context, status=status)


def _current(waiting: Agreement | None, present: Terms, now: datetime) -> Agreement | None:
    return waiting if waiting is not None and waiting.promises(present, now) else None


def _crumbs(here: str = "") -> list[dict[str, str]]:
    place = {"label": "Agreement", "url": reverse("reporting:agreement")}
    return [{"label": "Contract", "url": ""}, place, *([{"label": here, "url": ""}] if here else [])]


def _side(
    side: Side, signers: Signers, current: Agreement | None, member: Member, terms: Terms
) -> dict[str, Any]:
    """One side as the page shows it: who signed the present terms, who is missing, whether the reader may."""
    signed = signed_for(current, side)
    all_signed = list(current.signatures.all()) if current else []
    has_signed = any(each.member_id == member.id for each in all_signed)
    is_over = current is not None and current.state == Agreement.State.IN_FORCE
    return {
        "side": side.value,
        "label": side.label,
        "signed": signed,
        "missing": [] if is_over else signers.missing([each.member_id for each in signed]),
        "named": bool(signers.named),
        "gone": signers.gone,
        "may_sign": not is_over and not terms.lacking and not has_signed and signers.may_sign(member),
    }


def _freeze(desk: Desk, signers: dict[Side, Signers], member: Member, now: datetime) -> dict[str, Any]:
    standing = desk.standing
    if standing is None:
        return {"frozen_until": None, "overrides": []}
    frozen = is_frozen(standing, now)
    return {
        "frozen_until": standing.frozen_until if frozen else None,
        "drafts": [
            {
                "draft": draft,
                "sides": [
                    {
                        "side": side.value,
                        "label": side.label,
                        "said": draft.of(side),
                        "may_say": signers[side].may_sign(member)
                        and not any(each.member_id == member.id for each in draft.overrides),
                    }
                    for side in Side
                ],
            }
            for draft in (frozen_drafts(desk.ground, desk.overrides) if frozen else [])
        ],
        "overrides": [{"row": row, "title": versions.get_kind(row.kind).title} for row in desk.overrides],
    }


def _recalibration(
    request: TenantRequest, desk: Desk, signers: dict[Side, Signers], now: datetime
) -> dict[str, Any]:
    standing, tenant, done = desk.standing, request.tenant, desk.recalibrations
    if standing is None or request.member.role not in _LEADING:
        return {"due": None, "proposals": []}
    due = due_after(standing, tenant, done[0].at if done else None)
    found = proposals(tenant=tenant, now=now, ground=desk.ground)
    drafts = {
        version.line: version for _, version in desk.ground.drafts() if isinstance(version, PolicyVersion)
    }
    units = [line.unit for line in found.lines if line.unit is not None]
    is_signer = any(each.may_sign(request.member) for each in signers.values())
    return {
        "due": day_words(due),
        "is_due": now.astimezone(ZoneInfo(tenant.time_zone)).date() >= due,
        "days": DAYS,
        "least": LEAST,
        "proposals": [row_of(each, found.percent) for each in found.proposals],
        "with_units": bool(units),
        "to_change": sum(len(line.durations) for line in found.lines),
        "policy_draft": drafts.get(None),
        "unit_revisions": " ".join(
            f"{unit.slug}:{drafts[unit.id].revision}" for unit in units if unit.id in drafts
        ),
        "may_draft": request.member.role == Role.ADMIN,
        "may_keep": is_signer,
        "recalibrations": done,
    }


def _settings(
    request: TenantRequest, setting: AgreementSettings, form: SettingsForm | None, people: Sequence[Member]
) -> dict[str, Any]:
    if request.member.role != Role.ADMIN:
        return {"settings_form": None}
    return {"settings_form": form or SettingsForm(None, setting=setting, people=people)}


# --- What is done there ---


@require_POST
@member_required()
def sign(request: TenantRequest) -> HttpResponse:
    """POST /agreement/sign {side, seen}: sign the terms as they were shown. 409 with what is different where
    they changed meanwhile."""
    form = SignForm(request.POST)
    seen = _unsealed(request.POST.get("seen", ""))
    if not form.is_valid() or seen is None:
        return _page(request, refused="Open the page again and sign what it shows.", status=REFUSED)
    side = form.cleaned_data["side"]
    try:
        signed = services.sign(
            tenant=request.tenant, member=request.member, side=side, seen=seen, now=database_clock()
        )
    except DomainError as refusal:
        return _page(request, refused=refusal.message, seen=seen, status=_status(refusal))
    if signed.state == Agreement.State.IN_FORCE:
        messages.success(request, f"Signed. Version {signed.number} is in force.")
    else:
        messages.success(request, f"You signed version {signed.number} for {side}.")
    return redirect("reporting:agreement")


def _unsealed(text: str) -> Terms | None:
    """The terms that the page showed; None for what it never sent."""
    try:
        return from_document(signing.loads(text, salt=_SEAL))
    except (signing.BadSignature, KeyError, TypeError, ValueError):
        return None


def _status(refusal: DomainError) -> int:
    return refusal.status if refusal.status in (403, 404) else status_of_refusal(refusal)


def _first_error(form: BaseForm) -> str:
    return next((str(each) for errors in form.errors.values() for each in errors), "Look at the form again.")


@require_POST
@member_required()
def confirm(request: TenantRequest) -> HttpResponse:
    """POST /agreement/read {agreement}: confirm having read the version in force."""
    form = ReadForm(request.POST)
    if not form.is_valid():
        return _page(request, refused="Open the page again and confirm there.", status=REFUSED)
    try:
        services.confirm_read(
            member=request.member, agreement_id=form.cleaned_data["agreement"], now=database_clock()
        )
    except DomainError as refusal:
        return _page(request, refused=refusal.message, status=_status(refusal))
    messages.success(request, "Noted: you have read the agreement.")
    return redirect("reporting:agreement")


@require_POST
@member_required()
def override(request: TenantRequest) -> HttpResponse:
    """POST /agreement/override {side, kind, version, revision, reason}: agree for a side that a draft may be
    published within the freeze."""
    form = OverrideForm(request.POST)
    if not form.is_valid():
        return _page(request, refused=_first_error(form), status=REFUSED)
    said = form.cleaned_data
    try:
        made = services.override_freeze(
            member=request.member,
            side=said["side"],
            kind=said["kind"],
            version_id=said["version"],
            revision=said["revision"],
            reason=said["reason"],
            now=database_clock(),
        )
    except DomainError as refusal:
        return _page(request, refused=refusal.message, status=_status(refusal))
    if services.both_sides_agreed(made):
        messages.success(request, "Both sides have agreed: the draft can be published as it is saved now.")
    else:
        messages.success(request, "Noted. The draft can be published once the other side has agreed too.")
    return redirect(reverse("reporting:agreement") + "#freeze")


@require_POST
@member_required(Role.ADMIN, Role.MANAGER, Role.MARKETING, Role.EXECUTIVE)
def recalibrate(request: TenantRequest) -> HttpResponse:
    """POST /agreement/recalibrate {do, note, revision}: "draft" (admins) puts what is proposed into a draft
    of the SLA policy and opens it, "keep" (who signs) writes down that all stays as it is."""
    form = RecalibrateForm(request.POST)
    if not form.is_valid():
        return _page(request, refused=_first_error(form), status=REFUSED)
    said, now, tenant = form.cleaned_data, database_clock(), request.tenant
    changed = said["do"] == "draft"
    signers = signers_of(settings_row()).values()
    if changed and request.member.role != Role.ADMIN:
        return _page(request, refused="An admin writes the draft.", status=403)
    if not changed and not any(each.may_sign(request.member) for each in signers):
        return _page(request, refused="Whoever signs decides that all stays as it is.", status=403)
    found = proposals(tenant=tenant, now=now)
    drafts = []
    try:
        if changed:
            drafts = services.draft_recalibration(
                member=request.member, proposed=found, revisions=form.revisions, note=said["note"], now=now
            )
        else:
            services.record_recalibration(
                member=request.member,
                is_changed=False,
                note=said["note"],
                proposals=[each.as_document() for each in found.proposals],
                now=now,
            )
    except DomainError as refusal:
        return _page(request, refused=refusal.message, status=_status(refusal))
    if changed:
        named = [each.line_name for each in drafts if each.line]
        more = f" So it is for {', '.join(named)}." if named and drafts[0].line is None else ""
        messages.success(request, f"What is proposed is in the draft. Nothing of it is in force yet.{more}")
        return redirect(reverse("sla:policy_draft") + drafts[0].line_query)
    messages.success(request, "Written down: all stays as it is for three months.")
    return redirect("reporting:agreement")


@require_POST
@member_required(Role.ADMIN)
def change_settings(request: TenantRequest) -> HttpResponse:
    """POST /agreement/settings {freeze_days, review_day, marketing_signers, sales_signers}."""
    form = SettingsForm(request.POST, setting=settings_row(), people=everybody())
    if form.is_valid():
        try:
            services.change_settings(**form.said, member=request.member, now=database_clock())
        except DomainError as refusal:
            take_errors(form, refusal)
        else:
            messages.success(request, "Saved.")
            return redirect("reporting:agreement")
    return _page(request, settings_form=form, status=REFUSED)


# --- Versions and files ---


@require_safe
@member_required()
def agreement_file(request: TenantRequest) -> HttpResponse:
    """GET /agreement.pdf: the terms as they are configured, with their signatures where they are signed."""
    tenant = request.tenant
    now = database_clock()
    present = present_terms(tenant, now)
    standing, waiting = agreement_in_force(), open_agreement()
    current = next((each for each in (standing, waiting) if each and each.promises(present.terms, now)), None)
    if current is not None:
        return _file(tenant, current)
    state = f"Changed since version {standing.number} was signed" if standing else "Not signed yet"
    content = agreement_pdf(tenant, present.terms, at=present.as_of, agreement=None, state=state)
    return pdf_response("agreement.pdf", content)


@require_safe
@member_required()
def version(request: TenantRequest, agreement_id: UUID) -> HttpResponse:
    """GET /agreement/versions/<id>: a version as it was signed."""
    found = get_agreement(agreement_id)
    context = {
        "agreement": found,
        "terms": from_document(found.document),
        "signatures": _signatures(found),
        "readers": readers_of(found) if request.member.role in _LEADING else None,
        "overrides": [
            {"row": row, "title": versions.get_kind(row.kind).title} for row in overrides_of(found)
        ],
        "changes": _since_before(found),
        "crumbs": _crumbs(f"Version {found.number}"),
    }
    return render(request, "reporting/agreement_version.html", context)


def _since_before(found: Agreement) -> Sequence[Any]:
    """What is different from the version that was in force before it."""
    earlier = Agreement.objects.filter(number__lt=found.number, in_force_at__isnull=False)
    before = earlier.order_by("-number").first()
    return changes(before.terms_at(found.opened_at), from_document(found.document)) if before else []


def _signatures(found: Agreement) -> list[Any]:
    return [
        {"side": Side(each.side).label, "signature": each, "role": role_words(each.role)}
        for each in found.signatures.all()
    ]


@require_safe
@member_required()
def version_file(request: TenantRequest, agreement_id: UUID) -> HttpResponse:
    """GET /agreement/versions/<id>/file: the same as a PDF."""
    return _file(request.tenant, get_agreement(agreement_id))


def _file(tenant: Tenant, found: Agreement) -> HttpResponse:
    zone = ZoneInfo(tenant.time_zone)
    if found.in_force_at:
        state = (
            f"Version {found.number}, in force since {day_words(found.in_force_at.astimezone(zone).date())}"
        )
    else:
        state = f"Version {found.number}, {found.get_state_display().lower()}"
    content = agreement_pdf(
        tenant,
        from_document(found.document),
        at=found.in_force_at or found.opened_at,
        agreement=found,
        signatures=list(found.signatures.all()),
        state=state,
    )
    return pdf_response(f"agreement-{found.number}.pdf", content)
