"""The fields of rules as an editor of this organisation offers them: the named lists that there are to choose
from."""

from __future__ import annotations

from dataclasses import replace

from core.rules import Schema
from leads.criteria import SCHEMA
from leads.list_use import FIELD
from leads.models import NamedList


def list_choices() -> list[tuple[str, str]]:
    """(slug, name) of every list, by name."""
    return list(NamedList.objects.order_by("name", "id").values_list("slug", "name"))


def schema_with_lists() -> Schema:
    """SCHEMA, with the lists that there are as the choices of "On list"; a statement."""
    lists = list_choices()
    if not lists:
        return SCHEMA
    fields = [replace(each, choices=lists) if each.name == FIELD else each for each in SCHEMA.fields]
    return Schema(fields, SCHEMA.kind_labels)
