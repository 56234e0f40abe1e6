"""What people read calls a named list by its name: rules, versions, verdicts and decisions know its slug."""

from __future__ import annotations

from copy import deepcopy
from datetime import datetime
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from handoff.decision_log import inputs_in_words
from handoff.intake import receive_lead
from handoff.lead_page import criteria_lines
from leads.criteria_drafts import begin_draft, publish_criteria
from leads.criteria_words import changes, sentences
from leads.incoming import EngagementIn, LeadIn
from leads.list_names import ListNames, naming
from leads.models import Lead
from leads.named_lists import add_entries, change_list, create_list
from routing.models import Decision, RuleSetVersion
from routing.selectors import explain_layers
from sla.words import when_words
from tenants.clock import fixed_clock
from tests.factories import Org
from tests.leads.test_criteria_draft import as_, text_of
from tests.leads.test_named_lists import on_list

pytestmark = pytest.mark.django_db
NAME = "Friends & Family, 2026"
SLUG = "friends-family-2026"
SAID = f"On list includes {NAME}"


@pytest.fixture
def friends(in_acme: Org, now: datetime) -> Any:
    found = create_list(name=NAME, purpose="other", actor="a", now=now)
    add_entries(list_id=found.id, texts=["friend.example"], actor="a", now=now)
    assert found.slug == SLUG
    return found


def asking(org: Org) -> dict[str, Any]:
    """Criteria that ask for the list in a group, beside something else."""
    big = {"field": "account.employees", "op": "at_least", "value": 10}
    return {**org.criteria.content, "fit": {"any": [on_list(SLUG), big]}}


def in_routing(org: Org) -> None:
    """A first rule that asks for the list."""
    version = org.rule_set
    first = {**version.content["pools"][0], "name": "Friends first", "when": on_list(SLUG)}
    version.content["pools"].insert(0, first)
    RuleSetVersion.objects.filter(id=version.id).update(content=version.content)


def arrive(now: datetime) -> Lead:
    item = LeadIn(
        email="fred@friend.example", last_name="Friend", engagements=(EngagementIn("demo_request", "", now),)
    )
    receive_lead(item=item, actor="a", clock=fixed_clock(now))
    return Lead.objects.get()


def test_rules_are_said_with_the_name_and_kept_with_the_slug(in_acme: Org, friends: Any) -> None:
    content = asking(in_acme)
    before = deepcopy(content)
    said = dict(sentences(ListNames().in_rules(content)))
    assert said["Fits"] == [f"{SAID} or Employees at least 10"]
    assert content == before
    (line,) = naming(changes)(in_acme.criteria.content, content)
    assert SAID in line
    assert SLUG not in line
    assert when_words(on_list(SLUG)) == f"on list includes {NAME}"


def test_a_list_named_anew_is_called_by_its_new_name_and_one_that_is_gone_by_its_slug(
    in_acme: Org, friends: Any, now: datetime
) -> None:
    change_list(list_id=friends.id, name="Kin", purpose="other", actor="a", now=now)
    rule = {"field": "lead.lists", "op": "contains", "value": [SLUG, "gone"]}
    assert when_words(rule) == "on list includes Kin or gone"
    assert ListNames().in_sentence(f"On list includes {SLUG}, gone or {SLUG} and Title is known") == (
        "On list includes Kin, gone or Kin and Title is known"
    )
    assert ListNames().in_sentence(f"On list includes {SLUG} or Employees at least 10") == (
        "On list includes Kin or Employees at least 10"
    )


def test_what_names_no_list_asks_the_database_for_none(in_acme: Org, friends: Any) -> None:
    names = ListNames()
    verdict = {"met": True, "criteria": [{"label": "Title is known", "seen": "VP", "state": "met"}]}
    content = in_acme.criteria.content
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert names.in_rules(content) is content
        assert names.in_verdict(verdict) is verdict
        assert names.in_verdict(None) is None
    assert len(queries) == 0
    with CaptureQueriesContext(connection) as queries:
        for _ in range(3):
            names.in_rules(on_list(SLUG))
    assert len(queries) == 1


def test_a_verdict_says_the_name_also_of_what_it_saw(in_acme: Org, friends: Any, now: datetime) -> None:
    publish_criteria(asking(in_acme), based_on=1, actor="a", now=now)
    verdict = arrive(now).verdict
    assert verdict is not None
    assert verdict["criteria"][0]["seen"] == [f"On list: {SLUG}"]
    (line, *_) = criteria_lines(ListNames().in_verdict(verdict))
    assert (line["title"], line["text"]) == (f"On list: {NAME}", f"{SAID} or Employees at least 10")
    as_python_wrote_it = {**verdict["criteria"][0], "seen": [f"On list: ['{SLUG}']"]}
    (line,) = criteria_lines(ListNames().in_verdict({"criteria": [as_python_wrote_it]}))
    assert line["title"] == f"On list: {NAME}"
    alone = {"label": f"On list includes {SLUG}", "seen": [SLUG], "state": "met", "path": "/fit"}
    (line,) = criteria_lines(ListNames().in_verdict({"criteria": [alone]}))
    assert line["text"] == SAID
    assert line["title"] == NAME


def test_a_decision_says_the_name_of_its_rule_and_of_what_it_read(
    in_acme: Org, friends: Any, now: datetime
) -> None:
    in_routing(in_acme)
    arrive(now)
    decision = Decision.objects.get()
    (first, *_) = explain_layers(decision)["pools"]
    assert first["sentence"] == SAID
    assert first["conditions"] == [{"sentence": SAID, "state": "met"}]
    assert ("On list", NAME) in inputs_in_words(decision.inputs)
    assert decision.inputs["values"]["lead.lists"] == [SLUG]


def test_every_page_of_criteria_and_rules_calls_it_by_its_name(acme: Org, now: datetime) -> None:
    with acme.scope():
        found = create_list(name=NAME, purpose="other", actor="a", now=now)
        add_entries(list_id=found.id, texts=["friend.example"], actor="a", now=now)
        publish_criteria(asking(acme), based_on=1, actor="a", now=now)
        in_routing(acme)
        lead = arrive(now)
        begin_draft(actor="a", now=now)
    client: Client = as_(acme.admin)
    client.post("/routing/draft/start")
    wanted = "Friends &amp; Family, 2026"
    for page in (
        "/qualification",
        "/qualification/versions",
        "/qualification/draft/check",
        "/routing",
        "/routing/draft",
        "/agreement",
        f"/leads/{lead.id}",
        f"/leads/{lead.id}/decision",
    ):
        text = text_of(client.get(page))
        assert wanted in text, page
        assert f"includes {SLUG}" not in text, page
        assert page == "/qualification" or SLUG not in text, page  # but for the JSON


def test_a_signal_of_the_score_chooses_among_the_lists_too(acme: Org, now: datetime) -> None:
    signal = {"name": "Friend", "when": on_list(SLUG), "points": 5, "half_life_days": None}
    score = {"from": "signals", "signals": [signal]}
    with acme.scope():
        create_list(name=NAME, purpose="other", actor="a", now=now)
        publish_criteria({**acme.criteria.content, "score": score}, based_on=1, actor="a", now=now)
    client = as_(acme.admin)
    client.post("/qualification/draft/start")
    page = " ".join(client.get("/qualification/draft").content.decode().split())
    assert f'name="s0.c" value="{SLUG}" checked' in page
    pressed = client.post(
        "/qualification/draft", {"score-from": "signals", "s0-name": "", "do": "add-signal"}
    )
    assert "signal 1<" in pressed.content.decode()
    assert "signal 0<" not in pressed.content.decode()
