"""What the engine does for the reports."""

from __future__ import annotations

from reporting import facts, watch
from tenants.clock import database_clock


def drain_tick() -> int:
    """Bring the facts up to date with what changed; how many dirty rows that used up."""
    return facts.drain()


def watch_tick() -> int:
    """Look whether the reports keep up; how many organisations' do not."""
    return watch.watch(clock=database_clock)
