"""The API about the qualification criteria: those in force, and the next version. The same rules as on the
page.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Final
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core.errors import NotFound
from leads import strict
from leads.criteria import check_content, check_publishable
from leads.criteria_preview import MOST, MOST_SHOWN, USUAL, CriteriaPreview, preview_criteria
from leads.criteria_words import changes
from leads.models import CriteriaVersion
from leads.selectors import get_criteria_version
from leads.services import propose_criteria, publish_criteria, write_criteria_draft
from tenants import versions
from tenants.models import VersionState
from web.api import TenantAPIView
from web.pagination import known_query

MOST_VERSIONS: Final = 100


class CriteriaSerializer(serializers.Serializer[Any]):
    """A version of the criteria."""

    id = serializers.UUIDField()
    number = serializers.IntegerField()
    published_at = serializers.DateTimeField(allow_null=True)
    published_by = serializers.CharField(allow_blank=True)
    content = serializers.DictField(help_text="rule, and fit, exclude, required where they are said.")


class CriteriaInSerializer(serializers.Serializer[Any]):
    content = serializers.DictField(help_text="The whole of the next version.")
    based_on = serializers.IntegerField(
        min_value=0, help_text="Number of the version that you saw in force; 0 where there was none."
    )


class CriteriaVersionSerializer(CriteriaSerializer):
    """A version of the criteria, or the draft of the next."""

    state = serializers.CharField(help_text="draft, published (in force), retired or cancelled.")
    revision = serializers.IntegerField(help_text="Counts the saves of a draft.")
    copy_of = serializers.IntegerField(
        allow_null=True, help_text="Number of the version that it began as a copy of."
    )
    saved_at = serializers.DateTimeField(allow_null=True)
    saved_by = serializers.CharField(allow_blank=True)


class CriteriaListItemSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    number = serializers.IntegerField()
    state = serializers.CharField()
    copy_of = serializers.IntegerField(allow_null=True)
    published_at = serializers.DateTimeField(allow_null=True)
    published_by = serializers.CharField(allow_blank=True)
    approved_by = serializers.CharField(
        allow_blank=True, help_text="Of versions that a second admin approved."
    )
    changes = serializers.ListField(
        child=serializers.CharField(), help_text="What it changed against the version before, in words."
    )


class CriteriaListSerializer(serializers.Serializer[Any]):
    results = CriteriaListItemSerializer(many=True)
    next = serializers.CharField(allow_null=True)


class CriteriaDraftInSerializer(serializers.Serializer[Any]):
    content = serializers.DictField(help_text="The whole of the criteria; they need not be valid yet.")
    revision = serializers.IntegerField(
        required=False,
        min_value=1,
        help_text="The one that the change started from; 409 where there is a newer one. Left out to begin a"
        " draft.",
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


class CriteriaPlaceSerializer(serializers.Serializer[Any]):
    path = serializers.CharField(help_text="JSON pointer into the content.")
    message = serializers.CharField()
    code = serializers.CharField()


class CriteriaCheckSerializer(serializers.Serializer[Any]):
    """What publishing the draft would do; nothing is written."""

    revision = serializers.IntegerField()
    needs_approval = serializers.BooleanField(help_text="A second admin must approve it: ask instead.")
    waiting = serializers.UUIDField(allow_null=True, help_text="The publication that waits for approval.")
    problems = CriteriaPlaceSerializer(many=True, help_text="With any of them it cannot be published.")
    changes = serializers.ListField(child=serializers.CharField())
    preview = CriteriaPreviewSerializer(
        allow_null=True, help_text=f"Over the last {USUAL:,} leads; null where there are problems."
    )


class CriteriaNothingSerializer(serializers.Serializer[Any]):
    """No member at all."""


class CriteriaAskedSerializer(serializers.Serializer[Any]):
    """A request for a second admin's approval."""

    publication = serializers.UUIDField(help_text="See /publications.")
    version = serializers.UUIDField()


_read_draft: Callable[..., dict[str, Any]] = strict.reader_of(CriteriaDraftInSerializer)
_read_preview: Callable[..., dict[str, Any]] = strict.reader_of(CriteriaPreviewInSerializer)
_read_nothing: Callable[..., dict[str, Any]] = strict.reader_of(CriteriaNothingSerializer)
_read_criteria: Callable[..., dict[str, Any]] = strict.reader_of(CriteriaInSerializer)


def criteria_document(version: CriteriaVersion) -> dict[str, Any]:
    """A version as the API answers it."""
    return {
        "id": version.id,
        "number": version.number,
        "published_at": version.published_at,
        "published_by": version.published_by,
        "content": version.content,
    }


def version_document(version: CriteriaVersion) -> dict[str, Any]:
    """A version or a draft as the API answers it."""
    return {
        **criteria_document(version),
        "state": version.state,
        "revision": version.revision,
        "copy_of": version.copy_of,
        "saved_at": version.saved_at,
        "saved_by": version.saved_by,
    }


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
        return Response(criteria_document(found))


