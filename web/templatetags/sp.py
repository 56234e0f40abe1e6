"""The page vocabulary: icons, status pills, meters, times and charts, all rendered on the server.

Durations come in as seconds (int, float) or `timedelta`; instants as aware datetimes, shown in the current
time zone, which the middleware sets to the reader's. Charts put geometry into SVG attributes and every word
into HTML, so that pages need neither inline styles nor chart scripts. A name that the template does not know
arrives as an empty text and counts as missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import Enum
from functools import lru_cache
from math import ceil, floor, log10
from typing import Any, NamedTuple

from django import template
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from core.countries import shown

register = template.Library()

MINUTE, HOUR, DAY = 60, 3600, 86_400
DASH = "–"

Seconds = int | float | timedelta


class Look(NamedTuple):
    """How one status is drawn: colour family, glyph, words."""

    tone: str
    icon: str
    words: str


LOOKS: dict[str, Look] = {
    "on_time": Look("ok", "circle-check", "On time"),
    "at_risk": Look("risk", "alert-triangle-filled", "At risk"),
    "overdue": Look("bad", "alert-octagon-filled", "Overdue"),
    "paused": Look("idle", "player-pause", "Paused"),
    "closed_hours": Look("idle", "moon", "Closed hours"),
    "met": Look("met", "check", "Met"),
    "missed": Look("missed", "x", "Missed"),
    "cancelled": Look("idle", "ban", "Cancelled"),
    "waiting": Look("idle", "circle-dashed", "Waiting"),
    "on_target": Look("ok", "circle-check", "On target"),
    "watch": Look("risk", "alert-triangle-filled", "Watch"),
    "off_target": Look("bad", "alert-octagon-filled", "Off target"),
}


def look_of(status: object) -> Look:
    """The look of a status, given as text or as an enum member. ValueError names the known ones."""
    key = str(status.value if isinstance(status, Enum) else status)
    if key not in LOOKS:
        raise ValueError(f"No look for status {key!r}; known: {', '.join(LOOKS)}.")
    return LOOKS[key]


def _given(value: Any) -> Any:
    """The value, or None for the empty text that templates pass on for a name they do not know."""
    return None if value == "" else value


# --- Times and numbers --------------------------------------------------------------------------------------
def _seconds(value: Seconds) -> int:
    """Whole seconds without sign; a fraction is dropped: no clock shows time that is not there."""
    return int(abs(value.total_seconds() if isinstance(value, timedelta) else value))


@register.filter
def country(value: str | None) -> str:
    """A country as it was written, with what it is taken for: `DE (Germany)`."""
    return shown(value) if value else ""


@register.filter
def duration(value: Seconds | None) -> str:
    """Seconds on a clock: `2:41` under ten minutes, then `42m`, `3h 11m`, `1d 1h`. The sign is dropped."""
    if _given(value) is None or value is None:
        return DASH
    total = _seconds(value)
    if total < 10 * MINUTE:
        return f"{total // MINUTE}:{total % MINUTE:02d}"
    if total < HOUR:
        return f"{total // MINUTE}m"
    if total < DAY:
        return f"{total // HOUR}h {total % HOUR // MINUTE:02d}m"
    return f"{total // DAY}d {total % DAY // HOUR}h"


@register.filter
def minutes_text(value: Seconds | None) -> str:
    """Seconds in a sentence: `45 s`, `1 min 30 s`, `42 min`, `2h 47m`, `1d 1h`.

    Under ten minutes seconds are told: of a promise of 90 s, `1 min` would make late look like in time.
    """
    if _given(value) is None or value is None:
        return DASH
    total = _seconds(value)
    return exact_text(total - total % MINUTE if 10 * MINUTE <= total < HOUR else total)


@register.filter
def late_text(value: Seconds | None) -> str:
    """As `minutes_text`, of a time that did pass: under a second is no `0 s`."""
    if _given(value) is None or value is None:
        return DASH
    return minutes_text(value) if _seconds(value) else "under a second"


@register.filter
def exact_text(value: Seconds | None) -> str:
    """A length that somebody set, for a sentence: `90 s` is `1 min 30 s`, `750 s` is `12 min 30 s`; from an
    hour on seconds are left out."""
    if _given(value) is None or value is None:
        return DASH
    minutes, rest = divmod(_seconds(value), MINUTE)
    if minutes >= HOUR // MINUTE:
        return duration(value)
    parts = [f"{minutes} min" if minutes else "", f"{rest} s" if rest or not minutes else ""]
    return " ".join(filter(None, parts))


@register.filter
def local_time(value: datetime | None, form: str = "time") -> str:
    """In the reader's zone. Forms: time `14:12`, zone `14:12 CET`, date `Tue 17 Nov`, long (both), year."""
    if not value:
        return DASH
    local = timezone.localtime(value)
    day = f"{local:%a} {local.day} {local:%b}"
    forms = {
        "time": f"{local:%H:%M}",
        "zone": f"{local:%H:%M} {local.tzname()}",
        "date": day,
        "long": f"{day}, {local:%H:%M}",
        "year": f"{local.day} {local:%b %Y}",
    }
    if form not in forms:
        raise ValueError(f"No form {form!r} of a time; known: {', '.join(forms)}.")
    return forms[form]


