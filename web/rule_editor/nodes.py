"""A rule tree as the editor works on it: nodes that can be moved, and the form they are read from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from django.http import QueryDict

from core.errors import pointer
from core.rules.tree import MAX_DEPTH, MAX_NODES
from web.rule_editor.controls import (
    Controls,
    FieldPicker,
    as_text,
    did_controls,
    did_leaf,
    field_controls,
    field_leaf,
    from_text,
)
from web.rule_editor.wording import COMPARISONS, YES_NO

Kind = Literal["all", "any", "field", "did", "kept"]
Indexes = tuple[int, ...]

_FIELD_CONTROLS = ("f", "op", "v", "w", "c")
_DID_CONTROLS = ("k", "o", "how", "s", "n", "u", "m", "op", "v", "w")
_LISTS = ("c", "k")
_DEEPEST_READ = 2 * MAX_DEPTH  # levels of a form that somebody made by hand


@dataclass
class Node:
    """A group or a condition, with how many `not` stand before it.

    leaf: the JSON of a condition as it was written; None for groups.
    """

    kind: Kind
    leaf: Any = None
    nots: int = 0
    children: list[Node] = field(default_factory=list)

    @property
    def is_group(self) -> bool:
        """Whether it holds others."""
        return self.kind in ("all", "any")

    def tree(self) -> Any:
        """The JSON of it."""
        inner = {self.kind: [each.tree() for each in self.children]} if self.is_group else self.leaf
        for _ in range(self.nots):
            inner = {"not": inner}
        return inner


@dataclass(frozen=True, slots=True)
class Reading:
    """What nodes are made with: the fields there are, and the kinds of engagement that are offered."""

    picker: FieldPicker
    kinds: Mapping[str, str]


# --- From a tree ---


def node_of(tree: object, reading: Reading) -> Node:
    """Any JSON as nodes; what the controls cannot hold is kept as it is. Never raises."""
    if _count(tree) > MAX_NODES:
        return Node("kept", tree)
    return _node(tree, reading, 1)


def _node(tree: object, reading: Reading, depth: int) -> Node:
    nots, inner = 0, tree
    while isinstance(inner, dict) and set(inner) == {"not"} and depth + nots < MAX_DEPTH:
        nots, inner = nots + 1, inner["not"]
    depth += nots
    if isinstance(inner, dict) and len(inner) == 1 and depth <= MAX_DEPTH:
        for kind in ("all", "any"):
            if isinstance(inner.get(kind), list):
                return Node(kind, None, nots, [_node(each, reading, depth + 1) for each in inner[kind]])
    return Node(_leaf_kind(inner, reading), inner, nots)


def _leaf_kind(leaf: object, reading: Reading) -> Kind:
    if isinstance(leaf, dict) and "field" in leaf and field_controls(leaf, reading.picker) is not None:
        return "field"
    if isinstance(leaf, dict) and set(leaf) == {"engagements"}:
        return "did" if did_controls(leaf["engagements"], reading.kinds) is not None else "kept"
    return "kept"


def _count(tree: object) -> int:
    """Groups and conditions of a tree, counted up to just over the limit."""
    number, waiting = 0, [tree]
    while waiting and number <= MAX_NODES:
        number += 1
        each = waiting.pop()
        if isinstance(each, dict):
            for key in ("all", "any"):
                waiting += each[key] if isinstance(each.get(key), list) else []
            waiting += [each["not"]] if "not" in each else []
    return number


def walk(node: Node, indexes: Indexes = (), place: str = "") -> Iterator[tuple[Node, Indexes, str]]:
    """Every node in reading order with its indexes and the JSON pointer of it behind its `not`s."""
    place += "/not" * node.nots
    yield node, indexes, place
    for index, child in enumerate(node.children):
        yield from walk(child, (*indexes, index), f"{place}{pointer(node.kind, index)}")


# --- From a form ---


@dataclass(frozen=True, slots=True)
class FormReader:
    """Reads nodes back from the controls that the template wrote.

    acting: some button of an editor was pressed, so that what is half done is helped along and not judged.
    refreshed: name of the condition whose field or comparison was changed; its comparison follows its field.
    """

    data: QueryDict
    reading: Reading
    acting: bool
    refreshed: str

    def node(self, name: str, depth: int = 1) -> Node | None:
        """The node of this name; None where the form has none."""
        raw = self.data.get(name)
        if raw is None or raw == "none":
            return None
        given = self.data.get(f"{name}.not", "0")
        nots = min(int(given), MAX_DEPTH) if given.isascii() and given.isdecimal() and len(given) < 4 else 0
        if raw in ("all", "any"):
            kind: Kind = "all" if raw == "all" else "any"
            return Node(kind, None, nots, list(self._children(name, depth)))
        was = from_text(raw)
        if f"{name}.f" in self.data:
            return Node("field", self._field(name, was), nots)
        if f"{name}.m" in self.data:
            return Node("did", self._did(name, was), nots)
        return Node("kept", was, nots)

    def _children(self, name: str, depth: int) -> Iterator[Node]:
        index = 0
        while depth < _DEEPEST_READ and f"{name}.{index}" in self.data:
            child = self.node(f"{name}.{index}", depth + 1)
            if child is not None:
                yield child
            index += 1

    def _held(self, name: str, controls: tuple[str, ...]) -> Controls:
        """What the controls of a condition hold, as far as the form has them."""
        held: Controls = {}
        for each in controls:
            key = f"{name}.{each}"
            if key in self.data:
                texts = [
                    text.replace("\r\n", "\n").replace("\0", "\ufffd") for text in self.data.getlist(key)
                ]
                held[each] = texts if each in _LISTS else texts[-1]
        return held

    def _field(self, name: str, was: object) -> Any:
        held = self._held(name, _FIELD_CONTROLS)
        if isinstance(was, dict) and _untouched(field_controls(was, self.reading.picker), held):
            return was
        found = self.reading.picker.schema.by_name.get(
            self.reading.picker.named(str(held.get("f", "")).strip())
        )
        if found is not None and self.acting:
            fitting = [key for key, _ in COMPARISONS[found.type]]
            op = held.get("op", "")
            if not op or (name == self.refreshed and op not in fitting):
                held["op"] = fitting[0]
        self._carry(held)
        return field_leaf(held, self.reading.picker)

    def _carry(self, held: Controls) -> None:
        """What was chosen from boxes as lines and the other way round, where the comparison was changed."""
        lists, lines = held.get("c"), held.get("v")
        if held.get("op") in YES_NO:
            return
        if isinstance(lists, list) and lines is None:
            held["v"] = "\n".join(lists)
        elif isinstance(lines, str) and lists is None and "\n" not in lines and lines.strip():
            held["c"] = [lines.strip()]

    def _did(self, name: str, was: object) -> Any:
        held = self._held(name, _DID_CONTROLS)
        if isinstance(was, dict) and set(was) == {"engagements"}:
            before = did_controls(was["engagements"], self.reading.kinds)
            if _untouched(before, held):
                return was
        return did_leaf(held)


def _untouched(before: Controls | None, held: Controls) -> bool:
    """Whether the controls hold what the template put there; boxes that are all empty are not sent."""
    if before is None:
        return False
    for name in {*before, *held}:
        empty: str | list[str] = [] if name in _LISTS else ""
        if before.get(name, empty) != held.get(name, empty):
            return False
    return True


def written(node: Node) -> str:
    """What the hidden control of a node holds: its kind, or its condition as it is written."""
    return node.kind if node.is_group else as_text(node.leaf)
