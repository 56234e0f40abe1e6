"""Change many rows in one statement: `UPDATE ... FROM unnest(...)`, the sister of
tenants.bulk.insert_rows."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection, models

from tenants.bulk import write
from tenants.context import current_tenant_id


@cache
def _field(model: type[models.Model], name: str) -> tuple[str, str, str, bool]:
    """(attribute, column, array type, is JSON) of a field."""
    field: Any = model._meta.get_field(name)
    db_type = str(field.db_type(connection) or "text").split("(")[0]
    is_json = db_type == "jsonb"
    base = "text" if is_json or db_type == "varchar" else db_type
    return field.attname, field.column, base, is_json


def _values(rows: Sequence[models.Model], attribute: str, base: str, is_json: bool) -> list[Any]:
    values = [getattr(row, attribute) for row in rows]
    if is_json:
        return [None if value is None else json.dumps(value, cls=DjangoJSONEncoder) for value in values]
    if base == "uuid":
        return [None if value is None else str(value) for value in values]
    return values


def update_rows(rows: Sequence[models.Model], fields: Sequence[str]) -> None:
    """Write `fields` of each instance to its row, all in one statement; rows of the tenant in force only.

    The caller holds the rows' locks where two writers could meet: this statement takes them in no promised
    order.
    """
    if not rows:
        return
    model = type(rows[0])
    columns = [_field(model, name) for name in fields]
    sets = ", ".join(
        f'"{column}" = rows."{column}"' + ("::jsonb" if is_json else "") for _, column, _, is_json in columns
    )
    names = ", ".join(f'"{column}"' for _, column, _, _ in columns)
    arrays = ", ".join(f"%s::{base}[]" for _, _, base, _ in columns)
    # Names come from our own models, never from a request.
    sql = (
        f'update "{model._meta.db_table}" as target set {sets} '  # noqa: S608
        f'from unnest(%s::uuid[], {arrays}) as rows("id", {names}) '
        "where target.tenant_id = %s and target.id = rows.id"
    )
    ids = [str(row.pk) for row in rows]
    parameters = [_values(rows, attribute, base, is_json) for attribute, _, base, is_json in columns]
    write(sql, [ids, *parameters, str(current_tenant_id())])
