"""From any JSON to a checked tree, or to the list of everything that is wrong with it and where."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, Literal, cast
from unicodedata import normalize

import re2

from core.errors import FieldError, pointer
from core.rules import tree as t
from core.rules.schema import OPERATORS, Field, Schema, nearest
from core.rules.text import as_number, as_plain, fold, storable, words

_NODE_KEYS = ("all", "any", "not", "field", "engagements")
_LEAF_KEYS = ("field", "op", "value")
_ENGAGEMENT_KEYS = ("kind", "subject", "within_days", "within_hours", "measure", "op", "value")
_SUBJECT_KEYS: tuple[t.SubjectMatch, ...] = ("starts_with", "contains")
_MEASURES: tuple[t.Measure, ...] = ("count", "distinct", "recency")
_BOUND_OPS = ("at_least", "at_most", "between")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_SECONDS = {"within_days": 86_400, "within_hours": 3_600}

Path = tuple[str | int, ...]
Bound = Literal["number", "date"]


class _Wrong(Exception):
    """One part of the tree is wrong, which has been noted; parsing goes on with the next part."""


class _TooMuch(Exception):
    """A limit of the whole rule is reached, which has been noted; parsing stops."""


def parse(tree: object, schema: Schema) -> tuple[t.Node | None, list[FieldError]]:
    """The checked tree and no errors, or None and at least one error.  Never raises."""
    parser = _Parser(schema)
    try:
        node = parser.node(tree, (), 1)
    except (_Wrong, _TooMuch):
        return None, parser.errors
    return (None, parser.errors) if parser.errors else (node, [])


class _Parser:
    """Collects the errors of one tree and counts what the limits are about."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self.errors: list[FieldError] = []
        self.nodes = 0
        self.values = 0
        self.patterns = 0

    # Errors

    def note(self, path: Path, code: str, message: str) -> None:
        """Note an error and go on in the same part."""
        self.errors.append(FieldError(pointer(*path), message, code))
        if len(self.errors) >= t.MAX_ERRORS:
            raise _TooMuch

    def wrong(self, path: Path, code: str, message: str) -> _Wrong:
        """Note an error; raise what this returns to leave this part."""
        self.note(path, code, message)
        return _Wrong()

    def too_much(self, path: Path, code: str, message: str) -> _TooMuch:
        """Note an error; raise what this returns to leave the tree."""
        self.note(path, code, message)
        return _TooMuch()

    def refuse_other_keys(self, node: Mapping[object, object], known: tuple[str, ...], path: Path) -> None:
        for key in node:
            if key not in known:
                self.note((*path, _key(key)), "unknown_key", _unknown("key", key, known))

    # Nodes

    def node(self, node: object, path: Path, depth: int) -> t.Node:
        """Any node.  `depth` counts the root as 1."""
        self.nodes += 1
        if self.nodes > t.MAX_NODES:
            raise self.too_much(
                path, "too_many", f"A rule has at most {t.MAX_NODES:,} conditions and groups."
            )
        if depth > t.MAX_DEPTH:
            raise self.wrong(path, "too_deep", f"Conditions are nested at most {t.MAX_DEPTH} levels deep.")
        if not isinstance(node, dict):
            raise self.wrong(path, "wrong_type", f"A condition is an object, not {_kind(node)}.")
        present = [key for key in _NODE_KEYS if key in node]
        if len(present) != 1:
            raise self.wrong_shape(node, present, path)
        key = present[0]
        if key == "field":
            return self.field_test(node, path)
        self.refuse_other_keys(node, (key,), path)
        inner: Path = (*path, key)
        if key == "not":
            return t.Negation(self.node(node["not"], inner, depth + 1))
        if key == "engagements":
            return self.engagement_test(node["engagements"], path, inner)
        return self.group(cast(Literal["all", "any"], key), node[key], inner, depth)

    def wrong_shape(self, node: Mapping[object, object], present: list[str], path: Path) -> _Wrong:
        """Note that a node is none of the kinds there are, or several at once."""
        wanted = "A condition has exactly one of: all, any, not, field, engagements."
        if not present:
            for key in node:
                likely = nearest(key, _NODE_KEYS) if isinstance(key, str) else None
                if likely:
                    return self.wrong((*path, _key(key)), "unknown_key", _unknown("key", key, _NODE_KEYS))
        return self.wrong(path, "wrong_type", wanted)

    def group(self, kind: Literal["all", "any"], children: object, path: Path, depth: int) -> t.Group:
        if not isinstance(children, list):
            raise self.wrong(
                path, "wrong_type", f'"{kind}" needs a list of conditions, not {_kind(children)}.'
            )
        if kind == "any" and not children:
            raise self.wrong(path, "empty", '"any" of nothing can never be met. Add a condition.')
        parsed: list[t.Node] = []
        for index, child in enumerate(children):
            try:
                parsed.append(self.node(child, (*path, index), depth + 1))
            except _Wrong:
                continue  # it is noted; the other children may have errors of their own
        return t.Group(kind, tuple(parsed))

    # Conditions on fields

    def field_test(self, node: Mapping[object, object], path: Path) -> t.FieldTest:
        self.refuse_other_keys(node, _LEAF_KEYS, path)
        field = self.known_field(node["field"], (*path, "field"))
        op = self.operator(node, OPERATORS[field.type], path, f"{field.label} is a {field.type} field")
        value_path: Path = (*path, "value")
        if op == "exists":
            flag = self.boolean(node.get("value", True), value_path)
            return t.FieldTest(pointer(*path), field, op, flag, flag=flag)
        if "value" not in node:
            raise self.wrong(value_path, "required", f'"{op}" needs a value.')
        operand = self.operand(field, op, node["value"], value_path)
        return t.FieldTest(pointer(*path), field, op, as_plain(node["value"]), **operand)

    def operand(self, field: Field, op: str, value: object, path: Path) -> dict[str, Any]:
        """The operand as keyword arguments of `FieldTest`."""
        if field.type == "boolean":
            return {"flag": self.boolean(value, path)}
        if op == "matches":
            source, pattern = self.pattern(value, path)
            return {"texts": (source,), "pattern": pattern}
        if op == "within_days":
            days = self.number(value, path, low=0, high=t.MAX_WINDOW_DAYS)
            if not isinstance(days, int):
                raise self.wrong(path, "wrong_type", "Give whole days.")
            return {"days": days}
        if field.type == "number":
            if op == "one_of":
                return {"numbers": tuple(self.number(each, at) for at, each in self.listed(value, path))}
            return {"bounds": self.bounds(op, value, path, "number")}
        if field.type == "date":
            return {"bounds": self.bounds(op, value, path, "date")}
        if op == "equals" and isinstance(value, list):
            raise self.wrong(path, "wrong_type", 'Give one text, or use "one_of".')
        if op == "one_of" and not isinstance(value, list):
            raise self.wrong(path, "wrong_type", '"one_of" needs a list of texts.')
        texts = self.texts(value, path, field.choice_labels if op != "starts_with" else {})
        if op == "has_word":
            self.refuse_wordless(texts, path, isinstance(value, list))
        return {"texts": texts}

    def known_field(self, name: object, path: Path) -> Field:
        if not isinstance(name, str):
            raise self.wrong(path, "wrong_type", f"A field is named by a text, not {_kind(name)}.")
        field = self.schema.by_name.get(name)
        if field is None:
            raise self.wrong(path, "unknown_field", _unknown("field", name, self.schema.by_name))
        return field

    def operator(self, node: Mapping[object, object], allowed: tuple[str, ...], path: Path, what: str) -> str:
        """The operator of a condition; `what` says in an error what it is asked of."""
        inner: Path = (*path, "op")
        if "op" not in node:
            raise self.wrong(inner, "required", f"Say how to compare: {', '.join(allowed)}.")
        op = node["op"]
        if not isinstance(op, str):
            raise self.wrong(inner, "wrong_type", f"An operator is a text, not {_kind(op)}.")
        if op in allowed:
            return op
        if any(op in each for each in OPERATORS.values()):
            raise self.wrong(
                inner, "wrong_operator", f'{what}; "{op}" does not fit. Use {", ".join(allowed)}.'
            )
        raise self.wrong(inner, "unknown_operator", _unknown("operator", op, allowed))

    # Values

    def count_value(self, path: Path) -> None:
        self.values += 1
        if self.values > t.MAX_VALUES:
            raise self.too_much(path, "too_many", f"A rule has at most {t.MAX_VALUES:,} values in all.")

    def listed(self, value: object, path: Path) -> list[tuple[Path, object]]:
        """The entries of a list that is neither empty nor too long, each with its path."""
        if not isinstance(value, list):
            raise self.wrong(path, "wrong_type", f"Give a list, not {_kind(value)}.")
        if not value:
            raise self.wrong(path, "empty", "The list is empty.")
        if len(value) > t.MAX_LIST:
            raise self.wrong(path, "too_many", f"A list has at most {t.MAX_LIST} values.")
        return [((*path, index), each) for index, each in enumerate(value)]

    def texts(self, value: object, path: Path, choices: Mapping[str, str]) -> tuple[str, ...]:
        """One text or a list of them, each of the `choices` if there are any."""
        entries = self.listed(value, path) if isinstance(value, list) else [(path, value)]
        folded_choices = {fold(each) for each in choices}
        result: list[str] = []
        for at, entry in entries:
            text = self.text(entry, at)
            if folded_choices and fold(text) not in folded_choices:
                raise self.wrong(at, "unknown_choice", _unknown("choice", text, choices))
            result.append(text)
        return tuple(dict.fromkeys(result))

    def text(self, value: object, path: Path) -> str:
        """A text that can be stored, and that is not blank when folded: blank is in everything."""
        text = self.raw_text(value, path, t.MAX_STRING)
        if not fold(text):
            raise self.wrong(
                path, "empty", 'The text is empty. To ask whether a value is known, use "exists".'
            )
        return text

    def raw_text(self, value: object, path: Path, longest: int) -> str:
        self.count_value(path)
        if not isinstance(value, str):
            raise self.wrong(path, "wrong_type", f"Give a text, not {_kind(value)}.")
        if len(value) > longest:
            raise self.wrong(path, "too_long", f"At most {longest} characters.")
        if not storable(value):
            raise self.wrong(path, "bad_text", "The text contains characters that cannot be stored.")
        return value

    def refuse_wordless(self, texts: tuple[str, ...], path: Path, is_list: bool) -> None:
        for index, text in enumerate(texts):
            if not words(fold(text)).strip():
                raise self.wrong(
                    (*path, index) if is_list else path, "empty", "There is no letter or digit in it."
                )

    def boolean(self, value: object, path: Path) -> bool:
        if not isinstance(value, bool):
            raise self.wrong(path, "wrong_type", f"Give true or false, not {_kind(value)}.")
        return value

    def number(
        self, value: object, path: Path, *, low: float | None = None, high: float | None = None
    ) -> float | int:
        self.count_value(path)
        number = as_number(value)
        if number is None:
            if isinstance(value, int | float) and not isinstance(value, bool):
                raise self.wrong(path, "out_of_range", "The number is too large.")
            raise self.wrong(path, "wrong_type", f"Give a number, not {_kind(value)}.")
        if low is not None and number < low:
            raise self.wrong(path, "out_of_range", f"At least {low:,}.")
        if high is not None and number > high:
            raise self.wrong(path, "out_of_range", f"At most {high:,}.")
        return number

    def day(self, value: object, path: Path) -> date:
        self.count_value(path)
        if isinstance(value, str) and _DATE.fullmatch(value):
            try:
                return date.fromisoformat(value)
            except ValueError:
                pass
        raise self.wrong(path, "wrong_type", 'Give a date as "YYYY-MM-DD".')

    def bounds(
        self,
        op: str,
        value: object,
        path: Path,
        kind: Bound,
        *,
        low: float | None = None,
        high: float | None = None,
    ) -> t.Bounds:
        """The inclusive range that `op` and `value` describe; `low` and `high` limit the numbers in it."""

        def one(entry: object, at: Path) -> date | float | int:
            return self.day(entry, at) if kind == "date" else self.number(entry, at, low=low, high=high)

        if op == "at_least":
            return t.Bounds(one(value, path), None)
        if op == "at_most":
            return t.Bounds(None, one(value, path))
        if op == "equals":
            exact = one(value, path)
            return t.Bounds(exact, exact)
        if not isinstance(value, list) or len(value) != 2:
            raise self.wrong(
                path, "wrong_type", '"between" needs a list of two: from and to; null leaves an end open.'
            )
        ends: list[Any] = [
            None if entry is None else one(entry, (*path, index)) for index, entry in enumerate(value)
        ]
        if ends[0] is None and ends[1] is None:
            raise self.wrong(
                path, "empty", 'Both ends are open. To ask whether a value is known, use "exists".'
            )
        if None not in ends and ends[0] > ends[1]:
            raise self.wrong(path, "order", "The first value is greater than the second.")
        return t.Bounds(ends[0], ends[1])

    def pattern(self, value: object, path: Path) -> tuple[str, Any]:
        """A pattern as written and compiled by RE2, which searches in linear time whatever the pattern."""
        source = self.raw_text(value, path, t.MAX_PATTERN)
        if not source:
            raise self.wrong(path, "empty", "The pattern is empty.")
        self.patterns += 1
        if self.patterns > t.MAX_PATTERNS:
            raise self.too_much(path, "too_many", f"A rule has at most {t.MAX_PATTERNS} patterns.")
        try:
            compiled = re2.compile(normalize("NFC", source).encode(), _re2_options())
        except re2.error as problem:
            raise self.wrong(
                path, "bad_pattern", f"Not a pattern that RE2 knows: {_reason(problem)}."
            ) from None
        if max(compiled.programsize, compiled.reverseprogramsize) > t.MAX_PATTERN_PROGRAM:
            raise self.wrong(path, "bad_pattern", "The pattern is too large. Use smaller repetitions.")
        return source, compiled

    # Conditions on what the lead did

    def engagement_test(self, body: object, path: Path, inner: Path) -> t.EngagementTest:
        if not isinstance(body, dict):
            raise self.wrong(inner, "wrong_type", f'"engagements" needs an object, not {_kind(body)}.')
        self.refuse_other_keys(body, _ENGAGEMENT_KEYS, inner)
        kinds = self.kinds(body["kind"], (*inner, "kind")) if "kind" in body else ()
        subjects, subject_match = self.subjects(body, (*inner, "subject"))
        window, seconds = self.window(body, inner)
        measure = self.measure(body.get("measure", "count"), (*inner, "measure"))
        return t.EngagementTest(
            path=pointer(*path),
            expected=as_plain(body.get("value", 1)),
            kinds=kinds,
            subjects=subjects,
            subject_match=subject_match,
            window_seconds=seconds,
            window=window,
            measure=measure,
            bounds=self.engagement_bounds(body, measure, inner),
        )

    def engagement_bounds(self, body: Mapping[object, object], measure: t.Measure, path: Path) -> t.Bounds:
        """At least one engagement (or subject) unless said otherwise; recency has no such default."""
        recency = measure == "recency"
        if recency and "value" not in body:
            raise self.wrong((*path, "value"), "required", 'Say how many days ago: "recency" needs a value.')
        op = "at_most" if recency else "at_least"
        if "op" in body:
            op = self.operator(body, _BOUND_OPS, path, "This is counted")
        if op != "at_least" and "value" not in body:
            raise self.wrong((*path, "value"), "required", f'"{op}" needs a value.')
        inner: Path = (*path, "value")
        highest = t.MAX_WINDOW_DAYS if recency else t.MAX_COUNT
        bounds = self.bounds(op, body.get("value", 1), inner, "number", low=0, high=highest)
        if not recency and any(isinstance(end, float) for end in (bounds.low, bounds.high)):
            raise self.wrong(inner, "wrong_type", "Give whole numbers.")
        return bounds

    def kinds(self, value: object, path: Path) -> tuple[str, ...]:
        return self.texts(value, path, self.schema.kind_labels)

    def subjects(self, body: Mapping[object, object], path: Path) -> tuple[tuple[str, ...], t.SubjectMatch]:
        """The subjects asked for and how they are compared; none means any subject."""
        if "subject" not in body:
            return (), "equals"
        value = body["subject"]
        if not isinstance(value, dict):
            return self.texts(value, path, {}), "equals"
        self.refuse_other_keys(value, _SUBJECT_KEYS, path)
        for key in _SUBJECT_KEYS:
            if len(value) == 1 and key in value:
                return self.texts(value[key], (*path, key), {}), key
        raise self.wrong(path, "wrong_type", "Give texts, or exactly one of: starts_with, contains.")

    def window(self, body: Mapping[object, object], path: Path) -> tuple[str, float | None]:
        """The window as words and in seconds; "" and None without one."""
        given = [key for key in _SECONDS if key in body]
        if not given:
            return "", None
        if len(given) == 2:
            raise self.wrong((*path, given[1]), "unknown_key", "Give within_days or within_hours, not both.")
        key = given[0]
        unit = key.removeprefix("within_")
        longest = t.MAX_WINDOW_DAYS * 86_400 // _SECONDS[key]
        length = self.number(body[key], (*path, key), low=0, high=longest)
        if length == 0:
            raise self.wrong((*path, key), "out_of_range", "The window has no length.")
        return f"{length} {unit if length != 1 else unit[:-1]}", length * _SECONDS[key]

    def measure(self, value: object, path: Path) -> t.Measure:
        for known in _MEASURES:
            if value == known:
                return known
        raise self.wrong(path, "unknown_choice", _unknown("measure", value, _MEASURES))


def _re2_options() -> Any:
    options = re2.Options()
    options.case_sensitive = False
    options.never_capture = True  # only whether it is found matters
    options.log_errors = False
    options.max_mem = t.PATTERN_MEMORY
    return options


def _reason(problem: Exception) -> str:
    reason = problem.args[0] if problem.args else "not accepted"
    return reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)


def _key(key: object) -> str:
    return str(as_plain(key))


def _unknown(what: str, name: object, known: Iterable[str]) -> str:
    """ "There is no field "x"", with the nearest name, or with all names where they are few."""
    names = list(known)
    message = f'There is no {what} "{_key(name)}".'
    likely = nearest(name, names) if isinstance(name, str) else None
    if likely:
        return f'{message} Did you mean "{likely}"?'
    return f"{message} There is: {', '.join(names)}." if 0 < len(names) <= 10 else message


def _kind(value: object) -> str:
    """What a JSON value is, for a sentence."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, str):
        return "a text"
    if isinstance(value, int | float):
        return "a number"
    return "a list" if isinstance(value, list) else "an object"
