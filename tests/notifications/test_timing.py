"""Nobody is written to at midnight about something that can wait for the morning."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.core import mail

from core.businesstime import WorkCalendar
from notifications.models import Notice
from notifications.timing import send_at
from tests.factories import Org
from tests.notifications.conftest import FakeWords, Send, tell

NIGHT = datetime(2026, 11, 17, 23, 0, tzinfo=UTC)  # midnight in Berlin
MORNING = datetime(2026, 11, 18, 8, 0, tzinfo=UTC)
OFFICE = {day: [("09:00", "17:00")] for day in ("mon", "tue", "wed", "thu", "fri")}
DAY = WorkCalendar("Europe/Berlin", OFFICE)


@pytest.mark.parametrize(
    ("kind", "hours", "clock_runs", "expected"),
    [
        ("lead.assigned", DAY, False, MORNING),
        ("lead.rejected", DAY, False, MORNING),
        ("lead.assigned", DAY, True, NIGHT),
        ("timer.breached", DAY, False, NIGHT),
        ("lead.assigned", WorkCalendar.always(), False, NIGHT),
        ("lead.assigned", None, False, NIGHT),
    ],
)
def test_when_a_mail_may_leave(
    kind: str, hours: WorkCalendar | None, clock_runs: bool, expected: datetime
) -> None:
    assert send_at(kind, hours=hours, clock_runs=clock_runs, now=NIGHT) == expected


@pytest.mark.django_db
def test_a_mail_of_the_night_waits_for_the_morning_and_the_bell_does_not(
    acme: Org, words: FakeWords, send: Send
) -> None:
    tell(acme, "lead.moved", NIGHT)
    send(acme, NIGHT)
    assert mail.outbox == []
    with acme.scope():
        assert Notice.objects.count() == 1
    send(acme, NIGHT + timedelta(hours=7))
    assert mail.outbox == []
    send(acme, NIGHT + timedelta(hours=10))
    assert len(mail.outbox) == 1
