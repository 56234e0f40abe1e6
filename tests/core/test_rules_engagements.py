"""Counting what the lead did: kinds, subjects, windows, distinct subjects, recency."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from core.rules import EngagementFact, Facts, Schema, compile_rule

NOW = datetime(2025, 3, 30, 12, 0, tzinfo=UTC)
SCHEMA = Schema([], {"page_view": "Page view", "download": "Download", "demo_request": "Demo request"})


def ago(kind, subject, **delta):
    return EngagementFact(kind, subject, NOW - timedelta(**delta))


HISTORY = [
    ago("page_view", "Pricing", hours=1),
    ago("page_view", "pricing", days=3),
    ago("page_view", "Pricing/Enterprise", days=6),
    ago("page_view", None, days=6),
    ago("page_view", "pricing", days=7),
    ago("page_view", "blog", days=20),
    ago("download", "Guide", days=2),
    ago("demo_request", "", days=400),
    ago("download", "future", days=-1),
]


def outcome(body, history=HISTORY, now=NOW):
    rule = compile_rule({"engagements": body}, SCHEMA)
    facts = Facts({}, history, now)
    verdict = rule.explain(facts)
    assert rule.matches(facts) is verdict.met
    return verdict.leaves[0].state, verdict.leaves[0].seen


PAGE = {"kind": "page_view"}
TABLE = [
    # Kinds
    ({}, "met", 8),
    ({"kind": "demo_request"}, "met", 1),
    ({"kind": "Demo_Request"}, "met", 1),
    ({"kind": ["download", "demo_request"]}, "met", 2),
    ({"kind": ["download", "download"], "value": 2}, "not_met", 1),
    # Subjects
    ({**PAGE, "subject": "pricing"}, "met", 3),
    ({**PAGE, "subject": ["pricing", "blog"]}, "met", 4),
    ({**PAGE, "subject": "PRICING"}, "met", 3),
    ({**PAGE, "subject": {"starts_with": "pricing"}}, "met", 4),
    ({**PAGE, "subject": {"contains": ["enterprise", "lo"]}}, "met", 2),
    ({"kind": "download", "subject": "pricing"}, "not_met", 0),
    # Windows: both ends belong to them
    ({**PAGE, "within_days": 7}, "met", 5),
    ({**PAGE, "within_days": 6.99}, "met", 4),
    ({**PAGE, "within_hours": 1}, "met", 1),
    ({**PAGE, "within_hours": 0.99}, "not_met", 0),
    # Bounds
    ({**PAGE, "value": 6}, "met", 6),
    ({**PAGE, "value": 7}, "not_met", 6),
    ({**PAGE, "op": "at_most", "value": 6}, "met", 6),
    ({**PAGE, "op": "at_most", "value": 5}, "not_met", 6),
    ({**PAGE, "op": "between", "value": [2, 6]}, "met", 6),
    ({**PAGE, "op": "between", "value": [None, 5]}, "not_met", 6),
    ({"kind": "demo_request", "within_days": 30, "op": "at_most", "value": 0}, "met", 0),
    # Distinct subjects: pricing, pricing/enterprise, blog; no subject is none
    ({**PAGE, "measure": "distinct", "value": 3}, "met", 3),
    ({**PAGE, "measure": "distinct", "value": 4}, "not_met", 3),
    ({**PAGE, "measure": "distinct", "within_days": 7, "value": 2}, "met", 2),
    ({"kind": "demo_request", "measure": "distinct"}, "not_met", 0),
    # Days since the latest
    ({"kind": "download", "measure": "recency", "value": 2}, "met", 2),
    ({"kind": "download", "measure": "recency", "value": 1.5}, "not_met", 2),
    ({"kind": "download", "measure": "recency", "op": "at_least", "value": 2}, "met", 2),
    ({"measure": "recency", "value": 0.5}, "met", 0.0417),
    ({**PAGE, "subject": "blog", "measure": "recency", "op": "between", "value": [10, 20]}, "met", 20),
    ({"kind": ["demo_request", "download"], "measure": "recency", "value": 3}, "met", 2),
    # A count of nothing is known, the recency of nothing is not
    ({**PAGE, "subject": "jobs"}, "not_met", 0),
    ({**PAGE, "subject": "jobs", "measure": "recency", "value": 9}, "missing", None),
    ({"kind": "demo_request", "within_days": 30, "measure": "recency", "value": 9}, "missing", None),
]


@pytest.mark.parametrize("body, state, seen", TABLE)
def test_measure(body, state, seen):
    assert outcome(body) == (state, seen)


def test_an_engagement_of_this_very_moment_counts_and_a_later_one_does_not():
    assert outcome({"kind": "page_view"}, [("page_view", "x", NOW)]) == ("met", 1)
    later = NOW + timedelta(microseconds=1)
    assert outcome({"kind": "page_view"}, [("page_view", "x", later)]) == ("not_met", 0)


def test_the_end_of_a_window_is_exact_to_the_microsecond():
    edge = NOW - timedelta(days=7)
    assert outcome({"within_days": 7}, [("page_view", "x", edge)]) == ("met", 1)
    assert outcome({"within_days": 7}, [("page_view", "x", edge - timedelta(microseconds=1))]) == (
        "not_met",
        0,
    )


def test_a_window_over_the_spring_change_is_counted_in_true_hours():
    berlin = ZoneInfo("Europe/Berlin")
    at = datetime(2025, 3, 30, 0, 0, tzinfo=berlin)
    now = datetime(2025, 3, 30, 6, 0, tzinfo=berlin)  # six hours by the clock on the wall, five in truth
    assert outcome({"within_hours": 5}, [("page_view", "x", at)], now) == ("met", 1)
    assert outcome({"within_hours": 4.9}, [("page_view", "x", at)], now) == ("not_met", 0)


def test_order_of_the_engagements_does_not_matter():
    for body, *_ in TABLE:
        assert outcome(body, list(reversed(HISTORY))) == outcome(body)


def test_engagements_at_the_ends_of_time_are_no_accident():
    far = [
        ("page_view", "x", datetime.min.replace(tzinfo=UTC)),
        ("page_view", "x", datetime.max.replace(tzinfo=UTC)),
    ]
    assert outcome({"kind": "page_view"}, far) == ("met", 1)
    west = ZoneInfo("Pacific/Honolulu")
    east = ZoneInfo("Pacific/Kiritimati")
    far = [
        ("page_view", "x", datetime.max.replace(tzinfo=west)),
        ("page_view", "x", datetime.min.replace(tzinfo=east)),
    ]
    assert outcome({"kind": "page_view"}, far) == ("met", 1)


def test_naive_times_are_refused():
    naive = datetime(2025, 1, 1)
    with pytest.raises(ValueError, match="aware"):
        Facts({}, (), naive)
    with pytest.raises(ValueError, match="aware"):
        Facts({}, [("page_view", "x", naive)], NOW)
