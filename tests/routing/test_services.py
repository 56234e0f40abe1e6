"""Batches under locks: caps, days, credit, what is written, and the dry run that writes nothing."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from core.errors import NotFound
from core.rules import Facts
from leads.models import Handoff
from routing.models import Pool, PoolSeat, RepLoad, RuleSetVersion
from routing.selectors import explain_layers, fallback_of, get_decision
from routing.services import (
    RouteOutcome,
    RouteRequest,
    give_credit,
    release,
    route_batch,
)
from tenants.models import Member, RepProfile
from tenants.services import add_leave
from tests.factories import Org
from tests.routing.conftest import make_handoffs

pytestmark = pytest.mark.django_db


def route(handoffs: list[Handoff], now: datetime) -> list[RouteOutcome]:
    return route_batch([RouteRequest(handoff) for handoff in handoffs], trigger="intake", now=now)


def load(member: Member) -> RepLoad:
    found: RepLoad = RepLoad.objects.get(member=member)
    return found


class TestCaps:
    def test_a_cap_is_never_passed_within_a_batch(self, in_acme: Org, now: datetime) -> None:
        RepProfile.objects.update(cap_open=3)
        outcomes = route(make_handoffs(in_acme, 12, now=now), now)
        got = Counter(outcome.member_id for outcome in outcomes)
        assert got == {**{rep.id: 3 for rep in in_acme.reps}, None: 3}
        assert {outcome.reason for outcome in outcomes if outcome.member_id is None} == {"all_at_cap"}

    def test_a_cap_counts_over_all_pools(self, in_acme: Org, now: datetime) -> None:
        rep = in_acme.reps[0]
        other = Pool.objects.create(slug="other", name="Other")
        PoolSeat.objects.create(pool=other, member=rep)
        PoolSeat.objects.exclude(member=rep).delete()
        RepProfile.objects.update(cap_open=2)
        content = {
            "pools": [
                {
                    "name": "Germany",
                    "when": {"field": "lead.country", "op": "equals", "value": "DE"},
                    "pool": "other",
                },
                {"name": "Everyone", "when": None, "pool": "inbound"},
            ],
            "priorities": [],
        }
        RuleSetVersion.objects.update(state="retired")
        RuleSetVersion.objects.create(
            number=2, state="published", content=content, created_at=now, created_by="system"
        )
        requests = [
            RouteRequest(handoff, Facts({"lead.country": "DE" if at % 2 else "FR"}, (), now))
            for at, handoff in enumerate(make_handoffs(in_acme, 4, now=now))
        ]
        outcomes = route_batch(requests, trigger="intake", now=now)
        assert [outcome.member_id for outcome in outcomes] == [rep.id, rep.id, None, None]
        assert {outcome.pool_name for outcome in outcomes} == {"Inbound", "Other"}

    def test_the_day_turns_over_where_the_rep_lives(self, in_acme: Org, now: datetime) -> None:
        RepProfile.objects.update(cap_per_day=1, time_zone="Pacific/Auckland")
        route(make_handoffs(in_acme, 3, now=now, prefix="first"), now)
        assert {row.day.isoformat() for row in RepLoad.objects.filter(leads_today=1)} == {"2026-11-17"}
        (refused,) = route(make_handoffs(in_acme, 1, now=now, prefix="second"), now)
        assert refused.reason == "all_at_cap"
        midnight_there = now.replace(hour=11)
        (taken,) = route(make_handoffs(in_acme, 1, now=now, prefix="third"), midnight_there)
        assert taken.outcome == "assigned"

    def test_leave_is_respected(self, in_acme: Org, handoffs: list[Handoff], now: datetime) -> None:
        away, *others = in_acme.reps
        add_leave(member=away, starts_at=now - timedelta(hours=1), ends_at=now + timedelta(hours=1))
        got = Counter(outcome.member_id for outcome in route(handoffs, now))
        assert got == {rep.id: 3 for rep in others}

    def test_missing_load_rows_are_made(self, in_acme: Org, handoffs: list[Handoff], now: datetime) -> None:
        RepLoad.objects.all().delete()
        route(handoffs, now)
        assert {row.open_leads for row in RepLoad.objects.all()} == {2}


class TestCounters:
    def test_single_leads_rotate_as_a_batch_does(self, in_acme: Org, now: datetime) -> None:
        owners = []
        for minute, handoff in enumerate(make_handoffs(in_acme, 9, now=now)):
            (outcome,) = route([handoff], now + timedelta(minutes=minute))
            owners.append(outcome.member_id)
        assert Counter(owners) == {rep.id: 3 for rep in in_acme.reps}
        assert owners[:3] == owners[3:6] == owners[6:]

    def test_bad_data_earns_the_turn_back(self, in_acme: Org, now: datetime) -> None:
        (first,) = route(make_handoffs(in_acme, 1, now=now), now)
        assert first.member_id is not None
        assert give_credit(member_id=first.member_id, pool_id=in_acme.pool.id)
        in_acme.pool.refresh_from_db()
        assert set(in_acme.pool.counters.values()) == {0}

    def test_no_credit_without_a_seat_or_a_turn(self, in_acme: Org, now: datetime) -> None:
        assert not give_credit(member_id=in_acme.reps[0].id, pool_id=in_acme.pool.id)
        assert not give_credit(member_id=in_acme.fallback.id, pool_id=in_acme.pool.id)
        assert not give_credit(member_id=in_acme.reps[0].id, pool_id=uuid4())

    def test_loads_go_down_and_never_below_nothing(
        self, in_acme: Org, handoffs: list[Handoff], now: datetime
    ) -> None:
        route(handoffs, now)
        rep = in_acme.reps[0]
        release({rep.id: 1}, now=now)
        assert load(rep).open_leads == 1
        release({rep.id: 9}, now=now)
        assert load(rep).open_leads == 0


class TestRecords:
    def test_the_decision_says_which_rules_it_went_by(
        self, in_acme: Org, handoffs: list[Handoff], now: datetime
    ) -> None:
        (outcome, *_) = route(handoffs, now)
        decision = get_decision(decision_id=outcome.decision.id)
        assert decision.rule_set_version_id == in_acme.rule_set.id
        assert decision.pool == in_acme.pool
        assert explain_layers(decision)["pools"] == [
            {"name": "Everyone", "result": "match", "sentence": "Everyone else", "conditions": []}
        ]

    def test_conditions_are_told_in_words(self, in_acme: Org, handoffs: list[Handoff], now: datetime) -> None:
        tree = {"field": "account.employees", "op": "at_least", "value": 50}
        content: dict[str, Any] = {
            "pools": [{"name": "Mid", "when": tree, "pool": "inbound"}],
            "priorities": [],
        }
        RuleSetVersion.objects.update(state="retired")
        RuleSetVersion.objects.create(
            number=2, state="published", content=content, created_at=now, created_by="system"
        )
        request = RouteRequest(handoffs[0], Facts({"account.employees": 10}, (), now))
        (outcome,) = route_batch([request], trigger="intake", now=now)
        (line,) = explain_layers(outcome.decision)["pools"]
        assert (line["result"], line["conditions"]) == (
            "no",
            [{"sentence": "Employees at least 50", "state": "not_met"}],
        )

    def test_without_a_published_rule_set_leads_wait(
        self, in_acme: Org, handoffs: list[Handoff], now: datetime
    ) -> None:
        RuleSetVersion.objects.update(state="draft")
        (outcome, *_) = route(handoffs, now)
        assert (outcome.outcome, outcome.reason) == ("unrouted", "no_rule_set")

    def test_an_inactive_pool_takes_nothing(
        self, in_acme: Org, handoffs: list[Handoff], now: datetime
    ) -> None:
        Pool.objects.update(is_active=False)
        assert {outcome.reason for outcome in route(handoffs, now)} == {"pool_missing"}

    def test_a_decision_of_another_tenant_is_not_there(self, in_acme: Org, now: datetime) -> None:
        with pytest.raises(NotFound):
            get_decision(decision_id=uuid4())

    def test_an_inactive_fallback_is_none(self, in_acme: Org) -> None:
        assert fallback_of() == in_acme.fallback
        Member.objects.filter(id=in_acme.fallback.id).update(is_active=False)
        assert fallback_of() is None
