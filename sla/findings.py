"""Writing down what is found wrong, whoever finds it: one open row a kind and subject."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sla.models import Finding
from tenants.bulk import insert_rows

_LONGEST_SUBJECT: Final = 80
_LONGEST_DETAIL: Final = 300


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong as it was just seen. subject: what it is about, such as "timer:<id>"."""

    kind: str
    subject: str
    detail: str


def report(faults: Iterable[Fault], *, now: datetime) -> None:
    """Write these faults of the organisation in scope. One that is open already stays as it was found."""
    rows = [
        Finding(
            kind=fault.kind,
            subject=fault.subject[:_LONGEST_SUBJECT],
            detail=fault.detail[:_LONGEST_DETAIL],
            found_at=now,
        )
        for fault in faults
    ]
    insert_rows(rows, conflict="on conflict (tenant_id, kind, subject) where cleared_at is null do nothing")
