"""What makes an SQL: the questions that sales answers at that step, and what the answers come to.

A version's content: {"questions": [question, ...]}, and a question
    {"key": "budget", "label": "Budget confirmed", "hint": "", "answer": "yes_no", "choices": [],
     "must": false, "must_be": true}
`answer` is one of ANSWERS. `must_be` is what meets it: true or false; a choice, or a list of them; the least
number; null where any answer does. With `must` a lead does not become an SQL before it is met.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from core.errors import FieldError, NotFound, ValidationFailed, pointer
from leads.incoming import storable
from leads.models import SqlAnswers, SqlBarVersion
from tenants.versions import version_in_force

ANSWERS: Final[dict[str, str]] = {
    "yes_no": "Yes or no",
    "choice": "One of a list",
    "text": "Text",
    "number": "Number",
    "date": "Day",
}
MOST_QUESTIONS: Final = 20
MOST_CHOICES: Final = 30
LABEL: Final = 80
HINT: Final = 200
CHOICE: Final = 80
TEXT: Final = 500
_KEY: Final = re.compile("[a-z][a-z0-9_]{0,39}")
_PARTS: Final = ("key", "label", "hint", "answer", "choices", "must", "must_be")
_LARGEST: Final = 1e15


def _question(key: str, label: str, hint: str) -> dict[str, Any]:
    return {
        "key": key,
        "label": label,
        "hint": hint,
        "answer": "yes_no",
        "choices": [],
        "must": False,
        "must_be": True,
    }


#: In force until a version is published: it asks, and refuses nothing.
DEFAULT_BAR: Final[dict[str, Any]] = {
    "questions": [
        _question("need", "Need confirmed", "They have a problem that we solve."),
        _question("authority", "Authority confirmed", "We talk to whoever decides, or know who does."),
        _question("budget", "Budget confirmed", "There is money for it, or a way to get it."),
        _question("timeline", "Timeline confirmed", "They want to decide by a day that they named."),
    ]
}


@dataclass(frozen=True, slots=True)
class Question:
    """One criterion. must_be: see above."""

    key: str
    label: str
    hint: str = ""
    answer: str = "yes_no"
    choices: tuple[str, ...] = ()
    must: bool = False
    must_be: Any = None

    @property
    def wanted(self) -> str:
        """What meets it, in words; "" where any answer does."""
        if self.must_be is None:
            return ""
        if self.answer == "yes_no":
            return "yes" if self.must_be else "no"
        if self.answer == "number":
            return f"at least {number_text(self.must_be)}"
        return " or ".join(self.must_be if isinstance(self.must_be, list) else [self.must_be])

    def is_met(self, value: Any) -> bool:
        """Whether an answer meets it."""
        if self.must_be is None:
            return True
        if self.answer == "number":
            return bool(value >= self.must_be)
        if isinstance(self.must_be, list):
            return value in self.must_be
        return bool(value == self.must_be)


@dataclass(frozen=True, slots=True)
class Bar:
    """The questions of one version. id: None, and number 0, for the default."""

    id: UUID | None
    number: int
    questions: tuple[Question, ...]

    def question(self, key: str) -> Question | None:
        return next((each for each in self.questions if each.key == key), None)


@dataclass(frozen=True, slots=True)
class Answered:
    """What answers come to. rows: as `SqlAnswers.answers`. problems: what keeps the lead from the step, each
    with the question's label."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    problems: list[tuple[str, FieldError]] = field(default_factory=list)

    @property
    def met(self) -> bool:
        return all(row["met"] for row in self.rows)


def number_text(value: float) -> str:
    """50000 and 2.5, without a tail of noughts."""
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,}"


# --- The content of a version ---


def check_publishable(content: object) -> None:
    """Raises ValidationFailed, with a path to each error, for a bar that cannot be put in force."""
    errors = check_content(content)
    if errors:
        raise ValidationFailed("These SQL criteria are not valid.", field_errors=errors)


def check_content(content: object) -> list[FieldError]:
    """Everything wrong with the content of a version, with paths into it; empty when it is good."""
    if not isinstance(content, dict) or not isinstance(content.get("questions"), list):
        return [FieldError("/questions", "SQL criteria are a list of questions.", "wrong_type")]
    errors = [
        FieldError(pointer(str(key)[:80]), f"SQL criteria have no part {str(key)[:80]!r}.", "unknown_key")
        for key in content
        if key != "questions"
    ]
    questions = content["questions"]
    if len(questions) > MOST_QUESTIONS:
        errors.append(FieldError("/questions", f"At most {MOST_QUESTIONS} questions.", "max_length"))
    seen: set[str] = set()
    for position, each in enumerate(questions[:MOST_QUESTIONS]):
        path = pointer("questions", position)
        if not isinstance(each, dict):
            errors.append(FieldError(path, "A question is an object.", "wrong_type"))
            continue
        errors += _question_errors(each, path)
        key = each.get("key")
        if isinstance(key, str) and key in seen:
            errors.append(FieldError(f"{path}/key", "Another question has this key.", "taken"))
        seen.add(str(key))
    return errors


