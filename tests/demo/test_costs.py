"""The demo's sources have costs of the months that are over, and most KPIs somebody who answers for them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from reporting.leaks.settings import leak_terms
from reporting.models import KpiOwner, KpiTarget, SourceCost
from slaportal.demo.costs import keep_accounts
from tests.commitments.scenes import drain, mql
from tests.factories import Org

pytestmark = pytest.mark.django_db


def test_marketing_brought_in_what_each_whole_month_cost(in_acme: Org, now: datetime) -> None:
    for month in (8, 9, 10, 11):
        for source in ("Google Ads", "Organic search"):
            mql(in_acme, datetime(2026, month, 10, 9, tzinfo=UTC), source=source)
    drain(in_acme)
    keep_accounts(tenant=in_acme.tenant, start=now - timedelta(days=90), now=now, seed=1)
    months = [date(2026, month, 1) for month in (8, 9, 10)]
    assert sorted(set(SourceCost.objects.values_list("month", flat=True))) == months
    assert set(SourceCost.objects.values_list("source", flat=True)) == {"Google Ads"}
    assert {row.set_by for row in SourceCost.objects.all()} == {f"member:{in_acme.marketing.id}"}
    owned = dict(KpiOwner.objects.values_list("kpi", "member"))
    assert owned["cost_per_mql"] == in_acme.marketing.id
    assert "engagement" not in owned
    assert [row.target for row in KpiTarget.objects.filter(kpi="close_rate").order_by("set_at")] == [20, 25]
    assert leak_terms().cohort_days < 90  # nobody of the demo's past has been followed for longer
