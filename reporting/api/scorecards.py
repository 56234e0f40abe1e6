"""A scorecard for programs: the numbers of the page, with what they are to be read with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar, Final
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, OpenApiTypes, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from reporting import params, selectors
from reporting.api.compliance import RatesSerializer
from reporting.api.handoffs import ReachedShareSerializer, SpreadSerializer
from reporting.definitions import Share
from reporting.outcomes.scorecards import FOLLOW, HELD, READINGS, Held, scorecard
from tenants.models import Role
from tenants.selectors import get_member
from web.api import TenantAPIView
from web.pagination import known_query

_PERIOD: Final = ("period", "from", "to")


class ScorecardContextSerializer(serializers.Serializer[Any]):
    """What the numbers are to be read with."""

    mqls = serializers.IntegerField()
    others = serializers.IntegerField(help_text="How many others had MQLs in the period.")
    others_median_mqls = serializers.IntegerField(
        allow_null=True, help_text="How many the middle one of them had; null of nobody."
    )
    open_now = serializers.IntegerField(help_text="Leads, whatever the period.")
    days = serializers.IntegerField(help_text="Calendar days of the period.")
    days_away = serializers.IntegerField(help_text="Of these, with leave for some hour.")


class ScorecardTargetsSerializer(RatesSerializer):
    """By target; those without a clock are not told."""


class ScorecardAttemptsSerializer(serializers.Serializer[Any]):
    count = serializers.IntegerField(help_text="MQLs.")
    median = serializers.IntegerField(allow_null=True)
    p90 = serializers.IntegerField(allow_null=True)


class ScorecardResultSerializer(serializers.Serializer[Any]):
    """One share against what the others made of leads of the same sources."""

    result = serializers.ChoiceField(choices=list(HELD))
    label = serializers.CharField()  # type: ignore[assignment]
    actual = ReachedShareSerializer(help_text="All of theirs.")
    compared = ReachedShareSerializer(
        help_text="Of these, leads of sources of which others had enough; left out is the rest."
    )
    compared_interval = serializers.ListField(
        child=serializers.FloatField(), help_text="95%, in per cent: in which the share compared lies."
    )
    expected = serializers.FloatField(
        allow_null=True, help_text="Leads, of the base compared; null where that is too small."
    )
    expected_rate = serializers.FloatField(allow_null=True, help_text="Per cent.")
    reading = serializers.ChoiceField(
        choices=list(READINGS), help_text="by_chance: the expected lies in the interval."
    )


class ScorecardSourceSerializer(serializers.Serializer[Any]):
    source = serializers.CharField(allow_blank=True)  # type: ignore[assignment]
    own = ReachedShareSerializer(help_text="Of their MQLs.")
    others = ReachedShareSerializer(help_text="Of those of the others.")


class ScorecardSerializer(serializers.Serializer[Any]):
    member = serializers.UUIDField()
    name = serializers.CharField()
    role = serializers.ChoiceField(choices=Role.values)
    is_active = serializers.BooleanField(help_text="False: has left.")
    to = serializers.DateField()
    time_zone = serializers.CharField(help_text="Days are this zone's.")
    context = ScorecardContextSerializer()  # type: ignore[assignment]
    targets = ScorecardTargetsSerializer(
        help_text="By the owner's clock: the time that each lead was theirs."
    )
    contacted = ReachedShareSerializer()
    first_touch = SpreadSerializer(help_text="Working seconds by the company's clock.")
    attempts = ScorecardAttemptsSerializer(help_text="By people, an MQL.")
    follow = serializers.IntegerField(help_text="Days that each MQL is followed for in conversions.")
    too_young = serializers.IntegerField(help_text="MQLs younger than that: in no conversion.")
    results = ScorecardResultSerializer(many=True)
    mix = ScorecardSourceSerializer(many=True, help_text="The twelve largest sources.")

    def get_fields(self) -> dict[str, Any]:
        """`from` is no name that Python lets a class have."""
        return {"from": serializers.DateField(), **super().get_fields()}


class ScorecardView(TenantAPIView):
    """GET reports/scorecards/<member>"""

    scopes: ClassVar[Mapping[str, str]] = {"GET": "reports:read"}

    @extend_schema(
        operation_id="reports_scorecard",
        summary="What somebody did in a period, with load, days away and mix of sources",
        description="For a talk between two: nobody is ranked, and there is no list of scorecards.",
        parameters=[
            OpenApiParameter("period", str, enum=list(params.PERIODS), default="90d"),
            OpenApiParameter("from", OpenApiTypes.DATE, description="Default: 29 days before `to`."),
            OpenApiParameter("to", OpenApiTypes.DATE, description="Default: today."),
        ],
        responses=ScorecardSerializer,
    )
    def get(self, request: Request, member_id: UUID) -> Response:
        known_query(request, *_PERIOD)
        member, now = get_member(tenant=self.tenant, member_id=member_id), self.clock()
        query = request.query_params.dict()
        if not any(query.get(name) for name in _PERIOD):
            query["period"] = "90d"
        whole = params.question_for_api({**query, "clock": "owner"}, tenant=self.tenant, now=now)
        own = replace(whole, member=member.id)
        card = scorecard(whole, member, now=now)
        clocks = selectors.report(own, "tier", now=now, names=selectors.load_names())
        times = selectors.response_times(own, now=now, ground=selectors.handoff_ground(own))
        return Response(
            {
                "member": member.id,
                "name": member.name,
                "role": member.role,
                "is_active": member.is_active,
                "from": whole.first,
                "to": whole.last,
                "time_zone": self.tenant.time_zone,
                "context": {
                    "mqls": card.mqls,
                    "others": card.peers,
                    "others_median_mqls": card.peers_median,
                    "open_now": card.open_now,
                    "days": card.days,
                    "days_away": card.days_away,
                },
                "targets": {
                    target: rate.as_dict()
                    for target, rate in clocks.whole.rates.items()
                    if rate.base or rate.left_out
                },
                "contacted": times.whole.contacted.as_dict(),
                "first_touch": times.durations["first_touch"].as_dict(),
                "attempts": {
                    "count": times.attempts.count,
                    "median": times.attempts.median,
                    "p90": times.attempts.p90,
                },
                "follow": FOLLOW,
                "too_young": card.young,
                "results": [_result(each) for each in card.held],
                "mix": [
                    {
                        "source": each.name,
                        "own": Share(each.own, card.own_in_mix).as_dict(),
                        "others": Share(each.others, card.others_in_mix).as_dict(),
                    }
                    for each in card.mix
                ],
            }
        )


def _result(each: Held) -> dict[str, Any]:
    base = each.of_mix.base
    return {
        "result": each.name,
        "label": HELD[each.name],
        "actual": Share(each.own.hits, each.own.base).as_dict(),
        "compared": Share(each.of_mix.hits, base, each.left_out).as_dict(),
        "compared_interval": [round(100 * end, 1) for end in each.interval],
        "expected": None if each.expected is None else round(each.expected, 1),
        "expected_rate": None if each.expected is None else round(100 * each.expected / base, 1),
        "reading": each.reading,
    }
