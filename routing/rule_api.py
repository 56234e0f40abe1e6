"""The API about the routing rules: those in force, their versions, the draft of the next, its check,
publication and going back. The same rules as on the pages.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core.errors import NotFound
from leads.list_names import naming
from leads.version_calls import DraftCalls, PublishingCalls, the_draft
from routing.models import RuleSetVersion
from routing.rule_drafts import get_version, pool_names
from routing.rule_review import review
from routing.rules_check import check_publishable, check_usable, pool_states
from routing.rules_words import changes
from tenants import versions
from web.api import TenantAPIView
from web.pagination import known_query
from web.version_api import (
    AgainInSerializer,
    AskedSerializer,
    CheckSerializer,
    DraftInSerializer,
    PublishDraftInSerializer,
    VersionListSerializer,
    VersionSerializer,
    standing_document,
    version_document,
    version_list,
)


class RulesSerializer(VersionSerializer):
    """A version of the routing rules."""

    content = serializers.DictField(help_text="pools, priorities and horizon_minutes.")


class RulesCheckSerializer(CheckSerializer):
    """What publishing the draft of the rules would do; nothing is written."""


class RulesView(TenantAPIView):
    scopes: ClassVar[Mapping[str, str]] = {"GET": "config:read"}

    @extend_schema(operation_id="routing_rules_retrieve", responses={200: RulesSerializer})
    def get(self, request: Request) -> Response:
        """The routing rules in force."""
        known_query(request)
        found = versions.version_in_force(RuleSetVersion, self.clock())
        if found is None:
            raise NotFound("No routing rules are published yet.")
        return Response(version_document(found))


class RulesVersionsView(TenantAPIView):
    scopes: ClassVar[Mapping[str, str]] = {"GET": "config:read"}

    @extend_schema(operation_id="routing_versions_list", responses={200: VersionListSerializer})
    def get(self, request: Request) -> Response:
        """What was put in force, the newest first, with what each changed; the newest hundred."""
        known_query(request)
        names = pool_names()
        return Response(version_list(RuleSetVersion, naming(lambda old, new: changes(old, new, names))))


class RulesDraftView(DraftCalls):
    model = RuleSetVersion
    scopes: ClassVar[Mapping[str, str]] = {
        "GET": "config:read",
        "PUT": "config:write",
        "DELETE": "config:write",
    }

    @extend_schema(operation_id="routing_draft_retrieve", responses={200: RulesSerializer})
    def get(self, request: Request) -> Response:
        """The draft of the next version."""
        return self.read_draft(request)

    @extend_schema(
        operation_id="routing_draft_update", request=DraftInSerializer, responses={200: RulesSerializer}
    )
    def put(self, request: Request) -> Response:
        """Save the draft, or begin one. 409 where somebody saved it since `revision`, with what changed."""
        return self.save_draft(request)

    @extend_schema(operation_id="routing_draft_discard", responses={204: None})
    def delete(self, request: Request) -> Response:
        """Throw the draft away."""
        return self.discard_draft()


class RulesCheckView(TenantAPIView):
    scopes: ClassVar[Mapping[str, str]] = {"POST": "config:read"}

    @extend_schema(operation_id="routing_draft_check", request=None, responses={200: RulesCheckSerializer})
    def post(self, request: Request) -> Response:
        """What is wrong with the draft and where, what it changes, and what to look at twice. Nothing is
        written.
        """
        found = the_draft(RuleSetVersion)
        current = versions.version_in_force(RuleSetVersion, self.clock())
        looked = review(found, current=current, pools=pool_states())
        return Response(
            {
                **standing_document(found),
                "problems": [error.as_dict() for error in looked.errors],
                "changes": list(looked.changes),
                "warnings": list(looked.warnings),
            }
        )


class RulesPublishView(PublishingCalls):
    model = RuleSetVersion

    @extend_schema(
        operation_id="routing_publish", request=PublishDraftInSerializer, responses={200: RulesSerializer}
    )
    def post(self, request: Request) -> Response:
        """Put the draft in force, at once or from `effective_at` on: it counts from the next lead on. 400
        with the place of every error; 409 where somebody saved it since, where another is scheduled, and
        `approval_needed` where a second admin must approve.
        """
        return self.publish_draft(request, check_publishable)


class RulesAskView(PublishingCalls):
    model = RuleSetVersion

    @extend_schema(
        operation_id="routing_ask", request=PublishDraftInSerializer, responses={201: AskedSerializer}
    )
    def post(self, request: Request) -> Response:
        """Ask a second admin to put the draft in force. They decide on the page. A later save of the draft
        withdraws the request.
        """
        return self.ask_for_draft(request, check_publishable)


class RulesRollBackView(PublishingCalls):
    model = RuleSetVersion

    @extend_schema(
        operation_id="routing_roll_back", request=AgainInSerializer, responses={200: RulesSerializer}
    )
    def post(self, request: Request, rule_set_version_id: UUID) -> Response:
        """Put a copy of an earlier version in force, under a new number. 409 as for publishing."""
        return self.publish_again(request, get_version(rule_set_version_id), check_usable)


class RulesAskAgainView(PublishingCalls):
    model = RuleSetVersion

    @extend_schema(
        operation_id="routing_ask_again", request=AgainInSerializer, responses={201: AskedSerializer}
    )
    def post(self, request: Request, rule_set_version_id: UUID) -> Response:
        """Ask a second admin to put a copy of an earlier version in force: it is the draft until then."""
        return self.ask_for_again(request, get_version(rule_set_version_id))
