"""Reads of the agreement: what is in force, who may sign, who signed and read it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db.models import Prefetch, QuerySet

from core.errors import NotFound
from reporting.agreement.ground import Ground, read_ground
from reporting.agreement.models import (
    Agreement,
    AgreementSettings,
    FreezeOverride,
    Reading,
    Recalibration,
    Side,
    Signature,
)
from tenants.models import Member, Role, VersionedModel
from tenants.together import models_of

#: Whose role may sign for a side where nobody is named.
SIGNING_ROLES: Final[dict[Side, tuple[Role, ...]]] = {
    Side.MARKETING: (Role.MARKETING, Role.EXECUTIVE, Role.ADMIN),
    Side.SALES: (Role.MANAGER, Role.EXECUTIVE, Role.ADMIN),
}


def settings_row() -> AgreementSettings:
    """The organisation's settings; as they are from the beginning where none were saved."""
    return AgreementSettings.objects.first() or AgreementSettings()


def agreement_in_force() -> Agreement | None:
    """The version that both sides signed last, with its signatures."""
    return _with_signatures().filter(state=Agreement.State.IN_FORCE).first()


def open_agreement() -> Agreement | None:
    """The version that some have signed and others have not, with its signatures."""
    return _with_signatures().filter(state=Agreement.State.OPEN).first()


def all_agreements() -> QuerySet[Agreement]:
    """Every version with its signatures, the youngest first; without what they say."""
    return _with_signatures().defer("document").order_by("-number")


def get_agreement(agreement_id: UUID) -> Agreement:
    """A version of this organisation's agreement, with its signatures. Raises NotFound."""
    found = _with_signatures().filter(id=agreement_id).first()
    if found is None:
        raise NotFound("There is no such version of the agreement.")
    return found


def _with_signatures() -> QuerySet[Agreement]:
    signatures = Signature.objects.select_related("member").order_by("at", "id")
    found: QuerySet[Agreement] = Agreement.objects.prefetch_related(
        Prefetch("signatures", queryset=signatures)
    )
    return found


# --- Who signs ---


@dataclass(frozen=True, slots=True)
class Signers:
    """Who signs for one side. named: all of these must; empty: any one of `able`, whose role may."""

    side: Side
    named: tuple[Member, ...]
    able: tuple[Member, ...]

    @property
    def people(self) -> tuple[Member, ...]:
        """Everybody who may sign."""
        return self.named or self.able

    @property
    def gone(self) -> list[Member]:
        """Named, and not active any more: without another choice nothing comes into force."""
        return [member for member in self.named if not member.is_active]

    def may_sign(self, member: Member) -> bool:
        return member.is_active and any(each.id == member.id for each in self.people)

    def missing(self, signed_by: Iterable[UUID]) -> list[Member]:
        """Who must still sign, by the ids of those who signed for this side. Empty where the side is done;
        where nobody is named, all of whom one is enough."""
        done = set(signed_by)
        if self.named:
            return [member for member in self.named if member.id not in done]
        return [] if done else list(self.able)

    def is_done(self, signed_by: Iterable[UUID]) -> bool:
        """Whether those who signed for this side are enough."""
        done = set(signed_by)
        return bool(done) if not self.named else all(member.id in done for member in self.named)


def everybody() -> list[Member]:
    """All people of the organisation by name, those who left too."""
    return list(Member.objects.order_by("name", "id"))


def signers_of(setting: AgreementSettings, people: Sequence[Member] | None = None) -> dict[Side, Signers]:
    """Who signs for each side. people: `everybody`, where they are at hand; else one query."""
    named = {Side.MARKETING: setting.marketing_signers, Side.SALES: setting.sales_signers}
    people = everybody() if people is None else people
    by_id = {member.id: member for member in people}
    return {
        side: Signers(
            side,
            tuple(by_id[each] for each in named[side] if each in by_id),
            tuple(member for member in people if member.is_active and member.role in SIGNING_ROLES[side]),
        )
        for side in Side
    }


def signed_for(agreement: Agreement | None, side: Side) -> list[Signature]:
    """The signatures of a side, the first first."""
    if agreement is None:
        return []
    return [each for each in agreement.signatures.all() if each.side == side]


# --- Who read it ---


