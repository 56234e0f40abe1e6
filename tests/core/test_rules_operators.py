"""What each operator says about each type of value, known and not known."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from core.rules import OPERATORS, Facts, Field, Schema, compile_rule

NOW = datetime(2025, 3, 30, 12, 0, tzinfo=UTC)
SCHEMA = Schema(
    [
        Field("lead.title", "text", "Title"),
        Field("account.employees", "number", "Employees"),
        Field("account.is_customer", "boolean", "Customer"),
        Field("lead.created", "date", "Created"),
        Field("account.country", "choice", "Country", [("DE", "Germany"), ("AT", "Austria")]),
        Field("lead.tags", "list", "Tags"),
    ]
)
NAMES = {field.type: field.name for field in SCHEMA.by_name.values()}
ABSENT = object()


def state(kind, op, value, fact, now=NOW):
    """The state of one condition, once `matches` is seen to agree with it."""
    name = NAMES[kind]
    leaf = {"field": name, "op": op} if value is ABSENT else {"field": name, "op": op, "value": value}
    rule = compile_rule(leaf, SCHEMA)
    facts = Facts({} if fact is ABSENT else {name: fact}, (), now)
    verdict = rule.explain(facts)
    assert rule.matches(facts) is verdict.met is (verdict.leaves[0].state == "met")
    return verdict.leaves[0].state


TEXT = [
    ("equals", "VP Sales", "vp  SALES ", "met"),
    ("equals", "VP Sales", "VP Sales EMEA", "not_met"),
    ("equals", "Gerente de Educação", "gerente de educacao", "met"),
    ("equals", "Straße", "STRASSE", "met"),
    ("equals", "Malmo", "Malmö", "met"),
    ("equals", "Kobenhavn", "København", "met"),
    ("equals", "ﬁnance", "Finance", "met"),
    ("equals", "カ", "ガ", "not_met"),  # a voicing mark makes another letter
    ("equals", "94107", 94107, "met"),
    ("one_of", ["CEO", "CFO"], "cfo", "met"),
    ("one_of", ["CEO", "CFO"], "CTO", "not_met"),
    ("contains", "sales", "VP of Sales", "met"),
    ("contains", ["marketing", "SALES"], "VP of Sales", "met"),
    ("contains", ["marketing", "finance"], "VP of Sales", "not_met"),
    ("contains", "cto", "Director", "met"),
    ("has_word", "cto", "Director", "not_met"),
    ("has_word", "cto", "Co-Founder/CTO", "met"),
    ("has_word", ["vp", "head of"], "Acting Head of Growth", "met"),
    ("has_word", "head of", "Head, Office", "not_met"),
    ("starts_with", "head", "Head of Growth", "met"),
    ("starts_with", ["chief", "head"], "Deputy head", "not_met"),
    ("matches", r"\b(vp|head)\b", "Vice President (VP)", "met"),
    ("matches", r"^sales", "VP Sales", "not_met"),
    ("matches", "educação", "Educac\u0327a\u0303o", "met"),  # the same letters, written in two parts
    ("matches", "^é$", "É", "met"),
    ("exists", ABSENT, "x", "met"),
    ("exists", True, "x", "met"),
    ("exists", False, "x", "not_met"),
]
NUMBER = [
    ("equals", 50, 50.0, "met"),
    ("equals", 0.1, Decimal("0.1"), "met"),
    ("equals", 50, 51, "not_met"),
    ("one_of", [1, 2], 2, "met"),
    ("one_of", [1, 2], 3, "not_met"),
    ("at_least", 50, 50, "met"),
    ("at_least", 50, 49.99, "not_met"),
    ("at_most", 50, 50, "met"),
    ("at_most", 50, 50.01, "not_met"),
    ("between", [50, 2000], 50, "met"),
    ("between", [50, 2000], 2000, "met"),
    ("between", [50, 2000], 2001, "not_met"),
    ("between", [50, None], 1e15, "met"),
    ("between", [None, 2000], -5, "met"),
    ("between", [None, 2000], 2001, "not_met"),
    ("at_least", 50, " 250 ", "met"),
    ("at_least", 50, 0, "not_met"),  # zero is known
    ("exists", True, 0, "met"),
]
BOOLEAN = [
    ("equals", True, True, "met"),
    ("equals", True, False, "not_met"),
    ("equals", False, False, "met"),
    ("equals", True, "TRUE", "met"),
    ("equals", True, "false", "not_met"),
    ("exists", True, False, "met"),
]
DATE = [
    ("equals", "2025-03-01", date(2025, 3, 1), "met"),
    ("equals", "2025-03-01", "2025-03-01", "met"),
    ("equals", "2025-03-01", "2025-03-01T23:59:59Z", "met"),
    ("equals", "2025-03-01", datetime(2025, 3, 1, 23, 59), "met"),
    ("at_least", "2025-03-01", date(2025, 3, 1), "met"),
    ("at_least", "2025-03-01", date(2025, 2, 28), "not_met"),
    ("at_most", "2025-03-01", date(2025, 3, 1), "met"),
    ("at_most", "2025-03-01", date(2025, 3, 2), "not_met"),
    ("between", ["2025-01-01", "2025-01-31"], date(2025, 1, 31), "met"),
    ("between", ["2025-01-01", None], date(2024, 12, 31), "not_met"),
    ("within_days", 0, NOW, "met"),
    ("within_days", 30, date(2025, 2, 28), "met"),
    ("within_days", 30, date(2025, 2, 27), "not_met"),
    ("within_days", 30, date(2025, 3, 31), "not_met"),  # tomorrow
    ("exists", True, date(2025, 3, 1), "met"),
]
CHOICE = [
    ("equals", "DE", "de", "met"),
    ("equals", "DE", "AT", "not_met"),
    ("equals", "DE", "FR", "not_met"),  # the fact need not be one of the choices
    ("one_of", ["DE", "AT"], "AT", "met"),
    ("exists", True, "FR", "met"),
]
LIST = [
    ("contains", "ABM", ["abm", "partner"], "met"),
    ("contains", ["x", "Partner"], ("abm", "partner"), "met"),
    ("contains", "part", ["partner"], "not_met"),  # whole entries
    ("contains", "abm", "ABM", "met"),  # one text is a list of one
    ("starts_with", "part", {"partner"}, "met"),
    ("starts_with", "art", ["partner"], "not_met"),
    ("matches", "^p.*r$", ["abm", "partner"], "met"),
    ("matches", "^abm partner$", ["abm", "partner"], "not_met"),  # each entry by itself
    ("exists", True, ["x"], "met"),
    ("exists", True, [], "not_met"),
    ("exists", False, [None, " "], "met"),
]
TABLES = {"text": TEXT, "number": NUMBER, "boolean": BOOLEAN, "date": DATE, "choice": CHOICE, "list": LIST}
ROWS = [(kind, *row) for kind, table in TABLES.items() for row in table]


@pytest.mark.parametrize("kind, op, value, fact, expected", ROWS)
def test_operator(kind, op, value, fact, expected):
    assert state(kind, op, value, fact) == expected


@pytest.mark.parametrize("kind", OPERATORS)
def test_every_operator_of_every_type_stands_in_the_tables_above(kind):
    assert {row[0] for row in TABLES[kind]} == set(OPERATORS[kind])


EXAMPLES = {
    ("text", "matches"): ".",
    ("text", "one_of"): ["x"],
    ("number", "between"): [0, None],
    ("number", "one_of"): [1],
    ("boolean", "equals"): False,
    ("date", "between"): [None, "2025-01-01"],
    ("date", "within_days"): 5,
    ("choice", "equals"): "DE",
    ("choice", "one_of"): ["DE"],
}
DEFAULTS = {"text": "x", "number": 1, "date": "2025-01-01", "list": "x"}
UNREADABLE = {
    "text": [True, ["x"], {"a": 1}, object()],
    "number": ["many", "1_000", True, float("nan"), float("inf"), 10**400, Decimal("sNaN"), "9" * 50, [5]],
    "boolean": [1, "yes", "maybe", 0.0, []],
    "date": ["yesterday", "2025-02-30", 20250301, True, "2" * 100],
    "choice": [False, ["DE"]],
    "list": [{"a": 1}, [True, None], [[]]],
}
MISSING = [
    (kind, op, fact)
    for kind, ops in OPERATORS.items()
    for op in ops
    if op != "exists"
    for fact in (ABSENT, None, "", " \t\n", *UNREADABLE[kind])
]


@pytest.mark.parametrize("kind, op, fact", MISSING)
def test_what_is_absent_or_cannot_be_read_as_its_type_is_missing(kind, op, fact):
    assert state(kind, op, EXAMPLES.get((kind, op), DEFAULTS.get(kind)), fact) == "missing"


@pytest.mark.parametrize("kind", OPERATORS)
@pytest.mark.parametrize("fact", [ABSENT, None, "", "  "])
def test_exists_is_never_missing(kind, fact):
    assert state(kind, "exists", True, fact) == "not_met"
    assert state(kind, "exists", False, fact) == "met"


def test_a_moment_falls_on_the_day_of_the_zone_of_now():
    moment = datetime(2025, 3, 1, 23, 30, tzinfo=UTC)
    berlin = NOW.astimezone(timezone(timedelta(hours=1)))
    assert state("date", "equals", "2025-03-01", moment) == "met"
    assert state("date", "equals", "2025-03-02", moment, now=berlin) == "met"


@pytest.mark.parametrize(
    "moment", [datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC), datetime.max]
)
def test_the_first_and_the_last_moment_are_dates_too(moment):
    far_west = NOW.astimezone(timezone(timedelta(hours=-14)))
    far_east = NOW.astimezone(timezone(timedelta(hours=14)))
    for now in (far_west, far_east):
        assert state("date", "at_least", "0001-01-01", moment, now=now) == "met"


def test_only_the_first_ten_thousand_characters_of_a_text_are_looked_at():
    assert state("text", "contains", "needle", "x" * 9_990 + " needle") == "met"
    assert state("text", "contains", "needle", "x" * 10_000 + " needle") == "not_met"


def test_a_pattern_searches_the_first_two_thousand_bytes_of_a_field():
    assert state("text", "matches", "needle", "x" * 1_990 + "needle") == "met"
    assert state("text", "matches", "needle", "x" * 2_000 + "needle") == "not_met"
    assert state("text", "matches", "é$", "x" + "é" * 1_500) == "met"  # cut between characters
    assert state("list", "matches", "needle", ["x" * 1_500, "y" * 1_500, "needle"]) == "not_met"


@pytest.mark.parametrize("fact", ["\ud800 sales", "sales \0", "\udfff"])
def test_text_that_is_no_valid_unicode_is_read_without_harm(fact):
    for op in ("contains", "has_word", "matches"):
        expected = "met" if "sales" in fact else "not_met"
        assert state("text", op, "sales", fact) == expected


def test_a_value_that_costs_a_look_up_is_read_when_a_rule_asks_for_it() -> None:
    asked: list[str] = []

    def lists() -> list[str]:
        asked.append("lists")
        return ["rivals"]

    schema = Schema([Field("lists", "list", "On list"), Field("title", "text", "Title")])
    facts = Facts({"lists": lists, "title": "CTO"}, (), datetime(2026, 3, 2, tzinfo=UTC))
    other = compile_rule({"field": "title", "op": "equals", "value": "cto"}, schema)
    assert other.matches(facts)
    assert asked == []
    rule = compile_rule({"field": "lists", "op": "contains", "value": "Rivals"}, schema)
    assert rule.matches(facts)
    assert rule.matches(facts)
    assert asked == ["lists"]
    assert rule.explain(facts).leaves[0].seen == ["rivals"]
