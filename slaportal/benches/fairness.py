"""Does a big organisation keep the small ones waiting? One has very many timers due at one instant, 199 have
five each at the same instant, and two engines tick every five seconds.

Options (`--set NAME=VALUE`): big (due timers of the big one), small (organisations), each (due timers of a
small one), patience (seconds after which the rest of the big one's timers is not waited for).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from statistics import median
from typing import Any, Final

from django.db import connection

from sla.models import Timer, TimerEvent
from slaportal.benches.crowd import Company, make_company, seed
from slaportal.benches.database import scale, scratch_database
from slaportal.benches.engines import engines, settle
from tenants.clock import database_clock
from tenants.context import tenant_scope

ENGINES: Final = 2
#: Seconds from the last written deadline until all of them fall due.
AHEAD: Final = 8


def run(
    *, big: int | None = None, small: int = 199, each: int = 5, patience: float = 240.0
) -> dict[str, Any]:
    """Lateness of both groups, and how long the big one took."""
    size = big or round(100_000 * scale())
    with scratch_database() as scratch:
        now = database_clock()
        crowd = make_company("big", reps=20, now=now)
        # Both first-touch clocks of a handoff fall due, so half as many handoffs.
        seed(crowd, size=size // 2, started=now, lasts=timedelta(days=30))
        others = [make_company(f"small{number}", reps=2, now=now) for number in range(small)]
        for company in others:
            seed(company, size=each, started=now, lasts=timedelta(days=30))
            with tenant_scope(company.tenant_id):
                Timer.objects.filter(clock="company").update(next_at=None)  # one due timer a lead
        settle()
        with engines(scratch, ENGINES):
            due = _all_at_once(crowd, others)
            small_done = _wait(due, slug="small", seconds=patience)
            big_done = _wait(due, slug="big", seconds=patience)
        figures: dict[str, Any] = {"big: due timers": size, "small: due timers": small * each}
        figures |= _lateness("small", others, due) | _lateness("big", [crowd], due)
        figures |= {"small: all fired after seconds": small_done, "big: all fired after seconds": big_done}
    return {"figures": figures}


def _all_at_once(crowd: Company, others: Sequence[Company]) -> datetime:
    """Let every first touch end at one instant a little ahead; that instant."""
    # The big one's rows take a while to write: first everything to an hour from now, then to the instant.
    with connection.cursor() as cursor:
        cursor.execute("select armed from engine_metrics(clock_timestamp())")
        writing = cursor.fetchone()[0] / 10_000
    due = database_clock() + timedelta(seconds=AHEAD + writing)
    for company in [crowd, *others]:
        with tenant_scope(company.tenant_id):
            first = Timer.objects.filter(target="first_touch", next_at__isnull=False)
            first.update(due_at=due, next_at=due)
    late = database_clock() - due
    if late > timedelta():
        raise AssertionError(f"Writing the deadlines took {late.total_seconds():.0f} s too long.")
    return due


def _wait(due: datetime, *, slug: str, seconds: float) -> float | None:
    """Seconds from the instant until these organisations have no timer of it left; None if they still do."""
    while (moment := database_clock()) < due + timedelta(seconds=seconds):
        with connection.cursor() as cursor:
            # Deadlines of that instant alone: moved leads have new ones, which fall due later.
            cursor.execute(
                "select coalesce(sum(due), 0) from engine_metrics_by_tenant(%s) where slug like %s",
                [due, f"{slug}%"],
            )
            left = cursor.fetchone()[0]
        if moment > due and left == 0:
            return round((moment - due).total_seconds(), 1)
        time.sleep(0.25)
    return None


def _lateness(name: str, companies: Sequence[Company], due: datetime) -> dict[str, Any]:
    found: list[int] = []
    for company in companies:
        with tenant_scope(company.tenant_id):
            events = TimerEvent.objects.filter(due_at=due, percent=100)
            found += events.values_list("lateness_ms", flat=True)
    found.sort()
    if not found:
        return {f"{name}: fired": 0}
    return {
        f"{name}: fired": len(found),
        f"{name}: p50 seconds": round(median(found) / 1000, 2),
        f"{name}: p99 seconds": round(found[min(len(found) - 1, len(found) * 99 // 100)] / 1000, 2),
        f"{name}: worst seconds": round(found[-1] / 1000, 2),
    }
