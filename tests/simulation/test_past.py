"""What led to a handoff that was closed counts no more, whichever way the facts are read."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from handoff import moves
from handoff.lead_score import score_now
from handoff.services import Actor, reject_lead
from handoff.simulation.reading import read_arrivals
from handoff.simulation.single import facts_of_lead
from leads.criteria_drafts import publish_criteria
from leads.models import CriteriaVersion, Handoff, Lead
from leads.past import past_of
from routing.facts import load_setup
from routing.models import Decision
from tenants import versions
from tenants.clock import fixed_clock
from tests.factories import MQL_RULE, Org, engaged
from tests.handoff.conftest import new_lead
from tests.simulation.conftest import TUESDAY, call, draft_rules, write_draft

pytestmark = pytest.mark.django_db
DEMO: dict[str, Any] = {"name": "Demo", "when": engaged("demo_request"), "pool": "german"}
SCORE = {
    "from": "signals",
    "signals": [
        {"name": "Demo", "when": engaged("demo_request"), "points": 40, "half_life_days": None},
        {"name": "Prices", "when": engaged("pricing_page"), "points": 5, "half_life_days": None},
    ],
}


@pytest.fixture
def returned(org: Org) -> Lead:
    """A lead that asked for a demo, was refused, and came back for the prices an hour later."""
    publish = write_draft(org, draft_rules(DEMO))
    assert call(org, "POST", "publish", {"revision": publish.revision}).status_code == 200
    with org.scope():
        current = versions.published_version(CriteriaVersion)
        content = {"rule": MQL_RULE, "fit": None, "exclude": [], "required": ["email"], "score": SCORE}
        publish_criteria(content, based_on=current.number if current else 0, actor="m:test", now=TUESDAY)
    lead = new_lead(org, TUESDAY)
    with org.scope():
        reject_lead(
            lead_id=lead.id,
            reason="wrong_title",
            actor=Actor("key:test", None, oversees=True),
            clock=fixed_clock(TUESDAY + timedelta(minutes=30)),
        )
    return new_lead(org, TUESDAY + timedelta(hours=1), kind="pricing_page")


def kinds(did: Any) -> list[str]:
    return [each[0] for each in did]


def test_intake_rerouting_one_lead_replay_and_score_see_the_same(org: Org, returned: Lead) -> None:
    now: datetime = TUESDAY + timedelta(hours=2)
    with org.scope():
        handoff = Handoff.objects.get(lead=returned, number=2)
        assert Decision.objects.get(handoff=handoff).rule == "Everyone"
        assert kinds(past_of([returned.id])[returned.id]) == ["pricing_page"]
        rerouted = moves._facts([handoff], load_setup(fixed_clock(now)), now)[handoff.id]
        asked = facts_of_lead(returned, now)
        first, second = read_arrivals(TUESDAY, now, now=now)
        assert kinds(first.facts.engagements) == ["demo_request"]
        assert (first.facts.number("lead.score"), second.facts.number("lead.score")) == (40, 5)
        for facts in (rerouted, asked, second.facts):
            assert kinds(facts.engagements) == ["pricing_page"]
        assert score_now(returned, now=now).points == 5
    told = call(org, "POST", "simulations/lead", {"lead": str(returned.id), "rules": "live"}).json()["live"]
    assert (told["rule"], told["qualified"]) == ("Everyone", True)
