"""Business units: policies side by side, each with its own versions, and which lead runs by which."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from core.errors import Conflict, ValidationFailed
from core.rules import Facts
from handoff.tasks import publish_due_tick
from leads.models import Handoff
from sla import units
from sla.models import BusinessUnit, ClockMove, PolicyVersion
from sla.moving import preview_policy
from sla.policy_drafts import begin_draft, write_draft
from sla.services import match_again, match_tiers
from tenants import versions
from tenants.audit import member_actor
from tenants.clock import database_clock
from tenants.config import steady_config
from tenants.models import AuditEntry, Publication
from tests.engine.scenes import open_handoff
from tests.factories import POLICY, Org, make_org
from tests.sla.test_policy_draft_pages import as_, text_of
from tests.tenants.publications import approval_on, asked
from tests.threads import in_threads

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)
FIRST, *OTHERS = POLICY["tiers"]


def in_country(*countries: str) -> dict[str, Any]:
    return {"field": "lead.country", "op": "one_of", "value": list(countries)}


def lead_in(country: str, at: datetime) -> Facts:
    return Facts({"lead.country": country}, [], at)


def unit_for(org: Org, name: str, *countries: str, now: datetime) -> BusinessUnit:
    return units.create_unit(name=name, when=in_country(*countries), actor=member_actor(org.admin), now=now)


def drafted_for(org: Org, unit: BusinessUnit | None, now: datetime, **parts: Any) -> PolicyVersion:
    """A draft of a unit's policy that differs from the main one."""
    content = {**POLICY, "responses": ["call"], **parts}
    return write_draft(content, revision=None, actor=member_actor(org.admin), now=now, unit=unit)


def published_for(org: Org, unit: BusinessUnit | None, now: datetime, **more: Any) -> PolicyVersion:
    draft = drafted_for(org, unit, now, **more.pop("parts", {}))
    return versions.publish(draft, actor=member_actor(org.admin), now=now, **more)


def policy_of(country: str, at: datetime) -> tuple[str, int]:
    """(unit, number) of the version that a lead from a country runs by."""
    with steady_config():
        (match,) = match_tiers([lead_in(country, at)], at=at)
    version = PolicyVersion.objects.get(id=match.policy_version_id)
    return version.line_name, version.number


def call(org: Org, method: str, path: str, body: Any = None) -> Any:
    return Client().generic(
        method,
        f"/api/v1/policy{path}",
        json.dumps(body) if body is not None else "",
        content_type="application/json",
        headers=org.auth,
    )


# --- Which lead runs by which policy ---


def test_a_lead_runs_by_the_first_unit_that_it_fits_and_that_has_a_policy(acme: Org, now: datetime) -> None:
    with acme.scope():
        north = unit_for(acme, "North", "SE", "NO", now=now)
        nordics = unit_for(acme, "Nordics", "SE", "DK", now=now)
        assert policy_of("SE", now) == ("", 1), "no unit has a policy yet"
        published_for(acme, nordics, now)
        assert policy_of("SE", now) == ("Nordics", 1), "the first that fits has none"
        published_for(acme, north, now)
        assert policy_of("SE", now) == ("North", 1)
        assert policy_of("DK", now) == ("Nordics", 1)
        assert policy_of("NO", now) == ("North", 1)
        assert policy_of("DE", now) == ("", 1)


def test_leads_that_come_together_each_get_their_own(acme: Org, now: datetime) -> None:
    with acme.scope():
        published = published_for(acme, unit_for(acme, "North", "SE", now=now), now)
        matches = match_tiers([lead_in(country, now) for country in ("DE", "SE", "DE")], at=now)
        main = acme.policy.id
        assert [match.policy_version_id for match in matches] == [main, published.id, main]


