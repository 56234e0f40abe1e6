"""The weekly digest and the Monday mail: what they say, when they leave, and that each leaves once."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.core import mail
from django.test import Client

from feedback.models import Disposition, Reason
from notifications.channels.base import channel
from notifications.models import Delivery, OutboxMessage
from notifications.sending import claim_deliveries, form_deliveries, settle
from reporting.facts import drain_tenant
from reporting.mailings.models import Kind, Mailing, MailSettings
from reporting.mailings.schedule import last_due, week_told
from reporting.mailings.services import change_settings, choose_mails
from reporting.mailings.watch import watch_tenant
from reporting.views import digest as digest_page
from tenants.models import Member
from tests.factories import Org
from tests.reporting.scenes import browser, hand_over
from tests.reporting.test_funnel_pages import decide

pytestmark = pytest.mark.django_db

BERLIN = ZoneInfo("Europe/Berlin")
WEEK = date(2026, 11, 9)
MONDAY = datetime(2026, 11, 16, 8, tzinfo=BERLIN)


def in_week(day: int, hour: int = 10) -> datetime:
    return datetime(2026, 11, 9 + day, hour, tzinfo=BERLIN)


@pytest.fixture
def scene(in_acme: Org) -> Org:
    """Five leads in the week of 9 Nov: two accepted, two rejected with notes, one open; one lead before."""
    reason = Reason.objects.filter(kind="reject", side="marketing").order_by("slug")[0].slug
    for number in range(5):
        at = in_week(number)
        handoff = hand_over(
            in_acme,
            at=at,
            owner=in_acme.reps[0],
            source="Webinar" if number < 3 else "Partner",
            campaign="Autumn <b>fair</b>" if number < 3 else "",
        )
        if number < 2:
            decide(handoff, "accepted", at + timedelta(hours=1))
        elif number < 4:
            decide(handoff, "rejected", at + timedelta(hours=1), reason)
            note = "No money" if number == 2 else "Their budget is frozen until <April>, the CFO said"
            Disposition.objects.filter(handoff=handoff).update(note=note, by=in_acme.reps[0])
    hand_over(in_acme, at=in_week(-3), owner=in_acme.reps[0])
    drain_tenant(in_acme.id)
    return in_acme


def test_a_mail_is_due_at_its_hour_in_the_organisations_zone() -> None:
    due = last_due(MONDAY, zone=BERLIN, weekday=0, at=time(8))
    assert due == MONDAY
    assert week_told(due, zone=BERLIN) == WEEK
    before = last_due(MONDAY - timedelta(seconds=1), zone=BERLIN, weekday=0, at=time(8))
    assert before == datetime(2026, 11, 9, 7, tzinfo=UTC)
    assert week_told(before, zone=BERLIN) == date(2026, 11, 2)


def test_an_hour_that_the_clocks_skip_comes_after_it() -> None:
    due = last_due(datetime(2026, 3, 29, 12, tzinfo=UTC), zone=BERLIN, weekday=6, at=time(2, 30))
    assert due == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)


def mails_of(kind: str) -> list[OutboxMessage]:
    return list(OutboxMessage.objects.filter(kind=kind, channel="email").order_by("id"))


def test_the_digest_goes_to_marketing_at_its_hour_and_once(scene: Org) -> None:
    assert watch_tenant(now=MONDAY - timedelta(minutes=1)) >= 0
    assert not Mailing.objects.filter(week=WEEK).exists()
    watch_tenant(now=MONDAY)
    watch_tenant(now=MONDAY + timedelta(hours=1))
    MailSettings.objects.update(digest_week=None)
    watch_tenant(now=MONDAY + timedelta(hours=2))
    told = [row for row in mails_of("digest.weekly") if row.data["week"] == WEEK.isoformat()]
    assert [row.member_id for row in told] == [scene.marketing.id]


def send(now: datetime) -> None:
    form_deliveries(now=now)
    for claim in claim_deliveries(now=now, limit=50):
        assert not claim.problem
        settle(claim, channel(claim.parcel.channel).send(claim.parcel, claim.messages, now), now=now)


def mail_to(member: Member) -> Any:
    (found,) = [each for each in mail.outbox if each.to == [member.email]]
    return found


def test_the_mail_has_the_numbers_as_text_and_as_html_with_everything_escaped(scene: Org) -> None:
    watch_tenant(now=MONDAY)
    send(MONDAY)
    sent = mail_to(scene.marketing)
    assert sent.subject == "What sales said, 9 to 15 Nov 2026"
    assert "- Delivered: 5 (+4)" in sent.body
    assert "- Acceptance: 50% (2 of 4 answered) (no rate to compare with)" in sent.body
    assert (
        "- Webinar: 3 (+2) delivered, 2 (+2) accepted, 1 (+1) rejected, 66.7% (2 of 3 answered)" in sent.body
    )
    assert "late" not in sent.body
    html = sent.alternatives[0][0]
    assert "Autumn &lt;b&gt;fair&lt;/b&gt;" in html
    assert "frozen until &lt;April&gt;" in html
    assert "/rejections?from=2026-11-09&amp;to=2026-11-15" in html
    assert "<script" not in html
    assert "style=" not in html


def test_of_each_reason_the_longest_note_is_told(scene: Org) -> None:
    page = browser(scene.marketing).get("/digest?week=2026-11-12").content.decode()
    assert "the CFO said" in page
    assert "No money" not in page


def test_workers_that_were_off_send_it_late_and_say_so(scene: Org) -> None:
    late = MONDAY + timedelta(days=2)
    watch_tenant(now=late)
    send(late)
    sent = mail_to(scene.marketing)
    assert "9 to 15 Nov 2026" in sent.subject
    assert "it was due on Mon 16 Nov at 08:00" in sent.body


def test_it_shares_no_mail_with_what_else_waits(scene: Org) -> None:
    from notifications.outbox import Message, enqueue

    watch_tenant(now=MONDAY)
    enqueue([Message("drill.failed", scene.marketing.id, "x", [scene.marketing.id])], now=MONDAY)
    form_deliveries(now=MONDAY)
    alone = Delivery.objects.filter(channel="email", messages__kind="digest.weekly")
    assert [each.messages.count() for each in alone] == [1]


def test_a_week_with_nothing_sends_nothing_unless_it_should(in_acme: Org) -> None:
    watch_tenant(now=MONDAY)
    assert not mails_of("digest.weekly")
    MailSettings.objects.update(digest_week=None, sends_empty=True)
    watch_tenant(now=MONDAY)
    send(MONDAY)
    assert "Nothing was delivered to sales in this week." in mail_to(in_acme.marketing).body


def test_whoever_switched_it_off_or_left_gets_nothing(scene: Org) -> None:
    browser(scene.marketing).post("/account/mails", {"team": "on"})
    watch_tenant(now=MONDAY)
    assert not mails_of("digest.weekly")


def test_what_was_switched_off_after_it_was_written_is_not_sent(scene: Org) -> None:
    watch_tenant(now=MONDAY)
    choose_mails(member=scene.marketing, wanted={Kind.DIGEST: False})
    send(MONDAY)
    assert not [each for each in mail.outbox if each.to == [scene.marketing.email]]


def test_switched_on_again_it_begins_with_the_next_hour(scene: Org) -> None:
    def choose(on: bool, now: datetime) -> None:
        change_settings(
            tenant=scene.tenant,
            digest_on=on,
            team_on=False,
            weekday=0,
            at=time(8),
            recipients=[],
            sends_empty=False,
            escalation_percent=80,
            escalation_clocks=20,
            escalation_people=[],
            actor="x",
            now=now,
        )

    choose(False, MONDAY - timedelta(hours=1))
    watch_tenant(now=MONDAY)
    choose(True, MONDAY + timedelta(hours=1))
    watch_tenant(now=MONDAY + timedelta(hours=2))
    assert not mails_of("digest.weekly")


def test_each_manager_hears_of_their_own_team(scene: Org) -> None:
    watch_tenant(now=MONDAY)
    send(MONDAY)
    sent = mail_to(scene.manager)
    assert sent.subject == "Your team's week, 9 to 15 Nov 2026"
    assert "WHO MISSED DEADLINES" in sent.body
    assert scene.reps[0].name in sent.body
    assert "Stale leads" in sent.body


def test_the_page_shows_what_was_sent_and_takes_settings(scene: Org) -> None:
    watch_tenant(now=MONDAY)
    client = browser(scene.marketing)
    page = client.get("/digest?week=2026-11-09")
    assert f"{scene.marketing.name}: waits" in page.content.decode()
    chosen = {"digest_on": "on", "weekday": "4", "at": "17:30", "recipients": [str(scene.executive.id)]}
    chosen |= {"escalation_percent": "75", "escalation_clocks": "5"}
    assert client.post("/digest/settings", chosen).status_code == 302
    setting = MailSettings.objects.get()
    assert (setting.weekday, setting.at, setting.recipients) == (4, time(17, 30), [scene.executive.id])
    assert not setting.team_on
    refused = client.post("/digest/settings", {**chosen, "weekday": "9"})
    assert refused.status_code == 422


def test_the_next_one_tells_a_week_that_was_not_told_before(
    scene: Org, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On Tuesday Friday is chosen, but the last week was told on Monday: this Friday nothing leaves."""
    monkeypatch.setattr(digest_page, "database_clock", lambda: MONDAY + timedelta(days=1))
    watch_tenant(now=MONDAY)
    MailSettings.objects.update(weekday=4)
    friday = MONDAY + timedelta(days=4)
    assert browser(scene.marketing).get("/digest").context["next"] == friday + timedelta(days=7)
    watch_tenant(now=friday)
    assert len(mails_of("digest.weekly")) == 1
    MailSettings.objects.update(digest_week=WEEK - timedelta(days=7))
    assert browser(scene.marketing).get("/digest").context["next"] == friday


