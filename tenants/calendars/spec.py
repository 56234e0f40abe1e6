"""The stored form of a calendar version: how it is checked, filled in and compiled.

{"tz": IANA name, "weekly": {"mon": [["09:00", "17:30"]], ...}, "country": "DE" | "",
 "subdivision": "BE" | "", "holidays": {"2026-12-25": "Christmas Day", ...},
 "holidays_off": ["2026-10-31", ...], "closed": {"2026-12-24": "Company day", ...},
 "extra": {"2026-12-31": [["09:00", "13:00"]], ...}}

Public holidays are resolved when a version is written, so that a later library cannot move a running clock;
`holidays_off` are those at which people work all the same. `closed` are days of the organisation's own.
`extra` has hours for single dates and beats both.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final

from core.businesstime import CalendarInputError, WorkCalendar
from core.errors import FieldError, ValidationFailed, pointer
from tenants.calendars.holidays import resolve_holidays

Spec = Mapping[str, Any]

OFFICE_WEEK: dict[str, list[list[str]]] = {
    day: [["09:00", "17:30"]] for day in ("mon", "tue", "wed", "thu", "fri")
}
ALWAYS_WEEK: dict[str, list[list[str]]] = {
    day: [["00:00", "24:00"]] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
}
#: Single dates that one calendar may name: more is a mistake in an import, not a calendar.
MOST_DATES: Final = 1_000
LONGEST_NAME: Final = 80
_SHAPES: Final[tuple[tuple[str, type, str], ...]] = (
    ("tz", str, "a text"),
    ("weekly", Mapping, "an object"),
    ("country", str, "a text"),
    ("subdivision", str, "a text"),
    ("holidays_off", Sequence, "a list of dates"),
    ("closed", Mapping, "an object"),
    ("extra", Mapping, "an object"),
)
_PARTS: Final = tuple(name for name, _, _ in _SHAPES)


def make_spec(
    *,
    tz: str,
    weekly: Mapping[str, Sequence[Sequence[str]]],
    year: int,
    country: str = "",
    subdivision: str = "",
    holidays_off: Sequence[str] = (),
    closed: Mapping[str, str] | None = None,
    extra: Mapping[str, Sequence[Sequence[str]]] | None = None,
) -> dict[str, Any]:
    """The stored form, with the public holidays around `year` resolved.

    Raises ValidationFailed with the place of every fault: no open time, intervals that overlap or end before
    they begin, a zone or holiday calendar that does not exist, a date that is none.
    """
    errors = [*_check_dates("closed", closed or {}), *_check_dates("extra", extra or {})]
    errors += [
        FieldError(pointer("closed", day), f"A name of at most {LONGEST_NAME} characters is needed.", "text")
        for day, name in (closed or {}).items()
        if not isinstance(name, str) or not name.strip() or len(name) > LONGEST_NAME
    ]
    if not any(weekly.values()):
        errors.append(
            FieldError("/weekly", "No day has working hours: a clock would never run.", "never_open")
        )
    if errors:
        raise ValidationFailed(errors[0].message, field_errors=errors)
    holidays = resolve_holidays(country=country, subdivision=subdivision, around=year)
    unknown = [
        FieldError(pointer("holidays_off", number), f"There is no public holiday on {day}.", "no_holiday")
        for number, day in enumerate(holidays_off)
        if day not in holidays
    ]
    if unknown:
        raise ValidationFailed(unknown[0].message, field_errors=unknown)
    spec = {
        "tz": tz,
        "weekly": {day: _intervals(intervals) for day, intervals in weekly.items()},
        "country": country,
        "subdivision": subdivision,
        "holidays": holidays,
        "holidays_off": sorted(set(holidays_off)),
        "closed": dict(sorted((closed or {}).items())),
        "extra": {day: _intervals(intervals) for day, intervals in sorted((extra or {}).items())},
    }
    try:
        compile_spec(spec)
    except CalendarInputError as error:
        raise ValidationFailed.at(_place(error.place), str(error), "hours") from error
    return spec


def read_spec(written: object, *, year: int) -> dict[str, Any]:
    """The stored form of what a program sent: the parts above without "holidays". Raises ValidationFailed
    with the place of every fault.
    """
    if not isinstance(written, Mapping):
        raise ValidationFailed.at("", "A calendar is an object with tz and weekly.", "type")
    errors = [
        FieldError(pointer(str(key)), f"There is no such part; the parts are {', '.join(_PARTS)}.", "unknown")
        for key in written
        if key not in _PARTS
    ]
    errors += [
        FieldError(pointer(name), f"Must be {what}.", "type")
        for name, shape, what in _SHAPES
        if written.get(name) is not None
        and (not isinstance(written[name], shape) or (shape is Sequence and isinstance(written[name], str)))
    ]
    if not written.get("tz"):
        errors.append(FieldError("/tz", "Needed: an IANA time zone such as Europe/Berlin.", "required"))
    if errors:
        raise ValidationFailed(errors[0].message, field_errors=errors)
    return make_spec(
        tz=written["tz"],
        weekly=written.get("weekly") or {},
        year=year,
        country=written.get("country") or "",
        subdivision=written.get("subdivision") or "",
        holidays_off=written.get("holidays_off") or (),
        closed=written.get("closed") or {},
        extra=written.get("extra") or {},
    )


def _intervals(written: Any) -> Any:
    """Intervals as lists; what is no list of pairs is left as it is, for the calendar to say where."""
    if isinstance(written, str) or not isinstance(written, Sequence):
        return written
    return [list(pair) if isinstance(pair, tuple) else pair for pair in written]


def _check_dates(part: str, named: Mapping[str, Any]) -> list[FieldError]:
    if len(named) > MOST_DATES:
        return [FieldError(pointer(part), f"At most {MOST_DATES:,} dates.", "too_many")]
    return [
        FieldError(pointer(part, day), f"{day!r} is not a date such as 2026-12-24.", "date")
        for day in named
        if not _is_date(day)
    ]


def _is_date(text: object) -> bool:
    if not isinstance(text, str) or not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text, re.ASCII):
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _place(place: str) -> str:
    """`weekly.mon[1]` of a CalendarInputError as the pointer /weekly/mon/1."""
    return pointer(*re.findall(r"[^.\[\]]+", place))


def compile_spec(spec: Spec) -> WorkCalendar:
    """The working calendar that a stored spec describes. Raises CalendarInputError for hours that make no
    sense.
    """
    return WorkCalendar(
        spec["tz"],
        spec["weekly"],
        holidays=[date.fromisoformat(day) for day in days_off(spec)],
        extra={date.fromisoformat(day): hours for day, hours in spec.get("extra", {}).items()},
    )


def days_off(spec: Spec) -> dict[str, str]:
    """The dates on which the calendar is closed by name, in order: public holidays that are kept, and the
    organisation's own days. Dates with hours of their own are among them.
    """
    kept = set(spec.get("holidays", {})) - set(spec.get("holidays_off", ()))
    named = {day: name for day, name in spec.get("holidays", {}).items() if day in kept}
    return dict(sorted({**named, **spec.get("closed", {})}.items()))
