"""Months, quarters and weeks as reviews name them. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from reporting.commitments.targets import month_of, months_from
from reporting.reviews.models import Review

_MONTHS = {Review.Kind.MONTH: 1, Review.Kind.QUARTER: 3}


@dataclass(frozen=True, slots=True)
class Period:
    """What a review is of. first: its first day."""

    kind: str
    first: date

    @property
    def last(self) -> date:
        return months_from(self.first, _MONTHS[Review.Kind(self.kind)]) - timedelta(days=1)

    @property
    def months(self) -> list[date]:
        """The first days of its months."""
        return [months_from(self.first, place) for place in range(_MONTHS[Review.Kind(self.kind)])]

    @property
    def name(self) -> str:
        """ "November 2026", or "quarter 4 of 2026"."""
        if self.kind == Review.Kind.MONTH:
            return f"{self.first:%B %Y}"
        return f"quarter {(self.first.month + 2) // 3} of {self.first.year}"

    @property
    def title(self) -> str:
        return f"Review of {self.name}"

    def is_over(self, today: date) -> bool:
        return self.last < today


def period_of(review: Review) -> Period:
    return Period(review.kind, review.first_day)


def periods_at(day: date) -> list[Period]:
    """The month and the quarter that a day is in."""
    month = month_of(day)
    quarter = months_from(month, -((month.month - 1) % 3))
    return [Period(Review.Kind.MONTH, month), Period(Review.Kind.QUARTER, quarter)]
