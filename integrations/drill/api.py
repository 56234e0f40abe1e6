"""The API about drills: begin one, read what it found, stop it; the plan."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from integrations.drill import services
from integrations.drill.plan import LONGEST, MOST_LEADS, SHORTEST, change_plan, plan_of
from integrations.models import Drill, DrillPlan
from leads import strict
from leads.incoming import MAX_INTEGER
from web.api import TenantAPIView
from web.openapi import PAGE_PARAMETERS, page_serializer
from web.pagination import api_page, known_query


class DrillLeadSerializer(serializers.Serializer[Any]):
    """A test lead: what it is called, what it does, what is known of it."""

    name = serializers.CharField(max_length=60)
    kind = serializers.CharField(max_length=40, help_text="What it does: a kind of engagement.")
    country = serializers.CharField(required=False, allow_blank=True, max_length=60)
    employees = serializers.IntegerField(required=False, allow_null=True, min_value=0, max_value=MAX_INTEGER)
    title = serializers.CharField(required=False, allow_blank=True, max_length=120)
    source = serializers.CharField(required=False, allow_blank=True, max_length=80)  # type: ignore[assignment]


class DrillInSerializer(serializers.Serializer[Any]):
    leads = DrillLeadSerializer(many=True, required=False, help_text="The plan's where left out.")
    seconds = serializers.IntegerField(
        required=False,
        min_value=SHORTEST,
        max_value=LONGEST,
        help_text="What a first touch is promised in. The plan's where left out.",
    )


class DrillLineSerializer(serializers.Serializer[Any]):
    step = serializers.CharField()
    result = serializers.CharField(help_text="ok, failed, left_out (as it is set up) or waiting.")
    text = serializers.CharField()
    ms = serializers.IntegerField(
        allow_null=True, help_text="How long it took since the handoff; of steps of the ladder how late."
    )


class DrillCardSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    lead = serializers.UUIDField(allow_null=True)
    lines = DrillLineSerializer(many=True)


class DrillSerializer(serializers.Serializer[Any]):
    """A drill, and what it found."""

    id = serializers.UUIDField()
    state = serializers.CharField(help_text="asked, running, done or cancelled.")
    asked_at = serializers.DateTimeField()
    sent_at = serializers.DateTimeField(allow_null=True)
    closed_at = serializers.DateTimeField(allow_null=True)
    seconds = serializers.IntegerField()
    passed = serializers.BooleanField(allow_null=True, help_text="Nothing failed. Null before it is judged.")
    cards = DrillCardSerializer(many=True)


class DrillPlanSerializer(serializers.Serializer[Any]):
    """What is drilled with, and when."""

    leads = DrillLeadSerializer(many=True, help_text=f"1 to {MOST_LEADS}.")
    seconds = serializers.IntegerField(min_value=SHORTEST, max_value=LONGEST)
    weekday = serializers.IntegerField(
        allow_null=True, min_value=0, max_value=6, help_text="0 is Monday; null: on demand only."
    )
    minute = serializers.IntegerField(min_value=0, max_value=1439, help_text="Of the organisation's day.")


class DrillPlanOutSerializer(DrillPlanSerializer):
    next_at = serializers.DateTimeField(allow_null=True)


class DrillNothingSerializer(serializers.Serializer[Any]):
    """No member at all."""


_read_drill: Callable[..., dict[str, Any]] = strict.reader_of(DrillInSerializer)
_read_plan: Callable[..., dict[str, Any]] = strict.reader_of(DrillPlanSerializer)
_read_nothing: Callable[..., dict[str, Any]] = strict.reader_of(DrillNothingSerializer)
DRILL_PAGE = page_serializer("DrillPage", DrillSerializer)


def drill_document(drill: Drill) -> dict[str, Any]:
    """A drill as the API answers it."""
    names = ("id", "state", "asked_at", "sent_at", "closed_at", "seconds", "passed", "cards")
    return {name: getattr(drill, name) for name in names}


def plan_document(plan: DrillPlan) -> dict[str, Any]:
    """The plan as the API answers it."""
    return {name: getattr(plan, name) for name in ("leads", "seconds", "weekday", "minute", "next_at")}


class DrillsView(TenantAPIView):
    idempotent = True
    scopes: ClassVar[Mapping[str, str]] = {"GET": "config:read", "POST": "config:write"}

    @extend_schema(operation_id="drills_list", parameters=PAGE_PARAMETERS, responses={200: DRILL_PAGE})
    def get(self, request: Request) -> Response:
        """Drills, the latest first."""
        known_query(request, "limit", "cursor")
        rows, following = api_page(request, Drill.objects.all(), order=("-asked_at", "-id"))
        return Response({"results": [drill_document(row) for row in rows], "next": following})

    @extend_schema(operation_id="drills_create", request=DrillInSerializer, responses={201: DrillSerializer})
    def post(self, request: Request) -> Response:
        """Begin a drill. Its leads are test leads, which count in no number. 409 while one is under way."""
        said = strict.read(_read_drill, request.data or {})
        drill = services.start_drill(
            actor=self.actor, now=self.clock(), leads=said.get("leads"), seconds=said.get("seconds")
        )
        return Response(drill_document(drill), status=201, headers={"Location": f"/api/v1/drills/{drill.id}"})


class OneDrillView(TenantAPIView):
    scopes: ClassVar[Mapping[str, str]] = {"GET": "config:read"}

    @extend_schema(operation_id="drills_retrieve", responses={200: DrillSerializer})
    def get(self, request: Request, drill_id: UUID) -> Response:
        """One drill, with what it found so far."""
        known_query(request)
        return Response(drill_document(services.get_drill(drill_id)))


class StopDrillView(TenantAPIView):
    idempotent = True
    scopes: ClassVar[Mapping[str, str]] = {"POST": "config:write"}

    @extend_schema(operation_id="drills_stop", request=None, responses={200: DrillSerializer})
    def post(self, request: Request, drill_id: UUID) -> Response:
        """End a drill early: its leads are closed, and nothing is judged. 409 where it is over."""
        strict.read(_read_nothing, request.data or {})
        drill = services.stop_drill(drill_id=drill_id, actor=self.actor, clock=self.clock)
        return Response(drill_document(drill))


class DrillPlanView(TenantAPIView):
    scopes: ClassVar[Mapping[str, str]] = {"GET": "config:read", "PUT": "config:write"}

    @extend_schema(operation_id="drills_plan_retrieve", responses={200: DrillPlanOutSerializer})
    def get(self, request: Request) -> Response:
        """What is drilled with, and when."""
        known_query(request)
        return Response(plan_document(plan_of(self.clock())))

    @extend_schema(
        operation_id="drills_plan_update",
        request=DrillPlanSerializer,
        responses={200: DrillPlanOutSerializer},
    )
    def put(self, request: Request) -> Response:
        """Write the plan."""
        said = strict.read(_read_plan, request.data)
        plan = change_plan(
            tenant=self.tenant,
            leads=said["leads"],
            seconds=said["seconds"],
            weekday=said.get("weekday"),
            minute=said["minute"],
            actor=self.actor,
            now=self.clock(),
        )
        return Response(plan_document(plan))
