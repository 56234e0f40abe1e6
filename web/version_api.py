"""What the calls about every kind of version share: how one is written, and what publishing takes and
answers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Final
from uuid import UUID

from rest_framework import serializers
from rest_framework.response import Response

from tenants import versions
from tenants.models import Publication, VersionedModel, VersionState
from web.api import TenantAPIView

MOST_VERSIONS: Final = 100


class VersionSerializer(serializers.Serializer[Any]):
    """A version; its kind says what stands in `content`."""

    id = serializers.UUIDField()
    number = serializers.IntegerField()
    state = serializers.CharField(
        help_text="draft, scheduled, held (its time came and it did not pass the check), published "
        "(in force), retired or cancelled."
    )
    revision = serializers.IntegerField(help_text="Counts the saves of a draft.")
    copy_of = serializers.IntegerField(
        allow_null=True, help_text="Number of the version that it began as a copy of."
    )
    saved_at = serializers.DateTimeField(allow_null=True)
    saved_by = serializers.CharField(allow_blank=True)
    published_at = serializers.DateTimeField(allow_null=True)
    published_by = serializers.CharField(allow_blank=True)
    effective_at = serializers.DateTimeField(
        allow_null=True, help_text="From when on, where it was published for a later moment."
    )
    content = serializers.DictField()


class VersionListItemSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    number = serializers.IntegerField()
    state = serializers.CharField()
    copy_of = serializers.IntegerField(allow_null=True)
    published_at = serializers.DateTimeField(allow_null=True)
    published_by = serializers.CharField(allow_blank=True)
    approved_by = serializers.CharField(
        allow_blank=True, help_text="Of versions that a second admin approved."
    )
    effective_at = serializers.DateTimeField(allow_null=True)
    changes = serializers.ListField(
        child=serializers.CharField(), help_text="What it changed against the version before, in words."
    )


class VersionListSerializer(serializers.Serializer[Any]):
    results = VersionListItemSerializer(many=True)
    next = serializers.CharField(allow_null=True)


class DraftInSerializer(serializers.Serializer[Any]):
    content = serializers.DictField(help_text="The whole of the version; it need not be valid yet.")
    revision = serializers.IntegerField(
        required=False,
        min_value=1,
        help_text="The one that the change started from; 409 where there is a newer one. Left out to begin a"
        " draft.",
    )


class AgainInSerializer(serializers.Serializer[Any]):
    """From when on a version is to be in force."""

    effective_at = serializers.DateTimeField(
        required=False,
        allow_null=True,
        help_text="From when on, with an offset; at most 400 days ahead. Left out: at once.",
    )
    beside = serializers.IntegerField(
        required=False,
        min_value=1,
        help_text="Number of the scheduled version that will replace this one: needed to publish at once"
        " while one is scheduled.",
    )


class PublishDraftInSerializer(AgainInSerializer):
    revision = serializers.IntegerField(min_value=1, help_text="Of the draft that was checked.")


class AskedSerializer(serializers.Serializer[Any]):
    """A request for a second admin's approval."""

    publication = serializers.UUIDField(help_text="See /publications.")
    version = serializers.UUIDField()
    number = serializers.IntegerField()
    effective_at = serializers.DateTimeField(allow_null=True)


class PlaceSerializer(serializers.Serializer[Any]):
    path = serializers.CharField(help_text="JSON pointer into the content.")
    message = serializers.CharField()
    code = serializers.CharField()


class ScheduledSerializer(serializers.Serializer[Any]):
    number = serializers.IntegerField()
    state = serializers.CharField()
    effective_at = serializers.DateTimeField(allow_null=True)


class CheckSerializer(serializers.Serializer[Any]):
    """What publishing a draft would do; nothing is written."""

    revision = serializers.IntegerField()
    needs_approval = serializers.BooleanField(help_text="A second admin must approve it: ask instead.")
    waiting = serializers.UUIDField(allow_null=True, help_text="The publication that waits for approval.")
    scheduled = ScheduledSerializer(allow_null=True, help_text="The version that comes into force by itself.")
    problems = PlaceSerializer(many=True, help_text="With any of them it cannot be published.")
    changes = serializers.ListField(child=serializers.CharField())
    warnings = serializers.ListField(child=serializers.CharField())


def version_document(version: VersionedModel) -> dict[str, Any]:
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
        "effective_at": version.effective_at,
        "content": version.content,
    }


def version_list(
    model: type[VersionedModel],
    changes: Callable[[Mapping[str, Any], Mapping[str, Any]], list[str]],
    *,
    line: UUID | None = None,
) -> dict[str, Any]:
    """What was put in force in a line, the newest first and at most a hundred, with what each changed."""
    listed = versions.of_line(model, line).exclude(state=VersionState.DRAFT).order_by("-number")
    found = list(listed[: MOST_VERSIONS + 1])
    approvals = versions.approvals_of(version.id for version in found)
    older: list[VersionedModel | None] = [*found[1:], None][: len(found)]
    rows = [
        {
            "id": version.id,
            "number": version.number,
            "state": version.state,
            "copy_of": version.copy_of,
            "published_at": version.published_at,
            "published_by": version.published_by,
            "approved_by": approvals.get(version.id, ""),
            "effective_at": version.effective_at,
            "changes": changes(previous.content, version.content) if previous else [],
        }
        for version, previous in zip(found, older, strict=True)
    ]
    return {"results": rows[:MOST_VERSIONS], "next": None}


def standing_document(draft: VersionedModel) -> dict[str, Any]:
    """What the check of a draft says first: its revision, and who or what stands before its publication."""
    model = type(draft)
    to_come = versions.version_to_come(model, draft.line)
    waiting = versions.waiting_order(model, draft.line)
    return {
        "revision": draft.revision,
        "needs_approval": versions.needs_approval(versions.kind_of(model).slug),
        "waiting": waiting.id if waiting else None,
        "scheduled": to_come
        and {"number": to_come.number, "state": to_come.state, "effective_at": to_come.effective_at},
    }


class PublishingView(TenantAPIView):
    """Base of the calls that put a version in force, or ask for it."""

    idempotent = True
    scopes: ClassVar[Mapping[str, str]] = {"POST": "config:write"}

    def wishes(self, said: Mapping[str, Any]) -> dict[str, Any]:
        """What was said as `tenants.versions.publish` takes it."""
        return {
            "actor": self.actor,
            "now": self.clock(),
            "effective_at": said.get("effective_at"),
            "beside": said.get("beside"),
        }

    def asked(self, order: Publication) -> Response:
        """Answer with the request that waits."""
        number = versions.get_kind(order.kind).model.objects.values_list("number", flat=True)
        return Response(
            {
                "publication": order.id,
                "version": order.version_id,
                "number": number.get(id=order.version_id),
                "effective_at": order.effective_at,
            },
            status=201,
        )
