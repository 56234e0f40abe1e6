"""Contact attempts: how many were made over how many channels, and what is still owed. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sla.tiers import RESPONSES, TargetSpec


@dataclass(frozen=True, slots=True)
class Progress:
    """Where the attempts of a handoff stand against what its tier asks for.

    done: attempts by people. channels: the kinds of touch they used, in the order of their first use.
    completed_at: of the attempt that made them enough; None while something is owed.
    """

    count: int
    needed_channels: int
    done: int
    channels: tuple[str, ...]
    completed_at: datetime | None

    @property
    def owed(self) -> int:
        """Attempts that are still to be made: as many as it takes to use another channel, at least."""
        return max(self.count - self.done, self.owed_channels)

    @property
    def owed_channels(self) -> int:
        """Channels that are still to be used."""
        return max(0, self.needed_channels - len(self.channels))

    @property
    def next_channels(self) -> tuple[str, ...]:
        """The kinds of touch that get on best: unused ones where every attempt left must use another channel;
        all kinds else.
        """
        if self.owed == 0:
            return ()
        if self.owed_channels == self.owed:
            return tuple(kind for kind in RESPONSES if kind not in self.channels)
        return tuple(RESPONSES)


def progress(spec: TargetSpec, touches: Iterable[tuple[datetime, str]]) -> Progress:
    """How far these attempts, made by people, get. touches: (when, kind), in any order."""
    used: dict[str, None] = {}
    done, completed_at = 0, None
    for at, kind in sorted(touches):
        done += 1
        used.setdefault(kind)
        if completed_at is None and done >= spec.count and len(used) >= spec.channels:
            completed_at = at
    return Progress(spec.count, spec.channels, done, tuple(used), completed_at)
