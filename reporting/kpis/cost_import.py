"""Bring costs in, correct them, and remove them. What a file would do is worked out row by row first; then
all of it is done, or nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from difflib import get_close_matches
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Count, Sum

from core.errors import FieldError, NotFound, ValidationFailed, pointer
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
from tenants.audit import record_change
from tenants.bulk import fresh, insert_rows, update_rows
from tenants.context import current_tenant_id
from tenants.models import Role, Tenant

NEW, REPLACES, THERE, WRONG = "new", "replaces", "there", "wrong"
STATUS_WORDS: Final = {
    NEW: "New",
    REPLACES: "Replaces",
    THERE: "There already",
    WRONG: "Wrong",
}
#: Sources that a name is looked for among: those with most MQLs.
_MOST_KNOWN: Final = 5_000
_MOST_ERRORS: Final = 100
_Key = tuple[date, str, str]


def may_import(role: str) -> bool:
    """Whether somebody in this role brings costs in, corrects and removes them."""
    return role in (Role.ADMIN, Role.MARKETING)


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


@dataclass(frozen=True, slots=True)
class _Known:
    """What the organisation's leads say of sources: the names, and MQLs by month and source."""

    names: Sequence[str]
    brought: Collection[tuple[date, str]]

    def spelled(self, source: str) -> str:
        """The name as leads spell it, where only case or blanks differ from exactly one."""
        if source in self.names:
            return source
        alike = [name for name in self.names if _folded(name) == _folded(source)]
        return alike[0] if len(alike) == 1 else source


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
    first_line: dict[_Key, int] = {}
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
        return _Known((), ())
    zone = ZoneInfo(tenant.time_zone)
    today = now.astimezone(zone).date()
    ever = Question(zone=zone, first=date(2000, 1, 1), last=today)
    ground = handoff_ground(ever)
    names, _ = top_keys(ever, "source", ground, most=_MOST_KNOWN)
    asked = Question(zone=zone, first=min(months), last=min(last_of(max(months)), today))
    return _Known([str(name) for name in names if name], set(brought_by_source(asked, ground)))


