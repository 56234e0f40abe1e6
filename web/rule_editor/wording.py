"""The words of the editor for what core.rules can ask, as they stand between a field and its value."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

#: Choices of the editor that are an operator together with its value.
YES_NO: Final[Mapping[str, tuple[str, bool]]] = MappingProxyType(
    {
        "equals:yes": ("equals", True),
        "equals:no": ("equals", False),
        "exists": ("exists", True),
        "exists:no": ("exists", False),
    }
)

_TEXT = (
    ("equals", "is"),
    ("one_of", "is one of"),
    ("contains", "contains"),
    ("has_word", "has the word"),
    ("starts_with", "starts with"),
    ("matches", "matches the pattern"),
)
_KNOWN = (("exists", "is known"), ("exists:no", "is not known"))

#: What may be chosen for each type of field, with its words, in the order of the list.
COMPARISONS: Final[Mapping[str, tuple[tuple[str, str], ...]]] = MappingProxyType(
    {
        "text": (*_TEXT, *_KNOWN),
        "number": (
            ("at_least", "is at least"),
            ("at_most", "is at most"),
            ("between", "is between"),
            ("equals", "is"),
            ("one_of", "is one of"),
            *_KNOWN,
        ),
        "boolean": (("equals:yes", "is yes"), ("equals:no", "is no"), *_KNOWN),
        "date": (
            ("within_days", "is within the last days"),
            ("at_least", "is on or after"),
            ("at_most", "is on or before"),
            ("between", "is from, to"),
            ("equals", "is"),
            *_KNOWN,
        ),
        "choice": (("equals", "is"), ("one_of", "is one of"), *_KNOWN),
        "list": (
            ("contains", "includes"),
            ("starts_with", "has an entry starting with"),
            ("matches", "has an entry that matches the pattern"),
            *_KNOWN,
        ),
    }
)

MEASURES: Final = (
    ("count", "times"),
    ("distinct", "different subjects"),
    ("recency", "days ago, the latest"),
)
BOUNDS: Final = (("at_least", "at least"), ("at_most", "at most"), ("between", "between"))
SUBJECT_MATCHES: Final = (("equals", "of"), ("starts_with", "starting with"), ("contains", "containing"))
UNITS: Final = (("days", "days"), ("hours", "hours"))

GROUP_WORDS: Final[Mapping[str, str]] = MappingProxyType(
    {"all": "All of these", "any": "At least one of these"}
)
