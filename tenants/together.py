"""Several reads in one round trip: a page that needs a dozen small tables asks the database once.

Each `Ask` is one question; `answers` sends all of them as one statement, of which every question is a column
of JSON, and makes of each what it would have been by itself. Nothing is kept: the next `answers` asks anew.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Generic, TypeVar, cast

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import DecimalField, Field, JSONField, Model, QuerySet

T = TypeVar("T")
U = TypeVar("U")
M = TypeVar("M", bound=Model)
#: A row as the database gave it.
Row = Sequence[Any]
Convert = Callable[[Any], Any]

#: The order of a question's rows is that in which they come out of it.
_PART = (
    "(select coalesce(json_agg(json_build_array({columns})), '[]'::json)::text"
    " from ({sql}) as part({columns}))"
)


@dataclass(frozen=True, slots=True)
class Ask(Generic[T]):
    """A question: its statement (None for one that has no rows for certain), what turns each column of JSON
    into what it stands for, and what is made of the rows."""

    sql: str | None
    parameters: Sequence[Any]
    converts: Sequence[Convert]
    make: Callable[[list[Row]], T]

    def then(self, make: Callable[[T], U]) -> Ask[U]:
        """The same question, with something else made of its answer."""
        return Ask(self.sql, self.parameters, self.converts, lambda rows: make(self.make(rows)))


@dataclass(frozen=True, slots=True)
class Asks(Generic[T]):
    """Several questions that make one answer: `make` gets the answers of the parts, in their order."""

    parts: Sequence[Ask[Any]]
    make: Callable[..., T]


def models_of(queryset: QuerySet[M]) -> Ask[list[M]]:
    """The rows of a query as objects, deferred fields left out. Neither joins nor annotations."""
    model, names = queryset.model, _loaded(queryset)

    def made(rows: list[Row]) -> list[M]:
        return [model.from_db(connection.alias, names, row) for row in rows]

    return _of(queryset.values_list(*names), made)


def _loaded(queryset: QuerySet[Any]) -> list[str]:
    """The columns that a query of objects reads, in the order of its model."""
    named, is_left_out = queryset.query.deferred_loading
    fields = queryset.model._meta.concrete_fields
    always = {queryset.model._meta.pk.attname}
    return [
        each.attname
        for each in fields
        if each.attname in always or (({each.name, each.attname} & set(named) == set()) == is_left_out)
    ]


def tuples_of(queryset: QuerySet[Any, tuple[Any, ...]]) -> Ask[list[Row]]:
    """The rows of a `values_list`, annotations among them."""
    return _of(queryset, lambda rows: rows)


def _of(queryset: QuerySet[Any, Any], make: Callable[[list[Row]], T]) -> Ask[T]:
    compiler = queryset.query.get_compiler(connection=connection)
    try:
        sql, parameters = compiler.as_sql()
    except EmptyResultSet:
        return Ask(None, (), (), make)
    assert compiler.select is not None
    converts = [_convert(each.output_field) for each, *_ in compiler.select]
    return Ask(sql, parameters, converts, make)


def _convert(field: Field[Any, Any]) -> Convert:
    if isinstance(field, JSONField):
        return _same
    if isinstance(field, DecimalField) or hasattr(field, "from_db_value"):
        raise TypeError(f"What {type(field).__name__} reads would not come through JSON as it is.")
    if isinstance(field, ArrayField):
        of_one = _convert(field.base_field)
        return lambda value: None if value is None else [of_one(each) for each in value]
    # A left join reads nothing from columns that are never empty.
    return lambda value: None if value is None else field.to_python(value)


def _same(value: Any) -> Any:
    return value


#: For statements of one's own.
number: Convert = _same


def a_day(value: Any) -> date | None:
    return None if value is None else date.fromisoformat(value)


def answers(*asks: Ask[Any] | Asks[Any]) -> list[Any]:
    """What each question found, in their order; one query, however many they are."""
    parts = [part for each in asks for part in _parts(each)]
    found = iter(_found(parts))
    return [
        each.make(*(next(found) for _ in each.parts)) if isinstance(each, Asks) else next(found)
        for each in asks
    ]


def answer(ask: Ask[T] | Asks[T]) -> T:
    """What one question found."""
    (found,) = answers(ask)
    return cast("T", found)


def _parts(ask: Ask[Any] | Asks[Any]) -> Sequence[Ask[Any]]:
    return ask.parts if isinstance(ask, Asks) else (ask,)


def _found(parts: Sequence[Ask[Any]]) -> list[Any]:
    sent = [each for each in parts if each.sql is not None]
    said: list[str] = []
    if sent:
        columns = []
        for each in sent:
            names = ", ".join(f"c{place}" for place in range(len(each.converts)))
            columns.append(_PART.format(columns=names, sql=each.sql))
        with connection.cursor() as cursor:
            # Compiling such a statement would take longer than it does.
            cursor.execute(
                f"set local jit = off; select {', '.join(columns)}",
                [value for each in sent for value in each.parameters],
            )
            said = list(cursor.fetchone())
    texts = iter(said)
    return [_made(each, next(texts) if each.sql is not None else "[]") for each in parts]


def _made(ask: Ask[T], said: str) -> T:
    rows: list[Row] = [
        tuple(convert(value) for convert, value in zip(ask.converts, row, strict=True))
        for row in json.loads(said)
    ]
    return ask.make(rows)
