"""The one Clock. Domain code takes `now`; the edge reads it here, and under a lock where truth depends on the
order."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from django.db import connection

Clock = Callable[[], datetime]


def database_clock() -> datetime:
    """The database server's time, aware, UTC. All processes agree on it, whatever their machine's clock says.

    `clock_timestamp()` and not `now()`: the latter is the start of the transaction, which may lie before a
    wait for a lock. Call it after the lock is held.
    """
    with connection.cursor() as cursor:
        cursor.execute("select clock_timestamp()")
        (now,) = cursor.fetchone()
    return now.astimezone(UTC)


def fixed_clock(now: datetime) -> Clock:
    """A clock that stands still: tests, imports and the demo's virtual time use it."""
    return lambda: now
