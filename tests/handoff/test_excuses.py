"""A broken clock is excused: asked by its owner, decided by somebody else."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from leads.models import DirtyHandoff, Lead
from notifications.models import OutboxMessage
from sla.models import Excuse, Timer
from tenants.models import AuditEntry, Member
from tests.factories import Org
from tests.handoff.conftest import browser, owner_of, someone_else, timer_of

pytestmark = pytest.mark.django_db
AtHand = Callable[[datetime], None]
SAID = {"kind": "outage", "note": "The phones were down."}


@pytest.fixture
def broken(acme: Org, ruth: Lead, now: datetime, at_hand: AtHand) -> Timer:
    """The owner's first-touch clock of Ruth, overdue by an hour; the pages live then."""
    at_hand(now + timedelta(hours=1))
    return timer_of(acme, ruth, "first_touch")


def asks(member: Member, timer: Timer, **said: str) -> Any:
    return browser(member).post(f"/timers/{timer.id}/excuse", {**SAID, **said})


def excuse_of(org: Org, timer: Timer) -> Excuse:
    with org.scope():
        return Excuse.objects.filter(timer_id=timer.id).order_by("-asked_at", "-id")[0]


def told(org: Org, kind: str) -> set[Any]:
    with org.scope():
        rows = OutboxMessage.objects.filter(kind=kind, channel="email")
        return set(rows.values_list("member_id", flat=True))


def test_the_owner_asks_and_the_manager_approves(acme: Org, ruth: Lead, broken: Timer) -> None:
    owner = owner_of(acme, ruth)
    page = browser(owner).get(f"/leads/{ruth.id}").content.decode()
    assert f"/timers/{broken.id}/excuse" in page
    assert asks(owner, broken).status_code == 302
    assert told(acme, "lead.excuse_asked") == {acme.manager.id}
    excuse = excuse_of(acme, broken)
    with acme.scope():
        DirtyHandoff.objects.all().delete()
    waiting = browser(acme.manager).get("/excuses").content.decode()
    assert f"/excuses/{excuse.id}/approve" in waiting
    answer = browser(acme.manager).post(f"/excuses/{excuse.id}/approve", {"note": "I saw it."})
    assert answer.status_code == 302
    excuse = excuse_of(acme, broken)
    assert (excuse.state, excuse.decision_note) == ("approved", "I saw it.")
    assert told(acme, "lead.excuse_decided") == {owner.id}
    with acme.scope():
        assert DirtyHandoff.objects.filter(handoff_id=excuse.handoff_id).exists()
        actions = set(AuditEntry.objects.filter(object_id=excuse.id).values_list("action", flat=True))
    assert actions == {"excuse.asked", "excuse.approved"}
    page = browser(owner).get(f"/leads/{ruth.id}").content.decode()
    assert "The phones were down." in page
    assert "I saw it." in page


def test_a_clock_that_runs_in_time_has_nothing_to_excuse(
    acme: Org, ruth: Lead, at_hand: AtHand, later: datetime
) -> None:
    at_hand(later)
    timer = timer_of(acme, ruth, "first_touch")
    answer = asks(owner_of(acme, ruth), timer)
    assert answer.status_code == 409
    assert b"only one that is overdue or missed can be excused" in answer.content


def test_a_second_one_is_refused_until_the_first_is_withdrawn(acme: Org, ruth: Lead, broken: Timer) -> None:
    owner = owner_of(acme, ruth)
    asks(owner, broken)
    again = asks(owner, broken)
    assert again.status_code == 409
    assert b"Withdraw it to ask anew" in again.content
    assert browser(owner).post(f"/excuses/{excuse_of(acme, broken).id}/withdraw").status_code == 302
    assert asks(owner, broken).status_code == 302


def test_asking_is_folded_away_until_somebody_asked(acme: Org, ruth: Lead, broken: Timer) -> None:
    client = browser(owner_of(acme, ruth))
    folded = r"<summary>Advanced</summary>\s*<a[^>]*/excuse"
    before = client.get(f"/leads/{ruth.id}").content.decode()
    assert len(re.findall(folded, before)) == before.count("Ask to excuse") > 0
    asks(owner_of(acme, ruth), broken)
    after = client.get(f"/leads/{ruth.id}").content.decode()
    assert "Ask to excuse" in after
    assert not re.search(folded, after)


