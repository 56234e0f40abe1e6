"""Marketing disputes a rejection; somebody else decides; what was wrong is made good, both figures kept."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from feedback.models import Disposition, Dispute, FollowUp
from feedback.settings import change_settings
from handoff import disputes
from handoff.services import Actor, reject_lead
from leads.models import CriteriaVersion, Handoff, Lead
from notifications.models import OutboxMessage
from reporting.facts import drain_tenant
from reporting.models import HandoffFact
from tenants.clock import fixed_clock
from tenants.models import AuditEntry, Member, Role, VersionState
from tenants.services import add_member
from tests.factories import Org
from tests.handoff.conftest import browser, handoff_of, new_lead, owner_of, someone_else

pytestmark = pytest.mark.django_db
AtHand = Callable[[datetime], None]


def call(org: Org, method: str, path: str, body: Any = None) -> Any:
    return Client().generic(
        method,
        f"/api/v1/{path}",
        json.dumps(body) if body is not None else "",
        content_type="application/json",
        headers=org.auth,
    )


def reject(org: Org, lead: Lead, at: datetime, reason: str = "wrong_title", note: str = "") -> Handoff:
    """Its owner rejects it."""
    with org.scope():
        reject_lead(
            lead_id=lead.id,
            reason=reason,
            note=note,
            actor=Actor.person(owner_of(org, lead)),
            clock=fixed_clock(at),
        )
    return handoff_of(org, lead)


@pytest.fixture
def rejected(acme: Org, ruth: Lead, later: datetime, at_hand: AtHand) -> Handoff:
    """Ruth's handoff, rejected two minutes after it began; the pages live an hour on."""
    at_hand(later + timedelta(hours=1))
    return reject(acme, ruth, later, note="An assistant.")


def disputes_it(member: Member, lead: Lead, argument: str = "She signs the orders.") -> Any:
    return browser(member).post(f"/leads/{lead.id}/dispute", {"argument": argument})


def dispute_of(org: Org, lead: Lead) -> Dispute:
    with org.scope():
        found: Dispute = Dispute.objects.select_related("fresh_handoff", "disposition").get(
            handoff__lead=lead
        )
        return found


def decides(member: Member, dispute: Dispute, outcome: str, **more: str) -> Any:
    said = {"outcome": outcome, "note": "We looked at it together.", **more}
    return browser(member).post(f"/disputes/{dispute.id}", said)


def told(org: Org, kind: str) -> set[Any]:
    with org.scope():
        rows = OutboxMessage.objects.filter(kind=kind, channel="email", state="pending")
        return set(rows.values_list("member_id", flat=True))


def fact_of(org: Org, handoff: Handoff) -> HandoffFact:
    drain_tenant(org.id)
    with org.scope():
        return HandoffFact.objects.get(id=handoff.id)


# --- Open ---


def test_marketing_disputes_from_the_lead_and_both_of_sales_hear(
    acme: Org, ruth: Lead, rejected: Handoff
) -> None:
    page = browser(acme.marketing).get(f"/leads/{ruth.id}").content.decode()
    assert f"/leads/{ruth.id}/dispute" in page
    assert "An assistant." in browser(acme.marketing).get(f"/leads/{ruth.id}/dispute").content.decode()
    assert disputes_it(acme.marketing, ruth).status_code == 302
    assert told(acme, "lead.disputed") == {rejected.owner_id, acme.manager.id}
    queue = browser(acme.manager).get("/disputes").content.decode()
    assert "She signs the orders." in queue
    assert "An assistant." in queue
    dispute = dispute_of(acme, ruth)
    assert (dispute.state, dispute.opener_id, dispute.handoff_id) == ("open", acme.marketing.id, rejected.id)
    rep = browser(owner_of(acme, ruth)).get(f"/leads/{ruth.id}").content.decode()
    assert "Rejection disputed" in rep


def test_a_rejection_is_disputed_once(acme: Org, ruth: Lead, rejected: Handoff) -> None:
    disputes_it(acme.marketing, ruth)
    again = disputes_it(acme.marketing, ruth)
    assert again.status_code == 409
    assert b"was disputed before: open" in again.content


