"""Business time: working hours in a time zone, and exact arithmetic on them.

Each module has one concern: `hours` reads and checks what people wrote, `table` turns hours into UTC
instants, `calendar` answers questions by bisecting that table, `gaps` lets a clock stand still meanwhile,
`breakdown` shows day by day how an answer adds up.
"""

from core.businesstime.breakdown import Day, breakdown
from core.businesstime.calendar import CalendarClosedError, WorkCalendar
from core.businesstime.gaps import Gap, add_outside, elapsed_inside, elapsed_outside, tidy
from core.businesstime.hours import CalendarInputError

__all__ = [
    "CalendarClosedError",
    "CalendarInputError",
    "Day",
    "Gap",
    "WorkCalendar",
    "add_outside",
    "breakdown",
    "elapsed_inside",
    "elapsed_outside",
    "tidy",
]
