"""The weekly digest for programs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import time
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from drf_spectacular.utils import OpenApiParameter, OpenApiTypes, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core.errors import ValidationFailed
from leads import strict
from reporting.mailings import services
from reporting.mailings.digest import as_document, digest_of
from reporting.mailings.models import MailSettings
from reporting.mailings.params import week_from
from web.api import TenantAPIView
from web.pagination import known_query


class DigestRateSerializer(serializers.Serializer[Any]):
    count = serializers.IntegerField()
    base = serializers.IntegerField(help_text="Answered.")
    rate = serializers.FloatField(allow_null=True, help_text="Per cent; null where nothing was answered.")
    left_out = serializers.IntegerField(help_text="Without an answer.")


class DigestNumbersSerializer(serializers.Serializer[Any]):
    delivered = serializers.IntegerField(help_text="MQLs of the week.")
    accepted = serializers.IntegerField()
    rejected = serializers.IntegerField()
    nurture = serializers.IntegerField()
    undecided = serializers.IntegerField()
    acceptance = DigestRateSerializer()


class DigestReasonSerializer(serializers.Serializer[Any]):
    reason = serializers.CharField(allow_blank=True)
    label = serializers.CharField()  # type: ignore[assignment]
    count = serializers.IntegerField()
    before = serializers.IntegerField(help_text="In the week before.")


class DigestCampaignSerializer(DigestNumbersSerializer):
    campaign = serializers.CharField(allow_blank=True)
    before = DigestNumbersSerializer()


class DigestSourceSerializer(DigestNumbersSerializer):
    source = serializers.CharField(allow_blank=True)  # type: ignore[assignment]
    before = DigestNumbersSerializer()


class DigestNoteSerializer(serializers.Serializer[Any]):
    lead = serializers.UUIDField()
    reason = serializers.CharField()
    note = serializers.CharField()
    at = serializers.DateTimeField()


class DigestDisputesSerializer(serializers.Serializer[Any]):
    open = serializers.IntegerField(help_text="Now.")
    oldest = serializers.DateTimeField(allow_null=True)
    disputable = serializers.IntegerField(help_text="Rejections that may still be disputed now.")
    first_until = serializers.DateTimeField(allow_null=True, help_text="Until when the first of them may be.")


class DigestSerializer(DigestNumbersSerializer):
    week = serializers.DateField(help_text="Its Monday.")
    first = serializers.DateField()
    last = serializers.DateField()
    has_begun = serializers.BooleanField(help_text="false: a week to come, of which all counts are 0.")
    before = DigestNumbersSerializer(help_text="The week before.")
    overturned = serializers.IntegerField(help_text="Of the rejections, by disputes.")
    reasons = DigestReasonSerializer(many=True)
    by_campaign = DigestCampaignSerializer(many=True, help_text="The ten with the most leads.")
    by_source = DigestSourceSerializer(many=True, help_text="The ten with the most leads.")
    notes = DigestNoteSerializer(many=True, help_text="Of each reason of marketing's side the longest.")
    disputes = DigestDisputesSerializer()
    link = serializers.CharField()


class DigestSettingsSerializer(serializers.Serializer[Any]):
    digest_on = serializers.BooleanField()
    team_on = serializers.BooleanField(help_text="The Monday mail to each manager.")
    weekday = serializers.IntegerField(min_value=0, max_value=6, help_text="0 is Monday.")
    at = serializers.CharField(
        max_length=5, help_text="Hours and minutes, like 08:00, in the organisation's time zone."
    )
    recipients = serializers.ListField(
        child=serializers.UUIDField(), max_length=500, help_text="Members; empty: everybody of marketing."
    )
    sends_empty = serializers.BooleanField(help_text="Also when there is nothing to tell.")
    escalation_percent = serializers.IntegerField(
        min_value=1, max_value=100, help_text="Two weeks of a team below it go before the executives."
    )
    escalation_clocks = serializers.IntegerField(
        min_value=1, max_value=10_000, help_text="A week of a team with fewer counted clocks says nothing."
    )
    escalation_people = serializers.ListField(
        child=serializers.UUIDField(), max_length=500, help_text="Members; empty: the executives."
    )


_read: Callable[..., dict[str, Any]] = strict.reader_of(DigestSettingsSerializer)


class DigestView(TenantAPIView):
    """GET digest"""

    scopes: ClassVar[dict[str, str]] = {"GET": "reports:read"}

    @extend_schema(
        operation_id="digest",
        summary="What sales said in a week",
        parameters=[
            OpenApiParameter(
                "week", OpenApiTypes.DATE, description="A day of it. Default: the week that was due last."
            )
        ],
        responses=DigestSerializer,
    )
    def get(self, request: Request) -> Response:
        known_query(request, "week")
        now = self.clock()
        _, told = services.due_week(services.mail_settings(), self.tenant, now)
        week = week_from(request.query_params.get("week", ""), default=told)
        told_of_it = as_document(digest_of(self.tenant, week, now=now, reader=None))
        today = now.astimezone(ZoneInfo(self.tenant.time_zone)).date()
        return Response({**told_of_it, "has_begun": week <= today})


class DigestSettingsView(TenantAPIView):
    """GET, PUT digest/settings"""

    scopes: ClassVar[dict[str, str]] = {"GET": "config:read", "PUT": "config:write"}

    @extend_schema(
        operation_id="digest_settings",
        summary="When the weekly mails leave, and who gets the digest",
        responses=DigestSettingsSerializer,
    )
    def get(self, request: Request) -> Response:
        known_query(request)
        return Response(_document(services.mail_settings()))

    @extend_schema(
        operation_id="set_digest_settings",
        summary="Choose when the weekly mails leave, and who gets the digest",
        request=DigestSettingsSerializer,
        responses=DigestSettingsSerializer,
    )
    def put(self, request: Request) -> Response:
        said = strict.read(_read, request.data)
        said |= {"at": hour_of(said["at"])}
        found = services.change_settings(tenant=self.tenant, **said, actor=self.actor, now=self.clock())
        return Response(_document(found))


def hour_of(text: str) -> time:
    """Raises ValidationFailed at /at."""
    try:
        return time.fromisoformat(text if len(text) == 5 else "")
    except ValueError as error:
        raise ValidationFailed.at("/at", "at is hours and minutes, like 08:00.", "invalid") from error


def _document(setting: MailSettings) -> dict[str, Any]:
    return {
        "digest_on": setting.digest_on,
        "team_on": setting.team_on,
        "weekday": setting.weekday,
        "at": f"{setting.at:%H:%M}",
        "recipients": [str(each) for each in setting.recipients],
        "sends_empty": setting.sends_empty,
        "escalation_percent": setting.escalation_percent,
        "escalation_clocks": setting.escalation_clocks,
        "escalation_people": [str(each) for each in setting.escalation_people],
    }
