"""Overlaps and gaps of territories are what trying every lead would find."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import product
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from core.rules import Facts, compile_rule
from leads.criteria import SCHEMA
from routing.territories import asks_nothing, rule_of
from routing.territory_cover import cover, first_overlaps

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
COUNTRIES, REGIONS, INDUSTRIES = ("Germany", "france"), ("North", "Süd"), ("Software", "Steel")
PREFIXES = ("1", "11", "12", "2", "21")
CODES = [*("".join(each) for size in (1, 2, 3) for each in product("12", repeat=size)), "0"]
SIZES = range(8)


def lists(values: tuple[str, ...]) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(values), unique=True, max_size=2)


@st.composite
def territories(draw: st.DrawFn) -> dict[str, Any]:
    low, high = draw(st.tuples(st.none() | st.integers(0, 6), st.none() | st.integers(0, 6)))
    if low is not None and high is not None and low > high:
        low, high = high, low
    return {
        "name": "A territory",
        "countries": draw(lists(COUNTRIES)),
        "regions": draw(lists(REGIONS)),
        "postal": draw(lists(PREFIXES)),
        "employees": [low, high],
        "industries": draw(lists(INDUSTRIES)),
        "pool": "inbound",
    }


def facts(lead: dict[str, Any]) -> Facts:
    names = {
        "country": "place.country",
        "region": "place.region",
        "postal_code": "lead.postal_code",
        "employees": "account.employees",
        "industry": "account.industry",
    }
    return Facts({names[name]: value for name, value in lead.items()}, [], NOW)


def takers(rules: list[Any], lead: dict[str, Any]) -> set[int]:
    found = facts(lead)
    return {at for at, rule in enumerate(rules) if rule.matches(found)}


def every_lead(countries: list[str]) -> list[dict[str, Any]]:
    names = ("country", "region", "postal_code", "employees", "industry")
    return [
        dict(zip(names, values, strict=True))
        for values in product(countries, (*REGIONS, "Else"), CODES, SIZES, (*INDUSTRIES, "Else"))
    ]


def _first(pairs: set[tuple[int, int]]) -> dict[int, int]:
    """By the second of pairs, the least first."""
    return {second: first for first, second in sorted(pairs, reverse=True)}


@settings(max_examples=60, deadline=None)
@given(st.lists(territories(), min_size=1, max_size=4))
def test_what_is_said_of_territories_is_what_trying_every_lead_finds(rows: list[dict[str, Any]]) -> None:
    rows = [row for row in rows if not asks_nothing(row)]
    rules = [compile_rule(rule_of(row)["when"], SCHEMA) for row in rows]
    found = cover(rows)
    used = {country for row in rows for country in row["countries"]}
    others = ["Else"] if any(not row["countries"] for row in rows) else []
    tried = [takers(rules, lead) for lead in every_lead([*COUNTRIES, "Else"])]
    pairs = {(a, b) for who in tried for a in who for b in who if a < b}
    assert {(each.first, each.second) for each in found.overlaps} == pairs
    for each in found.overlaps:
        assert {each.first, each.second} <= takers(rules, dict(each.example))
        # Of sizes beyond those tried, one may take what the other does not.
        if each.is_whole:
            assert all(each.first in who for who in tried if each.second in who)
    assert {each.second: each.first for each in first_overlaps(rows)} == _first(pairs)
    wholes = {(each.first, each.second) for each in found.overlaps if each.is_whole}
    assert {each.second: each.first for each in first_overlaps(rows, whole=True)} == _first(wholes)
    assert found.overlaps_found == len(pairs)
    wanted = [] if not rows else every_lead([*used, *others])
    left = any(not takers(rules, lead) for lead in wanted if lead["employees"])
    assert bool(found.gaps) is left
    for gap in [*found.gaps, *found.unknown.values()]:
        assert not takers(rules, dict(gap.example))
    assert found.all_looked_at


@settings(max_examples=60, deadline=None)
@given(st.lists(territories(), min_size=1, max_size=4))
def test_leads_that_lack_a_value_are_named_where_nobody_takes_them(rows: list[dict[str, Any]]) -> None:
    rows = [row for row in rows if not asks_nothing(row)]
    rules = [compile_rule(rule_of(row)["when"], SCHEMA) for row in rows]
    found = cover(rows)
    used = [country for country in COUNTRIES if any(country in row["countries"] for row in rows)]
    used += ["Else"] if any(not row["countries"] for row in rows) else []
    parts = {"industry": "industries", "region": "regions", "country": "countries", "postal_code": "postal"}
    for name, part in parts.items():
        if any(row[part] for row in rows):
            leads = [{**lead, name: None} for lead in every_lead(used)]
            assert (name in found.unknown) is any(
                not takers(rules, lead) for lead in leads if lead["employees"]
            )


def test_a_gap_is_said_in_words_of_the_country_it_is_in() -> None:
    rows = [
        {"name": "South", "countries": ["Germany"], "regions": ["Bavaria"], "pool": "a"},
        {"name": "France", "countries": ["France"], "pool": "a"},
        {"name": "Small", "countries": ["Austria"], "employees": [1, 50], "pool": "a"},
    ]
    gaps = cover(rows).gaps
    assert [dict(gap.values) for gap in gaps if not gap.is_named] == [
        {"country": "Germany", "region": "another region"}
    ]
    assert [dict(gap.values) for gap in gaps if gap.is_named] == [
        {"country": "Austria", "employees": "51 employees or more"}
    ]


def test_postal_prefixes_overlap_where_one_begins_with_the_other() -> None:
    rows = [
        {"name": "Munich", "countries": ["Germany"], "postal": ["80", "81"], "pool": "a"},
        {"name": "Schwabing", "countries": ["germany "], "postal": ["808"], "pool": "a"},
        {"name": "Berlin", "countries": ["Germany"], "postal": ["1"], "pool": "a"},
    ]
    found = cover(rows)
    assert [(each.names, dict(each.example)) for each in found.overlaps] == [
        (("Munich", "Schwabing"), {"country": "Germany", "postal_code": "808"})
    ]


def test_five_hundred_territories_are_looked_at_in_a_bounded_number_of_steps() -> None:
    rows = [
        {
            "name": f"T{number}",
            "countries": [f"C{number % 7}"],
            "postal": [f"{number:03d}"],
            "employees": [number, number + 100],
            "industries": [f"I{number % 11}"],
            "pool": "a",
        }
        for number in range(500)
    ]
    found = cover(rows)
    assert found.overlaps == []
    assert len(found.gaps) == 100
    assert not found.all_looked_at


def test_as_many_territories_and_prefixes_as_there_may_be_are_compared_one_territory_at_a_time() -> None:
    """Each with each, prefix by prefix, this took minutes."""
    rows = [
        {
            "name": f"T{number}",
            "countries": ["Germany"],
            "postal": [f"{number % 250 * 39 + at:05d}" for at in range(39)],
            "pool": "a",
        }
        for number in range(500)
    ]
    found = cover(rows)
    assert found.overlaps_found == 250
    assert [(each.first, each.second) for each in found.overlaps] == [(at, at + 250) for at in range(100)]
    assert dict(found.overlaps[1].example) == {"country": "Germany", "postal_code": "00039"}
    assert [each.second for each in first_overlaps(rows, whole=True)] == list(range(250, 500))


def test_what_is_left_between_long_prefixes_is_said_with_what_is_not_meant() -> None:
    rows = [
        {"name": "Small", "postal": ["8"], "employees": [1, 9], "pool": "a"},
        {"name": "Munich", "postal": ["80", "81"], "pool": "a"},
        {"name": "Large", "employees": [10, None], "pool": "a"},
        {"name": "Elsewhere", "postal": list("012345679abcdefghijklmnopqrstuvwxyz"), "pool": "a"},
    ]
    assert [dict(gap.values) for gap in cover(rows[:1]).gaps] == [
        {"postal_code": "8…", "employees": "10 employees or more"},
        {"postal_code": "another postal code"},
    ]
    assert cover(rows[:2]).gaps[0].values["postal_code"] == "8… but not 80…, 81…"
