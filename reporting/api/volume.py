"""Volume for programs: the numbers of the page."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, ClassVar, Final

from drf_spectacular.utils import OpenApiParameter, OpenApiTypes, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from leads.models import Handoff
from reporting import params, selectors
from web.api import TenantAPIView
from web.openapi import PAGE_PARAMETERS, page_serializer
from web.pagination import api_page, known_query

_PERIOD: Final = ("period", "from", "to")
_NAMES: Final = (*_PERIOD, "source", "owner")
_ASKED: Final = [
    OpenApiParameter("period", str, enum=list(params.PERIODS), default="365d"),
    OpenApiParameter("from", OpenApiTypes.DATE, description="Default: 29 days before `to`."),
    OpenApiParameter("to", OpenApiTypes.DATE, description="Default: today."),
    OpenApiParameter("source", str, description="`none`: without one."),
    OpenApiParameter("owner", str, description="An id, or `none`: without one."),
]
_SPLITS: Final = ("source", "month", "owner")
#: Groups that are told; a filter asks for another one. Months are told all.
_MOST: Final = 50


class VolumeCountsSerializer(serializers.Serializer[Any]):
    mqls = serializers.IntegerField(help_text="That became MQL in the period.")
    won = serializers.IntegerField(help_text="Won in the period, whenever their lead came.")


class VolumeRowSerializer(VolumeCountsSerializer):
    key = serializers.CharField(
        allow_null=True, allow_blank=True, help_text="Source, first day of the month, or the owner's id."
    )
    name = serializers.CharField()


class VolumeSerializer(serializers.Serializer[Any]):
    by = serializers.ChoiceField(choices=list(_SPLITS))
    to = serializers.DateField()
    time_zone = serializers.CharField(help_text="Days are this zone's.")
    as_of = serializers.DateTimeField(help_text="When it was counted: at most ten minutes ago.")
    total = VolumeCountsSerializer()
    groups = serializers.IntegerField(
        help_text=f"How many there are; results has the {_MOST} largest, and every month."
    )
    results = VolumeRowSerializer(many=True)

    def get_fields(self) -> dict[str, Any]:
        """`from` is no name that Python lets a class have."""
        return {"from": serializers.DateField(), **super().get_fields()}


class VolumeView(TenantAPIView):
    """GET reports/volume"""

    scopes: ClassVar[Mapping[str, str]] = {"GET": "reports:read"}

    @extend_schema(
        operation_id="reports_volume",
        summary="How many leads were handed over and how many were won, by source, month or owner",
        description="Imported history counts, drills and meetings for AEs do not.",
        parameters=[
            OpenApiParameter("by", str, enum=list(_SPLITS), default="source"),
            *_ASKED,
        ],
        responses=VolumeSerializer,
    )
    def get(self, request: Request) -> Response:
        known_query(request, "by", *_NAMES)
        now = self.clock()
        query, question = _asked(self, request, now)
        by = params.choice(query, "by", _SPLITS, _SPLITS[0])
        kept = selectors.volume_lately(question, by, names=selectors.load_names(), now=now)
        rows = kept.value
        return Response(
            {
                "by": by,
                "from": question.first,
                "to": question.last,
                "time_zone": self.tenant.time_zone,
                "as_of": kept.at,
                "total": {"mqls": sum(row.mqls for row in rows), "won": sum(row.won for row in rows)},
                "groups": len(rows),
                "results": [
                    {"key": _key(row.key), "name": row.name, "mqls": row.mqls, "won": row.won}
                    for row in (rows if by == "month" else rows[:_MOST])
                ],
            }
        )


def _asked(view: TenantAPIView, request: Request, now: datetime) -> tuple[dict[str, str], selectors.Question]:
    query = request.query_params.dict()
    if not any(query.get(name) for name in _PERIOD):
        query["period"] = "365d"
    return query, params.question_for_api(query, tenant=view.tenant, now=now, rep="owner")


def _key(key: object) -> str | None:
    return None if key is None else f"{key:%Y-%m-%d}" if isinstance(key, date) else str(key)


# --- The leads behind a number ------------------------------------------------------------------------------


class VolumeLeadSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField(help_text="Of the handoff.")
    lead = serializers.UUIDField()
    owner = serializers.UUIDField(allow_null=True, help_text="Null: nobody.")
    source = serializers.CharField(allow_blank=True)  # type: ignore[assignment]
    campaign = serializers.CharField(allow_blank=True)
    channel = serializers.CharField(allow_blank=True)
    is_history = serializers.BooleanField(help_text="It was imported.")
    mql_at = serializers.DateTimeField(help_text="When it was handed over.")
    closed_at = serializers.DateTimeField(allow_null=True)
    outcome = serializers.CharField(
        allow_blank=True, help_text="How it ended: won, lost, rejected, nurture or disqualified."
    )


class VolumeLeadsView(TenantAPIView):
    """GET reports/volume/leads"""

    scopes: ClassVar[Mapping[str, str]] = {"GET": "reports:read"}

    @extend_schema(
        operation_id="reports_volume_leads",
        summary="The leads behind a number of volume",
        description="Those that became MQL in the period, or were won in it, the latest first.",
        parameters=[
            *_ASKED,
            OpenApiParameter("won", str, enum=["1"], description="Won in the period, whenever they came."),
            *PAGE_PARAMETERS,
        ],
        responses={200: page_serializer("VolumeLeadPage", VolumeLeadSerializer)},
    )
    def get(self, request: Request) -> Response:
        known_query(request, *_NAMES, "won", "cursor", "limit")
        query, question = _asked(self, request, self.clock())
        won = params.choice(query, "won", ("", "1"), "") == "1"
        order = ("-closed_at", "-id") if won else ("-started_at", "-id")
        rows, following = api_page(request, selectors.leads_behind(question, won=won), order=order)
        return Response({"results": [_lead(row) for row in rows], "next": following})


def _lead(row: Handoff) -> dict[str, Any]:
    return {
        "id": row.id,
        "lead": row.lead_id,
        "owner": row.owner_id,
        "source": row.source,
        "campaign": row.campaign,
        "channel": row.channel,
        "is_history": row.is_history,
        "mql_at": row.started_at,
        "closed_at": row.closed_at,
        "outcome": row.outcome,
    }
