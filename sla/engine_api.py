"""The API about the engine: is it alive, is it late, what is wrong, and a failed clock tried again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from sla import engine
from sla.models import Timer
from sla.retrying import retry_timer
from web.api import TenantAPIView


class TickSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    does = serializers.CharField(source="label")
    every_seconds = serializers.FloatField(source="pause")
    finished_at = serializers.DateTimeField(allow_null=True)
    age_seconds = serializers.FloatField(source="age", allow_null=True)
    state = serializers.ChoiceField(choices=["alive", "waiting", "silent"])


class LatenessSerializer(serializers.Serializer[Any]):
    """Of the steps that fired in the last 24 hours, in seconds."""

    fired = serializers.IntegerField()
    median = serializers.FloatField(source="median_lateness", allow_null=True)
    p99 = serializers.FloatField(source="p99_lateness", allow_null=True)
    worst = serializers.FloatField(source="worst_lateness", allow_null=True)


class TimerCountsSerializer(serializers.Serializer[Any]):
    armed = serializers.IntegerField()
    due = serializers.IntegerField()
    oldest_due_at = serializers.DateTimeField(source="oldest_due", allow_null=True)
    failed = serializers.IntegerField()


class OutboxSerializer(serializers.Serializer[Any]):
    waiting = serializers.IntegerField(source="outbox_waiting")
    oldest_at = serializers.DateTimeField(source="outbox_oldest", allow_null=True)


class FindingSerializer(serializers.Serializer[Any]):
    kind = serializers.CharField(source="finding.kind")
    title = serializers.CharField()
    what_to_do = serializers.CharField(source="advice")
    detail = serializers.CharField(source="finding.detail")
    lead = serializers.UUIDField(source="lead.id", allow_null=True, default=None)
    timer = serializers.UUIDField(source="timer_id", allow_null=True)
    may_retry = serializers.BooleanField()
    found_at = serializers.DateTimeField(source="finding.found_at")
    cleared_at = serializers.DateTimeField(source="finding.cleared_at", allow_null=True)


class EngineSerializer(serializers.Serializer[Any]):
    ticks = TickSerializer(many=True)
    timers = TimerCountsSerializer()
    lateness = LatenessSerializer()
    outbox = OutboxSerializer()
    open_findings = serializers.IntegerField(help_text="In all; `findings` holds the newest hundred.")
    findings = FindingSerializer(many=True)
    cleared = FindingSerializer(many=True, help_text="Cleared in the last seven days.")


class RetriedSerializer(serializers.Serializer[Any]):
    timer = serializers.UUIDField()
    state = serializers.CharField()


class EngineView(TenantAPIView):
    scopes: ClassVar[Mapping[str, str]] = {"GET": "config:read"}

    @extend_schema(operation_id="engine_retrieve", responses={200: EngineSerializer})
    def get(self, request: Request) -> Response:
        """The engine's ticks, this organisation's clocks and messages, and what the auditor found."""
        now = self.clock()
        figures = engine.figures(now=now)
        found, total = engine.standing()
        document = {
            "ticks": engine.ticks(now=now),
            "timers": figures,
            "lateness": figures,
            "outbox": figures,
            "open_findings": total,
            "findings": found,
            "cleared": engine.cleared(now=now),
        }
        return Response(EngineSerializer(document).data)


class RetryTimerView(TenantAPIView):
    idempotent = True
    scopes: ClassVar[Mapping[str, str]] = {"POST": "config:write"}

    @extend_schema(operation_id="engine_retry_timer", request=None, responses={200: RetriedSerializer})
    def post(self, request: Request, timer_id: UUID) -> Response:
        """Have the next sweep look at a failed clock again; 409 where it has not failed."""
        retry_timer(timer_id=timer_id, actor=self.actor, clock=self.clock)
        return Response({"timer": timer_id, "state": Timer.objects.get(id=timer_id).state})
