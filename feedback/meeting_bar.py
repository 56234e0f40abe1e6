"""What makes a meeting a qualified one: the questions that the SDR answers when it is booked.

Shaped and judged as the SQL criteria are (leads.sql_bar). There is one bar for all, written here: it asks,
and refuses nothing; whether all was met is kept with the meeting.
"""

from __future__ import annotations

from typing import Final

from leads.sql_bar import Question


def _yes(key: str, label: str, hint: str) -> Question:
    return Question(key, label, hint, must_be=True)


QUESTIONS: Final = (
    _yes("authority", "Attendee decides or influences", "They sign, or whoever signs listens to them."),
    _yes("fit", "Fits our criteria", "The company is one that our written criteria ask for."),
    _yes("next_step", "Next step agreed", "They know what the meeting is for and what comes after it."),
    _yes("ae_confirmed", "AE confirmed", "The AE knows of it and has the time."),
)
