"""What the rail and the first page ask of a person about the agreement."""

from __future__ import annotations

from typing import Final

from django.db.models import Exists, OuterRef, Q
from django.urls import reverse

from reporting.agreement.models import Agreement, AgreementSettings, Reading, Side, Signature
from reporting.agreement.selectors import SIGNING_ROLES
from tenants.models import Member
from tenants.requests import TenantRequest
from web.shell import Alarm, Waiting, count_of, path_or_none, register_alarm, register_badge, register_count

_UNREAD: Final = "reporting:agreement_unread"
#: Where people's days begin: there it is said in words that something is to be read.
_FIRST_PAGES: Final = ("handoff:inbox", "handoff:board", "reporting:compliance")


def register() -> None:
    """Called once, when the app is ready."""
    register_badge("reporting:agreement", lambda request: _badge(request))  # type: ignore[arg-type]
    register_count(_UNREAD, lambda request: _unread_here(request))  # type: ignore[arg-type]
    register_alarm(lambda request: _note(request))  # type: ignore[arg-type]


def _badge(request: TenantRequest) -> Waiting:
    """Versions that ask something of the reader: to be read, to be signed, to be looked at again."""
    member = request.member
    unsigned = Q(state=Agreement.State.OPEN) & ~Q(Exists(_mine(Signature, member)))
    other = Q(state=Agreement.State.IN_FORCE) & (~Q(changed_digest="") | Q(reminded_on__isnull=False))
    asks = _unread(member) | ((unsigned | other) & _signs(member))
    leads = any(member.role in roles for roles in SIGNING_ROLES.values())
    return Waiting(Agreement.objects.filter(asks), "risk" if leads else "")


def _unread_here(request: TenantRequest) -> Waiting | int:
    """The version that the reader has not read, on a page that says so."""
    if request.path not in [path_or_none(view) for view in _FIRST_PAGES]:
        return 0
    return Waiting(Agreement.objects.filter(_unread(request.member)))


def _note(request: TenantRequest) -> Alarm | None:
    if not count_of(request, _UNREAD):
        return None
    text = "Marketing and sales signed an agreement. Read it, and confirm that you have."
    return Alarm(text, reverse("reporting:agreement"), "Read it", tone="brand")


def _unread(member: Member) -> Q:
    return Q(state=Agreement.State.IN_FORCE) & ~Q(Exists(_mine(Reading, member)))


def _mine(model: type[Reading | Signature], member: Member):  # type: ignore[no-untyped-def]
    return model.objects.filter(agreement=OuterRef("pk"), member_id=member.id)


def _signs(member: Member) -> Q:
    """Whether the member may sign for a side, as `selectors.Signers.may_sign` says, asked with the rows."""
    settings = AgreementSettings.objects
    named = Q(marketing_signers__contains=[member.id]) | Q(sales_signers__contains=[member.id])
    may = Q(Exists(settings.filter(named)))
    for side, column in ((Side.MARKETING, "marketing_signers"), (Side.SALES, "sales_signers")):
        if member.role in SIGNING_ROLES[side]:
            may |= ~Q(Exists(settings.exclude(**{column: []})))
    return may
