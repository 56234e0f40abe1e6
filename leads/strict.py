"""Reads a JSON object exactly as a serializer declares it, and guesses nothing.

The serializers of the API declare fields, limits and help texts once; the API's description is made from
them, and so is the reader here. The framework's own reading would take the number 5 for a text, "12" for a
number, and drop what it does not know; it also costs more than everything else about a lead, which a call of
1,000 would feel.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from rest_framework import serializers

from core.errors import FieldError, ValidationFailed, pointer
from core.slips import hint
from leads.matching import normalise_email

Errors = list[FieldError]
Reader = Callable[[Any, str, Errors], Any]

# RFC 3339, seconds optional.
_MOMENT = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?([Zz]|[+-]\d{2}:\d{2})?", re.ASCII
)
_DECIMAL = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d{1,2})?", re.ASCII)
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


def reader_of(serializer: type[serializers.Serializer[Any]]) -> Callable[[Any, str, Errors], dict[str, Any]]:
    """A function (value, path, errors) -> dict with the members that were said; what is wrong is added to
    errors.

    A null is the same as an absent member, where the field allows null.
    """
    fields = {
        name: (_reader(field), field) for name, field in serializer().fields.items() if not field.read_only
    }
    required = [name for name, (_, field) in fields.items() if field.required]

    def read(value: Any, path: str, errors: Errors) -> dict[str, Any]:
        if not isinstance(value, dict):
            errors.append(FieldError(path, f"An object is wanted, not {_kind(value)}.", "wrong_type"))
            return {}
        found: dict[str, Any] = {}
        for name, given in value.items():
            known = fields.get(name)
            if known is None:
                errors.append(_unknown(name, fields, path))
                continue
            read_field, field = known
            where = f"{path}/{name}"
            if given is None:
                if not field.allow_null:
                    errors.append(FieldError(where, "This may not be null.", "null"))
                continue
            found[name] = read_field(given, where, errors)
        for name in required:
            if name not in value:
                errors.append(FieldError(f"{path}/{name}", "This is required.", "required"))
        return found

    return read


def read(
    serializer_reader: Callable[[Any, str, Errors], dict[str, Any]], value: Any, path: str = ""
) -> dict[str, Any]:
    """Read with a reader of `reader_of`. Raises ValidationFailed with a path to each error."""
    errors: Errors = []
    found = serializer_reader(value, path, errors)
    if errors:
        raise refusal(errors)
    return found


def read_nulls(serializer_reader: Callable[[Any, str, Errors], dict[str, Any]], value: Any) -> dict[str, Any]:
    """As `read`, of a change: a null says that the member is to be empty, not that it stays as it is."""
    said = read(serializer_reader, value)
    return {**{name: None for name, given in value.items() if given is None}, **said}


def refusal(errors: Errors) -> ValidationFailed:
    """One error for all that was found; the first is its message."""
    first = errors[0]
    where = f"{first.path}: " if first.path else ""
    more = f" ({len(errors) - 1} more)" if len(errors) > 1 else ""
    return ValidationFailed(f"{where}{first.message}{more}", field_errors=errors)


def _unknown(name: str, fields: Mapping[str, Any], path: str) -> FieldError:
    said = f"There is no field {name[:80]!r}.{hint(name, fields)}"
    return FieldError(path + pointer(name[:80]), said, "unknown_field")


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "true or false"
    names = {
        dict: "an object",
        list: "a list",
        str: "a text",
        int: "a number",
        float: "a number",
        type(None): "null",
    }
    return names.get(type(value), "this")


def _reader(field: Any) -> Reader:
    if isinstance(field, serializers.ListSerializer | serializers.ListField):
        child: Any = field.child
        return _list_reader(_reader(child), field)
    if isinstance(field, serializers.Serializer):
        return reader_of(type(field))
    if isinstance(field, serializers.BooleanField):
        return _read_flag
    if isinstance(field, serializers.IntegerField):
        return _integer_reader(field)
    if isinstance(field, serializers.DecimalField):
        return _read_decimal
    if isinstance(field, serializers.DateTimeField):
        return _read_moment
    if isinstance(field, serializers.DateField):
        return _read_day
    if isinstance(field, serializers.UUIDField):
        return _read_id
    if isinstance(field, serializers.DictField | serializers.JSONField):
        return _read_object
    if isinstance(field, serializers.ChoiceField):
        return _choice_reader(list(field.choices))
    if isinstance(field, serializers.EmailField):
        return _read_email
    if isinstance(field, serializers.CharField):
        return _text_reader(field)
    raise TypeError(f"No strict reader for {type(field).__name__}.")


def _list_reader(child: Reader, field: Any) -> Reader:
    limit = field.max_length or 1_000

    def read_list(value: Any, path: str, errors: Errors) -> Any:
        if not isinstance(value, list):
            errors.append(FieldError(path, f"A list is wanted, not {_kind(value)}.", "wrong_type"))
            return []
        if len(value) > limit:
            errors.append(FieldError(path, f"At most {limit:,} entries.", "max_length"))
            return []
        return [child(each, f"{path}/{index}", errors) for index, each in enumerate(value)]

    return read_list


def _text_reader(field: serializers.CharField) -> Reader:
    longest, shortest = field.max_length, field.min_length or (0 if field.allow_blank else 1)

    def read_text(value: Any, path: str, errors: Errors) -> Any:
        if not isinstance(value, str):
            errors.append(FieldError(path, f"A text is wanted, not {_kind(value)}.", "wrong_type"))
            return ""
        text = value.strip()
        if longest is not None and len(value) > longest:
            errors.append(FieldError(path, f"At most {longest} characters.", "max_length"))
        elif len(text) < shortest:
            errors.append(FieldError(path, "This may not be blank.", "blank"))
        return text

    return read_text


def _read_email(value: Any, path: str, errors: Errors) -> Any:
    if not isinstance(value, str):
        errors.append(FieldError(path, f"A text is wanted, not {_kind(value)}.", "wrong_type"))
        return ""
    try:
        return normalise_email(value)
    except ValidationFailed as error:
        errors.append(FieldError(path, error.message, error.field_errors[0].code))
        return ""


def _read_flag(value: Any, path: str, errors: Errors) -> Any:
    if not isinstance(value, bool):
        errors.append(FieldError(path, f"true or false is wanted, not {_kind(value)}.", "wrong_type"))
    return value


def _range(low: int | None, high: int | None) -> str:
    if low is None or high is None:
        return f"A number of at most {high}." if low is None else f"A number of at least {low}."
    return f"A number from {low} to {high}."


def _read_decimal(value: Any, path: str, errors: Errors) -> Any:
    """A number, or its digits as a text, which says cents exactly. What reads further checks its size."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        errors.append(FieldError(path, f"A number is wanted, not {_kind(value)}.", "wrong_type"))
        return None
    text = value.strip() if isinstance(value, str) else repr(value)
    if len(text) > 40 or not _DECIMAL.fullmatch(text):
        errors.append(FieldError(path, "This is no number.", "invalid"))
        return None
    return Decimal(text)


