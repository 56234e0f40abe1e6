"""The same person and company at the same moment, on real connections: one lead, and nobody is refused."""

from __future__ import annotations

import random
import threading
from collections.abc import Sequence
from functools import partial

import pytest
from django.db import connection

from handoff.intake import IntakeResult, receive_leads
from leads.incoming import CompanyIn, EngagementIn, LeadIn
from leads.models import Handoff, Lead
from tenants.clock import database_clock
from tests.factories import Org, make_org
from tests.threads import in_threads

pytestmark = pytest.mark.django_db(transaction=True)
ROUNDS = 3


@pytest.fixture
def org(transactional_db: None) -> Org:
    return make_org("acme", now=database_clock(), hours="always")


def at_once(org: Org, *batches: Sequence[LeadIn]) -> list[IntakeResult]:
    """Send batches at the same moment, each on a connection of its own; the first error is raised here."""
    start = threading.Barrier(len(batches))
    answers: list[IntakeResult] = []

    def send(batch: Sequence[LeadIn]) -> None:
        start.wait()
        answers.extend(taken(org, batch))

    in_threads(*(partial(send, batch) for batch in batches))
    return answers


def arrival(email: str, kind: str = "demo_request", employees: int | None = None) -> LeadIn:
    return LeadIn(email=email, engagements=(EngagementIn(kind),), company=CompanyIn(employees=employees))


def taken(org: Org, items: Sequence[LeadIn]) -> list[IntakeResult]:
    with org.scope():
        return receive_leads(items=items, actor="system", clock=database_clock)


def deadlocks() -> int:
    """Deadlocks that the server has resolved in this database."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_stat_clear_snapshot()")
        cursor.execute("select deadlocks from pg_stat_database where datname = current_database()")
        return int(cursor.fetchone()[0])


def test_a_new_person_who_corrects_the_company_meets_nobody_in_a_deadlock(org: Org) -> None:
    """Those that bring the person first and those that write to the account first wait for each other's rows:
    whoever was overtaken must have let go of the account before it asks for the lead."""
    before = deadlocks()
    for number in range(ROUNDS):
        domain = f"firm{number}.com"
        taken(org, [arrival(f"first@{domain}", employees=1)])
        email = f"ann@{domain}"
        plain = arrival(email)
        at_once(org, [plain], [arrival(email, employees=7)], [plain], [arrival(email, employees=9)], [plain])
        with org.scope():
            assert Lead.objects.filter(email=email).count() == 1
            assert Handoff.objects.filter(lead__email=email).count() == 1
    assert deadlocks() == before


def test_batches_of_the_same_people_in_any_order_make_each_once(org: Org) -> None:
    before = deadlocks()
    chance = random.Random(7)
    for number in range(ROUNDS):
        items = [
            arrival(f"p{place}@works{number}x{place % 4}.com", employees=chance.randrange(1, 99))
            for place in range(25)
        ]
        shuffled = chance.sample(items, len(items))
        answers = at_once(org, items, items[::-1], shuffled, [items[12]])
        assert [answer.error for answer in answers if answer.error] == []
        assert sum(answer.created for answer in answers) == len(items)
        with org.scope():
            assert Lead.objects.filter(email__contains=f"@works{number}x").count() == len(items)
    assert deadlocks() == before


def test_a_waiting_arrival_sees_the_handoff_that_was_opened_meanwhile(org: Org) -> None:
    """Several qualify a known lead at once: one opens the handoff, and the others come back to that one."""
    for number in range(ROUNDS):
        email = f"known{number}@firm.com"
        taken(org, [arrival(email, "page_view")])
        answers = at_once(org, *[[arrival(email)]] * 5)
        with org.scope():
            (opened,) = Handoff.objects.filter(lead__email=email)
        assert [answer.handoff.id for answer in answers if answer.handoff] == [opened.id] * 5
        assert sum(answer.assignment is not None for answer in answers) == 1
