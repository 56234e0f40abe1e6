"""Forms of the calendar pages: a week, days off and special days in plain text; and a moment to try."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from operator import itemgetter
from typing import Any, Final

from django import forms
from django.http import QueryDict

from core.errors import ValidationFailed
from core.ical import MOST_BYTES
from sla.calendar_files import CompanyDays, add_company_days
from sla.tiers import LARGEST, Duration
from tenants.calendars import make_spec
from tenants.calendars.holidays import countries, resolve_holidays
from tenants.calendars.words import DAYS, day_words
from tenants.forms import ZoneField, is_zone
from tenants.numbers import IntegerField

#: Public holidays are shown, to be kept or worked, for so many days to come.
HOLIDAYS_AHEAD: Final = timedelta(days=550)
_SPAN: Final = re.compile(r"(\d{1,2}:\d{2})\s*(?:-|–|to)\s*(\d{1,2}:\d{2})")
_DATED: Final = re.compile(r"(\d{4}-\d{2}-\d{2})[\s,;:]*(.*)")
_UNITS: Final = (
    ("minutes", "minutes of working time"),
    ("hours", "hours of working time"),
    ("business_days", "business days"),
    ("end_of_day", "business days, by closing time"),
)


def _padded(clock: str) -> str:
    return clock.zfill(5)


def read_hours(text: str) -> list[list[str]]:
    """Intervals from "9:00-12:30, 13:30-18:00"; none for a closed day. Raises forms.ValidationError."""
    if text.strip().lower() in ("", "closed", "-"):
        return []
    spans = []
    for part in re.split(r"[,;]", text):
        match = _SPAN.fullmatch(part.strip())
        if match is None:
            raise forms.ValidationError(
                f"“{part.strip()[:40]}” is no span such as 09:00-17:30. Write “closed” for a day off.",
                code="span",
            )
        spans.append([_padded(match[1]), _padded(match[2])])
    return spans


def _dated_lines(text: str) -> list[tuple[str, str]]:
    """Lines of "2026-12-24 something" as (date, rest). Raises forms.ValidationError at the first that is
    none.
    """
    found = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        match = _DATED.fullmatch(line.strip())
        try:
            day = date.fromisoformat(match[1]) if match else None
        except ValueError:
            day = None
        if match is None or day is None:
            raise forms.ValidationError(
                f"Line {number} does not begin with a date such as 2026-12-24.", code="date"
            )
        found.append((day.isoformat(), match[2].strip()))
    return found


def _closed_lines(closed: Mapping[str, str]) -> str:
    return "\n".join(f"{day} {what}" for day, what in closed.items())


#: Where core.businesstime found something: "weekly.fri[0]: ", "extra.2026-12-24[1]: ".
_PLACE: Final = re.compile(r"^(?:weekly\.\w+|extra\.([\d-]+))(?:\[\d+\])?: ")


class CompanyDaysForm(forms.Form):
    """The file of company days, beside the form of a calendar."""

    days_file = forms.FileField(
        label="From a calendar file",
        required=False,
        help_text="An .ics file. Its whole days from today on are added above; nothing is saved yet.",
        widget=forms.FileInput(attrs={"accept": ".ics,text/calendar"}),
        error_messages={"empty": "Choose a file that is not empty."},
    )

    def read(self) -> bytes:
        """What was uploaded. Raises ValidationFailed at /file for nothing, or for more than 1 MB."""
        found = self.files.get("days_file")
        if found is None or not found.size:
            raise ValidationFailed.at("/file", "Choose a file that is not empty.", "required")
        if found.size > MOST_BYTES:
            raise ValidationFailed.at(
                "/file", "The file is larger than 1 MB. Export a shorter period.", "size"
            )
        return bytes(found.read())


class CalendarForm(forms.Form):
    """A whole calendar. After `is_valid`, `spec` is the stored form of what was written."""

    name = forms.CharField(label="Name", max_length=80)
    tz = ZoneField(label="Time zone")
    mon = forms.CharField(label="Monday", required=False, max_length=200)
    tue = forms.CharField(label="Tuesday", required=False, max_length=200)
    wed = forms.CharField(label="Wednesday", required=False, max_length=200)
    thu = forms.CharField(label="Thursday", required=False, max_length=200)
    fri = forms.CharField(label="Friday", required=False, max_length=200)
    sat = forms.CharField(label="Saturday", required=False, max_length=200)
    sun = forms.CharField(label="Sunday", required=False, max_length=200)
    country = forms.ChoiceField(label="Public holidays of", required=False)
    subdivision = forms.CharField(
        label="State or region",
        required=False,
        max_length=10,
        help_text="Its code, such as BE for Berlin or CA for California. Empty: those of the whole country.",
    )
    kept = forms.MultipleChoiceField(
        label="Public holidays",
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="Untick a day on which people work all the same.",
    )
    closed = forms.CharField(
        label="Company days off",
        required=False,
        max_length=40_000,
        widget=forms.Textarea(attrs={"rows": 3, "placeholder": "2026-12-24 Christmas Eve"}),
        help_text="One a line: the date, then its name.",
    )
    extra = forms.CharField(
        label="Special hours",
        required=False,
        max_length=40_000,
        widget=forms.Textarea(attrs={"rows": 3, "placeholder": "2026-12-31 09:00-13:00"}),
        help_text="One a line: the date, then its hours. They go before holidays and days off.",
    )
    expected = IntegerField(widget=forms.HiddenInput, required=False)
    shown_country = forms.CharField(widget=forms.HiddenInput, required=False)

    def __init__(
        self, *args: Any, now: datetime, before: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> None:
        """before: the stored form that is being changed; None for a new calendar."""
        super().__init__(*args, **kwargs)
        self._now, self._before = now, before or {}
        self.spec: dict[str, Any] = {}
        named = [(each.code, each.name) for each in countries() if each.name != each.code]
        present = str(self._before.get("country") or "")
        if present and present not in dict(named):
            named.append((present, present))
        self.fields["country"].choices = [("", "No country"), *sorted(named, key=itemgetter(1))]  # type: ignore[attr-defined]
        self._offered = self._holidays_offered()
        self.fields["kept"].choices = [  # type: ignore[attr-defined]
            (day, f"{day_words(day)}: {name}") for day, name in self._offered.items()
        ]

    @classmethod
    def present(cls, spec: Mapping[str, Any], *, name: str, number: int) -> dict[str, Any]:
        """What the form shows of a stored calendar."""
        off = set(spec.get("holidays_off", ()))
        return {
            "name": name,
            "tz": spec["tz"],
            **{day: ", ".join("-".join(span) for span in spec["weekly"].get(day, ())) for day in DAYS},
            "country": spec.get("country", ""),
            "subdivision": spec.get("subdivision", ""),
            "kept": [day for day in spec.get("holidays", {}) if day not in off],
            "closed": _closed_lines(spec.get("closed", {})),
            "extra": "\n".join(
                f"{day} {', '.join('-'.join(span) for span in spans) or 'closed'}"
                for day, spans in spec.get("extra", {}).items()
            ),
            "expected": number,
            "shown_country": cls._place(spec),
        }

    def with_company_days(self, data: bytes, sent: QueryDict) -> tuple[CompanyDays, QueryDict]:
        """The company days of a calendar file on top of those that were sent, and what was sent with them.
        Raises ValidationFailed at /file, and at /closed where the lines there cannot be read.
        """
        try:
            present = {day: name or "Closed" for day, name in _dated_lines(sent.get("closed", ""))}
        except forms.ValidationError as error:
            raise ValidationFailed.at("/closed", str(error.messages[0]), "date") from error
        zone = sent.get("tz", "")
        known = zone if is_zone(zone) else "UTC"
        found = add_company_days(data, present, zone=known, now=self._now)
        filled = sent.copy()
        filled["closed"] = _closed_lines(found.closed)
        return found, filled

    @staticmethod
    def _place(values: Mapping[str, Any]) -> str:
        return f"{values.get('country') or ''}/{values.get('subdivision') or ''}"

    def _holidays_offered(self) -> dict[str, str]:
        """The coming public holidays of the country that the form shows now."""
        values = self.data if self.is_bound else self.initial
        try:
            found = resolve_holidays(
                country=str(values.get("country") or ""),
                subdivision=str(values.get("subdivision") or "").strip().upper(),
                around=self._now.year,
            )
        except ValidationFailed:
            return {}
        first, last = self._now.date(), (self._now + HOLIDAYS_AHEAD).date()
        return {day: name for day, name in found.items() if first.isoformat() <= day <= last.isoformat()}

    @property
    def week(self) -> list[forms.BoundField]:
        """The fields of the seven days."""
        return [self[day] for day in DAYS]

    def clean_subdivision(self) -> str:
        return str(self.cleaned_data["subdivision"]).strip().upper()

    def clean_closed(self) -> dict[str, str]:
        named = _dated_lines(self.cleaned_data["closed"])
        for day, name in named:
            if not name:
                raise forms.ValidationError(f"{day} needs a name, such as “Christmas Eve”.", code="name")
        return dict(named)

    def clean_extra(self) -> dict[str, list[list[str]]]:
        found: dict[str, list[list[str]]] = {}
        for day, hours in _dated_lines(self.cleaned_data["extra"]):
            try:
                found[day] = read_hours(hours)
            except forms.ValidationError as error:
                raise forms.ValidationError(f"{day}: {error.messages[0]}", code="span") from error
        return found

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        weekly: dict[str, list[list[str]]] = {}
        for day in DAYS:
            try:
                weekly[day] = read_hours(data.get(day) or "")
            except forms.ValidationError as error:
                self.add_error(day, error)
        if self.errors:
            return data
        try:
            self.spec = make_spec(
                tz=data["tz"],
                weekly={day: hours for day, hours in weekly.items() if hours},
                year=self._now.year,
                country=data["country"],
                subdivision=data["subdivision"],
                holidays_off=self._worked(data),
                closed=data["closed"],
                extra=data["extra"],
            )
        except ValidationFailed as refusal:
            self._refuse(refusal)
        return data

    def _worked(self, data: Mapping[str, Any]) -> list[str]:
        """Public holidays at which people work: those unticked, and those of earlier that are not shown."""
        if data.get("shown_country") != self._place(data):
            return []  # the boxes were of another country
        earlier = [day for day in self._before.get("holidays_off", ()) if day not in self._offered]
        return sorted({*earlier, *(day for day in self._offered if day not in data["kept"])})

    def _refuse(self, refusal: ValidationFailed) -> None:
        """Show what the calendar itself refuses beside the field that it is about."""
        for error in refusal.field_errors:
            part, _, rest = error.path.lstrip("/").partition("/")
            field = rest.split("/")[0] if part == "weekly" else part
            # The field says which day it is; of a date among several lines the message has to.
            said = _PLACE.sub(lambda found: f"{found[1]}: " if found[1] else "", error.message)
            self.add_error(
                field if field in self.fields else "mon" if part == "weekly" else None,
                said[:1].upper() + said[1:],
            )


class TryForm(forms.Form):
    """A moment and a duration, to see the deadline. By GET: its address can be sent to somebody."""

    at = forms.DateTimeField(
        label="A lead arrives",
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"],
    )
    amount = IntegerField(label="and has", min_value=0, max_value=LARGEST["minutes"])
    unit = forms.ChoiceField(label="of", choices=_UNITS)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        amount, unit = data.get("amount"), data.get("unit")
        if amount is None or unit is None:
            return data
        most = LARGEST["minutes"] // 60 if unit == "hours" else LARGEST[unit]
        if amount > most:
            self.add_error("amount", f"At most {most:,}.")
        elif amount == 0 and unit != "end_of_day":
            self.add_error("amount", "At least 1.")
        return data

    @property
    def duration(self) -> Duration:
        """What was asked, as a policy says it."""
        unit, amount = self.cleaned_data["unit"], self.cleaned_data["amount"]
        return Duration("minutes", amount * 60) if unit == "hours" else Duration(unit, amount)
