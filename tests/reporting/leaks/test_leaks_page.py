"""The page of leaks, its lists, its settings and its call."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from leads.models import Lead
from reporting import lately
from reporting.leaks.settings import LeakTerms, leak_terms
from reporting.models import HandoffFact
from tenants.clock import database_clock
from tenants.models import AuditEntry, Member
from tests.factories import Org
from tests.reporting.leaks.histories import NOW, history
from tests.reporting.leaks.test_planted import PLANTED, slow
from tests.reporting.leaks.test_reading import store
from tests.reporting.scenes import browser

pytestmark = pytest.mark.django_db


def leaking(org: Org, leads: int = 1_500) -> datetime:
    """A year until now in which slow leads convert less; every lead is there to be listed."""
    now = database_clock()
    with org.scope():
        store(history(5, leads=leads, leak=slow).rows, shift=now - NOW, owner=org.reps[0])
        facts = HandoffFact.objects.values_list("lead_id", "started_at", "source")
        Lead.objects.bulk_create(
            Lead(
                id=key,
                first_name="Lea",
                last_name=f"Berg {number}",
                stage="mql",
                source=source,
                created_at=at,
                updated_at=at,
            )
            for number, (key, at, source) in enumerate(facts)
        )
    return now


def test_the_page_ranks_what_leaks_with_its_base_its_fix_and_its_leads(acme: Org) -> None:
    leaking(acme)
    page = browser(acme.manager).get("/leaks?period=365d")
    first = page.context["leaks"]["findings"][0]
    assert first["kind"] == "slow_touch"
    assert first["low"] <= first["size"] <= first["high"]
    html = page.content.decode()
    assert "Leads wait too long for a first touch" in html
    assert 'href="/policy"' in html
    assert f'href="{first["leads_url"].replace("&", "&amp;")}"' in html
    listed = browser(acme.manager).get(first["leads_url"])
    assert listed.context["count"] == first["leads"]
    assert "touched late or never" in listed.content.decode()


def test_what_was_looked_at_without_a_finding_is_said(acme: Org) -> None:
    leaking(acme)
    html = browser(acme.manager).get("/leaks?period=365d").content.decode()
    assert "Looked at without a finding" in html
    assert "One reason for more than 40% of the rejections" in html
    assert "Benjamini-Hochberg" in html


def test_an_empty_organisation_and_a_period_ahead_say_that_there_are_no_leads(acme: Org) -> None:
    for address, words in (
        ("/leaks", "No leads in this period"),
        ("/leaks?from=2031-01-01&to=2031-02-01", "This period has not begun"),
    ):
        html = browser(acme.manager).get(address).content.decode()
        assert words in html
        assert "too few: " in html


def test_one_lead_is_too_few_to_say_anything(acme: Org) -> None:
    leaking(acme, leads=1)
    html = browser(acme.manager).get("/leaks?period=365d").content.decode()
    assert "Too few leads to say" in html
    assert "50 of each, of the same sources, are needed" in html


@pytest.mark.parametrize("role", ["manager", "marketing", "executive", "admin"])
def test_a_fix_is_linked_where_the_reader_may_open_it(acme: Org, role: str) -> None:
    leaking(acme)
    member: Member = getattr(acme, role)
    client = browser(member)
    for each in client.get("/leaks?period=365d").context["leaks"]["findings"]:
        if each["fix_url"]:
            assert client.get(each["fix_url"]).status_code == 200


def test_a_rep_has_no_such_page(acme: Org) -> None:
    client = browser(acme.reps[0])
    for address in ("/leaks", "/leaks.csv", "/leaks/leads", "/leaks/leads.csv"):
        assert client.get(address).status_code == 403


def test_a_manager_sees_the_leaks_of_their_own_teams(acme: Org) -> None:
    leaking(acme)
    with acme.scope():
        HandoffFact.objects.update(member_id=None, team_id=None)
    assert browser(acme.manager).get("/leaks?period=365d").context["leaks"]["leads"] == 0
    assert browser(acme.marketing).get("/leaks?period=365d").context["leaks"]["leads"] > 0


def test_the_page_costs_as_many_queries_for_many_leads_as_for_few(acme: Org) -> None:
    client = browser(acme.manager)
    client.get("/leaks")

    def queries() -> int:
        with CaptureQueriesContext(connection) as asked:
            client.get("/leaks?period=365d")
        return len(asked)

    few = queries()
    leaking(acme)
    assert queries() == few <= 20


def test_the_findings_and_their_leads_come_as_files(acme: Org) -> None:
    leaking(acme)
    client = browser(acme.manager)
    lines = client.get("/leaks.csv?period=365d").content.decode().splitlines()
    assert lines[0].startswith("\ufeffRank,Leak,Kind,Opportunities lost")
    assert lines[1].startswith("1,")
    never = client.get("/leaks/leads.csv?period=365d&touch=never").content.decode().splitlines()
    assert len(never) - 1 == client.get("/leaks/leads?period=365d&touch=never").context["count"] > 0


@pytest.mark.parametrize(
    "query",
    ["touch=soon", "hours=seven", "reps=me", "stage=lead", "stage=sal&over=many", "lacks=shoes", "period=1y"],
)
def test_a_filter_that_cannot_be_read_is_refused(acme: Org, query: str) -> None:
    assert browser(acme.manager).get(f"/leaks/leads?{query}").status_code == 400


SETTINGS = {
    "sql_percent": "25",
    "wrong_owner_percent": "10",
    "cohort_days": "60",
    "enough_attempts": "6",
    "fast_minutes": "",
}


def test_an_admin_sets_what_the_finder_goes_by(acme: Org) -> None:
    assert browser(acme.admin).post("/leaks/settings", SETTINGS).status_code == 302
    with acme.scope():
        assert leak_terms() == LeakTerms(25, 10, 60, 6, None)
        entry = AuditEntry.objects.get(action="leak_settings.changed")
    assert (entry.before["sql_percent"], entry.after["sql_percent"]) == (30, 25)
    assert "each followed for 60 days" in browser(acme.manager).get("/leaks").content.decode()


def test_settings_out_of_range_are_refused_and_change_nothing(acme: Org) -> None:
    page = browser(acme.admin).post("/leaks/settings", SETTINGS | {"sql_percent": "100", "cohort_days": "0"})
    assert page.status_code == 422
    assert "A whole number from 1 to 99." in page.content.decode()
    with acme.scope():
        assert leak_terms() == LeakTerms()


def test_only_an_admin_may_set_it(acme: Org) -> None:
    assert browser(acme.manager).post("/leaks/settings", SETTINGS).status_code == 403


def test_the_call_gives_the_findings_of_the_page(acme: Org) -> None:
    leaking(acme)
    page = browser(acme.marketing).get("/leaks?period=365d").context["leaks"]["findings"]
    call = Client().get("/api/v1/reports/leaks?period=365d", headers=acme.auth)
    assert call.status_code == 200
    body = call.json()
    assert [each["title"] for each in body["results"]] == [each["title"] for each in page]
    assert body["results"][0]["behind"] == "touch=slow"
    assert {each["kind"] for each in body["looked"]} == {kind for kind, _, _ in PLANTED.values()}
    assert body["cohort_days"] == 90


def test_the_call_refuses_a_parameter_that_it_does_not_know(acme: Org) -> None:
    call = Client().get("/api/v1/reports/leaks?sources=x", headers=acme.auth)
    assert call.status_code == 400


def test_nothing_before_the_period_counts_as_its_leads(acme: Org) -> None:
    now = leaking(acme)
    page = browser(acme.marketing).get("/leaks?period=30d")
    with acme.scope():
        recent = HandoffFact.objects.filter(started_at__gte=now - timedelta(days=31)).count()
    assert 0 < page.context["leaks"]["leads"] <= recent
    assert page.context["leaks"]["followed"] > recent


def test_a_large_organisation_s_findings_are_kept_for_some_minutes_and_say_of_when(
    acme: Org, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lately, "LARGE", 100)
    now = leaking(acme)
    client = browser(acme.marketing)
    first = client.get("/leaks?period=365d")
    assert first.context["leaks"]["as_of"] is None
    with acme.scope():
        HandoffFact.objects.filter(started_at__lt=now - timedelta(days=100)).delete()
    again = client.get("/leaks?period=365d")
    assert again.context["leaks"]["findings"] == first.context["leaks"]["findings"]
    assert "as of " in again.content.decode()
    # Other settings, another period, and a reader who sees only part of it are answered anew.
    assert client.get("/leaks?period=90d").context["leaks"]["as_of"] is None
    assert browser(acme.manager).get("/leaks?period=365d").context["leaks"]["as_of"] is None
    browser(acme.admin).post("/leaks/settings", SETTINGS)
    changed = client.get("/leaks?period=365d").context["leaks"]
    assert (changed["as_of"], changed["findings"]) == (None, [])
