"""Leave over the API: whoever is away gets no new leads, and open ones move on before they are late."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from core.errors import FieldError
from core.ical import MOST_BYTES
from leads import strict
from tenants import selectors
from tenants.leave import files, services
from tenants.leave.days import Days, Part, span_of
from tenants.leave.reading import hours_of
from tenants.models import Leave, Member
from web.api import TenantAPIView
from web.openapi import PAGE_PARAMETERS, page_serializer
from web.pagination import api_page, known_query
from web.parsers import CalendarFileParser, uploaded_file

_DAYS = ("first_day", "first_part", "last_day", "last_part")
_TIMES = ("starts_at", "ends_at")


class ChangeLeaveSerializer(serializers.Serializer[Any]):
    """Either `starts_at` and `ends_at`, or days in the person's own zone."""

    starts_at = serializers.DateTimeField(required=False)
    ends_at = serializers.DateTimeField(required=False)
    first_day = serializers.DateField(required=False)
    first_part = serializers.ChoiceField(
        choices=[Part.DAY.value, Part.MORNING.value, Part.AFTERNOON.value],
        required=False,
        help_text="Half a day is half of its working hours. A morning is of one day only.",
    )
    last_day = serializers.DateField(required=False, help_text="Included; the first day unless given.")
    last_part = serializers.ChoiceField(choices=[Part.DAY.value, Part.MORNING.value], required=False)
    reason = serializers.CharField(required=False, allow_blank=True, max_length=120)


class NewLeaveSerializer(ChangeLeaveSerializer):
    member = serializers.CharField(max_length=254, help_text="Id or e-mail of who is away.")


class LeavePersonSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()
    email = serializers.CharField()


class LeaveSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    member = LeavePersonSerializer()
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField(help_text="Not included.")
    reason = serializers.CharField(allow_blank=True)
    source = serializers.ChoiceField(choices=Leave.Source.values)  # type: ignore[assignment]


LEAVE_PAGE = page_serializer("LeavePage", LeaveSerializer)


class ImportStepSerializer(serializers.Serializer[Any]):
    line = serializers.IntegerField(help_text="Of the event in the file; 0 for leave that it has not.")
    reason = serializers.CharField(allow_blank=True)
    starts_at = serializers.DateTimeField(allow_null=True)
    ends_at = serializers.DateTimeField(allow_null=True)
    why = serializers.CharField(allow_blank=True)


class LeaveImportSerializer(serializers.Serializer[Any]):
    dry_run = serializers.BooleanField(help_text="Nothing was written.")
    added = ImportStepSerializer(many=True)
    changed = ImportStepSerializer(many=True)
    removed = ImportStepSerializer(many=True)
    skipped = ImportStepSerializer(many=True)
    same = serializers.IntegerField()
    over = serializers.IntegerField(help_text="Events that were over more than 30 days ago.")
    later = serializers.IntegerField(help_text="Events more than 400 days ahead.")


_read_new = strict.reader_of(NewLeaveSerializer)
_read_change = strict.reader_of(ChangeLeaveSerializer)


def _document(leave: Leave) -> dict[str, Any]:
    return {
        "id": leave.id,
        "member": selectors.person_document(leave.member),
        "starts_at": leave.starts_at,
        "ends_at": leave.ends_at,
        "reason": leave.reason,
        "source": leave.source,
    }


def _span(said: Mapping[str, Any], member: Member, view: TenantAPIView) -> tuple[datetime, datetime]:
    """[start, end) as it was said. Raises ValidationFailed with the place."""
    times, days = ([name for name in names if name in said] for names in (_TIMES, _DAYS))
    errors = []
    if times and days:
        both = "Give starts_at and ends_at, or days, and not both."
        errors = [FieldError(f"/{name}", both, "ambiguous") for name in days]
    elif days:
        errors = [] if "first_day" in said else [FieldError("/first_day", "This is required.", "required")]
    else:
        errors = [
            FieldError(f"/{name}", "This is required.", "required") for name in _TIMES if name not in said
        ]
    if errors:
        raise strict.refusal(errors)
    if times:
        return said["starts_at"], said["ends_at"]
    hours = hours_of(member=member, tenant=view.tenant)
    written = Days(
        said["first_day"],
        said.get("last_day", said["first_day"]),
        Part(said.get("first_part", Part.DAY)),
        Part(said.get("last_part", Part.DAY)),
    )
    return span_of(written, zone=hours.zone, calendar=hours.calendar)


class LeavesView(TenantAPIView):
    idempotent = True
    scopes: ClassVar[Mapping[str, str]] = {"GET": "config:read", "POST": "config:write"}

    @extend_schema(
        operation_id="leave_list",
        parameters=[
            OpenApiParameter("member", str, description="Id or e-mail; only this person's."),
            OpenApiParameter("from", str, description="Only what ends after this time."),
            OpenApiParameter("to", str, description="Only what begins before this time."),
            *PAGE_PARAMETERS,
        ],
        responses={200: LEAVE_PAGE},
    )
    def get(self, request: Request) -> Response:
        """Leave, what begins last at the top; past leave too, as it explains what became of leads."""
        known_query(request, "member", "from", "to", "cursor", "limit")
        query, found = request.query_params, Leave.objects.select_related("member")
        if query.get("member"):
            found = found.filter(member=selectors.find_member(query["member"], path="/member", active=False))
        for name, column in (("from", "ends_at__gt"), ("to", "starts_at__lt")):
            if query.get(name):
                try:
                    found = found.filter(**{column: strict.moment_of_query(query[name])})
                except ValueError as error:
                    raise strict.refusal([FieldError(f"/{name}", str(error), "invalid_time")]) from error
        rows, following = api_page(request, found, order=("-starts_at", "-id"))
        return Response({"results": [_document(each) for each in rows], "next": following})

    @extend_schema(operation_id="leave_create", request=NewLeaveSerializer, responses={201: LeaveSerializer})
    def post(self, request: Request) -> Response:
        """Somebody will be away. New leads go to others meanwhile."""
        said = strict.read(_read_new, request.data)
        member = selectors.find_member(said["member"], path="/member")
        starts_at, ends_at = _span(said, member, self)
        made = services.schedule_leave(
            member=member,
            starts_at=starts_at,
            ends_at=ends_at,
            reason=said.get("reason", ""),
            actor=self.actor,
            now=self.clock(),
        )
        return Response(_document(made), status=201)