def _question_errors(said: Mapping[str, Any], path: str) -> list[FieldError]:
    errors = [
        FieldError(path + pointer(str(name)[:80]), f"A question has no {str(name)[:80]!r}.", "unknown_key")
        for name in said
        if name not in _PARTS
    ]
    if not isinstance(said.get("key"), str) or not _KEY.fullmatch(said["key"]):
        text = "A key begins with a letter and has small letters, digits and _, 40 at most."
        errors.append(FieldError(f"{path}/key", text, "invalid"))
    for name, least, most in (("label", 1, LABEL), ("hint", 0, HINT)):
        text = said.get(name, "")
        if not isinstance(text, str) or not least <= len(text.strip()) <= most or not storable(text):
            errors.append(
                FieldError(f"{path}/{name}", f"A {name} has {least} to {most} characters.", "length")
            )
    if not isinstance(said.get("answer"), str) or said["answer"] not in ANSWERS:
        errors.append(FieldError(f"{path}/answer", f"Use one of: {', '.join(ANSWERS)}.", "invalid_choice"))
        return errors
    if not isinstance(said.get("must", False), bool):
        errors.append(FieldError(f"{path}/must", "true or false is wanted.", "wrong_type"))
    choices = said.get("choices") or []
    errors += _choice_errors(choices, said["answer"] == "choice", f"{path}/choices")
    if not errors:
        errors += _wanted_errors(said, choices, f"{path}/must_be")
    return errors


def _choice_errors(choices: object, needed: bool, path: str) -> list[FieldError]:
    if not isinstance(choices, list) or len(choices) > MOST_CHOICES:
        return [FieldError(path, f"A list of at most {MOST_CHOICES} choices.", "wrong_type")]
    if not needed:
        text = "Only an answer out of a list has choices."
        return [FieldError(path, text, "not_wanted")] if choices else []
    if len(choices) < 2:
        return [FieldError(path, "Name at least two choices.", "required")]
    for each in choices:
        if not isinstance(each, str) or not 0 < len(each.strip()) <= CHOICE or not storable(each):
            return [FieldError(path, f"A choice has 1 to {CHOICE} characters.", "length")]
    if len(set(choices)) < len(choices):
        return [FieldError(path, "A choice is there twice.", "taken")]
    return []


def _wanted_errors(said: Mapping[str, Any], choices: Sequence[str], path: str) -> list[FieldError]:
    wanted, kind = said.get("must_be"), said["answer"]
    if wanted is None:
        return []
    if kind == "yes_no":
        good, text = isinstance(wanted, bool), "true or false is wanted, or null for any answer."
    elif kind == "number":
        good, text = _is_number(wanted), "The least number is wanted, or null for any."
    elif kind == "choice":
        some = wanted if isinstance(wanted, list) else [wanted]
        good = bool(some) and all(isinstance(each, str) and each in choices for each in some)
        text = "One of the choices is wanted, a list of them, or null for any."
    else:
        good, text = False, "Of a text or a day only that it is given can be asked: null."
    return [] if good else [FieldError(path, text, "invalid")]


def _is_number(value: object) -> bool:
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and math.isfinite(value)
        and abs(value) <= _LARGEST
    )


# --- The bar in force ---


def questions_of(content: Mapping[str, Any]) -> tuple[Question, ...]:
    """The questions of a content that `check_content` has nothing against."""
    return tuple(
        Question(
            key=each["key"],
            label=each["label"].strip(),
            hint=each.get("hint", "").strip(),
            answer=each["answer"],
            choices=tuple(each.get("choices") or ()),
            must=each.get("must", False),
            must_be=each.get("must_be"),
        )
        for each in content["questions"]
    )


_DEFAULT: Final = Bar(None, 0, questions_of(DEFAULT_BAR))


def bar_in_force(now: datetime) -> Bar:
    """The SQL criteria that hold at `now`: those published, else the default."""
    return bar_of(version_in_force(SqlBarVersion, now))


def bar_of(found: SqlBarVersion | None) -> Bar:
    """What a version asks; the default without one."""
    if found is None or check_content(found.content):
        return _DEFAULT
    return Bar(found.id, found.number, questions_of(found.content))


def get_version(version_id: UUID) -> SqlBarVersion:
    """A version of this organisation's SQL criteria. Raises NotFound."""
    found: SqlBarVersion | None = SqlBarVersion.objects.filter(id=version_id).first()
    if found is None:
        raise NotFound("There is no such version of the SQL criteria.")
    return found