def test_it_needs_a_note(acme: Org, ruth: Lead, broken: Timer) -> None:
    answer = asks(owner_of(acme, ruth), broken, note=" ")
    assert answer.status_code == 422
    assert b"Say what happened" in answer.content


def test_a_colleague_does_not_see_the_clock(acme: Org, ruth: Lead, broken: Timer) -> None:
    assert asks(someone_else(acme, ruth), broken).status_code == 404


def test_nobody_decides_about_what_they_asked_for(acme: Org, broken: Timer) -> None:
    asks(acme.manager, broken)
    excuse = excuse_of(acme, broken)
    answer = browser(acme.manager).post(f"/excuses/{excuse.id}/approve", {"note": "Why not."})
    assert answer.status_code == 422
    assert b"Somebody else must decide" in answer.content
    assert told(acme, "lead.excuse_asked") == {acme.admin.id}


def test_the_only_admin_may_decide_about_their_own(acme: Org, broken: Timer) -> None:
    asks(acme.admin, broken)
    excuse = excuse_of(acme, broken)
    assert browser(acme.admin).post(f"/excuses/{excuse.id}/refuse", {"note": "No."}).status_code == 302
    assert excuse_of(acme, broken).state == "refused"


def test_the_owner_does_not_decide(acme: Org, ruth: Lead, broken: Timer) -> None:
    owner = owner_of(acme, ruth)
    asks(owner, broken)
    answer = browser(owner).post(f"/excuses/{excuse_of(acme, broken).id}/approve", {"note": "Yes."})
    assert answer.status_code == 422
    assert excuse_of(acme, broken).state == "asked"


def test_what_was_answered_in_time_after_all_cannot_be_approved(
    acme: Org, ruth: Lead, broken: Timer, now: datetime
) -> None:
    owner = owner_of(acme, ruth)
    asks(owner, broken)
    touch = {"kind": "call", "at": (now + timedelta(minutes=2)).isoformat(), "by": str(owner.id)}
    made = Client(headers=acme.auth).post(
        f"/api/v1/leads/{ruth.id}/touches", touch, content_type="application/json"
    )
    assert made.status_code == 201, made.content
    answer = browser(acme.manager).post(f"/excuses/{excuse_of(acme, broken).id}/approve", {"note": "Yes."})
    assert answer.status_code == 409
    assert b"answered in time after all" in answer.content


def test_the_api_asks_lists_and_decides(acme: Org, ruth: Lead, broken: Timer) -> None:
    api = Client(headers=acme.auth)
    owner = owner_of(acme, ruth)

    def post(path: str, **said: str) -> Any:
        return api.post(f"/api/v1/{path}", said, content_type="application/json")

    stranger = post(f"timers/{broken.id}/excuse", **SAID, by=str(someone_else(acme, ruth).id))
    assert stranger.status_code == 409
    no_note = post(f"timers/{broken.id}/excuse", kind="outage", by=str(owner.id))
    assert no_note.json()["errors"][0]["path"] == "/note"
    made = post(f"timers/{broken.id}/excuse", **SAID, by=str(owner.id))
    assert made.status_code == 201, made.content
    second = post(f"timers/{broken.id}/excuse", **SAID, by=str(owner.id))
    assert (second.status_code, second.json()["errors"][0]["path"]) == (409, "/timer")
    waiting = api.get("/api/v1/excuses?state=asked").json()["results"]
    assert [each["id"] for each in waiting] == [made.json()["id"]]
    assert api.get("/api/v1/excuses?state=maybe").status_code == 400
    own = post(f"excuses/{made.json()['id']}/approve", note="Mine.", by=str(owner.id))
    assert own.status_code == 403
    done = post(f"excuses/{made.json()['id']}/approve", note="It was so.", by=str(acme.manager.id))
    assert (done.status_code, done.json()["state"]) == (200, "approved")
    assert post(f"excuses/{made.json()['id']}/withdraw", by=str(owner.id)).status_code == 409
