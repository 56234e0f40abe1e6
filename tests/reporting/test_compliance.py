"""The compliance page, its files and its list of leads, through HTTP."""

from __future__ import annotations

import csv
import io
from copy import deepcopy
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from openpyxl import load_workbook

from leads.models import Handoff
from leads.services import mark_dirty
from reporting import rollups
from reporting.models import RollUpState, TargetFact
from reporting.views import asked, volume
from tenants.models import Member
from tests.factories import POLICY, Org, make_org
from tests.reporting.scenes import answer as give_answer
from tests.reporting.scenes import browser, drain, give, hand_over, second_team, week_of_work

pytestmark = pytest.mark.django_db


@pytest.fixture
def at_now(monkeypatch: pytest.MonkeyPatch, now: datetime) -> datetime:
    for module in (asked, volume):
        monkeypatch.setattr(module, "database_clock", lambda: now)
    return now


@pytest.fixture
def week(acme: Org, at_now: datetime) -> Org:
    with acme.scope():
        acme.extra = week_of_work(acme, at_now)
    return acme


def read(member: Member, path: str = "/compliance", **query: str):
    return browser(member).get(path, query)


def lines(answer) -> list[list[str]]:
    return list(csv.reader(io.StringIO(answer.content.decode().removeprefix("\ufeff"))))


def kpi(answer, label: str) -> dict[str, object]:
    return next(card for card in answer.context["kpis"] if card["label"] == label)


def test_the_rate_names_its_base_and_what_it_leaves_out(week: Org) -> None:
    answer = read(week.admin)
    assert answer.status_code == 200
    # Kept: quick, hour. Broken: late, never. Left out: one running, one called off; the drill is nowhere.
    assert (kpi(answer, "First touch on time")["value"], kpi(answer, "First touch on time")["target"]) == (
        "50",
        "2 of 4",
    )
    assert kpi(answer, "First touch on time")["status"] == "off_target"
    text = answer.content.decode()
    assert "First touch: 4 of 6 clocks count, left out are 1 not due yet, 1 closed or moved on" in text
    assert kpi(answer, "Leads handed over")["value"] == "6"
    assert kpi(answer, "Overdue now")["value"] == "1"


def test_response_times_are_of_answered_clocks_in_working_time(week: Org) -> None:
    answer = read(week.admin)
    # 30, 60 and 300 minutes were needed: the median is the middle one, a value that really occurred.
    assert (kpi(answer, "Median first touch")["value"], kpi(answer, "Median first touch")["target"]) == (
        "1h 00m",
        "Of 3 answered",
    )
    assert kpi(answer, "90% touched within")["value"] == "5h 00m"
    bars = {
        bar["label"]: (bar["on_time"], bar["late"])
        for bar in answer.context["bars"]
        if bar["on_time"] + bar["late"]
    }
    assert bars == {"30–60": (1, 0), "1–2h": (1, 0), "4–8h": (0, 1), "Never": (0, 1)}


def test_a_deadline_counts_as_broken_before_any_sweep_saw_it(week: Org) -> None:
    with week.scope():
        never = TargetFact.objects.get(handoff=week.extra["never"], clock="company", target="first_touch")
    assert never.verdict == "open"
    answer = read(week.admin, breaches="all")
    row = next(row for row in answer.context["breaches"] if row["lead"].id == week.extra["never"].lead_id)
    assert (row["status"], row["story"]) == ("overdue", [])
    assert row["seconds"] == 16_200  # due Monday 14:00: three and a half hours then, one today


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        ("rep", {"Rep1 Acme": (1, 2, 3), "Rep2 Acme": (1, 2, 3)}),
        ("team", {"Inbound": (2, 4, 6)}),
        ("source", {"Webinar": (1, 3, 4), "Paid social": (1, 1, 1), "No source given": (0, 0, 1)}),
        ("tier", {"Contact form": (2, 4, 6)}),
        ("campaign", {"No campaign given": (2, 4, 6)}),
    ],
)
def test_each_split_adds_up_to_the_whole(
    week: Org, by: str, expected: dict[str, tuple[int, int, int]]
) -> None:
    answer = read(week.admin, by=by)
    found = {
        row["name"]: (row["rate"].kept, row["rate"].base, row["rate"].all) for row in answer.context["rows"]
    }
    assert found == expected


