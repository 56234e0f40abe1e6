"""What the database is told, for the rest of a transaction, before it reads many facts or cells."""

from __future__ import annotations

from typing import Final

#: Groups of a year's buckets, or of a hundred thousand campaigns, are hashed within this memory: within the
#: server's default of 4 MB they are sorted on disk, which took three times as long. And to compile such a
#: statement would take longer than to carry it out.
FOR_REPORTS: Final = "set local work_mem = '32MB'; set local jit = off; "
