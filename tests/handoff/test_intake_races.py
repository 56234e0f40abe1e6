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


# Addresses


def named(external_id: str, email: str = "") -> LeadIn:
    return LeadIn(external_system="crm", external_id=external_id, email=email)


def test_a_known_lead_and_a_new_one_race_for_an_address_and_each_caller_gets_an_answer(org: Org) -> None:
    """Whoever comes second either is the same person by then, or is told that the address is another's."""
    for number in range(ROUNDS * 4):
        email, known = f"ann@race{number}.com", f"u{number}"
        taken(org, [named(known)])
        answers = at_once(org, *[[named(known, email)], [LeadIn(email=email)]] * 3)
        refused = [answer.error for answer in answers if answer.error]
        assert {getattr(error, "status", 500) for error in refused} <= {409}
        with org.scope():
            assert Lead.objects.filter(email=email).count() == 1


def test_of_known_leads_that_claim_one_address_the_first_gets_it_and_the_others_are_refused(org: Org) -> None:
    for number in range(ROUNDS * 2):
        email, keys = f"bea@claim{number}.com", [f"k{number}x{place}" for place in range(4)]
        taken(org, [named(key) for key in keys])
        answers = at_once(org, *[[named(key, email)] for key in keys])
        refused = [answer.error for answer in answers if answer.error]
        assert [error.status for error in refused] == [409] * 3
        assert {error.data["conflict"] for error in refused} == {"identity"}


def test_batches_that_give_known_leads_each_others_addresses_are_all_answered(org: Org) -> None:
    """Whatever the order in which the addresses are claimed, nobody is sent away by a deadlock."""
    for number in range(ROUNDS):
        keys = [f"s{number}x{place}" for place in range(20)]
        emails = [f"p{place}@swap{number}.com" for place in range(20)]
        taken(org, [named(key) for key in keys])
        taken(org, [named(f"{key}b") for key in keys])
        one = [named(key, email) for key, email in zip(keys, emails, strict=True)]
        other = [named(f"{key}b", email) for key, email in zip(keys, emails[::-1], strict=True)]
        answers = at_once(org, one, other, other[::-1])
        assert {error.status for answer in answers if (error := answer.error)} <= {409}
        with org.scope():
            assert Lead.objects.filter(email__in=emails).count() == 20
