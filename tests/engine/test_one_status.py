"""After any history every reader says the same of every clock at any moment: the one function of sla.status,
the lead's page, the inbox, the board, the filters, the API and the reports.

STATUS_HISTORIES is how many histories are tried.
"""

from __future__ import annotations

import os
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from typing import Any
from unittest.mock import patch
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from django.urls import reverse
from hypothesis import HealthCheck, settings
from hypothesis.stateful import rule, run_state_machine_as_test

from handoff import clocks, selectors
from handoff.explain import timer_row
from handoff.views import base
from handoff.words import lower_first
from integrations.present import timer_document
from leads.models import Handoff
from leads.services import mark_dirty
from reporting.facts import drain_tenant, rebuild
from reporting.measures import COUNTS_AS, Verdict, verdict_of
from reporting.models import TargetFact
from reporting.selectors import Question, clocks_behind, ground_of, load_names, report
from sla import targets
from sla.models import Timer
from sla.selectors import overdue_handoffs, possible, status_now
from sla.services import cancel
from sla.status import OPEN_STATUSES, Status
from tenants.clock import fixed_clock
from tenants.context import tenant_scope
from tests.engine.test_histories import MONDAY, OFFICES, PROMISES, Histories, change_hours, policy
from tests.factories import Org, make_org
from tests.handoff.conftest import browser
from web.api import TenantAPIView
from web.throttling import KeyRateThrottle

ZONE = ZoneInfo("UTC")
INSTANT = timedelta(microseconds=1)
#: Moments that each history is read at; at the first one pages and API are asked over HTTP.
MOMENTS, MOMENTS_OF_FAILED = 7, 3
#: Statuses that no calendar has a say in: of these the database's filter is exact.
EXACT = (Status.MET, Status.MISSED, Status.CANCELLED, Status.PAUSED, Status.OVERDUE)
Said = Mapping[UUID, Status]


