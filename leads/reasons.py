"""What keeps a lead from qualifying, in words, as its verdict says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

#: Reasons of one lead.
MOST_REASONS: Final = 3
_EXCLUDED: Final = "Not excluded: "


@dataclass(frozen=True, slots=True)
class Reason:
    """kind: the same for every lead that it keeps, to count them by. text: with what was seen of this one."""

    kind: str
    text: str


def reasons_against(verdict: Mapping[str, Any] | None, when: str) -> list[Reason]:
    """Each criterion of a verdict that is not met, at most MOST_REASONS; what hands leads over here stands
    first where that is not the criteria alone.

    when: "Now", "Until now".
    """
    verdict = verdict or {}
    said = []
    trigger = verdict.get("trigger")
    if trigger and not trigger["met"]:
        said.append(Reason(trigger["text"], f"{when}: {trigger['text']}."))
    for criterion in verdict.get("criteria", ()):
        if criterion["state"] == "met":
            continue
        label = criterion["label"]
        if label.startswith(_EXCLUDED):
            name = label.removeprefix(_EXCLUDED)
            said.append(Reason(f"Excluded: {name}", f"{when} excluded: {name}."))
        else:
            said.append(Reason(f"Not met: {label}", f"{when} not met: {label}{_seen(criterion)}."))
    return said[:MOST_REASONS]


def _seen(criterion: Mapping[str, Any]) -> str:
    seen = criterion["seen"]
    if criterion["state"] == "missing" or seen in (None, ""):
        return ", not known"
    if isinstance(seen, bool):
        return f", it is {'yes' if seen else 'no'}"
    return "" if isinstance(seen, list) else f", it is {seen}"
