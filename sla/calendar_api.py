"""The API about calendars: read them, write the next version, see what that would move, try a moment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from core.businesstime import CalendarClosedError
from core.errors import FieldError, ValidationFailed
from core.ical import MOST_BYTES
from leads import strict
from sla import moving
from sla.calendar_files import add_company_days
from sla.explain import day_lines
from sla.tiers import LARGEST, UNITS, Duration
from sla.timers import due_after
from tenants import selectors
from tenants.calendars import change_calendar, compile_spec, create_calendar, read_spec
from tenants.models import Calendar, CalendarVersion
from web.api import TenantAPIView
from web.parsers import CalendarFileParser, uploaded_file

_PARTS = ("tz", "weekly", "country", "subdivision", "holidays_off", "closed", "extra")


class HoursSerializer(serializers.Serializer[Any]):
    """The hours of a calendar."""

    tz = serializers.CharField(max_length=60, help_text="IANA name, such as Europe/Berlin.")
    weekly = serializers.DictField(
        help_text='By day, mon to sun: [["09:00", "12:30"], ["13:30", "18:00"]]. A closing before its'
        " opening is on the next day."
    )
    country = serializers.CharField(
        required=False, allow_blank=True, max_length=2, help_text="Public holidays of."
    )
    subdivision = serializers.CharField(required=False, allow_blank=True, max_length=10)
    holidays_off = serializers.ListField(
        child=serializers.CharField(), required=False, help_text="Public holidays at which people work."
    )
    closed = serializers.DictField(
        required=False, help_text='Company days off: {"2026-12-24": "Christmas Eve"}.'
    )
    extra = serializers.DictField(
        required=False,
        help_text='Special hours: {"2026-12-31": [["09:00", "13:00"]]}; an empty list is closed.',
    )


class NewCalendarSerializer(HoursSerializer):
    name = serializers.CharField(max_length=80)


class ChangeCalendarSerializer(HoursSerializer):
    name = serializers.CharField(max_length=80, required=False)
    version = serializers.IntegerField(
        min_value=1, help_text="The version that the change started from; 409 where there is a newer one."
    )
    move_open = serializers.BooleanField(
        required=False, help_text="Also move the clocks that run on earlier versions. Else they stay."
    )


class CalendarSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()
    version = serializers.IntegerField()
    tz = serializers.CharField()
    weekly = serializers.DictField()
    country = serializers.CharField(allow_blank=True)
    subdivision = serializers.CharField(allow_blank=True)
    holidays = serializers.DictField(help_text="Public holidays as this version resolved them.")
    holidays_off = serializers.ListField(child=serializers.CharField())
    closed = serializers.DictField()
    extra = serializers.DictField()
    users = serializers.ListField(child=serializers.CharField())
    moving = serializers.IntegerField(
        allow_null=True,
        help_text="Running clocks that this call ordered to be moved; null where it ordered none.",
    )


class CalendarListSerializer(serializers.Serializer[Any]):
    results = CalendarSerializer(many=True)
    next = serializers.CharField(allow_null=True)


class MovedClockSerializer(serializers.Serializer[Any]):
    timer = serializers.UUIDField()
    handoff = serializers.UUIDField()
    target = serializers.CharField()
    clock = serializers.CharField()
    due_at = serializers.DateTimeField()
    new_due_at = serializers.DateTimeField()
    overdue = serializers.BooleanField()


class MovePreviewSerializer(serializers.Serializer[Any]):
    """What moving the running clocks would do; nothing is written."""

    running = serializers.IntegerField(help_text="Clocks that run on the present hours.")
    earlier = serializers.IntegerField()
    later = serializers.IntegerField()
    overdue = serializers.IntegerField(help_text="Clocks whose new deadline has passed already.")
    exact = serializers.BooleanField(help_text="False: told from a sample, but running.")
    clocks = MovedClockSerializer(many=True, help_text="The most moved ones.")


class SkippedEventSerializer(serializers.Serializer[Any]):
    line = serializers.IntegerField()
    why = serializers.CharField()


class CompanyDaysSerializer(serializers.Serializer[Any]):
    """Company days with those of a file; nothing is written."""

    closed = serializers.DictField(help_text="By date; as the calendar takes it.")
    added = serializers.ListField(child=serializers.CharField())
    renamed = serializers.ListField(child=serializers.CharField())
    removed = serializers.ListField(child=serializers.CharField(), help_text="Cancelled in the file.")
    skipped = SkippedEventSerializer(many=True)
    over = serializers.IntegerField()
    later = serializers.IntegerField()


class TryInSerializer(serializers.Serializer[Any]):
    at = serializers.DateTimeField(help_text="When a lead arrives.")
    duration = serializers.DictField(
        help_text='As a policy writes it: {"minutes": 15} or {"business_days": 1}.'
    )


class DayLineSerializer(serializers.Serializer[Any]):
    day = serializers.DateField()
    when = serializers.CharField(allow_blank=True)
    seconds = serializers.IntegerField()
    total = serializers.IntegerField()
    note = serializers.CharField(allow_blank=True)


class TryOutSerializer(serializers.Serializer[Any]):
    due_at = serializers.DateTimeField()
    seconds = serializers.IntegerField(help_text="Working time from `at` to `due_at`: the sum of the days.")
    days = DayLineSerializer(many=True)


_read_new: Callable[..., dict[str, Any]] = strict.reader_of(NewCalendarSerializer)
_read_change: Callable[..., dict[str, Any]] = strict.reader_of(ChangeCalendarSerializer)
_read_hours: Callable[..., dict[str, Any]] = strict.reader_of(HoursSerializer)
_read_try: Callable[..., dict[str, Any]] = strict.reader_of(TryInSerializer)


def _document(
    calendar: Calendar, version: CalendarVersion, users: list[str], moving_clocks: int | None = None
) -> dict[str, Any]:
    spec = version.spec
    return {
        "id": calendar.id,
        "name": calendar.name,
        "version": version.number,
        "tz": spec["tz"],
        "weekly": spec["weekly"],
        "country": spec.get("country", ""),
        "subdivision": spec.get("subdivision", ""),
        "holidays": spec.get("holidays", {}),
        "holidays_off": spec.get("holidays_off", []),
        "closed": spec.get("closed", {}),
        "extra": spec.get("extra", {}),
        "users": users,
        "moving": moving_clocks,
    }


def _spec(said: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    return read_spec({name: said[name] for name in _PARTS if name in said}, year=now.year)


def _duration(said: Mapping[str, Any]) -> Duration:
    """A duration as a policy writes it. Raises ValidationFailed at /duration."""
    written = said["duration"]
    if len(written) != 1 or next(iter(written)) not in UNITS:
        raise ValidationFailed.at("/duration", f"Needed: exactly one of {', '.join(UNITS)}.", "choice")
    ((unit, amount),) = written.items()
    least = 0 if unit == "end_of_day" else 1
    if not isinstance(amount, int) or isinstance(amount, bool) or not least <= amount <= LARGEST[unit]:
        message = f"Must be a whole number between {least} and {LARGEST[unit]}."
        raise ValidationFailed.at(f"/duration/{unit}", message, "range")
    return Duration(unit, amount)


class CalendarsView(TenantAPIView):
    idempotent = True
    scopes: ClassVar[Mapping[str, str]] = {"GET": "config:read", "POST": "config:write"}

    @extend_schema(operation_id="calendars_list", responses={200: CalendarListSerializer})
    def get(self, request: Request) -> Response:
        """Every calendar with its hours in force, the organisation's own first."""
        users = selectors.calendar_users(tenant=self.tenant)
        rows = [
            _document(calendar, version, users.get(calendar.id, []))
            for calendar, version in selectors.calendars(tenant=self.tenant)
        ]
        return Response({"results": rows, "next": None})

    @extend_schema(
        operation_id="calendars_create", request=NewCalendarSerializer, responses={201: CalendarSerializer}
    )
    def post(self, request: Request) -> Response:
        """Write a new calendar. Nobody's hours until a team, a person or the organisation is given it."""
        said, now = strict.read(_read_new, request.data), self.clock()
        version = create_calendar(
            tenant=self.tenant, name=said["name"].strip(), spec=_spec(said, now), actor=self.actor, now=now
        )
        return Response(_document(version.calendar, version, []), status=201)


