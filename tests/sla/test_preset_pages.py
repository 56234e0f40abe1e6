"""Starting a policy from a preset and from the own history, by form."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from sla.models import PolicyVersion, Target
from sla.presets import TIERS
from sla.services import meet
from tenants import versions
from tenants.clock import database_clock
from tenants.models import Member, VersionState
from tests.engine.scenes import open_handoff
from tests.factories import POLICY, Org, make_org

pytestmark = pytest.mark.django_db

PRESETS, PROPOSAL = "/policy/presets", "/policy/proposal"
SLOWER = {**POLICY, "tiers": POLICY["tiers"][-1:]}


@pytest.fixture
def always(db: None, now: datetime) -> Org:
    """An organisation that is open round the clock, so that every minute counts."""
    return make_org("always", now=now, hours="always")


def as_(member: Member) -> Client:
    client = Client()
    client.force_login(member.user)
    return client


def text_of(response: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


def written(page: Any, **changed: Any) -> dict[str, Any]:
    """The form as a browser sends it: as the page shows it, with what was changed."""
    sent = {field.html_name: field.value() for field in page.context["form"]}
    return {name: value for name, value in {**sent, **changed}.items() if value is not None}


def draft_of(org: Org) -> PolicyVersion | None:
    with org.scope():
        return versions.open_draft(PolicyVersion)


def drafting(org: Org, content: dict[str, Any] = SLOWER) -> Client:
    """An admin with a draft open."""
    client = as_(org.admin)
    client.post("/policy/draft/start")
    with org.scope():
        PolicyVersion.objects.filter(state=VersionState.DRAFT).update(content=content)
    return client


def answered(org: Org, count: int, *, minutes: int = 45) -> None:
    at = database_clock() - timedelta(days=7)
    with org.scope():
        for _ in range(count):
            handoff = open_handoff(org, at=at, tier="contact_form")
            when = at + timedelta(minutes=minutes)
            meet([handoff.id], Target.FIRST_TOUCH, at=when, now=when)


@pytest.mark.parametrize("path", [PRESETS, PROPOSAL])
def test_only_an_admin_opens_them(acme: Org, path: str) -> None:
    for member in (acme.manager, acme.marketing, acme.executive, acme.reps[0]):
        assert as_(member).get(path).status_code == 403
        assert as_(member).post(path, {}).status_code == 403
        assert path not in as_(member).get("/policy").content.decode()
    assert as_(acme.admin).get(path).status_code == 200


def test_each_speed_stands_with_what_is_published_about_it(acme: Org) -> None:
    page = as_(acme.admin).get(PRESETS)
    said = text_of(page)
    for tier in TIERS:
        for speed in tier.speeds:
            source = f" ({speed.benchmark.source})" if speed.benchmark.source else ""
            assert f"{speed.label} {speed.benchmark.said}{source}" in said
    assert "85% of promises kept within 30 days" in said
    assert page.content.decode().count(" checked>") == 5


def test_it_begins_a_draft_with_what_was_chosen(acme: Org) -> None:
    client = as_(acme.admin)
    page = client.get(PRESETS)
    sent = written(page, speed_demo_request="2_hours", cadence="8_in_14", do="start")
    answer = client.post(PRESETS, sent)
    assert (answer.status_code, answer["Location"]) == (302, "/policy/draft")
    draft = draft_of(acme)
    assert draft is not None
    first = draft.content["tiers"][0]["targets"]
    assert first[0]["duration"] == {"minutes": 120}
    assert (first[2]["count"], first[2]["channels"]) == (8, 3)
    assert draft.content["ladder"] == POLICY["ladder"]
    editor = client.get("/policy/draft")
    assert editor.status_code == 200
    assert "8 contact attempts over 3 channels" in text_of(editor)


def test_an_open_draft_is_replaced_only_after_it_was_said_what_that_replaces(acme: Org) -> None:
    client = drafting(acme)
    page = client.get(PRESETS)
    assert "Version 2 is being drafted, saved last by Ada Acme." in text_of(page)
    shown = client.post(PRESETS, written(page, do="start"))
    assert shown.status_code == 200
    assert "New tier Demo request" in text_of(shown)
    assert draft_of(acme).content == SLOWER
    # Another choice than the one that was shown is shown first.
    other = client.post(PRESETS, written(shown, speed_demo_request="1_hour", do="start"))
    assert "first touch within 1 hour of working time" in text_of(other)
    assert draft_of(acme).content == SLOWER
    assert client.post(PRESETS, written(other, do="start")).status_code == 302
    assert draft_of(acme).content["tiers"][0]["targets"][0]["duration"] == {"minutes": 60}
    assert draft_of(acme).revision == 2


def test_a_draft_that_was_saved_meanwhile_is_shown_again(acme: Org) -> None:
    client = drafting(acme)
    shown = client.post(PRESETS, written(client.get(PRESETS), do="start"))
    with acme.scope():
        versions.save_draft(
            versions.open_draft(PolicyVersion),
            content={**SLOWER, "tiers": [{**SLOWER["tiers"][0], "name": "Rest"}]},
            expected_revision=1,
            actor="system",
            now=database_clock(),
        )
    again = client.post(PRESETS, written(shown, do="start"))
    assert again.status_code == 200
    assert "Tier Rest is now called Content." in text_of(again)
    assert draft_of(acme).content["tiers"][0]["name"] == "Rest"
    assert client.post(PRESETS, written(again, do="start")).status_code == 302
    assert draft_of(acme).revision == 3


def test_a_draft_begun_or_discarded_meanwhile_is_said(acme: Org) -> None:
    client = as_(acme.admin)
    page = client.get(PRESETS)
    drafting(acme)
    met = client.post(PRESETS, written(page, do="start"))
    assert "New tier Demo request" in text_of(met)
    client.post("/policy/draft/discard", {"sure": "1", "revision": 1})
    gone = client.post(PRESETS, written(met, do="start"))
    assert "There is no draft any more" in text_of(gone)
    assert draft_of(acme) is None
    assert client.post(PRESETS, written(gone, do="start")).status_code == 302


def test_what_there_is_no_choice_of_is_refused_beside_its_field(acme: Org) -> None:
    client = as_(acme.admin)
    page = client.get(PRESETS)
    sent = written(page, speed_demo_request="6_minutes", days="3", do="start")
    answer = client.post(PRESETS, sent)
    assert answer.status_code == 200
    assert set(answer.context["form"].errors) == {"speed_demo_request", "days"}
    assert 'href="#id_speed_demo_request"' in answer.content.decode()
    assert client.post(PRESETS, {"do": "start"}).context["form"].errors
    assert draft_of(acme) is None


def test_our_own_history_stands_beside_each_tier_and_goes_into_the_draft(always: Org) -> None:
    answered(always, 30)
    client = as_(always.admin)
    page = client.get(PRESETS)
    assert "Kept by" not in text_of(page)
    shown = client.post(PRESETS, written(page, speed_demo_request="1_hour", do="history"))
    said = text_of(shown)
    assert "Kept by 100% of 30 leads, of 30 in 90 days. 30 minutes: 0% of 30." in said
    assert "Too little history to propose anything: of 0 leads in 90 days 0 count" in said
    assert draft_of(always) is None
    assert client.post(PRESETS, written(shown, do="own")).status_code == 302
    tiers = {tier["slug"]: tier["targets"][0]["duration"] for tier in draft_of(always).content["tiers"]}
    # What was chosen, but where the own history says something.
    assert tiers["demo_request"] == {"minutes": 60}
    assert tiers["contact_form"] == {"minutes": 60}
    assert tiers["content"] == {"end_of_day": 0}


def test_the_proposals_go_into_a_draft_with_one_click(always: Org) -> None:
    answered(always, 30)
    client = as_(always.admin)
    page = client.get(PROPOSAL, {"days": "30"})
    assert "Contact form" in text_of(page)
    assert "of 30 in 30 days" in text_of(page)
    assert "Put 1 of them into a draft" in text_of(page)
    assert client.post(PROPOSAL, {"days": "30"}).status_code == 302
    draft = draft_of(always)
    contact = draft.content["tiers"][2]["targets"]
    assert contact[0]["duration"] == {"minutes": 60}
    assert contact[1] == POLICY["tiers"][2]["targets"][1]
    assert "as it is written" in text_of(client.get(PROPOSAL))
    assert "Put 1" not in text_of(client.get(PROPOSAL))


def test_a_proposal_for_a_draft_that_changed_meanwhile_is_refused(always: Org) -> None:
    answered(always, 30)
    client = drafting(always, POLICY)
    refused = client.post(PROPOSAL, {"days": "90", "revision": "7"})
    assert refused.status_code == 200
    assert "saved this draft while you were editing" in text_of(refused)
    assert draft_of(always).content == POLICY
    assert client.post(PROPOSAL, {"days": "90", "revision": "1"}).status_code == 302


@pytest.mark.parametrize("days", ["6", "731", "x"])
def test_days_out_of_range_are_refused_beside_their_field(acme: Org, days: str) -> None:
    client = as_(acme.admin)
    page = client.get(PROPOSAL, {"days": days})
    assert list(page.context["form"].errors) == ["days"]
    assert client.post(PROPOSAL, {"days": days}).status_code == 200
    assert draft_of(acme) is None


def test_the_editor_saves_before_it_leads_to_the_proposals(acme: Org) -> None:
    client = drafting(acme, POLICY)
    page = client.get("/policy/draft")
    form = page.context["form"]
    sent = {field.html_name: field.value() for field in form if field.value() not in (None, False)}
    sent = {name: "on" if value is True else value for name, value in sent.items()}
    sent |= {"tier": "demo_request", "first_touch_amount": "7", "do": "propose"}
    answer = client.post("/policy/draft", sent)
    assert (answer.status_code, answer["Location"]) == (302, PROPOSAL)
    assert draft_of(acme).content["tiers"][0]["targets"][0]["duration"] == {"minutes": 7}
