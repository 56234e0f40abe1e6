"""On the pages: asking a second admin, deciding, a later moment, calling it off, and the setting."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.test import Client

from sla.models import ClockMove, PolicyVersion
from tenants import versions
from tenants.clock import database_clock
from tenants.models import AuditEntry, Member, Publication, VersionState
from tests.engine.scenes import open_handoff
from tests.factories import Org
from tests.sla.test_policy_draft_pages import CHECK, DRAFT, as_, editing, publish, save, text_of
from tests.tenants.publications import approval_on, second_admin

pytestmark = pytest.mark.django_db
BERLIN = ZoneInfo("Europe/Berlin")


def in_days(days: int) -> str:
    """A moment as the form's field writes it, in Berlin."""
    return f"{database_clock().astimezone(BERLIN) + timedelta(days=days):%Y-%m-%dT09:30}"


def in_force(org: Org) -> int:
    with org.scope():
        found = versions.version_in_force(PolicyVersion, database_clock())
    assert found is not None
    return found.number


def order_of(org: Org) -> Publication:
    with org.scope():
        return Publication.objects.order_by("-asked_at", "-id")[0]


def decide(by: Member, order: Publication, what: str, **more: Any) -> Any:
    return as_(by).post(f"/publications/{order.id}/{what}", more, follow=True)


@pytest.fixture
def bea(acme: Org) -> Member:
    """The second admin of Acme, whose policy needs a second approval."""
    return approval_on(acme, database_clock())


def asked(org: Org, **more: Any) -> Publication:
    client = editing(org)
    save(client, first_touch_amount=10)
    assert publish(client, **more).status_code == 302
    return order_of(org)


# --- The setting ---


def test_it_is_turned_on_and_off_under_advanced(acme: Org) -> None:
    client = as_(acme.admin)
    assert "Advanced: second approval off" in text_of(client.get("/policy"))
    refused = client.post("/second-approval", {"kind": "policy", "on": "yes"}, follow=True)
    assert "there is only one active admin" in text_of(refused)
    bea = second_admin(acme)
    done = client.post("/second-approval", {"kind": "policy", "on": "yes"}, follow=True)
    assert "each version of the SLA policy needs a second admin&#x27;s approval" in done.content.decode()
    assert "Advanced: second approval on" in text_of(done)
    asks = client.post("/second-approval", {"kind": "policy", "on": "no"}, follow=True)
    assert "Another admin must confirm that it is turned off." in text_of(asks)
    assert "Confirm: turn it off" not in text_of(asks)
    assert "Confirm: turn it off" in text_of(as_(bea).get("/policy"))
    with acme.scope():
        assert versions.needs_approval("policy")
    as_(bea).post("/second-approval", {"kind": "policy", "on": "no"})
    with acme.scope():
        assert not versions.needs_approval("policy")
        assert AuditEntry.objects.filter(object_type="secondapproval").count() == 3
    assert client.post("/second-approval", {"kind": "nonsense", "on": "yes"}).status_code == 404


@pytest.mark.parametrize("role", ["manager", "marketing", "executive"])
def test_only_an_admin_does_any_of_it(acme: Org, bea: Member, role: str) -> None:
    order = asked(acme)
    client = as_(getattr(acme, role))
    assert client.post("/second-approval", {"kind": "policy", "on": "no"}).status_code == 403
    for what in ("approve", "refuse", "withdraw", "cancel"):
        assert client.post(f"/publications/{order.id}/{what}", {"note": "x"}).status_code == 403
    page = client.get("/policy").content.decode()
    assert "waits for approval" in page
    assert "Advanced: second approval" not in page
    assert "Look and decide" not in page


# --- Asking and deciding ---


def test_check_and_publish_becomes_ask_for_approval(acme: Org, bea: Member) -> None:
    client = editing(acme)
    assert "Check and ask" in text_of(client.get(DRAFT))
    page = text_of(client.get(CHECK))
    assert "Ask for approval" in page
    assert "Publish as version" not in page
    save(client, first_touch_amount=10)
    done = client.post(CHECK, {"revision": 2, "against": 1}, follow=True)
    assert "The other admins are asked" in text_of(done)
    said = text_of(client.get(DRAFT))
    assert "Version 2 waits for approval. Ada Acme asked on" in said
    assert "for revision 2 of the draft, to be in force at once." in said
    assert "To save a change withdraws the request for approval." in said
    assert in_force(acme) == 1


