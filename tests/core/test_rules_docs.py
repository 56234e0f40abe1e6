"""The examples in docs/rules.md are rules, and the tables there name what the code knows."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from core.rules import OPERATORS, Field, Schema, describe, validate

TEXT = (Path(__file__).parents[2] / "docs" / "rules.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL)
SCHEMA = Schema(
    [
        Field("lead.title", "text", "Title"),
        Field("lead.phone", "text", "Phone"),
        Field("lead.tags", "list", "Tags"),
        Field("lead.created", "date", "Created"),
        Field("account.employees", "number", "Employees"),
        Field("account.country", "choice", "Country", ["DE", "AT"]),
        Field("account.is_customer", "boolean", "Customer"),
    ],
    ["page_view", "download", "demo_request"],
)


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_is_a_rule(example):
    assert validate(json.loads(example), SCHEMA) == []


def test_the_first_example_reads_as_the_page_says():
    said = re.search(r"Read aloud \(`describe`\): \*(.*?)\*\.", TEXT, re.DOTALL)
    assert said is not None
    assert describe(json.loads(EXAMPLES[0]), SCHEMA) == " ".join(said[1].split())


@pytest.mark.parametrize("kind", OPERATORS)
def test_the_table_of_types_lists_their_operators(kind):
    row = re.search(rf"^\| {kind} \| (.*) \|$", TEXT, re.MULTILINE)
    assert row is not None
    assert tuple(re.findall(r"`(\w+)`", row[1])) == OPERATORS[kind]


def test_every_error_code_is_documented_and_no_other():
    source = (Path(__file__).parents[2] / "core" / "rules" / "parse.py").read_text(encoding="utf-8")
    place = r"(?:\w+|\((?:[^()]|\([^()]*\))*\))"  # a name, or a path written out
    used = set(re.findall(rf'self\.(?:wrong|note|too_much)\(\s*{place},\s*"(\w+)"', source))
    codes = re.search(r"Codes: (.*?)\.\n", TEXT, re.DOTALL)
    assert codes is not None
    assert set(re.findall(r"`(\w+)`", codes[1])) == used