def test_the_order_and_the_switch_decide_for_new_leads(acme: Org, now: datetime) -> None:
    with acme.scope():
        north, nordics = unit_for(acme, "North", "SE", now=now), unit_for(acme, "Nordics", "SE", now=now)
        published_for(acme, north, now)
        published_for(acme, nordics, now)
        units.change_unit(nordics.id, changes={"position": 1}, actor="x", now=now)
        assert policy_of("SE", now) == ("Nordics", 1)
        units.change_unit(nordics.id, changes={"is_active": False}, actor="x", now=now)
        assert policy_of("SE", now) == ("North", 1)
        units.change_unit(north.id, changes={"when": in_country("NO")}, actor="x", now=now)
        assert policy_of("SE", now) == ("", 1)


def test_an_open_lead_stays_with_the_policy_of_its_unit(acme: Org, now: datetime) -> None:
    """It comes back while the unit is off: what it asks for now is judged by the unit's policy."""
    with acme.scope():
        unit = unit_for(acme, "North", "SE", now=now)
        published = published_for(acme, unit, now)
        units.change_unit(unit.id, changes={"is_active": False}, actor="x", now=now)
        newer = published_for(acme, unit, now)
        theirs, ours = match_again(
            [(lead_in("SE", now), published.id), (lead_in("SE", now), acme.policy.id)], at=now
        )
        assert (theirs.policy_version_id, ours.policy_version_id) == (newer.id, acme.policy.id)


def test_without_units_a_lead_costs_no_query_more(
    acme: Org, now: datetime, django_assert_num_queries: Any
) -> None:
    with acme.scope():
        policy_of("DE", now)
        with steady_config():
            match_tiers([lead_in("DE", now)], at=now)
            with django_assert_num_queries(0):
                match_tiers([lead_in("DE", now)], at=now)


def test_a_lead_of_the_api_is_handed_over_under_its_units_policy(acme: Org) -> None:
    now = database_clock()
    with acme.scope():
        north = units.create_unit(
            name="North",
            when={"field": "account.country", "op": "one_of", "value": ["SE"]},
            actor="x",
            now=now,
        )
        published = published_for(acme, north, now)
    for country in ("SE", "DE"):
        body = {
            "email": f"lee@{country.lower()}.example",
            "first_name": "Lee",
            "company": {"name": country, "domain": f"{country.lower()}.example", "country": country},
            "engagements": [{"kind": "demo_request"}],
        }
        sent = Client().post(
            "/api/v1/leads", json.dumps(body), content_type="application/json", headers=acme.auth
        )
        assert sent.status_code in (200, 201), sent.content
    with acme.scope():
        by = dict(Handoff.objects.values_list("lead__email", "policy_version_id"))
        assert by == {"lee@se.example": published.id, "lee@de.example": acme.policy.id}
        handoff = Handoff.objects.get(lead__email="lee@se.example")
    told = Client().get(f"/api/v1/leads/{handoff.lead_id}/explain", headers=acme.auth).json()
    assert (told["deadline"]["policy_version"], told["deadline"]["business_unit"]) == (1, "North")
    page = text_of(as_(acme.admin).get(f"/leads/{handoff.lead_id}/deadlines"))
    assert "policy version 1 of North." in page


# --- Lines of versions ---


def test_each_line_has_its_own_numbers_draft_and_version_in_force(acme: Org, now: datetime) -> None:
    with acme.scope():
        north, south = unit_for(acme, "North", "SE", now=now), unit_for(acme, "South", "IT", now=now)
        theirs, ours = drafted_for(acme, north, now), drafted_for(acme, None, now)
        assert (theirs.number, ours.number) == (1, 2)
        with pytest.raises(Conflict, match="Version 1 is being drafted already"):
            begin_draft(north, actor="x", now=now)
        versions.publish(theirs, actor="x", now=now, against=0)
        acme.policy.refresh_from_db()
        assert acme.policy.state == "published", "the main policy is still in force"
        assert published_for(acme, north, now).number == 2
        retired = versions.of_line(PolicyVersion, north.id).filter(state="retired")
        assert [each.number for each in retired] == [1]
        assert versions.open_draft(PolicyVersion, south.id) is None
        back = versions.roll_back(PolicyVersion.objects.get(id=theirs.id), actor="x", now=now, against=2)
        assert (back.number, back.line, back.copy_of) == (3, north.id, 1)
        assert versions.open_draft(PolicyVersion) == ours


