"""Acting on feedback: the one place that asks for what marketing answered, and how soon."""

from __future__ import annotations

from datetime import datetime

from reporting.definitions import Share
from reporting.selectors.questions import Question


def acted_on_feedback(question: Question, *, now: datetime) -> Share | None:
    """Of disputes and follow-ups that were to be answered in the period, how many were within a week; None
    while nothing records them: that is told as "not measured yet", never as 0."""
    return None
