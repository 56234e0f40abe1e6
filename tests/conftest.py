"""Rig of the suite: tables are made and flushed by the owner role, every test runs as the app role.

`default` (app role) mirrors `owner`, so both see one test database. A test that asks for the database gets
both.
"""

from __future__ import annotations

import gc
from collections.abc import Generator, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connections
from django.test.utils import setup_databases, teardown_databases
from whitenoise.middleware import WhiteNoiseMiddleware

from tests.emptying import quick_emptying
from tests.factories import Org, make_org
from tests.migrating import quick_migrations

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


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, Any, Any]:
    """What is loaded while tests are collected stays to the end: the garbage collector need not look at it,
    nor at the rest so often."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.set_threshold(50_000, 20, 50)
        gc.enable()


@pytest.fixture(scope="session")
def django_db_setup(
    request: pytest.FixtureRequest,
    django_test_environment: None,
    django_db_blocker: Any,
    django_db_keepdb: bool,
    django_db_createdb: bool,
    django_db_modify_db_settings: None,
) -> Iterator[None]:
    """Both roles' test database, whichever tests were chosen. The plugin's own asks the marks, and files that
    have none (they commit by themselves) would run, alone, on the developer's own database."""
    verbosity = request.config.option.verbose
    with django_db_blocker.unblock(), quick_migrations():
        made = setup_databases(
            verbosity,
            interactive=False,
            aliases=BOTH,
            serialized_aliases=[],
            keepdb=django_db_keepdb and not django_db_createdb,
        )
    with quick_emptying():
        yield
    # The app role's connections must be gone before the owner drops the test database.
    for alias in connections:
        connections[alias].close()
    if not django_db_keepdb:
        with django_db_blocker.unblock():
            teardown_databases(made, verbosity)


@pytest.fixture(scope="session", autouse=True)
def static_files_are_listed_once() -> Iterator[None]:
    """Every client makes its own middleware, and WhiteNoise's begins with a look at every static file."""
    look = WhiteNoiseMiddleware.add_files_from_finders
    listed: dict[str, Any] = {}

    def once(middleware: Any) -> None:
        if not listed:
            look(middleware)
            listed.update(middleware.files)
        middleware.files.update(listed)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WhiteNoiseMiddleware, "add_files_from_finders", once)
        yield


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
