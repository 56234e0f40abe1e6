"""The API about the SLA policy: the one in force, its versions, the draft of the next, its check, publication
and going back. The same rules as on the pages.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core.errors import NotFound
from leads import strict
from sla import moving
from sla.models import PolicyVersion
from sla.policies import get_version
from sla.policy_changes import changes
from sla.policy_drafts import write_draft
from sla.policy_review import Review, check_publishable, review
from sla.unit_api import UNIT_PARAMETER, asked_unit
from tenants import versions
from web.api import TenantAPIView
from web.version_api import (
    AgainInSerializer,
    AskedSerializer,
    CheckSerializer,
    DraftInSerializer,
    PublishingView,
    VersionListSerializer,
    VersionSerializer,
    standing_document,
    version_document,
    version_list,
)


class PolicySerializer(VersionSerializer):
    """A version of the policy."""

    unit = serializers.CharField(
        allow_null=True, help_text="Slug of the business unit whose policy it is; null for the main one."
    )
    content = serializers.DictField(help_text="Tiers, ladder, responses and on_reassign.")


class PublishedSerializer(PolicySerializer):
    moving = serializers.IntegerField(
        allow_null=True,
        help_text="Running clocks that this call ordered to be moved; null where it ordered none.",
    )


class RollBackInSerializer(AgainInSerializer):
    move_open = serializers.BooleanField(
        required=False,
        help_text="Also move the running clocks of open leads when it comes into force. Else they stay.",
    )


class PublishInSerializer(RollBackInSerializer):
    revision = serializers.IntegerField(min_value=1, help_text="Of the draft that was checked.")


class RecipientSerializer(serializers.Serializer[Any]):
    step = serializers.CharField()
    what = serializers.CharField()
    who = serializers.ListField(child=serializers.CharField())
    nobody = serializers.ListField(
        child=serializers.CharField(), help_text="Teams of whose leads nobody hears."
    )


class PolicyMovesSerializer(serializers.Serializer[Any]):
    running = serializers.IntegerField()
    earlier = serializers.IntegerField()
    later = serializers.IntegerField()
    overdue = serializers.IntegerField(help_text="Clocks whose new deadline has passed already.")
    left = serializers.IntegerField(help_text="Clocks whose tier the new version lacks: they stay.")
    dropped = serializers.IntegerField(help_text="Clocks whose target it promises no more: they end.")
    to_hours = serializers.IntegerField(help_text="Clocks that change from the wall clock to working time.")
    to_wall = serializers.IntegerField(help_text="Clocks that change from working time to the wall clock.")
    exact = serializers.BooleanField(help_text="False: told from a sample, but running.")


class PolicyCheckSerializer(CheckSerializer):
    """What publishing the draft would do; nothing is written."""

    recipients = RecipientSerializer(many=True)
    open_leads = PolicyMovesSerializer(allow_null=True)


_read_draft: Callable[..., dict[str, Any]] = strict.reader_of(DraftInSerializer)
_read_publish: Callable[..., dict[str, Any]] = strict.reader_of(PublishInSerializer)
_read_roll_back: Callable[..., dict[str, Any]] = strict.reader_of(RollBackInSerializer)


def policy_document(version: PolicyVersion) -> dict[str, Any]:
    """A version as the API answers it."""
    return {**version_document(version), "unit": version.unit.slug if version.unit_id else None}


def _draft(request: Request) -> PolicyVersion:
    unit = asked_unit(request)
    found = versions.open_draft(PolicyVersion, unit.id if unit else None)
    if found is None:
        raise NotFound("There is no draft.")
    return found


class PolicyView(TenantAPIView):
    scopes: ClassVar[Mapping[str, str]] = {"GET": "config:read"}

    @extend_schema(
        operation_id="policy_retrieve", parameters=[UNIT_PARAMETER], responses={200: PolicySerializer}
    )
    def get(self, request: Request) -> Response:
        """The policy in force."""
        unit = asked_unit(request)
        found = versions.version_in_force(PolicyVersion, self.clock(), unit.id if unit else None)
        if found is None:
            raise NotFound(f"No SLA policy is published{f' for {unit.name}' if unit else ''} yet.")
        return Response(policy_document(found))


class PolicyVersionsView(TenantAPIView):
    scopes: ClassVar[Mapping[str, str]] = {"GET": "config:read"}

    @extend_schema(
        operation_id="policy_versions_list",
        parameters=[UNIT_PARAMETER],
        responses={200: VersionListSerializer},
    )
    def get(self, request: Request) -> Response:
        """What was put in force, the newest first, with what each changed; the newest hundred."""
        unit = asked_unit(request)
        return Response(version_list(PolicyVersion, changes, line=unit.id if unit else None))


class PolicyDraftView(TenantAPIView):
    scopes: ClassVar[Mapping[str, str]] = {
        "GET": "config:read",
        "PUT": "config:write",
        "DELETE": "config:write",
    }

    @extend_schema(
        operation_id="policy_draft_retrieve", parameters=[UNIT_PARAMETER], responses={200: PolicySerializer}
    )
    def get(self, request: Request) -> Response:
        """The draft of the next version."""
        return Response(policy_document(_draft(request)))

    @extend_schema(
        operation_id="policy_draft_update",
        parameters=[UNIT_PARAMETER],
        request=DraftInSerializer,
        responses={200: PolicySerializer},
    )
    def put(self, request: Request) -> Response:
        """Save the draft, or begin one. 409 where somebody saved it since `revision`, with what changed."""
        said = strict.read(_read_draft, request.data)
        found = write_draft(
            said["content"],
            revision=said.get("revision"),
            actor=self.actor,
            now=self.clock(),
            unit=asked_unit(request),
        )
        return Response(policy_document(found))

    @extend_schema(operation_id="policy_draft_discard", parameters=[UNIT_PARAMETER], responses={204: None})
    def delete(self, request: Request) -> Response:
        """Throw the draft away."""
        versions.discard_draft(_draft(request), actor=self.actor, now=self.clock())
        return Response(status=204)


class PolicyDraftCheckView(TenantAPIView):
    scopes: ClassVar[Mapping[str, str]] = {"POST": "config:read"}

    @extend_schema(
        operation_id="policy_draft_check",
        parameters=[UNIT_PARAMETER],
        request=None,
        responses={200: PolicyCheckSerializer},
    )
    def post(self, request: Request) -> Response:
        """What is wrong with the draft, what it changes, what to look at twice, whom it tells, and which
        running clocks could be moved. Nothing is written.
        """
        found, now = _draft(request), self.clock()
        current = versions.version_in_force(PolicyVersion, now, found.line)
        looked = review(found, current=current, tenant=self.tenant, now=now)
        return Response({**standing_document(found), **_looked(looked)})


def _looked(looked: Review) -> dict[str, Any]:
    moves = looked.preview
    return {
        "problems": [error.as_dict() for error in looked.errors],
        "changes": list(looked.changes),
        "warnings": list(looked.warnings),
        "recipients": [
            {
                "step": row.step,
                "what": row.what,
                "who": [f"{person} ({teams})" for person, teams in row.who],
                "nobody": list(row.nobody),
            }
            for row in looked.heard
        ],
        "open_leads": moves
        and {
            "running": moves.running,
            "earlier": moves.earlier,
            "later": moves.later,
            "overdue": moves.overdue,
            "left": moves.left,
            "dropped": moves.dropped,
            "to_hours": moves.to_hours,
            "to_wall": moves.to_wall,
            "exact": moves.exact,
        },
    }


class _Publishing(PublishingView):
    """Base of the calls that put a policy in force, or ask for it."""

    def wishes(self, said: Mapping[str, Any]) -> dict[str, Any]:
        return {**super().wishes(said), "options": {"move_open": True} if said.get("move_open") else {}}

    def published(self, version: PolicyVersion) -> Response:
        """Answer with the version, and the move of the running clocks where one was ordered."""
        order = moving.ordered_for(version)
        return Response({**policy_document(version), "moving": order.expected if order else None})


class PolicyPublishView(_Publishing):
    @extend_schema(
        operation_id="policy_publish",
        parameters=[UNIT_PARAMETER],
        request=PublishInSerializer,
        responses={200: PublishedSerializer},
    )
    def post(self, request: Request) -> Response:
        """Put the draft in force, at once or from `effective_at` on. 400 with the place of every error; 409
        where somebody saved it since, where another is scheduled, and `approval_needed` where a second admin
        must approve.
        """
        said = strict.read(_read_publish, request.data)
        version = versions.publish(
            _draft(request),
            expected_revision=said["revision"],
            validate=check_publishable,
            **self.wishes(said),
        )
        return self.published(version)


class PolicyAskView(_Publishing):
    @extend_schema(
        operation_id="policy_ask",
        parameters=[UNIT_PARAMETER],
        request=PublishInSerializer,
        responses={201: AskedSerializer},
    )
    def post(self, request: Request) -> Response:
        """Ask a second admin to put the draft in force. They decide on the page. A later save of the draft
        withdraws the request.
        """
        said = strict.read(_read_publish, request.data)
        order = versions.ask(
            _draft(request), asker=None, expected_revision=said["revision"], **self.wishes(said)
        )
        return self.asked(order)


class PolicyRollBackView(_Publishing):
    @extend_schema(
        operation_id="policy_roll_back", request=RollBackInSerializer, responses={200: PublishedSerializer}
    )
    def post(self, request: Request, policy_version_id: UUID) -> Response:
        """Put a copy of an earlier version in force, under a new number. 409 as for publishing."""
        said = strict.read(_read_roll_back, request.data)
        version = versions.roll_back(
            get_version(policy_version_id), validate=check_publishable, **self.wishes(said)
        )
        return self.published(version)


class PolicyAskAgainView(_Publishing):
    @extend_schema(
        operation_id="policy_ask_again", request=RollBackInSerializer, responses={201: AskedSerializer}
    )
    def post(self, request: Request, policy_version_id: UUID) -> Response:
        """Ask a second admin to put a copy of an earlier version in force: it is the draft until then."""
        said = strict.read(_read_roll_back, request.data)
        order = versions.ask_again(get_version(policy_version_id), asker=None, **self.wishes(said))
        return self.asked(order)
