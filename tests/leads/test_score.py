"""The score: counted from signals that fade, or as it comes from outside; legible either way."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from handoff.intake import receive_lead
from handoff.moves import _facts
from handoff.views import base
from leads.criteria import SCHEMA, check_content, compile_content, facts_of
from leads.criteria_drafts import publish_criteria
from leads.criteria_preview import preview_criteria
from leads.criteria_words import changes, sentences
from leads.incoming import EngagementIn, LeadIn
from leads.models import CriteriaVersion, Handoff, Lead
from leads.score import Signals, check_score, compile_score
from routing.facts import load_setup
from routing.models import RuleSetVersion
from tenants import versions
from tenants.clock import fixed_clock
from tenants.models import Member
from tests.factories import MQL_RULE, Org
from tests.leads.test_criteria_draft import DRAFT, form_of, opened, text_of

NOW = datetime(2026, 11, 17, 9, tzinfo=UTC)
DEMO = {"engagements": {"kind": "demo_request", "value": 1}}
PAGES = {"engagements": {"kind": "page_view", "value": 2}}
BIG = {"field": "account.employees", "op": "at_least", "value": 500}


def signal(name: str, when: object, points: Any, half: Any = None) -> dict[str, Any]:
    return {"name": name, "when": when, "points": points, "half_life_days": half}


def counted(*signals: dict[str, Any]) -> dict[str, Any]:
    return {"from": "signals", "signals": list(signals)}


def signals_of(*signals: dict[str, Any]) -> Signals:
    score = counted(*signals)
    assert check_score(score, SCHEMA) == []
    made = compile_score(score, SCHEMA)
    assert made is not None
    return made


THREE = (signal("Demo request", DEMO, 40, 7), signal("Reads", PAGES, 10, 2), signal("Student", BIG, -20))


def content(score: object, rule: object = None) -> dict[str, Any]:
    return {
        "rule": rule or MQL_RULE,
        "fit": None,
        "exclude": [],
        "required": ["email"],
        "score": score,
    }


# --- How it is counted ---


def test_points_halve_with_each_half_life_and_say_so() -> None:
    made = signals_of(THREE[0])
    past = [("demo_request", "", NOW - timedelta(days=3))]
    (line,) = made.lines(facts_of(Lead(), None, past, NOW))
    assert (line.points, line.of) == (30, 40)
    assert line.words == "Demo request 3 days ago: 30 of 40 points, halves every 7 days"
    after = [made.points(facts_of(Lead(), None, past, NOW + timedelta(days=days))) for days in (4, 11, 400)]
    assert after == [20, 10, 0]


def test_the_latest_of_what_matches_counts_and_nothing_twice() -> None:
    past = [("demo_request", "", NOW - timedelta(days=days)) for days in (30, 7, 90)]
    assert signals_of(THREE[0]).points(facts_of(Lead(), None, past, NOW)) == 20


def test_without_a_half_life_points_stay() -> None:
    past = [("demo_request", "", NOW - timedelta(days=300))]
    (line,) = signals_of(signal("Demo", DEMO, 40)).lines(facts_of(Lead(), None, past, NOW))
    assert line.words == "Demo 300 days ago: 40 points"


moments = st.integers(0, 200 * 24).map(lambda hours: NOW - timedelta(hours=hours))
pasts = st.lists(st.tuples(st.sampled_from(["demo_request", "page_view"]), st.just(""), moments), max_size=8)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(pasts, st.lists(st.integers(0, 300), min_size=2, max_size=6).map(sorted))
def test_between_engagements_points_only_fade(past: Any, days: list[int]) -> None:
    made = signals_of(*THREE[:2])
    seen = [made.points(facts_of(Lead(), None, past, NOW + timedelta(days=each))) for each in days]
    assert seen == sorted(seen, reverse=True)
    assert all(points >= 0 for points in seen)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(pasts, st.permutations(THREE))
def test_the_lines_add_up_and_their_order_does_not_matter(past: Any, order: list[dict[str, Any]]) -> None:
    facts = facts_of(Lead(), None, past, NOW)
    made, other = signals_of(*THREE), signals_of(*order)
    assert made.points(facts) == sum(line.points for line in made.lines(facts)) == other.points(facts)
    assert sorted(line.words for line in made.lines(facts)) == sorted(
        line.words for line in other.lines(facts)
    )


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.one_of(st.none(), st.integers(-1000, 1000)), pasts)
def test_a_score_from_outside_is_untouched(score: int | None, past: Any) -> None:
    for said in ({"from": "outside"}, None):
        whole = content(said)
        if said is None:
            del whole["score"]
        criteria = compile_content(whole, number=1)
        facts = facts_of(Lead(score=score), None, past, NOW, criteria=criteria)
        assert facts.number("lead.score") == score
        assert "score" not in criteria.judge(facts).verdict


# --- What is refused ---


@pytest.mark.parametrize(
    ("score", "path", "code"),
    [
        ("yes", "/score", "wrong_type"),
        ({"from": "sales"}, "/score/from", "unknown_choice"),
        ({"from": "outside", "signals": []}, "/score/signals", "unknown_key"),
        ({"from": "signals", "signals": []}, "/score/signals", "required"),
        (counted(signal("A", DEMO, 101)), "/score/signals/0/points", "out_of_range"),
        (counted(signal("A", DEMO, 1.5)), "/score/signals/0/points", "out_of_range"),
        (counted(signal("A", DEMO, True)), "/score/signals/0/points", "out_of_range"),
        (counted(signal("A", DEMO, 5, 0)), "/score/signals/0/half_life_days", "out_of_range"),
        (counted(signal("A", DEMO, 5, float("nan"))), "/score/signals/0/half_life_days", "out_of_range"),
        (counted(signal("A", BIG, 5, 7)), "/score/signals/0/half_life_days", "does_not_age"),
        (counted(signal("", DEMO, 5)), "/score/signals/0/name", "wrong_type"),
        (counted(signal("A", DEMO, 5), signal("A", BIG, 5)), "/score/signals/1/name", "taken"),
        (counted(signal("A", None, 5)), "/score/signals/0/when", "wrong_type"),
        (
            counted(signal("A", {"all": [DEMO, {"not": {"field": "lead.score", "op": "exists"}}]}, 5)),
            "/score/signals/0/when/all/1/not/field",
            "circular",
        ),
        (
            counted(signal("A", {"field": "sla.tier", "op": "equals", "value": "x"}, 5)),
            "/score/signals/0/when/field",
            "circular",
        ),
        (counted(*(signal(str(index), DEMO, 1) for index in range(51))), "/score/signals", "too_many"),
    ],
)
def test_what_makes_no_score_is_refused_at_its_place(score: object, path: str, code: str) -> None:
    assert [(each.path, each.code) for each in check_content(content(score))] == [(path, code)]


def test_the_difference_is_said_in_words() -> None:
    outside, one = content({"from": "outside"}), content(counted(THREE[0]))
    two = content(counted(signal("Demo request", DEMO, 30, 7), THREE[2]))
    fades = "halves every 7 days: Demo request at least once"
    assert changes(outside, one) == [
        "Score: counted from signals, no longer as the marketing system sends it.",
        f"New signal, Demo request: 40 points, {fades}.",
    ]
    assert changes(one, two) == [
        f"The signal Demo request: 40 points, {fades}; now 30 points, {fades}.",
        "New signal, Student: -20 points: Employees at least 500.",
    ]
    assert changes(two, outside) == [
        "Score: as the marketing system sends it, no longer counted from signals."
    ]
    without = {name: part for name, part in outside.items() if name != "score"}
    assert changes(without, outside) == []
    assert ("Score", ["Demo request: 40 points, halves every 7 days: Demo request at least once"]) in (
        sentences(one)
    )


# --- In use ---

THRESHOLD = {"field": "lead.score", "op": "at_least", "value": 45}


def put_in_force(org: Org, said: dict[str, Any], now: datetime) -> None:
    with org.scope():
        current = versions.published_version(CriteriaVersion)
        publish_criteria(said, based_on=current.number if current else 0, actor="member:test", now=now)


def arrive(org: Org, now: datetime, *kinds: str, email: str = "ruth@okapi.example", **more: Any) -> Lead:
    did = tuple(EngagementIn(kind, f"{index}", now) for index, kind in enumerate(kinds))
    with org.scope():
        item = LeadIn(email=email, engagements=did, **more)
        return receive_lead(item=item, actor="key:test", clock=fixed_clock(now)).lead


def browser(member: Member) -> Client:
    client = Client()
    client.force_login(member.user)
    return client


@pytest.mark.django_db
def test_a_counted_score_decides_who_qualifies_and_the_lead_page_lists_each_point(
    acme: Org, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(base, "reading_clock", fixed_clock(now + timedelta(days=7)))
    put_in_force(acme, content(counted(*THREE), THRESHOLD), now)
    low = arrive(acme, now, "demo_request", email="low@okapi.example", score=99)
    assert low.stage != "mql"
    high = arrive(acme, now, "demo_request", "page_view", "page_view", score=1)
    assert high.stage == "mql"
    assert high.verdict is not None
    assert high.verdict["score"]["points"] == 50
    assert high.score == 1  # what the marketing system sent stays as it was
    page = text_of(browser(acme.admin).get(f"/leads/{high.id}"))
    assert "Score 21 now" in page
    assert "Demo request 7 days ago: 20 of 40 points, halves every 7 days" in page
    assert "Reads 7 days ago: 1 of 10 points, halves every 2 days" in page
    told = Client().get(f"/api/v1/leads/{high.id}/explain", headers=acme.auth).json()["score"]
    assert (told["from"], [line["of"] for line in told["lines"]]) == ("signals", [40, 10])


@pytest.mark.django_db
def test_routing_sees_the_counted_score_too(acme: Org, now: datetime) -> None:
    put_in_force(acme, content(counted(*THREE)), now)
    lead = arrive(acme, now, "demo_request", score=3)
    with acme.scope():
        old = RuleSetVersion.objects.get(id=acme.rule_set.id)
        urgent = {"name": "Hot", "when": THRESHOLD, "priority": 5}
        RuleSetVersion.objects.filter(id=old.id).update(state="retired")
        RuleSetVersion.objects.create(
            number=old.number + 1,
            state="published",
            content={**old.content, "priorities": [urgent]},
            created_at=now,
            published_at=now,
        )
        handoff = Handoff.objects.get(lead=lead)
        found = _facts([handoff], load_setup(fixed_clock(now)), now + timedelta(days=7))
        soon = versions.start_draft(
            CriteriaVersion,
            actor="system",
            now=now,
            content=content(counted(signal("Demo request", DEMO, 40))),
        )
        versions.publish(soon, actor="system", now=now, effective_at=now + timedelta(days=6))
        then = _facts([handoff], load_setup(fixed_clock(now)), now + timedelta(days=7))
    assert found[handoff.id].number("lead.score") == 20
    # Of criteria that came into force on their day, before the engine wrote so.
    assert then[handoff.id].number("lead.score") == 40


@pytest.mark.django_db
def test_the_preview_judges_by_the_score_of_the_draft(
    acme: Org, now: datetime, django_assert_max_num_queries: Any
) -> None:
    put_in_force(acme, content({"from": "outside"}, THRESHOLD), now)
    for index in range(3):
        arrive(acme, now, "demo_request", email=f"a{index}@okapi.example", score=90)
        arrive(acme, now, "demo_request", "page_view", "page_view", email=f"b{index}@okapi.example", score=1)
    with acme.scope(), django_assert_max_num_queries(6):
        found = preview_criteria(content(counted(*THREE), THRESHOLD), now=now)
    assert (found.before, found.after, found.gained, found.lost) == (3, 3, 3, 3)
    reasons = {reason for lead in found.changed for reason in lead.reasons}
    assert reasons == {
        "Until now not met: Score at least 45, it is 1.",
        "Now not met: Score at least 45, it is 40.",
    }


@pytest.mark.django_db
def test_signals_are_added_filled_in_and_removed_without_script(acme: Org) -> None:
    client = browser(acme.admin)
    sent = opened(client)
    added = client.post(DRAFT, {**sent, "do": "count-score"})
    assert "The points of every signal that is met" in text_of(added)
    filled = {**form_of(added), "s0-name": "Asked for a demo", "s0-points": "forty", "s0-half": "7"}
    filled["s0.k"] = "demo_request"
    refused = client.post(DRAFT, {**filled, "do": "save"})
    assert refused.status_code == 422
    assert "Points are a whole number from -100 to 100." in text_of(refused)
    assert 'value="forty"' in refused.content.decode()
    done = client.post(DRAFT, {**form_of(refused), "s0-points": "40", "do": "check"}, follow=True)
    assert "New signal, Asked for a demo: 40 points, halves every 7 days" in text_of(done)
    again = client.post(DRAFT, {**form_of(client.get(DRAFT)), "do": "add-signal"})
    both = {**form_of(again), "s1-name": "Second"}
    left = client.post(DRAFT, {**both, "do": "remove-signal:0"})
    assert form_of(left)["s0-name"] == ["Second"]
    assert "s1-name" not in form_of(left)
    gone = client.post(DRAFT, {**form_of(left), "do": "score-outside"})
    saved = client.post(DRAFT, {**form_of(gone), "do": "save"})
    assert saved.status_code == 302
    with acme.scope():
        draft = versions.open_draft(CriteriaVersion)
        assert draft is not None
        assert "score" not in draft.content


@pytest.mark.django_db
def test_the_plain_form_keeps_the_score_that_it_does_not_show(acme: Org, now: datetime) -> None:
    put_in_force(acme, content(counted(*THREE)), now)
    client = browser(acme.admin)
    page = client.get("/qualification")
    assert "stays as it is" in text_of(page)
    said = {"based_on": "2", "intent": ["demo_request"], "days": "30", "required": ["email"]}
    assert client.post("/qualification", said).status_code == 302
    wanted = {"revision": "1", "against": "2", "when": "now"}
    assert client.post("/qualification/draft/check", wanted).status_code == 302
    with acme.scope():
        current = versions.published_version(CriteriaVersion)
        assert current is not None
        assert current.number == 3
        assert current.content["score"] == counted(*THREE)
