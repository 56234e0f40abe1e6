"""How many questions about business time are answered a second, beside a floor and beside two libraries.

`manage.py bench businesstime`. All figures are operations a second on one thread, the best of several rounds
over the same random starts, with a warm table unless the name says otherwise.
"""

import gc
import os
import platform
import random
from bisect import bisect_right
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from importlib.util import find_spec
from time import perf_counter
from typing import Any

from core.businesstime import WorkCalendar

ZONE = "America/New_York"
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri")
OPENING, CLOSING = time(9), time(17)
HOURS_A_DAY = 8
HOLIDAYS = [date(year, month, day) for year in range(2023, 2028) for month, day in ((1, 1), (7, 4), (12, 25))]
FIRST_START = datetime(2024, 1, 1, tzinfo=UTC)

Operation = Callable[[datetime, datetime], object]
"""Takes a start and an end up to 30 days later."""


def run(operations: int = 50_000, rounds: int = 5, seconds: float = 1.0, **_: object) -> dict[str, Any]:
    """Measure and return figures, floor and ratios.

    operations: random starts per round.
    rounds:     rounds per operation; the best one counts, the others were disturbed.
    seconds:    how long each operation of another library may take.
    """
    starts = _random_spans(operations)
    calendar = WorkCalendar(ZONE, {day: [("09:00", "17:00")] for day in WEEKDAYS}, HOLIDAYS)
    figures: dict[str, Any] = {"first_answer_ms": _first_answer_ms()}
    operations_by_name = _our_operations(calendar)
    for name, operation in operations_by_name.items():
        figures[name] = _per_second(operation, starts, rounds)
    floor = {"bisect_and_datetime_addition": _per_second(_bare(calendar), starts, rounds)}
    figures |= {
        f"businesstimedelta.{name}": rate for name, rate in _businesstimedelta(starts, seconds).items()
    }
    figures |= {
        f"business_duration.{name}": rate for name, rate in _business_duration(starts, seconds).items()
    }
    ratios = {
        f"{name} / floor": figures[name] / floor["bisect_and_datetime_addition"]
        for name in operations_by_name
    }
    ratios["add_200_days / add_5_minutes"] = figures["add_200_days"] / figures["add_5_minutes"]
    for name in ("add_120_minutes", "elapsed_up_to_30_days"):
        for library in ("businesstimedelta", "business_duration"):
            other = figures.get(f"{library}.{name}")
            if isinstance(other, float):
                ratios[f"{name} / {library}"] = figures[name] / other
    return {
        "bench": "businesstime",
        "figures": figures,
        "floor": floor,
        "ratios": ratios,
        "machine": {
            "python": platform.python_version(),
            "system": f"{platform.system()} {platform.machine()}",
            "cores": os.cpu_count(),
            "load_1_minute": os.getloadavg()[0],
        },
    }


def _our_operations(calendar: WorkCalendar) -> dict[str, Operation]:
    def added(minutes: int) -> Operation:
        return lambda start, _: calendar.add(start, minutes)

    return {
        "add_120_minutes": added(120),
        "elapsed_up_to_30_days": calendar.elapsed,
        "add_14_business_days": lambda start, _: calendar.add_days(start, 14),
        # The same question over ever more business time: the figures should be alike.
        "add_5_minutes": added(5),
        "add_5_days": added(5 * HOURS_A_DAY * 60),
        "add_200_days": added(200 * HOURS_A_DAY * 60),
    }


def _random_spans(count: int) -> list[tuple[datetime, datetime]]:
    """Starts at any second of two years, day or night, and ends up to 30 days later; always the same."""
    dice = random.Random(7)
    starts = [FIRST_START + timedelta(seconds=dice.randrange(2 * 365 * 86_400)) for _ in range(count)]
    return [(start, start + timedelta(seconds=dice.randrange(30 * 86_400))) for start in starts]


def _per_second(operation: Operation, spans: Sequence[tuple[datetime, datetime]], rounds: int) -> float:
    for start, end in spans:  # builds what is built lazily
        operation(start, end)
    best = float("inf")
    gc.disable()
    try:
        for _ in range(rounds):
            began = perf_counter()
            for start, end in spans:
                operation(start, end)
            best = min(best, perf_counter() - began)
    finally:
        gc.enable()
    return len(spans) / best


def _per_second_for(
    operation: Operation, spans: Sequence[tuple[datetime, datetime]], seconds: float
) -> float:
    """For operations too slow to do all spans: as many as fit in the time."""
    operation(*spans[0])
    done, began = 0, perf_counter()
    for start, end in spans:
        operation(start, end)
        done += 1
        if perf_counter() - began > seconds:
            break
    return done / (perf_counter() - began)


def _first_answer_ms() -> float:
    """A new calendar's first deadline, table included; the zone's offset changes are known by then."""
    best = float("inf")
    for _ in range(10):
        began = perf_counter()
        WorkCalendar(ZONE, {day: [("09:00", "17:00")] for day in WEEKDAYS}, HOLIDAYS).add(FIRST_START, 120)
        best = min(best, perf_counter() - began)
    return best * 1000


def _bare(calendar: WorkCalendar) -> Operation:
    """The least that any answer needs: one bisection of a list of openings, one datetime made by addition."""
    openings = [start for start, _ in calendar.spans(FIRST_START, FIRST_START + timedelta(days=3 * 365))]
    two_hours = timedelta(hours=2)

    def operation(start: datetime, _: datetime) -> object:
        return bisect_right(openings, start), start + two_hours

    return operation


def _businesstimedelta(spans: Sequence[tuple[datetime, datetime]], seconds: float) -> dict[str, float | str]:
    if find_spec("businesstimedelta") is None:
        return {"add_120_minutes": "not installed", "elapsed_up_to_30_days": "not installed"}
    import businesstimedelta as library
    import pytz

    tz = pytz.timezone(ZONE)
    rules = library.Rules(
        [
            library.WorkDayRule(start_time=OPENING, end_time=CLOSING, working_days=[0, 1, 2, 3, 4], tz=tz),
            library.HolidayRule(dict.fromkeys(HOLIDAYS, "holiday"), tz=tz),
        ]
    )
    two_hours = library.BusinessTimeDelta(rules, hours=2)
    return {
        "add_120_minutes": _per_second_for(lambda start, _: start + two_hours, spans, seconds),
        "elapsed_up_to_30_days": _per_second_for(rules.difference, spans, seconds),
    }


def _business_duration(spans: Sequence[tuple[datetime, datetime]], seconds: float) -> dict[str, float | str]:
    """It only counts, it cannot add; it knows no zones, so it is given the local wall clock ready-made."""
    if find_spec("business_duration") is None:
        return {"elapsed_up_to_30_days": "not installed"}
    from zoneinfo import ZoneInfo

    from business_duration import businessDuration

    tz = ZoneInfo(ZONE)
    local = [tuple(at.astimezone(tz).replace(tzinfo=None) for at in span) for span in spans]
    holidays = dict.fromkeys(HOLIDAYS, "holiday")

    def count(start: datetime, end: datetime) -> object:
        return businessDuration(start, end, OPENING, CLOSING, holidaylist=holidays, unit="min")

    return {"elapsed_up_to_30_days": _per_second_for(count, local, seconds)}  # type: ignore[arg-type]