def test_a_units_first_draft_is_a_copy_of_the_main_policy(acme: Org, now: datetime) -> None:
    with acme.scope():
        draft = begin_draft(unit_for(acme, "North", "SE", now=now), actor="x", now=now)
        assert (draft.number, draft.copy_of, draft.content) == (1, None, POLICY)


def test_each_line_has_its_own_version_to_come(acme: Org, now: datetime) -> None:
    with acme.scope():
        north = unit_for(acme, "North", "SE", now=now)
        published_for(acme, north, now)
        published_for(acme, north, now, effective_at=now + HOUR, parts={"responses": ["email"]})
        published_for(acme, None, now, effective_at=now + 2 * HOUR)
        assert (policy_of("SE", now), policy_of("DE", now)) == (("North", 1), ("", 1))
        later = now + HOUR
        assert (policy_of("SE", later), policy_of("DE", later)) == (("North", 2), ("", 1))
        with pytest.raises(Conflict, match="Version 2 is scheduled already"):
            published_for(acme, north, now, effective_at=now + 3 * HOUR)
    with acme.scope():
        order = versions.dated_order(PolicyVersion, north.id)
        assert order is not None
        versions.cancel(order_id=order.id, actor="x", now=now)
        assert versions.version_to_come(PolicyVersion) is not None
        assert policy_of("SE", later) == ("North", 1)


def test_the_engine_brings_every_line_that_is_due(acme: Org) -> None:
    now = database_clock()
    with acme.scope():
        past, north = now - 2 * HOUR, unit_for(acme, "North", "SE", now=now)
        published_for(acme, north, past)
        published_for(acme, north, past, effective_at=now - HOUR, parts={"responses": ["email"]})
        published_for(acme, None, past, effective_at=now - HOUR)
    publish_due_tick()
    with acme.scope():
        in_force = PolicyVersion.objects.filter(state="published")
        assert {(each.line_name, each.number) for each in in_force} == {("", 2), ("North", 2)}


def test_an_approval_waits_in_its_line_alone(acme: Org, now: datetime) -> None:
    with acme.scope():
        north = unit_for(acme, "North", "SE", now=now)
    other = approval_on(acme, now)
    with acme.scope():
        theirs = asked(acme.admin, drafted_for(acme, north, now), now)
        ours = asked(acme.admin, drafted_for(acme, None, now), now)
        assert Publication.objects.filter(state="asked").count() == 2
        versions.approve(order_id=theirs.id, member=other, actor=member_actor(other), note="", now=now)
        assert policy_of("SE", now) == ("North", 1)
        ours.refresh_from_db()
        assert (ours.state, policy_of("DE", now)) == ("asked", ("", 1))
    page = text_of(as_(other).get("/policy?unit=north"))
    assert "waits for approval" not in page
    assert "Version 2 waits for approval" in text_of(as_(other).get("/policy"))


@pytest.mark.django_db(transaction=True)
def test_two_lines_published_at_once_are_both_in_force() -> None:
    now = database_clock()
    org = make_org("acme", now=now)
    with org.scope():
        north, south = unit_for(org, "North", "SE", now=now), unit_for(org, "South", "IT", now=now)
        drafts = [drafted_for(org, line, now) for line in (north, south, None)]

    def publisher(draft: PolicyVersion) -> Any:
        def act() -> None:
            with org.scope():
                versions.publish(draft, actor="x", now=now, expected_revision=draft.revision)

        return act

    in_threads(*[publisher(draft) for draft in drafts])
    with org.scope():
        in_force = PolicyVersion.objects.filter(state="published")
        assert {(each.line_name, each.number) for each in in_force} == {("North", 1), ("South", 1), ("", 2)}


