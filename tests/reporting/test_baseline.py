"""Before and after: imported history named as the baseline, what a file cannot know, and the notes beside the
present."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test import Client

from core.errors import Conflict, ValidationFailed
from integrations.csv_import import import_file
from integrations.mappings import load_mapping
from reporting.baseline.counting import Number, count
from reporting.baseline.models import Baseline
from reporting.baseline.standing import baseline_note, count_again, name_baseline, standing
from reporting.facts import drain_tenant
from reporting.models import HandoffFact
from reporting.reading import FOR_REPORTS
from tenants.models import AuditEntry
from tenants.services import create_api_key
from tests.factories import Org
from tests.reporting.scenes import browser

pytestmark = pytest.mark.django_db

ZONE = ZoneInfo("Europe/Berlin")
FIRST, LAST = date(2026, 1, 1), date(2026, 3, 31)
NOW = datetime(2026, 11, 17, 9, tzinfo=UTC)
HEAD = "external_id,mql_at,first_touch_at,sal_at,sql_at,won_at,rejected_at"


@pytest.fixture
def bring(in_acme: Org, tmp_path: Path):
    """Import these rows as history, and bring the facts up to date."""

    def run(*rows: str, head: str = HEAD) -> None:
        path = tmp_path / f"{uuid4().hex[:6]}.csv"
        path.write_text("\n".join([head, *rows]) + "\n")
        mapping = load_mapping("slaportal")
        report = import_file(path, tenant=in_acme.tenant, mapping=mapping, now=NOW)
        assert report.failed == 0, report.errors
        while drain_tenant(in_acme.id):
            pass

    return run


def before() -> dict[str, Number]:
    return dict(count(FIRST, LAST, is_history=True, zone=ZONE, now=NOW).numbers)


def name_it(**said: Any) -> Baseline:
    terms: dict[str, Any] = {"name": "Old CRM", "first": FIRST, "last": LAST, "instead_of": None}
    return name_baseline(**(terms | said), zone=ZONE, actor="member:x", now=NOW)


def test_history_with_times_is_counted_by_todays_definitions(bring: Any) -> None:
    bring(
        "1,2026-01-05T09:00Z,2026-01-05T10:00Z,2026-01-05T11:00Z,2026-01-09T11:00Z,2026-02-04T09:00Z,",
        "2,2026-01-05T09:00Z,2026-01-09T09:00Z,,,,2026-01-10T09:00Z",
        "3,2026-01-05T09:00Z,,,,,",
        "4,2026-01-05T09:00Z,2026-01-05T12:00Z,2026-01-06T09:00Z,2026-03-09T09:00Z,,",
    )
    found = before()
    assert found["contacted"] == Number(3, 4)
    assert found["first_touch"] == Number(0, 3, 0, 3 * 3_600, 96 * 3_600)
    assert found["untouched"] == Number(2, 4)  # the second after four days, the third never
    assert found["acceptance"] == Number(2, 3, 1)
    assert found["to_sql"] == Number(1, 4)  # the fourth only after two months
    assert found["cycle"] == Number(0, 1, 0, 30, 30)
    assert found["on_time"].unknown == "the file has no deadlines"
    assert found["attempts"].unknown == "no file of activities was imported"


def test_days_without_times_make_no_minutes(bring: Any, acme: Org) -> None:
    bring(
        "1,2026-01-05,2026-01-05,,,,",  # the same day: within 72 hours whatever the time
        "2,2026-01-05,2026-01-08,,,,",  # three days on: may be either
        "3,2026-01-05,2026-01-10,,,,",  # late whatever the time
        "4,2026-01-05,,,,,",
    )
    found = before()
    assert found["first_touch"] == Number(0, 0, 3, unknown="the file has days, not times")
    assert found["untouched"] == Number(2, 3, 1)
    assert found["contacted"] == Number(3, 4)
    name_it()
    assert baseline_note("first_touch", standing()) == (
        "before: not known (the file has days, not times), Jan to Mar 2026"
    )
    assert baseline_note("contacted", standing()) == "before: 75% (of 4), Jan to Mar 2026"
    # Nor elsewhere: since the start, too, no response is told of days.
    assert browser(acme.executive).get("/outcomes").context["found"].before.response.count == 0


def test_what_a_file_is_silent_about_is_unknown_and_never_zero(bring: Any) -> None:
    bring("1,2026-01-05T09:00Z,,,,,", "2,2026-01-06T09:00Z,,,,,")
    found = before()
    assert all(number.unknown and not number.base for number in found.values())


def test_who_was_not_watched_for_long_enough_is_left_out(bring: Any, in_acme: Org) -> None:
    late = (NOW - timedelta(days=2)).isoformat()
    bring(
        f"1,{late},,,,,",
        "2,2026-10-01T09:00Z,2026-10-01T10:00Z,,2026-10-02T09:00Z,,",
    )
    told = count(date(2026, 10, 1), date(2026, 11, 17), is_history=True, zone=ZONE, now=NOW).numbers
    assert told["untouched"] == Number(0, 1, 1)
    assert told["to_sql"] == Number(1, 1, 1)


def test_test_leads_and_our_own_are_in_no_baseline(bring: Any) -> None:
    bring("1,2026-01-05T09:00Z,2026-01-05T10:00Z,,,,")
    at = datetime(2026, 1, 6, 9, tzinfo=UTC)
    HandoffFact.objects.create(id=uuid4(), lead_id=uuid4(), number=1, created_at=at, started_at=at)
    assert count(FIRST, LAST, is_history=True, zone=ZONE, now=NOW).mqls == 1
    assert count(FIRST, LAST, is_history=False, zone=ZONE, now=NOW).mqls == 1


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"name": "  "}, "/name"),
        ({"last": date(2025, 12, 31)}, "/last"),
        ({"last": date(2026, 11, 18)}, "/last"),
        ({"first": date(2010, 1, 1)}, "/first"),
        ({"first": date(2025, 1, 1), "last": date(2025, 3, 1)}, "/first"),  # nothing imported then
    ],
)
def test_a_period_that_cannot_be_one_is_refused(bring: Any, said: dict[str, Any], field: str) -> None:
    bring("1,2026-01-05T09:00Z,,,,,")
    with pytest.raises(ValidationFailed) as refusal:
        name_it(**said)
    assert [error.path for error in refusal.value.field_errors] == [field]
    assert not Baseline.objects.exists()


def test_one_baseline_stands_and_who_came_second_is_told(bring: Any) -> None:
    bring("1,2026-01-05T09:00Z,,,,,")
    first = name_it()
    with pytest.raises(Conflict):
        name_it(name="Unseen")
    second = name_it(name="Better", instead_of=first.id)
    assert standing() == second
    assert Baseline.objects.count() == 2
    with pytest.raises(Conflict):
        count_again(baseline_id=first.id, zone=ZONE, actor="member:x", now=NOW)
    bring("2,2026-01-06T09:00Z,2026-01-06T10:00Z,,,,")
    assert standing().mqls == 1  # as it was counted
    again = count_again(baseline_id=second.id, zone=ZONE, actor="member:x", now=NOW)
    assert (again.mqls, len(again.files)) == (2, 2)


def test_the_page_tells_both_sides_and_lets_an_admin_name_it(bring: Any, acme: Org) -> None:
    admin, executive = browser(acme.admin), browser(acme.executive)
    assert "No history yet" in executive.get("/baseline").text
    assert browser(acme.reps[0]).get("/baseline").status_code == 403
    bring("1,2026-01-05T09:00Z,2026-01-05T10:00Z,,,,", "2,2026-01-05T09:00Z,,,,,")
    page = executive.get("/baseline").text
    assert "No baseline named yet" in page
    assert "Let it stand" not in page
    form = {"name": "Old CRM", "first": "2026-01-01", "last": "2026-03-31", "instead_of": ""}
    assert executive.post("/baseline/name", form).status_code == 403
    refused = admin.post("/baseline/name", form | {"last": "2025-01-01"})
    assert refused.status_code == 422
    assert "ends before it begins" in refused.text
    assert admin.post("/baseline/name", form).status_code == 302
    page = executive.get("/baseline")
    assert "1 of 2" in page.text
    assert "Not known: the file has no deadlines" in page.text
    assert admin.post("/baseline/name", form).status_code == 409
    stands = page.context["baseline"]
    assert admin.post(f"/baseline/{stands.id}/count").status_code == 302
    assert admin.post(f"/baseline/{uuid4()}/count").status_code == 404
    assert executive.get("/baseline.csv").content.decode().count("\n") == 9


def test_the_notes_stand_on_the_pages_of_those_who_read_it(bring: Any, acme: Org) -> None:
    bring("1,2026-01-05T09:00Z,2026-01-05T10:00Z,,2026-01-09,,", "2,2026-01-05T09:00Z,,,,,")
    client = browser(acme.executive)
    assert "Before, Jan" not in client.get("/funnel").text
    name_it()
    assert "Before, Jan to Mar 2026: contacted 50% (of 2)" in client.get("/funnel").text
    assert "first touch on time not known (the file has no deadlines)" in client.get("/compliance").text
    assert "MQL to SQL 50% (of 2)" in client.get("/commitments").text
    assert "Before, Jan" not in browser(acme.reps[0]).get("/funnel").text


def test_the_call_tells_the_same(bring: Any, acme: Org) -> None:
    def ask() -> Any:
        answer = Client().get("/api/v1/reports/baseline", headers=acme.auth)
        assert answer.status_code == 200, answer.content
        return answer.json()

    nothing = {"mqls": 0, "first": None, "last": None}
    assert ask() == {"history": nothing, "baseline": None, "after": None, "results": []}
    bring("1,2026-01-05T09:00Z,2026-01-05T10:00Z,,,,")
    name_it()
    told = ask()
    assert told["history"] == {"mqls": 1, "first": "2026-01-05", "last": "2026-01-05"}
    assert (told["baseline"]["name"], told["baseline"]["mqls"], told["after"]["mqls"]) == ("Old CRM", 1, 0)
    first = told["results"][0]
    assert (first["measure"], first["before"]["count"], first["after"]["base"]) == ("contacted", 1, 0)


# --- Naming it by the API -----------------------------------------------------------------------------------

CALL = "/api/v1/reports/baseline"
PERIOD: dict[str, Any] = {"name": "Old CRM", "first": "2026-01-01", "last": "2026-03-31"}


def post(org: Org, said: Any, path: str = CALL, headers: dict[str, str] | None = None) -> Any:
    client = Client(headers=headers or org.auth)
    return client.post(path, json.dumps(said), content_type="application/json")


def test_a_program_names_the_baseline_and_counts_it_again(bring: Any, acme: Org) -> None:
    bring("1,2026-01-05T09:00Z,2026-01-05T10:00Z,,,,")
    made = post(acme, PERIOD)
    assert made.status_code == 201, made.content
    first = made.json()["baseline"]
    assert (first["name"], first["mqls"]) == ("Old CRM", 1)
    assert first["made_by"].startswith("key:")
    bring("2,2026-01-06T09:00Z,,,,,")
    assert Client(headers=acme.auth).get(CALL).json()["baseline"]["mqls"] == 1
    counted = post(acme, {}, f"{CALL}/{first['id']}/count")
    assert (counted.status_code, counted.json()["baseline"]["mqls"]) == (200, 2)
    # Another one takes its place, and who goes by what stood before is told.
    second = post(acme, {**PERIOD, "name": "Better", "instead_of": first["id"]}).json()["baseline"]
    assert second["name"] == "Better"
    assert post(acme, {**PERIOD, "instead_of": first["id"]}).status_code == 409
    assert post(acme, {**PERIOD, "instead_of": None}).status_code == 409
    assert post(acme, {}, f"{CALL}/{first['id']}/count").status_code == 409
    assert post(acme, {**PERIOD, "name": "Whatever stood"}).status_code == 201
    actions = set(AuditEntry.objects.values_list("action", flat=True))
    assert {"baseline.named", "baseline.counted"} <= actions


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"name": "  "}, "/name"),
        ({"name": None}, "/name"),
        ({"last": "2025-12-31"}, "/last"),
        ({"last": "2031-01-01"}, "/last"),
        ({"first": "2010-01-01"}, "/first"),
        ({"first": "2025-01-01", "last": "2025-03-01"}, "/first"),
        ({"first": "January"}, "/first"),
        ({"instead_of": "the old one"}, "/instead_of"),
        ({"days": 90}, "/days"),
    ],
)
def test_a_period_that_a_program_cannot_name_is_refused_at_its_name(
    bring: Any, acme: Org, change: dict[str, Any], path: str
) -> None:
    bring("1,2026-01-05T09:00Z,,,,,")
    answer = post(acme, PERIOD | change)
    assert (answer.status_code, answer.json()["errors"][0]["path"]) == (400, path)
    assert not Baseline.objects.exists()


def test_another_organisation_s_baseline_cannot_be_counted_and_naming_needs_the_scope(
    acme: Org, globex: Org, tmp_path: Path
) -> None:
    path = tmp_path / "leads.csv"
    path.write_text(f"{HEAD}\n1,2026-01-05T09:00Z,,,,,\n")
    import_file(path, tenant=acme.tenant, mapping=load_mapping("slaportal"), now=NOW)
    with acme.scope():
        drain_tenant(acme.id)
        _, text = create_api_key(
            tenant=acme.tenant, name="Reads", scopes=["reports:read", "config:read"], now=NOW
        )
    made = post(acme, PERIOD).json()["baseline"]
    assert post(globex, {}, f"{CALL}/{made['id']}/count").status_code == 404
    assert post(globex, PERIOD).json()["errors"][0]["path"] == "/first"
    assert Client(headers=globex.auth).get(CALL).json()["baseline"] is None
    reads = {"Authorization": f"Bearer {text}"}
    assert Client(headers=reads).get(CALL).status_code == 200
    assert post(acme, PERIOD, headers=reads).status_code == 403
    assert post(acme, {}, f"{CALL}/{made['id']}/count", headers=reads).status_code == 403


def test_cycles_are_looked_up_as_if_any_organisation_had_them(bring: Any, in_acme: Org) -> None:
    """History is named as the baseline a minute after its import, when no statistics know of it: a planner
    that saw whose it is would expect none, and go through all cycles for each fact."""
    bring(*(f"{number},2026-01-05T09:00Z,,,,," for number in range(4)))
    conditions: list[str] = []

    def explained(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if "leads_importedcycle c" in sql:
            cursor = context["cursor"].cursor
            cursor.execute(f"explain {sql.removeprefix(FOR_REPORTS)}", params)
            plan = "\n".join(line for (line,) in cursor.fetchall())
            conditions.append(plan.partition("on leads_importedcycle c ")[2].split("\n")[1])
        return execute(sql, params, many, context)

    with connection.execute_wrapper(explained):
        name_it()
    assert len(conditions) == 2
    for condition in conditions:
        assert "tenant_id = " in condition
        assert str(in_acme.id) not in condition
