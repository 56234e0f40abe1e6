"""What is different between two contents of a kind, place by place. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from core.errors import pointer

#: What tells the parts of a list apart, where they have it: a tier moved up is still the same tier.
_KEYS: Final = ("slug", "target", "at", "name")


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
