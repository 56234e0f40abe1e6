"""Pipeline and revenue: by month, by source under a named rule, and what every sum leaves out."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from leads.models import DirtyHandoff, Engagement, Handoff, Lead, Opportunity
from leads.services import mark_dirty
from reporting.facts import drain_tenant
from reporting.models import HandoffFact
from reporting.views.pipeline import _slip
from tenants.clock import database_clock
from tests.factories import Org
from tests.reporting.scenes import browser, hand_over

pytestmark = pytest.mark.django_db


def deal(handoff: Handoff, at: datetime, amount: int | None, outcome: str = "", **said: Any) -> Opportunity:
    values = {"currency": "EUR", "first_amount": amount, "opened_at": at, **said}
    closed = at + timedelta(days=5) if outcome else None
    made: Opportunity = Opportunity.objects.create(
        lead=handoff.lead,
        handoff=handoff,
        amount=amount,
        outcome=outcome,
        closed_at=closed,
        updated_at=at,
        **values,
    )
    return made


@pytest.fixture
def scene(in_acme: Org) -> Org:
    """A lead that came by a webinar, read a partner's page, and was handed over by an ad; with deals."""
    at = database_clock() - timedelta(days=20)
    handoff = hand_over(in_acme, at=at, owner=in_acme.reps[0], source="Ads", campaign="Spring")
    for days, source in ((9, "Webinar"), (3, "Partner"), (2, "")):
        Engagement.objects.create(
            lead=handoff.lead, kind="visit", at=at - timedelta(days=days), received_at=at, source=source
        )
    deal(handoff, at, 100, close_date=date(2030, 1, 15))
    deal(handoff, at, None)
    deal(handoff, at, 900, currency="USD")
    deal(handoff, at, 40, "won", first_amount=60, first_close_date=at.date(), close_date=at.date())
    deal(handoff, at, 70, "lost")
    test = hand_over(in_acme, at=at, owner=in_acme.reps[0], is_test=True)
    Lead.objects.filter(id=test.lead_id).update(is_test=True)
    deal(test, at, 5_000, "won")
    mark_dirty([handoff.id, test.id], at)
    drain_tenant(in_acme.id)
    return in_acme


def get(org: Org, path: str, who: str = "executive") -> Any:
    answer = browser(getattr(org, who)).get(path)
    assert answer.status_code == 200, answer.content[-600:]
    return answer


@pytest.mark.parametrize(("rule", "source"), [("first", "Webinar"), ("last", "Partner"), ("handoff", "Ads")])
def test_a_deal_belongs_to_the_source_that_the_named_rule_says(scene: Org, rule: str, source: str) -> None:
    page = get(scene, f"/pipeline?rule={rule}")
    assert [row["name"] for row in page.context["rows"]] == [source]
    opened, won, lost = (cell["sum"] for cell in page.context["rows"][0]["cells"])
    assert (opened.deals, opened.amount, opened.no_amount, opened.other_currency) == (3, 100, 1, 1)
    assert (won.amount, lost.amount) == (Decimal(40), Decimal(70))
    assert f"{page.context['rule']} attribution" in page.content.decode()


def test_what_was_forecast_is_held_against_what_came(scene: Org) -> None:
    forecast = get(scene, "/pipeline").context["forecast"]
    assert (forecast.deals, forecast.counted) == (2, 2)
    assert (forecast.first, forecast.last, forecast.won) == (130, 110, 40)
    assert (forecast.dated, forecast.median_slip_days) == (1, 0)


def test_open_deals_stand_in_their_months_and_numbers_lead_to_their_leads(scene: Org) -> None:
    months = get(scene, "/pipeline").context["months"]
    assert [(row["label"], row["cell"]["sum"].deals) for row in months] == [
        ("Jan 2030", 1),
        ("No close date", 2),
    ]
    assert "Lea Berg" in get(scene, months[0]["cell"]["url"]).content.decode()
    without = get(scene, months[1]["cell"]["no_amount_url"])
    assert [row.amount for row in without.context["rows"]] == [None]
    row = get(scene, "/pipeline?rule=first").context["rows"][0]
    assert len(get(scene, row["cells"][0]["url"]).context["rows"]) == 3
    assert get(scene, "/pipeline/deals.csv?state=won").content.decode().count("Lea Berg") == 1


