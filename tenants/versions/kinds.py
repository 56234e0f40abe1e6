"""The kinds of versioned configuration. The apps that own them say so when they start; this layer is below
them and never asks for one by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core.errors import NotFound
from tenants.models import VersionedModel

#: Raises ValidationFailed for a content that must not be put in force.
Validate = Callable[[Any], object]
#: (version, what was chosen beside it, who asked, when it came into force): what is to follow at once.
Arrived = Callable[[VersionedModel, Mapping[str, Any], str, datetime], None]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of configuration.

    title:   as in a sentence, "SLA policy".
    page:    name of the view that shows what is in force.
    check:   name of the view that shows what putting the draft in force would do.
    dated:   whether a version may be published for a later day: everything that asks for what is in force
             must ask by the instant then (`version_in_force`).
    arrived: called when a version came into force, in the same transaction.
    hold:    called before a version is locked and checked to come into force: keeps what it names until the
             transaction ends.
    """

    slug: str
    title: str
    model: type[VersionedModel]
    page: str
    check: str
    validate: Validate
    dated: bool = False
    arrived: Arrived | None = None
    hold: Callable[[], None] | None = None


_kinds: dict[str, Kind] = {}


def register(kind: Kind) -> None:
    """Make a kind known. Called once, when its app is ready."""
    _kinds[kind.slug] = kind


def kinds() -> list[Kind]:
    """All kinds, by slug."""
    return [_kinds[slug] for slug in sorted(_kinds)]


def get_kind(slug: str) -> Kind:
    """A kind by its slug. Raises NotFound."""
    found = _kinds.get(slug)
    if found is None:
        raise NotFound("There is no such kind of version.")
    return found


def title_of(version: VersionedModel) -> str:
    """What a version is a version of, as in a sentence: "SLA policy", or "SLA policy for Cloud" of a line."""
    title = kind_of(type(version)).title
    return f"{title} for {version.line_name}" if version.line else title


def kind_of(model: type[VersionedModel]) -> Kind:
    """The kind that a model's rows are versions of."""
    return next(kind for kind in _kinds.values() if kind.model is model)