# --- Answers ---


def read_answers(questions: Collection[Question], said: Mapping[str, Any]) -> dict[str, Any]:
    """Answers by the questions' keys, null and blank left out. Raises ValidationFailed at /answers/<key> for
    a question that is not asked, and for an answer of the wrong kind."""
    known = {question.key: question for question in questions}
    found: dict[str, Any] = {}
    errors: list[FieldError] = []
    for key, value in said.items():
        path = pointer("answers", str(key)[:80])
        question = known.get(key)
        if question is None:
            text = f"This step does not ask {str(key)[:80]!r}."
            text += f" It asks: {', '.join(known)}." if known else " It asks nothing."
            errors.append(FieldError(path, text, "unknown_field"))
        elif value is not None and value != "":
            problem = _answer_problem(question, value)
            if problem:
                errors.append(FieldError(path, problem, "wrong_type"))
            else:
                found[key] = value.strip() if isinstance(value, str) else value
    if errors:
        raise ValidationFailed(errors[0].message, field_errors=errors)
    return found


def _answer_problem(question: Question, value: Any) -> str:
    if question.answer == "yes_no":
        return "" if isinstance(value, bool) else "true or false is wanted."
    if question.answer == "number":
        return "" if _is_number(value) else "A number is wanted."
    if not isinstance(value, str):
        return "A text is wanted."
    if question.answer == "choice":
        return "" if value in question.choices else f"Use one of: {', '.join(question.choices)}."
    if question.answer == "date":
        try:
            plain = date.fromisoformat(value).isoformat() == value
        except ValueError:
            plain = False
        return "" if plain else 'A day like "2026-03-01" is wanted.'
    return "" if len(value) <= TEXT and storable(value) else f"At most {TEXT} characters."


def judge(
    questions: Collection[Question], answers: Mapping[str, Any], *, needed: Collection[str] = ()
) -> Answered:
    """What answers come to. needed: keys that must be answered whatever `must` says."""
    found = Answered()
    for question in questions:
        given = question.key in answers
        value = answers.get(question.key)
        met = question.is_met(value) if given else None
        found.rows.append(
            {
                "key": question.key,
                "label": question.label,
                "answer": question.answer,
                "value": value,
                "must": question.must,
                "met": met,
            }
        )
        path = pointer("answers", question.key)
        if not given and (question.must or question.key in needed):
            found.problems.append((question.label, FieldError(path, "Answer it.", "required")))
        elif question.must and not met:
            wrong = FieldError(path, f"It must be {question.wanted}.", "not_met")
            found.problems.append((question.label, wrong))
    return found


def answers_of(handoff_id: UUID) -> SqlAnswers | None:
    """What was answered last in a handoff; None before the SQL step. One query."""
    found: SqlAnswers | None = SqlAnswers.objects.filter(handoff_id=handoff_id).order_by("-at", "-id").first()
    return found


def value_words(row: Mapping[str, Any]) -> str:
    """An answer as people read it."""
    value = row["value"]
    if value is None:
        return "Not answered"
    if isinstance(value, bool):
        return "Yes" if value else "No"
    return number_text(value) if isinstance(value, int | float) else str(value)


# --- In words ---


def sentence(question: Question) -> str:
    """ "Budget confirmed: must be yes", "Which product (one of 4)"."""
    if question.must:
        rest = f"must be {question.wanted}" if question.wanted else "must be answered"
        return f"{question.label}: {rest}"
    if question.wanted:
        return f"{question.label}: is asked; the answer need not be {question.wanted}"
    return f"{question.label}: asked"


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """What is different between two contents, in words."""
    if check_content(before) or check_content(after):
        return []
    old = {each.key: each for each in questions_of(before)}
    new = {each.key: each for each in questions_of(after)}
    said = [f"Asked no more: {each.label}." for key, each in old.items() if key not in new]
    for key, each in new.items():
        was = old.get(key)
        if was is None:
            said.append(f"New: {sentence(each)}.")
        elif sentence(was) != sentence(each):
            said.append(f"{sentence(each)}; before: {sentence(was)}.")
        elif (was.hint, was.answer, was.choices) != (each.hint, each.answer, each.choices):
            said.append(f"{each.label}: {_details(was, each)} changed.")
    stayed = [key for key in new if key in old]
    if stayed != [key for key in old if key in new]:
        said.append("Asked in another order.")
    return said


def _details(was: Question, each: Question) -> str:
    parts = [
        name
        for name, one, other in (
            ("the hint", was.hint, each.hint),
            ("the kind of answer", was.answer, each.answer),
            ("the choices", was.choices, each.choices),
        )
        if one != other
    ]
    return " and ".join(parts)
