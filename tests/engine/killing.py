"""Processes that sweep, killed at random moments."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from django.db import connection

from slaportal.benches.database import environment_for

PROJECT = Path(__file__).resolve().parents[2]


@contextmanager
def sweepers(
    environment: Mapping[str, str], *, processes: int, turn: int = 200
) -> Iterator[subprocess.Popen[str]]:
    """So many processes that sweep without a pause; one that dies is followed by another. They announce
    their ids on standard output, which is not waited for.
    """
    command = [sys.executable, "-m", "slaportal.benches.sweepers", "--turn", str(turn)]
    process = subprocess.Popen(
        [*command, "--processes", str(processes)],
        cwd=PROJECT,
        env=dict(environment),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    os.set_blocking(process.stdout.fileno(), False)
    try:
        yield process
    finally:
        process.stdin.close()
        process.wait(timeout=120)


def announced(process: subprocess.Popen[str]) -> list[int]:
    """Ids of the processes that were started since the last call."""
    assert process.stdout is not None
    return [int(line.split()[1]) for line in process.stdout]


def sweep_with_kills(total: int, *, kills: int, processes: int, turn: int = 200) -> int:
    """Let processes sweep until nothing of now is due, killing one for each part of the work; how many died.

    What falls due meanwhile, for the leads' next owners, is not waited for.
    """
    chance = random.Random(20)
    alive: list[int] = []
    killed = 0
    with connection.cursor() as cursor:
        cursor.execute("select clock_timestamp()")
        (moment,) = cursor.fetchone()
    deadline = time.monotonic() + 400
    with sweepers(
        environment_for(connection.settings_dict["NAME"]), processes=processes, turn=turn
    ) as process:
        while time.monotonic() < deadline:
            alive += announced(process)
            with connection.cursor() as cursor:
                cursor.execute("select due from engine_metrics(%s)", [moment])
                left = cursor.fetchone()[0]
            if left == 0:
                break
            if alive and killed < kills and left < total * (1 - killed / (kills + 2)):
                time.sleep(chance.uniform(0.0, 0.1))  # at a random moment in a turn
                os.kill(alive.pop(chance.randrange(len(alive))), signal.SIGKILL)
                killed += 1
            else:
                time.sleep(0.02)
    return killed
