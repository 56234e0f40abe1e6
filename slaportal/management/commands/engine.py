"""`manage.py engine`: the ticks in one process, without any broker. Beside beat or instead of it, any
number.
"""

from __future__ import annotations

import logging
import signal
import threading
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import close_old_connections, connections

from slaportal.collector import look_less
from slaportal.ticks import run_tick, tick_names
from tenants.startup import assert_safe_role

logger = logging.getLogger(__name__)


class Command(BaseCommand):
    help = "Run the engine's ticks in a loop until SIGTERM or Ctrl-C; what is under way is finished first."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--once", action="store_true", help="run every tick once, then stop")
        parser.add_argument("--tick", action="append", metavar="NAME", help="only this tick (again for more)")

    def handle(self, *args: Any, **options: Any) -> None:
        assert_safe_role()
        names = options["tick"] or tick_names()
        unknown = sorted(set(names) - set(tick_names()))
        if unknown:
            raise CommandError(f"No such tick: {', '.join(unknown)}. There are: {', '.join(tick_names())}.")
        if options["once"]:
            for name in names:
                self.stdout.write(f"{name}: {run_tick(name)}")
            return
        self._loop(names)

    def _loop(self, names: list[str]) -> None:
        """A thread a tick, each with its own connection, so that a slow mail server holds up no deadline."""
        look_less()
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        pauses = dict(settings.ENGINE_TICKS)
        threads = [
            threading.Thread(target=repeat, args=(name, pauses[name], stop), name=name) for name in names
        ]
        for thread in threads:
            thread.start()
        self.stdout.write(f"The engine runs {len(threads)} ticks. Ctrl-C stops it.")
        self.stdout.flush()
        stop.wait()
        for thread in threads:
            thread.join()
        self.stdout.write("The engine has stopped.")


def repeat(name: str, pause: float, stop: threading.Event) -> None:
    """Run a tick every `pause` seconds until told to stop. One that raises is logged and tried again."""
    try:
        while not stop.is_set():
            close_old_connections()  # Celery does the same around its tasks
            try:
                run_tick(name)
            except Exception:
                logger.exception("A tick failed.", extra={"tick": name})
            stop.wait(pause)
    finally:
        connections.close_all()
