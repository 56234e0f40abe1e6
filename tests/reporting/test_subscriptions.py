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
from reporting.mailings.reports import REPORTS, check, file_of, kept_filters, part_of
from reporting.mailings.schedule import next_time
from reporting.mailings.watch import watch_tenant
from reporting.views import asked, commitments, handoffs, leaks
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
    filters = list(kept_filters(more.get("query", "")))
    return browser(member).post("/account/mails/reports", {**chosen, "filters": filters, **more})


def due(now: datetime) -> None:
    Subscription.objects.update(next_at=now - timedelta(minutes=1))


@pytest.mark.parametrize("report", ["compliance", "funnel", "rejections", "commitments", "leaks"])
def test_each_report_comes_with_its_numbers_and_its_table(scene: Org, report: str) -> None:  # noqa: F811
    query = "" if report == "commitments" else "source=Webinar"
    assert subscribe(scene.manager, report=report, query=query).status_code == 302
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
    assert f"/{report}?{query}".rstrip("?") in sent.body


@pytest.mark.parametrize("query", ["by=moon", "source=%00"])
def test_filters_with_which_no_mail_could_ever_leave_are_refused(scene: Org, query: str) -> None:  # noqa: F811
    assert subscribe(scene.manager, report="funnel", query=query).status_code == 422
    assert not Subscription.objects.exists()


def test_a_filter_with_which_no_mail_could_leave_can_be_unticked(scene: Org) -> None:  # noqa: F811
    query = "source=Webinar&by=moon"
    page = subscribe(scene.manager, report="funnel", query=query)
    offered = page.context["new"]
    assert [(name, label) for name, label in offered.fields["filters"].choices] == [
        ("source", "source: Webinar"),
        ("by", "by: moon"),
    ]
    assert "Untick those that it is not to go by." in page.content.decode()
    kept = subscribe(scene.manager, report="funnel", query=query, filters=["source"])
    assert kept.status_code == 302
    assert Subscription.objects.get().query == "source=Webinar"


def test_who_comes_from_a_page_sees_its_filters_ticked_and_others_see_none(scene: Org) -> None:  # noqa: F811
    client = browser(scene.manager)
    form = client.get("/account/mails?report=funnel&source=Webinar&from=2026-11-01").context["new"]
    assert (form["filters"].value(), form["query"].value()) == (["source"], "source=Webinar")
    assert "filters" not in client.get("/account/mails").context["new"].fields


def test_commitments_take_no_filter_and_a_mail_of_before_leaves_without_its_own(
    scene: Org,  # noqa: F811
) -> None:
    refused = subscribe(scene.manager, report="commitments", query="period=7d&by=source")
    assert refused.status_code == 422
    assert "Commitments does not go by &#x27;by&#x27;: leave it out." in refused.content.decode()
    assert subscribe(scene.manager, report="commitments").status_code == 302
    Subscription.objects.update(query="period=7d&by=source")
    now = datetime(2026, 11, 18, 9, tzinfo=BERLIN)
    due(now)
    watch_tenant(now=now)
    send(now)
    (sent,) = [each for each in mail.outbox if "at 09:00" in each.subject]
    assert "/commitments" in sent.body
    assert "/commitments?" not in sent.body


@pytest.mark.parametrize("report", list(REPORTS))
def test_a_mail_is_checked_and_made_as_of_the_moment_that_it_is_given(
    scene: Org,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    report: str,
) -> None:
    def no_clock() -> datetime:
        raise AssertionError("The moment was given.")

    for module in (asked, commitments, handoffs, leaks):
        monkeypatch.setattr(module, "database_clock", no_clock)
    now = datetime(2026, 3, 18, 9, tzinfo=BERLIN)
    made = {"tenant": scene.tenant, "member": scene.manager, "now": now}
    check(REPORTS[report], "", **made)
    part_of(REPORTS[report], "", **made)
    assert "2026-03" in file_of(REPORTS[report], "", **made).name


def test_what_is_hidden_stands_after_all_that_is_seen() -> None:
    """Two fields keep their distance only where nothing stands between them."""
    hidden = [field.is_hidden for field in SubscribeForm(None, reports=[], filters={"by": "rep"})]
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
    now = datetime(2026, 11, 18, 9, tzinfo=BERLIN)
    part = part_of(REPORTS["leaks"], "", tenant=scene.tenant, member=scene.manager, now=now)
    assert part.lines[0].cells == (said, "9 of 10", "")
