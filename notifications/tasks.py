"""What runs unattended: the tick that sends what is due."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from typing import Final
from uuid import UUID

from django.db import connection

from notifications.sending import SENDERS, deliver_round
from tenants.clock import Clock, database_clock

TICK_SECONDS: Final = 4.0  # no new round after this; one under way takes 15 s at the most


def due_tenants(clock: Clock) -> list[UUID]:
    """Tenants that have something to send now."""
    with connection.cursor() as cursor:
        cursor.execute("select tenant_id from tenants_with_due_messages(%s)", [clock()])
        return [row[0] for row in cursor.fetchall()]


def deliver_tick(clock: Clock = database_clock) -> int:
    """Send what is due, all tenants in turn; return how many tries were made.

    Any number may run at once. It ends when nothing is due or its time is up; the next tick goes on.
    """
    handled = 0
    started = monotonic()
    with ThreadPoolExecutor(SENDERS, thread_name_prefix="sender") as pool:
        while monotonic() - started < TICK_SECONDS:
            tenants = due_tenants(clock)
            random.shuffle(tenants)  # fairness among tenants, nothing secret
            sent = deliver_round(tenants, clock=clock, pool=pool)
            handled += sent
            if not sent:
                break
    return handled
