"""The process behind `core.ical.bounded`: what is asked on the first line of standard input, then the file;
the feed, or what is wrong, as JSON on standard output."""

from __future__ import annotations

import json
import resource
import sys
from contextlib import suppress
from datetime import datetime

from core.ical.feed import IcalError, to_json
from core.ical.reading import read_feed

CPU_SECONDS = 20
MEMORY = 1 << 30


def main() -> None:
    """Read, answer, end. A file that needs too much ends the process: whoever asked says so."""
    for limit, value in ((resource.RLIMIT_CPU, CPU_SECONDS), (resource.RLIMIT_AS, MEMORY)):
        with suppress(ValueError, OSError):  # not every system knows both
            resource.setrlimit(limit, (value, value))
    head, _, data = sys.stdin.buffer.read().partition(b"\n")
    asked = json.loads(head)
    try:
        feed = read_feed(
            data,
            zone=asked["zone"],
            first=datetime.fromisoformat(asked["first"]),
            last=datetime.fromisoformat(asked["last"]),
            keep_free=asked["keep_free"],
            at_line=lambda line: print("line", line, file=sys.stderr, flush=True),
        )
    except IcalError as error:
        said: dict[str, object] = {"error": error.message, "line": error.line}
    else:
        said = to_json(feed)
    sys.stdout.write(json.dumps(said))


main()
