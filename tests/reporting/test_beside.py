"""Two halves of a work at once: whatever ends one of them stops the other, wherever that is."""

from __future__ import annotations

from concurrent.futures import Future
from threading import Event
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from django.db import OperationalError, connection

from reporting import beside as module
from reporting.beside import beside

pytestmark = pytest.mark.django_db


def test_a_block_between_two_statements_is_stopped_at_its_next(monkeypatch: pytest.MonkeyPatch) -> None:
    again = Event()
    cancelled: list[int] = []

    def cancel() -> None:
        cancelled.append(len(cancelled))
        if len(cancelled) > 1:  # the first may have come while nothing was asked
            again.set()

    ours = SimpleNamespace(connection=SimpleNamespace(cancel=cancel), close=connection.close)
    monkeypatch.setattr(module, "connection", ours)

    def failing() -> None:
        raise RuntimeError("no space left")

    told = False
    with pytest.raises(RuntimeError, match="no space left"), beside(uuid4(), failing):
        told = again.wait(5)
    assert told


def test_whoever_breaks_off_while_the_work_is_waited_for_stops_it(monkeypatch: pytest.MonkeyPatch) -> None:
    begun = Event()
    stopped: list[str] = []

    def work() -> None:
        with connection.cursor() as cursor:
            begun.set()
            try:
                cursor.execute("select pg_sleep(5)")
            except OperationalError as error:
                stopped.append(str(error))
                raise

    def interrupted(task: Future[Any], timeout: float | None = None) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Future, "result", interrupted)
    with pytest.raises(KeyboardInterrupt), beside(uuid4(), work):
        assert begun.wait(5)
    assert [text.strip() for text in stopped] == ["canceling statement due to user request"]
