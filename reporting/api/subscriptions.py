"""Reports by mail on a schedule, for programs: who gets which, and when."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import time
from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core.errors import ValidationFailed
from leads import strict
from reporting.api.digest import hour_of
from reporting.mailings import reports, subscriptions
from reporting.mailings.models import Subscription
from reporting.mailings.reports import REPORTS
from tenants.selectors import find_member
from web.api import TenantAPIView
from web.openapi import PAGE_PARAMETERS, page_serializer
from web.pagination import api_page, known_query

_AT = "Hours and minutes, like 08:00, in the time zone of whoever gets it."


class NewSubscriptionSerializer(serializers.Serializer[Any]):
    member = serializers.CharField(max_length=254, help_text="Who gets it: id or e-mail.")
    report = serializers.ChoiceField(choices=list(REPORTS), help_text="One that they may read.")
    query = serializers.CharField(
        required=False,
        max_length=1_000,
        allow_blank=True,
        help_text="Filters and the period, as in the address of its page: source=Web&period=7d. Days never.",
    )
    frequency = serializers.ChoiceField(choices=Subscription.Frequency.values)
    weekday = serializers.IntegerField(
        required=False, min_value=0, max_value=6, help_text="Of weekly ones; 0 is Monday, and unless said."
    )
    day = serializers.IntegerField(
        required=False, min_value=1, max_value=28, help_text="Of monthly ones; 1 unless said."
    )
    at = serializers.CharField(required=False, max_length=5, help_text=f"{_AT} 08:00 unless said.")


class SubscriptionSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    member = serializers.UUIDField()
    report = serializers.ChoiceField(choices=list(REPORTS))
    query = serializers.CharField(allow_blank=True)
    frequency = serializers.ChoiceField(choices=Subscription.Frequency.values)
    weekday = serializers.IntegerField(help_text="Of weekly ones; 0 is Monday.")
    day = serializers.IntegerField(help_text="Of monthly ones.")
    at = serializers.CharField(help_text=_AT)
    next_at = serializers.DateTimeField(help_text="When the next one leaves.")
    created_at = serializers.DateTimeField()


_PAGE = page_serializer("SubscriptionPage", SubscriptionSerializer)
_read: Callable[..., dict[str, Any]] = strict.reader_of(NewSubscriptionSerializer)


class SubscriptionsView(TenantAPIView):
    """GET, POST reports/subscriptions"""

    idempotent: ClassVar[bool] = True
    scopes: ClassVar[Mapping[str, str]] = {"GET": "config:read", "POST": "config:write"}

    @extend_schema(
        operation_id="report_subscriptions",
        summary="Who gets which report by mail, and when",
        parameters=[
            OpenApiParameter("member", str, description="Id or e-mail; only this person's."),
            *PAGE_PARAMETERS,
        ],
        responses={200: _PAGE},
    )
    def get(self, request: Request) -> Response:
        known_query(request, "member", "cursor", "limit")
        found = Subscription.objects.all()
        if who := request.query_params.get("member"):
            found = found.filter(member=find_member(who, path="/member", active=False))
        rows, following = api_page(request, found, order=("created_at", "id"))
        return Response({"results": [_document(row) for row in rows], "next": following})

    @extend_schema(
        operation_id="report_subscription_create",
        summary="Let somebody have a report by mail",
        description="The mail holds what they may read of it when it leaves. They may end it themselves.",
        request=NewSubscriptionSerializer,
        responses={201: SubscriptionSerializer},
    )
    def post(self, request: Request) -> Response:
        known_query(request)
        said = strict.read(_read, request.data)
        query = said.get("query", "")
        if wrong := reports.unkept_of(query):
            text = f"A mail on a schedule cannot go by {wrong[0][:80]!r}: say filters, and period=."
            raise ValidationFailed.at("/query", text, "unknown_field")
        made = subscriptions.subscribe(
            tenant=self.tenant,
            member=find_member(said["member"], path="/member"),
            report=said["report"],
            query=query,
            frequency=said["frequency"],
            weekday=said.get("weekday", 0),
            day=said.get("day", 1),
            at=hour_of(said["at"]) if "at" in said else time(8),
            now=self.clock(),
            actor=self.actor,
        )
        return Response(_document(made), status=201)


class SubscriptionView(TenantAPIView):
    """GET, DELETE reports/subscriptions/{id}"""

    scopes: ClassVar[Mapping[str, str]] = {"GET": "config:read", "DELETE": "config:write"}

    @extend_schema(
        operation_id="report_subscription", summary="One of them", responses=SubscriptionSerializer
    )
    def get(self, request: Request, subscription_id: UUID) -> Response:
        known_query(request)
        return Response(_document(subscriptions.get_subscription(subscription_id)))

    @extend_schema(
        operation_id="report_subscription_delete",
        summary="End it: no more of these mails",
        request=None,
        responses={204: None},
    )
    def delete(self, request: Request, subscription_id: UUID) -> Response:
        known_query(request)
        subscriptions.end_for(subscription_id=subscription_id, actor=self.actor, now=self.clock())
        return Response(status=204)


def _document(row: Subscription) -> dict[str, Any]:
    return {
        "id": row.id,
        "member": row.member_id,
        "report": row.report,
        "query": row.query,
        "frequency": row.frequency,
        "weekday": row.weekday,
        "day": row.day,
        "at": f"{row.at:%H:%M}",
        "next_at": row.next_at,
        "created_at": row.created_at,
    }
