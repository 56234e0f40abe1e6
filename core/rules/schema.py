"""What a rule is checked against: the fields there are, their types, and what may be asked of each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from types import MappingProxyType
from typing import Final, Literal, get_args

FieldType = Literal["text", "number", "boolean", "date", "choice", "list"]

#: Which operators each type of field knows, in the order a form offers them.
OPERATORS: Final[Mapping[FieldType, tuple[str, ...]]] = MappingProxyType(
    {
        "text": ("equals", "one_of", "contains", "has_word", "starts_with", "matches", "exists"),
        "number": ("at_least", "at_most", "between", "equals", "one_of", "exists"),
        "boolean": ("equals", "exists"),
        "date": ("at_least", "at_most", "between", "within_days", "equals", "exists"),
        "choice": ("equals", "one_of", "exists"),
        "list": ("contains", "starts_with", "matches", "exists"),
    }
)


@dataclass(frozen=True)
class Vocabulary:
    """Texts that are written in many ways and mean one thing. Pure functions, quick enough for every fact.

    spell:   the one way in which a text is compared; of one that is not known, the text. Asked of what it
             gave, it gives the same.
    shown:   the text for people, with what it is taken for.
    doubt:   what to tell whoever writes it into a rule, which may be used all the same; "" where it is known.
    offered: what to choose from, in words.
    code:    of the doubts.
    """

    spell: Callable[[str], str]
    shown: Callable[[str], str]
    doubt: Callable[[str], str]
    offered: Callable[[], Sequence[str]]
    code: str


@dataclass(frozen=True)
class Field:
    """One thing a rule can ask about.

    name:    the key in `Facts.values`, for example "lead.title" or "account.employees".
    label:   how people call it; sentences begin with it.
    choices: for type "choice" (and, if wanted, "list"): values, or pairs of value and label.  Kept as pairs.
             None given means any value is allowed.
    vocabulary: for type "text": values that mean one thing are equal, however they are written. Questions
             about a part of the text are asked of it as written.
    """

    name: str
    type: FieldType
    label: str
    choices: Sequence[str | tuple[str, str]] = ()
    vocabulary: Vocabulary | None = None

    def __post_init__(self) -> None:
        if self.type not in get_args(FieldType):
            raise ValueError(f"Field {self.name!r} has the unknown type {self.type!r}.")
        if self.vocabulary is not None and self.type != "text":
            raise ValueError(f"Field {self.name!r} is no text, and has a vocabulary.")
        pairs = tuple((each, each) if isinstance(each, str) else (each[0], each[1]) for each in self.choices)
        object.__setattr__(self, "choices", pairs)

    @property
    def choice_labels(self) -> dict[str, str]:
        """The label of each allowed value; empty when any value is allowed."""
        return {each[0]: each[1] for each in self.choices}

    def shown(self, value: object) -> object:
        """A value for people: a text of the vocabulary with what it is taken for."""
        return self.vocabulary.shown(value) if self.vocabulary and isinstance(value, str) else value


@dataclass(frozen=True)
class Schema:
    """All fields by name, and the kinds of engagement with their labels (none given: any kind is allowed)."""

    fields: Iterable[Field]
    engagement_kinds: Mapping[str, str] | Iterable[str] = ()
    by_name: Mapping[str, Field] = field(init=False, repr=False, compare=False)
    kind_labels: Mapping[str, str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        fields = tuple(self.fields)
        by_name = {each.name: each for each in fields}
        if len(by_name) != len(fields):
            raise ValueError("Two fields of the schema have the same name.")
        kinds = self.engagement_kinds
        labels = dict(kinds) if isinstance(kinds, Mapping) else {kind: spoken(kind) for kind in kinds}
        object.__setattr__(self, "fields", fields)
        object.__setattr__(self, "engagement_kinds", tuple(labels))
        object.__setattr__(self, "by_name", MappingProxyType(by_name))
        object.__setattr__(self, "kind_labels", MappingProxyType(labels))


def spoken(name: str) -> str:
    """A slug as words: "page_view" is "Page view"."""
    text = name.replace("_", " ").strip()
    return text[:1].upper() + text[1:]


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name most like a mistyped one; None when nothing is close."""
    by_lower = {each.lower(): each for each in known}
    close = get_close_matches(name[:100].lower(), by_lower, n=1, cutoff=0.6)
    if close:
        return by_lower[close[0]]
    # "employees" for "account.employees": the prefix was forgotten, or another one written.
    last_parts = {each.lower().rpartition(".")[2]: each for each in by_lower.values()}
    close = get_close_matches(name[:100].lower().rpartition(".")[2], last_parts, n=1, cutoff=0.7)
    return last_parts[close[0]] if close else None
