"""Findings of large organisations, kept for some minutes: pages show them beside other things."""

from __future__ import annotations

from datetime import datetime

from reporting.lately import Lately, lately
from reporting.leaks.counting import leaks_for
from reporting.leaks.finder.registry import Leaks
from reporting.leaks.settings import LeakTerms
from reporting.selectors.questions import Question


def leaks_lately(question: Question, now: datetime, *, chosen: LeakTerms) -> Lately[Leaks]:
    """The leaks of a period, of a large organisation at most ten minutes old."""
    return lately(
        "leaks",
        (question, chosen),
        lambda: leaks_for(question, now, chosen=chosen),
        rows=lambda leaks: max(leaks.followed, leaks.leads),
        now=now,
        seen_by=question.seen_by,
    )
