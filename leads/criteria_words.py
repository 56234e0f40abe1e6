"""The criteria in words, and what is different between two of them; either may be a draft that makes no sense
yet. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from itertools import islice
from typing import Any, Final

from core.rules import InvalidRule, describe, doubts
from leads.criteria import SCHEMA
from leads.requirement_words import requirement_changes, requirement_sentences
from leads.requirements import REQUIRED_FIELDS
from leads.score import OUTSIDE, SIGNALS, signal_sentence

FITS: Final = "Fits"
INTENT: Final = "Shows intent"
EXCLUDED: Final = "Never qualifies"
SCORE: Final = "Score"
_MOST_DOUBTS: Final = 20
_NOBODY_ASKED: Final = "Engagement and intent: nothing is asked, so whoever fits qualifies."
_PLACES: Final = {
    "fit": "Fit",
    "rule": "Engagement and intent",
    "exclude": EXCLUDED,
    "score": SCORE,
    "required": "Must be known",
    "required_by_tier": "More for some SLA tiers",
    "valid": "What counts as missing",
    "hold": "Hold for enrichment",
}
#: What says the same as leaving the part out.
_LEFT_OUT: Final[Mapping[str, Any]] = {
    "score": {"from": OUTSIDE},
    "required_by_tier": {},
    "valid": [],
    "hold": None,
}


def sentences(content: Mapping[str, Any]) -> list[tuple[str, list[str]]]:
    """The criteria in words: (heading, sentences) of each part. A part that makes no sense says why."""
    parts: list[tuple[str, list[str]]] = []
    if content.get("fit") is not None:
        parts.append((FITS, conditions(content["fit"])))
    parts.append((INTENT, conditions(content.get("rule"))))
    excluded = [f"{name}: {sentence(when)}" for name, when in exclusions(content)]
    if excluded:
        parts.append((EXCLUDED, excluded))
    points = [f"{name}: {signal_sentence(each, SCHEMA)}" for name, each in signals(content)]
    if points:
        parts.append((SCORE, points))
    return [*parts, *requirement_sentences(content)]


def place(path: str, content: Mapping[str, Any]) -> str:
    """Where in the editor an error of a content is put right: "Never qualifies, Rivals (/exclude/0/when)"."""
    part, _, rest = path.removeprefix("/").partition("/")
    score = content.get("score")
    listed = content.get("exclude") if part == "exclude" else None
    if part == "score" and isinstance(score, Mapping):
        listed, rest = score.get("signals"), rest.removeprefix("signals/")
    at = rest.partition("/")[0]
    known = isinstance(listed, list) and at.isdecimal() and int(at) < len(listed)
    entry = listed[int(at)] if known and listed else None
    name = f", {entry['name']}" if isinstance(entry, Mapping) and entry.get("name") else ""
    return f"{_PLACES.get(part, 'The criteria')}{name}{f' ({path})' if path else ''}"


def doubtful(content: Mapping[str, Any]) -> list[str]:
    """What to look at twice in a content: values that are not what their field asks for; each once."""
    rules = [content.get("fit"), content.get("rule"), *(when for _, when in exclusions(content))]
    rules += [signal.get("when") for _, signal in signals(content)]
    found = (each.message for rule in rules if rule is not None for each in doubts(rule, SCHEMA))
    asks_nothing = [_NOBODY_ASKED] if content.get("rule") == {"all": []} else []
    return [*asks_nothing, *dict.fromkeys(islice(found, _MOST_DOUBTS))]


def conditions(tree: Any) -> list[str]:
    """Each condition that must hold: the children of a top-level "all", or the rule itself."""
    children = tree.get("all") if isinstance(tree, dict) else None
    return (
        [sentence(child) for child in children]
        if isinstance(children, list) and children
        else [sentence(tree)]
    )


def sentence(tree: Any) -> str:
    """A rule in words; of one that is none, what is wrong with it."""
    try:
        return describe(tree, SCHEMA)
    except InvalidRule as error:
        return error.message


def exclusions(content: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """(name, rule) of each exclusion that a content has, as far as it has that form."""
    listed = content.get("exclude")
    for entry in listed if isinstance(listed, list) else []:
        if isinstance(entry, Mapping):
            yield str(entry.get("name") or "Without a name"), entry.get("when")


def signals(content: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """(name, signal) of each signal of a counted score, as far as it has that form."""
    score = content.get("score")
    if not isinstance(score, Mapping) or score.get("from") != SIGNALS:
        return
    listed = score.get("signals")
    for entry in listed if isinstance(listed, list) else []:
        if isinstance(entry, Mapping):
            yield str(entry.get("name") or "Without a name"), entry


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """What is different, a sentence each; empty where both say the same."""
    said = _rule_changes(FITS, before.get("fit"), after.get("fit"))
    said += _rule_changes(INTENT, before.get("rule"), after.get("rule"))
    said += _exclusion_changes(dict(exclusions(before)), dict(exclusions(after)))
    said += _score_changes(dict(signals(before)), dict(signals(after)))
    old, new = _required(before), _required(after)
    said += [f"Must be known before sales gets the lead: also {name}." for name in new if name not in old]
    said += [f"Need not be known any more: {name}." for name in old if name not in new]
    said += requirement_changes(before, after)
    if not said and _same(before) != _same(after):
        said.append("The same in another order, or written in another way.")
    return said


def without_changes(content: Mapping[str, Any], made: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """A content as it was before some changes (path, before) of `tenants.versions.diff`; a change of the
    order alone stays.
    """
    found: dict[str, Any] = deepcopy(dict(content))
    for change in made:
        parts = [part.replace("~1", "/").replace("~0", "~") for part in change["path"].split("/")[1:]]
        place: Any = found
        for part in parts[:-1]:
            place = _named(place, part) if isinstance(place, list) else _member(place, part)
        if parts:
            _put_back(place, parts[-1], change["before"])
    return found


def _member(place: Any, part: str) -> Any:
    return place.get(part) if isinstance(place, dict) else None


def _named(entries: list[Any], name: str) -> Any:
    """The exclusion of this name."""
    return next((each for each in entries if isinstance(each, dict) and str(each.get("name")) == name), None)


def _put_back(place: Any, part: str, before: Any) -> None:
    if isinstance(place, dict):
        names = isinstance(before, list) and all(isinstance(each, str) for each in before)
        is_order = names and part in ("exclude", "signals")
        if not is_order:
            place[part] = before
    elif isinstance(place, list):
        place[:] = [each for each in place if each is not _named(place, part)]
        place += [] if before is None else [before]


def _same(content: Mapping[str, Any]) -> dict[str, Any]:
    """A content with what may be left out."""
    kept = {key: value for key, value in content.items() if key not in _LEFT_OUT or value != _LEFT_OUT[key]}
    return {"fit": None, "exclude": [], "required": [], **kept}


def _rule_changes(heading: str, before: Any, after: Any) -> list[str]:
    if before == after:
        return []
    if before is None or after is None:
        if before is None:
            return [f"{heading}: {sentence(after)}. Until now everybody fits."]
        return [f"{heading}: everybody. Until now only: {sentence(before)}."]
    (kind, old_parts), (new_kind, new_parts) = _parts(before), _parts(after)
    if kind != new_kind:
        return [f"{heading}: {sentence(before)}; now {sentence(after)}."]
    also, gone = ("or else", "no longer") if kind == "any" else ("also needed", "no longer needed")
    said = [f"{heading}, {also}: {part}." for part in new_parts if part not in old_parts]
    return said + [f"{heading}, {gone}: {part}." for part in old_parts if part not in new_parts]


def _parts(tree: Any) -> tuple[str, list[str]]:
    """How the parts of a rule are joined, and each in words."""
    for kind in ("all", "any"):
        if isinstance(tree, Mapping) and isinstance(tree.get(kind), list) and tree[kind]:
            return kind, [sentence(child) for child in tree[kind]]
    return "", [sentence(tree)]


def _exclusion_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    said = []
    for name, when in new.items():
        if name not in old:
            said.append(f"New exclusion, {name}: {sentence(when)}.")
        elif old[name] != when:
            said.append(f"Exclusion {name}: {sentence(old[name])}; now {sentence(when)}.")
    return said + [f"No exclusion any more: {name}." for name in old if name not in new]


def _score_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    said = []
    if new and not old:
        said.append("Score: counted from signals, no longer as the marketing system sends it.")
    if old and not new:
        return ["Score: as the marketing system sends it, no longer counted from signals."]
    for name, entry in new.items():
        words = signal_sentence(entry, SCHEMA)
        if name not in old:
            said.append(f"New signal, {name}: {words}.")
        elif old[name] != entry:
            said.append(f"The signal {name}: {signal_sentence(old[name], SCHEMA)}; now {words}.")
    return said + [f"No signal any more: {name}." for name in old if name not in new]


def _required(content: Mapping[str, Any]) -> list[str]:
    listed = content.get("required")
    return [REQUIRED_FIELDS.get(str(name), str(name)) for name in listed] if isinstance(listed, list) else []
