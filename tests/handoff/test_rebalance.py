"""Untouched leads of people who are away or have too many are suggested, shown, and moved by one click."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from handoff import rebalance
from handoff.services import Actor, accept_lead
from leads.models import Assignment, Handoff, Lead
from routing.models import RepLoad
from tenants.clock import fixed_clock
from tenants.models import AuditEntry, Leave, Member, RepProfile
from tests.factories import Org
from tests.handoff.conftest import browser, handoff_of, new_lead, owner_of
from tests.routing.test_rule_pages import text_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def leads(acme: Org, now: datetime) -> list[Lead]:
    """Six leads, two for each rep."""
    return [new_lead(acme, now, f"person{number}@company{number}.example") for number in range(6)]


def found(org: Org, now: datetime, by: Member | None = None) -> list[rebalance.Suggestion]:
    with org.scope():
        return rebalance.suggestions(member=by or org.manager, now=now)


def away(org: Org, member: Member, now: datetime) -> None:
    with org.scope():
        Leave.objects.create(
            member=member,
            starts_at=now - timedelta(hours=1),
            ends_at=now + timedelta(days=3),
            reason="vacation",
        )


def give_all(org: Org, member: Member, now: datetime) -> None:
    """All six leads belong to this person, as far as is counted here."""
    with org.scope():
        Handoff.objects.update(owner=member)
        RepLoad.objects.update(open_leads=0)
        RepLoad.objects.filter(member=member).update(open_leads=6)


def test_nobody_has_too_many_where_shares_are_even(acme: Org, leads: list[Lead], now: datetime) -> None:
    assert found(acme, now) == []


def test_somebody_away_is_suggested_with_what_they_have_not_touched(
    acme: Org, leads: list[Lead], now: datetime
) -> None:
    ann = owner_of(acme, leads[0])
    away(acme, ann, now)
    with acme.scope():
        accept_lead(lead_id=leads[0].id, actor=Actor.person(ann), clock=fixed_clock(now))
    (one,) = found(acme, now)
    assert (one.person.member, one.why, one.untouched) == (ann, ["away"], 1)
    assert one.leads[0].lead_id != leads[0].id


def test_over_the_cap_so_many_are_suggested_as_are_too_many(
    acme: Org, leads: list[Lead], now: datetime
) -> None:
    ann = acme.reps[0]
    give_all(acme, ann, now)
    with acme.scope():
        RepProfile.objects.filter(member=ann).update(cap_open=4)
    (one,) = found(acme, now)
    assert (one.why, one.untouched, len(one.leads)) == (["over_cap"], 6, 2)


def test_above_the_teams_mean_counts_where_it_is_set(acme: Org, leads: list[Lead], now: datetime) -> None:
    ann = acme.reps[0]
    give_all(acme, ann, now)
    with acme.scope():
        RepProfile.objects.update(cap_open=50)
    assert found(acme, now) == []
    with acme.scope():
        rebalance.change_above_team(above=50, actor="key:test", clock=fixed_clock(now))
    (one,) = found(acme, now)
    assert one.why == ["above_team"]
    assert one.mean is not None
    assert len(one.leads) == 6 - int(one.mean * 1.5)


def test_of_many_leads_those_that_wait_longest_are_read_and_the_others_counted(
    acme: Org, leads: list[Lead], now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann, ben = acme.reps[:2]
    give_all(acme, ann, now)
    with acme.scope():
        for number, lead in enumerate(leads):
            Handoff.objects.filter(lead=lead).update(started_at=now - timedelta(hours=number))
        Handoff.objects.filter(lead=leads[0]).update(owner=ben)
    away(acme, ann, now)
    away(acme, ben, now)
    monkeypatch.setattr(rebalance, "MOST_SUGGESTED", 2)
    hers, his = found(acme, now)
    assert (hers.person.member, hers.untouched) == (ann, 5)
    assert [each.lead_id for each in hers.leads] == [leads[5].id, leads[4].id]
    assert (his.untouched, [each.lead_id for each in his.leads]) == (1, [leads[0].id])


def test_test_leads_are_nobodys_burden(acme: Org, leads: list[Lead], now: datetime) -> None:
    give_all(acme, acme.reps[0], now)
    away(acme, acme.reps[0], now)
    with acme.scope():
        Handoff.objects.filter(lead__in=leads[1:]).update(is_test=True)
    (one,) = found(acme, now)
    assert (one.untouched, [each.lead_id for each in one.leads]) == (1, [leads[0].id])


def test_one_click_moves_what_the_preview_showed(
    acme: Org, leads: list[Lead], now: datetime, at_hand: Callable[[datetime], None]
) -> None:
    at_hand(now)
    ann = owner_of(acme, leads[0])
    away(acme, ann, now)
    client = browser(acme.manager)
    assert "Rebalance" in text_of(client.get("/board"))
    assert "2 could go on." in text_of(client.get("/rebalance"))
    with CaptureQueriesContext(connection) as caught:
        shown = client.get(f"/rebalance?person={ann.id}")
    said = " ".join(query["sql"].lower() for query in caught.captured_queries)
    assert " for update" not in said
    assert " for no key update" not in said
    assert "As things stand now: 2 go on" in text_of(shown)
    assert owner_of(acme, leads[0]) == ann
    done = client.post("/rebalance", {"person": str(ann.id), "how": "rules"}, follow=True)
    assert f"{ann.name}: 2 go on" in text_of(done)
    with acme.scope():
        assert not Handoff.objects.filter(owner=ann).exists()
    again = client.post("/rebalance", {"person": str(ann.id), "how": "rules"}, follow=True)
    assert "somebody was quicker" in text_of(again)


def test_the_page_costs_the_same_for_few_and_for_many(
    acme: Org, leads: list[Lead], now: datetime, at_hand: Callable[[datetime], None]
) -> None:
    at_hand(now)
    for rep in acme.reps[:2]:
        away(acme, rep, now)
    client = browser(acme.manager)

    def cost() -> int:
        with CaptureQueriesContext(connection) as caught:
            assert client.get("/rebalance").status_code == 200
        return len(caught)

    cost()
    few = cost()
    for number in range(12):
        lead = new_lead(acme, now, f"more{number}@more{number}.example")
        with acme.scope():
            Handoff.objects.filter(lead=lead).update(owner=acme.reps[number % 2])
    assert cost() == few <= 20


def test_offered_leads_are_put_up_to_be_claimed(
    acme: Org, leads: list[Lead], now: datetime, at_hand: Callable[[datetime], None]
) -> None:
    at_hand(now)
    ann = owner_of(acme, leads[0])
    away(acme, ann, now)
    client = browser(acme.manager)
    client.post("/rebalance", {"person": str(ann.id), "how": "claim"})
    handoff = handoff_of(acme, leads[0])
    assert (handoff.owner, handoff.unrouted_reason) == (None, "waits_for_claim")


def test_an_admin_sets_who_has_too_many_and_it_is_written_down(acme: Org) -> None:
    client = browser(acme.admin)
    assert client.post("/rebalance/setting", {"above_team": "5"}).status_code == 422
    assert client.post("/rebalance/setting", {"above_team": "50"}).status_code == 302
    assert browser(acme.manager).post("/rebalance/setting", {"above_team": "60"}).status_code == 403
    with acme.scope():
        assert rebalance.above_team() == 50
        assert AuditEntry.objects.filter(
            object_type="routingsettings", after={"rebalance_above": 50}
        ).exists()
    assert browser(acme.reps[0]).get("/rebalance").status_code == 403


def test_the_api_says_the_same(acme: Org, globex: Org, leads: list[Lead], now: datetime) -> None:
    def call(org: Org, method: str, query: str = "", body: Any = None) -> Any:
        data = json.dumps(body) if body is not None else ""
        return Client().generic(
            method, f"/api/v1/rebalance{query}", data, "application/json", headers=org.auth
        )

    ann = acme.reps[0]
    give_all(acme, ann, now)
    with acme.scope():
        RepProfile.objects.filter(member=ann).update(cap_open=4)
    body = call(acme, "GET", f"?member={acme.manager.id}").json()
    (one,) = body["results"]
    assert (one["member"]["id"], one["why"], len(one["leads"])) == (str(ann.id), ["over_cap"], 2)
    assert call(acme, "GET", f"?member={ann.id}").status_code == 400
    assert call(globex, "GET", f"?member={acme.manager.id}").status_code == 400
    assert call(acme, "PATCH", body={"above_team": 80}).status_code == 204
    assert call(acme, "GET", f"?member={acme.manager.id}").json()["above_team"] == 80
    assert call(acme, "PATCH", body={"above_team": None}).status_code == 204
    assert call(acme, "PATCH", body={}).status_code == 400


def test_a_weight_of_two_bears_twice_the_mean(acme: Org, now: datetime) -> None:
    ann = acme.reps[0]
    with acme.scope():
        RepProfile.objects.filter(member=ann).update(weight=2)
        RepLoad.objects.filter(member__in=acme.reps).update(open_leads=3)
        RepLoad.objects.filter(member=ann).update(open_leads=6)
        RepProfile.objects.filter(member=acme.fallback).update(weight=0)
        rebalance.change_above_team(above=10, actor="key:test", clock=fixed_clock(now))
        people = rebalance.people_watched(acme.manager, teams=rebalance.watched(acme.manager), now=now)
        assert set(rebalance.team_means(people).values()) == {3.0}
    new_leads_of_hers = [new_lead(acme, now, f"a{number}@a{number}.example") for number in range(3)]
    with acme.scope():
        Handoff.objects.filter(lead__in=new_leads_of_hers).update(owner=ann)
        RepLoad.objects.filter(member__in=acme.reps).update(open_leads=3)
        RepLoad.objects.filter(member=ann).update(open_leads=6)
    assert found(acme, now) == []


def test_nobody_who_has_too_much_gets_any_and_the_new_owner_reads_from_whom(
    acme: Org, leads: list[Lead], now: datetime, at_hand: Callable[[datetime], None]
) -> None:
    at_hand(now)
    ann, ben, cem = acme.reps
    with acme.scope():
        RepLoad.objects.filter(member=ann).update(open_leads=4)
        RepLoad.objects.filter(member=ben).update(open_leads=2)
        RepLoad.objects.filter(member=cem).update(open_leads=0)
        RepProfile.objects.filter(member=ann).update(cap_open=2)
        rebalance.change_above_team(above=10, actor="key:test", clock=fixed_clock(now))
    client = browser(acme.manager)
    assert {each.person.member for each in found(acme, now)} == {ann, ben}
    assert "2 go on: 2 to Rep3 Acme." in text_of(client.get(f"/rebalance?person={ann.id}"))
    client.post("/rebalance", {"person": str(ann.id), "how": "rules"})
    with acme.scope():
        (reason, _) = Assignment.objects.filter(member=cem, ended_at=None, hop=1).values_list(
            "reason", flat=True
        )
    assert reason.endswith(f"Moved from {ann.name}, who is over the cap.")
