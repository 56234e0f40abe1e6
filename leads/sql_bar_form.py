"""The questions of a draft of the SQL criteria as rows of a form: read, changed by buttons, written back."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from core.errors import FieldError
from core.numbers import is_plain
from leads.sql_bar import ANSWERS, MOST_QUESTIONS, check_content, number_text

_LARGEST_REVISION: Final = 2**31 - 1
_PART: Final = re.compile(r"/questions/(\d+)/?(\w*)")


@dataclass(slots=True)
class Row:
    """One question as it was typed. wanted: what meets it, as text."""

    key: str = ""
    label: str = ""
    hint: str = ""
    answer: str = "yes_no"
    choices: str = ""
    must: bool = False
    wanted: str = ""
    errors: dict[str, str] = field(default_factory=dict)

    @property
    def kinds(self) -> list[tuple[str, str, bool]]:
        """The kinds of answer for a select: value, words, whether it is this one's."""
        return [(value, words, value == self.answer) for value, words in ANSWERS.items()]

    @property
    def error_list(self) -> list[str]:
        return list(self.errors.values())


@dataclass(slots=True)
class BarDraft:
    """A draft as the page holds it. acted: a button changed the rows, and nothing is to be saved."""

    rows: list[Row]
    revision: int
    acted: bool = False
    content: dict[str, Any] = field(default_factory=dict)
    problems: list[tuple[str, str, str]] = field(default_factory=list)  # (id of the place, title, message)


def draft_of(content: Mapping[str, Any], revision: int) -> BarDraft:
    """The rows of a stored content; of what is no question, none."""
    questions = content.get("questions")
    known = [each for each in questions if isinstance(each, dict)] if isinstance(questions, list) else []
    return BarDraft([_row_of(each) for each in known[:MOST_QUESTIONS]], revision)


def _row_of(said: Mapping[str, Any]) -> Row:
    choices = said.get("choices")
    return Row(
        key=str(said.get("key", "")),
        label=str(said.get("label", "")),
        hint=str(said.get("hint", "")),
        answer=str(said.get("answer", "yes_no")),
        choices="\n".join(str(each) for each in choices) if isinstance(choices, list) else "",
        must=said.get("must") is True,
        wanted=_wanted_text(said.get("must_be")),
    )


def _wanted_text(wanted: Any) -> str:
    if wanted is None:
        return ""
    if isinstance(wanted, bool):
        return "yes" if wanted else "no"
    if isinstance(wanted, list):
        return ", ".join(str(each) for each in wanted)
    return number_text(wanted).replace(",", "") if isinstance(wanted, int | float) else str(wanted)


def read_draft(posted: Mapping[str, str]) -> BarDraft:
    """What the page sent: rows "0-label" and so on, and the button that was pressed, if it was one of
    theirs."""
    count = _number(posted.get("count", ""), MOST_QUESTIONS)
    rows = [_read_row(posted, place) for place in range(count)]
    draft = BarDraft(rows, _number(posted.get("revision", ""), _LARGEST_REVISION))
    act, _, place = posted.get("act", "").partition("-")
    if act:
        _carry_out(draft, act, _number(place, MOST_QUESTIONS))
    else:
        _write(draft)
    return draft


def _number(text: str, most: int) -> int:
    return min(int(text), most) if text.isascii() and text.isdigit() and len(text) < 11 else 0


def _read_row(posted: Mapping[str, str], place: int) -> Row:
    def text(name: str) -> str:
        return posted.get(f"{place}-{name}", "").strip()

    return Row(
        key=text("key"),
        label=text("label"),
        hint=text("hint"),
        answer=text("answer"),
        choices=text("choices"),
        must=bool(text("must")),
        wanted=text("wanted"),
    )


def _carry_out(draft: BarDraft, act: str, place: int) -> None:
    """A button of the rows."""
    draft.acted = True
    rows = draft.rows
    if act == "add" and len(rows) < MOST_QUESTIONS:
        rows.append(Row(wanted="yes"))
    elif act == "remove" and place < len(rows):
        del rows[place]
    elif act in ("up", "down"):
        other = place - 1 if act == "up" else place + 1
        if place < len(rows) and 0 <= other < len(rows):
            rows[place], rows[other] = rows[other], rows[place]


def _write(draft: BarDraft) -> None:
    """Make the content of the rows, and find what is wrong with it, at its rows."""
    keys: set[str] = {row.key for row in draft.rows if row.key}
    questions = []
    for row in draft.rows:
        row.key = row.key or _new_key(row.label, keys)
        keys.add(row.key)
        questions.append(
            {
                "key": row.key,
                "label": row.label,
                "hint": row.hint,
                "answer": row.answer,
                "choices": _lines(row.choices) if row.answer == "choice" else [],
                "must": row.must,
                "must_be": _wanted(row),
            }
        )
    draft.content = {"questions": questions}
    _place_errors(draft, check_content(draft.content))


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _wanted(row: Row) -> Any:
    """What meets a question, from what was typed; what cannot be read stays a text, which is refused."""
    text = row.wanted
    if not text or row.answer in ("text", "date"):
        return None
    if row.answer == "yes_no":
        return {"yes": True, "no": False}.get(text.lower(), text)
    if row.answer == "number":
        try:
            number = float(text) if is_plain(text) else None
        except ValueError:
            number = None
        if number is None:
            return text
        return int(number) if number.is_integer() and abs(number) < 1e15 else number
    choices = _lines(row.choices)
    if text in choices:
        return text
    return [part.strip() for part in text.split(",") if part.strip()]


def _new_key(label: str, taken: set[str]) -> str:
    """A key made of a label: "Budget confirmed" is "budget_confirmed"."""
    plain = re.sub(r"[^a-z0-9]+", "_", label.lower()).strip("_")[:36]
    plain = plain if plain[:1].isalpha() else f"question_{plain}".rstrip("_")[:36]
    key, number = plain, 1
    while key in taken:
        number += 1
        key = f"{plain}_{number}"
    return key


#: What may be written under "what meets it", for somebody who sees a field and no JSON.
_WANTED: Final = {
    "yes_no": "Write yes or no, or leave it empty: then any answer meets it.",
    "number": "Write the least number, or leave it empty: then any number meets it.",
    "choice": "Write one of the choices, or some of them with commas, or leave it empty: then any meets it.",
}
_NAMES: Final = {"label": "Question", "choices": "Choices", "must_be": "What meets it", "hint": "Hint"}


def _place_errors(draft: BarDraft, errors: Sequence[FieldError]) -> None:
    for error in errors:
        found = _PART.fullmatch(error.path.replace("/choices/", "/choices"))
        place = int(found[1]) if found else -1
        if found is None or place >= len(draft.rows):
            draft.problems.append(("questions", "The questions", error.message))
            continue
        row = draft.rows[place]
        message = _WANTED.get(row.answer, error.message) if found[2] == "must_be" else error.message
        row.errors[found[2]] = message
        title = f"{row.label or f'Question {place + 1}'}, {_NAMES.get(found[2], found[2]).lower()}"
        draft.problems.append((f"q{place}-{_SPOTS.get(found[2], 'label')}", title, message))


_SPOTS: Final = {"choices": "choices", "must_be": "wanted", "hint": "hint"}
