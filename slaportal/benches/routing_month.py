"""A month of leads in the rhythm of real arrivals, shared out among 12 people by each strategy: loads, waits,
fairness. Nothing is measured in seconds: it is what the decisions do to people that is looked at.

Two rhythms: calls of citizens to the city of Boston in January 2015 (to the second), and the marketing
qualified leads of Olist in their busiest months (days, spread over the day as Boston's calls are). The files
are not part of the product: option or environment BENCH_DATA names the folder with `boston-311-2015` and
`olist-marketing-funnel`. Where they are not there a made-up rhythm of the same shape stands in, and says so.

Options (`--set NAME=VALUE`): data (the folder), leads (of the month).
"""

from __future__ import annotations

import csv
import gzip
import os
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from statistics import median
from typing import Any, Final
from zoneinfo import ZoneInfo

from core.businesstime import WorkCalendar
from core.rules import Facts
from handoff.simulation.replay import Arrival, World, replay
from handoff.simulation.report import report
from leads.criteria import SCHEMA
from routing.decide import Candidate, OffHours, PoolView, Seat, Strategy, compile_rule_set
from slaportal.benches.database import scale

ZONE: Final = "America/New_York"
FIRST: Final = date(2026, 1, 1)
DAYS: Final = 31
REPS: Final = 12
STRATEGIES: Final = (Strategy.WEIGHTED, Strategy.ROUND_ROBIN, Strategy.LEAST_LOADED, Strategy.FASTEST)
_BESIDE: Final = Path(__file__).resolve().parents[2].parent / "shared" / "data"
_BOSTON: Final = "boston-311-2015/boston_311_2015_h1.csv.gz"
_OLIST: Final = "olist-marketing-funnel/olist_marketing_qualified_leads_dataset.csv"
#: Made-up shares of the hours of a day, and of the days of a week from Monday.
_HOURS: Final = (1, 1, 1, 1, 1, 2, 3, 6, 10, 11, 11, 10, 9, 9, 9, 8, 7, 5, 4, 3, 3, 2, 2, 1)
_WEEK: Final = (11, 11, 10, 10, 9, 4, 3)
_RULES: Final[dict[str, Any]] = {
    "pools": [{"name": "Everyone", "when": None, "pool": "inbound"}],
    "priorities": [],
    "horizon_minutes": 30,
}

Moments = list[tuple[int, int]]  # day of the month from 0, second of the day


def run(*, data: str = "", leads: int | None = None) -> dict[str, Any]:
    """What each strategy makes of each rhythm."""
    folder = Path(data or os.environ.get("BENCH_DATA", "") or _BESIDE)
    wanted = leads or round(1_200 * scale())
    figures: dict[str, Any] = {"people": REPS, "days": DAYS}
    boston = _boston(folder / _BOSTON)
    rhythms = [("boston", boston), ("olist", _olist(folder / _OLIST, boston))]
    for name, moments in rhythms:
        if moments is None:
            figures[f"{name}: rhythm"] = f"made up, since {folder} has no such file"
        for off_hours in (OffHours.ASSIGN, OffHours.HOLD):
            for strategy in STRATEGIES:
                told = _month(_thinned(moments or _made_up(), wanted), strategy, off_hours)
                figures |= {f"{name}, {strategy}, {off_hours}: {key}": value for key, value in told.items()}
    return {"figures": figures}


# --- Rhythms ---


