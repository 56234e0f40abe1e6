"""Processes that sweep without a pause, to be killed: `python -m slaportal.benches.sweepers --processes 2`.

Prints `pid N` for each process it forks and forks another for each that dies, until its standard input
ends; then they finish their turn. The parent has Django loaded and no connection, so that a replacement is
there at once.
"""

from __future__ import annotations

import argparse
import os
import select
import signal
import sys
import time


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--turn", type=int, default=500)
    parser.add_argument("--wait", action="store_true", help="do not sweep before a line comes in")
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "slaportal.settings")
    import django

    django.setup()
    import handoff.sweep  # noqa: F401 - loaded before the first fork, so that children have it
    from slaportal.collector import look_less

    look_less()  # as a worker does

    if options.wait:
        print("ready", flush=True)
        sys.stdin.readline()
    children = {_fork(options.turn) for _ in range(options.processes)}
    while not select.select([sys.stdin], [], [], 0.01)[0]:
        for pid in list(children):
            if os.waitpid(pid, os.WNOHANG)[0]:
                children.discard(pid)
                children.add(_fork(options.turn))
    for pid in children:
        os.kill(pid, signal.SIGTERM)
    for pid in children:
        os.waitpid(pid, 0)


def _fork(turn: int) -> int:
    pid = os.fork()
    if pid:
        print(f"pid {pid}", flush=True)
        return pid
    code = 1
    try:
        _sweep_until_told(turn)
        code = 0
    finally:
        os._exit(code)  # no clean-up of what the parent owns


def _sweep_until_told(turn: int) -> None:
    from handoff.sweep import sweep

    told: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: told.append(number))
    while not told:
        if sweep(seconds=5, turn=turn).taken == 0:
            time.sleep(0.02)


if __name__ == "__main__":
    main()
