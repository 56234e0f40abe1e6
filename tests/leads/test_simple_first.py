"""A new organisation meets three boxes and one pool; everything else is off, and opens when it is wanted."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client

from handoff.provision import CalendarPlan, PersonPlan, TeamPlan, TenantPlan, provision_tenant
from leads.defaults import DEFAULT_CRITERIA
from tenants.context import tenant_scope
from tenants.models import Member, Role, Tenant
from tenants.services import create_api_key
from tests.factories import ALL_SCOPES

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 17, 9, 0, tzinfo=UTC)
OFFICE = CalendarPlan("Office", "Europe/Berlin", "DE")


@pytest.fixture
def fresh() -> Tenant:
    """An organisation as it is set up, with nothing changed since."""
    manager = PersonPlan("Mona", "mona@fresh.example", Role.MANAGER)
    team = TeamPlan(
        "Inbound",
        "inbound",
        OFFICE,
        manager,
        [PersonPlan(f"Rep {n}", f"rep{n}@fresh.example", Role.REP) for n in range(3)],
    )
    plan = TenantPlan(
        name="Fresh",
        slug="fresh",
        calendar=OFFICE,
        teams=[team],
        director=PersonPlan("Dirk", "dirk@fresh.example", Role.EXECUTIVE),
        fallback=manager,
        others=[PersonPlan("Ada", "ada@fresh.example", Role.ADMIN)],
    )
    return provision_tenant(plan, now=NOW)


@pytest.fixture
def admin(fresh: Tenant) -> Client:
    client = Client()
    with tenant_scope(fresh.id):
        client.force_login(Member.objects.get(email="ada@fresh.example").user)
    return client


@pytest.fixture
def api(fresh: Tenant) -> Client:
    with tenant_scope(fresh.id):
        _, key = create_api_key(tenant=fresh, name="Test", scopes=ALL_SCOPES, now=NOW)
    return Client(headers={"Authorization": f"Bearer {key}"})


def form_of(page: Any) -> dict[str, Any]:
    """What the boxes would send as they stand."""
    bound = page.context["plain"]
    return {name: bound[name].value() for name in bound.fields if bound[name].value() is not None}


def test_the_criteria_are_three_boxes_and_no_tree(admin: Client) -> None:
    page = admin.get("/qualification")
    text = page.content.decode()
    boxes = re.findall(r'<section class="sp-box".*?</section>', text, re.S)
    titles = [re.search(r"<h3[^>]*>(.*?)</h3>", box)[1] for box in boxes]  # type: ignore[index]
    assert titles == ["1. Fit", "2. Engagement", "3. Intent"]
    fit, engagement, intent = boxes
    assert 'name="employees_from"' in fit
    assert 'name="countries"' in fit
    assert "Webinar" in engagement
    assert "Demo request" not in engagement
    assert "Demo request" in intent
    assert "Webinar" not in intent
    assert "sp-tree" not in text
    assert "Edit as a tree" in text
    assert '<details class="sp-card sp-fold">' in text, "JSON stays folded"


def test_the_boxes_say_the_same_tree_as_before(admin: Client, api: Client) -> None:
    before = api.get("/api/v1/criteria").json()
    assert before["content"] == json.loads(json.dumps(DEFAULT_CRITERIA))
    sent = {**form_of(admin.get("/qualification")), "employees_from": "50", "countries": "DE, AT"}
    checked = admin.post("/qualification", sent, follow=True)
    assert "sp-tree" not in checked.content.decode(), "no tree is opened"
    published = {"revision": "1", "against": before["number"], "when": "now"}
    assert admin.post("/qualification/draft/check", published).status_code == 302, "two steps"
    after = api.get("/api/v1/criteria").json()
    assert after["number"] == before["number"] + 1
    assert after["content"]["rule"] == before["content"]["rule"]
    assert after["content"]["fit"]["all"][0] == {
        "field": "account.employees",
        "op": "at_least",
        "value": 50,
    }
    page = admin.get("/qualification")
    assert page.context["plain"]["employees_from"].value() == 50, "and stand in the boxes again"


def test_the_tree_opens_when_it_is_wanted(admin: Client) -> None:
    assert admin.post("/qualification/draft/start").headers["Location"] == "/qualification/draft"
    assert "sp-tree" in admin.get("/qualification/draft").content.decode()


def test_one_pool_shares_leads_by_weighted_turns(admin: Client, api: Client) -> None:
    (pool,) = api.get("/api/v1/pools").json()["results"]
    assert (pool["strategy"], pool["overflow"], len(pool["seats"])) == ("weighted_round_robin", None, 3)
    page = admin.get("/routing")
    assert page.context["rules"].is_plain
    text = page.content.decode()
    assert "Change the rules" in text
    assert '<details class="sp-card sp-fold">' in text, "the second layer is folded"


def test_what_guards_and_narrows_is_off_until_chosen(admin: Client, api: Client) -> None:
    settings = api.get("/api/v1/routing/settings").json()
    assert (settings["enabled"], settings["breaches_in_a_row"]) == (True, None)
    approval = api.get("/api/v1/second-approval").json()
    kinds = dict.fromkeys(("criteria", "policy", "routing", "sql_bar", "meeting_bar"), False)
    assert approval == {**kinds, "switching_off": []}
    handover = api.get("/api/v1/handover").json()
    assert (handover["triggers"], handover["routes"]) == (["criteria"], True)
    assert api.get("/api/v1/upkeep").json() == {"owed": {}, "stale_days": {}}
    bar = api.get("/api/v1/sql-criteria").json()
    assert bar["number"] == 0
    assert not any(question["must"] for question in bar["content"]["questions"])
    assert "Advanced: second approval off" in admin.get("/qualification").content.decode()
