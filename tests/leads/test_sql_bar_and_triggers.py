"""The pure cores of the SQL criteria and of what hands a lead over, tried with anything."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import ValidationFailed
from core.rules import Facts
from leads import sql_bar, triggers
from leads.criteria import Judgement
from leads.models import Lead

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@st.composite
def questions(draw: Any) -> dict[str, Any]:
    """A question that may be asked."""
    kind = draw(st.sampled_from(sorted(sql_bar.ANSWERS)))
    choices = ["Cloud", "On site", "Both"] if kind == "choice" else []
    wanted: Any = {
        "yes_no": st.booleans(),
        "choice": st.sampled_from(choices) | st.lists(st.sampled_from(choices), min_size=1, unique=True)
        if choices
        else st.none(),
        "number": st.integers(-100, 100),
    }.get(kind, st.none())
    return {
        "key": draw(st.from_regex("[a-z][a-z0-9_]{0,5}", fullmatch=True)),
        "label": draw(st.text("abc ", min_size=1, max_size=9).filter(str.strip)),
        "answer": kind,
        "choices": choices,
        "must": draw(st.booleans()),
        "must_be": draw(st.none() | wanted),
    }


ANSWER: dict[str, Any] = {
    "yes_no": st.booleans(),
    "choice": st.sampled_from(["Cloud", "On site", "Both"]),
    "number": st.integers(-100, 100),
    "text": st.text("abc", min_size=1, max_size=5),
    "date": st.dates().map(str),
}


@given(content=JSON | st.fixed_dictionaries({"questions": st.lists(JSON, max_size=3)}))
def test_whatever_is_sent_as_a_bar_is_refused_with_places_or_can_be_read(content: Any) -> None:
    errors = sql_bar.check_content(content)
    assert all(error.message for error in errors)
    if not errors:
        sql_bar.questions_of(content)


@given(asked=st.lists(questions(), max_size=4, unique_by=lambda each: each["key"]), data=st.data())
def test_a_lead_is_kept_back_by_exactly_what_must_be_and_is_not(
    asked: list[dict[str, Any]], data: st.DataObject
) -> None:
    content = {"questions": asked}
    assert sql_bar.check_content(content) == []
    bar = sql_bar.questions_of(content)
    said = {
        each.key: data.draw(ANSWER[each.answer]) for each in bar if data.draw(st.booleans(), label=each.key)
    }
    answers = sql_bar.read_answers(bar, said)
    assert set(answers) == set(said)
    judged = sql_bar.judge(bar, answers)
    kept_back = {error.path.rpartition("/")[2] for _, error in judged.problems}
    wanted = {
        each.key for each in bar if each.must and not (each.key in said and each.is_met(said[each.key]))
    }
    assert kept_back == wanted
    assert [row["key"] for row in judged.rows] == [each.key for each in bar]


@given(said=st.dictionaries(st.sampled_from(["need", "budget", "x"]), JSON, max_size=3))
def test_whatever_is_sent_as_answers_is_taken_or_refused_with_its_place(said: dict[str, Any]) -> None:
    bar = sql_bar.questions_of(sql_bar.DEFAULT_BAR)
    places: list[str] = []
    answers: dict[str, Any] = {}
    try:
        answers = sql_bar.read_answers(bar, said)
    except ValidationFailed as refused:
        places = [error.path for error in refused.field_errors]
    assert all(path.startswith("/answers/") for path in places)
    assert all(isinstance(value, bool) for value in answers.values())


def test_what_changes_between_two_bars_is_said_in_words() -> None:
    before = {"questions": [sql_bar.DEFAULT_BAR["questions"][0], sql_bar.DEFAULT_BAR["questions"][2]]}
    stricter = {**sql_bar.DEFAULT_BAR["questions"][2], "must": True}
    after = {"questions": [stricter, sql_bar.DEFAULT_BAR["questions"][1]]}
    assert sql_bar.changes(before, after) == [
        "Asked no more: Need confirmed.",
        "Budget confirmed: must be yes; before: Budget confirmed: is asked; the answer need not be yes.",
        "New: Authority confirmed: is asked; the answer need not be yes.",
    ]


# --- What hands a lead over ---

ANY = triggers.Triggers(
    kinds=frozenset({triggers.OUTSIDE, triggers.SCORE}),
    stages=frozenset({("", "mql"), ("hubspot", "marketingqualifiedlead")}),
    score_from=70,
)


@pytest.mark.parametrize(
    ("stage", "system", "says"),
    [
        ("MQL", "", True),
        ("m.q.l", "pardot", True),
        ("Marketing Qualified Lead", "HubSpot", True),
        ("Marketing Qualified Lead", "salesforce", False),
        ("", "", False),
        ("SQL", "hubspot", False),
    ],
)
def test_stages_are_compared_without_case_blanks_and_signs(stage: str, system: str, says: bool) -> None:
    lead = Lead(outside_stage=stage, outside_system=system)
    assert ANY.stage_says_so(system, stage) is says
    assert bool(ANY.standing(lead, None)) is says


@given(
    said=st.lists(st.tuples(st.sampled_from(["", "HubSpot", "hubspot", "salesforce"]), st.sampled_from("ab")))
)
def test_of_each_system_the_last_word_is_remembered(said: list[tuple[str, str]]) -> None:
    lead = Lead()
    for system, stage in said:
        triggers.note_stage(lead, system, stage, newer=True)
    last = {system.casefold(): stage for system, stage in said}
    assert {system.casefold(): stage for system, stage in triggers.stages_of(lead).items()} == last
    assert len(triggers.stages_of(lead)) == len(last)


def test_so_many_systems_are_remembered_at_most() -> None:
    lead = Lead()
    for number in range(30):
        triggers.note_stage(lead, f"system {number}", "MQL", newer=True)
    assert len(triggers.stages_of(lead)) == triggers.MOST_SYSTEMS
    assert triggers.stages_of(lead)["system 29"] == "MQL"


@given(
    qualified=st.booleans(),
    score=st.none() | st.integers(0, 100),
    stage=st.sampled_from(["", "MQL", "SQL"]),
)
def test_our_criteria_alone_change_nothing_and_others_decide_alone(
    qualified: bool, score: int | None, stage: str
) -> None:
    judgement = Judgement(qualified, True, [], {"met": qualified, "version": 3, "criteria": []})
    lead = Lead(score=score, outside_stage=stage)
    facts = Facts({"lead.score": score}, [], datetime(2026, 11, 17, tzinfo=UTC))
    rest: dict[str, Any] = {"criteria": None, "lead": lead, "facts": facts, "past": [], "closed_at": None}
    plain = triggers.Triggers(frozenset({triggers.CRITERIA}))
    assert triggers.judge(plain, judgement, **rest) is judgement
    found = triggers.judge(ANY, judgement, **rest)
    assert found is not None
    assert found.qualified is (stage == "MQL" or (score is not None and score >= 70))
    assert found.verdict["met"] is found.qualified
