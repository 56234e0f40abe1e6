"""The geometry of the journey map."""

from __future__ import annotations

import itertools
import re

from hypothesis import given
from hypothesis import strategies as st

from reporting.views.sankey import GAP, HEIGHT, LEAST, MARGIN, NODE_WIDTH, TOP, WIDTH, Link, Node, draw

# Up to twelve counts from 0 to 65,025 out of one draw: a list of integers is drawn one by one.
flows = st.binary(min_size=1, max_size=12).map(lambda drawn: [each**2 for each in drawn])


@given(first=flows, second=flows)
def test_bands_are_as_thick_as_what_they_carry_and_stay_in_the_picture(
    first: list[int], second: list[int]
) -> None:
    """Sources flow into one node, and from it to several."""
    total = sum(first)
    second = [count % (total + 1) for count in second]
    while sum(second) > total:
        second.pop()
    nodes = [Node(f"a{n}", 0, count) for n, count in enumerate(first)]
    nodes += [Node("b", 1, total)] + [Node(f"c{n}", 2, count) for n, count in enumerate(second)]
    links = [Link(f"a{n}", "b", count) for n, count in enumerate(first)]
    links += [Link("b", f"c{n}", count) for n, count in enumerate(second)]
    drawn = draw(nodes, links)
    scale = drawn.boxes["b"].height / total if total else 0
    for node in nodes:
        box = drawn.boxes[node.key]
        assert abs(box.height - max(node.value * scale, LEAST)) < 0.01
        assert 0 <= box.x <= WIDTH - MARGIN - NODE_WIDTH + 0.01
        assert box.y >= TOP
        # What is too thin to be seen takes a little more than its share.
        assert box.y + box.height <= HEIGHT + len(nodes) * LEAST + GAP
    assert [bool(path) for path in drawn.paths] == [link.value > 0 for link in links]
    assert all(re.fullmatch(r"M[\d. ]+C[\d. ]+V[\d.]+C[\d. -]+Z", path) for path in drawn.paths if path)


def test_nodes_of_a_column_do_not_overlap() -> None:
    drawn = draw([Node("a", 0, 10), Node("b", 0, 0), Node("c", 0, 5)], [])
    tops = [(drawn.boxes[key].y, drawn.boxes[key].y + drawn.boxes[key].height) for key in "abc"]
    assert all(end + GAP <= start + 0.01 for (_, end), (start, _) in itertools.pairwise(tops))


def test_nothing_is_drawn_of_nothing() -> None:
    drawn = draw([], [])
    assert (dict(drawn.boxes), list(drawn.paths)) == ({}, [])