def test_running_clocks_are_moved_inside_their_line_only(acme: Org) -> None:
    now = database_clock()
    with acme.scope():
        unit = unit_for(acme, "North", "SE", now=now)
        first = published_for(acme, unit, now)
        ours, theirs = open_handoff(acme, at=now), open_handoff(acme, at=now)
        Handoff.objects.filter(id=theirs.id).update(policy_version_id=first.id)
        theirs.timers.update(policy_version_id=first.id)
        count = theirs.timers.count()
        assert count > 0
        assert ours.timers.count() == count
        draft = drafted_for(acme, unit, now)
        assert preview_policy(draft, now=now).running == count
        newer = versions.publish(draft, actor="x", now=now, options={"move_open": True})
        move = ClockMove.objects.get(policy_version=newer)
        assert move.expected == count
        main = published_for(acme, None, now, options={"move_open": True})
        assert ClockMove.objects.get(policy_version=main).expected == count


# --- The units themselves ---


@pytest.mark.parametrize(
    ("wrong", "path", "code"),
    [
        ({"name": " "}, "/name", "text"),
        ({"name": "NORTH"}, "/name", "duplicate"),
        ({"slug": "north"}, "/slug", "duplicate"),
        ({"slug": "No th"}, "/slug", "slug"),
        ({"when": None}, "/when", "required"),
        ({"when": {"all": [{"field": "lead.planet", "op": "exists"}]}}, "/when/all/0/field", "unknown_field"),
        ({"when": {"field": "sla.tier", "op": "exists"}}, "/when/field", "unknown_field"),
    ],
)
def test_what_is_wrong_with_a_unit_has_its_place(
    acme: Org, now: datetime, wrong: dict[str, Any], path: str, code: str
) -> None:
    with acme.scope():
        unit_for(acme, "North", "SE", now=now)
        sound: dict[str, Any] = {"name": "South", "when": in_country("IT")}
        with pytest.raises(ValidationFailed) as refused:
            units.create_unit(**{**sound, **wrong}, actor="x", now=now)
        assert [(each.path, each.code) for each in refused.value.field_errors] == [(path, code)]


def test_a_unit_that_had_a_policy_is_switched_off_and_not_removed(acme: Org, now: datetime) -> None:
    with acme.scope():
        unit = unit_for(acme, "North", "SE", now=now)
        draft = drafted_for(acme, unit, now)
        with pytest.raises(Conflict, match="discard the draft first"):
            units.remove_unit(unit.id, actor="x", now=now)
        versions.publish(draft, actor="x", now=now)
        with pytest.raises(Conflict, match="switch it off instead"):
            units.remove_unit(unit.id, actor="x", now=now)
        empty = unit_for(acme, "South", "IT", now=now)
        units.remove_unit(empty.id, actor="x", now=now)
        assert [each.name for each in units.all_units()] == ["North"]


def test_there_are_fifty_at_most(acme: Org, now: datetime) -> None:
    with acme.scope():
        BusinessUnit.objects.bulk_create(
            BusinessUnit(name=f"Unit {n}", slug=f"unit-{n}", position=n, when=in_country("SE"))
            for n in range(units.MOST_UNITS)
        )
        with pytest.raises(Conflict, match="There are 50 business units already"):
            unit_for(acme, "One more", "IT", now=now)


def test_without_a_main_policy_there_are_no_units(acme: Org, now: datetime) -> None:
    with acme.scope():
        PolicyVersion.objects.update(state="retired")
        with pytest.raises(Conflict, match="Publish the organisation's policy first"):
            unit_for(acme, "North", "SE", now=now)


def test_changes_of_units_are_recorded(acme: Org, now: datetime) -> None:
    with acme.scope():
        unit = unit_for(acme, "North", "SE", now=now)
        units.change_unit(unit.id, changes={"name": "Far north"}, actor="x", now=now)
        units.change_unit(unit.id, changes={"name": "Far north"}, actor="x", now=now)
        units.remove_unit(unit.id, actor="x", now=now)
        entries = AuditEntry.objects.filter(object_type="businessunit").order_by("id")
        assert [entry.action for entry in entries] == ["created", "changed", "removed"]
        assert (entries[1].before["name"], entries[1].after["name"]) == ("North", "Far north")


# --- On the pages ---


