"""Saved test leads: run against draft and live, and, where chosen, in the way of a publication."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from leads.models import Account, CriteriaVersion
from routing.models import LeadCase, Pool, RuleSetVersion
from tenants import versions
from tenants.audit import member_actor
from tenants.clock import database_clock
from tenants.models import AuditEntry, Publication
from tests.factories import Org
from tests.simulation.conftest import GERMANS, call, draft_rules, write_draft
from tests.tenants.publications import approval_on
from tests.tenants.test_sweep_of_routes import fingerprint

pytestmark = pytest.mark.django_db

GERMAN = {"email": "a@firm.example", "source": "germany", "engagements": [{"kind": "demo_request"}]}


def case(org: Org, name: str = "A German", facts: Any = GERMAN, **expects: Any) -> Any:
    made = call(org, "POST", "test-leads", {"name": name, "facts": facts, "expects": expects})
    assert made.status_code == 201, made.content
    return made.json()


def run(org: Org, side: str) -> list[tuple[str, bool, list[str]]]:
    answer = call(org, "POST", "test-leads/run", {"rules": side})
    assert answer.status_code == 200, answer.content
    return [(each["name"], each["passed"], each["misses"]) for each in answer.json()["results"]]


def publish(org: Org, draft: RuleSetVersion) -> Any:
    return call(org, "POST", "publish", {"revision": draft.revision})


class TestRunning:
    def test_a_case_says_what_was_expected_and_what_came(self, org: Org) -> None:
        rep = org.reps[2]
        case(org, qualifies=True, tier="demo_request", pool="german", person=rep.email)
        write_draft(org, draft_rules(GERMANS))
        assert run(org, "draft") == [("A German", True, [])]
        ((_, passed, misses),) = run(org, "live")
        assert not passed
        assert misses[0] == "Pool: expected German desk, got Inbound."
        assert misses[1].startswith(f"Person: expected {rep.name}, got ")

    def test_what_came_otherwise_is_said_by_its_names(self, org: Org) -> None:
        with org.scope():
            CriteriaVersion.objects.update(
                content={**org.criteria.content, "required": ["last_name", "phone"]}
            )
        case(org, "No name", {"email": "a@firm.example"}, tier="demo_request")
        ((_, _, misses),) = run(org, "live")
        assert misses[0] == "Tier: expected Demo request, got no tier."
        case(
            org,
            "Lacks",
            {"email": "b@firm.example", "engagements": [{"kind": "demo_request"}]},
            pool="inbound",
        )
        assert run(org, "live")[1][2][-1] == "It lacks what a handoff requires: Last name and Phone."

    def test_one_that_is_to_fall_through_passes_when_it_does(self, org: Org) -> None:
        case(org, "A student", {"title": "Student"}, qualifies=False)
        assert run(org, "live") == [("A student", True, [])]

    def test_running_writes_nothing(self, org: Org) -> None:
        case(org, pool="german")
        before = {key: value for key, value in fingerprint(org).items() if key != "tenants_apikey"}
        run(org, "live")
        assert {key: value for key, value in fingerprint(org).items() if key != "tenants_apikey"} == before

    def test_a_draft_of_the_criteria_is_asked_as_well(self, org: Org, now: Any) -> None:
        case(org, qualifies=True)
        with org.scope():
            versions.start_draft(
                CriteriaVersion,
                actor="system",
                now=now,
                content={"rule": {"field": "lead.score", "op": "at_least", "value": 50}},
            )
        assert run(org, "draft") == [
            ("A German", False, ["Qualification: expected it qualifies, got it does not qualify."])
        ]
        assert run(org, "live")[0][1]

    def test_without_a_draft_it_says_so(self, org: Org) -> None:
        case(org, qualifies=True)
        assert call(org, "POST", "test-leads/run", {"rules": "draft"}).status_code == 409


def choose(org: Org, **said: Any) -> None:
    answer = Client().patch("/api/v1/handover", said, content_type="application/json", headers=org.auth)
    assert answer.status_code == 200, answer.content


class TestWhatHandsOver:
    """As live does: by the stage that another system says, after what is waited for, where we route."""

    def test_the_stage_of_another_system_lets_a_test_lead_through_the_gate(self, org: Org) -> None:
        choose(org, triggers=["outside_stage"], outside_stages=["hubspot: MQL"])
        case(
            org,
            "Ours",
            {"email": "b@firm.example", "engagements": [{"kind": "demo_request"}]},
            qualifies=False,
        )
        said = {"email": "a@firm.example", "stage": "mql", "system": "HubSpot"}
        case(org, "Theirs", said, qualifies=True, pool="inbound")
        case(org, "Another's", {**said, "system": "salesforce"}, qualifies=False)
        assert [passed for _, passed, _ in run(org, "live")] == [True, True, True]
        call(org, "PUT", "test-leads/gate", {"kinds": ["routing"]})
        assert publish(org, write_draft(org, draft_rules())).status_code == 200

    def test_a_score_and_a_form_hand_over_as_well(self, org: Org) -> None:
        choose(org, triggers=["score", "form"], score_from=70, form_kinds=["webinar"])
        case(org, "Score", {"email": "a@firm.example", "score": 71}, qualifies=True)
        case(org, "Form", {"email": "a@firm.example", "engagements": [{"kind": "webinar"}]}, qualifies=True)
        case(org, "Neither", {"email": "a@firm.example", "score": 69}, qualifies=False)
        assert [passed for _, passed, _ in run(org, "live")] == [True, True, True]

    def test_one_that_is_held_for_enrichment_says_what_it_waits_for(self, org: Org) -> None:
        with org.scope():
            content = {**org.criteria.content, "hold": {"fields": ["account.employees"], "minutes": 15}}
            CriteriaVersion.objects.update(content=content, number=31)
        case(org, pool="inbound")
        case(org, "Known", {**GERMAN, "account": {"employees": 20}}, pool="inbound")
        assert run(org, "live") == [
            (
                "A German",
                False,
                [
                    "Pool: expected Inbound, got no pool.",
                    "It is held for enrichment first: it lacks Employees.",
                ],
            ),
            ("Known", True, []),
        ]
        told = call(org, "POST", "simulations/lead", {"facts": GERMAN}).json()["live"]
        assert (told["reason"], told["waits_for"]) == ("held", ["account.employees"])
        assert (told["qualified"], told["deadlines"]) == (True, [])

    def test_where_another_system_routes_no_rule_is_asked(self, org: Org) -> None:
        choose(org, routes=False)
        case(org, qualifies=True, tier="demo_request")
        assert run(org, "live") == [("A German", True, [])]
        told = call(org, "POST", "simulations/lead", {"facts": GERMAN}).json()["live"]
        assert (told["reason"], told["pool"]) == ("outside", None)

    def test_the_account_with_its_domain_says_what_is_above_it_who_owns_it_and_its_flags(
        self, org: Org, now: Any
    ) -> None:
        with org.scope():
            parent = Account.objects.create(name="Heron Group", is_customer=True, created_at=now)
            own = {"name": "Heron", "domain": "heron.example", "parent": parent, "owner": org.reps[1]}
            Account.objects.create(**own, created_at=now, is_partner=True, is_customer=True)
            Pool.objects.filter(slug="german").update(owner_first=True)
        asked = {"parent_name": "Heron Group", "parent_is_customer": True}
        asked |= {"is_partner": True, "is_customer": False}
        when = {
            "all": [
                {"field": f"account.{name}", "op": "equals", "value": value} for name, value in asked.items()
            ]
        }
        write_draft(org, draft_rules({"name": "Group", "when": when, "pool": "german"}))
        did = [{"kind": "demo_request"}]
        typed = {"email": "a@heron.example", "engagements": did, "account": {"is_customer": False}}
        for said, owner in ((typed, org.reps[1]), ({**typed, "email": "a@ibis.example"}, None)):
            told = call(org, "POST", "simulations/lead", {"facts": said, "rules": "draft"}).json()["draft"]
            assert told["rule"] == ("Group" if owner else "Everyone")
            assert owner is None or told["owner"]["id"] == str(owner.id)
        case(org, "Theirs", typed, pool="german", person=org.reps[1].email)
        assert run(org, "draft") == [("Theirs", True, [])]

    def test_many_cost_as_many_queries_as_one_though_rules_ask_for_lists(self, org: Org) -> None:
        when = {"field": "lead.lists", "op": "contains", "value": "vip"}
        write_draft(org, draft_rules({"name": "VIP", "when": when, "pool": "german"}))
        asked = []
        for count in (1, 5):
            for number in range(count):
                case(org, f"{count} {number}", {**GERMAN, "email": f"a@firm{number}.example"}, qualifies=True)
            run(org, "draft")
            with CaptureQueriesContext(connection) as caught:
                run(org, "draft")
            asked.append(len(caught))
        assert asked[0] == asked[1]

    def test_one_lead_is_handed_over_as_the_dry_run_says(self, org: Org, now: Any) -> None:
        choose(org, triggers=["outside_stage"], outside_stages=["MQL"])
        said = {
            "email": "ivy@heron.example",
            "external_system": "hubspot",
            "external_id": "1",
            "stage": "MQL",
        }
        dry = call(org, "POST", "simulate", {"lead": said}).json()
        typed = {"email": said["email"], "stage": "MQL", "system": "hubspot"}
        asked = call(org, "POST", "simulations/lead", {"facts": typed}).json()["live"]
        names = ("qualified", "tier", "reason", "pool")
        assert [dry[name] for name in names] == [asked[name] for name in names]
        assert dry["qualification"]["trigger"] == asked["qualification"]["trigger"]


class TestKeeping:
    def test_it_is_changed_and_removed_with_an_entry_in_the_audit(self, org: Org) -> None:
        made = case(org, pool="german")
        path = f"test-leads/{made['id']}"
        body = {"name": "Renamed", "facts": made["facts"], "expects": {"pool": "inbound"}, "revision": 1}
        assert call(org, "PUT", path, body).json()["revision"] == 2
        assert call(org, "PUT", path, {**body, "name": "Late"}).status_code == 409
        assert call(org, "DELETE", path).status_code == 204
        assert call(org, "GET", path).status_code == 404
        with org.scope():
            entries = AuditEntry.objects.filter(object_type="leadcase").order_by("at", "id")
            assert list(entries.values_list("action", flat=True)) == ["created", "changed", "removed"]

    def test_the_audit_says_which_facts_changed_and_not_what_they_are(self, org: Org) -> None:
        facts = {"email": "jane.doe@firm.example", "title": "CTO", "account": {"employees": 5}}
        made = case(org, facts=facts, qualifies=False)
        changed = {**facts, "title": "CEO", "account": {"employees": 5, "name": "Firm"}}
        body = {"name": made["name"], "facts": changed, "expects": made["expects"]}
        assert call(org, "PUT", f"test-leads/{made['id']}", body).status_code == 200
        with org.scope():
            first, second = AuditEntry.objects.filter(object_type="leadcase").order_by("at", "id")
        assert first.after["facts"] == ["account.employees", "email", "title"]
        assert (second.before["facts"], second.after["facts"]) == (["title"], ["account.name", "title"])
        assert "jane" not in str([first.after, second.before, second.after])

    def test_anothers_is_not_there(self, org: Org, globex: Org) -> None:
        made = case(org, pool="german")
        assert call(globex, "GET", f"test-leads/{made['id']}").status_code == 404
        assert call(globex, "GET", "test-leads").json()["results"] == []

    @pytest.mark.parametrize(
        "change, path",
        [
            ({"name": " "}, "/name"),
            ({"name": "x" * 81}, "/name"),
            ({"expects": {}}, "/expects"),
            ({"expects": {"pool": "gone"}}, "/expects/pool"),
            ({"expects": {"tier": "platinum"}}, "/expects/tier"),
            ({"expects": {"person": "nobody@x.example"}}, "/expects/person"),
            ({"expects": {"qualifies": False, "pool": "german"}}, "/expects/qualifies"),
            ({"facts": {"scroe": 5}}, "/facts/scroe"),
            ({"facts": {"account": {"employees": -1}}}, "/facts/account/employees"),
        ],
    )
    def test_bad_input_is_refused_with_its_place(self, org: Org, change: Any, path: str) -> None:
        body = {"name": "A German", "facts": GERMAN, "expects": {"qualifies": True}, **change}
        refused = call(org, "POST", "test-leads", body)
        assert refused.status_code == 400
        assert path in [each["path"] for each in refused.json()["errors"]]

    def test_two_are_not_called_alike(self, org: Org) -> None:
        case(org, pool="german")
        body = {"name": "a german", "facts": GERMAN, "expects": {"qualifies": True}}
        refused = call(org, "POST", "test-leads", body)
        assert refused.json()["errors"][0]["path"] == "/name"

    def test_there_are_so_many_at_most(self, org: Org, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("handoff.simulation.cases.MOST_CASES", 1)
        case(org, pool="german")
        body = {"name": "Another", "facts": GERMAN, "expects": {"qualifies": True}}
        assert call(org, "POST", "test-leads", body).status_code == 409


class TestTheGate:
    def test_it_is_off_until_chosen(self, org: Org) -> None:
        case(org, pool="german")
        assert call(org, "GET", "test-leads/gate").json() == {"kinds": []}
        draft = write_draft(org, draft_rules())
        assert publish(org, draft).status_code == 200

    def test_rules_are_not_published_while_a_test_lead_fails(self, org: Org) -> None:
        made = case(org, pool="german")
        assert call(org, "PUT", "test-leads/gate", {"kinds": ["routing"]}).status_code == 200
        draft = write_draft(org, draft_rules())
        refused = publish(org, draft)
        assert refused.status_code == 400
        (error,) = refused.json()["errors"]
        assert error["code"] == "test_lead_failed"
        assert error["path"] == f"/test_leads/{made['id']}"
        assert error["message"] == ("Test lead “A German” fails. Pool: expected German desk, got Inbound.")
        checked = call(org, "POST", "draft/check").json()
        assert [each["code"] for each in checked["problems"]] == ["test_lead_failed"]
        draft = write_draft(org, draft_rules(GERMANS))
        assert call(org, "POST", "draft/check").json()["problems"] == []
        assert publish(org, draft).status_code == 200

    def test_what_cannot_be_judged_is_not_let_through(self, org: Org) -> None:
        case(org, pool="german")
        call(org, "PUT", "test-leads/gate", {"kinds": ["routing"]})
        draft = write_draft(org, draft_rules(GERMANS))
        with org.scope():
            gone = {"rule": {"field": "lead.gone", "op": "equals", "value": 1}}
            CriteriaVersion.objects.update(content=gone, number=41)
        refused = publish(org, draft)
        assert refused.status_code == 400
        (error,) = refused.json()["errors"]
        assert error["code"] == "test_leads_not_judged"
        assert error["message"].startswith(
            "The test leads cannot be judged by these routing rules: These criteria are not valid"
        )

    def test_going_back_is_not_held_up(self, org: Org) -> None:
        assert publish(org, write_draft(org, draft_rules(GERMANS))).status_code == 200
        case(org, pool="german")
        call(org, "PUT", "test-leads/gate", {"kinds": ["routing"]})
        assert call(org, "POST", f"versions/{org.rule_set.id}/roll-back", {}).status_code == 200

    def test_asking_for_approval_is_held_up_alike(self, org: Org, now: Any) -> None:
        from tenants.models import Role
        from tenants.services import add_member

        with org.scope():
            add_member(tenant=org.tenant, name="Second", email="second@acme.example", role=Role.ADMIN)
            versions.set_second_approval(kind="routing", on=True, actor="system", now=now)
        case(org, pool="german")
        call(org, "PUT", "test-leads/gate", {"kinds": ["routing"]})
        draft = write_draft(org, draft_rules())
        refused = call(org, "POST", "ask", {"revision": draft.revision})
        assert refused.status_code == 400
        assert refused.json()["errors"][0]["code"] == "test_lead_failed"

    def test_what_was_asked_for_before_the_test_lead_was_written_is_not_approved_while_it_fails(
        self, org: Org, now: Any
    ) -> None:
        other = approval_on(org, now, "routing")
        draft = write_draft(org, draft_rules())
        asked = call(org, "POST", "ask", {"revision": draft.revision})
        assert asked.status_code in (200, 201, 202), asked.content
        made = case(org, pool="german")
        call(org, "PUT", "test-leads/gate", {"kinds": ["routing"]})
        client = Client()
        client.force_login(other.user)
        with org.scope():
            order = Publication.objects.get()
        page = client.post(f"/publications/{order.id}/approve", {"against": "1"}, follow=True)
        assert "“A German” fails" in page.content.decode()
        with org.scope():
            assert versions.published_version(RuleSetVersion).number == 1  # type: ignore[union-attr]
            order.refresh_from_db()
        assert order.state == "asked"
        body = {"name": "A German", "facts": GERMAN, "expects": {"pool": "inbound"}}
        assert call(org, "PUT", f"test-leads/{made['id']}", body).status_code == 200
        client.post(f"/publications/{order.id}/approve", {"against": "1"})
        with org.scope():
            assert versions.published_version(RuleSetVersion).number == 2  # type: ignore[union-attr]

    def test_going_back_is_approved_whatever_they_say(self, org: Org, now: Any) -> None:
        assert publish(org, write_draft(org, draft_rules(GERMANS))).status_code == 200
        other = approval_on(org, now, "routing")
        case(org, pool="german")
        call(org, "PUT", "test-leads/gate", {"kinds": ["routing"]})
        with org.scope():
            old = RuleSetVersion.objects.get(id=org.rule_set.id)
            by = {"actor": member_actor(org.admin), "now": database_clock()}
            order = versions.ask_again(old, asker=org.admin, **by)
        client = Client()
        client.force_login(other.user)
        client.post(f"/publications/{order.id}/approve", {"against": "2"})
        with org.scope():
            assert versions.published_version(RuleSetVersion).number == 3  # type: ignore[union-attr]

    def test_the_page_refuses_with_the_cases_by_name(self, org: Org) -> None:
        case(org, pool="german")
        call(org, "PUT", "test-leads/gate", {"kinds": ["routing"]})
        draft = write_draft(org, draft_rules())
        client = Client()
        client.force_login(org.admin.user)
        page = client.get("/routing/draft/check").content.decode()
        with org.scope():
            failing = LeadCase.objects.get()
        assert f'<a href="/routing/test-leads/{failing.id}">Saved test leads</a>' in page
        assert "“A German” fails" in page
        sent = {"revision": draft.revision, "against": 1, "when": "now"}
        refused = client.post("/routing/draft/check", sent)
        assert refused.status_code == 422
        assert "“A German” fails" in refused.content.decode()
        with org.scope():
            assert versions.published_version(RuleSetVersion).number == 1  # type: ignore[union-attr]

    def test_criteria_are_guarded_where_that_is_chosen(self, org: Org, now: Any) -> None:
        case(org, qualifies=True)
        call(org, "PUT", "test-leads/gate", {"kinds": ["criteria"]})
        content = {"rule": {"field": "lead.score", "op": "at_least", "value": 50}}
        with org.scope():
            versions.start_draft(CriteriaVersion, actor="system", now=now, content=content)
        client = Client()
        client.force_login(org.admin.user)
        page = client.get("/qualification/draft/check")
        assert "“A German” fails" in page.content.decode()
        with org.scope():
            failing = LeadCase.objects.get()
        assert f'<a href="/routing/test-leads/{failing.id}">Open the test lead</a>' in page.content.decode()
        refused = client.post("/qualification/draft/check", {"revision": 1, "against": 1})
        assert refused.status_code == 422
        # Rules are not: they were not chosen.
        assert publish(org, write_draft(org, draft_rules())).status_code == 200

    def test_who_chose_it_is_in_the_audit(self, org: Org) -> None:
        call(org, "PUT", "test-leads/gate", {"kinds": ["routing"]})
        assert call(org, "PUT", "test-leads/gate", {"kinds": ["all"]}).status_code == 400
        with org.scope():
            entry = AuditEntry.objects.filter(object_type="routingsettings").get()
            assert (entry.before, entry.after) == ({"gated": []}, {"gated": ["routing"]})
            assert LeadCase.objects.count() == 0


@pytest.mark.parametrize(
    ("facts", "path"),
    [
        ({"email": "bad@@x"}, "/facts/email"),
        ({"account": {"domain": "not a domain"}}, "/facts/account/domain"),
    ],
)
def test_facts_that_cannot_be_are_refused(org: Org, facts: Any, path: str) -> None:
    body = {"name": "X", "facts": facts, "expects": {"qualifies": False}}
    refused = call(org, "POST", "test-leads", body)
    assert refused.status_code == 400
    assert [each["path"] for each in refused.json()["errors"]] == [path]