def test_every_number_leads_to_exactly_its_leads(week: Org) -> None:
    """Each link of the table answers with as many clocks as the number said."""
    client = browser(week.admin)
    answer = client.get("/compliance", {"by": "source"})
    for row in answer.context["rows"]:
        assert client.get(row["url"]).context["count"] == row["rate"].all
        assert client.get(row["missed_url"]).context["count"] == row["rate"].broken
        assert client.get(row["second_url"]).context["count"] == row["second"].base
    told = kpi(answer, "First touch on time")
    assert str(told["target"]).endswith(f" of {client.get(told['url']).context['count']}")
    assert client.get(kpi(answer, "Overdue now")["url"]).context["count"] == 1
    assert client.get(kpi(answer, "Median first touch")["url"]).context["count"] == 3
    for verdict, count in (("met", 2), ("missed", 2), ("open", 1), ("cancelled", 1)):
        listed = client.get("/compliance/leads", {"target": "first_touch", "verdict": verdict})
        assert (listed.context["count"], len(listed.context["rows"])) == (count, count)


@pytest.mark.parametrize("query", [{}, {"pauses": "ignored"}, {"clock": "owner"}])
def test_bars_days_and_small_charts_lead_to_exactly_their_clocks(week: Org, query: dict[str, str]) -> None:
    page = read(week.admin, **query)
    told = [(bar["on_time"] + bar["late"], bar["url"]) for bar in page.context["bars"]]
    told += [(point["base"], point["url"]) for point in page.context["trend"] if point["base"]]
    steps = [step for row in page.context["rows"] for step in row["steps"] if step["base"]]
    told += [(step["base"], step["url"]) for step in steps]
    assert sum(number for number, _ in told) > 8
    for number, way in told:
        behind = read(week.admin, way).context
        assert behind["count"] == len(behind["rows"]) == number, way
    assert ("The small charts as a table" in page.content.decode()) == bool(steps)


def test_the_small_charts_of_those_without_a_name_are_a_table_too(week: Org) -> None:
    page = read(week.admin, by="campaign")
    assert [(row["rate"].base, bool(row["steps"])) for row in page.context["rows"]] == [(4, True)]
    assert "The small charts as a table" in page.content.decode()


@pytest.mark.parametrize("layout", [rollups.LAYOUT, 0])
def test_clocks_recorded_elsewhere_are_behind_the_bars_that_count_them(week: Org, layout: int) -> None:
    """Their working time is not known: on time they are in no bar, late they are in that of never."""
    with week.scope():
        known = TargetFact.objects.filter(target="first_touch", met_at__isnull=False)
        assert set(known.values_list("verdict", flat=True)) == {"met", "missed"}
        known.update(business_seconds=None)
        rollups.rebuild(zone="Europe/Berlin")
        RollUpState.objects.update(layout=layout)
    bars = read(week.admin).context["bars"]
    assert [bar["on_time"] + bar["late"] for bar in bars] == [0] * 8 + [2]
    for bar in bars:
        assert read(week.admin, bar["url"]).context["count"] == bar["on_time"] + bar["late"], bar


def test_a_list_of_what_cannot_be_together_is_empty(week: Org) -> None:
    ways = ("only=left_out&response=1800", "only=left_out&response=never", "verdict=met&response=never")
    for way in ways:
        answer = read(week.admin, f"/compliance/leads?target=first_touch&{way}")
        assert (answer.context["count"], answer.context["rows"]) == (0, []), way


def test_a_list_of_a_bar_is_narrowed_to_a_verdict_within_it(week: Org) -> None:
    page = read(week.admin, "/compliance/leads?target=first_touch&response=never").context
    assert page["title"] == "First touch: late without a known response time"
    tabs = {tab["label"]: read(week.admin, tab["url"]).context["count"] for tab in page["verdicts"]}
    assert (page["count"], tabs["All"], tabs["Late"], tabs["On time"]) == (1, 1, 1, 0)


