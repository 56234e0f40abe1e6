"""MQLs of known days and fates, made by the real services."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from feedback.models import Disposition, Reason
from leads.models import Lead
from leads.services import mark_dirty
from reporting.commitments.catalog import CATALOG
from reporting.commitments.models import CommitmentTarget
from reporting.commitments.services import Wanted, set_target
from tests.factories import Org
from tests.reporting.scenes import drain, hand_over


def mql(
    org: Org,
    at: datetime,
    *,
    answer: str = "",
    reason: str = "",
    sql_after: int | None = None,
    reachable: bool = True,
    **fields: Any,
) -> None:
    """One MQL. answer: of Disposition.Kind; reason: its slug. sql_after: days until it became SQL."""
    if sql_after is not None:
        fields["sql_at"] = at + timedelta(days=sql_after)
    handoff = hand_over(org, at=at, owner=fields.pop("owner", org.reps[0]), **fields)
    if reachable:
        Lead.objects.filter(id=handoff.lead_id).update(
            email=f"{handoff.lead_id}@berg.example", phone="+493012345678", invalid=[]
        )
    if answer:
        found = Reason.objects.filter(slug=reason).first() if reason else None
        Disposition.objects.create(
            handoff=handoff,
            kind=answer,
            reason=found,
            by=org.reps[0],
            actor="system",
            at=at + timedelta(hours=1),
        )
    mark_dirty([handoff.id], at)


def promise(
    org: Org, commitment: str, target: int | None, *, now: datetime, actor: str = "system", **said: Any
) -> CommitmentTarget | None:
    """Set a target, from the month of `now` on unless told otherwise."""
    said.setdefault("valid_from", now.date().replace(day=1))
    wanted = Wanted(target=target, why=said.pop("why", "As agreed."), checks_last=False, **said)
    return set_target(tenant=org.tenant, kind=CATALOG[commitment], wanted=wanted, actor=actor, now=now)


__all__ = ["drain", "mql", "promise"]