def test_a_unit_is_made_drafted_and_published_on_the_pages(acme: Org) -> None:
    client = as_(acme.admin)
    assert "Advanced: business units" in text_of(client.get("/policy"))
    sent = {"name": "North", "field": "lead.country", "values": "SE, NO"}
    made = client.post("/policy/units", sent, follow=True)
    assert made.redirect_chain[-1][0] == "/policy?unit=north"
    page = text_of(made)
    assert "SLA tiers: North" in page
    assert "leads of North run by the next unit that they fit, else by the policy for everybody else." in page
    begun = client.post("/policy/draft/start?unit=north", follow=True)
    assert begun.redirect_chain[-1][0] == "/policy/draft?unit=north"
    assert "Propose from our own history" not in begun.content.decode()
    check = client.get("/policy/draft/check?unit=north")
    assert (check.context["draft"].number, check.context["current"]) == (1, None)
    assert "Against the policy for everybody else: North has none in force yet." in text_of(check)
    assert "Nothing: it says what the policy for everybody else says." in text_of(check)
    done = client.post("/policy/draft/check?unit=north", {"revision": 1, "against": 0}, follow=True)
    assert done.redirect_chain[-1][0] == "/policy?unit=north"
    assert "Version 1 is in force." in text_of(done)
    assert "Version 1, in force since" in text_of(client.get("/policy"))
    assert "Versions of the policy: North" in text_of(client.get("/policy/versions?unit=north"))
    assert "Version 1 is in force." in text_of(client.get("/policy/units"))
    with acme.scope():
        assert PolicyVersion.objects.filter(unit__slug="north", state="published").count() == 1
        assert PolicyVersion.objects.filter(unit=None).count() == 1


def test_the_check_of_a_units_first_version_says_what_differs_from_the_main_policy(
    acme: Org, now: datetime
) -> None:
    longer = [{**POLICY["pauses"][0], "at_most": {"business_days": 9}}, *POLICY["pauses"][1:]]
    with acme.scope():
        north = unit_for(acme, "North", "SE", now=now)
        drafted_for(acme, north, now, pauses=longer)
    changes = as_(acme.admin).get("/policy/draft/check?unit=north").context["review"].changes
    assert len(changes) == 2
    assert changes[0].startswith("First touch: ")
    assert changes[0].endswith(", now a call.")
    assert changes[1].startswith("Reason for clocks to stand: Waiting for the lead (at most 5 business days,")
    assert ", now Waiting for the lead (at most 9 business days, by rep or manager)." in changes[1]


def test_a_units_version_to_come_is_said_where_units_are_listed(acme: Org) -> None:
    moment = database_clock() + timedelta(days=3)
    with acme.scope():
        north = unit_for(acme, "North", "SE", now=database_clock())
        published_for(acme, north, database_clock(), effective_at=moment)
    said = text_of(as_(acme.admin).get("/policy/units"))
    assert "No policy in force yet: its leads run by the next that fits. Version 1 comes into" in said


def test_a_form_that_is_wrong_says_so_at_the_field(acme: Org, now: datetime) -> None:
    client = as_(acme.admin)
    for sent, field, words in [
        ({"name": "North"}, "field", "Whose leads"),
        ({"name": "North", "field": "lead.country"}, "values", "Which?"),
        ({"name": "North", "rule": "{"}, "rule", "no JSON"),
        ({"name": "North", "rule": '{"field": "lead.planet", "op": "exists"}'}, "rule", "lead.planet"),
        ({"name": "", "field": "lead.country", "values": "SE"}, "name", "required"),
    ]:
        response = client.post("/policy/units", sent)
        assert response.status_code == 422
        assert words in " ".join(response.context["form"].errors[field])
    with acme.scope():
        assert units.all_units() == []


