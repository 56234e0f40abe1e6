"""The outline of a calendar file: which lines belong together, and where each event begins.

The library that reads the contents does not say where a fault is, and takes a file that was cut short for a
shorter one. A person who has to mend a file needs the line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from core.ical.feed import IcalError

_PROPERTY = re.compile(r"[A-Za-z0-9-]+[;:]")
_WAY_OUT = "Export the calendar again as an .ics file."


def decoded(data: bytes) -> str:
    """The file's text. Raises IcalError where it is not UTF-8 or holds NUL."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise IcalError("This is not UTF-8 text. Export the calendar again, as UTF-8.", line) from error
    if (at := text.find("\0")) >= 0:
        raise IcalError(f"There is a NUL character. {_WAY_OUT}", text.count("\n", 0, at) + 1)
    return text


def unfolded(text: str) -> Iterator[tuple[int, str]]:
    """(number of its first line, text) of each logical line: a line that begins with a blank continues the
    one before it."""
    number = 0
    parts: list[str] = []
    for here, line in enumerate(re.split(r"\r\n|\n|\r", text), start=1):
        if line[:1] in (" ", "\t") and parts:
            parts.append(line[1:])
            continue
        if parts:
            yield number, "".join(parts)
        number, parts = here, [line]
    yield number, "".join(parts)


def lines_of_events(text: str, *, most: int) -> list[int]:
    """The line of each event's BEGIN, in order.

    Raises IcalError for what is no calendar, for parts that do not end, for a line outside events that says
    nothing, for clock rules no zone has, and for more than `most` events.
    """
    if not text.strip():
        raise IcalError(f"There is nothing in it. {_WAY_OUT}", 1)
    found: list[int] = []
    inside: list[tuple[str, int]] = []
    for number, line in unfolded(text):
        name, _, value = line.strip().partition(":")
        name, value = name.upper(), value.strip().upper()
        if not name:
            continue
        if not inside and (name, value) != ("BEGIN", "VCALENDAR"):
            raise IcalError(f"A calendar begins with BEGIN:VCALENDAR; this does not. {_WAY_OUT}", number)
        if name == "BEGIN":
            if value == "VEVENT":
                found.append(number)
                if len(found) > most:
                    raise IcalError(f"There are more than {most:,} events. Export a shorter period.", number)
            inside.append((value, number))
        elif name == "END":
            began = inside.pop()
            if began[0] != value:
                raise IcalError(
                    f"END:{value[:40]} where {began[0][:40]} of line {began[1]} has to end first. {_WAY_OUT}",
                    number,
                )
        elif not any(part == "VEVENT" for part, _ in inside):
            _check_outside(number, line, inside)
    if inside:
        part, number = inside[-1]
        raise IcalError(
            f"{part[:40]} begins here and does not end: the file was cut short. {_WAY_OUT}", number
        )
    return found


def _check_outside(number: int, line: str, inside: list[tuple[str, int]]) -> None:
    if not _PROPERTY.match(line):
        raise IcalError(f"“{line[:40]}” is no line of a calendar. {_WAY_OUT}", number)
    in_zone = any(part == "VTIMEZONE" for part, _ in inside)
    # The library works a zone's rules out for decades as it reads: one by the second would never end.
    if in_zone and line[:5].upper() == "RRULE" and "FREQ=YEARLY" not in line.upper():
        raise IcalError("A time zone changes its clocks by the year, not by this rule.", number)
