"""The condition language: qualification criteria, routing rules and SLA tiers are all written in it.

A rule is a JSON tree (docs/rules.md has the language with examples):

    {"all": [
        {"field": "account.employees", "op": "between", "value": [50, 2000]},
        {"engagements": {"kind": "page_view", "subject": "pricing", "within_days": 7, "value": 2}}
    ]}

`validate` says what is wrong with one and where, `compile_rule` makes it fast, `Rule.explain` says why it
came out as it did, `describe` and `chips` put it into words, `doubts` says what in it may not do what it
seems to, `empty_groups` where it asks nothing, `shadowed` finds what can never match in a list of rules.
Nothing here does I/O or reads a clock.

Two answers only: a condition on a value that is not known is not met, and `not` turns that into met.  So a
rule and its `not` divide all leads between them, and no lead falls through both.  Where a value must be
known, ask for it with "exists".
"""

from __future__ import annotations

from core.errors import FieldError, ValidationFailed
from core.rules.compiled import Leaf, Rule, State, Verdict
from core.rules.facts import EngagementFact, Facts
from core.rules.implied import shadowed
from core.rules.parse import parse
from core.rules.schema import OPERATORS, Field, FieldType, Schema, Vocabulary
from core.rules.second_look import doubts, empty_groups
from core.rules.sentences import Chips, chips_of, sentence

#: An error in a rule: path (JSON pointer into the tree), message, code.
RuleError = FieldError

__all__ = [
    "OPERATORS",
    "Chips",
    "EngagementFact",
    "Facts",
    "Field",
    "FieldType",
    "InvalidRule",
    "Leaf",
    "Rule",
    "RuleError",
    "Schema",
    "State",
    "Verdict",
    "Vocabulary",
    "chips",
    "compile_rule",
    "describe",
    "doubts",
    "empty_groups",
    "shadowed",
    "validate",
]


class InvalidRule(ValidationFailed):
    """The tree is not a rule under this schema; `field_errors` says where and why."""

    code = "invalid_rule"
    title = "The rule is not valid"


def validate(tree: object, schema: Schema) -> list[RuleError]:
    """Everything wrong with `tree`, at most 100 errors; empty when it is a rule.  Never raises."""
    return parse(tree, schema)[1]


def compile_rule(tree: object, schema: Schema) -> Rule:
    """The rule of `tree`.  Compile once per version and keep it.  Raises InvalidRule."""
    node, errors = parse(tree, schema)
    if node is None:
        raise InvalidRule("The rule is not valid: " + errors[0].message, field_errors=errors)
    return Rule(tree, node, schema)


def describe(tree: object, schema: Schema) -> str:
    """The rule in words, for example "Employees between 50 and 2000".  Raises InvalidRule."""
    node, errors = parse(tree, schema)
    if node is None:
        raise InvalidRule("The rule is not valid: " + errors[0].message, field_errors=errors)
    return sentence(node, schema)


def chips(tree: object, schema: Schema) -> Chips | None:
    """The rule as parts to be shown side by side; None where groups stand within groups, or it is none."""
    node = parse(tree, schema)[0]
    return chips_of(node, schema) if node is not None else None
