"""Counting against a limit per window of time, shared by all processes: API calls of a key, failed sign-ins.

With Redis the counter lives there; without, in a table of its own that is not logged to disk. Either way it
is counted outside the transaction of the request, so a refused request counts too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.conf import settings
from django.core.cache import cache
from django.db import connection

_TAKE: Final = """
insert into tenants_ratewindow as held (bucket, started, taken) values (%s, %s, %s)
on conflict (bucket) do update set
  started = greatest(held.started, excluded.started),
  taken = case when held.started < excluded.started then excluded.taken
          else least(held.taken + excluded.taken, 1000000000) end
returning taken
"""


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of `seconds` that begins at `started` (Unix time)."""

    started: int
    seconds: int

    def ends_in(self, now: float) -> int:
        """Whole seconds until it ends, at least 1."""
        return max(1, self.started + self.seconds - int(now))


def window_at(now: float, seconds: int) -> Window:
    """The window that holds the Unix time `now`; windows lie side by side from the epoch on."""
    return Window(int(now) // seconds * seconds, seconds)


def take(bucket: str, window: Window, count: int = 1) -> int:
    """Count `count` more in `bucket` and give back the new total of this window. One round trip."""
    if settings.REDIS_URL:
        key = f"rate:{bucket}:{window.started}"
        cache.add(key, 0, timeout=window.seconds * 2)
        return int(cache.incr(key, count))
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, [bucket[:160], window.started, count])
        return int(cursor.fetchone()[0])


def total(bucket: str, window: Window) -> int:
    """What `bucket` has counted in this window, without counting."""
    if settings.REDIS_URL:
        return int(cache.get(f"rate:{bucket}:{window.started}", 0))
    with connection.cursor() as cursor:
        cursor.execute(
            "select taken from tenants_ratewindow where bucket = %s and started >= %s",
            [bucket[:160], window.started],
        )
        row = cursor.fetchone()
    return int(row[0]) if row else 0


def forget(bucket: str, window: Window) -> None:
    """Set a bucket's window back to nothing, as after a successful sign-in."""
    if settings.REDIS_URL:
        cache.delete(f"rate:{bucket}:{window.started}")
        return
    with connection.cursor() as cursor:
        cursor.execute("delete from tenants_ratewindow where bucket = %s", [bucket[:160]])


def prune(now: float) -> int:
    """Remove windows that began more than a day ago; how many there were. Redis forgets by itself."""
    with connection.cursor() as cursor:
        cursor.execute("delete from tenants_ratewindow where started < %s", [int(now) - 86_400])
        return int(cursor.rowcount)
