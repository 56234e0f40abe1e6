"""The decision: the person of the pool that the rules chose, or of the one that it overflows to."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

from core.rules import Facts
from routing.decide.layers import ACCOUNT_OWNER, Match, RuleSet, match
from routing.decide.people import Candidate, OffHours, Openings, PoolView, Strategy, refusal
from routing.decide.turns import (
    REFUSED,
    TURN,
    Row,
    counters_after,
    mean_turns,
    soonest,
    turn_step,
    whose_turn,
)

#: Reasons of a lead that nobody has on purpose: its pool takes leads first come first served, or is closed.
WAITS_FOR_CLAIM: Final = "waits_for_claim"
OWNS_ACCOUNT: Final = "account_owner"
#: Marks the line of the account's owner who was asked first and did not get it: one of the pool, or not.
OWNER: Final = "owns_account"
SEATED: Final = "seated"
BESIDE: Final = "beside"
HELD: Final = "held"

# Why a lead found nobody: a reason that passes by itself goes before one that does not.
_EMPTY_REASONS: Final = (
    ("at_cap", "all_at_cap"),
    ("at_day_cap", "all_at_cap"),
    ("at_week_cap", "all_at_cap"),
    ("at_deal_cap", "all_at_cap"),
    ("on_leave", "nobody_available"),
    ("never_open", "nobody_available"),
    ("off_rotation", "nobody_available"),
    ("earlier_owner", "pool_exhausted"),
)

# How a pool without anybody to ask answers; a closed or full one has its own reasons.
_NOBODY_THERE: Final = ("pool_missing", "pool_empty", "all_at_cap", "nobody_available", "pool_exhausted")


@dataclass(frozen=True, slots=True)
class DecisionResult:
    """The choice and why. member_id None: nobody. counters_after: of the pool; None if nobody took a turn.

    candidates, tie_break, nobody: parts of the trace; nobody is why the fallback person got it. matched: None
    where no rule was asked. pool: that decided; passed_on: the pools before it that had nobody at work.
    opens_at: when the pool opens that holds the lead.
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
    passed_on: Sequence[str] = ()
    opens_at: datetime | None = None

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
        if self.nobody:
            told["nobody"] = self.nobody
        if self.passed_on:
            told["passed_on"] = list(self.passed_on)
        if self.opens_at is not None:
            told["opens_at"] = self.opens_at.isoformat()
        return told


def decide(
    *,
    facts: Facts,
    rule_set: RuleSet,
    pools: Mapping[str, PoolView],
    candidates: Mapping[str, Candidate],
    now: datetime,
    exclude: Collection[str] = (),
    openings: Openings | None = None,
    may_wait: bool = True,
) -> DecisionResult:
    """Route one lead. Nothing given is changed.

    pools:    by slug, active ones only, with those that they overflow to.
    exclude:  earlier owners.
    may_wait: it may be held for a pool's opening, or offered to be claimed. False for a lead that leaves an
              owner: whoever opens first has it, and where people claim leads, whoever's turn it is.
    """
    return choose(
        match(rule_set, facts),
        pools=pools,
        candidates=candidates,
        now=now,
        horizon=rule_set.horizon,
        exclude=exclude,
        openings=openings,
        may_wait=may_wait,
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
    may_wait: bool = True,
    offer: bool = False,
) -> DecisionResult:
    """The availability layer: the person of the pool that the rules chose. See `decide`.

    offer: nobody gets it, and whoever of the pool could have may claim it, whatever the pool's strategy.
    """
    if matched.pool is None:
        return _nobody(matched, "no_rule", None, [])
    limit = now + horizon
    ask = _Question(matched, pools, candidates, openings or Openings(now), limit, exclude, may_wait, offer)
    first = found = ask.of(matched.pool)
    slug, shown, passed_on = matched.pool, list(first.candidates), list[str]()
    while found.outcome == "unrouted" and found.reason != WAITS_FOR_CLAIM:
        following = ask.overflow_of(slug)
        if following is None or following == slug or following in passed_on:
            break
        passed_on.append(slug)
        slug = following
        found = ask.of(slug)
        shown += [{**line, "pool": slug} for line in found.candidates]
    if not passed_on:
        return found if found.reason != HELD or may_wait else ask.of(slug, whenever=True)
    if found.reason in (HELD, *_NOBODY_THERE):
        found = first
        if first.reason != HELD or not may_wait:  # nobody is to be waited for: the account's owner may be
            found = ask.of(matched.pool, whenever=True)
            shown[: len(first.candidates)] = found.candidates
    return replace(found, candidates=shown, passed_on=passed_on)


