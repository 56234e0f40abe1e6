"""Pipeline, the worth of speed and what changed since the start, for programs: the numbers of the pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final
from zoneinfo import ZoneInfo

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from leads import strict
from reporting import params
from reporting.api.handoffs import ReachedShareSerializer, SpreadSerializer
from reporting.definitions import BAND_LABELS, FOLLOWED
from reporting.outcomes.comparing import Comparison
from reporting.outcomes.pipeline import SPLITS, Worth, pipeline_lately
from reporting.outcomes.settings import RULES, Attribution, attribution, set_money
from reporting.outcomes.since_start import FOLLOW, MONTH_DAYS, Span, since_start_lately
from reporting.outcomes.speed import speed_lately
from reporting.selectors.questions import KINDS
from tenants.models import Tenant
from web.api import TenantAPIView
from web.pagination import known_query

_PERIOD: Final = ("period", "from", "to")
_PERIOD_PARAMETERS: Final = [
    OpenApiParameter("period", str, enum=list(params.PERIODS), description="Unless given by its days."),
    OpenApiParameter("from", str, description="First day: 2026-11-01."),
    OpenApiParameter("to", str, description="Last day."),
]


class SumSerializer(serializers.Serializer[Any]):
    """Deals and what they are worth."""

    deals = serializers.IntegerField()
    amount = serializers.DecimalField(max_digits=20, decimal_places=2, coerce_to_string=True, allow_null=True)
    base = serializers.IntegerField(help_text="Deals in the amount.")
    without_amount = serializers.IntegerField(help_text="Left out of it.")
    other_currency = serializers.IntegerField(help_text="Left out of it.")


class WorthSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(allow_blank=True)
    open = SumSerializer(help_text="Now, whatever the period.")
    won = SumSerializer(help_text="Closed in the period.")
    lost = SumSerializer(help_text="Closed in the period.")


class PipelineMonthSerializer(serializers.Serializer[Any]):
    month = serializers.DateField(allow_null=True, help_text="Its first day; null: no close date.")
    open = SumSerializer()


class DealForecastSerializer(serializers.Serializer[Any]):
    """Of deals closed in the period."""

    deals = serializers.IntegerField()
    base = serializers.IntegerField(help_text="With a first amount in the currency.")
    first = serializers.DecimalField(max_digits=20, decimal_places=2, coerce_to_string=True)
    last = serializers.DecimalField(max_digits=20, decimal_places=2, coerce_to_string=True)
    won = serializers.DecimalField(max_digits=20, decimal_places=2, coerce_to_string=True)


class PipelineSerializer(serializers.Serializer[Any]):
    currency = serializers.CharField()
    attribution = serializers.ChoiceField(choices=list(RULES))
    by = serializers.CharField(help_text="source or campaign.")
    kind = serializers.CharField(help_text="Deals of which handoffs: inbound, outbound or both.")
    as_of = serializers.DateTimeField(help_text="When it was counted: at most ten minutes ago.")
    total = WorthSerializer()
    months = PipelineMonthSerializer(many=True)
    forecast = DealForecastSerializer()
    groups = serializers.IntegerField(help_text="How many there are; results has the 50 largest.")
    results = WorthSerializer(many=True)


class MoneySerializer(serializers.Serializer[Any]):
    """What amounts are told in, and to whom a deal belongs."""

    currency = serializers.CharField(max_length=3, required=False, help_text="ISO 4217.")
    attribution = serializers.ChoiceField(choices=list(RULES), required=False)


class BandSerializer(serializers.Serializer[Any]):
    band = serializers.ChoiceField(choices=list(BAND_LABELS))
    mqls = serializers.IntegerField()
    sql = serializers.IntegerField()
    opportunity = serializers.IntegerField()
    won = serializers.IntegerField()
    won_amount = serializers.DecimalField(max_digits=20, decimal_places=2, coerce_to_string=True)
    won_without_amount = serializers.IntegerField()


class ComparisonSerializer(serializers.Serializer[Any]):
    """Reached within an hour against later or never, in points; null where there are too few."""

    difference = serializers.FloatField(allow_null=True)
    interval = serializers.ListField(child=serializers.FloatField(), allow_null=True, help_text="95%.")
    within_sources = serializers.FloatField(allow_null=True)
    within_sources_interval = serializers.ListField(child=serializers.FloatField(), allow_null=True)
    compared = serializers.IntegerField(help_text="Leads of sources that both have.")


class ComparisonsSerializer(serializers.Serializer[Any]):
    sql = ComparisonSerializer()
    opportunity = ComparisonSerializer()
    won = ComparisonSerializer()


class SpeedSerializer(serializers.Serializer[Any]):
    follow = serializers.IntegerField(help_text="Days that each MQL is followed for.")
    as_of = serializers.DateTimeField(help_text="When it was counted: at most ten minutes ago.")
    too_young = serializers.IntegerField(help_text="Left out.")
    without_clock = serializers.IntegerField(help_text="Touched, and nothing measured how soon: left out.")
    bands = BandSerializer(many=True)
    within_an_hour = ComparisonsSerializer()


class SpanSerializer(serializers.Serializer[Any]):
    """MQLs of a stretch of time and what came of them until now."""

    name = serializers.CharField(help_text="before, Week 1 to Week 4, Month 2 to Month 6.")
    first = serializers.DateField(allow_null=True, help_text="Its first day; null of what was before.")
    mqls = serializers.IntegerField()
    in_time = ReachedShareSerializer(
        help_text="First touches and decisions, met of met or missed; imported history has no such clocks."
    )
    first_touch = SpreadSerializer(help_text="By the wall clock, so that both sides are alike.")
    feedback = ReachedShareSerializer(help_text="MQLs of which sales said something.")
    sql = ReachedShareSerializer(help_text="Of MQLs that were followed long enough; the others are left out.")
    opportunity = ReachedShareSerializer(help_text="Of the same MQLs.")
    amount = serializers.DecimalField(
        max_digits=20,
        decimal_places=2,
        coerce_to_string=True,
        allow_null=True,
        help_text="Of all deals of these MQLs, open or closed; null where none has an amount.",
    )
    with_amount = serializers.IntegerField(help_text="Handoffs in the amount.")
    won = ReachedShareSerializer(help_text="Of won and lost; those still open are left out.")
    cycle = SpreadSerializer(help_text="From MQL to won, of the won.")


class OutcomesSerializer(serializers.Serializer[Any]):
    began = serializers.DateField(allow_null=True, help_text="Of the first handoff here; null before it.")
    time_zone = serializers.CharField(help_text="Days are this zone's.")
    currency = serializers.CharField()
    as_of = serializers.DateTimeField(help_text="When it was counted: at most ten minutes ago.")
    follow = serializers.IntegerField(help_text="Days that each MQL is followed for.")
    month_days = serializers.IntegerField(help_text="How long a month is; a week has 7 days.")
    before = SpanSerializer(allow_null=True, help_text="Imported history; null where there is none.")
    weeks = SpanSerializer(many=True, help_text="Those that have begun.")
    months = SpanSerializer(many=True, help_text="Those that have begun, from the second on.")


def _worth(each: Worth) -> dict[str, Any]:
    return {
        "name": each.name,
        "open": each.open.as_dict(),
        "won": each.won.as_dict(),
        "lost": each.lost.as_dict(),
    }


class PipelineView(TenantAPIView):
    scopes: ClassVar[Mapping[str, str]] = {"GET": "reports:read"}

    @extend_schema(
        operation_id="reports_pipeline",
        summary="Pipeline and revenue by source or campaign, under a named rule of attribution",
        parameters=[
            *_PERIOD_PARAMETERS,
            OpenApiParameter("by", str, enum=SPLITS),
            OpenApiParameter("rule", str, enum=list(RULES), description="The organisation's, unless given."),
            OpenApiParameter(
                "kind", str, enum=list(KINDS), description="Deals of which handoffs; inbound unless given."
            ),
        ],
        responses=PipelineSerializer,
    )
    def get(self, request: Request) -> Response:
        known_query(request, *_PERIOD, "by", "rule", "kind")
        query = {name: str(value) for name, value in request.query_params.items()}
        now = self.clock()
        question = params.question_for_api(query, tenant=self.tenant, now=now)
        by = params.choice(query, "by", SPLITS, SPLITS[0])
        rule = params.choice(query, "rule", tuple(RULES), attribution())
        kept = pipeline_lately(question, rule=rule, by=by, currency=self.tenant.currency, now=now)
        found = kept.value
        return Response(
            {
                "currency": self.tenant.currency,
                "attribution": rule,
                "by": by,
                "kind": question.kind,
                "as_of": kept.at,
                "total": _worth(found.whole),
                "months": [{"month": month, "open": one.as_dict()} for month, one in found.months],
                "forecast": {
                    "deals": found.forecast.deals,
                    "base": found.forecast.counted,
                    "first": f"{found.forecast.first:.2f}",
                    "last": f"{found.forecast.last:.2f}",
                    "won": f"{found.forecast.won:.2f}",
                },
                "groups": found.number,
                "results": [_worth(each) for each in found.groups],
            }
        )


class MoneyView(TenantAPIView):
    scopes: ClassVar[Mapping[str, str]] = {"GET": "config:read", "PATCH": "config:write"}
    _read = staticmethod(strict.reader_of(MoneySerializer))

    @extend_schema(operation_id="organisation_money_retrieve", responses={200: MoneySerializer})
    def get(self, request: Request) -> Response:
        """The currency of the organisation and its rule of attribution."""
        known_query(request)
        return Response({"currency": self.tenant.currency, "attribution": attribution()})

    @extend_schema(
        operation_id="organisation_money_update", request=MoneySerializer, responses={200: MoneySerializer}
    )
    def patch(self, request: Request) -> Response:
        """Change them. Amounts in another currency are kept, and counted as left out."""
        said = strict.read(self._read, request.data)
        set_money(
            tenant=self.tenant,
            currency=said.get("currency", self.tenant.currency),
            rule=Attribution(said.get("attribution", attribution())).value,
            actor=self.actor,
            now=self.clock(),
        )
        currency = Tenant.objects.get(id=self.tenant_id).currency
        return Response({"currency": currency, "attribution": attribution()})


class SpeedView(TenantAPIView):
    scopes: ClassVar[Mapping[str, str]] = {"GET": "reports:read"}

    @extend_schema(
        operation_id="reports_speed",
        summary="What became of MQLs by how soon they were reached",
        description="Response time is working time to the first touch that counts, by the company's clock.",
        parameters=[
            *_PERIOD_PARAMETERS,
            OpenApiParameter("source", str),
            OpenApiParameter("follow", int, enum=FOLLOWED, description="Days; 60 unless given."),
        ],
        responses=SpeedSerializer,
    )
    def get(self, request: Request) -> Response:
        known_query(request, *_PERIOD, "source", "follow")
        query = {name: str(value) for name, value in request.query_params.items()}
        if not any(query.get(name) for name in _PERIOD):
            query["period"] = "365d"
        now = self.clock()
        question = params.question_for_api(query, tenant=self.tenant, now=now)
        follow = int(params.choice(query, "follow", tuple(map(str, FOLLOWED)), "60"))
        kept = speed_lately(question, now=now, follow=follow, is_whole=False)
        found = kept.value
        return Response(
            {
                "follow": follow,
                "as_of": kept.at,
                "too_young": found.young,
                "without_clock": found.unclocked,
                "bands": [
                    {
                        "band": name,
                        "mqls": each.leads,
                        "sql": each.sql,
                        "opportunity": each.opportunity,
                        "won": each.won,
                        "won_amount": f"{each.won_amount:.2f}",
                        "won_without_amount": each.without_amount,
                    }
                    for name, each in found.bands.items()
                ],
                "within_an_hour": {name: _comparison(each) for name, each in found.comparisons.items()},
            }
        )


def _comparison(each: Comparison) -> dict[str, Any]:
    def rounded(interval: Any) -> list[float] | None:
        return None if interval is None else [round(end, 1) for end in interval]

    return {
        "difference": None if each.difference is None else round(each.difference, 1),
        "interval": rounded(each.interval),
        "within_sources": None if each.pooled is None else round(each.pooled, 1),
        "within_sources_interval": rounded(each.pooled_interval),
        "compared": each.compared,
    }


class OutcomesView(TenantAPIView):
    scopes: ClassVar[Mapping[str, str]] = {"GET": "reports:read"}

    @extend_schema(
        operation_id="reports_outcomes",
        summary="Outcome scorecard: the first weeks and months here against what was before",
        description="What was before is the baseline that stands; without one all imported history.",
        responses=OutcomesSerializer,
    )
    def get(self, request: Request) -> Response:
        known_query(request)
        tenant, now = self.tenant, self.clock()
        kept = since_start_lately(zone=ZoneInfo(tenant.time_zone), currency=tenant.currency, now=now)
        found = kept.value
        return Response(
            {
                "as_of": kept.at,
                "began": found.began,
                "time_zone": self.tenant.time_zone,
                "currency": self.tenant.currency,
                "follow": FOLLOW,
                "month_days": MONTH_DAYS,
                "before": _span(found.before) if found.before else None,
                "weeks": [_span(each) for each in found.weeks],
                "months": [_span(each) for each in found.months],
            }
        )


def _span(each: Span) -> dict[str, Any]:
    return {
        "name": each.name,
        "first": each.first,
        "mqls": each.mqls,
        "in_time": each.in_time.as_dict(),
        "first_touch": each.response.as_dict(),
        "feedback": each.feedback.as_dict(),
        "sql": each.to_sql.as_dict(),
        "opportunity": each.to_opportunity.as_dict(),
        "amount": f"{each.amount:.2f}" if each.with_amount else None,
        "with_amount": each.with_amount,
        "won": each.wins.as_dict(),
        "cycle": each.cycle.as_dict(),
    }
