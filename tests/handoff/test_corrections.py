"""A lead that waits for data is completed by hand, on its page and over the API, and then goes to sales."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from handoff import services
from handoff.services import Actor
from leads.models import Account, Engagement, Handoff, Lead, StageChange
from tenants.clock import fixed_clock
from tenants.models import AuditEntry
from tests.factories import Org
from tests.handoff.conftest import browser, new_lead, owner_of, someone_else, timer_of
from web.api import TenantAPIView

pytestmark = pytest.mark.django_db
AtHand = Callable[[datetime], None]


def require(org: Org, *names: str) -> None:
    """From now on a handoff asks for these."""
    with org.scope():
        org.criteria.state = "retired"
        org.criteria.save()
        type(org.criteria).objects.create(
            number=2,
            state="published",
            content={**org.criteria.content, "required": list(names)},
            created_at=org.criteria.created_at,
            created_by="system",
        )


def fresh(org: Org, lead: Lead) -> Lead:
    with org.scope():
        return Lead.objects.select_related("account").get(id=lead.id)


def form_of(org: Org, lead: Lead, **said: str) -> dict[str, str]:
    """What the browser sends: the whole form as it was shown, and what the author typed."""
    known = fresh(org, lead)
    account = known.account
    shown = {
        "email": known.email,
        "first_name": known.first_name,
        "last_name": known.last_name,
        "title": known.title,
        "phone": known.phone,
        "company_name": known.company_name,
        "company_domain": account.domain if account else "",
        "company_employees": str(account.employees or "") if account else "",
        "seen_at": known.updated_at.isoformat(),
    }
    return {**shown, **said}


@pytest.fixture
def waiting(acme: Org, now: datetime) -> Lead:
    """A demo request that qualifies, and lacks a phone and the size of its company."""
    require(acme, "phone", "account.employees")
    lead = new_lead(acme, now)
    assert fresh(acme, lead).needs == ["phone", "account.employees"]
    return lead


@pytest.fixture
def patch(monkeypatch: pytest.MonkeyPatch, later: datetime) -> Callable[..., Any]:
    """PATCH a lead as an organisation, two minutes after it came."""
    monkeypatch.setattr(TenantAPIView, "clock", staticmethod(fixed_clock(later)))

    def send(org: Org, lead_id: object, body: object) -> Any:
        return Client().patch(
            f"/api/v1/leads/{lead_id}", json.dumps(body), content_type="application/json", headers=org.auth
        )

    return send


# --- On the page ---


def test_marketing_fills_in_what_is_missing_and_sales_gets_the_lead(
    acme: Org, waiting: Lead, at_hand: AtHand, later: datetime
) -> None:
    at_hand(later)
    client = browser(acme.marketing)
    assert f"/leads/{waiting.id}/correct" in client.get("/needs-data").content.decode()
    page = client.get(f"/leads/{waiting.id}/correct").content.decode()
    assert page.index("The handoff waits for") < page.index('name="phone"') < page.index('name="first_name"')

    said = form_of(acme, waiting, phone="+49 30 12345678", company_employees="120", next="/needs-data")
    answer = client.post(f"/leads/{waiting.id}/correct", said, follow=True)

    assert answer.redirect_chain == [("/needs-data", 302)]
    owner = owner_of(acme, waiting)
    assert f"complete and handed over to {owner.name}" in answer.content.decode()
    assert "Nothing lacks data" in answer.content.decode()
    lead = fresh(acme, waiting)
    assert (lead.stage, lead.needs, lead.phone) == ("mql", [], "+493012345678")
    assert lead.account is not None
    assert lead.account.employees == 120
    assert timer_of(acme, waiting, "first_touch").due_at == later + timedelta(minutes=5)
    with acme.scope():
        assert Engagement.objects.filter(lead=waiting).count() == 1  # a correction is nothing the lead did
        step = StageChange.objects.get(lead=waiting, new="mql")
        assert step.actor == f"member:{acme.marketing.id}"
        entry = AuditEntry.objects.get(action="lead.correct", object_id=waiting.id)
        assert entry.after == {"fields": ["company.employees", "phone"], "handed_over": True}


def test_half_of_what_is_missing_is_kept_and_the_rest_is_named(
    acme: Org, waiting: Lead, at_hand: AtHand, later: datetime
) -> None:
    at_hand(later)
    said = form_of(acme, waiting, phone="+493012345678")
    answer = browser(acme.admin).post(f"/leads/{waiting.id}/correct", said, follow=True)
    assert "Still missing for the handoff: Employees." in answer.content.decode()
    assert fresh(acme, waiting).stage == "lead"


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"email": "nobody"}, "not an e-mail address"),
        ({"company_employees": "-1"}, "At least 0."),
        ({"last_name": "x" * 81}, "at most 80 characters"),
        ({"seen_at": "yesterday"}, "Open the form again"),
    ],
)
def test_what_cannot_be_is_refused_in_the_form_and_kept_there(
    acme: Org, waiting: Lead, at_hand: AtHand, later: datetime, said: dict[str, str], words: str
) -> None:
    at_hand(later)
    before = fresh(acme, waiting)
    sent = form_of(acme, waiting, phone="+493012345678", **said)
    answer = browser(acme.marketing).post(f"/leads/{waiting.id}/correct", sent)
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert 'value="+493012345678"' in answer.content.decode()
    assert fresh(acme, waiting).updated_at == before.updated_at


def test_who_read_an_older_state_overwrites_nobody(
    acme: Org, waiting: Lead, at_hand: AtHand, later: datetime
) -> None:
    at_hand(later)
    mine, theirs = form_of(acme, waiting, title="COO"), form_of(acme, waiting, title="CFO")
    client = browser(acme.marketing)
    assert client.post(f"/leads/{waiting.id}/correct", theirs).status_code == 302
    answer = client.post(f"/leads/{waiting.id}/correct", mine)
    assert answer.status_code == 409
    assert "changed meanwhile" in answer.content.decode()
    assert fresh(acme, waiting).title == "CFO"


def test_who_may_put_a_lead_right(acme: Org, globex: Org, ruth: Lead) -> None:
    path = f"/leads/{ruth.id}/correct"
    owner, other = owner_of(acme, ruth), someone_else(acme, ruth)
    for member in (acme.admin, acme.manager, acme.marketing, owner):
        assert browser(member).get(path).status_code == 200, member.role
    assert browser(acme.executive).get(path).status_code == 403
    assert browser(other).get(path).status_code == 404
    assert browser(globex.admin).get(path).status_code == 404
    assert 'name="source"' not in browser(owner).get(path).content.decode()
    sent = form_of(acme, ruth, source="mine")
    assert browser(owner).post(path, sent).status_code == 302
    assert fresh(acme, ruth).source == ruth.source


# --- Over the API ---


def test_a_program_completes_a_lead(acme: Org, waiting: Lead, patch: Any) -> None:
    answer = patch(acme, waiting.id, {"phone": "+49 30 12345678", "company": {"employees": 10}})
    assert answer.status_code == 200
    lead = answer.json()
    assert (lead["stage"], lead["needs"], lead["phone"]) == ("mql", [], "+493012345678")
    assert lead["owner"] is not None
    assert {timer["status"] for timer in lead["timers"]} == {"on_time"}


def test_what_is_not_sent_stays_and_null_or_blank_empties(acme: Org, waiting: Lead, patch: Any) -> None:
    patch(acme, waiting.id, {"title": "COO", "score": 7, "company": {"industry": "Freight", "employees": 9}})
    answer = patch(acme, waiting.id, {"title": "", "score": None, "company": {"employees": None}}).json()
    assert (answer["title"], answer["score"], answer["company"]["employees"]) == ("", None, None)
    assert (answer["first_name"], answer["company"]["industry"]) == ("Ruth", "Freight")


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, ""),
        ({"first_nam": "Ann"}, "/first_nam"),
        ({"phone": 49}, "/phone"),
        ({"company": {"employees": "10"}}, "/company/employees"),
        ({"email": ""}, "/email"),
        ({"stage": "won"}, "/stage"),
        ({"title": "COO", "updated_at": "today"}, "/updated_at"),
    ],
)
def test_the_api_reads_strictly(acme: Org, waiting: Lead, patch: Any, body: Any, path: str) -> None:
    answer = patch(acme, waiting.id, body)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["path"] == path


def test_a_change_in_between_is_a_conflict(acme: Org, waiting: Lead, patch: Any) -> None:
    read = Client().get(f"/api/v1/leads/{waiting.id}", headers=acme.auth).json()["updated_at"]
    assert patch(acme, waiting.id, {"title": "CFO", "updated_at": read}).status_code == 200
    late = patch(acme, waiting.id, {"title": "COO", "updated_at": read})
    assert (late.status_code, late.json()["code"]) == (409, "stale_version")


def test_another_leads_address_is_not_taken(acme: Org, waiting: Lead, patch: Any, now: datetime) -> None:
    new_lead(acme, now, "ann@okapi.example")
    answer = patch(acme, waiting.id, {"email": "Ann@okapi.example"})
    assert answer.status_code == 409
    assert answer.json()["errors"][0]["path"] == "/email"
    assert fresh(acme, waiting).email == "ruth@okapi.example"


def test_another_organisations_lead_is_not_there(globex: Org, waiting: Lead, patch: Any) -> None:
    theirs, nobodys = (patch(globex, each, {"phone": "1"}) for each in (waiting.id, uuid4()))
    assert (theirs.status_code, nobodys.status_code) == (404, 404)


def test_a_new_domain_moves_the_lead_to_that_company(acme: Org, waiting: Lead, patch: Any) -> None:
    answer = patch(acme, waiting.id, {"company": {"domain": "www.heron.example", "name": "Heron"}})
    assert answer.json()["company"]["domain"] == "heron.example"
    with acme.scope():
        assert Account.objects.filter(domain="okapi.example").exists()


def test_putting_a_refused_leads_name_right_brings_it_back_to_nobody(
    acme: Org, ruth: Lead, patch: Any, later: datetime
) -> None:
    """What led to the first handoff cannot open the next."""
    with acme.scope():
        actor = Actor.person(owner_of(acme, ruth))
        services.reject_lead(lead_id=ruth.id, reason="wrong_title", actor=actor, clock=fixed_clock(later))
    assert patch(acme, ruth.id, {"last_name": "Adeyemi-Ross"}).json()["stage"] == "rejected"
    with acme.scope():
        assert Handoff.objects.filter(lead=ruth).count() == 1


def test_a_test_lead_stays_one(acme: Org, patch: Any, now: datetime) -> None:
    require(acme, "phone")
    lead = new_lead(acme, now, test=True)
    assert patch(acme, lead.id, {"phone": "+493012345678"}).json()["test"] is True
    with acme.scope():
        assert Handoff.objects.get(lead=lead).is_test
