"""Where there is nothing, little, or something odd to count, every report gives the right answer or says why
there is none."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from html import unescape
from typing import Any

import pytest
from django.test import Client

from feedback.models import Disposition, Reason
from feedback.taxonomy import retire_reason
from leads.models import Handoff, Lead, Opportunity, Touch
from leads.services import mark_dirty, record_touch, undo_touch
from reporting import handoff_rollups
from reporting.facts import drain_tenant
from reporting.models import HandoffFact
from tenants.clock import database_clock
from tenants.models import Member
from tests.factories import Org
from tests.reporting.scenes import browser, hand_over
from web.throttling import KeyRateThrottle

pytestmark = pytest.mark.django_db

#: Pages about the leads of a period, which an address may choose; and those of a time of their own.
OF_PERIODS = (
    "compliance",
    "funnel",
    "rejections",
    "journey",
    "leaks",
    "speed",
    "volume",
    "fairness",
    "feedback/coverage",
    "data-quality",
    "meetings/report",
)
PAGES = (
    *OF_PERIODS,
    "pipeline",
    "campaigns",
    "outcomes",
    "commitments",
    "adoption",
    "baseline",
    "reviews/week",
    "digest",
)
FILES = tuple(page for page in PAGES if page not in ("adoption", "digest"))
REPORTS = (
    "compliance",
    "funnel",
    "rejections",
    "response-times",
    "feedback",
    "leaks",
    "pipeline",
    "speed",
    "fairness",
    "reassignments",
    "data-quality",
    "meetings",
)
#: A number worked out of nothing, or one of something told as many.
_ODD = re.compile(r"\bnan\b|\binf\b|\bNone ?%|– ?%|% \(?\d+ of 0\b|(?<!of )\b1 (MQLs|deals were)\b")
_BY_CAMPAIGN = ("compliance", "funnel", "rejections", "pipeline")
_PERCENT = ("percent", "rate", "share", "coverage")


@pytest.fixture(autouse=True)
def _unhurried() -> None:
    KeyRateThrottle.reset()


def read(org: Org, page: str, query: str = "") -> str:
    """What a page says, without its marks; nothing of it is worked out from nothing."""
    answer = browser(org.admin).get(f"/{page}{query}", follow=True)
    assert answer.status_code == 200, page
    main = re.search(r"<main.*?</main>", answer.content.decode(), re.DOTALL)
    assert main is not None
    bare = re.sub(r"<(script|style|select)\b.*?</\1>", " ", main.group(), flags=re.DOTALL)
    text = " ".join(unescape(re.sub(r"<[^>]+>", " ", bare)).split())
    odd = _ODD.search(text)
    assert odd is None, f"{page}: …{text[max(0, odd.start() - 80) : odd.end() + 40]}…"
    return text


def asked(org: Org, report: str, query: str = "") -> Any:
    """What a program is told; a share of nothing is null, and one of something from 0 to 100."""
    answer = Client().get(f"/api/v1/reports/{report}{query}", headers=org.auth)
    assert answer.status_code == 200, (report, answer.content)
    for at, found in inside(answer.json(), report):
        if not isinstance(found.get("base"), int):
            continue
        for name in _PERCENT:
            if name in found and found["base"] == 0:
                assert found[name] is None, at
            elif isinstance(found.get(name), int | float):
                assert 0 <= found[name] <= 100, at
    return {name: each for name, each in answer.json().items() if name != "as_of"}


def inside(value: Any, at: str) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(value, dict):
        yield at, value
        for name, each in value.items():
            yield from inside(each, f"{at}.{name}")
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from inside(each, f"{at}[{number}]")


def everything(org: Org) -> dict[str, Any]:
    """All that files and programs are told now, besides the moment."""
    client = browser(org.admin)
    found: dict[str, Any] = {}
    for page in (*FILES, "kpis", "kpis/sources", "reassignments", "leads/stale"):
        answer = client.get(f"/{page}.csv", follow=True)
        if answer.status_code == 200 and answer["Content-Type"].startswith("text/csv"):
            found[page] = b"".join(answer.streaming_content) if answer.streaming else answer.content
    assert len(found) >= 14, sorted(found)
    found |= {f"api {report}": asked(org, report) for report in (*REPORTS, "kpis")}
    for member in org.reps:
        found[f"scorecard {member.name}"] = read(org, f"reps/{member.id}/scorecard")
    for page in ("kpis", "reviews/week", "disputes", "disputes/sheet", "digest"):
        found[f"page {page}"] = read(org, page)
    return found


@pytest.mark.parametrize("page", PAGES)
def test_an_empty_organisation_has_every_page(in_acme: Org, page: str) -> None:
    text = read(in_acme, page)
    if page in OF_PERIODS:
        assert re.search(r"\bNo (leads?|MQLs?|clocks|meeting)\b", text)
        assert "This period has not begun" not in text


@pytest.mark.parametrize("page", OF_PERIODS)
def test_a_period_that_has_not_begun_is_told_so(in_acme: Org, page: str) -> None:
    now = database_clock()
    hand_over(in_acme, at=now - timedelta(days=3), owner=in_acme.reps[0], touched=now - timedelta(days=2))
    drain_tenant(in_acme.id)
    text = read(in_acme, page, "?from=2090-01-01&to=2090-01-31")
    assert "This period has not begun" in text
    # One that has begun and goes on is counted as far as it has come.
    first, last = (now - timedelta(days=10)).date(), (now + timedelta(days=300)).date()
    assert "This period has not begun" not in read(in_acme, page, f"?from={first}&to={last}")


@pytest.mark.parametrize("report", REPORTS)
def test_programs_are_told_no_share_of_nothing(in_acme: Org, report: str) -> None:
    asked(in_acme, report)
    now = database_clock()
    hand_over(in_acme, at=now - timedelta(days=3), owner=in_acme.reps[0], touched=now - timedelta(days=2))
    drain_tenant(in_acme.id)
    asked(in_acme, report)
    asked(in_acme, report, "?from=2090-01-01&to=2090-01-31")


@pytest.mark.parametrize("page", PAGES)
def test_one_lead_is_enough_for_every_page(in_acme: Org, page: str) -> None:
    now = database_clock()
    hand_over(in_acme, at=now - timedelta(days=3), owner=in_acme.reps[0], touched=now - timedelta(days=2))
    drain_tenant(in_acme.id)
    read(in_acme, page)


def test_a_test_lead_that_went_all_the_way_counts_nowhere(in_acme: Org) -> None:
    now = database_clock()
    at = now - timedelta(days=20)
    real = hand_over(in_acme, at=at, owner=in_acme.reps[0], source="Webinar", campaign="Spring", sql_at=now)
    record_touch(lead=real.lead, handoff=real, kind="call", at=at, now=at, counts=True)
    drain_tenant(in_acme.id)
    before = everything(in_acme)
    for days in (20, 2):
        then = now - timedelta(days=days)
        for verdict in ("accepted", "rejected"):
            test = hand_over(
                in_acme,
                at=then,
                owner=in_acme.reps[1],
                touched=then,
                decided=then,
                source="Drill",
                campaign="Drill",
                is_test=True,
                sql_at=then,
                opportunity_at=then,
            )
            Lead.objects.filter(id=test.lead_id).update(is_test=True)
            record_touch(lead=test.lead, handoff=test, kind="call", at=then, now=then, counts=True)
            reason = Reason.objects.get(kind="reject", slug="wrong_title") if verdict == "rejected" else None
            Disposition.objects.create(handoff=test, kind=verdict, at=then, actor="x", reason=reason)
            Opportunity.objects.create(
                lead=test.lead,
                handoff=test,
                amount=9_000,
                currency="EUR",
                outcome="won",
                opened_at=then,
                closed_at=now,
                updated_at=now,
            )
            mark_dirty([test.id], now)
    while drain_tenant(in_acme.id):
        pass
    after = everything(in_acme)
    assert {name: (before[name], after[name]) for name in before if before[name] != after[name]} == {}
    assert "Drill" not in read(in_acme, "campaigns") + read(in_acme, "funnel", "?by=campaign")


def test_somebody_who_left_keeps_their_name_and_their_numbers(in_acme: Org) -> None:
    now = database_clock()
    rep = in_acme.reps[0]
    hand_over(in_acme, at=now - timedelta(days=3), owner=rep, touched=now - timedelta(days=3))
    drain_tenant(in_acme.id)
    Member.objects.filter(id=rep.id).update(is_active=False)
    for page in ("compliance", "funnel", "feedback/coverage"):
        assert f"{rep.name} " in read(in_acme, page, "?by=rep") + " "
    for report in ("compliance", "funnel", "feedback"):
        (row,) = asked(in_acme, report, "?by=rep")["results"]
        assert (row["key"], row["name"]) == (str(rep.id), rep.name)


def test_a_source_that_is_put_right_is_told_by_its_new_name_alone(in_acme: Org) -> None:
    now = database_clock()
    handoff = hand_over(in_acme, at=now - timedelta(days=3), owner=in_acme.reps[0], source="Webinra")
    drain_tenant(in_acme.id)
    Handoff.objects.filter(id=handoff.id).update(source="Webinar")
    Lead.objects.filter(id=handoff.lead_id).update(source="Webinar")
    mark_dirty([handoff.id], now)
    drain_tenant(in_acme.id)
    for report in ("compliance", "funnel", "rejections", "feedback", "data-quality"):
        told = str(asked(in_acme, report, "" if report in ("rejections", "data-quality") else "?by=source"))
        assert ("Webinra" in told, "Webinar" in told) == (False, True), report
    assert "Webinra" not in read(in_acme, "funnel") + read(in_acme, "journey") + read(in_acme, "volume")


def test_a_retired_reason_keeps_its_name_in_the_rejections(in_acme: Org) -> None:
    now = database_clock()
    handoff = hand_over(in_acme, at=now - timedelta(days=3), owner=in_acme.reps[0])
    reason = Reason.objects.get(kind="reject", slug="wrong_title")
    Disposition.objects.create(handoff=handoff, kind="rejected", at=now, actor="x", reason=reason)
    mark_dirty([handoff.id], now)
    drain_tenant(in_acme.id)
    retire_reason(reason_id=reason.id, actor="x", now=now)
    assert reason.label in read(in_acme, "rejections")
    told = {each["reason"]: each["count"] for each in asked(in_acme, "rejections")["reasons"]}
    assert told["wrong_title"] == 1


def test_a_touch_that_was_none_is_taken_out_of_every_number(in_acme: Org) -> None:
    now = database_clock()
    at = now - timedelta(days=6)
    handoff = hand_over(in_acme, at=at, owner=in_acme.reps[0])
    drain_tenant(in_acme.id)
    before = {report: asked(in_acme, report) for report in ("funnel", "response-times", "speed")}
    record_touch(
        lead=handoff.lead, handoff=handoff, kind="call", at=at + timedelta(hours=1), now=now, counts=True
    )
    drain_tenant(in_acme.id)
    assert asked(in_acme, "response-times") != before["response-times"]
    undo_touch(Touch.objects.get(handoff=handoff), first_touch_at=None, now=now)
    mark_dirty([handoff.id], now)
    drain_tenant(in_acme.id)
    assert {report: asked(in_acme, report) for report in before} == before


def test_a_campaign_for_every_lead_makes_no_page_of_thousands(in_acme: Org) -> None:
    now = database_clock()
    first = hand_over(in_acme, at=now - timedelta(days=2), owner=in_acme.reps[0], campaign="Spring")
    drain_tenant(in_acme.id)
    many(HandoffFact.objects.get(id=first.id), 2_000, now)
    client = browser(in_acme.admin)
    for page in PAGES:
        answer = client.get(f"/{page}" + ("?by=campaign" if page in _BY_CAMPAIGN else ""), follow=True)
        assert answer.status_code == 200
        assert len(answer.content) < 300_000, f"{page}: {len(answer.content):,} bytes"
    told = asked(in_acme, "funnel", "?by=campaign")
    assert (told["total"]["mqls"], told["groups"], len(told["results"])) == (2_001, 2_001, 50)


def many(pattern: HandoffFact, number: int, now: datetime) -> None:
    """So many facts like this one, each of a campaign of its own, and their roll-ups."""
    names = [each.attname for each in HandoffFact._meta.fields if each.name not in ("id", "campaign")]
    values = {name: getattr(pattern, name) for name in names}
    rows = [HandoffFact(**values, campaign=f"Campaign {each}") for each in range(number)]
    for each in rows[::2]:
        each.decision, each.decided_at, each.feedback = "rejected", now, "rejected"
    HandoffFact.objects.bulk_create(rows)
    handoff_rollups.rebuild(zone="Europe/Berlin")


@pytest.mark.parametrize(
    ("path", "module"),
    [
        ("compliance/leads", "clocks"),
        ("funnel/leads", "handoffs"),
        ("leaks/leads", "leaks"),
        ("pipeline/deals", "pipeline"),
    ],
)
def test_a_file_that_cannot_hold_every_line_says_so(
    in_acme: Org, path: str, module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = database_clock()
    for days in (1, 2, 3):
        at = now - timedelta(days=days)
        made = hand_over(in_acme, at=at, owner=in_acme.reps[0], touched=at, opportunity_at=at)
        Opportunity.objects.create(
            lead=made.lead, handoff=made, amount=1, currency="EUR", opened_at=at, updated_at=at
        )
    drain_tenant(in_acme.id)
    client = browser(in_acme.admin)

    def lines() -> list[str]:
        return client.get(f"/{path}.csv").content.decode("utf-8-sig").splitlines()[1:]

    everything = lines()
    assert len(everything) >= 3
    assert "More than" not in everything[-1]
    monkeypatch.setattr(f"reporting.views.{module}.MOST_LINES", 2)
    assert lines() == [
        *everything[:2],
        "More than 2 lines: only the latest are here. A shorter period has the others.",
    ]


def test_files_of_leads_ask_as_often_for_many_as_for_one(
    in_acme: Org, django_assert_max_num_queries: Any
) -> None:
    now = database_clock()
    for days in range(1, 9):
        hand_over(in_acme, at=now - timedelta(days=days), owner=in_acme.reps[0])
    drain_tenant(in_acme.id)
    client = browser(in_acme.admin)
    for path in ("compliance/leads", "funnel/leads", "leaks/leads"):
        client.get(f"/{path}.csv")
        with django_assert_max_num_queries(20):
            client.get(f"/{path}.csv")
