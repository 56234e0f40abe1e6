"""Drafts, publication and roll-back of versioned configuration: written once, used by criteria, routing and
policies.

There is one open draft of a kind. It is saved as often as people like, each save with the revision that it
started from; a published version never changes again. Going back to an older one publishes a copy of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple, TypeVar

from django.db import IntegrityError, transaction
from django.db.models import ProtectedError

from core.errors import Conflict, StaleVersion, pointer
from tenants.audit import names_of_actors, record_change
from tenants.config import configured
from tenants.models import AuditEntry, VersionedModel, VersionState

V = TypeVar("V", bound=VersionedModel)
#: Raises ValidationFailed for a content that must not be put in force.
Validate = Callable[[Any], object]

#: What tells the parts of a list apart, where they have it: a tier moved up is still the same tier.
_KEYS: Final = ("slug", "target", "at", "name")
_TAKEN: Final = "Somebody else wrote a version at the same moment. Look at it, then try again."


class Change(NamedTuple):
    """One place of a content that is different: its JSON pointer, with a part of a list by its key."""

    path: str
    before: Any
    after: Any


def diff(before: Any, after: Any) -> list[Change]:
    """What is different between two contents, place by place; None stands for what is not there. Pure."""
    return _diff("", before, after)


def _diff(path: str, before: Any, after: Any) -> list[Change]:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        names = [*before, *(name for name in after if name not in before)]
        return [
            change
            for name in names
            for change in _diff(path + pointer(str(name)), before.get(name), after.get(name))
        ]
    key = _key_of(before, after)
    if key:
        old, new = ({str(part[key]): part for part in parts} for parts in (before, after))
        changed = _diff(path, old, new)
        kept = [[name for name in parts if name in old and name in new] for parts in (old, new)]
        return [*changed, Change(path, *kept)] if kept[0] != kept[1] else changed
    return [] if before == after and type(before) is type(after) else [Change(path, before, after)]


def _key_of(*lists: Any) -> str | None:
    """The member by which the parts of both lists are told apart; None where there is none."""
    for key in _KEYS:
        if all(_told_apart(parts, key) for parts in lists):
            return key
    return None


def _told_apart(parts: Any, key: str) -> bool:
    if not isinstance(parts, Sequence) or isinstance(parts, str):
        return False
    values = [str(part[key]) for part in parts if isinstance(part, Mapping) and key in part]
    return len(values) == len(parts) == len(set(values))


# --- Reading ---


@configured
def published_version(model: type[V]) -> V | None:
    """The version in force, or None before the first publication."""
    found: V | None = model.objects.filter(state=VersionState.PUBLISHED).order_by("-number").first()
    return found


def open_draft(model: type[V]) -> V | None:
    """The draft that people are working on, or None."""
    found: V | None = model.objects.filter(state=VersionState.DRAFT).order_by("-number").first()
    return found


# --- Drafts ---


@transaction.atomic
def create_draft(
    model: type[V], *, content: dict[str, Any], actor: str, now: datetime, copy_of: int | None = None
) -> V:
    """Write the next number as a draft. Content is the caller's to validate. Raises Conflict where another
    takes the number at the same moment.
    """
    last = model.objects.order_by("-number").first()
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
            )
    except IntegrityError as error:
        raise Conflict(_TAKEN) from error
    return draft


@transaction.atomic
def start_draft(model: type[V], *, actor: str, now: datetime, content: dict[str, Any] | None = None) -> V:
    """Begin the next version: as a copy of the one in force, or with the content given.

    Raises Conflict where a draft is open already, and where there is nothing to begin from.
    """
    if found := open_draft(model):
        raise Conflict(f"Version {found.number} is being drafted already.", number=found.number)
    current = published_version(model)
    if content is None:
        if current is None:
            raise Conflict("No version is in force that a draft could begin from.")
        content = current.content
    draft = create_draft(
        model, content=content, actor=actor, now=now, copy_of=current.number if current else None
    )
    _record(draft, "drafted", actor=actor, after={"number": draft.number, "copy_of": draft.copy_of}, now=now)
    return draft


@transaction.atomic
def save_draft(
    version: V, *, content: dict[str, Any], expected_revision: int, actor: str, now: datetime
) -> V:
    """Write the draft's content; what is the same is not written again.

    expected_revision: the one that the author started from. Raises StaleVersion, with who saved meanwhile,
                       when and what, where it is another; Conflict where the version is no draft any more.
    """
    locked = _locked_draft(version, expected_revision)
    changes = diff(locked.content, content)
    if not changes:
        return locked
    before = locked.revision
    locked.content, locked.revision = content, before + 1
    locked.saved_at, locked.saved_by = now, actor
    locked.save(update_fields=["content", "revision", "saved_at", "saved_by"])
    _record(
        locked,
        "saved",
        actor=actor,
        before={"revision": before, "values": {change.path: change.before for change in changes}},
        after={"revision": locked.revision, "values": {change.path: change.after for change in changes}},
        now=now,
    )
    return locked


@transaction.atomic
def discard_draft(
    version: VersionedModel, *, actor: str, now: datetime, expected_revision: int | None = None
) -> None:
    """Throw the draft away. Raises as `save_draft`, and Conflict where something stands on it already."""
    locked = _locked_draft(version, expected_revision)
    _record(locked, "discarded", actor=actor, before={"number": locked.number}, now=now)
    try:
        locked.delete()
    except ProtectedError as error:
        raise Conflict(f"Version {locked.number} is in use: it cannot be discarded.") from error


def _locked_draft(version: V, expected_revision: int | None) -> V:
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


# --- Putting in force ---


@transaction.atomic
def publish(
    version: V,
    *,
    actor: str,
    now: datetime,
    expected_revision: int | None = None,
    against: int | None = None,
    validate: Validate | None = None,
) -> V:
    """Put a draft in force and retire the one before it; it never changes again.

    against: number of the version in force that the author compared it with, 0 for none. Raises StaleVersion
    where draft or version in force is another one by now, Conflict where it is no draft any more, and what
    `validate` raises.
    """
    model = type(version)
    # One publication at a time: they all want the version in force.
    list(model.objects.select_for_update().filter(state=VersionState.PUBLISHED).order_by("id").only("id"))
    locked = _locked_draft(version, expected_revision)
    before = published_version(model)
    if against is not None and against != (before.number if before else 0):
        raise StaleVersion(
            f"Version {before.number if before else 0} was published meanwhile. Check again, then publish.",
            number=before.number if before else 0,
        )
    if validate is not None:
        validate(locked.content)
    model.objects.filter(state=VersionState.PUBLISHED).update(state=VersionState.RETIRED)
    newest = model.objects.exclude(id=locked.id).order_by("-number").values_list("number", flat=True).first()
    if newest is not None and newest > locked.number:
        locked.number = newest + 1  # numbers rise in the order of publication
    locked.state = VersionState.PUBLISHED
    locked.published_at = now
    locked.published_by = actor
    locked.save(update_fields=["number", "state", "published_at", "published_by"])
    _record(
        locked,
        "published",
        actor=actor,
        before={"number": before.number} if before else None,
        after={"number": locked.number, "copy_of": locked.copy_of},
        now=now,
    )
    return locked


@transaction.atomic
def roll_back(
    to: V, *, actor: str, now: datetime, against: int | None = None, validate: Validate | None = None
) -> V:
    """Put a copy of an older version in force, under a new number. An open draft stays as it is.

    Raises Conflict for a draft and for the version in force, and as `publish`.
    """
    if to.state != VersionState.RETIRED:
        what = "is in force" if to.state == VersionState.PUBLISHED else "was never in force"
        raise Conflict(f"Version {to.number} {what}: only one that was in force before can be used again.")
    copy = create_draft(type(to), content=to.content, actor=actor, now=now, copy_of=to.number)
    return publish(copy, actor=actor, now=now, against=against, validate=validate)


def _record(
    version: VersionedModel,
    action: str,
    *,
    actor: str,
    before: Any = None,
    after: Any = None,
    now: datetime,
) -> None:
    record_change(
        actor=actor,
        action=action,
        object_type=version._meta.model_name or "",
        object_id=version.id,
        before=before,
        after=after,
        now=now,
    )