def test_a_manager_sees_the_deals_of_their_teams_alone_and_a_rep_none(scene: Org) -> None:
    assert not get(scene, "/pipeline", "manager").context["empty"]
    HandoffFact.objects.update(team_id=None, member_id=None)
    assert get(scene, "/pipeline", "manager").context["empty"]
    assert browser(scene.reps[0]).get("/pipeline").status_code == 403


def test_another_currency_leaves_amounts_as_they_are_and_has_them_counted_again(scene: Org) -> None:
    client = browser(scene.admin)
    assert client.post("/organisation/money", {"currency": "XXZ", "attribution": "first"}).status_code == 422
    said = {"currency": "USD", "attribution": "first"}
    assert client.post("/organisation/money", said).status_code == 302
    assert DirtyHandoff.objects.exists()
    drain_tenant(scene.id)
    assert HandoffFact.objects.get(amount__isnull=False).amount == 900
    page = get(scene, "/pipeline")
    assert page.context["rule"] == "First touch"
    assert page.context["cells"][0]["sum"].amount == 900
    assert set(Opportunity.objects.values_list("currency", flat=True)) == {"EUR", "USD"}
    assert browser(scene.manager).post("/organisation/money", said).status_code == 403


def test_an_organisation_without_deals_is_told_so_and_a_wrong_rule_refused(in_acme: Org) -> None:
    assert "No deal yet" in get(in_acme, "/pipeline").content.decode()
    assert browser(in_acme.executive).get("/pipeline?rule=guess").status_code == 400


def test_the_page_costs_as_many_queries_for_many_deals(scene: Org) -> None:
    client = browser(scene.executive)
    client.get("/pipeline")
    with CaptureQueriesContext(
        connection,
    ) as few:
        client.get("/pipeline")
    handoff = Handoff.objects.filter(is_test=False)[0]
    for number in range(30):
        deal(handoff, database_clock(), number)
    with CaptureQueriesContext(connection) as many:
        client.get("/pipeline")
    assert len(few) == len(many) <= 20


def test_deals_of_outbound_meetings_are_told_as_left_out_and_counted_when_asked_for(scene: Org) -> None:
    assert "outbound" not in get(scene, "/pipeline").content.decode()
    at = database_clock() - timedelta(days=10)
    handoff = hand_over(scene, at=at, owner=scene.reps[0], source="Cold call", kind="outbound")
    deal(handoff, at, 500, close_date=date(2030, 2, 1))
    mark_dirty([handoff.id], at)
    drain_tenant(scene.id)
    page = get(scene, "/pipeline")
    assert page.context["kind_note"] == "1 deal of outbound meetings left out."
    assert page.context["cells"][0]["sum"].amount == 100
    alone = get(scene, "/pipeline?kind=outbound")
    assert alone.context["kind_note"] == "Only the 1 deal of outbound meetings."
    assert [row["name"] for row in alone.context["rows"]] == ["Cold call"]
    listed = get(scene, alone.context["rows"][0]["cells"][0]["url"])
    assert [row.amount for row in listed.context["rows"]] == [500]
    assert get(scene, "/pipeline?kind=both").context["cells"][0]["sum"].amount == 600
    assert "Cold call" in get(scene, "/pipeline.csv?kind=both").content.decode()
    assert browser(scene.executive).get("/pipeline?kind=guess").status_code == 400


def test_how_long_deals_took_is_said_in_words(scene: Org) -> None:
    assert get(scene, "/pipeline").context["slip"] == {"median": "on the day", "p90": "on the day"}
    assert [_slip(days) for days in (-12, 1, None)] == ["12 days earlier", "1 day later", ""]
