"""Rivals on real connections, for tests of races."""

from __future__ import annotations

import threading
from collections.abc import Callable

from django.db import connection, connections


def in_threads(*functions: Callable[[], None]) -> None:
    """Run each in a thread with its own connection; the first error is raised here."""
    errors: list[BaseException] = []

    def guarded(function: Callable[[], None]) -> None:
        try:
            function()
        except BaseException as error:
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=guarded, args=(function,)) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def wait_until_somebody_waits(many: int = 1) -> None:
    """Until so many sessions of this database wait for another one's lock."""
    for _ in range(100_000):
        with connection.cursor() as cursor:
            cursor.execute("select count(distinct pid) from pg_locks where not granted")
            if cursor.fetchone()[0] >= many:
                return
    raise AssertionError("Nobody waits.")
