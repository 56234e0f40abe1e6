"""A quarter later the numbers propose, and people decide."""

from datetime import date, datetime, timedelta

import pytest

from notifications.models import OutboxMessage
from reporting.agreement.dates import next_monthly, quarter_after
from reporting.agreement.models import Agreement, Recalibration
from reporting.agreement.watch import watch_tenant
from sla.models import PolicyVersion
from sla.policy_drafts import begin_draft
from sla.units import create_unit
from tenants import versions
from tenants.models import Tenant
from tests.agreement.conftest import browser, lines_of, sign_both
from tests.factories import Org
from tests.reporting.scenes import drain, hand_over

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


@pytest.fixture
def history(acme: Org, now: datetime) -> None:
    """Contact forms of yesterday: of 60, first touches after 1 to 59 minutes by turns, 57 within 21; and
    twelve of the content tier."""
    monday = now - timedelta(days=1)
    with acme.scope():
        for number in range(60):
            minutes = 59 if number % 20 == 0 else 22 - number % 20
            hand_over(acme, at=monday, touched=monday + minutes * MINUTE)
        for _ in range(12):
            hand_over(acme, at=monday, touched=monday + MINUTE, tier="content")
        hand_over(acme, at=monday, touched=monday + 200 * MINUTE, is_test=True)
        drain(acme)


def row_of(org: Org, tier: str, target: str = "First touch") -> dict:
    page = browser(org.admin).get("/agreement")
    (row,) = [each for each in page.context["proposals"] if (each["tier"], each["target"]) == (tier, target)]
    return row


def test_a_target_that_is_kept_easily_is_proposed_tighter_with_its_base(acme: Org, history) -> None:
    sign_both(acme)
    row = row_of(acme, "Contact form")
    assert row["proposed"] == "within 2 hours of working time"
    assert row["why"] == "100% of 60 were kept; 90% were answered within 20 min."
    few = row_of(acme, "Content")
    assert (few["proposed"], few["why"]) == ("", "Too few: 12 answered and 0 never answered, needs 50.")
    none = row_of(acme, "Demo request")
    assert none["why"] == "Too few: 0 answered and 0 never answered, needs 50."


def test_one_click_writes_the_proposal_into_a_draft_and_the_quarter_is_done(
    acme: Org, history, now, at
) -> None:
    sign_both(acme)
    at(now + timedelta(days=30))
    sent = browser(acme.admin).post("/agreement/recalibrate", {"do": "draft", "note": " It is  easy. "})
    assert (sent.status_code, sent["Location"]) == (302, "/policy/draft")
    with acme.scope():
        draft = versions.open_draft(PolicyVersion)
        content = {tier["slug"]: tier["targets"][0]["duration"] for tier in draft.content["tiers"]}
        assert content == {
            "demo_request": {"minutes": 5},
            "pricing_page": {"minutes": 60},
            "contact_form": {"minutes": 120},
            "content": {"end_of_day": 0},
        }
        made = Recalibration.objects.get()
        assert (made.is_changed, made.note, made.member_id) == (True, "It is easy.", acme.admin.id)
        shown = {(each["tier"], each["target"]): each for each in made.proposals}
        assert shown["contact_form", "first_touch"]["proposed"] == {"minutes": 120}
    page = browser(acme.manager).get("/agreement")
    assert page.context["due"] == "17 Mar 2027"
    assert "put what was proposed into a draft. “It is easy.”" in lines_of(page)


def test_a_draft_that_somebody_saved_meanwhile_is_not_written_over(acme: Org, history, now) -> None:
    sign_both(acme)
    with acme.scope():
        draft = versions.start_draft(PolicyVersion, actor="system", now=now)
    refused = browser(acme.admin).post("/agreement/recalibrate", {"do": "draft", "note": ""})
    assert refused.status_code == 409
    with acme.scope():
        assert not Recalibration.objects.exists()
        draft.refresh_from_db()
        assert draft.content["tiers"][2]["targets"][0]["duration"] == {"minutes": 240}
    body = {"do": "draft", "note": "", "revision": draft.revision}
    assert browser(acme.admin).post("/agreement/recalibrate", body).status_code == 302


