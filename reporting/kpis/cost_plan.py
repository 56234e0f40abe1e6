"""What a file of costs would do, row by row. Nothing is written here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from difflib import get_close_matches
from typing import Final
from zoneinfo import ZoneInfo

from core.rules.text import fold
from leads.list_csv import Row
from reporting.commitments.days import last_of
from reporting.commitments.params import present_month
from reporting.kpis.cost_csv import Said, Table, read_row
from reporting.kpis.measured import brought_by_source
from reporting.kpis.models import SourceCost
from reporting.selectors.funnels import top_keys
from reporting.selectors.handoff_cells import handoff_ground
from reporting.selectors.questions import Question
from tenants.models import Tenant

NEW, REPLACES, THERE, WRONG = "new", "replaces", "there", "wrong"
STATUS_WORDS: Final = {
    NEW: "New",
    REPLACES: "Replaces",
    THERE: "There already",
    WRONG: "Wrong",
}
#: Sources that a name is looked for among: those with most MQLs.
_MOST_KNOWN: Final = 5_000
#: Different names of a file for which a near one is looked for.
_MOST_HINTS: Final = 20
#: Month, source and campaign.
Key = tuple[date, str, str]


@dataclass(slots=True)
class Line:
    """What becomes of one row. before: the amount that it replaces. errors: by column. notes: what is worth a
    look, though it is brought in."""

    line: int
    cells: Mapping[str, str]
    status: str = NEW
    said: Said | None = None
    before: Decimal | None = None
    errors: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def shown(self) -> dict[str, str]:
        """The row as it is shown: as it was read, or as it was written where it was not."""
        if self.said is None:
            names = ("month", "source", "campaign", "amount", "currency")
            return {name: self.cells.get(name, "")[:60] for name in names}
        said = self.said
        return {
            "month": f"{said.month:%Y-%m}",
            "source": said.source,
            "campaign": said.campaign,
            "amount": f"{said.amount:.2f}",
            "currency": said.currency,
        }


@dataclass(slots=True)
class CostPlan:
    """What bringing a file in does."""

    lines: list[Line]
    ignored: Sequence[str] = ()
    encoding: str = "UTF-8"

    @property
    def counts(self) -> dict[str, int]:
        found = Counter(line.status for line in self.lines)
        noted = sum(bool(line.notes) for line in self.lines if line.status != WRONG)
        return {**{status: found[status] for status in STATUS_WORDS}, "with_a_note": noted}

    @property
    def does_something(self) -> bool:
        return any(line.status in (NEW, REPLACES) for line in self.lines)


@dataclass(slots=True)
class _Known:
    """What the organisation's leads say of sources: the names, and MQLs by month and source."""

    names: frozenset[str] = frozenset()
    brought: Collection[tuple[date, str]] = ()
    _by_fold: dict[str, list[str]] = field(default_factory=dict)
    _hints: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in sorted(self.names):
            self._by_fold.setdefault(_folded(name), []).append(name)

    def spelled(self, source: str) -> str:
        """The name as leads spell it, where only case or blanks differ from exactly one."""
        if source in self.names:
            return source
        alike = self._by_fold.get(_folded(source), ())
        return alike[0] if len(alike) == 1 else source

    def close_to(self, source: str) -> str:
        """The known name that is nearest to an unknown one, "" for none.

        Looked for once a name, and for the first names of a file alone: each is compared with up to five
        thousand, and a file of nothing but strange names would take minutes.
        """
        folded = _folded(source)
        if folded not in self._hints:
            if len(self._hints) >= _MOST_HINTS:
                return ""
            found = get_close_matches(folded, self._by_fold, n=1)
            self._hints[folded] = self._by_fold[found[0]][0] if found else ""
        return self._hints[folded]


def _folded(text: str) -> str:
    return " ".join(fold(text).split())


def plan_costs(*, tenant: Tenant, table: Table, now: datetime) -> CostPlan:
    """What bringing the file in would do; nothing is written. Four queries."""
    present = present_month(tenant, now)
    lines = [_read(row, tenant.currency, present) for row in table.rows]
    months = {line.said.month for line in lines if line.said is not None}
    known = _known(tenant, months, now)
    there = {
        (row.month, row.source, row.campaign): row
        for row in SourceCost.objects.filter(month__in=list(months))
    }
    first_line: dict[Key, int] = {}
    for line in lines:
        if line.said is not None:
            _place(line, line.said, known, there, first_line)
    return CostPlan(lines, table.ignored, table.encoding)


def _read(row: Row, currency: str, present: date) -> Line:
    said = read_row(row.cells, currency=currency, present=present)
    line = Line(row.line, row.cells)
    if isinstance(said, Said):
        line.said = said
    else:
        line.status, line.errors = WRONG, said
    return line


def _known(tenant: Tenant, months: Collection[date], now: datetime) -> _Known:
    if not months:
        return _Known()
    zone = ZoneInfo(tenant.time_zone)
    today = now.astimezone(zone).date()
    ever = Question(zone=zone, first=date(2000, 1, 1), last=today)
    ground = handoff_ground(ever)
    names, _ = top_keys(ever, "source", ground, most=_MOST_KNOWN)
    asked = Question(zone=zone, first=min(months), last=min(last_of(max(months)), today))
    return _Known(frozenset(str(name) for name in names if name), set(brought_by_source(asked, ground)))


def _place(
    line: Line, said: Said, known: _Known, there: Mapping[Key, SourceCost], first_line: dict[Key, int]
) -> None:
    """Say what becomes of a row that can be read."""
    source = known.spelled(said.source)
    if source != said.source:
        line.notes.append(f"Taken as {source!r}, as leads spell it.")
        said = line.said = Said(said.month, source, said.campaign, said.amount, said.currency)
    key = (said.month, said.source, said.campaign)
    if key in first_line:
        line.status = WRONG
        line.errors["source"] = (
            f"Line {first_line[key]} says the same month, source and campaign: leave one, or write their sum."
        )
        return
    first_line[key] = line.line
    line.notes += _notes(said, known)
    row = there.get(key)
    if row is None:
        return
    if (row.amount, row.currency) == (said.amount, said.currency):
        line.status = THERE
        return
    line.status = REPLACES
    if row.currency == said.currency:
        line.before = row.amount
    else:
        line.notes.append(f"Replaces {row.amount:.2f} {row.currency}.")


def _notes(said: Said, known: _Known) -> list[str]:
    if said.source not in known.names:
        meant = known.close_to(said.source)
        hint = f" Did you mean {meant!r}?" if meant else ""
        return [f"No MQL ever came from this source; kept, and told as spent where no MQL came.{hint}"]
    if (said.month, said.source) not in known.brought:
        text = (
            f"No MQL of {said.month:%B %Y} has this source; kept, and told as spent where no MQL came. If"
            " it had another name then, write that one."
        )
        return [text]
    return []