@register.filter
def due_text(value: datetime | None, now: datetime | None = None) -> str:
    """When something is due, as short as it can be without doubt: `14:15`, `Wed 09:52`, `Tue 24 Nov, 17:30`.

    The weekday alone stands for one of the next six days; days gone by and days further off carry their date,
    other years their year. `now` is the moment of reading (the present when left out).
    """
    if not value:
        return DASH
    local, today = timezone.localtime(value), timezone.localtime(now or timezone.now())
    days = (local.date() - today.date()).days
    if days == 0:
        return f"{local:%H:%M}"
    if 0 < days < 7:
        return f"{local:%a %H:%M}"
    year = "" if local.year == today.year else f" {local.year}"
    return f"{local:%a} {local.day} {local:%b}{year}, {local:%H:%M}"


@register.filter
def pct(part: float | None, base: float | None = 100) -> str:
    """`part` of `base` in per cent with at most one decimal: 118 of 402 is `29.4%`; no base, a dash."""
    if _given(part) is None or part is None or not base:
        return DASH
    return f"{part / base * 100:.1f}".removesuffix(".0") + "%"


@register.filter
def of_base(part: float | None, base: float | None) -> str:
    """A percentage that carries its base: `29.4% (118 of 402)`."""
    if _given(part) is None or part is None or not base:
        return "none yet"
    return f"{pct(part, base)} ({part:,} of {base:,})"


@register.filter
def as_xlsx(url: str) -> str:
    """The address of a table's CSV as that of its spreadsheet."""
    address, mark, query = url.partition("?")
    return f"{address.removesuffix('.csv')}.xlsx{mark}{query}"


@register.filter
def signed(value: float | None, unit: str = "") -> str:
    """A change with its sign, using the true minus: `+0.6 pts`, `−3 min`."""
    if _given(value) is None or value is None:
        return DASH
    number = f"{abs(value):,.1f}".removesuffix(".0")
    sign = "" if number == "0" else ("+" if value > 0 else "−")
    return f"{sign}{number}{' ' + unit if unit else ''}"


@register.filter
def initials(name: object) -> str:
    """Up to two letters for an avatar: `Maya Okafor` is `MO`."""
    words = [word for word in str(name or "").replace(".", " ").split() if word[0].isalnum()]
    if not words:
        return "?"
    return (words[0][0] + (words[-1][0] if len(words) > 1 else "")).upper()


@register.filter
def undo_url(tags: str) -> str:
    """The path in a message's extra tag `undo=/path`, or nothing. Only paths of this site are taken."""
    for tag in str(tags or "").split():
        path = tag.removeprefix("undo=")
        if path != tag and path.startswith("/") and not path.startswith(("//", "/\\")):
            return path
    return ""


@register.filter
def look(status: object, part: str) -> str:
    """One part (`tone`, `icon` or `words`) of how a status is drawn."""
    return str(getattr(look_of(status), part))


# --- Small marks --------------------------------------------------------------------------------------------
@lru_cache(maxsize=1)
def _sprite() -> str:
    """The address of the sprite. A page draws a hundred icons, and files do not move while we run."""
    return static("vendor/tabler-icons.svg")


@register.simple_tag
def icon(name: str, label: str = "", css: str = "") -> SafeString:
    """An icon of the sprite. Without `label` it is decoration and hidden from screen readers."""
    use = f"{_sprite()}#{name}"
    css = f"sp-icon {css}".strip()
    if label:
        return format_html(
            '<svg class="{}" width="16" height="16" role="img" aria-label="{}"><use href="{}"/></svg>',
            css,
            label,
            use,
        )
    return format_html(
        '<svg class="{}" width="16" height="16" aria-hidden="true"><use href="{}"/></svg>', css, use
    )