@dataclass(frozen=True, slots=True)
class _Question:
    """One lead, put to one pool after the other. limit: until when somebody counts as at work."""

    matched: Match
    pools: Mapping[str, PoolView]
    candidates: Mapping[str, Candidate]
    openings: Openings
    limit: datetime
    exclude: Collection[str]
    may_wait: bool
    offer: bool = False

    def overflow_of(self, slug: str) -> str | None:
        pool = self.pools.get(slug)
        return pool.overflow if pool is not None and pool.off_hours is OffHours.OVERFLOW else None

    def of(self, slug: str, *, whenever: bool = False) -> DecisionResult:
        """What this pool says. whenever: also where nobody of it is at work, whoever opens first has it."""
        pool = self.pools.get(slug)
        if pool is None:
            return _nobody(self.matched, "pool_missing", slug, [])
        rows = _look_at(pool, self.candidates, self.openings, self.exclude)
        shown = [row[-1] for row in rows]
        line = self._account_owner(pool, rows, whenever) if pool.owner_first and not self.offer else None
        if line is not None:
            member_id = line["member"]
            if line["result"] == "chosen":
                others = [each for each in shown if each["member"] != member_id]
                return _given(self.matched, slug, member_id, OWNS_ACCOUNT, [line, *others])
            theirs = next((each for each in shown if each["member"] == member_id), None)
            if theirs is None:
                shown.append({**line, OWNER: BESIDE})
            else:
                theirs[OWNER] = SEATED
        if not rows:
            return _nobody(self.matched, "pool_empty", slug, shown)
        group = soonest(rows, self.limit, first_only=pool.strategy is Strategy.FASTEST)
        if not group:
            return _nobody(self.matched, _why_empty(shown), slug, shown)
        opens_at = group[0][3]
        if opens_at > self.limit and pool.off_hours is not OffHours.ASSIGN and not whenever:
            return replace(_nobody(self.matched, HELD, slug, shown), opens_at=opens_at)
        if self.offer or (pool.strategy is Strategy.CLAIM and self.may_wait):
            for row in group:
                row[-1]["reason"] = "may_claim"
            return _nobody(self.matched, WAITS_FOR_CLAIM, slug, shown)
        winner, tie_break = whose_turn(group, pool.strategy)
        person, *_, line = winner
        how = Strategy.WEIGHTED if pool.strategy is Strategy.CLAIM else pool.strategy
        line["result"], line["reason"] = "chosen", str(how)
        return _given(
            self.matched,
            slug,
            person.member_id,
            str(how),
            shown,
            counters=counters_after(rows, group, winner, pool.absence_turns),
            tie_break=tie_break,
        )

    def _account_owner(self, pool: PoolView, rows: Sequence[Row], whenever: bool) -> dict[str, Any] | None:
        """The line of the account's owner, "chosen" where they can answer as soon as anybody of the pool.

        None where the account has none. Neither weights nor turns bind them; leave, caps and rotation do. The
        hours of a pool with hours of its own are theirs where they sit in it. While they are not at work a
        pool that overflows asks on: whoever is, in a rota, answers sooner than they would.
        """
        person = self.candidates.get(str(self.matched.facts.values.get(ACCOUNT_OWNER)))
        if person is None:
            return None
        line = _line_of(person, 0, 1)
        reason = refusal(person, 1, self.openings.now, self.exclude)
        hours = pool.calendar if any(row[0] is person for row in rows) else None
        opening = None if reason else self.openings.of(person, hours)
        if opening is None:
            line["result"], line["reason"] = "refused", reason or "never_open"
            return line
        first = min((row[3] for row in rows), default=REFUSED)
        asks_on = pool.off_hours is OffHours.OVERFLOW and pool.overflow is not None and not whenever
        if opening <= self.limit or (opening <= first and not asks_on):
            line["result"], line["reason"] = "chosen", OWNS_ACCOUNT
        else:
            line["reason"], line["opens_at"] = "opens_later", opening.isoformat()
        return line


def _look_at(
    pool: PoolView,
    candidates: Mapping[str, Candidate],
    openings: Openings,
    exclude: Collection[str],
) -> list[Row]:
    counters = pool.counters
    mean = mean_turns(pool)
    opening_of, hours, now = openings.of, pool.calendar, openings.now
    level = pool.strategy is Strategy.ROUND_ROBIN  # everybody's turn is as long
    rows: list[Row] = []
    for member_id, seat_weight in pool.seats:
        person = candidates[member_id]
        weight = seat_weight * person.weight
        turns = counters.get(member_id, mean)
        opening = None
        reason = refusal(person, weight, now, exclude)
        if reason is None and (opening := opening_of(person, hours)) is None:
            reason = "never_open"
        line = _line_of(person, turns, weight)
        if reason is not None:
            line["result"], line["reason"] = "refused", reason
        step = TURN if level or weight == 1 else turn_step(weight)
        rows.append((person, turns, step, opening or REFUSED, line))
    return rows


def _line_of(person: Candidate, turns: int, weight: int) -> dict[str, Any]:
    """A candidate's line of the trace, with every number that counts; of further caps only those set."""
    line: dict[str, Any] = {
        "member": person.member_id,
        "result": "next",
        "reason": "later_turn",
        "turns": turns,
        "weight": weight,
        "open": person.open_leads,
        "cap_open": person.cap_open,
        "today": person.leads_today,
        "cap_per_day": person.cap_per_day,
    }
    if person.cap_per_week is not None:
        line["week"], line["cap_per_week"] = person.leads_this_week, person.cap_per_week
    if person.cap_deals is not None:
        line["deals"], line["cap_deals"] = person.open_deals, person.cap_deals
    return line


def _why_empty(shown: Sequence[Mapping[str, Any]]) -> str:
    seen = {row["reason"] for row in shown}
    for passing, reason in _EMPTY_REASONS:
        if passing in seen:
            return reason
    return "nobody_available"


def _nobody(
    matched: Match, reason: str, pool: str | None, candidates: list[dict[str, Any]]
) -> DecisionResult:
    return DecisionResult(
        member_id=None,
        outcome="unrouted",
        reason=reason,
        pool=pool,
        rule=matched.rule,
        priority=matched.priority,
        candidates=candidates,
        matched=matched,
    )


def _given(
    matched: Match,
    pool: str,
    member_id: str,
    reason: str,
    candidates: list[dict[str, Any]],
    *,
    counters: dict[str, int] | None = None,
    tie_break: str = "",
) -> DecisionResult:
    return DecisionResult(
        member_id=member_id,
        outcome="assigned",
        reason=reason,
        pool=pool,
        rule=matched.rule,
        priority=matched.priority,
        counters_after=counters,
        candidates=candidates,
        tie_break=tie_break,
        matched=matched,
    )