def _place(
    line: Line, said: Said, known: _Known, there: Mapping[_Key, SourceCost], first_line: dict[_Key, int]
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
        close = get_close_matches(_folded(said.source), [_folded(name) for name in known.names], n=1)
        meant = next((name for name in known.names if close and _folded(name) == close[0]), "")
        hint = f" Did you mean {meant!r}?" if meant else ""
        return [f"No MQL ever came from this source; kept, and told as spent where no MQL came.{hint}"]
    if (said.month, said.source) not in known.brought:
        text = (
            f"No MQL of {said.month:%B %Y} has this source; kept, and told as spent where no MQL came. If"
            " it had another name then, write that one."
        )
        return [text]
    return []


@transaction.atomic
def import_costs(
    *, tenant: Tenant, table: Table, leave_out_wrong: bool = False, actor: str, now: datetime
) -> CostPlan:
    """Do what `plan_costs` shows, by what is there now. Audited, with an entry a month.

    Raises ValidationFailed with /rows/<index> of each wrong row, unless those are to be left out.
    """
    plan = plan_costs(tenant=_turn(tenant.id), table=table, now=now)
    errors = [
        FieldError(pointer("rows", index), f"Line {line.line}: {next(iter(line.errors.values()))}", "row")
        for index, line in enumerate(plan.lines)
        if line.status == WRONG
    ]
    if errors and not leave_out_wrong:
        many = "1 row is" if len(errors) == 1 else f"{len(errors):,} rows are"
        raise ValidationFailed(f"{many} wrong; nothing was brought in.", field_errors=errors[:_MOST_ERRORS])
    _write([line for line in plan.lines if line.status in (NEW, REPLACES)], actor, now)
    return plan


def set_cost(*, tenant: Tenant, cells: Mapping[str, str], actor: str, now: datetime) -> Line:
    """Write one cost, or correct it, as a row of a file would. Raises ValidationFailed at the columns."""
    said = {name: text.strip() for name, text in cells.items() if text.strip()}
    table = Table([Row(1, said)])
    with transaction.atomic():
        (line,) = plan_costs(tenant=_turn(tenant.id), table=table, now=now).lines
        if line.errors:
            errors = [FieldError(pointer(name), text) for name, text in line.errors.items()]
            raise ValidationFailed(errors[0].message, field_errors=errors)
        if line.status != THERE:
            _write([line], actor, now)
    return line


def _write(lines: Iterable[Line], actor: str, now: datetime) -> None:
    said = [line.said for line in lines if line.said is not None]
    if not said:
        return
    months = sorted({each.month for each in said})
    there = {
        (row.month, row.source, row.campaign): row for row in SourceCost.objects.filter(month__in=months)
    }
    before: dict[date, dict[str, str]] = {month: {} for month in months}
    after: dict[date, dict[str, str]] = {month: {} for month in months}
    made, changed = [], []
    for each in said:
        row = there.get((each.month, each.source, each.campaign))
        name = _name(each.source, each.campaign)
        after[each.month][name] = f"{each.amount:.2f} {each.currency}"
        if row is not None:
            before[each.month][name] = f"{row.amount:.2f} {row.currency}"
            row.amount, row.currency, row.set_at, row.set_by = each.amount, each.currency, now, actor
            changed.append(row)
            continue
        made.append(
            fresh(
                SourceCost,
                tenant_id=current_tenant_id(),
                month=each.month,
                source=each.source,
                campaign=each.campaign,
                amount=each.amount,
                currency=each.currency,
                set_at=now,
                set_by=actor,
            )
        )
    if made:
        insert_rows(made)
    if changed:
        update_rows(changed, ["amount", "currency", "set_at", "set_by"])
    for month in months:
        _note("costs.set", month, before[month], after[month], actor, now)


def _name(source: str, campaign: str) -> str:
    return f"{source} / {campaign}" if campaign else source


def _note(
    action: str, month: date, before: dict[str, str], after: dict[str, str], actor: str, now: datetime
) -> None:
    def said(costs: dict[str, str]) -> dict[str, Any] | None:
        return {"month": f"{month:%Y-%m}", "costs": costs} if costs else None

    record_change(
        actor=actor,
        action=action,
        object_type="costs",
        object_id=None,
        before=said(before),
        after=said(after),
        now=now,
    )


@transaction.atomic
def remove_month(*, month: date, actor: str, now: datetime) -> int:
    """Remove all costs of a month; how many. Raises NotFound where there are none."""
    _turn(current_tenant_id())
    rows = list(SourceCost.objects.select_for_update().filter(month=month).order_by("id"))
    if not rows:
        raise NotFound(f"No cost of {month:%B %Y} is known.")
    return _remove(rows, actor, now)


@transaction.atomic
def remove_cost(*, cost_id: UUID, actor: str, now: datetime) -> SourceCost:
    """Remove one cost. Raises NotFound."""
    _turn(current_tenant_id())
    row: SourceCost | None = SourceCost.objects.select_for_update().filter(id=cost_id).first()
    if row is None:
        raise NotFound("There is no such cost.")
    _remove([row], actor, now)
    return row


def _turn(tenant_id: UUID) -> Tenant:
    """The organisation, locked: whoever writes costs or removes them comes after who began before, so that
    nobody corrects a row that is just being removed."""
    found: Tenant = Tenant.objects.select_for_update(no_key=True).get(id=tenant_id)
    return found


def _remove(rows: Sequence[SourceCost], actor: str, now: datetime) -> int:
    said = {_name(row.source, row.campaign): f"{row.amount:.2f} {row.currency}" for row in rows}
    SourceCost.objects.filter(id__in=[row.id for row in rows]).delete()
    _note("costs.removed", rows[0].month, said, {}, actor, now)
    return len(rows)


# --- Reads --------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class MonthOfCosts:
    """The costs of a month together. amount: of those in the organisation's currency."""

    month: date
    rows: int = 0
    amount: Decimal = Decimal(0)
    others: int = 0


def months_of_costs(currency: str) -> list[MonthOfCosts]:
    """The months that have a cost, the latest first. One query."""
    found: dict[date, MonthOfCosts] = {}
    summed = SourceCost.objects.order_by().values("month", "currency")
    for each in summed.annotate(amount_sum=Sum("amount"), rows=Count("id")):
        one = found.setdefault(each["month"], MonthOfCosts(each["month"]))
        one.rows += each["rows"]
        if each["currency"] == currency:
            one.amount += each["amount_sum"]
        else:
            one.others += each["rows"]
    return [found[month] for month in sorted(found, reverse=True)]


def costs_of(month: date | None) -> list[SourceCost]:
    """The costs of a month, or all, the latest month first. One query."""
    rows = SourceCost.objects.order_by("-month", "source", "campaign")
    return list(rows if month is None else rows.filter(month=month))
