"""Where the bands of a Sankey diagram lie: plain geometry, no drawing.

Nodes stand in columns from left to right, one above the other in the order given; a band runs from the right
side of one node to the left side of another, as thick as its value. Bands leave and enter a node in the order
of the links. One scale holds for the whole picture: that of the column with the least room.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

WIDTH: Final = 1160.0
HEIGHT: Final = 440.0
NODE_WIDTH: Final = 12.0
#: Between nodes of a column.
GAP: Final = 16.0
#: Room on the right for the words of the last column, and above the first node for its own.
MARGIN: Final = 150.0
TOP: Final = 8.0
#: What a node or band of anything is at least, so that it can be seen.
LEAST: Final = 1.0


@dataclass(frozen=True, slots=True)
class Node:
    """key: names it to links. column: from 0. value: how many pass through it."""

    key: str
    column: int
    value: int


@dataclass(frozen=True, slots=True)
class Link:
    start: str
    end: str
    value: int


@dataclass(frozen=True, slots=True)
class Box:
    """Where a node stands, in units of the picture."""

    x: float
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Drawing:
    """boxes: by the key of their node. paths: of each link, in their order, as an SVG path."""

    boxes: Mapping[str, Box]
    paths: Sequence[str]
    height: float


def draw(nodes: Sequence[Node], links: Sequence[Link]) -> Drawing:
    """Lay out a diagram. Links go from a lower column to a higher one; those of a value of 0 have no path
    ("")."""
    columns: dict[int, list[Node]] = {}
    for node in nodes:
        columns.setdefault(node.column, []).append(node)
    scale = min(
        (_room(column) / total for column in columns.values() if (total := sum(n.value for n in column))),
        default=0.0,
    )
    last = max(columns, default=0)
    boxes: dict[str, Box] = {}
    for place, column in columns.items():
        x, y = place * (WIDTH - MARGIN - NODE_WIDTH) / max(last, 1), TOP
        for node in column:
            height = max(node.value * scale, LEAST)
            boxes[node.key] = Box(x, y, height)
            y += height + GAP
    left, entered = dict.fromkeys(boxes, 0.0), dict.fromkeys(boxes, 0.0)
    paths = []
    for link in links:
        thick = link.value * scale
        start, end = boxes[link.start], boxes[link.end]
        paths.append(_band(start, left[link.start], end, entered[link.end], thick) if link.value else "")
        left[link.start] += thick
        entered[link.end] += thick
    bottom = max((box.y + box.height for box in boxes.values()), default=0.0)
    return Drawing(boxes, paths, bottom + TOP)


def _room(column: Sequence[Node]) -> float:
    return HEIGHT - TOP - GAP * (len(column) - 1)


def _band(start: Box, left: float, end: Box, entered: float, thick: float) -> str:
    """A closed path with level ends, both edges alike."""
    thick = max(thick, LEAST)
    x0, x1 = start.x + NODE_WIDTH, end.x
    y0, y1 = start.y + left, end.y + entered
    middle = (x0 + x1) / 2
    return (
        f"M{x0:.1f} {y0:.1f}C{middle:.1f} {y0:.1f} {middle:.1f} {y1:.1f} {x1:.1f} {y1:.1f}"
        f"V{y1 + thick:.1f}C{middle:.1f} {y1 + thick:.1f} {middle:.1f} {y0 + thick:.1f}"
        f" {x0:.1f} {y0 + thick:.1f}Z"
    )
