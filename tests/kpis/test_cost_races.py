"""Two people at the costs of one month, at the same moment on real connections."""

from __future__ import annotations

import threading
from datetime import UTC, date, datetime
from typing import Any

import pytest

from core.errors import NotFound
from reporting.kpis import cost_import
from reporting.kpis.cost_csv import read_table
from reporting.models import SourceCost
from tenants.models import AuditEntry
from tests.factories import Org, make_org
from tests.threads import in_threads, wait_until_somebody_waits

pytestmark = pytest.mark.django_db(transaction=True)

NOW = datetime(2026, 11, 17, 9, tzinfo=UTC)
SEPTEMBER = date(2026, 9, 1)
HEAD = "month,source,campaign,amount,currency\n"


@pytest.fixture
def org(transactional_db: None) -> Org:
    return make_org("acme", now=NOW)


def bring(org: Org, amount: str) -> None:
    table = read_table(f"{HEAD}2026-09,Ads,,{amount},EUR\n")
    cost_import.import_costs(tenant=org.tenant, table=table, actor="system", now=NOW)


@pytest.mark.parametrize("what", ["one", "month"])
def test_a_correction_is_not_lost_to_a_removal_that_comes_while_it_is_written(
    org: Org, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The removal comes after what was brought in, or before it; never between its reading and its writing,
    where the correction would be told and be nowhere."""
    with org.scope():
        bring(org, "100")
        cost_id = SourceCost.objects.get().id
    planned, came = cost_import.plan_costs, threading.Event()

    def slowly(**said: Any) -> Any:
        plan = planned(**said)
        came.set()
        wait_until_somebody_waits()
        return plan

    monkeypatch.setattr(cost_import, "plan_costs", slowly)

    def correct() -> None:
        with org.scope():
            bring(org, "120")

    def remove() -> None:
        came.wait()
        with org.scope():
            if what == "one":
                cost_import.remove_cost(cost_id=cost_id, actor="system", now=NOW)
            else:
                cost_import.remove_month(month=SEPTEMBER, actor="system", now=NOW)

    in_threads(correct, remove)
    with org.scope():
        told = AuditEntry.objects.filter(action="costs.removed").values_list("before", flat=True)
        assert [each["costs"] for each in told] == [{"Ads": "120.00 EUR"}]
        assert not SourceCost.objects.exists()


def test_the_same_file_brought_in_twice_at_once_is_there_once(org: Org) -> None:
    start = threading.Barrier(2)

    def act() -> None:
        start.wait()
        with org.scope():
            bring(org, "100")

    in_threads(act, act)
    with org.scope():
        assert [str(row.amount) for row in SourceCost.objects.all()] == ["100.00"]
        assert AuditEntry.objects.filter(action="costs.set").count() == 1


def test_a_month_removed_twice_at_once_is_removed_once(org: Org) -> None:
    with org.scope():
        bring(org, "100")
    start, refused = threading.Barrier(2), list[str]()

    def act() -> None:
        start.wait()
        with org.scope():
            try:
                cost_import.remove_month(month=SEPTEMBER, actor="system", now=NOW)
            except NotFound as error:
                refused.append(error.message)

    in_threads(act, act)
    assert len(refused) == 1