@register.inclusion_tag("web/_pill.html")
def pill(
    status: object,
    seconds: Seconds | None = None,
    *,
    running: bool = True,
    next_change: Seconds | None = None,
    resumes: datetime | None = None,
    label: str = "",
    plain: bool = False,
    now: datetime | None = None,
) -> dict[str, object]:
    """A status in the shape that its urgency asks for.

    `seconds`: left (on time, at risk), late (overdue), needed (met) or late at the end (missed). `running`
    and `next_change` (seconds until the server would say something else) feed the ticking. `resumes` is told
    of a clock that stands (paused, closed hours). `label` replaces the words. `plain` drops the frame, for
    tables.
    `now` is the moment of reading, for the words of `resumes`.
    """
    seconds, next_change, resumes = _given(seconds), _given(next_change), _given(resumes)
    drawn = look_of(status)
    key = str(status.value if isinstance(status, Enum) else status)
    ticking = key in {"on_time", "at_risk", "overdue"} and seconds is not None and not label
    before, figure, after = "", label or drawn.words, ""
    if ticking and seconds is not None:
        before, figure = ("Overdue " if key == "overdue" else ""), duration(seconds)
    elif key in {"met", "missed"} and seconds is not None and not label:
        figure = f"{drawn.words} {'in' if key == 'met' else 'by'} {late_text(seconds)}"
    elif resumes is not None and not label:
        after = f", resumes {due_text(resumes, now)}"
    return {
        "tone": {"met": "ok", "missed": "bad"}.get(drawn.tone, drawn.tone) if plain else drawn.tone,
        "icon": drawn.icon,
        "spoken": f"{drawn.words}: " if ticking and key != "overdue" else "",
        "before": before,
        "figure": figure,
        "after": after,
        "ticks": ticking,
        "direction": "up" if key == "overdue" else "down",
        "seconds": 0 if seconds is None else _seconds(seconds),
        "running": running,
        "next_change": None if next_change is None else max(1, _seconds(next_change)),
        "plain": plain,
    }


def _share(value: float | None) -> str:
    """A share in per cent, held between 0 and 100, as an SVG length."""
    return f"{min(100.0, max(0.0, float(value or 0))):.4g}%"


@register.inclusion_tag("web/_meter.html")
def meter(
    used: float | None,
    mark: float | None = None,
    tone: str = "brand",
    label: str = "",
    size: str = "",
    back: float | None = None,
) -> dict[str, object]:
    """A bar filled to `used` per cent, with a mark at `mark` per cent. `size`: empty, inline or big.

    With a `label` it is read out; without one it only repeats numbers that stand beside it and stays silent.
    `back` draws a second, paler length behind (a funnel's former stage).
    """
    return {
        "used": _share(used),
        # The mark is 3 px wide: it must not slip off the right edge.
        "mark": None if _given(mark) is None else _share(min(99.0, float(mark or 0))),
        "back": None if _given(back) is None else _share(back),
        "tone": tone,
        "label": label,
        "size": size,
    }


@register.inclusion_tag("web/_band.html")
def band_chart(
    low: float,
    high: float,
    *,
    expected: float,
    actual: float,
    most: float,
    out: bool = False,
    label: str = "",
) -> dict[str, object]:
    """What chance gives, low to high, with a line at what is expected and a dot at what came, of 0 to `most`.

    `out`: the dot is outside. `label` is read out.
    """
    scale = 100 / most if most > 0 else 0
    start = max(0.0, low) * scale
    return {
        "low": _share(start),
        "width": _share(max(0.8, high * scale - start)),  # a band of nothing is a line
        "expected": _share(expected * scale),
        "actual": _share(min(98.5, max(1.5, actual * scale))),  # the whole dot stays inside
        "out": out,
        "label": label,
    }


# --- Charts -------------------------------------------------------------------------------------------------
#: Most intervals between the ticks of an axis: five labels fit beside a chart of 150 px.
MOST_INTERVALS = 4


