"""Every report counts the same MQLs and the same answers, whatever happened to them and in whatever order."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.test import Client

from feedback.models import Disposition, Dispute
from leads.models import Handoff
from leads.services import mark_dirty
from reporting import params
from reporting.commitments.book import book_of
from reporting.facts import drain_tenant
from reporting.leaks.counting import leak_facts
from reporting.leaks.settings import leak_terms
from reporting.models import HandoffFact
from reporting.selectors import Question, load_names, sight_of
from reporting.selectors.feedback import FEEDBACK_SPLITS, feedback_of
from tests.factories import Org
from tests.reporting.scenes import hand_over
from tests.reporting.test_handoff_rollups import live_through

pytestmark = pytest.mark.django_db
BERLIN = ZoneInfo("Europe/Berlin")


def dispute_some(org: Org, now: datetime, chance: random.Random) -> None:
    """Some rejections are disputed; some of these are overturned, and one of these is taken back."""
    given = list(
        Disposition.objects.filter(kind="rejected", undone_at__isnull=True).select_related("handoff")
    )
    for each in given:
        state = chance.choice(["", "open", "upheld", "overturned", "overturned", "criteria"])
        if not state:
            continue
        Dispute.objects.create(
            handoff=each.handoff,
            disposition=each,
            argument="Good.",
            opened_at=each.at,
            opened_by="x",
            state=state,
            decided_at=None if state == "open" else each.at,
        )
        Disposition.objects.filter(id=each.id).update(overturned_at=now if state == "overturned" else None)
        mark_dirty([each.handoff_id], now)
    drain_tenant(org.id)
    back = Dispute.objects.filter(state="overturned").order_by("id").first()
    if back is not None:
        Dispute.objects.filter(id=back.id).update(state="open", decided_at=None)
        Disposition.objects.filter(id=back.disposition_id).update(overturned_at=None)
        mark_dirty([back.handoff_id], now)


def counted(facts: list[HandoffFact]) -> dict[str, Any]:
    """What reports should say, in plain Python."""
    given = Counter(each.decision for each in facts)
    marketing = [each for each in facts if not each.is_history]
    overturned = sum(each.decision == "rejected" and each.overturned for each in facts)
    return {
        "mqls": len(facts),
        "accepted": given["accepted"],
        "rejected": given["rejected"],
        "nurtured": given["nurture"],
        "undecided": given[""],
        "live": len(marketing),
        "base": given["accepted"] + given["rejected"] + given["nurture"],
        "overturned": overturned,
        "reasons": Counter(each.reason for each in facts if each.decision == "rejected"),
        "refused": sum(each.decision == "rejected" and each.reason_side != "routing" for each in facts),
    }


def facts_of(first: date, last: date) -> list[HandoffFact]:
    return [
        each
        for each in HandoffFact.objects.all()
        if first <= each.started_at.astimezone(BERLIN).date() <= last
    ]


@pytest.mark.parametrize("seed", range(3))
def test_feedback_from_roll_ups_is_feedback_from_facts(
    acme: Org, now: datetime, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(seed)
    with acme.scope():
        live_through(acme, now, chance)
        dispute_some(acme, now, chance)
        for outcome in ("rejected", "", "won"):
            hand_over(acme, at=now - timedelta(days=9), owner=acme.reps[0], is_history=True, outcome=outcome)
        some = Handoff.objects.filter(is_history=False).order_by("id")[:6]
        for handoff in some:
            Disposition.objects.create(handoff=handoff, kind="progressing", at=now, actor="x")
            mark_dirty([handoff.id], now)
        while drain_tenant(acme.id):
            pass
        names = load_names()
        today = now.astimezone(BERLIN).date()
        asked = Question(zone=BERLIN, first=today - timedelta(days=110), last=today - timedelta(days=2))
        manager = sight_of(acme.manager)
        told = 0
        for question in (
            asked,
            replace(asked, first=today - timedelta(days=9)),
            replace(asked, team=acme.team.id),
            replace(asked, without=("member_id",)),
            replace(asked, source="Webinar"),
            replace(asked, **manager),
            replace(asked, **sight_of(acme.reps[0])),
        ):
            for by in FEEDBACK_SPLITS:
                rolled = feedback_of(question, by, now=now, names=names)
                with monkeypatch.context() as patched:
                    patched.setattr("reporting.selectors.feedback.handoff_ground", lambda question: None)
                    assert rolled == feedback_of(question, by, now=now, names=names)
                told += rolled[0].mqls
        assert told > 0


@pytest.mark.parametrize("seed", range(4))
def test_all_reports_count_the_same(acme: Org, now: datetime, seed: int) -> None:
    chance = random.Random(seed)
    with acme.scope():
        live_through(acme, now, chance)
        hand_over(acme, at=now - timedelta(days=3), owner=acme.reps[0], touched=now, is_test=True)
        dispute_some(acme, now, chance)
        drain_tenant(acme.id)
        assert not HandoffFact.objects.filter(
            id__in=Handoff.objects.filter(is_test=True).values("id")
        ).exists()
        today = now.astimezone(BERLIN).date()
        for first, last in ((today - timedelta(days=150), today), (date(2026, 10, 1), date(2026, 10, 31))):
            told_alike(acme, first, last, now, counted(facts_of(first, last)))


def told_alike(org: Org, first: date, last: date, now: datetime, expected: dict[str, Any]) -> None:
    client = Client()
    days = {"from": first.isoformat(), "to": last.isoformat()}

    def asked(path: str) -> Any:
        answer = client.get(f"/api/v1/{path}", days, headers=org.auth)
        assert answer.status_code == 200, answer.content
        return answer.json()

    answers = {name: expected[name] for name in ("accepted", "rejected", "nurtured", "undecided")}
    acceptance = (expected["accepted"], expected["base"], expected["undecided"])

    funnel = asked("reports/funnel")
    assert funnel["total"]["mqls"] == expected["mqls"]
    assert sum(each["mqls"] for each in funnel["results"]) == expected["mqls"]
    rejections = asked("reports/rejections")
    assert sum(each["mqls"] for each in rejections["results"]) == expected["mqls"]
    reasons = {each["reason"]: each["count"] for each in rejections["reasons"] if each["count"]}
    assert reasons == expected["reasons"]
    for told in (funnel["total"]["answers"], rejections["total"]):
        assert {name: told[name] for name in answers} == answers
        rate = told["acceptance"]
        assert (rate["count"], rate["base"], rate["left_out"]) == acceptance

    feedback = asked("reports/feedback")["total"]
    assert feedback["rejected_as_answered"]["rejected"] == expected["rejected"]
    assert feedback["rejected_as_answered"]["base"] == expected["base"]
    assert feedback["rejected_as_corrected"]["left_out"]["overturned"] == expected["overturned"]
    assert feedback["rejected_as_corrected"]["rejected"] == expected["rejected"] - expected["overturned"]

    question = params.question_for_api(days, tenant=org.tenant, now=now)
    found = leak_facts(question, leak_terms().terms, now=now)
    assert sum(tally.leads for tally in found.by_rep.values()) == expected["mqls"]
    given: Counter[str] = Counter()
    for (_, answer, _), tally in found.by_reason.items():
        given[answer] += tally.leads
    assert given["rejected"] == expected["refused"]  # one for routing is no answer about the lead

    if first.day == 1:
        book = book_of(tenant=org.tenant, month=first, now=now)
        lines = {line.kind.key: line for line in book.lines}
        assert lines["mql_volume"].actual == expected["mqls"]
        assert lines["mql_volume"].refused == expected["refused"]
        share = lines["acceptance"].share
        assert share is not None
        assert (share.count, share.base, share.left_out) == acceptance
