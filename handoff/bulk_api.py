"""Chosen leads move together, over the API; and whose leads could be shared out again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core.errors import ValidationFailed
from handoff import bulk, limits, rebalance
from handoff.api import actor_of
from handoff.leaving_api import HeldPersonSerializer
from leads import strict
from tenants.models import Member, Role
from tenants.selectors import find_member, person_document
from web.api import TenantAPIView
from web.pagination import known_query


class MoveLeadsSerializer(serializers.Serializer[Any]):
    """Which leads, and where they go."""

    leads = serializers.ListField(
        child=serializers.UUIDField(), max_length=bulk.MOST_LEADS, help_text="Their ids."
    )
    to = serializers.CharField(
        max_length=254,
        required=False,
        allow_null=True,
        help_text="Id or e-mail of a member who takes leads; whom the rules choose, unless given.",
    )
    offer = serializers.BooleanField(
        required=False, help_text="Put up to be claimed in their pools, instead of given to somebody."
    )
    untouched_only = serializers.BooleanField(
        required=False, help_text="Leave alone what somebody accepted or got in touch with."
    )
    seen_at = serializers.DateTimeField(
        required=False,
        allow_null=True,
        help_text="When you looked: what was accepted or changed hands since is left alone.",
    )
    why = serializers.CharField(max_length=limits.MOVE_WHY)
    dry_run = serializers.BooleanField(
        required=False, help_text="Say what would be done; nothing is written."
    )
    by = serializers.CharField(
        max_length=254, required=False, help_text="Id or e-mail of the member for whom a program acts."
    )


class MovedLeadSerializer(serializers.Serializer[Any]):
    lead = serializers.UUIDField()
    outcome = serializers.ChoiceField(
        choices=[bulk.MOVED, bulk.OFFERED, bulk.WAITS, bulk.STAYS, bulk.LEFT],
        help_text="moved to `owner`; offered to be claimed; waits without an owner; stays, since nobody else"
        " could take it; left alone.",
    )
    reason = serializers.CharField(help_text="A code: why it was left alone, or the decision's.")
    owner = serializers.UUIDField(allow_null=True)


class MovedLeadsSerializer(serializers.Serializer[Any]):
    """What became of each lead, in the order in which they were sent."""

    dry_run = serializers.BooleanField()
    counts = serializers.DictField(child=serializers.IntegerField(), help_text="Leads by outcome.")
    results = MovedLeadSerializer(many=True)


_read_move = strict.reader_of(MoveLeadsSerializer)


class MoveLeadsView(TenantAPIView):
    idempotent = True
    scopes: ClassVar[Mapping[str, str]] = {"POST": "leads:write"}

    @extend_schema(
        operation_id="leads_move", request=MoveLeadsSerializer, responses={200: MovedLeadsSerializer}
    )
    def post(self, request: Request) -> Response:
        """Move chosen leads in one step, at most 500: to a person, to whom the rules choose, or up to be
        claimed. What was answered meanwhile, or is not theirs to move, is left alone, and said so."""
        said = strict.read(_read_move, request.data)
        dry_run = said.get("dry_run", False)
        wish = bulk.Wish(
            why=said["why"],
            to=find_member(said["to"], path="/to").id if said.get("to") else None,
            offer=said.get("offer", False),
            untouched_only=said.get("untouched_only", False),
            seen_at=said.get("seen_at"),
        )
        act = bulk.preview if dry_run else bulk.move_leads
        lines = act(lead_ids=said["leads"], wish=wish, actor=actor_of(self.actor, said), clock=self.clock)
        return Response(
            {
                "dry_run": dry_run,
                "counts": dict(bulk.tally(lines)),
                "results": [
                    {
                        "lead": line.lead_id,
                        "outcome": line.outcome,
                        "reason": line.reason,
                        "owner": line.member_id,
                    }
                    for line in lines
                ],
            }
        )


class SuggestionSerializer(serializers.Serializer[Any]):
    member = HeldPersonSerializer()
    why = serializers.ListField(child=serializers.ChoiceField(choices=["away", "over_cap", "above_team"]))
    away_until = serializers.DateTimeField(allow_null=True)
    open_leads = serializers.IntegerField()
    cap_open = serializers.IntegerField(allow_null=True)
    team_mean = serializers.FloatField(
        allow_null=True, help_text="Open leads of the people of their team who are there."
    )
    untouched = serializers.IntegerField(help_text="Leads that nobody accepted or got in touch with.")
    leads = serializers.ListField(
        child=serializers.UUIDField(), help_text="Of these, which could go on; those that wait longest first."
    )


class RebalanceSerializer(serializers.Serializer[Any]):
    """People whose untouched leads could go on."""

    above_team = serializers.IntegerField(
        allow_null=True, help_text="Per cent above the team's mean that are too many; null: not looked at."
    )
    results = SuggestionSerializer(many=True)


class RebalanceInSerializer(serializers.Serializer[Any]):
    above_team = serializers.IntegerField(
        allow_null=True,
        min_value=rebalance.LEAST_ABOVE,
        max_value=rebalance.MOST_ABOVE,
        help_text="Null: only absence and caps count.",
    )


_read_rebalance = strict.reader_of(RebalanceInSerializer)


class RebalanceView(TenantAPIView):
    scopes: ClassVar[Mapping[str, str]] = {"GET": "leads:read", "PATCH": "config:write"}

    @extend_schema(
        operation_id="rebalance",
        parameters=[
            OpenApiParameter("member", str, required=True, description="Id or e-mail of a manager or admin.")
        ],
        responses={200: RebalanceSerializer},
    )
    def get(self, request: Request) -> Response:
        """Whose untouched leads could go on, as this manager or admin is shown it. `POST leads/move` with
        `untouched_only` moves them."""
        known_query(request, "member")
        member = find_member(request.query_params.get("member", ""), path="/member")
        if member.role not in (Role.MANAGER, Role.ADMIN):
            raise ValidationFailed.at("/member", "Name a manager or an admin.", "invalid_choice")
        return Response(self._told(member))

    @extend_schema(operation_id="rebalance_change", request=RebalanceInSerializer, responses={204: None})
    def patch(self, request: Request) -> Response:
        """Set how many per cent above their team's mean are too many."""
        said = strict.read(_read_rebalance, request.data)
        if "above_team" not in request.data:
            raise ValidationFailed.at("/above_team", "This is required.", "required")
        rebalance.change_above_team(above=said.get("above_team"), actor=self.actor, clock=self.clock)
        return Response(status=204)

    def _told(self, member: Member) -> dict[str, Any]:
        return {
            "above_team": rebalance.above_team(),
            "results": [
                {
                    "member": person_document(each.person.member),
                    "why": each.why,
                    "away_until": each.person.out_until,
                    "open_leads": each.person.open_leads,
                    "cap_open": each.person.cap_open,
                    "team_mean": None if each.mean is None else round(each.mean, 1),
                    "untouched": each.untouched,
                    "leads": [handoff.lead_id for handoff in each.leads],
                }
                for each in rebalance.suggestions(member=member, now=self.clock())
            ],
        }
