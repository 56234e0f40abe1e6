"""Reviews for programs: to be read, and noted in. People decide and close."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from leads import strict
from reporting import params
from reporting.reviews import services
from reporting.reviews.models import NOTE_LIMIT, Review
from reporting.reviews.pack import Pack
from reporting.reviews.periods import period_of
from reporting.reviews.record import Decision, Note
from reporting.reviews.shown import shown_of
from tenants.audit import names_of_actors
from web.api import TenantAPIView
from web.openapi import PAGE_PARAMETERS, page_serializer
from web.pagination import api_page, known_query


class ReviewSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=Review.Kind.values)
    first_day = serializers.DateField()
    last_day = serializers.DateField()
    state = serializers.ChoiceField(choices=Review.State.values)
    is_over = serializers.BooleanField(help_text="The period is over, so that people may close it.")
    closed_at = serializers.DateTimeField(allow_null=True)
    closed_by = serializers.CharField(allow_blank=True, help_text="A name; blank while it is open.")


class ReviewColumnSerializer(serializers.Serializer[Any]):
    head = serializers.CharField()
    form = serializers.ChoiceField(
        choices=["text", "count", "percent", "seconds", "standing"], help_text="How its cells are read."
    )


class ReviewTableSerializer(serializers.Serializer[Any]):
    title = serializers.CharField()
    columns = ReviewColumnSerializer(many=True)
    rows = serializers.ListField(
        child=serializers.ListField(child=serializers.JSONField(allow_null=True)),
        help_text="Cells in the order of the columns; null where there is no number.",
    )
    link = serializers.CharField(allow_blank=True, help_text="The page with these numbers.")


class ReviewSectionSerializer(serializers.Serializer[Any]):
    slug = serializers.CharField()
    title = serializers.CharField()
    tables = ReviewTableSerializer(many=True)
    lines = serializers.ListField(child=serializers.CharField())


class ReviewNoteSerializer(serializers.Serializer[Any]):
    text = serializers.CharField()
    by = serializers.CharField(help_text="A name.")
    at = serializers.DateTimeField()
    is_addendum = serializers.BooleanField(help_text="Written after the close.")


class ReviewDecisionSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    text = serializers.CharField()
    owner = serializers.CharField(help_text="A name.")
    owner_id = serializers.UUIDField()
    due_on = serializers.DateField()
    by = serializers.CharField()
    at = serializers.DateTimeField()
    done_at = serializers.DateTimeField(allow_null=True)


class ReviewInFullSerializer(ReviewSerializer):
    as_of = serializers.DateTimeField(help_text="When the numbers were taken: at the close, or now.")
    sections = ReviewSectionSerializer(many=True)
    notes = ReviewNoteSerializer(many=True)
    decisions = ReviewDecisionSerializer(many=True, help_text="As they stand today.")


class ReviewNoteInSerializer(serializers.Serializer[Any]):
    text = serializers.CharField(max_length=NOTE_LIMIT)


REVIEW_PAGE = page_serializer("ReviewPage", ReviewSerializer)
_read: Callable[..., dict[str, Any]] = strict.reader_of(ReviewNoteInSerializer)


def _review(each: Review, people: Mapping[str, str], view: TenantAPIView, now: datetime) -> dict[str, Any]:
    period = period_of(each)
    return {
        "id": str(each.id),
        "kind": each.kind,
        "first_day": period.first,
        "last_day": period.last,
        "state": each.state,
        "is_over": period.is_over(services.today_of(view.tenant, now)),
        "closed_at": each.closed_at,
        "closed_by": people.get(each.closed_by, ""),
    }


def _people(rows: Sequence[Review]) -> dict[str, str]:
    return names_of_actors({each.closed_by for each in rows if each.closed_by})


def _note(each: Note, *, is_addendum: bool) -> dict[str, Any]:
    return {"text": each.text, "by": each.by, "at": each.at, "is_addendum": is_addendum}


def _decision(each: Decision) -> dict[str, Any]:
    return {
        "id": each.id,
        "text": each.text,
        "owner": each.owner,
        "owner_id": each.owner_id,
        "due_on": each.due_on,
        "by": each.by,
        "at": each.at,
        "done_at": each.done_at,
    }


def sections_of(pack: Pack) -> list[dict[str, Any]]:
    """The numbers of a pack, without how its tables are drawn."""
    return [
        {
            **section,
            "tables": [
                {name: table[name] for name in ("title", "columns", "rows", "link")}
                for table in section["tables"]
            ],
        }
        for section in pack.as_document()["sections"]
    ]


class ReviewsView(TenantAPIView):
    """GET reviews"""

    scopes: ClassVar[Mapping[str, str]] = {"GET": "reports:read"}

    @extend_schema(
        operation_id="reviews",
        summary="Reviews of months and quarters, the latest first",
        parameters=[*PAGE_PARAMETERS, OpenApiParameter("state", str, enum=Review.State.values)],
        responses={200: REVIEW_PAGE},
    )
    def get(self, request: Request) -> Response:
        known_query(request, "cursor", "limit", "state")
        state = params.choice(request.query_params.dict(), "state", ("", *Review.State.values), "")
        found = Review.objects.defer("frozen")
        rows, following = api_page(
            request, found.filter(state=state) if state else found, order=("-first_day", "-id")
        )
        people, now = _people(rows), self.clock()
        return Response({"results": [_review(each, people, self, now) for each in rows], "next": following})


class ReviewView(TenantAPIView):
    """GET reviews/<id>"""

    scopes: ClassVar[Mapping[str, str]] = {"GET": "reports:read"}

    @extend_schema(
        operation_id="review",
        summary="A review with its numbers, notes and decisions",
        description="Of an open review the numbers are those of now, of a closed one those of its close.",
        responses=ReviewInFullSerializer,
    )
    def get(self, request: Request, review_id: UUID) -> Response:
        known_query(request)
        found, now = services.get_review(review_id), self.clock()
        shown = shown_of(found, tenant=self.tenant, now=now)
        return Response(
            {
                **_review(found, _people([found]), self, now),
                "as_of": shown.as_of,
                "sections": sections_of(shown.pack),
                "notes": [
                    *(_note(each, is_addendum=False) for each in shown.said.notes),
                    *(_note(each, is_addendum=True) for each in shown.addenda),
                ],
                "decisions": [_decision(each) for each in shown.decisions],
            }
        )


class ReviewNotesView(TenantAPIView):
    """POST reviews/<id>/notes"""

    scopes: ClassVar[Mapping[str, str]] = {"POST": "config:write"}
    idempotent: ClassVar[bool] = True

    @extend_schema(
        operation_id="review_note",
        summary="Say something in a review",
        description="In a closed one it is an addendum.",
        request=ReviewNoteInSerializer,
        responses={201: ReviewNoteSerializer},
    )
    def post(self, request: Request, review_id: UUID) -> Response:
        said, now = strict.read(_read, request.data), self.clock()
        found = services.get_review(review_id)
        made = services.write_note(actor=self.actor, review_id=found.id, text=said["text"], now=now)
        by = names_of_actors([made.by])[made.by]
        is_addendum = made.review.closed_at is not None
        return Response(_note(Note(made.text, by, made.at), is_addendum=is_addendum), status=201)
