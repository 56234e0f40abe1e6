"""The KPIs: whose they are, what each counts, its base and what is left out, in words. Pure.

docs/kpis.md says the same; reporting.kpis.numbers computes them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final

from reporting.commitments.catalog import FOLLOWED_DAYS, ROLLING_DAYS


class Section(StrEnum):
    SHARED = "shared"
    MARKETING = "marketing"
    SALES = "sales"


class Unit(StrEnum):
    PERCENT = "percent"
    DAYS = "days"
    MONEY = "money"  # in the organisation's currency
    COUNT = "count"


#: Months that a KPI with few events is told of: the chosen one and those before it.
WINDOW_MONTHS: Final = 3
#: Days within which a lead becomes an opportunity, for lead to opportunity.
OPPORTUNITY_DAYS: Final = 60
#: Days within which a lead does something again, for engagement.
ENGAGED_DAYS: Final = 30
#: Leads that engagement looks at, at most: the latest.
ENGAGED_SAMPLE: Final = 2_000


@dataclass(frozen=True, slots=True)
class Kind:
    """One KPI.

    what: what its number is. base: of what. is_lower_better: how it stands to its target. commitment: the
    commitment that promises the same number, whose target is this one's. is_of_month: it adds up over a month
    and is told of the month alone, held against the share of the target that is due by then. most: the
    largest target that makes sense; None: any.
    """

    key: str
    section: Section
    label: str
    unit: Unit
    what: str
    base: str
    is_lower_better: bool = False
    commitment: str = ""
    is_of_month: bool = False
    most: Decimal | None = None


def _kinds(*kinds: Kind) -> Mapping[str, Kind]:
    return {kind.key: kind for kind in kinds}


_MONTHS: Final = "the month and the two before it"
_DAYS: Final = Decimal(3_650)

#: In the order in which they are told.
CATALOG: Final = _kinds(
    Kind(
        "mql_to_sql",
        Section.SHARED,
        "MQL to SQL",
        Unit.PERCENT,
        what=f"MQLs that became SQL within {FOLLOWED_DAYS} days",
        base=f"MQLs of the last {ROLLING_DAYS} days, each followed for {FOLLOWED_DAYS} days",
        commitment="mql_to_sql",
        most=Decimal(100),
    ),
    Kind(
        "lead_to_opportunity",
        Section.SHARED,
        "Lead to opportunity",
        Unit.PERCENT,
        what=f"leads that became an opportunity within {OPPORTUNITY_DAYS} days of coming",
        base=f"leads that came in the {ROLLING_DAYS} days before the last {OPPORTUNITY_DAYS}, so that each"
        f" was followed for {OPPORTUNITY_DAYS} days",
        most=Decimal(100),
    ),
    Kind(
        "cycle_length",
        Section.SHARED,
        "Cycle length",
        Unit.DAYS,
        what="median of the days from the lead's coming to the won deal",
        base=f"leads won in {_MONTHS}",
        is_lower_better=True,
        most=_DAYS,
    ),
    Kind(
        "marketing_pipeline",
        Section.SHARED,
        "Marketing-sourced pipeline",
        Unit.MONEY,
        what="amount of the opportunities opened in the month that came of no outbound meeting",
        base="opportunities opened in the month, with an amount in the organisation's currency",
        is_of_month=True,
    ),
    Kind(
        "cost_per_mql",
        Section.MARKETING,
        "Cost per MQL",
        Unit.MONEY,
        what="what sources cost in a month, divided by the MQLs that they brought in it",
        base="MQLs of the last three whole months whose source has a cost in their month",
        is_lower_better=True,
    ),
    Kind(
        "cost_per_sql",
        Section.MARKETING,
        "Cost per SQL",
        Unit.MONEY,
        what=f"the same, divided by those of its MQLs that became SQL within {FOLLOWED_DAYS} days",
        base=f"SQLs of the last three whole months, of MQLs followed for {FOLLOWED_DAYS} days, whose source"
        " has a cost in the month of the MQL",
        is_lower_better=True,
    ),
    Kind(
        "mql_volume",
        Section.MARKETING,
        "MQLs a month",
        Unit.COUNT,
        what="MQLs handed over in the month",
        base="MQLs of the month",
        commitment="mql_volume",
        is_of_month=True,
    ),
    Kind(
        "engagement",
        Section.MARKETING,
        "Engagement",
        Unit.PERCENT,
        what=f"leads that did something again within {ENGAGED_DAYS} days, later than an hour after they came",
        base=f"leads that came in the last {ROLLING_DAYS} days, each followed for {ENGAGED_DAYS} days; at"
        f" most the latest {ENGAGED_SAMPLE:,} of them",
        most=Decimal(100),
    ),
    Kind(
        "close_rate",
        Section.SALES,
        "Close rate",
        Unit.PERCENT,
        what="opportunities that were won",
        base=f"opportunities that were won or lost in {_MONTHS}",
        most=Decimal(100),
    ),
    Kind(
        "deal_size",
        Section.SALES,
        "Deal size",
        Unit.MONEY,
        what="median of the amounts of won opportunities",
        base=f"opportunities won in {_MONTHS} with an amount in the organisation's currency",
    ),
    Kind(
        "velocity",
        Section.SALES,
        "Velocity",
        Unit.DAYS,
        what="median of the days from the first touch to the won deal",
        base=f"leads won in {_MONTHS} of which the first touch is known",
        is_lower_better=True,
        most=_DAYS,
    ),
)


def of_section(section: Section) -> list[Kind]:
    return [kind for kind in CATALOG.values() if kind.section == section]
