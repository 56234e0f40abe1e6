"""Many rows in one statement: `INSERT ... SELECT unnest(...)` and `UPDATE ... FROM unnest(...)`.

One parameter a column whatever the number of rows, so Python builds no long SQL and the database reads no
long expression; several times quicker than Django's bulk_create and bulk_update, which the sweep and the bulk
intake need. (COPY cannot be used on tables with row security.) A handful of rows goes as plain `VALUES`,
which the database plans in half the time: planning is most of what so few cost.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, TypeVar
from uuid import UUID

from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection, models
from django.db.models.base import ModelState

from tenants.arrays import as_array
from tenants.context import TenantMixError, current_tenant_id
from tenants.roundtrips import write

_M = TypeVar("_M", bound=models.Model)
_encode: Final = DjangoJSONEncoder().encode
FEW: Final = 4  # rows up to which plain values are the quicker form


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

    def plain(self, values: Iterable[Any]) -> list[Any]:
        """The values as they travel: JSON as text."""
        if self.is_json:
            return [None if value is None else _encode(value) for value in values]
        return list(values)


@cache
def _columns(model: type[models.Model], names: tuple[str, ...] = ()) -> tuple[_Column, ...]:
    """The columns of these fields, by name or attribute, in that order; without names all stored ones."""
    stored = _stored(model)
    chosen: list[Any] = [model._meta.get_field(name) for name in names] if names else stored
    columns = []
    for field in chosen:
        db_type = str(field.db_type(connection) or "text").split("(")[0]
        is_json = db_type == "jsonb"
        array_type = "text" if is_json or db_type == "varchar" else db_type
        columns.append(_Column(field.attname, str(field.column), array_type, is_json))
    return tuple(columns)


def _stored(model: type[models.Model]) -> list[Any]:
    """The fields that a row brings: not those that the database works out of others."""
    return [each for each in model._meta.local_concrete_fields if not each.generated]


def _listed(columns: Sequence[_Column]) -> str:
    return ", ".join(f'"{column.name}"' for column in columns)


@cache
def _defaults(model: type[models.Model]) -> tuple[dict[str, Any], tuple[tuple[str, Any], ...], int]:
    """What a new instance has where nothing is said: constants, (attribute, maker) pairs; how many fields."""
    constants: dict[str, Any] = {}
    makers: list[tuple[str, Any]] = []
    stored = _stored(model)
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
def _insert_sql(model: type[models.Model], names: tuple[str, ...], few: int, tail: str) -> str:
    """few: how many rows come as plain values; 0 for any number of them as arrays."""
    columns = _columns(model, names)
    # Names come from our own models, never from a request.
    into = f'insert into "{model._meta.db_table}" (tenant_id, {_listed(columns)})'
    if few:
        row = f"(%s, {', '.join(['%s'] * len(columns))})"
        return f"{into} values {', '.join([row] * few)} {tail}"
    values = ", ".join(column.value for column in columns)
    arrays = ", ".join(column.parameter for column in columns)
    rows = f"unnest({arrays}) as rows({_listed(columns)})"
    return f"{into} select %s::uuid, {values} from {rows} {tail}"  # noqa: S608


def _insertion(
    model: type[models.Model], names: tuple[str, ...], columns: Sequence[Sequence[Any]], tail: str = ""
) -> tuple[str, list[Any]]:
    """(statement, parameters) that insert rows of the tenant in force; the values come column by column."""
    tenant_id = str(current_tenant_id())
    plain = [column.plain(values) for column, values in zip(_columns(model, names), columns, strict=True)]
    rows = len(plain[0])
    if rows > FEW:
        return _insert_sql(model, names, 0, tail), [tenant_id, *map(as_array, plain)]
    values = [_scalar(value) for row in zip(*plain, strict=True) for value in (tenant_id, *row)]
    return _insert_sql(model, names, rows, tail), values


def _scalar(value: Any) -> Any:
    """Ids go as text, which the driver passes on as it is."""
    return str(value) if isinstance(value, UUID) else value


@cache
def _stored_names(model: type[models.Model]) -> tuple[str, ...]:
    """The attributes of all stored fields but the tenant."""
    return tuple(each.attname for each in _stored(model) if each.attname != "tenant_id")


def insert_rows(rows: Sequence[models.Model], *, conflict: str = "", returning: bool = False) -> list[Any]:
    """Insert instances of one model in one statement; defaults were applied when they were made.

    conflict:  an "on conflict ..." clause of ours, never a caller's text.
    returning: give back the ids that were really inserted (rows that met a conflict are not among them).
    Each row must belong to the tenant in force, or name none yet.
    """
    if not rows:
        return []
    model = type(rows[0])
    ours = current_tenant_id()
    for row in rows:
        theirs = getattr(row, "tenant_id", None)
        if theirs is not ours and theirs and theirs != ours:
            raise TenantMixError("A row of another tenant was to be written.")
        row._state.adding = False  # a later save() is an update
    names = _stored_names(model)
    columns = [[getattr(row, name) for row in rows] for name in names]
    sql, parameters = _insertion(model, names, columns, f"{conflict} returning id" if returning else conflict)
    if not returning:
        write(sql, parameters)
        return []
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return [row[0] for row in cursor.fetchall()]


def insert_values(model: type[models.Model], names: tuple[str, ...], rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert plain tuples as rows of the tenant in force: `insert_rows` for where an instance would cost
    more than the row. names: the attributes in the tuples' order, "id" among them; columns left out need a
    database default.
    """
    if rows:
        write(*_insertion(model, names, list(zip(*rows, strict=True))))


@cache
def _update_sql(model: type[models.Model], names: tuple[str, ...], one: bool) -> str:
    columns = _columns(model, names)
    # Names come from our own models, never from a request.
    table = f'update "{model._meta.db_table}" as target set'
    if one:
        changes = ", ".join(f'"{column.name}" = %s' for column in columns)
        return f"{table} {changes} where target.tenant_id = %s and target.id = %s"
    changes = ", ".join(f'"{column.name}" = {column.value}' for column in columns)
    arrays = ", ".join(column.parameter for column in columns)
    return (
        f'{table} {changes} from unnest(%s::uuid[], {arrays}) as rows("id", {_listed(columns)}) '
        "where target.tenant_id = %s and target.id = rows.id"
    )


def update_rows(
    rows: Sequence[Any], names: Sequence[str], *, model: type[models.Model] | None = None
) -> None:
    """Write the fields `names` of each row to the database, all in one statement; rows of the tenant in force
    only.

    rows:  instances of one model, or with `model` anything that has its attributes. Instances that are not
           inserted yet are left out: they bring what they have when they are.
    The caller holds the rows' locks where two writers could meet: this statement takes them in no promised
    order.
    """
    if model is None:
        rows = [row for row in rows if not row._state.adding]
    if not rows:
        return
    kind: type[models.Model] = model if model is not None else type(rows[0])
    columns = [
        column.plain([getattr(row, column.attribute) for row in rows])
        for column in _columns(kind, tuple(names))
    ]
    tenant_id = str(current_tenant_id())
    if len(rows) == 1:
        values = [_scalar(column[0]) for column in columns]
        write(_update_sql(kind, tuple(names), True), [*values, tenant_id, str(rows[0].id)])
    else:
        ids = as_array([row.id for row in rows])
        arrays = map(as_array, columns)
        write(_update_sql(kind, tuple(names), False), [ids, *arrays, tenant_id])
