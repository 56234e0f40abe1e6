"""The engine's pulse: when each tick last came to its end, and how late its worst firing was."""

from __future__ import annotations

from datetime import datetime

from django.db import connection

from sla.models import EngineCycle


def record_cycle(tick: str, *, handled: int, now: datetime) -> None:
    """Note that a tick came to its end. Newer pulses win, so that two engines can share one row."""
    EngineCycle.objects.bulk_create(
        [EngineCycle(tick=tick, finished_at=now, handled=handled)],
        update_conflicts=True,
        unique_fields=["tick"],
        update_fields=["finished_at", "handled"],
    )


def record_lateness(tick: str, *, worst_ms: int, now: datetime) -> None:
    """Note how late the tick's worst firing was."""
    with connection.cursor() as cursor:
        cursor.execute(
            "insert into sla_enginecycle (tick, finished_at, handled, worst_lateness_ms)"
            " values (%s, %s, 0, %s)"
            " on conflict (tick) do update set worst_lateness_ms = excluded.worst_lateness_ms",
            [tick, now, worst_ms],
        )
