"""The API about named lists: what there are, their entries, and CSV that brings them in and out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar
from uuid import UUID

from django.http import HttpResponse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from leads import strict
from leads.list_csv import MOST_BYTES, read_table, table_of_call
from leads.list_export import list_as_csv
from leads.list_import import import_list, plan_import
from leads.list_plan import STATUS_WORDS, ListPlan
from leads.list_use import uses_of
from leads.models import ListEntry, NamedList
from leads.named_lists import (
    MOST_BY_HAND,
    add_entries,
    all_lists,
    change_list,
    create_list,
    entries_of,
    get_entry,
    get_list,
    remove_entry,
    remove_list,
)
from web.api import TenantAPIView
from web.pagination import api_page, known_query
from web.renderers import ApiRenderer

_SCOPES: Mapping[str, str] = {
    "GET": "config:read",
    "POST": "config:write",
    "PATCH": "config:write",
    "DELETE": "config:write",
}


class ListInSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=80)
    purpose = serializers.ChoiceField(NamedList.Purpose.choices, required=False)


class ListPatchSerializer(serializers.Serializer[Any]):
    """What is left out stays."""

    name = serializers.CharField(max_length=80, required=False)
    purpose = serializers.ChoiceField(NamedList.Purpose.choices, required=False)


class ListSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()
    slug = serializers.CharField(help_text="What rules say: it stays when the list is renamed.")
    purpose = serializers.ChoiceField(NamedList.Purpose.choices)
    entries = serializers.IntegerField()
    used_by = serializers.ListField(child=serializers.CharField(), help_text="Where rules ask about it.")


class ListsSerializer(serializers.Serializer[Any]):
    results = ListSerializer(many=True)


class EntriesInSerializer(serializers.Serializer[Any]):
    entries = serializers.ListField(child=serializers.CharField(max_length=254), max_length=MOST_BY_HAND)
    kind = serializers.ChoiceField(
        ListEntry.Kind.values, required=False, help_text="Left out, each is told by how it is written."
    )


class EntriesDoneSerializer(serializers.Serializer[Any]):
    new = serializers.IntegerField()
    known = serializers.IntegerField(help_text="On the list already.")


class EntrySerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    kind = serializers.ChoiceField(ListEntry.Kind.values)
    entry = serializers.CharField()
    added_at = serializers.DateTimeField()


class EntriesSerializer(serializers.Serializer[Any]):
    results = EntrySerializer(many=True)
    next = serializers.CharField(allow_null=True)


class ImportInSerializer(serializers.Serializer[Any]):
    csv = serializers.CharField(max_length=MOST_BYTES, help_text="The file as text.")
    apply = serializers.BooleanField(required=False, help_text="Left out, only what it would do is said.")
    leave_out_wrong = serializers.BooleanField(required=False)


class ImportRowSerializer(serializers.Serializer[Any]):
    line = serializers.IntegerField()
    entry = serializers.CharField()
    status = serializers.ChoiceField(list(STATUS_WORDS))
    errors = serializers.ListField(child=serializers.CharField())  # type: ignore[assignment]
    changes = serializers.ListField(child=serializers.CharField(), help_text="Of its account, in words.")


class ImportOutSerializer(serializers.Serializer[Any]):
    applied = serializers.BooleanField()
    counts = serializers.DictField(child=serializers.IntegerField())
    ignored_columns = serializers.ListField(child=serializers.CharField())
    rows = ImportRowSerializer(many=True)


_read_list: Callable[..., dict[str, Any]] = strict.reader_of(ListInSerializer)
_read_patch: Callable[..., dict[str, Any]] = strict.reader_of(ListPatchSerializer)
_read_entries: Callable[..., dict[str, Any]] = strict.reader_of(EntriesInSerializer)
_read_import: Callable[..., dict[str, Any]] = strict.reader_of(ImportInSerializer)


def _list(found: NamedList, size: int, used: list[str]) -> dict[str, Any]:
    return {
        "id": found.id,
        "name": found.name,
        "slug": found.slug,
        "purpose": found.purpose,
        "entries": size,
        "used_by": used,
    }


def _entry(found: ListEntry) -> dict[str, Any]:
    return {"id": found.id, "kind": found.kind, "entry": found.shown, "added_at": found.added_at}


def _one(found: NamedList) -> dict[str, Any]:
    return _list(found, entries_of(found).count(), uses_of([found.slug])[found.slug])


class ListsView(TenantAPIView):
    idempotent = True
    scopes: ClassVar[Mapping[str, str]] = _SCOPES

    @extend_schema(operation_id="lists_list", responses={200: ListsSerializer})
    def get(self, request: Request) -> Response:
        """Every named list."""
        known_query(request)
        found = all_lists()
        used = uses_of(each.slug for each in found)
        return Response({"results": [_list(each, each.size, used[each.slug]) for each in found]})

    @extend_schema(operation_id="lists_create", request=ListInSerializer, responses={201: ListSerializer})
    def post(self, request: Request) -> Response:
        """A new list without entries."""
        said = strict.read(_read_list, request.data)
        made = create_list(
            name=said["name"], purpose=said.get("purpose", "other"), actor=self.actor, now=self.clock()
        )
        return Response(_list(made, 0, []), 201)


class OneListView(TenantAPIView):
    scopes: ClassVar[Mapping[str, str]] = _SCOPES

    @extend_schema(operation_id="lists_retrieve", responses={200: ListSerializer})
    def get(self, request: Request, named_list_id: UUID) -> Response:
        """One list, and where rules ask about it."""
        return Response(_one(get_list(list_id=named_list_id)))

    @extend_schema(operation_id="lists_change", request=ListPatchSerializer, responses={200: ListSerializer})
    def patch(self, request: Request, named_list_id: UUID) -> Response:
        """Another name or purpose. Rules go on naming it by its slug."""
        said = strict.read(_read_patch, request.data)
        changed = change_list(
            list_id=named_list_id,
            name=said.get("name"),
            purpose=said.get("purpose"),
            actor=self.actor,
            now=self.clock(),
        )
        return Response(_one(changed))

    @extend_schema(operation_id="lists_remove", responses={204: None})
    def delete(self, request: Request, named_list_id: UUID) -> Response:
        """Remove a list with its entries; 409 with `used` where a rule asks about it."""
        remove_list(list_id=named_list_id, actor=self.actor, now=self.clock())
        return Response(status=204)


class EntriesView(TenantAPIView):
    idempotent = True
    scopes: ClassVar[Mapping[str, str]] = _SCOPES

    @extend_schema(
        operation_id="list_entries_list",
        parameters=[
            OpenApiParameter("q", str, description="Beginning of the entry."),
            OpenApiParameter("cursor", str),
            OpenApiParameter("limit", int),
        ],
        responses={200: EntriesSerializer},
    )
    def get(self, request: Request, named_list_id: UUID) -> Response:
        """The entries of a list."""
        known_query(request, "q", "cursor", "limit")
        found = get_list(list_id=named_list_id)
        rows = entries_of(found, text=request.query_params.get("q", "")[:200])
        page, following = api_page(request, rows, order=("shown", "id"))
        return Response({"results": [_entry(each) for each in page], "next": following})

    @extend_schema(
        operation_id="list_entries_add",
        request=EntriesInSerializer,
        responses={200: EntriesDoneSerializer},
    )
    def post(self, request: Request, named_list_id: UUID) -> Response:
        """Put entries on a list, all or none; 400 with the place of each that is none."""
        said = strict.read(_read_entries, request.data)
        new, known = add_entries(
            list_id=named_list_id,
            texts=said["entries"],
            kind=said.get("kind", ""),
            actor=self.actor,
            now=self.clock(),
        )
        return Response({"new": new, "known": known})


class OneEntryView(TenantAPIView):
    scopes: ClassVar[Mapping[str, str]] = _SCOPES

    @extend_schema(operation_id="list_entries_retrieve", responses={200: EntrySerializer})
    def get(self, request: Request, named_list_id: UUID, list_entry_id: UUID) -> Response:
        """One entry."""
        found = get_entry(named_list=get_list(list_id=named_list_id), entry_id=list_entry_id)
        return Response(_entry(found))

    @extend_schema(operation_id="list_entries_remove", responses={204: None})
    def delete(self, request: Request, named_list_id: UUID, list_entry_id: UUID) -> Response:
        """Take an entry off a list."""
        remove_entry(list_id=named_list_id, entry_id=list_entry_id, actor=self.actor, now=self.clock())
        return Response(status=204)


class ImportListView(TenantAPIView):
    idempotent = True
    scopes: ClassVar[Mapping[str, str]] = _SCOPES

    @extend_schema(
        operation_id="lists_import", request=ImportInSerializer, responses={200: ImportOutSerializer}
    )
    def post(self, request: Request, named_list_id: UUID) -> Response:
        """Say what a CSV file brings, row by row, or bring it in: all of it, or nothing where a row is wrong
        and those are not to be left out."""
        said = strict.read(_read_import, request.data)
        get_list(list_id=named_list_id)
        table = table_of_call(said["csv"], read_table)
        applies = said.get("apply", False)
        if applies:
            plan = import_list(
                list_id=named_list_id,
                table=table,
                leave_out_wrong=said.get("leave_out_wrong", False),
                actor=self.actor,
                now=self.clock(),
            )
        else:
            plan = plan_import(list_id=named_list_id, table=table, now=self.clock())
        return Response(_plan(plan, applies))


class CsvRenderer(ApiRenderer):
    """For whoever accepts nothing but CSV. The file is no rendering; a refusal is JSON, as everywhere."""

    media_type = "text/csv"


class ExportListView(TenantAPIView):
    renderer_classes = (ApiRenderer, CsvRenderer)
    scopes: ClassVar[Mapping[str, str]] = _SCOPES

    @extend_schema(operation_id="lists_export", responses={(200, "text/csv"): str})
    def get(self, request: Request, named_list_id: UUID) -> HttpResponse:
        """The entries of a list as a CSV file, which an import brings in again."""
        known_query(request)
        return list_as_csv(get_list(list_id=named_list_id))


def _plan(plan: ListPlan, applied: bool) -> dict[str, Any]:
    return {
        "applied": applied,
        "counts": plan.counts,
        "ignored_columns": list(plan.ignored),
        "rows": [
            {
                "line": line.line,
                "entry": line.shown,
                "status": line.status,
                "errors": line.errors,
                "changes": line.says,
            }
            for line in plan.lines
        ],
    }