def test_of_thousands_of_campaigns_the_largest_are_told_and_the_others_together(
    acme: Org, at_now: datetime
) -> None:
    with acme.scope():
        first = hand_over(acme, at=at_now - timedelta(days=2), owner=acme.reps[0], campaign="Spring")
        hand_over(acme, at=at_now - timedelta(days=2), owner=acme.reps[0], campaign="Spring")
        drain(acme)
        names = [each.attname for each in TargetFact._meta.fields if each.name not in ("id", "campaign")]
        for row in TargetFact.objects.filter(handoff_id=first.id, clock="company"):
            values = {name: getattr(row, name) for name in names}
            TargetFact.objects.bulk_create(
                TargetFact(id=uuid4(), **values, campaign=f"Campaign {number}") for number in range(400)
            )
        rollups.rebuild(zone="Europe/Berlin")
    page = read(acme.admin, by="campaign")
    assert len(page.content) < 300_000
    told = page.context["rows"]
    assert (len(told), page.context["number"], page.context["others"]["number"]) == (50, 401, 351)
    assert "Spring" in {row["name"] for row in told}
    whole = sum(row["rate"].all for row in told) + page.context["others"]["rate"].all
    assert whole == 402
    found = read(acme.admin, by="campaign", find="campaign 39").context
    assert (len(found["rows"]), found["others"]) == (11, None)
    answer = Client().get("/api/v1/reports/compliance?by=campaign", headers=acme.auth).json()
    assert (answer["groups"], len(answer["results"])) == (401, 50)
    assert len(lines(read(acme.admin, "/compliance.csv", by="campaign"))) == 402


