"""Both sides at the same moment, on real connections: one outcome, one way back for a lead, nobody in a
deadlock."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial

import pytest

from core.errors import Conflict, ValidationFailed
from feedback import taxonomy
from feedback.models import Disposition, Dispute, Reason
from handoff import disputes
from handoff.intake import receive_leads
from handoff.services import Actor, reject_lead
from leads.incoming import EngagementIn, LeadIn
from leads.models import Handoff, Lead
from reporting.agreement import services as agreement
from reporting.agreement.gather import present_terms
from reporting.agreement.models import Agreement, Side, Signature
from tenants.clock import database_clock
from tests.factories import Org, make_org
from tests.handoff.conftest import new_lead, owner_of
from tests.threads import in_threads

pytestmark = pytest.mark.django_db(transaction=True)
EMAIL = "ruth@okapi.example"


@pytest.fixture
def org(transactional_db: None) -> Org:
    return make_org("acme", now=database_clock(), hours="always")


def rejected(org: Org, email: str = EMAIL) -> Lead:
    lead = new_lead(org, database_clock(), email)
    with org.scope():
        rep = Actor.person(owner_of(org, lead))
        reject_lead(lead_id=lead.id, reason="wrong_title", note="", actor=rep, clock=database_clock)
    return lead


def objects(org: Org, lead: Lead) -> Dispute:
    made: Dispute = disputes.open_dispute(
        lead_id=lead.id, argument="She signs.", actor=Actor.person(org.marketing), clock=database_clock
    )
    return made


def at_once(org: Org, *acts: Callable[[], object]) -> list[str]:
    """Do all at the same moment; the words of those that were refused because somebody came first."""
    start = threading.Barrier(len(acts))
    refused: list[str] = []

    def act(what: Callable[[], object]) -> None:
        start.wait()
        with org.scope():
            try:
                what()
            except Conflict as error:
                refused.append(error.message)

    in_threads(*(partial(act, each) for each in acts))
    return refused


def decide(org: Org, dispute: Dispute, outcome: str) -> Callable[[], object]:
    return partial(
        disputes.decide,
        dispute_id=dispute.id,
        outcome=outcome,
        note="Looked at.",
        actor=Actor.person(org.manager),
        clock=database_clock,
    )


def comes_again() -> object:
    item = LeadIn(email=EMAIL, engagements=(EngagementIn("demo_request"),))
    return receive_leads(items=[item], actor="system", clock=database_clock)


def test_of_two_who_dispute_or_decide_one_comes_first(org: Org) -> None:
    lead = rejected(org)
    assert len(at_once(org, partial(objects, org, lead), partial(objects, org, lead))) == 1
    with org.scope():
        dispute = Dispute.objects.get()
    assert len(at_once(org, decide(org, dispute, "overturned"), decide(org, dispute, "overturned"))) == 1
    with org.scope():
        assert Handoff.objects.filter(lead=lead).count() == 2
        assert Handoff.objects.filter(lead=lead, state="open").count() == 1


@pytest.mark.parametrize("number", range(3))
def test_a_lead_that_comes_back_while_its_rejection_is_overturned_has_one_handoff_open(
    org: Org, number: int
) -> None:
    lead = rejected(org)
    with org.scope():
        dispute = objects(org, lead)
    assert at_once(org, decide(org, dispute, "overturned"), comes_again, comes_again) == []
    with org.scope():
        assert Dispute.objects.get().state == "overturned"
        assert Handoff.objects.filter(lead=lead, state="open").count() == 1
        assert not Lead.objects.exclude(id=lead.id).exists()


def test_a_lead_that_comes_back_while_it_is_disputed_keeps_both(org: Org) -> None:
    lead = rejected(org)
    assert at_once(org, partial(objects, org, lead), comes_again) == []
    with org.scope():
        assert Dispute.objects.get().state == "open"
        assert Handoff.objects.filter(lead=lead, state="open").count() == 1


def test_a_reason_retired_while_it_is_given_is_kept_with_the_answer_or_refused(org: Org) -> None:
    lead = new_lead(org, database_clock())
    with org.scope():
        reason = Reason.objects.get(kind="reject", slug="wrong_title")
        rep = Actor.person(owner_of(org, lead))
    refused: list[ValidationFailed] = []

    def reject() -> None:
        try:
            reject_lead(lead_id=lead.id, reason=reason.slug, note="", actor=rep, clock=database_clock)
        except ValidationFailed as error:
            refused.append(error)

    retire = partial(taxonomy.retire_reason, reason_id=reason.id, actor="system", now=database_clock())
    assert len(at_once(org, reject, retire, retire)) == 1
    with org.scope():
        given = Handoff.objects.get(lead=lead)
        assert (given.outcome == "rejected") != bool(refused)
        assert Disposition.objects.filter(handoff=given, reason=reason).count() == 1 - len(refused)
        assert not Reason.objects.get(id=reason.id).is_active


def test_the_last_reasons_of_a_kind_are_not_retired_together(org: Org) -> None:
    with org.scope():
        Reason.objects.filter(kind="reject").exclude(slug__in=["wrong_title", "bad_contact_data"]).update(
            is_active=False
        )
        last = list(Reason.objects.filter(kind="reject", is_active=True))
    assert len(last) == 2
    now = database_clock()
    retire = [partial(taxonomy.retire_reason, reason_id=each.id, actor="system", now=now) for each in last]
    assert len(at_once(org, *retire)) == 1
    with org.scope():
        assert Reason.objects.filter(kind="reject", is_active=True).count() == 1


def test_two_sides_that_sign_at_once_sign_one_version(org: Org) -> None:
    with org.scope():
        seen = present_terms(org.tenant, database_clock()).terms
    signs = [
        partial(agreement.sign, tenant=org.tenant, member=member, side=side, seen=seen, now=database_clock())
        for member, side in ((org.marketing, Side.MARKETING), (org.manager, Side.SALES))
    ]
    assert at_once(org, *signs) == []
    with org.scope():
        assert Agreement.objects.get().state == Agreement.State.IN_FORCE
        assert Signature.objects.count() == 2
