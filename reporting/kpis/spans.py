"""The months that KPIs are told of, and the days that each of their numbers is about. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from reporting.commitments.catalog import FOLLOWED_DAYS, ROLLING_DAYS
from reporting.commitments.counts import Rolling, rolling
from reporting.commitments.days import last_of
from reporting.commitments.targets import months_from
from reporting.kpis.catalog import ENGAGED_DAYS, OPPORTUNITY_DAYS, WINDOW_MONTHS


@dataclass(frozen=True, slots=True)
class Span:
    """A month as it stood when it ended, or as it stands. last: its last day, today at the latest."""

    month: date
    last: date
    today: date

    @property
    def is_over(self) -> bool:
        return last_of(self.month) < self.today

    @property
    def since(self) -> date:
        """The first day of the three months that end with it."""
        return months_from(self.month, 1 - WINDOW_MONTHS)

    @property
    def seen_on(self) -> date:
        """The day on which it is looked at: today, or the day after it ended."""
        return self.today if self.last >= self.today else self.last + timedelta(days=1)

    @property
    def followed(self) -> Rolling:
        """The days of MQL to SQL, as the commitment has them."""
        return rolling(self.last, self.today)

    @property
    def leads(self) -> tuple[date, date]:
        """First and last day of the leads that lead to opportunity is of."""
        last = self.seen_on - timedelta(days=OPPORTUNITY_DAYS + 1)
        return last - timedelta(days=ROLLING_DAYS - 1), last

    @property
    def engaged(self) -> tuple[date, date]:
        """First and last day of the leads that engagement is of."""
        last = self.seen_on - timedelta(days=ENGAGED_DAYS + 1)
        return self.last - timedelta(days=ROLLING_DAYS - 1), last

    @property
    def cost_months(self) -> list[date]:
        """The months that costs are told of: three that are over, the latest last."""
        end = self.month if self.is_over else months_from(self.month, -1)
        return [months_from(end, place - WINDOW_MONTHS + 1) for place in range(WINDOW_MONTHS)]


def spans_of(month: date, today: date, number: int) -> list[Span]:
    """So many months up to this one; none that has not begun."""
    months = [months_from(month, place - number + 1) for place in range(number)]
    return [Span(each, min(last_of(each), today), today) for each in months if each <= today]


def is_followed(month: date, today: date) -> bool:
    """Whether every MQL of a month has been followed for FOLLOWED_DAYS."""
    return last_of(month) + timedelta(days=FOLLOWED_DAYS) < today


def first_day(spans: Sequence[Span]) -> date:
    """The first day that any of their numbers is about, but for leads that came earlier."""
    return min(min(span.followed.first, *span.cost_months, span.since) for span in spans)
