"""The editor of rule trees: what it shows is what it reads back, and a button changes what it says alone."""

from __future__ import annotations

import copy
import json
from html.parser import HTMLParser

import pytest
from django.http import QueryDict
from django.template.loader import render_to_string
from hypothesis import given, settings
from hypothesis import strategies as st

from core.rules import Field, Schema, validate
from tests.core.test_rules_random import SCHEMA, any_json, likely_rules, many, mixed_rules
from web.rule_editor import RuleEditor

EDITOR = RuleEditor(SCHEMA)
LOOSE = RuleEditor(
    Schema(
        [
            Field("lead.title", "text", "Title"),
            Field("lead.created", "date", "Created"),
            Field("account.employees", "number", "Employees"),
            Field("account.is_customer", "boolean", "Customer"),
            Field("account.tier", "choice", "Tier", [("a", "Tier A"), ("b", "Tier B")]),
        ]
    ),
    kinds={"demo_request": "Demo request", "page_view": "Page view"},
)
TITLE = {"field": "lead.title", "op": "contains", "value": "VP"}
STAFF = {"field": "account.employees", "op": "between", "value": [50, 2000]}
DEMO = {"engagements": {"kind": "demo_request", "within_days": 30}}
TREE = {"all": [TITLE, {"any": [STAFF, DEMO]}, {"not": {"field": "account.is_customer", "op": "exists"}}]}