def test_another_admin_reads_the_check_and_approves_there(acme: Org, bea: Member) -> None:
    order = asked(acme)
    mine = text_of(as_(acme.admin).get(CHECK))
    assert "You asked for this approval: somebody else must give it." in mine
    assert "Withdraw the request" in mine
    theirs = as_(bea).get(CHECK)
    assert "first touch within 5 minutes of working time, now within 10 minutes" in text_of(theirs)
    assert f"/publications/{order.id}/approve" in theirs.content.decode()
    assert 'type="radio"' not in theirs.content.decode()  # what was asked for is not chosen anew
    assert "Look and decide" in text_of(as_(bea).get("/policy"))
    done = decide(bea, order, "approve", against="1", note="Good.")
    assert "Approved. Version 2 is in force." in text_of(done)
    assert in_force(acme) == 2
    assert "by Ada Acme, approved by Bea Acme." in text_of(as_(bea).get("/policy/versions"))


def test_who_asked_is_refused_beside_the_page(acme: Org, bea: Member) -> None:
    refused = decide(acme.admin, asked(acme), "approve", against="1")
    assert "You asked for this approval" in text_of(refused)
    assert in_force(acme) == 1


def test_a_refusal_needs_a_note_and_is_shown_on_the_draft(acme: Org, bea: Member) -> None:
    order = asked(acme)
    assert "Say why: whoever asked reads it." in text_of(decide(bea, order, "refuse", note=""))
    decide(bea, order, "refuse", note="Ten is too long.")
    said = text_of(as_(acme.admin).get(DRAFT))
    assert "Refused. Bea Acme refused version 2 on" in said
    assert "Ten is too long." in said
    bell = text_of(as_(acme.admin).get("/notifications"))
    assert "Bea Acme refused version 2 of the SLA policy" in bell or order_of(acme).state == "refused"


def test_a_note_that_no_text_can_hold_is_refused_and_decides_nothing(acme: Org, bea: Member) -> None:
    order = asked(acme)
    for what in ("refuse", "approve"):
        assert "No text can hold a NUL character" in text_of(decide(bea, order, what, note="why\x00"))
    assert order_of(acme).state == "asked"


def test_a_save_after_asking_says_that_the_request_is_gone(acme: Org, bea: Member) -> None:
    asked(acme)
    client = as_(bea)
    save(client, first_touch_amount=12)
    said = text_of(client.get(DRAFT))
    assert "The request for approval was withdrawn. Ada Acme had asked on" in said
    assert "The draft was saved after that. Ask anew when it is ready." in said


def test_the_only_admin_left_is_told_the_way_out(acme: Org, bea: Member) -> None:
    client = editing(acme)
    with acme.scope():
        Member.objects.filter(id=bea.id).update(is_active=False)
    said = text_of(publish(client))
    assert "Nobody could approve it" in said
    assert "turn the second approval of the SLA policy off" in said


def test_a_version_of_before_is_asked_for_too(acme: Org) -> None:
    client = editing(acme)
    save(client, first_touch_amount=10)
    publish(client)
    bea = approval_on(acme, database_clock())
    with acme.scope():
        first = PolicyVersion.objects.get(number=1)
    assert "Ask for approval" in text_of(client.get(f"/policy/versions/{first.id}/use"))
    client.post(f"/policy/versions/{first.id}/use", {"against": 2})
    assert in_force(acme) == 2
    decide(bea, order_of(acme), "approve", against="2")
    assert in_force(acme) == 3


def test_another_organisations_request_is_not_found(acme: Org, globex: Org, bea: Member) -> None:
    order = asked(acme)
    for what in ("approve", "refuse", "withdraw", "cancel"):
        assert as_(globex.admin).post(f"/publications/{order.id}/{what}", {"note": "x"}).status_code == 404


# --- A later moment ---


