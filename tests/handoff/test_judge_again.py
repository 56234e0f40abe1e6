"""Leads are judged again by the criteria in force: looked at first, then done."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from handoff.judge_again import judge_again, last_leads
from handoff.services import Actor, reject_lead
from leads.incoming import CompanyIn
from leads.models import DataWait, Handoff, Lead
from sla.models import Timer
from tenants.clock import database_clock, fixed_clock
from tenants.models import AuditEntry
from tests.factories import Org, engaged
from tests.handoff.conftest import browser, handoff_of
from tests.handoff.test_readiness import came, handoffs, put_in_force, stored
from tests.leads.test_criteria_draft import text_of

pytestmark = pytest.mark.django_db

PAGE_VIEWS = {"rule": engaged("page_view")}
PAGE = "/qualification/judge-again"


def post(org: Org, **data: Any) -> Any:
    return Client().post(
        "/api/v1/criteria/judge-again", data, content_type="application/json", headers=org.auth
    )


def viewer(org: Org, now: datetime, email: str = "ruth@okapi.example", **said: Any) -> Lead:
    return came(org, now, "page_view", email, **said)


@pytest.fixture
def recent() -> datetime:
    """Pages and calls live now."""
    return database_clock() - timedelta(hours=1)


def test_a_look_says_what_would_change_and_leaves_nothing(acme: Org, recent: datetime) -> None:
    lead, other = viewer(acme, recent), came(acme, recent, "newsletter", "anna@okapi.example")
    put_in_force(acme, recent, **PAGE_VIEWS)
    before = stored(acme, lead)
    found = post(acme, last=1000, dry_run=True).json()
    (row,) = found.pop("results")
    assert found == {
        "dry_run": True,
        "version": 2,
        "leads": 2,
        "with_sales": 0,
        "ended": 0,
        "changed": 1,
        "counts": {"handed_over": 1},
        "handed_over": 1,
    }
    assert (row["lead"], row["change"], row["words"]) == (str(lead.id), "handed_over", "Goes to sales.")
    after = stored(acme, lead)
    assert (after.stage, after.verdict, after.updated_at) == (before.stage, before.verdict, before.updated_at)
    with acme.scope():
        assert not Handoff.objects.exists()
        assert not AuditEntry.objects.filter(action="leads.judge_again").exists()
    assert handoffs(acme, other) == []


def test_what_qualifies_now_goes_to_sales_with_running_clocks(
    acme: Org, globex: Org, recent: datetime
) -> None:
    lead, theirs = viewer(acme, recent), viewer(globex, recent)
    other = came(acme, recent, "newsletter", "anna@okapi.example")
    for org in (acme, globex):
        put_in_force(org, recent, **PAGE_VIEWS)
    found = post(acme, leads=[str(lead.id), str(other.id), str(lead.id)]).json()
    assert (found["leads"], found["changed"], found["handed_over"]) == (2, 1, 1)
    handoff = handoff_of(acme, lead)
    assert handoff.owner is not None
    assert handoff.verdict is not None
    assert handoff.verdict["version"] == 2
    with acme.scope():
        assert Timer.objects.filter(handoff=handoff, state="running").exists()
        entry = AuditEntry.objects.get(action="leads.judge_again")
        assert entry.after == {"leads": 2, "changed": 1, "handed_over": 1}
    assert stored(acme, other).updated_at == other.updated_at  # judged, and not heard of
    assert handoffs(globex, theirs) == []
    again = post(acme, last=10).json()
    assert (again["leads"], again["with_sales"], again["changed"]) == (1, 1, 0)


def test_each_lead_is_said_what_becomes_of_it(acme: Org, now: datetime) -> None:
    rejected = came(acme, now, email="a@okapi.example")
    with acme.scope():
        reject_lead(
            lead_id=rejected.id,
            reason="wrong_title",
            actor=Actor("key:test", None, oversees=True),
            clock=fixed_clock(now + timedelta(seconds=1)),
        )
    put_in_force(acme, now, required=["phone"])
    waits = came(acme, now, email="b@okapi.example")
    bare = viewer(acme, now, "c@okapi.example")
    put_in_force(acme, now, **PAGE_VIEWS, required=["title"])
    found = judged(acme, now)
    assert found == {waits.id: "no_more", bare.id: "needs_data"}
    assert stored(acme, bare).needs == ["title"]
    put_in_force(acme, now, **PAGE_VIEWS, hold={"fields": ["phone"], "minutes": 30})
    assert judged(acme, now) == {bare.id: "held"}
    with acme.scope():
        assert DataWait.objects.get(kind="enrichment").lead_id == bare.id
    assert judged(acme, now) == {}
    put_in_force(acme, now)
    assert judged(acme, now) == {waits.id: "handed_over", bare.id: "no_more"}
    # Another did nothing since its handoff ended.
    put_in_force(acme, now, rule={"field": "account.domain", "op": "equals", "value": "okapi.example"})
    assert judged(acme, now) == {bare.id: "handed_over"}
    assert len(handoffs(acme, rejected)) == 1


def judged(org: Org, now: datetime) -> dict[Any, str]:
    with org.scope():
        found = judge_again(last_leads(1000), actor="system", clock=fixed_clock(now))
        return {each.id: each.change for each in found.changed}


def test_test_leads_and_others_leads_are_not_among_the_last(acme: Org, globex: Org, recent: datetime) -> None:
    viewer(acme, recent, test=True)
    theirs = viewer(globex, recent)
    put_in_force(acme, recent, **PAGE_VIEWS)
    assert post(acme, last=5).json()["leads"] == 0
    refused = post(acme, leads=[str(theirs.id)])
    assert refused.status_code == 400
    assert refused.json()["errors"][0]["path"] == "/leads/0"


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, "/leads"),
        ({"last": 5, "leads": []}, "/leads"),
        ({"last": 1001}, "/last"),
        ({"last": 5, "dry_run": "yes"}, "/dry_run"),
        ({"leads": ["x"]}, "/leads/0"),
    ],
)
def test_what_names_no_leads_is_refused_with_its_place(acme: Org, body: dict[str, Any], path: str) -> None:
    refused = post(acme, **body)
    assert (refused.status_code, refused.json()["errors"][0]["path"]) == (400, path)


def test_without_criteria_there_is_nothing_to_judge_by(acme: Org, recent: datetime) -> None:
    with acme.scope():
        acme.criteria.state = "retired"
        acme.criteria.save()
    assert post(acme, last=5).status_code == 409
    refused = browser(acme.admin).post(PAGE, {"last": "100", "do": "preview"})
    assert refused.status_code == 409
    assert "No criteria are in force" in refused.content.decode()


# --- The pages ---


def test_marketing_looks_and_then_judges_on_the_page(
    acme: Org, recent: datetime, django_assert_max_num_queries: Any
) -> None:
    lead = viewer(acme, recent)
    put_in_force(acme, recent, **PAGE_VIEWS)
    client = browser(acme.marketing)
    assert "See what would change" in text_of(client.get(PAGE))
    with django_assert_max_num_queries(60):  # all of an intake, taken back
        page = text_of(client.post(PAGE, {"last": "1000", "do": "preview"}))
    assert "1 would change , 1 of them would go to sales now." in page.replace("change,", "change ,")
    assert handoffs(acme, lead) == []
    done = client.post(PAGE, {"last": "1000", "do": "judge"}, follow=True)
    assert "1 lead was judged by version 2. Goes to sales." in text_of(done)
    assert len(handoffs(acme, lead)) == 1


def test_one_lead_is_judged_again_from_its_page(acme: Org, globex: Org, recent: datetime) -> None:
    lead, theirs = viewer(acme, recent), viewer(globex, recent)
    put_in_force(acme, recent, **PAGE_VIEWS, required=["title"])
    client = browser(acme.marketing)
    assert "Judge again" in text_of(client.get(f"/leads/{lead.id}"))
    page = text_of(client.post(PAGE, {"lead": str(lead.id), "do": "preview"}))
    assert "Qualifies, and waits under Needs data: Title." in page
    done = client.post(PAGE, {"lead": str(lead.id), "do": "judge"})
    assert (done.status_code, done.headers["Location"]) == (302, f"/leads/{lead.id}")
    assert stored(acme, lead).needs == ["title"]
    assert client.post(PAGE, {"lead": str(theirs.id), "do": "judge"}).status_code == 404


@pytest.mark.parametrize("role", ["manager", "executive"])
def test_nobody_else_judges_again(acme: Org, role: str) -> None:
    client = browser(getattr(acme, role))
    assert client.get(PAGE).status_code == client.post(PAGE, {"do": "judge"}).status_code == 403


def test_what_is_no_number_of_leads_is_refused_at_its_field(acme: Org) -> None:
    refused = browser(acme.admin).post(PAGE, {"last": "7", "do": "judge"})
    assert refused.status_code == 422
    assert "7 is not one of the available choices" in refused.content.decode()


def test_many_leads_cost_no_more_statements_than_a_few(acme: Org, now: datetime) -> None:
    def statements(number: int) -> int:
        put_in_force(acme, now)
        for place in range(number):
            viewer(acme, now, f"p{place}@crane{number}x{place}.example")
        put_in_force(acme, now, **PAGE_VIEWS)
        with acme.scope(), CaptureQueriesContext(connection) as asked:
            found = judge_again(last_leads(number), actor="system", clock=fixed_clock(now), dry_run=True)
            assert found.handed_over == number
        return len(asked)

    few = statements(4)
    assert statements(40) <= few + 2


def test_each_lead_says_why_and_the_page_counts_by_reason(acme: Org, recent: datetime) -> None:
    for place, (company, name) in enumerate([("DE", "Ada"), ("FR", "Bea"), ("FR", "Cyd")]):
        email = f"p{place}@crane{place}.example"
        held = CompanyIn(name=f"Crane {place}", domain=f"crane{place}.example", country=company)
        put_in_force(acme, recent, required=["title"])
        came(acme, recent, email=email, first_name=name, company=held)
    german = {"field": "account.country", "op": "equals", "value": "DE"}
    put_in_force(acme, recent, fit=german, required=["title"], hold=None)
    found = post(acme, last=10, dry_run=True).json()
    assert found["counts"] == {"no_more": 2}
    assert [row["reasons"] for row in found["results"]] == [
        ["Now not met: Account country is DE (Germany), it is FR (France)."]
    ] * 2
    client = browser(acme.marketing)
    page = text_of(client.post(PAGE, {"last": "100", "do": "preview"}))
    assert "2: Qualifies no more" in page
    assert "2: Not met: Account country is DE (Germany)" in page
    assert page.count("Now not met: Account country is DE (Germany), it is FR (France).") == 2
    assert "Judge these 3 again: 2 change" in page
    done = client.post(PAGE, {"last": "100", "do": "judge"}, follow=True)
    assert "3 leads were judged by version" in text_of(done)
    assert "2 changed. 2 qualifies no more." in text_of(done)


def test_who_was_with_sales_and_did_nothing_since_is_left_as_it_is(acme: Org, recent: datetime) -> None:
    ended = came(acme, recent)
    with acme.scope():
        reject_lead(
            lead_id=ended.id,
            reason="wrong_title",
            actor=Actor("key:test", None, oversees=True),
            clock=fixed_clock(recent + timedelta(seconds=1)),
        )
    put_in_force(acme, recent, rule={"field": "account.domain", "op": "equals", "value": "crane.example"})
    before = stored(acme, ended)
    client = browser(acme.marketing)
    page = text_of(client.post(PAGE, {"last": "100", "do": "preview"}))
    assert "1 that sales had and that did nothing since left as it is" in page
    assert "Nothing to judge" in page
    done = client.post(PAGE, {"lead": str(ended.id), "do": "judge"}, follow=True)
    assert "Nothing was judged: sales had it, and it did nothing since." in text_of(done)
    assert (stored(acme, ended).verdict, stored(acme, ended).stage) == (before.verdict, before.stage)
    came(acme, recent + timedelta(minutes=1), "newsletter")
    assert post(acme, last=10).json()["leads"] == 1
