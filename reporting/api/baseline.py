"""The baseline beside the present for programs: the numbers of the page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar
from uuid import UUID
from zoneinfo import ZoneInfo

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from leads import strict
from reporting.baseline.standing import (
    MOST_DAYS,
    count_again,
    history,
    name_baseline,
    period_after,
    side_by_side,
    standing,
)
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
    id = serializers.UUIDField()
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


class BaselineHistorySerializer(serializers.Serializer[Any]):
    mqls = serializers.IntegerField(help_text="Imported.")
    first = serializers.DateField(allow_null=True, help_text="Day of the first of them.")
    last = serializers.DateField(allow_null=True)


class BaselineReportSerializer(serializers.Serializer[Any]):
    history = BaselineHistorySerializer(help_text="What a baseline can be chosen from.")
    baseline = BaselinePeriodSerializer(allow_null=True, help_text="Null: none was named.")
    after = AfterPeriodSerializer(allow_null=True, help_text="As many days, up to today.")
    results = BeforeAfterSerializer(many=True)


class NewBaselineSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=80)
    first = serializers.DateField(help_text="Of the imported history, in the organisation's days.")
    last = serializers.DateField(help_text=f"At most {MOST_DAYS:,} days with the first; not in the future.")
    instead_of = serializers.UUIDField(
        required=False,
        allow_null=True,
        help_text="Id of the one that stands; 409 where another one does by now. Null: none does.",
    )


_read: Callable[..., dict[str, Any]] = strict.reader_of(NewBaselineSerializer)


class BaselineView(TenantAPIView):
    """GET, POST reports/baseline"""

    idempotent: ClassVar[bool] = True
    scopes: ClassVar[Mapping[str, str]] = {"GET": "reports:read", "POST": "config:write"}

    @extend_schema(
        operation_id="reports_baseline",
        summary="Each number before and after",
        description="Before: the baseline, a period of imported history. After: as many days up to today.",
        responses=BaselineReportSerializer,
    )
    def get(self, request: Request) -> Response:
        known_query(request)
        return Response(_report(self))

    @extend_schema(
        operation_id="name_baseline",
        summary="Name the baseline: a period of imported history",
        description=(
            "It is counted now and stands instead of the one that stood, which is kept. 400 at `first` where"
            " no imported lead became an MQL in these days."
        ),
        request=NewBaselineSerializer,
        responses={201: BaselineReportSerializer},
    )
    def post(self, request: Request) -> Response:
        known_query(request)
        sent: Any = request.data
        said = strict.read(_read, sent)
        former = standing()
        seen = said.get("instead_of") if "instead_of" in sent else (former.id if former else None)
        name_baseline(
            name=said["name"],
            first=said["first"],
            last=said["last"],
            instead_of=seen,
            zone=ZoneInfo(self.tenant.time_zone),
            actor=self.actor,
            now=self.clock(),
        )
        return Response(_report(self), status=201)


class BaselineCountView(TenantAPIView):
    """POST reports/baseline/{id}/count"""

    scopes: ClassVar[Mapping[str, str]] = {"POST": "config:write"}

    @extend_schema(
        operation_id="count_baseline",
        summary="Count the baseline again, after more was imported",
        description="409 where another one stands by now.",
        request=None,
        responses=BaselineReportSerializer,
    )
    def post(self, request: Request, baseline_id: UUID) -> Response:
        known_query(request)
        zone = ZoneInfo(self.tenant.time_zone)
        count_again(baseline_id=baseline_id, zone=zone, actor=self.actor, now=self.clock())
        return Response(_report(self))


def _report(view: TenantAPIView) -> dict[str, Any]:
    stands, zone, now = standing(), ZoneInfo(view.tenant.time_zone), view.clock()
    imported = history(zone)
    told: dict[str, Any] = {
        "history": {"mqls": imported.mqls, "first": imported.first, "last": imported.last}
    }
    if stands is None:
        return {**told, "baseline": None, "after": None, "results": []}
    after, pairs = side_by_side(stands, zone=zone, now=now)
    first, last = period_after(stands, zone=zone, now=now)
    names = ("id", "name", "first", "last", "mqls", "files", "counted_at", "made_at", "made_by")
    return {
        **told,
        "baseline": {name: getattr(stands, name) for name in names},
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
