"""The leak finder for programs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any, ClassVar, Final
from urllib.parse import urlencode

from drf_spectacular.utils import OpenApiParameter, OpenApiTypes, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from leads import strict
from reporting import params
from reporting.api.handoff_lists import HANDOFF_PAGE, handoff_row
from reporting.leaks.finder.findings import Finding, Tag
from reporting.leaks.finder.registry import KINDS
from reporting.leaks.kept import leaks_lately
from reporting.leaks.rows import BEHIND, behind
from reporting.leaks.settings import LIMITS, LeakTerms, leak_terms, set_leak_terms
from reporting.selectors import Question
from web.api import TenantAPIView
from web.openapi import PAGE_PARAMETERS
from web.pagination import api_page, known_query

_NAMES: Final = ("source", "period", "from", "to")
_ASKED: Final = [
    OpenApiParameter("source", str, description="One source; `none` for leads without."),
    OpenApiParameter("period", str, enum=list(params.PERIODS), default="90d"),
    OpenApiParameter("from", OpenApiTypes.DATE, description="Default: 29 days before `to`."),
    OpenApiParameter("to", OpenApiTypes.DATE, description="Default: today."),
]


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
    behind = serializers.CharField(
        help_text="Query of their list: reports/leaks/leads with the same period and source."
    )


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
        parameters=_ASKED,
        responses=LeaksSerializer,
    )
    def get(self, request: Request) -> Response:
        now = self.clock()
        known_query(request, *_NAMES)
        question = _question(self, request)
        chosen = leak_terms()
        kept = leaks_lately(question, now, chosen=chosen)
        found = kept.value
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


def _question(view: TenantAPIView, request: Request) -> Question:
    query = {"period": "90d", **request.query_params.dict()}
    return params.question_for_api(query, tenant=view.tenant, now=view.clock())


# --- The leads behind a finding -----------------------------------------------------------------------------

#: What each filter of a finding means.
_BEHIND: Final[Mapping[str, str]] = {
    "touch": "First touch: slow, late, never, or due.",
    "attempts": "few or enough, of accepted leads.",
    "moved": "wrong_owner: refused as somebody else's and moved.",
    "answer": "accepted, rejected or declined.",
    "reason": "Slug of a reason.",
    "lacks": "What the lead came without.",
    "hours": "Hours of the week from Monday midnight: 17-18,41.",
    "reps": "Ids of members, parted by commas.",
    "stage": "Stands in it: mql, sal, sql or opportunity.",
    "over": "For more than so many whole days; with stage.",
}


class LeakLeadsView(TenantAPIView):
    """GET reports/leaks/leads"""

    scopes: ClassVar[Mapping[str, str]] = {"GET": "reports:read"}

    @extend_schema(
        operation_id="reports_leaks_leads",
        summary="The leads behind a finding, the latest first",
        description="Exactly those that it counts: with its `behind`, and the report's period and source.",
        parameters=[
            *_ASKED,
            *(OpenApiParameter(name, str, description=_BEHIND[name]) for name in BEHIND),
            *PAGE_PARAMETERS,
        ],
        responses={200: HANDOFF_PAGE},
    )
    def get(self, request: Request) -> Response:
        known_query(request, *_NAMES, *BEHIND, "cursor", "limit")
        found = behind(
            _question(self, request),
            request.query_params.dict(),
            terms=leak_terms().terms,
            now=self.clock(),
        )
        rows, following = api_page(request, found, order=("-started_at", "-id"))
        return Response({"results": [handoff_row(row) for row in rows], "next": following})


# --- What the finder goes by --------------------------------------------------------------------------------


def _whole(name: str, help_text: str, **more: Any) -> serializers.IntegerField:
    least, most = LIMITS[name]
    return serializers.IntegerField(min_value=least, max_value=most, help_text=help_text, **more)


class LeakSettingsSerializer(serializers.Serializer[Any]):
    sql_percent = _whole("sql_percent", "MQL to SQL leaks below so many per cent.")
    wrong_owner_percent = _whole(
        "wrong_owner_percent", "Leads refused as somebody else's leak above so many per cent."
    )
    cohort_days = _whole("cohort_days", "For which each lead is followed; younger ones have no conversion.")
    enough_attempts = _whole("enough_attempts", "Attempts that are enough.")
    fast_minutes = _whole(
        "fast_minutes",
        "Working minutes within which a first touch is fast; null: the target of the lead's tier.",
        allow_null=True,
    )


_read: Callable[..., dict[str, Any]] = strict.reader_of(LeakSettingsSerializer)


class LeakSettingsView(TenantAPIView):
    """GET, PUT reports/leaks/settings"""

    scopes: ClassVar[Mapping[str, str]] = {"GET": "config:read", "PUT": "config:write"}

    @extend_schema(
        operation_id="leak_settings",
        summary="What the leak finder goes by",
        responses=LeakSettingsSerializer,
    )
    def get(self, request: Request) -> Response:
        known_query(request)
        return Response(asdict(leak_terms()))

    @extend_schema(
        operation_id="set_leak_settings",
        summary="Set what the leak finder goes by",
        description="From now on and for every period.",
        request=LeakSettingsSerializer,
        responses=LeakSettingsSerializer,
    )
    def put(self, request: Request) -> Response:
        known_query(request)
        said = strict.read(_read, request.data)
        set_leak_terms(LeakTerms(**said), actor=self.actor, now=self.clock())
        return Response(asdict(leak_terms()))