class Controls(HTMLParser):
    """What a browser sends of a form when a button that is not looked at here is pressed."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.pairs, self.select, self.option, self.area, self.text = [], None, None, None, ""
        self.ids, self.buttons = [], []

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        if "id" in found:
            self.ids.append(found["id"])
        if tag == "input" and "name" in found and (found.get("type") != "checkbox" or "checked" in found):
            self.pairs.append((found["name"], found.get("value", "")))
        elif tag == "select":
            self.select, self.option = found["name"], None
        elif tag == "option" and self.select and ("selected" in found or self.option is None):
            self.option = found["value"]
        elif tag == "textarea":
            self.area, self.text = found["name"], ""
        elif tag == "button":
            self.buttons.append(found.get("value", ""))

    def handle_endtag(self, tag):
        if tag == "select":
            self.pairs.append((self.select, self.option))
            self.select = None
        elif tag == "textarea":
            self.pairs.append((self.area, self.text.removeprefix("\n").replace("\n", "\r\n")))
            self.area = None

    def handle_data(self, data):
        if self.area:
            self.text += data


def page_of(editing):
    """The controls of a shown editor."""
    found = Controls()
    found.feed(render_to_string("web/rule_editor/_editor.html", {"editing": editing}))
    found.close()
    return found


def form_of(editing, **changed):
    """What a browser would send of it, with some controls written over: {"0__op": "equals"}."""
    data = QueryDict(mutable=True)
    for name, value in page_of(editing).pairs:
        data.appendlist(name, value)
    for name, value in changed.items():
        key = "act" if name == "act" else f"{editing.prefix}.{name.replace('__', '.').replace('_', '')}"
        data.setlist(key, value if isinstance(value, list) else [value])
    return data


def pressed(editor, tree, act):
    return editor.read(form_of(editor.of(tree), act=act))


# --- What is shown is what is read ---


@settings(many, max_examples=150)
@given(likely_rules)
def test_reading_what_was_shown_gives_the_same_rule(tree):
    read = EDITOR.read(form_of(EDITOR.of(tree)))
    assert json.dumps(read.tree) == json.dumps(tree)
    assert not read.acted
    assert [(each.path, each.code) for each in read.errors] == [
        (each.path, each.code) for each in validate(tree, SCHEMA)
    ]


@settings(many, max_examples=150)
@given(mixed_rules | st.dictionaries(st.just("any"), st.lists(any_json, max_size=3), min_size=1))
def test_what_is_no_rule_is_shown_and_kept_too(tree):
    if not isinstance(tree, dict):
        return
    read = EDITOR.read(form_of(EDITOR.of(tree, show_errors=True)))
    assert json.dumps(read.tree) == json.dumps(tree)


@settings(many, max_examples=60)
@given(likely_rules, st.data())
def test_no_act_makes_the_editor_fail_and_each_can_be_read_again(tree, data):
    before = EDITOR.of(tree)
    act = data.draw(st.sampled_from(page_of(before).buttons))
    after = EDITOR.read(form_of(before, act=act))
    assert after.acted
    again = EDITOR.read(form_of(after))
    assert json.dumps(again.tree) == json.dumps(after.tree)


@settings(many, max_examples=60)
@given(likely_rules, likely_rules, likely_rules)
def test_moving_down_and_up_again_changes_nothing(one, two, three):
    tree = {"all": [one, two, three]}
    down = EDITOR.read(form_of(EDITOR.of(tree), act="down:rule.0"))
    assert json.dumps(down.tree) == json.dumps({"all": [two, one, three]})
    assert json.dumps(EDITOR.read(form_of(down, act="up:rule.1")).tree) == json.dumps(tree)


@settings(many, max_examples=60)
@given(likely_rules, likely_rules)
def test_adding_and_removing_leave_the_rest_as_it_is(one, two):
    tree = {"any": [one, two]}
    added = EDITOR.read(form_of(EDITOR.of(tree), act="add:rule"))
    assert json.dumps(added.tree["any"][:2]) == json.dumps([one, two])
    assert json.dumps(EDITOR.read(form_of(added, act="remove:rule.2")).tree) == json.dumps(tree)
    assert json.dumps(EDITOR.read(form_of(EDITOR.of(tree), act="remove:rule.0")).tree) == json.dumps(
        {"any": [two]}
    )


# --- The buttons ---


@pytest.mark.parametrize(
    ("act", "expected"),
    [
        ("any:rule", {"any": TREE["all"]}),
        ("not:rule", {"not": TREE}),
        ("not:rule.2", {"all": [*TREE["all"][:2], TREE["all"][2]["not"]]}),
        ("up:rule.1", {"all": [TREE["all"][1], TITLE, TREE["all"][2]]}),
        ("down:rule.1.0", {"all": [TITLE, {"any": [DEMO, STAFF]}, TREE["all"][2]]}),
        ("lift:rule.1.0", {"all": [TITLE, {"any": [DEMO]}, STAFF, TREE["all"][2]]}),
        ("wrap:rule.0", {"all": [{"any": [TITLE]}, *TREE["all"][1:]]}),
        ("remove:rule.1", {"all": [TITLE, TREE["all"][2]]}),
        ("remove:rule", None),
        (
            "did:rule.1",
            {"all": [TITLE, {"any": [STAFF, DEMO, {"engagements": {"value": 1}}]}, TREE["all"][2]]},
        ),
        ("up:rule.0", TREE),
        ("remove:rule.7.7", TREE),
        ("explode:rule.0", TREE),
        ("up:other.1", TREE),
    ],
)
def test_a_button_changes_what_it_says_and_nothing_else(act, expected):
    before = copy.deepcopy(TREE)
    read = pressed(LOOSE, TREE, act)
    assert read.tree == expected
    assert before == TREE
    assert read.acted is (not act.startswith(("explode", "up:other")))


def test_every_button_of_another_editor_of_the_page_leaves_this_one_alone_and_judges_nothing():
    other = RuleEditor(LOOSE.schema, prefix="other")
    read = other.read(form_of(other.of({"all": [{"field": "", "op": ""}]}), act="add:rule"))
    assert not read.acted
    assert read.errors
    assert not page_of(read).ids.count("other.0-field-error")


def test_an_editor_without_a_condition_begins_with_one_by_a_button():
    assert LOOSE.read(form_of(LOOSE.of(None))).tree is None
    begun = pressed(LOOSE, None, "add:rule")
    assert begun.tree == {"all": [{"field": "", "op": ""}]}
    assert not begun.shows_errors


def test_a_condition_alone_gets_a_group_when_another_is_added():
    assert pressed(LOOSE, DEMO, "did:rule").tree == {"all": [DEMO, {"engagements": {"value": 1}}]}


# --- What is typed ---


def written(tree, **changed):
    """The tree after some controls were written over."""
    return LOOSE.read(form_of(LOOSE.of(tree), **changed))


def test_a_field_is_found_by_its_words_whatever_their_case():
    begun = pressed(LOOSE, None, "add:rule")
    chosen = LOOSE.read(form_of(begun, **{"0__f": "employees", "act": "refresh:rule.0"}))
    assert chosen.tree == {"all": [{"field": "account.employees", "op": "at_least"}]}
    saved = LOOSE.read(form_of(chosen, **{"0__v": "1 200"}))
    assert saved.tree == {"all": [{"field": "account.employees", "op": "at_least", "value": 1200}]}
    assert not saved.errors
    assert saved.sentence == "Employees at least 1200"


def test_a_value_of_the_wrong_type_is_refused_beside_its_field_and_stays_as_typed():
    read = written({"all": [STAFF, TITLE]}, **{"0__w": "a lot"})
    assert [(each.path, each.code) for each in read.errors] == [("/all/0/value/1", "wrong_type")]
    page = page_of(read)
    assert "rule.0-value-error" in page.ids
    assert ("rule.0.w", "a lot") in page.pairs


def test_an_unknown_field_is_refused_with_the_one_that_is_meant():
    read = written({"all": [TITLE]}, **{"0__f": "account.employes"})
    assert read.errors[0].path == "/all/0/field"
    assert "Did you mean Employees?" in read.errors[0].message
    assert ("rule.0.f", "account.employes") in page_of(read).pairs


def test_another_type_of_field_gets_its_own_comparisons():
    changed = {"0__f": "Employees"}
    assert written({"all": [TITLE]}, **changed).errors[0].code == "wrong_operator"
    shown = written({"all": [TITLE]}, act="refresh:rule.0", **changed)
    assert shown.tree["all"][0]["op"] == "at_least"


def test_a_comparison_that_needs_two_ends_asks_for_the_second():
    tree = {"all": [{"field": "account.employees", "op": "at_least", "value": 50}]}
    read = written(tree, **{"0__op": "between"})
    assert [each.path for each in read.errors] == ["/all/0/value"]
    assert {("rule.0.v", "50"), ("rule.0.w", "")} <= set(page_of(read).pairs)
    done = LOOSE.read(form_of(read, **{"0__w": "90"}))
    assert done.tree["all"][0]["value"] == [50, 90]


def test_several_values_are_one_a_line_and_survive_a_change_of_the_comparison():
    read = written({"all": [TITLE]}, **{"0__v": "VP\r\n Head of \r\n\r\nVP"})
    assert read.tree["all"][0]["value"] == ["VP", "Head of"]
    one = LOOSE.read(form_of(read, **{"0__op": "equals"}))
    assert one.tree["all"][0] == {"field": "lead.title", "op": "equals", "value": "VP"}


def test_choices_are_boxes_and_yes_and_no_are_comparisons():
    tree = {
        "any": [
            {"field": "account.tier", "op": "one_of", "value": ["a"]},
            {"field": "account.is_customer", "op": "equals", "value": True},
        ]
    }
    read = written(tree, **{"0__c": ["a", "b"], "1__op": "equals:no"})
    assert read.tree["any"][0]["value"] == ["a", "b"]
    assert read.tree["any"][1]["value"] is False
    assert not read.errors


def test_a_condition_on_what_the_lead_did_takes_kind_count_window_subject_and_recency():
    changed = {
        "0__k": ["demo_request", "page_view"],
        "0__o": "call",
        "0__s": "pricing",
        "0__how": "starts_with",
    }
    read = written(
        {"all": [DEMO]},
        **changed,
        **{"0__n": "12", "0__u": "hours", "0__m": "recency", "0__op": "at_most", "0__v": "2"},
    )
    assert read.tree["all"][0] == {
        "engagements": {
            "kind": ["demo_request", "page_view", "call"],
            "subject": {"starts_with": "pricing"},
            "within_hours": 12,
            "measure": "recency",
            "value": 2,
        }
    }
    assert not read.errors


def test_what_the_editor_cannot_show_stands_as_its_sentence_and_can_be_removed():
    exotic = {"field": "lead.title", "op": "contains", "value": ["a\nb", "c"]}
    html = render_to_string("web/rule_editor/_editor.html", {"editing": LOOSE.of({"all": [exotic, TITLE]})})
    assert "Title contains a" in html
    assert "Kept as it is written" in html
    assert written({"all": [exotic, TITLE]}, **{"1__v": "CEO"}).tree["all"][0] == exotic
    assert pressed(LOOSE, {"all": [exotic, TITLE]}, "remove:rule.0").tree == {"all": [TITLE]}


# --- Limits and hostile input ---


def test_a_rule_of_two_thousand_conditions_refuses_one_more_where_it_was_asked_for():
    tree = {"all": [{"any": [TITLE] * 998}, {"any": [TITLE] * 999}]}
    data = QueryDict(mutable=True)
    data.update({"rule": "all", "rule.0": "any", "rule.1": "any", "act": "add:rule.1"})
    for group, number in ((0, 998), (1, 999)):
        data.update({f"rule.{group}.{index}": json.dumps(TITLE) for index in range(number)})
    read = LOOSE.read(data)
    assert read.tree == tree
    assert [(each.path, each.code) for each in read.errors] == [("/all/1", "too_many")]
    assert [row.name for row in read.rows if row.errors] == ["rule.1"]


def test_a_rule_is_not_nested_deeper_than_rules_may_be():
    tree = TITLE
    for _ in range(19):
        tree = {"any": [tree]}
    name = "rule" + ".0" * 19
    read = pressed(LOOSE, tree, f"wrap:{name}")
    assert read.tree == tree
    assert read.errors[0].code == "too_deep"


@pytest.mark.parametrize(
    "sent",
    [
        {"rule": "[[[["},
        {"rule": "all", "rule.0": "{}", "rule.0.f": "Title", "rule.0.op": "\0"},
        {"rule": "all", "rule.not": "9" * 3, "rule.0": "null"},
        {"rule": "[" * 100_000},
        {"rule": "all", "rule.0": "{}", "rule.0.m": "x", "rule.0.op": "y", "rule.0.n": "-"},
        {"rule": '{"field": ["x"]}', "rule.f": "1e999"},
        {"rule": "1" * 5000, "act": "up:rule." + "9" * 5000},
        {".".join(["rule", *["0"] * depth]): "all" for depth in range(200)},
    ],
)
def test_a_form_made_by_hand_is_read_without_harm(sent):
    data = QueryDict(mutable=True)
    data.update(sent)
    read = LOOSE.read(data)
    page_of(read)
    assert read.errors or read.tree is None


def test_names_of_controls_are_each_there_once_and_each_control_has_a_name_for_people():
    page = page_of(LOOSE.of(TREE))
    assert len(page.ids) == len(set(page.ids))
