"""For a month after both signed nothing is published, unless both agree to it."""

from datetime import datetime, timedelta

import pytest
from django.contrib.messages import get_messages

from leads.models import CriteriaVersion
from reporting.agreement.gate import freeze_errors
from reporting.agreement.models import Agreement, FreezeOverride
from sla.models import PolicyVersion
from tenants import versions
from tenants.clock import database_clock, fixed_clock
from tenants.models import AuditEntry, VersionState
from tests.agreement.conftest import browser, lines_of, sign_both
from tests.factories import Org

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def frozen(acme: Org, at) -> Agreement:
    """Signed today, by the clock that the gate reads."""
    at(database_clock())
    return sign_both(acme)


@pytest.fixture
def draft(acme: Org, now: datetime) -> PolicyVersion:
    with acme.scope():
        found = versions.start_draft(PolicyVersion, actor="system", now=now)
        content = found.content
        content["tiers"][0]["targets"][0]["duration"] = {"minutes": 10}
        return versions.save_draft(found, content=content, expected_revision=1, actor="system", now=now)


def publish(org: Org, draft) -> object:
    return browser(org.admin).post(
        "/policy/draft/check", {"revision": draft.revision, "against": 1, "when": "now"}
    )


def agree(member, of_side: str, draft, **said: object):
    body = {"kind": "policy", "version": str(draft.id), "revision": draft.revision, "side": of_side}
    return browser(member).post("/agreement/override", body | {"reason": "The old one is wrong."} | said)


def state_of(org: Org, draft) -> str:
    with org.scope():
        return type(draft).objects.get(id=draft.id).state


def test_a_version_is_not_published_before_one_of_each_side_agrees(acme: Org, draft) -> None:
    refused = publish(acme, draft)
    assert refused.status_code == 422
    assert "marketing and sales must say so on the Agreement page" in lines_of(refused)
    assert agree(acme.marketing, "marketing", draft).status_code == 302
    refused = publish(acme, draft)
    assert "sales must say so on the Agreement page" in lines_of(refused)
    assert state_of(acme, draft) == "draft"
    assert agree(acme.manager, "sales", draft).status_code == 302
    assert publish(acme, draft).status_code == 302
    assert state_of(acme, draft) == "published"


def _told(answer) -> str:
    return " ".join(str(each) for each in get_messages(answer.wsgi_request))


def test_what_was_agreed_is_on_the_page_and_in_the_record(acme: Org, draft, frozen) -> None:
    assert "once the other side has agreed too" in _told(agree(acme.marketing, "marketing", draft))
    second = agree(acme.manager, "sales", draft, reason="  Wrong\n by far.  ")
    assert "Both sides have agreed" in _told(second)
    text = lines_of(browser(acme.reps[0]).get("/agreement"))
    assert "Mona Acme for sales, SLA policy, draft 2. “Wrong by far.”" in text
    assert "Mark Acme for marketing, SLA policy, draft 2." in text
    with acme.scope():
        entries = AuditEntry.objects.filter(action="agreement_freeze_overridden", object_id=frozen.id)
        assert [entry.after["side"] for entry in entries.order_by("at", "id")] == ["marketing", "sales"]
        assert entries.order_by("id").last().after["reason"] == "Wrong by far."


def test_a_draft_that_is_saved_again_must_be_agreed_to_again(acme: Org, draft, now) -> None:
    agree(acme.marketing, "marketing", draft)
    agree(acme.manager, "sales", draft)
    with acme.scope():
        content = draft.content
        content["tiers"][0]["targets"][0]["duration"] = {"minutes": 240}
        saved = versions.save_draft(
            draft, content=content, expected_revision=draft.revision, actor="system", now=now
        )
    assert publish(acme, saved).status_code == 422
    assert agree(acme.marketing, "marketing", draft).status_code == 409


def test_it_takes_two_people_each_for_their_own_side(acme: Org, draft) -> None:
    assert agree(acme.admin, "marketing", draft).status_code == 302
    other = agree(acme.admin, "sales", draft)
    assert other.status_code == 409
    assert "it takes somebody else for sales" in lines_of(other)
    assert agree(acme.marketing, "marketing", draft).status_code == 409
    assert agree(acme.marketing, "sales", draft).status_code == 403
    assert agree(acme.reps[0], "sales", draft).status_code == 403
    with acme.scope():
        assert FreezeOverride.objects.count() == 1


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ({"reason": " "}, 422),
        ({"reason": "x" * 301}, 422),
        ({"side": "both"}, 422),
        ({"kind": "weather"}, 404),
        ({"version": "00000000-0000-0000-0000-000000000000"}, 409),
        ({"revision": "0"}, 422),
        ({"revision": "1"}, 409),
    ],
)
def test_agreeing_to_what_makes_no_sense_is_refused(acme: Org, draft, said, status: int) -> None:
    assert agree(acme.marketing, "marketing", draft, **said).status_code == status
    with acme.scope():
        assert not FreezeOverride.objects.exists()


def test_another_organisations_draft_is_not_there(acme: Org, globex: Org, now) -> None:
    with globex.scope():
        theirs = versions.start_draft(PolicyVersion, actor="system", now=now)
    assert agree(acme.marketing, "marketing", theirs).status_code == 409


def test_criteria_are_kept_too(acme: Org, now) -> None:
    with acme.scope():
        draft = versions.start_draft(CriteriaVersion, actor="system", now=now)
        (error,) = versions.gate_errors(draft)
    assert error.code == "agreement_frozen"


def test_going_back_to_an_earlier_version_stays_possible(acme: Org, draft, now) -> None:
    agree(acme.marketing, "marketing", draft)
    agree(acme.manager, "sales", draft)
    publish(acme, draft)
    with acme.scope():
        first = PolicyVersion.objects.get(number=1)
        versions.roll_back(first, actor="system", now=database_clock())
        assert PolicyVersion.objects.get(state=VersionState.PUBLISHED).copy_of == 1


def test_once_the_freeze_is_over_nothing_is_asked(acme: Org, draft, frozen) -> None:
    with acme.scope():
        before = freeze_errors(fixed_clock(frozen.frozen_until - timedelta(seconds=1)))(draft)
        after = freeze_errors(fixed_clock(frozen.frozen_until))(draft)
    assert (len(before), after) == (1, [])


def test_without_days_nothing_is_frozen_from_the_next_signature_on(acme: Org, draft) -> None:
    client = browser(acme.admin)
    assert client.post("/agreement/settings", {"freeze_days": "0", "review_day": "5"}).status_code == 302
    assert publish(acme, draft).status_code == 422
    sign_both(acme)
    assert publish(acme, draft).status_code == 302


def test_before_the_first_signature_nothing_is_frozen(globex: Org, now) -> None:
    with globex.scope():
        draft = versions.start_draft(PolicyVersion, actor="system", now=now)
        assert versions.gate_errors(draft) == []
    refused = agree(globex.marketing, "marketing", draft)
    assert refused.status_code == 409
    assert "The agreement is not frozen" in lines_of(refused)
