"""Brings a file into a named list as `leads.list_plan` works it out: all of it, or nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import transaction

from core.errors import Conflict, FieldError, ValidationFailed, pointer
from leads.account_edit import FLAGS
from leads.account_tree import lock_tree
from leads.list_csv import Table
from leads.list_plan import TEXTS, WRONG, Line, ListPlan, Planning
from leads.models import Account
from leads.named_lists import get_list, locked_list, write_entries
from leads.recheck import accounts_changed
from tenants.audit import record_change
from tenants.bulk import fresh, insert_rows, update_rows
from tenants.context import current_tenant_id
from tenants.models import AuditEntry

_TRIES: Final = 5
_WRITTEN: Final = ("owner", "parent", "employees", *TEXTS, *FLAGS)


def plan_import(*, list_id: UUID, table: Table, now: datetime) -> ListPlan:
    """What bringing the file in would do; nothing is written. Raises NotFound."""
    return Planning(get_list(list_id=list_id), table, now).plan()


@transaction.atomic
def import_list(
    *, list_id: UUID, table: Table, leave_out_wrong: bool = False, actor: str, now: datetime
) -> ListPlan:
    """Do what `plan_import` shows, by what is there now. Audited, with an entry for each account that
    changed.

    Raises NotFound; ValidationFailed with /rows/<index> of each wrong row, unless those are to be left out;
    Conflict where others keep making the same accounts.
    """
    lock_tree()
    for _ in range(_TRIES):
        try:
            with transaction.atomic():
                return _import(list_id, table, leave_out_wrong, actor, now)
        except _Overtaken:
            continue
    raise Conflict("Leads of these companies keep coming in at this moment; bring the file in again.")


class _Overtaken(Exception):
    """Somebody else made one of the accounts since the file was planned: it is planned again, with it."""


def _import(list_id: UUID, table: Table, leave_out_wrong: bool, actor: str, now: datetime) -> ListPlan:
    found = locked_list(list_id=list_id)
    planning = Planning(found, table, now, locks=True)
    plan = planning.plan()
    errors = [
        FieldError(pointer("rows", index), f"Line {line.line}: {line.errors[0]}", "row")
        for index, line in enumerate(plan.lines)
        if line.status == WRONG
    ]
    if errors and not leave_out_wrong:
        many = "1 row is" if len(errors) == 1 else f"{len(errors)} rows are"
        raise ValidationFailed(f"{many} wrong; nothing was brought in.", field_errors=errors[:100])
    sound = [line for line in plan.lines if line.status != WRONG]
    write_entries(found, [line.entry for line in sound if line.entry], now=now)
    _write_accounts(sound, actor=actor, now=now)
    record_change(
        actor=actor,
        action="list.import",
        object_type="list",
        object_id=found.id,
        after=plan.counts,
        now=now,
    )
    return plan


def _write_accounts(lines: Sequence[Line], *, actor: str, now: datetime) -> None:
    made = {line.account.id: line.account for line in lines if line.makes and line.account}
    changed: dict[UUID, Account] = {}
    audit: list[AuditEntry] = []
    before: dict[UUID, dict[str, Any]] = {}
    after: dict[UUID, dict[str, Any]] = {}
    for line in lines:
        if line.account is None:
            continue
        for name, value in line.changes.items():
            account_id = line.account.id
            before.setdefault(account_id, {}).setdefault(name, _plain(getattr(line.account, name)))
            after.setdefault(account_id, {})[name] = _plain(value)
            setattr(line.account, name, value)
            if account_id not in made:
                changed[account_id] = line.account
    placed = _insert_accounts(list(made.values()))
    update_rows([*changed.values(), *placed], list(_WRITTEN))
    for account_id, said in after.items():
        was = before[account_id] if account_id not in made else None
        audit.append(
            fresh(
                AuditEntry,
                tenant_id=current_tenant_id(),
                at=now,
                actor=actor,
                action="account.change",
                object_type="account",
                object_id=account_id,
                before=was,
                after=said,
            )
        )
    insert_rows(audit)
    accounts_changed(list(changed), now=now)


def _insert_accounts(made: Sequence[Account]) -> list[Account]:
    """Insert new accounts; those that a parent is still to be written of. Raises _Overtaken."""
    parents = {row.id: row.parent_id for row in made if row.parent_id is not None}
    for row in made:
        row.parent_id = None  # which may be one that is there already, under another id
    if len(insert_rows(made, conflict="on conflict do nothing", returning=True)) < len(made):
        raise _Overtaken
    placed = [row for row in made if row.id in parents]
    for row in placed:
        row.parent_id = parents[row.id]
    return placed


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, UUID) else value
