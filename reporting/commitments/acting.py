"""Acting on feedback: disputes are decided, and what they ask of the criteria is answered, within a week."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from itertools import chain
from typing import Final

from feedback.models import Dispute, FollowUp
from reporting.selectors.questions import Question
from tenants.together import Asks, Row, answer, tuples_of

#: How long there is for it.
WITHIN: Final = timedelta(days=7)
KEPT: Final = "kept"
MISSED: Final = "missed"
NOT_DUE: Final = "not_due"


def daily_acting(question: Question, *, now: datetime) -> dict[date, Counter[str]]:
    """Disputes and follow-ups on criteria by the day on which they were opened: KEPT (closed within WITHIN),
    MISSED, and NOT_DUE (open, and younger than that). One query.

    Follow-ups of disputes that were opened again do not count, nor rejections that a weekly sheet brought
    without anybody disputing them.
    """
    return answer(ask_acting(question, now=now))


def ask_acting(question: Question, *, now: datetime) -> Asks[dict[date, Counter[str]]]:
    """`daily_acting` as a question that may be asked with others."""
    opened = {"opened_at__gte": question.start, "opened_at__lt": question.end}
    disputes = Dispute.objects.filter(**opened).exclude(argument="")
    asked = FollowUp.objects.filter(**opened, about=FollowUp.About.CRITERIA, dropped_at__isnull=True)
    return Asks(
        [
            tuples_of(disputes.values_list("opened_at", "decided_at")),
            tuples_of(asked.values_list("opened_at", "answered_at")),
        ],
        lambda *rows: _settled(chain(*rows), question, now),
    )


def _settled(rows: Iterable[Row], question: Question, now: datetime) -> dict[date, Counter[str]]:
    found: dict[date, Counter[str]] = {}
    for opened_at, closed_at in rows:
        if closed_at is not None and closed_at <= opened_at + WITHIN:
            verdict = KEPT
        else:
            verdict = MISSED if now > opened_at + WITHIN else NOT_DUE
        day = opened_at.astimezone(question.zone).date()
        found.setdefault(day, Counter())[verdict] += 1
    return found
