"""Many rows in one statement: `INSERT ... SELECT unnest(...)` and `UPDATE ... FROM unnest(...)`.

One parameter a column whatever the number of rows, so the statement is parsed once and Python builds no long
SQL; several times quicker than Django's bulk_create and bulk_update, which the sweep and the bulk intake
need. (COPY cannot be used on tables with row security.)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, TypeVar

from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection, models
from django.db.models.base import ModelState

from tenants.context import current_tenant_id
from tenants.roundtrips import write

_M = TypeVar("_M", bound=models.Model)
_encode: Final = DjangoJSONEncoder().encode


@dataclass(frozen=True, slots=True)
class _Column:
    """One stored field of a model. name: its column; array_type: of the parameter that carries its values."""

    attribute: str
    name: str
    array_type: str
    is_json: bool

    @property
    def parameter(self) -> str:
        return f"%s::{self.array_type}[]"

    @property
    def value(self) -> str:
        """The value of one row, in the column's own type."""
        return f'rows."{self.name}"' + ("::jsonb" if self.is_json else "")

    def array(self, values: Iterable[Any]) -> list[Any]:
        """The parameter for these values. Ids go as text, which the driver passes on as it is."""
        if self.is_json:
            return [None if value is None else _encode(value) for value in values]
        if self.array_type == "uuid":
            return [None if value is None else str(value) for value in values]
        return list(values)


@cache
def _columns(model: type[models.Model], names: tuple[str, ...] = ()) -> tuple[_Column, ...]:
    """The columns of these fields, by name or attribute, in that order; without names all stored ones."""
    stored: list[Any] = list(model._meta.local_concrete_fields)
    chosen: list[Any] = [model._meta.get_field(name) for name in names] if names else stored
    columns = []
    for field in chosen:
        db_type = str(field.db_type(connection) or "text").split("(")[0]
        is_json = db_type == "jsonb"
        array_type = "text" if is_json or db_type == "varchar" else db_type
        columns.append(_Column(field.attname, str(field.column), array_type, is_json))
    return tuple(columns)


def _listed(columns: Sequence[_Column]) -> str:
    return ", ".join(f'"{column.name}"' for column in columns)


@cache
def _defaults(model: type[models.Model]) -> tuple[dict[str, Any], tuple[tuple[str, Any], ...], int]:
    """What a new instance has where nothing is said: constants, (attribute, maker) pairs; how many fields."""
    constants: dict[str, Any] = {}
    makers: list[tuple[str, Any]] = []
    stored: Sequence[Any] = model._meta.local_concrete_fields
    for each in stored:
        if callable(each.default) and each.has_default():
            makers.append((each.attname, each.default))
        else:
            constants[each.attname] = each.get_default()
    return constants, tuple(makers), len(stored)


def fresh(model: type[_M], **values: Any) -> _M:
    """A new instance as `model(**values)` makes it, for paths that make thousands: a fraction of its cost.

    values: by attribute, so "lead_id" and never "lead". Raises TypeError for a name that is no stored field.
    No signal of an instance's making is sent.
    """
    constants, makers, fields = _defaults(model)
    row = model.__new__(model)
    held = row.__dict__
    held.update(constants)
    for name, make in makers:
        if name not in values:
            held[name] = make()
    held.update(values)
    if len(held) != fields:
        raise TypeError(f"{model.__name__} has no stored field of one of these names: {sorted(values)}")
    row._state = ModelState()
    return row


@cache
def _insert_sql(model: type[models.Model], conflict: str, returning: bool) -> str:
    columns = _columns(model)
    names = _listed(columns)
    values = ", ".join(column.value for column in columns)
    arrays = ", ".join(column.parameter for column in columns)
    tail = " returning id" if returning else ""
    # Names come from our own models, never from a request.
    return (
        f'insert into "{model._meta.db_table}" ({names}) '  # noqa: S608
        f"select {values} from unnest({arrays}) as rows({names}) {conflict}{tail}"
    )


def insert_rows(rows: Sequence[models.Model], *, conflict: str = "", returning: bool = False) -> list[Any]:
    """Insert instances of one model in one statement; defaults were applied when they were made.

    conflict:  an "on conflict ..." clause of ours, never a caller's text.
    returning: give back the ids that were really inserted (rows that met a conflict are not among them).
    Each row must belong to the tenant in force; the database refuses others.
    """
    if not rows:
        return []
    model = type(rows[0])
    tenant_id = current_tenant_id()
    arrays: list[list[Any]] = []
    for column in _columns(model):
        values = [getattr(row, column.attribute) for row in rows]
        if column.attribute == "tenant_id":
            ours = str(tenant_id)
            arrays.append([ours if not each or each is tenant_id else str(each) for each in values])
        else:
            arrays.append(column.array(values))
    for row in rows:
        row._state.adding = False  # a later save() is an update
    sql = _insert_sql(model, conflict, returning)
    if not returning:
        write(sql, arrays)
        return []
    with connection.cursor() as cursor:
        cursor.execute(sql, arrays)
        return [row[0] for row in cursor.fetchall()]


@cache
def _insert_values_sql(model: type[models.Model], names: tuple[str, ...]) -> str:
    columns = _columns(model, names)
    listed = _listed(columns)
    values = ", ".join(column.value for column in columns)
    arrays = ", ".join(column.parameter for column in columns)
    # Names come from our own models, never from a request.
    return (
        f'insert into "{model._meta.db_table}" (tenant_id, {listed}) '  # noqa: S608
        f"select %s::uuid, {values} from unnest({arrays}) as rows({listed})"
    )


def insert_values(model: type[models.Model], names: tuple[str, ...], rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert plain tuples as rows of the tenant in force: `insert_rows` for where an instance would cost
    more than the row. names: the attributes in the tuples' order, "id" among them; columns left out need a
    database default.
    """
    if not rows:
        return
    by_column = zip(_columns(model, names), zip(*rows, strict=True), strict=True)
    arrays = [column.array(values) for column, values in by_column]
    write(_insert_values_sql(model, names), [str(current_tenant_id()), *arrays])


@cache
def _update_sql(model: type[models.Model], names: tuple[str, ...]) -> str:
    columns = _columns(model, names)
    changes = ", ".join(f'"{column.name}" = {column.value}' for column in columns)
    arrays = ", ".join(column.parameter for column in columns)
    # Names come from our own models, never from a request.
    return (
        f'update "{model._meta.db_table}" as target set {changes} '  # noqa: S608
        f'from unnest(%s::uuid[], {arrays}) as rows("id", {_listed(columns)}) '
        "where target.tenant_id = %s::uuid and target.id = rows.id"
    )


def update_rows(
    rows: Sequence[Any], names: Sequence[str], *, model: type[models.Model] | None = None
) -> None:
    """Write the fields `names` of each row to the database, all in one statement; rows of the tenant in force
    only.

    rows:  instances of one model, or with `model` anything that has its attributes.
    The caller holds the rows' locks where two writers could meet: this statement takes them in no promised
    order.
    """
    if not rows:
        return
    kind: type[models.Model] = model if model is not None else type(rows[0])
    arrays = [
        column.array([getattr(row, column.attribute) for row in rows])
        for column in _columns(kind, tuple(names))
    ]
    sql = _update_sql(kind, tuple(names))
    write(sql, [[str(row.id) for row in rows], *arrays, str(current_tenant_id())])
