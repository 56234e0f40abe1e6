"""The decision log: found by what was asked, told to who may know, with what the rules read apart from it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from core.rules import Facts
from leads.models import Handoff, Lead
from leads.services import NewOwner, start_assignments
from routing import decisions as log
from routing.models import Decision, Pool, PoolSeat, RuleSetVersion
from routing.services import RouteRequest, route_batch
from routing.tasks import forget_decisions_tick
from routing.traces import candidates_of
from tenants import versions
from tenants.audit import SYSTEM
from tenants.clock import database_clock
from tenants.models import AuditEntry, Member, RepProfile, Role, Team
from tenants.services import add_leave, add_member
from tests.factories import Org
from tests.handoff.conftest import browser, new_lead
from tests.routing.conftest import make_handoffs

pytestmark = pytest.mark.django_db

RULES: dict[str, Any] = {
    "pools": [
        {
            "name": "Germany",
            "when": {"field": "lead.country", "op": "equals", "value": "Germany"},
            "pool": "inbound",
        },
        {
            "name": "Reachable",
            "when": {"field": "lead.phone", "op": "exists", "value": True},
            "pool": "other",
        },
        {"name": "Everyone", "when": None, "pool": "inbound"},
    ],
    "priorities": [
        {
            "name": "Asked for a demo",
            "when": {
                "engagements": {
                    "kind": "demo_request",
                    "measure": "count",
                    "op": "at_least",
                    "value": 1,
                    "within_days": 30,
                }
            },
            "priority": 10,
        }
    ],
}


@pytest.fixture
def org(acme: Org, now: datetime) -> Org:
    """Acme with a second pool of one rep, and rules that read the lead."""
    with acme.scope():
        other = Pool.objects.create(slug="other", name="Other")
        PoolSeat.objects.create(pool=other, member=acme.reps[2])
        RuleSetVersion.objects.update(state="retired")
        RuleSetVersion.objects.create(
            number=2, state="published", content=RULES, created_at=now, created_by=SYSTEM
        )
    return acme


def decide(
    org: Org, count: int, *, now: datetime, prefix: str = "lead", country: str = "Germany", **facts: Any
) -> list[Decision]:
    """So many leads are routed; their decisions, and each lead's owner as it is kept."""
    values = {"lead.country": country, **{f"lead.{name}": value for name, value in facts.items()}}
    engagements = [("demo_request", None, now - timedelta(hours=1)), ("page_view", "a", now)]
    with org.scope():
        handoffs = make_handoffs(org, count, now=now, prefix=prefix)
        outcomes = route_batch(
            [RouteRequest(each, Facts(values, engagements, now)) for each in handoffs],
            trigger="intake",
            now=now,
        )
        return [outcome.decision for outcome in outcomes]


def found(org: Org, **query: Any) -> list[str]:
    answer = Client().get("/api/v1/decisions", {"limit": 200, **query}, headers=org.auth)
    assert answer.status_code == 200, answer.content
    return [row["id"] for row in answer.json()["results"]]


def ids(decisions: list[Decision]) -> list[str]:
    return sorted((str(each.id) for each in decisions), reverse=True)


