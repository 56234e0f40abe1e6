"""The numbers that the sides owe each other, as the agreement says them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tenants.context import current_tenant_id
from tenants.models import Tenant


@dataclass(frozen=True, slots=True)
class CommitmentTerms:
    """rows: (whose it is, what is counted, the target), in words. promise: the same as JSON, which is
    compared."""

    rows: tuple[tuple[str, str, str], ...]
    promise: Any


def commitment_terms(now: datetime) -> CommitmentTerms:
    """The targets in force. now: the moment that they are asked for."""
    percent = Tenant.objects.values_list("target_percent", flat=True).get(id=current_tenant_id())
    return CommitmentTerms(
        rows=(("Sales", "Clocks of each target that are kept", f"at least {percent}%"),),
        promise={"target_percent": percent},
    )