def test_the_digest_comes_as_a_file_and_a_week_to_come_is_told_as_one(scene: Org) -> None:
    reader = browser(scene.marketing)
    page = reader.get("/digest?week=2026-11-12")
    head, *rows = reader.get(page.context["csv_url"]).content.decode().splitlines()
    assert head.removeprefix("\ufeff") == "Section,Line,Column,Value"
    assert "The week,Delivered,This week,5" in rows
    assert reader.get(page.context["csv_url"].replace(".csv", ".xlsx")).content[:2] == b"PK"
    assert "This week has not begun" in reader.get("/digest?week=2090-01-02").content.decode()
    assert "has not begun" not in page.content.decode()
    assert browser(scene.reps[0]).get("/digest.csv").status_code == 403
    for week, has_begun in (("2026-11-12", True), ("2090-01-02", False)):
        call = Client().get(f"/api/v1/digest?week={week}", headers=scene.auth).json()
        assert call["has_begun"] == has_begun


@pytest.mark.parametrize("told", [None, WEEK - timedelta(days=14)])
def test_by_another_day_the_first_one_tells_the_last_whole_week(scene: Org, told: date | None) -> None:
    """On Tuesday Friday is chosen. Last Friday's would have told of the week before the last: it is past."""
    MailSettings.objects.get_or_create()
    MailSettings.objects.update(digest_week=told, team_week=told)
    choose_day(scene, weekday=4, now=MONDAY + timedelta(days=1))
    watch_tenant(now=MONDAY + timedelta(days=1, minutes=1))
    assert not Mailing.objects.exists()
    watch_tenant(now=MONDAY + timedelta(days=4))
    assert set(Mailing.objects.values_list("kind", "week")) == {(Kind.DIGEST, WEEK), (Kind.TEAM, WEEK)}


