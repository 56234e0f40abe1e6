"""What the engine does for the reports."""

from __future__ import annotations

from reporting import facts, watch
from reporting.agreement import watch as agreements
from reporting.mailings import watch as mailings
from reporting.outcomes import watch as outcomes
from reporting.reviews import watch as reviews
from tenants.clock import database_clock


def drain_tick() -> int:
    """Bring the facts up to date with what changed; how many dirty rows that used up."""
    return facts.drain()


def watch_tick() -> int:
    """Look whether the reports keep up; how many organisations' do not."""
    return watch.watch(clock=database_clock)


def watch_agreements_tick() -> int:
    """Look whether what was signed is what is configured, and whether quarters are over; how many were."""
    return agreements.watch(clock=database_clock)


def watch_reviews_tick() -> int:
    """Open reviews of periods that began, and remind of those that are over; how many were."""
    return reviews.watch(clock=database_clock)


def outcomes_tick() -> int:
    """Judge new campaigns, and open the survey of the quarter; how many messages that made."""
    return outcomes.watch(clock=database_clock)


def digest_tick() -> int:
    """Write the weekly mails whose hour has come; how many."""
    return mailings.watch(clock=database_clock)
