"""A preview of criteria says of each lead what judging it alone says, whatever the criteria and its past."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest

from handoff.services import Actor, reject_lead
from leads import criteria_preview
from leads.criteria import FLAGS, SCHEMA, Criteria, compile_content, facts_of
from leads.defaults import DEFAULT_CRITERIA
from leads.models import Account, CriteriaVersion, Engagement, Handoff, Lead
from leads.named_lists import add_entries, create_list
from leads.past import Did, past_of
from tenants import versions
from tenants.clock import fixed_clock
from tests.factories import Org
from tests.handoff.conftest import new_lead

pytestmark = pytest.mark.django_db
KINDS = ("demo_request", "pricing_page", "Webinar", "webinar ", "DÉMO", "live chat", "page_view")
SUBJECTS = ("", "pricing", "Pricing ", "careers", "über uns")
TEXTS = ("", "CEO", "Head of Sales", "Student", "DE", "Germany", "web", "heron.example")
LEADS = 40


def _world(chance: Random, now: datetime) -> None:
    """Leads with and without accounts, lists and closed handoffs; what they did before and after those."""
    above = Account.objects.create(name="Heron Group", is_customer=True, created_at=now)
    accounts = [
        Account.objects.create(
            name=f"Company {number}",
            domain=f"company{number}.example",
            employees=chance.choice((None, 0, 50, 120)),
            country=chance.choice(TEXTS),
            region=chance.choice(TEXTS),
            parent=above if number % 2 else None,
            created_at=now,
            **{flag: chance.random() < 0.4 for flag in FLAGS},
        )
        for number in range(6)
    ]
    listed = create_list(name="Rivals", purpose="competitors", actor="a", now=now)
    add_entries(list_id=listed.id, texts=["company1.example"], actor="a", now=now)
    for number in range(LEADS):
        account = chance.choice([None, *accounts])
        came = now - timedelta(hours=chance.randrange(2_000))
        lead = Lead.objects.create(
            email=f"lead{number}@{account.domain if account else 'gmail.com'}",
            title=chance.choice(TEXTS),
            country=chance.choice(TEXTS),
            region=chance.choice(TEXTS),
            source=chance.choice(TEXTS),
            score=chance.choice((None, 0, 40, 90)),
            account=account,
            created_at=came,
            updated_at=came,
        )
        for order in range(chance.randrange(3)):
            Handoff.objects.create(
                lead=lead,
                number=order + 1,
                state="closed",
                outcome="rejected",
                started_at=came,
                closed_at=came + timedelta(hours=12 * (order + 1)),
            )
        for _ in range(chance.randrange(7)):
            heard = came + timedelta(hours=chance.choice((0, 6, 12, 18, 24, 60)))
            Engagement.objects.create(
                lead=lead,
                kind=chance.choice(KINDS),
                subject=chance.choice(SUBJECTS),
                at=heard - timedelta(days=chance.randrange(20)),
                received_at=heard,
            )


def _tree(chance: Random, depth: int = 2) -> dict[str, Any]:
    """A rule: of groups, of fields of every type, of what a lead did."""
    if depth and chance.random() < 0.6:
        if chance.random() < 0.25:
            return {"not": _tree(chance, depth - 1)}
        children = [_tree(chance, depth - 1) for _ in range(chance.randrange(1, 4))]
        return {chance.choice(("all", "any")): children}
    if chance.random() < 0.5:
        asked: dict[str, Any] = {"value": chance.choice((1, 1, 2, 3))}
        if chance.random() < 0.85:
            asked["kind"] = chance.choice(KINDS) if chance.random() < 0.7 else list(chance.sample(KINDS, 2))
        if chance.random() < 0.4:
            asked["subject"] = chance.choice(SUBJECTS[1:])
        if chance.random() < 0.6:
            asked["within_days"] = chance.choice((1, 7, 30))
        if chance.random() < 0.2:
            asked["measure"] = chance.choice(("recency", "distinct"))
        return {"engagements": asked}
    field = chance.choice([each for each in SCHEMA.fields if each.name != "sla.tier"])
    if field.name == "lead.lists":
        return {"field": field.name, "op": "contains", "value": "rivals"}
    if field.type == "boolean":
        return {"field": field.name, "op": "equals", "value": chance.random() < 0.5}
    if field.type == "number":
        return {"field": field.name, "op": chance.choice(("at_least", "at_most")), "value": 50}
    if chance.random() < 0.3:
        return {"field": field.name, "op": "exists", "value": chance.random() < 0.5}
    return {"field": field.name, "op": "contains", "value": chance.choice(TEXTS[1:])}


def _unscored(chance: Random) -> dict[str, Any]:
    """A rule that a signal may have: it does not ask for the score."""
    while "lead.score" in json.dumps(tree := _tree(chance, 1)):
        pass
    return tree


def _content(chance: Random) -> dict[str, Any]:
    content: dict[str, Any] = {
        "rule": _tree(chance),
        "fit": _tree(chance) if chance.random() < 0.5 else None,
        "exclude": [{"name": f"E{number}", "when": _tree(chance)} for number in range(chance.randrange(3))],
        "required": ["email"],
    }
    if chance.random() < 0.5:
        content["rule"] = {"any": [content["rule"], {"field": "lead.score", "op": "at_least", "value": 30}]}
        content["score"] = {
            "from": "signals",
            "signals": [
                {"name": f"S{number}", "when": _unscored(chance), "points": 25, "half_life_days": None}
                for number in range(3)
            ],
        }
    return content


def _known() -> list[tuple[Lead, list[Did], datetime]]:
    """Each lead, what it did that counts, and its latest sign of life."""
    leads = list(Lead.objects.select_related("account"))
    past = past_of([lead.id for lead in leads])
    signs: dict[Any, list[datetime]] = {lead.id: [lead.created_at] for lead in leads}
    for lead_id, at in Engagement.objects.values_list("lead_id", "at"):
        signs[lead_id].append(at)
    return [(lead, past[lead.id], max(signs[lead.id])) for lead in leads]


def _judged_alone(criteria: Criteria, known: list[tuple[Lead, list[Did], datetime]]) -> dict[Any, bool]:
    return {
        lead.id: criteria.judge(facts_of(lead, lead.account, did, at, criteria=criteria)).qualified
        for lead, did, at in known
    }


@pytest.mark.parametrize("seed", range(3))
def test_a_preview_says_what_judging_one_by_one_says(acme: Org, now: datetime, seed: int) -> None:
    chance = Random(seed)
    with acme.scope():
        _world(chance, now)
        known = _known()
        in_force = versions.version_in_force(CriteriaVersion, now)
        assert in_force is not None
        live = _judged_alone(compile_content(in_force.content, number=1), known)
        answers = set()
        for _ in range(20):
            content = _content(chance)
            draft = _judged_alone(compile_content(content, number=0), known)
            found = criteria_preview.preview_criteria(content, now=now)
            changed = {lead.id: lead.qualifies for lead in found.changed}
            assert (found.leads, found.before, found.after) == (
                LEADS,
                sum(live.values()),
                sum(draft.values()),
            ), content
            assert changed == {key: draft[key] for key in draft if draft[key] is not live[key]}, content
            answers.add(found.after)
        assert len(answers) > 5


def test_a_preview_counts_what_judging_again_counts(acme: Org, now: datetime) -> None:
    """A lead that sales gave back, and that did nothing since, is no lead that the draft would hand over."""
    lead = new_lead(acme, now)
    with acme.scope():
        reject_lead(
            lead_id=lead.id,
            reason="wrong_title",
            actor=Actor("key:test", None, oversees=True),
            clock=fixed_clock(now + timedelta(minutes=30)),
        )
        content = {
            **DEFAULT_CRITERIA,
            "rule": {"any": [{"engagements": {"kind": "demo_request", "value": 1}}]},
        }
        found = criteria_preview.preview_criteria(content, now=now + timedelta(hours=1))
        assert (found.leads, found.before, found.after) == (1, 0, 0)
        assert {len(did) for did in past_of([lead.id]).values()} == {0}
    new_lead(acme, now + timedelta(hours=1))
    with acme.scope():
        assert criteria_preview.preview_criteria(content, now=now + timedelta(hours=1)).after == 1
