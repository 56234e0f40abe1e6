"""Accounts whose names are alike: found after they came, shown to people, and joined only by them.

Nothing of this is on the way of an arrival. A name that is new or changed is compared by the engine, with
those alone that share a key of it (`company_names.name_keys`), so the cost does not grow with the number of
accounts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Count, QuerySet

from core.errors import Conflict, FieldError, NotFound, ValidationFailed
from leads.account_merge import merge_accounts
from leads.company_names import likeness, name_keys
from leads.models import Account, AccountKey, AccountPair, AccountSettings, Lead
from tenants.arrays import with_arrays
from tenants.audit import record_change
from tenants.bulk import fresh, insert_rows
from tenants.context import current_tenant_id, tenant_scope

#: Names compared in one turn of an organisation.
BATCH: Final = 200
#: A key that more accounts share says nothing ("deutsche ..."): they are found by their others.
_MOST_SHARING: Final = 60
#: Pairs that one name may bring: a name like everybody's must not fill the list.
_MOST_PAIRS: Final = 5
LOWEST: Final = 70
_FROM_THE_FIRST: Final = UUID(int=0)

_NAMES = """
select id, case when name = domain then '' else name end, coalesce(merged_into_id, id) from leads_account
"""
# The condition is that of the index account_to_compare and of tenants_with_names_to_compare().
_TO_COMPARE = f"""
{_NAMES} where tenant_id = %s and not (compared_name = name)
order by id limit %s for no key update skip locked
"""
_AGAIN = f"{_NAMES} where tenant_id = %s and id > %s and compared_name = name order by id limit %s"
_SHARING = """
with told as (
    select key from leads_accountkey where tenant_id = %s and key = any(%s) group by key having count(*) <= %s
)
select k.key, a.id, a.name, coalesce(a.merged_into_id, a.id)
from told join leads_accountkey k on k.tenant_id = %s and k.key = told.key
join leads_account a on a.tenant_id = k.tenant_id and a.id = k.account_id
"""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Two accounts that may be one. keep: the one that would stay."""

    pair: AccountPair
    keep: Account
    other: Account
    leads: Mapping[UUID, int]


def account_settings() -> AccountSettings:
    """What the organisation chose, else what holds for everybody."""
    return AccountSettings.objects.first() or AccountSettings()


@transaction.atomic
def change_account_settings(*, suggest: bool, threshold: int, actor: str, now: datetime) -> AccountSettings:
    """Choose whether alike names are asked about, and from which likeness on. Audited.

    Whoever asks about more has all names compared again, by and by. Raises ValidationFailed at /threshold.
    """
    if not LOWEST <= threshold <= 100:
        text = f"From {LOWEST} to 100: below that nearly everything is alike."
        raise ValidationFailed(
            "This cannot be so.", field_errors=[FieldError("/threshold", text, "out_of_range")]
        )
    found = _locked_settings()
    before = {"suggest": found.suggest, "threshold": found.threshold}
    after = {"suggest": suggest, "threshold": threshold}
    if before == after:
        return found
    found.suggest, found.threshold = suggest, threshold
    if not suggest:
        found.again_after = None
    elif not before["suggest"] or threshold < int(before["threshold"]):
        found.again_after = _FROM_THE_FIRST
    found.save()
    AccountPair.objects.filter(state=AccountPair.State.OPEN, likeness__lt=threshold).delete()
    record_change(
        actor=actor,
        action="account.settings",
        object_type="account_settings",
        object_id=found.id,
        before=before,
        after=after,
        now=now,
    )
    return found


def _locked_settings() -> AccountSettings:
    """The organisation's row, made by whoever comes first of several."""
    rows = AccountSettings.objects.select_for_update()
    found: AccountSettings | None = rows.first()
    if found is None:
        insert_rows(
            [fresh(AccountSettings, tenant_id=current_tenant_id())], conflict="on conflict do nothing"
        )
        found = rows.get()
    return found


def tenants_with_names_to_compare() -> list[UUID]:
    """Organisations with names that are new or changed, or all compared again; by the resolver, before any
    tenant is set."""
    with connection.cursor() as cursor:
        cursor.execute("select tenant_id from tenants_with_names_to_compare()")
        return [row[0] for row in cursor.fetchall()]


def compare_accounts(tenant_id: UUID, *, now: datetime, batch: int = BATCH) -> int:
    """Compare names that are new or changed with those there are, and where the settings ask about more by
    now, all others again; how many were. A handful of statements, whatever their number. An account that is
    called by its domain alone has no name to compare."""
    with tenant_scope(tenant_id):
        with connection.cursor() as cursor:
            # One at a time: two would not see each other's names.
            cursor.execute(
                "select pg_try_advisory_xact_lock(hashtext(%s))", [f"accounts:compare:{tenant_id}"]
            )
            if not cursor.fetchone()[0]:
                return 0
            cursor.execute(_TO_COMPARE, [str(tenant_id), batch])
            rows: list[tuple[UUID, str, UUID]] = cursor.fetchall()
        # Held, so that whoever asks about more meanwhile has all names compared from the first on.
        settings = AccountSettings.objects.select_for_update().first() or AccountSettings()
        keys = {account_id: name_keys(name) for account_id, name, _ in rows}
        if rows:
            _keep_keys(keys)
        again = _again(settings, batch - len(rows))
        if settings.suggest and (rows or again):
            keys |= {account_id: name_keys(name) for account_id, name, _ in again}
            pairs = _alike([*rows, *again], keys, settings.threshold)
            insert_rows(
                [
                    fresh(
                        AccountPair,
                        tenant_id=tenant_id,
                        first_id=first,
                        second_id=second,
                        likeness=percent,
                        found_at=now,
                    )
                    for (first, second), percent in sorted(pairs.items())
                ],
                conflict="on conflict do nothing",
            )
        return len(rows) + len(again)


