"""Pages by an opaque cursor: `{"results": [...], "next": URL or null}`.

A cursor names the last row that was seen, not a number of rows to skip, so a page costs the same however deep
it is, and rows that arrive meanwhile neither repeat nor hide others.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.http import HttpRequest
from rest_framework.request import Request

from core.errors import FieldError, ValidationFailed, pointer
from core.slips import hint

DEFAULT_SIZE, MAX_SIZE = 50, 200


@dataclass(frozen=True, slots=True)
class Page:
    """`rows` of this page in order; `next` is the cursor of the following page, "" on the last."""

    rows: list[Any]
    next: str


def page_of(
    queryset: models.QuerySet[Any],
    *,
    cursor: str = "",
    size: int = DEFAULT_SIZE,
    order: Sequence[str] = ("-updated_at", "-id"),
) -> Page:
    """One page of `queryset` in `order`: field names, all ascending or all with "-"; the last must be unique.

    None of the fields may be null. Raises ValidationFailed at /cursor for a cursor that we did not make.
    """
    rows = list(behind(queryset, cursor=cursor, order=order)[: size + 1])
    if len(rows) <= size:
        return Page(rows, "")
    rows = rows[:size]
    return Page(rows, write_cursor([getattr(rows[-1], name.lstrip("-")) for name in order]))


def behind(queryset: models.QuerySet[Any], *, cursor: str, order: Sequence[str]) -> models.QuerySet[Any]:
    """`queryset` in `order`, from the row on that follows the cursor's; for whoever makes pages of rows that
    come with others. Order and refusals as those of `page_of`."""
    ordered = queryset.order_by(*order)
    if not cursor:
        return ordered
    names = [name.lstrip("-") for name in order]
    return ordered.filter(
        _after(names, read_cursor(cursor, queryset.model, names), descending=order[0].startswith("-"))
    )


def api_page(
    request: Request, queryset: models.QuerySet[Any], *, order: Sequence[str] = ("-updated_at", "-id")
) -> tuple[list[Any], str | None]:
    """(rows, URL of the next page or None) by the query parameters `cursor` and `limit` of an API call."""
    page = page_of(
        queryset, cursor=request.query_params.get("cursor", ""), size=page_size(request._request), order=order
    )
    return page.rows, next_url(request._request, page.next)


def page_size(request: HttpRequest) -> int:
    """The query parameter `limit`, 1 to 200. Raises ValidationFailed at /limit."""
    text = request.GET.get("limit", str(DEFAULT_SIZE))
    if not (text.isascii() and text.isdigit() and len(text) <= 4 and 1 <= int(text) <= MAX_SIZE):
        raise ValidationFailed.at("/limit", f"limit is a number from 1 to {MAX_SIZE}.")
    return int(text)


def known_query(request: Request, *names: str) -> None:
    """Refuse query parameters that a call does not know, and those that say two things: a filter with a slip
    in its name would otherwise answer with everything, a repeated one with the last. Raises ValidationFailed
    with each."""
    errors = []
    for name in request.query_params:
        if name not in names:
            said = f"There is no parameter {name[:80]!r}.{hint(name, names)}"
            errors.append(FieldError(pointer(name[:80]), said, "unknown_field"))
        elif len(request.query_params.getlist(name)) > 1:
            errors.append(FieldError(pointer(name), f"Say {name} once: one value is asked for.", "repeated"))
    if errors:
        raise ValidationFailed(errors[0].message, field_errors=errors)


def next_url(request: HttpRequest, cursor: str) -> str | None:
    """This request's address with another cursor; None for the last page."""
    if not cursor:
        return None
    query = request.GET.copy()
    query["cursor"] = cursor
    return request.build_absolute_uri(f"{request.path}?{urlencode(list(query.lists()), doseq=True)}")


def _after(names: list[str], values: list[Any], *, descending: bool) -> Q:
    """Rows behind (values) in the order of (names). The first condition alone lets the index start there."""
    step = "lt" if descending else "gt"
    later = Q()
    for place, name in enumerate(names):
        same = {earlier: values[index] for index, earlier in enumerate(names[:place])}
        later |= Q(**same, **{f"{name}__{step}": values[place]})
    return Q(**{f"{names[0]}__{step}e": values[0]}) & later


def write_cursor(values: Sequence[Any]) -> str:
    """The cursor of the last row that was seen, by its values in the list's order."""
    text = json.dumps([_plain(value) for value in values], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _plain(value: Any) -> Any:
    if isinstance(value, date):  # a moment is one too
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else value


def read_cursor(cursor: str, model: type[models.Model], names: Sequence[str]) -> list[Any]:
    """What a cursor of a list of `model` by these fields says of the last row seen. Raises ValidationFailed
    at /cursor."""
    try:
        plain = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
        if not isinstance(plain, list) or len(plain) != len(names):
            raise ValueError("not of this list")
        values = [
            _typed(model._meta.get_field(name), value) for name, value in zip(names, plain, strict=True)
        ]
    except (ValueError, binascii.Error, ValidationError, TypeError, RecursionError, OverflowError) as error:
        raise ValidationFailed.at("/cursor", "This cursor is not one of ours; begin without one.") from error
    return values


def _typed(field: Any, value: Any) -> Any:
    if (
        not isinstance(value, str | int)
        or isinstance(value, bool)
        or (isinstance(value, str) and "\x00" in value)
    ):
        raise ValueError("no value of a cursor")
    typed = field.to_python(value)
    if isinstance(typed, datetime):
        if typed.utcoffset() is None:
            raise ValueError("a cursor's time has a zone")
        typed.astimezone(UTC)  # raises where the offset leads out of the years that there are
    if isinstance(field, models.IntegerField) and not -(2**31) <= typed < 2**31:
        raise ValueError("beyond the column")
    if _plain(typed) != value:
        raise ValueError("not as we write it")
    return typed
