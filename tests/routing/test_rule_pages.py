"""The layers as an editor: rules added, moved, opened and removed by buttons, then reviewed and published."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from routing.models import Decision, Pool, PoolSeat, RuleSetVersion
from tenants import versions
from tenants.clock import database_clock
from tenants.models import Member, VersionState
from tests.factories import Org
from tests.routing.conftest import make_handoffs
from tests.tenants.publications import approval_on

pytestmark = pytest.mark.django_db

DRAFT, CHECK = "/routing/draft", "/routing/draft/check"
BIG = {"field": "account.employees", "op": "at_least", "value": 1000}
EMEA = {"field": "lead.region", "op": "one_of", "value": ["EMEA"]}
REST = {"name": "Everyone else", "when": None, "pool": "inbound"}
CONTENT: dict[str, Any] = {
    "pools": [
        {"name": "Big", "when": {"all": [BIG, EMEA]}, "pool": "inbound"},
        {"name": "Region", "when": EMEA, "pool": "second"},
        REST,
    ],
    "priorities": [],
    "horizon_minutes": 30,
}


def as_(member: Member) -> Client:
    client = Client()
    client.force_login(member.user)
    return client


def text_of(response: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


def editing(org: Org, content: dict[str, Any] | None = CONTENT) -> Client:
    """An admin with a draft open, in an organisation with a second pool."""
    client = as_(org.admin)
    with org.scope():
        pool = Pool.objects.create(slug="second", name="Second")
        PoolSeat.objects.create(pool=pool, member=org.reps[0])
    assert client.post("/routing/draft/start")["Location"] == DRAFT
    if content is not None:
        with org.scope():
            RuleSetVersion.objects.filter(state=VersionState.DRAFT).update(content=content)
    return client


def draft_of(org: Org) -> RuleSetVersion:
    with org.scope():
        found = versions.open_draft(RuleSetVersion)
    assert found is not None
    return found


def names(org: Org, layer: str = "pools") -> list[str]:
    return [rule["name"] for rule in draft_of(org).content[layer]]


def written(client: Client, rule: str = "", **changed: Any) -> dict[str, Any]:
    """The form as a browser sends it: every control of the page as it is shown, with what was changed."""
    page = client.get(DRAFT, {"rule": rule} if rule else {}).content.decode()
    form = page[page.index('id="rules"') : page.index('id="discard"')]
    sent: dict[str, Any] = {}
    for tag in re.findall(r"<input[^>]*>", form):
        found = dict(re.findall(r'([\w-]+)="([^"]*)"', tag))
        if "name" in found and (found.get("type") not in ("checkbox", "radio") or " checked" in tag):
            sent[found["name"]] = found.get("value", "")
    for name, options in re.findall(r'<select[^>]*name="([^"]+)"[^>]*>(.*?)</select>', form, re.DOTALL):
        chosen = re.search(r'<option value="([^"]*)"[^>]* selected', options)
        first = re.search(r'<option value="([^"]*)"', options)
        sent[name] = chosen[1] if chosen else first[1] if first else ""
    for name, text in re.findall(r'<textarea[^>]*name="([^"]+)"[^>]*>(.*?)</textarea>', form, re.DOTALL):
        sent[name] = text.strip()
    return {**sent, **changed}


def press(client: Client, do: str, rule: str = "", **changed: Any) -> Any:
    return client.post(DRAFT, written(client, rule, do=do, **changed))


def test_only_an_admin_edits_and_a_reader_sees_the_versions(acme: Org) -> None:
    manager = as_(acme.manager)
    assert manager.get(DRAFT).status_code == manager.get(CHECK).status_code == 403
    assert manager.post("/routing/draft/start").status_code == 403
    assert manager.get("/routing/versions").status_code == 200
    assert as_(acme.reps[0]).get("/routing/versions").status_code == 403
    assert "Change the rules" not in text_of(manager.get("/routing"))


def test_without_a_draft_its_pages_lead_to_the_rules_in_force(acme: Org) -> None:
    client = as_(acme.admin)
    assert "Change the rules" in text_of(client.get("/routing"))
    for page in (DRAFT, CHECK):
        assert client.get(page)["Location"] == "/routing"


def test_a_draft_begins_as_a_copy_and_stands_on_the_page_of_the_rules(acme: Org) -> None:
    client = editing(acme, None)
    assert draft_of(acme).content == acme.rule_set.content
    shown = text_of(client.get("/routing"))
    assert "Draft of version 2." in shown
    assert "Change the rules" not in shown
    assert client.post("/routing/draft/start")["Location"] == DRAFT
    assert "Draft of version 2." in text_of(client.get(DRAFT))


def test_a_new_organisation_sees_everyone_and_one_pool_with_the_other_layers_folded(acme: Org) -> None:
    client = editing(acme, {"pools": [REST], "priorities": [], "horizon_minutes": 30})
    page = client.get(DRAFT).content.decode()
    assert 'id="priorities">' in page
    assert 'id="availability">' in page
    press(client, "add:pools")
    assert 'id="priorities" open>' in client.get(DRAFT).content.decode()


def test_rules_are_shown_as_chips_with_their_pool_and_the_decisions_of_thirty_days(acme: Org) -> None:
    client = editing(acme)
    now = database_clock()
    with acme.scope():
        handoff = make_handoffs(acme, 1, now=now)[0]
        for days in (1, 3, 31):
            Decision.objects.create(
                handoff=handoff,
                at=now - timedelta(days=days),
                trigger="intake",
                rule="Big",
                outcome="unrouted",
                reason="no_rule",
                trace={},
            )
    page = client.get(DRAFT)
    assert '<span class="sp-chip"><span>Employees</span> <b>at least 1000</b></span>' in page.content.decode()
    shown = text_of(page)
    assert re.search(r"1 Big Employees at least 1000 and Region is EMEA goes to Inbound 2 decisions", shown)
    assert re.search(r"2 Region Region is EMEA goes to Second 0 decisions", shown)
    assert re.search(r"3 Everyone else goes to Inbound", shown)


def test_a_rule_is_added_before_everyone_else_and_opens(acme: Org) -> None:
    client = editing(acme)
    done = press(client, "add:pools")
    assert done["Location"] == f"{DRAFT}?rule=pools.2#open-rule"
    assert names(acme) == ["Big", "Region", "New rule", "Everyone else"]
    page = text_of(client.get(DRAFT, {"rule": "pools.2"}))
    assert "No condition yet" in page
    assert "There is no condition yet: say for whom the rule is." in page
    press(client, "add:pools")
    assert names(acme)[2:] == ["New rule", "New rule 2", "Everyone else"]
    press(client, "add:priorities")
    assert names(acme, "priorities") == ["New rule"]
    press(client, "rest:priorities")
    assert draft_of(acme).content["priorities"][1] == {"name": "Everyone else", "when": None, "priority": 0}


def test_of_a_condition_that_was_typed_wrong_only_that_is_said(acme: Org) -> None:
    client = editing(acme)
    press(client, "add:pools")
    typed = {
        "when.0": '{"field":"","op":""}',
        "when.0.f": "Favourite colour",
        "when.0.op": "",
        "when.0.v": "red",
    }
    answer = press(client, "save", "pools.2", **typed)
    assert answer.status_code == 422
    page = text_of(answer)
    assert (
        "There is no field &quot;Favourite colour&quot;. Choose one that is offered while you type." in page
    )
    assert "There is no condition yet" not in page
    assert "There is no condition yet" in text_of(client.get(DRAFT, {"rule": "pools.2"}))


def test_rules_move_by_buttons_and_everyone_else_stays_last(acme: Org) -> None:
    client = editing(acme)
    press(client, "down:pools.0")
    assert names(acme) == ["Region", "Big", "Everyone else"]
    for nowhere in ("down:pools.1", "up:pools.2", "up:pools.0", "down:pools.9", "up:pools.x", "up:owners.1"):
        press(client, nowhere)
        assert names(acme) == ["Region", "Big", "Everyone else"]
    assert press(client, "up:pools.1", "pools.1")["Location"] == f"{DRAFT}?rule=pools.0#open-rule"
    assert names(acme) == ["Big", "Region", "Everyone else"]
    assert press(client, "remove:pools.0", "pools.1")["Location"] == f"{DRAFT}?rule=pools.0#open-rule"
    assert names(acme) == ["Region", "Everyone else"]


def test_an_open_rule_gets_another_name_pool_and_horizon_and_keeps_its_condition(acme: Org) -> None:
    client = editing(acme)
    done = press(client, "save", "pools.0", name="Large", gives="second", horizon="45")
    assert done.status_code == 302
    content = draft_of(acme).content
    assert content["pools"][0] == {"name": "Large", "when": {"all": [BIG, EMEA]}, "pool": "second"}
    assert content["horizon_minutes"] == 45
    assert content["pools"][1:] == CONTENT["pools"][1:]


def test_a_condition_is_changed_in_its_editor_without_script(acme: Org) -> None:
    client = editing(acme)
    before = draft_of(acme).revision
    sent = written(client, "pools.1")
    grown = client.post(DRAFT, {**sent, "act": "add:when"})
    assert grown.status_code == 200
    assert draft_of(acme).revision == before  # an act of the editor changes the page alone
    assert grown.context["editing"].acted
    refused = press(client, "save", "pools.1", name="")
    assert refused.status_code == 422
    assert names(acme) == ["Big", "Region", "Everyone else"]


@pytest.mark.parametrize(
    "wrong", [{"name": ""}, {"name": "x" * 81}, {"gives": "nowhere"}, {"gives": ""}, {"horizon": "-1"}]
)
def test_a_slip_is_said_at_its_field_and_nothing_is_saved(acme: Org, wrong: dict[str, str]) -> None:
    client = editing(acme)
    refused = press(client, "save", "pools.0", **wrong)
    assert refused.status_code == 422
    assert list(refused.context["form"].errors) == list(wrong)
    assert draft_of(acme).content == CONTENT


def test_a_rule_that_makes_no_sense_is_removed_all_the_same(acme: Org) -> None:
    client = editing(acme, {**CONTENT, "pools": ["big", {"name": "", "when": {"x": 1}}, REST]})
    assert client.get(DRAFT, {"rule": "pools.1"}).status_code == 200
    press(client, "remove:pools.1", "pools.1", name="", gives="")
    assert len(draft_of(acme).content["pools"]) == 2
    press(client, "remove:pools.0")
    assert names(acme) == ["Everyone else"]


def test_two_admins_on_one_draft_the_second_is_told_what_changed_and_saves_on_it(acme: Org) -> None:
    client = editing(acme)
    late = written(client, "pools.1", name="Europe", do="save")
    press(client, "remove:pools.0")
    refused = client.post(DRAFT, late)
    assert refused.status_code == 409
    shown = text_of(refused)
    assert "saved this draft while you were editing" in shown
    assert "Pools, Big changed." in shown
    assert 'value="Europe"' in refused.content.decode()
    assert names(acme) == ["Region", "Everyone else"]
    page = refused.content.decode()
    again = {
        **late,
        **{
            name: re.search(rf'name="{name}" value="([^"]*)"', page)[1]  # type: ignore[index]
            for name in ("revision", "rule", "rule_name")
        },
    }
    assert client.post(DRAFT, again).status_code == 302
    assert names(acme) == ["Europe", "Everyone else"]


def test_a_rule_that_somebody_removed_meanwhile_is_not_written_into_another(acme: Org) -> None:
    client = editing(acme)
    late = written(client, "pools.0", name="Large", do="save")
    press(client, "remove:pools.0")
    done = client.post(DRAFT, late, follow=True)
    assert "Somebody removed this rule meanwhile. Nothing is saved." in text_of(done)
    assert names(acme) == ["Region", "Everyone else"]


def test_a_button_of_an_old_page_moves_nothing(acme: Org) -> None:
    client = editing(acme)
    late = written(client, do="remove:pools.0")
    press(client, "down:pools.0")
    assert client.post(DRAFT, late).status_code == 409
    assert names(acme) == ["Region", "Big", "Everyone else"]


def publish(client: Client, **more: Any) -> Any:
    page = client.get(CHECK)
    return client.post(
        CHECK,
        {"revision": page.context["draft"].revision, "against": page.context["current"].number, **more},
    )


def test_the_review_says_what_changes_and_publishes(acme: Org) -> None:
    client = editing(acme)
    assert press(client, "check")["Location"] == CHECK
    shown = text_of(client.get(CHECK))
    assert "New rule: Region, for Region is EMEA, to Second." in shown
    assert "Publish as version 2" in shown
    done = publish(client)
    assert done["Location"] == "/routing"
    assert "Version 2 is in force." in text_of(client.get("/routing"))
    history = text_of(as_(acme.manager).get("/routing/versions"))
    assert "Version 2 In force" in history
    assert "New rule: Region" in history


def test_what_is_wrong_is_listed_with_a_way_to_it_and_nothing_is_published(acme: Org) -> None:
    shadowed = {"name": "Small EMEA", "when": {"all": [EMEA, BIG]}, "pool": "second"}
    content = {**CONTENT, "pools": [*CONTENT["pools"][:2], shadowed, REST]}
    client = editing(acme, content)
    page = client.get(CHECK)
    assert "Publish as version" not in text_of(page)
    assert "/routing/draft?rule=pools.2#open-rule" in page.content.decode()
    assert "Never reached: Rule 1, Big, takes every lead of this one." in text_of(page)
    refused = publish(client)
    assert refused.status_code == 422
    assert "Nothing is published" in text_of(refused)
    with acme.scope():
        assert RuleSetVersion.objects.get(state="published").number == 1


def test_an_earlier_version_is_used_again_after_its_check(acme: Org) -> None:
    client = editing(acme)
    publish(client)
    page = client.get("/routing/versions").content.decode()
    way = re.search(r'href="(/routing/versions/[^"]+/use)"', page)[1]  # type: ignore[index]
    assert "Rule Region is gone." in text_of(client.get(way))
    assert client.post(way, {"against": "2"}).status_code == 302
    with acme.scope():
        found = RuleSetVersion.objects.get(state="published")
    assert (found.number, found.copy_of, found.content) == (3, 1, acme.rule_set.content)


def test_where_a_second_admin_must_approve_the_page_asks_and_they_decide(acme: Org) -> None:
    other = approval_on(acme, database_clock(), "routing")
    client = editing(acme)
    assert "Review and ask" in text_of(client.get(DRAFT))
    assert publish(client).status_code == 302
    with acme.scope():
        assert RuleSetVersion.objects.get(state="published").number == 1
        order = versions.waiting_order(RuleSetVersion)
    assert order is not None
    second = as_(other)
    assert "Approve" in text_of(second.get(CHECK))
    second.post(f"/publications/{order.id}/approve", {"against": "1"})
    with acme.scope():
        assert RuleSetVersion.objects.get(state="published").number == 2


def test_a_draft_is_discarded_unless_somebody_saved_it_since(acme: Org) -> None:
    client = editing(acme)
    revision = draft_of(acme).revision
    press(client, "down:pools.0")
    client.post("/routing/draft/discard", {"sure": "1", "revision": revision})
    assert names(acme) == ["Region", "Big", "Everyone else"]
    done = client.post("/routing/draft/discard", {"sure": "1", "revision": revision + 1}, follow=True)
    assert "The draft of version 2 is gone." in text_of(done)


def test_the_editor_costs_the_same_for_any_number_of_rules(
    acme: Org, django_assert_max_num_queries: Any
) -> None:
    client = editing(acme)
    with django_assert_max_num_queries(25) as few:
        client.get(DRAFT)
    more = [{"name": f"R{at}", "when": {**BIG, "value": 900 - at}, "pool": "second"} for at in range(100)]
    with acme.scope():
        RuleSetVersion.objects.filter(state="draft").update(content={**CONTENT, "pools": [*more, REST]})
    with django_assert_max_num_queries(len(few)):
        client.get(DRAFT)


def test_a_draft_is_asked_about_before_it_is_lost_with_what_it_changes(acme: Org) -> None:
    client = editing(acme)
    press(client, "down:pools.0")
    asked = client.post("/routing/draft/discard", {"revision": draft_of(acme).revision})
    lost = text_of(asked)
    assert "Discard the draft of version 2?" in lost
    assert len(asked.context["lost"]) >= 1
    assert all(each in lost for each in asked.context["lost"])
    assert "Version 1 stays in force." in lost
    assert draft_of(acme).number == 2
    said = {"sure": "1", "revision": asked.context["draft"].revision}
    assert "is gone" in text_of(client.post("/routing/draft/discard", said, follow=True))
