"""The draft of the criteria: trees edited without script, saved, compared, published; and gone back to."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from handoff.intake import receive_lead
from leads.criteria_drafts import begin_draft, publish_criteria
from leads.criteria_preview import preview_criteria
from leads.criteria_words import changes, place, without_changes
from leads.defaults import DEFAULT_CRITERIA
from leads.incoming import EngagementIn, LeadIn
from leads.models import CriteriaVersion, Lead
from tenants import versions
from tenants.clock import database_clock, fixed_clock
from tenants.models import Member
from tests.factories import Org
from tests.tenants.publications import approval_on
from tests.web.test_rule_editor import Controls

pytestmark = pytest.mark.django_db
DRAFT = "/qualification/draft"
NOBODY = {"engagements": {"kind": "demo_request", "value": 99}}
ENGAGED = {"engagements": {"kind": "demo_request", "value": 1}}


def as_(member: Member) -> Client:
    client = Client()
    client.force_login(member.user)
    return client


def text_of(response: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


def form_of(response: Any) -> dict[str, list[str]]:
    """What a browser would send of the form with the draft in it."""
    page = response.content.decode()
    body = page[page.index('id="criteria"') :]
    found = Controls()
    found.feed(body[: body.index("</form>")])
    sent: dict[str, list[str]] = {}
    for name, value in found.pairs:
        sent.setdefault(name, []).append(value)
    return sent


def opened(client: Client) -> dict[str, list[str]]:
    """The form of a draft that has just begun."""
    assert client.post(f"{DRAFT}/start").status_code == 302
    return form_of(client.get(DRAFT))


def draft_in(org: Org) -> CriteriaVersion:
    with org.scope():
        found = versions.open_draft(CriteriaVersion)
    assert found is not None
    return found


def arrive(org: Org, now: Any, email: str, kind: str = "demo_request", **more: Any) -> None:
    said = LeadIn(email=email, engagements=(EngagementIn(kind, "", now),), **more)
    receive_lead(item=said, actor="key:test", clock=fixed_clock(now))


# --- The page ---


def test_a_draft_that_is_saved_untouched_says_what_is_in_force(acme: Org) -> None:
    client = as_(acme.admin)
    sent = opened(client)
    assert client.post(DRAFT, {**sent, "do": "save"}).status_code == 302
    content = draft_in(acme).content
    with acme.scope():
        in_force = versions.published_version(CriteriaVersion)
        assert in_force is not None
        assert changes(in_force.content, content) == []
        assert content["rule"] == in_force.content["rule"]


def test_a_condition_is_added_filled_in_checked_and_published_without_script(acme: Org) -> None:
    client = as_(acme.admin)
    sent = opened(client)
    added = client.post(DRAFT, {**sent, "act": "add:fit"})
    assert added.status_code == 200
    assert "data-sp-unsaved-mark>You have unsaved changes." in added.content.decode()
    assert draft_in(acme).revision == 1
    chosen = client.post(DRAFT, {**form_of(added), "fit.0.f": "Employees", "act": "refresh:fit.0"})
    filled = {**form_of(chosen), "fit.0.v": "50"}
    checked = client.post(DRAFT, {**filled, "do": "check"}, follow=True)
    assert "Fits: Employees at least 50. Until now everybody fits." in text_of(checked)
    done = client.post(f"{DRAFT}/check", {"revision": "2", "against": "1"}, follow=True)
    assert "Version 2 is in force." in text_of(done)
    assert "Employees at least 50" in text_of(client.get("/qualification/versions"))


def test_what_is_typed_wrong_is_refused_beside_its_field_and_nothing_is_saved(acme: Org) -> None:
    client = as_(acme.admin)
    sent = opened(client)
    added = form_of(client.post(DRAFT, {**sent, "act": "add:rule"}))
    wrong = {
        **added,
        f"rule.{len(DEFAULT_CRITERIA['rule']['any'])}.f": "Employes",
        "x0-name": " ",
        "do": "save",
    }
    refused = client.post(DRAFT, wrong)
    assert refused.status_code == 422
    page = text_of(refused)
    assert "Did you mean Employees?" in page
    assert "A name has 1 to 80 characters." in page
    assert 'value="Employes"' in refused.content.decode()
    assert draft_in(acme).revision == 1


def test_without_a_condition_on_intent_nothing_is_saved(acme: Org) -> None:
    client = as_(acme.admin)
    gone = form_of(client.post(DRAFT, {**opened(client), "act": "remove:rule"}))
    refused = client.post(DRAFT, {**gone, "do": "save"})
    assert refused.status_code == 422
    assert "Say what shows intent" in text_of(refused)


def test_exclusions_are_added_and_removed_and_the_others_stay(acme: Org) -> None:
    client = as_(acme.admin)
    before = DEFAULT_CRITERIA["exclude"]
    system = {"actor": "system", "now": database_clock()}
    with acme.scope():
        draft = begin_draft(**system)
        versions.save_draft(
            draft, content=DEFAULT_CRITERIA, expected_revision=1, actor="system", now=database_clock()
        )
    sent = form_of(client.get(DRAFT))
    fewer = form_of(client.post(DRAFT, {**sent, "do": "remove-exclusion:0"}))
    more = form_of(client.post(DRAFT, {**fewer, "do": "add-exclusion"}))
    last = len(before) - 1
    more = form_of(client.post(DRAFT, {**more, f"x{last}.0.f": "Title", "act": f"refresh:x{last}.0"}))
    saved = {**more, f"x{last}-name": "Students", f"x{last}.0.op": "contains", f"x{last}.0.v": "student"}
    done = client.post(DRAFT, {**saved, "do": "save"})
    assert done.status_code == 302, text_of(done)
    after = draft_in(acme).content["exclude"]
    assert after[:-1] == before[1:]
    assert after[-1] == {
        "name": "Students",
        "when": {"all": [{"field": "lead.title", "op": "contains", "value": "student"}]},
    }


def test_the_second_of_two_admins_sees_what_changed_and_saves_over_it_knowingly(acme: Org) -> None:
    client = as_(acme.admin)
    sent = opened(client)
    first = form_of(client.post(DRAFT, {**sent, "act": "did:rule"}))
    assert client.post(DRAFT, {**first, "do": "save"}).status_code == 302
    stale = client.post(DRAFT, {**sent, "required": ["phone"], "do": "save"})
    assert stale.status_code == 409
    assert "saved this draft while you were editing" in text_of(stale)
    assert "Shows intent, or else: Any engagement at least once." in text_of(stale)
    again = client.post(DRAFT, {**form_of(stale), "required": ["phone"], "do": "save"})
    assert again.status_code == 302
    assert draft_in(acme).content["required"] == ["phone"]


def test_a_draft_is_discarded_and_who_only_reads_comes_to_no_page_of_it(acme: Org) -> None:
    client = as_(acme.admin)
    opened(client)
    for path in (DRAFT, f"{DRAFT}/check", f"{DRAFT}/leads"):
        assert as_(acme.marketing).get(path).status_code == 403
        assert client.get(path).status_code == 200
    assert client.post(f"{DRAFT}/discard", {"sure": "1", "revision": "9"}, follow=True).status_code == 200
    assert draft_in(acme)
    client.post(f"{DRAFT}/discard", {"sure": "1", "revision": "1"})
    assert client.get(DRAFT).status_code == 302


def test_the_leads_that_using_a_version_again_would_change_are_shown(
    acme: Org, globex: Org, now: datetime
) -> None:
    with acme.scope():
        arrive(acme, now, "ann@okapi.example")
        first = CriteriaVersion.objects.get()
        publish_criteria({**DEFAULT_CRITERIA, "rule": NOBODY}, based_on=1, actor="a", now=now)
    client = as_(acme.admin)
    check = client.get(f"/qualification/versions/{first.id}/use").content.decode()
    address = f"/qualification/versions/{first.id}/leads"
    assert f'<a href="{address}">See the 1</a>' in check
    page = text_of(client.get(address))
    assert "By version 1, against version 2." in page
    assert "ann@okapi.example" in page
    assert as_(globex.admin).get(address).status_code == 404
    assert as_(acme.marketing).get(address).status_code == 403


def test_an_earlier_version_is_used_again(acme: Org) -> None:
    client = as_(acme.admin)
    sent = opened(client)
    client.post(DRAFT, {**form_of(client.post(DRAFT, {**sent, "act": "did:rule"})), "do": "save"})
    client.post(f"{DRAFT}/check", {"revision": "2", "against": "1"})
    with acme.scope():
        first = CriteriaVersion.objects.get(number=1)
    page = f"/qualification/versions/{first.id}/use"
    assert "Shows intent, no longer: Any engagement at least once." in text_of(client.get(page))
    stale = client.post(page, {"against": "1"})
    assert stale.status_code == 409
    assert client.post(page, {"against": "2"}).status_code == 302
    with acme.scope():
        now_in_force = versions.published_version(CriteriaVersion)
        assert now_in_force is not None
        assert (now_in_force.number, now_in_force.content) == (3, first.content)
    assert "As version 1 was." in text_of(as_(acme.marketing).get("/qualification/versions"))


def test_where_a_second_admin_must_approve_the_check_asks(acme: Org) -> None:
    approval_on(acme, database_clock(), kind="criteria")
    client = as_(acme.admin)
    sent = opened(client)
    client.post(DRAFT, {**form_of(client.post(DRAFT, {**sent, "act": "did:rule"})), "do": "save"})
    assert "Ask for approval" in text_of(client.get(f"{DRAFT}/check"))
    done = client.post(f"{DRAFT}/check", {"revision": "2", "against": "1"}, follow=True)
    assert "The other admins are asked for their approval." in text_of(done)
    assert "Version 2 waits for approval" in text_of(client.get(DRAFT))


# --- The count ---


def content_with(**parts: Any) -> dict[str, Any]:
    return {**DEFAULT_CRITERIA, **parts}


def test_the_preview_counts_who_qualifies_now_and_then_and_says_why(acme: Org, now: Any) -> None:
    with acme.scope():
        for number in range(3):
            arrive(acme, now, f"a{number}@heron.example", title="CEO")
        arrive(acme, now, "b@wren.example", "webinar", title="Student")
        webinar = {"engagements": {"kind": "webinar", "within_days": 30}}
        content = content_with(
            rule={"any": [webinar, {"field": "lead.title", "op": "equals", "value": "CFO"}]}
        )
        found = preview_criteria(content, now=now + timedelta(days=90))
    assert (found.leads, found.before, found.after, found.gained, found.lost) == (4, 3, 1, 1, 3)
    gained = next(lead for lead in found.changed if lead.qualifies)
    assert gained.reasons[0].startswith("Until now not met: Demo request at least once")
    lost = next(lead for lead in found.changed if not lead.qualifies)
    assert lost.reasons == ("Now not met: Webinar at least once within 30 days or Title is CFO.",)


def test_test_leads_are_left_out_and_only_the_last_are_judged(acme: Org, now: Any) -> None:
    with acme.scope():
        for number in range(4):
            arrive(acme, now + timedelta(minutes=number), f"a{number}@heron.example")
        Lead.objects.filter(email="a3@heron.example").update(is_test=True)
        found = preview_criteria(content_with(rule={"any": [ENGAGED]}), last=2, now=now)
    assert (found.leads, found.after, found.changing) == (2, 2, 0)


def test_the_preview_asks_the_database_no_more_for_more_leads(
    acme: Org, now: Any, django_assert_max_num_queries: Any
) -> None:
    with acme.scope():
        for number in range(12):
            arrive(acme, now, f"a{number}@heron.example")
        content = content_with(fit={"field": "account.employees", "op": "at_least", "value": 5})
        with django_assert_max_num_queries(6):
            found = preview_criteria(content, now=now)
    assert found.lost == 12
    assert "Employees at least 5, not known" in found.changed[0].reasons[0]


def test_the_draft_page_counts_and_leads_to_those_that_change(acme: Org, now: Any) -> None:
    with acme.scope():
        arrive(acme, now, "ann@heron.example", first_name="Ann")
        in_force = versions.published_version(CriteriaVersion)
        assert in_force is not None
        content = {**in_force.content, "fit": {"field": "account.employees", "op": "at_least", "value": 5}}
        versions.start_draft(CriteriaVersion, actor="system", now=now, content=content)
    client = as_(acme.admin)
    page = text_of(client.get(DRAFT))
    assert "0 of the last 1 lead would qualify (now 1): 0 more would, 1 would no more. See the 1" in page
    listed = text_of(client.get(f"{DRAFT}/leads?last=5000"))
    assert "Ann" in listed
    assert "Now not met: Employees at least 5, not known." in listed


# --- Words ---


def test_a_change_is_said_part_by_part() -> None:
    before = content_with(fit=None, required=["email"])
    after = {
        "rule": {"any": [*before["rule"]["any"][1:], ENGAGED]},
        "fit": {"field": "account.employees", "op": "at_least", "value": 50},
        "exclude": [
            {"name": "Competitor", "when": {"field": "account.is_partner", "op": "equals", "value": True}},
            {"name": "Students", "when": {"field": "lead.title", "op": "contains", "value": "student"}},
        ],
        "required": ["phone"],
    }
    assert changes(before, after) == [
        "Fits: Employees at least 50. Until now everybody fits.",
        "Shows intent, or else: Demo request at least once.",
        "Shows intent, no longer: Demo request at least once within 30 days.",
        "Exclusion Competitor: Competitor is yes; now Partner is yes.",
        "New exclusion, Students: Title contains student.",
        "No exclusion any more: Existing customer.",
        "No exclusion any more: Open opportunity.",
        "Must be known before sales gets the lead: also Phone.",
        "Need not be known any more: E-mail.",
    ]
    assert (
        changes(before, {"rule": before["rule"], "exclude": before["exclude"], "required": ["email"]}) == []
    )
    made = [change._asdict() for change in versions.diff(before, after)]
    assert changes(before, without_changes(after, made)) in (
        [],
        ["The same in another order, or written in another way."],
    )


def test_drafts_that_make_no_sense_have_words_too() -> None:
    for content in ({}, {"rule": 5, "exclude": 7, "required": "x"}, {"exclude": [1, {}], "fit": {"any": []}}):
        assert isinstance(changes(DEFAULT_CRITERIA, content), list)
        assert isinstance(changes(content, DEFAULT_CRITERIA), list)


# --- The API ---


def call(org: Org, method: str, path: str, body: Any = None) -> Any:
    return Client().generic(
        method,
        f"/api/v1/{path}",
        "" if body is None else json.dumps(body),
        content_type="application/json",
        headers=org.auth,
    )


def test_a_draft_is_written_checked_and_thrown_away_by_calls(acme: Org, now: Any) -> None:
    assert call(acme, "GET", "criteria/draft").status_code == 404
    begun = call(acme, "PUT", "criteria/draft", {"content": {"rule": {"any": []}}})
    assert begun.status_code == 200
    assert begun.json()["revision"] == 1
    checked = call(acme, "POST", "criteria/draft/check").json()
    assert [each["path"] for each in checked["problems"]] == ["/rule/any"]
    assert checked["preview"] is None
    saved = call(acme, "PUT", "criteria/draft", {"content": content_with(rule=ENGAGED), "revision": 1})
    assert saved.json()["revision"] == 2
    stale = call(acme, "PUT", "criteria/draft", {"content": content_with(), "revision": 1})
    assert stale.status_code == 409
    assert stale.json()["code"] == "stale_version"
    checked = call(acme, "POST", "criteria/draft/check").json()
    assert checked["problems"] == []
    assert checked["preview"]["leads"] == 0
    assert checked["changes"]
    assert call(acme, "DELETE", "criteria/draft").status_code == 204
    assert call(acme, "GET", "criteria/draft").status_code == 404


def test_versions_are_listed_with_their_changes_and_gone_back_to_by_calls(acme: Org) -> None:
    published = call(acme, "POST", "criteria/publish", {"content": content_with(rule=ENGAGED), "based_on": 1})
    assert published.status_code == 200
    second, first = call(acme, "GET", "criteria/versions").json()["results"]
    assert (second["number"], second["state"], first["state"]) == (2, "published", "retired")
    assert second["changes"]
    assert call(acme, "POST", f"criteria/versions/{second['id']}/roll-back").status_code == 409
    back = call(acme, "POST", f"criteria/versions/{first['id']}/roll-back")
    assert back.status_code == 200
    assert (back.json()["number"], back.json()["copy_of"]) == (3, 1)
    assert call(acme, "POST", f"criteria/versions/{first['id']}/roll-back", {"x": 1}).status_code == 400


def test_a_preview_by_call_refuses_wrong_content_with_its_place(acme: Org, now: Any) -> None:
    with acme.scope():
        arrive(acme, now, "ann@heron.example", "webinar")
    found = call(acme, "POST", "criteria/preview", {"content": content_with(rule={"engagements": {}})})
    assert found.status_code == 200
    assert (found.json()["after"], found.json()["before"], found.json()["gained"]) == (1, 0, 1)
    assert found.json()["changed"][0]["qualifies"] is True
    wrong = call(
        acme, "POST", "criteria/preview", {"content": {"rule": {"field": "lead.titel", "op": "exists"}}}
    )
    assert wrong.status_code == 400
    assert wrong.json()["errors"][0]["path"] == "/content/rule/field"
    for last in (0, 10_001, "5"):
        body = {"content": content_with(), "last": last}
        assert call(acme, "POST", "criteria/preview", body).json()["errors"][0]["path"] == "/last"


def test_a_draft_is_published_by_call_for_a_later_moment_and_judges_from_then_on(acme: Org) -> None:
    at = database_clock() + timedelta(hours=2)
    saved = call(acme, "PUT", "criteria/draft", {"content": content_with(rule=NOBODY)})
    said = {"revision": 1, "effective_at": at.isoformat()}
    assert call(acme, "POST", "criteria/draft/publish", {**said, "revision": 7}).status_code == 409
    assert (
        call(acme, "POST", "criteria/draft/publish", {"revision": 1, "effective_at": "x"}).status_code == 400
    )
    done = call(acme, "POST", "criteria/draft/publish", said)
    assert (done.status_code, done.json()["state"]) == (200, "scheduled")
    assert done.json()["id"] == saved.json()["id"]
    assert call(acme, "GET", "criteria").json()["number"] == 1
    with acme.scope():
        arrive(acme, at - timedelta(minutes=1), "before@heron.example")
        arrive(acme, at + timedelta(minutes=1), "after@heron.example")
        stages = dict(Lead.objects.values_list("email", "stage"))
    assert stages == {"before@heron.example": "mql", "after@heron.example": "lead"}


def test_the_page_publishes_for_a_later_moment_and_says_so(acme: Org) -> None:
    client = as_(acme.admin)
    opened(client)
    sent = {"revision": "1", "against": "1", "when": "later", "effective_at": "2099-01-01T08:00"}
    refused = client.post(f"{DRAFT}/check", sent)
    assert refused.status_code == 422
    assert "400 days" in text_of(refused)
    at = f"{database_clock() + timedelta(days=2):%Y-%m-%dT%H:%M}"
    done = client.post(f"{DRAFT}/check", {**sent, "effective_at": at}, follow=True)
    assert "Version 2 comes into force on" in text_of(done)
    assert "Version 1, in force since" in text_of(client.get("/qualification"))


# --- Groups that ask nothing ---

EMPTY: dict[str, Any] = {"all": []}


@pytest.mark.parametrize(
    ("content", "path"),
    [
        ({"rule": {"any": [ENGAGED, EMPTY]}}, "/rule/any/1"),
        ({"fit": {"all": [{"not": EMPTY}]}}, "/fit/all/0/not"),
        ({"exclude": [{"name": "Students", "when": EMPTY}]}, "/exclude/0/when"),
        (
            {
                "score": {
                    "from": "signals",
                    "signals": [{"name": "All", "when": EMPTY, "points": 1, "half_life_days": None}],
                }
            },
            "/score/signals/0/when",
        ),
    ],
)
def test_a_draft_with_a_group_that_asks_nothing_is_refused_at_its_place(
    acme: Org, content: dict[str, Any], path: str
) -> None:
    content = {**DEFAULT_CRITERIA, **content}
    assert call(acme, "PUT", "criteria/draft", {"content": content}).status_code == 200
    problems = call(acme, "POST", "criteria/draft/check").json()["problems"]
    assert [(each["path"], each["code"]) for each in problems] == [(path, "empty")]
    at_once = call(acme, "POST", "criteria/publish", {"content": content, "based_on": 1})
    for refused in (call(acme, "POST", "criteria/draft/publish", {"revision": 1}), at_once):
        assert refused.status_code == 400
        assert [each["path"] for each in refused.json()["errors"]] == [path]
    client = as_(acme.admin)
    assert path in text_of(client.get(f"{DRAFT}/check"))
    client.post(f"{DRAFT}/check", {"when": "now", "revision": "1"})
    with acme.scope():
        assert CriteriaVersion.objects.filter(state="published").get().number == 1


@pytest.mark.parametrize(
    ("part", "path"),
    [
        ({"rule": {"field": "lead.lists", "op": "contains", "value": "gone"}}, "/rule/value"),
        ({"required_by_tier": {"gone": ["phone"]}}, "/required_by_tier/gone"),
    ],
)
def test_what_keeps_a_draft_from_being_published_is_said_when_it_is_checked(
    acme: Org, part: dict[str, Any], path: str
) -> None:
    content = {**DEFAULT_CRITERIA, **part}
    call(acme, "PUT", "criteria/draft", {"content": content})
    checked = call(acme, "POST", "criteria/draft/check").json()
    assert [each["path"] for each in checked["problems"]] == [path]
    refused = call(acme, "POST", "criteria/draft/publish", {"revision": 1}).json()
    assert refused["errors"] == checked["problems"]
    assert refused["detail"] == f"These criteria are not valid: {checked['problems'][0]['message']}"
    assert path in text_of(as_(acme.admin).get(f"{DRAFT}/check"))


def test_the_check_names_all_that_keeps_a_draft_from_being_published_at_once(acme: Org) -> None:
    """Not the next reason when the one before is mended."""
    gone = {"field": "lead.lists", "op": "contains", "value": "gone"}
    content = {
        **DEFAULT_CRITERIA,
        "rule": {"any": [gone, {"all": []}]},
        "required_by_tier": {"gone": ["phone"]},
    }
    call(acme, "PUT", "criteria/draft", {"content": content})
    checked = call(acme, "POST", "criteria/draft/check").json()
    places = ["/rule/any/1", "/rule/any/0/value", "/required_by_tier/gone"]
    assert [each["path"] for each in checked["problems"]] == places
    page = text_of(as_(acme.admin).get(f"{DRAFT}/check"))
    assert all(each in page for each in places)
    assert "Engagement and intent (/rule/any/1): This group is empty" in page
    assert "More for some SLA tiers (/required_by_tier/gone): No policy in force has a tier" in page


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/exclude/1/when/value", "Never qualifies, Rivals (/exclude/1/when/value)"),
        ("/exclude/9", "Never qualifies (/exclude/9)"),
        ("/score/signals/0/points", "Score, Demo request (/score/signals/0/points)"),
        ("/fit/all/0", "Fit (/fit/all/0)"),
        ("", "The criteria"),
    ],
)
def test_what_is_wrong_is_placed_where_the_editor_has_it(path: str, said: str) -> None:
    anybody: dict[str, Any] = {"all": []}
    excluded = [{"name": "Students", "when": anybody}, {"name": "Rivals", "when": anybody}]
    signals = [{"name": "Demo request", "when": anybody, "points": 1}]
    content = {"exclude": excluded, "score": {"from": "signals", "signals": signals}}
    assert place(path, content) == said


def test_a_rule_that_asks_nothing_at_all_may_be_meant_and_is_told(acme: Org) -> None:
    content = {**DEFAULT_CRITERIA, "rule": EMPTY}
    call(acme, "PUT", "criteria/draft", {"content": content})
    checked = call(acme, "POST", "criteria/draft/check").json()
    assert checked["problems"] == []
    assert checked["warnings"] == ["Engagement and intent: nothing is asked, so whoever fits qualifies."]
    assert "whoever fits qualifies" in text_of(as_(acme.admin).get(f"{DRAFT}/check"))


def test_what_was_in_force_with_such_a_group_may_be_used_again(acme: Org) -> None:
    with acme.scope():
        content = {**DEFAULT_CRITERIA, "rule": {"any": [ENGAGED, EMPTY]}}
        CriteriaVersion.objects.filter(number=1).update(content=content)
        old = CriteriaVersion.objects.get(number=1).id
    said = {"content": DEFAULT_CRITERIA, "based_on": 1}
    assert call(acme, "POST", "criteria/publish", said).status_code == 200
    assert call(acme, "POST", f"criteria/versions/{old}/roll-back").status_code == 200
