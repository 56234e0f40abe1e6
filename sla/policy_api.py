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
from tenants import versions
from tenants.models import VersionState
from web.api import TenantAPIView

MOST_VERSIONS = 100


class PolicySerializer(serializers.Serializer[Any]):
    """A version of the policy."""

    id = serializers.UUIDField()
    number = serializers.IntegerField()
    state = serializers.CharField(help_text="draft, published (in force) or retired.")
    revision = serializers.IntegerField(help_text="Counts the saves of a draft.")
    copy_of = serializers.IntegerField(
        allow_null=True, help_text="Number of the version that it began as a copy of."
    )
    saved_at = serializers.DateTimeField(allow_null=True)
    saved_by = serializers.CharField(allow_blank=True)
    published_at = serializers.DateTimeField(allow_null=True)
    published_by = serializers.CharField(allow_blank=True)
    content = serializers.DictField(help_text="Tiers, ladder, responses and on_reassign.")


class PublishedSerializer(PolicySerializer):
    moving = serializers.IntegerField(
        allow_null=True,
        help_text="Running clocks that this call ordered to be moved; null where it ordered none.",
    )


class PolicyListItemSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    number = serializers.IntegerField()
    state = serializers.CharField()
    copy_of = serializers.IntegerField(allow_null=True)
    published_at = serializers.DateTimeField(allow_null=True)
    published_by = serializers.CharField(allow_blank=True)
    changes = serializers.ListField(
        child=serializers.CharField(), help_text="What it changed against the version before, in words."
    )


class PolicyListSerializer(serializers.Serializer[Any]):
    results = PolicyListItemSerializer(many=True)
    next = serializers.CharField(allow_null=True)


class DraftInSerializer(serializers.Serializer[Any]):
    content = serializers.DictField(help_text="The whole policy; it need not be valid yet.")
    revision = serializers.IntegerField(
        required=False,
        min_value=1,
        help_text="The one that the change started from; 409 where there is a newer one. Left out to begin a"
        " draft.",
    )


class PublishInSerializer(serializers.Serializer[Any]):
    revision = serializers.IntegerField(min_value=1, help_text="Of the draft that was checked.")
    move_open = serializers.BooleanField(
        required=False, help_text="Also move the running clocks of open leads. Else they stay."
    )


class RollBackInSerializer(serializers.Serializer[Any]):
    move_open = serializers.BooleanField(required=False)


class PlaceSerializer(serializers.Serializer[Any]):
    path = serializers.CharField(help_text="JSON pointer into the content.")
    message = serializers.CharField()
    code = serializers.CharField()


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
    left = serializers.IntegerField(help_text="Clocks whose tier or target the new version lacks.")


class PolicyCheckSerializer(serializers.Serializer[Any]):
    """What publishing the draft would do; nothing is written."""

    revision = serializers.IntegerField()
    problems = PlaceSerializer(many=True, help_text="With any of them it cannot be published.")
    changes = serializers.ListField(child=serializers.CharField())
    warnings = serializers.ListField(child=serializers.CharField())
    recipients = RecipientSerializer(many=True)
    open_leads = PolicyMovesSerializer(allow_null=True)


_read_draft: Callable[..., dict[str, Any]] = strict.reader_of(DraftInSerializer)
_read_publish: Callable[..., dict[str, Any]] = strict.reader_of(PublishInSerializer)
_read_roll_back: Callable[..., dict[str, Any]] = strict.reader_of(RollBackInSerializer)


def policy_document(version: PolicyVersion) -> dict[str, Any]:
    """A version as the API answers it."""
    return {
        "id": version.id,
        "number": version.number,
        "state": version.state,
        "revision": version.revision,
        "copy_of": version.copy_of,
        "saved_at": version.saved_at,
        "saved_by": version.saved_by,
        "published_at": version.published_at,
        "published_by": version.published_by,
        "content": version.content,
    }


def _draft() -> PolicyVersion:
    found = versions.open_draft(PolicyVersion)
    if found is None:
        raise NotFound("There is no draft.")
    return found


class PolicyView(TenantAPIView):
    scopes: ClassVar[Mapping[str, str]] = {"GET": "config:read"}

    @extend_schema(operation_id="policy_retrieve", responses={200: PolicySerializer})
    def get(self, request: Request) -> Response:
        """The policy in force."""
        found = versions.published_version(PolicyVersion)
        if found is None:
            raise NotFound("No SLA policy is published yet.")
        return Response(policy_document(found))


