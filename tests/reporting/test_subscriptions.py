"""Reports by mail on a schedule: what they hold, when they leave, and who gets none."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.core import mail

from reporting.mailings.forms import SubscribeForm
from reporting.mailings.models import Subscription
from reporting.mailings.reports import REPORTS, part_of
from reporting.mailings.schedule import next_time
from reporting.mailings.watch import watch_tenant
from reporting.views import leaks
from tenants.models import Member
from tests.factories import Org
from tests.reporting.scenes import browser
from tests.reporting.test_digest import clean_outbox, scene, send  # noqa: F401

pytestmark = pytest.mark.django_db

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("frequency", "expected"),
    [
        ("daily", datetime(2026, 11, 17, 7, tzinfo=UTC)),
        ("weekly", datetime(2026, 11, 20, 7, tzinfo=UTC)),
        ("monthly", datetime(2026, 12, 3, 7, tzinfo=UTC)),
    ],
)
def test_the_next_one_is_at_its_hour_in_the_readers_zone(frequency: str, expected: datetime) -> None:
    after = datetime(2026, 11, 16, 8, tzinfo=BERLIN)
    found = next_time(after, zone=BERLIN, frequency=frequency, weekday=4, day=3, at=time(8))
    assert found == expected


def subscribe(member: Member, **more: Any) -> Any:
    chosen = {"report": "compliance", "frequency": "daily", "weekday": "0", "day": "1", "at": "08:00"}
    return browser(member).post("/account/mails/reports", {**chosen, **more})


def due(now: datetime) -> None:
    Subscription.objects.update(next_at=now - timedelta(minutes=1))


@pytest.mark.parametrize("report", ["compliance", "funnel", "rejections", "commitments", "leaks"])
def test_each_report_comes_with_its_numbers_and_its_table(scene: Org, report: str) -> None:  # noqa: F811
    assert subscribe(scene.manager, report=report, query="source=Webinar").status_code == 302
    now = datetime(2026, 11, 18, 9, tzinfo=BERLIN)
    due(now)
    watch_tenant(now=now)
    watch_tenant(now=now + timedelta(seconds=1))
    send(now)
    (sent,) = [each for each in mail.outbox if "at 09:00" in each.subject]
    assert sent.to == [scene.manager.email]
    ((name, content, _),) = sent.attachments
    assert name.endswith(".xlsx")
    assert content[:2] == b"PK"
    assert f"/{report}?source=Webinar" in sent.body


@pytest.mark.parametrize("query", ["by=moon", "source=%00"])
def test_filters_with_which_no_mail_could_ever_leave_are_refused(scene: Org, query: str) -> None:  # noqa: F811
    assert subscribe(scene.manager, report="funnel", query=query).status_code == 422
    assert not Subscription.objects.exists()


def test_what_is_hidden_stands_after_all_that_is_seen() -> None:
    """Two fields keep their distance only where nothing stands between them."""
    hidden = [field.is_hidden for field in SubscribeForm(None, reports=[])]
    assert hidden == sorted(hidden)


def test_a_rep_may_not_have_what_they_may_not_read(scene: Org) -> None:  # noqa: F811
    assert subscribe(scene.reps[0], report="leaks").status_code == 422
    assert not Subscription.objects.exists()


def test_whoever_lost_the_right_since_or_left_gets_nothing(scene: Org) -> None:  # noqa: F811
    subscribe(scene.manager, report="leaks")
    now = datetime(2026, 11, 18, 9, tzinfo=BERLIN)
    due(now)
    watch_tenant(now=now)
    Member.objects.filter(id=scene.manager.id).update(role="rep")
    send(now)
    assert not [each for each in mail.outbox if "Leaks" in each.subject]
    due(now)
    Member.objects.filter(id=scene.manager.id).update(is_active=False)
    watch_tenant(now=now)
    assert Subscription.objects.get().next_at < now


def test_one_ends_ones_own_and_nobody_elses(scene: Org) -> None:  # noqa: F811
    subscribe(scene.manager, query="period=7d&from=2026-11-01")
    made = Subscription.objects.get()
    assert made.query == "period=7d"
    path = f"/account/mails/reports/{made.id}/remove"
    assert browser(scene.executive).post(path).status_code == 404
    assert "Compliance" in browser(scene.manager).get("/account/mails").content.decode()
    assert browser(scene.manager).post(path).status_code == 302
    assert not Subscription.objects.exists()


@pytest.mark.parametrize(
    ("size", "high", "said"), [(3.14, 6.0, "3.1 opportunities"), (0.0, 0.0, "size not known yet")]
)
def test_a_leak_whose_worth_cannot_be_said_yet_is_not_worth_nothing(
    scene: Org,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    size: float,
    high: float,
    said: str,
) -> None:
    found = SimpleNamespace(
        title="Slow", evidence="9 of 10", size=SimpleNamespace(opportunities=size, high=high)
    )
    monkeypatch.setattr(leaks, "headline", lambda request: [found])
    part = part_of(REPORTS["leaks"], "", tenant=scene.tenant, member=scene.manager)
    assert part.lines[0].cells == (said, "9 of 10", "")
