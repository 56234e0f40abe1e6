"""A real funnel, imported whole: what the pages count is what the files say."""

from __future__ import annotations

import csv
from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from django.core.management import call_command
from django.test import Client

from leads.models import DirtyHandoff, Handoff, StageChange
from notifications.models import OutboxMessage
from reporting.baseline.counting import Number, count
from reporting.facts import drain_tenant
from routing.models import Decision
from sla.models import Timer
from tenants.models import Member, Role
from tenants.services import add_member, create_tenant
from tests.outside import needs, outside
from tests.reporting.scenes import browser

HERE = Path(__file__).parent
DATA = outside("olist-marketing-funnel")
MQLS = DATA / "olist_marketing_qualified_leads_dataset.csv"
DEALS = DATA / "olist_closed_deals_dataset.csv"

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.slow,
    needs(MQLS),
]
PERIOD = {"from": "2017-01-01", "to": "2018-12-31"}


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def import_both(slug: str) -> None:
    for path, mapping in ((MQLS, "olist_mqls.json"), (DEALS, "olist_deals.json")):
        call_command("import_leads", str(path), tenant=slug, mapping=str(HERE / mapping), verbosity=0)


def table(client: Client, by: str) -> dict[str, tuple[int, int]]:
    """What the page shows: name -> (MQLs, won)."""
    answer = client.get("/volume", {"by": by, **PERIOD})
    assert answer.status_code == 200
    return {row["name"]: (row["mqls"], row["won"]) for row in answer.context["rows"]}


def test_the_funnel_imports_completely_and_counts_as_the_files_do() -> None:
    tenant = create_tenant(name="Olist", slug="olist", time_zone="America/Sao_Paulo")
    from tenants.context import tenant_scope

    with tenant_scope(tenant.id):
        admin = add_member(tenant=tenant, name="Ada", email="ada@olist.example", role=Role.ADMIN)
    import_both("olist")
    with tenant_scope(tenant.id):
        while drain_tenant(tenant.id):
            pass

    # Straight from the files.
    mqls, deals = rows(MQLS), rows(DEALS)
    assert (len(mqls), len(deals)) == (8_000, 842)
    origin = {row["mql_id"]: row["origin"] or "No source given" for row in mqls}
    by_origin = Counter(origin.values())
    won_by_origin = Counter(origin[row["mql_id"]] for row in deals)
    by_month = Counter(row["first_contact_date"][:7] for row in mqls)
    zone = ZoneInfo("America/Sao_Paulo")
    won_by_month = Counter(
        datetime.fromisoformat(row["won_date"]).replace(tzinfo=UTC).astimezone(zone).strftime("%Y-%m")
        for row in deals
    )
    won_by_sdr = Counter(row["sdr_id"] for row in deals)

    client = browser(admin)
    assert table(client, "source") == {
        name: (by_origin[name], won_by_origin[name]) for name in by_origin | won_by_origin
    }
    assert table(client, "month") == {
        date.fromisoformat(f"{month}-01").strftime("%B %Y"): (by_month[month], won_by_month[month])
        for month in by_month | won_by_month
    }
    owners = table(client, "owner")
    assert owners.pop("Nobody yet") == (8_000 - 842, 0)
    assert {name.removeprefix("Former "): won for name, (_, won) in owners.items()} == won_by_sdr
    assert all(mql_count == won for mql_count, won in owners.values())

    # Each number leads to as many leads.
    listed = client.get("/volume", {"by": "source", **PERIOD}).context["rows"]
    for row in listed:
        assert client.get(row["mqls_url"]).context["count"] == row["mqls"]
        assert client.get(row["won_url"]).context["count"] == row["won"]

    # History is measured and never acted on.
    with tenant_scope(tenant.id):
        assert (
            Handoff.objects.filter(is_history=True, state="closed").count()
            == Handoff.objects.count()
            == 8_000
        )
        assert StageChange.objects.filter(new="won").count() == 842
        former = Member.objects.exclude(id=admin.id)
        assert former.count() == 32
        assert not former.filter(is_active=True).exists()
        assert [model.objects.count() for model in (Timer, OutboxMessage, Decision, DirtyHandoff)] == [0] * 4

        before = sorted(Handoff.objects.values_list("id", "started_at", "closed_at", "outcome", "owner_id"))
        steps = StageChange.objects.count()
    import_both("olist")
    with tenant_scope(tenant.id):
        again = sorted(Handoff.objects.values_list("id", "started_at", "closed_at", "outcome", "owner_id"))
        assert again == before
        assert StageChange.objects.count() == steps
        assert Member.objects.count() == 33


def test_a_baseline_of_the_funnel_says_what_the_files_cannot_know() -> None:
    from tenants.context import tenant_scope

    tenant = create_tenant(name="Olist", slug="olist", time_zone="America/Sao_Paulo")
    import_both("olist")
    zone, now = ZoneInfo("America/Sao_Paulo"), datetime(2026, 11, 17, tzinfo=UTC)
    first, last = date(2018, 1, 1), date(2018, 3, 31)
    with tenant_scope(tenant.id):
        while drain_tenant(tenant.id):
            pass
        told = count(first, last, is_history=True, zone=zone, now=now)

    begun = {
        row["mql_id"]: date.fromisoformat(row["first_contact_date"])
        for row in rows(MQLS)
        if first <= date.fromisoformat(row["first_contact_date"]) <= last
    }
    midnights = {key: datetime(day.year, day.month, day.day, tzinfo=zone) for key, day in begun.items()}
    won = [
        datetime.fromisoformat(row["won_date"]).replace(tzinfo=UTC) - midnights[row["mql_id"]]
        for row in rows(DEALS)
        if row["mql_id"] in begun
    ]
    days = sorted(each.days for each in won if each.days >= 0)
    assert told.mqls == len(begun)
    assert told.numbers["cycle"] == Number(
        0, len(days), len(won) - len(days), days[-(-len(days) // 2) - 1], days[-(-len(days) * 9 // 10) - 1]
    )
    within = sum(each.total_seconds() <= 30 * 86_400 for each in won)
    assert told.numbers["to_sql"] == Number(within, len(begun))
    assert told.numbers["contacted"].unknown == "the file has no first activity"
    assert told.numbers["first_touch"].unknown == "the file has no first activity"
