"""Celery: nudges only. Every message says "look at the database", and losing one costs one tick.

Beat sends each tick of settings.ENGINE_TICKS at its interval, in UTC, and a message that was not taken within
the interval expires, so that ticks never pile up behind a stopped worker. Nothing ever waits in the broker:
an ETA longer than its visibility timeout is delivered again and again.
"""

from __future__ import annotations

import os
from typing import Any

from celery import Celery, Task
from celery.signals import worker_init

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "slaportal.settings")


class NudgeTask(Task):  # type: ignore[misc]
    """A task that cannot be put off: deadlines are rows, not messages."""

    abstract = True

    def apply_async(self, *args: Any, **options: Any) -> Any:
        """Send it now. Raises ValueError for an eta or a countdown."""
        for name in ("eta", "countdown"):
            if options.get(name) is not None:
                raise ValueError(f"No task may have {name}: write a row and let a tick find it.")
        return super().apply_async(*args, **options)


app = Celery("slaportal", task_cls=NudgeTask)
app.config_from_object("django.conf:settings", namespace="CELERY")


@worker_init.connect
def refuse_unsafe_role(**_: Any) -> None:
    """A worker, like the web, does not run as a role that row security does not bind.

    SystemExit: Celery logs what else a signal's receiver raises, and would go on.
    """
    from tenants.startup import unsafe_reason

    if reason := unsafe_reason():
        raise SystemExit(reason)


@worker_init.connect
def look_less_for_garbage(**_: Any) -> None:
    """Its processes are forked from this one, so that they have it as well."""
    from slaportal.collector import look_less

    look_less()


@app.task(name="slaportal.tick")  # type: ignore[untyped-decorator]
def tick(name: str) -> int:
    """Run one tick of settings.ENGINE_TICKS."""
    from slaportal.ticks import run_tick

    return run_tick(name)


def beat_schedule(ticks: list[tuple[str, float]]) -> dict[str, dict[str, Any]]:
    """Beat's entries: plain intervals in seconds, and an expiry of one interval."""
    return {
        name: {"task": "slaportal.tick", "args": [name], "schedule": seconds, "options": {"expires": seconds}}
        for name, seconds in ticks
    }


@app.on_after_configure.connect
def _fill_schedule(sender: Celery, **_: Any) -> None:
    from django.conf import settings

    sender.conf.beat_schedule = beat_schedule(settings.ENGINE_TICKS)


app.set_default()
