"""How long a calendar's edit takes to move the clocks that run on it, and whether firings wait for it.

One organisation with many open timers closes a day; its clocks are ordered to follow. Meanwhile other leads
of the same organisation fall due, so many a second, on the same calendar. Two engines sweep and move.
Options (`--set NAME=VALUE`): open (timers to be moved), per_second, seconds (of firings).
"""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any, Final

from django.db import connection

from sla import moving
from sla.models import ClockMove, Timer, TimerMove
from slaportal.benches.crowd import make_company, seed
from slaportal.benches.database import scale, scratch_database
from slaportal.benches.engines import MOVE_CLOCKS, SWEEP, engines, settle
from tenants.calendars import change_calendar, compile_spec, read_spec
from tenants.clock import database_clock
from tenants.context import tenant_scope
from tenants.models import CalendarVersion

ENGINES: Final = 2
PATIENCE: Final = timedelta(minutes=4)


def run(*, open: int | None = None, per_second: int = 50, seconds: float = 60.0) -> dict[str, Any]:
    """Seconds until all clocks have moved, and the lateness of what fired meanwhile."""
    size = open or round(50_000 * scale())
    with scratch_database() as scratch:
        now = database_clock()
        company = make_company("company", reps=20, now=now)
        seed(company, size=size // 4, started=now, lasts=timedelta(days=30), step=0)
        number, apart = round(per_second * seconds), timedelta(seconds=2 / per_second)
        settle()
        with engines(scratch, ENGINES, (SWEEP, MOVE_CLOCKS)):
            start = database_clock() + timedelta(seconds=10)
            # Both first-touch clocks of a handoff fall due together, so half as many handoffs.
            seed(company, size=number // 2, started=start - timedelta(minutes=5), apart=apart)
            while database_clock() < start + timedelta(seconds=5):
                time.sleep(0.1)
            previewing, order = _order(company.tenant_id, company.calendar_version_id)
            done = _until_done(company.tenant_id, order)
            end = start + apart * (number // 2)
            while database_clock() < end + timedelta(seconds=12):
                time.sleep(0.5)
        with tenant_scope(company.tenant_id), connection.cursor() as cursor:
            moved = TimerMove.objects.filter(clock_move=order)
            wrong = Timer.objects.filter(
                state="running", calendar_version_id=company.calendar_version_id, due_at__gt=end
            ).count()
            cursor.execute(
                "select count(*), percentile_cont(0.5) within group (order by lateness_ms),"
                " percentile_cont(0.99) within group (order by lateness_ms), max(lateness_ms),"
                " count(*) filter (where fired_at < due_at) from sla_timerevent"
                " where percent = 100 and due_at between %s and %s",
                [start, end],
            )
            fired, middle, late, worst, early = cursor.fetchone()
            figures = {
                "open timers of the calendar": order.expected,
                "moved": moved.count(),
                "left behind": wrong,
                "preview seconds": previewing,
                "moved after seconds": done,
                "firing: due a second": per_second,
                "firing: due": number,
                "firing: fired": fired,
                "firing: p50 seconds": round((middle or 0) / 1000, 2),
                "firing: p99 seconds": round((late or 0) / 1000, 2),
                "firing: worst seconds": round((worst or 0) / 1000, 2),
                "firing: too early": early,
            }
    return {"figures": figures}


def _order(tenant_id: Any, version_id: Any) -> tuple[float, ClockMove]:
    """Close the day after tomorrow, look at the preview, and order the move."""
    with tenant_scope(tenant_id):
        now = database_clock()
        version = CalendarVersion.objects.select_related("calendar").get(id=version_id)
        kept = {name: version.spec[name] for name in ("tz", "weekly") if name in version.spec}
        day = (now + timedelta(days=2)).date().isoformat()
        spec = read_spec({**kept, "closed": {day: "Company day"}}, year=now.year)
        began = time.perf_counter()
        moving.preview_calendar(version.calendar, compile_spec(spec), now=now)
        previewing = round(time.perf_counter() - began, 2)
        edited = change_calendar(
            calendar=version.calendar, spec=spec, name="", expected=version.number, actor="system", now=now
        )
        return previewing, moving.order_calendar_move(version=edited, actor="system", now=now)


def _until_done(tenant_id: Any, order: ClockMove) -> float | None:
    """Seconds from the order until it was carried out; None where it was not in time."""
    while database_clock() < order.ordered_at + PATIENCE:
        with tenant_scope(tenant_id):
            finished_at = ClockMove.objects.get(id=order.id).finished_at
        if finished_at:
            return round((finished_at - order.ordered_at).total_seconds(), 1)
        time.sleep(0.25)
    return None