def _keep_keys(keys: Mapping[UUID, Iterable[str]]) -> None:
    """Write the keys of names that are new or changed, whose accounts are locked."""
    tenant_id = current_tenant_id()
    AccountKey.objects.filter(account_id__in=list(keys)).delete()
    insert_rows(
        [
            fresh(AccountKey, tenant_id=tenant_id, account_id=account_id, key=key)
            for account_id, its in keys.items()
            for key in sorted(its)
        ]
    )
    with connection.cursor() as cursor:
        cursor.execute(
            "update leads_account set compared_name = name where tenant_id = %s and id = any(%s::uuid[])",
            with_arrays([str(tenant_id), list(keys)]),
        )


def _again(settings: AccountSettings, most: int) -> list[tuple[UUID, str, UUID]]:
    """The next of the names that are compared again, and a note of how far that is. One that is new comes by
    itself."""
    if settings.again_after is None or most <= 0:
        return []
    with connection.cursor() as cursor:
        cursor.execute(_AGAIN, [str(current_tenant_id()), str(settings.again_after), most])
        rows: list[tuple[UUID, str, UUID]] = cursor.fetchall()
    settings.again_after = rows[-1][0] if len(rows) == most else None
    settings.save(update_fields=["again_after"])
    return rows


def _alike(
    rows: Sequence[tuple[UUID, str, UUID]], keys: Mapping[UUID, Iterable[str]], threshold: int
) -> dict[tuple[UUID, UUID], int]:
    """The pairs of these names with any other that are alike enough, with their likeness."""
    asked = sorted({key for its in keys.values() for key in its})
    sharing: dict[str, list[tuple[UUID, str, UUID]]] = defaultdict(list)
    tenant_id = str(current_tenant_id())
    with connection.cursor() as cursor:
        cursor.execute(_SHARING, with_arrays([tenant_id, asked, _MOST_SHARING, tenant_id]))
        for key, account_id, name, stands_for in cursor.fetchall():
            sharing[key].append((account_id, name, stands_for))
    pairs: dict[tuple[UUID, UUID], int] = {}
    for account_id, name, stands_for in rows:
        others = {each for key in keys[account_id] for each in sharing[key] if each[2] != stands_for}
        found = sorted(
            ((likeness(name, other), theirs) for _, other, theirs in others), key=lambda each: -each[0]
        )
        for percent, theirs in found[:_MOST_PAIRS]:
            if percent >= threshold:
                first, second = sorted([stands_for, theirs])
                pairs[first, second] = max(percent, pairs.get((first, second), 0))
    return pairs


def open_pairs() -> QuerySet[AccountPair]:
    """Pairs that wait for an answer, of accounts that are both still there."""
    rows: QuerySet[AccountPair] = AccountPair.objects.select_related(
        "first", "second", "first__owner", "second__owner"
    )
    return rows.filter(state=AccountPair.State.OPEN, first__merged_into=None, second__merged_into=None)


def suggestions(pairs: Sequence[AccountPair]) -> list[Suggestion]:
    """The pairs with what is known of both sides; one statement."""
    ids = {account.id for pair in pairs for account in (pair.first, pair.second)}
    counted = Lead.objects.filter(account_id__in=list(ids)).values_list("account_id")
    leads = dict.fromkeys(ids, 0) | dict(counted.annotate(Count("id")))
    return [_suggestion(pair, leads) for pair in pairs]


def _suggestion(pair: AccountPair, leads: Mapping[UUID, int]) -> Suggestion:
    """Whoever has the domain stays, else who has more leads, else who was there first."""
    first, second = pair.first, pair.second
    better = (bool(second.domain), leads[second.id]) > (bool(first.domain), leads[first.id])
    keep, other = (second, first) if better else (first, second)
    return Suggestion(pair, keep, other, leads)


def get_pair(*, pair_id: UUID, lock: bool = False) -> AccountPair:
    """A pair of this organisation. Raises NotFound."""
    rows = AccountPair.objects.select_for_update(of=("self",)) if lock else AccountPair.objects
    found: AccountPair | None = rows.filter(id=pair_id).first()
    if found is None:
        raise NotFound("There is no such pair of accounts.")
    return found


@transaction.atomic
def answer_pair(*, pair_id: UUID, same: bool, keep_id: UUID | None, actor: str, now: datetime) -> AccountPair:
    """Say of two accounts that they are one company, which merges them, or two: then nobody is asked again.

    keep_id: the one that stays; the one with the domain or more leads unless given. Raises NotFound; Conflict
    where somebody answered otherwise meanwhile; as `merge_accounts`. Audited.
    """
    pair = get_pair(pair_id=pair_id)
    if pair.state != AccountPair.State.OPEN:
        raise Conflict("Somebody answered this already.")
    if same:
        first, second = pair.first, pair.second
        chosen = keep_id or suggestions([pair])[0].keep.id
        if chosen not in (first.id, second.id):
            raise ValidationFailed.at("/keep", "Choose one of the two accounts.", "invalid_choice")
        lost = second.id if chosen == first.id else first.id
        merge_accounts(winner_id=chosen, loser_id=lost, actor=actor, now=now)
    changed = AccountPair.objects.filter(id=pair.id, state=AccountPair.State.OPEN)
    if not same:
        if not changed.update(state=AccountPair.State.DIFFERENT, answered_at=now, answered_by=actor):
            raise Conflict("Somebody answered this already.")
        record_change(
            actor=actor,
            action="account.differ",
            object_type="account",
            object_id=pair.first_id,
            after={"other": str(pair.second_id), "likeness": pair.likeness},
            now=now,
        )
    pair.refresh_from_db()
    return pair
