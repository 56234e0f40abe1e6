"""What the KPIs are, with their bases, what was left out, and where they lead."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from leads.models import Engagement, Handoff, Lead, Opportunity
from leads.services import mark_dirty
from reporting.kpis import measured
from reporting.kpis.sheet import Line, Sheet, sheet_of
from reporting.models import KpiTarget, RollUpState, SourceCost
from tests.commitments.scenes import drain, mql, promise
from tests.factories import Org
from tests.reporting.scenes import browser, hand_over, second_team

pytestmark = pytest.mark.django_db


def at(month: int, day: int, hour: int = 9) -> datetime:
    return datetime(2026, month, day, hour, tzinfo=UTC)


def cost(month: int, source: str, amount: int, currency: str = "EUR", campaign: str = "") -> None:
    SourceCost.objects.create(
        month=date(2026, month, 1),
        source=source,
        campaign=campaign,
        amount=amount,
        currency=currency,
        set_at=at(11, 1),
        set_by="system",
    )


def win(org: Org, came: datetime, won: datetime, touched: datetime | None = None, **said: Any) -> Handoff:
    """A lead that came at a moment and was won at another."""
    amount, kind = said.pop("amount", None), said.pop("outcome", "won")
    handoff = hand_over(org, at=came, owner=org.reps[0], first_touch_at=touched, **said)
    Handoff.objects.filter(id=handoff.id).update(outcome=kind, closed_at=won, state="closed")
    if amount is not None:
        Opportunity.objects.create(
            lead=handoff.lead,
            handoff=handoff,
            amount=amount or None,
            currency="EUR",
            opened_at=came,
            closed_at=won,
            outcome=kind,
            updated_at=won,
        )
    mark_dirty([handoff.id], won)
    return handoff


Read = Callable[..., Sheet]


@pytest.fixture
def read(in_acme: Org, now: datetime) -> Read:
    def sheet(month: date = date(2026, 11, 1), moment: datetime = now) -> Sheet:
        return sheet_of(tenant=in_acme.tenant, month=month, now=moment)

    return sheet


def line(sheet: Sheet, key: str) -> Line:
    return next(each for each in sheet.lines if each.kind.key == key)


def left(found: Line) -> dict[str, int]:
    return {each.why: each.number for each in found.reading.left_out}


def test_an_empty_organisation_is_told_why_there_is_no_number(in_acme: Org, read: Read) -> None:
    sheet = read()
    assert {each.kind.key for each in sheet.lines if each.reading.value is not None} == {"mql_volume"}
    assert all(each.reading.why for each in sheet.lines if each.kind.key != "mql_volume")
    assert line(sheet, "cost_per_mql").reading.why == "No cost known."
    page = browser(in_acme.executive).get("/kpis")
    assert page.status_code == 200
    assert "11 of 11 have no owner" in page.content.decode()
    assert browser(in_acme.executive).get("/kpis?month=2027-02").status_code == 200
    assert browser(in_acme.executive).get("/kpis?month=2019-02").status_code == 200
    assert browser(in_acme.executive).get("/kpis?month=soon").status_code == 400


def test_a_month_to_come_says_what_is_to_be_reached_and_nothing_else(in_acme: Org, read: Read) -> None:
    sheet = read(date(2027, 1, 1))
    assert sheet.is_future
    assert {each.reading.why for each in sheet.lines} == {"This month has not begun."}


@pytest.mark.parametrize("month", ["2027-04", "2027-05", "2099-12"])
def test_a_month_far_ahead_is_told_as_one_to_come(in_acme: Org, month: str) -> None:
    """Of these none of the six months that a page tells has begun."""
    page = browser(in_acme.executive).get(f"/kpis?month={month}")
    assert page.status_code == 200
    assert "This month has not begun." in page.content.decode()


def test_mql_to_sql_and_volume_are_those_of_the_commitments(in_acme: Org, read: Read, now: datetime) -> None:
    promise(in_acme, "mql_volume", 42, now=now)
    for day in (1, 2, 3, 4):
        mql(in_acme, at(9, day), sql_after=9 if day == 1 else None)
    mql(in_acme, at(11, 3))
    drain(in_acme)
    sheet = read()
    share = line(sheet, "mql_to_sql")
    assert (share.reading.value, share.reading.count, share.reading.base) == (25.0, 1, 4)
    assert left(share) == {"too young: MQL less than 30 days ago": 1}
    assert (share.term.target, share.status) == (30, "watch")
    volume = line(sheet, "mql_volume")
    assert (volume.reading.value, volume.term.target, volume.status) == (1, 42, "off_target")
    # 11.1 of 21 business days have passed.
    assert volume.due is not None
    assert 22 < volume.due < 23
    assert [point.reading.value for point in volume.points] == [0, 0, 0, 4, 0, 1]


def test_cycle_and_velocity_are_medians_with_p90_and_base(in_acme: Org, read: Read) -> None:
    for days in range(1, 11):
        came = at(10, 1)
        touched = came + timedelta(days=1) if days > 2 else None
        win(in_acme, came, came + timedelta(days=days), touched)
    win(in_acme, at(10, 1), at(10, 21), source="Fair", touched=at(10, 1))
    win(in_acme, at(6, 1), at(8, 31), at(6, 2))  # before these three months
    win(in_acme, at(10, 1), at(10, 9), at(10, 2), is_test=True)
    drain(in_acme)
    sheet = read()
    cycle, velocity = line(sheet, "cycle_length").reading, line(sheet, "velocity").reading
    assert (cycle.value, cycle.p90, cycle.base) == (6.0, 10.0, 11)
    assert (velocity.value, velocity.base) == (6.0, 9)
    assert left(line(sheet, "velocity")) == {"without a known first touch before it": 2}
    by_source = {each.source: each.wins for each in sheet.sources}
    assert (by_source["Fair"].dated, by_source["Fair"].median) == (1, 20 * 86_400)
    # In August it was another lead, and the months before know nothing.
    august = line(sheet, "cycle_length").points[2].reading
    assert (august.value, august.base) == (91.0, 1)
    listed = browser(in_acme.admin).get(
        re.search(r'href="(/volume/leads[^"]+)">All won leads', _page(in_acme))[1].replace("&amp;", "&")  # type: ignore[index]
    )
    assert len(listed.context["rows"]) == 11


def _page(org: Org, address: str = "/kpis") -> str:
    answer = browser(org.admin).get(address)
    assert answer.status_code == 200, answer.content[-500:]
    return answer.content.decode()


def test_close_rate_and_deal_size_are_of_what_was_closed(in_acme: Org, read: Read) -> None:
    came = at(10, 1)
    for amount in (100, 300, 500, 0):
        win(in_acme, came, at(10, 20), amount=amount)
    win(in_acme, came, at(10, 20), amount=900, outcome="lost")
    win(in_acme, came, at(10, 21))  # won, and no deal was written down
    usd = win(in_acme, came, at(10, 20), amount=7)
    Opportunity.objects.filter(handoff=usd).update(currency="USD")
    outbound = win(in_acme, came, at(10, 20), amount=9_000)
    Handoff.objects.filter(id=outbound.id).update(kind="outbound")
    win(in_acme, at(3, 1), at(4, 1), amount=50_000)
    drain(in_acme)
    sheet = read()
    rate, size = line(sheet, "close_rate"), line(sheet, "deal_size")
    assert (rate.reading.count, rate.reading.base, rate.reading.value) == (5, 6, 83.3)
    assert left(rate) == {
        "closed ones of outbound meetings": 1,
        "leads won of which no won opportunity is written down": 1,
    }
    assert (size.reading.value, size.reading.p90, size.reading.base) == (300, 500, 3)
    assert left(size) == {"won without an amount": 1, "won in another currency": 1}
    page = _page(in_acme)
    for state, number in (("won", 5), ("closed", 6)):
        address = re.search(rf'href="(/pipeline/deals\?state={state}[^"]+)">{number}<', page)
        assert address is not None
        assert len(browser(in_acme.admin).get(address[1].replace("&amp;", "&")).context["rows"]) == number


def test_marketings_pipeline_is_that_of_no_outbound_meeting(in_acme: Org, read: Read) -> None:
    def opened(day: datetime, amount: int | None, outbound: bool = False) -> None:
        handoff = hand_over(in_acme, at=day, kind="outbound" if outbound else "inbound")
        Opportunity.objects.create(
            lead=handoff.lead, handoff=handoff, amount=amount, currency="EUR", opened_at=day, updated_at=day
        )

    opened(at(11, 2), 300)
    opened(at(11, 3), None)
    opened(at(11, 3), 100, outbound=True)
    opened(at(10, 3), 50)
    found = line(read(), "marketing_pipeline")
    assert (found.reading.value, found.reading.base, found.reading.cost) == (300, 1, 400)
    assert left(found) == {"without an amount": 1, "of outbound meetings": 1}
    assert found.points[-2].reading.value == 50
    assert "75% of the 400.00 EUR opened in all" in _page(in_acme)


def test_leads_become_opportunities_within_the_days_that_all_are_followed(
    in_acme: Org, read: Read, now: datetime
) -> None:
    old = now - timedelta(days=100)
    for days in (30, 59, 61):
        mql(in_acme, old, opportunity_at=old + timedelta(days=days))
    for stage, came in (("lead", old), ("subscriber", old), ("disqualified", old), ("lead", now)):
        Lead.objects.create(stage=stage, created_at=came, updated_at=came)
    Lead.objects.create(stage="lead", created_at=old, updated_at=old, is_test=True)
    drain(in_acme)
    found = line(read(), "lead_to_opportunity")
    assert (found.reading.count, found.reading.base) == (2, 4)
    assert left(found) == {
        "still subscribers, no leads yet": 1,
        "disqualified": 1,
        "too young: came less than 60 days ago": 1,
    }
    # Each of these numbers leads to its leads, and a program finds the same.
    page = _page(in_acme)
    numbers = {"opened": 2, "came": 4, "subscribers": 1, "disqualified": 1, "young": 1, "not_opened": 2}
    for which, number in numbers.items():
        way = f"/kpis/leads?month=2026-11&which={which}"
        assert which == "not_opened" or way.replace("&", "&amp;") in page
        listed = browser(in_acme.admin).get(way).context
        assert (listed["count"], len(listed["rows"])) == (number, number)
        called = Client(headers=in_acme.auth).get(f"/api/v1/reports/kpis/leads?month=2026-11&which={which}")
        assert [row["id"] for row in called.json()["results"]] == [
            str(row["lead"].id) for row in listed["rows"]
        ]
    file = browser(in_acme.admin).get("/kpis/leads.csv?which=came").content.decode()
    assert file.count("\n") == 5


def test_a_manager_is_shown_the_leads_of_their_teams_and_a_rep_none(in_acme: Org, now: datetime) -> None:
    old = now - timedelta(days=100)
    _, other = second_team(in_acme)
    for owner in (in_acme.reps[0], other):
        mql(in_acme, old, owner=owner, opportunity_at=old + timedelta(days=3))
    drain(in_acme)
    way = "/kpis/leads?which=opened"
    assert browser(in_acme.executive).get(way).context["count"] == 2
    page = browser(in_acme.manager).get(way)
    assert page.context["count"] == 1
    assert "Those of your teams" in page.content.decode()
    assert browser(in_acme.reps[0]).get(way).status_code == 403


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ("which=all", "/which"),
        ("month=november", "/month"),
        ("month=2031-01", "/month"),
        ("weeks=2", "/weeks"),
        ("cursor=x", "/cursor"),
    ],
)
def test_a_list_of_leads_that_cannot_be_read_is_refused_at_its_name(acme: Org, query: str, path: str) -> None:
    answer = Client(headers=acme.auth).get(f"/api/v1/reports/kpis/leads?{query}")
    assert (answer.status_code, answer.json()["errors"][0]["path"]) == (400, path)


def test_another_organisation_s_leads_are_in_no_list(acme: Org, globex: Org, now: datetime) -> None:
    old = now - timedelta(days=100)
    with acme.scope():
        Lead.objects.create(stage="lead", created_at=old, updated_at=old)
    way = "/api/v1/reports/kpis/leads?which=came"
    assert len(Client(headers=acme.auth).get(way).json()["results"]) == 1
    assert Client(headers=globex.auth).get(way).json()["results"] == []
    assert Client().get(way).status_code == 401


def test_engagement_says_where_nothing_is_known_of_it(in_acme: Org, read: Read, now: datetime) -> None:
    came = now - timedelta(days=50)
    leads = [Lead.objects.create(stage="lead", created_at=came, updated_at=came) for _ in range(4)]
    unknown = line(read(), "engagement").reading
    assert (unknown.value, unknown.base) == (None, 4)
    assert "nothing was sent of what they did" in unknown.why
    for lead, hours in ((leads[0], 0), (leads[1], 48), (leads[2], 40 * 24)):
        Engagement.objects.create(lead=lead, kind="visit", at=came + timedelta(hours=hours), received_at=now)
    known = line(read(), "engagement").reading
    assert (known.value, known.count, known.base) == (25.0, 1, 4)


def test_costs_count_where_both_sides_are_known_and_only_of_whole_months(in_acme: Org, read: Read) -> None:
    for day in range(1, 5):
        mql(in_acme, at(8, day), source="Ads", sql_after=5 if day < 3 else None)
        mql(in_acme, at(10, day), source="Ads", sql_after=5)
        mql(in_acme, at(9, day), source="Web")
    mql(in_acme, at(11, 3), source="Ads")
    cost(8, "Ads", 100)
    cost(8, "Ads", 100, campaign="Brand")
    cost(10, "Ads", 400)
    cost(9, "Fair", 70)
    cost(9, "Web", 5, currency="USD")
    cost(11, "Ads", 99_999)
    drain(in_acme)
    sheet = read()
    per_mql, per_sql = line(sheet, "cost_per_mql"), line(sheet, "cost_per_sql")
    assert (per_mql.reading.value, per_mql.reading.base, per_mql.reading.cost) == (75, 8, 600)
    assert left(per_mql) == {"MQLs of 1 source: no cost known": 4, "costs in another currency": 1}
    assert per_mql.reading.aside == ((Decimal(70), "spent where no MQL came"),)
    assert (per_sql.reading.value, per_sql.reading.base) == (100, 2)
    assert left(per_sql)["MQLs with a cost not followed for 30 days yet"] == 4
    assert per_mql.points[-1].runs
    assert per_mql.points[-1].reading.value is None
    page = _page(in_acme)
    assert "70.00 EUR spent where no MQL came" in page
    assert "no MQL to divide by" in page
    ads = next(row for row in browser(in_acme.admin).get("/kpis").context["sources"] if row["name"] == "Ads")
    assert len(browser(in_acme.admin).get(ads["mqls_url"]).context["rows"]) == ads["mqls"] == 8


def test_a_target_that_is_better_lower_stands_the_other_way_round(in_acme: Org, read: Read) -> None:
    win(in_acme, at(10, 1), at(10, 11), at(10, 1))
    drain(in_acme)
    standings = {}
    for target in (10, Decimal("9.50"), 9, 5):
        KpiTarget.objects.create(
            kpi="cycle_length",
            target=target,
            valid_from=date(2026, 11, 1),
            set_at=at(11, 2) + timedelta(minutes=len(standings)),
            set_by="system",
            why="Try.",
        )
        found = line(read(), "cycle_length")
        standings[target] = found.status
        assert found.points[-2].status is None  # October had no target
    assert standings == {10: "on_target", Decimal("9.50"): "watch", 9: "off_target", 5: "off_target"}


def test_numbers_of_roll_ups_are_those_of_facts(in_acme: Org, read: Read) -> None:
    for day in range(1, 6):
        mql(in_acme, at(9, day), source=f"S{day % 2}", sql_after=3 * day)
        cost(9, f"S{day % 2}", 10 * day, campaign=str(day))
    drain(in_acme)
    rolled = read()
    RollUpState.objects.all().delete()
    counted = read()
    assert [each.reading for each in rolled.lines] == [each.reading for each in counted.lines]
    assert [each.spent for each in rolled.sources] == [each.spent for each in counted.sources]


def test_the_pages_ask_as_many_questions_however_many_leads_there_are(in_acme: Org) -> None:
    client = browser(in_acme.manager)
    client.get("/kpis")

    def asked() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert client.get("/kpis").status_code == 200
        return len(queries)

    for day in range(1, 4):
        win(in_acme, at(9, day), at(10, day), at(9, day), source=f"S{day}", amount=5)
        cost(9, f"S{day}", 10)
    drain(in_acme)
    few = asked()
    for day in range(4, 20):
        win(in_acme, at(9, day), at(10, day), at(9, day), source=f"S{day}", amount=5)
        cost(9, f"S{day}", 10)
    drain(in_acme)
    assert asked() == few
    assert few <= 20


def test_files_have_the_numbers_of_the_page_and_no_formula(in_acme: Org) -> None:
    mql(in_acme, at(9, 1), source="=1+1", sql_after=3)
    cost(9, "=1+1", 12)
    drain(in_acme)
    client = browser(in_acme.executive)
    table = client.get("/kpis.csv").content.decode()
    assert table.count("\n") == 1 + 11 * 6
    assert "Cost per MQL,,,,12.00,EUR,,1,," in table
    assert "'=1+1,1,1,0,1,12.00" in client.get("/kpis/sources.csv").content.decode()
    assert client.get("/kpis.xlsx").content[:2] == b"PK"


def test_reps_have_no_page_and_others_other_numbers(acme: Org, globex: Org, now: datetime) -> None:
    with acme.scope():
        mql(acme, now - timedelta(days=40), sql_after=3)
        cost(9, "Ads", 12)
        drain(acme)
    assert browser(acme.reps[0]).get("/kpis").status_code == 403

    def ask(org: Org, query: str = "") -> Any:
        return Client().get(f"/api/v1/reports/kpis{query}", headers=org.auth)

    ours, theirs = ask(acme).json(), ask(globex).json()
    assert ours["results"][0]["reading"]["count"] == 1
    assert theirs["results"][0]["reading"]["base"] == 0
    assert (len(ours["sources"]), theirs["sources"]) == (2, [])
    assert ask(acme, "?month=2026-13").json()["errors"][0]["path"] == "/month"


def test_costs_that_name_a_campaign_are_held_against_what_it_brought(in_acme: Org, read: Read) -> None:
    for day in range(1, 5):
        mql(in_acme, at(8, day), source="Ads", campaign="Brand", sql_after=5 if day < 3 else None)
        mql(in_acme, at(9, day), source="Web", campaign="Brand")
        mql(in_acme, at(8, day), source="Ads", campaign="Other")
    drain(in_acme)
    assert read().campaigns == ()
    cost(8, "Ads", 900)
    cost(8, "Ads", 100, campaign="Brand")
    cost(8, "Web", 60, campaign="Brand")
    cost(9, "Fair", 70, campaign="Stand")
    cost(10, "Fair", 5, currency="USD", campaign="Stand")
    drain(in_acme)
    ((name, brand), (_, stand)) = read().campaigns
    assert (name, brand.cost, brand.mqls, brand.per_mql) == ("Brand", 160, 4, 40)
    assert (brand.no_cost, brand.per_sql, brand.months_known) == (4, 80, 1)
    assert (stand.nothing, stand.others, stand.per_mql) == (70, 1, None)
    client = browser(in_acme.admin)
    page = client.get("/kpis")
    row = page.context["campaigns"][0]
    assert "40.00 EUR" in page.content.decode()
    assert len(client.get(row["mqls_url"]).context["rows"]) == row["mqls"] == 8
    assert client.get("/kpis/campaigns.csv").content.decode().count("40.00,2,80.00") == 1
    RollUpState.objects.all().delete()
    assert [spent.per_mql for _, spent in read().campaigns] == [40, None]


def test_a_large_organisation_keeps_what_is_counted_of_rows_for_ten_minutes_and_says_so(
    in_acme: Org, read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    win(in_acme, at(10, 1), at(10, 20), amount=100)
    drain(in_acme)
    assert line(read(), "deal_size").reading.value == 100
    win(in_acme, at(10, 1), at(10, 20), amount=300)
    drain(in_acme)
    assert line(read(), "deal_size").reading.base == 2  # a small one is read anew each time
    monkeypatch.setattr(measured, "LARGE", 2)
    first = read()
    win(in_acme, at(10, 1), at(10, 20), amount=500)
    drain(in_acme)
    cost(10, "Webinar", 10)
    second = read()
    assert line(second, "deal_size").reading.base == line(first, "deal_size").reading.base == 2
    assert second.as_of == first.as_of
    cache.clear()
    assert line(read(), "deal_size").reading.base == 3


def test_the_page_and_the_call_say_when_it_was_counted(
    in_acme: Org, read: Read, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    win(in_acme, at(10, 1), at(10, 20), amount=100)
    drain(in_acme)
    headers = {"Authorization": f"Bearer {in_acme.api_key}"}
    words = "counted every ten minutes"
    assert words not in _page(in_acme)
    assert Client().get("/api/v1/reports/kpis", headers=headers).json()["as_of"] == "2026-11-17T09:00:00Z"
    monkeypatch.setattr(measured, "LARGE", 1)
    read(moment=now - timedelta(minutes=5))
    assert words in _page(in_acme)
    assert Client().get("/api/v1/reports/kpis", headers=headers).json()["as_of"] == "2026-11-17T08:55:00Z"
