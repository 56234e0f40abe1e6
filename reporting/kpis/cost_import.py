"""Bring costs in, correct them, and remove them: all of what `cost_plan` shows is done, or nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from django.db import transaction

from core.errors import FieldError, NotFound, ValidationFailed, pointer
from leads.list_csv import Row
from reporting.kpis.cost_csv import Table
from reporting.kpis.cost_plan import NEW, REPLACES, THERE, WRONG, CostPlan, Line, plan_costs
from reporting.kpis.models import SourceCost
from tenants.audit import record_change
from tenants.bulk import fresh, insert_rows, update_rows
from tenants.context import current_tenant_id
from tenants.models import Role, Tenant

_MOST_ERRORS: Final = 100


def may_import(role: str) -> bool:
    """Whether somebody in this role brings costs in, corrects and removes them."""
    return role in (Role.ADMIN, Role.MARKETING)


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
