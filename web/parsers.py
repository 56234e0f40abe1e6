"""JSON as the API takes it: one object, nothing ambiguous, nothing that the database could not keep."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from typing import IO, Any

from django.conf import settings
from rest_framework.parsers import BaseParser, JSONParser
from rest_framework.request import Request

from core.errors import ValidationFailed, pointer
from web.problems import BodyTooLarge, MalformedBody

#: A rule of 20 levels takes two each, and stands inside of a content inside of a body.
MAX_DEPTH = 64
# Escapes that may spell what PostgreSQL cannot store: the NUL character and halves of surrogate pairs.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_SUSPICIOUS = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")


class StrictJSONParser(JSONParser):
    """JSON objects only. Refused, with the place: duplicate members, NaN and Infinity, numbers beyond a
    double, NUL characters, halves of surrogate pairs, nesting deeper than MAX_DEPTH, and bodies over the
    limit."""

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        raw = stream.read(limit + 1)
        if len(raw) > limit:
            raise BodyTooLarge(limit)
        return parse_object(raw)


def parse_object(raw: bytes) -> dict[str, Any]:
    """The JSON object in `raw`. Raises MalformedBody, or ValidationFailed where it is JSON that cannot be
    taken."""
    value = _load(raw)
    if not isinstance(value, dict):
        raise ValidationFailed.at("", "The body must be a JSON object.", "not_an_object")
    # Most bodies are flat and plain: the walk is for those whose bytes allow for trouble.
    suspicious = _SUSPICIOUS.search(raw) is not None
    if suspicious or raw.count(b"{") + raw.count(b"[") > MAX_DEPTH:
        _walk(value, texts=suspicious)
    return value


def _load(raw: bytes) -> Any:
    try:
        return json.loads(
            raw.decode(), object_pairs_hook=_object, parse_constant=_refuse_constant, parse_float=_finite
        )
    except UnicodeDecodeError as error:
        raise MalformedBody(f"The body is not UTF-8 at byte {error.start}.", position=error.start) from error
    except json.JSONDecodeError as error:
        raise MalformedBody(
            f"Malformed JSON at line {error.lineno}, column {error.colno}: {error.msg}.",
            line=error.lineno,
            column=error.colno,
        ) from error
    except RecursionError as error:
        raise MalformedBody(f"The JSON is nested deeper than {MAX_DEPTH} levels.") from error
    except ValueError as error:  # an integer of thousands of digits
        raise MalformedBody("The JSON has a number that is too long.") from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise MalformedBody(f"The member {twice!r} is there twice in one object.")
    return found


def _refuse_constant(name: str) -> Any:
    raise MalformedBody(f"{name} is not JSON.")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise MalformedBody(f"The number {text[:40]} is too large.")
    return number


def _walk(value: dict[str, Any], *, texts: bool) -> None:
    """Raise for too much depth and, if asked, for texts that cannot be stored; without recursion, as depth is
    what is asked."""
    inside = (dict, list, str) if texts else (dict, list)
    waiting: list[tuple[Any, tuple[str | int, ...]]] = [(value, ())]
    while waiting:
        item, path = waiting.pop()
        if isinstance(item, str):
            _check_text(item, path)
        elif isinstance(item, dict | list):
            if len(path) >= MAX_DEPTH:
                raise MalformedBody(f"The JSON is nested deeper than {MAX_DEPTH} levels.")
            if isinstance(item, dict):
                if texts:
                    for key in item:
                        _check_text(key, (*path,))
                parts: Iterable[tuple[str | int, Any]] = item.items()
            else:
                parts = enumerate(item)
            waiting.extend((inner, (*path, place)) for place, inner in parts if isinstance(inner, inside))


def _check_text(text: str, path: tuple[str | int, ...]) -> None:
    if _UNSTORABLE.search(text) is not None:
        raise ValidationFailed.at(
            pointer(*path),
            "The text has a character that cannot be stored (NUL or half a surrogate pair).",
            "bad_text",
        )


class CalendarFileParser(BaseParser):
    """An iCalendar file as the body, as bytes. What is in it is read by whoever takes it."""

    media_type = "text/calendar"

    def parse(  # type: ignore[override]
        self,
        stream: IO[bytes],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        raw = stream.read(limit + 1)
        if len(raw) > limit:
            raise BodyTooLarge(limit)
        return raw


def uploaded_file(request: Request, *, at_most: int) -> bytes:
    """The calendar file that a call brings: as its body (text/calendar), or as the part `file` of a form.

    at_most: bytes. Raises ValidationFailed at /file where there is none or it is larger.
    """
    body = request.data
    if isinstance(body, bytes):
        data, size = body, len(body)
    else:
        part = request.FILES.get("file")
        data, size = (part.read(), part.size or 0) if part is not None else (b"", 0)
    if not data:
        raise ValidationFailed.at("/file", "Send the file, as the body or as the part `file`.", "required")
    if size > at_most:
        raise ValidationFailed.at("/file", f"The file has more than {at_most:,} bytes.", "too_large")
    return data


class CsvFileParser(CalendarFileParser):
    """A CSV file as the body, as bytes: in which characters it is written, its reader has to find out."""

    media_type = "text/csv"
