"""Volume: leads by source, month and owner, history included."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db.models import Count, F, QuerySet
from django.db.models.functions import TruncMonth

from leads.models import Handoff
from reporting.lately import Lately, lately
from reporting.selectors.names import Names
from reporting.selectors.questions import Question, in_sight


@dataclass(frozen=True, slots=True)
class Volume:
    """One row: how many became MQL, and how many were won, in the period."""

    key: UUID | str | date | None
    name: str
    mqls: int
    won: int


@dataclass(frozen=True, slots=True)
class _Counted:
    """By key: a source, the first day of a month, or an owner."""

    mqls: Counter[Any]
    won: Counter[Any]

    @property
    def rows(self) -> int:
        return self.mqls.total() + self.won.total()


def volume(question: Question, by: str, *, names: Names) -> list[Volume]:
    """MQLs that started and deals that were won in the period, by "source", "month" or "owner"; two queries.

    A deal counts in the period in which it was won, whenever its lead came. Imported history counts,
    drills do not.
    """
    return _rows(_counted(question, by), by, names)


def volume_lately(question: Question, by: str, *, names: Names, now: datetime) -> Lately[list[Volume]]:
    """The same, of many handoffs at most ten minutes old, with the names of now."""
    kept = lately(
        "volume",
        (question, by),
        lambda: _counted(question, by),
        rows=lambda found: found.rows,
        now=now,
        seen_by=question.seen_by,
    )
    return Lately(_rows(kept.value, by, names), kept.at)


def _counted(question: Question, by: str) -> _Counted:
    started = _handoffs(question).filter(started_at__gte=question.start, started_at__lt=question.end)
    won = _handoffs(question).filter(
        outcome=Handoff.Outcome.WON, closed_at__gte=question.start, closed_at__lt=question.end
    )
    return _Counted(
        Counter(_count_by(started, by, "started_at", question)),
        Counter(_count_by(won, by, "closed_at", question)),
    )


def _rows(found: _Counted, by: str, names: Names) -> list[Volume]:
    mqls, won = found.mqls, found.won
    rows = [Volume(key, _volume_name(by, key, names), mqls[key], won[key]) for key in {*mqls, *won}]
    if by == "month":
        return sorted(rows, key=lambda row: str(row.key))
    return sorted(rows, key=lambda row: (-row.mqls, -row.won, row.name.casefold()))


def _handoffs(question: Question) -> QuerySet[Handoff]:
    found: QuerySet[Handoff] = Handoff.objects.filter(is_test=False, kind=Handoff.Kind.INBOUND)
    found = found.filter(in_sight(question, "owner__team_id", "owner_id"))
    if question.source is not None:
        found = found.filter(source=question.source)
    if question.member is not None:
        found = found.filter(owner_id=question.member)
    return found.filter(owner__isnull=True) if "member_id" in question.without else found


def _count_by(found: QuerySet[Handoff], by: str, at: str, question: Question) -> dict[Any, int]:
    columns: dict[str, Any] = {
        "source": F("source"),
        "owner": F("owner_id"),
        "month": TruncMonth(at, tzinfo=question.zone),
    }
    rows = found.annotate(key=columns[by]).values_list("key").order_by().annotate(Count("id"))
    return {at.date() if isinstance(at, datetime) else at: count for at, count in rows}


def _volume_name(by: str, key: Any, names: Names) -> str:
    if by == "month":
        return f"{key:%B %Y}"
    return names.of("rep" if by == "owner" else "source", key)[0]


def leads_behind(question: Question, *, won: bool) -> QuerySet[Handoff]:
    """The handoffs that a number of `volume` counts, with their leads."""
    at = "closed_at" if won else "started_at"
    found = _handoffs(question).filter(**{f"{at}__gte": question.start, f"{at}__lt": question.end})
    return (found.filter(outcome=Handoff.Outcome.WON) if won else found).select_related("lead", "owner")
