"""Checked conditions as sentences that a person reads: "Employees between 50 and 2000"."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from core.rules import tree as t
from core.rules.schema import Schema, spoken
from core.rules.text import fold

_MOST_LISTED = 10

_TEXT_PHRASES: Final[Mapping[str, str]] = MappingProxyType(
    {"contains": "contains", "has_word": "has the word", "starts_with": "starts with"}
)
_LIST_PHRASES: Final[Mapping[str, str]] = MappingProxyType(
    {"contains": "includes", "starts_with": "has an entry starting with"}
)


def sentence(node: t.Node, schema: Schema) -> str:
    """The whole of a checked tree; groups within groups stand in parentheses."""
    if isinstance(node, t.Group) and not node.children:
        return "Always"
    if isinstance(node, t.Negation):
        return f"not ({sentence(node.child, schema)})"
    if isinstance(node, t.Group):
        if len(node.children) == 1:
            return sentence(node.children[0], schema)
        joint = " and " if node.kind == "all" else " or "
        return joint.join(_part(child, schema) for child in node.children)
    return leaf_sentence(node, schema)


def leaf_sentence(leaf: t.Test, schema: Schema) -> str:
    """One condition."""
    return field_sentence(leaf) if isinstance(leaf, t.FieldTest) else engagement_sentence(leaf, schema)


class Chips(NamedTuple):
    """The conditions of a flat rule, each as (what is looked at, what is asked of it), and what joins them:
    "and" or "or".
    """

    joint: str
    parts: tuple[tuple[str, str], ...]


def chips_of(node: t.Node, schema: Schema) -> Chips | None:
    """A checked tree as parts side by side; None where that would not say what it says."""
    if isinstance(node, t.Negation):
        return None
    if not isinstance(node, t.Group):
        return Chips("and", (_chip(node, schema),))
    parts = []
    for child in node.children:
        if isinstance(child, t.Group | t.Negation):
            return None
        parts.append(_chip(child, schema))
    return Chips("and" if node.kind == "all" else "or", tuple(parts)) if parts else None


def _chip(leaf: t.Test, schema: Schema) -> tuple[str, str]:
    text = leaf_sentence(leaf, schema)
    label = leaf.field.label if isinstance(leaf, t.FieldTest) else engagement_label(leaf, schema)
    if not text.startswith(label):
        return "", text
    return label, text.removeprefix(label).lstrip(": ")


def _part(node: t.Node, schema: Schema) -> str:
    text = sentence(node, schema)
    return f"({text})" if isinstance(node, t.Group) and len(node.children) > 1 else text


def either(items: Iterable[object]) -> str:
    """ "a", "a or b", "a, b or c"; after ten the rest is counted."""
    shown = [str(item) for item in items]
    if len(shown) > _MOST_LISTED:
        shown = [*shown[:_MOST_LISTED], f"{len(shown) - _MOST_LISTED} more"]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} or {shown[-1]}"


def field_sentence(leaf: t.FieldTest) -> str:
    """A condition on a field."""
    label, op = leaf.field.label, leaf.op
    if op == "exists":
        return f"{label} is {'known' if leaf.flag else 'not known'}"
    if op == "matches":
        return f"{label} matches the pattern {leaf.texts[0]}"
    if op == "within_days":
        return f"{label} is within the last {leaf.days} day{'' if leaf.days == 1 else 's'}"
    return f"{label} {_FIELD_PHRASES[leaf.field.type](leaf)}"


def _text_phrase(leaf: t.FieldTest) -> str:
    if leaf.op == "one_of" and len(leaf.texts) > 1:
        return f"is one of {either(_labels(leaf))}"
    phrases = _LIST_PHRASES if leaf.field.type == "list" else _TEXT_PHRASES
    return f"{phrases.get(leaf.op, 'is')} {either(_labels(leaf))}"


def _labels(leaf: t.FieldTest) -> list[str]:
    if leaf.field.vocabulary is not None and leaf.op in ("equals", "one_of"):
        return [leaf.field.vocabulary.shown(text) for text in leaf.texts]
    labels = {fold(value): label for value, label in leaf.field.choice_labels.items()}
    return [labels.get(fold(text), text) for text in leaf.texts]


def _number_phrase(leaf: t.FieldTest) -> str:
    if leaf.numbers:
        return f"is {either(leaf.numbers) if len(leaf.numbers) == 1 else 'one of ' + either(leaf.numbers)}"
    if leaf.op == "equals":
        return f"is {leaf.bounds.low}"
    return _bounds_phrase(leaf.bounds)


def _date_phrase(leaf: t.FieldTest) -> str:
    low, high = leaf.bounds.low, leaf.bounds.high
    if leaf.op == "equals":
        return f"is {low}"
    if high is None:
        return f"is on or after {low}"
    return f"is on or before {high}" if low is None else f"is from {low} to {high}"


def _boolean_phrase(leaf: t.FieldTest) -> str:
    return f"is {'yes' if leaf.flag else 'no'}"


def _bounds_phrase(bounds: t.Bounds) -> str:
    if bounds.high is None:
        return f"at least {bounds.low}"
    return f"at most {bounds.high}" if bounds.low is None else f"between {bounds.low} and {bounds.high}"


_FIELD_PHRASES: Final[Mapping[str, Callable[[t.FieldTest], str]]] = MappingProxyType(
    {
        "text": _text_phrase,
        "choice": _text_phrase,
        "list": _text_phrase,
        "number": _number_phrase,
        "date": _date_phrase,
        "boolean": _boolean_phrase,
    }
)


def engagement_label(leaf: t.EngagementTest, schema: Schema) -> str:
    """What a condition on engagements is about: "Page view of pricing"."""
    labels = {fold(kind): label for kind, label in schema.kind_labels.items()}
    what = (
        either(labels.get(fold(kind), spoken(kind)) for kind in leaf.kinds)
        if leaf.kinds
        else "Any engagement"
    )
    if not leaf.subjects:
        return what
    how = {"equals": "of", "starts_with": "of a subject starting with", "contains": "of a subject containing"}
    return f"{what} {how[leaf.subject_match]} {either(leaf.subjects)}"


def engagement_sentence(leaf: t.EngagementTest, schema: Schema) -> str:
    """A condition on what the lead did."""
    what = engagement_label(leaf, schema)
    within = f" within {leaf.window}" if leaf.window else ""
    bounds = leaf.bounds
    if leaf.measure == "recency":
        return f"Latest {_lower_first(what)}{within}: {_bounds_phrase(bounds)} {_plural('day', bounds)} ago"
    if leaf.measure == "distinct":
        return f"{what}: {_bounds_phrase(bounds)} different {_plural('subject', bounds)}{within}"
    return f"{what} {_times(bounds)}{within}"


def _times(bounds: t.Bounds) -> str:
    if bounds.high == 0:
        return "never"
    if (bounds.low, bounds.high) == (1, None):
        return "at least once"
    return f"{_bounds_phrase(bounds)} {_plural('time', bounds)}"


def _plural(noun: str, bounds: t.Bounds) -> str:
    last: Any = bounds.low if bounds.high is None else bounds.high
    return noun if last == 1 else f"{noun}s"


def _lower_first(text: str) -> str:
    # "PDF download" keeps its capitals; "Page view" becomes "page view" inside a sentence.
    return text[:1].lower() + text[1:] if text[1:2].islower() else text
