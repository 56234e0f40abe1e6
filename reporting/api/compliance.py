"""Reports for programs: the numbers of the pages, by the same definitions."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar, Final

from drf_spectacular.utils import OpenApiParameter, OpenApiTypes, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from reporting import params, selectors
from reporting.measures import RESPONSES, TARGETS, Verdict, verdict_of
from reporting.models import TargetFact
from web.api import TenantAPIView
from web.openapi import PAGE_PARAMETERS, page_serializer
from web.pagination import known_query, next_url, page_size

KIND: Final = OpenApiParameter(
    "kind",
    str,
    enum=list(selectors.KINDS),
    default=selectors.INBOUND,
    description="Which handoffs: what marketing hands over, meetings that SDRs book for AEs, or both.",
)
_FILTERS: Final = ("team", "rep", "source", "campaign", "tier")
_NAMES: Final = ("clock", "target", "pauses", "kind", "from", "to", *_FILTERS)
_ONLY: Final = ("answered", "overdue", "judged", "left_out")


class LeftOutSerializer(serializers.Serializer):  # type: ignore[type-arg]
    open = serializers.IntegerField(help_text="Not answered, and not due yet.")
    cancelled = serializers.IntegerField(help_text="Closed or moved on before the deadline.")


class RateSerializer(serializers.Serializer):  # type: ignore[type-arg]
    met = serializers.IntegerField(help_text="Answered at or before the deadline.")
    missed = serializers.IntegerField(help_text="The deadline passed unanswered.")
    base = serializers.IntegerField(help_text="met + missed: what the rate is of.")
    rate = serializers.FloatField(allow_null=True, help_text="Per cent; null where the base is 0.")
    excused = serializers.IntegerField(help_text="Of the missed: their excuse was approved.")
    rate_without_excused = serializers.FloatField(
        allow_null=True, help_text="Per cent of met + missed - excused; null where that is 0."
    )
    left_out = LeftOutSerializer()
    answered = serializers.IntegerField()
    median_business_seconds = serializers.IntegerField(allow_null=True)
    p90_business_seconds = serializers.IntegerField(allow_null=True)


class RatesSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """A rate of each target of `targets`; which these are depends on the policy."""

    def get_fields(self) -> dict[str, Any]:
        return {**super().get_fields(), **{each: RateSerializer(required=False) for each in TARGETS}}


class ComplianceRowSerializer(RatesSerializer):
    key = serializers.CharField(
        allow_null=True, allow_blank=True, help_text="Id of the rep or team, source, campaign or tier."
    )
    name = serializers.CharField()


class ComplianceTotalSerializer(RatesSerializer):
    pass


class ComplianceSerializer(serializers.Serializer):  # type: ignore[type-arg]
    by = serializers.ChoiceField(choices=list(selectors.SPLITS))
    clock = serializers.ChoiceField(choices=list(selectors.CLOCKS))
    pauses = serializers.ChoiceField(choices=list(params.PAUSES))
    kind = serializers.CharField(help_text="Which handoffs are counted: inbound, outbound or both.")
    targets = serializers.ListField(
        child=serializers.ChoiceField(choices=list(TARGETS)), help_text="Of which it tells, in their order."
    )
    to = serializers.DateField()
    time_zone = serializers.CharField(help_text="Days are this zone's.")
    target_percent = serializers.IntegerField()
    total = ComplianceTotalSerializer()
    groups = serializers.IntegerField(help_text="How many there are; results may tell of fewer.")
    results = ComplianceRowSerializer(many=True)

    def get_fields(self) -> dict[str, Any]:
        """`from` is no name that Python lets a class have."""
        return {"from": serializers.DateField(), **super().get_fields()}


_ASKED: Final = [
    OpenApiParameter(
        "clock",
        str,
        enum=list(selectors.CLOCKS),
        default="company",
        description="company: from MQL, never reset. owner: from each assignment.",
    ),
    OpenApiParameter(
        "target",
        str,
        enum=list(TARGETS),
        description="One alone. Default: first_touch, decision and each other that has clocks.",
    ),
    OpenApiParameter(
        "pauses",
        str,
        enum=list(params.PAUSES),
        default=params.COUNTED,
        description=(
            "counted: a pause lengthens the deadline, as agreed. ignored: each clock is judged by the"
            " deadline that it would have had without its pauses, and their working time is part of"
            " its response time."
        ),
    ),
    KIND,
    *(OpenApiParameter(name, str, description="An id, or `none`: without one.") for name in ("team", "rep")),
    *(OpenApiParameter(name, str, description="`none`: without one.") for name in ("source", "campaign")),
    OpenApiParameter("tier", str, description="Slug."),
    OpenApiParameter("from", OpenApiTypes.DATE, description="Default: 29 days before `to`."),
    OpenApiParameter("to", OpenApiTypes.DATE, description="Default: today."),
]


class ClockSerializer(serializers.Serializer):  # type: ignore[type-arg]
    id = serializers.UUIDField(help_text="Of the clock.")
    lead = serializers.UUIDField()
    handoff = serializers.UUIDField()
    target = serializers.ChoiceField(choices=list(TARGETS))
    verdict = serializers.ChoiceField(
        choices=[each.value for each in Verdict], help_text="How it counts now."
    )
    rep = serializers.UUIDField(allow_null=True, help_text="Null: nobody owned it.")
    team = serializers.UUIDField(allow_null=True)
    tier = serializers.CharField(allow_blank=True, help_text="Slug.")
    source = serializers.CharField(allow_blank=True)  # type: ignore[assignment]
    campaign = serializers.CharField(allow_blank=True)
    started_at = serializers.DateTimeField()
    due_at = serializers.DateTimeField(help_text="By which it is judged; without its pauses, if ignored.")
    met_at = serializers.DateTimeField(allow_null=True, help_text="Null: not answered.")
    business_seconds = serializers.IntegerField(
        allow_null=True, help_text="Working time of an answered clock; null: not answered, or not known."
    )
    paused_seconds = serializers.IntegerField(allow_null=True, help_text="Beside them, of an answered clock.")
    is_excused = serializers.BooleanField(help_text="Missed, and its excuse was approved.")


CLOCK_PAGE = page_serializer("ClockPage", ClockSerializer)


def clock_row(row: TargetFact, now: datetime, *, ignore_pauses: bool = False) -> dict[str, Any]:
    """One clock, as it counts now."""
    verdict = verdict_of(row, now, ignore_pauses=ignore_pauses)
    return {
        "id": row.id,
        "lead": row.lead_id,
        "handoff": row.handoff_id,
        "target": row.target,
        "verdict": verdict.value,
        "rep": row.member_id,
        "team": row.team_id,
        "tier": row.tier,
        "source": row.source,
        "campaign": row.campaign,
        "started_at": row.started_at,
        "due_at": (ignore_pauses and row.plain_due_at) or row.due_at,
        "met_at": row.met_at,
        "business_seconds": row.business_seconds if row.met_at else None,
        "paused_seconds": (row.paused_seconds or 0) if row.met_at else None,
        "is_excused": row.excused and verdict == Verdict.BROKEN,
    }


class ComplianceView(TenantAPIView):
    """GET reports/compliance"""

    scopes: ClassVar[dict[str, str]] = {"GET": "reports:read"}

    @extend_schema(
        operation_id="reports_compliance",
        summary="Targets met, by rep, team, source, campaign or tier",
        description=(
            "Clocks that started in the period, both days included, the lowest rate of the first target"
            " first. A rate is met of met + missed; clocks that are not due yet, or were called off before"
            " their deadline, are left"
            " out and counted. Response times are working seconds of answered clocks, at most"
            " 3.4% from the exact value. Of sources and campaigns the 50 with the most leads are told;"
            " `groups` is their number, and `find` looks among all. What somebody sees as My compliance is"
            " `rep=<id>&clock=owner&by=tier`."
        ),
        parameters=[
            OpenApiParameter("by", str, enum=list(selectors.SPLITS), default="rep"),
            OpenApiParameter("find", str, description="Only groups whose name has this in it."),
            *_ASKED,
        ],
        responses=ComplianceSerializer,
    )
    def get(self, request: Request) -> Response:
        now = self.clock()
        known_query(request, "by", "find", *_NAMES)
        query = request.query_params.dict()
        by = params.choice(query, "by", tuple(selectors.SPLITS), "rep")
        question = params.question_for_api(query, tenant=self.tenant, now=now)
        grounds = selectors.grounds_of(question, by)
        ground, _ = grounds
        tiers = selectors.choices(question, ground=ground).tiers if by == "tier" else {}
        names = selectors.load_names(tiers)
        find = query.get("find", "")[:80]
        largest = selectors.largest_groups(question, by, grounds, now=now, find=find)
        found = selectors.report(question, by, now=now, names=names, ground=ground, largest=largest)
        told = selectors.shown(found, by, find)
        return Response(
            {
                "by": by,
                "clock": question.clock,
                "pauses": params.PAUSES[question.ignore_pauses],
                "kind": question.kind,
                "targets": found.targets,
                "from": question.first,
                "to": question.last,
                "time_zone": self.tenant.time_zone,
                "target_percent": self.tenant.target_percent,
                "total": {target: rate.as_dict() for target, rate in found.whole.rates.items()},
                "groups": told.number,
                "results": [
                    {
                        "key": None if row.key is None else str(row.key),
                        "name": row.name,
                        **{target: rate.as_dict() for target, rate in row.rates.items()},
                    }
                    for row in told.groups
                ],
            }
        )


class ComplianceClocksView(TenantAPIView):
    """GET reports/compliance/clocks"""

    scopes: ClassVar[dict[str, str]] = {"GET": "reports:read"}

    @extend_schema(
        operation_id="reports_compliance_clocks",
        summary="The clocks that a number of the compliance report counts, the latest first",
        description="Exactly those: with the same period and filters, and the verdict that the number is of.",
        parameters=[
            *_ASKED,
            OpenApiParameter("verdict", str, enum=[each.value for each in Verdict]),
            OpenApiParameter(
                "only",
                str,
                enum=list(_ONLY),
                description="answered: with a response time. overdue: missed, and still to be answered."
                " judged: met or missed. left_out: neither.",
            ),
            OpenApiParameter(
                "excused",
                str,
                enum=["yes", "no"],
                description="yes: missed and excused. no: all that the second rate counts.",
            ),
            OpenApiParameter(
                "response",
                str,
                enum=list(RESPONSES),
                description=(
                    "Met or missed, with a response time in this range: its upper end in working seconds."
                    " longer: of 8 h or more. never: missed without a response time."
                ),
            ),
            *PAGE_PARAMETERS,
        ],
        responses={200: CLOCK_PAGE},
    )
    def get(self, request: Request) -> Response:
        now = self.clock()
        known_query(request, *_NAMES, "verdict", "only", "excused", "response", "cursor", "limit")
        query = request.query_params.dict()
        question = params.question_for_api(query, tenant=self.tenant, now=now)
        verdict = params.choice(query, "verdict", ("", *(each.value for each in Verdict)), "")
        only = params.choice(query, "only", ("", *_ONLY), "")
        excused = params.choice(query, "excused", ("", "yes", "no"), "")
        overdue = only == "overdue"
        found = selectors.clocks_behind(
            question,
            now=now,
            verdict=Verdict(verdict) if verdict else Verdict.BROKEN if overdue else None,
            answered=only == "answered",
            unanswered=overdue,
            judged={"judged": True, "left_out": False}.get(only),
            excused={"yes": True, "no": False}.get(excused),
            response=params.choice(query, "response", ("", *RESPONSES), ""),
        )
        page = selectors.latest_clocks(
            found, question, cursor=query.get("cursor", ""), size=page_size(request._request)
        )
        return Response(
            {
                "results": [clock_row(row, now, ignore_pauses=question.ignore_pauses) for row in page.rows],
                "next": next_url(request._request, page.next),
            }
        )
