"""The queue of leads that need data: what is missing or wrong, and who can mend it."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.test import Client

from handoff.readiness import held_now
from leads.incoming import CompanyIn
from leads.models import CriteriaVersion, Lead
from leads.owed import OwedField, missing
from tenants import versions
from tests.factories import Org
from tests.handoff.conftest import browser
from tests.handoff.test_readiness import CONTENT, HOLD, came, put_in_force, stored
from tests.leads.test_criteria_draft import DRAFT, Controls, form_of, opened, text_of

pytestmark = pytest.mark.django_db


def get(org: Org, path: str) -> dict:
    answer = Client().get(f"/api/v1/{path}", headers=org.auth)
    assert answer.status_code == 200, answer.content
    return answer.json()


def test_the_queue_says_what_is_missing_what_is_wrong_and_who_can_mend_it(acme: Org, now: datetime) -> None:
    tiers = {"demo_request": ["phone", "title"]}
    put_in_force(acme, now, required_by_tier=tiers, valid=["invalid_phone"])
    lead = came(acme, now, phone="+49 30 1", source="web")
    page = text_of(browser(acme.marketing).get("/needs-data"))
    assert "Title" in page
    assert "+49301 is no number that exists in DE." in page
    assert f"{acme.marketing.name} in marketing, managers and admins can fill it in." in page
    assert "1 lead waits." in page
    (row,) = get(acme, "needs-data")["results"]
    assert (row["lead"], row["source"], row["held_until"]) == (str(lead.id), "web", None)
    assert [(each["field"], each["code"]) for each in row["lacks"]] == [
        ("phone", "invalid_phone"),
        ("title", "missing"),
    ]
    on_lead = text_of(browser(acme.marketing).get(f"/leads/{lead.id}"))
    assert "+49301 is no number that exists in DE." in on_lead
    assert "Missing: Phone and Title." in on_lead


def test_a_lead_goes_from_the_queue_once_it_is_mended(acme: Org, now: datetime) -> None:
    put_in_force(acme, now, required_by_tier={"demo_request": ["phone"]})
    lead = came(acme, now)
    mended = Client().patch(
        f"/api/v1/leads/{lead.id}",
        {"phone": "+49 30 901820"},
        content_type="application/json",
        headers=acme.auth,
    )
    assert mended.json()["needs"] == []
    assert mended.json()["handoff"] is not None
    assert get(acme, "needs-data") == {"results": [], "next": None}


def test_who_waits_goes_on_waiting_since_then_whatever_is_saved(acme: Org, now: datetime) -> None:
    put_in_force(acme, now, required=["title"], required_by_tier={"demo_request": ["phone"]})
    began = now - timedelta(days=3)
    of_all, of_tier = came(acme, began), came(acme, began, email="anna@okapi.example", title="Head of sales")
    for lead in (of_all, of_tier):
        path = f"/leads/{lead.id}/correct"
        form = Controls()
        form.feed(browser(acme.marketing).get(path).content.decode().split('id="main"')[1])
        assert browser(acme.marketing).post(path, dict(form.pairs)).status_code == 302
        assert stored(acme, lead).updated_at > began
    waiting = get(acme, "needs-data")["results"]
    assert [datetime.fromisoformat(row["since"]) for row in waiting] == [began, began]


def test_who_has_what_lacked_and_loses_it_waits_anew(acme: Org, now: datetime) -> None:
    put_in_force(acme, now, required=["title"])
    lead = came(acme, now - timedelta(days=3), "page_view", title="")
    with acme.scope():
        Lead.objects.update(needs_since=now - timedelta(days=9), needs=[])  # a wait of long ago
    came(acme, now - timedelta(days=1))
    (row,) = get(acme, "needs-data")["results"]
    assert (row["lead"], datetime.fromisoformat(row["since"])) == (str(lead.id), now - timedelta(days=1))


def test_leads_held_for_enrichment_stand_below_with_their_limit(acme: Org, now: datetime) -> None:
    put_in_force(acme, now, hold=HOLD)
    lead = came(acme, now)
    page = text_of(browser(acme.marketing).get("/needs-data"))
    assert "Held for enrichment" in page
    assert "Phone and Employees" in page
    (row,) = get(acme, "needs-data/held")["results"]
    assert row["lead"] == str(lead.id)
    assert datetime.fromisoformat(row["held_until"]) == now + timedelta(minutes=30)
    explained = get(acme, f"leads/{lead.id}/explain")["quality"]
    assert datetime.fromisoformat(explained["held_until"]) == now + timedelta(minutes=30)
    assert "its clocks start then" in text_of(browser(acme.marketing).get(f"/leads/{lead.id}"))


def test_what_the_account_says_is_known_wherever_it_is_asked(acme: Org, now: datetime) -> None:
    put_in_force(acme, now, required=["country", "company_name", "region"])
    company = CompanyIn(name="Okapi Freight", domain="okapi.example", country="DE", region="Berlin")
    came(acme, now, CONTENT, "first@okapi.example", company=company)
    bare = came(acme, now, company=CompanyIn(domain="okapi.example"))
    assert (bare.country, bare.company_name, bare.needs, bare.stage) == ("", "", [], "mql")
    assert {"country", "company_name"}.isdisjoint(get(acme, f"leads/{bare.id}")["completeness"]["missing"])
    with acme.scope():
        asked = [OwedField(name, name) for name in ("country", "company_name", "region", "phone")]
        assert [each.name for each in missing(bare, asked)] == ["phone"]


def test_test_leads_are_in_no_queue_and_in_no_count(acme: Org, now: datetime) -> None:
    put_in_force(acme, now, hold=HOLD, required=["title"])
    came(acme, now, test=True)
    assert get(acme, "needs-data")["results"] == get(acme, "needs-data/held")["results"] == []
    real = came(acme, now, email="anna@okapi.example")
    page = text_of(browser(acme.marketing).get("/needs-data"))
    assert "1 lead waits." in page
    assert [row["lead"] for row in get(acme, "needs-data/held")["results"]] == [str(real.id)]
    with acme.scope():
        assert [held.lead.id for held in held_now(limit=5)] == [real.id]


def test_another_organisation_sees_nothing_of_it(acme: Org, globex: Org, now: datetime) -> None:
    put_in_force(acme, now, hold=HOLD, required=["title"])
    lead = came(acme, now)
    assert get(globex, "needs-data")["results"] == get(globex, "needs-data/held")["results"] == []
    assert lead.full_name not in text_of(browser(globex.marketing).get("/needs-data"))


def test_a_lead_says_how_complete_it_is(acme: Org, now: datetime) -> None:
    company = CompanyIn(name="Okapi Freight", domain="okapi.example", employees=120, country="DE")
    lead = came(acme, now, CONTENT, phone="030 1", first_name="Ruth", company=company)
    found = get(acme, f"leads/{lead.id}")["completeness"]
    assert (found["known"], found["of"]) == (6, 10)
    assert found["missing"] == ["last_name", "title", "account.industry"]
    assert found["invalid"] == ["phone"]
    assert [each["code"] for each in found["findings"]] == ["invalid_phone"]
    page = text_of(browser(acme.marketing).get(f"/leads/{lead.id}"))
    assert "6 of 10 fields known" in page
    assert page.count(" of 10 ") == 1, "it is counted once"


def test_the_draft_takes_tiers_checks_and_a_hold_without_script(acme: Org) -> None:
    client = browser(acme.admin)
    sent = opened(client)
    half = {**sent, "tier:demo_request": ["phone"], "valid": ["invalid_phone"], "hold_minutes": "20"}
    refused = client.post(DRAFT, {**half, "do": "save"})
    assert refused.status_code == 422
    assert "Choose what enrichment brings" in refused.content.decode()
    kept = form_of(refused)
    assert kept["tier:demo_request"] == ["phone"]
    done = client.post(DRAFT, {**kept, "hold_fields": ["account.employees"], "do": "check"}, follow=True)
    assert "Must be known for tier demo_request: also Phone." in done.content.decode()
    with acme.scope():
        draft = versions.open_draft(CriteriaVersion)
        assert draft is not None
        assert draft.content["required_by_tier"] == {"demo_request": ["phone"]}
        assert draft.content["hold"] == {"fields": ["account.employees"], "minutes": 20}
    again = form_of(client.get(DRAFT))
    assert (again["hold_minutes"], again["valid"]) == (["20"], ["invalid_phone"])