class CalendarView(TenantAPIView):
    scopes: ClassVar[Mapping[str, str]] = {"GET": "config:read", "PUT": "config:write"}

    @extend_schema(operation_id="calendars_retrieve", responses={200: CalendarSerializer})
    def get(self, request: Request, calendar_id: UUID) -> Response:
        """One calendar with its hours in force."""
        calendar, version = selectors.get_calendar(tenant=self.tenant, calendar_id=calendar_id)
        users = selectors.calendar_users(tenant=self.tenant)
        return Response(_document(calendar, version, users.get(calendar.id, [])))

    @extend_schema(
        operation_id="calendars_update",
        request=ChangeCalendarSerializer,
        responses={200: CalendarSerializer},
    )
    def put(self, request: Request, calendar_id: UUID) -> Response:
        """Write the calendar's next version. Running clocks keep theirs unless `move_open` is true."""
        calendar, _ = selectors.get_calendar(tenant=self.tenant, calendar_id=calendar_id)
        said, now = strict.read(_read_change, request.data), self.clock()
        version = change_calendar(
            calendar=calendar,
            spec=_spec(said, now),
            name=said.get("name", "").strip(),
            expected=said["version"],
            actor=self.actor,
            now=now,
        )
        ordered = None
        if said.get("move_open"):
            ordered = moving.order_calendar_move(version=version, actor=self.actor, now=now).expected
        calendar.refresh_from_db()
        users = selectors.calendar_users(tenant=self.tenant)
        return Response(_document(calendar, version, users.get(calendar.id, []), ordered))


