"""Two bad weeks of a team go before the executives, once an episode."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.core import mail

from notifications.models import OutboxMessage
from reporting.facts import drain_tenant
from reporting.mailings.escalation import is_bad
from reporting.mailings.models import Episode, MailSettings
from reporting.mailings.watch import watch_tenant
from reporting.measures import Rate
from tests.factories import Org
from tests.reporting.scenes import browser, hand_over
from tests.reporting.test_digest import send

pytestmark = pytest.mark.django_db

BERLIN = ZoneInfo("Europe/Berlin")
MONDAY = datetime(2026, 11, 16, 8, tzinfo=BERLIN)


def week_of(org: Org, weeks_ago: int, *, kept: int, broken: int) -> None:
    """First touches of a team in a week before MONDAY's."""
    at = MONDAY - timedelta(weeks=weeks_ago) + timedelta(hours=2)
    for number in range(kept + broken):
        touched = at + timedelta(minutes=10) if number < kept else None
        hand_over(org, at=at, owner=org.reps[0], touched=touched)
    drain_tenant(org.id)


@pytest.fixture
def few(in_acme: Org) -> Org:
    """Four clocks a week are enough."""
    MailSettings.objects.create(digest_on=False, team_on=False, escalation_clocks=4)
    return in_acme


def told() -> list[object]:
    rows = OutboxMessage.objects.filter(kind="compliance.escalated", channel="email")
    return list(rows.values_list("member_id", flat=True))


def test_a_week_is_bad_below_the_limit_and_says_nothing_with_too_few() -> None:
    assert is_bad(Rate(kept=79, broken=21), percent=80, least=20) is True
    assert is_bad(Rate(kept=80, broken=20), percent=80, least=20) is False
    assert is_bad(Rate(kept=0, broken=19), percent=80, least=20) is None
    assert is_bad(None, percent=80, least=1) is None


def test_two_bad_weeks_open_one_episode_and_are_told_once(few: Org) -> None:
    week_of(few, 2, kept=2, broken=2)
    week_of(few, 1, kept=1, broken=3)
    watch_tenant(now=MONDAY)
    watch_tenant(now=MONDAY + timedelta(hours=1))
    MailSettings.objects.update(escalation_week=None)
    watch_tenant(now=MONDAY + timedelta(hours=2))
    episode = Episode.objects.get()
    assert (episode.kept_before, episode.base_before, episode.kept, episode.base) == (2, 4, 1, 4)
    assert told() == [few.executive.id]
    page = browser(few.executive).get("/compliance").content.decode()
    assert "50% (2 of 4), then 25% (1 of 4) on time" in page


def test_one_bad_week_or_a_small_one_opens_nothing(few: Org) -> None:
    week_of(few, 2, kept=1, broken=2)
    week_of(few, 1, kept=0, broken=4)
    watch_tenant(now=MONDAY)
    assert not Episode.objects.exists()


def test_a_third_bad_week_tells_nobody_again_and_a_good_one_closes_it(few: Org) -> None:
    for weeks_ago in (4, 3, 2):
        week_of(few, weeks_ago, kept=0, broken=4)
    week_of(few, 1, kept=4, broken=0)
    watch_tenant(now=MONDAY - timedelta(weeks=2))
    watch_tenant(now=MONDAY - timedelta(weeks=1))
    assert len(told()) == 1
    assert Episode.objects.get().closed_at is None
    watch_tenant(now=MONDAY)
    assert Episode.objects.get().closed_week == (MONDAY - timedelta(weeks=1)).date()


def test_the_mail_says_both_shares_with_their_bases_and_leads_to_the_page_of_the_team(few: Org) -> None:
    week_of(few, 2, kept=2, broken=2)
    week_of(few, 1, kept=1, broken=3)
    watch_tenant(now=MONDAY)
    send(MONDAY + timedelta(hours=2))
    (sent,) = [each for each in mail.outbox if each.to == [few.executive.email]]
    assert "2 to 8 Nov 2026: 50% (2 of 4)." in sent.body
    assert "9 to 15 Nov 2026: 25% (1 of 4)." in sent.body
    assert "The limit is 80% in two weeks running. This is told once" in sent.body
    assert ">Open the page</a>" in str(sent.alternatives[0][0])  # it is no lead's
