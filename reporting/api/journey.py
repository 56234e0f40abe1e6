"""The journey map for programs: the numbers of its bands."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from reporting import selectors
from reporting.api.handoffs import (
    HandoffReportView,
    PeriodSerializer,
    ReachedShareSerializer,
    handoff_parameters,
)
from reporting.definitions import ENDS, STAGES


class JourneySourceSerializer(serializers.Serializer[Any]):
    key = serializers.CharField(allow_blank=True, help_text="Empty: none given; the filter says `none`.")
    name = serializers.CharField()
    mqls = serializers.IntegerField()


class JourneyEndSerializer(serializers.Serializer[Any]):
    outcome = serializers.ChoiceField(choices=sorted({end for ends in ENDS.values() for end in ends}))
    count = serializers.IntegerField()


class JourneyStandingSerializer(serializers.Serializer[Any]):
    """Those that came no further and have no end. Days are whole ones since the stage was reached."""

    count = serializers.IntegerField()
    open = serializers.IntegerField(help_text="The others were closed without an outcome: imported history.")
    median_days = serializers.IntegerField(allow_null=True, help_text="Of the open ones.")
    p90_days = serializers.IntegerField(allow_null=True, help_text="Of the open ones.")


class JourneyStageSerializer(serializers.Serializer[Any]):
    stage = serializers.ChoiceField(choices=list(STAGES))
    reached = serializers.IntegerField(help_text="A later stage counts as reached for the earlier ones.")
    onwards = ReachedShareSerializer(
        allow_null=True, help_text="Of these, how many reached the next stage; null of the last."
    )
    ends = JourneyEndSerializer(many=True, help_text="Those that came no further and ended here.")
    standing = JourneyStandingSerializer(allow_null=True, help_text="Null of the last stage.")


class JourneySerializer(PeriodSerializer):
    mqls = serializers.IntegerField()
    sources = JourneySourceSerializer(
        many=True, help_text=f"The {selectors.MOST_SOURCES} with the most MQLs."
    )
    other_sources = serializers.IntegerField(help_text="MQLs of all the others.")
    stages = JourneyStageSerializer(many=True)


class JourneyView(HandoffReportView):
    """GET reports/journey"""

    @extend_schema(
        operation_id="reports_journey",
        summary="The way of MQLs from their source to where they ended or stand",
        description=(
            "MQLs of the period, by the day on which they became MQL. Each is in exactly one place: the ends"
            " and those standing at each stage, and the won, add up to all of them."
        ),
        parameters=handoff_parameters(None),
        responses=JourneySerializer,
    )
    def get(self, request: Request) -> Response:
        _, question = self.question(request)
        found = selectors.journey(
            question,
            now=self.clock(),
            names=selectors.load_names(),
            ground=selectors.handoff_ground(question),
        )
        return Response(
            {
                **self.told(question),
                "mqls": found.reached(STAGES[0]),
                "sources": [
                    {"key": str(key), "name": name, "mqls": count} for key, name, count in found.sources
                ],
                "other_sources": found.others,
                "stages": [_stage(found, stage) for stage in STAGES],
            }
        )


def _stage(found: selectors.Journey, stage: str) -> dict[str, Any]:
    if stage not in ENDS:  # won: nothing comes after it
        return {
            "stage": stage,
            "reached": found.reached(stage),
            "onwards": None,
            "ends": [],
            "standing": None,
        }
    still = found.standing.get(stage)
    return {
        "stage": stage,
        "reached": found.reached(stage),
        "onwards": found.onwards(stage).as_dict(),
        "ends": [{"outcome": end, "count": found.ended(stage, end)} for end in ENDS[stage]],
        "standing": {
            "count": found.stands(stage),
            "open": still.count if still else 0,
            "median_days": still.median_days if still else None,
            "p90_days": still.p90_days if still else None,
        },
    }
