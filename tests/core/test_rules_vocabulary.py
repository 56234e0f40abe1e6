"""Values of a field with a vocabulary are equal where they mean one thing; parts are looked at as written."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from core.countries import COUNTRIES
from core.rules import Facts, Field, Schema, compile_rule, describe, doubts, shadowed

NOW = datetime(2026, 11, 17, 9, 0, tzinfo=UTC)
SCHEMA = Schema(
    [
        Field("country", "text", "Country", vocabulary=COUNTRIES),
        Field("title", "text", "Title"),
    ]
)
SAME = ["DE", "deu", " Germany ", "DEUTSCHLAND", "Allemagne"]


def asked(op, value):
    return compile_rule({"field": "country", "op": op, "value": value}, SCHEMA)


def meets(rule, text):
    return rule.matches(Facts({"country": text}, (), NOW))


@pytest.mark.parametrize("written", SAME)
@pytest.mark.parametrize("known", SAME)
def test_a_country_equals_itself_by_any_name(written, known):
    assert meets(asked("equals", written), known)
    assert meets(asked("one_of", ["France", written]), known)
    assert not meets(asked("equals", written), "France")


def test_what_is_no_country_is_compared_without_case_as_before():
    rule = asked("one_of", ["Elsewhere", "DACH"])
    assert meets(rule, " dach ")
    assert not meets(rule, "Germany")
    assert not meets(rule, None)


def test_parts_of_a_text_are_looked_at_as_they_came():
    assert meets(asked("starts_with", "Ger"), "Germany")
    assert not meets(asked("starts_with", "Ger"), "DE")
    assert meets(asked("contains", "united"), "United States")
    assert meets(asked("matches", "^d"), "DE")


def test_another_value_of_the_field_is_spelled_anew():
    rule, facts = asked("equals", "Germany"), Facts({"country": "FR"}, (), NOW)
    assert not rule.matches(facts)
    assert rule.matches(facts.having("country", "DE"))


def test_the_explanation_says_what_was_compared():
    leaf = asked("equals", "DE").explain(Facts({"country": "DEU"}, (), NOW)).leaves[0]
    assert (leaf.state, leaf.seen, leaf.expected) == ("met", "DEU (Germany)", "DE")
    assert leaf.sentence == "Country is DE (Germany)"
    unknown = asked("equals", "DE").explain(Facts({}, (), NOW)).leaves[0]
    assert (unknown.state, unknown.seen) == ("missing", None)


def test_the_sentence_has_a_part_as_it_is_written():
    tree = {"field": "country", "op": "starts_with", "value": "DE"}
    assert describe(tree, SCHEMA) == "Country starts with DE"


def test_a_rule_is_shadowed_by_one_that_says_the_same_country_otherwise():
    trees = [
        {"field": "country", "op": "one_of", "value": ["Germany", "Austria"]},
        {"field": "country", "op": "equals", "value": "DE"},
    ]
    assert shadowed(trees, SCHEMA) == {1: 0}


def test_a_country_is_not_shadowed_by_a_part_of_one_of_its_names():
    trees = [
        {"field": "country", "op": "starts_with", "value": "Ger"},
        {"field": "country", "op": "equals", "value": "Germany"},
    ]
    assert shadowed(trees, SCHEMA) == {}


def test_a_slip_and_a_part_are_doubted_and_the_rule_is_used_all_the_same():
    tree = {
        "any": [
            {"field": "country", "op": "one_of", "value": ["Germny", "DE"]},
            {"not": {"field": "country", "op": "contains", "value": "land"}},
            {"field": "title", "op": "equals", "value": "Germny"},
        ]
    }
    found = doubts(tree, SCHEMA)
    assert [(each.path, each.code) for each in found] == [
        ("/any/0/value", "unknown_country"),
        ("/any/1/not/value", "as_written"),
    ]
    assert found[0].message.endswith("Did you mean Germany?")
    assert compile_rule(tree, SCHEMA).matches(Facts({"country": "germny"}, (), NOW))
    assert doubts({"field": "country", "op": "equals"}, SCHEMA) == []


def test_only_a_text_has_a_vocabulary():
    with pytest.raises(ValueError, match="is no text"):
        Field("size", "number", "Size", vocabulary=COUNTRIES)
