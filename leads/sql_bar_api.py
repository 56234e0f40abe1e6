"""The API about a bar (leads.bars), the SQL criteria and those of meetings: what is in force, the versions,
the draft of the next, its check, publication and going back. The same rules as on the pages.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from leads import sql_bar
from leads.bars import MEETING_BAR, SQL_BAR, BarKind
from leads.sql_bar import check_publishable, get_version
from leads.version_calls import DraftCalls, PublishingCalls, the_draft
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
    version_list,
)


class SqlBarSerializer(VersionSerializer):
    """A version of the criteria, or the draft of the next."""

    content = serializers.DictField(help_text="questions: key, label, hint, answer, choices, must, must_be.")


class SqlBarInForceSerializer(serializers.Serializer[Any]):
    """What is asked now."""

    id = serializers.UUIDField(allow_null=True, help_text="Null for the default.")
    number = serializers.IntegerField(help_text="0 for the default, which holds until one is published.")
    published_at = serializers.DateTimeField(allow_null=True)
    published_by = serializers.CharField(allow_blank=True)
    content = serializers.DictField(help_text="questions: key, label, hint, answer, choices, must, must_be.")


class SqlBarCheckSerializer(CheckSerializer):
    """What publishing the draft of the criteria would do; nothing is written."""


class SqlBarView(TenantAPIView):
    kind: ClassVar[BarKind] = SQL_BAR
    scopes: ClassVar[Mapping[str, str]] = {"GET": "config:read"}

    @extend_schema(operation_id="sql_criteria_retrieve", responses={200: SqlBarInForceSerializer})
    def get(self, request: Request) -> Response:
        """The SQL criteria in force; the default where none are published, which refuses nothing."""
        known_query(request)
        found = versions.version_in_force(self.kind.model, self.clock())
        return Response(
            {
                "id": found.id if found else None,
                "number": found.number if found else 0,
                "published_at": found.published_at if found else None,
                "published_by": found.published_by if found else "",
                "content": found.content if found else self.kind.default,
            }
        )


class SqlBarVersionsView(TenantAPIView):
    kind: ClassVar[BarKind] = SQL_BAR
    scopes: ClassVar[Mapping[str, str]] = {"GET": "config:read"}

    @extend_schema(operation_id="sql_criteria_versions_list", responses={200: VersionListSerializer})
    def get(self, request: Request) -> Response:
        """What was put in force, the newest first, with what each changed; the newest hundred."""
        known_query(request)
        return Response(version_list(self.kind.model, sql_bar.changes))


class SqlBarDraftView(DraftCalls):
    model = SQL_BAR.model
    scopes: ClassVar[Mapping[str, str]] = {
        "GET": "config:read",
        "PUT": "config:write",
        "DELETE": "config:write",
    }

    @extend_schema(operation_id="sql_criteria_draft_retrieve", responses={200: SqlBarSerializer})
    def get(self, request: Request) -> Response:
        """The draft of the next version."""
        return self.read_draft(request)

    @extend_schema(
        operation_id="sql_criteria_draft_update", request=DraftInSerializer, responses={200: SqlBarSerializer}
    )
    def put(self, request: Request) -> Response:
        """Save the draft, or begin one. 409 where somebody saved it since `revision`, with what changed."""
        return self.save_draft(request)

    @extend_schema(operation_id="sql_criteria_draft_discard", responses={204: None})
    def delete(self, request: Request) -> Response:
        """Throw the draft away."""
        return self.discard_draft()


class SqlBarCheckView(TenantAPIView):
    kind: ClassVar[BarKind] = SQL_BAR
    scopes: ClassVar[Mapping[str, str]] = {"POST": "config:read"}

    @extend_schema(
        operation_id="sql_criteria_draft_check", request=None, responses={200: SqlBarCheckSerializer}
    )
    def post(self, request: Request) -> Response:
        """What is wrong with the draft and where, and what it changes. Nothing is written."""
        found = the_draft(self.kind.model)
        current = versions.version_in_force(self.kind.model, self.clock())
        before = current.content if current else self.kind.default
        return Response(
            {
                **standing_document(found),
                "problems": [error.as_dict() for error in sql_bar.check_content(found.content)],
                "changes": sql_bar.changes(before, found.content),
                "warnings": [],
            }
        )


class SqlBarPublishView(PublishingCalls):
    model = SQL_BAR.model

    @extend_schema(
        operation_id="sql_criteria_publish",
        request=PublishDraftInSerializer,
        responses={200: SqlBarSerializer},
    )
    def post(self, request: Request) -> Response:
        """Put the draft in force, at once or from `effective_at` on: it counts for the next lead that becomes
        an SQL. 400 with the place of every error; 409 where somebody saved it since, where another is
        scheduled, and `approval_needed` where a second admin must approve.
        """
        return self.publish_draft(request, check_publishable)


class SqlBarAskView(PublishingCalls):
    model = SQL_BAR.model

    @extend_schema(
        operation_id="sql_criteria_ask", request=PublishDraftInSerializer, responses={201: AskedSerializer}
    )
    def post(self, request: Request) -> Response:
        """Ask a second admin to put the draft in force. They decide on the page. A later save of the draft
        withdraws the request.
        """
        return self.ask_for_draft(request, check_publishable)


class SqlBarRollBackView(PublishingCalls):
    model = SQL_BAR.model

    @extend_schema(
        operation_id="sql_criteria_roll_back", request=AgainInSerializer, responses={200: SqlBarSerializer}
    )
    def post(self, request: Request, sql_bar_version_id: UUID) -> Response:
        """Put a copy of an earlier version in force, under a new number. 409 as for publishing."""
        return self.publish_again(request, get_version(sql_bar_version_id, self.model), check_publishable)


class SqlBarAskAgainView(PublishingCalls):
    model = SQL_BAR.model

    @extend_schema(
        operation_id="sql_criteria_ask_again", request=AgainInSerializer, responses={201: AskedSerializer}
    )
    def post(self, request: Request, sql_bar_version_id: UUID) -> Response:
        """Ask a second admin to put a copy of an earlier version in force: it is the draft until then."""
        return self.ask_for_again(request, get_version(sql_bar_version_id, self.model))


# --- The qualified-meeting criteria: the same calls about the other bar ---


def _named(operation_id: str, description: str, **said: Any) -> Any:
    return extend_schema(operation_id=f"meeting_criteria_{operation_id}", description=description, **said)


@extend_schema_view(
    get=_named(
        "retrieve",
        "The qualified-meeting criteria in force; the default where none are published, which refuses"
        " nothing.",
        responses={200: SqlBarInForceSerializer},
    )
)
class MeetingBarView(SqlBarView):
    kind = MEETING_BAR


@extend_schema_view(
    get=_named(
        "versions_list",
        "What was put in force, the newest first, with what each changed; the newest hundred.",
        responses={200: VersionListSerializer},
    )
)
class MeetingBarVersionsView(SqlBarVersionsView):
    kind = MEETING_BAR


@extend_schema_view(
    get=_named("draft_retrieve", "The draft of the next version.", responses={200: SqlBarSerializer}),
    put=_named(
        "draft_update",
        "Save the draft, or begin one. 409 where somebody saved it since `revision`, with what changed.",
        request=DraftInSerializer,
        responses={200: SqlBarSerializer},
    ),
    delete=_named("draft_discard", "Throw the draft away.", responses={204: None}),
)
class MeetingBarDraftView(SqlBarDraftView):
    model = MEETING_BAR.model


@extend_schema_view(
    post=_named(
        "draft_check",
        "What is wrong with the draft and where, and what it changes. Nothing is written.",
        request=None,
        responses={200: SqlBarCheckSerializer},
    )
)
class MeetingBarCheckView(SqlBarCheckView):
    kind = MEETING_BAR


@extend_schema_view(
    post=_named(
        "publish",
        "Put the draft in force, at once or from `effective_at` on: it counts for the next meeting that is"
        " booked. 400 with the place of every error; 409 where somebody saved it since, where another is"
        " scheduled, and `approval_needed` where a second admin must approve.",
        request=PublishDraftInSerializer,
        responses={200: SqlBarSerializer},
    )
)
class MeetingBarPublishView(SqlBarPublishView):
    model = MEETING_BAR.model


@extend_schema_view(
    post=_named(
        "ask",
        "Ask a second admin to put the draft in force. They decide on the page. A later save of the draft"
        " withdraws the request.",
        request=PublishDraftInSerializer,
        responses={201: AskedSerializer},
    )
)
class MeetingBarAskView(SqlBarAskView):
    model = MEETING_BAR.model


class MeetingBarRollBackView(PublishingCalls):
    model = MEETING_BAR.model

    @extend_schema(
        operation_id="meeting_criteria_roll_back",
        request=AgainInSerializer,
        responses={200: SqlBarSerializer},
    )
    def post(self, request: Request, meeting_bar_version_id: UUID) -> Response:
        """Put a copy of an earlier version in force, under a new number. 409 as for publishing."""
        found = get_version(meeting_bar_version_id, self.model)
        return self.publish_again(request, found, check_publishable)


class MeetingBarAskAgainView(PublishingCalls):
    model = MEETING_BAR.model

    @extend_schema(
        operation_id="meeting_criteria_ask_again",
        request=AgainInSerializer,
        responses={201: AskedSerializer},
    )
    def post(self, request: Request, meeting_bar_version_id: UUID) -> Response:
        """Ask a second admin to put a copy of an earlier version in force: it is the draft until then."""
        return self.ask_for_again(request, get_version(meeting_bar_version_id, self.model))
