"""Business days against deadlines that a city's own system computed and recorded.

The rows are Boston's 311 requests of the first half of 2015. They lie beside the project, not in it: where
they are absent these tests are skipped and say so. Types and their days are the ones the data's own notes
call exact.
"""

import csv
import gzip
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import holidays
import pytest

from core.businesstime import WorkCalendar
from tests.outside import needs, outside

ROWS = outside("boston-311-2015", "boston_311_2015_h1.csv.gz")
pytestmark = needs(ROWS)

ZONE = "America/New_York"
TOLERANCE = timedelta(minutes=2)
BUSINESS_DAYS = {
    "Building Inspection Request": 3,
    "CE Collection": 1,
    "Electrical": 5,
    "Empty Litter Basket": 1,
    "General Comments For a Program or Policy": 10,
    "Ground Maintenance": 5,
    "Illegal Occupancy": 5,
    "Overflowing or Un-kept Dumpster": 2,
    "Pick up Dead Animal": 1,
    "Plumbing": 5,
    "Sign Repair": 10,
    "Tree Emergencies": 1,
}
CALENDAR_DAYS = {
    "Heat - Excessive  Insufficient": 30,
    "Rodent Activity": 30,
    "Unsafe Dangerous Conditions": 1,
}


@pytest.fixture(scope="module")
def requests():
    """(type, opened, due) of every request with a due date."""
    with gzip.open(ROWS, "rt", encoding="utf-8", newline="") as file:
        return [
            (row["TYPE"], when(row["OPEN_DT"]), when(row["TARGET_DT"]))
            for row in csv.DictReader(file)
            if row["TARGET_DT"] and row["TYPE"] in BUSINESS_DAYS | CALENDAR_DAYS
        ]


def when(text):
    return datetime.strptime(text, "%m/%d/%Y %I:%M:%S %p").replace(tzinfo=ZoneInfo(ZONE)).astimezone(UTC)


def city_hall(**region):
    weekly = {day: [("08:30", "17:00")] for day in ("mon", "tue", "wed", "thu", "fri")}
    return WorkCalendar(ZONE, weekly, holidays.country_holidays("US", years=(2014, 2015, 2016), **region))


def agreement(requests, days_by_type, calendar):
    """How many requests there are and how many due dates come out within the tolerance."""
    rows = [(opened, due, days_by_type[kind]) for kind, opened, due in requests if kind in days_by_type]
    right = sum(abs(calendar.add_days(opened, days) - due) <= TOLERANCE for opened, due, days in rows)
    return len(rows), right


def test_due_dates_of_the_business_clock_come_out_as_recorded(requests):
    total, right = agreement(requests, BUSINESS_DAYS, city_hall(subdiv="MA"))
    assert total > 13_000
    assert right / total >= 0.995, f"{right} of {total}"


def test_the_check_would_notice_a_missing_local_holiday(requests):
    total, right = agreement(requests, BUSINESS_DAYS, city_hall())
    assert right / total < 0.97, f"{right} of {total}"


def test_due_dates_of_the_calendar_clock_come_out_as_recorded_across_the_spring_change(requests):
    total, right = agreement(requests, CALENDAR_DAYS, WorkCalendar.always(ZONE))
    assert total > 1_000
    assert right / total >= 0.995, f"{right} of {total}"
