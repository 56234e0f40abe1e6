"""Feedback and disputes of a period, counted from the facts of handoffs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import connection
from django.db.models import Count, QuerySet

from reporting.definitions import Share
from reporting.feedback_measures import DISPUTED, LIVE, OVERTURNED, SILENT, Feedback, counts
from reporting.models import HandoffFact
from reporting.reading import FOR_REPORTS
from reporting.selectors.funnels import key_of
from reporting.selectors.handoff_cells import handoff_cube, handoff_ground, rows_of
from reporting.selectors.names import Names
from reporting.selectors.questions import INBOUND, Question, handoff_facts, in_sight
from reporting.selectors.rejected import Rejections

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


def corrected_share(question: Question, found: Rejections) -> Share:
    """Rejections that stand after disputes, of decisions that do; left out are those that were overturned."""
    overturned, answered = overturned_count(question), found.whole.rejection
    return Share(answered.count - overturned, answered.base - overturned, overturned)


def feedback_of(
    question: Question, by: str, *, now: datetime, names: Names
) -> tuple[Feedback, list[FeedbackRow]]:
    """The whole, and each group of the split, the lowest coverage first; one query, or four from roll-ups."""
    column = FEEDBACK_SPLITS[by][0]
    counted = _rolled(question, column, now)
    if counted is None:
        counted = _grouped(feedback_facts(question), column, counts(now))
    rows = []
    whole: Counter[str] = Counter()
    for key, values in counted.items():
        if values["mqls"]:  # imported history alone is nobody's
            whole.update(values)
            name, note = names.of(by, key)
            rows.append(FeedbackRow(key, name, note, Feedback(**values)))
    rows.sort(key=lambda row: (_order(row.feedback), -row.feedback.mqls, row.name.casefold()))
    return Feedback(**whole), rows


_SUMS: Final = """
select key::text, sum(mqls - imported)::int, sum(live_decided)::int, sum(live_rejected)::int,
    sum(progressing)::int
from ({rows}) as cell group by 1
"""


def _rolled(question: Question, column: str, now: datetime) -> dict[Any, Counter[str]] | None:
    """The counts by the values of a column: of all from roll-ups, and of facts only those without an answer
    and those that were disputed, which are few and have indexes of their own. None where no cube answers.
    """
    asked = replace(question, campaign=None, channel=None, segment=None, tier=None)  # as feedback_facts
    ground = handoff_ground(asked)
    if handoff_cube(asked, {column}, ground) is None:
        return None
    rows = rows_of(asked, column, ground)
    if rows is None:
        return {}
    found: dict[Any, Counter[str]] = {}
    with connection.cursor() as cursor:
        cursor.execute(FOR_REPORTS + _SUMS.format(rows=rows.sql), rows.params)
        for text, mqls, decided, rejected, progressing in cursor.fetchall():
            found[key_of(column, text)] = Counter(
                mqls=mqls, answered=mqls, decided=decided, rejected=rejected, progressing=progressing
            )
    of_some = counts(now)
    silent = {"answered": Count("id"), **{name: of_some[name] for name in ("owed", "not_due")}}
    for key, values in _grouped(feedback_facts(question).filter(SILENT), column, silent).items():
        of_key = found.setdefault(key, Counter())
        of_key.subtract({"answered": values.pop("answered")})
        of_key.update(values)
    of_disputes = {
        name: each for name, each in of_some.items() if name == "overturned" or name.startswith("dispute")
    }
    for key, values in _grouped(feedback_facts(question).filter(DISPUTED), column, of_disputes).items():
        found.setdefault(key, Counter()).update(values)
    return found


def _grouped(
    facts: QuerySet[HandoffFact], column: str, numbers: Mapping[str, Count]
) -> dict[Any, Counter[str]]:
    found = {}
    grouped: Any = facts.order_by().values(column).annotate(**numbers)
    for row in grouped:
        values: dict[str, Any] = dict(row)
        key = values.pop(column)
        found[key] = Counter(values)
    return found


def _order(each: Feedback) -> float:
    return 101.0 if each.coverage is None else each.coverage
