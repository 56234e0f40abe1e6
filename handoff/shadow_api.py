"""Shadow mode over the API: the mode of each team and of the organisation, and what would have happened."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from handoff import would_have
from handoff.serializers import PersonSerializer
from leads import strict
from tenants.models import Mode, Team, Tenant
from tenants.selectors import get_team, person_document
from tenants.services import switch_mode
from web.api import TenantAPIView
from web.openapi import PAGE_PARAMETERS, page_serializer
from web.pagination import api_page, known_query


class ModeInSerializer(serializers.Serializer[Any]):
    """Live: the engine warns, escalates and moves. Shadow: that is only measured."""

    mode = serializers.ChoiceField(choices=Mode.values)


class ModeSerializer(serializers.Serializer[Any]):
    """For an organisation: of leads that nobody owns, and of people without a team."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    mode = serializers.ChoiceField(choices=Mode.values)
    mode_since = serializers.DateTimeField(
        allow_null=True, help_text="Null where it was so from the beginning."
    )
    mode_by = serializers.CharField(
        allow_null=True, help_text='Who switched it: "member:<id>", "key:<id>"; null for nobody.'
    )


class PersonNameSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()


class TellingSerializer(serializers.Serializer[Any]):
    kind = serializers.CharField()
    member = serializers.UUIDField()
    name = serializers.CharField()


class HeldBackSerializer(serializers.Serializer[Any]):
    """Something that the engine would have done, and did not."""

    id = serializers.UUIDField()
    at = serializers.DateTimeField()
    kind = serializers.CharField(
        help_text='"step" of the ladder, "away" (its owner was), or the kind of a message.'
    )
    lead = serializers.UUIDField()
    handoff = serializers.UUIDField()
    team = PersonNameSerializer(
        allow_null=True, help_text="The team then; null for leads and people without one."
    )
    owner = PersonSerializer(allow_null=True, help_text="Who owned the lead, or would have been told of it.")
    target = serializers.CharField(allow_null=True)
    percent = serializers.IntegerField(allow_null=True)
    told = TellingSerializer(many=True, help_text="Whom it would have told, as they were then.")
    webhooks = serializers.IntegerField(help_text="How many it would have called.")
    raises_priority = serializers.BooleanField()
    moves = serializers.ChoiceField(choices=["next", "queue"], allow_null=True)
    moves_to = PersonSerializer(allow_null=True, help_text="Whom the ladder names before the pool is asked.")
    sentences = serializers.ListField(child=serializers.CharField())


class ToldSerializer(serializers.Serializer[Any]):
    kind = serializers.CharField()
    member = serializers.UUIDField(source="member_id", allow_null=True, help_text="Null for webhooks.")
    name = serializers.CharField()
    count = serializers.IntegerField()


class ShadowTeamSerializer(serializers.Serializer[Any]):
    team = PersonNameSerializer(allow_null=True)
    mode = serializers.ChoiceField(choices=Mode.values)
    mode_since = serializers.DateTimeField(source="since", allow_null=True)
    warnings = serializers.IntegerField(source="warned", help_text="Steps before the deadline.")
    escalations = serializers.IntegerField(source="escalated", help_text="Steps at the deadline and after.")
    leads_moved = serializers.IntegerField(source="moved", help_text="Each counted once.")
    messages = ToldSerializer(source="told", many=True)


class ShadowSummarySerializer(serializers.Serializer[Any]):
    days = serializers.IntegerField()
    since = serializers.DateTimeField()
    teams = ShadowTeamSerializer(many=True)


class TeamsSerializer(serializers.Serializer[Any]):
    results = ModeSerializer(many=True)


SHADOW_PAGE = page_serializer("ShadowPage", HeldBackSerializer)
_ASKED: Iterable[OpenApiParameter] = [
    OpenApiParameter("team", str, description='Of this team only; "none" for leads and people without one.'),
    OpenApiParameter(
        "days",
        {
            "type": "integer",
            "minimum": 1,
            "maximum": would_have.MOST_DAYS,
            "default": would_have.DEFAULT_DAYS,
        },
        description="How far back.",
    ),
]
_read_mode = strict.reader_of(ModeInSerializer)


def _document(row: Team | Tenant) -> dict[str, Any]:
    return {
        "id": row.id,
        "name": row.name,
        "mode": row.mode,
        "mode_since": row.mode_since,
        "mode_by": row.mode_by or None,
    }


