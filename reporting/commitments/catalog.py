"""The commitments: whose they are, what each counts, its base and what is left out, in words. Pure.

docs/commitments.md says the same; the numbers are those of reporting.definitions and reporting.measures.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sla.targets import Target


class Side(StrEnum):
    MARKETING = "marketing"
    SALES = "sales"


class Unit(StrEnum):
    COUNT = "count"  # MQLs a month
    PERCENT = "percent"


#: Days of MQLs that MQL to SQL is told of, and days that each of them is followed for.
ROLLING_DAYS: Final = 90
FOLLOWED_DAYS: Final = 30
#: Stands for the organisation's target line as a default.
HOUSE: Final = -1


@dataclass(frozen=True, slots=True)
class Kind:
    """One commitment.

    what: what is counted, as it goes on after "At least 95%". base: of what. left_out: who is left out and
    why, after a number. kept, missed: what the two parts are called. default: per cent that hold until
    somebody sets a target (HOUSE: the organisation's line); None: nothing is promised until then. clock: the
    target whose clocks it counts, on the company's clock.
    """

    key: str
    side: Side
    label: str
    unit: Unit
    what: str
    base: str
    kept: str
    missed: str
    left_out: str
    default: int | None = None
    clock: str = ""


def _kinds(*kinds: Kind) -> Mapping[str, Kind]:
    return {kind.key: kind for kind in kinds}


#: In the order in which they are told.
CATALOG: Final = _kinds(
    Kind(
        "mql_volume",
        Side.MARKETING,
        "MQLs a month",
        Unit.COUNT,
        what="MQLs a month",
        base="handed over in the month",
        kept="count",
        missed="rejected",
        left_out="rejected, not counted",
    ),
    Kind(
        "acceptance",
        Side.MARKETING,
        "Acceptance rate",
        Unit.PERCENT,
        what="of the MQLs that sales answered are accepted",
        base="MQLs of the month that sales answered, as answered: whatever disputes found",
        kept="accepted",
        missed="rejected or sent to nurture",
        left_out="not answered yet",
    ),
    Kind(
        "mql_to_sql",
        Side.MARKETING,
        "MQL to SQL",
        Unit.PERCENT,
        what=f"of MQLs become SQL within {FOLLOWED_DAYS} days, over a rolling {ROLLING_DAYS} days",
        base=f"MQLs of the last {ROLLING_DAYS} days, each followed for {FOLLOWED_DAYS} days",
        kept="became SQL",
        missed="did not become SQL in that time",
        left_out=f"too young: MQL less than {FOLLOWED_DAYS} days ago",
        default=30,
    ),
    Kind(
        "completeness",
        Side.MARKETING,
        "Complete data",
        Unit.PERCENT,
        what="of MQLs have a valid phone number and a verified e-mail address",
        base="MQLs of the month",
        kept="complete",
        missed="without a valid phone or e-mail",
        left_out="",
        default=95,
    ),
    Kind(
        "accuracy",
        Side.MARKETING,
        "Accurate data",
        Unit.PERCENT,
        what="of the MQLs that sales answered are not rejected for bad data",
        base="MQLs of the month that sales answered",
        kept="not rejected for bad data",
        missed="rejected for bad data",
        left_out="not answered yet",
    ),
    Kind(
        "acting_on_feedback",
        Side.MARKETING,
        "Acting on feedback",
        Unit.PERCENT,
        what="of disputes and of what they ask of the criteria are settled within a week",
        base="disputes and follow-ups on criteria that were opened in the month",
        kept="settled within a week",
        missed="not settled within a week",
        left_out="not due yet",
    ),
    Kind(
        "first_touch",
        Side.SALES,
        "First touch in time",
        Unit.PERCENT,
        what="of first touches are made in time",
        base="clocks of the month that were answered or ran out",
        kept="in time",
        missed="late",
        left_out="not due yet or called off",
        default=HOUSE,
        clock=Target.FIRST_TOUCH.value,
    ),
    Kind(
        "decision",
        Side.SALES,
        "Decision in time",
        Unit.PERCENT,
        what="of decisions are made in time",
        base="clocks of the month that were answered or ran out",
        kept="in time",
        missed="late",
        left_out="not due yet or called off",
        default=HOUSE,
        clock=Target.DECISION.value,
    ),
    Kind(
        "attempts",
        Side.SALES,
        "Enough attempts",
        Unit.PERCENT,
        what="of MQLs get the agreed attempts in time",
        base="clocks of the month that were answered or ran out",
        kept="in time",
        missed="too few or too late",
        left_out="not due yet or called off",
        default=HOUSE,
        clock=Target.ATTEMPTS.value,
    ),
    Kind(
        "feedback",
        Side.SALES,
        "Feedback on every MQL",
        Unit.PERCENT,
        what="of MQLs whose decision was due have an answer",
        base="MQLs of the month that were answered or whose decision was due",
        kept="answered",
        missed="without an answer",
        left_out="not due yet, or no decision was promised",
        default=100,
    ),
    Kind(
        "reasons",
        Side.SALES,
        "A reason for every rejection",
        Unit.PERCENT,
        what="of rejections name a reason",
        base="rejections of MQLs of the month",
        kept="with a reason",
        missed="without a reason",
        left_out="imported, without a reason of ours",
        default=100,
    ),
)
#: Clocks that any of them counts.
CLOCKS: Final = tuple(dict.fromkeys(kind.clock for kind in CATALOG.values() if kind.clock))


def of_side(side: Side) -> list[Kind]:
    return [kind for kind in CATALOG.values() if kind.side == side]
