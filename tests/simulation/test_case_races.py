"""A test lead, removed by two at the same moment."""

from __future__ import annotations

import threading

import pytest
from django.db import transaction

from core.errors import NotFound
from handoff.simulation import cases
from routing.models import LeadCase
from tenants.clock import database_clock
from tenants.models import AuditEntry
from tests.factories import make_org
from tests.threads import in_threads, wait_until_somebody_waits

pytestmark = pytest.mark.django_db(transaction=True)


def test_two_who_remove_a_test_lead_do_so_once() -> None:
    org = make_org("cases", now=database_clock(), reps=1)
    with org.scope():
        case = cases.save_case(
            name="A German",
            facts={"email": "a@firm.example"},
            expects={"qualifies": False},
            actor="key:test",
            clock=database_clock,
        )
    begun = threading.Event()

    def first() -> None:
        with org.scope(), transaction.atomic():
            cases.remove_case(case.id, actor="key:test", now=database_clock())
            begun.set()
            wait_until_somebody_waits()

    def second() -> None:
        assert begun.wait(60)
        with org.scope(), pytest.raises(NotFound):
            cases.remove_case(case.id, actor="key:test", now=database_clock())

    in_threads(first, second)
    with org.scope():
        assert not LeadCase.objects.exists()
        assert AuditEntry.objects.filter(object_type="leadcase", action="removed").count() == 1
