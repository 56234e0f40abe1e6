"""Both sides sign what is configured; whatever is changed afterwards is seen, and signed anew."""

from copy import deepcopy
from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from feedback.models import Reason
from leads.models import CriteriaVersion
from notifications.models import OutboxMessage
from reporting.agreement.models import Agreement, AgreementSettings, Signature
from sla.models import PolicyVersion
from tenants.calendars import ALWAYS_WEEK, change_calendar, make_spec
from tenants.models import AuditEntry, Calendar, Member, Tenant
from tests.agreement.conftest import agreements, browser, lines_of, seen_by, sign, sign_both
from tests.factories import Org, make_org

pytestmark = pytest.mark.django_db


def set_target(org: Org, percent: int) -> None:
    with org.scope():
        Tenant.objects.filter(id=org.id).update(target_percent=percent)


def test_the_page_says_all_that_is_configured_in_words(acme: Org) -> None:
    page = browser(acme.reps[0]).get("/agreement")
    text = lines_of(page)
    for said in (
        "What makes an MQL",
        "at least once within 30 days",
        "Need confirmed: is asked",
        "Known of every lead",
        "within 5 minutes of working time",
        "A first touch is a call, e-mail, meeting, LinkedIn message or text message.",
        "The clocks may be stopped: waiting for the lead (at most 5 business days, by rep or manager)",
        "Wrong territory",
        "For routing to mend; no rejection",
        "At 80% of the time the manager is warned.",
        "At least 85%",
        "Mon to Fri 09:00-17:30, Europe/Berlin",
        "Both sides look at the numbers on the 5th of each month.",
        "Nobody has signed this.",
    ):
        assert said in text, said


def test_with_the_second_side_it_is_in_force_and_everybody_else_is_asked_to_read(acme: Org, now) -> None:
    assert sign(acme.marketing, "marketing").status_code == 302
    assert [each["state"] for each in agreements(acme)] == ["open"]
    with acme.scope():
        asked = OutboxMessage.objects.filter(kind="agreement.sign_asked", channel="inapp")
        assert {each.member_id for each in asked} == {
            acme.manager.id,
            acme.executive.id,
            acme.admin.id,
            acme.fallback.id,
        }
    sign(acme.manager, "sales")
    with acme.scope():
        signed = Agreement.objects.get()
        assert (signed.state, signed.number, signed.in_force_at) == ("in_force", 1, now)
        assert signed.frozen_until == now + timedelta(days=30)
        told = OutboxMessage.objects.filter(kind="agreement.in_force", channel="inapp")
        everybody = set(Member.objects.values_list("id", flat=True))
        assert {each.member_id for each in told} == everybody - {acme.marketing.id, acme.manager.id}
        assert not OutboxMessage.objects.filter(kind="agreement.sign_asked", state="pending").exists()
        actions = list(AuditEntry.objects.filter(object_type="agreement").values_list("action", flat=True))
        assert sorted(actions) == ["agreement_in_force", "agreement_signed", "agreement_signed"]
    text = lines_of(browser(acme.reps[0]).get("/agreement"))
    assert "Version 1, signed by both sides and in force since 17 Nov 2026." in text
    assert "Marketing: Mark Acme (Marketing), 17 Nov 2026" in text
    assert "Sales: Mona Acme (Manager), 17 Nov 2026" in text


@pytest.mark.parametrize(
    ("who", "side", "status", "why"),
    [
        ("rep", "sales", 403, "You do not sign for sales."),
        ("marketing", "sales", 403, "You do not sign for sales."),
        ("manager", "marketing", 403, "You do not sign for marketing."),
        ("admin", "everybody", 422, "Open the page again and sign what it shows."),
    ],
)
def test_nobody_signs_for_a_side_that_is_not_theirs(
    acme: Org, who: str, side: str, status: int, why: str
) -> None:
    member = acme.reps[0] if who == "rep" else getattr(acme, who)
    refused = sign(member, side)
    assert refused.status_code == status
    assert why in lines_of(refused)
    assert agreements(acme) == []


