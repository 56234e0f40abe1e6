"""How many leads each rule's choice was moved away from, for programs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiParameter, OpenApiTypes, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from reporting import params
from routing.moved import moved_by_rule
from web.api import TenantAPIView
from web.pagination import known_query


class RuleMovesSerializer(serializers.Serializer[Any]):
    rule = serializers.CharField(help_text="Its name at that time, or the territory's.")
    pool = serializers.CharField(help_text="Slug.")
    decisions = serializers.IntegerField(help_text="Leads that it gave to somebody: the base.")
    moved = serializers.IntegerField(help_text="How many of them left that person again.")
    wrong_owner = serializers.IntegerField(help_text="Refused as not theirs.")
    by_hand = serializers.IntegerField(help_text="Handed over, or moved by a manager.")
    breach = serializers.IntegerField(help_text="Moved on after a promise had passed.")
    leave = serializers.IntegerField(help_text="Moved on because their owner went away.")
    wrong_owner_share = serializers.FloatField(help_text="Of the decisions.")
    by_hand_share = serializers.FloatField(help_text="Of the decisions.")
    is_suspect = serializers.BooleanField(help_text="Over 5% wrong owners of at least 20 decisions.")


class MovesSerializer(serializers.Serializer[Any]):
    to = serializers.DateField()
    time_zone = serializers.CharField(help_text="Days are this zone's.")
    results = RuleMovesSerializer(many=True)

    def get_fields(self) -> dict[str, Any]:
        """`from` is no name that Python lets a class have."""
        return {"from": serializers.DateField(), **super().get_fields()}


class MovesView(TenantAPIView):
    """GET reports/reassignments"""

    scopes: ClassVar[Mapping[str, str]] = {"GET": "reports:read"}

    @extend_schema(
        operation_id="reports_reassignments",
        summary="How many leads of each rule were moved on later, and why",
        parameters=[
            OpenApiParameter("pool", str, description="Slug of one pool. Default: all."),
            OpenApiParameter("period", str, enum=list(params.PERIODS), default="30d"),
            OpenApiParameter("from", OpenApiTypes.DATE, description="Default: 29 days before `to`."),
            OpenApiParameter("to", OpenApiTypes.DATE, description="Default: today."),
        ],
        responses=MovesSerializer,
    )
    def get(self, request: Request) -> Response:
        known_query(request, "pool", "period", "from", "to")
        query = request.query_params.dict()
        days = params.days_asked(query, tenant=self.tenant, now=self.clock())
        pool = params.pool_asked(query)
        found = moved_by_rule(since=days.since, until=days.until, pool_id=pool.id if pool else None)
        return Response(
            {
                "from": days.first,
                "to": days.last,
                "time_zone": self.tenant.time_zone,
                "results": [
                    {
                        "rule": each.rule,
                        "pool": each.pool.slug,
                        "decisions": each.decisions,
                        "moved": each.moved,
                        "wrong_owner": each.wrong_owner,
                        "by_hand": each.by_hand,
                        "breach": each.breach,
                        "leave": each.leave,
                        "wrong_owner_share": round(each.wrong_owner / each.decisions, 4),
                        "by_hand_share": round(each.by_hand / each.decisions, 4),
                        "is_suspect": each.is_suspect,
                    }
                    for each in found
                ],
            }
        )
