"""What is counted of many single rows, kept for some minutes: a page cannot count a year's each time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final, Generic, TypeVar

from django.core.cache import cache
from django.db.models import QuerySet

from tenants.context import current_tenant_id
from tenants.models import Member

#: Rows that something is counted of, from which on it is kept, and for how long.
LARGE: Final = 20_000
KEPT: Final = timedelta(minutes=10)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Lately(Generic[T]):
    """What was counted, and when."""

    value: T
    at: datetime

    def before(self, now: datetime) -> datetime | None:
        """When, where that is to be said: None of what was counted just now."""
        return self.at if self.at < now else None


def lately(
    name: str,
    asked: object,
    read: Callable[[], T],
    *,
    rows: int | Callable[[T], int],
    now: datetime,
    seen_by: Member | None,
    large: int | None = None,
) -> Lately[T]:
    """What `read` gives, at most ten minutes old where it is counted of `large` rows or more (LARGE).

    asked: all that it depends on beside the tenant, told apart by its repr. rows: how many it is counted of,
    or what says so of a value; a number that is known before spares a small organisation the look at what is
    kept. seen_by: the reader, where they see only part of the organisation; they are always answered anew, as
    what they see may have changed since.
    """
    least = LARGE if large is None else large
    if seen_by is not None or (isinstance(rows, int) and rows < least):
        return Lately(read(), now)
    # Values are pickled by the names of their modules: where these move, `name` has to change as well.
    key = f"lately/{name}:{sha256(repr((current_tenant_id(), asked)).encode()).hexdigest()}"
    kept: Lately[T] | None = cache.get(key)
    if kept is not None and now - KEPT < kept.at <= now:
        return kept
    found = Lately(read(), now)
    if (rows if isinstance(rows, int) else rows(found.value)) >= least:
        cache.set(key, found, KEPT.total_seconds())
    return found


def count_lately(
    name: str, asked: object, found: QuerySet[Any], *, now: datetime, seen_by: Member | None
) -> Lately[int]:
    """How many there are in a list, of many at most ten minutes old."""
    return lately(f"count/{name}", asked, found.count, rows=lambda number: number, now=now, seen_by=seen_by)
