"""The journey map: each MQL of the period in exactly one place."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from leads.models import Handoff
from reporting.definitions import ENDS, STAGES
from reporting.models import HandoffFact
from reporting.selectors import Question, handoff_ground, journey, load_names
from reporting.views import handoffs
from tests.factories import Org
from tests.reporting.scenes import browser, drain, hand_over
from tests.reporting.test_rollups import BERLIN

pytestmark = pytest.mark.django_db


@pytest.fixture
def at_now(monkeypatch: pytest.MonkeyPatch, now: datetime) -> datetime:
    monkeypatch.setattr(handoffs, "database_clock", lambda: now)
    return now


@pytest.fixture
def travelled(acme: Org, at_now: datetime) -> Org:
    """Two stand at MQL, one was rejected; one stands at SAL, one was lost there; one was won, no SQL."""
    now = at_now
    with acme.scope():
        came = now - timedelta(days=10)

        def lead(source: str, **said: object) -> None:
            handoff = hand_over(acme, at=came, owner=acme.reps[0], source=source)
            Handoff.objects.filter(id=handoff.id).update(**said)

        later = came + timedelta(days=3)
        lead("Webinar")
        lead("Webinar")
        lead("Partner", state="closed", outcome="rejected", closed_at=later)
        lead("Webinar", accepted_at=later)
        lead("Webinar", accepted_at=later, state="closed", outcome="lost", closed_at=later)
        lead("", accepted_at=later, opportunity_at=later, state="closed", outcome="won", closed_at=later)
        HandoffFact.objects.all().delete()
        drain(acme)
    return acme


def test_everybody_is_in_one_place_and_the_places_add_up(travelled: Org, now: datetime) -> None:
    today = now.astimezone(BERLIN).date()
    question = Question(zone=BERLIN, first=today - timedelta(days=30), last=today)
    with travelled.scope():
        for ground in (handoff_ground(question), None):
            found = journey(question, now=now, names=load_names(), ground=ground)
            assert (found.stands("mql"), found.ended("mql", "rejected")) == (2, 1)
            assert (found.reached("sal"), found.stands("sal"), found.ended("sal", "lost")) == (3, 1, 1)
            ended = sum(found.ended(stage, end) for stage, ends in ENDS.items() for end in ends)
            standing = sum(found.stands(stage) for stage in ENDS)
            assert ended + standing + found.reached("won") == found.reached("mql") == 6
            assert [(name, count) for _, name, count in found.sources] == [
                ("Webinar", 4),
                ("No source given", 1),
                ("Partner", 1),
            ]
            assert {stage: each.count for stage, each in found.standing.items()} == {"mql": 2, "sal": 1}
            assert found.standing["mql"].median_days == 10
            assert found.standing["sal"].median_days == 7


def test_the_map_is_drawn_and_each_band_leads_to_its_leads(travelled: Org) -> None:
    client = browser(travelled.admin)
    answer = client.get("/journey")
    page = answer.content.decode()
    assert answer.status_code == 200
    assert page.count("<path") >= len(answer.context["flows"])
    assert "MQL to Rejected: 1 of 6" in page
    assert "Most of the 3 that are open stand at MQL: 2, half of them for 10 days or less." in page
    for flow in answer.context["flows"]:
        assert client.get(flow.url).context["count"] == flow.count, flow


def test_the_bands_come_as_files(travelled: Org) -> None:
    client = browser(travelled.admin)
    lines = client.get("/journey.csv").content.decode("utf-8-sig").splitlines()
    assert lines[0] == "From,To,Leads,Of,Per cent"
    assert "MQL,Rejected,1,6,16.7" in lines
    assert client.get("/journey.xlsx").status_code == 200


def test_a_period_without_leads_says_so(acme: Org, at_now: datetime) -> None:
    for year, words in ("2020", "No leads in this period"), ("2030", "This period has not begun"):
        page = browser(acme.admin).get("/journey", {"from": f"{year}-01-01", "to": f"{year}-01-31"})
        assert words in page.content.decode()


def test_every_stage_but_won_can_be_ended_at() -> None:
    assert tuple(ENDS) == STAGES[:-1]