def test_a_person_signs_for_one_side_only_and_once(acme: Org) -> None:
    sign(acme.admin, "sales")
    again, other = sign(acme.admin, "sales"), sign(acme.admin, "marketing")
    assert (again.status_code, other.status_code) == (409, 409)
    assert "You have signed this already." in lines_of(again)
    assert "You have signed for sales: a person signs for one side only." in lines_of(other)
    with acme.scope():
        assert Signature.objects.count() == 1
        signed = Signature.objects.get()
        with pytest.raises(IntegrityError), transaction.atomic():
            Signature.objects.create(
                agreement=signed.agreement, side="marketing", member=acme.admin, role="admin", at=signed.at
            )
    assert browser(acme.admin).get("/agreement").context["sides"][0]["may_sign"] is False


def test_whoever_signs_a_page_that_is_outdated_is_shown_what_changed(acme: Org) -> None:
    seen = seen_by(browser(acme.marketing))
    set_target(acme, 90)
    refused = sign(acme.marketing, "marketing", seen=seen)
    assert refused.status_code == 409
    text = lines_of(refused)
    assert "What you read has changed since." in text
    (change,) = refused.context["missed"]
    assert change.gone[0] == "Sales, target: At least 85% of first touches are made in time"
    assert change.come[0] == "Sales, target: At least 90% of first touches are made in time"
    assert agreements(acme) == []
    # The page that came back shows the present terms: signing it works.
    assert sign(acme.marketing, "marketing", seen=refused.context["seen"]).status_code == 302


@pytest.mark.parametrize("seen", ["", "made:up", "eyJhIjoxfQ:1:x"])
def test_terms_that_the_page_never_showed_are_refused(acme: Org, seen: str) -> None:
    refused = browser(acme.marketing).post("/agreement/sign", {"side": "marketing", "seen": seen})
    assert refused.status_code == 422
    assert agreements(acme) == []


def test_signatures_of_terms_that_change_before_the_other_side_signs_lapse(acme: Org) -> None:
    sign(acme.marketing, "marketing")
    set_target(acme, 90)
    text = lines_of(browser(acme.manager).get("/agreement"))
    assert "What was signed of version 1 does not count any more" in text
    assert sign(acme.manager, "sales").status_code == 302
    assert [(each["number"], each["state"]) for each in agreements(acme)] == [(1, "lapsed"), (2, "open")]


def test_what_is_in_force_need_not_be_signed_again(acme: Org) -> None:
    sign_both(acme)
    refused = sign(acme.admin, "sales")
    assert refused.status_code == 409
    assert len(agreements(acme)) == 1


def test_nothing_is_signed_before_there_are_criteria_and_a_policy(acme: Org) -> None:
    with acme.scope():
        PolicyVersion.objects.all().delete()
        CriteriaVersion.objects.all().delete()
    page = browser(acme.marketing).get("/agreement")
    text = lines_of(page)
    assert (
        "There is nothing to sign before these are in force: qualification criteria, an SLA policy." in text
    )
    assert "No criteria are in force yet." in text
    assert [side["may_sign"] for side in page.context["sides"]] == [False, False]
    refused = sign(acme.marketing, "marketing")
    assert refused.status_code == 409
    assert agreements(acme) == []


# --- Changed since signed ---


def change_reason(org: Org) -> None:
    Reason.objects.filter(slug="wrong_title").update(note_required=True)


def change_policy(org: Org) -> None:
    content = deepcopy(org.policy.content)  # the original is every test's
    content["tiers"][0]["targets"][0]["duration"] = {"minutes": 10}
    PolicyVersion.objects.filter(id=org.policy.id).update(content=content)
    from sla import policies

    policies._parsed.cache_clear()


