"""Cost per MQL and per SQL, from what was spent and what it brought."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from reporting.kpis.costs import spent_by_source, together
from reporting.kpis.counted import Brought, Cost

AUG, SEP, OCT = (date(2026, month, 1) for month in (8, 9, 10))
MONTHS = [AUG, SEP, OCT]
TODAY = date(2026, 11, 17)  # October's MQLs are not all followed for 30 days


def euro(amount: int) -> Cost:
    return Cost(Decimal(amount))


def test_only_months_with_both_a_cost_and_mqls_count_and_the_rest_is_told() -> None:
    brought = {
        (AUG, "Ads"): Brought(10, 2),
        (SEP, "Ads"): Brought(5, 1),
        (AUG, "Web"): Brought(7, 3),
        (OCT, "Ads"): Brought(5, 4),
    }
    costs = {(AUG, "Ads"): euro(1_000), (OCT, "Ads"): euro(500), (SEP, "Fair"): euro(300)}
    by_source = spent_by_source(MONTHS, brought, costs, TODAY)
    assert list(by_source) == ["Ads", "Web", "Fair"]
    ads, web, fair = by_source.values()
    assert (ads.per_mql, ads.mqls, ads.no_cost, ads.months_known) == (Decimal("100.00"), 15, 5, 2)
    # Of SQLs only August counts: October's MQLs may still become some.
    assert (ads.per_sql, ads.sqls, ads.young) == (Decimal("500.00"), 2, 5)
    assert (web.per_mql, web.why_no_mql_cost, web.no_cost) == (None, "No cost known.", 7)
    assert (fair.per_mql, fair.nothing) == (None, 300)
    assert "no MQL came of them" in fair.why_no_mql_cost
    whole = together(list(by_source.values()))
    assert (whole.per_mql, whole.no_cost, whole.sources_without, whole.nothing) == (100, 12, 2, 300)


def test_what_brought_mqls_and_no_sql_makes_sqls_dearer() -> None:
    brought = {(AUG, "Ads"): Brought(10, 2), (AUG, "Web"): Brought(10, 0)}
    costs = {(AUG, "Ads"): euro(100), (AUG, "Web"): euro(60)}
    by_source = spent_by_source(MONTHS, brought, costs, TODAY)
    assert by_source["Web"].per_sql is None
    assert "none of their MQLs became SQL" in by_source["Web"].why_no_sql_cost
    assert together(list(by_source.values())).per_sql == 80


def test_a_cost_of_zero_is_known_and_one_in_another_currency_is_not() -> None:
    brought = {(AUG, "Web"): Brought(3, 1), (AUG, "Ads"): Brought(3, 1)}
    costs = {(AUG, "Web"): euro(0), (AUG, "Ads"): Cost(None, others=2)}
    by_source = spent_by_source(MONTHS, brought, costs, TODAY)
    assert by_source["Web"].per_mql == 0
    assert (by_source["Ads"].per_mql, by_source["Ads"].others, by_source["Ads"].no_cost) == (None, 2, 3)
    assert "is not converted" in by_source["Ads"].why_no_mql_cost


def test_other_months_count_nowhere() -> None:
    brought, costs = {(date(2026, 7, 1), "Ads"): Brought(9, 9)}, {(date(2026, 11, 1), "Ads"): euro(9)}
    assert spent_by_source(MONTHS, brought, costs, TODAY) == {}


def test_young_mqls_alone_say_that_it_is_too_early() -> None:
    found = spent_by_source(MONTHS, {(OCT, "Ads"): Brought(5, 0)}, {(OCT, "Ads"): euro(50)}, TODAY)["Ads"]
    assert found.per_mql == 10
    assert found.why_no_sql_cost == "Too early: 5 MQLs with a cost not followed for 30 days yet."
