"""Which rules of a list can never be the first to match, since an earlier one is met by all that they are met
by. Says only what is certain: what it does not say may still be so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any, Final

from core.rules import tree as t
from core.rules.parse import parse
from core.rules.schema import Schema
from core.rules.text import fold, words

#: Comparisons of two parts that one question may cost; about a fifth of a second. After them nothing is said.
MOST_STEPS: Final = 200_000
_IS: Final = ("equals", "one_of")


def shadowed(trees: Sequence[object], schema: Schema) -> dict[int, int]:
    """Places in a list of which the first match wins that never match, each with the earlier place that takes
    all of theirs. A tree of None is met by everything; one that is no rule is passed over. Pure.
    """
    nodes: list[t.Node | None] = [
        t.Group("all", ()) if tree is None else parse(tree, schema)[0] for tree in trees
    ]
    question, found = _Question(), dict[int, int]()
    for place, narrow in enumerate(nodes):
        if narrow is None:
            continue
        for earlier, wide in enumerate(nodes[:place]):
            if wide is not None and question.implies(narrow, wide):
                found[place] = earlier
                break
    return found


class _Question:
    """Counts what has been compared, and remembers what came out."""

    def __init__(self) -> None:
        self.steps = 0
        self.known: dict[tuple[int, int], bool] = {}

    def implies(self, narrow: t.Node, wide: t.Node) -> bool:
        """Whether whatever meets `narrow` meets `wide`, for certain."""
        key = (id(narrow), id(wide))
        if key not in self.known:
            self.steps += 1
            if self.steps > MOST_STEPS:
                return False
            self.known[key] = self._implies(narrow, wide)
        return self.known[key]

    def _implies(self, narrow: t.Node, wide: t.Node) -> bool:
        if isinstance(wide, t.Group) and wide.kind == "all":
            return all(self.implies(narrow, each) for each in wide.children)
        if isinstance(narrow, t.Group) and narrow.kind == "any":
            return all(self.implies(each, wide) for each in narrow.children)
        if isinstance(narrow, t.Group) and any(self.implies(each, wide) for each in narrow.children):
            return True
        if isinstance(wide, t.Group):
            return any(self.implies(narrow, each) for each in wide.children)
        if isinstance(narrow, t.Negation) and isinstance(wide, t.Negation):
            return self.implies(wide.child, narrow.child)
        if isinstance(narrow, t.FieldTest) and isinstance(wide, t.FieldTest):
            return narrow.field.name == wide.field.name and _field_implies(narrow, wide)
        if isinstance(narrow, t.EngagementTest) and isinstance(wide, t.EngagementTest):
            return _engagement_implies(narrow, wide)
        return False


def _field_implies(narrow: t.FieldTest, wide: t.FieldTest) -> bool:
    if wide.op == "exists":
        # Whatever is compared is known: a condition on a value that is not known is not met.
        return narrow.flag == wide.flag if narrow.op == "exists" else wide.flag
    if narrow.op == "exists":
        return False
    kind = wide.field.type
    if kind == "boolean":
        return narrow.flag == wide.flag
    if kind in ("number", "date"):
        return _amount_implies(narrow, wide)
    return _text_implies(narrow, wide)


def _amount_implies(narrow: t.FieldTest, wide: t.FieldTest) -> bool:
    if "within_days" in (narrow.op, wide.op):
        return narrow.op == wide.op and narrow.days <= wide.days
    points = _points(narrow)
    if points:
        return all(_is_within(point, wide) for point in points)
    return not wide.numbers and _inside(narrow.bounds, wide.bounds)


def _points(test: t.FieldTest) -> Sequence[float | int | date]:
    """The values that a test asks for one by one; none where it asks for a range."""
    if test.numbers:
        return test.numbers
    low = test.bounds.low
    return (low,) if low is not None and low == test.bounds.high else ()


def _is_within(point: Any, wide: t.FieldTest) -> bool:
    if wide.numbers:
        return point in wide.numbers
    return _inside(t.Bounds(point, point), wide.bounds)


def _inside(narrow: t.Bounds, wide: t.Bounds) -> bool:
    above = wide.low is None or (narrow.low is not None and narrow.low >= wide.low)
    below = wide.high is None or (narrow.high is not None and narrow.high <= wide.high)
    return above and below


def _text_implies(narrow: t.FieldTest, wide: t.FieldTest) -> bool:
    if "matches" in (narrow.op, wide.op):
        return narrow.op == wide.op and narrow.texts == wide.texts
    if narrow.op in _IS and wide.op in _IS:
        return _meant(narrow) <= _meant(wide)
    if narrow.op in _IS and narrow.field.vocabulary is not None:
        return False  # it may be written in ways that have no such part
    few, many = ({fold(text) for text in test.texts} for test in (narrow, wide))
    if narrow.op == wide.op:
        return few <= many
    found = _FOUND.get(wide.op)
    if found is None or narrow.op not in _IS:
        return False
    return all(any(found(text, wanted) for wanted in many) for text in few)


def _meant(test: t.FieldTest) -> set[str]:
    """The texts that a test asks for one by one, as they are compared."""
    known = test.field.vocabulary
    return {fold(known.spell(text) if known else text) for text in test.texts}


#: How a whole text meets a test on a part of it; both folded.
_FOUND: Final[dict[str, Callable[[str, str], bool]]] = {
    "contains": lambda text, wanted: wanted in text,
    "starts_with": lambda text, wanted: text.startswith(wanted),
    "has_word": lambda text, wanted: words(wanted) in words(text),
}


def _engagement_implies(narrow: t.EngagementTest, wide: t.EngagementTest) -> bool:
    few, many = (
        (_folded(test.kinds), test.subject_match, _folded(test.subjects), test.window_seconds)
        for test in (narrow, wide)
    )
    if narrow.measure != wide.measure:
        return False
    if few == many:
        return _inside(narrow.bounds, wide.bounds)
    # Who did more of less did at least as much of more; the latest of more is another engagement.
    if narrow.measure == "recency" or wide.bounds.high is not None:
        return False
    return _looks_at_more(narrow, wide) and _inside(narrow.bounds, wide.bounds)


def _looks_at_more(narrow: t.EngagementTest, wide: t.EngagementTest) -> bool:
    """Whether `wide` counts every engagement that `narrow` counts."""
    if wide.kinds and not (narrow.kinds and _folded(narrow.kinds) <= _folded(wide.kinds)):
        return False
    if wide.subjects and not (
        narrow.subjects
        and narrow.subject_match == wide.subject_match
        and _folded(narrow.subjects) <= _folded(wide.subjects)
    ):
        return False
    if wide.window_seconds is None:
        return True
    return narrow.window_seconds is not None and narrow.window_seconds <= wide.window_seconds


def _folded(texts: Sequence[str]) -> frozenset[str]:
    return frozenset(fold(text) for text in texts)
