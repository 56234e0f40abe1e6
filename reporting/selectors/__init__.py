"""Reads of the facts, a module a subject; what others call is named here."""

from __future__ import annotations

from reporting.selectors.behind import any_excused, clocks_behind, stories
from reporting.selectors.hours import HOURS, LEAST, Hour, by_hour
from reporting.selectors.names import Choices, Names, choices, humanise, load_names
from reporting.selectors.numbers import Course, Group, Report, Totals, report
from reporting.selectors.questions import CLOCKS, SPLITS, Question, sight_of
from reporting.selectors.rolled import Ground, ground_of
from reporting.selectors.volumes import Volume, leads_behind, volume

__all__ = [
    "CLOCKS",
    "HOURS",
    "LEAST",
    "SPLITS",
    "Choices",
    "Course",
    "Ground",
    "Group",
    "Hour",
    "Names",
    "Question",
    "Report",
    "Totals",
    "Volume",
    "any_excused",
    "by_hour",
    "choices",
    "clocks_behind",
    "ground_of",
    "humanise",
    "leads_behind",
    "load_names",
    "report",
    "sight_of",
    "stories",
    "volume",
]
