"""The rows that the template of the editor writes, in reading order: groups are opened and closed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from core.errors import FieldError
from core.rules import Field, InvalidRule, describe, doubts
from core.rules.text import clean
from web.rule_editor.controls import (
    MANY_LINES,
    Controls,
    as_text,
    did_controls,
    field_controls,
    is_date,
    shape_of,
)
from web.rule_editor.nodes import Indexes, Node, Reading, walk, written
from web.rule_editor.wording import BOUNDS, COMPARISONS, GROUP_WORDS, MEASURES, SUBJECT_MATCHES, UNITS

_LONGEST_KEPT: Final = 300  # characters shown of what is kept as it was written
Option = tuple[str, str, bool]


@dataclass(frozen=True, slots=True)
class Button:
    """A button of a row: what it asks for, its words, its icon, and whether it shows the icon alone."""

    act: str
    text: str
    icon: str = ""
    only_icon: bool = False
    focused: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """A group's beginning or end, or a condition.

    what:    open, close, field, did, kept; nothing (an editor without a condition).
    name:    of its controls, and of itself in acts: "rule.0.1".
    number:  for people: "1.2"; "" for the root.
    written: what its hidden control holds.
    errors:  of the whole row and of each of its controls.
    doubts:  what to look at twice in its value.
    offers:  id of the list to choose its value from; "" for none.
    held:    what the controls hold; options and boxes of those to choose from.
    """

    what: Literal["open", "close", "field", "did", "kept", "nothing"]
    name: str
    number: str = ""
    written: str = ""
    nots: int = 0
    kind: str = ""
    words: str = ""
    depth: int = 0
    is_root: bool = False
    focused: bool = False
    buttons: Sequence[Button] = ()
    shape: str = ""
    held: Controls = field(default_factory=dict)
    options: Mapping[str, Sequence[Option]] = field(default_factory=dict)
    errors: Mapping[str, Sequence[str]] = field(default_factory=dict)
    doubts: Sequence[str] = ()
    offers: str = ""
    lines: int = 1
    dates: bool = False
    asks_other: bool = False


def rows_of(
    root: Node | None,
    *,
    prefix: str,
    reading: Reading,
    any_kind: bool,
    errors: Sequence[FieldError],
    focus: Indexes | None,
) -> list[Row]:
    """All rows of a tree."""
    if root is None:
        adding = _adding(focused=focus == ())
        return [
            Row("nothing", prefix, written="none", is_root=True, errors=_root_errors(errors), buttons=adding)
        ]
    maker = _Maker(prefix, reading, any_kind, _errors_of(root, errors), focus)
    rows = list(maker.rows(root, (), True, True))
    return rows if root.is_group else [*rows, Row("close", prefix, is_root=True, buttons=_adding())]


def _adding(*, focused: bool = False) -> list[Button]:
    """What can be put into a group."""
    return [
        Button("add", "Condition", "plus", focused=focused),
        Button("did", "What the lead did", "plus"),
        Button("group", "Group", "plus"),
    ]


def _buttons(node: Node, at: Indexes, first: bool, last: bool, *, focused: bool) -> list[Button]:
    """What can be done to a group or a condition as a whole."""
    found = []
    if node.is_group:
        turned = "any" if node.kind == "all" else "all"
        found.append(Button(turned, f"Turn into {GROUP_WORDS[turned].lower()}", focused=focused))
    found.append(
        Button("not", "Without not" if node.nots else "Not", focused=focused and node.kind == "kept")
    )
    if not first:
        found.append(Button("up", "Move up", "chevron-up", only_icon=True))
    if not last:
        found.append(Button("down", "Move down", "chevron-down", only_icon=True))
    if len(at) > 1:
        found.append(Button("lift", "Move out of its group", "chevron-left", only_icon=True))
    found.append(Button("wrap", "Group" if at else "Put into a group"))
    found.append(Button("remove", "Remove", "trash", only_icon=True))
    return found


def _root_errors(errors: Sequence[FieldError]) -> dict[str, list[str]]:
    return {"row": [error.message for error in errors]} if errors else {}


def _errors_of(root: Node, errors: Sequence[FieldError]) -> dict[Indexes, dict[str, list[str]]]:
    """Each error at the node and the control that its pointer leads to."""
    places: dict[str, Indexes] = {}
    for node, indexes, inner in walk(root):
        place = inner.removesuffix("/not" * node.nots) if node.nots else inner
        for level in range(node.nots + 1):
            places.setdefault(place + "/not" * level, indexes)
    found: dict[Indexes, dict[str, list[str]]] = {}
    for error in errors:
        place, rest = error.path, list[str]()
        while place and place not in places:
            place, _, last = place.rpartition("/")
            rest.insert(0, last)
        control = _control(rest)
        said = found.setdefault(places.get(place, ()), {}).setdefault(control, [])
        if error.message not in said:
            said.append(error.message)
    return found


def _control(rest: Sequence[str]) -> str:
    """Which control an error inside of a condition belongs to; "row" for none of them."""
    inner = rest[1:] if rest[:1] == ["engagements"] else rest
    first = inner[0] if inner else ""
    if first in ("within_days", "within_hours"):
        return "window"
    return first if first in ("field", "op", "value", "kind", "subject", "measure") else "row"


_PLAIN: Final[Mapping[tuple[str, str], str]] = {
    ("value", "required"): "Give a value.",
    ("op", "required"): "Choose how to compare.",
}


_QUOTED: Final = re.compile(r'"([a-z_.]+)"(?=\?)')  # what was perhaps meant


def in_plain_words(error: FieldError, labels: Mapping[str, str]) -> FieldError:
    """The error for somebody who sees controls and no JSON. labels: of the fields, by name."""
    rest = error.path.split("/")[1:]
    while rest and (rest[0] in ("all", "any", "not") or rest[0].isdecimal()):
        rest.pop(0)
    message = _plainly(error, _control(rest))
    if error.code == "unknown_field":
        message = _QUOTED.sub(lambda found: labels.get(found[1], found[0]), message)
    return FieldError(error.path, message, error.code)


def _plainly(error: FieldError, control: str) -> str:
    if error.message.startswith('There is no field "".'):
        return "Choose a field."
    if (
        error.code == "unknown_field"
        and error.message.startswith("There is no field")
        and "?" not in error.message
    ):
        return f"{error.message} Choose one that is offered while you type."
    if error.message.startswith('There is no operator "".'):
        return "Choose how to compare."
    if control == "value" and error.message.startswith('"between" needs a list of two'):
        return "Give both ends, or leave one of them empty."
    if control == "value" and error.message.startswith("Give a number, not"):
        return "Give a number."
    if error.code == "empty" and control == "row":
        return "There is nothing in this group. Add a condition, or remove the group."
    return _PLAIN.get((control, error.code), error.message)


@dataclass(frozen=True, slots=True)
class _Maker:
    prefix: str
    reading: Reading
    any_kind: bool
    errors: Mapping[Indexes, Mapping[str, Sequence[str]]]
    focus: Indexes | None

    def rows(self, node: Node, at: Indexes, first: bool, last: bool) -> list[Row]:
        """The row of a condition; of a group everything from its beginning to its end."""
        known: dict[str, Any] = {
            "name": ".".join([self.prefix, *map(str, at)]),
            "number": ".".join(str(index + 1) for index in at),
            "written": written(node),
            "nots": node.nots,
            "kind": node.kind,
            "depth": min(len(at), 6),
            "is_root": not at,
            "buttons": _buttons(node, at, first, last, focused=at == self.focus),
            "focused": at == self.focus,
            "errors": self.errors.get(at, {}),
        }
        if not node.is_group:
            return [self._condition(node, known)]
        rows = [Row("open", words=GROUP_WORDS[node.kind], **known)]
        for index, child in enumerate(node.children):
            rows += self.rows(child, (*at, index), index == 0, index == len(node.children) - 1)
        close = {key: known[key] for key in ("name", "number", "kind", "depth", "is_root")}
        return [*rows, Row("close", buttons=_adding(), **close)]

    def _condition(self, node: Node, known: Mapping[str, Any]) -> Row:
        if node.kind == "field":
            held = field_controls(node.leaf, self.reading.picker)
            return self._field(node.leaf, held or {}, known)
        if node.kind == "did":
            held = did_controls(node.leaf["engagements"], self.reading.kinds)
            return self._did(held or {}, known)
        return Row("kept", words=self._kept_words(node.leaf), **known)

    def _kept_words(self, leaf: object) -> str:
        try:
            return describe(leaf, self.reading.picker.schema)
        except InvalidRule:
            text = as_text(leaf)
            return text if len(text) <= _LONGEST_KEPT else f"{text[:_LONGEST_KEPT]}…"

    def _field(self, leaf: Mapping[str, Any], held: Controls, known: Mapping[str, Any]) -> Row:
        found = self.reading.picker.schema.by_name.get(leaf.get("field", ""))
        op = str(held["op"])
        shape = shape_of(found, op, leaf.get("value", ""))
        is_date = found is not None and found.type == "date" and shape in ("text", "range")
        return Row(
            "field",
            shape=shape,
            held={key: clean(each) if isinstance(each, str) else each for key, each in held.items()},
            options={"op": _comparisons(found, op), "value": _choices(found, shape, held)},
            lines=min(max(str(held.get("v", "")).count("\n") + 1, 2), MANY_LINES),
            dates=is_date and _are_dates(held),
            doubts=[each.message for each in doubts(leaf, self.reading.picker.schema)],
            offers=offers_id(self.prefix, found) if found is not None and shape == "text" else "",
            **known,
        )

    def _did(self, held: Controls, known: Mapping[str, Any]) -> Row:
        chosen = held["k"]
        return Row(
            "did",
            shape="range" if held["op"] == "between" else "number",
            held=held,
            options={
                "kind": [(slug, label, slug in chosen) for slug, label in self.reading.kinds.items()],
                "how": _marked(SUBJECT_MATCHES, held["how"]),
                "op": _marked(BOUNDS, held["op"]),
                "measure": _marked(MEASURES, held["m"]),
                "unit": _marked(UNITS, held["u"]),
            },
            words=self._kinds_words(held),
            lines=min(str(held["s"]).count("\n") + 1, MANY_LINES),
            asks_other=self.any_kind or bool(held["o"]),
            **known,
        )

    def _kinds_words(self, held: Controls) -> str:
        labels = [self.reading.kinds[slug] for slug in held["k"]]
        labels += [str(held["o"])] if held["o"] else []
        return " or ".join(labels) or "Any engagement"


def offers_id(prefix: str, found: Field) -> str:
    """The id of the list of an editor that offers what a field's vocabulary knows; "" where it has none."""
    return f"{prefix}-{found.vocabulary.code}" if found.vocabulary is not None else ""


def _marked(options: Sequence[tuple[str, str]], chosen: object) -> list[Option]:
    return [(value, label, value == chosen) for value, label in options]


def _comparisons(found: Field | None, op: str) -> list[Option]:
    """What may be chosen, and what is chosen although it may not."""
    fitting = COMPARISONS[found.type] if found else ()
    options = _marked(fitting, op)
    if op in [value for value, _ in fitting]:
        return options
    if not op:
        return [("", "choose", True), *options]
    return [(op, f"{op} (does not fit)" if found else op, True), *options]


def _choices(found: Field | None, shape: str, held: Controls) -> list[Option]:
    if found is None or shape not in ("choice", "choices"):
        return []
    chosen = held["c"] if shape == "choices" else [held["v"]]
    options = [(value, label, value in chosen) for value, label in found.choice_labels.items()]
    strange = [str(each) for each in chosen if each not in found.choice_labels]
    if shape == "choice" and "" in strange:
        return [("", "choose", True), *options]
    return [*options, *((each, f"{each} (not among the choices)", True) for each in strange)]


def _are_dates(held: Controls) -> bool:
    return all(is_date(str(held.get(name, ""))) for name in ("v", "w"))
