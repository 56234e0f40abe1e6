"""Which rejections both sides look at this week: a pure choice, so that whoever asks gets the same answer.

Reasons take turns: each that has rejections waiting gives one before any gives a second, so no reason fills
the sheet, however often it was given or however loudly it is disputed. Within a reason the disputed ones come
first, then the most valuable. In a round the reason with the most valuable candidate begins.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Candidate:
    """A rejection that could stand on the sheet.

    value: what it is worth, compared part by part: the larger, the more. words: the same for people;
    "" where nothing is known. at: when it was given.
    """

    id: UUID
    reason: str
    label: str
    disputed: bool
    value: tuple[float, ...]
    words: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Picked:
    candidate: Candidate
    why: str


def pick(candidates: Sequence[Candidate], size: int) -> list[Picked]:
    """At most `size` of them, those that were picked first at the top. The order in which they are given
    does not matter.
    """
    waiting: dict[str, deque[Candidate]] = {}
    for each in sorted(candidates, key=_rank):
        waiting.setdefault(each.reason, deque()).append(each)
    sizes = {reason: len(its) for reason, its in waiting.items()}
    found: list[Picked] = []
    turn = 0
    while waiting and len(found) < size:
        turn += 1
        for reason in sorted(waiting, key=lambda reason: _rank(waiting[reason][0])):
            if len(found) == size:
                break
            chosen = waiting[reason].popleft()
            found.append(Picked(chosen, _why(chosen, turn, sizes[reason])))
        waiting = {reason: its for reason, its in waiting.items() if its}
    return found


def _rank(each: Candidate) -> tuple[object, ...]:
    """The first first. The id breaks every tie."""
    return (not each.disputed, tuple(-part for part in each.value), each.at, str(each.id))


def _why(each: Candidate, turn: int, size: int) -> str:
    """One sentence: "The most valuable of 12 rejected as “No budget”: score 84." """
    of = f"of {size} rejected as “{each.label}”"
    if size == 1:
        place = f"The only one rejected as “{each.label}”"
    elif each.disputed:
        place = f"Disputed, {_nth(turn)} {of}"
    else:
        place = f"The most valuable {of}" if turn == 1 else f"Number {turn} by value {of}"
    disputed = ", disputed" if each.disputed and size == 1 else ""
    worth = f": {each.words}" if each.words else ""
    return f"{place}{disputed}{worth}."[:300]


def _nth(turn: int) -> str:
    return "the most valuable" if turn == 1 else f"number {turn}"
