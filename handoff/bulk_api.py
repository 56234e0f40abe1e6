"""Chosen leads move together, over the API; and whose leads could be shared out again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from handoff import bulk, limits
from handoff.api import actor_of
from leads import strict
from tenants.selectors import find_member
from web.api import TenantAPIView


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
