"""Whose turn it is: the counters of a pool, and the written order of its strategies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

from routing.decide.people import Candidate, PoolView, Strategy

# One turn at weight 1. Divisible by every weight to 16, so that turns are whole numbers and ties are exact.
TURN: Final = 720_720

#: Open leads that stand for a full desk where somebody has no cap, when loads are compared.
USUAL_CAP: Final = 20

_LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)

# One candidate while the pool is looked at: who, turns so far, what a turn costs them, when they can answer,
# and their line of the trace. A plain tuple, since a hundred are made for every decision.
Row: TypeAlias = tuple[Candidate, int, int, datetime, dict[str, Any]]
REFUSED: Final = datetime.max.replace(tzinfo=UTC)  # in place of when they can answer


def turn_step(weight: int) -> int:
    """What one lead adds to the counter of somebody of this weight."""
    return max(1, TURN // weight) if weight > 0 else 0


def mean_turns(pool: PoolView) -> int:
    """Where a newcomer joins, neither flooded nor starved: the mean of those seated who have a counter."""
    counters = pool.counters
    known = [counters[member_id] for member_id, _ in pool.seats if member_id in counters]
    return sum(known) // len(known) if known else 0


def soonest(rows: Sequence[Row], limit: datetime, *, first_only: bool = False) -> list[Row]:
    """Those who work by `limit`, or else those who open first. Marks the willing rest with when they open.

    first_only: those who open first in any case.
    """
    willing = [row for row in rows if row[3] is not REFUSED]
    if not willing:
        return []
    first = min([row[3] for row in willing])
    at_work = limit
    if first_only:
        limit = first
    group = []
    texts: dict[datetime, str] = {}  # reps share their openings
    for row in willing:
        _, _, _, opening, line = row
        if opening <= limit:
            group.append(row)
            if opening <= at_work:
                continue
        elif first > limit and opening == first:
            group.append(row)
        else:
            line["reason"] = "opens_later"
        if opening not in texts:
            texts[opening] = opening.isoformat()
        line["opens_at"] = texts[opening]
    return group


_BY_LOAD: Final = (Strategy.LEAST_LOADED, Strategy.FASTEST)


def whose_turn(group: Sequence[Row], strategy: Strategy) -> tuple[Row, str]:
    """The written order: least loaded (where the strategy asks), fewest turns counting this one, longest
    since the last lead, lowest id.

    With it what decided: "only_one", "load", "turns", "longest_waiting" or "id".
    """
    if len(group) == 1:
        return group[0], "only_one"
    if strategy in _BY_LOAD:
        group = _least_loaded(group)
        if len(group) == 1:
            return group[0], "load"
    fewest = min([turns + step for _, turns, step, _, _ in group])
    level = [row for row in group if row[1] + row[2] == fewest]
    if len(level) == 1:
        return level[0], "turns"
    since = [row[0].last_assigned_at or _LONG_AGO for row in level]
    oldest = min(since)
    waiting = [row for row, last in zip(level, since, strict=True) if last == oldest]
    winner = min(waiting, key=lambda row: row[0].member_id)
    winner[4]["last_at"] = None if oldest == _LONG_AGO else oldest.isoformat()
    return winner, "longest_waiting" if len(waiting) == 1 else "id"


def _least_loaded(group: Sequence[Row]) -> list[Row]:
    """Those with the lowest share of their cap in use; who has none is measured by the usual one. No share
    depends on who else is there, so taking a loser away changes nothing."""
    loads = [row[0].open_leads * TURN // (row[0].cap_open or USUAL_CAP) for row in group]
    least = min(loads)
    return [row for row, load in zip(group, loads, strict=True) if load == least]


def counters_after(
    rows: Sequence[Row], group: Sequence[Row], winner: Row, absence_turns: int
) -> dict[str, int]:
    """The rotation after this turn. Only those seated are kept, so whoever left is forgotten.

    Whoever could not take part saves up `absence_turns` at most, or a holiday would end in a flood. Earlier
    owners were passed over for this lead alone and keep what they have.
    """
    level = min([turns for _, turns, _, _, _ in group])
    after = {}
    for row in rows:
        person, turns, step, _, line = row
        if row is winner:
            turns += step
        elif turns < level - step * absence_turns and line["reason"] != "earlier_owner":
            turns = level - step * absence_turns
        after[person.member_id] = turns
    return _from_zero(after)


def _from_zero(counters: dict[str, int]) -> dict[str, int]:
    """Counters above the least of them, so that they stay small for ever."""
    least = min(counters.values())
    return {member_id: turns - least for member_id, turns in counters.items()} if least else counters


def with_credit(counters: Mapping[str, int], member_id: str, weight: int) -> dict[str, int]:
    """The counters after a turn was given back to a member whose lead was no good. Strangers earn none."""
    after = dict(counters)
    if member_id in after and weight > 0:
        after[member_id] -= turn_step(weight)
        after = _from_zero(after)
    return after


def without_credit(counters: Mapping[str, int], member_id: str, weight: int) -> dict[str, int]:
    """The counters after a turn that was given back counts after all."""
    after = dict(counters)
    if member_id in after and weight > 0:
        after[member_id] += turn_step(weight)
        after = _from_zero(after)
    return after