def north_with_policy(org: Org, now: datetime) -> PolicyVersion:
    """A business unit whose policy is a copy of the main one."""
    with org.scope():
        unit = create_unit(
            name="North",
            when={"field": "lead.country", "op": "one_of", "value": ["SE"]},
            actor="system",
            now=now,
        )
        return versions.publish(begin_draft(unit, actor="system", now=now), actor="system", now=now)


def test_business_units_are_proposed_for_by_their_own_clocks(acme: Org, history, now) -> None:
    policy = north_with_policy(acme, now - timedelta(days=2))
    monday = now - timedelta(days=1)
    with acme.scope():
        main, acme.policy = acme.policy, policy
        for _ in range(50):
            hand_over(acme, at=monday, touched=monday + 100 * MINUTE)
        acme.policy = main
        drain(acme)
    sign_both(acme)
    page = browser(acme.admin).get("/agreement")
    rows = {
        (row["unit"], row["tier"]): (row["proposed"], row["why"])
        for row in page.context["proposals"]
        if row["target"] == "First touch"
    }
    assert rows["", "Contact form"][1] == "100% of 60 were kept; 90% were answered within 20 min."
    assert rows["North", "Contact form"][0] == "within 2 hours of working time"
    assert rows["North", "Contact form"][1] == "100% of 50 were kept; 90% were answered within 1 h 40 min."
    assert rows["North", "Content"] == ("", "Too few: 0 answered and 0 never answered, needs 50.")
    assert "Everybody else" in lines_of(page)


def test_each_policy_of_which_something_changes_gets_a_draft(acme: Org, history, now, at) -> None:
    policy = north_with_policy(acme, now - timedelta(days=2))
    monday = now - timedelta(days=1)
    with acme.scope():
        main, acme.policy = acme.policy, policy
        for _ in range(50):
            hand_over(acme, at=monday, touched=monday + 100 * MINUTE)
        acme.policy = main
        drain(acme)
        open_one = versions.start_draft(PolicyVersion, actor="system", now=now, line=policy.unit_id)
    sign_both(acme)
    client = browser(acme.admin)
    assert client.get("/agreement").context["unit_revisions"] == "north:1"
    refused = client.post("/agreement/recalibrate", {"do": "draft", "note": ""})
    assert refused.status_code == 409, "the unit's draft was not seen"
    with acme.scope():
        assert not Recalibration.objects.exists()
        assert versions.open_draft(PolicyVersion) is None
    assert (
        client.post("/agreement/recalibrate", {"do": "draft", "unit_revisions": "north"}).status_code == 422
    )
    sent = client.post("/agreement/recalibrate", {"do": "draft", "unit_revisions": "north:1"}, follow=True)
    assert "So it is for North." in lines_of(sent)
    with acme.scope():
        open_one.refresh_from_db()
        for draft in (versions.open_draft(PolicyVersion), open_one):
            (contact,) = [tier for tier in draft.content["tiers"] if tier["slug"] == "contact_form"]
            assert contact["targets"][0]["duration"] == {"minutes": 120}
        assert {each["unit"] for each in Recalibration.objects.get().proposals} == {"", "north"}


def test_that_all_stays_is_written_down_by_whoever_signs(acme: Org, now) -> None:
    sign_both(acme)
    assert browser(acme.reps[0]).post("/agreement/recalibrate", {"do": "keep"}).status_code == 403
    assert browser(acme.marketing).post("/agreement/recalibrate", {"do": "keep"}).status_code == 302
    assert "all stays as it is" in lines_of(browser(acme.manager).get("/agreement"))
    with acme.scope():
        assert Recalibration.objects.get().is_changed is False
        assert versions.open_draft(PolicyVersion) is None


