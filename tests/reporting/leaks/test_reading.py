"""What the database counts is what counting the rows one by one gives, and the leads behind a finding are
those that it counts."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid4, uuid5
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from reporting.leaks.counting import leak_facts, leaks_for
from reporting.leaks.finder.facts import Terms
from reporting.leaks.rows import behind
from reporting.models import HandoffFact
from reporting.selectors import Question
from tenants.context import tenant_scope
from tenants.models import Member
from tests.factories import Org
from tests.reporting.leaks.histories import DAYS, NOW, Row, counted, history
from tests.reporting.leaks.test_planted import PLANTED, slow

pytestmark = pytest.mark.django_db

EVERYTHING = Question(
    zone=ZoneInfo("UTC"),
    first=(NOW - timedelta(days=DAYS + 10)).date(),
    last=NOW.date() + timedelta(days=2),
)


def key_of(name: str) -> UUID:
    return uuid5(NAMESPACE_URL, name)


def store(rows: Iterable[Row], *, shift: timedelta = timedelta(), owner: Member | None = None) -> None:
    """The rows as facts of handoffs; inside the organisation's scope. shift: all instants that much later.
    owner: who has them all, instead of the reps of the rows."""
    made = []
    for number, row in enumerate(rows, start=1):
        values: dict[str, Any] = vars(row) | {"lacks": list(row.lacks), "number": number}
        values |= {"member_id": key_of(row.member_id), "team_id": key_of(row.team_id)}
        if owner is not None:
            values |= {"member_id": owner.id, "team_id": owner.team_id}
        values |= {name: at + shift for name, at in values.items() if isinstance(at, datetime)}
        made.append(HandoffFact(id=uuid4(), lead_id=uuid4(), created_at=values["started_at"], **values))
    HandoffFact.objects.bulk_create(made, batch_size=1_000)


@pytest.mark.parametrize("terms", [Terms(), Terms(cohort_days=30, enough_attempts=6, fast_minutes=45)])
def test_the_statement_counts_what_the_rows_say(in_acme: Org, terms: Terms) -> None:
    rows = history(7, leads=800).rows
    store(rows)
    read, expected = leak_facts(EVERYTHING, terms, now=NOW), counted(rows, terms=terms)
    for table in ("by_speed", "by_attempts", "by_move", "by_reason", "by_lacks", "by_hour", "waits", "came"):
        assert getattr(read, table) == getattr(expected, table), table
    by_rep = {(source, str(key_of(rep))): tally for (source, rep), tally in expected.by_rep.items()}
    assert read.by_rep == by_rep


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Asia/Kolkata"])
def test_hours_are_those_of_the_organisation_and_lead_to_their_leads(in_acme: Org, zone: str) -> None:
    kind, late, leak = PLANTED["evenings without anybody"]
    store(history(2, leads=3_000, leak=leak, late=late).rows)
    asked = Question(zone=ZoneInfo(zone), first=EVERYTHING.first, last=EVERYTHING.last)
    found = [each for each in leaks_for(asked, NOW).findings if each.kind == kind]
    assert found
    for each in found:
        assert behind(asked, dict(each.behind), terms=Terms(), now=NOW).count() == each.leads


def test_a_short_period_counts_its_own_leads_and_learns_from_a_year(in_acme: Org) -> None:
    rows = history(7, leads=800).rows
    store(rows)
    last_days = Question(zone=ZoneInfo("UTC"), first=NOW.date() - timedelta(days=20), last=NOW.date())
    read = leak_facts(last_days, Terms(), now=NOW)
    assert read.whole.leads == sum(row.started_at >= last_days.start for row in rows)
    learned = [row for row in rows if row.started_at >= last_days.end - timedelta(days=365)]
    assert read.whole.followed == counted(learned).whole.followed > 0


@pytest.mark.parametrize("name", list(PLANTED))
def test_the_leads_behind_a_finding_are_as_many_as_it_counts(in_acme: Org, name: str) -> None:
    kind, late, leak = PLANTED[name]
    store(history(2, leads=3_000, leak=leak, late=late).rows)
    found = leaks_for(EVERYTHING, NOW).findings
    assert kind in {each.kind for each in found}
    for each in found:
        query = dict(each.behind)
        source = query.pop("source", None)
        asked = (
            EVERYTHING
            if source is None
            else Question(zone=EVERYTHING.zone, first=EVERYTHING.first, last=EVERYTHING.last, source=source)
        )
        assert behind(asked, query, terms=Terms(), now=NOW).count() == each.leads, each.title


def test_what_is_asked_costs_as_many_queries_for_few_leads_as_for_many(in_acme: Org) -> None:
    def queries(leads: int) -> int:
        store(history(3, leads=leads, leak=slow).rows)
        with CaptureQueriesContext(
            connection,
        ) as asked:
            leaks_for(EVERYTHING, NOW)
        return len(asked)

    assert queries(10) == queries(1_000) == 6


def test_another_organisation_s_leads_do_not_count(acme: Org, globex: Org) -> None:
    with tenant_scope(globex.id):
        store(history(3, leads=500, leak=slow).rows)
    with tenant_scope(acme.id):
        assert leak_facts(EVERYTHING, Terms(), now=NOW).whole.leads == 0
