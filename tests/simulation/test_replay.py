"""The replay itself, without a database: limits hold, leave holds, and nothing given is changed."""

from __future__ import annotations

from collections import Counter
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.businesstime import WorkCalendar
from core.rules import Facts
from handoff.simulation.replay import Arrival, Span, World, replay
from leads.criteria import SCHEMA
from routing.decide import Candidate, OffHours, PoolView, Seat, Strategy, compile_rule_set
from slaportal.benches import routing_month

START = datetime(2026, 11, 16, tzinfo=UTC)  # a Monday
ZONES = ("Europe/Berlin", "America/New_York", "Asia/Singapore")
WEEK = ("mon", "tue", "wed", "thu", "fri")
RULES = compile_rule_set(
    {
        "pools": [
            {"name": "Big", "when": {"field": "lead.score", "op": "at_least", "value": 50}, "pool": "big"},
            {"name": "Everyone", "when": None, "pool": "all"},
        ],
        "priorities": [],
    },
    SCHEMA,
)

people = st.lists(
    st.tuples(
        st.sampled_from([None, 1, 2, 5]),  # a day
        st.sampled_from([None, 1, 3]),  # open at once
        st.sampled_from([1, 2]),  # weight
        st.sampled_from([None, (10, 40), (30, 90)]),  # away from one hour to another
    ),
    min_size=1,
    max_size=5,
)
leads = st.lists(
    st.tuples(st.integers(0, 6 * 24 * 60), st.sampled_from([10, 90]), st.sampled_from([None, 5, 600, 5000])),
    max_size=25,
)
how = st.tuples(st.sampled_from(list(Strategy)), st.sampled_from([OffHours.ASSIGN, OffHours.HOLD]))


def world_of(cast: list[Any], how: tuple[Strategy, OffHours]) -> World:
    found = {}
    for number, (per_day, at_once, weight, away) in enumerate(cast):
        zone = ZONES[number % 3]
        spans = [(START + timedelta(hours=away[0]), START + timedelta(hours=away[1]))] if away else []
        found[f"m{number}"] = Candidate(
            f"m{number}",
            calendar=WorkCalendar(zone, {day: [("09:00", "17:00")] for day in WEEK}),
            absences=spans,
            cap_per_day=per_day,
            cap_open=at_once,
            weight=weight,
        )
    seats = [Seat(each) for each in found]
    strategy, off_hours = how
    return World(
        since=START,
        until=START + timedelta(days=9),
        pools={
            "all": PoolView("all", seats, strategy=strategy, off_hours=off_hours),
            "big": PoolView("big", seats[:2], strategy=strategy, off_hours=off_hours),
        },
        people=found,
        zones={each: ZONES[number % 3] for number, each in enumerate(found)},
        spans=[Span("m0", START - timedelta(hours=5), START + timedelta(hours=30))],
    )


def arrivals_of(leads: list[Any]) -> list[Arrival]:
    found = []
    for number, (minute, score, lasts) in enumerate(sorted(leads, key=lambda each: each[0])):
        at = START + timedelta(minutes=minute)
        closes = at + timedelta(minutes=lasts) if lasts else None
        found.append(
            Arrival(str(number), str(number), at, Facts({"lead.score": score}, (), at), closes_at=closes)
        )
    return found


@settings(deadline=None, max_examples=120)
@given(cast=people, leads=leads, how=how)
def test_limits_and_leave_hold_and_every_lead_has_one_outcome(
    cast: list[Any], leads: list[Any], how: tuple[Strategy, OffHours]
) -> None:
    world, arrivals = world_of(cast, how), arrivals_of(leads)
    before = deepcopy((world.pools, world.people))
    found = replay(world, arrivals, RULES)
    assert (world.pools, world.people) == before
    assert replay(world, arrivals, RULES).outcomes == found.outcomes
    assert len(found.outcomes) == len(arrivals)
    a_day: Counter[tuple[str, Any]] = Counter()
    held: dict[str, list[tuple[datetime, datetime]]] = {}
    for one, outcome in zip(arrivals, found.outcomes, strict=True):
        assert outcome.pool == ("big" if one.facts.values["lead.score"] == 90 else "all")
        if outcome.member is None:
            assert outcome.reason
            continue
        person = world.people[outcome.member]
        assert outcome.given_at is not None
        assert outcome.able_at is not None
        assert one.at <= outcome.given_at <= outcome.able_at
        assert not any(start <= outcome.given_at < end for start, end in person.absences)
        zone = ZoneInfo(world.zones[outcome.member])
        a_day[outcome.member, outcome.given_at.astimezone(zone).date()] += 1
        end = one.closes_at or world.until
        if end > outcome.given_at:
            held.setdefault(outcome.member, []).append((outcome.given_at, end))
    held.setdefault("m0", []).append((START - timedelta(hours=5), START + timedelta(hours=30)))
    for member, person in world.people.items():
        if person.cap_per_day is not None:
            assert max((n for (who, _), n in a_day.items() if who == member), default=0) <= person.cap_per_day
        for start, _ in held.get(member, []):
            at_once = sum(begin <= start < end for begin, end in held[member])
            assert person.cap_open is None or at_once <= person.cap_open


@settings(deadline=None, max_examples=60)
@given(cast=people, leads=leads)
def test_with_somebody_free_of_limits_no_lead_is_left_at_the_end(cast: list[Any], leads: list[Any]) -> None:
    world = world_of([(None, None, 1, None), *cast], (Strategy.WEIGHTED, OffHours.HOLD))
    found = replay(world, arrivals_of(leads), RULES)
    assert all(one.member is not None for one in found.outcomes)


def test_a_lead_that_nobody_can_take_goes_out_as_soon_as_one_closes() -> None:
    world = world_of([(None, 1, 1, None)], (Strategy.WEIGHTED, OffHours.ASSIGN))
    (outcome,) = replay(world, arrivals_of([(10 * 60, 10, None)]), RULES).outcomes
    assert outcome.given_at == START + timedelta(hours=30)  # when the one from before is closed


@pytest.mark.parametrize("is_test", [True, False])
def test_a_test_lead_of_before_is_open_work_and_counts_towards_no_cap_of_a_day(is_test: bool) -> None:
    world = world_of([(1, 2, 1, None)], (Strategy.WEIGHTED, OffHours.ASSIGN))
    span = Span("m0", START + timedelta(hours=9), START + timedelta(hours=40), is_test)
    world = replace(world, since=START + timedelta(hours=10), spans=[span])
    first, second = arrivals_of([(11 * 60, 10, None), (35 * 60, 10, None)])
    found = replay(world, [first, second], RULES)
    assert (found.outcomes[0].given_at == first.at) is is_test
    assert found.most_open["m0"] == 2


def test_the_month_says_where_its_rhythm_comes_from_and_keeps_its_limits() -> None:
    figures = routing_month.run(data="/nowhere", leads=150)["figures"]
    assert figures["boston: rhythm"].startswith("made up")
    assert figures["olist: rhythm"].startswith("made up")
    assert all(value <= 12 for name, value in figures.items() if name.endswith("busiest day, most"))
    assert not any(value for name, value in figures.items() if name.endswith(": nobody"))