def change_ladder(org: Org) -> None:
    content = deepcopy(org.policy.content)  # the original is every test's
    content["ladder"][1]["at"] = 90
    PolicyVersion.objects.filter(id=org.policy.id).update(content=content)
    from sla import policies

    policies._parsed.cache_clear()


def change_criteria(org: Org) -> None:
    content = org.criteria.content | {"required": ["email", "phone"]}
    CriteriaVersion.objects.filter(id=org.criteria.id).update(content=content)


def change_freeze(org: Org) -> None:
    AgreementSettings.objects.update(freeze_days=0)


@pytest.mark.parametrize(
    ("change", "section", "gone", "come"),
    [
        (
            change_reason,
            "Reasons that sales gives",
            "To reject a lead: Wrong title, what it means: For marketing to mend",
            "To reject a lead: Wrong title, what it means: For marketing to mend; needs a note",
        ),
        (
            change_policy,
            "Response times",
            "Demo request, first touch: within 5 minutes of working time",
            "Demo request, first touch: within 10 minutes of working time",
        ),
        (
            change_ladder,
            "When time runs out",
            "At 80% of the time the manager is warned.",
            "At 90% of the time the manager is warned.",
        ),
        (
            change_criteria,
            "What must be known before a handoff",
            "Known of every lead: E-mail.",
            "Known of every lead: E-mail, Phone.",
        ),
        (
            change_freeze,
            "Reviews",
            (
                "For 30 days after both have signed, no other version of what is written here is published"
                " unless one of each side agrees to it."
            ),
            "It may be changed on any day, and is signed anew then.",
        ),
    ],
)
def test_a_change_of_what_was_signed_is_shown_in_its_section_and_asks_again(
    acme: Org, change, section: str, gone: str, come: str
) -> None:
    first = sign_both(acme)
    with acme.scope():
        change(acme)
    page = browser(acme.manager).get("/agreement")
    assert "Changed since signed: version 1 is in force" in lines_of(page)
    (found,) = page.context["changes"]
    assert (found.title, found.gone, found.come) == (section, (gone,), (come,))
    second = sign_both(acme)
    assert second.number == 2
    with acme.scope():
        first.refresh_from_db()
    assert first.state == "replaced"
    assert browser(acme.manager).get("/agreement").context["changes"] == []


def test_holidays_and_opening_hours_change_no_promise(acme: Org, now) -> None:
    sign_both(acme)
    with acme.scope():
        calendar = Calendar.objects.get(id=acme.tenant.calendar_id)
        change_calendar(
            calendar=calendar,
            spec=make_spec(tz="Europe/Berlin", weekly=ALWAYS_WEEK, year=now.year, country="PL"),
            expected=1,
            actor="system",
            now=now,
        )
    page = browser(acme.manager).get("/agreement")
    assert page.context["changes"] == []
    assert page.context["is_standing"]
    assert "00:00-24:00" in lines_of(page)


def test_what_is_changed_back_is_as_it_was_signed(acme: Org) -> None:
    sign_both(acme)
    set_target(acme, 90)
    assert browser(acme.manager).get("/agreement").context["changes"]
    set_target(acme, 85)
    assert browser(acme.manager).get("/agreement").context["is_standing"]


def test_the_signed_version_is_kept_as_it_was(acme: Org) -> None:
    first = sign_both(acme)
    set_target(acme, 90)
    text = lines_of(browser(acme.reps[0]).get(f"/agreement/versions/{first.id}"))
    assert "At least 85%" in text
    assert "Mona Acme" in text
    second = sign_both(acme)
    page = browser(acme.manager).get(f"/agreement/versions/{second.id}")
    assert [change.title for change in page.context["changes"]] == ["Numbers that both are held to"]


def test_another_organisations_versions_are_not_there(acme: Org, globex: Org) -> None:
    theirs = sign_both(globex)
    for path in ("", "/file"):
        assert browser(acme.admin).get(f"/agreement/versions/{theirs.id}{path}").status_code == 404
    assert agreements(acme) == []


