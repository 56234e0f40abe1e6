"""Feedback and disputes for programs: the numbers of the page."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiParameter, OpenApiTypes, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from reporting import params
from reporting.selectors.feedback import FEEDBACK_SPLITS, feedback_of
from reporting.selectors.names import load_names
from web.api import TenantAPIView
from web.pagination import known_query


class CoverageLeftOutSerializer(serializers.Serializer):  # type: ignore[type-arg]
    not_due = serializers.IntegerField(help_text="Without an answer, and the decision is not due yet.")
    not_promised = serializers.IntegerField(
        help_text="Without an answer, and no decision was promised: a nurture sequence answers them."
    )


class CoverageSerializer(serializers.Serializer):  # type: ignore[type-arg]
    answered = serializers.IntegerField()
    base = serializers.IntegerField(help_text="Answered, and those whose decision was due without one.")
    percent = serializers.FloatField(allow_null=True)
    left_out = CoverageLeftOutSerializer()


class RejectedShareSerializer(serializers.Serializer):  # type: ignore[type-arg]
    rejected = serializers.IntegerField()
    base = serializers.IntegerField(help_text="Accepted, rejected or sent to nurture.")
    percent = serializers.FloatField(allow_null=True)


class OverturnedLeftOutSerializer(serializers.Serializer):  # type: ignore[type-arg]
    overturned = serializers.IntegerField()


class CorrectedShareSerializer(RejectedShareSerializer):
    left_out = OverturnedLeftOutSerializer()


class DisputeCountsSerializer(serializers.Serializer):  # type: ignore[type-arg]
    all = serializers.IntegerField()
    open = serializers.IntegerField()
    upheld = serializers.IntegerField()
    overturned = serializers.IntegerField()
    criteria = serializers.IntegerField()
    routing = serializers.IntegerField()


class FeedbackTotalSerializer(serializers.Serializer):  # type: ignore[type-arg]
    mqls = serializers.IntegerField()
    coverage = CoverageSerializer()
    rejected_as_answered = RejectedShareSerializer()
    rejected_as_corrected = CorrectedShareSerializer()
    disputes = DisputeCountsSerializer()


class FeedbackRowSerializer(FeedbackTotalSerializer):
    key = serializers.CharField(allow_null=True, allow_blank=True, help_text="Id, or source.")
    name = serializers.CharField()


class FeedbackReportSerializer(serializers.Serializer):  # type: ignore[type-arg]
    by = serializers.ChoiceField(choices=list(FEEDBACK_SPLITS))
    to = serializers.DateField()
    time_zone = serializers.CharField()
    total = FeedbackTotalSerializer()
    results = FeedbackRowSerializer(many=True)

    def get_fields(self) -> dict[str, Any]:
        """`from` is no name that Python lets a class have."""
        return {"from": serializers.DateField(), **super().get_fields()}


class FeedbackReportView(TenantAPIView):
    """GET reports/feedback"""

    scopes: ClassVar[dict[str, str]] = {"GET": "reports:read"}

    @extend_schema(
        operation_id="reports_feedback",
        summary="Feedback coverage, and rejections as answered and as corrected by disputes",
        description=(
            "MQLs that started in the period. Coverage is answered of those with an answer or with a decision"
            " that was due. A rejection that a dispute overturned stays in `rejected_as_answered` and is in"
            " neither part of `rejected_as_corrected`."
        ),
        parameters=[
            OpenApiParameter("by", str, enum=list(FEEDBACK_SPLITS), default="rep"),
            OpenApiParameter("from", OpenApiTypes.DATE, description="Default: 29 days before `to`."),
            OpenApiParameter("to", OpenApiTypes.DATE, description="Default: today."),
        ],
        responses=FeedbackReportSerializer,
    )
    def get(self, request: Request) -> Response:
        known_query(request, "by", "from", "to")
        now = self.clock()
        query = request.query_params.dict()
        by = params.choice(query, "by", tuple(FEEDBACK_SPLITS), "rep")
        question = params.question_for_api(query, tenant=self.tenant, now=now)
        whole, rows = feedback_of(question, by, now=now, names=load_names())
        return Response(
            {
                "by": by,
                "from": question.first,
                "to": question.last,
                "time_zone": self.tenant.time_zone,
                "total": whole.as_dict(),
                "results": [
                    {
                        "key": None if row.key is None else str(row.key),
                        "name": row.name,
                        **row.feedback.as_dict(),
                    }
                    for row in rows
                ],
            }
        )
