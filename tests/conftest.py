"""Rig of the suite: tables are made and flushed by the owner role, every test runs as the app role.

`default` (app role) mirrors `owner`, so both see one test database. A test that asks for the database gets
both.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from django.db import connections

from tests.factories import Org, make_org

BOTH = ["default", "owner"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test of the database may use both roles, whatever its mark says."""
    for item in items:
        marks = list(item.iter_markers("django_db"))
        for mark in marks:
            mark.kwargs.setdefault("databases", BOTH)
        # Without a mark the runner would think of `default` alone, whose test database is the owner's to
        # make: the test would run on the developer's own database.
        if not marks and {"db", "transactional_db"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.django_db(databases=BOTH))


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None) -> Iterator[None]:
    """The app role's connections must be gone before the owner drops the test database."""
    yield
    for alias in connections:
        connections[alias].close()


@pytest.fixture
def now() -> datetime:
    """A Tuesday at 10:00 in Berlin: everybody is at work."""
    return datetime(2026, 11, 17, 9, 0, tzinfo=UTC)


@pytest.fixture
def acme(db: None, now: datetime) -> Org:
    """The tenant whose people act."""
    return make_org("acme", now=now)


@pytest.fixture
def globex(db: None, now: datetime) -> Org:
    """The other tenant, which must never be seen."""
    return make_org("globex", now=now)


@pytest.fixture
def in_acme(acme: Org) -> Iterator[Org]:
    """Work inside Acme's scope."""
    with acme.scope():
        yield acme
