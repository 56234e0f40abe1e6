"""Ids come back from the database as shared objects: the same id, asked for again, is the same `UUID`.

One batch reads each id several times (as a key here, as a reference there), and every row brings the
organisation's. To look a text up costs a tenth of taking it apart, and dictionaries find what is identical at
once.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from psycopg2 import extensions

#: PostgreSQL's numbers for its types uuid and uuid[].
_UUID, _UUIDS = 2950, 2951
KEPT: Final = 16_384  # ids; the ones used longest ago go first

_id_of = lru_cache(maxsize=KEPT)(UUID)


def _cast(text: str | None, cursor: Any) -> UUID | None:
    return None if text is None else _id_of(text)


_ONE: Final = extensions.new_type((_UUID,), "UUID", _cast)
extensions.register_type(_ONE)
extensions.register_type(extensions.new_array_type((_UUIDS,), "UUID[]", _ONE))
