"""Business time: working hours in a time zone, and exact arithmetic on them.

Three modules, each with one concern: `hours` reads and checks what people wrote, `table` turns hours into UTC
instants, `calendar` answers questions by bisecting that table.
"""

from core.businesstime.calendar import CalendarClosedError, WorkCalendar
from core.businesstime.hours import CalendarInputError

__all__ = ["CalendarClosedError", "CalendarInputError", "WorkCalendar"]