def test_a_unit_is_edited_ordered_and_switched_off(acme: Org, now: datetime) -> None:
    with acme.scope():
        north, south = unit_for(acme, "North", "SE", now=now), unit_for(acme, "South", "IT", now=now)
    client = as_(acme.admin)
    form = client.get(f"/policy/units/{north.id}").context["form"]
    sent = {name: form[name].value() for name in ("field", "values", "rule", "rule_was")}
    assert (sent["field"], sent["values"]) == ("lead.country", "SE")
    client.post(f"/policy/units/{north.id}", {**sent, "name": "Far north", "values": "SE, FI"})
    client.post(f"/policy/units/{south.id}/act", {"do": "up"})
    client.post(f"/policy/units/{north.id}/act", {"do": "off"})
    with acme.scope():
        first, second = units.all_units()
        assert (first.name, second.name, second.is_active) == ("South", "Far north", False)
        assert second.when == in_country("SE", "FI")
    assert "Far north (off)" in text_of(client.get("/policy"))


@pytest.mark.parametrize("role", ["manager", "marketing", "executive"])
def test_everybody_reads_a_units_policy_and_only_admins_change_units(
    acme: Org, now: datetime, role: str
) -> None:
    with acme.scope():
        unit = unit_for(acme, "North", "SE", now=now)
    client = as_(getattr(acme, role))
    page = client.get("/policy?unit=north")
    assert page.status_code == 200
    assert "/policy/units" not in page.content.decode()
    assert client.get("/policy/units").status_code == 403
    assert client.post(f"/policy/units/{unit.id}/act", {"do": "off"}).status_code == 403


# --- Over the API, and for two organisations ---


def test_units_and_their_policies_over_the_api(acme: Org, globex: Org) -> None:
    made = call(acme, "POST", "/units", {"name": "North", "when": in_country("SE")})
    assert (made.status_code, made.json()["slug"], made.json()["position"]) == (201, "north", 1)
    unit = made.json()
    assert call(acme, "GET", "/units").json()["results"] == [unit]
    assert call(acme, "GET", f"/units/{unit['id']}").json() == unit
    assert call(globex, "GET", f"/units/{unit['id']}").status_code == 404
    assert call(acme, "GET", "?unit=north").status_code == 404, "none published yet"
    draft = call(acme, "PUT", "/draft?unit=north", {"content": POLICY}).json()
    assert (draft["unit"], draft["number"]) == ("north", 1)
    assert call(acme, "GET", "/draft").status_code == 404, "the main policy has no draft"
    assert call(acme, "POST", "/draft/check?unit=north").json()["problems"] == []
    done = call(acme, "POST", "/publish?unit=north", {"revision": 1})
    assert (done.status_code, done.json()["unit"]) == (200, "north")
    assert call(acme, "GET", "?unit=north").json()["id"] == done.json()["id"]
    assert call(acme, "GET", "").json()["unit"] is None
    assert [each["number"] for each in call(acme, "GET", "/versions?unit=north").json()["results"]] == [1]
    off = call(acme, "PATCH", f"/units/{unit['id']}", {"is_active": False})
    assert (off.status_code, off.json()["is_active"]) == (200, False)
    assert call(acme, "DELETE", f"/units/{unit['id']}").status_code == 409

    assert call(globex, "GET", "/units").json()["results"] == []
    assert call(globex, "GET", "?unit=north").status_code == 404
    assert call(globex, "PATCH", f"/units/{unit['id']}", {"name": "Mine"}).status_code == 404
    assert call(globex, "DELETE", f"/units/{unit['id']}").status_code == 404
    assert call(globex, "POST", "/units", {"name": "North", "when": in_country("SE")}).status_code == 201


def test_the_api_refuses_with_the_place(acme: Org) -> None:
    wrong = {"name": "North", "when": {"any": [{"field": "lead.planet", "op": "exists"}]}}
    refused = call(acme, "POST", "/units", wrong)
    assert refused.status_code == 400
    assert "/when/any/0/field" in refused.content.decode()
    unit = call(acme, "POST", "/units", {"name": "North", "when": in_country("SE")}).json()
    assert call(acme, "PATCH", f"/units/{unit['id']}", {"position": 2}).status_code == 400
    assert call(acme, "DELETE", f"/units/{unit['id']}").status_code == 204
    assert call(acme, "GET", "/draft?unit=north").status_code == 404
