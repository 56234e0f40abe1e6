"""What the criteria say, and why."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from core.errors import ValidationFailed
from leads.criteria import SCHEMA, check_content, compile_content, facts_of
from leads.defaults import DEFAULT_CRITERIA, engaged
from leads.models import Account, Lead

NOW = datetime(2026, 11, 17, 9, tzinfo=UTC)
CONTENT = {
    "fit": {"field": "account.employees", "op": "between", "value": [50, 2000]},
    "rule": {
        "all": [
            {"any": [engaged("demo_request"), engaged("pricing_page")]},
            {"field": "lead.title", "op": "contains", "value": "chief"},
            {"field": "lead.phone", "op": "exists", "value": True},
        ]
    },
    "exclude": [
        {"name": "Students", "when": {"field": "lead.email_domain", "op": "starts_with", "value": "uni-"}}
    ],
    "required": ["email", "account.employees"],
}


def judge(lead: Lead, account: Account | None, *kinds: str):
    past = [(kind, "", NOW - timedelta(days=1)) for kind in kinds]
    return compile_content(CONTENT, number=3).judge(facts_of(lead, account, past, NOW))


def test_the_default_criteria_are_valid():
    assert check_content(DEFAULT_CRITERIA) == []


def test_a_verdict_names_each_criterion_with_what_was_seen():
    lead = Lead(email="ann@acme.com", title="Chief engineer")
    verdict = judge(lead, Account(name="Acme", employees=120), "demo_request").verdict
    assert (verdict["met"], verdict["version"]) == (False, 3)
    assert [(each["state"], each["seen"]) for each in verdict["criteria"]] == [
        ("met", 120),
        ("met", ["Demo request: 1"]),
        ("met", "Chief engineer"),
        ("not_met", ""),
        ("met", []),
    ]
    assert [each["path"] for each in verdict["criteria"]] == [
        "/fit",
        "/rule/all/0",
        "/rule/all/1",
        "/rule/all/2",
        "/exclude/0",
    ]


def test_what_is_not_known_is_missing():
    states = [each["state"] for each in judge(Lead(email="ann@acme.com"), None).verdict["criteria"]]
    assert states == ["missing", "not_met", "missing", "not_met", "met"]


def test_an_exclusion_beats_everything():
    lead = Lead(email="ann@uni-x.de", title="Chief", phone="1")
    found = judge(lead, Account(name="A", employees=100), "demo_request")
    assert (found.qualified, found.fits) == (False, False)
    assert found.verdict["criteria"][-1]["seen"] == ["E-mail domain: uni-x.de"]


def test_requirements_that_are_missing_are_named():
    lead = Lead(title="Chief", phone="1")
    found = judge(lead, Account(name="A", employees=0), "demo_request")
    assert found.needs == ["email"]  # zero employees is an answer


def test_without_an_account_its_flags_are_false_and_its_fields_unknown():
    facts = facts_of(Lead(email="ann@gmail.com"), None, [], NOW)
    assert facts.values["account.is_customer"] is False
    assert facts.values.get("account.employees") is None
    assert facts.values["lead.free_email"] is True


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"rule": None}, "/rule"),
        ({"rule": {"all": [{"field": "lead.titel", "op": "equals", "value": "x"}]}}, "/rule/all/0/field"),
        ({"fit": {"field": "account.employees", "op": "between", "value": [5]}}, "/fit/value"),
        ({"exclude": [{"name": "x"}]}, "/exclude/0"),
        ({"exclude": [{"name": "", "when": engaged("x")}]}, "/exclude/0/name"),
        ({"exclude": {}}, "/exclude"),
        ({"required": ["shoe_size"]}, "/required/0"),
        ({"required": "email"}, "/required"),
        ({"rules": {}}, "/rules"),
    ],
)
def test_wrong_content_is_refused_with_its_path(change, path):
    content = {**CONTENT, **change}
    assert path in [error.path for error in check_content(content)]
    with pytest.raises(ValidationFailed):
        compile_content(content, number=1)


def test_content_that_is_no_object_is_refused():
    assert [error.path for error in check_content([])] == [""]


def test_every_field_of_the_schema_but_the_tier_has_a_fact():
    facts = facts_of(Lead(email="a@acme.com"), Account(name="A"), [], NOW)
    assert set(SCHEMA.by_name) - set(facts.values) == {"sla.tier"}
    assert facts.values["handoff.kind"] == "inbound"


def test_more_exclusions_or_conditions_than_every_lead_can_be_judged_by_are_refused():
    asked = {"field": "lead.title", "op": "equals", "value": "CTO"}
    many = {**DEFAULT_CRITERIA, "exclude": [{"name": f"E{number}", "when": asked} for number in range(51)]}
    assert [(each.path, each.code) for each in check_content(many)] == [("/exclude", "max_length")]
    wide = {"any": [asked] * 1_001}
    both = {**DEFAULT_CRITERIA, "fit": wide, "rule": wide, "exclude": []}
    assert [(each.path, each.code) for each in check_content(both)] == [("", "max_length")]
    assert check_content({**both, "fit": None}) == []
