"""Fairness as it is read: the same on the page, in the file and over the API, and as reckoned by hand."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from core.rules import Facts
from routing.decide import Strategy
from routing.fairness import Line, Turn, tally
from routing.models import Decision, Pool, PoolSeat
from routing.services import RouteRequest, route_batch
from routing.shares import PoolShares, shares
from routing.traces import candidates_of
from tenants.models import Member, RepProfile
from tenants.services import add_leave
from tests.factories import Org
from tests.handoff.conftest import browser
from tests.routing.conftest import make_handoffs

pytestmark = pytest.mark.django_db

DAYS = {"from": "2026-11-01", "to": "2026-11-30"}


def route(org: Org, count: int, *, now: datetime, prefix: str = "lead", **request: Any) -> list[Decision]:
    with org.scope():
        handoffs = make_handoffs(org, count, now=now, prefix=prefix)
        requests = [RouteRequest(each, **request) for each in handoffs]
        return [each.decision for each in route_batch(requests, trigger="intake", now=now)]


def read(org: Org, now: datetime) -> PoolShares:
    with org.scope():
        (found,) = shares(since=now - timedelta(days=1), until=now + timedelta(days=1)).pools
    return found


def by_hand(org: Org, *, level: bool = False) -> dict[str, Any]:
    """The tallies of every turn, by the pure module."""
    turns = []
    with org.scope():
        for each in Decision.objects.filter(reason__in=[str(one) for one in Strategy]):
            lines = []
            for line in candidates_of(each.trace):
                could = line["result"] != "refused" and line["reason"] != "opens_later"
                weight = min(1, line["weight"]) if level else line["weight"]
                lines.append(Line(line["member"], weight, "" if could else line["reason"]))
            turns.append(Turn(str(each.member_id), lines))
    return tally(turns)


@pytest.mark.parametrize("strategy", ["weighted_round_robin", "round_robin", "least_loaded", "fastest"])
def test_what_the_database_adds_up_is_what_the_module_would(acme: Org, now: datetime, strategy: str) -> None:
    away, full, third = acme.reps
    with acme.scope():
        Pool.objects.update(strategy=strategy)
        PoolSeat.objects.filter(member=third).update(weight=3)
        RepProfile.objects.filter(member=full).update(cap_open=3)
    route(acme, 12, now=now)
    with acme.scope():
        add_leave(member=away, starts_at=now, ends_at=now + timedelta(hours=5))
    route(acme, 5, now=now + timedelta(hours=1), prefix="second")
    found, wanted = read(acme, now), by_hand(acme, level=strategy == "round_robin")
    assert found.turns == 17
    for row in found.shares:
        own = wanted[str(row.member_id)]
        assert row.tally.turns == own.turns == 17
        for name in ("by_weight", "expected", "variance", "skew"):
            assert getattr(row.tally, name) == pytest.approx(getattr(own, name)), name
        assert (row.tally.actual, row.tally.kept_out) == (own.actual, own.kept_out)
    assert sum(row.tally.expected for row in found.shares) == pytest.approx(17)


def test_older_traces_count_as_new_ones_do(acme: Org, now: datetime) -> None:
    made = route(acme, 6, now=now)
    before = read(acme, now)
    with acme.scope():
        for each in made:
            plain = {**each.trace, "candidates": candidates_of(each.trace)}
            del plain["columns"]
            Decision.objects.filter(id=each.id).update(trace=plain)
    after = read(acme, now)
    for new, old in zip(before.shares, after.shares, strict=True):
        assert old.tally.expected == pytest.approx(new.tally.expected)
        assert old.tally.variance == pytest.approx(new.tally.variance)
        assert (old.tally.turns, old.tally.actual) == (new.tally.turns, new.tally.actual) == (6, 2)


def test_an_account_owner_of_another_pool_is_not_one_of_its_people(acme: Org, now: datetime) -> None:
    """They are looked at, and sit nowhere."""
    with acme.scope():
        Pool.objects.update(owner_first=True)
    owner = acme.fallback
    with acme.scope():
        RepProfile.objects.filter(member=owner).update(on_rotation=False)
    facts = Facts({"account.owner_id": str(owner.id)}, (), now)
    made = route(acme, 3, now=now, facts=facts)
    assert str(owner.id) in {line["member"] for line in candidates_of(made[0].trace)}
    assert owner.id not in {row.member_id for row in read(acme, now).shares}
    with acme.scope():
        RepProfile.objects.filter(member=owner).update(on_rotation=True)
    route(acme, 2, now=now, prefix="owned", facts=facts)
    found = read(acme, now)
    (past,) = [row.past for row in found.shares if row.member_id == owner.id]
    assert (found.turns, dict(found.past), dict(past)) == (3, {"account_owner": 2}, {"account_owner": 2})


def test_test_leads_count_nowhere(acme: Org, now: datetime) -> None:
    route(acme, 3, now=now)
    with acme.scope():
        make = make_handoffs(acme, 3, now=now, prefix="test", is_test=True)
        route_batch([RouteRequest(each) for each in make], trigger="intake", now=now)
    assert read(acme, now).turns == 3


def favour(org: Org, member: Member, now: datetime) -> None:
    """Somebody gives every lead of a tie to the same person."""
    for number in range(60):
        with org.scope():
            Pool.objects.update(counters={})
        route(org, 1, now=now + timedelta(seconds=number), prefix=f"tie{number}-")
        with org.scope():
            last = Decision.objects.latest("at")
            trace = last.trace
            for row in trace["candidates"]:
                chosen = row[0] == str(member.id)
                row[1:3] = ["chosen", last.reason] if chosen else ["next", "later_turn"]
            Decision.objects.filter(id=last.id).update(member=member, trace=trace)


def test_favouritism_is_called_so_and_a_rotation_is_chance(acme: Org, globex: Org, now: datetime) -> None:
    favour(acme, acme.reps[0], now)
    route(globex, 60, now=now)
    told = {}
    for org in (acme, globex):
        answer = Client().get("/api/v1/reports/fairness", DAYS, headers=org.auth).json()
        (pool,) = answer["results"]
        told[org.tenant.slug] = {each["name"]: each["verdict"] for each in pool["people"]}
    names = [rep.name for rep in acme.reps]
    assert told["acme"] == dict(zip(names, ["more", "less", "less"], strict=True))
    assert set(told["globex"].values()) == {"chance"}
    page = browser(acme.manager).get("/fairness", DAYS).content.decode()
    assert f"{names[0]} got more, {names[1]} got less and {names[2]} got less than chance explains." in page


def test_the_page_and_the_file_tell_the_same_and_lead_to_the_decisions(acme: Org, now: datetime) -> None:
    with acme.scope():
        Member.objects.filter(id=acme.reps[0].id).update(name="=cmd|calc")
        RepProfile.objects.filter(member=acme.reps[1]).update(cap_open=2)
    route(acme, 12, now=now)
    route(acme, 1, now=now, prefix="hand", to_member_id=acme.reps[1].id)
    client = browser(acme.manager)
    page = client.get("/fairness", DAYS)
    text = page.content.decode()
    assert "at the cap of open leads 7" in text or "at the cap of open leads 6" in text
    assert "chosen by a person 1" in text
    (each,) = page.context["found"]
    row = next(one for one in each["rows"] if one["share"].member_id == acme.reps[0].id)
    behind = client.get(row["got_url"])
    assert len(behind.context["rows"]) == row["share"].tally.actual
    assert len(client.get(row["asked_url"]).context["rows"]) == 12
    file = client.get("/fairness.csv", DAYS).content.decode("utf-8-sig")
    assert "'=cmd|calc" in file
    assert len(file.strip().splitlines()) == 4


def test_who_got_leads_past_the_rotation_alone_is_not_judged_and_does_not_judge_the_pool(
    acme: Org, now: datetime
) -> None:
    """The owner of an account sat through none of the turns; chance has no say about them."""
    with acme.scope():
        Pool.objects.update(owner_first=True)
    route(acme, 6, now=now, facts=Facts({}, (), now))
    route(acme, 1, now=now, prefix="owned", facts=Facts({"account.owner_id": str(acme.fallback.id)}, (), now))
    client = browser(acme.manager)
    (each,) = client.get("/fairness", DAYS).context["found"]
    row = next(one for one in each["rows"] if one["share"].member_id == acme.fallback.id)
    assert row["share"].tally.turns == 0
    assert each["finding"] == "Too few leads to tell favour from chance."
    file = client.get("/fairness.csv", DAYS).content.decode("utf-8-sig")
    (line,) = [line for line in file.splitlines() if acme.fallback.name in line]
    assert "hance" not in line


@pytest.mark.parametrize("query", ["pool=nowhere", "period=5d", "from=x", "from=2026-11-18&to=2026-11-17"])
def test_what_cannot_be_asked_is_refused(acme: Org, query: str) -> None:
    assert Client().get(f"/api/v1/reports/fairness?{query}", headers=acme.auth).status_code == 400
    assert browser(acme.admin).get(f"/fairness?{query}").status_code == 400


@pytest.mark.parametrize("role", ["marketing", "executive"])
def test_only_managers_and_admins_read_it(acme: Org, role: str) -> None:
    for member in (getattr(acme, role), acme.reps[0]):
        for path in ("/fairness", "/fairness.csv"):
            assert browser(member).get(path).status_code == 403


def test_the_queries_do_not_grow_with_the_decisions(acme: Org, now: datetime) -> None:
    counts = []
    browser(acme.admin).get("/fairness", DAYS)
    for batch in range(2):
        route(acme, 2 + 30 * batch, now=now, prefix=f"batch{batch}")
        with CaptureQueriesContext(connection) as asked:
            browser(acme.admin).get("/fairness", DAYS)
        counts.append(len(asked))
    assert counts[0] == counts[1]
