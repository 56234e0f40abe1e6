"""What sources cost by month, for programs: to be read, brought in as CSV, and removed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core.errors import NotFound, ValidationFailed
from leads import strict
from leads.list_csv import MOST_BYTES, table_of_call
from reporting.commitments.params import month_from
from reporting.kpis.cost_csv import read_table
from reporting.kpis.cost_import import import_costs, remove_month
from reporting.kpis.cost_plan import STATUS_WORDS, CostPlan, plan_costs
from reporting.kpis.models import SourceCost
from web.api import TenantAPIView
from web.pagination import api_page, known_query


class CostSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    month = serializers.CharField()
    source = serializers.CharField()  # type: ignore[assignment]
    campaign = serializers.CharField(allow_blank=True)
    amount = serializers.DecimalField(max_digits=14, decimal_places=2, coerce_to_string=True)
    currency = serializers.CharField()
    counts = serializers.BooleanField(help_text="False: another currency than the organisation's.")
    set_at = serializers.DateTimeField()
    set_by = serializers.CharField()


class CostsSerializer(serializers.Serializer[Any]):
    results = CostSerializer(many=True)
    next = serializers.CharField(allow_null=True)


class CostsInSerializer(serializers.Serializer[Any]):
    csv = serializers.CharField(
        max_length=MOST_BYTES, help_text="month,source,campaign,amount,currency: the file as text."
    )
    apply = serializers.BooleanField(required=False, help_text="Left out, only what it would do is said.")
    leave_out_wrong = serializers.BooleanField(required=False)


class CostRowSerializer(serializers.Serializer[Any]):
    line = serializers.IntegerField()
    month = serializers.CharField(allow_blank=True)
    source = serializers.CharField(allow_blank=True)  # type: ignore[assignment]
    campaign = serializers.CharField(allow_blank=True)
    amount = serializers.CharField(allow_blank=True)
    currency = serializers.CharField(allow_blank=True)
    status = serializers.ChoiceField(list(STATUS_WORDS))
    before = serializers.CharField(allow_null=True, help_text="The amount that it replaces.")
    errors = serializers.DictField(  # type: ignore[assignment]
        child=serializers.CharField(), help_text="By column: what is wrong and what to do."
    )
    notes = serializers.ListField(child=serializers.CharField())


class CostsOutSerializer(serializers.Serializer[Any]):
    applied = serializers.BooleanField()
    counts = serializers.DictField(child=serializers.IntegerField())
    ignored_columns = serializers.ListField(child=serializers.CharField())
    rows = CostRowSerializer(many=True)


class CostsRemovedSerializer(serializers.Serializer[Any]):
    removed = serializers.IntegerField()


_read_costs: Callable[..., dict[str, Any]] = strict.reader_of(CostsInSerializer)


class CostsView(TenantAPIView):
    """GET, POST kpis/costs"""

    idempotent = True
    scopes: ClassVar[Mapping[str, str]] = {"GET": "reports:read", "POST": "config:write"}

    @extend_schema(
        operation_id="costs_list",
        summary="What sources cost, by month",
        parameters=[
            OpenApiParameter("month", str, description="2026-10; all without it."),
            OpenApiParameter("cursor", str),
            OpenApiParameter("limit", int),
        ],
        responses=CostsSerializer,
    )
    def get(self, request: Request) -> Response:
        known_query(request, "month", "cursor", "limit")
        rows = SourceCost.objects.all()
        if request.query_params.get("month"):
            month = month_from(request.query_params.dict(), tenant=self.tenant, now=self.clock())
            rows = rows.filter(month=month)
        page, following = api_page(request, rows, order=("-month", "-id"))
        return Response({"results": [_cost(row, self.tenant.currency) for row in page], "next": following})

    @extend_schema(
        operation_id="costs_import",
        summary="Say what a CSV file of costs brings, row by row, or bring it in",
        description="All of it, or nothing where a row is wrong and those are not to be left out.",
        request=CostsInSerializer,
        responses={200: CostsOutSerializer},
    )
    def post(self, request: Request) -> Response:
        said = strict.read(_read_costs, request.data)
        table, applies = table_of_call(said["csv"], read_table), said.get("apply", False)
        if applies:
            plan = import_costs(
                tenant=self.tenant,
                table=table,
                leave_out_wrong=said.get("leave_out_wrong", False),
                actor=self.actor,
                now=self.clock(),
            )
        else:
            plan = plan_costs(tenant=self.tenant, table=table, now=self.clock())
        return Response(_plan(plan, applies))


class CostsOfMonthView(TenantAPIView):
    """DELETE kpis/costs/2026-10"""

    scopes: ClassVar[Mapping[str, str]] = {"DELETE": "config:write"}

    @extend_schema(
        operation_id="costs_remove",
        summary="Remove all costs of a month",
        responses={200: CostsRemovedSerializer},
    )
    def delete(self, request: Request, month: str) -> Response:
        try:
            first: date = month_from({"month": month}, tenant=self.tenant, now=self.clock())
        except ValidationFailed as error:
            raise NotFound("There is no such month.") from error
        return Response({"removed": remove_month(month=first, actor=self.actor, now=self.clock())})


def _cost(row: SourceCost, currency: str) -> dict[str, Any]:
    return {
        "id": row.id,
        "month": f"{row.month:%Y-%m}",
        "source": row.source,
        "campaign": row.campaign,
        "amount": f"{row.amount:.2f}",
        "currency": row.currency,
        "counts": row.currency == currency,
        "set_at": row.set_at,
        "set_by": row.set_by,
    }


def _plan(plan: CostPlan, applied: bool) -> dict[str, Any]:
    return {
        "applied": applied,
        "counts": plan.counts,
        "ignored_columns": list(plan.ignored),
        "rows": [
            {
                "line": line.line,
                **line.shown,
                "status": line.status,
                "before": None if line.before is None else f"{line.before:.2f}",
                "errors": line.errors,
                "notes": line.notes,
            }
            for line in plan.lines
        ],
    }