def _axis(least: float, most: float) -> list[float]:
    """Ticks of an axis that holds both ends, from the top down: at most five, on steps of 1, 2, 2.5 or 5
    times a power of ten, so that a reader sees 100, 75, 50 and never 66.7."""
    power = 10.0 ** floor(log10(max(most - least, abs(most) * 0.01, 0.1))) / 10
    for factor in (1, 2, 2.5, 5, 10, 20, 25, 50, 100):
        step = factor * power
        low, high = floor(least / step + 1e-9), ceil(most / step - 1e-9)
        if high - low <= MOST_INTERVALS:
            break
    return [place * step for place in range(max(high, low + 1), low - 1, -1)]


def _number(value: float) -> str:
    return f"{value:,.1f}".removesuffix(".0")


def _polyline(values: Sequence[float | None], low: float, high: float) -> list[str]:
    """Runs of `x,y` in a box of 100 by 100; a missing value breaks the line instead of faking a point."""
    runs: list[list[str]] = [[]]
    last = max(len(values) - 1, 1)
    for place, value in enumerate(values):
        if value is None:
            runs.append([])
            continue
        share = (value - low) / ((high - low) or 1)
        x = 100 if len(values) == 1 else place / last * 100
        runs[-1].append(f"{x:.2f},{100 - min(1.0, max(0.0, share)) * 100:.2f}")
    # A point alone is named twice: a line of no length is drawn as a dot, a single point not at all.
    return [" ".join(run if len(run) > 1 else run * 2) for run in runs if run]


