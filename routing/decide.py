"""Who gets this lead, as a pure function: no database, no clock, no chance.

Live routing, the dry run and the back-test call the same `decide`. Three layers in order: firmographic rules
choose a pool, behaviour rules set the priority, and availability chooses who of the pool can answer soonest.
The answer carries the whole trace: every rule tried and every candidate with the numbers for and against.
docs/routing.md has the format of the trace and the reason codes.

Ids are text here, as the trace and the counters store them: text is hashed once, a UUID at every look-up.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple, TypeAlias

from core.businesstime import CalendarClosedError, WorkCalendar
from core.rules import Facts, Rule, Schema, compile_rule

DEFAULT_HORIZON_MINUTES: Final = 30

# One turn at weight 1. Divisible by every weight to 16, so that turns are whole numbers and ties are exact.
TURN: Final = 720_720

_LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)

# Why a lead found nobody: a reason that passes by itself goes before one that does not.
_EMPTY_REASONS: Final = (
    ("at_cap", "all_at_cap"),
    ("at_day_cap", "all_at_cap"),
    ("on_leave", "nobody_available"),
    ("never_open", "nobody_available"),
    ("off_rotation", "nobody_available"),
    ("earlier_owner", "pool_exhausted"),
)


@dataclass(frozen=True, slots=True)
class LayerRule:
    """One rule of a layer. `rule` None is "everyone else". `value` is a pool's slug, or a priority."""

    name: str
    rule: Rule | None
    value: str | int


@dataclass(frozen=True, slots=True)
class RuleSet:
    """A compiled version. `fields` and `reads_engagements` say which facts it needs at all."""

    pools: tuple[LayerRule, ...]
    priorities: tuple[LayerRule, ...]
    horizon: timedelta
    fields: frozenset[str]
    reads_engagements: bool

    @property
    def needs_facts(self) -> bool:
        return bool(self.fields) or self.reads_engagements


def compile_rule_set(content: Mapping[str, Any], schema: Schema) -> RuleSet:
    """Compile the stored form (routing.models.RuleSetVersion). Raises core.rules.InvalidRule."""
    pools = tuple(_layer_rule(item, "pool", schema) for item in content.get("pools", ()))
    priorities = tuple(_layer_rule(item, "priority", schema) for item in content.get("priorities", ()))
    rules = [item.rule for item in (*pools, *priorities) if item.rule is not None]
    return RuleSet(
        pools=pools,
        priorities=priorities,
        horizon=timedelta(minutes=content.get("horizon_minutes", DEFAULT_HORIZON_MINUTES)),
        fields=frozenset().union(*(rule.fields for rule in rules)),
        reads_engagements=any(rule.reads_engagements for rule in rules),
    )


def _layer_rule(item: Mapping[str, Any], key: str, schema: Schema) -> LayerRule:
    when = item.get("when")
    return LayerRule(item["name"], None if when is None else compile_rule(when, schema), item[key])


