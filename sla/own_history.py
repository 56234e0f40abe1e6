"""The promises that an organisation could make today, read from its own clocks.

It reads timers rather than reporting's facts: facts stand a layer above, lag behind, and do not know on which
hours a running clock waits. Counted are company's clocks, from MQL on, which no change of owner sets back;
tests are left out. The database counts; what comes to Python is a few rows a tier.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import connection

from core.businesstime import WorkCalendar
from sla import targets, words
from sla.imported_history import Imported, imported
from sla.policy_edit import listed, tiers_of
from sla.presets import goal_of
from sla.proposals import LEAST, WALL_DAY, Clocks, Proposal, Rung, Tally, propose, rungs, seconds_of
from sla.targets import Target
from sla.tiers import UNITS, read_duration
from sla.units import has_units
from tenants.calendars import house_calendar_version, load_calendar
from tenants.context import current_tenant_id

#: Days of history that people may ask for, and what they get unasked.
FEWEST_DAYS, MOST_DAYS, USUAL_DAYS = 7, 730, 90
_SAMPLE_DAYS: Final = 28
#: Targets whose clocks say all that a proposal needs: of attempts, how many were asked is not on the clock.
_PROPOSED: Final = frozenset(targets.BEGIN_COLUMNS) - {Target.ATTEMPTS}
_LONG_AGO: Final = "-infinity"

#: Stands for the wall clock where calendars are told apart by their id.
_WALL: Final = UUID(int=0)

_OF_PERIOD: Final = """
from leads_handoff h
join sla_timer t on t.tenant_id = %(tenant)s and t.handoff_id = h.id
{joined}
where h.tenant_id = %(tenant)s and h.started_at >= %(since)s and h.started_at < %(now)s and not h.is_test
  and t.clock = 'company'
  {main}
"""
#: Where there are business units, only clocks of the main policy: those of units may use the same slugs.
_OF_MAIN: Final = """and exists (select 1 from sla_policyversion v
    where v.tenant_id = %(tenant)s and v.id = t.policy_version_id and v.unit_id is null)"""
_CALENDARS: Final = "select distinct t.calendar_version_id {period} and t.closed_at is null"
# How many of the ladder's values a clock waited through: more than them, since an answer at the last moment
# is in time. Of one that still runs its start says so, against the start that each value needs by now.
_COUNTS: Final = """
select tier, target, wall, kind,
    case when kind = 'running' then coalesce(cardinality(starts) - width_bucket(started_at, starts), 0)
         when kind in ('answered', 'ended') then width_bucket(seconds - 1, ends)
         else 0 end as place,
    count(*)
