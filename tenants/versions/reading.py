"""Which version is in force, drafted, scheduled. What is in force is a question with an instant in it.

Each asks of one line: of the main one, unless another is named.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from django.db.models import QuerySet

from core.errors import DomainError
from tenants.config import configured
from tenants.models import VersionedModel, VersionState
from tenants.versions.kinds import kind_of

V = TypeVar("V", bound=VersionedModel)
_STANDING = (VersionState.PUBLISHED, VersionState.SCHEDULED)


def of_line(model: type[V], line: UUID | None) -> QuerySet[V]:
    """The versions of one line."""
    rows: QuerySet[V] = model.objects.all()
    return rows.filter(**{model.LINE: line}) if model.LINE else rows


@configured
def _standing(model: type[V], line: UUID | None) -> tuple[V | None, V | None]:
    """(the one published last, the one that waits for its time)."""
    found = {row.state: row for row in of_line(model, line).filter(state__in=_STANDING).order_by("number")}
    return found.get(VersionState.PUBLISHED), found.get(VersionState.SCHEDULED)


def published_version(model: type[V], line: UUID | None = None) -> V | None:
    """The version in force of a kind that is never published for a later day; None before the first."""
    return _standing(model, line)[0]


def version_in_force(model: type[V], at: datetime, line: UUID | None = None) -> V | None:
    """The version in force at an instant, which is not before the present; None before the first.

    A scheduled version is in force from its instant on, not from when the engine came round to write so:
    whoever arms a clock in between gets it. One that would not pass its check is not.
    """
    return _in_force(*_standing(model, line), at)


def in_force_among(rows: Iterable[V], at: datetime, line: UUID | None = None) -> V | None:
    """As `version_in_force`, where the versions published and scheduled are at hand, the youngest last."""
    found = {row.state: row for row in rows if row.line == line}
    return _in_force(found.get(VersionState.PUBLISHED), found.get(VersionState.SCHEDULED), at)


def _in_force(published: V | None, scheduled: V | None, at: datetime) -> V | None:
    if scheduled is None or scheduled.effective_at is None or scheduled.effective_at > at:
        return published
    return scheduled if _passes(type(scheduled), scheduled.id) else published


@configured
def _passes(model: type[VersionedModel], version_id: UUID) -> bool:
    """Whether a version may be put in force as things are now. What its check reads is configuration."""
    try:
        kind_of(model).validate(model.objects.get(id=version_id).content)
    except DomainError:
        return False
    return True


def open_draft(model: type[V], line: UUID | None = None) -> V | None:
    """The draft that people are working on, or None."""
    found: V | None = of_line(model, line).filter(state=VersionState.DRAFT).order_by("-number").first()
    return found


def version_to_come(model: type[V], line: UUID | None = None) -> V | None:
    """The version that waits for its time, or that was held when it came; None where there is none."""
    waits = (VersionState.SCHEDULED, VersionState.HELD)
    found: V | None = of_line(model, line).filter(state__in=waits).first()
    return found