@dataclass(frozen=True, slots=True)
class Readers:
    """Who confirmed having read a version, and which active people have not."""

    read: Sequence[Reading]
    not_read: Sequence[Member]

    @property
    def of(self) -> int:
        """Active people."""
        return len([each for each in self.read if each.member.is_active]) + len(self.not_read)

    @property
    def active_read(self) -> int:
        return len([each for each in self.read if each.member.is_active])


def readers_of(agreement: Agreement) -> Readers:
    """Two queries."""
    read = list(Reading.objects.filter(agreement=agreement).select_related("member").order_by("-at", "-id"))
    return readers_among(read, everybody())


def readers_among(read: Sequence[Reading], people: Sequence[Member]) -> Readers:
    """Who read a version and who has not, where all people and its readings are at hand."""
    known = {each.member_id for each in read}
    return Readers(read, [each for each in people if each.is_active and each.id not in known])


# --- The freeze ---


@dataclass(frozen=True, slots=True)
class FrozenDraft:
    """A draft that may not be published before both sides say so, and what they said of it as it is now."""

    kind: str
    title: str
    version: VersionedModel
    overrides: Sequence[FreezeOverride]

    def of(self, side: str) -> FreezeOverride | None:
        return next((each for each in self.overrides if each.side == side), None)

    @property
    def is_free(self) -> bool:
        return all(self.of(side) for side in Side)


def is_frozen(agreement: Agreement | None, now: datetime) -> bool:
    return bool(agreement and agreement.frozen_until and agreement.frozen_until > now)


def frozen_drafts(ground: Ground, overrides: Sequence[FreezeOverride]) -> list[FrozenDraft]:
    """Every open draft of a kind that the freeze keeps. overrides: all of the agreement in force."""
    return [
        FrozenDraft(
            kind.slug,
            ground.title(kind, version),
            version,
            [
                each
                for each in overrides
                if (each.version_id, each.revision) == (version.id, version.revision)
            ],
        )
        for kind, version in ground.drafts()
    ]


def overrides_of(agreement: Agreement) -> list[FreezeOverride]:
    """All that was ever said in the freeze of a version, the last first."""
    rows = FreezeOverride.objects.filter(agreement=agreement).select_related("member")
    return list(rows.order_by("-at", "-id"))


# --- All that the page shows ---


@dataclass(frozen=True, slots=True)
class Desk:
    """What the page of the agreement is made of.

    history: every version, the youngest first, without what they say. readings, overrides (the last first)
    and recalibrations (the last first) are of the one in force.
    """

    ground: Ground
    standing: Agreement | None
    waiting: Agreement | None
    history: list[Agreement]
    readings: list[Reading]
    overrides: list[FreezeOverride]
    recalibrations: list[Recalibration]

    @property
    def people(self) -> Sequence[Member]:
        return self.ground.people


def read_desk() -> Desk:
    """One query, whatever was signed."""
    live = (Agreement.State.IN_FORCE, Agreement.State.OPEN)
    of_standing = {"agreement__in": Agreement.objects.filter(state=Agreement.State.IN_FORCE).values("id")}
    ground, found = read_ground(
        models_of(Agreement.objects.filter(state__in=live)),
        models_of(Agreement.objects.defer("document").order_by("-number")),
        models_of(Signature.objects.order_by("at", "id")),
        models_of(Reading.objects.filter(**of_standing).order_by("-at", "-id")),
        models_of(FreezeOverride.objects.filter(**of_standing).order_by("-at", "-id")),
        models_of(Recalibration.objects.filter(**of_standing).order_by("-at", "-id")),
    )
    current, history, signatures, readings, overrides, recalibrations = found
    by_id = {member.id: member for member in ground.people}
    for row in (*signatures, *readings, *overrides, *recalibrations):
        row.member = by_id[row.member_id]
    for agreement in (*current, *history):
        _give(agreement, [each for each in signatures if each.agreement_id == agreement.id])
    by_state = {agreement.state: agreement for agreement in current}
    return Desk(
        ground,
        by_state.get(Agreement.State.IN_FORCE),
        by_state.get(Agreement.State.OPEN),
        history,
        readings,
        overrides,
        recalibrations,
    )


def _give(agreement: Agreement, signatures: list[Signature]) -> None:
    """Let a version know its signatures, as if they had been prefetched."""
    rows = agreement.signatures.all()
    rows._result_cache, rows._prefetch_done = signatures, True  # type: ignore[attr-defined]
    agreement._prefetched_objects_cache = {"signatures": rows}  # type: ignore[attr-defined]
