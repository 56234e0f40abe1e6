"""Long lists as one text of PostgreSQL's own array form: `'{1,"two",NULL}'::text[]`.

The driver would write `ARRAY['1', 'two', NULL]`, which the database reads as an expression of thousands of
parts; the text it reads in one go, several times quicker on both sides.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID


def as_array(values: Sequence[Any]) -> str:
    """The values as a text to be cast: `%s::uuid[]`, `%s::text[]`. Raises TypeError for a kind not known."""
    if len(values) > 1 and len(set(map(id, values))) == 1:
        # One object for all rows: the time, a state, nothing. Half of a batch's columns are like that.
        return "{" + ",".join([_FORMS.get(type(values[0]), _other)(values[0])] * len(values)) + "}"
    return "{" + ",".join([_FORMS.get(type(value), _other)(value) for value in values]) + "}"


def with_arrays(parameters: Sequence[Any]) -> list[Any]:
    """The parameters of a statement with each list among them as such a text."""
    return [as_array(each) if isinstance(each, list) else each for each in parameters]


def _text(value: str) -> str:
    if "\\" in value or '"' in value:
        value = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{value}"'


_FORMS: Final[dict[type, Callable[[Any], str]]] = {
    str: _text,
    type(None): lambda value: "NULL",
    UUID: lambda value: f"{value.int:032x}",
    bool: lambda value: "t" if value else "f",
    int: str,
    float: repr,
    Decimal: str,
    datetime: datetime.isoformat,
    date: date.isoformat,
}


def _other(value: Any) -> str:
    """A choice of an enumeration is a text."""
    if isinstance(value, str):
        return _text(str.__str__(value))
    raise TypeError(f"No array is made of {type(value).__name__}.")