class PolicyVersionsView(TenantAPIView):
    scopes: ClassVar[Mapping[str, str]] = {"GET": "config:read"}

    @extend_schema(operation_id="policy_versions_list", responses={200: PolicyListSerializer})
    def get(self, request: Request) -> Response:
        """What was put in force, the newest first, with what each changed; the newest hundred."""
        listed = PolicyVersion.objects.exclude(state=VersionState.DRAFT).order_by("-number")
        found = list(listed[: MOST_VERSIONS + 1])
        older: list[PolicyVersion | None] = [*found[1:], None]
        rows = [
            {
                "id": version.id,
                "number": version.number,
                "state": version.state,
                "copy_of": version.copy_of,
                "published_at": version.published_at,
                "published_by": version.published_by,
                "changes": changes(previous.content, version.content) if previous else [],
            }
            for version, previous in zip(found, older, strict=True)
        ]
        return Response({"results": rows[:MOST_VERSIONS], "next": None})


class PolicyDraftView(TenantAPIView):
    scopes: ClassVar[Mapping[str, str]] = {
        "GET": "config:read",
        "PUT": "config:write",
        "DELETE": "config:write",
    }

    @extend_schema(operation_id="policy_draft_retrieve", responses={200: PolicySerializer})
    def get(self, request: Request) -> Response:
        """The draft of the next version."""
        return Response(policy_document(_draft()))

    @extend_schema(
        operation_id="policy_draft_update", request=DraftInSerializer, responses={200: PolicySerializer}
    )
    def put(self, request: Request) -> Response:
        """Save the draft, or begin one. 409 where somebody saved it since `revision`, with what changed."""
        said = strict.read(_read_draft, request.data)
        found = write_draft(
            said["content"], revision=said.get("revision"), actor=self.actor, now=self.clock()
        )
        return Response(policy_document(found))

    @extend_schema(operation_id="policy_draft_discard", responses={204: None})
    def delete(self, request: Request) -> Response:
        """Throw the draft away."""
        versions.discard_draft(_draft(), actor=self.actor, now=self.clock())
        return Response(status=204)


class PolicyDraftCheckView(TenantAPIView):
    scopes: ClassVar[Mapping[str, str]] = {"POST": "config:read"}

    @extend_schema(operation_id="policy_draft_check", request=None, responses={200: PolicyCheckSerializer})
    def post(self, request: Request) -> Response:
        """What is wrong with the draft, what it changes, what to look at twice, whom it tells, and which
        running clocks could be moved. Nothing is written.
        """
        found = _draft()
        looked = review(
            found,
            current=versions.published_version(PolicyVersion),
            tenant=self.tenant,
            now=self.clock(),
        )
        return Response({"revision": found.revision, **_looked(looked)})


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
        },
    }


class _Publishing(TenantAPIView):
    """Base of the calls that put a version in force."""

    def published(self, version: PolicyVersion, *, move_open: bool) -> Response:
        """Answer with the version, and order the move of the running clocks where it was asked for."""
        ordered = None
        if move_open:
            order = moving.order_policy_move(version=version, actor=self.actor, now=self.clock())
            ordered = order.expected
        return Response({**policy_document(version), "moving": ordered})


class PolicyPublishView(_Publishing):
    idempotent = True
    scopes: ClassVar[Mapping[str, str]] = {"POST": "config:write"}

    @extend_schema(
        operation_id="policy_publish", request=PublishInSerializer, responses={200: PublishedSerializer}
    )
    def post(self, request: Request) -> Response:
        """Put the draft in force. 400 with the place of every error; 409 where somebody saved it since."""
        said = strict.read(_read_publish, request.data)
        version = versions.publish(
            _draft(),
            actor=self.actor,
            now=self.clock(),
            expected_revision=said["revision"],
            validate=check_publishable,
        )
        return self.published(version, move_open=said.get("move_open", False))


class PolicyRollBackView(_Publishing):
    idempotent = True
    scopes: ClassVar[Mapping[str, str]] = {"POST": "config:write"}

    @extend_schema(
        operation_id="policy_roll_back", request=RollBackInSerializer, responses={200: PublishedSerializer}
    )
    def post(self, request: Request, policy_version_id: UUID) -> Response:
        """Put a copy of an earlier version in force, under a new number."""
        said = strict.read(_read_roll_back, request.data)
        version = versions.roll_back(
            get_version(policy_version_id), actor=self.actor, now=self.clock(), validate=check_publishable
        )
        return self.published(version, move_open=said.get("move_open", False))
