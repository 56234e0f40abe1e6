"""Two halves of a work at once, each in a transaction of its own on a connection of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from threading import Event
from typing import Any, Final
from uuid import UUID

import psycopg2
from django.db import connection

from tenants.context import tenant_scope

#: Seconds between two attempts to stop a half that is between two statements.
_PAUSE: Final = 0.1


@contextmanager
def beside(tenant_id: UUID, work: Callable[[], object]) -> Iterator[None]:
    """Carry out `work` in this tenant's scope while the block runs in the caller's. When this ends, so has
    the work: committed, or taken back where it raised or the block did.

    Raises what the work raised, at once: the block's statement is cancelled, or its next. Where the block
    raises, or whoever waits for the work is interrupted, so is the work's. A work that was done by then stays
    committed.
    """
    its: list[Any] = []
    failures: list[BaseException] = []
    ours, is_over = connection.connection, Event()

    def run() -> None:
        try:
            with tenant_scope(tenant_id):
                its.append(connection.connection)
                work()
        except BaseException as error:
            failures.append(error)
            # Again and again: the block may be between two statements. All before this ends, for which the
            # caller waits, so that nothing after the block is cancelled.
            while not is_over.is_set():
                _cancel(ours)
                is_over.wait(_PAUSE)
            raise
        finally:
            connection.close()

    with ThreadPoolExecutor(1, thread_name_prefix="beside") as pool:
        task = pool.submit(run)
        try:
            try:
                yield
            finally:
                is_over.set()
            task.result()
        except BaseException:
            failed_first = bool(failures)
            while not task.done():
                for each in its:
                    _cancel(each)
                wait([task], timeout=_PAUSE)
            if failed_first:
                raise failures[0] from None
            raise


def _cancel(its: Any) -> None:
    with suppress(psycopg2.Error):  # it was closed meanwhile, or the server cannot be told now
        its.cancel()
