"""Data quality for programs: the numbers of the page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiParameter, OpenApiTypes, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from leads.completeness import MOST_LEADS, SPOILING, SourceData, by_source
from leads.quality import COMPLETE
from leads.source_alarms import alarm_document, latest_alarms
from reporting import params
from web.api import TenantAPIView
from web.pagination import known_query


class FieldDataSerializer(serializers.Serializer[Any]):
    field = serializers.CharField()
    known = serializers.IntegerField(help_text="Leads that have a value.")
    checked = serializers.IntegerField(allow_null=True, help_text="Values looked at; null where none can be.")
    valid = serializers.IntegerField(allow_null=True, help_text="Of these, values that can be true.")


class SourceDataSerializer(serializers.Serializer[Any]):
    source = serializers.CharField(allow_blank=True)  # type: ignore[assignment]
    leads = serializers.IntegerField()
    complete = serializers.FloatField(help_text="Of everything that complete leads would have, from 0 to 1.")
    fields_ = FieldDataSerializer(many=True)

    def get_fields(self) -> dict[str, Any]:
        """`fields` is a name that serializers have taken."""
        found = super().get_fields()
        found["fields"] = found.pop("fields_")
        return found


class ShareSerializer(serializers.Serializer[Any]):
    good = serializers.IntegerField()
    of = serializers.IntegerField()


class SourceAlarmSerializer(serializers.Serializer[Any]):
    """An episode in which the data of a source was worse than before."""

    source = serializers.CharField(allow_blank=True)  # type: ignore[assignment]
    measure = serializers.CharField(help_text="A field that is known less often, or <field>:valid.")
    began_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)
    before = ShareSerializer()
    after = ShareSerializer()


class DataQualitySerializer(serializers.Serializer[Any]):
    to = serializers.DateField()
    time_zone = serializers.CharField(help_text="Days are this zone's.")
    most_leads = serializers.IntegerField(help_text="The newest of the period that are counted at most.")
    results = SourceDataSerializer(many=True)
    alarms = SourceAlarmSerializer(many=True, help_text="The latest 20 episodes, those that last first.")

    def get_fields(self) -> dict[str, Any]:
        """`from` is no name that Python lets a class have."""
        return {"from": serializers.DateField(), **super().get_fields()}


class DataQualityView(TenantAPIView):
    """GET reports/data-quality"""

    scopes: ClassVar[Mapping[str, str]] = {"GET": "reports:read"}

    @extend_schema(
        operation_id="reports_data_quality",
        summary="How complete the leads of each source are, and which sources became worse",
        description=(
            "Leads that came in the period, real ones: test leads and imported history are left out. A value"
            " is looked at when its lead comes or is corrected."
        ),
        parameters=[
            OpenApiParameter("period", str, enum=list(params.PERIODS), default="30d"),
            OpenApiParameter("from", OpenApiTypes.DATE, description="Default: 29 days before `to`."),
            OpenApiParameter("to", OpenApiTypes.DATE, description="Default: today."),
        ],
        responses=DataQualitySerializer,
    )
    def get(self, request: Request) -> Response:
        known_query(request, "period", "from", "to")
        days = params.days_asked(request.query_params.dict(), tenant=self.tenant, now=self.clock())
        return Response(
            {
                "from": days.first,
                "to": days.last,
                "time_zone": self.tenant.time_zone,
                "most_leads": MOST_LEADS,
                "results": [_source(each) for each in by_source(days.since, days.until)],
                "alarms": [alarm_document(alarm) for alarm in latest_alarms()],
            }
        )


def _source(each: SourceData) -> dict[str, Any]:
    return {
        "source": each.source,
        "leads": each.leads,
        "complete": round(each.share, 4),
        "fields": [
            {
                "field": name,
                "known": each.known[name],
                "checked": each.checked[name] if name in SPOILING else None,
                "valid": each.valid[name] if name in SPOILING else None,
            }
            for name in COMPLETE
        ],
    }
