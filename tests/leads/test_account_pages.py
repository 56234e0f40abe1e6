"""What a company is to us, kept by hand on a page and over the API, and asked about by the criteria."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest
from django.test import Client

from handoff.intake import receive_lead
from leads.incoming import CompanyIn, EngagementIn, LeadIn
from leads.models import Account, CriteriaVersion
from tenants.clock import fixed_clock
from tenants.models import AuditEntry, Member
from tests.factories import Org

pytestmark = pytest.mark.django_db


def as_(member: Member) -> Client:
    client = Client()
    client.force_login(member.user)
    return client


def account(org: Org, now: datetime, name: str = "Heron", **fields: Any) -> Account:
    with org.scope():
        found: Account = Account.objects.create(
            name=name, domain=f"{name.lower()}.example", created_at=now, **fields
        )
        return found


def written(client: Client, address: str, **changed: Any) -> dict[str, Any]:
    form = client.get(address).context["form"]
    sent = {field.html_name: field.value() for field in form}
    sent.update(changed)
    return {name: value for name, value in sent.items() if value not in (None, False)}


def call(org: Org, method: str, path: str, body: Any = None) -> Any:
    return Client().generic(
        method,
        f"/api/v1/accounts{path}",
        json.dumps(body) if body is not None else "",
        content_type="application/json",
        headers=org.auth,
    )


def test_accounts_are_found_by_the_beginning_of_name_or_domain_and_by_flag(acme: Org, now: datetime) -> None:
    account(acme, now, "Heron", is_customer=True)
    account(acme, now, "Kestrel")
    client = as_(acme.marketing)

    def names(**query: str) -> list[str]:
        return [each.name for each in client.get("/accounts", query).context["found"]]

    assert names() == ["Heron", "Kestrel"]
    assert names(q="HER") == names(q="heron.ex") == names(flag="is_customer") == ["Heron"]
    assert names(q="eron") == []
    told = call(acme, "GET", "?flag=is_customer").json()["results"]
    assert [(each["name"], each["is_customer"], each["owner"]) for each in told] == [("Heron", True, None)]
    assert call(acme, "GET", "?flag=is_big").status_code == 400


def test_a_company_is_marked_a_customer_on_its_page_and_the_change_is_on_record(
    acme: Org, now: datetime
) -> None:
    found = account(acme, now)
    client, address = as_(acme.marketing), f"/accounts/{found.id}"
    sent = written(client, address, is_customer="on", owner=str(acme.reps[0].id), employees="120")
    assert client.post(address, sent).status_code == 302
    with acme.scope():
        saved = Account.objects.get(id=found.id)
        assert (saved.is_customer, saved.owner_id, saved.employees) == (True, acme.reps[0].id, 120)
        entry = AuditEntry.objects.get(action="account.change")
        assert entry.before == {"employees": None, "owner": None, "is_customer": False}
    assert client.post(address, written(client, address)).status_code == 302
    with acme.scope():
        assert AuditEntry.objects.filter(action="account.change").count() == 1


def test_a_customers_lead_is_no_mql_any_more(acme: Org, now: datetime) -> None:
    found = account(acme, now)
    with acme.scope():
        content = dict(acme.criteria.content)
        no_customer = {"field": "account.is_customer", "op": "equals", "value": False}
        content["rule"] = {"all": [content["rule"], no_customer]}
        CriteriaVersion.objects.filter(id=acme.criteria.id).update(content=content)
    assert call(acme, "PATCH", f"/{found.id}", {"is_customer": True}).status_code == 200
    with acme.scope():
        item = LeadIn(
            email="ann@heron.example",
            company=CompanyIn(name="Heron", domain="heron.example"),
            engagements=(EngagementIn("demo_request", "", now),),
        )
        assert receive_lead(item=item, actor="key:test", clock=fixed_clock(now)).handoff is None


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"name": "  "}, "/name"),
        ({"domain": "not a domain"}, "/domain"),
        ({"domain": "gmail.com"}, "/domain"),
        ({"domain": "kestrel.example"}, "/domain"),
        ({"employees": -1}, "/employees"),
        ({"is_customer": "yes"}, "/is_customer"),
        ({"colour": "red"}, "/colour"),
        ({"owner": "00000000-0000-0000-0000-000000000000"}, "/owner"),
    ],
)
def test_what_makes_no_sense_is_refused_at_its_field(
    acme: Org, now: datetime, body: dict[str, Any], path: str
) -> None:
    found = account(acme, now)
    account(acme, now, "Kestrel")
    refused = call(acme, "PATCH", f"/{found.id}", body)
    assert refused.status_code == 400
    assert [error["path"] for error in refused.json()["errors"]] == [path]


def test_the_form_says_a_refusal_at_its_field(acme: Org, now: datetime) -> None:
    found = account(acme, now)
    client, address = as_(acme.admin), f"/accounts/{found.id}"
    refused = client.post(address, written(client, address, domain="gmail.com"))
    assert list(refused.context["form"].errors) == ["domain"]


def test_null_empties_and_what_is_left_out_stays(acme: Org, now: datetime) -> None:
    found = account(acme, now, employees=5, revenue=9, owner_id=acme.reps[0].id)
    told = call(acme, "PATCH", f"/{found.id}", {"employees": None, "owner": None}).json()
    assert (told["employees"], told["owner"], told["revenue"], told["name"]) == (None, None, 9, "Heron")


def test_an_owner_of_another_organisation_is_nobody(acme: Org, globex: Org, now: datetime) -> None:
    found = account(acme, now)
    refused = call(acme, "PATCH", f"/{found.id}", {"owner": str(globex.reps[0].id)})
    assert [error["path"] for error in refused.json()["errors"]] == ["/owner"]


def test_reps_and_executives_read_an_account_and_do_not_edit_it(
    acme: Org, globex: Org, now: datetime
) -> None:
    found = account(acme, now, employees=1200)
    for member, way in ((acme.reps[0], "My leads there"), (acme.director, "Leads there")):
        client = as_(member)
        assert f'href="/accounts/{found.id}"' in client.get("/accounts").content.decode()
        page = client.get(f"/accounts/{found.id}").content.decode()
        assert "1,200" in page
        assert f"</svg>{way}</a>" in page
        assert 'method="post"' not in page.partition("<main")[2].partition("</main>")[0]
        assert client.post(f"/accounts/{found.id}", {"name": "Mine"}).status_code == 403
        assert client.get(f"/accounts/{found.id}/names").status_code == 403
    assert as_(globex.reps[0]).get(f"/accounts/{found.id}").status_code == 404
    with acme.scope():
        found.refresh_from_db()
        assert found.name != "Mine"


def test_nothing_beside_the_form_would_throw_away_what_is_typed(acme: Org, now: datetime) -> None:
    found = account(acme, now)
    page = as_(acme.marketing).get(f"/accounts/{found.id}").content.decode()
    main = page.partition("<main")[2].partition("</main>")[0]
    assert main.count("<form") == 1
    assert f'href="/accounts/{found.id}/names"' in main
    assert f'href="/accounts/{found.id}/merge"' in main


def test_the_list_costs_the_same_for_two_accounts_and_for_fifty(
    acme: Org, now: datetime, django_assert_max_num_queries: Any
) -> None:
    for number in range(50):
        account(acme, now, f"Firm{number:02}", owner_id=acme.reps[0].id)
    client = as_(acme.admin)
    with django_assert_max_num_queries(20):
        client.get("/accounts")


# --- Two at a time ---


def test_a_page_that_stood_open_writes_only_what_its_author_changed(acme: Org, now: datetime) -> None:
    found = account(acme, now, employees=50, is_partner=True)
    client, address = as_(acme.marketing), f"/accounts/{found.id}"
    sent = written(client, address, industry="Zoos")
    said = {"employees": 900, "is_customer": True, "is_partner": False}
    assert call(acme, "PATCH", f"/{found.id}", said).status_code == 200
    assert client.post(address, sent).status_code == 302
    with acme.scope():
        saved = Account.objects.get(id=found.id)
        assert (saved.employees, saved.is_customer, saved.is_partner) == (900, True, False)
        assert saved.industry == "Zoos"
        entry = AuditEntry.objects.filter(action="account.change").order_by("-id").first()
        assert entry is not None
        assert entry.after == {"industry": "Zoos"}


def test_whoever_changes_the_same_is_shown_what_changed_and_may_then_have_their_way(
    acme: Org, now: datetime
) -> None:
    found = account(acme, now, employees=50)
    client, address = as_(acme.marketing), f"/accounts/{found.id}"
    sent = written(client, address, employees="70", industry="Zoos")
    call(acme, "PATCH", f"/{found.id}", {"employees": 60})
    refused = client.post(address, sent)
    assert refused.status_code == 409
    assert "Employees was 50 and is 60 now." in refused.content.decode()
    with acme.scope():
        saved = Account.objects.get(id=found.id)
        assert (saved.employees, saved.industry) == (60, "")
    again = {
        name: value
        for field in refused.context["form"]
        if (value := field.value()) is not None
        for name in [field.html_name]
        if value is not False
    }
    assert again["employees"] == "70"
    assert client.post(address, again).status_code == 302
    with acme.scope():
        saved = Account.objects.get(id=found.id)
        assert (saved.employees, saved.industry) == (70, "Zoos")


def test_two_who_say_the_same_do_not_meet(acme: Org, now: datetime) -> None:
    found = account(acme, now, employees=50)
    client, address = as_(acme.marketing), f"/accounts/{found.id}"
    sent = written(client, address, employees="60")
    call(acme, "PATCH", f"/{found.id}", {"employees": 60})
    assert client.post(address, sent).status_code == 302


def test_a_form_that_does_not_say_what_was_seen_is_read_against_what_stands(acme: Org, now: datetime) -> None:
    found = account(acme, now, employees=50)
    client, address = as_(acme.marketing), f"/accounts/{found.id}"
    for seen in ("[" * 15_000, "{", "[]", '{"employees": {"a": 1}, "seen": "x"}'):
        sent = written(client, address, employees="60", seen=seen)
        assert client.post(address, sent).status_code == 302
        with acme.scope():
            assert Account.objects.get(id=found.id).employees == 60
            Account.objects.update(employees=50)


def test_a_program_that_says_what_it_saw_overwrites_nobody(acme: Org, now: datetime) -> None:
    found = account(acme, now, employees=60)
    late = call(acme, "PATCH", f"/{found.id}", {"employees": 70, "seen": {"employees": 50}})
    assert (late.status_code, late.json()["code"]) == (409, "stale_version")
    assert late.json()["changes"] == [{"field": "employees", "before": 50, "after": 60}]
    right = call(acme, "PATCH", f"/{found.id}", {"employees": 70, "seen": {"employees": 60, "owner": None}})
    assert right.status_code == 200
    assert right.json()["employees"] == 70


# --- What is refused ---


def test_a_refused_form_says_so_by_its_status(acme: Org, now: datetime) -> None:
    found = account(acme, now)
    client, address = as_(acme.admin), f"/accounts/{found.id}"
    for wrong in ({"employees": "-1"}, {"domain": "gmail.com"}):
        assert client.post(address, written(client, address, **wrong)).status_code == 422


@pytest.mark.parametrize("body", [{}, {"seen": {"employees": 5}}])
def test_a_change_of_nothing_is_told_what_is_owed(acme: Org, now: datetime, body: dict[str, Any]) -> None:
    refused = call(acme, "PATCH", f"/{account(acme, now).id}", body)
    assert refused.status_code == 400
    assert refused.json()["detail"].startswith("Send at least one field to change: name, domain,")
