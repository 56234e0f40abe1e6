"""All leads of a person go to others, or somebody leaves for good, over the API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from handoff import leaving, limits
from handoff.api import actor_of
from leads import strict
from tenants.selectors import find_member, get_member, person_document
from web.api import TenantAPIView
from web.pagination import known_query

_PERSON = "Id or e-mail of a member who takes leads; "


class HandLeadsOnSerializer(serializers.Serializer[Any]):
    """Who gets all open leads of a person."""

    to = serializers.CharField(
        max_length=254,
        required=False,
        allow_null=True,
        help_text=f"{_PERSON}whom the rules choose, unless given.",
    )
    undecided_only = serializers.BooleanField(required=False, help_text="Accepted ones stay.")
    why = serializers.CharField(max_length=limits.MOVE_WHY)
    by = serializers.CharField(
        max_length=254, required=False, help_text="Id or e-mail of the member for whom a program acts."
    )


class DepartureInSerializer(serializers.Serializer[Any]):
    """Who gets what somebody holds."""

    to = serializers.CharField(
        max_length=254,
        required=False,
        allow_null=True,
        help_text=f"{_PERSON}whom the rules choose, unless given.",
    )
    successor = serializers.CharField(
        max_length=254,
        required=False,
        allow_null=True,
        help_text="Who takes their places: as fallback person, in pools where nobody else sits, in teams, for"
        " accounts.",
    )
    why = serializers.CharField(max_length=limits.MOVE_WHY)
    by = serializers.CharField(
        max_length=254, required=False, help_text="Id or e-mail of the member for whom a program acts."
    )


class MovedSerializer(serializers.Serializer[Any]):
    """What became of the leads."""

    moved = serializers.IntegerField()
    to = serializers.DictField(
        child=serializers.IntegerField(), help_text="How many each person got, by name."
    )
    waiting = serializers.IntegerField(help_text="Without an owner now.")


class DepartedSerializer(MovedSerializer):
    """What became of the leads, and what is empty now."""

    without_backup = serializers.ListField(
        child=serializers.CharField(), help_text="Teams whose backup left, or manages them now."
    )


class HeldPersonSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()
    email = serializers.CharField()


class StandingSerializer(serializers.Serializer[Any]):
    """What somebody holds."""

    member = HeldPersonSerializer()
    open_leads = serializers.IntegerField()
    undecided = serializers.IntegerField()
    pools = serializers.ListField(child=serializers.CharField())
    last_in = serializers.ListField(
        child=serializers.CharField(), help_text="Pools that the rules use and where nobody else sits."
    )
    is_fallback = serializers.BooleanField()
    teams = serializers.DictField(child=serializers.ListField(child=serializers.CharField()))
    accounts = serializers.IntegerField()
    needs_successor = serializers.BooleanField()
    without_backup = serializers.ListField(
        child=serializers.CharField(),
        help_text="Teams that nobody would be the backup of, with this `successor`, or with none.",
    )


_read_hand_on = strict.reader_of(HandLeadsOnSerializer)
_read_departure = strict.reader_of(DepartureInSerializer)


def _named(said: Mapping[str, Any], name: str) -> UUID | None:
    return find_member(said[name], path=f"/{name}").id if said.get(name) else None


class HandLeadsOnView(TenantAPIView):
    idempotent = True
    scopes: ClassVar[Mapping[str, str]] = {"POST": "leads:write"}

    @extend_schema(
        operation_id="member_hand_leads_on", request=HandLeadsOnSerializer, responses={200: MovedSerializer}
    )
    def post(self, request: Request, member_id: UUID) -> Response:
        """Move all open leads of a person at once."""
        get_member(tenant=self.tenant, member_id=member_id)
        said = strict.read(_read_hand_on, request.data)
        moved = leaving.hand_leads_on(
            member_id=member_id,
            why=said["why"],
            to=_named(said, "to"),
            undecided_only=said.get("undecided_only", False),
            actor=actor_of(self.actor, said),
            clock=self.clock,
        )
        return Response(_moved(moved))


class DepartureView(TenantAPIView):
    idempotent = True
    scopes: ClassVar[Mapping[str, str]] = {"GET": "config:read", "POST": "config:write"}

    @extend_schema(
        operation_id="member_departure",
        parameters=[
            OpenApiParameter("successor", str, description="Id or e-mail: who would take their places.")
        ],
        responses={200: StandingSerializer},
    )
    def get(self, request: Request, member_id: UUID) -> Response:
        """What somebody holds, and would leave behind."""
        known_query(request, "successor")
        held = leaving.standing(get_member(tenant=self.tenant, member_id=member_id))
        named = request.query_params.get("successor", "")
        heir = find_member(named, path="/successor") if named else None
        empty = leaving.left_empty(held.member, heir)
        return Response(
            {
                "member": person_document(held.member),
                "open_leads": held.leads,
                "undecided": held.undecided,
                "pools": held.pools,
                "last_in": held.last_in,
                "is_fallback": held.is_fallback,
                "teams": held.teams,
                "accounts": held.accounts,
                "needs_successor": held.needs_successor,
                "without_backup": [team for team, places in empty.items() if "backup" in places],
            }
        )

    @extend_schema(
        operation_id="member_depart", request=DepartureInSerializer, responses={200: DepartedSerializer}
    )
    def post(self, request: Request, member_id: UUID) -> Response:
        """Switch somebody off for good and pass on all that they hold: all of it, or nothing."""
        get_member(tenant=self.tenant, member_id=member_id)
        said = strict.read(_read_departure, request.data)
        moved = leaving.depart(
            member_id=member_id,
            why=said["why"],
            leads_to=_named(said, "to"),
            successor=_named(said, "successor"),
            actor=actor_of(self.actor, said),
            clock=self.clock,
        )
        return Response({**_moved(moved), "without_backup": moved.without_backup})


def _moved(moved: leaving.Moved) -> dict[str, Any]:
    return {"moved": moved.count, "to": moved.to, "waiting": moved.waiting}
