"""The presets as data: the usual promises, and what a new organisation gets of them."""

from __future__ import annotations

import re

import pytest

from core.errors import ValidationFailed
from leads.criteria import SCHEMA
from leads.defaults import engaged
from sla.defaults import DEFAULT_POLICY
from sla.presets import (
    CADENCES,
    DECISION,
    TIERS,
    content_of,
    goal_of,
    outbound_tier,
    pick,
    with_outbound_tier,
)
from sla.tiers import parse_policy, validate_policy
from tests.factories import POLICY


def durations(content: dict) -> dict[str, list]:
    return {tier["slug"]: [target["duration"] for target in tier["targets"]] for tier in content["tiers"]}


def test_the_usual_speeds_and_cadence() -> None:
    day, ten = {"business_days": 1}, {"business_days": 10}
    assert durations(content_of(pick({}), POLICY)) == {
        "demo_request": [{"minutes": 5}, day, ten],
        "pricing_page": [{"minutes": 60}, day, ten],
        "contact_form": [{"minutes": 240}, day, ten],
        "content": [{"end_of_day": 0}, day, ten],
    }
    attempts = parse_policy(content_of(pick({}), POLICY), SCHEMA).tiers[0].spec("attempts")
    assert attempts is not None
    assert (attempts.count, attempts.channels) == (6, 2)


def test_a_new_organisation_gets_them_with_two_promises_a_tier() -> None:
    outbound, *others = DEFAULT_POLICY["tiers"]
    assert others == POLICY["tiers"]
    assert others[0]["when"] == engaged("demo_request")
    assert outbound["when"] == {"field": "handoff.kind", "op": "equals", "value": "outbound"}
    assert [(each["target"], each["duration"]) for each in outbound["targets"]] == [
        ("decision", {"minutes": 24 * 60})
    ]
    assert validate_policy(DEFAULT_POLICY, SCHEMA) == []


def test_the_tier_of_outbound_meetings_stays_as_it_is_unless_something_is_said_of_it() -> None:
    own = {**outbound_tier(), "name": "Ours"}
    with_own = {**POLICY, "tiers": [own, *POLICY["tiers"]]}
    assert content_of(pick({}), with_own)["tiers"][0] == own
    assert content_of(pick({}, outbound=True), with_own)["tiers"][0] == outbound_tier()
    assert "outbound_meeting" not in durations(content_of(pick({}, outbound=False), with_own))
    assert "outbound_meeting" not in durations(content_of(pick({}), POLICY))
    assert with_outbound_tier(with_own) == with_own
    assert with_outbound_tier(POLICY)["tiers"] == [outbound_tier(), *POLICY["tiers"]]
    assert goal_of("outbound_meeting", "decision") == {"minutes": 24 * 60}


def test_every_choice_says_what_is_published_or_that_nothing_is() -> None:
    choices = [*(speed for tier in TIERS for speed in tier.speeds), *CADENCES, DECISION]
    for choice in choices:
        assert choice.benchmark.said.endswith(".")
        assert not choice.benchmark.source or re.search(r"\b(19|20)\d\d$", choice.benchmark.source)
    assert all(speed.benchmark.source for tier in TIERS for speed in tier.speeds)


def test_each_choice_has_its_own_key() -> None:
    for keys in ([each.key for each in CADENCES], *([s.key for s in tier.speeds] for tier in TIERS)):
        assert len(keys) == len(set(keys)) == 3


def test_the_rest_of_a_policy_stays() -> None:
    base = {**POLICY, "on_reassign": {"window": {"minutes": 30}}, "more": 1}
    content = content_of(pick({"content": "4_hours"}, "none"), base)
    assert durations(content)["content"] == [{"minutes": 240}, {"business_days": 1}]
    assert {name for name in content if content[name] != base.get(name)} == {"tiers"}
    assert "more" not in content


def test_everything_wrong_is_said_at_once() -> None:
    with pytest.raises(ValidationFailed) as refusal:
        pick({"demo_request": "1_day", "webinar": "1_hour"}, 6)
    paths = {error.path for error in refusal.value.field_errors}
    assert paths == {"/speeds/demo_request", "/speeds/webinar", "/cadence"}
