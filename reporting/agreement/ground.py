"""The rows that an agreement is made from, read together: one query, whatever is configured."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, TypeVar
from uuid import UUID

from feedback.models import FeedbackSettings, Reason
from leads.models import CriteriaVersion, LeadSettings, SqlBarVersion
from reporting.agreement.models import Agreement, AgreementSettings, Recalibration
from reporting.commitments.models import CommitmentTarget
from sla.models import BusinessUnit, PolicyVersion
from tenants import versions
from tenants.models import Calendar, CalendarVersion, Member, Tenant, VersionedModel, VersionState
from tenants.together import Ask, answers, models_of

V = TypeVar("V", bound=VersionedModel)
#: Kinds of which the terms say more than that another version comes into force.
READ: Final = (CriteriaVersion, SqlBarVersion, PolicyVersion)
_STATES: Final = (VersionState.DRAFT, VersionState.PUBLISHED, VersionState.SCHEDULED)


@dataclass(frozen=True, slots=True)
class Ground:
    """What is configured. rows: of every kind, the drafts, the published and the scheduled, by kind and
    the youngest last; those of kinds that the terms do not tell are without their content. standing: the
    agreement in force, without what it says."""

    setting: AgreementSettings
    rows: dict[str, list[VersionedModel]]
    units: Sequence[BusinessUnit]
    lead_settings: LeadSettings
    calendars: Sequence[Calendar]
    calendar_versions: Sequence[CalendarVersion]
    reasons: Sequence[Reason]
    feedback_settings: FeedbackSettings
    targets: Sequence[CommitmentTarget]
    people: Sequence[Member]
    standing: Agreement | None
    recalibrated_at: datetime | None

    def in_force(self, model: type[V], at: datetime, line: UUID | None = None) -> V | None:
        """The version in force at an instant, which may lie ahead: then those that are scheduled for it."""
        return versions.in_force_among(self._of(model), at, line)

    def once_in_force(self, kind: versions.Kind, version: VersionedModel) -> Ground:
        """The same once a scheduled version is in force."""
        arrived = copy(version)
        arrived.state = VersionState.PUBLISHED
        rest = [
            each
            for each in self.rows[kind.slug]
            if each.line != version.line or (each.state != VersionState.PUBLISHED and each.id != version.id)
        ]
        return replace(self, rows={**self.rows, kind.slug: [*rest, arrived]})

    def drafts(self) -> list[tuple[versions.Kind, VersionedModel]]:
        """Every open draft, by kind and number."""
        return self._in_state(VersionState.DRAFT)

    def scheduled(self, after: datetime) -> list[tuple[versions.Kind, VersionedModel]]:
        """What is to come into force after an instant, the first first; of units in use and of everybody
        else."""
        active = {unit.id for unit in self.units if unit.is_active} | {None}
        found = [
            (kind, each)
            for kind, each in self._in_state(VersionState.SCHEDULED)
            if each.effective_at is not None and each.effective_at > after and each.line in active
        ]
        return sorted(found, key=lambda pair: (pair[1].effective_at, pair[0].slug, str(pair[1].line or "")))

    def title(self, kind: versions.Kind, version: VersionedModel) -> str:
        """As `versions.title_of`, without asking for the unit."""
        name = next((unit.name for unit in self.units if unit.id == version.line), "")
        return f"{kind.title} for {name}" if version.line else kind.title

    def _of(self, model: type[V]) -> list[Any]:
        return self.rows[versions.kind_of(model).slug]

    def _in_state(self, state: str) -> list[tuple[versions.Kind, VersionedModel]]:
        return [
            (kind, each) for kind in versions.kinds() for each in self.rows[kind.slug] if each.state == state
        ]


def house_version(ground: Ground, tenant: Tenant) -> UUID | None:
    """The version of the organisation's hours in force; None: the wall clock."""
    return next((each.current_version_id for each in ground.calendars if each.id == tenant.calendar_id), None)


def read_ground(*more: Ask[Any]) -> tuple[Ground, list[Any]]:
    """What the terms are made from, and the answers of further questions of the same page; one query."""
    kinds = versions.kinds()
    in_use = Calendar.objects.filter(current_version_id__isnull=False)
    standing = Agreement.objects.filter(state=Agreement.State.IN_FORCE)
    looked = Recalibration.objects.filter(agreement__in=standing.values("id")).order_by("-at")[:1]
    asks: list[Ask[Any]] = [
        models_of(AgreementSettings.objects.all()),
        models_of(BusinessUnit.objects.order_by("position", "id")),
        models_of(LeadSettings.objects.order_by("pk")[:1]),
        models_of(in_use.order_by("name", "id")),
        models_of(CalendarVersion.objects.filter(id__in=in_use.values("current_version_id"))),
        models_of(Reason.objects.filter(is_active=True).order_by("kind", "position", "label")),
        models_of(FeedbackSettings.objects.order_by("pk")[:1]),
        models_of(CommitmentTarget.objects.order_by("pk")),
        models_of(Member.objects.order_by("name", "id")),
        models_of(standing.defer("document")),
        models_of(looked.defer("proposals")),
        *(models_of(_versions_of(kind.model)) for kind in kinds),
    ]
    found = answers(*asks, *more)
    setting, units, lead_settings, calendars, hours, reasons, feedback, targets, people, signed, last = found[
        :11
    ]
    rows = dict(zip((kind.slug for kind in kinds), found[11:], strict=False))
    ground = Ground(
        setting=next(iter(setting), None) or AgreementSettings(),
        rows=rows,
        units=units,
        lead_settings=next(iter(lead_settings), None) or LeadSettings(),
        calendars=calendars,
        calendar_versions=hours,
        reasons=reasons,
        feedback_settings=next(iter(feedback), None) or FeedbackSettings(),
        targets=targets,
        people=people,
        standing=next(iter(signed), None),
        recalibrated_at=next((each.at for each in last), None),
    )
    return ground, found[11 + len(kinds) :]


def _versions_of(model: type[VersionedModel]) -> Any:
    found = model.objects.filter(state__in=_STATES).order_by("number")
    return found if model in READ else found.defer("content")
