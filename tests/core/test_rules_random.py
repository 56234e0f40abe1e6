"""Ten thousand random rules over random facts: nothing raises, and three ways to the answer agree."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.rules import OPERATORS, Facts, Field, InvalidRule, Schema, compile_rule, describe, validate
from core.rules.text import fold

SCHEMA = Schema(
    [Field(f"f.{kind}", kind, kind.title()) for kind in OPERATORS]
    + [Field("f.country", "choice", "Country", ["DE", "AT"])],
    ["page_view", "download"],
)
NAMES = tuple(SCHEMA.by_name)
WORDS = (
    "VP",
    "vp sales",
    "é",
    "E",
    "Straße",
    "DE",
    "at",
    "\ud800",
    "\0",
    "(a+)+$",
    "[",
    "2025-03-01",
    "50",
    "",
)

# Anything that can come out of a JSON parser, with enough of our own words in it to get past the first check.
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(), max_size=8)
    | st.sampled_from(WORDS + NAMES)
    | st.just(10**400)
)
keys = (
    st.sampled_from(
        ["all", "any", "not", "field", "op", "value", "engagements", "kind", "subject", "measure"]
    )
    | st.sampled_from(["within_days", "within_hours", "starts_with", "contains", "a/b"])
    | st.text(max_size=4)
)
any_json = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=12,
)

# Rules that are valid or nearly so.
words = st.sampled_from(WORDS) | st.text(max_size=4)
days = st.dates(date(2024, 1, 1), date(2026, 1, 1)).map(str)
small = st.integers(-3, 9) | st.sampled_from([0.5, 2.25, 1e15])


def pair(values):
    return st.lists(st.none() | values, min_size=2, max_size=2)


texts = st.lists(words, min_size=1, max_size=3)
good = st.sampled_from(["vp", "É", "straße", "DE", "at", "2025"])
OPERANDS = {
    "one_of": st.lists(good, min_size=1, max_size=3),
    "matches": st.sampled_from(["(a+)+$", "^vp", r"\d+", "é", "["]),
    "within_days": st.integers(0, 400),
    "exists": st.booleans(),
}
ORDERED = {"number": small, "date": days}


def operands(kind, op):
    """Values that fit the operator, most of the time."""
    if kind in ORDERED and op != "within_days" and op != "exists":
        one = ORDERED[kind]
        return {"between": pair(one), "one_of": st.lists(one, min_size=1, max_size=3)}.get(op, one)
    if kind == "boolean":
        return st.booleans()
    return OPERANDS.get(op, good if op == "equals" else good | words | texts)


@st.composite
def field_leaves(draw):
    name = draw(st.sampled_from(NAMES))
    kind = SCHEMA.by_name[name].type
    op = draw(st.sampled_from(OPERATORS[kind]))
    return {"field": name, "op": op, "value": draw(operands(kind, op))}


subjects = words | st.lists(words, min_size=1, max_size=2) | st.fixed_dictionaries({"contains": words})
engagement_leaves = st.fixed_dictionaries(
    {"value": st.integers(0, 4)},
    optional={
        "kind": st.sampled_from(["page_view", "download", ["page_view", "download"]]),
        "subject": subjects,
        "within_days": st.integers(1, 40) | st.floats(0.1, 40),
        "measure": st.sampled_from(["count", "distinct", "recency"]),
        "op": st.sampled_from(["at_least", "at_most", "between"]),
    },
).map(lambda body: {"engagements": body})


def groups(inner):
    lists = st.lists(inner, max_size=4)
    return st.one_of(
        lists.map(lambda children: {"all": children}),
        lists.map(lambda children: {"any": children}),
        inner.map(lambda child: {"not": child}),
    )


likely_rules = st.recursive(field_leaves() | engagement_leaves, groups, max_leaves=8)
mixed_rules = st.recursive(field_leaves() | engagement_leaves | any_json, groups, max_leaves=6)

# Facts of every kind of value, right and wrong for their fields.
offsets = st.integers(-14, 14).map(lambda hours: timezone(timedelta(hours=hours)))
moments = st.datetimes(timezones=st.just(UTC) | offsets)
near = st.timedeltas(timedelta(days=-50), timedelta(days=50)).map(
    lambda d: datetime(2025, 3, 1, tzinfo=UTC) + d
)
fact_values = st.one_of(
    scalars,
    words,
    small,
    near,
    moments,
    st.dates(),
    st.datetimes(),
    st.decimals(),
    st.lists(words | scalars, max_size=4),
    st.just(Decimal("1e999999")),
    st.just({"a": [1]}),
)
engagements = st.tuples(
    st.sampled_from(["page_view", "Download", "", "other"]), st.none() | words, near | moments
)
all_facts = st.builds(
    Facts,
    st.dictionaries(st.sampled_from(NAMES), fact_values, max_size=8),
    st.lists(engagements, max_size=6),
    near | moments,
)


def from_leaves(tree, path, states):
    """The answer worked out a second way: from the explained leaves, up the tree as it was written."""
    if "all" in tree:
        return all(from_leaves(each, f"{path}/all/{n}", states) for n, each in enumerate(tree["all"]))
    if "any" in tree:
        return any(from_leaves(each, f"{path}/any/{n}", states) for n, each in enumerate(tree["any"]))
    if "not" in tree:
        return not from_leaves(tree["not"], f"{path}/not", states)
    return states[path] == "met"


def check_answer(tree, facts):
    rule = compile_rule(tree, SCHEMA)
    met = rule.matches(facts)
    verdict = rule.explain(facts)
    states = {leaf.path: leaf.state for leaf in verdict.leaves}
    assert met is verdict.met is from_leaves(tree, "", states)
    assert set(states.values()) <= {"met", "not_met", "missing"}
    assert rule.matches(facts) is met  # asking again, with everything cached, changes nothing
    json.dumps(verdict.as_dict(), allow_nan=False).encode()
    rule.sentence.encode()


def check_refusal(tree, errors):
    for refuse in (compile_rule, describe):
        with pytest.raises(InvalidRule) as refusal:
            refuse(tree, SCHEMA)
        assert list(refusal.value.field_errors) == errors
    for error in errors:
        assert error.path == "" or error.path.startswith("/")
        json.dumps(error.as_dict()).encode()
        error.message.encode()


def check(tree, facts):
    """Either errors and a refusal, or a rule that answers."""
    errors = validate(tree, SCHEMA)
    if errors:
        check_refusal(tree, errors)
    else:
        check_answer(tree, facts)


many = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


@settings(many, max_examples=300)
@given(likely_rules | mixed_rules | any_json, all_facts)
def test_random_rules_never_raise(tree, facts):
    check(tree, facts)


@pytest.mark.slow
@settings(many, max_examples=5_000)
@given(mixed_rules, all_facts)
def test_five_thousand_rules_right_and_wrong_never_raise(tree, facts):
    check(tree, facts)


@pytest.mark.slow
@settings(many, max_examples=3_000)
@given(likely_rules, all_facts)
def test_three_thousand_likely_rules_never_raise(tree, facts):
    check(tree, facts)


@pytest.mark.slow
@settings(many, max_examples=2_000)
@given(any_json, all_facts)
def test_two_thousand_pieces_of_any_json_never_raise(tree, facts):
    check(tree, facts)


@settings(many, max_examples=300)
@given(field_leaves().filter(lambda leaf: not validate(leaf, SCHEMA)), all_facts)
def test_a_leaf_is_met_by_exactly_one_of_a_rule_and_its_opposite(leaf, facts):
    met = compile_rule(leaf, SCHEMA).matches(facts)
    assert compile_rule({"not": leaf}, SCHEMA).matches(facts) is not met


@settings(many, max_examples=1_000)
@given(st.text())
def test_folding_a_folded_text_changes_nothing(text):
    assert fold(fold(text)) == fold(text)


@settings(many, max_examples=500)
@given(st.text(min_size=1), st.text(), st.text())
def test_a_text_contains_every_part_of_itself_in_any_case(part, before, after):
    tree = {"field": "f.text", "op": "contains", "value": part.upper()}
    if not validate(tree, SCHEMA) and fold(part.upper()) == fold(part):
        whole = f"{before} {part} {after}"
        assert compile_rule(tree, SCHEMA).matches(
            Facts({"f.text": whole}, (), datetime(2025, 1, 1, tzinfo=UTC))
        )
