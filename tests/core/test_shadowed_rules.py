"""Which rules of a list can never be the first to match; only what is certain is said."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.rules import EngagementFact, Facts, Field, Schema, compile_rule, shadowed

SCHEMA = Schema(
    [
        Field("region", "text", "Region"),
        Field("employees", "number", "Employees"),
        Field("customer", "boolean", "Customer"),
        Field("since", "date", "Since"),
        Field("tags", "list", "Tags"),
    ],
    {"demo": "Demo", "page": "Page view"},
)


def field(name: str, op: str, value: Any) -> dict[str, Any]:
    return {"field": name, "op": op, "value": value}


def region(*names: str) -> dict[str, Any]:
    return field("region", "one_of", list(names))


def size(low: int, high: int) -> dict[str, Any]:
    return field("employees", "between", [low, high])


def did(kind: Any = "demo", **more: Any) -> dict[str, Any]:
    return {"engagements": {"kind": kind, **more}}


KNOWN = {"field": "region", "op": "exists"}


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        (region("EMEA"), region("EMEA")),
        (region("EMEA", "APAC"), region("emea ")),
        (region("EMEA", "APAC"), field("region", "equals", "APAC")),
        (KNOWN, region("EMEA")),
        (field("region", "starts_with", "EM"), region("EMEA")),
        (field("region", "contains", ["EA", "PA"]), region("EMEA", "APAC")),
        (size(1, 1000), size(200, 999)),
        (field("employees", "at_least", 200), size(200, 999)),
        (field("employees", "at_least", 200), field("employees", "one_of", [200, 500])),
        (field("employees", "at_most", 50), field("employees", "equals", 50)),
        (field("since", "at_least", "2026-01-01"), field("since", "equals", "2026-05-01")),
        (field("since", "within_days", 30), field("since", "within_days", 7)),
        (region("EMEA"), {"all": [region("EMEA"), size(1, 50)]}),
        ({"any": [region("EMEA"), size(1, 50)]}, region("EMEA")),
        ({"any": [region("EMEA"), region("APAC")]}, {"any": [region("APAC"), region("EMEA")]}),
        ({"all": [size(1, 50), region("EMEA")]}, {"all": [region("EMEA"), size(2, 9), did()]}),
        ({"not": size(200, 300)}, {"not": size(100, 999)}),
        (did(["demo", "page"]), did("demo", within_days=7)),
        (did("demo", value=1), did("demo", value=3)),
        (None, region("EMEA")),
        (None, None),
    ],
)
def test_a_rule_after_one_that_takes_all_of_its_leads_is_named_with_it(earlier: Any, later: Any) -> None:
    assert shadowed([earlier, later], SCHEMA) == {1: 0}


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        (region("EMEA"), region("EMEA", "APAC")),
        (size(200, 999), size(1, 1000)),
        (size(1, 50), field("employees", "at_least", 10)),
        (field("employees", "one_of", [1, 2, 3]), size(1, 3)),
        ({"all": [region("EMEA"), size(1, 50)]}, region("EMEA")),
        (region("EMEA"), {"any": [region("EMEA"), size(1, 50)]}),
        ({"not": field("customer", "equals", True)}, {"not": KNOWN}),
        ({"not": size(100, 999)}, {"not": size(200, 300)}),
        # Not known is neither yes nor no.
        (field("customer", "equals", False), {"not": field("customer", "equals", True)}),
        (did("demo", within_days=7), did("demo")),
        (did("demo"), did(["demo", "page"])),
        (did("demo", measure="recency", op="at_most", value=3), did(measure="count", value=1)),
        (did("page", subject="pricing"), did("page")),
        (region("EMEA"), None),
    ],
)
def test_nothing_is_said_of_a_rule_that_may_still_match(earlier: Any, later: Any) -> None:
    assert shadowed([earlier, later], SCHEMA) == {}


def test_the_first_that_takes_them_is_named_and_what_is_no_rule_is_passed_over() -> None:
    trees = [{"field": "nothing"}, region("EMEA"), size(1, 9), region("EMEA"), None, size(3, 4), region("X")]
    assert shadowed(trees, SCHEMA) == {3: 1, 5: 2, 6: 4}


def test_rules_too_large_to_compare_are_left_alone_and_in_time() -> None:
    def many(start: int) -> dict[str, Any]:
        return {"any": [{"all": [region(f"r{start + at}"), size(at, at + 9)]} for at in range(600)]}

    trees = [many(at) for at in range(8)]
    before = datetime.now(UTC)
    shadowed(trees, SCHEMA)
    assert datetime.now(UTC) - before < timedelta(seconds=10)


NOW = datetime(2026, 11, 17, 9, tzinfo=UTC)
LEAVES = st.one_of(
    st.lists(st.sampled_from(["EMEA", "APAC", "NA"]), min_size=1, max_size=3).map(lambda x: region(*x)),
    st.tuples(st.integers(0, 9), st.integers(0, 9)).map(lambda x: size(min(x), max(x))),
    st.integers(0, 9).map(lambda x: field("employees", "at_least", x)),
    st.lists(st.integers(0, 9), min_size=1, max_size=3).map(lambda x: field("employees", "one_of", x)),
    st.booleans().map(lambda x: field("customer", "equals", x)),
    st.booleans().map(lambda x: {"field": "region", "op": "exists", "value": x}),
    st.sampled_from(["E", "A", "EM"]).map(lambda x: field("region", "starts_with", x)),
    st.sampled_from(["E", "A", "MEA"]).map(lambda x: field("region", "contains", x)),
    st.integers(1, 40).map(lambda x: field("since", "within_days", x)),
    st.builds(
        did,
        st.sampled_from(["demo", "page", ["demo", "page"]]),
        value=st.integers(0, 3),
        within_days=st.sampled_from([1, 7, 30]),
        measure=st.sampled_from(["count", "distinct"]),
    ),
    st.builds(
        did,
        st.sampled_from(["demo", ["demo", "page"]]),
        measure=st.just("recency"),
        op=st.just("at_most"),
        value=st.integers(1, 9),
    ),
)
TREES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda x: {"all": x}),
        st.lists(inner, min_size=1, max_size=3).map(lambda x: {"any": x}),
        inner.map(lambda x: {"not": x}),
    ),
    max_leaves=5,
)
FACTS = st.builds(
    lambda region, employees, customer, days, did: Facts(
        {
            "region": region,
            "employees": employees,
            "customer": customer,
            "since": None if days is None else date(2026, 11, 17) - timedelta(days=days),
        },
        [EngagementFact(kind, subject, NOW - timedelta(days=ago)) for kind, subject, ago in did],
        NOW,
    ),
    st.sampled_from([None, "EMEA", "APAC", "NA", "East"]),
    st.one_of(st.none(), st.integers(0, 10)),
    st.sampled_from([None, True, False]),
    st.sampled_from([None, 1, 6, 20, 50]),
    st.lists(
        st.tuples(st.sampled_from(["demo", "page"]), st.sampled_from(["a", "b"]), st.integers(0, 40)),
        max_size=4,
    ),
)


@settings(max_examples=400, deadline=None)
@given(st.lists(TREES, min_size=2, max_size=4), st.lists(FACTS, min_size=1, max_size=6))
def test_what_is_said_never_to_match_never_matches_first(trees: list[Any], facts: list[Facts]) -> None:
    rules = [compile_rule(tree, SCHEMA) for tree in trees]
    for later, earlier in shadowed(trees, SCHEMA).items():
        for each in facts:
            assert not rules[later].matches(each) or rules[earlier].matches(each)
