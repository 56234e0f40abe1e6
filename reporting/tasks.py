"""What the engine does for the reports."""

from __future__ import annotations

from reporting import facts


def drain_tick() -> int:
    """Bring the facts up to date with what changed; how many dirty rows that used up."""
    return facts.drain()
