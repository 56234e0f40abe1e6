"""Feedback coverage by day, by the definitions of reporting.feedback_measures: what was answered is what is
left of all MQLs, as those without an answer are few and have an index of their own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from django.db.models import Count
from django.db.models.functions import TruncDate

from reporting.feedback_measures import ANSWERED, Feedback, not_due, owed
from reporting.selectors.daily import DailyCounts
from reporting.selectors.feedback import feedback_facts
from reporting.selectors.questions import Question
from tenants.together import Ask, Row, answer, tuples_of


def daily_coverage(question: Question, counts: DailyCounts, *, now: datetime) -> dict[date, Counter[str]]:
    """MQLs of each day by what feedback they have, as the fields of Feedback. One query.

    counts: of the same question, `mqls` and `imported` among them.
    """
    silent: list[Row] = answer(ask_silent(question, now=now))
    return covered(counts, silent)


def ask_silent(question: Question, *, now: datetime) -> Ask[list[Row]]:
    """MQLs without any feedback, a row a day, for `covered`; to be asked with others."""
    silent = feedback_facts(question).exclude(ANSWERED).order_by()
    grouped: Any = (
        silent.annotate(day=TruncDate("started_at", tzinfo=question.zone))
        .values_list("day")
        .annotate(
            without=Count("id"), owed=Count("id", filter=owed(now)), not_due=Count("id", filter=not_due(now))
        )
    )
    return tuples_of(grouped)


def covered(counts: DailyCounts, silent: Sequence[Row]) -> dict[date, Counter[str]]:
    """`daily_coverage` by what was found. counts: of the same question."""
    found = {}
    for day, of_day in counts.items():
        live = of_day["mqls"] - of_day["imported"]
        found[day] = Counter({"mqls": live, "answered": live})
    for day, without, is_owed, is_not_due in silent:
        of_day = found.setdefault(day, Counter())
        of_day["answered"] -= without
        of_day["owed"], of_day["not_due"] = is_owed, is_not_due
    return found


def coverage_of(counts: Counter[str]) -> Feedback:
    """The same put together, as far as the coverage goes."""
    return Feedback(**{name: counts[name] for name in ("mqls", "answered", "owed", "not_due")})
