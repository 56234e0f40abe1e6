"""What production has and the embedded set-up has not: counters and nudges in Redis."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.conf import settings

from slaportal.celery import app
from tenants.rates import forget, take, total, window_at

pytestmark = pytest.mark.skipif(not settings.REDIS_URL, reason="SKIPPED: REDIS_URL is not set")


def test_a_window_counts_for_all_and_the_next_one_begins_anew() -> None:
    bucket = f"test:{uuid4()}"
    window = window_at(1_000_000, 60)
    assert [take(bucket, window), take(bucket, window, 5)] == [1, 6]
    assert total(bucket, window) == 6
    assert take(bucket, window_at(1_000_060, 60)) == 1
    forget(bucket, window)
    assert total(bucket, window) == 0


def test_a_nudge_travels_without_waiting_and_names_its_tick() -> None:
    queue = f"test-{uuid4()}"
    app.send_task("slaportal.tick", args=["handoff.tasks.sweep_tick"], queue=queue, expires=5)
    with app.connection() as connection:
        mailbox = connection.SimpleQueue(queue)
        message = mailbox.get(timeout=5)
        message.ack()
        mailbox.queue.delete()
        mailbox.close()
    assert message.payload[0] == ["handoff.tasks.sweep_tick"]
    assert message.headers["eta"] is None
    assert message.headers["expires"] is not None


def test_no_nudge_may_be_put_off() -> None:
    with pytest.raises(ValueError, match="countdown"):
        app.tasks["slaportal.tick"].apply_async(args=["handoff.tasks.sweep_tick"], countdown=5)