def _boston(path: Path) -> Moments | None:
    """When citizens called in January 2015, in local time."""
    if not path.exists():
        return None
    found = []
    with gzip.open(path, "rt", encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            try:
                at = datetime.strptime(row["OPEN_DT"], "%m/%d/%Y %I:%M:%S %p")  # noqa: DTZ007 - local
            except ValueError:
                continue
            if at.year == 2015 and at.month == 1:
                found.append((at.day - 1, at.hour * 3600 + at.minute * 60 + at.second))
    return sorted(found)


def _olist(path: Path, boston: Moments | None) -> Moments | None:
    """First contacts of the month that had most; within the day as the calls of Boston, or made up."""
    if not path.exists():
        return None
    with path.open(encoding="utf-8", newline="") as stream:
        days = [date.fromisoformat(row["first_contact_date"]) for row in csv.DictReader(stream)]
    busiest = Counter((day.year, day.month) for day in days).most_common(1)[0][0]
    seconds = [second for _, second in boston or _made_up()]
    of_month = sorted(day for day in days if (day.year, day.month) == busiest)
    return sorted((day.day - 1, seconds[place * 7_919 % len(seconds)]) for place, day in enumerate(of_month))


def _made_up() -> Moments:
    """A month with the shape of a working week."""
    found = []
    for day in range(DAYS):
        share = _WEEK[(FIRST + timedelta(days=day)).weekday()]
        for hour, weight in enumerate(_HOURS):
            number = share * weight
            found += [(day, hour * 3600 + 3600 * each // number) for each in range(number)]
    return sorted(found)


def _thinned(moments: Moments, wanted: int) -> Moments:
    """So many of them, evenly."""
    if len(moments) <= wanted:
        return moments
    return [moments[place * len(moments) // wanted] for place in range(wanted)]


# --- The month ---


def _month(moments: Moments, strategy: Strategy, off_hours: OffHours) -> dict[str, Any]:
    where = ZoneInfo(ZONE)
    start = datetime.combine(FIRST, time(), where).astimezone(UTC)
    arrivals = [
        _arrival(place, (datetime.combine(FIRST, time(), where) + timedelta(days=day, seconds=second)))
        for place, (day, second) in enumerate(moments)
    ]
    world = World(
        since=start,
        until=start + timedelta(days=DAYS + 7),  # what waits at the end goes out in the week after
        pools={"inbound": _pool(strategy, off_hours)},
        people={each.member_id: each for each in _people(start)},
        zones={_id(number): ZONE for number in range(REPS)},
    )
    rules = compile_rule_set(_RULES, SCHEMA)
    replayed = replay(world, arrivals, rules)
    told = report(arrivals, replayed, None, rule_set=rules, zone=ZONE, since=start, until=world.until)
    (pool,) = told["pools"]
    loads = [share["actual"] / share["by_weight"] for share in pool["shares"] if share["by_weight"]]
    busiest = sorted(max(person["days"]) for person in told["people"])
    waits = told["waits"]["new"]
    return {
        "leads": told["leads"],
        "nobody": told["nobody"],
        "load of weight, least": round(min(loads), 2),
        "load of weight, most": round(max(loads), 2),
        "busiest day, median person": median(busiest),
        "busiest day, most": busiest[-1],
        "open at once, most": max(person["most_open"] for person in told["people"]),
        "wait for somebody at work, median minutes": waits["work"]["median"] // 60,
        "wait for somebody at work, p90 hours": round(waits["work"]["p90"] / 3600, 1),
        "outside of chance": sum(share["verdict"] in ("more", "less") for share in pool["shares"]),
    }


def _arrival(place: int, at: datetime) -> Arrival:
    moment = at.astimezone(UTC)
    closes = moment + timedelta(hours=20 + place * 37 % 80)  # between one day and four
    return Arrival(str(place), str(place), moment, Facts({}, (), moment), closes_at=closes)


def _id(number: int) -> str:
    return f"rep-{number:02}"


def _pool(strategy: Strategy, off_hours: OffHours) -> PoolView:
    seats = [Seat(_id(number), 2 if number < 3 else 1) for number in range(REPS)]
    return PoolView("inbound", seats, strategy=strategy, off_hours=off_hours)


def _people(start: datetime) -> Iterable[Candidate]:
    """An early, a middle and a late shift, one at the weekend too; two days off each; limits."""
    shifts = [_shift("07:00", "15:30"), _shift("09:00", "17:30"), _shift("11:30", "20:00")]
    weekend = _shift("09:00", "17:30", days=("wed", "thu", "fri", "sat", "sun"))
    for number in range(REPS):
        away = start + timedelta(days=3 + number * 2)
        yield Candidate(
            _id(number),
            calendar=weekend if number == REPS - 1 else shifts[number % 3],
            absences=[(away, away + timedelta(days=2))],
            cap_open=30,
            cap_per_day=12,
        )


def _shift(
    opens: str, closes: str, *, days: Iterable[str] = ("mon", "tue", "wed", "thu", "fri")
) -> WorkCalendar:
    return WorkCalendar(ZONE, {day: [(opens, closes)] for day in days})
