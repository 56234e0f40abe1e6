"""A country is one thing to criteria, routing rules, territories, policies and simulations, however the lead
or the rule says it; and a slip in a rule is told, not refused.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest
from django.test import Client

from leads.criteria_preview import preview_criteria
from leads.defaults import DEFAULT_CRITERIA
from leads.models import CriteriaVersion, Lead
from routing.models import Decision
from tests.factories import POLICY, Org
from tests.routing.test_rule_pages import as_, draft_of, editing, text_of
from tests.routing.test_territories import PAGE, content, sent, upload

pytestmark = pytest.mark.django_db

GERMANY = {"field": "lead.country", "op": "equals", "value": "Germany"}
SLIP = 'Not a country we know: "Germny" is compared as written. Did you mean Germany?'


def call(org: Org, method: str, path: str, body: Any = None, kind: str = "application/json") -> Any:
    data = body if isinstance(body, bytes) else "" if body is None else json.dumps(body)
    return Client().generic(method, f"/api/v1/{path}", data, content_type=kind, headers=org.auth)


def arrive(org: Org, email: str, country: str, **company: Any) -> dict[str, Any]:
    lead = {
        "email": email,
        "company": {"name": "Customer", "country": country, "employees": 100, **company},
        "engagements": [{"kind": "demo_request"}],
    }
    answer = call(org, "POST", "leads", lead)
    assert answer.status_code == 201, answer.content
    made: dict[str, Any] = answer.json()
    return made


def criteria_with(**parts: Any) -> dict[str, Any]:
    return {**DEFAULT_CRITERIA, **parts}


def decision_about(org: Org, email: str) -> Decision:
    with org.scope():
        return Decision.objects.select_related("pool").get(handoff__lead__email=email)


# --- Criteria ---


@pytest.mark.parametrize("written", ["DE", "deu", "Deutschland", "GERMANY"])
def test_a_lead_meets_criteria_that_say_its_country_otherwise_and_keeps_what_was_sent(
    acme: Org, written: str
) -> None:
    published = call(acme, "POST", "criteria/publish", {"content": criteria_with(fit=GERMANY), "based_on": 1})
    assert published.status_code == 200, published.content
    arrive(acme, "ada@okapi.example", written)
    arrive(acme, "bo@zebu.example", "FR")
    with acme.scope():
        ada, bo = (Lead.objects.get(email=email) for email in ("ada@okapi.example", "bo@zebu.example"))
    assert (ada.country, ada.verdict["met"], bo.verdict["met"]) == (written, True, False)
    fit = next(each for each in ada.verdict["criteria"] if each["path"] == "/fit")
    assert fit["seen"] == (written if written == "GERMANY" else f"{written} (Germany)")
    assert fit["label"] == "Country is Germany"


def test_who_is_excluded_by_country_is_so_by_any_name_of_it(acme: Org) -> None:
    exclude = [{"name": "Abroad", "when": {"not": {**GERMANY, "value": "DE"}}}]
    body = {"content": criteria_with(exclude=exclude), "based_on": 1}
    assert call(acme, "POST", "criteria/publish", body).status_code == 200
    arrive(acme, "ada@okapi.example", "Germany")
    arrive(acme, "bo@zebu.example", "Francia")
    with acme.scope():
        met = {lead.email: lead.verdict["met"] for lead in Lead.objects.all()}
    assert met == {"ada@okapi.example": True, "bo@zebu.example": False}


def test_the_preview_over_many_leads_and_the_verdict_agree(acme: Org, now: datetime) -> None:
    for number, written in enumerate(["DE", "DEU", "Germany", "deutschland", "Elsewhere", "FR", ""]):
        arrive(acme, f"a{number}@firm{number}.example", written, name=f"Firm {number}")
    with acme.scope():
        for value, many in (("Germany", 4), ("fra", 1), ("elsewhere", 1)):
            found = preview_criteria(criteria_with(fit={**GERMANY, "value": value}), now=now)
            assert (found.leads, found.after) == (7, many)
        lost = preview_criteria(criteria_with(fit=GERMANY), now=now).changed
    reasons = {reason for each in lost for reason in each.reasons}
    assert "Now not met: Country is Germany, it is FR (France)." in reasons


def test_a_slip_in_criteria_is_told_by_call_and_on_the_pages_and_not_refused(acme: Org) -> None:
    slip = criteria_with(fit={**GERMANY, "value": "Germny"})
    assert call(acme, "PUT", "criteria/draft", {"content": slip}).status_code == 200
    checked = call(acme, "POST", "criteria/draft/check").json()
    assert (checked["problems"], checked["warnings"]) == ([], [SLIP])
    admin = as_(acme.admin)
    draft = admin.get("/qualification/draft")
    assert SLIP in text_of(draft).replace("&quot;", '"')
    assert '<option value="Germany"></option>' in draft.content.decode()
    assert 'list="fit-unknown_country"' in draft.content.decode()
    assert SLIP in text_of(admin.get("/qualification/draft/check")).replace("&quot;", '"')
    published = call(acme, "POST", "criteria/draft/publish", {"revision": checked["revision"]})
    assert published.status_code == 200
    arrive(acme, "ada@okapi.example", "germny")
    with acme.scope():
        assert Lead.objects.get().verdict["met"] is True


def test_an_editor_without_a_country_offers_none(acme: Org) -> None:
    assert call(acme, "PUT", "criteria/draft", {"content": DEFAULT_CRITERIA}).status_code == 200
    assert (
        '<option value="Germany"></option>'
        not in as_(acme.admin).get("/qualification/draft").content.decode()
    )


def test_the_plain_form_tells_a_slip_after_it_has_published(acme: Org) -> None:
    admin = as_(acme.admin)
    with acme.scope():
        number = CriteriaVersion.objects.get().number
    form = {"intent": "demo_request", "days": "30", "countries": "DE, Germny", "based_on": str(number)}
    answer = admin.post("/qualification", form, follow=True)
    assert text_of(answer).replace("&quot;", '"').count(SLIP) == 1
    assert "DE (Germany)" in text_of(answer)


# --- Routing ---


def routed_by(org: Org, rules: dict[str, Any]) -> Client:
    client = editing(org, rules)
    form = {"revision": draft_of(org).revision, "against": "1", "when": "now"}
    assert client.post("/routing/draft/check", form).status_code == 302
    return client


def test_a_lead_that_says_de_goes_by_the_rule_that_says_germany(acme: Org) -> None:
    rules = {
        "pools": [
            {"name": "Germans", "when": GERMANY, "pool": "second"},
            {"name": "Everyone else", "when": None, "pool": "inbound"},
        ],
        "priorities": [],
        "horizon_minutes": 30,
    }
    client = routed_by(acme, rules)
    arrive(acme, "ada@okapi.example", "DE")
    arrive(acme, "bo@zebu.example", "AT", name="Zebu")
    decision = decision_about(acme, "ada@okapi.example")
    assert (decision.rule, decision_about(acme, "bo@zebu.example").rule) == ("Germans", "Everyone else")
    assert decision.inputs["values"]["lead.country"] == "DE"
    assert "DE (Germany)" in text_of(client.get(f"/decisions/{decision.id}"))


def test_a_territory_of_germany_takes_a_lead_that_says_deu(acme: Org) -> None:
    routed_by(acme, content({"name": "Germany", "countries": ["Germany"], "pool": "second"}))
    arrive(acme, "ada@okapi.example", "DEU")
    decision = decision_about(acme, "ada@okapi.example")
    assert decision.rule == "Germany"
    assert decision.pool is not None
    assert decision.pool.slug == "second"


def test_two_names_of_one_country_are_an_overlap_and_no_gap(acme: Org) -> None:
    client = editing(acme)
    lines = ["name,countries,postal,pool", "North,DE,1;2,second", "South,Germany,2;8,inbound"]
    lines.append("Rest,Deutschland,,second")
    assert upload(client, "\n".join(lines).encode()).status_code == 302
    found = call(acme, "GET", "routing/territories?draft=true").json()
    assert [each["territories"] for each in found["overlaps"]] == [
        ["North", "South"],
        ["North", "Rest"],
        ["South", "Rest"],
    ]
    assert (found["gaps"], found["warnings"]) == ([], [])
    page = text_of(client.get(PAGE))
    assert "DE (Germany)" in page
    assert "Deutschland (Germany)" in page


def test_a_territory_behind_another_name_of_its_country_is_never_reached(acme: Org) -> None:
    first = {"name": "First", "countries": ["DE", "AT"], "pool": "second"}
    second = {"name": "Second", "countries": ["Germany"], "pool": "inbound"}
    row = {"name": "Territories", "territories": True, "overlaps": "first_wins"}
    editing(acme, content(first, second, row=row))
    problems = call(acme, "POST", "routing/draft/check").json()["problems"]
    assert [(each["path"], each["code"]) for each in problems] == [("/territories/1", "never_reached")]


def test_a_slip_in_a_territory_and_in_a_rule_is_told_and_saved(acme: Org) -> None:
    client = editing(acme)
    assert sent(client, name="South", pool="second", countries="Germny; AT").status_code == 302
    assert SLIP in text_of(client.get(PAGE)).replace("&quot;", '"')
    found = call(acme, "GET", "routing/territories?draft=true").json()
    assert found["warnings"] == [f"Territory South: {SLIP}"]
    draft = draft_of(acme)
    rules = [{"name": "Germans", "when": {**GERMANY, "value": "Germny"}, "pool": "second"}]
    body = {
        "content": {**draft.content, "pools": [*rules, *draft.content["pools"]]},
        "revision": draft.revision,
    }
    assert call(acme, "PUT", "routing/draft", body).status_code == 200
    checked = call(acme, "POST", "routing/draft/check").json()
    assert f"Germans: {SLIP}" in checked["warnings"]
    assert f"Territory South: {SLIP}" in checked["warnings"]
    assert f"Germans: {SLIP}" in text_of(client.get("/routing/draft/check")).replace("&quot;", '"')


def test_a_typed_lead_is_simulated_by_any_name_of_its_country(acme: Org) -> None:
    editing(acme, content({"name": "Germany", "countries": ["DE"], "pool": "second"}))
    facts = {"email": "ada@okapi.example", "country": "Germany", "engagements": [{"kind": "demo_request"}]}
    told = call(acme, "POST", "routing/simulations/lead", {"facts": facts}).json()
    assert (told["draft"]["pool"], told["live"]["pool"]) == ("second", "inbound")
    facts = {**facts, "country": "", "account": {"country": "Allemagne"}}
    told = call(acme, "POST", "routing/simulations/lead", {"facts": facts}).json()
    assert told["draft"]["pool"] == "second"


# --- Promises ---


def test_a_tier_is_matched_by_any_name_and_a_slip_in_it_is_told(acme: Org) -> None:
    first, *others = POLICY["tiers"]
    tiers = [{**first, "when": {**GERMANY, "value": "DEU"}}, *others]
    assert call(acme, "PUT", "policy/draft", {"content": {**POLICY, "tiers": tiers}}).status_code == 200
    checked = call(acme, "POST", "policy/draft/check").json()
    assert not [each for each in checked["warnings"] if "country" in each]
    assert call(acme, "POST", "policy/publish", {"revision": checked["revision"]}).status_code == 200
    arrive(acme, "ada@okapi.example", "Germany")
    with acme.scope():
        assert Lead.objects.get().handoffs.get().tier == first["slug"]
    slip = [{**first, "when": {**GERMANY, "value": "Germny"}}, *others]
    assert call(acme, "PUT", "policy/draft", {"content": {**POLICY, "tiers": slip}}).status_code == 200
    checked = call(acme, "POST", "policy/draft/check").json()
    assert f"{first['name']}: {SLIP}" in checked["warnings"]


def test_two_names_of_one_country_do_not_contradict_each_other(acme: Org) -> None:
    first, *others = POLICY["tiers"]
    both = {"all": [GERMANY, {**GERMANY, "op": "one_of", "value": ["DE", "AT"]}]}
    content_ = {**POLICY, "tiers": [{**first, "when": both}, *others]}
    assert call(acme, "PUT", "policy/draft", {"content": content_}).status_code == 200
    checked = call(acme, "POST", "policy/draft/check").json()
    assert not [each for each in checked["warnings"] if first["name"] in each and "No lead ever gets" in each]


def test_a_business_unit_tells_a_slip_and_is_made(acme: Org) -> None:
    form = {
        "name": "South",
        "slug": "south",
        "field": "lead.country",
        "values": "Germny",
        "rule": "",
        "rule_was": "",
    }
    answer = as_(acme.admin).post("/policy/units", form, follow=True)
    assert SLIP in text_of(answer).replace("&quot;", '"')
    assert "South is there." in text_of(answer)
