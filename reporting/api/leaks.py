"""The leak finder for programs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import urlencode

from drf_spectacular.utils import OpenApiParameter, OpenApiTypes, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from reporting import params
from reporting.leaks.finder.findings import Finding, Tag
from reporting.leaks.finder.registry import KINDS
from reporting.leaks.kept import leaks_lately
from reporting.leaks.settings import leak_terms
from web.api import TenantAPIView
from web.pagination import known_query


class LeakSizeSerializer(serializers.Serializer[Any]):
    opportunities = serializers.FloatField(help_text="That the leads of the period lost.")
    low = serializers.FloatField(help_text="Lower end of the 95% interval.")
    high = serializers.FloatField(help_text="Upper end of it.")


class LeakSerializer(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=list(KINDS))
    tag = serializers.ChoiceField(choices=[each.value for each in Tag])
    title = serializers.CharField()
    evidence = serializers.CharField(help_text="With the base of each share.")
    size = LeakSizeSerializer()
    p = serializers.FloatField(help_text="One-sided: how likely the facts are where there is no leak.")
    method = serializers.CharField(help_text="How the size was worked out.")
    fix = serializers.CharField()
    leads = serializers.IntegerField(help_text="Leads behind it.")
    behind = serializers.CharField(help_text="Query of their list at /leaks/leads.")


class LookedSerializer(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=list(KINDS))
    looks_for = serializers.CharField()
    tests = serializers.IntegerField(help_text="Comparisons made.")
    beyond = serializers.IntegerField(help_text="Of these: beyond chance (Benjamini-Hochberg).")
    findings = serializers.IntegerField()
    too_few = serializers.CharField(allow_blank=True, help_text="Why nothing could be compared.")


class LeaksSerializer(serializers.Serializer[Any]):
    to = serializers.DateField()
    time_zone = serializers.CharField(help_text="Days are this zone's.")
    as_of = serializers.DateTimeField(help_text="When it was worked out: at most ten minutes ago.")
    leads = serializers.IntegerField(help_text="MQLs of the period.")
    followed = serializers.IntegerField(help_text="Leads that conversion is learned from.")
    cohort_days = serializers.IntegerField(help_text="For which each of them was followed.")
    results = LeakSerializer(many=True)
    looked = LookedSerializer(many=True)

    def get_fields(self) -> dict[str, Any]:
        """`from` is no name that Python lets a class have."""
        return {"from": serializers.DateField(), **super().get_fields()}


class LeaksView(TenantAPIView):
    """GET reports/leaks"""

    scopes: ClassVar[Mapping[str, str]] = {"GET": "reports:read"}

    @extend_schema(
        operation_id="reports_leaks",
        summary="Where opportunities are lost, the greatest leak first",
        description=(
            "Findings beyond chance, and everything that was looked at. One lead may be in several: sizes are"
            " not to be added up."
        ),
        parameters=[
            OpenApiParameter("source", str, description="One source; `none` for leads without."),
            OpenApiParameter("period", str, enum=list(params.PERIODS), default="90d"),
            OpenApiParameter("from", OpenApiTypes.DATE, description="Default: 29 days before `to`."),
            OpenApiParameter("to", OpenApiTypes.DATE, description="Default: today."),
        ],
        responses=LeaksSerializer,
    )
    def get(self, request: Request) -> Response:
        now = self.clock()
        known_query(request, "source", "period", "from", "to")
        query = {"period": "90d", **request.query_params.dict()}
        question = params.question_for_api(query, tenant=self.tenant, now=now)
        chosen = leak_terms()
        kept = leaks_lately(question, now, chosen=chosen)
        found = kept.leaks
        return Response(
            {
                "from": question.first,
                "to": question.last,
                "time_zone": self.tenant.time_zone,
                "as_of": kept.at,
                "leads": found.leads,
                "followed": found.followed,
                "cohort_days": chosen.cohort_days,
                "results": [_result(each) for each in found.findings],
                "looked": [
                    {
                        "kind": each.kind,
                        "looks_for": each.looks_for,
                        "tests": each.tests,
                        "beyond": each.beyond,
                        "findings": each.findings,
                        "too_few": each.too_few,
                    }
                    for each in found.looked
                ],
            }
        )


def _result(finding: Finding) -> dict[str, Any]:
    size = finding.size
    return {
        "kind": finding.kind,
        "tag": finding.tag.value,
        "title": finding.title,
        "evidence": finding.evidence,
        "size": {
            "opportunities": round(size.opportunities, 1),
            "low": round(size.low, 1),
            "high": round(size.high, 1),
        },
        "p": finding.p,
        "method": finding.method,
        "fix": finding.fix.words,
        "leads": finding.leads,
        "behind": urlencode(finding.behind),
    }
