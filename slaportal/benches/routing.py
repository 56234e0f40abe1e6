"""How long one decision takes, pure, with 50 rules and 100 reps and with 500 of both; how many a second in
batches; and how long leads wait for each other at one pool's lock (see pool_lock).

The floor is what cannot be left out: evaluating the same conditions, and one `min` over as many ready tuples.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from statistics import median, quantiles
from time import perf_counter
from typing import Any
from uuid import UUID

from core.businesstime import WorkCalendar
from core.rules import Facts
from leads.criteria import SCHEMA
from routing.decide import TURN, Candidate, Openings, PoolView, RuleSet, Seat, compile_rule_set, decide
from slaportal.benches import pool_lock

NOW = datetime(2026, 11, 17, 9, 0, tzinfo=UTC)
RULES, REPS = 50, 100
MANY_RULES, MANY_REPS = 500, 500
ZONES = ("Europe/Berlin", "Europe/London", "America/New_York")


def run(**options: Any) -> dict[str, Any]:
    """Figures in microseconds a decision and decisions a second.

    options: repeat (how many decisions); lock (0 leaves out what needs a database).
    """
    repeat = int(options.get("repeat", 3_000))
    rules, pools, people = rule_set(), pool(), candidates()
    many = _many(max(50, repeat // 10))
    locks = pool_lock.run() if int(options.get("lock", 1)) else {"figures": {}, "floor": {}, "ratios": {}}
    single = timed(
        repeat, lambda facts: decide(facts=facts, rule_set=rules, pools=pools, candidates=people, now=NOW)
    )
    traced = timed(
        repeat,
        lambda facts: decide(facts=facts, rule_set=rules, pools=pools, candidates=people, now=NOW).trace,
    )
    bare = timed(repeat, floor(rules, people))
    return {
        "figures": {
            "decision_p50_us": median(single),
            "decision_p95_us": quantiles(single, n=20)[-1],
            "with_trace_p50_us": median(traced),
            "with_trace_p95_us": quantiles(traced, n=20)[-1],
            "batch_decisions_per_second": batch_rate(rules, pools, people, repeat),
            "rules": RULES,
            "reps": REPS,
            "many_decision_p50_us": median(many[0]),
            "many_decision_p95_us": quantiles(many[0], n=20)[-1],
            "many_rules": MANY_RULES,
            "many_reps": MANY_REPS,
            **locks["figures"],
        },
        "floor": {
            "bare_p50_us": median(bare),
            "bare_p95_us": quantiles(bare, n=20)[-1],
            "many_bare_p50_us": median(many[1]),
            "many_bare_p95_us": quantiles(many[1], n=20)[-1],
            **locks["floor"],
        },
        "ratios": {
            "decision_to_floor": median(single) / median(bare),
            "many_decision_to_floor": median(many[0]) / median(many[1]),
            **locks["ratios"],
        },
    }


def _many(repeat: int) -> tuple[list[float], list[float]]:
    """The same with 500 rules and 500 reps: decisions, and their floor."""
    rules, pools, people = rule_set(MANY_RULES), pool(MANY_REPS), candidates(MANY_REPS)
    single = timed(
        repeat, lambda facts: decide(facts=facts, rule_set=rules, pools=pools, candidates=people, now=NOW)
    )
    return single, timed(repeat, floor(rules, people))


def rule_set(count: int = RULES) -> RuleSet:
    """So many rules: all but 10 of pools, of which the last takes everybody, and 10 priorities. The longest
    way: of 50 rules 88 conditions, of 500 rules 988."""
    pools: list[dict[str, Any]] = [
        {
            "name": f"Band {band}",
            "when": {
                "all": [
                    {"field": "account.employees", "op": "between", "value": [band * 100, band * 100 + 99]},
                    {"field": "lead.country", "op": "one_of", "value": ["Germany", "France", "Spain"]},
                ]
            },
            "pool": "inbound",
        }
        for band in range(count - 10)
    ]
    priorities = [
        {
            "name": f"Score {score}",
            "when": {"field": "lead.score", "op": "at_least", "value": 100 - score},
            "priority": 100 - score,
        }
        for score in range(10)
    ]
    pools[-1]["when"] = None
    return compile_rule_set({"pools": pools, "priorities": priorities, "horizon_minutes": 30}, SCHEMA)


def candidates(count: int = REPS) -> dict[str, Candidate]:
    """So many reps on three calendars: some at their cap, some on leave, most free."""
    week = [("09:00", "17:30")]
    days = ("mon", "tue", "wed", "thu", "fri")
    calendars = [WorkCalendar(zone, dict.fromkeys(days, week)) for zone in ZONES]
    away = [(NOW - timedelta(days=1), NOW + timedelta(days=1))]
    return {
        rep(number): Candidate(
            rep(number),
            calendar=calendars[number % len(calendars)],
            absences=away if number % 10 == 0 else (),
            open_leads=number % 11,
            cap_open=10,
            cap_per_day=20,
            last_assigned_at=NOW - timedelta(minutes=number),
        )
        for number in range(count)
    }


def pool(count: int = REPS) -> dict[str, PoolView]:
    counters = {rep(number): TURN * (number % 3) for number in range(count)}
    return {"inbound": PoolView("inbound", [Seat(member_id) for member_id in counters], counters)}


def rep(number: int) -> str:
    """The id of a rep."""
    return str(UUID(int=number))


def facts() -> Facts:
    values = {"account.employees": 250_000, "lead.country": "Portugal", "lead.score": 12}
    return Facts(values, (), NOW)


def timed(repeat: int, action: Callable[[Facts], Any]) -> list[float]:
    """Microseconds of each call; every one gets fresh facts, as every lead does."""
    took = []
    for _ in range(repeat):
        lead = facts()
        start = perf_counter()
        action(lead)
        took.append((perf_counter() - start) * 1e6)
    return took


def floor(rules: RuleSet, people: dict[str, Candidate]) -> Callable[[Facts], Any]:
    tests = [item.rule.matches for item in (*rules.pools, *rules.priorities) if item.rule is not None]
    turns = [(TURN * (at % 3), people[key].last_assigned_at, key) for at, key in enumerate(people)]

    def bare(lead: Facts) -> Any:
        for test in tests:
            test(lead)
        return min(turns)

    return bare


def batch_rate(
    rules: RuleSet, pools: dict[str, PoolView], people: dict[str, Candidate], repeat: int
) -> float:
    """Decisions a second when one batch shares what calendars say, each decision counted before the next."""
    state = dict(pools)
    openings = Openings(NOW)
    leads = [facts() for _ in range(repeat)]
    start = perf_counter()
    for lead in leads:
        result = decide(
            facts=lead, rule_set=rules, pools=state, candidates=people, now=NOW, openings=openings
        )
        if result.counters_after is not None and result.pool is not None:
            view = state[result.pool]
            state[result.pool] = PoolView(view.id, view.seats, result.counters_after)
    return repeat / (perf_counter() - start)
