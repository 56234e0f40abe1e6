"""Hours, holidays and leave as `WorkCalendar`s.

`spec` is the stored form of a version, `holidays` where public holidays come from, `words` how people read
it, `edit` writes new versions, `which` says whose hours are which.
"""

from tenants.calendars.edit import (
    change_calendar,
    create_calendar,
    delete_calendar,
    users_of,
    write_calendar,
)
from tenants.calendars.spec import ALWAYS_WEEK, OFFICE_WEEK, compile_spec, days_off, make_spec, read_spec
from tenants.calendars.which import house_calendar_version, load_calendar, member_calendar_versions

__all__ = [
    "ALWAYS_WEEK",
    "OFFICE_WEEK",
    "change_calendar",
    "compile_spec",
    "create_calendar",
    "days_off",
    "delete_calendar",
    "house_calendar_version",
    "load_calendar",
    "make_spec",
    "member_calendar_versions",
    "read_spec",
    "users_of",
    "write_calendar",
]
