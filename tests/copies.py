"""The same rows once more, under ids of their own: what a factory wrote is written again as one text of SQL.

A factory builds its objects, Django compiles each statement of them and the server is asked for each in turn.
Nearly every test begins with the same organisation, so this is done once; a copy is a third of the work. Its
ids are as fresh as those of the first, in the same order, so that nothing that is known by id is found again.
"""

from __future__ import annotations

import io
import pickle
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar
from uuid import UUID

from django.db import connection
from uuid_utils.compat import uuid7

from tenants.context import tenant_scope

_Made = TypeVar("_Made")
_ID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


class _Pickler(pickle.Pickler):
    def persistent_id(self, each: Any) -> str | None:
        return str(each) if isinstance(each, UUID) else None


class _Unpickler(pickle.Unpickler):
    def __init__(self, kept: bytes, ids: dict[str, UUID]) -> None:
        super().__init__(io.BytesIO(kept))
        self._ids = ids

    def persistent_load(self, old: str) -> UUID:
        return self._ids[old]


@dataclass(frozen=True)
class Kept(Generic[_Made]):
    """What a factory made, and wrote. ids: all of them, in their order. tenant: whose rows they are."""

    made: bytes
    written: str
    ids: tuple[str, ...]
    tenant: str

    def again(self) -> _Made:
        """Write it and give it once more, under fresh ids."""
        ids = dict(zip(self.ids, sorted(uuid7() for _ in self.ids), strict=True))
        with tenant_scope(ids[self.tenant]), connection.cursor() as cursor:
            cursor.execute(_ID.sub(lambda old: str(ids[old[0]]), self.written))
        made: _Made = _Unpickler(self.made, ids).load()
        return made


def keep(make: Callable[[], _Made], tenant_of: Callable[[_Made], UUID]) -> tuple[_Made, Kept[_Made]]:
    """What a factory makes of one tenant, and how to make it again."""
    statements: list[str] = []

    def record(execute: Any, sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        # What is written in another way would be missing from every copy.
        assert not sql.startswith(("UPDATE", "DELETE")), sql
        if sql.startswith("INSERT"):
            assert not many
            statements.append(context["cursor"].mogrify(sql, params).decode())
        return execute(sql, params, many, context)

    with connection.execute_wrapper(record):
        made = make()
    kept = io.BytesIO()
    _Pickler(kept).dump(made)
    written = ";\n".join(statements)
    ids = {*_ID.findall(written), *(str(each) for each in _ids_in(kept.getvalue()))}
    return made, Kept(kept.getvalue(), written, tuple(sorted(ids)), str(tenant_of(made)))


def _ids_in(kept: bytes) -> list[str]:
    found: list[str] = []

    class Finder(pickle.Unpickler):
        def persistent_load(self, old: str) -> UUID:
            found.append(old)
            return UUID(old)

    Finder(io.BytesIO(kept)).load()
    return found
