"""New campaigns are judged as soon as enough was answered, and marketing hears of each once."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from notifications.context import Row
from notifications.models import OutboxMessage
from reporting.leaks.finder.statistics import Group
from reporting.models import HandoffFact
from reporting.outcomes.campaigns import Verdict, context_of, judge, new_campaigns, tell_verdicts
from reporting.views import campaigns
from tenants.clock import database_clock
from tests.factories import Org
from tests.reporting.scenes import browser

pytestmark = pytest.mark.django_db


def facts(at: datetime, number: int, accepted: int, campaign: str = "", *, undecided: int = 0) -> None:
    for place in range(number):
        decision = "" if place >= number - undecided else "accepted" if place < accepted else "rejected"
        HandoffFact.objects.create(
            id=uuid4(),
            lead_id=uuid4(),
            number=1,
            created_at=at,
            started_at=at,
            decision=decision,
            campaign=campaign,
        )


@pytest.fixture
def scene(in_acme: Org) -> Org:
    """Sales accepts 60 of 100; four campaigns began lately, an old one goes on."""
    now = database_clock()
    facts(now - timedelta(days=40), 100, 60)
    lately = now - timedelta(days=3)
    facts(lately, 20, 16, "Good")
    facts(lately, 20, 3, "Bad")
    facts(lately, 12, 6, "Mixed")
    facts(lately, 12, 9, "Small", undecided=3)
    facts(now - timedelta(days=20), 20, 0, "Old")
    facts(lately, 20, 0, "Old")
    return in_acme


def verdicts(now: datetime) -> dict[str, Verdict]:
    return {each.name: each.verdict for each in new_campaigns(now=now)}


def test_a_campaign_is_usable_or_not_or_too_early_to_tell(scene: Org) -> None:
    assert verdicts(database_clock()) == {
        "Good": Verdict.USABLE,
        "Bad": Verdict.NOT_USABLE,
        "Mixed": Verdict.EARLY,
        "Small": Verdict.EARLY,
    }
    assert judge(Group(10, 10), Group(2, 29)) == Verdict.EARLY
    assert verdicts(database_clock() + timedelta(days=15)) == {}


def test_its_own_answers_are_not_in_what_is_usual(scene: Org) -> None:
    bad = next(each for each in new_campaigns(now=database_clock()) if each.name == "Bad")
    assert (bad.accepted, bad.usual) == (Group(3, 20), Group(60 + 16 + 6 + 9, 100 + 20 + 12 + 9 + 40))


def test_marketing_hears_of_a_campaign_once(scene: Org) -> None:
    now = database_clock()
    assert tell_verdicts(now) == 2
    assert tell_verdicts(now + timedelta(hours=1)) == 0
    told = OutboxMessage.objects.filter(kind="campaign.verdict")
    assert set(told.values_list("member_id", flat=True)) == {scene.marketing.id}
    rows = [Row(row.id, row.kind, row.subject, row.data, row.member_id, row.created_at) for row in told]
    words = {context.words["campaign"]: context.words for context in context_of(rows, now).values()}
    assert set(words) == {"Good", "Bad"}
    assert (words["Bad"]["verdict"], words["Bad"]["accepted"]) == ("not usable", "3 of 20")


def get(org: Org, path: str, who: str) -> Any:
    return browser(getattr(org, who)).get(path)


def test_the_page_shows_each_with_the_numbers_that_say_so(scene: Org) -> None:
    page = get(scene, "/campaigns", "marketing")
    assert {row["campaign"].name: row["label"] for row in page.context["rows"]} == {
        "Good": "Usable",
        "Bad": "Not usable",
        "Mixed": "Too early",
        "Small": "Too early",
    }
    bad = next(row for row in page.context["rows"] if row["campaign"].name == "Bad")
    assert browser(scene.marketing).get(bad["url"]).context["count"] == 20
    assert "Bad" in get(scene, "/campaigns.csv", "executive").content.decode()
    assert browser(scene.reps[0]).get("/campaigns").status_code == 403


def test_a_page_that_has_not_room_for_all_says_so_and_its_file_has_them(
    scene: Org, monkeypatch: pytest.MonkeyPatch
) -> None:
    every = [each.name for each in new_campaigns(now=database_clock())]
    page = browser(scene.marketing)
    assert b"began last" not in page.get("/campaigns").content
    monkeypatch.setattr(campaigns, "SHOWN", 2)
    shown = page.get("/campaigns").content.decode()
    assert "These are the 2 that began last" in shown
    assert [name for name in every if f">{name}</a>" in shown] == every[:2]
    told = page.get("/campaigns.csv").content.decode()
    assert len(every) > 2
    assert all(name in told for name in every)


def test_an_organisation_without_new_campaigns_is_told_so(in_acme: Org) -> None:
    assert "No campaign began lately" in get(in_acme, "/campaigns", "marketing").content.decode()
    assert tell_verdicts(database_clock()) == 0