def _named(team: Team | None) -> dict[str, Any] | None:
    return {"id": team.id, "name": team.name} if team else None


class TeamsView(TenantAPIView):
    scopes: ClassVar[Mapping[str, str]] = {"GET": "config:read"}

    @extend_schema(operation_id="teams_list", responses={200: TeamsSerializer})
    def get(self, request: Request) -> Response:
        """Every team by name, with its mode."""
        return Response({"results": [_document(team) for team in Team.objects.order_by("name")]})


class TeamView(TenantAPIView):
    scopes: ClassVar[Mapping[str, str]] = {"GET": "config:read", "PATCH": "config:write"}

    @extend_schema(operation_id="teams_retrieve", responses={200: ModeSerializer})
    def get(self, request: Request, team_id: UUID) -> Response:
        """One team with its mode."""
        return Response(_document(get_team(tenant=self.tenant, team_id=team_id)))

    @extend_schema(operation_id="teams_update", request=ModeInSerializer, responses={200: ModeSerializer})
    def patch(self, request: Request, team_id: UUID) -> Response:
        """Switch a team live or to shadow. Nothing that is past is made up for; again changes nothing."""
        team = get_team(tenant=self.tenant, team_id=team_id)
        mode = Mode(strict.read(_read_mode, request.data)["mode"])
        switch_mode(tenant=self.tenant, team=team, mode=mode, actor=self.actor, now=self.clock())
        return Response(_document(get_team(tenant=self.tenant, team_id=team_id)))


class OrganisationView(TenantAPIView):
    scopes: ClassVar[Mapping[str, str]] = {"GET": "config:read", "PATCH": "config:write"}

    @extend_schema(operation_id="organisation_retrieve", responses={200: ModeSerializer})
    def get(self, request: Request) -> Response:
        """The organisation, with the mode of leads that nobody owns and of people without a team."""
        return Response(_document(self.tenant))

    @extend_schema(
        operation_id="organisation_update", request=ModeInSerializer, responses={200: ModeSerializer}
    )
    def patch(self, request: Request) -> Response:
        """Switch what has no team live or to shadow; teams keep their own mode."""
        mode = Mode(strict.read(_read_mode, request.data)["mode"])
        switch_mode(tenant=self.tenant, team=None, mode=mode, actor=self.actor, now=self.clock())
        return Response(_document(Tenant.objects.get(id=self.tenant_id)))


class ShadowView(TenantAPIView):
    scopes: ClassVar[Mapping[str, str]] = {"GET": "reports:read"}

    @extend_schema(
        operation_id="shadow_list", parameters=[*_ASKED, *PAGE_PARAMETERS], responses={200: SHADOW_PAGE}
    )
    def get(self, request: Request) -> Response:
        """What would have happened while teams were in shadow, the newest first."""
        known_query(request, "team", "days", "cursor", "limit")
        asked = would_have.ask(request.query_params, tenant=self.tenant, member=None, now=self.clock())
        rows, following = api_page(request, would_have.listed(asked), order=would_have.ORDER)
        return Response({"results": [_held(each) for each in would_have.tell(rows)], "next": following})


class ShadowSummaryView(TenantAPIView):
    scopes: ClassVar[Mapping[str, str]] = {"GET": "reports:read"}

    @extend_schema(
        operation_id="shadow_summary", parameters=[*_ASKED], responses={200: ShadowSummarySerializer}
    )
    def get(self, request: Request) -> Response:
        """The same in counts, by team, with the messages by kind and recipient."""
        known_query(request, "team", "days")
        asked = would_have.ask(request.query_params, tenant=self.tenant, member=None, now=self.clock())
        teams = would_have.lines(asked, tenant=self.tenant)
        document = {"days": asked.days, "since": asked.since, "teams": teams}
        return Response(ShadowSummarySerializer(document).data)


def _held(each: would_have.Held) -> dict[str, Any]:
    row = each.row
    return {
        "id": row.id,
        "at": row.at,
        "kind": row.kind,
        "lead": row.handoff.lead_id,
        "handoff": row.handoff_id,
        "team": _named(row.team),
        "owner": person_document(row.member),
        "target": row.target or None,
        "percent": row.percent,
        "told": [{"kind": kind, "member": member_id, "name": name} for kind, member_id, name in each.told],
        "webhooks": each.webhooks,
        "raises_priority": row.raises,
        "moves": row.moves or None,
        "moves_to": person_document(row.to_member),
        "sentences": list(each.sentences),
    }
