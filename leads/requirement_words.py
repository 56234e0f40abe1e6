"""What must be known before a handoff, besides the plain list, in words, and what is different between two
contents; either may be a draft that makes no sense yet. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from leads.quality import CHECKS
from leads.requirements import required_labels

_TIERS: Final = "Must be known, by tier"
_VALID: Final = "Counts as missing unless"
_HOLD: Final = "Hold for enrichment"


def requirement_sentences(content: Mapping[str, Any]) -> list[tuple[str, list[str]]]:
    """(heading, sentences) of each of these parts that says something."""
    tiers = [f"{slug}: {', '.join(required_labels(names))}" for slug, names in _tiers(content).items()]
    parts = [(_TIERS, tiers), (_VALID, _checks(content)), (_HOLD, [_hold(content)] if _hold(content) else [])]
    return [(heading, said) for heading, said in parts if said]


def requirement_changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """What is different, a sentence each."""
    said = []
    old_tiers, new_tiers = _tiers(before), _tiers(after)
    for slug in dict.fromkeys((*old_tiers, *new_tiers)):
        old, new = (required_labels(tiers.get(slug, [])) for tiers in (old_tiers, new_tiers))
        said += [f"Must be known for tier {slug}: also {name}." for name in new if name not in old]
        said += [f"Need not be known any more for tier {slug}: {name}." for name in old if name not in new]
    old_checks, new_checks = _checks(before), _checks(after)
    said += [f"{_VALID}: also {_lower(name)}." for name in new_checks if name not in old_checks]
    said += [
        f"Counts as missing no more where this fails: {_lower(name)}."
        for name in old_checks
        if name not in new_checks
    ]
    was, now = _hold(before), _hold(after)
    if was != now:
        said.append(f"{_HOLD}: {now or 'none any more'}.")
    return said


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def _tiers(content: Mapping[str, Any]) -> dict[str, list[str]]:
    tiers = content.get("required_by_tier")
    return {
        str(slug): [str(name) for name in names]
        for slug, names in (tiers.items() if isinstance(tiers, Mapping) else ())
        if isinstance(names, list) and names
    }


def _checks(content: Mapping[str, Any]) -> list[str]:
    codes = content.get("valid")
    return [
        CHECKS[code].label if code in CHECKS else str(code)
        for code in (codes if isinstance(codes, list) else ())
        if isinstance(code, str)
    ]


def _hold(content: Mapping[str, Any]) -> str:
    """ "at most 30 minutes while Phone or Employees is missing"; "" for none."""
    hold = content.get("hold")
    if not isinstance(hold, Mapping):
        return ""
    fields = hold.get("fields")
    names = required_labels(str(name) for name in fields) if isinstance(fields, list) else []
    minutes = hold.get("minutes")
    return f"at most {minutes} minute{'' if minutes == 1 else 's'} while {' or '.join(names)} is missing"
