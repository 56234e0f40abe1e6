"""The verdicts on campaigns that began lately, for programs: the numbers of the page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from reporting.api.handoffs import ReachedShareSerializer
from reporting.definitions import Share
from reporting.models import HandoffFact
from reporting.outcomes.campaigns import (
    LABELS,
    LEAST_ANSWERS,
    LEAST_USUAL,
    MARGIN,
    NEW,
    USUAL,
    Campaign,
    new_campaigns_lately,
)
from web.api import TenantAPIView
from web.openapi import PAGE_PARAMETERS, page_serializer
from web.pagination import known_query, next_url, page_size, read_cursor, write_cursor

#: Of a cursor: the first handoff of the campaign that was seen last, and its name.
_ORDER: Final = ("started_at", "campaign")


class CampaignSerializer(serializers.Serializer[Any]):
    """A campaign that began lately, and whether sales can use what it brings."""

    campaign = serializers.CharField()
    began_at = serializers.DateTimeField(help_text="When its first MQL was handed over.")
    verdict = serializers.ChoiceField(choices=[str(each) for each in LABELS], help_text="early: too early.")
    mqls = serializers.IntegerField()
    accepted = ReachedShareSerializer(
        help_text="Of the MQLs that sales answered; those without an answer are left out."
    )
    interval = serializers.ListField(
        child=serializers.FloatField(),
        allow_null=True,
        help_text="Per cent between which the rate likely lies (95%); null where nothing was answered.",
    )
    usual = ReachedShareSerializer(help_text=f"Everything else that sales answered in {USUAL.days} days.")


class CampaignsSerializer(page_serializer("CampaignPage", CampaignSerializer)):  # type: ignore[misc]
    as_of = serializers.DateTimeField(help_text="When it was counted: at most ten minutes ago.")


class CampaignsView(TenantAPIView):
    """GET reports/campaigns"""

    scopes: ClassVar[Mapping[str, str]] = {"GET": "reports:read"}

    @extend_schema(
        operation_id="reports_campaigns",
        summary="New campaigns, and whether what they bring is usable",
        description=(
            f"Campaigns whose first MQL came in the last {NEW.days} days, the latest first. not_usable: even"
            f" the upper end of the interval is below the usual rate. usable: its lower end is at most"
            f" {round(100 * MARGIN)} points below it. early: neither, fewer than {LEAST_ANSWERS} answers, or"
            f" fewer than {LEAST_USUAL} of everything else."
        ),
        parameters=PAGE_PARAMETERS,
        responses=CampaignsSerializer,
    )
    def get(self, request: Request) -> Response:
        known_query(request, "cursor", "limit")
        size, cursor = page_size(request._request), request.query_params.get("cursor", "")
        behind = None
        if cursor:
            began_at, name = read_cursor(cursor, HandoffFact, _ORDER)
            behind = (began_at, name)
        found = new_campaigns_lately(now=self.clock(), most=size + 1, behind=behind)
        page, following = found.value[:size], ""
        if len(found.value) > size:
            following = write_cursor([page[-1].began_at, page[-1].name])
        return Response(
            {
                "as_of": found.at,
                "results": [_campaign(each) for each in page],
                "next": next_url(request._request, following),
            }
        )


def _campaign(each: Campaign) -> dict[str, Any]:
    return {
        "campaign": each.name,
        "began_at": each.began_at,
        "verdict": str(each.verdict),
        "mqls": each.mqls,
        "accepted": Share(each.accepted.hits, each.accepted.base, each.undecided).as_dict(),
        "interval": [round(100 * end, 1) for end in each.interval] if each.accepted.base else None,
        "usual": Share(each.usual.hits, each.usual.base).as_dict(),
    }
