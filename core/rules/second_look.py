"""What in a rule may not do what it seems to: texts that their field's vocabulary does not know, groups in
which nothing is asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice

from core.errors import FieldError
from core.rules import tree as t
from core.rules.parse import parse
from core.rules.schema import Schema

#: A question about a part of the text, of a field with a vocabulary.
AS_WRITTEN = "as_written"
#: Of one rule; a list of thousands that are not known says so in its first ones.
MOST_DOUBTS = 20
_IS = ("equals", "one_of")
_PART = ("contains", "has_word", "starts_with", "matches")


def doubts(tree: object, schema: Schema) -> list[FieldError]:
    """What to look at twice, at most MOST_DOUBTS, with JSON pointers to the values; nothing of a tree that is
    no rule. Never raises. None of it keeps a rule from being used.
    """
    node = parse(tree, schema)[0]
    if node is None:
        return []
    found = (each for leaf, _ in t.leaves(node) if isinstance(leaf, t.FieldTest) for each in _of(leaf))
    return list(islice(found, MOST_DOUBTS))


def _of(leaf: t.FieldTest) -> Iterator[FieldError]:
    known = leaf.field.vocabulary
    if known is None:
        return
    where = f"{leaf.path}/value"
    if leaf.op in _PART:
        message = (
            f'{leaf.field.label} is looked at as it was written. "is" and "is one of" know it by any name.'
        )
        yield FieldError(where, message, AS_WRITTEN)
    elif leaf.op in _IS:
        for text in leaf.texts:
            message = known.doubt(text)
            if message:
                yield FieldError(where, message, known.code)


def empty_groups(tree: object) -> Iterator[tuple[str | int, ...]]:
    """Where in a tree as written nothing is asked: "all of nothing" is met by everybody. The path of the tree
    itself is (). Never raises.
    """
    waiting: list[tuple[object, tuple[str | int, ...]]] = [(tree, ())]
    while waiting:
        node, path = waiting.pop()
        if not isinstance(node, Mapping):
            continue
        inner = node.get("all")
        if isinstance(inner, list) and not inner:
            yield path
        for key in ("all", "any"):
            if isinstance(node.get(key), list):
                waiting += [(each, (*path, key, index)) for index, each in enumerate(node[key])]
        waiting.append((node.get("not"), (*path, "not")))
