"""The product's own engine in processes of its own, for benches that measure how late it is."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from django.db import connections

from slaportal.benches.database import Scratch

PROJECT = Path(__file__).resolve().parents[2]
SWEEP = "handoff.tasks.sweep_tick"
MOVE_CLOCKS = "sla.tasks.move_clocks_tick"


@contextmanager
def engines(scratch: Scratch, number: int, ticks: Sequence[str] = (SWEEP,)) -> Iterator[None]:
    """So many engines, each with these ticks alone. They are up when the block begins."""
    command = [sys.executable, "manage.py", "engine", *(part for tick in ticks for part in ("--tick", tick))]
    running = [
        subprocess.Popen(command, cwd=PROJECT, env=scratch.environment, stdout=subprocess.PIPE, text=True)
        for _ in range(number)
    ]
    try:
        for process in running:
            if process.stdout is not None:
                process.stdout.readline()  # "The engine runs ..."
        yield
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait(timeout=60)


def settle() -> None:
    """Statistics as a database that has run for a while has them."""
    with connections["owner"].cursor() as cursor:
        cursor.execute("analyze")
