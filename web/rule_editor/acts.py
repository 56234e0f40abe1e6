"""What the buttons of the editor do to a tree."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from web.rule_editor.nodes import Indexes, Node


def blank_condition() -> Node:
    """A condition that nobody has filled in."""
    return Node("field", {"field": "", "op": ""})


def blank_engagement() -> Node:
    """Any engagement, at least once, ever."""
    return Node("did", {"engagements": {"value": 1}})


def blank_group() -> Node:
    """A group with one condition to fill in."""
    return Node("any", children=[blank_condition()])


@dataclass(frozen=True, slots=True)
class Done:
    """What an act made of the tree. focus: indexes of the node to go on with; None where there is none."""

    root: Node | None
    focus: Indexes | None


def carry_out(root: Node | None, what: str, at: Indexes) -> Done:
    """Do what a button says to the node at these indexes. What is there no more, or cannot be done there,
    changes nothing.
    """
    if root is None:
        made = _NEW[what]() if what in _NEW and not at else None
        return Done(made and Node("all", children=[made]), (0,) if made else None)
    found = _find(root, at)
    if found is None:
        return Done(root, None)
    node, parent = found
    if what in _NEW:
        return _append(root, node, at, _NEW[what]())
    if what in ("all", "any") and node.is_group:
        node.kind = "all" if what == "all" else "any"
        return Done(root, at)
    if what == "not":
        node.nots = node.nots - 1 if node.nots else 1
        return Done(root, at)
    if what == "wrap":
        return _wrap(root, node, parent, at)
    if what == "remove":
        return _remove(root, parent, at)
    if parent is not None and what in ("up", "down"):
        return _move(root, parent, at, -1 if what == "up" else 1)
    if parent is not None and what == "lift":
        return _lift(root, at)
    return Done(root, at)


_NEW: Final[dict[str, Callable[[], Node]]] = {
    "add": blank_condition,
    "did": blank_engagement,
    "group": blank_group,
}
ACTS: Final = frozenset({*_NEW, "all", "any", "not", "wrap", "remove", "up", "down", "lift", "refresh"})


def _find(root: Node, at: Indexes) -> tuple[Node, Node | None] | None:
    """(node, the group it is in); None where there is none at these indexes."""
    node, parent = root, None
    for index in at:
        if index >= len(node.children):
            return None
        node, parent = node.children[index], node
    return node, parent


def _append(root: Node, node: Node, at: Indexes, new: Node) -> Done:
    """Into the group; a condition alone is put into a group with the new one."""
    if node.is_group:
        node.children.append(new)
        return Done(root, (*at, len(node.children) - 1))
    if at:
        return Done(root, at)
    return Done(Node("all", children=[root, new]), (1,))


def _wrap(root: Node, node: Node, parent: Node | None, at: Indexes) -> Done:
    """Into a group of its own."""
    group = Node("any" if parent is None or parent.kind == "all" else "all", children=[node])
    if parent is None:
        return Done(group, ())
    parent.children[at[-1]] = group
    return Done(root, at)


def _remove(root: Node, parent: Node | None, at: Indexes) -> Done:
    if parent is None:
        return Done(None, None)
    del parent.children[at[-1]]
    if not parent.children:
        return Done(root, at[:-1])
    return Done(root, (*at[:-1], min(at[-1], len(parent.children) - 1)))


def _move(root: Node, parent: Node, at: Indexes, step: int) -> Done:
    target = at[-1] + step
    if not 0 <= target < len(parent.children):
        return Done(root, at)
    parent.children.insert(target, parent.children.pop(at[-1]))
    return Done(root, (*at[:-1], target))


def _lift(root: Node, at: Indexes) -> Done:
    """Out of its group, to stand right after it; a group that is empty then goes."""
    outer = _find(root, at[:-2]) if len(at) > 1 else None
    if outer is None:
        return Done(root, at)
    group, place = outer[0], at[-2]
    inner = group.children[place]
    group.children.insert(place + 1, inner.children.pop(at[-1]))
    if inner.children:
        return Done(root, (*at[:-2], place + 1))
    del group.children[place]
    return Done(root, (*at[:-2], place))