def test_its_time_is_over_after_the_days_agreed(
    acme: Org, ruth: Lead, rejected: Handoff, later: datetime, at_hand: AtHand
) -> None:
    with acme.scope():
        change_settings(dispute_days=3, sheet_size=7, actor="system", now=later)
    at_hand(later + timedelta(days=3, seconds=1))
    late = disputes_it(acme.marketing, ruth)
    assert late.status_code == 409
    assert b"may be disputed for 3 days" in late.content
    at_hand(later + timedelta(days=3))
    assert disputes_it(acme.marketing, ruth).status_code == 302


def test_it_needs_an_argument(acme: Org, ruth: Lead, rejected: Handoff) -> None:
    assert disputes_it(acme.marketing, ruth, " ").status_code == 422
    assert call(acme, "POST", f"leads/{ruth.id}/dispute", {"argument": " "}).status_code == 400


@pytest.mark.parametrize("role", ["manager", "executive"])
def test_others_than_marketing_do_not_dispute(acme: Org, ruth: Lead, rejected: Handoff, role: str) -> None:
    assert disputes_it(getattr(acme, role), ruth).status_code == 403
    assert disputes_it(owner_of(acme, ruth), ruth).status_code == 403
    said = {"argument": "Good.", "by": str(rejected.owner_id)}
    assert call(acme, "POST", f"leads/{ruth.id}/dispute", said).status_code == 403
    with acme.scope():
        assert not Dispute.objects.exists()


def test_a_lead_that_went_to_somebody_else_was_not_rejected(
    acme: Org, ruth: Lead, later: datetime, at_hand: AtHand
) -> None:
    at_hand(later)
    reject(acme, ruth, later, "wrong_territory")
    answer = call(acme, "POST", f"leads/{ruth.id}/dispute", {"argument": "Good."})
    assert answer.status_code == 409
    assert "it went to somebody else" in answer.json()["detail"]


def test_a_test_lead_has_nothing_to_dispute(
    acme: Org, now: datetime, later: datetime, at_hand: AtHand
) -> None:
    at_hand(later)
    lead = new_lead(acme, now, "probe@okapi.example", test=True)
    reject(acme, lead, later)
    answer = call(acme, "POST", f"leads/{lead.id}/dispute", {"argument": "Good."})
    assert answer.status_code == 409
    assert "test lead" in answer.json()["detail"]
    assert (
        f"/leads/{lead.id}/dispute" not in browser(acme.marketing).get(f"/leads/{lead.id}").content.decode()
    )


def test_an_open_lead_and_an_imported_one_have_nothing_to_dispute(
    acme: Org, ruth: Lead, later: datetime, at_hand: AtHand
) -> None:
    at_hand(later)
    said = {"argument": "Good."}
    assert "was not rejected" in call(acme, "POST", f"leads/{ruth.id}/dispute", said).json()["detail"]
    with acme.scope():
        Handoff.objects.filter(lead=ruth).update(
            is_history=True, state="closed", outcome="rejected", closed_at=later
        )
    imported = call(acme, "POST", f"leads/{ruth.id}/dispute", said)
    assert (imported.status_code, "was imported" in imported.json()["detail"]) == (409, True)


def test_another_organisations_ids_are_not_there(
    acme: Org, globex: Org, ruth: Lead, rejected: Handoff
) -> None:
    disputes_it(acme.marketing, ruth)
    dispute = dispute_of(acme, ruth)
    assert call(globex, "POST", f"leads/{ruth.id}/dispute", {"argument": "Good."}).status_code == 404
    assert call(globex, "GET", f"disputes/{dispute.id}").status_code == 404
    said = {"outcome": "upheld", "note": "No."}
    assert call(globex, "POST", f"disputes/{dispute.id}/decide", said).status_code == 404
    assert browser(globex.admin).get(f"/disputes/{dispute.id}").status_code == 404
    assert dispute_of(acme, ruth).state == "open"


# --- Both sides ---


def test_both_sides_stand_beside_each_other_as_things_were(
    acme: Org, ruth: Lead, later: datetime, at_hand: AtHand
) -> None:
    at_hand(later)
    owner = owner_of(acme, ruth)
    browser(owner).post(
        f"/leads/{ruth.id}/touch", {"kind": "call", "at": "2026-11-17T10:01", "note": "Rang."}
    )
    reject(acme, ruth, later + timedelta(minutes=1), note="An assistant.")
    at_hand(later + timedelta(hours=1))
    disputes_it(acme.marketing, ruth)
    page = browser(acme.manager).get(f"/disputes/{dispute_of(acme, ruth).id}").content.decode()
    for text in ("version 1", "She signs the orders.", "An assistant.", "Rang.", "Overturned: the lead"):
        assert text in page
    found = call(acme, "GET", f"disputes/{dispute_of(acme, ruth).id}").json()["evidence"]
    assert (found["criteria_version"], found["owners"], found["minutes_to_rejection"]) == (1, 1, 3)
    assert [each["note"] for each in found["touches"]] == ["Rang."]
    assert found["criteria"][0]["state"] == "met"


