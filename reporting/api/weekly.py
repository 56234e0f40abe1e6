"""The week that both sides look at together, for programs: its numbers, its breakdowns, and what was done
about them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from leads import strict
from reporting.api.compliance import ClockSerializer, clock_row
from reporting.api.reviews import (
    ReviewNoteInSerializer,
    ReviewSectionSerializer,
    sections_of,
)
from reporting.models import TargetFact
from reporting.reviews import services, week
from reporting.reviews.record import Note
from tenants.audit import names_of_actors
from web.api import TenantAPIView
from web.openapi import PAGE_PARAMETERS, page_serializer
from web.pagination import api_page, known_query


class ReviewWeekSerializer(serializers.Serializer[Any]):
    monday = serializers.DateField()
    sunday = serializers.DateField()
    last = serializers.DateField(help_text="The last day that counts: today of a week that runs.")
    is_over = serializers.BooleanField()
    time_zone = serializers.CharField(help_text="Days are this zone's.")
    breakdowns = serializers.IntegerField(help_text="Deadlines missed of clocks that started in the week.")
    without_note = serializers.IntegerField(
        help_text="Of these, nobody said what was done about them; imported ones take no note."
    )
    sections = ReviewSectionSerializer(many=True)


class BreakdownNoteSerializer(serializers.Serializer[Any]):
    text = serializers.CharField()
    by = serializers.CharField(help_text="A name.")
    at = serializers.DateTimeField()


class BreakdownSerializer(ClockSerializer):
    takes_notes = serializers.BooleanField(
        help_text="False: it ran in another system, and an import told of it."
    )
    notes = BreakdownNoteSerializer(many=True, help_text="What was done about it.")


BREAKDOWN_PAGE = page_serializer("BreakdownPage", BreakdownSerializer)
_read: Callable[..., dict[str, Any]] = strict.reader_of(ReviewNoteInSerializer)


class _WeekView(TenantAPIView):
    scopes: ClassVar[Mapping[str, str]] = {"GET": "reports:read"}

    def told(self, chosen: week.Week, now: datetime) -> Response:
        found = week.breakdowns(tenant=self.tenant, week=chosen, reader=None, now=now)
        return Response(
            {
                "monday": chosen.monday,
                "sunday": chosen.sunday,
                "last": chosen.last,
                "is_over": chosen.is_over,
                "time_zone": self.tenant.time_zone,
                "breakdowns": found.count(),
                "without_note": week.without_note(found),
                "sections": sections_of(week.pack_of_week(tenant=self.tenant, week=chosen, now=now)),
            }
        )


class ReviewWeekNowView(_WeekView):
    """GET reviews/week"""

    @extend_schema(
        operation_id="review_week_now",
        summary="The present week, so far",
        responses=ReviewWeekSerializer,
    )
    def get(self, request: Request) -> Response:
        known_query(request)
        now = self.clock()
        return self.told(week.present_week(self.tenant, now), now)


class ReviewWeekView(_WeekView):
    """GET reviews/week/2026-11-16"""

    @extend_schema(
        operation_id="review_week",
        summary="One week by its Monday, with its numbers",
        description=(
            "Compliance, funnel, rejections, disputes, the largest leaks, and the commitments of the month"
            " that it ends in, as they count now."
        ),
        responses=ReviewWeekSerializer,
    )
    def get(self, request: Request, monday: str) -> Response:
        known_query(request)
        now = self.clock()
        return self.told(week.week_of(monday, tenant=self.tenant, now=now), now)


class BreakdownsView(TenantAPIView):
    """GET reviews/week/2026-11-16/breakdowns"""

    scopes: ClassVar[Mapping[str, str]] = {"GET": "reports:read"}

    @extend_schema(
        operation_id="review_week_breakdowns",
        summary="Deadlines missed of clocks that started in a week, the latest due first",
        parameters=PAGE_PARAMETERS,
        responses={200: BREAKDOWN_PAGE},
    )
    def get(self, request: Request, monday: str) -> Response:
        known_query(request, "cursor", "limit")
        now = self.clock()
        chosen = week.week_of(monday, tenant=self.tenant, now=now)
        found = week.breakdowns(tenant=self.tenant, week=chosen, reader=None, now=now)
        rows, following = api_page(request, found, order=("-due_at", "-id"))
        notes = week.notes_of([row.id for row in rows])
        return Response(
            {"results": [_breakdown(row, notes.get(row.id, []), now) for row in rows], "next": following}
        )


class BreakdownNotesView(TenantAPIView):
    """POST reviews/week/2026-11-16/breakdowns/<id>/notes"""

    scopes: ClassVar[Mapping[str, str]] = {"POST": "config:write"}
    idempotent: ClassVar[bool] = True

    @extend_schema(
        operation_id="review_week_breakdown_note",
        summary="Say what was done about a missed deadline",
        description="It stands beside the breakdown and is never changed.",
        request=ReviewNoteInSerializer,
        responses={201: BreakdownNoteSerializer},
    )
    def post(self, request: Request, monday: str, timer_id: UUID) -> Response:
        said, now = strict.read(_read, request.data), self.clock()
        chosen = week.week_of(monday, tenant=self.tenant, now=now)
        found = week.get_breakdown(timer_id, tenant=self.tenant, week=chosen, reader=None, now=now)
        made = services.note_breakdown(actor=self.actor, timer_id=found.id, text=said["text"], now=now)
        by = names_of_actors([made.by])[made.by]
        return Response(_note(Note(made.text, by, made.at)), status=201)


def _note(each: Note) -> dict[str, Any]:
    return {"text": each.text, "by": each.by, "at": each.at}


def _breakdown(row: TargetFact, notes: Sequence[Note], now: datetime) -> dict[str, Any]:
    return {
        **clock_row(row, now),
        "takes_notes": not row.is_history,
        "notes": [_note(each) for each in notes],
    }