class TestSearch:
    def test_each_filter_finds_its_decisions_and_no_others(self, org: Org, now: datetime) -> None:
        german = decide(org, 4, now=now)
        other = decide(org, 2, now=now + timedelta(days=1), prefix="other", country="France", phone="+33 1")
        with org.scope():
            RepProfile.objects.update(on_rotation=False)
        nobody = decide(org, 1, now=now + timedelta(days=2), prefix="none")
        rep = org.reps[2]
        theirs = [each for each in german if each.member_id == rep.id]
        assert found(org) == [*ids(nobody), *ids(other), *ids(german)]
        assert found(org, rule="Reachable") == found(org, pool="other") == ids(other)
        assert found(org, member=rep.email) == [*ids(other), *ids(theirs)]
        assert found(org, member="none") == found(org, reason="nobody_available") == ids(nobody)
        assert found(org, member=str(rep.id), rule="Germany") == ids(theirs)
        assert found(org, **{"from": "2026-11-18", "to": "2026-11-18"}) == ids(other)
        assert found(org, lead="other1@customer.example") == [str(other[1].id)]
        assert found(org, trigger="breach") == []

    def test_a_candidate_is_found_whoever_got_the_lead(self, org: Org, now: datetime) -> None:
        german = decide(org, 3, now=now)
        decide(org, 2, now=now, prefix="other", country="France", phone="+33 1")
        assert found(org, candidate=org.reps[0].email) == ids(german)
        assert found(org, candidate=org.reps[0].email, member=org.reps[1].email) == ids(
            [each for each in german if each.member_id == org.reps[1].id]
        )
        assert found(org, candidate=org.manager.email) == []

    def test_a_candidate_of_older_traces_is_found_too(self, org: Org, now: datetime) -> None:
        (made,) = decide(org, 1, now=now)
        with org.scope():
            plain = {**made.trace, "candidates": candidates_of(made.trace)}
            del plain["columns"]
            Decision.objects.filter(id=made.id).update(trace=plain)
        assert found(org, candidate=str(org.reps[0].id)) == [str(made.id)]

    def test_pages_follow_each_other_without_a_gap(self, org: Org, now: datetime) -> None:
        made = decide(org, 7, now=now)
        url, seen = "/api/v1/decisions?limit=3", []
        while url:
            answer = Client().get(url, headers=org.auth).json()
            seen += [row["id"] for row in answer["results"]]
            url = answer["next"]
        assert seen == ids(made)

    def test_a_search_for_a_candidate_looks_through_so_many_and_goes_on(
        self, org: Org, now: datetime, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(log, "LOOKED_THROUGH", 3)
        early = decide(org, 2, now=now)
        with org.scope():
            PoolSeat.objects.filter(member=org.reps[0]).delete()
        decide(org, 4, now=now + timedelta(hours=1), prefix="later")
        with org.scope():
            PoolSeat.objects.create(pool=org.pool, member=org.reps[0])
        first = Client().get(f"/api/v1/decisions?candidate={org.reps[0].id}", headers=org.auth).json()
        assert first["results"] == []
        second = Client().get(first["next"], headers=org.auth).json()
        assert [row["id"] for row in second["results"]] == ids(early)
        assert (
            second["next"] is None or Client().get(second["next"], headers=org.auth).json()["results"] == []
        )

    @pytest.mark.parametrize(
        "query, path",
        [
            ("lead=nobody@nowhere.example", "/lead"),
            ("member=nobody@nowhere.example", "/member"),
            ("candidate=5", "/candidate"),
            ("pool=nowhere", "/pool"),
            ("reason=because", "/reason"),
            ("trigger=often", "/trigger"),
            ("from=yesterday", "/from"),
            ("from=2026-11-18&to=2026-11-17", "/from"),
            ("cursor=x", "/cursor"),
            (f"rule={'r' * 300}", "/rule"),
        ],
    )
    def test_what_cannot_be_asked_is_refused_with_its_place(self, org: Org, query: str, path: str) -> None:
        refused = Client().get(f"/api/v1/decisions?{query}", headers=org.auth)
        assert refused.status_code == 400
        assert [error["path"] for error in refused.json()["errors"]] == [path]

    def test_the_queries_do_not_grow_with_what_is_found(self, org: Org, now: datetime) -> None:
        counts = []
        Client().get("/api/v1/decisions", headers=org.auth)
        for batch in range(2):
            decide(org, 1 + 20 * batch, now=now, prefix=f"batch{batch}")
            for query in ("", f"?candidate={org.reps[0].id}"):
                with CaptureQueriesContext(
                    connection,
                ) as asked:
                    Client().get(f"/api/v1/decisions{query}", headers=org.auth)
                counts.append(len(asked))
        assert counts[:2] == counts[2:]


class TestWhole:
    def test_a_decision_has_what_the_rules_read_and_the_counters_before_and_after(
        self, org: Org, now: datetime
    ) -> None:
        decide(org, 1, now=now)
        (made,) = decide(org, 1, now=now, prefix="second", country="France", phone="+49 30 1234")
        (first,) = decide(org, 1, now=now, prefix="third")
        whole = Client().get(f"/api/v1/decisions/{made.id}", headers=org.auth).json()
        assert whole["inputs"]["values"] == {"lead.country": "France", "lead.phone": True}
        assert whole["inputs"]["engagements"]["demo_request"] == [1, "2026-11-17T08:00:00+00:00"]
        assert whole["versions"] == {"rules": 2, "criteria": None, "policy": 1}
        lines = Client().get(f"/api/v1/decisions/{first.id}", headers=org.auth).json()["candidates"]
        before = {line["member"]: line["turns"] for line in lines}
        after = {line["member"]: line["turns_after"] for line in lines}
        assert sum(after.values()) - sum(before.values()) == 720_720
        with org.scope():
            assert after == Pool.objects.get(slug="inbound").counters

    def test_the_page_says_it_in_words(self, org: Org, now: datetime) -> None:
        with org.scope():
            add_leave(member=org.reps[0], starts_at=now - timedelta(days=1), ends_at=now + timedelta(days=1))
        (made,) = decide(org, 1, now=now, phone="+49 30 1234567")
        page = browser(org.admin).get(f"/decisions/{made.id}").content.decode()
        for told in ("Germany", "Known", "Demo request", "Out", "routing rules 2 and SLA policy 1", "0 → 1"):
            assert told in page, told
        assert "1234567" not in page

    def test_the_rules_to_choose_from_are_those_whose_moment_has_come(
        self, org: Org, now: datetime, at_hand: Callable[[datetime], None]
    ) -> None:
        begins = now + timedelta(hours=1)
        content = {"pools": [{"name": "New house rule", "when": None, "pool": "inbound"}], "priorities": []}
        with org.scope():
            draft = versions.start_draft(RuleSetVersion, actor=SYSTEM, now=now, content=content)
            versions.publish(draft, actor=SYSTEM, now=now, effective_at=begins)
        for moment, there in ((now, False), (begins, True)):
            at_hand(moment)
            assert ("New house rule" in browser(org.admin).get("/decisions").content.decode()) is there

    def test_what_was_read_is_cleared_alone(self, org: Org, globex: Org, now: datetime) -> None:
        made, other = decide(org, 2, now=now)
        with org.scope():
            lead_id = Handoff.objects.get(id=made.handoff_id).lead_id
        address = f"/api/v1/leads/{lead_id}/decision-inputs"
        assert Client().delete(address, headers=globex.auth).status_code == 404
        assert Client().get(address, headers=org.auth).json() == {"decisions": 1}
        assert Client().delete(address, headers=org.auth).status_code == 204
        assert Client().get(address, headers=org.auth).json() == {"decisions": 0}
        with org.scope():
            assert [Decision.objects.get(id=each.id).inputs is None for each in (made, other)] == [
                True,
                False,
            ]
            assert Decision.objects.get(id=made.id).trace["candidates"]
            entry = AuditEntry.objects.get(action="decision_inputs.cleared")
            assert (entry.object_id, entry.after) == (lead_id, {"decisions": 1})
        assert browser(org.admin).get(f"/decisions/{made.id}").status_code == 200


class TestWhoMayKnow:
    @pytest.fixture
    def sales(self, org: Org) -> Member:
        """The manager of a second team, whose one rep is the third of the pool."""
        with org.scope():
            manager = add_member(
                tenant=org.tenant, name="Sam", email="sam@acme.example", role=Role.MANAGER, password=None
            )
            team = Team.objects.create(tenant=org.tenant, name="Sales", manager=manager)
            Member.objects.filter(id=org.reps[2].id).update(team=team)
        return manager

    def own(self, org: Org, made: list[Decision]) -> None:
        """Each lead is its owner's, as intake would have it."""
        with org.scope():
            handoffs = {each.id: each for each in Handoff.objects.select_related("lead")}
            owners = [
                NewOwner(handoffs[each.handoff_id], each.member_id, decision_id=each.id)
                for each in made
                if each.member_id
            ]
            start_assignments(owners, now=made[0].at, first=True)

    def test_a_manager_reads_of_their_own_people_and_of_leads_that_found_nobody(
        self, org: Org, sales: Member, now: datetime
    ) -> None:
        made = decide(org, 6, now=now)
        self.own(org, made)
        with org.scope():
            RepProfile.objects.update(on_rotation=False)
        nobody = decide(org, 1, now=now, prefix="none")
        page = browser(sales).get("/decisions")
        assert "to you or to the people of Sales, and what found nobody" in page.content.decode()
        assert "You read what gave" not in browser(org.admin).get("/decisions").content.decode()
        rows = page.context["rows"]
        theirs = [each for each in made if each.member_id == org.reps[2].id]
        assert {row["decision"].id for row in rows} == {each.id for each in (*theirs, *nobody)}
        assert all(row["lead"] for row in rows if row["owner"])

    def test_a_manager_reads_why_their_rep_was_passed_over_without_the_leads_name(
        self, org: Org, sales: Member, now: datetime
    ) -> None:
        made = decide(org, 6, now=now)
        self.own(org, made)
        client = browser(sales)
        answer = client.get(f"/decisions?candidate={org.reps[2].id}")
        rows = answer.context["rows"]
        assert len(rows) == 6
        unnamed = [row for row in rows if row["lead"] is None]
        assert len(unnamed) == 4
        assert answer.content.decode().count("A lead of another team") == 4
        page = client.get(f"/decisions/{unnamed[0]['decision'].id}")
        assert page.status_code == 200
        assert "What the rules read" not in page.content.decode()

    def test_a_manager_may_not_ask_of_other_teams_people_or_leads(
        self, org: Org, sales: Member, now: datetime
    ) -> None:
        with org.scope():
            PoolSeat.objects.filter(member=org.reps[2]).delete()
        made = decide(org, 2, now=now)
        self.own(org, made)
        client = browser(sales)
        assert client.get(f"/decisions?candidate={org.reps[0].id}").context["rows"] == []
        assert client.get(f"/decisions?member={org.reps[0].id}").context["rows"] == []
        assert client.get("/decisions?lead=lead0@customer.example").status_code == 422
        assert client.get(f"/decisions/{made[0].id}").status_code == 404

    def test_marketing_reads_everything(self, org: Org, now: datetime) -> None:
        made = decide(org, 3, now=now)
        rows = browser(org.marketing).get("/decisions").context["rows"]
        assert {row["decision"].id for row in rows} == {each.id for each in made}

    def test_a_rep_reads_why_not_them_and_no_name_of_anothers_lead(self, org: Org, now: datetime) -> None:
        with org.scope():
            RepProfile.objects.filter(member=org.reps[1]).update(cap_open=0)
        made = decide(org, 4, now=now)
        self.own(org, made)
        client = browser(org.reps[1])
        with org.scope():
            Decision.objects.filter(id=made[0].id).update(at=now - timedelta(days=400))
        page = self.at(client, "/decisions/mine", now)
        rows = page.context["rows"]
        assert {row["decision"].id for row in rows} == {each.id for each in made[1:]}
        assert {row["why"] for row in rows} == {"At your cap of open leads"}
        assert "customer.example" not in page.content.decode()
        assert self.at(client, "/decisions", now).context["rows"]

    def at(self, client: Client, path: str, now: datetime) -> Any:
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr("handoff.views.base.reading_clock", lambda: now + timedelta(hours=1))
            return client.get(path)

    def test_a_rep_opens_only_decisions_about_their_own_leads(self, org: Org, now: datetime) -> None:
        made = decide(org, 3, now=now)
        self.own(org, made)
        mine = next(each for each in made if each.member_id == org.reps[0].id)
        client = browser(org.reps[0])
        statuses = {each.id: client.get(f"/decisions/{each.id}").status_code for each in made}
        assert statuses.pop(mine.id) == 200
        assert set(statuses.values()) == {404}

    def test_whoever_sits_in_no_pool_has_nothing_to_ask(self, org: Org, now: datetime) -> None:
        decide(org, 2, now=now)
        assert browser(org.manager).get("/decisions/mine").context["rows"] == []


class TestKept:
    def test_decisions_of_closed_handoffs_are_forgotten_after_400_days(self, org: Org, now: datetime) -> None:
        present = database_clock()
        made = decide(org, 4, now=present - timedelta(days=401))
        young = decide(org, 1, now=present - timedelta(days=399), prefix="young")
        with org.scope():
            for each in (*made[1:], *young):
                Handoff.objects.filter(id=each.handoff_id).update(
                    state="closed", closed_at=present, outcome="rejected"
                )
        assert forget_decisions_tick() == 3
        with org.scope():
            left = set(Decision.objects.values_list("id", flat=True))
            assert left == {made[0].id, young[0].id}
            assert Lead.objects.count() == 5
        assert forget_decisions_tick() == 0


def test_a_test_leads_trace_says_that_its_turn_was_given_back(org: Org, now: datetime) -> None:
    for email, is_test in (("ann@heron.example", True), ("bob@crane.example", False)):
        lead = new_lead(org, now, email, test=is_test)
        with org.scope():
            decision = Decision.objects.select_related("pool").get(handoff__lead=lead)
            (turns,) = [each["turns"] for each in candidates_of(decision.trace) if each["result"] == "chosen"]
            assert decision.pool is not None
            kept = decision.pool.counters[str(decision.member_id)] == turns
        assert kept is is_test
        page = browser(org.admin).get(f"/decisions/{decision.id}").content.decode()
        assert ("was given back at once" in page) is is_test
        told = Client().get(f"/api/v1/decisions/{decision.id}", headers=org.auth).json()
        assert told["turn_given_back"] is is_test