class CalendarPreviewView(TenantAPIView):
    scopes: ClassVar[Mapping[str, str]] = {"POST": "config:read"}

    @extend_schema(
        operation_id="calendars_preview", request=HoursSerializer, responses={200: MovePreviewSerializer}
    )
    def post(self, request: Request, calendar_id: UUID) -> Response:
        """What the clocks that run on this calendar would do if its hours were these. Nothing is written."""
        calendar, _ = selectors.get_calendar(tenant=self.tenant, calendar_id=calendar_id)
        now = self.clock()
        hours = compile_spec(_spec(strict.read(_read_hours, request.data), now))
        preview = moving.preview_calendar(calendar, hours, now=now)
        return Response(
            {
                "running": preview.running,
                "earlier": preview.earlier,
                "later": preview.later,
                "overdue": preview.overdue,
                "exact": preview.exact,
                "clocks": [
                    {
                        "timer": row.timer.id,
                        "handoff": row.timer.handoff_id,
                        "target": row.timer.target,
                        "clock": row.timer.clock,
                        "due_at": row.timer.due_at,
                        "new_due_at": row.new_due_at,
                        "overdue": row.overdue,
                    }
                    for row in preview.rows
                ],
            }
        )


class CompanyDaysView(TenantAPIView):
    parser_classes = [CalendarFileParser, MultiPartParser]
    scopes: ClassVar[Mapping[str, str]] = {"POST": "config:read"}

    @extend_schema(
        operation_id="calendars_company_days",
        request={"text/calendar": str, "multipart/form-data": {"type": "object"}},
        responses={200: CompanyDaysSerializer},
    )
    def post(self, request: Request, calendar_id: UUID) -> Response:
        """The calendar's company days with those of an iCalendar file. Nothing is written: send `closed` with
        the next version."""
        _, version = selectors.get_calendar(tenant=self.tenant, calendar_id=calendar_id)
        data = uploaded_file(request, at_most=MOST_BYTES)
        spec = version.spec
        found = add_company_days(data, spec.get("closed", {}), zone=spec["tz"], now=self.clock())
        return Response(
            {
                "closed": found.closed,
                "added": found.added,
                "renamed": found.renamed,
                "removed": found.removed,
                "skipped": [{"line": line, "why": why} for line, why in found.skipped],
                "over": found.over,
                "later": found.later,
            }
        )


class CalendarTryView(TenantAPIView):
    scopes: ClassVar[Mapping[str, str]] = {"POST": "config:read"}

    @extend_schema(operation_id="calendars_try", request=TryInSerializer, responses={200: TryOutSerializer})
    def post(self, request: Request, calendar_id: UUID) -> Response:
        """When a lead that arrives at a moment is due, and how that adds up day by day."""
        _, version = selectors.get_calendar(tenant=self.tenant, calendar_id=calendar_id)
        said = strict.read(_read_try, request.data)
        duration = _duration(said)
        try:
            due_at = due_after(duration, said["at"], compile_spec(version.spec))
            lines = day_lines(version.spec, said["at"], due_at)
        except (CalendarClosedError, ValueError) as refusal:
            raise ValidationFailed(
                str(refusal), field_errors=[FieldError("/at", str(refusal), "closed")]
            ) from refusal
        return Response(
            {
                "due_at": due_at,
                "seconds": lines[-1].total if lines else 0,
                "days": [
                    {
                        "day": line.day,
                        "when": line.when,
                        "seconds": line.seconds,
                        "total": line.total,
                        "note": line.note,
                    }
                    for line in lines
                ],
            }
        )
