"""Two halves of a work at once, each in a transaction of its own on a connection of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from typing import Any, Final
from uuid import UUID

from django.db import connection
from psycopg2 import InterfaceError

from tenants.context import tenant_scope

#: Seconds between two attempts to stop a half that is between two statements.
_PAUSE: Final = 0.1


@contextmanager
def beside(tenant_id: UUID, work: Callable[[], object]) -> Iterator[None]:
    """Carry out `work` in this tenant's scope while the block runs in the caller's. When this ends, so has
    the work: committed, or taken back where it raised or the block did.

    Raises what the work raised, at once: the block's statement is cancelled. Where the block raises, so is
    the work's. A work that was done by then stays committed.
    """
    its: list[Any] = []
    failures: list[BaseException] = []
    ours = connection.connection

    def run() -> None:
        try:
            with tenant_scope(tenant_id):
                its.append(connection.connection)
                work()
        except BaseException as error:
            failures.append(error)
            ours.cancel()  # before this has ended, so that nothing after the block is cancelled
            raise
        finally:
            connection.close()

    with ThreadPoolExecutor(1, thread_name_prefix="beside") as pool:
        task = pool.submit(run)
        try:
            yield
            task.result()  # in here: who breaks off while the work alone goes on does not wait for its end
        except BaseException:
            failed_first = bool(failures)
            while not task.done():
                for each in its:
                    with suppress(InterfaceError):  # it was closed meanwhile
                        each.cancel()
                wait([task], timeout=_PAUSE)
            if failed_first:
                raise failures[0] from None
            raise