def _integer_reader(field: serializers.IntegerField) -> Reader:
    low, high = field.min_value, field.max_value

    def read_integer(value: Any, path: str, errors: Errors) -> Any:
        if isinstance(value, bool) or not isinstance(value, int):
            if not (
                isinstance(value, float) and value.is_integer()
            ):  # JSON knows one kind of number: 5.0 is 5
                errors.append(
                    FieldError(path, f"A whole number is wanted, not {_kind(value)}.", "wrong_type")
                )
                return None
            value = int(value)
        if (low is not None and value < low) or (high is not None and value > high):
            errors.append(FieldError(path, _range(low, high), "out_of_range"))
        return value

    return read_integer


def _choice_reader(choices: list[Any]) -> Reader:
    def read_choice(value: Any, path: str, errors: Errors) -> Any:
        if not isinstance(value, str) or value not in choices:
            errors.append(FieldError(path, f"Use one of: {', '.join(map(str, choices))}.", "invalid_choice"))
        return value

    return read_choice


def _read_object(value: Any, path: str, errors: Errors) -> Any:
    if not isinstance(value, dict):
        errors.append(FieldError(path, f"An object is wanted, not {_kind(value)}.", "wrong_type"))
        return {}
    return value


def _read_moment(value: Any, path: str, errors: Errors) -> Any:
    try:
        moment = parse_moment(value)
    except ValueError as error:
        code = "naive_time" if "offset" in str(error) else "invalid_time"
        errors.append(FieldError(path, str(error), code))
        return None
    return moment


def _read_id(value: Any, path: str, errors: Errors) -> Any:
    try:
        return UUID(value if isinstance(value, str) else "")
    except ValueError:
        errors.append(FieldError(path, "An id is wanted, as we write it.", "invalid_id"))
        return None


def _read_day(value: Any, path: str, errors: Errors) -> Any:
    if isinstance(value, str) and _DAY.fullmatch(value):
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass
    errors.append(FieldError(path, 'A day like "2026-03-01" is wanted.', "invalid_date"))
    return None


def parse_moment(value: Any) -> datetime:
    """An RFC 3339 time as aware UTC. Raises ValueError, with a sentence for people, for anything else."""
    if not isinstance(value, str) or not _MOMENT.fullmatch(value):
        raise ValueError('A time like "2026-03-01T09:30:00Z" is wanted.')
    try:
        moment = datetime.fromisoformat(value.upper())
        if moment.tzinfo is None:
            raise ValueError('Give the time with its offset from UTC, like "2026-03-01T09:30:00+01:00".')
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("This time is out of range.") from error
    except ValueError as error:
        if "offset from UTC" in str(error):
            raise
        raise ValueError("There is no such time.") from error


def moment_of_query(text: str) -> datetime:
    """As `parse_moment`, of a parameter of an address: a plus sign there means a blank, and a time with an
    offset is often sent with one as it stands."""
    return parse_moment(text.replace(" ", "+"))