def test_the_largest_campaigns_are_counted_alone_and_the_rest_is_what_they_leave_of_the_whole(
    acme: Org, at_now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    with acme.scope():
        for place, campaign in enumerate(("Spring", "Fair", "Click 1", "Click 2", "")):
            for number in range(6 - place):
                began = at_now - timedelta(days=number, hours=place)
                handoff = hand_over(acme, at=began, owner=acme.reps[0], campaign=campaign)
                if number % 2:
                    give_answer(handoff, at=began + timedelta(minutes=20 * number))
        drain(acme)
    every = read(acme.admin, by="campaign").context
    monkeypatch.setattr("reporting.selectors.numbers.MOST_GROUPS", 2)
    some = read(acme.admin, by="campaign").context
    assert {row["name"] for row in some["rows"]} == {"Spring", "Fair"}
    assert (some["number"], some["others"]["number"]) == (5, 3)
    told = [row for row in every["rows"] if row["name"] in ("Spring", "Fair")]
    assert [without_urls(row) for row in some["rows"]] == [without_urls(row) for row in told]
    left = [row["rate"] for row in every["rows"] if row["name"] not in ("Spring", "Fair")]
    assert some["others"]["rate"].all == sum(rate.all for rate in left) == 9
    assert some["others"]["rate"].kept == sum(rate.kept for rate in left)
    for name in ("kpis", "bars", "responses", "counted", "trend", "targets"):
        assert some[name] == every[name], name
    found = read(acme.admin, by="campaign", find="click").context
    assert ({row["name"] for row in found["rows"]}, found["others"]) == ({"Click 1", "Click 2"}, None)
    assert read(acme.admin, by="campaign", find="nowhere").context["rows"] == []
    call = Client().get("/api/v1/reports/compliance?by=campaign", headers=acme.auth).json()
    assert (call["groups"], [row["key"] for row in call["results"]]) == (
        5,
        [row["name"] for row in some["rows"]],
    )
    assert len(lines(read(acme.admin, "/compliance.csv", by="campaign"))) == 6


def test_a_campaign_is_found_by_a_clock_of_the_period_whose_handoff_began_before(
    acme: Org, at_now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = acme.reps[:2]
    with acme.scope():
        for campaign in ("Spring", "Fair", "Click", "Autumn"):
            hand_over(acme, at=at_now - timedelta(days=2), owner=one, campaign=campaign)
        early = hand_over(acme, at=at_now - timedelta(days=60), owner=one, campaign="Early spring")
        give(early, two, at=at_now - timedelta(days=3))
        unowned = hand_over(acme, at=at_now - timedelta(days=2), campaign="Springs of nobody")
        mark_dirty([early.id, unowned.id], at_now)
        drain(acme)
    every = read(acme.admin, by="campaign", clock="owner", find="SPRING").context
    monkeypatch.setattr("reporting.selectors.numbers.MOST_GROUPS", 2)
    some = read(acme.admin, by="campaign", clock="owner", find="SPRING").context
    for context in (every, some):
        assert {row["name"] for row in context["rows"]} == {"Spring", "Early spring"}
        assert context["number"] == 2
    asked = "/api/v1/reports/compliance?by=campaign&clock=owner&find="
    for text, number in (("r", 3), ("%", 0), ("_", 0), ("'", 0), ("early", 1)):
        call = Client().get(asked + quote(text), headers=acme.auth).json()
        assert (call["groups"], len(call["results"])) == (number, min(number, 2)), text


def without_urls(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if "url" not in name}


def test_a_list_over_all_targets_goes_on_where_its_page_ended_and_says_how_many_it_has(week: Org) -> None:
    with week.scope():
        rows = TargetFact.objects.filter(clock="company").order_by("-started_at", "-id")
        expected = [row.id for row in rows]
    call = "/api/v1/reports/compliance/clocks?from=2026-01-01&to=2026-12-31&limit=3"
    told: list[UUID] = []
    while call:
        page = Client().get(call, headers=week.auth).json()
        told += [UUID(row["id"]) for row in page["results"]]
        call = page["next"]
    assert told == expected
    asked = [{}, *({"verdict": each} for each in ("met", "missed", "open", "cancelled"))]
    for query in (*asked, {"only": "judged"}, {"only": "left_out"}):
        answer = read(week.admin, "/compliance/leads", period="365d", **query)
        with week.scope():
            RollUpState.objects.update(layout=0)
        again = read(week.admin, "/compliance/leads", period="365d", **query)
        assert answer.context["count"] == again.context["count"], query
        with week.scope():
            RollUpState.objects.update(layout=rollups.LAYOUT)


def test_filters_narrow_everything_and_stay_in_the_address(week: Org) -> None:
    answer = read(week.admin, source="Webinar", period="7d", by="rep")
    assert kpi(answer, "Leads handed over")["value"] == "4"
    tab = next(tab for tab in answer.context["tabs"] if tab["label"] == "By team")
    assert "source=Webinar" in tab["url"]
    assert "period=7d" in tab["url"]
    assert kpi(read(week.admin, source="none"), "Leads handed over")["value"] == "1"
    assert kpi(read(week.admin, tier="no_such_tier"), "Leads handed over")["value"] == "0"


def test_days_are_those_of_the_organisation(acme: Org, at_now: datetime) -> None:
    """23:30 UTC on the 9th is the 10th in Berlin."""
    late_evening = datetime(2026, 11, 9, 23, 30, tzinfo=at_now.tzinfo)
    with acme.scope():
        hand_over(acme, at=late_evening, owner=acme.reps[0])
        drain(acme)
    counts = {}
    for day in ("2026-11-09", "2026-11-10"):
        counts[day] = kpi(read(acme.admin, **{"from": day, "to": day}), "Leads handed over")["value"]
    assert counts == {"2026-11-09": "0", "2026-11-10": "1"}


def test_the_owner_clock_is_another_question(week: Org) -> None:
    assert kpi(read(week.admin, clock="owner"), "Assignments")["value"] == "6"


def test_the_trend_has_a_point_for_each_day_and_gaps_where_nothing_counted(week: Org) -> None:
    trend = read(week.admin, period="7d").context["trend"]
    assert [point["label"] for point in trend] == [
        "11 Nov",
        "12 Nov",
        "13 Nov",
        "14 Nov",
        "15 Nov",
        "16 Nov",
        "17 Nov",
    ]
    assert [point["value"] for point in trend] == [None] * 5 + [50.0, None]


def test_long_periods_are_drawn_by_week(week: Org) -> None:
    answer = read(week.admin, period="365d")
    assert answer.context["trend_title"] == "First touch on time, by week"
    last = answer.context["trend"][-1]
    assert (last["label"], last["value"], last["base"]) == ("16 Nov", 50.0, 4)
    assert "from=2026-11-16&to=2026-11-17" in last["url"]


def test_an_empty_period_says_what_will_be_here(acme: Org, at_now: datetime) -> None:
    answer = read(acme.admin)
    assert answer.status_code == 200
    assert "No clocks in this period" in answer.content.decode()


# --- Who sees what ---


def test_a_rep_sees_only_their_own(week: Org) -> None:
    answer = read(week.reps[0])
    assert "My compliance" in answer.content.decode()
    assert kpi(answer, "Assignments")["value"] == "3"  # the owner's clock unless told otherwise
    assert "Rep2" not in answer.content.decode()
    whole = read(week.reps[0], clock="company", by="rep", rep=str(week.reps[1].id))
    assert whole.context["rows"] == []
    assert read(week.reps[0], "/compliance/leads", rep=str(week.reps[1].id)).context["count"] == 0


def test_a_manager_sees_their_teams(week: Org, at_now: datetime) -> None:
    with week.scope():
        team, rep = second_team(week)
        hand_over(week, at=at_now - timedelta(hours=1), owner=rep)
        drain(week)
        chief = team.manager
    assert kpi(read(chief), "Leads handed over")["value"] == "1"
    assert kpi(read(week.manager), "Leads handed over")["value"] == "6"
    assert kpi(read(week.marketing), "Leads handed over")["value"] == "7"
    assert kpi(read(week.executive), "Leads handed over")["value"] == "7"
    assert read(chief, "/compliance/leads", team=str(week.team.id)).context["count"] == 0


def test_another_organisation_sees_nothing(week: Org, globex: Org) -> None:
    for path in ("/compliance", "/compliance/leads", "/volume", "/volume/leads"):
        answer = read(globex.admin, path, rep=str(week.reps[0].id), period="365d")
        assert answer.status_code == 200
        assert "Lea Berg" not in answer.content.decode()
    assert len(lines(read(globex.admin, "/compliance.csv"))) == 1


def test_without_a_login_there_is_only_the_way_in(acme: Org) -> None:
    from django.test import Client

    for path in ("/compliance", "/compliance.csv", "/compliance/leads", "/compliance/leads.csv", "/volume"):
        assert Client().get(path).status_code == 302


# --- Files ---


def test_the_file_has_the_tables_numbers(week: Org) -> None:
    answer = read(week.admin, "/compliance.csv", by="source")
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert "compliance-by-source-2026-10-19-to-2026-11-17.csv" in answer["Content-Disposition"]
    head, *rows = lines(answer)
    assert head[:8] == [
        "Source",
        "First touch: on time",
        "First touch: late",
        "First touch: base",
        "First touch: rate %",
        "First touch: excused",
        "First touch: rate without excused %",
        "First touch: not due yet",
    ]
    assert {row[0]: row[1:8] for row in rows} == {
        "Webinar": ["1", "2", "3", "33.3", "0", "33.3", "0"],
        "Paid social": ["1", "0", "1", "100.0", "0", "100.0", "0"],
        "No source given": ["0", "0", "0", "", "0", "", "1"],
    }


def test_the_leads_come_as_a_file_too(week: Org) -> None:
    head, *rows = lines(read(week.admin, "/compliance/leads.csv", target="first_touch", verdict="missed"))
    assert head[0] == "Lead"
    assert sorted(row[5] for row in rows) == ["late", "late"]
    assert {row[-2] for row in rows} == {"18000", ""}


@pytest.mark.parametrize(
    "bad", ["=1+1", "+1", "-1", "@sum", "\tx", "\rx", "\nx", "\x00=1", "＝1", "＋1", "－1", "＠x", " =1"]
)
def test_no_cell_becomes_a_formula(bad: str) -> None:
    from web.csv_files import safe_cell

    cell = safe_cell(bad)
    assert cell.startswith("'")
    assert "\x00" not in cell


def test_plain_cells_stay_as_they_are() -> None:
    from web.csv_files import safe_cell

    assert [safe_cell(value) for value in (None, 3, -2.5, "Webinar", "a=b", "")] == [
        "",
        "3",
        "-2.5",
        "Webinar",
        "a=b",
        "",
    ]


def test_a_source_with_a_formula_is_harmless_in_the_file(acme: Org, at_now: datetime) -> None:
    with acme.scope():
        hand_over(acme, at=at_now, owner=acme.reps[0], source="=HYPERLINK(1)")
        drain(acme)
    assert lines(read(acme.admin, "/compliance.csv", by="source"))[1][0] == "'=HYPERLINK(1)"


# --- Bad input ---


@pytest.mark.parametrize(
    "query",
    [
        {"period": "soon"},
        {"clock": "wall"},
        {"by": "mood"},
        {"from": "yesterday"},
        {"from": "2026-11-17", "to": "2026-11-01"},
        {"from": "1990-01-01"},
        {"from": "2000-01-01", "to": "2026-01-01"},
        {"team": "inbound"},
        {"rep": "x"},
        {"source": "x" * 121},
        {"cursor": "nonsense"},
        {"breaches": "some"},
    ],
)
def test_a_bad_address_is_refused_with_a_page(week: Org, query: dict[str, str]) -> None:
    answer = read(week.admin, **query)
    assert answer.status_code == 400
    assert "<h1" in answer.content.decode()


# --- Cost ---


def test_the_page_costs_the_same_for_two_rows_and_for_fifty(acme: Org, at_now: datetime) -> None:
    def queries(path: str) -> int:
        client = browser(acme.admin)
        client.get(path)
        with CaptureQueriesContext(connection) as found:
            assert client.get(path).status_code == 200
        # The test's own transaction takes the tenant back afterwards; a real request's ends instead.
        rig = ("SAVEPOINT", "RELEASE", "select set_config('app.tenant_id', ''")
        return sum(not query["sql"].startswith(rig) for query in found)

    def late(count: int) -> None:
        with acme.scope():
            for number in range(count):
                hand_over(
                    acme,
                    at=at_now - timedelta(days=2, minutes=number),
                    owner=acme.reps[number % 3],
                    source=f"Source {number}",
                )
            drain(acme)

    paths = ("/compliance?by=source&breaches=all", "/compliance/leads?verdict=missed", "/volume?by=source")
    late(2)
    few = [queries(path) for path in paths]
    late(48)
    many = [queries(path) for path in paths]
    assert many == few
    assert max(many) <= 20


def test_a_wall_clock_never_sleeps_with_the_office_and_one_that_does_says_until_when(
    db: None, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tuesday 22:00: the first touch is promised by the wall clock, the decision in working time."""
    policy = deepcopy(POLICY)
    (form,) = [tier for tier in policy["tiers"] if tier["slug"] == "contact_form"]
    form["targets"][0] |= {"clock": "wall", "duration": {"minutes": 240}}
    evening = now.replace(hour=21)
    org = make_org("acme", now=now, policy=policy)
    monkeypatch.setattr(asked, "database_clock", lambda: evening + timedelta(minutes=1))
    with org.scope():
        hand_over(org, at=evening, owner=org.reps[0])
        drain(org)
    for clock in ("company", "owner"):
        page = browser(org.admin).get("/compliance/leads", {"clock": clock, "verdict": "open"})
        rows = {row["target"]: row for row in page.context["rows"]}
        assert rows["First touch"]["status"] == "on_time"
        assert rows["First touch"]["running"] is True
        assert rows["First touch"]["seconds"] == 239 * 60
        assert rows["Accept or reject"]["status"] == "closed_hours"
        assert "Closed hours, resumes Wed 09:00" in page.content.decode()


def test_an_answer_in_closed_hours_is_told_as_no_working_time_and_why(week: Org, at_now: datetime) -> None:
    why = "0 min: answered while the company&#x27;s calendar was closed"
    assert why not in read(week.admin, by="source").content.decode()
    night = at_now - timedelta(hours=32)  # Monday, 2:00
    with week.scope():
        hand_over(week, at=night, owner=week.reps[0], touched=night + timedelta(hours=1), source="Night")
        drain(week)
    answer = read(week.admin, by="source")
    row = next(row for row in answer.context["rows"] if row["name"] == "Night")
    assert (row["median"], row["p90"], row["rate"].kept) == ("0 min", "0 min", 1)
    assert why in answer.content.decode()


def test_the_small_charts_of_the_rows_merge_days_and_say_how_many(week: Org) -> None:
    answer = read(week.admin, period="30d")
    assert answer.context["course_title"] == "On time, by 5 days"
    assert answer.context["rows"]
    assert read(week.admin, period="7d").context["course_title"] == "On time, by day"


# --- At which hours ---


def test_late_clocks_are_shown_by_the_hour_of_the_week_they_started_in(acme: Org, at_now: datetime) -> None:
    with acme.scope():
        monday = at_now - timedelta(days=1)  # 10:00 in Berlin
        for _ in range(6):
            hand_over(acme, at=monday, owner=acme.reps[0])
        hand_over(acme, at=monday, owner=acme.reps[0], touched=monday + timedelta(minutes=5))
        hand_over(acme, at=monday + timedelta(hours=2), owner=acme.reps[0])  # one alone says nothing
        drain(acme)
    answer = read(acme.admin)
    cells = answer.context["heat"]["rows"][0]["cells"]
    assert (round(cells[10]["value"]), cells[10]["base"], cells[12]["base"]) == (86, 7, 1)
    text = answer.content.decode()
    assert "6 of 7 late, Mon 10:00 to 11:00" in text
    assert "1 of 1 late" not in text
    behind = browser(acme.admin).get(cells[10]["url"])
    assert behind.context["count"] == 6
    assert "Came Mon 10:00 to 11:00" in behind.content.decode()
    assert lines(browser(acme.admin).get(behind.context["csv_url"]))[1:] != []
    assert len(lines(browser(acme.admin).get(behind.context["csv_url"]))) == 7


@pytest.mark.parametrize("hour", ["168", "-1", "Fri", "1.5", "²", "000099999999"])
def test_an_hour_that_no_week_has_is_refused(week: Org, hour: str) -> None:
    answer = read(week.admin, "/compliance/leads", hour=hour)
    assert answer.status_code == 400


def test_the_table_comes_as_a_spreadsheet_too(week: Org) -> None:
    answer = read(week.admin, "/compliance.xlsx", by="source")
    sheet = load_workbook(io.BytesIO(answer.content)).active
    assert [cell.value for cell in next(sheet.iter_rows())][:2] == ["Source", "First touch: on time"]
    assert "compliance-by-source-2026-10-19-to-2026-11-17.xlsx" in answer["Content-Disposition"]


@pytest.mark.parametrize("address", ["/compliance", "/funnel"])
def test_leads_without_a_tier_are_one_choice_and_all_is_another(
    acme: Org, at_now: datetime, address: str
) -> None:
    with acme.scope():
        for tier in ("", "contact_form"):
            found = hand_over(acme, at=at_now - timedelta(days=3), owner=acme.reps[0])
            Handoff.objects.filter(id=found.id).update(tier=tier)
        drain(acme)
        # Clocks that another system recorded have none.
        TargetFact.objects.filter(handoff_id=Handoff.objects.get(tier="").id).update(tier="", tier_name="")
        RollUpState.objects.all().delete()

    def chosen(query: str = "") -> list[str]:
        page = browser(acme.executive).get(f"{address}{query}").context
        (tiers,) = [each for each in page["filters"]["selects"] if each.name == "tier"]
        assert {value for value, _, _ in tiers.options} == {"", "none", "contact_form"}
        return [value for value, _, is_chosen in tiers.options if is_chosen]

    assert (chosen(), chosen("?tier=none")) == ([""], ["none"])
