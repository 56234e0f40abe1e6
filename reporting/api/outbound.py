"""Numbers of outbound meetings over the API."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiParameter, OpenApiTypes, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from handoff.meeting_api import MEETING_PAGE, document
from reporting import params
from reporting.selectors import outbound
from web.api import TenantAPIView
from web.openapi import PAGE_PARAMETERS
from web.pagination import api_page, known_query

_PERIOD = [
    OpenApiParameter("period", str, enum=list(params.PERIODS)),
    OpenApiParameter("from", OpenApiTypes.DATE),
    OpenApiParameter("to", OpenApiTypes.DATE),
]


class MeetingNumbersSerializer(serializers.Serializer):  # type: ignore[type-arg]
    booked = serializers.IntegerField(help_text="To begin in the period.")
    qualified = serializers.IntegerField(help_text="Of these: every criterion was met when booked.")
    held = serializers.IntegerField(help_text="Accepted, or disqualified once it had begun.")
    accepted = serializers.IntegerField()
    disqualified = serializers.IntegerField()
    no_shows = serializers.DictField(child=serializers.IntegerField(), help_text="By who was not there.")
    opportunities = serializers.IntegerField(help_text="Accepted, and came to an opportunity.")
    show_rate = serializers.FloatField(allow_null=True, help_text="Per cent of held and no-shows.")
    acceptance_rate = serializers.FloatField(allow_null=True, help_text="Per cent of held.")
    opportunity_rate = serializers.FloatField(allow_null=True, help_text="Per cent of accepted.")
    reasons = serializers.DictField(child=serializers.IntegerField(), help_text="Of everything disqualified.")
    left_out = serializers.DictField(child=serializers.IntegerField(), help_text="In no rate.")


class MeetingRowSerializer(MeetingNumbersSerializer):
    key = serializers.UUIDField(help_text="Id of the member.")
    name = serializers.CharField()


class MeetingReportSerializer(serializers.Serializer):  # type: ignore[type-arg]
    to = serializers.DateField()
    total = MeetingNumbersSerializer()
    by_sdr = MeetingRowSerializer(many=True)
    by_ae = MeetingRowSerializer(many=True)

    def get_fields(self) -> dict[str, Any]:
        """`from` is no name that Python lets a class have."""
        return {"from": serializers.DateField(), **super().get_fields()}


class MeetingReportView(TenantAPIView):
    """GET reports/meetings"""

    scopes: ClassVar[dict[str, str]] = {"GET": "reports:read"}

    @extend_schema(
        operation_id="reports_meetings",
        parameters=_PERIOD,
        responses={200: MeetingReportSerializer},
    )
    def get(self, request: Request) -> Response:
        """What became of the meetings that were to begin in a period, in all, by SDR and by AE."""
        known_query(request, "period", "from", "to")
        now = self.clock()
        question = params.question_for_api(request.query_params, tenant=self.tenant, now=now)
        found = outbound.report(question, now=now)
        rows = {
            f"by_{name}": [{"key": row.key, "name": row.name, **row.numbers.document()} for row in rows]
            for name, rows in found.by.items()
        }
        ends = {"from": question.first, "to": question.last}
        return Response({**ends, "total": found.total.document(), **rows})


class MeetingsBehindView(TenantAPIView):
    """GET reports/meetings/list"""

    scopes: ClassVar[dict[str, str]] = {"GET": "reports:read"}

    @extend_schema(
        operation_id="reports_meetings_list",
        summary="The meetings behind a number about outbound handoffs",
        description="Exactly those that it counts, those that begin last first.",
        parameters=[
            OpenApiParameter("what", str, enum=list(outbound.LISTED), default="booked"),
            *(OpenApiParameter(name, OpenApiTypes.UUID, description="A member.") for name in outbound.SPLITS),
            OpenApiParameter("reason", str, description="Its label: disqualified for it."),
            *_PERIOD,
            *PAGE_PARAMETERS,
        ],
        responses={200: MEETING_PAGE},
    )
    def get(self, request: Request) -> Response:
        names = ("what", "reason", *outbound.SPLITS, "period", "from", "to", "cursor", "limit")
        known_query(request, *names)
        query = request.query_params.dict()
        question = params.question_for_api(query, tenant=self.tenant, now=self.clock())
        found = outbound.meetings_behind(
            question,
            params.choice(query, "what", tuple(outbound.LISTED), "booked"),
            people={
                name: key for name in outbound.SPLITS if (key := params.id_asked(query, name)) is not None
            },
            reason=query.get("reason", "")[: outbound.MOST_LABEL],
        )
        rows, following = api_page(request, found, order=("-starts_at", "-id"))
        return Response({"results": [document(row) for row in rows], "next": following})
