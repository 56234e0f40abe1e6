"""The policy changed by form: a draft in sentences, its check, its publication, and going back."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.test import Client

from leads.defaults import engaged
from sla.defaults import DEFAULT_POLICY
from sla.models import ClockMove, PolicyVersion
from tenants import versions
from tenants.calendars import make_spec, write_calendar
from tenants.clock import database_clock
from tenants.models import CalendarVersion, Member, VersionState
from tests.engine.scenes import clock_of, open_handoff
from tests.factories import POLICY, Org

pytestmark = pytest.mark.django_db

DRAFT, CHECK = "/policy/draft", "/policy/draft/check"


def as_(member: Member) -> Client:
    client = Client()
    client.force_login(member.user)
    return client


def text_of(response: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


def editing(org: Org, content: dict[str, Any] | None = None) -> Client:
    """An admin with a draft open."""
    client = as_(org.admin)
    assert client.post("/policy/draft/start").status_code == 302
    if content is not None:
        with org.scope():
            PolicyVersion.objects.filter(state=VersionState.DRAFT).update(content=content)
    return client


def draft_of(org: Org) -> PolicyVersion:
    with org.scope():
        found = versions.open_draft(PolicyVersion)
    assert found is not None
    return found


def written(client: Client, tier: str = "demo_request", **changed: Any) -> dict[str, Any]:
    """The form as a browser sends it: as the page shows it, with what was changed."""
    form = client.get(DRAFT, {"tier": tier}).context["form"]
    sent = {"tier": tier, "do": "save"}
    for field in form:
        value = field.value()
        if isinstance(value, list):
            value = [each for each in value if isinstance(each, str)]  # a box for each that the form knows
        if value is not None and value is not False:
            sent[field.html_name] = "on" if value is True else value
    sent.update(changed)
    return {name: value for name, value in sent.items() if value is not None}


def save(client: Client, tier: str = "demo_request", **changed: Any) -> Any:
    return client.post(DRAFT, written(client, tier, **changed))


def errors_of(response: Any) -> dict[str, list[str]]:
    return {name: list(errors) for name, errors in response.context["form"].errors.items()}


def publish(client: Client, **more: Any) -> Any:
    page = client.get(CHECK)
    found, current = page.context["draft"], page.context["current"]
    return client.post(CHECK, {"revision": found.revision, "against": current.number, **more})


@pytest.mark.parametrize("role", ["manager", "marketing", "executive"])
def test_only_an_admin_drafts(acme: Org, role: str) -> None:
    client = as_(getattr(acme, role))
    assert "draft/start" not in client.get("/policy").content.decode()
    assert client.get(DRAFT).status_code == 403
    assert client.get(CHECK).status_code == 403
    assert client.post("/policy/draft/start").status_code == 403
    assert client.get("/policy/versions").status_code == 200
    assert client.get(f"/policy/versions/{acme.policy.id}/use").status_code == 403


def test_the_draft_says_whose_it_is_and_shows_one_tier_in_sentences(acme: Org) -> None:
    client = editing(acme)
    page = client.get(DRAFT, {"tier": "contact_form"})
    said = text_of(page)
    assert "Draft of version 2. Saved by Ada Acme on" in said
    form = page.context["form"]
    assert (form["first_touch_amount"].value(), form["first_touch_unit"].value()) == (4, "hours")
    assert (form["kind"].value(), form["days"].value()) == ("contact_form", 30)
    assert "Go on with the draft" in text_of(client.get("/policy"))


def test_a_second_admin_is_led_to_the_draft_that_is_open(acme: Org) -> None:
    client = editing(acme)
    again = client.post("/policy/draft/start", follow=True)
    assert "Version 2 is being drafted already." in text_of(again)
    with acme.scope():
        assert PolicyVersion.objects.filter(state=VersionState.DRAFT).count() == 1


def test_saving_what_is_shown_changes_nothing(acme: Org) -> None:
    client = editing(acme)
    for tier in POLICY["tiers"]:
        assert save(client, tier["slug"]).status_code == 302
    assert (draft_of(acme).content, draft_of(acme).revision) == (POLICY, 1)


def test_a_tier_is_written_in_sentences(acme: Org) -> None:
    client = editing(acme)
    answer = save(
        client,
        name="Demo",
        kind="webinar",
        days=7,
        first_touch_amount=3,
        first_touch_unit="hours",
        first_touch_clock="wall",
        decision_on=None,
    )
    assert answer.status_code == 302
    tier = draft_of(acme).content["tiers"][0]
    assert tier == {
        "slug": "demo_request",
        "name": "Demo",
        "when": engaged("webinar", days=7),
        "targets": [{"target": "first_touch", "duration": {"minutes": 180}, "clock": "wall"}],
    }
    with acme.scope():
        assert PolicyVersion.objects.get(state="published").content == POLICY


@pytest.mark.parametrize(
    ("changed", "field", "message"),
    [
        ({"name": ""}, "name", "required"),
        ({"first_touch_amount": "soon"}, "first_touch_amount", "whole number"),
        ({"first_touch_amount": ""}, "first_touch_amount", "How long?"),
        ({"first_touch_amount": 0}, "first_touch_amount", "between 1 and"),
        ({"decision_amount": 400}, "decision_amount", "between 1 and 366"),
        ({"decision_unit": "fortnights"}, "decision_unit", "valid choice"),
        ({"days": ""}, "days", "Within how many days?"),
        ({"kind": "unheard_of"}, "kind", "valid choice"),
        ({"when": "{"}, "when", "This is no JSON"),
        ({"when": '{"field": "lead.shoe_size", "op": "equals", "value": 1}'}, "when", "shoe_size"),
        ({"step_1_at": "half"}, "step_1_at", "whole number"),
        ({"step_1_do": ["ring_a_bell"]}, "step_1_do", "valid choice"),
        ({"do": "add-tier"}, "new_tier", "Give the new tier a name first."),
        ({"on_reassign": "ask"}, "on_reassign", "valid choice"),
    ],
)
def test_what_cannot_be_read_is_refused_beside_its_field(
    acme: Org, changed: dict[str, Any], field: str, message: str
) -> None:
    answer = save(editing(acme), **changed)
    assert answer.status_code == 422
    assert message in errors_of(answer)[field][0]
    assert draft_of(acme).revision == 1


def test_a_condition_beyond_the_sentence_is_kept_or_written_as_a_rule(acme: Org) -> None:
    big = {"all": [engaged("demo_request"), {"field": "account.employees", "op": "at_least", "value": 500}]}
    first, *others = POLICY["tiers"]
    client = editing(acme, {**POLICY, "tiers": [{**first, "when": big}, *others]})
    assert "Employees" in text_of(client.get(DRAFT))
    assert save(client, name="Big ones").status_code == 302
    assert draft_of(acme).content["tiers"][0]["when"] == big
    other = {"field": "lead.country", "op": "equals", "value": "DE"}
    assert save(client, when=json.dumps(other)).status_code == 302
    assert draft_of(acme).content["tiers"][0]["when"] == other
    assert save(client, kind="webinar", days=3).status_code == 302
    assert draft_of(acme).content["tiers"][0]["when"] == engaged("webinar", days=3)


def test_tiers_are_added_moved_and_removed_by_buttons_that_save(acme: Org) -> None:
    client = editing(acme)
    added = save(client, name="Demo", do="add-tier", new_tier="Partner referrals")
    assert added["Location"] == "/policy/draft?tier=partner_referrals"

    def slugs() -> list[str]:
        return [tier["slug"] for tier in draft_of(acme).content["tiers"]]

    assert slugs() == ["demo_request", "pricing_page", "contact_form", "partner_referrals", "content"]
    assert draft_of(acme).content["tiers"][0]["name"] == "Demo"
    save(client, "partner_referrals", do="up")
    assert slugs()[2] == "partner_referrals"
    save(client, "partner_referrals", do="down")
    save(client, "partner_referrals", do="down")
    assert slugs()[-2:] == ["partner_referrals", "content"], "nobody comes after everyone else"
    save(client, "demo_request", do="remove-tier")
    save(client, "content", do="remove-tier")
    assert slugs() == ["pricing_page", "contact_form", "partner_referrals", "content"]


def test_another_tier_is_opened_without_losing_what_was_written(acme: Org) -> None:
    client = editing(acme)
    answer = save(client, first_touch_amount=9, do="tier:content")
    assert answer["Location"] == "/policy/draft?tier=content"
    assert draft_of(acme).content["tiers"][0]["targets"][0]["duration"] == {"minutes": 9}


def test_the_ladder_is_written_in_sentences(acme: Org) -> None:
    client = editing(acme)
    save(client, step_1_at=75, step_1_do=["warn_manager", "remind_owner"], do="add-step")
    save(client, do="remove-step:0")
    assert draft_of(acme).content["ladder"] == [
        {"at": 75, "actions": ["remind_owner", "warn_manager"]},
        {"at": 100, "actions": ["tell_manager", "reassign"]},
        {"at": 200, "actions": ["tell_director"]},
        {"at": 250, "actions": ["tell_manager"]},
    ]


def test_what_the_form_does_not_know_is_kept(acme: Org) -> None:
    first, *others = POLICY["tiers"]
    target = {**first["targets"][0], "calendar": "owner"}
    unknown = {"target": "applause", "duration": {"business_days": 5}, "clock": "business", "count": 8}
    content = {
        **POLICY,
        "tiers": [{**first, "targets": [target, first["targets"][1], unknown], "note": "x"}, *others],
        "ladder": [*POLICY["ladder"], {"at": 300, "actions": [{"do": "queue"}]}],
        "later": [1],
    }
    client = editing(acme, content)
    assert save(client, name="Demo").status_code == 302
    assert draft_of(acme).content == {
        **content,
        "tiers": [{**content["tiers"][0], "name": "Demo"}, *others],
    }


def test_attempts_and_the_way_from_stage_to_stage_are_promised_in_the_form(acme: Org) -> None:
    client = editing(acme)
    attempts = {
        "attempts_on": "on",
        "attempts_amount": "10",
        "attempts_unit": "business_days",
        "attempts_count": "6",
        "attempts_channels": "2",
    }
    assert save(client, do="add-target", new_target="sal_to_sql", **attempts).status_code == 302
    assert draft_of(acme).content["tiers"][0]["targets"][2:] == [
        {
            "target": "attempts",
            "duration": {"business_days": 10},
            "clock": "business",
            "count": 6,
            "channels": 2,
        },
        {"target": "sal_to_sql", "duration": {"business_days": 5}, "clock": "business"},
    ]
    content = draft_of(acme).content
    assert save(client).status_code == 302  # as it is shown
    assert draft_of(acme).content == content
    said = text_of(client.get(CHECK))
    assert "Demo request: 6 contact attempts over 2 channels within 10 business days, a new promise." in said
    assert "Demo request: SAL to SQL within 5 business days, a new promise." in said
    assert publish(client).status_code == 302
    assert "SAL to SQL within 5 business days" in text_of(client.get("/policy"))


def test_attempts_without_a_number_are_refused_beside_their_field(acme: Org) -> None:
    refused = save(editing(acme), attempts_on="on", attempts_amount="10", attempts_unit="business_days")
    assert errors_of(refused) == {"attempts_count": ["How many? Write a whole number."]}


def test_two_admins_on_one_draft_and_the_second_sees_what_changed(acme: Org) -> None:
    client = editing(acme)
    mine = written(client, first_touch_amount=9)
    assert save(client, name="Demos").status_code == 302
    late = client.post(DRAFT, mine)
    assert late.status_code == 409
    assert "Ada Acme saved this draft while you were editing." in text_of(late)
    assert "Tiers, demo request, name: Demo request, now Demos." in text_of(late)
    assert draft_of(acme).content["tiers"][0]["targets"][0]["duration"] == {"minutes": 5}
    again = {**mine, "revision": late.context["form"]["revision"].value()}
    assert client.post(DRAFT, again).status_code == 302
    assert draft_of(acme).content["tiers"][0]["targets"][0]["duration"] == {"minutes": 9}


def test_a_tier_that_somebody_removed_meanwhile_is_not_written_over_another(acme: Org) -> None:
    client = editing(acme)
    mine = written(client, "pricing_page", name="Prices")
    save(client, "pricing_page", do="remove-tier")
    answer = client.post(DRAFT, mine, follow=True)
    assert "Somebody removed this tier meanwhile." in text_of(answer)
    assert [tier["name"] for tier in draft_of(acme).content["tiers"]] == [
        "Demo request",
        "Contact form",
        "Content",
    ]


def test_a_draft_is_discarded(acme: Org) -> None:
    client = editing(acme)
    assert client.post("/policy/draft/discard", {"sure": "1", "revision": 7}).status_code == 302
    assert draft_of(acme).number == 2, "somebody saved it meanwhile"
    client.post("/policy/draft/discard", {"sure": "1", "revision": 1})
    assert client.get(DRAFT).status_code == 302
    assert client.get(CHECK).status_code == 302


# --- Check and publish ---


def test_the_check_says_what_changes_and_publishing_puts_it_in_force(acme: Org) -> None:
    client = editing(acme)
    answer = save(client, first_touch_amount=10, name="Demos", days=14, do="check", step_0_at=40)
    assert answer["Location"] == CHECK
    said = text_of(client.get(CHECK))
    assert "Tier Demo request is now called Demos." in said
    assert (
        "Demos: first touch within 5 minutes of working time, now within 10 minutes of working time." in said
    )
    assert "Demos was for demo request at least once within 30 days, now for" in said
    assert "New step: at 40% of the time the owner is reminded." in said
    assert "No step at 50% of the time any more." in said
    done = publish(client)
    assert done.status_code == 302
    assert "Version 2, in force since" in text_of(client.get("/policy"))


def test_recipients_are_named_before_publishing(acme: Org) -> None:
    said = text_of(editing(acme).get(CHECK))
    assert "At 80% of the time The manager is warned: Mona Acme (Inbound)" in said
    assert "At 200% of the time The director is told: Dirk Acme (Inbound)" in said
    assert "Look twice" not in said


def test_a_step_is_written_with_a_time_a_person_and_a_way_for_the_lead(acme: Org) -> None:
    client = editing(acme)
    changed = {
        "step_3_at": "2",
        "step_3_place": "hours",
        "step_3_do": ["tell_person", "reassign"],
        "step_3_person": str(acme.marketing.id),
        "step_3_to": "backup",
        "on_reassign": "window",
        "window_amount": "30",
        "window_unit": "minutes",
    }
    assert save(client, **changed).status_code == 302
    content = draft_of(acme).content
    assert content["ladder"][3] == {
        "after": {"minutes": 120},
        "actions": [
            {"do": "tell_person", "to": str(acme.marketing.id)},
            {"do": "reassign", "to": "backup"},
        ],
    }
    assert content["on_reassign"] == {"window": {"minutes": 30}}
    assert save(client).status_code == 302  # as it is shown
    assert draft_of(acme).content == content
    said = text_of(client.get(CHECK))
    assert "2 hours after the deadline Mark Acme is told" in said
    assert publish(client).status_code == 302
    said = text_of(client.get("/policy"))
    assert "2 hours after the deadline Mark Acme is told and the lead moves to the backup of the team" in said
    assert "its new owner has 30 minutes" in said


def test_reasons_to_pause_are_written_in_the_form(acme: Org) -> None:
    client = editing(acme)
    assert save(client, do="add-pause", new_pause="Waiting for legal").status_code == 302
    rules = draft_of(acme).content["pauses"]
    assert (rules[-1]["reason"], rules[-1]["at_most"]) == ("waiting_for_legal", {"business_days": 2})
    last = len(rules) - 1
    changed = {f"pause_{last}_amount": "6", f"pause_{last}_unit": "hours", f"pause_{last}_who": ["manager"]}
    assert save(client, **changed).status_code == 302
    assert draft_of(acme).content["pauses"][-1] == {
        "reason": "waiting_for_legal",
        "name": "Waiting for legal",
        "at_most": {"minutes": 360},
        "who": ["manager"],
    }
    content = draft_of(acme).content
    assert save(client).status_code == 302  # as it is shown
    assert draft_of(acme).content == content
    assert save(client, do=f"remove-pause:{last}").status_code == 302
    assert draft_of(acme).content["pauses"] == content["pauses"][:-1]


def test_a_reason_to_pause_that_nobody_may_give_is_refused_beside_its_field(acme: Org) -> None:
    client = editing(acme)
    save(client, do="add-pause", new_pause="Waiting for legal")
    last = len(draft_of(acme).content["pauses"]) - 1
    refused = save(client, **{f"pause_{last}_who": None})
    assert errors_of(refused) == {f"pause_{last}_who": ["Who may? Choose at least one."]}
    assert list(errors_of(save(client, do="add-pause"))) == ["new_pause"]


def test_a_step_that_names_nobody_is_refused_beside_its_field(acme: Org) -> None:
    refused = save(editing(acme), step_0_do=["tell_person"])
    assert errors_of(refused) == {"step_0_person": ["Whom? Choose somebody."]}


def test_a_window_without_a_time_is_refused_beside_its_field(acme: Org) -> None:
    refused = save(editing(acme), on_reassign="window")
    assert errors_of(refused) == {"window_amount": ["How long? Write a whole number."]}


def test_a_step_that_names_somebody_who_left_is_not_published(acme: Org) -> None:
    client = editing(acme)
    save(client, step_0_do=["tell_person"], step_0_person=str(acme.marketing.id))
    with acme.scope():
        Member.objects.filter(id=acme.marketing.id).update(is_active=False)
    assert "Mark Acme is not active: choose another person." in text_of(client.get(CHECK))
    assert "Mark Acme is not active" in text_of(publish(client, revision=draft_of(acme).revision))
    assert draft_of(acme).state == VersionState.DRAFT


def test_a_step_that_gives_leads_to_somebody_who_takes_none_is_not_published(acme: Org) -> None:
    client = editing(acme)
    refused = save(client, step_2_do=["reassign"], step_2_to=str(acme.marketing.id))
    assert "step_2_to" in errors_of(refused)
    save(client, step_2_do=["reassign"], step_2_to=str(acme.reps[2].id))
    with acme.scope():  # one who took leads until then
        acme.reps[2].profiles.all().delete()
    name = acme.reps[2].name
    assert f"{name} takes no leads: choose somebody" in text_of(client.get(CHECK))
    publish(client, revision=draft_of(acme).revision)
    assert draft_of(acme).state == VersionState.DRAFT


def test_steps_that_say_the_same_twice_within_a_minute_are_warned_of(acme: Org) -> None:
    client = editing(acme)
    save(client, step_1_at="55", step_1_do=["remind_owner"])
    said = text_of(client.get(CHECK))
    assert (
        "The steps at 50% and 55% both remind the owner, and are less than a minute apart in Demo request "
        "(15 s)." in said
    )


def test_a_step_that_tells_nobody_is_warned_of(acme: Org) -> None:
    with acme.scope():
        Member.objects.filter(id__in=[acme.manager.id, acme.director.id, acme.fallback.id]).update(
            is_active=False
        )
    said = text_of(editing(acme).get(CHECK))
    assert (
        "At 80% of the time, at the deadline (100%) and at 200% of the time nobody hears of the leads of "
        "Inbound" in said
    )
    assert "No active fallback person is named" in said


@pytest.mark.parametrize(
    ("content", "place", "message", "link"),
    [
        (
            {"tiers": [{**POLICY["tiers"][0], "targets": []}, *POLICY["tiers"][1:]]},
            "Demo request",
            "A tier needs at least one target.",
            "?tier=demo_request#targets",
        ),
        (
            {"ladder": [{"at": 100, "actions": ["reassign"]}, {"at": 80, "actions": ["warn_manager"]}]},
            "Step 2",
            "Steps stand in rising order, each once.",
            "#id_step_1_at",
        ),
        (
            {"tiers": POLICY["tiers"][:3]},
            "Contact form",
            "The last tier is for everybody else",
            "?tier=contact_form#id_kind",
        ),
        ({"responses": []}, "What counts", "Needed: at least one kind of touch.", "#id_responses"),
        ({"ladder": []}, "When time runs out", "The ladder needs a step at 100", "#ladder"),
        ({"tiers": []}, "The policy", "At least one tier is needed.", "#tiers"),
    ],
)
def test_what_makes_no_policy_is_not_published(
    acme: Org, content: dict[str, Any], place: str, message: str, link: str
) -> None:
    client = editing(acme, {**POLICY, **content})
    page = client.get(CHECK)
    assert f"{place} : {message}" in text_of(page)
    assert f'href="/policy/draft{link}"' in page.content.decode()
    assert "Publish as version" not in text_of(page)
    refused = client.post(CHECK, {"revision": 1, "against": 1})
    assert "Nothing is published." in text_of(refused)
    with acme.scope():
        assert PolicyVersion.objects.get(state="published").number == 1


def test_a_draft_that_somebody_changed_meanwhile_is_not_published(acme: Org) -> None:
    client = editing(acme)
    save(client, name="Demos")
    refused = client.post(CHECK, {"revision": 1, "against": 1})
    assert "saved this draft while you were editing" in text_of(refused)
    assert "Nothing is published." in text_of(refused)
    assert draft_of(acme).state == VersionState.DRAFT


def test_a_tier_that_no_lead_reaches_is_warned_of(acme: Org) -> None:
    first, *others = POLICY["tiers"]
    shadowed = {**first, "slug": "again", "name": "Again", "when": engaged("demo_request", days=7)}
    client = editing(acme, {**POLICY, "tiers": [first, shadowed, *others]})
    said = text_of(client.get(CHECK))
    assert "No lead ever gets Again: whoever it is for is caught by Demo request before." in said


def test_promises_that_the_hours_cannot_keep_are_warned_of(acme: Org) -> None:
    with acme.scope():
        for each in CalendarVersion.objects.filter(calendar_id=acme.tenant.calendar_id):
            each.spec = {**each.spec, "weekly": {"mon": [["09:00", "10:00"]]}}
            each.save(update_fields=["spec"])
    said = text_of(editing(acme).get(CHECK))
    assert (
        "Most leads wait for days until the time of these promises begins: Demo request, first touch within "
        "5 minutes of working time; Pricing page, first touch within 1 hour of working time: on Office hours "
        "(Organisation), open 1 hour a week." in said
    )
    assert (
        "These promises take more than a week of working time: Contact form, first touch within 4 hours of "
        "working time: on Office hours (Organisation), open 1 hour a week." in said
    )


def test_one_cause_is_one_sentence_whatever_it_is_true_of(acme: Org) -> None:
    """Two promises by the clock on two calendars were four lines that said the same."""
    with acme.scope():
        version = write_calendar(
            tenant=acme.tenant,
            name="Night desk",
            spec=make_spec(tz="UTC", weekly={"mon": [["20:00", "22:00"]]}, year=2026, country=""),
            actor="x",
            now=database_clock(),
        )
        acme.team.calendar_id = version.calendar_id
        acme.team.save(update_fields=["calendar"])
    wall = [
        {**tier, "targets": [{**tier["targets"][0], "clock": "wall"}, *tier["targets"][1:]]}
        for tier in POLICY["tiers"][:2]
    ]
    page = editing(acme, {**POLICY, "tiers": [*wall, *POLICY["tiers"][2:]]}).get(CHECK)
    night = [said for said in page.context["review"].warnings if "at night too" in said]
    assert len(night) == 1
    for part in ("Demo request, first touch", "Pricing page, first touch", "Night desk (", "Office hours ("):
        assert night[0].count(part) == 1


@pytest.mark.parametrize(
    "when",
    [
        {"all": [engaged("demo_request"), {"not": engaged("demo_request")}]},
        {
            "all": [
                {"field": "account.country", "op": "equals", "value": "DE"},
                {"field": "account.country", "op": "one_of", "value": ["AT", "CH"]},
            ]
        },
        {
            "all": [
                {"field": "account.employees", "op": "at_least", "value": 500},
                {"field": "account.employees", "op": "between", "value": [1, 50]},
            ]
        },
    ],
)
def test_a_tier_whose_conditions_contradict_each_other_is_warned_of(acme: Org, when: Any) -> None:
    first, *others = POLICY["tiers"]
    client = editing(acme, {**POLICY, "tiers": [{**first, "when": when}, *others]})
    assert "No lead ever gets Demo request: its conditions contradict each other." in text_of(
        client.get(CHECK)
    )


def test_conditions_that_somebody_can_meet_are_not_warned_of(acme: Org) -> None:
    when = {
        "all": [
            {"field": "account.employees", "op": "at_least", "value": 50},
            {"field": "account.employees", "op": "at_most", "value": 50},
            {"field": "account.country", "op": "one_of", "value": ["DE", "AT"]},
            {"field": "account.country", "op": "equals", "value": "at"},
        ]
    }
    first, *others = POLICY["tiers"]
    client = editing(acme, {**POLICY, "tiers": [{**first, "when": when}, *others]})
    assert "No lead ever gets" not in text_of(client.get(CHECK))


def test_open_leads_stay_unless_they_are_moved_by_choice(acme: Org) -> None:
    with acme.scope():
        handoff = open_handoff(acme, at=database_clock(), owner=acme.reps[0])
        due_at = clock_of(handoff).due_at
    client = editing(acme)
    save(client, first_touch_amount=2, first_touch_unit="hours")
    page = client.get(CHECK)
    assert "4 clocks run on other versions now" in text_of(page)
    assert "Lea" in text_of(page)
    assert publish(client, move="open").status_code == 302
    with acme.scope():
        assert ClockMove.objects.get().policy_version.number == 2
        assert clock_of(handoff).due_at == due_at, "the engine moves them, batch by batch"
    client.post("/policy/draft/start")
    save(client, first_touch_amount=3, first_touch_unit="hours")
    assert publish(client, move="new").status_code == 302
    with acme.scope():
        assert ClockMove.objects.count() == 1


def test_what_is_published_is_what_was_saved_last_and_not_what_a_preview_read(acme: Org) -> None:
    """A draft that was looked at once is not remembered: new clocks run by the policy as published."""
    with acme.scope():
        open_handoff(acme, at=database_clock(), owner=acme.reps[0])
    client = editing(acme)
    save(client, first_touch_amount=7)
    client.get(CHECK)
    save(client, first_touch_amount=11)
    publish(client)
    assert "First touch within 11 minutes" in text_of(client.get("/policy"))


# --- Versions ---


def test_versions_are_listed_in_words_and_an_earlier_one_is_used_again(acme: Org) -> None:
    client = editing(acme)
    save(client, first_touch_amount=10)
    publish(client)
    listed = client.get("/policy/versions")
    said = text_of(listed)
    assert re.search(r"Version 2 In force .*, by Ada Acme\. Demo request: first touch within 5 minutes", said)
    assert re.search(r"Version 1 .*, by the set-up\. The first\. Use again", said)
    use = f"/policy/versions/{acme.policy.id}/use"
    assert use in listed.content.decode()
    checked = client.get(use)
    assert "Use version 1 again" in text_of(checked)
    assert "now within 5 minutes of working time." in text_of(checked)
    assert client.post(use, {"against": 2}).status_code == 302
    with acme.scope():
        current = PolicyVersion.objects.get(state="published")
        assert (current.number, current.copy_of, current.content) == (3, 1, POLICY)
    assert "As version 1 was." in text_of(client.get("/policy/versions"))


def test_the_version_in_force_is_not_used_again(acme: Org) -> None:
    client = as_(acme.admin)
    assert client.get(f"/policy/versions/{acme.policy.id}/use").status_code == 302
    refused = client.post(f"/policy/versions/{acme.policy.id}/use", {"against": 1})
    assert "Version 1 is in force" in text_of(refused)


def test_a_long_history_has_pages(acme: Org, django_assert_max_num_queries: Any) -> None:
    with acme.scope():
        for number in range(2, 45):
            now = database_clock()
            PolicyVersion.objects.create(
                number=number, state="retired", content=POLICY, created_at=now, created_by="system"
            )
    client = as_(acme.manager)
    with django_assert_max_num_queries(16):
        first = client.get("/policy/versions")
    assert "Version 44" in text_of(first)
    assert "?before=25" in first.content.decode()
    assert "Version 24 " in text_of(client.get("/policy/versions?before=25"))
    assert client.get("/policy/versions?before=x").status_code == 200


def test_without_any_policy_the_first_draft_is_the_usual_one(acme: Org) -> None:
    with acme.scope():
        PolicyVersion.objects.update(state=VersionState.RETIRED)
    client = editing(acme)
    assert draft_of(acme).copy_of is None
    assert "Nothing is in force yet." in text_of(client.get(CHECK))
    assert client.post(CHECK, {"revision": 1, "against": 0}).status_code == 302


# --- Drafts that came over the API and make no sense ---


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"tiers": 5, "ladder": 5, "responses": 5, "on_reassign": 5},
        {"tiers": [5, {}], "ladder": [5, {}], "responses": [5, {}]},
        {"tiers": [{"slug": 5, "name": [], "when": 5, "targets": 5}], "ladder": [{"at": [], "actions": 5}]},
        {"tiers": [{"slug": "a", "when": {"all": 5}, "targets": [5, {"target": [], "duration": []}]}]},
        {"tiers": [{"slug": "a", "targets": [{"target": "decision", "duration": {"minutes": [1]}}]}]},
        {"tiers": [{"slug": [], "when": {"engagements": {"kind": [], "within_days": {}}}}]},
    ],
)
def test_a_draft_of_nonsense_is_shown_with_what_is_wrong_and_never_published(
    acme: Org, content: dict[str, Any]
) -> None:
    client = editing(acme, content)
    assert client.get(DRAFT, follow=True).status_code == 200
    assert "Before it can be published" in text_of(client.get(CHECK))
    assert "Nothing is published." in text_of(client.post(CHECK, {"revision": 1, "against": 1}))


# --- What is folded away until it is used ---


def folds(client: Client, tier: str = "demo_request") -> dict[str, bool]:
    """Which parts of the editor are open."""
    page = client.get(DRAFT, {"tier": tier}).content.decode()
    parts = {name: f'<details class="[^"]*" id="{name}"( open)?>' for name in ("ladder", "pauses")}
    parts["promises"] = r"<details class=\"[^\"]*\"( open)?>\s*<summary>Advanced: more promises"
    found = {name: re.search(pattern, page) for name, pattern in parts.items()}
    assert all(found.values())
    return {name: bool(match and match[1]) for name, match in found.items()}


def test_a_new_organisation_sees_two_promises_a_tier_and_one_clock(acme: Org) -> None:
    client = editing(acme, DEFAULT_POLICY)
    for tier in DEFAULT_POLICY["tiers"]:
        assert folds(client, tier["slug"]) == {"ladder": False, "pauses": False, "promises": False}
    form = client.get(DRAFT).context["form"]
    assert [each["label"] for each in form.first_targets] == ["First touch", "Accept or reject"]
    assert not any(each["other_clock"] for each in form.targets)
    page = client.get(DRAFT).content.decode()
    assert re.search(r"<summary>Advanced</summary>\s*<div[^>]*>\s*<label[^>]*>Counted in</label>", page)
    # What is folded is sent all the same, and stays as it is.
    assert save(client).status_code == 302
    assert draft_of(acme).content == DEFAULT_POLICY


@pytest.mark.parametrize(
    ("changed", "part"),
    [
        ({"step_0_at": "40"}, "ladder"),
        ({"do": "add-step"}, "ladder"),
        ({"do": "remove-step:1"}, "ladder"),
        ({"new_pause": "Legal check", "do": "add-pause"}, "pauses"),
        ({"pause_0_amount": "3"}, "pauses"),
        ({"sql_decision_on": "on", "sql_decision_amount": "5"}, "promises"),
    ],
)
def test_what_somebody_changed_stays_open(acme: Org, changed: dict[str, str], part: str) -> None:
    client = editing(acme, DEFAULT_POLICY)
    assert save(client, **changed).status_code == 302
    assert folds(client) == {"ladder": False, "pauses": False, "promises": False, part: True}


def test_a_part_with_something_wrong_in_it_is_open(acme: Org) -> None:
    client = editing(acme, DEFAULT_POLICY)
    refused = save(client, step_0_at="", do="save").content.decode()
    assert 'id="ladder" open>' in refused
    refused = save(client, do="add-pause").content.decode()
    assert 'id="pauses" open>' in refused


def test_a_promise_by_the_wall_clock_shows_its_clock(acme: Org) -> None:
    client = editing(acme, DEFAULT_POLICY)
    save(client, first_touch_clock="wall")
    first, second = client.get(DRAFT).context["form"].first_targets
    assert (first["other_clock"], second["other_clock"]) == (True, False)
    assert client.get(DRAFT).content.decode().count(">Counted in</label>") == 4
