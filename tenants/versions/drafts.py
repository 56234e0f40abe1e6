"""The one open draft of a line: begun, saved, thrown away."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, TypeVar
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import ProtectedError

from core.errors import Conflict, StaleVersion
from tenants.audit import names_of_actors
from tenants.models import AuditEntry, VersionedModel, VersionState
from tenants.versions.changes import Change, diff
from tenants.versions.orders import DISCARDED, SAVED, withdraw_asked
from tenants.versions.reading import of_line, open_draft, version_in_force
from tenants.versions.records import record

V = TypeVar("V", bound=VersionedModel)
_TAKEN: Final = "Somebody else wrote a version at the same moment. Look at it, then try again."


@transaction.atomic
def create_draft(
    model: type[V],
    *,
    content: dict[str, Any],
    actor: str,
    now: datetime,
    copy_of: int | None = None,
    line: UUID | None = None,
) -> V:
    """Write the next number as a draft. Content is the caller's to validate. Raises Conflict where another
    takes the number at the same moment.
    """
    last = of_line(model, line).order_by("-number").first()
    place = {model.LINE: line} if model.LINE else {}
    try:
        with transaction.atomic():
            draft: V = model.objects.create(
                number=last.number + 1 if last else 1,
                content=content,
                copy_of=copy_of,
                created_at=now,
                created_by=actor,
                saved_at=now,
                saved_by=actor,
                **place,
            )
    except IntegrityError as error:
        raise Conflict(_TAKEN) from error
    return draft


@transaction.atomic
def start_draft(
    model: type[V],
    *,
    actor: str,
    now: datetime,
    content: dict[str, Any] | None = None,
    copy_of: int | None = None,
    line: UUID | None = None,
) -> V:
    """Begin the next version of a line: as a copy of the one in force, or with the content given.

    copy_of: number of the version that the content is of, where it is not the one in force.

    Raises Conflict where a draft is open already, and where there is nothing to begin from.
    """
    _lock_standing(model, line)
    if found := open_draft(model, line):
        raise Conflict(f"Version {found.number} is being drafted already.", number=found.number)
    current = version_in_force(model, now, line)
    if content is None:
        if current is None:
            raise Conflict("No version is in force that a draft could begin from.")
        content = current.content
    if copy_of is None and current is not None:
        copy_of = current.number
    draft = create_draft(model, content=content, actor=actor, now=now, copy_of=copy_of, line=line)
    record(draft, "drafted", actor=actor, after={"number": draft.number, "copy_of": draft.copy_of}, now=now)
    return draft


def _lock_standing(model: type[VersionedModel], line: UUID | None) -> None:
    """Wait for whoever calls the version to come off, since that may make it the draft; nobody does so until
    this transaction ends. The order of the locks is that of a publication.
    """
    standing = of_line(model, line).select_for_update(of=("self",)).order_by("id").only("id")
    for states in ((VersionState.PUBLISHED,), (VersionState.SCHEDULED, VersionState.HELD)):
        list(standing.filter(state__in=states))


@transaction.atomic
def save_draft(
    version: V, *, content: dict[str, Any], expected_revision: int, actor: str, now: datetime
) -> V:
    """Write the draft's content; what is the same is not written again.

    A request for approval that waits is withdrawn: what was asked for is not what the draft says any more.

    expected_revision: the one that the author started from. Raises StaleVersion, with who saved meanwhile,
                       when and what, where it is another; Conflict where the version is no draft any more.
    """
    locked = locked_draft(version, expected_revision)
    changes = diff(locked.content, content)
    if not changes:
        return locked
    before = locked.revision
    locked.content, locked.revision = content, before + 1
    locked.saved_at, locked.saved_by = now, actor
    locked.save(update_fields=["content", "revision", "saved_at", "saved_by"])
    record(
        locked,
        "saved",
        actor=actor,
        before={"revision": before, "values": {change.path: change.before for change in changes}},
        after={"revision": locked.revision, "values": {change.path: change.after for change in changes}},
        now=now,
    )
    withdraw_asked(locked, why=SAVED, actor=actor, now=now)
    return locked


@transaction.atomic
def write_draft(
    model: type[V],
    *,
    content: dict[str, Any],
    revision: int | None,
    actor: str,
    now: datetime,
    line: UUID | None = None,
) -> V:
    """Begin a draft with this content, or write it into the open one.

    revision: of the open draft that the author saw; None where they saw none. Raises StaleVersion where the
              draft was saved or begun since, Conflict where it is gone.
    """
    found = open_draft(model, line)
    if found is not None:
        return save_draft(found, content=content, expected_revision=revision or 0, actor=actor, now=now)
    if revision is not None:
        raise Conflict("There is no draft any more: it was published or discarded meanwhile.")
    return start_draft(model, actor=actor, now=now, content=content, line=line)


@transaction.atomic
def discard_draft(
    version: VersionedModel, *, actor: str, now: datetime, expected_revision: int | None = None
) -> None:
    """Throw the draft away. Raises as `save_draft`, and Conflict where something stands on it already."""
    locked = locked_draft(version, expected_revision)
    record(locked, "discarded", actor=actor, before={"number": locked.number}, now=now)
    withdraw_asked(locked, why=DISCARDED, actor=actor, now=now)
    try:
        locked.delete()
    except ProtectedError as error:
        raise Conflict(f"Version {locked.number} is in use: it cannot be discarded.") from error


def locked_draft(version: V, expected_revision: int | None) -> V:
    """The draft as it is once nobody else holds it. Raises StaleVersion and Conflict as `save_draft`."""
    model = type(version)
    locked: V | None = model.objects.select_for_update().filter(id=version.id).first()
    if locked is None:
        raise Conflict(f"The draft of version {version.number} was discarded meanwhile.")
    if locked.state != VersionState.DRAFT:
        raise Conflict(f"Version {locked.number} is already {locked.state}.")
    if expected_revision is not None and locked.revision != expected_revision:
        raise _stale(locked, expected_revision)
    return locked


def _stale(draft: VersionedModel, since: int) -> StaleVersion:
    by = draft.saved_by or draft.created_by
    name = names_of_actors([by])[by]
    return StaleVersion(
        f"{name[:1].upper()}{name[1:]} saved this draft while you were editing. "
        "See what changed, then save yours.",
        revision=draft.revision,
        saved_at=(draft.saved_at or draft.created_at).isoformat(),
        saved_by=by,
        changes=[change._asdict() for change in _saved_since(draft, since)],
    )


def _saved_since(draft: VersionedModel, revision: int) -> list[Change]:
    """What the saves after a revision changed, as one change a place; the record of changes remembers it."""
    found: dict[str, Change] = {}
    saves = AuditEntry.objects.filter(
        object_type=draft._meta.model_name, object_id=draft.id, action="saved", after__revision__gt=revision
    )
    for save in saves.order_by("after__revision"):
        for path, before in save.before["values"].items():
            first = found[path].before if path in found else before
            found[path] = Change(path, first, save.after["values"][path])
    return [change for change in found.values() if change.before != change.after]
