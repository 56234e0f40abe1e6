"""Cases with the due date that a city computed for each: imported as handoffs, what the portal counts on time
is what plain Python counts from the file. Always with made-up cases of the same shape; where the city's lie
beside the project, with some of them and, slow, with all."""

from __future__ import annotations

import csv
import gzip
import random
from collections import Counter, defaultdict
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from integrations.csv_import import import_file
from integrations.mappings import load_mapping
from leads.models import Handoff, ImportedCycle
from notifications.models import OutboxMessage
from reporting import selectors
from reporting.facts import drain_tenant, rebuild
from reporting.models import RollUp, TargetFact
from sla.auditor import audit_tenant
from sla.models import Timer, TimerEvent
from tenants.context import tenant_scope
from tenants.models import Member, Role, Team, Tenant
from tenants.services import add_member, create_tenant
from tests.outside import needs, outside
from tests.reporting.scenes import browser

HERE = Path(__file__).parent
DATA = outside("boston-311-2015", "boston_311_2015_h1.csv.gz")
ZONE = ZoneInfo("America/New_York")
NOW = datetime(2016, 6, 1, 12, tzinfo=ZONE)
PERIOD = {"from": "2015-01-01", "to": "2015-06-30", "target": "decision"}

pytestmark = pytest.mark.django_db
Case = dict[str, str]


def made_up() -> list[Case]:
    """Cases of the same shape: departments, queues and sources that overlap, both nights on which the clocks
    change, closings on the very second and one before and after it."""
    chance = random.Random(311)
    queues = [(f"Department {1 + n % 4}", f"Queue {n:02d}") for n in range(1, 14)]
    rows = []
    for number in range(1, 301):
        opened = datetime(2015, 1, 1) + timedelta(seconds=chance.randrange(180 * 86_400))
        if number % 10 == 0:
            opened = datetime(2015, 3, 8, chance.randrange(3, 24), 30)
        target = opened + timedelta(minutes=chance.randrange(30, 40_000))
        closed = target + timedelta(
            seconds=chance.choice([-1, 0, 1, -3_600, 90_000, -(target - opened).seconds])
        )
        department, queue = chance.choice(queues)
        verdict = "ONTIME" if closed <= target else "OVERDUE"
        rows.append(
            {
                "CASE_ENQUIRY_ID": str(101_000_000_000 + number),
                "OPEN_DT": text(opened),
                "TARGET_DT": text(target),
                "CLOSED_DT": text(closed),
                "OnTime_Status": "" if verdict == "OVERDUE" and number % 50 == 0 else verdict,
                "QUEUE": queue,
                "Department": department,
                "Source": chance.choice(["Constituent Call", "Citizens Connect App", "Self Service", ""]),
            }
        )
    return rows


def text(at: datetime) -> str:
    return at.strftime("%m/%d/%Y %I:%M:%S %p")


