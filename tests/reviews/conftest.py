from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client

from reporting.models import Review
from reporting.reviews.services import open_reviews
from reporting.views import asked, clocks, commitments, compliance, handoffs, review_week, reviews
from tests.commitments.scenes import drain, mql, promise
from tests.factories import Org
from web.api import TenantAPIView

SetClock = Callable[[datetime], None]


@pytest.fixture
def set_clock(monkeypatch: pytest.MonkeyPatch) -> SetClock:
    """Make pages and calls read one time."""

    def set_to(at: datetime) -> None:
        for module in (asked, clocks, commitments, compliance, handoffs, review_week, reviews):
            monkeypatch.setattr(module, "database_clock", lambda: at, raising=False)
        monkeypatch.setattr(TenantAPIView, "clock", staticmethod(lambda: at))

    return set_to


@pytest.fixture(autouse=True)
def clock(set_clock: SetClock, now: datetime) -> None:
    """Tuesday, 17 November 2026, 10:00 in Berlin, until a test says otherwise."""
    set_clock(now)


@pytest.fixture
def scene(in_acme: Org, now: datetime) -> Org:
    """October: four MQLs accepted, two rejected, one touched late; November: one."""
    promise(in_acme, "mql_volume", 20, now=now)
    for day in (5, 6, 7, 8):
        at = datetime(2026, 10, day, 9, tzinfo=UTC)
        mql(in_acme, at, answer="accepted", touched=at + timedelta(hours=1), source="Partner")
    for day in (12, 13):
        at = datetime(2026, 10, day, 9, tzinfo=UTC)
        mql(in_acme, at, answer="rejected", reason="bad_contact_data", touched=at + timedelta(days=2))
    mql(in_acme, datetime(2026, 11, 10, 9, tzinfo=UTC))
    drain(in_acme)
    open_reviews(tenant=in_acme.tenant, now=now)
    return in_acme


@pytest.fixture
def october(scene: Org) -> Review:
    return Review.objects.get(kind="month", first_day="2026-10-01")


@pytest.fixture
def november(scene: Org) -> Review:
    return Review.objects.get(kind="month", first_day="2026-11-01")


def cell(client: Client, review: Review, table: str, line: str, column: str) -> str:
    """A number of the pack's file."""
    import csv
    import io

    answer = client.get(f"/reviews/{review.id}.csv")
    rows = csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig")))
    return next(
        row["Value"] for row in rows if (row["Table"], row["Line"], row["Column"]) == (table, line, column)
    )
