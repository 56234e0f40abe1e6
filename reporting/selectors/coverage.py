"""Feedback coverage by day, by the definitions of reporting.feedback_measures: what was answered is what is
left of all MQLs, as those without an answer are few and have an index of their own."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime
from typing import Any

from django.db.models import Count
from django.db.models.functions import TruncDate

from reporting.feedback_measures import ANSWERED, Feedback, not_due, owed
from reporting.selectors.daily import DailyCounts
from reporting.selectors.feedback import feedback_facts
from reporting.selectors.questions import Question


def daily_coverage(question: Question, counts: DailyCounts, *, now: datetime) -> dict[date, Counter[str]]:
    """MQLs of each day by what feedback they have, as the fields of Feedback. One query.

    counts: of the same question, `mqls` and `imported` among them.
    """
    found = {}
    for day, of_day in counts.items():
        live = of_day["mqls"] - of_day["imported"]
        found[day] = Counter({"mqls": live, "answered": live})
    silent = feedback_facts(question).exclude(ANSWERED).order_by()
    grouped: Any = (
        silent.annotate(day=TruncDate("started_at", tzinfo=question.zone))
        .values("day")
        .annotate(
            without=Count("id"), owed=Count("id", filter=owed(now)), not_due=Count("id", filter=not_due(now))
        )
    )
    for row in grouped:
        of_day = found.setdefault(row["day"], Counter())
        of_day["answered"] -= row["without"]
        of_day["owed"], of_day["not_due"] = row["owed"], row["not_due"]
    return found


def coverage_of(counts: Counter[str]) -> Feedback:
    """The same put together, as far as the coverage goes."""
    return Feedback(**{name: counts[name] for name in ("mqls", "answered", "owed", "not_due")})
