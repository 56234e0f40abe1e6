"""Drafts of the qualification criteria, and putting the next version in force."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from core.errors import StaleVersion
from leads.criteria import check_draft
from leads.defaults import DEFAULT_CRITERIA
from leads.models import CriteriaVersion
from tenants import versions
from tenants.models import Member, Publication


@transaction.atomic
def publish_criteria(
    content: object,
    *,
    based_on: int,
    actor: str,
    now: datetime,
    effective_at: datetime | None = None,
    beside: int | None = None,
) -> CriteriaVersion:
    """Write the next version of the criteria and put it in force, at once or from `effective_at` on. Leads
    are judged by it from their next arrival on.

    based_on: number of the version that the author saw in force, 0 for none.
    beside:   as in `tenants.versions.publish`.
    Raises StaleVersion where another has come between, ValidationFailed with a path to each error of the
    content, ApprovalNeeded where a second admin must approve (`propose_criteria`).
    """
    draft = _write(content, based_on=based_on, actor=actor, now=now)
    return versions.publish(draft, actor=actor, now=now, effective_at=effective_at, beside=beside)


@transaction.atomic
def propose_criteria(
    content: object,
    *,
    based_on: int,
    actor: str,
    asker: Member | None,
    now: datetime,
    effective_at: datetime | None = None,
    beside: int | None = None,
) -> Publication:
    """Write the next version of the criteria and ask a second admin to put it in force. Raises as
    `publish_criteria`, and Conflict where nobody could approve it.

    asker: the person behind the actor. A request for an earlier wording is withdrawn with that.
    """
    draft = _write(content, based_on=based_on, actor=actor, now=now)
    return versions.ask(
        draft,
        actor=actor,
        asker=asker,
        now=now,
        expected_revision=draft.revision,
        effective_at=effective_at,
        beside=beside,
    )


@transaction.atomic
def begin_draft(*, actor: str, now: datetime) -> CriteriaVersion:
    """Begin the next version of the criteria: a copy of the one in force, else what a new organisation gets.
    Raises Conflict where a draft is open already.
    """
    content = None if versions.version_in_force(CriteriaVersion, now) else DEFAULT_CRITERIA
    return versions.start_draft(CriteriaVersion, actor=actor, now=now, content=content)


@transaction.atomic
def write_criteria_draft(
    content: object, *, based_on: int, revision: int | None, actor: str, now: datetime
) -> CriteriaVersion:
    """Write the next version of the criteria as a draft: into the one that is open, where there is one.

    based_on, revision: number of the version that the author saw in force, 0 for none; revision of the draft
                        that they saw, None where none was open. Raises as `publish_criteria`, StaleVersion
                        too where the draft was saved or begun since, Conflict where it is gone.
    """
    _check_basis(content, based_on, now)
    assert isinstance(content, dict)
    return versions.write_draft(CriteriaVersion, content=content, revision=revision, actor=actor, now=now)


def _write(content: object, *, based_on: int, actor: str, now: datetime) -> CriteriaVersion:
    """The content as the draft of the next version: over the one that is open, where there is one."""
    _check_basis(content, based_on, now)
    assert isinstance(content, dict)
    draft = versions.open_draft(CriteriaVersion)
    if draft is None:
        return versions.create_draft(CriteriaVersion, content=content, actor=actor, now=now)
    return versions.save_draft(draft, content=content, expected_revision=draft.revision, actor=actor, now=now)


def _check_basis(content: object, based_on: int, now: datetime) -> None:
    """Raise where the content could not be published, or another version than the author saw is in force."""
    check_draft(content)
    list(CriteriaVersion.objects.select_for_update().order_by("id").only("id"))  # one author at a time
    current = versions.version_in_force(CriteriaVersion, now)
    if (current.number if current else 0) != based_on:
        raise StaleVersion("Somebody published another version meanwhile. Look at it, then send yours again.")
