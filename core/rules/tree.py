"""A checked rule as typed nodes, and the limits it was checked against.

The parser makes these from JSON; the compiler and the sentences are made from these.  So what is refused,
what is evaluated and what is said can never differ.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from core.rules.schema import Field

MAX_DEPTH = 20
MAX_NODES = 2_000
MAX_LIST = 500  # values in one list
MAX_VALUES = 20_000  # values in the whole rule
MAX_STRING = 500  # characters
MAX_PATTERN = 256  # characters
MAX_PATTERNS = 50  # in the whole rule; each may take up to `PATTERN_MEMORY`
MAX_PATTERN_PROGRAM = (
    2_000  # RE2 instructions: the time of a search is this times the bytes searched, at worst
)
PATTERN_MEMORY = 256 * 1024  # bytes
MAX_ERRORS = 100  # reported at once
MAX_WINDOW_DAYS = 3_650
MAX_COUNT = 1_000_000

Measure = Literal["count", "distinct", "recency"]
SubjectMatch = Literal["equals", "starts_with", "contains"]


@dataclass(frozen=True, slots=True)
class Bounds:
    """An inclusive range; None is an open end."""

    low: Any = None
    high: Any = None


@dataclass(frozen=True, slots=True)
class FieldTest:
    """A leaf about one field.  Which of the operands is set follows from the field's type and `op`.

    texts:   as written, in the order given: equals, one_of, contains, has_word, starts_with.
    numbers: one_of on a number.
    bounds:  numbers or dates: at_least, at_most, between, equals.
    flag:    equals on a boolean; exists.
    pattern: a compiled RE2 pattern over bytes, with its source in `texts`.
    days:    within_days.
    """

    path: str
    field: Field
    op: str
    expected: Any
    texts: tuple[str, ...] = ()
    numbers: tuple[float | int, ...] = ()
    bounds: Bounds = Bounds()
    flag: bool = True
    pattern: Any = None
    days: int = 0


@dataclass(frozen=True, slots=True)
class EngagementTest:
    """A leaf about what the lead did.  No kinds or no subjects means any; `window_seconds` None means ever.

    For the measure "recency" the bounds are days, otherwise numbers of engagements or subjects.
    """

    path: str
    expected: Any
    kinds: tuple[str, ...]
    subjects: tuple[str, ...]
    subject_match: SubjectMatch
    window_seconds: float | None
    window: str
    measure: Measure
    bounds: Bounds


@dataclass(frozen=True, slots=True)
class Group:
    """All of, or any of, the children.  All of nothing is met."""

    kind: Literal["all", "any"]
    children: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Negation:
    """Met exactly when the child is not."""

    child: Node


Test: TypeAlias = FieldTest | EngagementTest
Node: TypeAlias = Test | Group | Negation


def leaves(node: Node, *, negated: bool = False) -> Iterator[tuple[Test, bool]]:
    """Every leaf in reading order, with whether an odd number of `not` stands above it."""
    if isinstance(node, Group):
        for child in node.children:
            yield from leaves(child, negated=negated)
    elif isinstance(node, Negation):
        yield from leaves(node.child, negated=not negated)
    else:
        yield node, negated
