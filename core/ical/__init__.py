"""What a calendar file (iCalendar, RFC 5545) says of the days to come.

`feed` is what is found, `lines` checks a file's outline and knows which line is which, `reading` reads and
expands it, `bounded` does so in a process of its own that is stopped when it takes too long.
"""

from core.ical.bounded import read_bounded
from core.ical.feed import Feed, Happening, IcalError, Skipped
from core.ical.reading import MOST_BYTES, MOST_EVENTS, MOST_OCCURRENCES, read_feed

__all__ = [
    "MOST_BYTES",
    "MOST_EVENTS",
    "MOST_OCCURRENCES",
    "Feed",
    "Happening",
    "IcalError",
    "Skipped",
    "read_bounded",
    "read_feed",
]
