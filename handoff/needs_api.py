"""The "needs data" queue over the API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from handoff.needs import leads_waiting, waiting_of
from handoff.readiness import held_leads
from web.api import TenantAPIView
from web.openapi import PAGE_PARAMETERS, page_serializer
from web.pagination import api_page, known_query


class LackSerializer(serializers.Serializer[Any]):
    field = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    code = serializers.CharField(help_text="missing, or the check that found fault with the value.")
    words = serializers.CharField()


class WaitingSerializer(serializers.Serializer[Any]):
    """A lead that qualifies and is not handed over."""

    lead = serializers.UUIDField()
    name = serializers.CharField()
    company = serializers.CharField(allow_blank=True)
    source = serializers.CharField(allow_blank=True)  # type: ignore[assignment]
    stage = serializers.CharField()
    updated_at = serializers.DateTimeField()
    since = serializers.DateTimeField(help_text="When it began to wait.")
    needs = serializers.ListField(child=serializers.CharField(), help_text="Fields that are required.")
    lacks = LackSerializer(many=True)
    held_until = serializers.DateTimeField(
        allow_null=True, help_text="It is held for enrichment until then at the latest."
    )


WAITING_PAGE = page_serializer("WaitingPage", WaitingSerializer)


class NeedsDataView(TenantAPIView):
    scopes: ClassVar[Mapping[str, str]] = {"GET": "leads:read"}

    @extend_schema(operation_id="needs_data_list", parameters=PAGE_PARAMETERS, responses={200: WAITING_PAGE})
    def get(self, request: Request) -> Response:
        """Leads that qualify and lack something that a handoff asks for, the latest change first. Mend one by
        `PATCH leads/{id}`: it is handed over at once when nothing lacks any more.
        """
        known_query(request, "cursor", "limit")
        rows, following = api_page(request, leads_waiting())
        return Response({"results": [row.as_dict() for row in waiting_of(rows)], "next": following})


class HeldView(TenantAPIView):
    scopes: ClassVar[Mapping[str, str]] = {"GET": "leads:read"}

    @extend_schema(
        operation_id="held_for_enrichment_list", parameters=PAGE_PARAMETERS, responses={200: WAITING_PAGE}
    )
    def get(self, request: Request) -> Response:
        """Leads that qualify and are held for enrichment, the latest change first. Whatever is sent for one
        is looked at in the same call.
        """
        known_query(request, "cursor", "limit")
        rows, following = api_page(request, held_leads())
        return Response({"results": [row.as_dict() for row in waiting_of(rows)], "next": following})
