"""Which company a lead belongs to, and what is so of it: put right on the lead, without harm to others."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from django.test import Client

from leads.models import Account, Lead
from tests.factories import Org
from tests.handoff.conftest import browser, new_lead, owner_of

pytestmark = pytest.mark.django_db
AtHand = Callable[[datetime], None]


@pytest.fixture(autouse=True)
def two_minutes_on(at_hand: AtHand, later: datetime) -> None:
    at_hand(later)


def patch(org: Org, lead: Lead, company: dict[str, Any]) -> Any:
    return Client().patch(
        f"/api/v1/leads/{lead.id}",
        json.dumps({"company": company}),
        content_type="application/json",
        headers=org.auth,
    )


def account_of(org: Org, lead: Lead) -> Account:
    with org.scope():
        found = Lead.objects.select_related("account").get(id=lead.id).account
        assert found is not None
        return found


def known(org: Org, domain: str, now: datetime, **fields: Any) -> Account:
    with org.scope():
        account: Account = Account.objects.create(
            name=domain.split(".")[0].title(), domain=domain, created_at=now, **fields
        )
        return account


def form_of(client: Client, lead: Lead, **typed: str) -> dict[str, str]:
    """What the browser sends: everything as the page showed it, and what was typed over it."""
    form = client.get(f"/leads/{lead.id}/correct").context["form"]
    sent = {field.html_name: field.value() for field in form}
    return {name: str(value) for name, value in {**sent, **typed}.items() if value is not None}


# --- Which company ---


@pytest.mark.parametrize(
    ("domain", "words"),
    [
        ("gmail.com", "stands for none of them. Leave the domain empty"),
        ("com", "Write it like acme.com"),
        ("a..b", "Write it like acme.com"),
        ("ü" * 80 + ".de", "Write it like acme.com"),
        ("", "Give the domain of another company"),
        (None, "Give the domain of another company"),
    ],
)
def test_what_names_no_company_is_refused_with_the_way_out(
    acme: Org, ruth: Lead, domain: str | None, words: str
) -> None:
    answer = patch(acme, ruth, {"domain": domain})
    assert answer.status_code == 400
    (error,) = answer.json()["errors"]
    assert error["path"] == "/company/domain"
    assert words in error["message"]
    assert account_of(acme, ruth).domain == "okapi.example"


def test_the_page_says_so_beside_the_domain(acme: Org, ruth: Lead) -> None:
    client = browser(acme.marketing)
    answer = client.post(f"/leads/{ruth.id}/correct", form_of(client, ruth, company_domain="gmail.com"))
    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == ["company_domain"]


@pytest.mark.parametrize("name", ["", None])
def test_a_lead_of_a_company_cannot_lose_the_companys_name(acme: Org, ruth: Lead, name: str | None) -> None:
    """It would be shown with it all the same."""
    answer = patch(acme, ruth, {"name": name})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["path"] == "/company/name"
    assert "Okapi Freight" in answer.json()["errors"][0]["message"]


def test_a_lead_that_moves_is_called_by_its_new_company(acme: Org, ruth: Lead, now: datetime) -> None:
    known(acme, "heron.example", now)
    assert patch(acme, ruth, {"domain": "heron.example"}).json()["company"]["name"] == "Heron"


def test_what_is_left_blank_empties_nothing_of_the_company_that_a_lead_moves_to(
    acme: Org, ruth: Lead, now: datetime
) -> None:
    heron = known(acme, "heron.example", now, employees=120, industry="Zoos", country="DE")
    blank = {"employees": None, "industry": "", "country": None, "name": ""}
    answer = patch(acme, ruth, {"domain": "heron.example", **blank})
    assert answer.status_code == 200
    account = account_of(acme, ruth)
    assert account.id == heron.id
    assert (account.name, account.employees, account.industry, account.country) == (
        "Heron",
        120,
        "Zoos",
        "DE",
    )
    with acme.scope():
        left = Account.objects.get(domain="okapi.example")
        assert left.name == "Okapi Freight"


def test_null_still_empties_a_field_of_the_leads_own_company(acme: Org, ruth: Lead) -> None:
    patch(acme, ruth, {"employees": 12, "industry": "Freight"})
    patch(acme, ruth, {"domain": "okapi.example", "employees": None})
    account = account_of(acme, ruth)
    assert (account.employees, account.industry) == (None, "Freight")


# --- Who may say what ---


def test_a_rep_fills_in_what_is_not_known_of_the_company(acme: Org, ruth: Lead) -> None:
    client = browser(owner_of(acme, ruth))
    sent = form_of(client, ruth, company_employees="120", company_industry="Freight")
    assert client.post(f"/leads/{ruth.id}/correct", sent).status_code == 302
    account = account_of(acme, ruth)
    assert (account.employees, account.industry) == (120, "Freight")


@pytest.mark.parametrize("typed", ["7", ""])
def test_a_rep_does_not_change_what_the_account_says_already(acme: Org, ruth: Lead, typed: str) -> None:
    patch(acme, ruth, {"employees": 120})
    client = browser(owner_of(acme, ruth))
    answer = client.post(f"/leads/{ruth.id}/correct", form_of(client, ruth, company_employees=typed))
    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == ["company_employees"]
    assert "Marketing or a manager" in answer.content.decode()
    assert account_of(acme, ruth).employees == 120


def test_a_manager_and_a_program_do(acme: Org, ruth: Lead) -> None:
    patch(acme, ruth, {"employees": 120})
    client = browser(acme.manager)
    sent = form_of(client, ruth, company_employees="130")
    assert client.post(f"/leads/{ruth.id}/correct", sent).status_code == 302
    assert account_of(acme, ruth).employees == 130


def test_a_rep_moves_a_lead_and_leaves_that_company_as_it_is(acme: Org, ruth: Lead, now: datetime) -> None:
    known(acme, "heron.example", now, employees=120)
    client = browser(owner_of(acme, ruth))
    path = f"/leads/{ruth.id}/correct"
    refused = client.post(path, form_of(client, ruth, company_domain="heron.example", company_employees="7"))
    assert list(refused.context["form"].errors) == ["company_employees"]
    sent = form_of(client, ruth, company_domain="heron.example", company_industry="Zoos")
    assert client.post(path, sent).status_code == 302
    account = account_of(acme, ruth)
    assert (account.domain, account.employees, account.industry) == ("heron.example", 120, "Zoos")


def test_a_rep_may_say_that_the_lead_sits_elsewhere_than_its_company(acme: Org, ruth: Lead) -> None:
    patch(acme, ruth, {"country": "DE"})
    client = browser(owner_of(acme, ruth))
    sent = form_of(client, ruth, company_country="FR")
    assert client.post(f"/leads/{ruth.id}/correct", sent).status_code == 302
    with acme.scope():
        lead = Lead.objects.select_related("account").get(id=ruth.id)
        assert lead.account is not None
        assert (lead.country, lead.account.country) == ("FR", "DE")


# --- Two at a time ---


def test_the_form_writes_of_the_company_only_what_its_author_changed(
    acme: Org, ruth: Lead, now: datetime
) -> None:
    """The account changed since the form was opened, which the lead's own time does not tell."""
    client = browser(acme.marketing)
    sent = form_of(client, ruth, title="COO")
    with acme.scope():
        Account.objects.filter(domain="okapi.example").update(employees=900, industry="Rail")
    assert client.post(f"/leads/{ruth.id}/correct", sent).status_code == 302
    account = account_of(acme, ruth)
    assert (account.employees, account.industry) == (900, "Rail")


def test_an_address_at_a_free_mail_host_leaves_the_lead_where_it_is(acme: Org, now: datetime) -> None:
    lead = new_lead(acme, now, "ann@okapi.example")
    answer = Client().patch(
        f"/api/v1/leads/{lead.id}",
        json.dumps({"email": "ann@gmail.com"}),
        content_type="application/json",
        headers=acme.auth,
    )
    assert answer.json()["company"]["domain"] == "okapi.example"