def test_a_manager_of_another_team_does_not_see_it(acme: Org, ruth: Lead, rejected: Handoff) -> None:
    disputes_it(acme.marketing, ruth)
    with acme.scope():
        stranger = add_member(tenant=acme.tenant, name="Otto", email="otto@acme.example", role=Role.MANAGER)
    assert browser(stranger).get(f"/disputes/{dispute_of(acme, ruth).id}").status_code == 404
    assert "She signs" not in browser(stranger).get("/disputes").content.decode()


# --- Decide ---


def test_overturned_the_lead_comes_back_to_somebody_else_and_both_figures_are_kept(
    acme: Org, ruth: Lead, rejected: Handoff
) -> None:
    rejecter = rejected.owner_id
    disputes_it(acme.marketing, ruth)
    assert decides(acme.manager, dispute_of(acme, ruth), "overturned").status_code == 302
    dispute = dispute_of(acme, ruth)
    fresh = handoff_of(acme, ruth)
    assert dispute.fresh_handoff == fresh
    assert (fresh.number, fresh.state, fresh.tier, fresh.lead.stage) == (2, "open", "demo_request", "mql")
    assert fresh.owner_id is not None
    assert fresh.owner_id != rejecter
    with acme.scope():
        assert {each.target for each in fresh_timers(fresh)} == {"first_touch", "decision"}
        assert Disposition.objects.get(handoff=rejected).overturned_at == dispute.decided_at
    assert told(acme, "lead.dispute_decided") == {rejecter, acme.manager.id, acme.marketing.id}
    assert told(acme, "lead.assigned") == {fresh.owner_id}
    before, after = fact_of(acme, rejected), fact_of(acme, fresh)
    assert (before.decision, before.overturned, before.dispute) == ("rejected", True, "overturned")
    assert (after.decision, after.overturned, after.dispute) == ("", False, "")


def fresh_timers(handoff: Handoff) -> list[Any]:
    from sla.models import Timer

    return list(Timer.objects.filter(handoff=handoff, state="running"))


def test_it_goes_back_to_whoever_rejected_it_only_where_a_choice_says_so(
    acme: Org, ruth: Lead, rejected: Handoff
) -> None:
    with acme.scope():
        others = [each.id for each in acme.reps if each.id != rejected.owner_id]
        Member.objects.filter(id__in=others).update(is_active=False)
    disputes_it(acme.marketing, ruth)
    decides(acme.manager, dispute_of(acme, ruth), "overturned", same_rep="on")
    assert handoff_of(acme, ruth).owner_id == rejected.owner_id


def test_where_nobody_else_is_left_it_waits_and_is_not_drained_to_whoever_rejected_it(
    acme: Org, ruth: Lead, rejected: Handoff, later: datetime
) -> None:
    from handoff.moves import drain_unrouted

    with acme.scope():
        others = [each.id for each in acme.reps if each.id != rejected.owner_id]
        Member.objects.filter(id__in=others).update(is_active=False)
    disputes_it(acme.marketing, ruth)
    decides(acme.manager, dispute_of(acme, ruth), "overturned")
    fresh = handoff_of(acme, ruth)
    assert fresh.owner_id in (None, acme.fallback.id)
    drain_unrouted(acme.id, fixed_clock(later + timedelta(hours=3)))
    assert handoff_of(acme, ruth).owner_id in (None, acme.fallback.id)


def test_a_lead_that_came_back_by_itself_is_not_handed_over_twice(
    acme: Org, ruth: Lead, rejected: Handoff, later: datetime
) -> None:
    new_lead(acme, later + timedelta(minutes=30))
    disputes_it(acme.marketing, ruth)
    assert decides(acme.manager, dispute_of(acme, ruth), "overturned").status_code == 302
    dispute = dispute_of(acme, ruth)
    assert dispute.fresh_handoff is None
    assert handoff_of(acme, ruth).number == 2
    assert fact_of(acme, rejected).overturned
    page = browser(acme.marketing).get(f"/disputes/{dispute.id}").content.decode()
    assert "was with sales again already" in page


