"""Adoption for programs: who of the people accountable looked at the numbers in a week."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from drf_spectacular.utils import OpenApiParameter, OpenApiTypes, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from reporting.adoption import ACCOUNTABLE, Adopter, adoption
from reporting.api.feedback import CoverageSerializer
from reporting.mailings.digest import week_question
from reporting.mailings.params import week_from
from reporting.mailings.schedule import monday_of
from reporting.selectors.feedback import feedback_of
from reporting.selectors.names import load_names
from tenants.models import Tenant
from web.api import TenantAPIView
from web.pagination import known_query


class AdoptionReportSerializer(serializers.Serializer[Any]):
    report = serializers.CharField(help_text="Its name on the page.")
    days = serializers.IntegerField(help_text="On how many days of the week it was opened.")


class AdoptionMailsSerializer(serializers.Serializer[Any]):
    delivered = serializers.IntegerField()
    failed = serializers.IntegerField()
    waiting = serializers.IntegerField()


class AdoptionNoticesSerializer(serializers.Serializer[Any]):
    told = serializers.IntegerField()
    read = serializers.IntegerField(help_text="Of these.")


class AdopterSerializer(serializers.Serializer[Any]):
    member = serializers.UUIDField()
    name = serializers.CharField()
    role = serializers.ChoiceField(choices=[role.value for role in ACCOUNTABLE])
    reports = AdoptionReportSerializer(many=True)
    last_day = serializers.DateField(allow_null=True, help_text="Of the week; null: opened none.")
    mails = AdoptionMailsSerializer(help_text="Only the delivery is known.")
    notices = AdoptionNoticesSerializer(help_text="In the app.")


class AdoptionSerializer(serializers.Serializer[Any]):
    week = serializers.DateField(help_text="Its Monday.")
    to = serializers.DateField()
    time_zone = serializers.CharField(help_text="Days are this zone's.")
    people = serializers.IntegerField(help_text="Managers, marketing, executives and admins who are active.")
    looked = serializers.IntegerField(help_text="Of these, who opened a report.")
    coverage = CoverageSerializer(help_text="Feedback coverage of the week.")
    results = AdopterSerializer(many=True, help_text="Those who opened none first.")

    def get_fields(self) -> dict[str, Any]:
        """`from` is no name that Python lets a class have."""
        return {"from": serializers.DateField(), **super().get_fields()}


class AdoptionView(TenantAPIView):
    """GET reports/adoption"""

    scopes: ClassVar[Mapping[str, str]] = {"GET": "reports:read"}

    @extend_schema(
        operation_id="reports_adoption",
        summary="Who opened which report in a week, what was delivered and read",
        parameters=[
            OpenApiParameter("week", OpenApiTypes.DATE, description="A day of it. Default: the present week.")
        ],
        responses=AdoptionSerializer,
    )
    def get(self, request: Request) -> Response:
        known_query(request, "week")
        now = self.clock()
        week = week_from(request.query_params.get("week", ""), default=_present(self.tenant, now))
        question = week_question(self.tenant, week, {})
        people = adoption(question)
        coverage, _ = feedback_of(question, "source", now=now, names=load_names())
        return Response(
            {
                "week": week,
                "from": question.first,
                "to": question.last,
                "time_zone": self.tenant.time_zone,
                "people": len(people),
                "looked": sum(bool(each.reports) for each in people),
                "coverage": coverage.as_dict()["coverage"],
                "results": [_adopter(each) for each in people],
            }
        )


def _present(tenant: Tenant, now: datetime) -> date:
    return monday_of(now.astimezone(ZoneInfo(tenant.time_zone)).date())


def _adopter(each: Adopter) -> dict[str, Any]:
    return {
        "member": each.member.id,
        "name": each.member.name,
        "role": each.member.role,
        "reports": [{"report": label, "days": days} for label, days in each.reports.items()],
        "last_day": each.last_day,
        "mails": {
            "delivered": each.mails["sent"],
            "failed": each.mails["dead"],
            "waiting": each.mails["pending"] + each.mails["taken"],
        },
        "notices": {"told": each.notices, "read": each.opened},
    }