def test_a_policy_is_published_for_a_moment_in_the_organisations_time(acme: Org) -> None:
    client = editing(acme)
    save(client, first_touch_amount=10)
    moment = in_days(3)
    done = publish(client, when="later", effective_at=moment)
    assert done.status_code == 302
    with acme.scope():
        version = PolicyVersion.objects.get(number=2)
    assert version.state == VersionState.SCHEDULED
    assert version.effective_at is not None
    assert f"{version.effective_at.astimezone(BERLIN):%Y-%m-%dT%H:%M}" == moment
    said = text_of(client.get("/policy"))
    assert "Version 2 comes into force on" in said
    assert "09:30 CE" in said
    assert "Version 1, in force since" in said
    assert "Version 2 Scheduled" in text_of(client.get("/policy/versions"))
    assert "Version 2 comes into force" in text_of(as_(acme.manager).get("/policy"))


@pytest.mark.parametrize(
    ("moment", "said"),
    [
        ("", "From when on? Choose a day and a time."),
        ("soon", "Enter a valid date/time."),
        ("2020-01-01T09:00", "This has passed: choose a moment to come."),
        ("2999-01-01T09:00", "At most 400 days ahead."),
        ("2027-03-28T02:30", "may be ambiguous or it may not exist"),
    ],
)
def test_a_moment_that_cannot_be_is_refused_beside_its_field(acme: Org, moment: str, said: str) -> None:
    client = editing(acme)
    refused = publish(client, when="later", effective_at=moment)
    assert refused.status_code == 422
    assert any(said in error for error in refused.context["form"].errors["effective_at"])
    assert said in text_of(refused)
    assert in_force(acme) == 1
    with acme.scope():
        assert not Publication.objects.exists()


def test_it_is_cancelled_and_is_the_draft_again(acme: Org) -> None:
    client = editing(acme)
    publish(client, when="later", effective_at=in_days(3))
    done = decide(acme.admin, order_of(acme), "cancel")
    assert "Version 2 is cancelled. It is the draft again." in text_of(done)
    assert client.get(DRAFT).status_code == 200
    again = decide(acme.admin, order_of(acme), "cancel")
    assert "there is nothing to cancel" in text_of(again)


def test_publishing_at_once_beside_it_is_asked_back(acme: Org) -> None:
    client = editing(acme)
    publish(client, when="later", effective_at=in_days(3))
    client.post("/policy/draft/start")
    save(client, first_touch_amount=12)
    page = text_of(client.get(CHECK))
    assert "Publish at once all the same: version 2 replaces this one on" in page
    refused = text_of(publish(client))
    assert "Version 2 is scheduled and would replace this one when its time comes." in refused
    assert in_force(acme) == 1
    assert publish(client, beside="2").status_code == 302
    assert in_force(acme) == 3


def test_moving_the_open_leads_is_chosen_now_and_done_then(acme: Org) -> None:
    with acme.scope():
        open_handoff(acme, at=database_clock(), owner=acme.reps[0])
    client = editing(acme)
    save(client, first_touch_amount=2, first_touch_unit="hours")
    publish(client, when="later", effective_at=in_days(3), move="open")
    with acme.scope():
        assert not ClockMove.objects.exists()
        assert order_of(acme).options == {"move_open": True}
    assert "The clocks of open leads are moved to it then." in text_of(client.get("/policy"))


def test_approval_for_a_later_moment_waits_for_both(acme: Org, bea: Member) -> None:
    order = asked(acme, when="later", effective_at=in_days(3))
    assert "to be in force from" in text_of(as_(bea).get(CHECK))
    done = decide(bea, order, "approve", against="1")
    assert "Approved. Version 2 comes into force on" in text_of(done)
    assert "Published by Ada Acme, approved by Bea Acme." in text_of(done)
    assert in_force(acme) == 1


def test_nobody_reaches_another_organisations_pages_by_asking_here(acme: Org, globex: Org) -> None:
    client = editing(acme)
    publish(client, when="later", effective_at=in_days(3))
    assert "comes into force" not in text_of(Client().get("/policy", follow=True))
    assert "comes into force" not in text_of(as_(globex.admin).get("/policy"))
