"""Rules are published while the pool that they name is taken away: whoever comes second is told so."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime

import pytest
from django.db import transaction

from core.errors import Conflict, DomainError, ValidationFailed
from routing.models import Pool, PoolSeat, RuleSetVersion
from routing.pools import change_pool
from routing.rules_check import check_usable
from routing.settings import remove_seat
from tenants import versions
from tenants.clock import database_clock
from tests.factories import Org, make_org
from tests.threads import in_threads, wait_until_somebody_waits

pytestmark = pytest.mark.django_db(transaction=True)

RULES = {"pools": [{"name": "Everyone", "when": None, "pool": "second"}], "priorities": []}


@pytest.fixture
def org(now: datetime) -> Org:
    """With a pool of one person, which no rule names, and a draft that does."""
    made = make_org("pools", now=now, reps=2)
    with made.scope():
        pool = Pool.objects.create(slug="second", name="Second")
        PoolSeat.objects.create(pool=pool, member=made.reps[1])
        versions.start_draft(RuleSetVersion, actor="system", now=now, content=RULES)
    return made


def publish() -> None:
    draft = versions.open_draft(RuleSetVersion)
    assert draft is not None
    versions.publish(draft, actor="system", now=database_clock(), validate=check_usable)


def switch_off() -> None:
    pool = Pool.objects.get(slug="second")
    change_pool(pool_id=pool.id, changes={"is_active": False}, actor="system", clock=database_clock)


def take_the_last_out() -> None:
    seat = PoolSeat.objects.get(pool__slug="second")
    remove_seat(seat_id=seat.id, actor="system", clock=database_clock)


def one_within_the_other(
    org: Org, first: Callable[[], None], second: Callable[[], None]
) -> list[DomainError]:
    """The refusals of the second, which begins once the first is done and not committed."""
    refused: list[DomainError] = []

    def rival() -> None:
        with org.scope():
            try:
                second()
            except DomainError as error:
                refused.append(error)

    def race() -> None:
        with org.scope(), transaction.atomic():
            first()
            begun.set()
            wait_until_somebody_waits()

    def after() -> None:
        assert begun.wait(60)
        rival()

    begun = threading.Event()
    in_threads(race, after)
    return refused


@pytest.mark.parametrize("take", [switch_off, take_the_last_out])
def test_a_pool_is_not_taken_from_rules_that_are_just_published(org: Org, take: Callable[[], None]) -> None:
    (error,) = one_within_the_other(org, publish, take)
    assert isinstance(error, Conflict)


@pytest.mark.parametrize("take", [switch_off, take_the_last_out])
def test_rules_are_not_published_to_a_pool_that_is_just_taken(org: Org, take: Callable[[], None]) -> None:
    (error,) = one_within_the_other(org, take, publish)
    assert isinstance(error, ValidationFailed)
    assert error.field_errors[0].code == "pool_unusable"
