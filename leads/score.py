"""The score of a lead: as the marketing system sends it, or counted from signals. Pure.

Content (`score` of a criteria version; left out, it is the first):
    {"from": "outside"}
    {"from": "signals", "signals": [{"name": str, "when": tree, "points": -100..100,
                                     "half_life_days": number | null}]}

A signal whose condition is met gives its points. With a half-life they fade, from the latest thing that the
lead did and that the condition counts:

    points x 2 ** (-days since then / half_life_days)

which is exponential decay, halved once per half-life; as in lead scoring elsewhere (SharpSpring's "Half-Life
and Decay": the time after which a lead's score is worth half of what it was at its last interaction), but
for each signal by itself. Where the condition is met by what the lead is and not by what it did, and without
a half-life, all points count. Each line is rounded to whole points, halves away from 0, so the lines that
people read add up to the score that rules see.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from core.errors import FieldError, pointer
from core.rules import Facts, InvalidRule, Rule, Schema, compile_rule, validate

FIELD: Final = "lead.score"
OUTSIDE: Final = "outside"
SIGNALS: Final = "signals"
MOST_SIGNALS: Final = 50
MOST_POINTS: Final = 100
LONGEST_HALF_LIFE: Final = 3_650  # days
SHORTEST_HALF_LIFE: Final = 0.01
_KEYS: Final = frozenset({"name", "when", "points", "half_life_days"})
#: What a signal may not ask about: itself, and the tier, which may be chosen by the score.
_CIRCULAR: Final = {
    FIELD: "the score, which it is a part of",
    "sla.tier": "the tier, which may hang on the score",
}


@dataclass(frozen=True, slots=True)
class Line:
    """What one signal gives a lead. points: of those that it is worth (`of`). days: since the latest of what
    the lead did for it; None where it is not about that, or does not fade.
    """

    name: str
    points: int
    of: int
    days: float | None
    half_life_days: float | None

    @property
    def words(self) -> str:
        """ "Demo request 3 days ago: 30 of 40 points, halves every 7 days" """
        ago = f" {ago_words(self.days)}" if self.days is not None else ""
        if self.half_life_days is None or self.days is None:
            return f"{self.name}{ago}: {counted(self.points)}"
        half = half_life_words(self.half_life_days)
        return f"{self.name}{ago}: {self.points} of {counted(self.of)}, {half}"

    def as_dict(self) -> dict[str, Any]:
        """The line as it is stored with a verdict and answered by the API."""
        return {
            "name": self.name,
            "points": self.points,
            "of": self.of,
            "days": None if self.days is None else round(self.days, 2),
            "half_life_days": self.half_life_days,
            "words": self.words,
        }


@dataclass(frozen=True, slots=True)
class ScoreSignal:
    """One thing that gives points."""

    name: str
    rule: Rule
    points: int
    half_life_days: float | None

    def line(self, facts: Facts) -> Line | None:
        """What it gives; None where its condition is not met."""
        if not self.rule.matches(facts):
            return None
        days = self.rule.age_days(facts)
        left = faded(self.points, days, self.half_life_days)
        return Line(self.name, left, self.points, days, self.half_life_days)


@dataclass(frozen=True, slots=True)
class Signals:
    """All signals of a version."""

    each: tuple[ScoreSignal, ...]

    @property
    def rules(self) -> tuple[Rule, ...]:
        """Every rule that is asked for the score."""
        return tuple(signal.rule for signal in self.each)

    @property
    def reads_engagements(self) -> bool:
        return any(rule.reads_engagements for rule in self.rules)

    def lines(self, facts: Facts) -> list[Line]:
        """What each signal that is met gives, in the order of the content."""
        return [line for signal in self.each if (line := signal.line(facts)) is not None]

    def points(self, facts: Facts) -> int:
        """The score: the sum of the lines, as fast as it can be had."""
        return sum(
            faded(signal.points, signal.rule.age_days(facts), signal.half_life_days)
            if signal.half_life_days is not None
            else signal.points
            for signal in self.each
            if signal.rule.matches(facts)
        )


def faded(points: int, days: float | None, half_life_days: float | None) -> int:
    """What is left of points after so many days, in whole points; all of it where nothing fades."""
    if half_life_days is None or days is None or days <= 0:
        return points
    left = abs(points) * 2.0 ** (-days / half_life_days)
    return int(left + 0.5) * (1 if points >= 0 else -1)


def counted(points: int) -> str:
    return f"{points} point" if abs(points) == 1 else f"{points} points"


def half_life_words(days: float) -> str:
    return "halves every day" if days == 1 else f"halves every {days:g} days"


def ago_words(days: float) -> str:
    """ "3 days ago", "5 hours ago", "just now" """
    for size, unit in ((1.0, "day"), (1 / 24, "hour"), (1 / 1440, "minute")):
        whole = int(days / size + 1e-9)
        if whole >= 1:
            return f"{whole} {unit}{'' if whole == 1 else 's'} ago"
    return "just now"


def compile_score(content: object, schema: Schema) -> Signals | None:
    """The signals of a checked `score`; None where the score comes from outside."""
    if not isinstance(content, Mapping) or content.get("from") != SIGNALS:
        return None
    return Signals(
        tuple(
            ScoreSignal(
                name=each["name"].strip(),
                rule=compile_rule(each["when"], schema),
                points=each["points"],
                half_life_days=each.get("half_life_days"),
            )
            for each in content["signals"]
        )
    )


def check_score(content: object, schema: Schema) -> list[FieldError]:
    """Everything wrong with a `score`, with paths into the content of the version."""
    if not isinstance(content, Mapping):
        text = 'The score is {"from": "outside"}, or {"from": "signals", "signals": [...]}.'
        return [FieldError("/score", text, "wrong_type")]
    origin = content.get("from")
    if origin not in (OUTSIDE, SIGNALS):
        return [FieldError("/score/from", 'Say "outside" or "signals".', "unknown_choice")]
    known = {"from"} if origin == OUTSIDE else {"from", "signals"}
    errors = [
        FieldError(pointer("score", key), f"There is no part {str(key)[:80]!r} here.", "unknown_key")
        for key in content
        if key not in known
    ]
    if origin == OUTSIDE:
        return errors
    listed = content.get("signals")
    if not isinstance(listed, list) or not listed:
        text = "Name at least one signal, or use the score from outside."
        return [*errors, FieldError("/score/signals", text, "required")]
    if len(listed) > MOST_SIGNALS:
        text = f"At most {MOST_SIGNALS} signals: a score of more is not legible."
        errors.append(FieldError("/score/signals", text, "too_many"))
    names: set[str] = set()
    for index, entry in enumerate(listed[:MOST_SIGNALS]):
        errors += _signal_errors(entry, pointer("score", "signals", index), names, schema)
    return errors


def _signal_errors(entry: object, path: str, names: set[str], schema: Schema) -> list[FieldError]:
    if not isinstance(entry, Mapping) or not _KEYS - {"half_life_days"} <= set(entry) <= _KEYS:
        text = "A signal has a name, a when, points and half_life_days (null: its points do not fade)."
        return [FieldError(path, text, "wrong_type")]
    errors = []
    name = entry["name"].strip() if isinstance(entry["name"], str) else ""
    if not 0 < len(name) <= 80:
        errors.append(FieldError(f"{path}/name", "A name has 1 to 80 characters.", "wrong_type"))
    elif name in names:
        errors.append(FieldError(f"{path}/name", "Another signal has this name.", "taken"))
    names.add(name)
    points = entry["points"]
    if isinstance(points, bool) or not isinstance(points, int) or abs(points) > MOST_POINTS:
        text = f"Points are a whole number from -{MOST_POINTS} to {MOST_POINTS}."
        errors.append(FieldError(f"{path}/points", text, "out_of_range"))
    wrong = list(_tree_errors(entry["when"], f"{path}/when", schema))
    return [*errors, *wrong, *_half_life_errors(entry, path, schema, is_rule=not wrong)]


def _half_life_errors(
    entry: Mapping[str, Any], path: str, schema: Schema, *, is_rule: bool
) -> Iterator[FieldError]:
    half = entry.get("half_life_days")
    if half is None:
        return
    is_number = isinstance(half, int | float) and not isinstance(half, bool)
    if not is_number or not SHORTEST_HALF_LIFE <= half <= LONGEST_HALF_LIFE:
        text = (
            f"A half-life is {SHORTEST_HALF_LIFE} to {LONGEST_HALF_LIFE:,} days; without one the points stay."
        )
        yield FieldError(f"{path}/half_life_days", text, "out_of_range")
    elif is_rule and not compile_rule(entry["when"], schema).can_age:
        text = (
            "Only what a lead did gets older: ask for an engagement, or leave the half-life out so that the "
            "points stay."
        )
        yield FieldError(f"{path}/half_life_days", text, "does_not_age")


def _tree_errors(tree: object, path: str, schema: Schema) -> Iterator[FieldError]:
    found = [FieldError(path + error.path, error.message, error.code) for error in validate(tree, schema)]
    if found:
        yield from found
        return
    for place, name in _fields_asked(tree, path):
        if name in _CIRCULAR:
            yield FieldError(place, f"A signal cannot ask for {_CIRCULAR[name]}.", "circular")


def _fields_asked(tree: object, path: str) -> Iterator[tuple[str, str]]:
    """Each field that a valid tree reads, with the place where it names it."""
    if not isinstance(tree, Mapping):
        return
    if "field" in tree:
        yield f"{path}/field", str(tree["field"])
    for kind in ("all", "any"):
        for index, child in enumerate(tree.get(kind) or ()):
            yield from _fields_asked(child, f"{path}/{kind}/{index}")
    if "not" in tree:
        yield from _fields_asked(tree["not"], f"{path}/not")


def shown_score(outside: int | None, verdict: Mapping[str, Any] | None) -> int | None:
    """The score to show beside a verdict: the counted one that stands in it, else the one from outside."""
    counted_then = (verdict or {}).get("score")
    return counted_then["points"] if isinstance(counted_then, Mapping) else outside


def signal_sentence(entry: Mapping[str, Any], schema: Schema) -> str:
    """A signal of a content in words, without its name: "40 points, halves every 7 days: Demo request at
    least once". A draft may make no sense yet."""
    points, half = entry.get("points"), entry.get("half_life_days")
    said = counted(points) if isinstance(points, int) else "no points yet"
    if isinstance(half, int | float) and not isinstance(half, bool):
        said += f", {half_life_words(half)}"
    try:
        return f"{said}: {compile_rule(entry.get('when'), schema).sentence}"
    except InvalidRule as error:
        return f"{said}: {error.message}"
