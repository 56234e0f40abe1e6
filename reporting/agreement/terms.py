"""What an agreement says, and what is different between two. Pure.

Each section has words, for people, and a promise: the configured values that the words are made from. Only
promises are compared, so neither a better wording nor a public holiday asks anybody to sign again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Group:
    """Some words of a section: lines, and a table where there is a head. Each row is as long as the head.

    binding: says what is promised. What does not (hours, dates) is never shown as a change.
    """

    heading: str = ""
    lines: tuple[str, ...] = ()
    head: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    binding: bool = True


@dataclass(frozen=True, slots=True)
class Section:
    """promise: JSON of what is configured; None where nothing of it is (definitions)."""

    slug: str
    title: str
    groups: tuple[Group, ...]
    promise: Any = None


#: The section that tells what is scheduled; a group and a member of its promise for each of `Terms.later`.
LATER: Final = "later"


@dataclass(frozen=True, slots=True)
class Later:
    """What a scheduled version makes another one of at its time: the sections as they are from then on."""

    at: datetime
    sections: tuple[Section, ...]


@dataclass(frozen=True, slots=True)
class Terms:
    """All that both sides sign. lacking: what must be in force before it can be signed, as in a sentence.
    later: what comes into force by itself, the first first."""

    sections: tuple[Section, ...]
    lacking: tuple[str, ...] = ()
    later: tuple[Later, ...] = ()

    @property
    def digest(self) -> str:
        """Of the promises, 64 hexadecimal digits: the same whatever the order of members, or the words."""
        promises = {section.slug: section.promise for section in self.sections}
        text = json.dumps(promises, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return sha256(text.encode()).hexdigest()

    def at(self, now: datetime) -> Terms:
        """What they promise at an instant: with what was scheduled for a moment before it, as was agreed."""
        due = len([each for each in self.later if each.at <= now])
        if not due:
            return self
        come = {section.slug: section for each in self.later[:due] for section in each.sections}
        sections = (come.get(section.slug, section) for section in self.sections)
        left = (_left_of(section, due) if section.slug == LATER else section for section in sections)
        kept = tuple(section for section in left if section.groups)
        return Terms(kept, self.lacking, self.later[due:])

    def section(self, slug: str) -> Section | None:
        return next((each for each in self.sections if each.slug == slug), None)


def _left_of(section: Section, due: int) -> Section:
    """The section of what is scheduled without the first ones."""
    return replace(section, groups=section.groups[due:], promise=list(section.promise)[due:])


@dataclass(frozen=True, slots=True)
class Change:
    """A section whose promise is another one: the lines that are no more, and those that are new."""

    slug: str
    title: str
    gone: tuple[str, ...]
    come: tuple[str, ...]


_NO_WORDS: Final = ("The same in other words: the order, or the way it is written.",)


def changes(before: Terms, after: Terms) -> list[Change]:
    """What another one promises, section by section in the order of the later one; empty where both promise
    the same."""
    slugs = dict.fromkeys(section.slug for section in (*after.sections, *before.sections))
    found = []
    for slug in slugs:
        old, new = before.section(slug), after.section(slug)
        if _same(old.promise if old else None, new.promise if new else None):
            continue
        was, now = tuple(_lines(old)), tuple(_lines(new))
        gone = tuple(line for line in was if line not in now)
        come = tuple(line for line in now if line not in was)
        title = (new or old).title  # type: ignore[union-attr]
        found.append(Change(slug, title, gone, come if gone or come else _NO_WORDS))
    return found


def _same(old: Any, new: Any) -> bool:
    """As JSON compares: 1 is not true."""
    return json.dumps(old, sort_keys=True) == json.dumps(new, sort_keys=True)


def _lines(section: Section | None) -> Iterator[str]:
    """Each binding line of a section and each cell of its tables, as it can stand alone."""
    for group in section.groups if section else ():
        if not group.binding:
            continue
        lead = f"{group.heading}: " if group.heading else ""
        for line in group.lines:
            yield f"{lead}{line}"
        for row in group.rows:
            for head, cell in zip(group.head[1:], row[1:], strict=True):
                if cell:
                    yield f"{lead}{row[0]}, {head[:1].lower()}{head[1:]}: {cell}"


# --- As JSON ---


def as_document(terms: Terms) -> dict[str, Any]:
    """The terms as JSON, to be kept with a signature; `from_document` reads it back."""
    document: dict[str, Any] = {"sections": [_section_document(section) for section in terms.sections]}
    if terms.later:
        document["later"] = [
            {"at": each.at.isoformat(), "sections": [_section_document(one) for one in each.sections]}
            for each in terms.later
        ]
    return document


def _section_document(section: Section) -> dict[str, Any]:
    return {
        "slug": section.slug,
        "title": section.title,
        "groups": [
            {
                "heading": group.heading,
                "lines": list(group.lines),
                "head": list(group.head),
                "rows": [list(row) for row in group.rows],
                "binding": group.binding,
            }
            for group in section.groups
        ],
        "promise": section.promise,
    }


def from_document(document: Mapping[str, Any]) -> Terms:
    """Raises KeyError, TypeError and ValueError for what `as_document` did not make."""
    return Terms(
        tuple(_section(section) for section in document["sections"]),
        later=tuple(
            Later(
                datetime.fromisoformat(each["at"]), tuple(_section(section) for section in each["sections"])
            )
            for each in document.get("later", ())
        ),
    )


def _section(section: Mapping[str, Any]) -> Section:
    return Section(
        slug=section["slug"],
        title=section["title"],
        groups=tuple(_group(group) for group in section["groups"]),
        promise=section["promise"],
    )


def _group(group: Mapping[str, Any]) -> Group:
    return Group(
        heading=group["heading"],
        lines=_texts(group["lines"]),
        head=_texts(group["head"]),
        rows=tuple(_texts(row) for row in group["rows"]),
        binding=group["binding"],
    )


def _texts(written: Sequence[str]) -> tuple[str, ...]:
    return tuple(str(each) for each in written)
