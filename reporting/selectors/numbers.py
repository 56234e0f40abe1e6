"""The numbers of a report: by target, by group and over time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any, Final
from uuid import UUID

from reporting.lately import lately
from reporting.measures import ALWAYS_TOLD, NEVER, RANGES, Rate
from reporting.selectors.counted import NO_SHARES, Counted, Key, Shares, count_facts
from reporting.selectors.funnels import MOST_GROUPS, top_keys
from reporting.selectors.handoff_cells import HandoffGround, ask_handoff_ground, handoff_cube
from reporting.selectors.names import Names
from reporting.selectors.questions import SPLITS, Question
from reporting.selectors.rolled import Ground, ask_ground, count_cells, cube_for, found_keys
from sla import targets as sla_targets
from tenants.together import answer, answers

#: Most points of the small chart of one row.
MOST_POINTS: Final = 7
#: Splits by what leads bring along, of which there may be any number.
ENDLESS: Final = ("source", "campaign")


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
class Largest:
    """The groups of a split that are told one by one, where there are more: those with the most handoffs.
    number: of all groups, or of those found. is_found: they were looked for."""

    keys: list[Key]
    number: int
    is_found: bool


@dataclass(frozen=True, slots=True)
class Report:
    """The answer to a question. targets: of which it tells, the leading one first where it is told alone.
    before: the rates of the period right before. groups: the lowest rate of the leading target first, those
    without a rate last; of those of `largest` alone where it was asked for."""

    targets: list[str]
    lead: str
    whole: Totals
    before: Mapping[str, Rate]
    groups: list[Group]
    course: Course
    is_rounded: bool  # response times come from buckets
    largest: Largest | None = None


def report(
    question: Question,
    by: str,
    *,
    now: datetime,
    names: Names,
    ground: Ground | None = None,
    largest: Largest | None = None,
    times_of_all: bool = True,
) -> Report:
    """All numbers of a question, split by `by`; one or two queries.

    ground: of the question, for roll-ups to be read where they can answer; without it facts are counted.
    largest: of `largest_groups`. times_of_all: without it groups may have response times of the leading
    target alone: those of a year are half a million buckets a target.
    """
    labels, lead = steps_of(question), question.lead_target
    cube, before = cube_for(question, SPLITS[by][0], ground), cube_for(question, None, ground)
    if cube is None or before is None:
        whole = counted = count_facts(question, by, now=now, first_step=labels[0])
    else:
        asked: dict[str, Any] = {"before": before, "now": now, "first_step": labels[0]}
        keys = None if largest is None else largest.keys
        apart = keys is not None or (cube != before and not times_of_all)
        timed = None if times_of_all or not apart else [lead]
        counted = count_cells(question, by, cube, keys=keys, timed=timed, **asked)
        whole = count_cells(question, "team", before, **asked) if apart else counted
    targets = [question.target] if question.target else _told(whole)
    return Report(
        targets=targets,
        lead=lead,
        whole=_totals(whole, targets, lead),
        before={target: _rate_of_whole(target, whole, present=False) for target in targets},
        groups=_groups(by, counted, names, targets, lead),
        course=_course(labels, whole.courses, counted.courses),
        is_rounded=cube is not None,
        largest=largest,
    )


def grounds_of(question: Question, by: str) -> tuple[Ground | None, HandoffGround | None]:
    """What a question may be counted on; the second for `largest_groups`, None where no split asks for it.
    One query."""
    if by not in ENDLESS:
        return answer(ask_ground(question)), None
    ground, of_handoffs = answers(ask_ground(question), ask_handoff_ground(question))
    return ground, of_handoffs


def largest_groups(
    question: Question,
    by: str,
    grounds: tuple[Ground | None, HandoffGround | None],
    *,
    now: datetime,
    find: str = "",
) -> Largest | None:
    """The groups with the most handoffs, of a split that may have any number; None where it has no more than
    are told one by one, and where roll-ups cannot tell. grounds: of `grounds_of`. find: text that their names
    have: looked up among the clocks, since one that started in the period may be of a handoff that did not.

    Which of tens of thousands are the largest, or have the text, may be ten minutes old; what is counted of
    them is not. At most three queries; an index alone answers the larger of those without `find`."""
    ground, of_handoffs = grounds
    column = SPLITS[by][0]
    cube = cube_for(question, column, ground) if by in ENDLESS else None
    if cube is None or handoff_cube(question, {column}, of_handoffs) is None:
        return None
    keys, number = top_keys(question, column, of_handoffs, most=MOST_GROUPS, now=now)
    if number <= MOST_GROUPS:
        return None
    if find:
        found = lately(
            "found",
            (question, cube, find),
            partial(found_keys, question, cube, find, most=MOST_GROUPS),
            rows=number,
            now=now,
            seen_by=question.seen_by,
        )
        keys, number = found.value
    return Largest(keys, number, is_found=bool(find))


@dataclass(frozen=True, slots=True)
class Shown:
    """The groups that a page or a call tells. number: of all, or of those found. others: the rates of those
    that are not told, by target, without response times; None where all are told or some were looked for."""

    groups: list[Group]
    number: int
    others: Mapping[str, Rate] | None


def shown(report: Report, by: str, find: str = "") -> Shown:
    """The groups of a report, in its order; of sources and campaigns the largest, those with the most clocks
    of the leading target where it has them all. find: text that their names have."""
    if report.largest is not None:
        others = {
            target: _without(rate, _together(group.rates[target] for group in report.groups))
            for target, rate in report.whole.rates.items()
        }
        is_all = report.largest.is_found or report.largest.number <= len(report.groups)
        return Shown(report.groups, report.largest.number, None if is_all else others)
    wanted = find.casefold()
    groups = [each for each in report.groups if wanted in each.name.casefold()]
    if by not in ENDLESS or len(groups) <= MOST_GROUPS:
        return Shown(groups, len(groups), None)
    largest = sorted(groups, key=lambda each: (-each.rates[report.lead].all, each.name.casefold()))
    told = {each.key for each in largest[:MOST_GROUPS]}
    rest = [each.rates for each in groups if each.key not in told]
    together = {target: _together(rates[target] for rates in rest) for target in report.targets}
    return Shown([each for each in groups if each.key in told], len(groups), None if find else together)


def _together(rates: Iterable[Rate]) -> Rate:
    found = list(rates)
    return Rate(
        kept=sum(each.kept for each in found),
        broken=sum(each.broken for each in found),
        running=sum(each.running for each in found),
        called_off=sum(each.called_off for each in found),
        excused=sum(each.excused for each in found),
    )


def _without(rate: Rate, some: Rate) -> Rate:
    return Rate(
        kept=rate.kept - some.kept,
        broken=rate.broken - some.broken,
        running=rate.running - some.running,
        called_off=rate.called_off - some.called_off,
        excused=rate.excused - some.excused,
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


def _totals(counted: Counted, targets: Iterable[str], lead: str) -> Totals:
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
                excused=sum(count for (_, what), count in counted.excused.items() if what == target),
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


_Courses = Mapping[Key, Mapping[str, Mapping[int, int]]]


def _course(labels: list[date], of_whole: _Courses, of_groups: _Courses) -> Course:
    """of_whole, of_groups: clocks of all groups of some split, and of those that have a row."""
    span = -(-len(labels) // MOST_POINTS)
    kept, base = _drawn(of_whole.values(), len(labels), 1)
    of_group, base_of_group = {}, {}
    for key, stands in of_groups.items():
        span_kept, base_of_group[key] = _drawn([stands], len(labels), span)
        of_group[key] = _percents(span_kept, base_of_group[key])
    return Course(labels, _percents(kept, base), base, of_group, base_of_group, span)


def _drawn(
    courses: Iterable[Mapping[str, Mapping[int, int]]], length: int, span: int
) -> tuple[list[int], list[int]]:
    """How many were kept, and how many counted, in each `span` of the `length` steps."""
    kept, base = [0] * -(-length // span), [0] * -(-length // span)
    for stands in courses:
        for verdict in ("met", "missed"):
            for place, count in stands.get(verdict, {}).items():
                if place < length:
                    kept[place // span] += count if verdict == "met" else 0
                    base[place // span] += count
    return kept, base


def steps_of(question: Question) -> list[date]:
    """The days that the course is drawn by, or the Mondays of its weeks."""
    if not question.by_week:
        return [question.first + timedelta(days=day) for day in range(question.days)]
    monday = question.first - timedelta(days=question.first.weekday())
    weeks = (question.last - monday).days // 7 + 1
    return [monday + timedelta(weeks=week) for week in range(weeks)]


def _percents(kept: Iterable[int], base: Iterable[int]) -> list[float | None]:
    return [round(100 * ok / all_, 1) if all_ else None for ok, all_ in zip(kept, base, strict=True)]
