"""Which company belongs to which: parents and subsidiaries. Nobody is above itself.

Who changes a parent holds `lock_tree` first, so that two changes cannot close a circle between them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final
from uuid import UUID

from django.db import connection

from core.errors import ValidationFailed
from leads.models import Account
from tenants.arrays import with_arrays
from tenants.context import current_tenant_id

#: Companies above one another, at most.
MOST_LEVELS: Final = 10
TOO_DEEP: Final = f"At most {MOST_LEVELS} companies stand above one another, with those below this one."


def lock_tree() -> None:
    """Wait for whoever changes parents, names or domains of accounts by hand, until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(hashtext(%s))", [f"accounts:tree:{current_tenant_id()}"])


# Each follows to the end, whatever the height, and stops where it would come round a circle.
_ABOVE: Final = """
with recursive above as (
    select id, name, domain, parent_id, array[id] as way from leads_account where tenant_id = %s and id = %s
    union all
    select a.id, a.name, a.domain, a.parent_id, way || a.id
    from above join leads_account a on a.tenant_id = %s and a.id = above.parent_id
    where a.id <> all(way)
)
select id, name, domain, parent_id from above order by cardinality(way)
"""
_AROUND: Final = """
with recursive above as (
    select id, parent_id from leads_account where tenant_id = %s and id = any(%s::uuid[])
    union
    select a.id, a.parent_id
    from above join leads_account a on a.tenant_id = %s and a.id = above.parent_id
), below as (
    select id, parent_id from leads_account where tenant_id = %s and id = any(%s::uuid[])
    union
    select a.id, a.parent_id
    from below join leads_account a on a.tenant_id = %s and a.parent_id = below.id
    where a.merged_into_id is null
)
select id, parent_id from above union select id, parent_id from below
"""


def ancestors(account: Account) -> list[Account]:
    """The companies above this one, its parent first, with name and domain alone. One statement."""
    if account.parent_id is None:
        return []
    tenant_id = str(current_tenant_id())
    with connection.cursor() as cursor:
        cursor.execute(_ABOVE, [tenant_id, str(account.parent_id), tenant_id])
        return [
            Account(id=each, name=name, domain=domain, parent_id=parent_id)
            for each, name, domain, parent_id in cursor.fetchall()
        ]


def parents_around(ids: Iterable[UUID]) -> dict[UUID, UUID | None]:
    """The parent of each of these accounts, and of all that stand above and below them. One statement."""
    tenant_id, wanted = str(current_tenant_id()), list(ids)
    if not wanted:
        return {}
    with connection.cursor() as cursor:
        once = [tenant_id, wanted, tenant_id]
        cursor.execute(_AROUND, with_arrays([*once, *once]))
        return dict(cursor.fetchall())


def children_by_parent(parents: Mapping[UUID, UUID | None]) -> dict[UUID, set[UUID]]:
    """Who stands right below each, of {account: its parent}."""
    found: dict[UUID, set[UUID]] = {}
    for child, parent in parents.items():
        if parent is not None:
            found.setdefault(parent, set()).add(child)
    return found


def levels_below(account_id: UUID, children: Mapping[UUID, Iterable[UUID]]) -> int:
    """How many stand below one another at most, below this one; MOST_LEVELS for more than that."""
    level, rank = 0, set(children.get(account_id, ()))
    while rank and level < MOST_LEVELS:
        level, rank = level + 1, {each for upper in rank for each in children.get(upper, ())}
    return level


def check_parent(account: Account, parent_id: UUID) -> Account:
    """The account that is to be above this one. Raises ValidationFailed at /parent."""
    parent: Account | None = Account.objects.filter(id=parent_id).first()
    if parent is None:
        raise ValidationFailed.at("/parent", "There is no such account.", "invalid_choice")
    if parent.merged_into_id is not None:
        raise ValidationFailed.at(
            "/parent", f"{parent.name} was merged into another account: choose that one.", "merged"
        )
    if parent.id == account.id:
        raise ValidationFailed.at("/parent", "An account cannot be its own parent.", "circle")
    above = ancestors(parent)
    if any(each.id == account.id for each in above):
        way = " below ".join([parent.name, *(each.name for each in above)][: _place(above, account) + 2])
        text = f"This would close a circle: {way}. Take {account.name} out from above {parent.name} first."
        raise ValidationFailed.at("/parent", text, "circle")
    below = levels_below(account.id, children_by_parent(parents_around([account.id])))
    if len(above) + 1 + below >= MOST_LEVELS:
        raise ValidationFailed.at("/parent", TOO_DEEP, "too_deep")
    return parent


def _place(above: list[Account], account: Account) -> int:
    return next(index for index, each in enumerate(above) if each.id == account.id)


def is_above(upper_id: UUID, lower: Account) -> bool:
    """Is that account somewhere above this one?"""
    return any(each.id == upper_id for each in ancestors(lower))
