"""Fairness for programs: the numbers of the page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiParameter, OpenApiTypes, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from reporting import params
from routing.fairness import CONFIDENCE, Verdict
from routing.shares import PoolShares, Share, shares
from web.api import TenantAPIView
from web.pagination import known_query


class CountsSerializer(serializers.DictField):
    child = serializers.IntegerField()


class FairSharesSerializer(serializers.Serializer[Any]):
    member = serializers.UUIDField()
    name = serializers.CharField()
    turns = serializers.IntegerField(help_text="Leads of the pool for which this person was looked at.")
    by_weight = serializers.FloatField(help_text="What the weight alone gives, had everybody been there.")
    expected = serializers.FloatField(help_text="By weight, over the turns that this person could have had.")
    actual = serializers.IntegerField()
    low = serializers.FloatField(help_text="Least that chance gives.")
    high = serializers.FloatField(help_text="Most that chance gives.")
    verdict = serializers.ChoiceField(choices=list(Verdict))
    kept_out = CountsSerializer(help_text="Turns that this person could not have, by reason code.")
    past_the_rotation = CountsSerializer(help_text="Leads that came to them past it, by reason code.")


class FairPoolSerializer(serializers.Serializer[Any]):
    pool = serializers.CharField(help_text="Slug.")
    name = serializers.CharField()
    strategy = serializers.CharField()
    turns = serializers.IntegerField(help_text="Leads that the pool shared out.")
    past_the_rotation = CountsSerializer()
    people = FairSharesSerializer(many=True)


class FairnessSerializer(serializers.Serializer[Any]):
    to = serializers.DateField()
    time_zone = serializers.CharField(help_text="Days are this zone's.")
    confidence = serializers.FloatField(help_text="Of each pool's bands, for all of its people at once.")
    results = FairPoolSerializer(many=True)

    def get_fields(self) -> dict[str, Any]:
        """`from` is no name that Python lets a class have."""
        return {"from": serializers.DateField(), **super().get_fields()}


class FairnessView(TenantAPIView):
    """GET reports/fairness"""

    scopes: ClassVar[Mapping[str, str]] = {"GET": "reports:read"}

    @extend_schema(
        operation_id="reports_fairness",
        summary="Expected and actual shares of leads, by pool and person",
        description=(
            "Of each lead that a pool shared out by turns, everybody who could have had it expects the share"
            " that their weight is of all those weights. The band holds what chance gives."
        ),
        parameters=[
            OpenApiParameter("pool", str, description="Slug of one pool. Default: all."),
            OpenApiParameter("period", str, enum=list(params.PERIODS), default="30d"),
            OpenApiParameter("from", OpenApiTypes.DATE, description="Default: 29 days before `to`."),
            OpenApiParameter("to", OpenApiTypes.DATE, description="Default: today."),
        ],
        responses=FairnessSerializer,
    )
    def get(self, request: Request) -> Response:
        known_query(request, "pool", "period", "from", "to")
        query = request.query_params.dict()
        days = params.days_asked(query, tenant=self.tenant, now=self.clock())
        pool = params.pool_asked(query)
        found = shares(since=days.since, until=days.until, pool_id=pool.id if pool else None)
        return Response(
            {
                "from": days.first,
                "to": days.last,
                "time_zone": self.tenant.time_zone,
                "confidence": CONFIDENCE,
                "results": [_pool(each) for each in found.pools],
            }
        )


def _pool(each: PoolShares) -> dict[str, Any]:
    return {
        "pool": each.pool.slug,
        "name": each.pool.name,
        "strategy": each.pool.strategy,
        "turns": each.turns,
        "past_the_rotation": dict(each.past),
        "people": [_person(row) for row in each.shares],
    }


def _person(row: Share) -> dict[str, Any]:
    one, drawn = row.tally, row.band
    return {
        "member": row.member_id,
        "name": row.name,
        "turns": one.turns,
        "by_weight": round(one.by_weight, 3),
        "expected": round(one.expected, 3),
        "actual": one.actual,
        "low": round(drawn.low, 3),
        "high": round(drawn.high, 3),
        "verdict": drawn.verdict,
        "kept_out": dict(one.kept_out),
        "past_the_rotation": dict(row.past),
    }
