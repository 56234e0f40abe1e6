"""The score in the draft of the criteria as a form: from outside, or signals with points, each with a rule
editor.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from django.http import QueryDict

from leads.criteria import SCHEMA
from leads.incoming import storable
from leads.score import MOST_SIGNALS, SIGNALS, check_score
from web.rule_editor import Editing, RuleEditor

#: The editor of a prefix.
Editors = Callable[[str], RuleEditor]

#: Buttons that change this part alone: the first, and what follows a colon, an index.
ACTS: Final = ("count-score", "score-outside", "add-signal", "remove-signal")
_NO_CONDITION: Final = "Say what gives the points, or remove the signal."
#: A signal begins as the question most asked: did the lead do this?
_BLANK: Final[Mapping[str, Any]] = {"engagements": {"within_days": 30}}


@dataclass(frozen=True, slots=True)
class SignalRow:
    """One signal as it is shown or was sent. points, half_life: as typed. problems: by control."""

    index: int
    name: str
    points: str
    half_life: str
    rule: Editing
    problems: Mapping[str, str] = field(default_factory=dict)

    @property
    def entry(self) -> dict[str, Any]:
        """The signal of the content, as far as it is one; what is no number stays as it was typed."""
        return {
            "name": self.name.strip(),
            "when": self.rule.tree,
            "points": _number(self.points, whole=True),
            "half_life_days": _number(self.half_life) if self.half_life.strip() else None,
        }


@dataclass(frozen=True, slots=True)
class ScoreDraft:
    """Where the score comes from. problems: (place on the page, its name, what is wrong)."""

    is_counted: bool
    rows: Sequence[SignalRow] = ()
    problems: Sequence[tuple[str, str, str]] = ()

    @property
    def content(self) -> dict[str, Any]:
        """The part of the content; nothing for a score from outside."""
        if not self.is_counted:
            return {}
        return {"score": {"from": SIGNALS, "signals": [row.entry for row in self.rows]}}

    @property
    def may_add(self) -> bool:
        return len(self.rows) < MOST_SIGNALS


def score_draft_of(content: Mapping[str, Any], editor: Editors) -> ScoreDraft:
    """The part with a content in it; what a call wrote in no form at all is left out."""
    score = content.get("score")
    if not isinstance(score, Mapping) or score.get("from") != SIGNALS:
        return ScoreDraft(is_counted=False)
    listed = score.get("signals")
    entries = [each for each in listed if isinstance(each, Mapping)] if isinstance(listed, list) else []
    return ScoreDraft(
        True, [_row_of(index, each, editor) for index, each in enumerate(entries[:MOST_SIGNALS])]
    )


def _row_of(index: int, entry: Mapping[str, Any], editor: Editors) -> SignalRow:
    when, half = entry.get("when"), entry.get("half_life_days")
    return SignalRow(
        index=index,
        name=str(entry.get("name") or ""),
        points=_shown(entry.get("points")),
        half_life=_shown(half),
        rule=editor(f"s{index}").of(when if isinstance(when, Mapping) else None),
    )


def _shown(value: object) -> str:
    return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def read_score(data: QueryDict, editor: Editors, *, acted: bool) -> ScoreDraft:
    """What a form said, after what its button asks for. acted: a button was pressed that saves nothing."""
    do, _, at = data.get("do", "").partition(":")
    is_counted = data.get("score-from") == SIGNALS
    rows = []
    for index in range(MOST_SIGNALS):
        name = data.get(f"s{index}-name")
        if name is None:
            break
        if do == "remove-signal" and str(index) == at:
            continue
        points, half = data.get(f"s{index}-points", ""), data.get(f"s{index}-half", "")
        rows.append(SignalRow(index, name, points, half, editor(f"s{index}").read(data)))
    if do == "remove-signal":
        rows = [_moved(place, row, editor) for place, row in enumerate(rows)]
    if do == "score-outside":
        return ScoreDraft(is_counted=False)
    if do == "count-score":
        is_counted = True
    if do in ("count-score", "add-signal") and len(rows) < MOST_SIGNALS:
        rows.append(SignalRow(len(rows), "", "", "", editor(f"s{len(rows)}").of(_BLANK)))
    found = ScoreDraft(is_counted, rows if is_counted else ())
    return found if acted or not is_counted else _checked(found)


def _moved(place: int, row: SignalRow, editor: Editors) -> SignalRow:
    """A signal after one before it was removed."""
    return SignalRow(place, row.name, row.points, row.half_life, editor(f"s{place}").of(row.rule.tree))


def _checked(said: ScoreDraft) -> ScoreDraft:
    """The part with what is wrong with it, each at its control."""
    wrong: dict[int, dict[str, str]] = {}
    problems = []
    for error in check_score(said.content["score"], SCHEMA):
        parts = error.path.split("/")[1:]  # score, signals, index, control, ...
        if len(parts) < 4:
            problems.append(("score", "Score", error.message))
            continue
        row = said.rows[int(parts[2])]
        control = parts[3]
        if control == "when" and (row.rule.tree is None or row.rule.errors):
            continue  # the editor says so itself
        wrong.setdefault(row.index, {}).setdefault(control, error.message)
        place = {"name": "name", "points": "points", "half_life_days": "half"}.get(control, "editor")
        problems.append((f"s{row.index}-{place}", _title(row), error.message))
    for row in said.rows:
        if not storable(row.name):
            wrong.setdefault(row.index, {})["name"] = "This has a character that cannot be stored."
            problems.append((f"s{row.index}-name", _title(row), wrong[row.index]["name"]))
        if row.rule.tree is None:
            problems.append((f"s{row.index}-editor", _title(row), _NO_CONDITION))
        problems += [(f"s{row.index}-editor", _title(row), error.message) for error in row.rule.errors]
    rows = [
        SignalRow(row.index, row.name, row.points, row.half_life, row.rule, wrong.get(row.index, {}))
        for row in said.rows
    ]
    return ScoreDraft(True, rows, problems)


def _title(row: SignalRow) -> str:
    return row.name.strip() or f"Unnamed signal {row.index + 1}"


def _number(text: str, *, whole: bool = False) -> Any:
    """The number that was typed; the text where it is none."""
    plain = text.strip()
    if len(plain) > 12 or not plain.isascii() or "_" in plain:
        return text
    try:
        return int(plain)
    except ValueError:
        pass
    try:
        return text if whole else float(plain)
    except ValueError:
        return text