# --- Who must sign ---


def test_those_who_are_named_must_all_sign_and_nobody_else_may(acme: Org) -> None:
    client = browser(acme.admin)
    chosen = {
        "freeze_days": "30",
        "review_day": "5",
        "marketing_signers": [str(acme.marketing.id)],
        "sales_signers": [str(acme.manager.id), str(acme.executive.id)],
    }
    assert client.post("/agreement/settings", chosen).status_code == 302
    assert sign(acme.admin, "sales").status_code == 403
    sign(acme.marketing, "marketing")
    sign(acme.manager, "sales")
    page = browser(acme.executive).get("/agreement")
    assert [member.name for member in page.context["sides"][1]["missing"]] == ["Dirk Acme"]
    assert [each["state"] for each in agreements(acme)] == ["open"]
    sign(acme.executive, "sales")
    assert [each["state"] for each in agreements(acme)] == ["in_force"]


def test_it_comes_into_force_once_whoever_is_missing_need_not_sign_any_more(acme: Org) -> None:
    chosen = {"freeze_days": "30", "review_day": "5", "sales_signers": [str(acme.executive.id)]}
    client = browser(acme.admin)
    client.post(
        "/agreement/settings", {**chosen, "sales_signers": [str(acme.manager.id), str(acme.executive.id)]}
    )
    sign(acme.marketing, "marketing")
    sign(acme.manager, "sales")
    with acme.scope():
        Member.objects.filter(id=acme.executive.id).update(is_active=False)
    assert "Dirk Acme must sign and has left" in lines_of(client.get("/agreement"))
    assert (
        client.post("/agreement/settings", {**chosen, "sales_signers": [str(acme.manager.id)]}).status_code
        == 302
    )
    assert [each["state"] for each in agreements(acme)] == ["in_force"]


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        ("freeze_days", "366", "At most 365."),
        ("review_day", "29", "At most 28."),
        ("sales_signers", "x", "Choose active people of the organisation."),
    ],
)
def test_settings_that_make_no_sense_are_refused_at_their_field(
    acme: Org, field: str, value: str, why: str
) -> None:
    client = browser(acme.admin)
    refused = client.post("/agreement/settings", {"freeze_days": "30", "review_day": "5", field: value})
    assert refused.status_code == 422
    assert why in str(refused.context["settings_form"].errors[field])
    with acme.scope():
        assert not AgreementSettings.objects.exists()


def test_nobody_is_named_for_both_sides(acme: Org, globex: Org) -> None:
    client = browser(acme.admin)
    both = {"marketing_signers": [str(acme.admin.id)], "sales_signers": [str(acme.admin.id)]}
    refused = client.post("/agreement/settings", {"freeze_days": "30", "review_day": "5", **both})
    assert refused.status_code == 422
    assert "one side only" in str(refused.context["settings_form"].errors["sales_signers"])
    foreign = client.post(
        "/agreement/settings",
        {"freeze_days": "30", "review_day": "5", "sales_signers": [str(globex.admin.id)]},
    )
    assert foreign.status_code == 422
    assert browser(acme.manager).post("/agreement/settings", {}).status_code == 403


def test_the_page_costs_the_same_whatever_was_signed(acme: Org, django_assert_max_num_queries) -> None:
    sign_both(acme)
    for percent in (86, 87, 88):
        set_target(acme, percent)
        sign_both(acme)
    client = browser(acme.admin)
    with django_assert_max_num_queries(18):
        assert client.get("/agreement").status_code == 200


def test_an_organisation_with_nothing_set_up_has_a_page(db, now) -> None:
    org = make_org("empty", now=now)
    with org.scope():
        Reason.objects.all().delete()
        Calendar.objects.update(current_version_id=None)
    assert browser(org.reps[0]).get("/agreement").status_code == 200
