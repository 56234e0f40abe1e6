"""The numbers of a report: by target, by group and over time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID

from reporting.measures import ALWAYS_TOLD, NEVER, RANGES, Rate
from reporting.selectors.counted import NO_SHARES, Counted, Key, Shares, count_facts
from reporting.selectors.names import Names
from reporting.selectors.questions import SPLITS, Question
from reporting.selectors.rolled import Ground, count_cells, cube_for
from sla import targets as sla_targets

#: Most points of the small chart of one row.
MOST_POINTS: Final = 7
#: Sources or campaigns that are told one by one; the others are told together.
MOST_GROUPS: Final = 50
#: Splits by what leads bring along, of which there may be any number.
_ENDLESS: Final = ("source", "campaign")


@dataclass(frozen=True, slots=True)
class Totals:
    """The whole of a question. responses: seconds within which 50, 75, 90 and 95% of the leading target were
    answered. ranges: (label, in time, late) of it. unanswered: broken ones that can still be answered.
    """

    rates: Mapping[str, Rate]
    responses: Shares
    ranges: list[tuple[str, int, int]]
    unanswered: int


@dataclass(frozen=True, slots=True)
class Group:
    """One row of a split. key: a member's or team's id, a source, a campaign, a tier's slug; None: nobody."""

    key: UUID | str | None
    name: str
    rates: Mapping[str, Rate]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Course:
    """Rates of the leading target by day, or by week over long periods, in per cent; None where nothing
    counted. base: how many counted of all. of_group: by a group's key, in spans of `span` days or weeks, for
    one row alone has too few clocks a day; base_of_group: of how many."""

    labels: list[date]
    whole: list[float | None]
    base: list[int]
    of_group: Mapping[UUID | str | None, list[float | None]]
    base_of_group: Mapping[UUID | str | None, list[int]]
    span: int


@dataclass(frozen=True, slots=True)
class Report:
    """The answer to a question. targets: of which it tells, the leading one first where it is told alone.
    before: the rates of the period right before. groups: the lowest rate of the leading target first, those
    without a rate last."""

    targets: list[str]
    lead: str
    whole: Totals
    before: Mapping[str, Rate]
    groups: list[Group]
    course: Course
    is_rounded: bool  # response times come from buckets


def report(
    question: Question, by: str, *, now: datetime, names: Names, ground: Ground | None = None
) -> Report:
    """All numbers of a question, split by `by`; one query from roll-ups, else two.

    ground: of the question, for roll-ups to be read where they can answer; without it facts are counted.
    """
    labels = steps_of(question)
    cube, before = cube_for(question, SPLITS[by][0], ground), cube_for(question, None, ground)
    if cube is None or before is None:
        counted = count_facts(question, by, now=now, first_step=labels[0])
    else:
        counted = count_cells(question, by, cube, before=before, now=now, first_step=labels[0])
    excused, lead = counted.excused, question.lead_target
    targets = [question.target] if question.target else _told(counted)
    return Report(
        targets=targets,
        lead=lead,
        whole=_totals(counted, excused, targets, lead),
        before={target: _rate_of_whole(target, counted, present=False) for target in targets},
        groups=_groups(by, counted, names, targets, lead),
        course=_course(labels, counted.courses),
        is_rounded=cube is not None,
    )


@dataclass(frozen=True, slots=True)
class Shown:
    """The groups that a page or a call tells. number: of all, or of those found. others: the rates of those
    that are not told, by target, without response times; None where all are told or some were looked for."""

    groups: list[Group]
    number: int
    others: Mapping[str, Rate] | None


def shown(report: Report, by: str, find: str = "") -> Shown:
    """The groups of a report, in its order; of sources and campaigns those with the most clocks of the
    leading target. find: text that their names have."""
    wanted = find.casefold()
    groups = [each for each in report.groups if wanted in each.name.casefold()]
    if by not in _ENDLESS or len(groups) <= MOST_GROUPS:
        return Shown(groups, len(groups), None)
    largest = sorted(groups, key=lambda each: (-each.rates[report.lead].all, each.name.casefold()))
    told = {each.key for each in largest[:MOST_GROUPS]}
    others = None
    if not find:
        rest = [each.rates for each in groups if each.key not in told]
        others = {target: _together(rates[target] for rates in rest) for target in report.targets}
    return Shown([each for each in groups if each.key in told], len(groups), others)


