"""Texts that are found by how they begin, whatever their case.

Row security keeps LIKE, and any condition that calls lower(), from an index: neither promises to give nothing
away of rows that are not ours. starts_with does, on a column that the database keeps in small letters.
"""

from __future__ import annotations

from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db import models
from django.db.models import BooleanField, F, Func, Value
from django.db.models.functions import Lower


def lower_of(name: str) -> models.GeneratedField:
    """A column of this field's text in small letters, which the database writes. A text without limit: a
    letter's small form may be two."""
    return models.GeneratedField(expression=Lower(name), output_field=models.TextField(), db_persist=True)


def index_of(*fields: str, name: str) -> models.Index:
    """An index of the tenant and these fields that finds how the last one begins, however the database
    sorts."""
    classes = [*["uuid_ops"] * len(fields), "text_pattern_ops"]
    return models.Index(fields=["tenant", *fields], opclasses=classes, name=name)


def begins(name: str, text: str) -> Func:
    """Does this field, which is in small letters, begin with the text?"""
    wanted: Any = Lower(Value(text))
    return Func(F(name), wanted, function="starts_with", output_field=BooleanField())


def is_one_of(name: str, values: models.QuerySet[Any, Any]) -> Func:
    """Is this field one of these values? They are found first and looked up then: of `in (select ...)` the
    planner makes a pass over the whole table."""
    any_of = Func(ArraySubquery(values), function="any")
    return Func(F(name), any_of, template="%(expressions)s", arg_joiner=" = ", output_field=BooleanField())
