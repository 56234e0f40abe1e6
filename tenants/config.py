"""What an organisation has configured, kept by the process for as long as nobody changes it.

An arriving lead asks a dozen things that change once a week: criteria, policy and rules in force, who sits
in which pool, hours, leave. Every change of such a table gives the organisation's row a new stamp (triggers:
see tenants.rls.StampConfig), whoever makes it and however. Inside `steady_config` the stamp is read once,
and functions marked `configured` answer from memory while it is the one they remember. Outside they always
ask the database.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from threading import Lock
from typing import Any, ParamSpec, TypeVar
from uuid import UUID

from django.db import connection

from tenants.context import current_tenant_id

P = ParamSpec("P")
R = TypeVar("R")

KEPT = 4_096  # answers of one function; the ones used longest ago go first
_stamp: ContextVar[int | None] = ContextVar("slaportal_config_stamp", default=None)


@contextmanager
def steady_config() -> Iterator[None]:
    """Inside the block configuration is as it was when the block began. Change none inside it. Needs a
    scope."""
    if _stamp.get() is not None:
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute("select config_stamp from tenants_tenant where id = %s", [str(current_tenant_id())])
        row = cursor.fetchone()
    token = _stamp.set(row[0] if row else None)
    try:
        yield
    finally:
        _stamp.reset(token)


def configured(function: Callable[P, R]) -> Callable[P, R]:
    """Mark a read of configuration. Its arguments are hashable and its answer is never changed by who gets
    it."""
    kept: OrderedDict[tuple[UUID, tuple[Any, ...], tuple[Any, ...]], tuple[int, R]] = OrderedDict()
    lock = Lock()

    @wraps(function)
    def ask(*args: P.args, **kwargs: P.kwargs) -> R:
        stamp = _stamp.get()
        if stamp is None:
            return function(*args, **kwargs)
        key = (current_tenant_id(), args, tuple(sorted(kwargs.items())))
        with lock:
            found = kept.get(key)
            if found is not None and found[0] == stamp:
                kept.move_to_end(key)
                return found[1]
        answer = function(*args, **kwargs)
        with lock:
            kept[key] = (stamp, answer)
            kept.move_to_end(key)
            while len(kept) > KEPT:
                kept.popitem(last=False)
        return answer

    return ask