def test_upheld_leaves_the_lead_where_it_is(acme: Org, ruth: Lead, rejected: Handoff) -> None:
    disputes_it(acme.marketing, ruth)
    decides(acme.manager, dispute_of(acme, ruth), "upheld")
    assert handoff_of(acme, ruth).number == 1
    found = fact_of(acme, rejected)
    assert (found.overturned, found.dispute) == (False, "upheld")


def test_whoever_rejected_or_disputed_it_does_not_decide(acme: Org, ruth: Lead, rejected: Handoff) -> None:
    disputes_it(acme.marketing, ruth)
    dispute = dispute_of(acme, ruth)
    own = decides(acme.marketing, dispute, "overturned")
    assert own.status_code == 422
    assert b"you disputed this rejection" in own.content
    said = {"outcome": "upheld", "note": "No.", "by": str(rejected.owner_id)}
    assert call(acme, "POST", f"disputes/{dispute.id}/decide", said).status_code == 403
    with acme.scope():  # promoted since
        Member.objects.filter(id=rejected.owner_id).update(role=Role.MANAGER)
    refused = call(acme, "POST", f"disputes/{dispute.id}/decide", said)
    assert (refused.status_code, "you rejected this lead" in refused.json()["detail"]) == (403, True)
    assert decides(acme.executive, dispute, "upheld").status_code == 403
    assert dispute_of(acme, ruth).state == "open"


def test_whoever_comes_second_is_told_what_was_decided(acme: Org, ruth: Lead, rejected: Handoff) -> None:
    disputes_it(acme.marketing, ruth)
    dispute = dispute_of(acme, ruth)
    decides(acme.manager, dispute, "upheld")
    second = decides(acme.admin, dispute, "overturned")
    assert second.status_code == 409
    assert b"Mona Acme decided this before: upheld" in second.content
    assert handoff_of(acme, ruth).number == 1


def test_an_outcome_outside_the_list_and_one_without_a_why_are_refused(
    acme: Org, ruth: Lead, rejected: Handoff
) -> None:
    disputes_it(acme.marketing, ruth)
    path = f"disputes/{dispute_of(acme, ruth).id}/decide"
    by = str(acme.manager.id)
    assert call(acme, "POST", path, {"outcome": "open", "note": "x", "by": by}).status_code == 400
    assert call(acme, "POST", path, {"outcome": "upheld", "note": " ", "by": by}).status_code == 400


# --- Open again ---


def test_an_admin_takes_an_outcome_back_until_the_lead_that_came_back_is_accepted(
    acme: Org, ruth: Lead, rejected: Handoff
) -> None:
    disputes_it(acme.marketing, ruth)
    dispute = dispute_of(acme, ruth)
    decides(acme.manager, dispute, "overturned")
    assert browser(acme.manager).post(f"/disputes/{dispute.id}/reopen", {"why": "x"}).status_code == 403
    said = {"why": "We had the wrong person.", "by": str(acme.admin.id)}
    assert call(acme, "POST", f"disputes/{dispute.id}/reopen", said).status_code == 200
    assert dispute_of(acme, ruth).state == "open"
    assert not fact_of(acme, rejected).overturned
    with acme.scope():
        entry = AuditEntry.objects.get(action="dispute.reopened")
    assert (entry.before, entry.after["why"]) == ({"state": "overturned"}, "We had the wrong person.")
    decides(acme.manager, dispute, "overturned")
    assert handoff_of(acme, ruth).number == 2  # it is with sales already
    browser(owner_of(acme, ruth)).post(f"/leads/{ruth.id}/accept")
    again = call(acme, "POST", f"disputes/{dispute.id}/reopen", said)
    assert (again.status_code, "was accepted" in again.json()["detail"]) == (409, True)


# --- Follow-ups ---


def publish_criteria(org: Org, number: int, at: datetime) -> None:
    with org.scope():
        CriteriaVersion.objects.create(
            content={}, number=number, state=VersionState.RETIRED, created_at=at, published_at=at
        )