class Watched(Histories):
    """A history that is read from everywhere when it is over."""

    @rule()
    def reports_are_brought_up_to_date(self) -> None:
        """In the midst of it, so that what changes later is noticed by what it leaves dirty."""
        drain_tenant(self.org.id)

    def teardown(self) -> None:
        try:
            if sys.exc_info()[0] is None:
                self.read_everywhere()
        finally:
            super().teardown()

    def read_everywhere(self) -> None:
        self.compare()
        # A clock that the sweep gives up on, while its lead is open and when it is closed.
        failing = Timer.objects.filter(state=Timer.State.RUNNING)
        handoffs = set(failing.values_list("handoff_id", flat=True))
        if handoffs:
            failing.update(state=Timer.State.FAILED, next_at=None)
            mark_dirty(handoffs, moment_of(self))
            self.compare(MOMENTS_OF_FAILED)
            cancel(handoffs, reason="closed", now=moment_of(self))
            mark_dirty(handoffs, moment_of(self))
            self.compare(MOMENTS_OF_FAILED)

    def compare(self, moments: int = MOMENTS) -> None:
        drain_tenant(self.org.id)
        kept = sorted(TargetFact.objects.values_list(), key=str)
        rebuild(self.org.id)
        assert sorted(TargetFact.objects.values_list(), key=str) == kept, "something left nothing dirty"
        timers = list(Timer.objects.select_related("handoff"))
        chosen = self.moments(timers, moments)
        for at in chosen:
            said = {timer.id: status_now(timer, now=at) for timer in timers}
            one_by_one(timers, said, at)
            filters(timers, said, at)
            lists(self.org, timers, said, at)
            reports(timers, said, at)
        self.scope.__exit__(None, None, None)  # requests find their own way in
        try:
            over_http(self.org, timers, chosen[0])
        finally:
            self.scope = tenant_scope(self.org.id)
            self.scope.__enter__()

    def moments(self, timers: list[Timer], many: int) -> list[datetime]:
        """The present, and where something is about to change or just has, at marks and office hours."""
        now = moment_of(self)
        marks = {at for timer in timers for at in (timer.warn_at, timer.due_at) if at is not None}
        day = now.replace(hour=0, minute=0)
        marks |= {day + timedelta(days=1, minutes=at) for each in OFFICES for at in (each.opens, each.closes)}
        found = sorted(at + step for at in marks for step in (-INSTANT, timedelta(), INSTANT))
        ahead = [at for at in found if at >= now] or found
        apart = max(1, len(ahead) // (many - 2))
        # From another place in each history, so that all kinds of marks have their turn.
        spread = ahead[self.act % apart :: apart][: many - 2]
        return [now, now + timedelta(days=40), *spread]


def moment_of(machine: Histories) -> datetime:
    return MONDAY + timedelta(minutes=machine.now)


def one_by_one(timers: list[Timer], said: Said, at: datetime) -> None:
    for timer in timers:
        words = said[timer.id].value
        assert clocks.read(timer, now=at).status == words
        assert clocks.panel(timer, now=at)["status"] == words
        assert timer_document(timer, now=at)["status"] == words
        assert timer_row(timer, lead_id=timer.handoff.lead_id, now=at)["status"] == words


def filters(timers: list[Timer], said: Said, at: datetime) -> None:
    closed = clocks.closed_now({timer.calendar_version_id for timer in timers}, now=at)
    urgency = Timer.objects.annotate(urgency=clocks.urgency_in_sql(now=at, closed=closed))
    assert dict(urgency.values_list("id", "urgency")) == {
        key: clocks.URGENCY[status] for key, status in said.items()
    }
    for status in Status:
        wanted = {key for key, each in said.items() if each is status}
        found = set(Timer.objects.filter(possible(status, now=at)).values_list("id", flat=True))
        assert wanted == found if status in EXACT else wanted <= found, status
    broken = {timer.handoff_id for timer in timers if said[timer.id] is Status.OVERDUE}
    assert overdue_handoffs({timer.handoff_id for timer in timers}, now=at) == broken


def lists(org: Org, timers: list[Timer], said: Said, at: datetime) -> None:
    """Of each handoff the most pressing open clock of its owner speaks, in the inbox and on the board."""
    speaks: dict[UUID, Status] = {}
    for timer in timers:
        status = said[timer.id]
        if timer.clock == Timer.Clock.OWNER and timer.closed_at is None and status in OPEN_STATUSES:
            former = speaks.get(timer.handoff_id, status)
            speaks[timer.handoff_id] = min(status, former, key=lambda each: clocks.URGENCY[each])
    owned = Handoff.objects.filter(state=Handoff.State.OPEN, owner__isnull=False)
    board = selectors.board(member=org.admin, now=at)
    assert board.counts == Counter(speaks[each.id] for each in owned if each.id in speaks)
    assert {row.handoff.id: row.status for group in board.pressing for row in group.rows} == {
        each.id: speaks[each.id] for each in owned if speaks.get(each.id) in (Status.OVERDUE, Status.AT_RISK)
    }
    for rep in org.reps:
        mine = {each.id: speaks.get(each.id) for each in owned if each.owner_id == rep.id}
        undecided = {each.id for each in owned if each.id in mine and each.accepted_at is None}
        shown = {tab: selectors.inbox(member=rep, tab=tab, now=at).rows for tab in selectors.TABS}
        for tab, wanted in (
            ("decide", undecided),
            ("working", mine.keys() - undecided),
            ("paused", {key for key in undecided if mine[key] is Status.PAUSED}),
        ):
            assert {row.handoff.id: row.status for row in shown[tab]} == {key: mine[key] for key in wanted}
    for waiting in selectors.unrouted(now=at):
        open_ones = [
            said[timer.id]
            for timer in timers
            if timer.handoff_id == waiting.handoff.id and timer.clock == "company" and timer.closed_at is None
        ]
        most = min(open_ones, key=lambda each: clocks.URGENCY[each], default=None)
        assert (waiting.reading.status if waiting.reading else None) == most


def reports(timers: list[Timer], said: Said, at: datetime) -> None:
    facts = list(TargetFact.objects.all())
    assert {fact.id for fact in facts} == said.keys()
    for fact in facts:
        assert verdict_of(fact, at) == COUNTS_AS[said[fact.id]], said[fact.id]
    days = [timer.started_at.date() for timer in timers]
    for clock in ("company", "owner"):
        question = Question(zone=ZONE, first=min(days), last=max(days), clock=clock)
        wanted: dict[str, Counter[Verdict]] = defaultdict(Counter)
        for timer in timers:
            if timer.clock == clock:
                wanted[timer.target][COUNTS_AS[said[timer.id]]] += 1
        ground = ground_of(question)
        assert ground is not None
        for each in (ground, None):
            found = report(question, "team", now=at, names=load_names(), ground=each)
            for target, rate in found.whole.rates.items():
                counts = (rate.kept, rate.broken, rate.running, rate.called_off)
                assert counts == tuple(wanted[target][verdict] for verdict in Verdict), (clock, target)
            overdue = [t for t in timers if t.clock == clock and said[t.id] is Status.OVERDUE]
            assert found.whole.unanswered == len(overdue)
        for verdict in Verdict:
            listed = set(clocks_behind(question, now=at, verdict=verdict).values_list("id", flat=True))
            assert listed == {t.id for t in timers if t.clock == clock and COUNTS_AS[said[t.id]] == verdict}


def over_http(org: Org, timers: list[Timer], at: datetime) -> None:
    with tenant_scope(org.id):
        said = {str(timer.id): status_now(timer, now=at).value for timer in timers}
    KeyRateThrottle.reset()
    client, program = browser(org.admin), Client(headers=org.auth)
    with at_the_moment(at):
        for status in Status:
            told = program.get("/api/v1/timers", {"status": status.value, "limit": "200"})
            assert told.status_code == 200, told.content
            rows = {row["id"]: row["status"] for row in told.json()["results"]}
            assert rows == {key: words for key, words in said.items() if words == status.value}
        by_lead: dict[UUID, list[Timer]] = defaultdict(list)
        for timer in timers:
            by_lead[timer.handoff.lead_id].append(timer)
        for lead_id, own in by_lead.items():
            told = program.get(f"/api/v1/leads/{lead_id}").json()["timers"]
            assert {each["id"]: each["status"] for each in told} == {
                str(timer.id): said[str(timer.id)] for timer in own
            }
            page = client.get(reverse("handoff:clocks", args=[lead_id]))
            named: dict[str, set[str]] = defaultdict(set)
            for timer in own:
                name = targets.label(timer.target)
                named[f"Promised: {lower_first(name)}" if timer.clock == "company" else name].add(
                    said[str(timer.id)]
                )
            assert page.context["clocks"]
            for panel in page.context["clocks"]:
                assert panel["status"] in named[panel["title"]]


@contextmanager
def at_the_moment(at: datetime) -> Iterator[None]:
    clock: Any = fixed_clock(at)
    with ExitStack() as stack:
        stack.enter_context(patch.object(base, "reading_clock", clock))
        stack.enter_context(patch.object(TenantAPIView, "clock", staticmethod(clock)))
        yield


@pytest.mark.django_db
def test_after_anything_that_can_happen_every_reader_says_the_same_of_every_clock() -> None:
    org = make_org("acme", now=MONDAY, time_zone="UTC", policy=policy(PROMISES[0]))
    with org.scope():
        change_hours(org, OFFICES[0], now=MONDAY)
    run_state_machine_as_test(
        lambda: Watched(org),
        settings=settings(
            max_examples=int(os.environ.get("STATUS_HISTORIES", "3")),
            stateful_step_count=int(os.environ.get("HISTORY_STEPS", "25")),
            deadline=None,
            suppress_health_check=list(HealthCheck),
            print_blob=False,
        ),
    )