def _together(rates: Iterable[Rate]) -> Rate:
    found = list(rates)
    return Rate(
        kept=sum(each.kept for each in found),
        broken=sum(each.broken for each in found),
        running=sum(each.running for each in found),
        called_off=sum(each.called_off for each in found),
        excused=sum(each.excused for each in found),
    )


def _told(counted: Counted) -> list[str]:
    """The targets of a report about all: those that are always told, and those that have clocks."""
    found = {target for present, target in counted.whole if present}
    return sorted(found.union(ALWAYS_TOLD), key=sla_targets.place)


_NOTHING: Final[tuple[int, Shares]] = (0, NO_SHARES)


def _rate(stands: Mapping[str, int], times: tuple[int, Shares], excused: int = 0) -> Rate:
    return Rate(
        kept=stands.get("met", 0),
        broken=stands.get("missed", 0),
        running=stands.get("open", 0),
        called_off=stands.get("cancelled", 0),
        answered=times[0],
        median=times[1][50],
        p90=times[1][90],
        excused=excused,
    )


def _rate_of_whole(target: str, counted: Counted, *, present: bool, excused: int = 0) -> Rate:
    key = (present, target)
    return _rate(counted.whole.get(key, {}), counted.whole_times.get(key, _NOTHING), excused)


def _totals(
    counted: Counted, excused: Mapping[tuple[Key, str], int], targets: Iterable[str], lead: str
) -> Totals:
    bars = [
        (label, counted.bars[place][0], counted.bars[place][1]) for place, (_, label) in enumerate(RANGES)
    ]
    _, shares = counted.whole_times.get((True, lead), _NOTHING)
    return Totals(
        rates={
            target: _rate_of_whole(
                target,
                counted,
                present=True,
                excused=sum(count for (_, what), count in excused.items() if what == target),
            )
            for target in targets
        },
        responses=shares,
        ranges=[*bars, (NEVER, 0, sum(counted.bars[-1]))],
        unanswered=counted.unanswered,
    )


def _groups(by: str, counted: Counted, names: Names, targets: Iterable[str], lead: str) -> list[Group]:
    found = []
    for key, of_target in counted.groups.items():
        rates = {
            target: _rate(
                of_target.get(target, {}),
                counted.group_times.get((key, target), _NOTHING),
                counted.excused.get((key, target), 0),
            )
            for target in targets
        }
        name, note = names.of(by, key)
        found.append(Group(key, name, rates, note))
    return sorted(found, key=lambda group: _badness(group, group.rates[lead]))


def _badness(group: Group, rate: Rate) -> tuple[bool, float, int, str]:
    return rate.percent is None, rate.percent or 0.0, -rate.all, group.name.casefold()


def _course(labels: list[date], courses: Mapping[Key, Mapping[str, Mapping[int, int]]]) -> Course:
    places = range(len(labels))
    span = -(-len(labels) // MOST_POINTS)
    all_kept, all_base = [0] * len(labels), [0] * len(labels)
    of_group, base_of_group = {}, {}
    for key, stands in courses.items():
        kept, broken = stands.get("met", {}), stands.get("missed", {})
        span_kept, span_base = [0] * -(-len(labels) // span), [0] * -(-len(labels) // span)
        for place in places:
            ok = kept.get(place, 0)
            base = ok + broken.get(place, 0)
            all_kept[place] += ok
            all_base[place] += base
            span_kept[place // span] += ok
            span_base[place // span] += base
        of_group[key], base_of_group[key] = _percents(span_kept, span_base), span_base
    return Course(labels, _percents(all_kept, all_base), all_base, of_group, base_of_group, span)


def steps_of(question: Question) -> list[date]:
    """The days that the course is drawn by, or the Mondays of its weeks."""
    if not question.by_week:
        return [question.first + timedelta(days=day) for day in range(question.days)]
    monday = question.first - timedelta(days=question.first.weekday())
    weeks = (question.last - monday).days // 7 + 1
    return [monday + timedelta(weeks=week) for week in range(weeks)]


def _percents(kept: Iterable[int], base: Iterable[int]) -> list[float | None]:
    return [round(100 * ok / all_, 1) if all_ else None for ok, all_ in zip(kept, base, strict=True)]
