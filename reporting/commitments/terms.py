"""The targets as the agreement says them, and as it compares them."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from reporting.commitments.catalog import CATALOG, Unit
from reporting.commitments.services import described
from reporting.commitments.targets import Targets, Term, load_targets, month_of
from tenants.context import current_tenant_id
from tenants.models import Tenant


def commitment_terms(
    present: tuple[date, Targets], *, clocked: frozenset[str] | None = None
) -> list[tuple[str, str, str]]:
    """(label, side, sentence with the target) of everything that is promised, marketing's first; with what
    is announced for later months. present: of `present_targets`. clocked: targets that some tier sets, where
    it is known: what nothing is measured against is no promise unless somebody set it, and says so then."""
    month, targets = present
    found = []
    for kind in CATALOG.values():
        term = targets.of(kind, month)
        is_idle = clocked is not None and kind.clock and kind.clock not in clocked
        said = "" if is_idle and term.row is None else _sentence(term)
        later = [
            f"from {term.row.valid_from:%B %Y}: {_sentence(term) or 'nothing'}"
            for term in targets.upcoming(kind, month)
            if term.row is not None
        ]
        if said or later:
            idle = ["not counted before a tier asks for it"] if is_idle else []
            parts = [said or "Nothing now", *later, *idle]
            found.append((kind.label, kind.side.value, "; ".join(parts)))
    return found


def commitment_promise(present: tuple[date, Targets]) -> dict[str, Any]:
    """What is promised, JSON-safe: two that are equal promise the same. Of a commitment it holds what was
    announced for the latest month, so that it changes when somebody sets a target, and not when a month
    begins. A default is told as a target is. present: of `present_targets`."""
    month, targets = present
    found = {}
    for kind in CATALOG.values():
        upcoming = targets.upcoming(kind, month)
        term = upcoming[-1] if upcoming else targets.of(kind, month)
        if term.target is not None or term.weekly_floor is not None:
            found[kind.key] = described(term)
    return found


def present_targets(now: datetime) -> tuple[date, Targets]:
    """The present month and all targets. Two queries, in the tenant's scope."""
    tenant = Tenant.objects.get(id=current_tenant_id())
    month = month_of(now.astimezone(ZoneInfo(tenant.time_zone)).date())
    return month, load_targets(tenant.target_percent)


def _sentence(term: Term) -> str:
    """ "At least 95% of MQLs have a valid phone number …", "All MQLs …"; "" where nothing is promised."""
    if not term.words:
        return ""
    kind = term.kind
    if kind.unit == Unit.PERCENT and term.target == 100:
        return f"All {kind.what.removeprefix('of ')}"
    if kind.unit == Unit.PERCENT:
        return f"At least {term.words} {kind.what}"
    parts = []
    if term.target is not None:
        parts.append(f"{term.target:,} {kind.what}")
    if term.weekly_floor is not None:
        parts.append(f"{term.weekly_floor:,} a week")
    counted = "rejected ones count" if term.counts_rejected else "rejected ones do not count"
    return f"At least {' and '.join(parts)}; {counted}"
