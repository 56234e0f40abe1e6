"""A verdict says how every condition came out and what was seen; a rule reads as a sentence."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from core.rules import Facts, Field, Schema, compile_rule, describe

NOW = datetime(2025, 3, 30, 12, 0, tzinfo=UTC)
SCHEMA = Schema(
    [
        Field("lead.title", "text", "Title"),
        Field("account.employees", "number", "Employees"),
        Field("account.is_customer", "boolean", "Customer"),
        Field("lead.created", "date", "Created"),
        Field("account.country", "choice", "Country", [("DE", "Germany"), ("AT", "Austria")]),
        Field("lead.tags", "list", "Tags"),
    ],
    {"page_view": "Page view", "pdf": "PDF download"},
)
SIZE = {"field": "account.employees", "op": "between", "value": [50, 2000]}
TITLE = {"field": "lead.title", "op": "contains", "value": ["VP", "Head"]}
COUNTRY = {"field": "account.country", "op": "equals", "value": "DE"}
VIEWS = {"engagements": {"kind": "page_view", "subject": "pricing", "within_days": 7, "value": 2}}


def facts(values=None, history=()):
    return Facts(values or {}, history, NOW)


def test_every_leaf_is_explained_even_those_that_could_not_change_the_answer():
    rule = compile_rule({"all": [SIZE, {"any": [TITLE, {"not": COUNTRY}]}, VIEWS]}, SCHEMA)
    verdict = rule.explain(
        facts({"account.employees": 20, "lead.title": "VP Sales"}, [("page_view", "pricing", NOW)] * 2)
    )
    assert not verdict.met
    assert [(x.path, x.state, x.seen, x.expected, x.negated) for x in verdict.leaves] == [
        ("/all/0", "not_met", 20, [50, 2000], False),
        ("/all/1/any/0", "met", "VP Sales", ["VP", "Head"], False),
        ("/all/1/any/1/not", "missing", None, "DE", True),
        ("/all/2", "met", 2, 2, False),
    ]
    assert [(x.label, x.sentence) for x in verdict.leaves] == [
        ("Employees", "Employees between 50 and 2000"),
        ("Title", "Title contains VP or Head"),
        ("Country", "Country is Germany"),
        ("Page view of pricing", "Page view of pricing at least 2 times within 7 days"),
    ]
    assert json.loads(json.dumps(verdict.as_dict(), allow_nan=False))["leaves"][0]["seen"] == 20


@pytest.mark.parametrize("values", [{}, {"account.country": "DE"}, {"account.country": "AT"}])
def test_a_rule_and_its_opposite_divide_all_leads_between_them(values):
    rule, opposite = compile_rule(COUNTRY, SCHEMA), compile_rule({"not": COUNTRY}, SCHEMA)
    assert rule.matches(facts(values)) is not opposite.matches(facts(values))


def test_not_of_a_missing_value_is_met_unless_the_value_is_asked_for():
    known = {"field": "account.country", "op": "exists"}
    assert compile_rule({"not": COUNTRY}, SCHEMA).matches(facts())
    assert not compile_rule({"all": [known, {"not": COUNTRY}]}, SCHEMA).matches(facts())


def test_two_nots_cancel_each_other():
    rule = compile_rule({"not": {"not": COUNTRY}}, SCHEMA)
    verdict = rule.explain(facts({"account.country": "DE"}))
    assert (verdict.met, verdict.leaves[0].negated) == (True, False)


def test_all_of_nothing_is_always_met():
    verdict = compile_rule({"all": []}, SCHEMA).explain(facts())
    assert (verdict.met, verdict.leaves) == (True, ())


@pytest.mark.parametrize(
    "value, seen",
    [
        ("x" * 500, "x" * 199 + "…"),
        ("a\0\ud800b", "a??b"),
        (Decimal("12.50"), 12.5),
        (10**400, "a number out of range"),
        (float("nan"), "a number out of range"),
        (NOW, "2025-03-30T12:00:00+00:00"),
        (NOW.date(), "2025-03-30"),
        (["a", object()], ["a", None]),
        (list(range(30)), [*range(20), "…"]),
        ({"a": 1}, None),
        (object(), None),
        (True, True),
    ],
)
def test_what_was_seen_is_small_and_can_always_be_stored(value, seen):
    verdict = compile_rule(TITLE, SCHEMA).explain(facts({"lead.title": value}))
    assert verdict.leaves[0].seen == seen
    json.dumps(verdict.as_dict(), allow_nan=False).encode()


def test_a_rule_says_what_it_reads():
    rule = compile_rule({"any": [SIZE, {"not": TITLE}, SIZE]}, SCHEMA)
    assert (rule.fields, rule.reads_engagements) == ({"account.employees", "lead.title"}, False)
    rule = compile_rule({"not": VIEWS}, SCHEMA)
    assert (rule.fields, rule.reads_engagements) == (frozenset(), True)


def test_states_and_conditions_are_those_of_the_explanation():
    rule = compile_rule({"any": [SIZE, {"not": TITLE}, VIEWS]}, SCHEMA)
    asked = facts({"account.employees": 20}, [("page_view", "pricing", NOW)] * 2)
    leaves = rule.explain(asked).leaves
    assert [leaf.state for leaf in leaves] == ["not_met", "missing", "met"]
    assert rule.marks(asked) == "0?1"
    assert list(rule.conditions) == [leaf.sentence for leaf in leaves]


def test_facts_are_read_once_however_many_rules_ask():
    class Counting(dict):
        reads = 0

        def get(self, key, default=None):
            Counting.reads += 1
            return super().get(key, default)

    many = [compile_rule(TITLE, SCHEMA) for _ in range(50)]
    shared = Facts(Counting({"lead.title": "Sales Rep"}), (), NOW)
    assert not any(rule.matches(shared) for rule in many)
    assert Counting.reads == 1


def leaf(field, op, value=None):
    return {"field": field, "op": op, "value": value}


def did(**body):
    return {"engagements": body}


SENTENCES = [
    (SIZE, "Employees between 50 and 2000"),
    (leaf("account.employees", "between", [50, None]), "Employees at least 50"),
    (leaf("account.employees", "at_most", 2.5), "Employees at most 2.5"),
    (leaf("account.employees", "equals", 5.0), "Employees is 5"),
    (leaf("account.employees", "one_of", [1, 2]), "Employees is one of 1 or 2"),
    (leaf("account.employees", "one_of", [1]), "Employees is 1"),
    (leaf("account.is_customer", "equals", False), "Customer is no"),
    (leaf("lead.created", "at_least", "2025-01-01"), "Created is on or after 2025-01-01"),
    (leaf("lead.created", "at_most", "2025-01-01"), "Created is on or before 2025-01-01"),
    (
        leaf("lead.created", "between", ["2025-01-01", "2025-02-01"]),
        "Created is from 2025-01-01 to 2025-02-01",
    ),
    (leaf("lead.created", "equals", "2025-01-01"), "Created is 2025-01-01"),
    (leaf("lead.created", "within_days", 1), "Created is within the last 1 day"),
    (leaf("account.country", "one_of", ["de", "AT"]), "Country is one of Germany or Austria"),
    ({"field": "account.country", "op": "exists"}, "Country is known"),
    (leaf("account.country", "exists", False), "Country is not known"),
    (leaf("lead.title", "has_word", "CTO"), "Title has the word CTO"),
    (leaf("lead.title", "starts_with", ["a", "b", "c"]), "Title starts with a, b or c"),
    (leaf("lead.title", "matches", r"^vp\b"), r"Title matches the pattern ^vp\b"),
    (leaf("lead.tags", "contains", "abm"), "Tags includes abm"),
    (leaf("lead.tags", "starts_with", "abm"), "Tags has an entry starting with abm"),
    (
        leaf("lead.title", "contains", [f"t{n}" for n in range(12)]),
        "Title contains t0, t1, t2, t3, t4, t5, t6, t7, t8, t9 or 2 more",
    ),
    (VIEWS, "Page view of pricing at least 2 times within 7 days"),
    (did(kind="page_view"), "Page view at least once"),
    (did(kind="page_view", op="at_most", value=0, within_hours=1), "Page view never within 1 hour"),
    (did(op="between", value=[2, 5]), "Any engagement between 2 and 5 times"),
    (did(op="at_most", value=1), "Any engagement at most 1 time"),
    (
        did(kind="page_view", measure="distinct", value=3, within_days=30),
        "Page view: at least 3 different subjects within 30 days",
    ),
    (did(kind="pdf", measure="recency", value=3), "Latest PDF download: at most 3 days ago"),
    (
        did(kind="page_view", subject={"starts_with": "/pricing"}, measure="recency", value=1),
        "Latest page view of a subject starting with /pricing: at most 1 day ago",
    ),
    ({"all": []}, "Always"),
    ({"all": [SIZE]}, "Employees between 50 and 2000"),
    ({"not": COUNTRY}, "not (Country is Germany)"),
    (
        {"all": [SIZE, {"any": [TITLE, COUNTRY]}]},
        "Employees between 50 and 2000 and (Title contains VP or Head or Country is Germany)",
    ),
]


@pytest.mark.parametrize("tree, expected", SENTENCES)
def test_a_rule_reads_as_a_sentence(tree, expected):
    assert describe(tree, SCHEMA) == expected
    assert compile_rule(tree, SCHEMA).sentence == expected


def test_an_unlisted_kind_is_spoken_from_its_slug():
    assert describe(did(kind="trial_started"), Schema([])) == "Trial started at least once"


def test_the_answer_depends_on_now_alone_not_on_the_clock():
    rule = compile_rule(VIEWS, SCHEMA)
    history = [("page_view", "pricing", NOW - timedelta(days=6))] * 2
    assert rule.matches(Facts({}, history, NOW))
    assert not rule.matches(Facts({}, history, NOW + timedelta(days=2)))
