"""The decision as a pure function: layers, refusals, turns, and what must hold for all facts."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.businesstime import WorkCalendar
from core.rules import Facts, Field, Schema
from routing.decide import (
    TURN,
    Candidate,
    DecisionResult,
    OffHours,
    PoolView,
    RuleSet,
    Seat,
    Strategy,
    compile_rule_set,
    decide,
    turn_step,
    with_credit,
)

NOW = datetime(2026, 11, 17, 9, 0, tzinfo=UTC)  # a Tuesday, 10:00 in Berlin
SUNDAY_NIGHT = datetime(2026, 11, 22, 22, 0, tzinfo=UTC)
WEEK = {day: [("09:00", "17:30")] for day in ("mon", "tue", "wed", "thu", "fri")}
BERLIN = WorkCalendar("Europe/Berlin", WEEK)
LONDON = WorkCalendar("Europe/London", WEEK)
NEW_YORK = WorkCalendar("America/New_York", WEEK)
SCHEMA = Schema([Field("employees", "number", "Employees"), Field("country", "text", "Country")])
NIGHTS = {day: [("00:00", "24:00")] for day in ("sat", "sun")}
EVERYONE = {"pools": [{"name": "Everyone", "when": None, "pool": "inbound"}], "horizon_minutes": 30}


def rules(content: dict[str, Any] | None = None) -> RuleSet:
    return compile_rule_set(content or EVERYONE, SCHEMA)


def run(
    people: Iterable[Candidate],
    *,
    now: datetime = NOW,
    counters: dict[str, int] | None = None,
    weights: dict[str, int] | None = None,
    values: dict[str, object] | None = None,
    content: dict[str, Any] | None = None,
    exclude: Iterable[str] = (),
    may_wait: bool = True,
    beside: Mapping[str, PoolView] | None = None,
    others: Iterable[Candidate] = (),
    **pool: Any,
) -> DecisionResult:
    """Decide with all `people` seated in the pool "inbound". beside: more pools, and others: people, who sit
    there or nowhere. pool: settings of PoolView."""
    seated = {person.member_id: person for person in people}
    candidates = seated | {person.member_id: person for person in others}
    seats = [Seat(member_id, (weights or {}).get(member_id, 1)) for member_id in seated]
    return decide(
        facts=Facts(values or {}, (), now),
        rule_set=rules(content),
        pools={"inbound": PoolView("p", seats, counters or {}, **pool), **(beside or {})},
        candidates=candidates,
        now=now,
        exclude=set(exclude),
        may_wait=may_wait,
    )


def deal(people: list[Candidate], leads: int, *, weights: dict[str, int] | None = None) -> list[str]:
    """Who gets `leads` leads that come a minute apart, with counters and loads carried on."""
    people = [replace(person) for person in people]
    counters: dict[str, int] = {}
    got = []
    for minute in range(leads):
        now = NOW + timedelta(minutes=minute % 300)
        result = run(people, now=now, counters=counters, weights=weights)
        assert result.member_id is not None
        assert result.counters_after is not None
        counters = result.counters_after
        winner = next(person for person in people if person.member_id == result.member_id)
        winner.open_leads += 1
        winner.leads_today += 1
        winner.last_assigned_at = NOW + timedelta(minutes=minute)
        got.append(result.member_id)
    return got


def refused(result: DecisionResult) -> dict[str, str]:
    lines = result.trace["candidates"]
    return {line["member"]: line["reason"] for line in lines if line["result"] == "refused"}


class TestLayers:
    CONTENT: dict[str, Any] = {
        "pools": [
            {
                "name": "Large",
                "when": {"field": "employees", "op": "at_least", "value": 500},
                "pool": "missing",
            },
            {
                "name": "Germany",
                "when": {"field": "country", "op": "equals", "value": "DE"},
                "pool": "inbound",
            },
            {
                "name": "France",
                "when": {"field": "country", "op": "equals", "value": "FR"},
                "pool": "inbound",
            },
        ],
        "priorities": [
            {"name": "Big", "when": {"field": "employees", "op": "at_least", "value": 100}, "priority": 5},
            {"name": "Rest", "when": None, "priority": 1},
        ],
    }

    def test_the_first_match_wins_in_each_layer(self) -> None:
        result = run([Candidate("a")], values={"country": "DE", "employees": 200}, content=self.CONTENT)
        assert (result.rule, result.pool, result.priority) == ("Germany", "inbound", 5)
        assert result.trace["layers"]["pools"] == [
            {"name": "Large", "result": "no", "leaves": "0"},
            {"name": "Germany", "result": "match", "leaves": "1"},
            {"name": "France", "result": "skipped"},
        ]

    def test_what_is_not_known_is_marked(self) -> None:
        result = run([Candidate("a")], values={"country": "DE"}, content=self.CONTENT)
        assert result.trace["layers"]["pools"][0]["leaves"] == "?"
        assert result.priority == 1

    @pytest.mark.parametrize(
        ("values", "reason"),
        [({"country": "IT"}, "no_rule"), ({"employees": 900, "country": "DE"}, "pool_missing")],
    )
    def test_a_lead_that_no_pool_takes_says_why(self, values: dict[str, object], reason: str) -> None:
        result = run([Candidate("a")], values=values, content=self.CONTENT)
        assert (result.member_id, result.outcome, result.reason) == (None, "unrouted", reason)

    def test_an_empty_pool(self) -> None:
        assert run([]).reason == "pool_empty"


class TestAvailability:
    @pytest.mark.parametrize(
        ("person", "reason"),
        [
            (Candidate("x", is_active=False), "inactive"),
            (Candidate("x", on_rotation=False), "off_rotation"),
            (Candidate("x", weight=0), "no_weight"),
            (Candidate("x", absences=[(NOW, NOW + timedelta(hours=1))]), "on_leave"),
            (Candidate("x", open_leads=5, cap_open=5), "at_cap"),
            (Candidate("x", leads_today=2, cap_per_day=2), "at_day_cap"),
            (Candidate("x", leads_this_week=9, cap_per_week=9), "at_week_cap"),
            (Candidate("x", open_deals=3, cap_deals=3), "at_deal_cap"),
        ],
    )
    def test_who_cannot_have_it_is_refused_with_the_reason(self, person: Candidate, reason: str) -> None:
        result = run([person, Candidate("y")])
        assert result.member_id == "y"
        assert refused(result) == {"x": reason}

    def test_an_earlier_owner_is_refused(self) -> None:
        result = run([Candidate("x"), Candidate("y")], exclude=["x"])
        assert (result.member_id, refused(result)) == ("y", {"x": "earlier_owner"})

    @pytest.mark.parametrize(
        ("people", "reason"),
        [
            ([Candidate("x", open_leads=1, cap_open=1), Candidate("y", on_rotation=False)], "all_at_cap"),
            ([Candidate("x", on_rotation=False), Candidate("y", is_active=False)], "nobody_available"),
        ],
    )
    def test_nobody_left_says_why(self, people: list[Candidate], reason: str) -> None:
        result = run(people)
        assert (result.member_id, result.reason, result.counters_after) == (None, reason, None)
        assert len(refused(result)) == 2

    def test_everybody_had_it(self) -> None:
        assert run([Candidate("x")], exclude=["x"]).reason == "pool_exhausted"

    def test_leave_ends_at_its_last_instant(self) -> None:
        person = Candidate("x", absences=[(NOW - timedelta(days=1), NOW)])
        assert run([person]).member_id == "x"

    def test_who_works_now_goes_before_who_opens_later(self) -> None:
        result = run([Candidate("a", calendar=NEW_YORK), Candidate("b", calendar=BERLIN)])
        assert result.member_id == "b"
        (late, _) = result.trace["candidates"]
        assert (late["result"], late["reason"]) == ("next", "opens_later")
        assert late["opens_at"] == "2026-11-17T14:00:00+00:00"

    def test_who_opens_within_the_horizon_counts_as_there(self) -> None:
        before_london_opens = datetime(2026, 11, 17, 8, 40, tzinfo=UTC)
        people = [Candidate("a", calendar=LONDON), Candidate("b", calendar=BERLIN)]
        assert run(people, now=before_london_opens, counters={"a": 0, "b": TURN}).member_id == "a"
        early = before_london_opens - timedelta(minutes=20)
        assert run(people, now=early, counters={"a": 0, "b": TURN}).member_id == "b"

    def test_a_lead_of_sunday_night_gets_mondays_first_person(self) -> None:
        people = [
            Candidate("a", calendar=NEW_YORK),
            Candidate("b", calendar=LONDON),
            Candidate("c", calendar=BERLIN),
        ]
        result = run(people, now=SUNDAY_NIGHT)
        assert result.member_id == "c"
        opens = {line["member"]: line["opens_at"] for line in result.trace["candidates"]}
        assert opens["c"] == "2026-11-23T08:00:00+00:00"

    def test_leave_at_the_opening_puts_the_opening_off(self) -> None:
        monday = datetime(2026, 11, 23, tzinfo=UTC)
        away = Candidate("c", calendar=BERLIN, absences=[(monday, monday + timedelta(days=2))])
        result = run([away, Candidate("a", calendar=NEW_YORK)], now=SUNDAY_NIGHT)
        assert result.member_id == "a"
        assert result.trace["candidates"][0]["opens_at"] == "2026-11-25T08:00:00+00:00"


class TestTurns:
    def test_a_tie_goes_to_who_waits_longest_not_to_the_senior(self) -> None:
        people = [
            Candidate("a-senior", last_assigned_at=NOW - timedelta(hours=1)),
            Candidate("b", last_assigned_at=NOW - timedelta(hours=3)),
            Candidate("c", last_assigned_at=NOW - timedelta(hours=2)),
        ]
        result = run(people)
        assert (result.member_id, result.trace["tie_break"]) == ("b", "longest_waiting")

    def test_then_to_the_lowest_id(self) -> None:
        result = run([Candidate("b"), Candidate("a")])
        assert (result.member_id, result.trace["tie_break"]) == ("a", "id")

    def test_fewer_turns_beat_the_longest_wait(self) -> None:
        people = [Candidate("a"), Candidate("b", last_assigned_at=NOW)]
        result = run(people, counters={"a": TURN, "b": 0})
        assert (result.member_id, result.trace["tie_break"]) == ("b", "turns")

    def test_a_newcomer_joins_at_the_mean(self) -> None:
        people = [
            Candidate("a", last_assigned_at=NOW),
            Candidate("b", last_assigned_at=NOW),
            Candidate("new"),
        ]
        result = run(people, counters={"a": 0, "b": 4 * TURN})
        assert result.member_id == "a"
        assert result.counters_after == {"a": 0, "b": 3 * TURN, "new": TURN}

    def test_a_newcomer_is_not_flooded(self) -> None:
        counters = {"a": 40 * TURN, "b": 40 * TURN}
        got: Counter[str] = Counter()
        for _ in range(30):
            result = run([Candidate("a"), Candidate("b"), Candidate("new")], counters=counters)
            assert result.member_id is not None
            assert result.counters_after is not None
            counters = result.counters_after
            got[result.member_id] += 1
        assert got == {"a": 10, "b": 10, "new": 10}

    def test_a_holiday_does_not_end_in_a_flood(self) -> None:
        away = Candidate("away", on_rotation=False)
        counters: dict[str, int] = {"away": 0, "a": 0}
        for _ in range(20):
            counters = run([away, Candidate("a")], counters=counters).counters_after or {}
        back = [Candidate("away"), Candidate("a", last_assigned_at=NOW)]
        firsts = []
        for _ in range(6):
            result = run(back, counters=counters)
            counters = result.counters_after or {}
            firsts.append(result.member_id)
        assert Counter(firsts)["away"] <= 4

    def test_who_left_the_pool_is_forgotten(self) -> None:
        result = run([Candidate("a")], counters={"a": 5 * TURN, "gone": 0})
        assert result.counters_after == {"a": 0}

    def test_an_earlier_owner_keeps_their_turns(self) -> None:
        result = run([Candidate("x"), Candidate("y")], counters={"x": 0, "y": 5 * TURN}, exclude=["x"])
        assert result.counters_after == {"x": 0, "y": 6 * TURN}

    def test_weights_of_seat_and_person_multiply(self) -> None:
        people = [Candidate("a", weight=2), Candidate("b")]
        got = Counter(deal(people, 70, weights={"a": 3}))
        assert got == {"a": 60, "b": 10}

    def test_credit_gives_the_turn_back(self) -> None:
        counters = run([Candidate("a"), Candidate("b")]).counters_after
        assert counters == {"a": TURN, "b": 0}
        assert with_credit(counters, "a", 1) == {"a": 0, "b": 0}
        assert with_credit({"a": 0, "b": 0}, "a", 2) == {"a": 0, "b": turn_step(2)}
        assert with_credit({"a": 0}, "stranger", 1) == {"a": 0}


class TestStrategies:
    def test_round_robin_gives_everybody_the_same_whatever_their_weight(self) -> None:
        people = [Candidate("a", weight=3), Candidate("b")]
        counters: dict[str, int] = {}
        got: Counter[str | None] = Counter()
        for _ in range(10):
            result = run(people, counters=counters, strategy=Strategy.ROUND_ROBIN)
            counters = result.counters_after or {}
            got[result.member_id] += 1
        assert got == {"a": 5, "b": 5}
        assert result.reason == "round_robin"

    def test_weight_nought_takes_no_turn_in_any_strategy(self) -> None:
        for strategy in Strategy:
            result = run([Candidate("a", weight=0), Candidate("b")], strategy=strategy)
            assert refused(result) == {"a": "no_weight"}

    def test_the_least_loaded_is_who_has_most_room_below_their_cap(self) -> None:
        people = [
            Candidate("a", open_leads=4, cap_open=5),
            Candidate("b", open_leads=6, cap_open=12),
            Candidate("c", open_leads=11),
        ]
        result = run(people, strategy=Strategy.LEAST_LOADED)
        assert (result.member_id, result.reason, result.trace["tie_break"]) == ("b", "least_loaded", "load")

    def test_a_tie_of_loads_is_broken_by_turns(self) -> None:
        people = [Candidate("a", open_leads=2, cap_open=4), Candidate("b", open_leads=3, cap_open=6)]
        result = run(people, counters={"a": TURN, "b": 0}, strategy=Strategy.LEAST_LOADED)
        assert (result.member_id, result.trace["tie_break"]) == ("b", "turns")

    def test_the_fastest_is_at_work_now_before_who_opens_within_the_horizon(self) -> None:
        before_london_opens = datetime(2026, 11, 17, 8, 40, tzinfo=UTC)
        people = [Candidate("a", calendar=LONDON), Candidate("b", calendar=BERLIN, open_leads=9)]
        assert run(people, now=before_london_opens).member_id == "a"
        result = run(people, now=before_london_opens, strategy=Strategy.FASTEST)
        assert (result.member_id, result.reason) == ("b", "fastest")

    def test_of_those_who_are_equally_fast_the_least_loaded_has_it(self) -> None:
        people = [Candidate("a", open_leads=3), Candidate("b", open_leads=2)]
        assert run(people, strategy=Strategy.FASTEST).member_id == "b"

    def test_a_lead_that_is_claimed_is_nobodys_until_then_and_names_who_may(self) -> None:
        people = [Candidate("a"), Candidate("b", on_rotation=False), Candidate("c")]
        result = run(people, strategy=Strategy.CLAIM)
        assert (result.member_id, result.outcome, result.reason) == (None, "unrouted", "waits_for_claim")
        assert result.pool == "inbound"
        assert result.counters_after is None
        reasons = {line["member"]: line["reason"] for line in result.trace["candidates"]}
        assert reasons == {"a": "may_claim", "b": "off_rotation", "c": "may_claim"}

    def test_a_lead_that_leaves_its_owner_is_not_offered_again(self) -> None:
        people = [Candidate("a"), Candidate("b")]
        result = run(people, strategy=Strategy.CLAIM, may_wait=False, exclude=["a"])
        assert (result.member_id, result.reason) == ("b", "weighted_round_robin")


class TestAccountOwner:
    ACCOUNT: dict[str, object] = {"account.owner_id": "owner"}

    def test_the_accounts_owner_goes_before_everybody_and_takes_no_turn(self) -> None:
        result = run(
            [Candidate("a")], others=[Candidate("owner", weight=0)], values=self.ACCOUNT, owner_first=True
        )
        assert (result.member_id, result.reason) == ("owner", "account_owner")
        assert result.counters_after is None
        assert [line["member"] for line in result.trace["candidates"]] == ["owner", "a"]

    def test_by_the_hours_of_a_rota_in_which_they_sit(self) -> None:
        people = [Candidate("a", calendar=BERLIN), Candidate("owner", calendar=BERLIN)]
        nights = WorkCalendar("Europe/Berlin", NIGHTS)
        asked: dict[str, Any] = {"now": SUNDAY_NIGHT, "values": self.ACCOUNT, "owner_first": True}
        result = run(people, calendar=nights, **asked)
        assert (result.member_id, result.reason) == ("owner", "account_owner")
        beside = run(people[:1], others=people[1:], calendar=nights, **asked)
        assert (beside.member_id, beside.reason) == ("a", "weighted_round_robin")

    def test_in_a_pool_that_does_not_ask_them_they_get_nothing(self) -> None:
        result = run([Candidate("a")], others=[Candidate("owner")], values=self.ACCOUNT)
        assert result.member_id == "a"

    @pytest.mark.parametrize(
        ("owner", "reason"),
        [
            (Candidate("owner", is_active=False), "inactive"),
            (Candidate("owner", absences=[(NOW, NOW + timedelta(days=1))]), "on_leave"),
            (Candidate("owner", open_leads=2, cap_open=2), "at_cap"),
            (Candidate("owner", on_rotation=False), "off_rotation"),
            (Candidate("owner", calendar=NEW_YORK), "opens_later"),
        ],
    )
    def test_who_cannot_answer_is_passed_over_with_the_reason(self, owner: Candidate, reason: str) -> None:
        result = run([Candidate("a")], others=[owner], values=self.ACCOUNT, owner_first=True)
        assert result.member_id == "a"
        (line,) = [line for line in result.trace["candidates"] if line["member"] == "owner"]
        assert line["reason"] == reason

    def test_at_night_they_get_it_if_nobody_opens_before_them(self) -> None:
        owner = Candidate("owner", calendar=BERLIN)
        result = run(
            [Candidate("a", calendar=NEW_YORK)],
            others=[owner],
            values=self.ACCOUNT,
            owner_first=True,
            now=SUNDAY_NIGHT,
        )
        assert result.member_id == "owner"

    def test_one_who_sits_in_the_pool_too_is_shown_once(self) -> None:
        people = [Candidate("owner"), Candidate("a")]
        result = run(people, values=self.ACCOUNT, owner_first=True)
        assert result.member_id == "owner"
        assert [line["member"] for line in result.trace["candidates"]] == ["owner", "a"]


class TestOffHours:
    MONDAY = "2026-11-23T08:00:00+00:00"

    def overflow(self, *people: str, **settings: Any) -> dict[str, PoolView]:
        return {"rota": PoolView("r", [Seat(each) for each in people], **settings)}

    def test_a_lead_of_the_night_is_held_until_the_first_of_the_pool_opens(self) -> None:
        people = [Candidate("a", calendar=NEW_YORK), Candidate("b", calendar=BERLIN)]
        result = run(people, now=SUNDAY_NIGHT, off_hours=OffHours.HOLD)
        assert (result.member_id, result.outcome, result.reason) == (None, "unrouted", "held")
        assert result.trace["opens_at"] == self.MONDAY

    def test_by_day_nothing_is_held(self) -> None:
        assert run([Candidate("b", calendar=BERLIN)], off_hours=OffHours.HOLD).member_id == "b"

    def test_a_lead_that_leaves_its_owner_is_not_held(self) -> None:
        result = run(
            [Candidate("b", calendar=BERLIN)], now=SUNDAY_NIGHT, off_hours=OffHours.HOLD, may_wait=False
        )
        assert result.member_id == "b"

    def test_the_pool_that_it_overflows_to_has_it_and_the_trace_shows_both(self) -> None:
        result = run(
            [Candidate("b", calendar=BERLIN)],
            others=[Candidate("n")],
            beside=self.overflow("n"),
            now=SUNDAY_NIGHT,
            off_hours=OffHours.OVERFLOW,
            overflow="rota",
        )
        assert (result.member_id, result.pool, result.trace["passed_on"]) == ("n", "rota", ["inbound"])
        assert [(line["member"], line.get("pool")) for line in result.trace["candidates"]] == [
            ("b", None),
            ("n", "rota"),
        ]

    @pytest.mark.parametrize(
        ("sits", "asked", "who", "reason"),
        [
            (["owner", "n"], True, "owner", "account_owner"),  # in the rota, by its hours
            (["n"], True, "n", "weighted_round_robin"),  # whoever is at work answers sooner than they would
            (["owner", "n"], False, "n", "weighted_round_robin"),
        ],
    )
    def test_a_rota_goes_before_an_accounts_owner_who_is_not_at_work(
        self, sits: list[str], asked: bool, who: str, reason: str
    ) -> None:
        nights = WorkCalendar("Europe/Berlin", NIGHTS)
        rota = self.overflow(*sits, calendar=nights, owner_first=asked, counters={"owner": 720720})
        result = run(
            [Candidate("b", calendar=BERLIN)],
            others=[Candidate("owner", calendar=BERLIN), Candidate("n", calendar=BERLIN)],
            beside=rota,
            values={"account.owner_id": "owner"},
            owner_first=True,
            now=SUNDAY_NIGHT,
            off_hours=OffHours.OVERFLOW,
            overflow="rota",
        )
        assert (result.member_id, result.pool, result.reason) == (who, "rota", reason)

    @pytest.mark.parametrize(("in_pool", "mark"), [(["b"], "beside"), (["b", "owner"], "seated")])
    def test_the_trace_says_who_of_those_passed_over_owns_the_account(
        self, in_pool: list[str], mark: str
    ) -> None:
        owner = Candidate("owner", calendar=NEW_YORK)
        people = {"b": Candidate("b", calendar=BERLIN), "owner": owner}
        result = run(
            [people[each] for each in in_pool],
            others=[owner, Candidate("n")],
            beside=self.overflow("n"),
            values={"account.owner_id": "owner"},
            owner_first=True,
            now=SUNDAY_NIGHT,
            off_hours=OffHours.OVERFLOW,
            overflow="rota",
        )
        assert result.member_id == "n"
        marks = {line["member"]: line.get("owns_account") for line in result.trace["candidates"]}
        assert marks == {"b": None, "owner": mark, "n": None}

    def test_an_accounts_owner_who_opens_later_has_it_where_else_nobody_could(self) -> None:
        result = run(
            [Candidate("b", open_leads=1, cap_open=1)],
            others=[Candidate("owner", calendar=BERLIN)],
            beside=self.overflow(),
            values={"account.owner_id": "owner"},
            owner_first=True,
            now=SUNDAY_NIGHT,
            off_hours=OffHours.OVERFLOW,
            overflow="rota",
        )
        assert (result.member_id, result.pool) == ("owner", "inbound")

    def test_a_full_pool_overflows_too(self) -> None:
        result = run(
            [Candidate("b", open_leads=1, cap_open=1)],
            others=[Candidate("n")],
            beside=self.overflow("n"),
            off_hours=OffHours.OVERFLOW,
            overflow="rota",
        )
        assert result.member_id == "n"

    def test_where_nobody_is_at_work_anywhere_it_waits_for_its_own_pool(self) -> None:
        result = run(
            [Candidate("b", calendar=BERLIN)],
            others=[Candidate("n", calendar=NEW_YORK)],
            beside=self.overflow("n", off_hours=OffHours.HOLD),
            now=SUNDAY_NIGHT,
            off_hours=OffHours.OVERFLOW,
            overflow="rota",
        )
        assert (result.reason, result.pool, result.trace["opens_at"]) == ("held", "inbound", self.MONDAY)

    def test_one_that_leaves_its_owner_then_goes_to_who_opens_first_of_its_own_pool(self) -> None:
        result = run(
            [Candidate("b", calendar=BERLIN)],
            others=[Candidate("n", calendar=NEW_YORK)],
            beside=self.overflow("n", off_hours=OffHours.HOLD),
            now=SUNDAY_NIGHT,
            off_hours=OffHours.OVERFLOW,
            overflow="rota",
            may_wait=False,
        )
        assert (result.member_id, result.pool) == ("b", "inbound")

    def test_pools_that_overflow_in_a_circle_end(self) -> None:
        result = run(
            [Candidate("b", open_leads=1, cap_open=1)],
            beside=self.overflow(off_hours=OffHours.OVERFLOW, overflow="inbound"),
            off_hours=OffHours.OVERFLOW,
            overflow="rota",
        )
        assert (result.reason, result.pool) == ("all_at_cap", "inbound")

    def test_a_rota_with_hours_of_its_own_is_at_work_outside_its_peoples(self) -> None:
        always = WorkCalendar("UTC", {day: [("00:00", "24:00")] for day in WEEK} | NIGHTS)
        result = run([Candidate("b", calendar=BERLIN)], now=SUNDAY_NIGHT, calendar=always, off_hours="hold")
        assert result.member_id == "b"

    def test_leave_counts_in_a_rota_too(self) -> None:
        always = WorkCalendar("UTC", {day: [("00:00", "24:00")] for day in WEEK} | NIGHTS)
        away = Candidate("b", absences=[(SUNDAY_NIGHT, SUNDAY_NIGHT + timedelta(hours=9))])
        assert refused(run([away], now=SUNDAY_NIGHT, calendar=always)) == {"b": "on_leave"}

    def test_the_turns_that_absence_saves_up_are_a_setting(self) -> None:
        away = Candidate("away", on_rotation=False)
        for turns in (0, 3):
            counters: dict[str, int] = {"away": 0, "a": 0}
            for _ in range(20):
                counters = (
                    run([away, Candidate("a")], counters=counters, absence_turns=turns).counters_after or {}
                )
            back = [Candidate("away"), Candidate("a")]
            in_a_row = 0
            while (result := run(back, counters=counters)).member_id == "away":
                in_a_row, counters = in_a_row + 1, result.counters_after or {}
            assert in_a_row == turns + 1


# --- For all facts ---

CALENDARS = [None, BERLIN, LONDON, NEW_YORK]


@st.composite
def a_person(draw: st.DrawFn, member_id: str) -> Candidate:
    days = draw(st.integers(-3, 3))
    leave = [(NOW + timedelta(days=days), NOW + timedelta(days=days + 1))] if draw(st.booleans()) else []
    return Candidate(
        member_id,
        is_active=draw(st.sampled_from([True, True, True, False])),
        on_rotation=draw(st.sampled_from([True, True, True, False])),
        calendar=draw(st.sampled_from(CALENDARS)),
        absences=leave,
        open_leads=draw(st.integers(0, 4)),
        cap_open=draw(st.sampled_from([None, 2, 4])),
        leads_today=draw(st.integers(0, 4)),
        cap_per_day=draw(st.sampled_from([None, 2, 4])),
        last_assigned_at=draw(st.sampled_from([None, NOW - timedelta(hours=1), NOW - timedelta(hours=2)])),
        weight=draw(st.integers(0, 3)),
    )


@st.composite
def a_case(draw: st.DrawFn) -> dict[str, Any]:
    ids = [f"m{number}" for number in range(draw(st.integers(1, 6)))]
    return {
        "people": [draw(a_person(member_id)) for member_id in ids],
        "now": NOW + timedelta(minutes=draw(st.integers(0, 10_000))),
        "counters": {
            member_id: draw(st.integers(0, 3)) * TURN // 2 for member_id in ids if draw(st.booleans())
        },
        "exclude": [member_id for member_id in ids if draw(st.sampled_from([False, False, True]))],
        "strategy": draw(st.sampled_from([each for each in Strategy if each != Strategy.CLAIM])),
        "off_hours": draw(st.sampled_from([OffHours.ASSIGN, OffHours.HOLD])),
        "absence_turns": draw(st.integers(0, 3)),
    }


def on_leave(person: Candidate, now: datetime) -> bool:
    return any(start <= now < end for start, end in person.absences)


@given(case=a_case())
@settings(max_examples=150, deadline=None)
def test_the_chosen_may_have_it(case: dict[str, Any]) -> None:
    result = run(**case)
    if result.member_id is None:
        return
    person = next(each for each in case["people"] if each.member_id == result.member_id)
    assert person.is_active
    assert person.on_rotation
    assert not on_leave(person, case["now"])
    assert person.cap_open is None or person.open_leads < person.cap_open
    assert person.cap_per_day is None or person.leads_today < person.cap_per_day
    assert person.member_id not in case["exclude"]


@given(case=a_case())
@settings(max_examples=100, deadline=None)
def test_the_same_facts_give_the_same_decision(case: dict[str, Any]) -> None:
    first = run(**case)
    assert run(**case) == first
    backwards = run(**{**case, "people": list(reversed(case["people"]))})
    assert (backwards.member_id, backwards.reason) == (first.member_id, first.reason)
    assert json.loads(json.dumps(first.trace)) == first.trace
    assert len(first.trace["candidates"]) == len(case["people"])


@given(case=a_case(), why=st.sampled_from(["inactive", "off_rotation", "leave", "cap"]))
@settings(max_examples=100, deadline=None)
def test_somebody_who_cannot_have_it_changes_only_the_trace(case: dict[str, Any], why: str) -> None:
    stranger = {
        "inactive": Candidate("a", is_active=False),
        "off_rotation": Candidate("a", on_rotation=False),
        "leave": Candidate("a", absences=[(case["now"], case["now"] + timedelta(days=9))]),
        "cap": Candidate("a", open_leads=3, cap_open=3),
    }[why]
    before = run(**case)
    after = run(**{**case, "people": [stranger, *case["people"]]})
    assert after.member_id == before.member_id
    assert after.trace["candidates"][1:] == before.trace["candidates"]
    assert after.trace["candidates"][0]["result"] == "refused"


@given(case=a_case())
@settings(max_examples=150, deadline=None)
def test_taking_a_loser_away_changes_only_the_trace(case: dict[str, Any]) -> None:
    # Everybody has a counter: where a newcomer joins depends on all who are there, and is meant to.
    case["counters"] = {person.member_id: 0 for person in case["people"]} | case["counters"]
    before = run(**case)
    for person in case["people"]:
        if person.member_id == before.member_id or len(case["people"]) == 1:
            continue
        left = [each for each in case["people"] if each is not person]
        after = run(**{**case, "people": left})
        assert after.member_id == before.member_id
        results = {line["member"]: line["result"] for line in before.trace["candidates"]}
        del results[person.member_id]
        assert {line["member"]: line["result"] for line in after.trace["candidates"]} == results


@given(case=a_case())
@settings(max_examples=100, deadline=None)
def test_counters_stay_small_and_above_nought(case: dict[str, Any]) -> None:
    after = run(**case).counters_after
    if after is not None:
        assert min(after.values()) == 0
        assert max(after.values()) <= max([0, *case["counters"].values()]) + 2 * TURN
        assert set(after) == {person.member_id for person in case["people"]}


@given(weights=st.lists(st.integers(1, 6), min_size=2, max_size=5))
@settings(max_examples=25, deadline=None)
def test_shares_follow_the_weights(weights: list[int]) -> None:
    people = [Candidate(f"m{number}", weight=weight) for number, weight in enumerate(weights)]
    rounds = 4
    got = Counter(deal(people, rounds * sum(weights)))
    for number, weight in enumerate(weights):
        assert abs(got[f"m{number}"] - rounds * weight) <= 1


@given(count=st.integers(1, 7), leads=st.integers(1, 40))
@settings(max_examples=25, deadline=None)
def test_equal_weights_stay_within_one(count: int, leads: int) -> None:
    got = Counter(deal([Candidate(f"m{number}") for number in range(count)], leads))
    shares = [got[f"m{number}"] for number in range(count)]
    assert max(shares) - min(shares) <= 1
