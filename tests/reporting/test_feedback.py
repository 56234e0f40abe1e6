"""Feedback coverage, and rejections as answered and as corrected: each with its base."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from handoff import disputes, services
from handoff.services import Actor
from leads.models import Handoff, Lead
from reporting.api.feedback import FeedbackReportView
from reporting.facts import drain_tenant, rebuild
from reporting.feedback_measures import Feedback
from reporting.models import HandoffFact
from reporting.views.feedback import coverage_text
from tenants.clock import fixed_clock
from tests.factories import Org
from tests.handoff.conftest import browser, handoff_of, later, new_lead, owner_of, ruth

pytestmark = pytest.mark.django_db
__all__ = ["later", "ruth"]  # fixtures of the handoff's tests
At = Callable[[datetime], None]


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> At:
    """Let reports be read at this moment."""

    def stand_still(moment: datetime) -> None:
        monkeypatch.setattr("reporting.views.feedback.database_clock", fixed_clock(moment))
        monkeypatch.setattr(FeedbackReportView, "clock", staticmethod(fixed_clock(moment)))

    return stand_still


def said(org: Org, lead: Lead, moment: datetime) -> dict[str, Any]:
    return {
        "lead_id": lead.id,
        "actor": Actor.person(owner_of(org, lead)),
        "clock": fixed_clock(moment),
    }


def reject(org: Org, lead: Lead, moment: datetime) -> None:
    with org.scope():
        services.reject_lead(reason="wrong_title", **said(org, lead, moment))


def report(org: Org, query: str = "") -> Any:
    drain_tenant(org.id)
    return Client().get(f"/api/v1/reports/feedback?by=rep{query}", headers=org.auth).json()


def test_an_answer_of_any_kind_covers_and_what_is_not_due_is_left_out(
    acme: Org, now: datetime, later: datetime, at: At
) -> None:
    leads = [new_lead(acme, now, f"p{number}@crane.example") for number in range(5)]
    with acme.scope():
        services.accept_lead(**said(acme, leads[0], later))
        services.report_progress(**said(acme, leads[1], later))
        services.nurture_lead(reason="not_evaluating", **said(acme, leads[2], later))
    at(later)
    found = report(acme)["total"]
    assert found["coverage"] == {
        "answered": 3,
        "base": 3,
        "percent": 100.0,
        "left_out": {"not_due": 2, "not_promised": 0},
    }
    at(now + timedelta(days=2))
    found = report(acme)["total"]["coverage"]
    assert (found["answered"], found["base"], found["percent"]) == (3, 5, 60.0)
    page = browser(acme.marketing).get("/feedback/coverage").content.decode()
    assert "Feedback coverage 60% (3 of 5)" in page


def test_progress_is_feedback_and_no_decision(in_acme: Org, ruth: Lead, later: datetime) -> None:
    services.report_progress(**said(in_acme, ruth, later))
    drain_tenant(in_acme.id)
    found = HandoffFact.objects.get()
    assert (found.feedback, found.feedback_at, found.decision, found.decided_at) == (
        "progressing",
        later,
        "",
        None,
    )
    services.accept_lead(**said(in_acme, ruth, later + timedelta(minutes=1)))
    drain_tenant(in_acme.id)
    found = HandoffFact.objects.get()
    assert (found.feedback, found.decision) == ("progressing", "accepted")


def test_a_lead_disqualified_unaccepted_is_answered(in_acme: Org, ruth: Lead, later: datetime) -> None:
    services.move_to_stage(to="disqualified", reason="no_need", why="", **said(in_acme, ruth, later))
    drain_tenant(in_acme.id)
    found = HandoffFact.objects.get()
    assert (found.feedback, found.outcome, found.reason) == ("disqualified", "disqualified", "no_need")


def test_overturned_is_kept_as_answered_and_left_out_as_corrected(
    acme: Org, now: datetime, later: datetime, at: At
) -> None:
    leads = [new_lead(acme, now, f"p{number}@crane.example") for number in range(4)]
    for lead in leads[:2]:
        reject(acme, lead, later)
    with acme.scope():
        services.accept_lead(**said(acme, leads[2], later))
        clock = fixed_clock(later + timedelta(minutes=5))
        opened = disputes.open_dispute(
            lead_id=leads[0].id, argument="Good.", actor=Actor.person(acme.marketing), clock=clock
        )
        disputes.decide(
            dispute_id=opened.id,
            outcome="overturned",
            note="Good indeed.",
            actor=Actor.person(acme.manager),
            clock=clock,
        )
    at(later + timedelta(minutes=10))
    found = report(acme)["total"]
    assert found["mqls"] == 5  # the lead that came back is handed over again
    assert (found["rejected_as_answered"]["rejected"], found["rejected_as_answered"]["base"]) == (2, 3)
    assert found["rejected_as_corrected"] == {
        "rejected": 1,
        "base": 2,
        "percent": 50.0,
        "left_out": {"overturned": 1},
    }
    assert (found["disputes"]["all"], found["disputes"]["overturned"]) == (1, 1)
    with acme.scope():
        before = sorted(HandoffFact.objects.values_list("id", "feedback", "overturned", "dispute"))
    rebuild(acme.id)
    with acme.scope():
        assert sorted(HandoffFact.objects.values_list("id", "feedback", "overturned", "dispute")) == before


def test_test_leads_and_imported_history_are_in_no_number(acme: Org, now: datetime, at: At) -> None:
    new_lead(acme, now, "probe@crane.example", test=True)
    old = new_lead(acme, now, "old@crane.example")
    with acme.scope():
        Handoff.objects.filter(id=handoff_of(acme, old).id).update(is_history=True)
    at(now + timedelta(days=3))
    found = report(acme)["total"]
    assert (found["mqls"], found["coverage"]["percent"]) == (0, None)
    assert "No MQLs in this period" in browser(acme.marketing).get("/feedback/coverage").content.decode()


def test_a_period_to_come_has_nothing_to_say(acme: Org, ruth: Lead, now: datetime, at: At) -> None:
    at(now)
    found = report(acme, "&from=2027-01-01&to=2027-01-31")
    assert (found["total"]["mqls"], found["results"]) == (0, [])


def test_a_manager_sees_their_teams_and_a_rep_does_not_read_it(
    acme: Org, ruth: Lead, now: datetime, at: At
) -> None:
    from tests.reporting.scenes import second_team

    at(now)
    with acme.scope():
        team, _ = second_team(acme)
        other = team.manager
    assert other is not None
    drain_tenant(acme.id)
    assert "No MQLs" in browser(other).get("/feedback/coverage").content.decode()
    assert "1 not due yet" in browser(acme.manager).get("/feedback/coverage").content.decode()
    assert browser(acme.reps[0]).get("/feedback/coverage").status_code == 403


def test_the_file_has_every_number_of_the_table(acme: Org, ruth: Lead, later: datetime, at: At) -> None:
    reject(acme, ruth, later)
    drain_tenant(acme.id)
    at(later + timedelta(hours=1))
    answer = browser(acme.marketing).get("/feedback/coverage.csv?by=source")
    head, line = answer.content.decode("utf-8-sig").strip().splitlines()
    assert head.startswith("Source,MQLs,Answered,Answers expected,Coverage percent")
    assert line == "No source given,1,1,1,100.0,0,0,1,1,0,1,0"


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (
            Feedback(mqls=125, answered=118, owed=0, not_due=7),
            "100% (118 of 118; 7 not due yet)",
        ),
        (Feedback(mqls=3, answered=1, owed=1, not_due=0), "50% (1 of 2; 1 without a promised decision)"),
        (Feedback(mqls=2, not_due=2), "No answer is due yet (2 not due yet)"),
        (Feedback(), "No MQLs in this period"),
    ],
)
def test_coverage_is_told_with_its_base_and_what_is_left_out(found: Feedback, text: str) -> None:
    assert coverage_text(found) == text


def test_the_rejections_page_says_what_stands_after_disputes(
    acme: Org, now: datetime, later: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    from reporting.views import asked

    monkeypatch.setattr(asked, "database_clock", fixed_clock(later + timedelta(hours=1)))
    leads = [new_lead(acme, now, f"p{number}@crane.example") for number in range(3)]
    for lead in leads:
        reject(acme, lead, later)
    drain_tenant(acme.id)
    page = browser(acme.marketing)
    assert "As corrected by disputes" not in page.get("/rejections").content.decode()
    with acme.scope():
        clock = fixed_clock(later + timedelta(minutes=5))
        opened = disputes.open_dispute(
            lead_id=leads[0].id, argument="Good.", actor=Actor.person(acme.marketing), clock=clock
        )
        decider = Actor.person(acme.manager)
        disputes.decide(dispute_id=opened.id, outcome="overturned", note="Good.", actor=decider, clock=clock)
    drain_tenant(acme.id)
    shown = page.get("/rejections").content.decode()
    assert "As corrected by disputes: 100% (2 of 2) rejected, 1 overturned left out." in shown


@pytest.mark.parametrize("split", ["rep", "team", "source"])
def test_every_number_about_feedback_leads_to_exactly_its_leads(
    acme: Org, now: datetime, later: datetime, at: At, split: str
) -> None:
    leads = [new_lead(acme, now, f"q{number}@crane.example") for number in range(6)]
    for lead in leads[:3]:
        reject(acme, lead, later)
    with acme.scope():
        services.accept_lead(**said(acme, leads[3], later))
        for lead in leads[:2]:
            disputes.open_dispute(
                lead_id=lead.id, argument="No", actor=Actor.person(acme.marketing), clock=fixed_clock(later)
            )
        Handoff.objects.filter(lead=leads[5]).update(is_history=True)
    at(later)
    drain_tenant(acme.id)
    with acme.scope():
        HandoffFact.objects.filter(lead_id=leads[0].id).update(overturned=True, dispute="overturned")
    days = f"from={now:%Y-%m-%d}&to={later:%Y-%m-%d}"
    reader = browser(acme.marketing)
    page = reader.get(f"/feedback/coverage?by={split}&{days}")
    ways = 0
    for row in page.context["rows"]:
        found = row["row"].feedback
        numbers = {
            "mqls": found.mqls,
            "given": found.answered,
            "none": found.mqls - found.answered,
            "rejected": found.rejected,
            "corrected": found.corrected,
            "disputed": found.disputed,
        }
        for name, number in numbers.items():
            assert bool(row["ways"][name]) == bool(number), name
            if number:
                assert reader.get(row["ways"][name]).context["count"] == number, name
                ways += 1
    assert ways >= 5
    for text, number, way in page.context["outcomes"]:
        assert not number or reader.get(way).context["count"] == number, text
