"""Which target of a KPI holds in which month, and who owns it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from reporting.commitments.catalog import CATALOG as COMMITMENTS
from reporting.commitments.targets import Targets as Promises
from reporting.commitments.targets import load_targets as load_promises
from reporting.kpis.catalog import CATALOG, Kind
from reporting.kpis.models import KpiOwner, KpiTarget
from tenants.together import Ask, Row, answer, tuples_of


@dataclass(frozen=True, slots=True)
class Term:
    """What a KPI is to reach. target: None where nothing is set. row: that set it; None: a default, or
    nothing. counts_rejected: of MQLs a month: whether rejected ones count."""

    target: Decimal | None = None
    valid_from: date | None = None
    set_at: datetime | None = None
    set_by: str = ""
    why: str = ""
    row_id: UUID | None = None
    counts_rejected: bool = True


_NOTHING = Term()


@dataclass(frozen=True, slots=True)
class Targets:
    """All targets of an organisation. promises: those of the commitments, which some KPIs share."""

    rows: Mapping[str, tuple[KpiTarget, ...]]
    promises: Promises

    def of(self, kind: Kind, month: date) -> Term:
        """What holds in a month, given by its first day."""
        if kind.commitment:
            promised = self.promises.of(COMMITMENTS[kind.commitment], month)
            if promised.row is not None:
                return _term(promised.row)
            if promised.target is None:
                return _NOTHING
            return Term(Decimal(promised.target))  # a default
        held = [row for row in self.rows.get(kind.key, ()) if row.valid_from <= month]
        return _term(max(held, key=_order)) if held else _NOTHING

    def upcoming(self, kind: Kind, month: date) -> list[Term]:
        """Terms that begin after a month, in their order; of those of one month the one that counts."""
        by_month = {row.valid_from: row for row in sorted(self._rows(kind), key=_order)}
        return [_term(by_month[first]) for first in sorted(by_month) if first > month]

    def history(self, kind: Kind) -> list[Term]:
        """Everything that was ever set, the latest first."""
        rows = sorted(self._rows(kind), key=lambda row: (row.set_at, row.id), reverse=True)
        return [_term(row) for row in rows]

    def last(self, kind: Kind) -> UUID | None:
        """The row that was set last."""
        return next((term.row_id for term in self.history(kind)), None)

    def _rows(self, kind: Kind) -> tuple[Any, ...]:
        if kind.commitment:
            return self.promises.rows.get(kind.commitment, ())
        return self.rows.get(kind.key, ())


def _order(row: Any) -> tuple[date, datetime, UUID]:
    return row.valid_from, row.set_at, row.id


def _term(row: Any) -> Term:
    return Term(
        None if row.target is None else Decimal(row.target),
        row.valid_from,
        row.set_at,
        row.set_by,
        row.why,
        row.id,
        getattr(row, "counts_rejected", True),
    )


def load_targets(house_percent: int) -> Targets:
    """All targets of the organisation in scope; two queries."""
    return targets_with(load_promises(house_percent))


def targets_with(promises: Promises) -> Targets:
    """The same beside what commitments promise; one query."""
    found: dict[str, list[KpiTarget]] = {key: [] for key in CATALOG}
    for row in KpiTarget.objects.all():
        found.setdefault(row.kpi, []).append(row)
    return Targets({key: tuple(each) for key, each in found.items()}, promises)


@dataclass(frozen=True, slots=True)
class Owner:
    """Who answers for a KPI. name: "" where nobody does. has_left: whoever does is no longer active here."""

    member_id: UUID | None = None
    name: str = ""
    has_left: bool = False
    set_at: datetime | None = None
    set_by: str = ""


NOBODY = Owner()


def owners_of(*keys: str) -> dict[str, list[Owner]]:
    """Who owned these KPIs, or all, the latest first; by KPI. One query."""
    return answer(ask_owners(*keys))


def ask_owners(*keys: str) -> Ask[dict[str, list[Owner]]]:
    """`owners_of` as a question that may be asked with others."""
    rows = KpiOwner.objects.order_by("-set_at", "-id")
    told = (rows.filter(kpi__in=keys) if keys else rows).values_list(
        "kpi", "member_id", "member__name", "member__is_active", "set_at", "set_by"
    )
    return tuples_of(told).then(_by_kpi)


def _by_kpi(rows: list[Row]) -> dict[str, list[Owner]]:
    found: dict[str, list[Owner]] = {}
    for kpi, member_id, name, is_active, set_at, set_by in rows:
        has_left = member_id is not None and not is_active
        found.setdefault(kpi, []).append(Owner(member_id, name or "", has_left, set_at, set_by))
    return found