class CriteriaPublishView(TenantAPIView):
    idempotent = True
    scopes: ClassVar[Mapping[str, str]] = {"POST": "config:write"}

    @extend_schema(
        operation_id="criteria_publish", request=CriteriaInSerializer, responses={200: CriteriaSerializer}
    )
    def post(self, request: Request) -> Response:
        """Put the next version in force: leads are judged by it from their next arrival on. 400 with the
        place of every error; 409 where another version came between, and `approval_needed` where a second
        admin must approve.
        """
        said = strict.read(_read_criteria, request.data)
        version = publish_criteria(
            said["content"], based_on=said["based_on"], actor=self.actor, now=self.clock()
        )
        return Response(criteria_document(version))


class CriteriaAskView(TenantAPIView):
    idempotent = True
    scopes: ClassVar[Mapping[str, str]] = {"POST": "config:write"}

    @extend_schema(
        operation_id="criteria_ask", request=CriteriaInSerializer, responses={201: CriteriaAskedSerializer}
    )
    def post(self, request: Request) -> Response:
        """Ask a second admin to put the next version in force: it is the draft until they decide, on the
        page.
        """
        said = strict.read(_read_criteria, request.data)
        order = propose_criteria(
            said["content"], based_on=said["based_on"], actor=self.actor, asker=None, now=self.clock()
        )
        return Response({"publication": order.id, "version": order.version_id}, status=201)


class CriteriaVersionsView(TenantAPIView):
    scopes: ClassVar[Mapping[str, str]] = {"GET": "config:read"}

    @extend_schema(operation_id="criteria_versions_list", responses={200: CriteriaListSerializer})
    def get(self, request: Request) -> Response:
        """What was put in force, the newest first, with what each changed; the newest hundred."""
        known_query(request)
        listed = CriteriaVersion.objects.exclude(state=VersionState.DRAFT).order_by("-number")
        found = list(listed[: MOST_VERSIONS + 1])
        approvals = versions.approvals_of(version.id for version in found)
        older: list[CriteriaVersion | None] = [*found[1:], None]
        rows = [
            {
                "id": version.id,
                "number": version.number,
                "state": version.state,
                "copy_of": version.copy_of,
                "published_at": version.published_at,
                "published_by": version.published_by,
                "approved_by": approvals.get(version.id, ""),
                "changes": changes(previous.content, version.content) if previous else [],
            }
            for version, previous in zip(found, older, strict=True)
        ]
        return Response({"results": rows[:MOST_VERSIONS], "next": None})


class CriteriaDraftView(TenantAPIView):
    scopes: ClassVar[Mapping[str, str]] = {
        "GET": "config:read",
        "PUT": "config:write",
        "DELETE": "config:write",
    }

    @extend_schema(operation_id="criteria_draft_retrieve", responses={200: CriteriaVersionSerializer})
    def get(self, request: Request) -> Response:
        """The draft of the next version."""
        known_query(request)
        return Response(version_document(_draft()))

    @extend_schema(
        operation_id="criteria_draft_update",
        request=CriteriaDraftInSerializer,
        responses={200: CriteriaVersionSerializer},
    )
    def put(self, request: Request) -> Response:
        """Save the draft, or begin one. 409 where somebody saved it since `revision`, with what changed."""
        said = strict.read(_read_draft, request.data)
        found = write_criteria_draft(
            said["content"], revision=said.get("revision"), actor=self.actor, now=self.clock()
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
        problems = check_content(found.content) or versions.gate_errors(found)
        waiting = versions.waiting_order(CriteriaVersion)
        return Response(
            {
                "revision": found.revision,
                "needs_approval": versions.needs_approval("criteria"),
                "waiting": waiting.id if waiting else None,
                "problems": [error.as_dict() for error in problems],
                "changes": changes(current.content, found.content) if current else [],
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


class CriteriaRollBackView(TenantAPIView):
    idempotent = True
    scopes: ClassVar[Mapping[str, str]] = {"POST": "config:write"}

    @extend_schema(
        operation_id="criteria_roll_back", request=None, responses={200: CriteriaVersionSerializer}
    )
    def post(self, request: Request, criteria_version_id: UUID) -> Response:
        """Put a copy of an earlier version in force, under a new number. 409 as for publishing."""
        strict.read(_read_nothing, request.data or {})
        version = versions.roll_back(
            get_criteria_version(criteria_version_id),
            validate=check_publishable,
            actor=self.actor,
            now=self.clock(),
        )
        return Response(version_document(version))


class CriteriaAskAgainView(TenantAPIView):
    idempotent = True
    scopes: ClassVar[Mapping[str, str]] = {"POST": "config:write"}

    @extend_schema(operation_id="criteria_ask_again", request=None, responses={201: CriteriaAskedSerializer})
    def post(self, request: Request, criteria_version_id: UUID) -> Response:
        """Ask a second admin to put a copy of an earlier version in force: it is the draft until then."""
        strict.read(_read_nothing, request.data or {})
        order = versions.ask_again(
            get_criteria_version(criteria_version_id), asker=None, actor=self.actor, now=self.clock()
        )
        return Response({"publication": order.id, "version": order.version_id}, status=201)
