"""KPIs for programs: the numbers, owners, and targets with their history."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from leads import strict
from leads.lifecycle import Stage
from reporting import params
from reporting.commitments.params import month_from, present_month
from reporting.kpis.came import LISTED, leads_that, span_of
from reporting.kpis.catalog import CATALOG, Kind, Section, Unit
from reporting.kpis.costs import Spent
from reporting.kpis.numbers import Number, Reading, cycle_of
from reporting.kpis.services import MOST_WHY, Wanted, get_kind, set_owner, set_target
from reporting.kpis.sheet import Line, Point, Sheet, SourceLine, sheet_of
from reporting.kpis.targets import NOBODY, Owner, Targets, Term, load_targets, owners_of
from web.api import TenantAPIView
from web.openapi import PAGE_PARAMETERS, page_serializer
from web.pagination import api_page, known_query

_MONTH = OpenApiParameter("month", str, description="2026-11; the present one without it.")


class KpiLeftOutSerializer(serializers.Serializer[Any]):
    number = serializers.IntegerField()
    why = serializers.CharField()


class KpiReadingSerializer(serializers.Serializer[Any]):
    """A number with what it is of."""

    value = serializers.CharField(
        allow_null=True, help_text="A decimal: per cent, days, or money; null: `why` says why."
    )
    count = serializers.IntegerField(allow_null=True, help_text="Of a share, those that count.")
    base = serializers.IntegerField()
    p90 = serializers.CharField(allow_null=True, help_text="Of a median: within which 9 in 10 lie.")
    money = serializers.CharField(
        allow_null=True, help_text="Of a cost, the money that is divided; of a pipeline, that of everybody."
    )
    left_out = KpiLeftOutSerializer(many=True)
    why = serializers.CharField(allow_blank=True)


class KpiTermSerializer(serializers.Serializer[Any]):
    target = serializers.CharField(allow_null=True, help_text="A decimal; null: none.")
    valid_from = serializers.DateField(allow_null=True, help_text="Null for a default, or none.")
    id = serializers.UUIDField(allow_null=True)


class KpiOwnerSerializer(serializers.Serializer[Any]):
    member = serializers.UUIDField(allow_null=True, help_text="Null: nobody owns it.")
    has_left = serializers.BooleanField(help_text="No longer active here: nobody owns it now.")


_STANDING = serializers.ChoiceField(choices=["on_target", "watch", "off_target"], allow_null=True)


class KpiPointSerializer(serializers.Serializer[Any]):
    month = serializers.CharField()
    reading = KpiReadingSerializer()
    target = serializers.CharField(allow_null=True, help_text="That held then.")
    standing = _STANDING


class KpiLineSerializer(serializers.Serializer[Any]):
    kpi = serializers.ChoiceField(choices=list(CATALOG))
    section = serializers.ChoiceField(choices=[section.value for section in Section])
    label = serializers.CharField()  # type: ignore[assignment]
    unit = serializers.ChoiceField(choices=[unit.value for unit in Unit])
    what = serializers.CharField(help_text="What the number is.")
    base = serializers.CharField(help_text="What it is of.")
    owner = KpiOwnerSerializer()
    term = KpiTermSerializer()
    reading = KpiReadingSerializer()
    due = serializers.CharField(allow_null=True, help_text="Of a month that runs: what is due by now.")
    standing = _STANDING
    months = KpiPointSerializer(many=True)


class KpiSourceSerializer(serializers.Serializer[Any]):
    source = serializers.CharField(allow_blank=True)  # type: ignore[assignment]
    mqls = serializers.IntegerField()
    mqls_with_cost = serializers.IntegerField()
    mqls_without_cost = serializers.IntegerField(help_text="Left out: no cost known.")
    months_with_cost = serializers.IntegerField(help_text="Of the three.")
    cost = serializers.CharField(allow_null=True, help_text="Null: no cost known.")
    spent_without_mql = serializers.CharField(help_text="Of the cost, what brought no MQL.")
    cost_per_mql = serializers.CharField(allow_null=True)
    why_no_cost_per_mql = serializers.CharField(allow_blank=True)
    sqls = serializers.IntegerField()
    cost_per_sql = serializers.CharField(allow_null=True)
    why_no_cost_per_sql = serializers.CharField(allow_blank=True)
    cycle = KpiReadingSerializer()


class KpiCampaignSerializer(serializers.Serializer[Any]):
    campaign = serializers.CharField()
    mqls = serializers.IntegerField(help_text="Of the campaign, whatever their source.")
    mqls_with_cost = serializers.IntegerField()
    mqls_without_cost = serializers.IntegerField(help_text="Left out: of months without a cost.")
    months_with_cost = serializers.IntegerField(help_text="Of the three.")
    cost = serializers.CharField(allow_null=True, help_text="Null: none in the currency.")
    spent_without_mql = serializers.CharField(help_text="Of the cost, what brought no MQL.")
    cost_per_mql = serializers.CharField(allow_null=True)
    why_no_cost_per_mql = serializers.CharField(allow_blank=True)
    sqls = serializers.IntegerField()
    cost_per_sql = serializers.CharField(allow_null=True)
    why_no_cost_per_sql = serializers.CharField(allow_blank=True)


class KpisSerializer(serializers.Serializer[Any]):
    month = serializers.CharField()
    last = serializers.DateField(help_text="The last day that counts.")
    time_zone = serializers.CharField()
    currency = serializers.CharField()
    cost_months = serializers.ListField(child=serializers.CharField())
    as_of = serializers.DateTimeField(
        help_text="When won leads, opportunities and leads as they came were counted: in large organisations"
        " at most ten minutes ago, else now."
    )
    results = KpiLineSerializer(many=True)
    groups = serializers.IntegerField(help_text="Sources that there are; sources has the 50 largest.")
    sources = KpiSourceSerializer(many=True)
    campaign_groups = serializers.IntegerField(help_text="Campaigns with a cost; campaigns has 50.")
    campaigns = KpiCampaignSerializer(many=True)


class KpisView(TenantAPIView):
    """GET reports/kpis"""

    scopes: ClassVar[Mapping[str, str]] = {"GET": "reports:read"}

    @extend_schema(
        operation_id="reports_kpis",
        summary="What marketing and sales answer for, and how it stands",
        parameters=[_MONTH],
        responses=KpisSerializer,
    )
    def get(self, request: Request) -> Response:
        known_query(request, "month")
        now = self.clock()
        month = month_from(request.query_params.dict(), tenant=self.tenant, now=now)
        sheet = sheet_of(tenant=self.tenant, month=month, now=now)
        return Response(
            {
                "month": f"{month:%Y-%m}",
                "last": sheet.last,
                "time_zone": self.tenant.time_zone,
                "currency": sheet.currency,
                "cost_months": [f"{each:%Y-%m}" for each in sheet.cost_months],
                "as_of": sheet.as_of,
                "results": [_line(line, sheet) for line in sheet.lines],
                "groups": sheet.number,
                "sources": [_source(each) for each in sheet.sources],
                "campaign_groups": sheet.campaigns_number,
                "campaigns": [{"campaign": name, **_spent(spent)} for name, spent in sheet.campaigns],
            }
        )


class KpiLeadSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField(help_text="Of the lead.")
    came_at = serializers.DateTimeField()
    opportunity_at = serializers.DateTimeField(allow_null=True, help_text="When it first became one.")
    stage = serializers.ChoiceField(choices=Stage.values, help_text="Now.")
    source = serializers.CharField(allow_blank=True)  # type: ignore[assignment]


class KpiLeadsView(TenantAPIView):
    """GET reports/kpis/leads"""

    scopes: ClassVar[Mapping[str, str]] = {"GET": "reports:read"}

    @extend_schema(
        operation_id="reports_kpis_leads",
        summary="The leads that lead to opportunity counts, or leaves out, the latest first",
        parameters=[
            _MONTH,
            OpenApiParameter(
                "which",
                str,
                enum=list(LISTED),
                default="opened",
                description="opened: what is counted. came: what it is of. The others are left out of both,"
                " but for not_opened, which is the rest of came.",
            ),
            *PAGE_PARAMETERS,
        ],
        responses={200: page_serializer("KpiLeadPage", KpiLeadSerializer)},
    )
    def get(self, request: Request) -> Response:
        known_query(request, "month", "which", "cursor", "limit")
        query, now, zone = request.query_params.dict(), self.clock(), ZoneInfo(self.tenant.time_zone)
        which = params.choice(query, "which", tuple(LISTED), "opened")
        span = span_of(month_from(query, tenant=self.tenant, now=now), zone=zone, now=now)
        found = leads_that(span, which, zone=zone)
        rows, following = api_page(request, found, order=("-created_at", "-id"))
        return Response(
            {
                "results": [
                    {
                        "id": row.id,
                        "came_at": row.created_at,
                        "opportunity_at": row.opened_at,
                        "stage": row.stage,
                        "source": row.source,
                    }
                    for row in rows
                ],
                "next": following,
            }
        )


def _text(value: Number | None) -> str | None:
    return None if value is None else f"{value}"


def _reading(reading: Reading) -> dict[str, Any]:
    return {
        "value": _text(reading.value),
        "count": reading.count,
        "base": reading.base,
        "p90": _text(reading.p90),
        "money": _text(reading.cost),
        "left_out": [{"number": each.number, "why": each.why} for each in reading.left_out],
        "why": reading.why,
    }


def _line(line: Line, sheet: Sheet) -> dict[str, Any]:
    kind = line.kind
    return {
        "kpi": kind.key,
        "section": kind.section.value,
        "label": kind.label,
        "unit": kind.unit.value,
        "what": kind.what,
        "base": kind.base,
        "owner": _owner(line.owner),
        "term": _term(line.term),
        "reading": _reading(line.reading),
        "due": None if line.due is None else f"{line.due:.2f}",
        "standing": line.status,
        "months": [_point(point) for point in line.points],
    }


def _point(point: Point) -> dict[str, Any]:
    return {
        "month": f"{point.span.month:%Y-%m}",
        "reading": _reading(point.reading),
        "target": _text(point.term.target),
        "standing": point.status,
    }


def _owner(owner: Owner) -> dict[str, Any]:
    return {"member": owner.member_id, "has_left": owner.has_left}


def _term(term: Term) -> dict[str, Any]:
    return {"target": _text(term.target), "valid_from": term.valid_from, "id": term.row_id}


def _source(each: SourceLine) -> dict[str, Any]:
    return {"source": each.source, **_spent(each.spent), "cycle": _reading(cycle_of(each.wins))}


def _spent(spent: Spent) -> dict[str, Any]:
    return {
        "mqls": spent.all_mqls,
        "mqls_with_cost": spent.mqls,
        "mqls_without_cost": spent.no_cost,
        "months_with_cost": spent.months_known,
        "cost": _text(spent.cost + spent.nothing) if spent.known else None,
        "spent_without_mql": f"{spent.nothing:.2f}",
        "cost_per_mql": _text(spent.per_mql),
        "why_no_cost_per_mql": spent.why_no_mql_cost,
        "sqls": spent.sqls,
        "cost_per_sql": _text(spent.per_sql),
        "why_no_cost_per_sql": spent.why_no_sql_cost,
    }


# --- One KPI ------------------------------------------------------------------------------------------------


class KpiOwnerHistorySerializer(KpiOwnerSerializer):
    set_at = serializers.DateTimeField()
    set_by = serializers.CharField()


class KpiTargetHistorySerializer(KpiTermSerializer):
    set_at = serializers.DateTimeField()
    set_by = serializers.CharField()
    why = serializers.CharField()


class KpiSerializer(serializers.Serializer[Any]):
    kpi = serializers.ChoiceField(choices=list(CATALOG))
    unit = serializers.ChoiceField(choices=[unit.value for unit in Unit])
    commitment = serializers.CharField(
        allow_blank=True, help_text="That promises the same number; its target is this one's."
    )
    owner = KpiOwnerSerializer()
    owners = KpiOwnerHistorySerializer(many=True, help_text="The latest first.")
    present = KpiTermSerializer(help_text="What holds in the present month.")
    upcoming = KpiTermSerializer(many=True)
    history = KpiTargetHistorySerializer(
        many=True, help_text="Everything that was ever set, the latest first."
    )


class KpiOwnerInSerializer(serializers.Serializer[Any]):
    member = serializers.UUIDField(allow_null=True, required=False, help_text="Null or left out: nobody.")


class KpiTargetInSerializer(serializers.Serializer[Any]):
    target = serializers.DecimalField(
        max_digits=16,
        decimal_places=2,
        required=False,
        allow_null=True,
        help_text="Per cent or MQLs (whole), days, or money; null or left out: none any more.",
    )
    valid_from = serializers.DateField(help_text="The first of this month or of a later one.")
    why = serializers.CharField(max_length=MOST_WHY)
    instead_of = serializers.UUIDField(
        required=False,
        allow_null=True,
        help_text="Id of the target that was set last; 409 where another was set since. Null: none was.",
    )


_read_owner: Callable[..., dict[str, Any]] = strict.reader_of(KpiOwnerInSerializer)
_read_target: Callable[..., dict[str, Any]] = strict.reader_of(KpiTargetInSerializer)


class _KpiView(TenantAPIView):
    def _one(self, kind: Kind) -> Response:
        targets: Targets = load_targets(self.tenant.target_percent)
        month = present_month(self.tenant, self.clock())
        owners = owners_of(kind.key).get(kind.key, [])
        return Response(
            {
                "kpi": kind.key,
                "unit": kind.unit.value,
                "commitment": kind.commitment,
                "owner": _owner(next(iter(owners), NOBODY)),
                "owners": [{**_owner(each), "set_at": each.set_at, "set_by": each.set_by} for each in owners],
                "present": _term(targets.of(kind, month)),
                "upcoming": [_term(each) for each in targets.upcoming(kind, month)],
                "history": [
                    {**_term(each), "set_at": each.set_at, "set_by": each.set_by, "why": each.why}
                    for each in targets.history(kind)
                ],
            }
        )


class KpiView(_KpiView):
    """GET kpis/close_rate"""

    scopes: ClassVar[Mapping[str, str]] = {"GET": "config:read"}

    @extend_schema(
        operation_id="kpi", summary="Owner and target of a KPI, with their history", responses=KpiSerializer
    )
    def get(self, request: Request, kpi: str) -> Response:
        known_query(request)
        return self._one(get_kind(kpi))


class KpiOwnerView(_KpiView):
    """PUT kpis/close_rate/owner"""

    scopes: ClassVar[Mapping[str, str]] = {"PUT": "config:write"}

    @extend_schema(
        operation_id="set_kpi_owner",
        summary="Name who answers for a KPI",
        request=KpiOwnerInSerializer,
        responses=KpiSerializer,
    )
    def put(self, request: Request, kpi: str) -> Response:
        kind, said = get_kind(kpi), strict.read(_read_owner, request.data)
        set_owner(
            tenant=self.tenant,
            kind=kind,
            member_id=said.get("member"),
            actor=self.actor,
            now=self.clock(),
        )
        return self._one(kind)


class KpiTargetView(_KpiView):
    """PUT kpis/close_rate/target"""

    scopes: ClassVar[Mapping[str, str]] = {"PUT": "config:write"}

    @extend_schema(
        operation_id="set_kpi_target",
        summary="Set what a KPI is to reach from a month on",
        description=(
            "What was set before stays as history, and months that are over are judged by what held then."
            " Saying again what is set changes nothing. Of a KPI that a commitment promises too, the"
            " commitment's target is set."
        ),
        request=KpiTargetInSerializer,
        responses=KpiSerializer,
    )
    def put(self, request: Request, kpi: str) -> Response:
        kind, sent = get_kind(kpi), request.data
        said = strict.read(_read_target, sent)
        wanted = Wanted(
            target=said.get("target"),
            valid_from=said["valid_from"],
            why=said["why"],
            instead_of=said.get("instead_of"),
            checks_last="instead_of" in sent,
        )
        set_target(tenant=self.tenant, kind=kind, wanted=wanted, actor=self.actor, now=self.clock())
        return self._one(kind)
