"""Deals of leads: what is forecast first and now, how they end, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from handoff.services import Actor, move_to_stage
from leads.models import DirtyHandoff, Lead, Opportunity
from reporting.facts import drain_tenant
from reporting.models import HandoffFact
from tenants.clock import fixed_clock
from tests.factories import Org
from tests.handoff.conftest import browser, handoff_of, new_lead, owner_of, someone_else
from tests.handoff.test_api import get, post
from web.api import TenantAPIView
from web.throttling import KeyRateThrottle

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def two_minutes_on(monkeypatch: pytest.MonkeyPatch, later: datetime) -> Callable[[datetime], None]:
    KeyRateThrottle.reset()

    def stand_still(moment: datetime) -> None:
        monkeypatch.setattr(TenantAPIView, "clock", staticmethod(fixed_clock(moment)))

    stand_still(later)
    return stand_still


def patch(org: Org, path: str, body: Any) -> Any:
    return Client().patch(
        f"/api/v1/{path}", json.dumps(body), content_type="application/json", headers=org.auth
    )


def deals(org: Org) -> list[Opportunity]:
    with org.scope():
        return list(Opportunity.objects.order_by("opened_at", "id"))


def test_an_outside_id_sent_again_changes_the_deal_and_keeps_its_first_forecast(
    acme: Org, ruth: Lead, later: datetime
) -> None:
    said = {"external_system": "crm", "external_id": "006A", "amount": "12500.50", "close_date": "2027-01-31"}
    made = post(acme, f"leads/{ruth.id}/opportunities", said)
    assert made.status_code == 201
    assert (made.json()["amount"], made.json()["currency"]) == ("12500.50", "EUR")
    said |= {"amount": 9000, "close_date": "2027-03-31"}
    again = post(acme, f"leads/{ruth.id}/opportunities", said)
    assert (again.status_code, again.json()["id"]) == (200, made.json()["id"])
    assert (again.json()["amount"], again.json()["first_amount"]) == ("9000.00", "12500.50")
    assert (again.json()["close_date"], again.json()["first_close_date"]) == ("2027-03-31", "2027-01-31")
    assert len(get(acme, f"leads/{ruth.id}/opportunities").json()["results"]) == 1
    deal = deals(acme)[0]
    assert (deal.handoff_id, deal.owner_id) == (handoff_of(acme, ruth).id, owner_of(acme, ruth).id)


def test_the_outside_id_of_another_lead_s_deal_is_a_conflict(acme: Org, ruth: Lead, now: datetime) -> None:
    other = new_lead(acme, now, "bo@kudu.example")
    said = {"external_system": "crm", "external_id": "006A"}
    assert post(acme, f"leads/{ruth.id}/opportunities", said).status_code == 201
    refused = post(acme, f"leads/{other.id}/opportunities", said)
    assert (refused.status_code, refused.json()["lead"]) == (409, str(ruth.id))
    assert len(deals(acme)) == 1


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"amount": -1}, "/amount"),
        ({"amount": "123456789012345"}, "/amount"),
        ({"amount": "1e40"}, "/amount"),
        ({"amount": 1.005}, "/amount"),
        ({"amount": "much"}, "/amount"),
        ({"amount": True}, "/amount"),
        ({"currency": "EURO"}, "/currency"),
        ({"currency": "XYZ"}, "/currency"),
        ({"close_date": "2027-02-30"}, "/close_date"),
        ({"close_date": "1899-02-03"}, "/close_date"),
        ({"outcome": "won", "close_date": "2099-01-01"}, "/close_date"),
        ({"outcome": "perhaps"}, "/outcome"),
        ({"opened_at": "2099-01-01T00:00:00Z"}, "/opened_at"),
        ({"external_system": "crm"}, "/external_id"),
        ({"owner": "nobody@nowhere.example"}, "/owner"),
    ],
)
def test_what_no_deal_can_have_is_refused_at_its_field(
    acme: Org, ruth: Lead, said: dict[str, Any], field: str
) -> None:
    refused = post(acme, f"leads/{ruth.id}/opportunities", said)
    assert refused.status_code == 400
    assert field in [each["path"] for each in refused.json()["errors"]]
    assert deals(acme) == []


def test_a_deal_is_won_on_a_day_that_is_told_later(acme: Org, ruth: Lead, later: datetime) -> None:
    said = {"amount": 100, "outcome": "won", "close_date": "2026-11-10"}
    made = post(acme, f"leads/{ruth.id}/opportunities", said).json()
    assert (made["outcome"], made["close_date"]) == ("won", "2026-11-10")
    assert made["closed_at"] == made["opened_at"] == "2026-11-10T22:59:59Z"
    opened = patch(acme, f"leads/{ruth.id}/opportunities/{made['id']}", {"outcome": "open"}).json()
    assert (opened["outcome"], opened["closed_at"]) == ("open", None)


def test_a_deal_writes_that_its_handoff_is_to_be_counted_again(acme: Org, ruth: Lead) -> None:
    with acme.scope():
        drain_tenant(acme.id)
    post(acme, f"leads/{ruth.id}/opportunities", {"amount": 40, "outcome": "won"})
    with acme.scope():
        assert DirtyHandoff.objects.filter(handoff=handoff_of(acme, ruth)).exists()
        drain_tenant(acme.id)
        fact = HandoffFact.objects.get(lead_id=ruth.id)
    assert (fact.amount, fact.won_amount) == (Decimal(40), Decimal(40))


def to_opportunity(acme: Org, ruth: Lead, **deal: Any) -> Any:
    post(acme, f"leads/{ruth.id}/accept", {})
    post(acme, f"leads/{ruth.id}/stage", {"to": "sql"})
    return post(acme, f"leads/{ruth.id}/stage", {"to": "opportunity", "opportunity": deal})


def test_a_stage_carries_the_deal_up_to_its_end(acme: Org, ruth: Lead, later: datetime) -> None:
    moved = to_opportunity(acme, ruth, amount=700, close_date="2027-01-15")
    assert moved.json()["stage"] == "opportunity"
    assert [(deal.amount, deal.outcome) for deal in deals(acme)] == [(Decimal(700), "")]
    won = {"to": "won", "why": "Signed.", "opportunity": {"amount": "650.00"}}
    assert post(acme, f"leads/{ruth.id}/stage", won).status_code == 200
    deal = deals(acme)[0]
    assert (deal.amount, deal.first_amount, deal.outcome) == (Decimal(650), Decimal(700), "won")
    assert (deal.closed_at, deal.close_date) == (later, date(2026, 11, 17))


def test_a_lost_lead_loses_its_open_deals(acme: Org, ruth: Lead) -> None:
    to_opportunity(acme, ruth, amount=700)
    post(acme, f"leads/{ruth.id}/opportunities", {"amount": 50})
    post(acme, f"leads/{ruth.id}/stage", {"to": "lost", "why": "Chose another."})
    assert [deal.outcome for deal in deals(acme)] == ["lost", "lost"]
    assert post(acme, f"leads/{ruth.id}/undo", {}).status_code == 200
    assert [(deal.outcome, deal.closed_at) for deal in deals(acme)] == [("", None), ("", None)]


def test_a_bad_deal_leaves_the_stage_where_it_was(acme: Org, ruth: Lead) -> None:
    refused = to_opportunity(acme, ruth, amount=-5)
    assert refused.status_code == 400
    assert refused.json()["errors"][0]["path"] == "/opportunity/amount"
    with acme.scope():
        assert Lead.objects.get(id=ruth.id).stage == "sql"
    early = post(acme, f"leads/{ruth.id}/stage", {"to": "sql", "opportunity": {"amount": 5}})
    assert early.json()["errors"][0]["path"] == "/opportunity"


def test_a_stage_without_a_word_of_money_makes_no_deal(acme: Org, ruth: Lead, later: datetime) -> None:
    post(acme, f"leads/{ruth.id}/accept", {})
    actor = Actor("key:x", None, oversees=True)
    with acme.scope():
        for to in ("sql", "opportunity", "won"):
            move_to_stage(lead_id=ruth.id, to=to, why="Yes.", actor=actor, clock=fixed_clock(later))
    assert deals(acme) == []


def test_somebody_else_s_deal_is_not_theirs_to_write(acme: Org, ruth: Lead, globex: Org) -> None:
    said = {"amount": 5, "by": someone_else(acme, ruth).email}
    assert post(acme, f"leads/{ruth.id}/opportunities", said).json()["code"] == "not_owner"
    assert post(globex, f"leads/{ruth.id}/opportunities", {"amount": 5}).status_code == 404
    assert deals(acme) == []


def test_the_lead_s_page_lists_adds_and_closes_deals(acme: Org, ruth: Lead) -> None:
    client = browser(owner_of(acme, ruth))
    address = f"/leads/{ruth.id}/opportunities"
    said = {"name": "Pilot", "amount": "12,500", "currency": "EUR", "outcome": "open", "close_date": ""}
    assert client.post(f"{address}/new", said).status_code == 302
    page = client.get(f"/leads/{ruth.id}").content.decode()
    assert "Pilot" in page
    assert "12,500.00 EUR" in page
    deal = deals(acme)[0]
    assert 'value="12500.00"' in client.get(f"{address}/{deal.id}").content.decode()
    refused = client.post(f"{address}/{deal.id}", said | {"amount": "-3"})
    assert refused.status_code == 422
    assert "not negative" in refused.content.decode()
    assert client.post(f"{address}/{deal.id}", said | {"outcome": "won"}).status_code == 302
    assert deals(acme)[0].outcome == "won"
    assert browser(acme.marketing).post(f"{address}/new", said).status_code == 403


def test_the_form_of_a_stage_takes_the_deal_along(acme: Org, ruth: Lead, now: datetime) -> None:
    post(acme, f"leads/{ruth.id}/accept", {})
    post(acme, f"leads/{ruth.id}/stage", {"to": "sql"})
    client = browser(owner_of(acme, ruth))
    address = f"/leads/{ruth.id}/stage"
    assert 'name="opportunity_amount"' in client.get(f"{address}?to=opportunity").content.decode()
    said = {"to": "opportunity", "asked": "opportunity", "opportunity_amount": "80"}
    refused = client.post(address, said | {"opportunity_amount": "-80"})
    assert refused.status_code == 422
    assert client.post(address, said | {"opportunity_currency": "EUR"}).status_code == 302
    assert [deal.amount for deal in deals(acme)] == [Decimal(80)]


def test_a_deal_of_a_lead_never_handed_over_is_kept_without_a_handoff(acme: Org, now: datetime) -> None:
    with acme.scope():
        lead = Lead.objects.create(first_name="Ida", created_at=now, updated_at=now)
    assert post(acme, f"leads/{lead.id}/opportunities", {"amount": 5}).status_code == 201
    assert deals(acme)[0].handoff_id is None
    assert now - timedelta(days=1) < deals(acme)[0].opened_at
