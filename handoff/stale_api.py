"""Leads with a stale status over the API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from handoff.selectors.stale import stale_counts, stale_rows
from handoff.serializers import PersonSerializer
from handoff.stale import NAMES, ORDER, asked_of
from leads.owed import STANDING
from tenants.selectors import person_document
from web.api import TenantAPIView
from web.openapi import PAGE_PARAMETERS
from web.pagination import api_page, known_query


class StaleLeadSerializer(serializers.Serializer[Any]):
    lead = serializers.UUIDField()
    handoff = serializers.UUIDField()
    stage = serializers.ChoiceField(choices=[str(stage) for stage in STANDING])
    owner = PersonSerializer()
    worked_at = serializers.DateTimeField(help_text="The last sign of work.")
    working_days = serializers.IntegerField(help_text="Since then.")
    allowed_days = serializers.IntegerField()


class StaleCountSerializer(serializers.Serializer[Any]):
    owner = serializers.UUIDField()
    name = serializers.CharField()
    team = serializers.CharField(allow_blank=True)
    count = serializers.IntegerField()
    oldest_at = serializers.DateTimeField()


class StaleListSerializer(serializers.Serializer[Any]):
    """Stale leads, and how many each owner has (by stage and team, whatever `owner` says)."""

    results = StaleLeadSerializer(many=True)
    next = serializers.URLField(allow_null=True, help_text="Address of the next page; null on the last.")
    counts = StaleCountSerializer(many=True)


class StaleView(TenantAPIView):
    scopes: ClassVar[Mapping[str, str]] = {"GET": "leads:read"}

    @extend_schema(
        operation_id="leads_stale",
        parameters=[
            OpenApiParameter("stage", str, enum=[str(stage) for stage in STANDING]),
            OpenApiParameter("team", str, description="Id of a team."),
            OpenApiParameter("owner", str, description="Id or e-mail of a member."),
            *PAGE_PARAMETERS,
        ],
        responses={200: StaleListSerializer},
    )
    def get(self, request: Request) -> Response:
        """Open leads without a sign of work for as many working days as their stage allows, the longest
        first. Empty where no days are chosen: see /upkeep."""
        known_query(request, *NAMES, "cursor", "limit")
        params = {name: request.query_params.get(name, "") for name in NAMES}
        asked = asked_of(params, tenant=self.tenant, member=None, now=self.clock())
        rows, following = api_page(request, asked.found().select_related("owner"), order=ORDER)
        return Response(
            {
                "results": [
                    {
                        "lead": each.handoff.lead_id,
                        "handoff": each.handoff.id,
                        "stage": str(each.stage),
                        "owner": person_document(each.handoff.owner),
                        "worked_at": each.handoff.worked_at,
                        "working_days": each.idle,
                        "allowed_days": each.allowed,
                    }
                    for each in stale_rows(asked.rule, rows)
                ],
                "next": following,
                "counts": [
                    {
                        "owner": each.member_id,
                        "name": each.name,
                        "team": each.team,
                        "count": each.count,
                        "oldest_at": each.oldest,
                    }
                    for each in stale_counts(asked.of_everybody())
                ],
            }
        )
