"""Which target of a commitment holds in which month."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from reporting.commitments.catalog import CATALOG, HOUSE, Kind, Unit
from reporting.commitments.models import CommitmentTarget
from tenants.together import Ask, answer, models_of
from web.templatetags.sp import pct


@dataclass(frozen=True, slots=True)
class Term:
    """What is promised in a month. target: None where nothing is. row: that it was set by; None: it is the
    default."""

    kind: Kind
    target: int | None = None
    weekly_floor: int | None = None
    counts_rejected: bool = True
    row: CommitmentTarget | None = None

    @property
    def row_id(self) -> UUID | None:
        return None if self.row is None else self.row.id

    @property
    def words(self) -> str:
        """ "120 MQLs, 25 a week" or "95%"; "" where nothing is promised."""
        if self.target is None:
            return f"{self.weekly_floor:,} a week" if self.weekly_floor else ""
        if self.kind.unit == Unit.PERCENT:
            return pct(self.target)
        floor = f", {self.weekly_floor:,} a week" if self.weekly_floor else ""
        return f"{self.target:,}{floor}"


def month_of(day: date) -> date:
    """The first day of its month."""
    return day.replace(day=1)


def months_from(month: date, number: int) -> date:
    """The month that lies so many after (or, negative, before) another."""
    place = month.year * 12 + month.month - 1 + number
    return date(place // 12, place % 12 + 1, 1)


@dataclass(frozen=True, slots=True)
class Targets:
    """All targets of an organisation, past, present and announced. house_percent: its target line."""

    rows: Mapping[str, tuple[CommitmentTarget, ...]]
    house_percent: int

    def of(self, kind: Kind, month: date) -> Term:
        """The term of a commitment that holds in a month (given by its first day)."""
        held = [row for row in self.rows.get(kind.key, ()) if row.valid_from <= month]
        if not held:
            return _default(kind, self.house_percent)
        return _term(kind, max(held, key=_order))

    def upcoming(self, kind: Kind, month: date) -> list[Term]:
        """Terms that begin after a month, in their order; of those of one month the one that counts."""
        by_month: dict[date, CommitmentTarget] = {}
        for row in sorted(self.rows.get(kind.key, ()), key=_order):
            if row.valid_from > month:
                by_month[row.valid_from] = row
        return [_term(kind, by_month[first]) for first in sorted(by_month)]

    def history(self, kind: Kind) -> list[CommitmentTarget]:
        """Everything that was ever set, the latest first."""
        return sorted(self.rows.get(kind.key, ()), key=lambda row: (row.set_at, row.id), reverse=True)

    def last(self, kind: Kind) -> CommitmentTarget | None:
        """What was set last."""
        return next(iter(self.history(kind)), None)


def _order(row: CommitmentTarget) -> tuple[date, datetime, UUID]:
    return row.valid_from, row.set_at, row.id


def _term(kind: Kind, row: CommitmentTarget) -> Term:
    return Term(kind, row.target, row.weekly_floor, row.counts_rejected, row)


def _default(kind: Kind, house_percent: int) -> Term:
    target = house_percent if kind.default == HOUSE else kind.default
    return Term(kind, target)


def load_targets(house_percent: int) -> Targets:
    """All targets of the organisation in scope; one query."""
    return answer(ask_targets(house_percent))


def ask_targets(house_percent: int) -> Ask[Targets]:
    """`load_targets` as a question that may be asked with others."""
    return models_of(CommitmentTarget.objects.order_by("id")).then(lambda rows: gathered(rows, house_percent))


def gathered(rows: Iterable[CommitmentTarget], house_percent: int) -> Targets:
    found: dict[str, list[CommitmentTarget]] = {key: [] for key in CATALOG}
    for row in rows:
        found.setdefault(row.commitment, []).append(row)
    return Targets({key: tuple(each) for key, each in found.items()}, house_percent)
