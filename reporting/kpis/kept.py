"""What KPIs count of single rows (won leads, opportunities, leads as they came), in large organisations kept
for some minutes: a hundred thousand rows of eight months are too many to read for each page."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from hashlib import sha256
from typing import Final

from django.core.cache import cache

from reporting.kpis.counted import Rows
from tenants.context import current_tenant_id

#: MQLs of the months that are read, from which on it is kept, and for how many seconds.
LARGE: Final = 50_000
KEPT_SECONDS: Final = 600


def rows_lately(asked: object, mqls: int, read: Callable[[], Rows], *, now: datetime) -> Rows:
    """What `read` gives, of a large organisation at most ten minutes old.

    asked: all that it depends on, told apart by its repr. mqls: how large the organisation is. A small one
    is always read anew, and asks for nothing kept.
    """
    if mqls < LARGE:
        return read()
    # Rows is pickled by the names of its modules: where these move, the prefix has to change as well.
    key = f"kpis/kept:{sha256(repr((current_tenant_id(), asked)).encode()).hexdigest()}"
    kept: Rows | None = cache.get(key)
    if kept is None or kept.at > now:
        kept = read()
        cache.set(key, kept, KEPT_SECONDS)
    return kept