def test_by_an_earlier_day_the_last_whole_week_is_told_at_once(scene: Org) -> None:
    """It is Tuesday, and Monday is chosen instead of Friday: no week is left out."""
    MailSettings.objects.get_or_create()
    MailSettings.objects.update(weekday=4, digest_week=WEEK - timedelta(days=7))
    choose_day(scene, weekday=0, now=MONDAY + timedelta(days=1))
    watch_tenant(now=MONDAY + timedelta(days=1, minutes=1))
    assert Mailing.objects.filter(kind=Kind.DIGEST, week=WEEK).exists()


def test_what_is_late_is_not_lost_by_a_change_of_anything_else(scene: Org) -> None:
    MailSettings.objects.get_or_create()
    MailSettings.objects.update(weekday=4, digest_week=WEEK - timedelta(days=14))
    choose_day(scene, weekday=4, sends_empty=True, now=MONDAY + timedelta(days=1))
    watch_tenant(now=MONDAY + timedelta(days=1, minutes=1))
    assert Mailing.objects.filter(kind=Kind.DIGEST, week=WEEK - timedelta(days=7)).exists()


def choose_day(org: Org, *, weekday: int, now: datetime, sends_empty: bool = False) -> None:
    change_settings(
        tenant=org.tenant,
        digest_on=True,
        team_on=True,
        weekday=weekday,
        at=time(8),
        recipients=[],
        sends_empty=sends_empty,
        escalation_percent=80,
        escalation_clocks=20,
        escalation_people=[],
        actor="system",
        now=now,
    )


def test_a_rep_has_no_digest_and_a_wrong_week_is_refused(scene: Org) -> None:
    assert browser(scene.reps[0]).get("/digest").status_code == 403
    assert browser(scene.executive).get("/digest?week=soon").status_code == 400
    assert browser(scene.executive).get("/digest?week=2031-01-01").status_code == 200


def test_a_preview_costs_the_same_for_many_leads(scene: Org, django_assert_max_num_queries: Any) -> None:
    client = browser(scene.executive)
    client.get("/digest?week=2026-11-09")
    with django_assert_max_num_queries(45):
        client.get("/digest?week=2026-11-09")


@pytest.fixture(autouse=True)
def clean_outbox() -> None:
    mail.outbox = []


def api(org: Org, method: str, path: str, body: Any = None) -> Any:
    return getattr(Client(), method)(
        f"/api/v1/{path}", *([body, "application/json"] if body is not None else []), headers=org.auth
    )


def test_programs_read_the_digest_and_choose_when_it_leaves(scene: Org) -> None:
    told = api(scene, "get", "digest?week=2026-11-09").json()
    assert (told["delivered"], told["rejected"], told["before"]["delivered"]) == (5, 2, 1)
    assert told["acceptance"] == {"count": 2, "base": 4, "rate": 50.0, "left_out": 1}
    chosen = api(scene, "get", "digest/settings").json()
    assert chosen["at"] == "08:00"
    saved = api(scene, "put", "digest/settings", {**chosen, "weekday": 2, "at": "06:15"})
    assert (saved.json()["weekday"], saved.json()["at"]) == (2, "06:15")
    for wrong in ({"at": "25:00"}, {"weekday": 7}, {"recipients": [str(scene.reps[0].id)]}):
        refused = api(scene, "put", "digest/settings", {**chosen, **wrong})
        assert refused.status_code == 400
        assert refused.json()["errors"][0]["path"] == f"/{next(iter(wrong))}"
