"""What was counted for the KPIs, as plain values. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Brought:
    """MQLs of a source in a month, and how many of them became SQL in time."""

    mqls: int = 0
    sqls: int = 0


@dataclass(slots=True)
class Cost:
    """What a source cost in a month: in the organisation's currency; others counts rows in another one."""

    amount: Decimal | None = None
    others: int = 0


@dataclass(frozen=True, slots=True)
class Came:
    """Leads by what they are now: leads beyond Subscriber, subscribers, disqualified. opened: of the first,
    those that became an opportunity in time."""

    leads: int = 0
    subscribers: int = 0
    disqualified: int = 0
    opened: int = 0

    def __add__(self, other: Came) -> Came:
        return Came(
            self.leads + other.leads,
            self.subscribers + other.subscribers,
            self.disqualified + other.disqualified,
            self.opened + other.opened,
        )

    @property
    def all(self) -> int:
        return self.leads + self.subscribers + self.disqualified


@dataclass(frozen=True, slots=True)
class Wins:
    """Won leads: how many, and how long they took, in seconds: since they came, and since the first touch."""

    won: int = 0
    dated: int = 0
    median: int | None = None
    p90: int | None = None
    touched: int = 0
    touch_median: int | None = None
    touch_p90: int | None = None


@dataclass(frozen=True, slots=True)
class Closed:
    """Opportunities closed in three months. outbound: of outbound meetings, counted nowhere else. unwritten:
    leads that were won without an opportunity having been written down."""

    won: int = 0
    lost: int = 0
    outbound: int = 0
    priced: int = 0
    no_amount: int = 0
    other_currency: int = 0
    median: Decimal | None = None
    p90: Decimal | None = None
    unwritten: int = 0


@dataclass(frozen=True, slots=True)
class Opened:
    """Opportunities opened in a month; but for the last two, those that are marketing's."""

    opened: int = 0
    priced: int = 0
    no_amount: int = 0
    other_currency: int = 0
    amount: Decimal = Decimal(0)
    all_priced: int = 0
    all_amount: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class Engaged:
    """Leads that were looked at, those that did something again, those of which anything is known."""

    looked_at: int = 0
    again: int = 0
    known: int = 0


@dataclass(frozen=True, slots=True)
class Rows:
    """What is counted of single rows, and when that was. By month: its first day."""

    at: datetime
    came: Mapping[date, Came] = field(default_factory=dict)  # by the day
    wins: Mapping[date, Wins] = field(default_factory=dict)
    wins_by_source: Mapping[str, Wins] = field(default_factory=dict)  # of the last month's three
    closed: Mapping[date, Closed] = field(default_factory=dict)
    opened: Mapping[date, Opened] = field(default_factory=dict)
    engaged: Mapping[date, Engaged] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Measured:
    """All of it. By month: its first day. brought, costs: by (month, source). campaign_*: the same by (month,
    campaign), of campaigns that have a cost; what they brought in the months that costs are told of."""

    rows: Rows
    counts: Mapping[date, Counter[str]] = field(default_factory=dict)
    brought: Mapping[tuple[date, str], Brought] = field(default_factory=dict)
    costs: Mapping[tuple[date, str], Cost] = field(default_factory=dict)
    campaign_brought: Mapping[tuple[date, str], Brought] = field(default_factory=dict)
    campaign_costs: Mapping[tuple[date, str], Cost] = field(default_factory=dict)
