"""The baseline beside the present for programs: the numbers of the page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from reporting.baseline.standing import period_after, side_by_side, standing
from web.api import TenantAPIView
from web.pagination import known_query


class BaselineNumberSerializer(serializers.Serializer[Any]):
    """A share (count of base), or something spread out (median and p90 of base)."""

    count = serializers.IntegerField(help_text="Of shares.")
    base = serializers.IntegerField()
    left_out = serializers.IntegerField()
    median = serializers.IntegerField(allow_null=True, help_text="In the unit of the measure.")
    p90 = serializers.IntegerField(allow_null=True)
    unknown = serializers.CharField(allow_blank=True, help_text="Why it cannot be told; blank where it is.")


class BeforeAfterSerializer(serializers.Serializer[Any]):
    measure = serializers.CharField()
    name = serializers.CharField(help_text="As pages call it.")
    unit = serializers.CharField(help_text="share, seconds, days or times.")
    before = BaselineNumberSerializer()
    after = BaselineNumberSerializer()


class BaselinePeriodSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    first = serializers.DateField()
    last = serializers.DateField()
    mqls = serializers.IntegerField(help_text="Imported MQLs of these days.")
    files = serializers.ListField(child=serializers.CharField())
    counted_at = serializers.DateTimeField()
    made_at = serializers.DateTimeField()
    made_by = serializers.CharField()


class AfterPeriodSerializer(serializers.Serializer[Any]):
    first = serializers.DateField()
    last = serializers.DateField()
    mqls = serializers.IntegerField()


class BaselineReportSerializer(serializers.Serializer[Any]):
    baseline = BaselinePeriodSerializer(allow_null=True, help_text="Null: none was named.")
    after = AfterPeriodSerializer(allow_null=True, help_text="As many days, up to today.")
    results = BeforeAfterSerializer(many=True)


class BaselineView(TenantAPIView):
    scopes: ClassVar[Mapping[str, str]] = {"GET": "reports:read"}

    @extend_schema(
        operation_id="reports_baseline",
        summary="Each number before and after",
        description="Before: the baseline, a period of imported history. After: as many days up to today.",
        responses=BaselineReportSerializer,
    )
    def get(self, request: Request) -> Response:
        known_query(request)
        stands = standing()
        if stands is None:
            return Response({"baseline": None, "after": None, "results": []})
        zone, now = ZoneInfo(self.tenant.time_zone), self.clock()
        after, pairs = side_by_side(stands, zone=zone, now=now)
        first, last = period_after(stands, zone=zone, now=now)
        told = ("name", "first", "last", "mqls", "files", "counted_at", "made_at", "made_by")
        return Response(
            {
                "baseline": {name: getattr(stands, name) for name in told},
                "after": {"first": first, "last": last, "mqls": after.mqls},
                "results": [
                    {
                        "measure": pair.name,
                        "name": pair.measure.label,
                        "unit": "share" if pair.measure.is_share else pair.measure.unit,
                        "before": pair.before.as_dict(),
                        "after": pair.after.as_dict(),
                    }
                    for pair in pairs
                ],
            }
        )
