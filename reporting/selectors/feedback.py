"""Feedback and disputes of a period, counted from the facts of handoffs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db.models import QuerySet

from reporting.feedback_measures import DISPUTED, LIVE, OVERTURNED, Feedback, counts
from reporting.models import HandoffFact
from reporting.selectors.names import Names
from reporting.selectors.questions import INBOUND, Question, handoff_facts, in_sight

#: What the numbers may be split by: the column of the facts, and the word for a table's head.
FEEDBACK_SPLITS: Final = {
    "rep": ("member_id", "Rep"),
    "team": ("team_id", "Team"),
    "source": ("source", "Source"),
}


@dataclass(frozen=True, slots=True)
class FeedbackRow:
    """One group. note: small print beside its name."""

    key: UUID | str | None
    name: str
    note: str
    feedback: Feedback


def feedback_facts(question: Question) -> QuerySet[HandoffFact]:
    """MQLs that started in the period, as far as the reader may see them."""
    found: QuerySet[HandoffFact] = HandoffFact.objects.filter(
        LIVE, kind=INBOUND, started_at__gte=question.start, started_at__lt=question.end
    )
    found = found.filter(in_sight(question, "team_id", "member_id"))
    chosen = {"team_id": question.team, "member_id": question.member, "source": question.source}
    found = found.filter(**{name: value for name, value in chosen.items() if value is not None})
    return found.filter(**{f"{column}__isnull": True for column in question.without})


def overturned_count(question: Question) -> int:
    """Rejections of the question's handoffs that a dispute overturned; few, on an index of their own."""
    return handoff_facts(question).filter(DISPUTED, OVERTURNED).count()


def feedback_of(
    question: Question, by: str, *, now: datetime, names: Names
) -> tuple[Feedback, list[FeedbackRow]]:
    """The whole, and each group of the split, the lowest coverage first; one query."""
    column = FEEDBACK_SPLITS[by][0]
    grouped = feedback_facts(question).order_by().values(column).annotate(**counts(now))
    rows = []
    whole: dict[str, int] = {}
    for found in grouped:
        values: dict[str, Any] = dict(found)
        key = values.pop(column)
        whole = {name: whole.get(name, 0) + number for name, number in values.items()}
        name, note = names.of(by, key)
        rows.append(FeedbackRow(key, name, note, Feedback(**values)))
    rows.sort(key=lambda row: (_order(row.feedback), -row.feedback.mqls, row.name.casefold()))
    return Feedback(**whole), rows


def _order(each: Feedback) -> float:
    return 101.0 if each.coverage is None else each.coverage