@register.inclusion_tag("web/_line_chart.html")
def line_chart(
    points: Iterable[Mapping[str, Any]],
    *,
    target: float | None = None,
    unit: str = "",
    title: str = "",
    low: float | None = None,
    high: float | None = None,
    value_name: str = "Value",
) -> dict[str, object]:
    """A trend with its target line. `points`: mappings with `label` and `value` (None where there is none);
    the table has their `base` (what a share is of) and leads to their `url`, where they are given.

    `title` names the table that opens under it. The axis follows the data (up to 100 where `unit` is %) and
    reaches to `low` and `high` where they are given; its ends are round.
    """
    rows = list(points)
    values = [None if row["value"] is None else float(row["value"]) for row in rows]
    present = [value for value in values if value is not None]
    if not present:
        return {"rows": [], "title": title}
    known = [value for value in (*present, target, low, high) if value is not None]
    ticks = _axis(min(known), max(*known, 100.0) if unit == "%" else max(known))
    top, bottom = ticks[0], ticks[-1]
    lines = _polyline(values, bottom, top)
    ends = [0, len(rows) // 4, len(rows) // 2, len(rows) * 3 // 4, len(rows) - 1]
    return {
        "rows": rows,
        "lines": [
            {
                "points": line,
                "first": line.split(",")[0],
                "last": line.split()[-1].split(",")[0],
                "alone": len(set(line.split())) == 1,
            }
            for line in lines
        ],
        "target_y": None
        if target is None
        else f"{100 - (target - bottom) / ((top - bottom) or 1) * 100:.2f}",
        "target": target,
        "unit": unit,
        "title": title,
        "value_name": value_name,
        "y_labels": [_number(tick) + (unit if tick == top else "") for tick in ticks],
        "rules": [f"{100 * place / (len(ticks) - 1):.2f}" for place in range(len(ticks))],
        "x_labels": [rows[place]["label"] for place in sorted(set(ends))],
        "summary": f"{title or value_name}: {_number(present[0])}{unit} to {_number(present[-1])}{unit}, "
        f"lowest {_number(min(present))}{unit}, highest {_number(max(present))}{unit}"
        + (f", target {_number(target)}{unit}" if target is not None else ""),
    }


@register.inclusion_tag("web/_histogram.html")
def histogram(
    bars: Iterable[Mapping[str, Any]],
    *,
    title: str = "",
    on_time_name: str = "On time",
    late_name: str = "Late",
) -> dict[str, object]:
    """Columns split in on time and late. `bars`: mappings with `label`, `on_time` and `late` (counts), and
    `url`, to what is counted, where there is a way."""
    rows = [
        {
            "label": bar["label"],
            "on_time": int(bar["on_time"]),
            "late": int(bar.get("late") or 0),
            "url": bar.get("url") or "",
        }
        for bar in bars
    ]
    peak = max((row["on_time"] + row["late"] for row in rows), default=0)
    height = 108  # px, of the tallest column
    for row in rows:
        row["total"] = row["on_time"] + row["late"]
        scale = height / peak if peak else 0
        row["late_px"] = max(1, round(row["late"] * scale)) if row["late"] else 0
        row["on_time_px"] = max(1, round(row["on_time"] * scale)) if row["on_time"] else 0
    return {"rows": rows, "peak": peak, "title": title, "on_time_name": on_time_name, "late_name": late_name}


@register.inclusion_tag("web/_sparkline.html")
def sparkline(
    values: Iterable[float | None], label: str = "", *, target: float | None = None
) -> dict[str, object]:
    """A small line. With a `label` it is read out, for instance `30 days: 92% to 96%`.

    With a `target` the values are per cent: every line is drawn from 0 to 100, with the target dashed, so
    that rows compare. Without one the line fills its own height.
    """
    numbers = [None if value is None else float(value) for value in values]
    present = [value for value in numbers if value is not None]
    if not present:
        return {"lines": [], "label": label}
    low, high = (min(present), max(present)) if target is None else (0.0, 100.0)
    return {
        "lines": _polyline(numbers, low, high),
        "label": label,
        "target_y": None if target is None else f"{100 - target:.2f}",
    }


def _shade(value: float, steps: Sequence[float]) -> int:
    """Which of the six shades (0 to 5) a value gets, given the five values where the next shade begins."""
    return sum(value >= step for step in steps)


@register.inclusion_tag("web/_heat_map.html")
def heat_map(
    rows: Iterable[Mapping[str, Any]],
    *,
    columns: Sequence[object],
    title: str = "",
    unit: str = "%",
    steps: Sequence[float] = (5, 12, 22, 34, 48),
    least: int = 5,
    every: int = 3,
) -> dict[str, object]:
    """A shaded table. `rows`: mappings with `label` and `cells`, each with `value`, `base` (a count) and,
    where the number leads somewhere, `url` and `words` that say where.

    A cell whose base is under `least` is hatched and shows no number: too few to mean anything. `steps` are
    the five values where the next shade begins; every `every`-th column gets a printed label.
    """
    drawn = []
    for row in rows:
        cells = []
        for cell in row["cells"]:
            few = cell["value"] is None or int(cell.get("base") or 0) < least
            cells.append(
                {
                    "few": few,
                    "text": "" if few else f"{cell['value']:.0f}",
                    "url": cell.get("url", ""),
                    "words": cell.get("words", ""),
                    "css": "sp-few" if few else f"sp-q{_shade(float(cell['value']), steps)}",
                }
            )
        drawn.append({"label": row["label"], "cells": cells})
    return {
        "rows": drawn,
        "columns": [{"name": name, "shown": place % every == 0} for place, name in enumerate(columns)],
        "title": title,
        "unit": unit,
        "least": least,
        "legend": [(0, f"< {_number(steps[0])}")]
        + [(place + 1, f"{_number(step)}+") for place, step in enumerate(steps)],
    }


@register.inclusion_tag("web/_day_bar.html")
def day_bar(intervals: Iterable[tuple[int, int]], label: str = "") -> dict[str, object]:
    """A day of 24 hours with its open intervals, given as minutes from midnight (start, end)."""
    spans = [(start, max(start, end)) for start, end in intervals]
    return {
        "spans": [{"x": f"{s / 14.4:.3f}%", "width": f"{(e - s) / 14.4:.3f}%"} for s, e in spans],
        "label": label,
    }


# --- Blocks -------------------------------------------------------------------------------------------------
def _included(name: str, **values: object) -> SafeString:
    return SafeString(render_to_string(f"web/{name}", values))


@register.simple_block_tag
def card(
    content: str, title: str = "", note: str = "", css: str = "", body: bool = True, level: int = 2
) -> SafeString:
    """`{% card title="…" %}…{% endcard %}`; `body=False` when the content pads itself (tables, lists)."""
    return _included("_card.html", content=content, title=title, note=note, css=css, body=body, level=level)


@register.simple_block_tag
def dialog(content: str, id: str, title: str, sub: str = "", css: str = "", open: bool = False) -> SafeString:
    """`{% dialog id="…" title="…" %}…{% enddialog %}`; the content brings `.sp-dialog-body` and `-foot`.

    `open=True` shows it as soon as it arrives, for dialogs that a click fetched from the server.
    """
    return _included("_dialog.html", content=content, id=id, title=title, sub=sub, css=css, open=open)