from (
    select t.tier, t.target, t.calendar_version_id is null as wall, t.started_at, cut.starts,
        case when t.calendar_version_id is null then %(wall_ends)s::int[] else %(ends)s::int[] end as ends,
        coalesce(t.business_seconds, 0) as seconds,
        case when t.met_at is not null and t.business_seconds is not null then 'answered'
             when t.closed_at is null and (t.state = 'paused' or t.gaps <> '[]'::jsonb) then 'stood'
             when t.closed_at is null then 'running'
             when t.state = 'breached' then 'never'
             else 'ended' end as kind
    {period}
) as clock
group by 1, 2, 3, 4, 5
"""
_CUTS: Final = """left join (values {cuts}) as cut(calendar_id, starts)
    on cut.calendar_id = coalesce(t.calendar_version_id, %(wall)s::uuid)"""


@dataclass(frozen=True, slots=True)
class TargetProposal:
    """What one promise of a tier could be. present: as it is written now; goal: the usual one.

    clocks: all that started in the time looked at; leads, since each has one. is_tighter: the present promise
    is tighter than the tightest value there is, which enough kept. imported: what the proposal rests on where
    too few clocks of our own count.
    """

    tier: str
    tier_name: str
    target: str
    wall: bool
    clocks: int
    present: Mapping[str, int]
    goal: Mapping[str, int] | None
    proposal: Proposal
    is_tighter: bool = False
    imported: Imported | None = None

    @property
    def found(self) -> Mapping[str, int] | None:
        """The duration that is proposed."""
        return self.proposal.found.duration if self.proposal.found and not self.is_tighter else None

    @property
    def label(self) -> str:
        return targets.label(self.target)

    def length(self, duration: Mapping[str, int]) -> str:
        """A duration in words: "within 4 hours of working time"."""
        return words.duration_words(read_duration(duration), wall=self.wall)


@dataclass(frozen=True, slots=True)
class OwnHistory:
    """The proposals for every promise of a policy. since: from when on leads were looked at.

    day_seconds: what a business day counts as, the mean of those of the organisation's calendar.
    """

    days: int
    since: datetime
    percent: int
    day_seconds: int
    proposals: Sequence[TargetProposal]

    def of(self, tier: str) -> list[TargetProposal]:
        """Those of one tier, by its slug."""
        return [each for each in self.proposals if each.tier == tier]

    @property
    def finds_any(self) -> bool:
        return any(each.found for each in self.proposals)


def own_history(
    content: Mapping[str, Any], *, percent: int, now: datetime, days: int = USUAL_DAYS
) -> OwnHistory:
    """Proposals for the tiers and targets of a policy as written, from the clocks of the last `days` days.

    percent: of clocks that must have kept a proposal. Attempts are left out: how many were asked is not on
    the clock. Where too few clocks count, imported history says what it can. Three queries, and two more for
    that, whatever the number of clocks.
    """
    since = now - timedelta(days=days)
    house = load_calendar(house_calendar_version())
    day_seconds = business_day_seconds(house, now)
    ladders = {True: rungs(WALL_DAY, wall=True), False: rungs(day_seconds)}
    counted = count_clocks(ladders, since=since, now=now)
    past = _Past(ladders, house)
    found = []
    for tier in tiers_of(content):
        slug = str(tier.get("slug"))
        for target, duration, wall in _promises(tier):
            ladder = ladders[wall or house is None]
            clocks = counted.get((slug, target, wall or house is None)) or Clocks.none(len(ladder))
            goal = goal_of(slug, target)
            proposal = propose(clocks, ladder, percent=percent, goal=goal, day_seconds=day_seconds)
            before = past.of(target, wall=wall or house is None) if not proposal.enough else None
            if before is not None:
                older = propose(before.clocks, ladder, percent=percent, goal=goal, day_seconds=day_seconds)
                before = before if older.enough else None
                proposal = older if older.enough else proposal
            name = str(tier.get("name") or slug)
            tightest = proposal.found == ladder[0]
            shorter = (seconds_of(duration, day_seconds) or 0) < ladder[0].seconds
            found.append(
                TargetProposal(
                    slug,
                    name,
                    target,
                    wall,
                    clocks.all,
                    duration,
                    goal,
                    proposal,
                    tightest and shorter,
                    before,
                )
            )
    return OwnHistory(days, since, percent, day_seconds, found)


class _Past:
    """Imported history, read when it is first asked for and once for each clock."""

    def __init__(self, ladders: Mapping[bool, Sequence[Rung]], house: WorkCalendar | None) -> None:
        self._ladders, self._house = ladders, house
        self._known: dict[bool, Imported | None] = {}

    def of(self, target: str, *, wall: bool) -> Imported | None:
        """What it says of a target; None of all but the first touch, which is all that it knows."""
        if target != Target.FIRST_TOUCH:
            return None
        if wall not in self._known:
            zone = ZoneInfo(self._house.tz if self._house else "UTC")
            house = None if wall else self._house
            self._known[wall] = imported(self._ladders[wall], house=house, zone=zone)
        return self._known[wall]


def _promises(tier: Mapping[str, Any]) -> list[tuple[str, Mapping[str, int], bool]]:
    """(target, duration, wall) of what a tier promises, as far as it makes sense; a draft need not."""
    return [
        (each["target"], each["duration"], each.get("clock") == "wall")
        for each in listed(tier.get("targets"))
        if isinstance(each, Mapping) and each.get("target") in _PROPOSED and is_duration(each.get("duration"))
    ]


def is_duration(duration: object) -> bool:
    """Whether this can be read as a duration; a draft may have written anything."""
    if not isinstance(duration, Mapping) or len(duration) != 1:
        return False
    ((unit, amount),) = duration.items()
    return unit in UNITS and isinstance(amount, int) and not isinstance(amount, bool) and amount >= 0


def business_day_seconds(house: WorkCalendar | None, now: datetime) -> int:
    """What a business day counts as: the mean of those of the organisation's calendar, 24 hours without
    one."""
    return _day_seconds(house, now) if house else WALL_DAY


def _day_seconds(calendar: WorkCalendar, now: datetime) -> int:
    """Working time of a mean open day of the four weeks before now; of 24 hours where none was open."""
    zone = ZoneInfo(calendar.tz)
    today = now.astimezone(zone).date()
    midnights = [
        datetime.combine(today - timedelta(days=back), time(), zone) for back in range(_SAMPLE_DAYS, -1, -1)
    ]
    worked = [calendar.elapsed_seconds(start, end) for start, end in pairwise(midnights)]
    spent = [seconds for seconds in worked if seconds > 0]
    return round(sum(spent) / len(spent)) if spent else WALL_DAY


def count_clocks(
    ladders: Mapping[bool, Sequence[Rung]], *, since: datetime, now: datetime
) -> dict[tuple[str, str, bool], Clocks]:
    """The clocks of leads that were handed over from `since` to before `now`, by tier, target, and whether
    they run by the wall clock; of the main policy, not of business units. ladders: by the same, what they are
    counted against.
    """
    values: dict[str, Any] = {
        "tenant": str(current_tenant_id()),
        "since": since,
        "now": now,
        "wall": str(_WALL),
        "ends": [rung.seconds for rung in ladders[False]],
        "wall_ends": [rung.seconds for rung in ladders[True]],
    }
    main = _OF_MAIN if has_units() else ""
    with connection.cursor() as cursor:
        cursor.execute(_CALENDARS.format(period=_OF_PERIOD.format(joined="", main=main)), values)
        calendars = [row[0] for row in cursor.fetchall() if row[0] is not None]
        starts = [_starts(None, ladders[True], since=since, now=now)]
        starts += [
            _starts(load_calendar(calendar_id), ladders[False], since=since, now=now)
            for calendar_id in calendars
        ]
        cuts = []
        for number, (calendar_id, each) in enumerate(zip([_WALL, *calendars], starts, strict=True)):
            values[f"calendar{number}"], values[f"starts{number}"] = str(calendar_id), each
            cuts.append(f"(%(calendar{number})s::uuid, %(starts{number})s::timestamptz[])")
        joined = _CUTS.format(cuts=", ".join(cuts))
        cursor.execute(_COUNTS.format(period=_OF_PERIOD.format(joined=joined, main=main)), values)
        rows = cursor.fetchall()
    counts: dict[tuple[str, str, bool], dict[tuple[str, int], int]] = defaultdict(dict)
    for tier, target, wall, kind, place, number in rows:
        counts[tier, target, wall][kind, place] = number
    return {key: _clocks(found, len(ladders[key[2]])) for key, found in counts.items()}


def _clocks(found: Mapping[tuple[str, int], int], values: int) -> Clocks:
    def of(kind: str) -> tuple[int, ...]:
        return tuple(found.get((kind, place), 0) for place in range(values + 1))

    return Clocks(
        answered=of("answered"),
        ended=of("ended"),
        running=of("running"),
        never=found.get(("never", 0), 0),
        stood=found.get(("stood", 0), 0),
    )


def _starts(
    calendar: WorkCalendar | None, ladder: Sequence[Rung], *, since: datetime, now: datetime
) -> list[str]:
    """Before which start a clock that still runs has waited longer than each value; the earliest first."""
    if calendar is None:
        return [(now - timedelta(seconds=rung.seconds)).isoformat() for rung in reversed(ladder)]
    found: list[str] = []
    spans = calendar.spans(since, now)
    worked, at = 0.0, len(spans)
    start = end = now
    for rung in ladder:
        while worked < rung.seconds and at > 0:
            at -= 1
            start, end = spans[at]
            worked += (end - start).total_seconds()
        spare = worked - rung.seconds
        found.append(_LONG_AGO if spare < 0 else (start + timedelta(seconds=spare)).isoformat())
    return found[::-1]


def read_days(text: str | None) -> int | None:
    """How far back to look, as somebody wrote it; the usual unless said, None for what is no such number."""
    if not text:
        return USUAL_DAYS
    days = int(text) if text.isascii() and text.isdigit() and len(text) < 5 else 0
    return days if FEWEST_DAYS <= days <= MOST_DAYS else None


# --- In words ---


def said(found: TargetProposal, history: OwnHistory) -> str:
    """What a proposal rests on, in sentences."""
    proposal, tally = found.proposal, found.proposal.tally
    if found.imported is not None:
        return _said_of_import(found, found.imported)
    if not proposal.enough:
        return (
            f"Too little history to propose anything: of {_leads(found.clocks)} in {history.days} days "
            f"{tally.base} count, and it takes {LEAST}. {_left_out(tally)}"
        ).strip()
    if proposal.found is None:
        return (
            f"Not even the longest of our values was kept by {proposal.percent}%: "
            f"{tally.percent:g}% of {_leads(tally.base)}. {_left_out(tally)}"
        ).strip()
    base = f"{_leads(tally.base)}, of {found.clocks} in {history.days} days"
    parts = [f"Kept by {tally.percent:g}% of {base}."]
    if proposal.tighter:
        rung, other = proposal.tighter
        parts.append(f"{_capital(_length(rung.duration))}: {other.percent:g}% of {other.base}.")
    parts.append(_left_out(tally))
    if found.is_tighter:
        length = _length(proposal.found.duration)
        parts.append(f"That is of {length}, our tightest value; the present promise is tighter and stays.")
    return " ".join(part for part in parts if part)


def _said_of_import(found: TargetProposal, past: Imported) -> str:
    proposal, tally = found.proposal, found.proposal.tally
    days = _day(past.first) if past.first == past.last else f"{_day(past.first)} to {_day(past.last)}"
    hours = "by the wall clock" if found.wall else "on today's working hours"
    few = (
        f"Too few of our own leads count ({found.clocks}). Of imported history, all tiers together, {hours}:"
    )
    left = tally.left_out + past.unknown
    out = f"Left out: {left}, whose times are not known or end too soon." if left else ""
    if proposal.found is None:
        said = (
            f"not even the longest of our values was kept by {proposal.percent}%: "
            f"{tally.percent:g}% of {_leads(tally.base)}, {days}."
        )
    else:
        said = f"kept by {tally.percent:g}% of {_leads(tally.base)}, of {past.leads:,}, {days}."
    return " ".join(part for part in (few, said, out) if part)


def _day(day: date) -> str:
    return f"{day.day} {day:%b %Y}"


def way(found: TargetProposal) -> str:
    """The steps from what is kept today to the usual promise, in a sentence; "" where there are none."""
    if found.found is None or found.goal is None:
        return ""
    if not found.proposal.steps:
        return f"As tight as the usual {_length(found.goal)}, or tighter."
    when = ("next quarter", "the quarter after", "the third quarter")
    steps = [f"{_length(step)} {quarter}" for step, quarter in zip(found.proposal.steps, when, strict=False)]
    return f"Then {', '.join(steps)}."


def _length(duration: Mapping[str, int]) -> str:
    read = read_duration(duration)
    if read.unit == "end_of_day" and not read.amount:
        return "the same business day"
    return words.length_words(read)


def _left_out(tally: Tally) -> str:
    why = [
        f"{number} {reason}"
        for number, reason in (
            (tally.running, "still open and younger than that"),
            (tally.ended, "closed before"),
            (tally.stood, "paused at some time and still open"),
        )
        if number
    ]
    return f"Left out: {tally.left_out} ({', '.join(why)})." if why else ""


def _leads(number: int) -> str:
    return f"{number:,} lead" if number == 1 else f"{number:,} leads"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
