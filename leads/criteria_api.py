"""The API about the qualification criteria: those in force, their versions, the draft of the next, its check
and publication, and what criteria would make of past leads. The same rules as on the pages.
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
from leads.criteria import check_draft, check_publishable, draft_errors
from leads.criteria_drafts import propose_criteria, publish_criteria
from leads.criteria_preview import MOST, MOST_SHOWN, USUAL, CriteriaPreview, preview_criteria
from leads.criteria_words import changes, doubtful
from leads.list_names import naming
from leads.models import CriteriaVersion
from leads.selectors import get_criteria_version
from tenants import versions
from web.api import TenantAPIView
from web.pagination import known_query
from web.version_api import (
    AgainInSerializer,
    AskedSerializer,
    DraftInSerializer,
    PlaceSerializer,
    PublishDraftInSerializer,
    PublishingView,
    ScheduledSerializer,
    VersionListSerializer,
    VersionSerializer,
    standing_document,
    version_document,
    version_list,
)


class CriteriaSerializer(VersionSerializer):
    """A version of the criteria."""

    content = serializers.DictField(
        help_text="rule, and as far as said fit, exclude, required, required_by_tier, valid, hold, score."
    )


class CriteriaInSerializer(AgainInSerializer):
    content = serializers.DictField(help_text="The whole of the next version.")
    based_on = serializers.IntegerField(
        min_value=0, help_text="Number of the version that you saw in force; 0 where there was none."
    )


class CriteriaPreviewInSerializer(serializers.Serializer[Any]):
    content = serializers.DictField(help_text="The whole of the criteria to be tried.")
    last = serializers.IntegerField(
        required=False, min_value=1, max_value=MOST, help_text=f"How many leads; {USUAL:,} where left out."
    )


class ChangedLeadSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()
    company = serializers.CharField(allow_blank=True)
    at = serializers.DateTimeField(help_text="Its latest sign of life, as of which it is judged.")
    qualifies = serializers.BooleanField(help_text="By the content that is tried.")
    reasons = serializers.ListField(child=serializers.CharField())


class CriteriaPreviewSerializer(serializers.Serializer[Any]):
    """What criteria would make of the last leads; nothing is written."""

    leads = serializers.IntegerField(help_text="Judged: real ones, those heard of latest.")
    before = serializers.IntegerField(help_text="Of them qualify by the criteria in force.")
    after = serializers.IntegerField(help_text="Of them qualify by the content.")
    gained = serializers.IntegerField()
    lost = serializers.IntegerField()
    version = serializers.IntegerField(help_text="Number of the version in force; 0 for none.")
    changed = ChangedLeadSerializer(many=True, help_text=f"The latest {MOST_SHOWN} of those that change.")


class CriteriaCheckSerializer(serializers.Serializer[Any]):
    """What publishing the draft would do; nothing is written."""

    revision = serializers.IntegerField()
    needs_approval = serializers.BooleanField(help_text="A second admin must approve it: ask instead.")
    waiting = serializers.UUIDField(allow_null=True, help_text="The publication that waits for approval.")
    scheduled = ScheduledSerializer(allow_null=True, help_text="The version that comes into force by itself.")
    problems = PlaceSerializer(many=True, help_text="With any of them it cannot be published.")
    changes = serializers.ListField(child=serializers.CharField())
    warnings = serializers.ListField(child=serializers.CharField(), help_text="What to look at twice.")
    preview = CriteriaPreviewSerializer(
        allow_null=True, help_text=f"Over the last {USUAL:,} leads; null where there are problems."
    )


_read_draft: Callable[..., dict[str, Any]] = strict.reader_of(DraftInSerializer)
_read_preview: Callable[..., dict[str, Any]] = strict.reader_of(CriteriaPreviewInSerializer)
_read_criteria: Callable[..., dict[str, Any]] = strict.reader_of(CriteriaInSerializer)
_read_publish: Callable[..., dict[str, Any]] = strict.reader_of(PublishDraftInSerializer)
_read_again: Callable[..., dict[str, Any]] = strict.reader_of(AgainInSerializer)


def preview_document(found: CriteriaPreview) -> dict[str, Any]:
    """A preview as the API answers it."""
    return {
        "leads": found.leads,
        "before": found.before,
        "after": found.after,
        "gained": found.gained,
        "lost": found.lost,
        "version": found.version,
        "changed": [
            {
                "id": lead.id,
                "name": lead.name,
                "company": lead.company,
                "at": lead.at,
                "qualifies": lead.qualifies,
                "reasons": list(lead.reasons),
            }
            for lead in found.changed
        ],
    }


def _draft() -> CriteriaVersion:
    found = versions.open_draft(CriteriaVersion)
    if found is None:
        raise NotFound("There is no draft.")
    return found


class CriteriaView(TenantAPIView):
    scopes: ClassVar[Mapping[str, str]] = {"GET": "config:read"}

    @extend_schema(operation_id="criteria_retrieve", responses={200: CriteriaSerializer})
    def get(self, request: Request) -> Response:
        """The criteria in force."""
        found = versions.version_in_force(CriteriaVersion, self.clock())
        if found is None:
            raise NotFound("No qualification criteria are published yet.")
        return Response(version_document(found))


class CriteriaPublishView(PublishingView):
    @extend_schema(
        operation_id="criteria_publish", request=CriteriaInSerializer, responses={200: CriteriaSerializer}
    )
    def post(self, request: Request) -> Response:
        """Put a content in force as the next version, in one call, at once or from `effective_at` on: leads
        are judged by it from their next arrival on. 400 with the place of every error; 409 where another
        version came between, and `approval_needed` where a second admin must approve.
        """
        said = strict.read(_read_criteria, request.data)
        version = publish_criteria(said["content"], based_on=said["based_on"], **self.wishes(said))
        return Response(version_document(version))


class CriteriaAskView(PublishingView):
    @extend_schema(
        operation_id="criteria_ask", request=CriteriaInSerializer, responses={201: AskedSerializer}
    )
    def post(self, request: Request) -> Response:
        """Ask a second admin to put a content in force as the next version: it is the draft until they
        decide, on the page.
        """
        said = strict.read(_read_criteria, request.data)
        order = propose_criteria(said["content"], based_on=said["based_on"], asker=None, **self.wishes(said))
        return self.asked(order)


class CriteriaVersionsView(TenantAPIView):
    scopes: ClassVar[Mapping[str, str]] = {"GET": "config:read"}

    @extend_schema(operation_id="criteria_versions_list", responses={200: VersionListSerializer})
    def get(self, request: Request) -> Response:
        """What was put in force, the newest first, with what each changed; the newest hundred."""
        known_query(request)
        return Response(version_list(CriteriaVersion, naming(changes)))


class CriteriaDraftView(TenantAPIView):
    scopes: ClassVar[Mapping[str, str]] = {
        "GET": "config:read",
        "PUT": "config:write",
        "DELETE": "config:write",
    }

    @extend_schema(operation_id="criteria_draft_retrieve", responses={200: CriteriaSerializer})
    def get(self, request: Request) -> Response:
        """The draft of the next version."""
        known_query(request)
        return Response(version_document(_draft()))

    @extend_schema(
        operation_id="criteria_draft_update",
        request=DraftInSerializer,
        responses={200: CriteriaSerializer},
    )
    def put(self, request: Request) -> Response:
        """Save the draft, or begin one. 409 where somebody saved it since `revision`, with what changed."""
        said = strict.read(_read_draft, request.data)
        found = versions.write_draft(
            CriteriaVersion,
            content=said["content"],
            revision=said.get("revision"),
            actor=self.actor,
            now=self.clock(),
        )
        return Response(version_document(found))

    @extend_schema(operation_id="criteria_draft_discard", responses={204: None})
    def delete(self, request: Request) -> Response:
        """Throw the draft away."""
        versions.discard_draft(_draft(), actor=self.actor, now=self.clock())
        return Response(status=204)


class CriteriaDraftCheckView(TenantAPIView):
    scopes: ClassVar[Mapping[str, str]] = {"POST": "config:read"}

    @extend_schema(
        operation_id="criteria_draft_check", request=None, responses={200: CriteriaCheckSerializer}
    )
    def post(self, request: Request) -> Response:
        """What is wrong with the draft, what it changes in words, and which of the last leads it would judge
        otherwise. Nothing is written.
        """
        found, now = _draft(), self.clock()
        current = versions.version_in_force(CriteriaVersion, now)
        problems = draft_errors(found.content) or versions.gate_errors(found)
        return Response(
            {
                **standing_document(found),
                "problems": [error.as_dict() for error in problems],
                "changes": naming(changes)(current.content, found.content) if current else [],
                "warnings": doubtful(found.content),
                "preview": None if problems else preview_document(preview_criteria(found.content, now=now)),
            }
        )


class CriteriaPreviewView(TenantAPIView):
    scopes: ClassVar[Mapping[str, str]] = {"POST": "config:read"}

    @extend_schema(
        operation_id="criteria_preview",
        request=CriteriaPreviewInSerializer,
        responses={200: CriteriaPreviewSerializer},
    )
    def post(self, request: Request) -> Response:
        """What criteria would make of the last leads, beside those in force. Nothing is written. Test leads
        and imported history are left out; each lead is judged as of its latest sign of life.
        """
        said = strict.read(_read_preview, request.data)
        found = preview_criteria(said["content"], last=said.get("last", USUAL), now=self.clock())
        return Response(preview_document(found))


class CriteriaDraftPublishView(PublishingView):
    @extend_schema(
        operation_id="criteria_draft_publish",
        request=PublishDraftInSerializer,
        responses={200: CriteriaSerializer},
    )
    def post(self, request: Request) -> Response:
        """Put the draft in force as it was checked. 400 and 409 as for `criteria/publish`; 409 too where
        somebody saved it since.
        """
        said = strict.read(_read_publish, request.data)
        version = versions.publish(
            _draft(),
            expected_revision=said["revision"],
            validate=check_draft,
            **self.wishes(said),
        )
        return Response(version_document(version))


class CriteriaDraftAskView(PublishingView):
    @extend_schema(
        operation_id="criteria_draft_ask", request=PublishDraftInSerializer, responses={201: AskedSerializer}
    )
    def post(self, request: Request) -> Response:
        """Ask a second admin to put the draft in force. A later save of it withdraws the request."""
        said = strict.read(_read_publish, request.data)
        found = _draft()
        check_draft(found.content)
        order = versions.ask(found, asker=None, expected_revision=said["revision"], **self.wishes(said))
        return self.asked(order)


class CriteriaRollBackView(PublishingView):
    @extend_schema(
        operation_id="criteria_roll_back", request=AgainInSerializer, responses={200: CriteriaSerializer}
    )
    def post(self, request: Request, criteria_version_id: UUID) -> Response:
        """Put a copy of an earlier version in force, under a new number. 409 as for publishing."""
        said = strict.read(_read_again, request.data or {})
        old = get_criteria_version(criteria_version_id)
        version = versions.roll_back(old, validate=check_publishable, **self.wishes(said))
        return Response(version_document(version))


class CriteriaAskAgainView(PublishingView):
    @extend_schema(
        operation_id="criteria_ask_again", request=AgainInSerializer, responses={201: AskedSerializer}
    )
    def post(self, request: Request, criteria_version_id: UUID) -> Response:
        """Ask a second admin to put a copy of an earlier version in force: it is the draft until then."""
        said = strict.read(_read_again, request.data or {})
        old = get_criteria_version(criteria_version_id)
        return self.asked(versions.ask_again(old, asker=None, **self.wishes(said)))
