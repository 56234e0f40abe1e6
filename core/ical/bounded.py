"""Reads a calendar file in a process of its own.

Some rules have no end ("every 30 February"), and a library for them cannot be asked to stop. A process can.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Final

from core.ical.feed import Feed, IcalError, from_json
from core.ical.reading import MOST_BYTES

logger = logging.getLogger(__name__)

SECONDS: Final = 10
_ROOT: Final = Path(__file__).resolve().parents[2]
# What an interpreter needs to start, and none of what the product is told.
_KEPT: Final = ("PATH", "LD_LIBRARY_PATH", "LANG", "LC_ALL", "TMPDIR", "PYTHONTZPATH")


def read_bounded(
    data: bytes,
    *,
    zone: str,
    first: datetime,
    last: datetime,
    keep_free: bool = False,
    seconds: float = SECONDS,
) -> Feed:
    """`read_feed`, stopped after `seconds`. Raises IcalError also for that."""
    if len(data) > MOST_BYTES:
        raise IcalError("The file is larger than 1 MB. Export a shorter period.")
    asked = {"zone": zone, "first": first.isoformat(), "last": last.isoformat(), "keep_free": keep_free}
    try:
        done = subprocess.run(
            [sys.executable, "-m", "core.ical"],
            input=json.dumps(asked).encode() + b"\n" + data,
            capture_output=True,
            cwd=_ROOT,
            env={name: os.environ[name] for name in _KEPT if name in os.environ},
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired as late:
        raise IcalError(
            f"Reading took more than {seconds:g} seconds: this repetition has no end, or there are too many."
            " Remove the event, or export a shorter period.",
            _last_line(late.stderr),
        ) from late
    if done.returncode != 0:
        logger.error("A calendar file could not be read: %s", done.stderr.decode(errors="replace")[-2_000:])
        raise IcalError(
            "The file cannot be read. Export it again, or a shorter period.", _last_line(done.stderr)
        )
    said = json.loads(done.stdout)
    if "error" in said:
        raise IcalError(said["error"], said["line"])
    return from_json(said)


def _last_line(told: bytes | None) -> int:
    """The line that the reader was at, by what it told last."""
    lines = [line for line in (told or b"").split(b"\n") if line.startswith(b"line ")]
    number = lines[-1].removeprefix(b"line ") if lines else b""
    return int(number) if number.isdigit() else 0