def recorded(most: int | None) -> list[Case]:
    """The city's cases with both dates; of so many at most, spread over the file."""
    with gzip.open(DATA, "rt", encoding="utf-8", newline="") as stream:
        found = [row for row in csv.DictReader(stream) if row["TARGET_DT"] and row["CLOSED_DT"]]
    return found if most is None else found[:: -(-len(found) // most)]


def moment(text: str) -> datetime:
    return datetime.strptime(text, "%m/%d/%Y %I:%M:%S %p")


def city(rows: list[Case]) -> tuple[Tenant, Member]:
    """An organisation with a team for each department."""
    tenant = create_tenant(name="Boston", slug="boston", time_zone="America/New_York")
    with tenant_scope(tenant.id):
        admin = add_member(tenant=tenant, name="Ada", email="ada@boston.example", role=Role.ADMIN)
        for name in sorted({row["Department"] for row in rows}):
            Team.objects.create(tenant=tenant, name=name)
    return tenant, admin


def counted(rows: list[Case], column: str) -> dict[str, tuple[int, int]]:
    """Straight from the file: name -> (on time, late)."""
    found: defaultdict[str, Counter[bool]] = defaultdict(Counter)
    for row in rows:
        name = row[column] or "No source given"
        found[name][moment(row["CLOSED_DT"]) <= moment(row["TARGET_DT"])] += 1
    return {name: (each[True], each[False]) for name, each in found.items()}


def test_on_time_of_made_up_cases_is_what_the_file_says(tmp_path: Path) -> None:
    compare(made_up(), tmp_path)


@needs(DATA)
@pytest.mark.parametrize("most", [2_000, pytest.param(None, marks=pytest.mark.slow)])
def test_on_time_by_department_queue_and_source_is_what_the_file_says(
    most: int | None, tmp_path: Path
) -> None:
    rows = recorded(most)
    assert len(rows) == (37_320 if most is None else 1_965)
    compare(rows, tmp_path)


def compare(rows: list[Case], tmp_path: Path) -> None:
    """Import the cases, and hold every number by department, queue and source against the file."""
    path = tmp_path / "cases.csv"
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    tenant, admin = city(rows)
    mapping = load_mapping(str(HERE / "boston.json"))
    done = import_file(path, tenant=tenant, mapping=mapping, now=NOW)
    assert (done.created, done.failed) == (len(rows), 0)

    asked = selectors.Question(
        zone=ZONE, first=date(2015, 1, 1), last=date(2015, 6, 30), clock="company", target="decision"
    )
    with tenant_scope(tenant.id):
        while drain_tenant(tenant.id):
            pass
        names = selectors.load_names([])
        for by, column in (("team", "Department"), ("rep", "QUEUE"), ("source", "Source")):
            expected = counted(rows, column)
            for ground in (None, selectors.ground_of(asked)):
                told = selectors.report(asked, by, now=NOW, names=names, ground=ground)
                assert told.is_rounded is (ground is not None)  # from facts, and from roll-ups
                shown = {each.name: each.rates["decision"] for each in told.groups}
                assert {name: (rate.kept, rate.broken) for name, rate in shown.items()} == expected
                whole = told.whole.rates["decision"]
                assert [whole.kept, whole.broken] == [
                    sum(each) for each in zip(*expected.values(), strict=True)
                ]
                assert whole.median is None  # nobody knows their working hours
        # The city's own verdict, where it gave one.
        assert whole.kept == sum(row["OnTime_Status"] == "ONTIME" for row in rows)
        unsaid = sum(not row["OnTime_Status"] for row in rows)
        assert whole.broken == sum(row["OnTime_Status"] == "OVERDUE" for row in rows) + unsaid

        # Measured, and never acted on.
        assert Handoff.objects.filter(is_history=True, state="closed").count() == len(rows)
        assert [each.objects.count() for each in (Timer, TimerEvent, OutboxMessage)] == [0, 0, 0]
        assert audit_tenant(now=NOW, full=True) == []
        cells = sorted(RollUp.objects.values_list("cube", "day", "value", "kept", "broken"))
        before = sorted(TargetFact.objects.values_list("id", "verdict", "met_at", "wall_seconds"))
        cycles = sorted(ImportedCycle.objects.values_list("id", "known_until"))
    rebuild(tenant.id)
    again = import_file(path, tenant=tenant, mapping=mapping, now=NOW)
    assert (again.unchanged, again.updated) == (len(rows), 0)
    with tenant_scope(tenant.id):
        assert sorted(RollUp.objects.values_list("cube", "day", "value", "kept", "broken")) == cells
        assert sorted(TargetFact.objects.values_list("id", "verdict", "met_at", "wall_seconds")) == before
        assert sorted(ImportedCycle.objects.values_list("id", "known_until")) == cycles

    # The page says the same, and each number leads to as many cases.
    client = browser(admin)
    page = client.get("/compliance", {"by": "team", **PERIOD})
    assert page.status_code == 200
    late = sum(each[1] for each in counted(rows, "Source").values())
    listed = client.get("/compliance/leads", {"verdict": "missed", **PERIOD})
    assert (listed.status_code, listed.context["count"]) == (200, late)
    assert "Missed" in listed.text
