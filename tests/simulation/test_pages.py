"""Simulation and test leads on pages, for an admin."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from handoff.simulation import runs
from routing.models import LeadCase, SimulatedLead, SimulationRun
from tenants.clock import fixed_clock
from tests.factories import Org
from tests.simulation.conftest import (
    GERMANS,
    TUESDAY,
    draft_rules,
    simulate,
    take_in,
    write_draft,
)

pytestmark = pytest.mark.django_db
BUDGET = 21


def admin(org: Org) -> Client:
    client = Client()
    client.force_login(org.admin.user)
    return client


def read(client: Client, path: str, **query: Any) -> str:
    """A page within its budget of queries."""
    client.get(path, query)  # calendars, policies and criteria are read once a process
    with CaptureQueriesContext(connection) as caught:
        answer = client.get(path, query)
    assert answer.status_code == 200, answer.status_code
    # The test's own transaction takes the tenant back afterwards; a real request's ends instead.
    rig = ("SAVEPOINT", "RELEASE", "select set_config('app.tenant_id', ''")
    asked = [each["sql"] for each in caught if not each["sql"].startswith(rig)]
    assert len(asked) <= BUDGET, "\n".join(sql[:150] for sql in asked)
    return str(answer.content.decode())


class TestReplaying:
    def test_an_admin_replays_the_draft_and_drills_down_to_the_leads(self, org: Org) -> None:
        take_in(org, 9)
        write_draft(org, draft_rules(GERMANS))
        run = simulate(org)
        client = admin(org)
        page = read(client, f"/routing/simulations/{run.id}")
        assert "Draft of version 2, replayed" in page
        assert "9 leads:" in page
        assert "none is left without an owner" in page
        assert "German desk" in page
        assert "Every difference is within chance" in page or "Too few leads" in page
        leads = read(client, f"/routing/simulations/{run.id}/leads", pool="german")
        assert leads.count("German desk") == 3
        everything = read(client, f"/routing/simulations/{run.id}/leads")
        assert everything.count("/leads/") >= 9
        assert "Ruth Adeyemi" in everything
        file = client.get(f"/routing/simulations/{run.id}/leads.csv?pool=german").content.decode()
        assert len(file.strip().splitlines()) == 4

    def test_the_routing_page_says_what_the_last_replay_said(self, org: Org) -> None:
        client = admin(org)
        assert 'href="/routing/simulate"' in read(client, "/routing")
        take_in(org, 9)
        write_draft(org, draft_rules(GERMANS))
        simulate(org)
        page = " ".join(read(client, "/routing").split())
        assert "Replayed on the last 9 leads</a>:" in page
        write_draft(org, draft_rules())
        assert "as it was before its last save" in " ".join(read(client, "/routing").split())

    @pytest.mark.parametrize("path", ["/routing/draft", "/routing/draft/check"])
    def test_the_draft_and_its_check_say_it_too_and_offer_another_replay(self, org: Org, path: str) -> None:
        client = admin(org)
        take_in(org, 9)
        write_draft(org, draft_rules(GERMANS, rest=None))
        before = " ".join(read(client, path).split())
        assert "It was not replayed on past leads yet." in before
        assert "In the last 30 days no lead matched no rule of those in force." in before
        assert 'href="/routing/simulate"' in before
        assert 'name="days" value="30"' in before
        simulate(org)
        page = " ".join(read(client, path).split())
        assert "Replayed on the last 9 leads</a>: 9 go to somebody else, 6 left without an owner." in page
        assert "6 of the 9 replayed leads matched no rule of it." in page

    def test_one_lead_goes_and_rules_that_no_lead_meets_are_named_or_counted(self, org: Org) -> None:
        take_in(org, 1)
        never = [
            {"name": name, "when": {"field": "lead.title", "op": "equals", "value": name}, "pool": "inbound"}
            for name in ("Bishop", "Cardinal", "Deacon")
        ]
        write_draft(org, draft_rules(*never, rest=None))
        run = simulate(org)
        page = " ".join(read(admin(org), f"/routing/simulations/{run.id}").split())
        assert "1 lead: 1 goes to somebody else" in page
        assert "</a> goes to somebody else: " in page
        assert "Bishop, Cardinal and 1 more" in page
        assert "</a>: 1 goes to somebody else" in " ".join(read(admin(org), "/routing/draft").split())

    def test_it_is_asked_for_by_a_form_and_shows_how_far_it_is(self, org: Org) -> None:
        client = admin(org)
        assert "Replay past leads" in read(client, "/routing/simulate")
        sent = client.post("/routing/simulations", {"rules": "live", "days": "7"})
        with org.scope():
            run = SimulationRun.objects.get()
        assert sent["Location"] == f"/routing/simulations/{run.id}"
        page = read(client, sent["Location"])
        assert "Waits for its turn" in page
        assert 'hx-trigger="every 2s"' in page
        again = client.post("/routing/simulations", {"rules": "live", "days": "7"})
        assert again.status_code == 409
        assert "at work already" in again.content.decode()
        client.post(f"/routing/simulations/{run.id}/cancel")
        assert "It was cancelled" in read(client, sent["Location"])
        begun = client.post(f"/routing/simulations/{run.id}/again")
        assert begun.status_code == 302
        part = client.get(
            begun["Location"], headers={"HX-Request": "true", "HX-Target": "progress"}
        ).content.decode()
        assert part.strip().startswith("<section")
        assert "<html" not in part
        runs.carry_out(org.id, fixed_clock(TUESDAY + timedelta(days=400)))
        done = client.get(begun["Location"], headers={"HX-Request": "true", "HX-Target": "progress"})
        assert done["HX-Redirect"] == begun["Location"]

    def test_one_without_any_lead_is_a_page_too(self, org: Org) -> None:
        page = read(admin(org), f"/routing/simulations/{simulate(org, 'live').id}")
        assert "0 leads: none goes to somebody else than really had them" in page

    @pytest.mark.parametrize("days", ["0", "366", "x", ""])
    def test_a_wrong_number_of_days_is_said_in_the_form(self, org: Org, days: str) -> None:
        refused = admin(org).post("/routing/simulations", {"rules": "live", "days": days})
        assert refused.status_code == 422
        assert 'id="id_days_error"' in refused.content.decode()

    def test_nobody_but_an_admin_may(self, org: Org, globex: Org) -> None:
        run = simulate(org, "live")
        for member in (org.manager, org.reps[0], org.marketing):
            client = Client()
            client.force_login(member.user)
            for path in ("simulate", f"simulations/{run.id}", "test-leads"):
                assert client.get(f"/routing/{path}").status_code == 403
        assert admin(globex).get(f"/routing/simulations/{run.id}").status_code == 404
        assert admin(globex).post(f"/routing/simulations/{run.id}/cancel").status_code == 404


def asked(client: Client, **said: str) -> str:
    """The page about a lead, as its form leads there."""
    answer = client.post("/routing/simulate/lead", said, follow=True)
    assert answer.status_code == 200
    return answer.content.decode()


class TestOneLead:
    def test_a_lead_is_shown_by_the_draft_and_by_what_is_in_force(self, org: Org) -> None:
        take_in(org, 1)
        write_draft(org, draft_rules(GERMANS))
        client = admin(org)
        page = asked(client, lead="lead0@firm0.example", at="2026-11-17T11:00")
        assert "German desk" in page
        assert org.reps[2].name in page
        assert "The rules in force give it" in page
        assert "First touch" in page
        live = asked(client, lead="lead0@firm0.example", rules="live")
        assert "The draft gives it" in live
        with org.scope():
            assert not SimulatedLead.objects.exists()

    def test_a_name_finds_the_lead_or_those_that_it_may_mean(self, org: Org) -> None:
        take_in(org, 2)
        client = admin(org)
        several = asked(client, lead="Ruth")
        assert "Which of these?" in several
        assert several.count("/routing/simulate/lead") >= 1
        one = client.post("/routing/simulate/lead", {"lead": "firm1.example", "at": "2026-11-17T11:00"})
        assert one.status_code == 302
        assert "firm1" not in one["Location"], "no address says who it is"
        assert "How it is decided" in read(client, one["Location"])
        unknown = client.post("/routing/simulate/lead", {"lead": "Nobody"}).content.decode()
        assert "no lead with this" in unknown

    def test_one_that_is_typed(self, org: Org) -> None:
        client = admin(org)
        assert "What would become of it" in read(client, "/routing/simulate/typed")
        said = {
            "email": "a@firm.example",
            "account_employees": "900",
            "kind_0": "demo_request",
            "at": "2026-11-17T10:00",
        }
        page = client.post("/routing/simulate/typed", said).content.decode()
        assert "Demo request" in page
        assert "How it is decided" in page
        assert 'method="get"' not in page.partition("<main")[2], "nothing that is typed gets into an address"
        assert '<button form="typed-lead" name="rules" value="live"' in page
        plain = client.post("/routing/simulate/typed", {"title": "CTO"}).content.decode()
        assert "No: it does not meet the criteria, and it lacks E-mail" in plain
        assert "It is not handed over: it does not meet the criteria" in plain
        asked = client.post("/routing/simulate/typed", {"kind_0": "demo_request"}).content.decode()
        assert "Not yet: it lacks E-mail" in asked
        assert "it meets the criteria, and lacks E-mail, which a handoff requires" in asked

    @pytest.mark.parametrize(
        "path, said, place",
        [
            ("/routing/simulate/lead", {"lead": "nobody@x.example"}, "no lead with this id"),
            ("/routing/simulate/lead", {"lead": "a@b.example", "at": "yesterday"}, "id_at_error"),
            ("/routing/simulate/typed", {"score": "many"}, "id_score_error"),
            ("/routing/simulate/typed", {"kind_0": "flew"}, ""),
            ("/routing/simulate/typed", {"email": "bad@@x"}, "id_email_error"),
            (
                "/routing/simulate/typed",
                {"account_domain": "not a domain"},
                "id_account_domain_error",
            ),
            (
                "/routing/simulate/typed",
                {"account_employees": "-1"},
                "id_account_employees_error",
            ),
        ],
    )
    def test_wrong_input_is_shown_again_with_its_place(
        self, org: Org, path: str, said: Any, place: str
    ) -> None:
        answer = admin(org).post(path, said)
        assert answer.status_code == (422 if place else 200)
        assert place in answer.content.decode()

    def test_a_draft_that_makes_no_sense_leaves_the_rules_in_force(self, org: Org) -> None:
        take_in(org, 1)
        wrong = {**GERMANS, "when": {"field": "lead.gone", "op": "equals", "value": 1}}
        write_draft(org, draft_rules(wrong))
        page = asked(admin(org), lead="lead0@firm0.example")
        assert "The draft cannot be asked" in page
        assert "How it is decided" in page


class TestTestLeads:
    SAID = {
        "name": "A German",
        "email": "a@firm.example",
        "source": "germany",
        "kind_0": "demo_request",
        "days_0": "0.5",
        "expect_qualifies": "yes",
        "expect_pool": "german",
    }

    def test_one_is_kept_run_changed_and_removed(self, org: Org) -> None:
        client = admin(org)
        assert "No test lead yet" in read(client, "/routing/test-leads")
        read(client, "/routing/test-leads/new")
        assert client.post("/routing/test-leads/new", self.SAID).status_code == 302
        write_draft(org, draft_rules(GERMANS))
        page = read(client, "/routing/test-leads")
        assert "Pool: expected German desk, got Inbound." in page
        assert "Draft (rules 2): all 1 pass" in page
        with org.scope():
            case = LeadCase.objects.get()
        assert case.facts["engagements"][0]["minutes_ago"] == 720
        shown = read(client, f"/routing/test-leads/{case.id}")
        assert 'value="0.5"' in shown
        changed = {**self.SAID, "revision": "1", "expect_pool": "inbound"}
        assert client.post(f"/routing/test-leads/{case.id}", changed).status_code == 302
        late = client.post(f"/routing/test-leads/{case.id}", {**changed, "name": "Late"})
        assert late.status_code == 409
        assert "Somebody else saved" in late.content.decode()
        client.post(f"/routing/test-leads/{case.id}/remove")
        assert "No test lead yet" in read(client, "/routing/test-leads")

    def test_what_is_wrong_stands_beside_its_field(self, org: Org) -> None:
        client = admin(org)
        client.post("/routing/test-leads/new", self.SAID)
        twice = client.post("/routing/test-leads/new", self.SAID)
        assert twice.status_code == 422
        assert "Another test lead is called so." in twice.content.decode()
        nothing = {"name": "Nothing", "title": "CTO"}
        refused = client.post("/routing/test-leads/new", nothing).content.decode()
        assert "Expect at least one thing of it." in refused
        assert 'value="CTO"' in refused

    def test_the_gate_is_chosen_on_the_page(self, org: Org) -> None:
        client = admin(org)
        assert client.post("/routing/test-leads/gate", {"kinds": ["routing"]}).status_code == 302
        assert "checked" in read(client, "/routing/test-leads")
        assert client.post("/routing/test-leads/gate", {"kinds": ["x"]}).status_code == 422
