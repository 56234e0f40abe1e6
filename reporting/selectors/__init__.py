"""Reads of the facts, a module a subject; what others call is named here."""

from __future__ import annotations

from reporting.selectors.behind import any_excused, clocks_behind, latest_clocks, number_of_clocks, stories
from reporting.selectors.funnels import Funnel, Tally, TallyGroup, funnel, response_times, stages_with_shares
from reporting.selectors.handoff_cells import HandoffGround, handoff_ground
from reporting.selectors.handoffs_behind import LISTED, handoffs_behind, number_behind
from reporting.selectors.hours import HOURS, LEAST, Hour, by_hour
from reporting.selectors.journeys import MOST_SOURCES, Journey, Standing, journey
from reporting.selectors.names import (
    Choices,
    HandoffChoices,
    Names,
    choices,
    handoff_choices,
    humanise,
    load_names,
)
from reporting.selectors.numbers import (
    Course,
    Group,
    Report,
    Shown,
    Totals,
    grounds_of,
    largest_groups,
    report,
    shown,
)
from reporting.selectors.questions import (
    CLOCKS,
    HANDOFF_SPLITS,
    INBOUND,
    KINDS,
    SPLITS,
    Question,
    sight_of,
)
from reporting.selectors.rejected import REJECTION_SPLITS, ReasonRow, Rejections, rejections
from reporting.selectors.rolled import Ground, ground_of
from reporting.selectors.volumes import Volume, leads_behind, volume, volume_lately

__all__ = [
    "CLOCKS",
    "HANDOFF_SPLITS",
    "HOURS",
    "INBOUND",
    "KINDS",
    "LEAST",
    "LISTED",
    "MOST_SOURCES",
    "REJECTION_SPLITS",
    "SPLITS",
    "Choices",
    "Course",
    "Funnel",
    "Ground",
    "Group",
    "HandoffChoices",
    "HandoffGround",
    "Hour",
    "Journey",
    "Names",
    "Question",
    "ReasonRow",
    "Rejections",
    "Report",
    "Shown",
    "Standing",
    "Tally",
    "TallyGroup",
    "Totals",
    "Volume",
    "any_excused",
    "by_hour",
    "choices",
    "clocks_behind",
    "funnel",
    "ground_of",
    "grounds_of",
    "handoff_choices",
    "handoff_ground",
    "handoffs_behind",
    "humanise",
    "journey",
    "largest_groups",
    "latest_clocks",
    "leads_behind",
    "load_names",
    "number_behind",
    "number_of_clocks",
    "rejections",
    "report",
    "response_times",
    "shown",
    "sight_of",
    "stages_with_shares",
    "stories",
    "volume",
    "volume_lately",
]
