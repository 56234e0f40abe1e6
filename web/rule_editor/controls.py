"""Conditions as the controls of a form, and back.

`field_controls` and `did_controls` say what the controls hold for a condition, or None for one that they
cannot hold; `field_leaf` and `did_leaf` make a condition of what they hold. What was not touched is not made
anew: it stays as it was written.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, Literal

from core.rules import Field, Schema
from core.rules.text import fold, storable
from web.numbers import without_separators
from web.rule_editor.wording import COMPARISONS, YES_NO

Shape = Literal["none", "text", "lines", "number", "numbers", "range", "days", "choice", "choices"]
#: Names of controls with what each holds; lists are of checkboxes.
Controls = dict[str, str | list[str]]

_LINES: Final = ("one_of", "contains", "has_word", "starts_with")
_NUMBER: Final = re.compile(r"[+-]?\d{1,300}(\.\d{1,300})?([eE][+-]?\d{1,3})?", re.ASCII)
_ENGAGEMENT_KEYS: Final = {"kind", "subject", "within_days", "within_hours", "measure", "op", "value"}
MANY_LINES: Final = 8  # rows of a list of values at most


# --- Fields by the words for them ---


@dataclass(frozen=True, slots=True)
class FieldPicker:
    """The fields of a schema by what the list of the editor calls them: the label, with the name where two
    share one.
    """

    schema: Schema
    by_words: Mapping[str, Field]
    words: Mapping[str, str]

    @classmethod
    def of(cls, schema: Schema) -> FieldPicker:
        """The picker of a schema."""
        fields = list(schema.by_name.values())
        labels = [fold(each.label) for each in fields]
        words = {
            each.name: each.label if labels.count(fold(each.label)) == 1 else f"{each.label} ({each.name})"
            for each in fields
        }
        return cls(schema, {fold(said): schema.by_name[name] for name, said in words.items()}, words)

    def shown(self, name: str) -> str:
        """What stands in the control for a field; one that there is not, as it was written."""
        return self.words.get(name, name)

    def named(self, text: str) -> str:
        """The name of the field that somebody wrote by its words or its name; else what they wrote."""
        if text in self.schema.by_name:
            return text
        found = self.by_words.get(fold(text))
        return found.name if found else text


def shape_of(field: Field | None, op: str, value: object = "") -> Shape:
    """Which controls a value has. Of a field that there is not, or an operator that does not fit, whichever
    hold the value.
    """
    if op in YES_NO:
        return "none"
    if field is None or op not in [key for key, _ in COMPARISONS[field.type]]:
        return "lines" if isinstance(value, list) else "text"
    if field.choices and field.type in ("choice", "list") and op in ("equals", "one_of", "contains"):
        return "choice" if op == "equals" else "choices"
    if op == "within_days":
        return "days"
    if op == "between":
        return "range"
    if field.type == "number":
        return "numbers" if op == "one_of" else "number"
    return "lines" if op in _LINES else "text"


# --- Conditions on a field ---


def field_controls(leaf: Mapping[str, Any], picker: FieldPicker) -> Controls | None:
    """What the controls hold for a condition on a field: f(ield), op, v, w (the second end), c (choices)."""
    if not set(leaf) <= {"field", "op", "value"}:
        return None
    name, op = leaf.get("field", ""), leaf.get("op", "")
    if not _is_line(name) or not _is_line(op) or ":" in op:
        return None
    field = picker.schema.by_name.get(name)
    if field is not None and picker.named(picker.shown(name)) != name:
        return None
    chosen = _comparison(field, op, leaf)
    if chosen is None:
        return None
    held = _value_controls(shape_of(field, chosen, leaf.get("value", "")), leaf, field)
    return None if held is None else {"f": picker.shown(name), "op": chosen, **held}


def _comparison(field: Field | None, op: str, leaf: Mapping[str, Any]) -> str | None:
    """The entry of the list of comparisons; None where a yes or no is something else."""
    is_yes_no = op == "exists" or (op == "equals" and field is not None and field.type == "boolean")
    if not is_yes_no:
        return op
    value = leaf.get("value", True if op == "exists" else None)
    found = [key for key, (kind, flag) in YES_NO.items() if kind == op and flag is value]
    return found[0] if found else None


def _value_controls(shape: Shape, leaf: Mapping[str, Any], field: Field | None) -> Controls | None:
    if shape == "none":
        return {}
    value = leaf.get("value", [] if shape in ("lines", "numbers", "choices") else "")
    if shape == "range":
        return _ends(value)
    if shape == "choices":
        texts = _texts(value)
        return None if texts is None or field is None else {"c": _chosen(texts, field)}
    if shape == "choice":
        texts = _texts(value)
        if texts is None or isinstance(value, list) or field is None:
            return None
        return {"v": (_chosen(texts, field) or [""])[0]}
    if shape == "lines":
        texts = _texts(value)
        return None if texts is None else {"v": "\n".join(texts)}
    if shape == "numbers":
        return _number_list(value)
    one = _scalar(value)
    return None if one is None else {"v": one}


def _ends(value: object) -> Controls | None:
    """The two ends of a range; one alone is a range of which the second was not asked for yet."""
    ends = [value] if not isinstance(value, list) else value
    if not 1 <= len(ends) <= 2:
        return None
    shown = [_scalar("" if end is None else end) for end in ends]
    return None if None in shown else {"v": shown[0] or "", "w": (shown[1] or "") if len(ends) == 2 else ""}


def _number_list(value: object) -> Controls | None:
    shown = [_scalar(each) for each in value] if isinstance(value, list) else [None]
    if any(each is None or "," in each for each in shown):
        return None
    return {"v": ", ".join(str(each) for each in shown)}


def _chosen(texts: list[str], field: Field) -> list[str]:
    """The choices that are meant, in the order of the list; then those that are none."""
    folded = [fold(text) for text in texts]
    known = {fold(value): value for value in field.choice_labels}
    return [value for each, value in known.items() if each in folded] + [
        text for text, each in zip(texts, folded, strict=True) if each not in known and text
    ]


def _texts(value: object) -> list[str] | None:
    """A text or a list of texts, each of one line; None for anything else."""
    listed = [value] if isinstance(value, str) else value
    if not isinstance(listed, list):
        return None
    return [str(each) for each in listed] if all(_is_line(each) for each in listed) else None


def _is_line(value: object) -> bool:
    """Whether a value is a text that a control of one line gives back as it was."""
    return isinstance(value, str) and storable(value) and not re.search(r"[\r\n]", value)


def _scalar(value: object) -> str | None:
    """A text or a number as a control shows it; None for what it could not give back."""
    if isinstance(value, str):
        return value if _is_line(value) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, int) and value.bit_length() > 900:
        return None
    shown = str(value)
    return shown if _NUMBER.fullmatch(shown) else None


def field_leaf(held: Controls, picker: FieldPicker) -> dict[str, Any]:
    """The condition that the controls say. What is not readable stays as it was typed, for the check to
    refuse.
    """
    name = picker.named(_one(held, "f").strip())
    field = picker.schema.by_name.get(name)
    op = _one(held, "op")
    leaf: dict[str, Any] = {"field": name, "op": op}
    if op in YES_NO:
        leaf["op"], leaf["value"] = YES_NO[op]
        return leaf
    shape = shape_of(field, op)
    value = _READERS.get(shape, _read_text)(held)
    if shape == "lines" and op != "one_of" and isinstance(value, list) and len(value) == 1:
        value = value[0]
    if field is not None and field.type == "date" and shape == "range" and value is not None:
        value = [end if end is None else str(end) for end in value]
    if value is not None:
        leaf["value"] = value
    return leaf


def _read_text(held: Controls) -> Any:
    return _line(held, "v") or None


def _read_number(held: Controls) -> Any:
    return number_or_text(_line(held, "v"))


def _read_numbers(held: Controls) -> Any:
    parts = [part for part in re.split(r"[,;\n]", _one(held, "v")) if part.strip()]
    return [number_or_text(part) for part in parts] or None


def _read_range(held: Controls) -> Any:
    """Both ends; the first alone where the form had no control for the second."""
    ends = [number_or_text(_line(held, name)) for name in ("v", "w") if name in held]
    return ends if any(end is not None for end in ends) else None


def _read_lines(held: Controls) -> Any:
    lines = (line.strip() for line in _one(held, "v").split("\n"))
    return list(dict.fromkeys(line for line in lines if line)) or None


def _read_choices(held: Controls) -> Any:
    given = held.get("c", [])
    return list(given) or None


_READERS: Final[Mapping[Shape, Callable[[Controls], Any]]] = {
    "number": _read_number,
    "days": _read_number,
    "numbers": _read_numbers,
    "range": _read_range,
    "lines": _read_lines,
    "choices": _read_choices,
}


def _one(held: Controls, name: str) -> str:
    found = held.get(name, "")
    return found if isinstance(found, str) else ""


def _line(held: Controls, name: str) -> str:
    """The first line of a control: it may have been one of many lines before the comparison changed."""
    return next((line.strip() for line in _one(held, name).split("\n") if line.strip()), "")


def number_or_text(text: str) -> int | float | str | None:
    """A number as people write it, "1 200", "1,200" and "2.5"; else the text as it is; None for ""."""
    typed = text.strip()
    plain = without_separators(typed)
    if not typed:
        return None
    if not _NUMBER.fullmatch(plain):
        return typed
    try:
        return int(plain)
    except ValueError:
        return float(plain) if float(plain) not in (float("inf"), float("-inf")) else typed


def is_date(text: str) -> bool:
    """Whether a date control can show it: anything else is shown as text, so that it stays as typed."""
    if not text:
        return True
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


# --- Conditions on what the lead did ---


def did_controls(body: object, kinds: Mapping[str, str]) -> Controls | None:
    """What the controls hold for {"engagements": body}: k (kinds), o (another kind), how and s (subject), n
    and u (window), m (measure), op, v, w.
    """
    if not isinstance(body, dict) or not set(body) <= _ENGAGEMENT_KEYS:
        return None
    chosen = _kinds_held(body.get("kind", []), kinds)
    subject = _subject_held(body.get("subject", []))
    window = _window_held(body)
    measured = _measure_held(body)
    if chosen is None or subject is None or window is None or measured is None:
        return None
    return {**chosen, **subject, **window, **measured}


def _kinds_held(value: object, kinds: Mapping[str, str]) -> Controls | None:
    texts = _texts(value)
    if texts is None or ("" in texts):
        return None
    known = {fold(each): each for each in kinds}
    folded = [fold(text) for text in texts]
    other = [text for text, each in zip(texts, folded, strict=True) if each not in known]
    if any("," in text for text in other):
        return None
    return {"k": [each for each in known.values() if fold(each) in folded], "o": ", ".join(other)}


def _subject_held(value: object) -> Controls | None:
    how = "equals"
    if isinstance(value, dict):
        if len(value) != 1 or next(iter(value)) not in ("starts_with", "contains"):
            return None
        how, value = next(iter(value.items()))
    texts = _texts(value)
    return None if texts is None else {"how": how, "s": "\n".join(texts)}


def _window_held(body: Mapping[str, Any]) -> Controls | None:
    given = [unit for unit in ("days", "hours") if f"within_{unit}" in body]
    if len(given) > 1:
        return None
    if not given:
        return {"n": "", "u": "days"}
    length = _scalar(body[f"within_{given[0]}"])
    return {"n": length, "u": given[0]} if length else None


def _measure_held(body: Mapping[str, Any]) -> Controls | None:
    measure = body.get("measure", "count")
    op = body.get("op", "at_most" if measure == "recency" else "at_least")
    if measure not in ("count", "distinct", "recency") or op not in ("at_least", "at_most", "between"):
        return None
    value = body.get("value", "" if measure == "recency" or op != "at_least" else 1)
    if op != "between":
        shown = _scalar(value)
        return None if shown is None else {"m": measure, "op": op, "v": shown, "w": ""}
    both = _ends(value)
    return None if both is None else {"m": measure, "op": op, **both}


def did_leaf(held: Controls) -> dict[str, Any]:
    """The condition on engagements that the controls say."""
    body: dict[str, Any] = {}
    chosen = [*held.get("k", []), *(part.strip() for part in _one(held, "o").split(",") if part.strip())]
    if chosen:
        body["kind"] = chosen[0] if len(chosen) == 1 else list(dict.fromkeys(chosen))
    subjects = _read_lines({"v": held.get("s", "")})
    if subjects:
        said = subjects[0] if len(subjects) == 1 else subjects
        how = _one(held, "how")
        body["subject"] = said if how in ("", "equals") else {how: said}
    length = number_or_text(_line(held, "n"))
    if length is not None:
        body["within_hours" if _one(held, "u") == "hours" else "within_days"] = length
    measure, op = _one(held, "m") or "count", _one(held, "op") or "at_least"
    if measure != "count":
        body["measure"] = measure
    if op != ("at_most" if measure == "recency" else "at_least"):
        body["op"] = op
    value = _read_range(held) if op == "between" else number_or_text(_line(held, "v"))
    if value is not None:
        body["value"] = value
    return {"engagements": body}


# --- As text, for what is kept ---


def as_text(value: object) -> str:
    """Any JSON on one line of ASCII."""
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"))


def from_text(text: str) -> Any:
    """The JSON that `as_text` wrote; None for anything that is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