def test_a_change_that_is_owed_is_tracked_to_the_version_that_answers_it(
    acme: Org, ruth: Lead, rejected: Handoff, later: datetime, at_hand: AtHand
) -> None:
    disputes_it(acme.marketing, ruth)
    decides(acme.manager, dispute_of(acme, ruth), "criteria")
    (owed,) = call(acme, "GET", "disputes/follow-ups?about=criteria").json()["results"]
    assert (owed["answered_by_version"], owed["candidates"]) == (None, [])
    assert "We looked at it together." in browser(acme.admin).get("/qualification").content.decode()
    path = f"disputes/follow-ups/{owed['id']}/answer"
    assert call(acme, "POST", path, {"version": 1}).status_code == 400  # published before
    publish_criteria(acme, 2, later + timedelta(hours=2))
    (owed,) = call(acme, "GET", "disputes/follow-ups").json()["results"]
    assert owed["candidates"] == [2]
    page = browser(acme.marketing)
    assert page.post(f"/disputes/follow-ups/{owed['id']}/answer", {"version": "2"}).status_code == 302
    (done,) = call(acme, "GET", "disputes/follow-ups").json()["results"]
    assert done["answered_by_version"] == 2
    assert call(acme, "POST", path, {"version": 2}).status_code == 409
    assert "We looked at it together." not in browser(acme.admin).get("/qualification").content.decode()
    with acme.scope():
        assert AuditEntry.objects.filter(action="follow_up.answered").count() == 1


def test_what_routing_owes_stands_on_its_page(acme: Org, ruth: Lead, rejected: Handoff) -> None:
    disputes_it(acme.marketing, ruth)
    decides(acme.manager, dispute_of(acme, ruth), "routing")
    assert "We looked at it together." in browser(acme.admin).get("/routing").content.decode()
    assert "We looked at it together." not in browser(acme.admin).get("/qualification").content.decode()


def test_a_dispute_that_is_opened_again_owes_nothing(acme: Org, ruth: Lead, rejected: Handoff) -> None:
    disputes_it(acme.marketing, ruth)
    dispute = dispute_of(acme, ruth)
    decides(acme.manager, dispute, "routing")
    browser(acme.admin).post(f"/disputes/{dispute.id}/reopen", {"why": "Looked again."})
    assert call(acme, "GET", "disputes/follow-ups").json()["results"] == []
    with acme.scope():
        assert FollowUp.objects.filter(dropped_at__isnull=False).count() == 1


# --- Messages ---


def test_the_messages_say_who_disputes_what_and_what_became_of_it(
    acme: Org, ruth: Lead, rejected: Handoff, later: datetime
) -> None:
    from notifications.context import Row, contexts
    from notifications.texts import render

    def texts(kind: str) -> tuple[str, str]:
        with acme.scope():
            message = OutboxMessage.objects.filter(kind=kind, member=acme.manager)[0]
            row = Row(message.id, kind, message.subject, message.data, message.member_id, message.created_at)
            text = render(kind, contexts([row], later)[message.id].words)
            return text.title, text.body

    disputes_it(acme.marketing, ruth)
    title, body = texts("lead.disputed")
    assert title == "Mark Acme disputes the rejection of Ruth Adeyemi (Okapi Freight)"
    assert "An assistant." in body
    assert "She signs the orders." in body
    decides(acme.admin, dispute_of(acme, ruth), "overturned")
    title, body = texts("lead.dispute_decided")
    assert title == "Rejection of Ruth Adeyemi (Okapi Freight): overturned"
    assert "Ada Acme: We looked at it together." in body
    assert "The lead came back, with Rep" in body


def test_the_queue_costs_as_much_for_many_as_for_two(
    acme: Org, now: datetime, later: datetime, at_hand: AtHand, django_assert_max_num_queries: Any
) -> None:
    at_hand(later)

    def some(first: int, last: int) -> None:
        for number in range(first, last):
            lead = new_lead(acme, now, f"p{number}@crane{number}.example")
            reject(acme, lead, later)
            with acme.scope():
                disputes.open_dispute(
                    lead_id=lead.id,
                    argument="Good.",
                    actor=Actor.person(acme.marketing),
                    clock=fixed_clock(later),
                )

    client = browser(acme.manager)
    some(0, 6)
    with django_assert_max_num_queries(20):
        assert client.get("/disputes").content.decode().count("Both sides") == 6


def test_a_colleague_without_a_part_in_it_reads_nothing(acme: Org, ruth: Lead, rejected: Handoff) -> None:
    disputes_it(acme.marketing, ruth)
    assert browser(someone_else(acme, ruth)).get("/disputes").status_code == 403
