"""What the funnel counts, against the same counted from the facts in plain Python."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from reporting.definitions import COUNTS, FOLLOWED, STAGES, reached_of
from reporting.measures import BUCKET_ERROR
from reporting.models import HandoffFact
from reporting.selectors import (
    HANDOFF_SPLITS,
    LISTED,
    Question,
    funnel,
    handoff_ground,
    handoffs_behind,
    load_names,
    number_behind,
    rejections,
    sight_of,
)
from tests.factories import Org
from tests.reporting.test_handoff_rollups import live_through

pytestmark = pytest.mark.django_db
BERLIN = ZoneInfo("Europe/Berlin")


def questions(org: Org, now: datetime) -> list[Question]:
    today = now.astimezone(BERLIN).date()
    plain = Question(zone=BERLIN, first=today - timedelta(days=99), last=today)
    return [
        plain,
        replace(plain, first=today - timedelta(days=17)),
        replace(plain, **sight_of(org.manager)),
        replace(plain, **sight_of(org.reps[0])),
        replace(plain, team=org.team.id),
        replace(plain, source="Webinar"),
        replace(plain, source="", tier="demo_request"),
        replace(plain, source="Webinar", member=org.reps[1].id),  # no cube has both
        replace(plain, without=("member_id",)),
    ]


@pytest.mark.parametrize("seed", range(2))
def test_a_funnel_from_roll_ups_is_the_funnel_from_facts(in_acme: Org, now: datetime, seed: int) -> None:
    live_through(in_acme, now, random.Random(seed), rounds=4)
    names, rolled = load_names(), 0
    for question in questions(in_acme, now):
        ground = handoff_ground(question)
        for by in HANDOFF_SPLITS:
            for follow in (None, 30):
                quick = funnel(question, by, now=now, names=names, ground=ground, follow=follow)
                slow = funnel(question, by, now=now, names=names, ground=None, follow=follow)
                rolled += quick.is_rounded
                assert quick.whole == slow.whole
                assert [(row.key, row.tally) for row in quick.groups] == [
                    (row.key, row.tally) for row in slow.groups
                ]
                assert quick.cohorts == slow.cohorts
                assert (quick.subscribers, quick.leads) == (slow.subscribers, slow.leads)
                assert quick.durations == slow.durations
    assert rolled > 40


@pytest.mark.parametrize("seed", range(2))
def test_the_number_above_a_list_is_the_length_of_the_list(in_acme: Org, now: datetime, seed: int) -> None:
    live_through(in_acme, now, random.Random(seed), rounds=4)
    asked: list[dict[str, Any]] = [{"what": what} for what in LISTED]
    asked += [{"what": stage, "follow": days} for stage in STAGES for days in FOLLOWED]
    asked += [{"what": first, "before": second} for first in STAGES for second in STAGES[1:]]
    asked += [
        {"what": "mql", "before": "sql", "follow": 30},
        {"what": "sql", "weeks": 3},
        {"what": "rejected", "reason": "bad_data"},
    ]
    some = 0
    for place, question in enumerate(questions(in_acme, now)):
        # Each number of each question is asked in one of the two histories.
        for each in asked[(place + seed) % 2 :: 2]:
            number = number_behind(question, **each, now=now)
            assert number == handoffs_behind(question, **each, now=now).count(), each
            some += number > 0
    assert some > 50


@pytest.mark.parametrize("seed", range(3))
def test_the_numbers_are_those_that_plain_python_counts(in_acme: Org, now: datetime, seed: int) -> None:
    live_through(in_acme, now, random.Random(seed))
    (question,) = questions(in_acme, now)[:1]
    today = now.astimezone(BERLIN).date()
    facts = [f for f in HandoffFact.objects.all() if question.start <= f.started_at < question.end]
    for follow in (None, *FOLLOWED):
        found = funnel(
            question, "source", now=now, names=load_names(), ground=handoff_ground(question), follow=follow
        )
        followed = [
            fact
            for fact in facts
            if follow is None or fact.started_at.astimezone(BERLIN).date() < today - timedelta(days=follow)
        ]
        assert found.whole.all["mqls"] == len(facts)
        for stage in STAGES:
            reached = [
                fact
                for fact in followed
                if (at := reached_of(fact, stage)) is not None
                and (follow is None or at <= fact.started_at + timedelta(days=follow))
            ]
            assert found.whole.reached(stage, follow) == len(reached)
            listed = handoffs_behind(question, stage, now=now, follow=follow)
            assert {each.id for each in listed} == {fact.id for fact in reached}
        young = handoffs_behind(question, "young", now=now, follow=follow).count() if follow else 0
        assert found.whole.conversion("mql", "sql", follow).left_out == young
    whole = found.whole
    for name in ("accepted", "rejected", "nurtured", "undecided", "contacted", "lost"):
        assert whole.all[name] == handoffs_behind(question, name, now=now).count()
    assert whole.untouched.count == handoffs_behind(question, "untouched", now=now).count()
    assert whole.untouched.base == handoffs_behind(question, "settled", now=now).count()
    assert set(COUNTS) <= set(whole.all)
    for name, spread in found.durations.items():
        assert spread.count == handoffs_behind(question, name, now=now).count()
    waits = sorted(
        int((fact.accepted_at - fact.started_at).total_seconds())
        for fact in facts
        if fact.accepted_at is not None
    )
    if waits:
        exact = waits[-(-len(waits) // 2) - 1]
        assert abs((found.durations["mql_to_sal"].median or 0) - exact) <= exact * BUCKET_ERROR / 100


@pytest.mark.parametrize("seed", range(2))
def test_rejections_from_roll_ups_are_those_from_facts(in_acme: Org, now: datetime, seed: int) -> None:
    live_through(in_acme, now, random.Random(seed))
    names = load_names()
    for question in questions(in_acme, now):
        for by in ("source", "campaign"):
            quick = rejections(question, by, now=now, names=names, ground=handoff_ground(question))
            slow = rejections(question, by, now=now, names=names, ground=None)
            assert quick == slow
            assert sum(row.count for row in quick.reasons) == quick.whole.all["rejected"]
            for row in quick.reasons:
                behind = handoffs_behind(question, "rejected", now=now, reason=row.slug)
                assert behind.count() == row.count