def turn_step(weight: int) -> int:
    """What one lead adds to the counter of somebody of this weight."""
    return max(1, TURN // weight) if weight > 0 else 0


class Seat(NamedTuple):
    """A member's place in a pool. weight 2 takes two turns where weight 1 takes one; 0 takes none."""

    member_id: str
    weight: int = 1


@dataclass(frozen=True, slots=True)
class PoolView:
    """A pool as it stands. counters: turns taken, `turn_step` each, by member, above the pool's least."""

    id: str
    seats: Sequence[Seat]
    counters: Mapping[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class Candidate:
    """A person as routing sees them now.

    calendar: their working hours; None is always open. absences: leave as [start, end), by start.
    weight:   of the person in every pool, multiplied with the seat's.
    leads_today counts their local day. Caps of None do not bind. owns_leads: has working hours and limits of
    their own, as everybody has who may be given leads.
    """

    member_id: str
    is_active: bool = True
    owns_leads: bool = True
    on_rotation: bool = True
    calendar: WorkCalendar | None = None
    absences: Sequence[tuple[datetime, datetime]] = ()
    open_leads: int = 0
    cap_open: int | None = None
    leads_today: int = 0
    cap_per_day: int | None = None
    last_assigned_at: datetime | None = None
    weight: int = 1


@dataclass(frozen=True, slots=True)
class Match:
    """What the two rule layers said, before anybody was looked at. pool_at, priority_at: which rule."""

    pool: str | None
    rule: str
    priority: int
    rule_set: RuleSet
    facts: Facts
    pool_at: int | None
    priority_at: int | None

    def layers(self) -> dict[str, list[dict[str, Any]]]:
        """Every rule with how it came out, for the trace; made when it is asked for."""
        return {
            "pools": _told(self.rule_set.pools, self.pool_at, self.facts),
            "priorities": _told(self.rule_set.priorities, self.priority_at, self.facts),
        }


@dataclass(frozen=True, slots=True)
class DecisionResult:
    """The choice and why. member_id None: nobody. counters_after: of the pool; None if nobody took a turn.

    candidates, tie_break, nobody: parts of the trace; nobody is why the fallback person got it. matched: None
    where no rule was asked.
    """

    member_id: str | None
    outcome: str  # assigned, unrouted
    reason: str
    pool: str | None
    rule: str
    priority: int
    counters_after: dict[str, int] | None = None
    candidates: Sequence[Mapping[str, Any]] = ()
    tie_break: str = ""
    nobody: str = ""
    matched: Match | None = field(default=None, compare=False, repr=False)

    @property
    def trace(self) -> dict[str, Any]:
        """Everything that spoke for and against, as JSON-safe data."""
        told: dict[str, Any] = {
            "layers": self.matched.layers() if self.matched else {"pools": [], "priorities": []},
            "candidates": list(self.candidates),
            "tie_break": self.tie_break,
            "pool": self.pool,
            "priority": self.priority,
        }
        return {**told, "nobody": self.nobody} if self.nobody else told


class Openings:
    """First opening of calendars from one instant on. Reps share calendars, so each is asked once a batch."""

    __slots__ = ("_found", "now")

    def __init__(self, now: datetime) -> None:
        self.now = now
        self._found: dict[int, datetime | None] = {}

    def of(self, candidate: Candidate) -> datetime | None:
        """When the person next works, leave left out: `now` if they do now, None if never."""
        calendar = candidate.calendar
        if calendar is None:
            opening: datetime | None = self.now
        else:
            key = id(calendar)
            if key not in self._found:
                self._found[key] = _next_open(calendar, self.now)
            opening = self._found[key]
        if not candidate.absences or opening is None:
            return opening
        return _after_leave(opening, candidate)


def _next_open(calendar: WorkCalendar, at: datetime) -> datetime | None:
    try:
        return calendar.next_open(at)
    except CalendarClosedError:
        return None


def _after_leave(opening: datetime, candidate: Candidate) -> datetime | None:
    """The first opening outside any leave. Absences are in order of their start, so one pass is enough."""
    found: datetime | None = opening
    for start, end in candidate.absences:
        if found is not None and start <= found < end:
            found = end if candidate.calendar is None else _next_open(candidate.calendar, end)
    return found


def match(rule_set: RuleSet, facts: Facts) -> Match:
    """The rule layers alone: the pool and the priority. First match wins in each."""
    pool_at = _first_match(rule_set.pools, facts)
    priority_at = _first_match(rule_set.priorities, facts)
    hit = None if pool_at is None else rule_set.pools[pool_at]
    return Match(
        pool=str(hit.value) if hit else None,
        rule=hit.name if hit else "",
        priority=0 if priority_at is None else int(rule_set.priorities[priority_at].value),
        rule_set=rule_set,
        facts=facts,
        pool_at=pool_at,
        priority_at=priority_at,
    )


def _first_match(rules: Sequence[LayerRule], facts: Facts) -> int | None:
    for position, item in enumerate(rules):
        if item.rule is None or item.rule.matches(facts):
            return position
    return None


def _told(rules: Sequence[LayerRule], matched_at: int | None, facts: Facts) -> list[dict[str, Any]]:
    """Every rule of a layer: "no" before the match, "skipped" after it."""
    last = len(rules) if matched_at is None else matched_at
    lines = [
        {
            "name": item.name,
            "result": "match" if position == matched_at else "no",
            "leaves": item.rule.marks(facts) if item.rule else "",
        }
        for position, item in enumerate(rules[: last + 1])
    ]
    return lines + [{"name": item.name, "result": "skipped"} for item in rules[last + 1 :]]


def decide(
    *,
    facts: Facts,
    rule_set: RuleSet,
    pools: Mapping[str, PoolView],
    candidates: Mapping[str, Candidate],
    now: datetime,
    exclude: Collection[str] = (),
    openings: Openings | None = None,
) -> DecisionResult:
    """Route one lead. pools: by slug, active ones only. exclude: earlier owners. Nothing given is changed."""
    return choose(
        match(rule_set, facts),
        pools=pools,
        candidates=candidates,
        now=now,
        horizon=rule_set.horizon,
        exclude=exclude,
        openings=openings,
    )


def choose(
    matched: Match,
    *,
    pools: Mapping[str, PoolView],
    candidates: Mapping[str, Candidate],
    now: datetime,
    horizon: timedelta,
    exclude: Collection[str] = (),
    openings: Openings | None = None,
) -> DecisionResult:
    """The availability layer: the person of the pool that the rules chose. See `decide`."""
    if matched.pool is None:
        return _nobody(matched, "no_rule", [])
    pool = pools.get(matched.pool)
    if pool is None:
        return _nobody(matched, "pool_missing", [])
    if not pool.seats:
        return _nobody(matched, "pool_empty", [])
    rows = _look_at(pool, candidates, openings or Openings(now), now, exclude)
    group = _soonest(rows, now + horizon)
    shown = [row[-1] for row in rows]
    if not group:
        return _nobody(matched, _why_empty(shown), shown)
    winner, tie_break = _whose_turn(group)
    person, *_, line = winner
    line["result"], line["reason"] = "chosen", "weighted_round_robin"
    return DecisionResult(
        member_id=person.member_id,
        outcome="assigned",
        reason="weighted_round_robin",
        pool=matched.pool,
        rule=matched.rule,
        priority=matched.priority,
        counters_after=_counters_after(rows, group, winner),
        candidates=shown,
        tie_break=tie_break,
        matched=matched,
    )


# One candidate while the pool is looked at: who, turns so far, what a turn costs them, when they can answer,
# and their line of the trace. A plain tuple, since a hundred are made for every decision.
_Row: TypeAlias = tuple[Candidate, int, int, datetime, dict[str, Any]]
_REFUSED: Final = datetime.max.replace(tzinfo=UTC)  # in place of when they can answer


def _look_at(
    pool: PoolView,
    candidates: Mapping[str, Candidate],
    openings: Openings,
    now: datetime,
    exclude: Collection[str],
) -> list[_Row]:
    counters = pool.counters
    mean = _mean(pool)
    opening_of = openings.of
    rows: list[_Row] = []
    for member_id, seat_weight in pool.seats:
        person = candidates[member_id]
        weight = seat_weight * person.weight
        turns = counters.get(member_id, mean)
        opening = None
        reason = _refusal(person, weight, now, exclude)
        if reason is None and (opening := opening_of(person)) is None:
            reason = "never_open"
        line: dict[str, Any] = {
            "member": member_id,
            "result": "refused" if reason else "next",
            "reason": reason or "later_turn",
            "turns": turns,
            "weight": weight,
            "open": person.open_leads,
            "cap_open": person.cap_open,
            "today": person.leads_today,
            "cap_per_day": person.cap_per_day,
        }
        step = TURN if weight == 1 else turn_step(weight)
        rows.append((person, turns, step, opening or _REFUSED, line))
    return rows


def _mean(pool: PoolView) -> int:
    """Where a newcomer joins, neither flooded nor starved: the mean of those seated who have a counter."""
    counters = pool.counters
    known = [counters[member_id] for member_id, _ in pool.seats if member_id in counters]
    return sum(known) // len(known) if known else 0


def _refusal(person: Candidate, weight: int, now: datetime, exclude: Collection[str]) -> str | None:
    """Why this person cannot have the lead whatever the hour; None if they can."""
    if not person.is_active:
        return "inactive"
    if not person.owns_leads:
        return "owns_no_leads"
    if exclude and person.member_id in exclude:
        return "earlier_owner"
    if not person.on_rotation:
        return "off_rotation"
    if weight <= 0:
        return "no_weight"
    if person.absences:
        for start, end in person.absences:
            if start <= now < end:
                return "on_leave"
    cap = person.cap_open
    if cap is not None and person.open_leads >= cap:
        return "at_cap"
    cap = person.cap_per_day
    if cap is not None and person.leads_today >= cap:
        return "at_day_cap"
    return None


def _soonest(rows: Sequence[_Row], limit: datetime) -> list[_Row]:
    """Those who work by `limit`, or else those who open first. Marks the willing rest with when they open."""
    willing = [row for row in rows if row[3] is not _REFUSED]
    if not willing:
        return []
    first = min([row[3] for row in willing])
    group = []
    texts: dict[datetime, str] = {}  # reps share their openings
    for row in willing:
        _, _, _, opening, line = row
        if opening <= limit:
            group.append(row)
            continue
        if first > limit and opening == first:
            group.append(row)
        else:
            line["reason"] = "opens_later"
        if opening not in texts:
            texts[opening] = opening.isoformat()
        line["opens_at"] = texts[opening]
    return group


def _whose_turn(group: Sequence[_Row]) -> tuple[_Row, str]:
    """The written order: fewest turns counting this one, longest since the last lead, lowest id.

    With it what decided: "only_one", "turns", "longest_waiting" or "id".
    """
    if len(group) == 1:
        return group[0], "only_one"
    fewest = min([turns + step for _, turns, step, _, _ in group])
    level = [row for row in group if row[1] + row[2] == fewest]
    if len(level) == 1:
        return level[0], "turns"
    since = [row[0].last_assigned_at or _LONG_AGO for row in level]
    oldest = min(since)
    waiting = [row for row, last in zip(level, since, strict=True) if last == oldest]
    winner = min(waiting, key=lambda row: row[0].member_id)
    winner[4]["last_at"] = None if oldest == _LONG_AGO else oldest.isoformat()
    return winner, "longest_waiting" if len(waiting) == 1 else "id"


def _why_empty(shown: Sequence[Mapping[str, Any]]) -> str:
    seen = {row["reason"] for row in shown}
    for refusal, reason in _EMPTY_REASONS:
        if refusal in seen:
            return reason
    return "nobody_available"


def _nobody(matched: Match, reason: str, candidates: list[dict[str, Any]]) -> DecisionResult:
    return DecisionResult(
        member_id=None,
        outcome="unrouted",
        reason=reason,
        pool=matched.pool,
        rule=matched.rule,
        priority=matched.priority,
        candidates=candidates,
        matched=matched,
    )


def _counters_after(rows: Sequence[_Row], group: Sequence[_Row], winner: _Row) -> dict[str, int]:
    """The rotation after this turn. Only those seated are kept, so whoever left is forgotten.

    Whoever could not take part does not save up turns: they stay at most one turn behind the pool, or a
    holiday would end in a flood. Earlier owners were passed over for this lead alone and keep what they have.
    """
    level = min([turns for _, turns, _, _, _ in group])
    after = {}
    for row in rows:
        person, turns, step, _, line = row
        if row is winner:
            turns += step
        elif turns < level - step and line["reason"] != "earlier_owner":
            turns = level - step
        after[person.member_id] = turns
    return _from_zero(after)


def _from_zero(counters: dict[str, int]) -> dict[str, int]:
    """Counters above the least of them, so that they stay small for ever."""
    least = min(counters.values())
    return {member_id: turns - least for member_id, turns in counters.items()} if least else counters


def with_credit(counters: Mapping[str, int], member_id: str, weight: int) -> dict[str, int]:
    """The counters after a turn was given back to a member whose lead was no good. Strangers earn none."""
    after = dict(counters)
    if member_id in after and weight > 0:
        after[member_id] -= turn_step(weight)
        after = _from_zero(after)
    return after
