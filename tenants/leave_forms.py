"""Forms about leave: days, halves of days and times; and a calendar file to take it over from."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms

from core.errors import DomainError, ValidationFailed
from core.ical import MOST_BYTES
from tenants.leave.days import Days, Part, said_of, span_of
from tenants.leave.reading import Hours
from tenants.models import Leave
from tenants.refusals import take_errors

_DATE = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
_TIME = forms.TimeInput(attrs={"type": "time"}, format="%H:%M")


class LeaveForm(forms.Form):
    """Time off in the person's own zone. After `is_valid`, `starts_at` and `ends_at` are its instants.

    Leave that has begun keeps its beginning: only the end is asked.
    """

    first_day = forms.DateField(label="First day", widget=_DATE)
    first_part = forms.ChoiceField(
        label="Beginning with",
        required=False,
        choices=[
            (Part.DAY, "The whole day"),
            (Part.MORNING, "The morning only"),
            (Part.AFTERNOON, "The afternoon"),
            (Part.TIME, "A time"),
        ],
    )
    first_time = forms.TimeField(label="From", required=False, widget=_TIME)
    last_day = forms.DateField(
        label="Last day", required=False, widget=_DATE, help_text="Empty: the first day alone."
    )
    last_part = forms.ChoiceField(
        label="Ending with",
        required=False,
        choices=[(Part.DAY, "The whole day"), (Part.MORNING, "The morning"), (Part.TIME, "A time")],
    )
    last_time = forms.TimeField(label="Until", required=False, widget=_TIME)
    reason = forms.CharField(
        label="Reason", max_length=120, required=False, help_text="Read by the person, managers and admins."
    )

    starts_at: datetime
    ends_at: datetime

    def __init__(self, *args: Any, hours: Hours, begun: Leave | None = None, **kwargs: Any) -> None:
        """hours: the person's. begun: the leave that is changed, if it has begun."""
        super().__init__(*args, **kwargs)
        self._hours, self._begun = hours, begun
        if begun is not None:
            for name in ("first_day", "first_part", "first_time"):
                del self.fields[name]
            self.fields["last_day"].required = True
            self.fields["last_day"].help_text = ""

    @classmethod
    def present(cls, leave: Leave, *, hours: Hours, begun: bool) -> dict[str, Any]:
        """What the form shows of leave that is there."""
        said = said_of(leave.starts_at, leave.ends_at, zone=hours.zone, calendar=hours.calendar)
        end = leave.ends_at.astimezone(hours.zone)
        by_part = said.first_part in (Part.MORNING, Part.AFTERNOON) and said.first == said.last
        last_part, last_time = said.last_part, said.last_time
        if begun and by_part:  # without its first part the half is told by its end
            last_part, last_time = Part.TIME, end.time().replace(fold=0)
        return {
            "first_day": said.first,
            "first_part": said.first_part,
            "first_time": said.first_time,
            "last_day": said.last,
            "last_part": last_part,
            "last_time": last_time,
            "reason": leave.reason,
        }

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        for name, part in (("first_time", "first_part"), ("last_time", "last_part")):
            if data.get(name) is not None and data.get(part) in ("", Part.DAY):
                data[part] = Part.TIME  # whoever gives a time means it
        if self.errors:
            return data
        zone = self._hours.zone
        if self._begun is not None:
            start = self._begun.starts_at.astimezone(zone)
            said = Days(
                start.date(),
                data["last_day"],
                Part.TIME,
                Part(data.get("last_part") or Part.DAY),
                start.time(),
                data.get("last_time"),
            )
        else:
            said = Days(
                data["first_day"],
                data.get("last_day") or data["first_day"],
                Part(data.get("first_part") or Part.DAY),
                Part(data.get("last_part") or Part.DAY),
                data.get("first_time"),
                data.get("last_time"),
            )
        try:
            self.starts_at, self.ends_at = span_of(said, zone=zone, calendar=self._hours.calendar)
        except ValidationFailed as refusal:
            take_errors(self, refusal)
        else:
            if self._begun is not None:
                self.starts_at = self._begun.starts_at
        return data

    def refuse(self, refusal: DomainError) -> None:
        """Show what the service refuses beside the day that it is about."""
        if not refusal.field_errors:
            self.add_error(None, refusal.message)
        for error in refusal.field_errors:
            name = {"/starts_at": "first_day", "/ends_at": "last_day"}.get(error.path, "")
            self.add_error(name if name in self.fields else None, error.message)


class LeaveFileForm(forms.Form):
    """A calendar file. After `is_valid`, `data_read` is what is in it."""

    file = forms.FileField(
        label="Calendar file",
        help_text="An .ics file, as Outlook, Google Calendar, Apple Calendar and HR systems export it; 1 MB"
        " and 5,000 events at most.",
        widget=forms.FileInput(attrs={"accept": ".ics,text/calendar"}),
        error_messages={"required": "Choose a file.", "empty": "The file is empty. Export it again."},
    )
    remove_missing = forms.BooleanField(
        label="Withdraw leave that an earlier file brought and this one no longer has", required=False
    )

    data_read: bytes

    def clean_file(self) -> Any:
        found = self.cleaned_data["file"]
        if found.size > MOST_BYTES:
            raise forms.ValidationError("The file is larger than 1 MB. Export a shorter period.", code="size")
        self.data_read = found.read()
        return found