class LeaveView(TenantAPIView):
    scopes: ClassVar[Mapping[str, str]] = {
        "GET": "config:read",
        "PATCH": "config:write",
        "DELETE": "config:write",
    }

    @extend_schema(operation_id="leave_retrieve", responses={200: LeaveSerializer})
    def get(self, request: Request, leave_id: UUID) -> Response:
        """One leave."""
        return Response(_document(selectors.get_leave(tenant=self.tenant, leave_id=leave_id)))

    @extend_schema(
        operation_id="leave_update", request=ChangeLeaveSerializer, responses={200: LeaveSerializer}
    )
    def patch(self, request: Request, leave_id: UUID) -> Response:
        """Change leave that is not over; what is left out stays. Of what has begun only the end moves."""
        leave = selectors.get_leave(tenant=self.tenant, leave_id=leave_id)
        said = strict.read(_read_change, request.data)
        if any(name in said for name in _TIMES):
            said = {"starts_at": leave.starts_at, "ends_at": leave.ends_at, **said}
        if any(name in said for name in (*_TIMES, *_DAYS)):
            starts_at, ends_at = _span(said, leave.member, self)
        else:
            starts_at, ends_at = leave.starts_at, leave.ends_at
        changed = services.change_leave(
            leave=leave,
            starts_at=starts_at,
            ends_at=ends_at,
            reason=said.get("reason", leave.reason),
            actor=self.actor,
            now=self.clock(),
        )
        return Response(_document(changed))

    @extend_schema(operation_id="leave_delete", request=None, responses={200: LeaveSerializer, 204: None})
    def delete(self, request: Request, leave_id: UUID) -> Response:
        """Withdraw leave. What has begun ends now and is answered (200); what is over stays (409)."""
        leave = selectors.get_leave(tenant=self.tenant, leave_id=leave_id)
        rest = services.remove_leave(leave=leave, actor=self.actor, now=self.clock())
        if rest is None:
            return Response(status=204)
        rest.member = leave.member
        return Response(_document(rest))


def _flag(request: Request, name: str) -> bool:
    said = request.query_params.get(name, "false")
    if said not in ("true", "false"):
        raise strict.refusal([FieldError(f"/{name}", "Use true or false.", "invalid_choice")])
    return said == "true"


def _steps(plan: files.Plan, act: files.Act) -> list[dict[str, Any]]:
    return [
        {
            "line": step.line,
            "reason": step.reason,
            "starts_at": step.span[0] if step.span else step.leave.starts_at if step.leave else None,
            "ends_at": step.span[1] if step.span else step.leave.ends_at if step.leave else None,
            "why": step.why,
        }
        for step in plan.of(act)
    ]


class LeaveImportView(TenantAPIView):
    idempotent = True
    parser_classes = [CalendarFileParser, MultiPartParser]
    scopes: ClassVar[Mapping[str, str]] = {"POST": "config:write"}

    @extend_schema(
        operation_id="leave_import",
        parameters=[
            OpenApiParameter(
                "member", str, required=True, description="Id or e-mail of whose calendar it is."
            ),
            OpenApiParameter("dry_run", bool, description="Say what would be done, and write nothing."),
            OpenApiParameter(
                "remove_missing",
                bool,
                description="Also withdraw leave that an earlier file brought and this one has not.",
            ),
        ],
        request={"text/calendar": str, "multipart/form-data": {"type": "object"}},
        responses={200: LeaveImportSerializer},
    )
    def post(self, request: Request) -> Response:
        """Take somebody's leave over from an iCalendar file. An event is known by its UID: sent again it
        changes what it brought."""
        known_query(request, "member", "dry_run", "remove_missing")
        member = selectors.find_member(request.query_params.get("member", ""), path="/member")
        dry_run, missing = _flag(request, "dry_run"), _flag(request, "remove_missing")
        data = uploaded_file(request, at_most=MOST_BYTES)
        now, zone = self.clock(), hours_of(member=member, tenant=self.tenant).zone
        feed = files.read_leave_file(data, zone=zone, now=now)
        if dry_run:
            plan = files.preview(feed, member=member, zone=zone, now=now, remove_missing=missing)
        else:
            plan = files.take_over(
                feed, member=member, zone=zone, now=now, remove_missing=missing, actor=self.actor
            )
        return Response(
            {
                "dry_run": dry_run,
                "added": _steps(plan, files.Act.ADD),
                "changed": _steps(plan, files.Act.CHANGE),
                "removed": _steps(plan, files.Act.REMOVE),
                "skipped": _steps(plan, files.Act.SKIP),
                "same": plan.counts["same"],
                "over": plan.over,
                "later": plan.later,
            }
        )
