"""Simulation over the API: replay past leads, read what came of it, ask about one lead."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core.errors import ValidationFailed
from handoff.simulation import runs
from handoff.simulation.asking import ask_about, find_lead
from handoff.simulation.leads import FILTERS, MOVED, lead_document, leads_of, run_document
from handoff.simulation.shapes import TypedLeadSerializer
from leads import strict
from routing.models import SimulationRun
from web.api import TenantAPIView
from web.openapi import PAGE_PARAMETERS, page_serializer
from web.pagination import api_page, known_query


class SimulationInSerializer(serializers.Serializer[Any]):
    """What to replay."""

    rules = serializers.ChoiceField(choices=["draft", "live"], help_text="The draft, or what is in force.")
    days = serializers.IntegerField(
        min_value=runs.FEWEST_DAYS,
        max_value=runs.MOST_DAYS,
        help_text="Whole days back, and today until now.",
    )
    with_history = serializers.BooleanField(
        required=False, help_text="Also leads of before the organisation was here, as they were imported."
    )


class SimulationLineSerializer(serializers.Serializer[Any]):
    """A replay of past leads, without its result."""

    id = serializers.UUIDField()
    rules = serializers.CharField(help_text="draft or live.")
    version = serializers.IntegerField(help_text="Number of the version that is replayed.")
    revision = serializers.IntegerField(help_text="Of a draft: the save that is replayed.")
    against = serializers.IntegerField(
        allow_null=True, help_text="Number of the version in force that it is compared with."
    )
    days = serializers.IntegerField()
    since = serializers.DateTimeField()
    until = serializers.DateTimeField()
    with_history = serializers.BooleanField()
    state = serializers.CharField(help_text="queued, running, done, failed or cancelled.")
    step = serializers.CharField(allow_blank=True)
    done = serializers.IntegerField(help_text="Leads decided so far, of `total`.")
    total = serializers.IntegerField()
    asked_at = serializers.DateTimeField()
    asked_by = serializers.CharField()
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)
    error = serializers.CharField(allow_blank=True)


class SimulationSerializer(SimulationLineSerializer):
    """A replay of past leads. docs/routing.md has the members of the result."""

    result = serializers.DictField(allow_null=True)


class SimulatedLeadSerializer(serializers.Serializer[Any]):
    """A lead of a replay: who would have got it, who would by the rules in force, and who did."""

    number = serializers.IntegerField()
    lead = serializers.UUIDField()
    handoff = serializers.UUIDField()
    at = serializers.DateTimeField()
    day = serializers.DateField()
    tier = serializers.CharField(allow_blank=True)
    past_tier = serializers.CharField(allow_blank=True)
    rule = serializers.CharField(allow_blank=True)
    pool = serializers.CharField(allow_blank=True)
    priority = serializers.IntegerField()
    reason = serializers.CharField()
    member = serializers.UUIDField(allow_null=True)
    given_at = serializers.DateTimeField(allow_null=True)
    live_pool = serializers.CharField(allow_blank=True)
    live_member = serializers.UUIDField(allow_null=True)
    past_member = serializers.UUIDField(allow_null=True)
    past_given_at = serializers.DateTimeField(allow_null=True)


class AboutLeadInSerializer(serializers.Serializer[Any]):
    """One lead: by id or e-mail, or typed."""

    lead = serializers.CharField(max_length=254, required=False, help_text="Id or e-mail of a lead.")
    facts = TypedLeadSerializer(required=False)
    rules = serializers.ChoiceField(
        choices=["draft", "live"], required=False, help_text="One of both; without it both are answered."
    )
    at = serializers.DateTimeField(
        required=False, allow_null=True, help_text="When it comes; now, unless given."
    )


class AboutLeadSerializer(serializers.Serializer[Any]):
    """What would become of the lead; null for a draft that is not there."""

    at = serializers.DateTimeField()
    draft = serializers.DictField(allow_null=True, required=False)
    live = serializers.DictField(allow_null=True, required=False)


SIMULATION_PAGE = page_serializer("SimulationPage", SimulationLineSerializer)
SIMULATED_LEAD_PAGE = page_serializer("SimulatedLeadPage", SimulatedLeadSerializer)
_read: Callable[..., dict[str, Any]] = strict.reader_of(SimulationInSerializer)
_read_about: Callable[..., dict[str, Any]] = strict.reader_of(AboutLeadInSerializer)


class SimulationsView(TenantAPIView):
    idempotent = True
    scopes: ClassVar[Mapping[str, str]] = {"GET": "routing:simulate", "POST": "routing:simulate"}

    @extend_schema(
        operation_id="simulations_list", parameters=PAGE_PARAMETERS, responses={200: SIMULATION_PAGE}
    )
    def get(self, request: Request) -> Response:
        """Replays of the last 30 days, the newest first."""
        known_query(request, "cursor", "limit")
        rows, following = api_page(
            request, SimulationRun.objects.defer("result", "rules", "against"), order=("-asked_at", "-id")
        )
        return Response({"results": [run_document(row, whole=False) for row in rows], "next": following})

    @extend_schema(
        operation_id="simulation_create",
        request=SimulationInSerializer,
        responses={201: SimulationSerializer},
    )
    def post(self, request: Request) -> Response:
        """Replay the leads of the last days. It runs in the background: ask for it again until its state is
        `done`. Nothing but its own result is written. 409 while another one is at work.
        """
        said = strict.read(_read, request.data)
        run = runs.ask(
            side=said["rules"],
            days=said["days"],
            with_history=said.get("with_history", False),
            actor=self.actor,
            now=self.clock(),
        )
        return Response(run_document(run), status=201)


class SimulationView(TenantAPIView):
    scopes: ClassVar[Mapping[str, str]] = {"GET": "routing:simulate"}

    @extend_schema(operation_id="simulation_retrieve", responses={200: SimulationSerializer})
    def get(self, request: Request, simulation_run_id: UUID) -> Response:
        """A replay: how far it is, and its result once it is done."""
        known_query(request)
        return Response(run_document(runs.get_run(simulation_run_id)))


class CancelSimulationView(TenantAPIView):
    scopes: ClassVar[Mapping[str, str]] = {"POST": "routing:simulate"}

    @extend_schema(operation_id="simulation_cancel", request=None, responses={200: SimulationSerializer})
    def post(self, request: Request, simulation_run_id: UUID) -> Response:
        """Stop it: at once while it waits, else at its next step. 409 where it has ended."""
        return Response(run_document(runs.cancel(simulation_run_id, now=self.clock())))


class SimulationAgainView(TenantAPIView):
    scopes: ClassVar[Mapping[str, str]] = {"POST": "routing:simulate"}

    @extend_schema(operation_id="simulation_again", request=None, responses={201: SimulationSerializer})
    def post(self, request: Request, simulation_run_id: UUID) -> Response:
        """Begin it again, over as many days until now, with the rules as they are by now."""
        run = runs.begin_again(simulation_run_id, actor=self.actor, now=self.clock())
        return Response(run_document(run), status=201)


class SimulatedLeadsView(TenantAPIView):
    scopes: ClassVar[Mapping[str, str]] = {"GET": "leads:read"}

    @extend_schema(
        operation_id="simulation_leads_list",
        parameters=[
            OpenApiParameter(
                "member", str, description="Id or e-mail of who would have got it; none: nobody."
            ),
            OpenApiParameter("live_member", str, description="Who would by the rules in force."),
            OpenApiParameter("past_member", str, description="Who had it first."),
            OpenApiParameter("pool", str, description="Slug."),
            OpenApiParameter("rule", str, description="Name of the rule that chose the pool."),
            OpenApiParameter("reason", str),
            OpenApiParameter("tier", str, description="Slug."),
            OpenApiParameter("day", str, description="Of arrival, where the organisation is: 2026-11-17."),
            OpenApiParameter(
                "moved",
                str,
                enum=list(MOVED),
                description="With somebody else than that; tier: under another one.",
            ),
            *PAGE_PARAMETERS,
        ],
        responses={200: SIMULATED_LEAD_PAGE},
    )
    def get(self, request: Request, simulation_run_id: UUID) -> Response:
        """The leads of a replay in order of arrival."""
        known_query(request, *FILTERS, "cursor", "limit")
        found = leads_of(runs.get_run(simulation_run_id), request.query_params.dict())
        rows, following = api_page(request, found, order=("number",))
        return Response({"results": [lead_document(row) for row in rows], "next": following})


class AboutLeadView(TenantAPIView):
    scopes: ClassVar[Mapping[str, str]] = {"POST": "routing:simulate"}

    @extend_schema(
        operation_id="simulation_of_a_lead",
        request=AboutLeadInSerializer,
        responses={200: AboutLeadSerializer},
    )
    def post(self, request: Request) -> Response:
        """What would become of one lead if it came at a moment, by the draft and by what is in force: whether
        it qualifies, tier, deadlines, every rule and candidate. Nothing is written and no turn is taken.
        `POST /routing/simulate` instead takes a lead the whole way of the intake, accounts matched.
        """
        said = strict.read(_read_about, request.data)
        if ("lead" in said) is ("facts" in said):
            raise ValidationFailed.at("/lead", "Name a lead, or type its facts: one of both.", "required")
        now = self.clock()
        sides = [said["rules"]] if "rules" in said else ["draft", "live"]
        return Response(
            ask_about(
                sides,
                lead=find_lead(said["lead"]) if "lead" in said else None,
                typed=said.get("facts"),
                at=said.get("at") or now,
                now=now,
            )
        )
