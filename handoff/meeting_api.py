"""Meetings over the API: book, list, and say what became of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC
from typing import Any, ClassVar
from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core.errors import FieldError
from feedback.models import Meeting
from handoff import meetings
from handoff.api import actor_of
from handoff.meeting_reads import get_meeting, visible_meetings
from handoff.serializers import by_field, text_field
from handoff.services import Actor
from leads import strict
from tenants.selectors import find_member
from web.api import TenantAPIView
from web.openapi import PAGE_PARAMETERS, page_serializer
from web.pagination import api_page, known_query

_SCOPES: Mapping[str, str] = {"GET": "leads:read", "POST": "leads:write"}
_BY = "Id or e-mail of the member for whom the key acts."


class MeetingInSerializer(serializers.Serializer[Any]):
    """An SDR books a meeting for an AE."""

    by = by_field("Id or e-mail of the SDR who books it. Needed.")
    ae = serializers.CharField(
        max_length=254,
        required=False,
        allow_null=True,
        help_text="Id or e-mail; else the owner of the account, else whom the routing rules name.",
    )
    at = serializers.DateTimeField(help_text="When it begins; within a year.")
    minutes = serializers.IntegerField(
        required=False, min_value=meetings.SHORTEST, max_value=meetings.LONGEST, help_text="30 unless given."
    )
    attendee_title = text_field(meetings.TITLE, "The lead's title, unless given.")
    seniority = serializers.ChoiceField(Meeting.Seniority.choices, required=False, allow_blank=True)
    next_step = text_field(meetings.NEXT_STEP)
    answers = serializers.DictField(
        child=serializers.JSONField(),
        required=False,
        help_text="To the qualified-meeting criteria, by key.",
    )
    anyway = serializers.BooleanField(required=False, help_text="Though the AE is away or busy then.")


class MeetingAcceptInSerializer(serializers.Serializer[Any]):
    """The AE takes the lead on."""

    to = serializers.ChoiceField(["sal", "sql"], required=False, help_text="sal unless given.")
    answers = serializers.DictField(
        child=serializers.JSONField(), required=False, help_text="To the SQL criteria, with `to` sql."
    )
    fields = serializers.DictField(child=serializers.JSONField(), required=False)  # type: ignore[assignment]
    note = text_field(meetings.NOTE)
    by = by_field(_BY)


class MeetingNoShowInSerializer(serializers.Serializer[Any]):
    """It was not held."""

    who = serializers.ChoiceField(Meeting.Absent.choices, help_text="Who was not there.")
    follow_up = serializers.DateField(
        required=False, allow_null=True, help_text="When the SDR tries again; needed where the prospect was."
    )
    note = text_field(meetings.NOTE)
    by = by_field(_BY)


class MeetingDisqualifyInSerializer(serializers.Serializer[Any]):
    """Nothing for us."""

    reason = serializers.CharField(max_length=40, help_text="Slug of a reason of kind disqualified.")
    note = text_field(meetings.NOTE)
    by = by_field(_BY)


class MeetingCancelInSerializer(serializers.Serializer[Any]):
    """It will not be held."""

    note = text_field(meetings.NOTE, "Why.", required=True)
    follow_up = serializers.DateField(required=False, allow_null=True)
    by = by_field(_BY)


class MeetingRescheduleInSerializer(serializers.Serializer[Any]):
    """Another day."""

    at = serializers.DateTimeField()
    minutes = serializers.IntegerField(
        required=False, min_value=meetings.SHORTEST, max_value=meetings.LONGEST, help_text="As before."
    )
    ae = serializers.CharField(max_length=254, required=False, allow_null=True, help_text="As before.")
    anyway = serializers.BooleanField(required=False)
    note = text_field(meetings.NOTE)
    by = by_field(_BY)


class MeetingUndoInSerializer(serializers.Serializer[Any]):
    """The last outcome is taken back."""

    by = by_field(_BY)


class MeetingCheckSerializer(serializers.Serializer[Any]):
    key = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    value = serializers.JSONField(allow_null=True)
    met = serializers.BooleanField(allow_null=True, help_text="null: not answered")


class MeetingSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    lead = serializers.UUIDField()
    handoff = serializers.UUIDField()
    kind = serializers.CharField(help_text="Of its handoff: outbound, or inbound where one was open.")
    sdr = serializers.UUIDField()
    ae = serializers.UUIDField()
    booked_at = serializers.DateTimeField()
    at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()
    attendee_title = serializers.CharField(allow_blank=True)
    seniority = serializers.CharField(allow_blank=True)
    next_step = serializers.CharField(allow_blank=True)
    checks = MeetingCheckSerializer(many=True)
    qualified = serializers.BooleanField(help_text="Every qualified-meeting criterion was met when booked.")
    state = serializers.ChoiceField(Meeting.State.values)
    who = serializers.CharField(allow_blank=True, help_text="Who was not there, of a no-show.")
    reason = serializers.CharField(allow_null=True)
    follow_up = serializers.DateField(allow_null=True)
    follows = serializers.UUIDField(allow_null=True, help_text="The meeting that it was put in place of.")
    decided_at = serializers.DateTimeField(allow_null=True)
    decided_by = serializers.CharField(allow_blank=True)
    note = serializers.CharField(allow_blank=True)


MEETING_PAGE = page_serializer("MeetingPage", MeetingSerializer)


def document(found: Meeting) -> dict[str, Any]:
    """A meeting as the API gives it."""
    return {
        "id": found.id,
        "lead": found.lead_id,
        "handoff": found.handoff_id,
        "kind": found.handoff.kind,
        "sdr": found.sdr_id,
        "ae": found.ae_id,
        "booked_at": found.booked_at.astimezone(UTC),
        "at": found.starts_at.astimezone(UTC),
        "ends_at": found.ends_at.astimezone(UTC),
        "attendee_title": found.attendee_title,
        "seniority": found.seniority,
        "next_step": found.next_step,
        "checks": [{name: row[name] for name in ("key", "label", "value", "met")} for row in found.checks],
        "qualified": found.qualified,
        "state": found.state,
        "who": found.absent,
        "reason": found.reason.slug if found.reason else None,
        "follow_up": found.follow_up,
        "follows": found.follows_id,
        "decided_at": found.decided_at.astimezone(UTC) if found.decided_at else None,
        "decided_by": found.decided_by,
        "note": found.note,
    }


class _ActView(TenantAPIView):
    """A POST that acts. shape: what may be sent."""

    idempotent = True
    scopes: ClassVar[Mapping[str, str]] = _SCOPES
    shape: ClassVar[type[serializers.Serializer[Any]]]

    def said(self, request: Request) -> tuple[dict[str, Any], Actor]:
        """The body, read strictly, without who is said to act; who that is."""
        said = strict.read(strict.reader_of(self.shape), request.data)
        return said, actor_of(self.actor, {"by": said.pop("by", None)})

    def act(
        self, request: Request, meeting_id: UUID, service: Callable[..., Meeting], *, zoned: bool = False
    ) -> Response:
        said, actor = self.said(request)
        said = {name: value for name, value in said.items() if value is not None}
        if "ae" in said:
            said["ae_id"] = find_member(said.pop("ae"), path="/ae").id
        if "at" in said:
            said["starts_at"] = said.pop("at")
        if zoned:
            said["zone"] = self.tenant.time_zone
        with timezone.override(self.tenant.time_zone):
            done = service(meeting_id=meeting_id, actor=actor, clock=self.clock, **said)
        return Response(document(get_meeting(None, done.id)))


class BookMeetingView(_ActView):
    shape = MeetingInSerializer

    @extend_schema(
        operation_id="lead_meeting", request=MeetingInSerializer, responses={201: MeetingSerializer}
    )
    def post(self, request: Request, lead_id: UUID) -> Response:
        """Book a meeting. It opens a handoff of kind outbound, or goes on with the open one; 409 where the
        lead has a meeting already. 400 at /ae where the AE is away or busy then, unless `anyway`."""
        said, actor = self.said(request)
        booking = meetings.Booking(
            starts_at=said["at"],
            minutes=said.get("minutes") or 30,
            ae_id=find_member(said["ae"], path="/ae").id if said.get("ae") else None,
            attendee_title=said.get("attendee_title") or "",
            seniority=said.get("seniority") or "",
            next_step=said.get("next_step") or "",
            checks=said.get("answers") or {},
            anyway=said.get("anyway", False),
        )
        with timezone.override(self.tenant.time_zone):
            made = meetings.book_meeting(lead_id=lead_id, said=booking, actor=actor, clock=self.clock)
        return Response(document(get_meeting(None, made.id)), status=201)


class MeetingsView(TenantAPIView):
    scopes: ClassVar[Mapping[str, str]] = _SCOPES

    @extend_schema(
        operation_id="meetings_list",
        parameters=[OpenApiParameter("state", str, enum=Meeting.State.values), *PAGE_PARAMETERS],
        responses={200: MEETING_PAGE},
    )
    def get(self, request: Request) -> Response:
        """Meetings, the latest first."""
        known_query(request, "state", "cursor", "limit")
        state = request.query_params.get("state", "")
        if state and state not in Meeting.State.values:
            known = ", ".join(Meeting.State.values)
            raise strict.refusal([FieldError("/state", f"Use one of: {known}.", "invalid_choice")])
        found = visible_meetings(None)
        found = found.filter(state=state) if state else found
        rows, following = api_page(request, found, order=("-starts_at", "-id"))
        return Response({"results": [document(each) for each in rows], "next": following})


class MeetingView(TenantAPIView):
    scopes: ClassVar[Mapping[str, str]] = _SCOPES

    @extend_schema(operation_id="meetings_retrieve", responses={200: MeetingSerializer})
    def get(self, request: Request, meeting_id: UUID) -> Response:
        """One meeting."""
        known_query(request)
        return Response(document(get_meeting(None, meeting_id)))


class AcceptMeetingView(_ActView):
    shape = MeetingAcceptInSerializer

    @extend_schema(
        operation_id="meeting_accept", request=MeetingAcceptInSerializer, responses={200: MeetingSerializer}
    )
    def post(self, request: Request, meeting_id: UUID) -> Response:
        """Accept it after it was held: the lead is a SAL, or an SQL by the SQL criteria."""
        return self.act(request, meeting_id, meetings.accept_meeting)


class NoShowView(_ActView):
    shape = MeetingNoShowInSerializer

    @extend_schema(
        operation_id="meeting_no_show", request=MeetingNoShowInSerializer, responses={200: MeetingSerializer}
    )
    def post(self, request: Request, meeting_id: UUID) -> Response:
        """Say that it was not held, and who was not there."""
        return self.act(request, meeting_id, meetings.no_show, zoned=True)


class DisqualifyMeetingView(_ActView):
    shape = MeetingDisqualifyInSerializer

    @extend_schema(
        operation_id="meeting_disqualify",
        request=MeetingDisqualifyInSerializer,
        responses={200: MeetingSerializer},
    )
    def post(self, request: Request, meeting_id: UUID) -> Response:
        """Disqualify the lead, with a reason; its handoff ends."""
        return self.act(request, meeting_id, meetings.disqualify_meeting)


class CancelMeetingView(_ActView):
    shape = MeetingCancelInSerializer

    @extend_schema(
        operation_id="meeting_cancel", request=MeetingCancelInSerializer, responses={200: MeetingSerializer}
    )
    def post(self, request: Request, meeting_id: UUID) -> Response:
        """Cancel it; an outbound lead goes back to the SDR."""
        return self.act(request, meeting_id, meetings.cancel_meeting, zoned=True)


class RescheduleMeetingView(_ActView):
    shape = MeetingRescheduleInSerializer

    @extend_schema(
        operation_id="meeting_reschedule",
        request=MeetingRescheduleInSerializer,
        responses={200: MeetingSerializer},
    )
    def post(self, request: Request, meeting_id: UUID) -> Response:
        """Put it on another day; the answer is the new meeting, which `follows` this one."""
        return self.act(request, meeting_id, meetings.reschedule_meeting)


class UndoMeetingView(_ActView):
    shape = MeetingUndoInSerializer

    @extend_schema(
        operation_id="meeting_undo", request=MeetingUndoInSerializer, responses={200: MeetingSerializer}
    )
    def post(self, request: Request, meeting_id: UUID) -> Response:
        """Take its outcome back, within 10 seconds."""
        return self.act(request, meeting_id, meetings.undo_outcome)