@pytest.mark.parametrize(
    ("who", "body", "status"),
    [
        ("marketing", {"do": "draft"}, 403),
        ("admin", {"do": "draft"}, 409),
        ("admin", {"do": "else"}, 422),
        ("admin", {"do": "keep", "note": "x" * 301}, 422),
    ],
)
def test_what_cannot_be_decided_is_refused(acme: Org, who: str, body: dict, status: int) -> None:
    sign_both(acme)
    assert browser(getattr(acme, who)).post("/agreement/recalibrate", body).status_code == status
    with acme.scope():
        assert not Recalibration.objects.exists()


def test_without_an_agreement_there_is_nothing_to_recalibrate(acme: Org) -> None:
    assert browser(acme.admin).get("/agreement").context["due"] is None
    assert browser(acme.admin).post("/agreement/recalibrate", {"do": "keep"}).status_code == 409


# --- What the engine tells ---


def told(org: Org, kind: str) -> set:
    with org.scope():
        rows = OutboxMessage.objects.filter(kind=kind, channel="inapp")
        return {row.member_id for row in rows}


def watch(org: Org, now: datetime) -> int:
    with org.scope():
        return watch_tenant(now=now)


def test_those_who_sign_are_reminded_once_when_three_months_are_over(acme: Org, now, at) -> None:
    sign_both(acme)
    assert watch(acme, now + timedelta(days=91)) == 0  # 16 February
    assert watch(acme, now + timedelta(days=92)) == 1
    signing = {acme.admin.id, acme.manager.id, acme.marketing.id, acme.executive.id, acme.fallback.id}
    assert told(acme, "agreement.recalibrate") == signing
    assert watch(acme, now + timedelta(days=93)) == 0
    at(now + timedelta(days=93))
    browser(acme.marketing).post("/agreement/recalibrate", {"do": "keep"})
    assert watch(acme, now + timedelta(days=94)) == 0
    assert watch(acme, now + timedelta(days=93 + 92)) == 1
    with acme.scope():
        told_in_app = OutboxMessage.objects.filter(kind="agreement.recalibrate", channel="inapp")
        assert told_in_app.count() == 2 * len(signing)


def test_a_change_is_told_once_and_forgotten_when_it_is_changed_back(acme: Org, now) -> None:
    sign_both(acme)
    assert watch(acme, now) == 0
    with acme.scope():
        Tenant.objects.filter(id=acme.id).update(target_percent=90)
    assert watch(acme, now + MINUTE) == 1
    assert watch(acme, now + 2 * MINUTE) == 0
    assert acme.manager.id in told(acme, "agreement.changed")
    assert acme.reps[0].id not in told(acme, "agreement.changed")
    with acme.scope():
        assert Agreement.objects.get().changed_at == now + MINUTE
        Tenant.objects.filter(id=acme.id).update(target_percent=85)
    assert watch(acme, now + 3 * MINUTE) == 0
    with acme.scope():
        found = Agreement.objects.get()
        assert (found.changed_digest, found.changed_at) == ("", None)


def test_an_organisation_without_an_agreement_costs_the_engine_one_query(
    acme: Org, now, django_assert_num_queries
) -> None:
    with acme.scope(), django_assert_num_queries(1):
        assert watch_tenant(now=now) == 0


@pytest.mark.parametrize(
    ("day", "after"),
    [
        (date(2026, 11, 17), date(2027, 2, 17)),
        (date(2026, 11, 30), date(2027, 2, 28)),
        (date(2027, 11, 30), date(2028, 2, 29)),
        (date(2026, 12, 31), date(2027, 3, 31)),
        (date(2026, 3, 31), date(2026, 6, 30)),
    ],
)
def test_a_quarter_ends_on_the_same_day_of_the_month_or_its_last(day: date, after: date) -> None:
    assert quarter_after(day) == after


@pytest.mark.parametrize(
    ("today", "found"),
    [
        (date(2026, 11, 4), date(2026, 11, 5)),
        (date(2026, 11, 5), date(2026, 11, 5)),
        (date(2026, 11, 6), date(2026, 12, 5)),
        (date(2026, 12, 6), date(2027, 1, 5)),
    ],
)
def test_the_next_review_is_today_or_later(today: date, found: date) -> None:
    assert next_monthly(today, 5) == found
