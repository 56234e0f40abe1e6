"""A lead without an owner says the way out: a row for everyone else, or somebody who gets it."""

from __future__ import annotations

from datetime import datetime

import pytest

from leads.models import Lead
from routing.models import RuleSetVersion
from tests.factories import Org
from tests.handoff.conftest import browser, handoff_of, new_lead, owner_of
from tests.routing.test_rule_pages import text_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def stray(acme: Org, now: datetime) -> Lead:
    """No rule takes it."""
    with acme.scope():
        RuleSetVersion.objects.update(
            content={
                "pools": [
                    {
                        "name": "Swedes",
                        "when": {"field": "lead.country", "op": "equals", "value": "Sweden"},
                        "pool": "inbound",
                    }
                ],
                "priorities": [],
            },
            number=33,
        )
    made = new_lead(acme, now)
    assert handoff_of(acme, made).unrouted_reason == "no_rule"
    return made


def test_who_may_is_led_to_the_rules_and_others_are_told_whom_to_ask(acme: Org, stray: Lead) -> None:
    page = browser(acme.admin).get("/unrouted")
    assert "No rule takes it: add a row for everyone else" in text_of(page)
    assert '<a href="/routing">add a row for everyone else</a>' in page.content.decode()
    assert "No rule takes it: an admin can add a row" in text_of(browser(acme.manager).get("/unrouted"))


def test_assigning_it_names_a_person_and_tells_nobody_who_never_had_it(acme: Org, stray: Lead) -> None:
    client = browser(acme.manager)
    page = client.get(f"/leads/{stray.id}/reassign")
    said = text_of(page)
    assert f"Assign {stray.full_name}" in said
    assert "Without an owner" in said
    assert "The next in the pool" not in said
    assert "Both of you" not in said
    refused = client.post(f"/leads/{stray.id}/reassign", {"to": "", "why": "Nobody has it"})
    assert refused.status_code == 422
    assert "Choose who gets it: no rule takes it." in text_of(refused)
    sent = {"to": str(acme.reps[0].id), "why": "Nobody has it"}
    assert client.post(f"/leads/{stray.id}/reassign", sent).status_code == 302
    assert owner_of(acme, stray) == acme.reps[0]


def test_one_that_somebody_has_is_reassigned_as_before(acme: Org, now: datetime) -> None:
    lead = new_lead(acme, now)
    said = text_of(browser(acme.manager).get(f"/leads/{lead.id}/reassign"))
    assert f"Reassign {lead.full_name}" in said
    assert "The next in the pool" in said
    assert "Both of you are told" in said
