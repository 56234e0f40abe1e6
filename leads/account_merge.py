"""Two accounts become one, and two again.

The one that is lost stays as a row that points to the one that stays: its domain and name go on finding it,
so arrivals need no care, and an undoing has everything as it was. Locks as everywhere: leads, then accounts,
each by ascending id.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import OperationalError, transaction

from core.errors import Conflict, NotFound, ValidationFailed
from leads.account_facts import lists_of_account
from leads.account_tree import (
    MOST_LEVELS,
    ancestors,
    children_by_parent,
    is_above,
    levels_below,
    lock_tree,
    parents_around,
)
from leads.models import Account, AccountMerge, AccountPair, Lead, NamedList
from leads.recheck import accounts_changed
from tenants.audit import record_change

#: How long a merge can be undone.
UNDO_FOR: Final = timedelta(days=30)
#: Leads that one merge moves: all of them are locked, and remembered for the undoing.
MOST_LEADS: Final = 20_000
_TRIES: Final = 5
#: What the one that stays takes over where it says nothing itself.
_FILLED: Final = (
    "website", "employees", "revenue", "industry", "country", "region", "owner_id", "tier", "parent_id",
)  # fmt: skip
#: What is true of the company if it is true of one of the two.
_FLAGS: Final = ("is_customer", "is_partner", "is_competitor", "has_open_opportunity", "is_named")
LABELS: Final = {
    "website": "Website",
    "employees": "Employees",
    "revenue": "Revenue a year",
    "industry": "Industry",
    "country": "Country",
    "region": "Region",
    "owner_id": "Owner",
    "tier": "Account tier",
    "parent_id": "Parent",
    "is_customer": "Customer",
    "is_partner": "Partner",
    "is_competitor": "Competitor",
    "has_open_opportunity": "Open opportunity",
    "is_named": "Named account",
}


@dataclass(frozen=True, slots=True)
class MergePreview:
    """What a merge would do. leads: how many move. filled: {field: (before, after)} of the winner.
    comes_on, joins: named lists that the winner comes on, and those that the leads that move come on.
    """

    winner: Account
    loser: Account
    leads: int
    subsidiaries: Sequence[Account]
    names: Sequence[Account]
    filled: dict[str, tuple[Any, Any]]
    comes_on: Sequence[NamedList]
    joins: Sequence[NamedList]


def preview_merge(*, winner_id: UUID, loser_id: UUID) -> MergePreview:
    """What would become of the two. Raises as `merge_accounts`; nothing is written."""
    found = {
        each.id: each
        for each in Account.objects.select_related("owner", "parent").filter(id__in=[winner_id, loser_id])
    }
    winner, loser = _checked(found, winner_id, loser_id)
    _check_size(winner, loser)
    _check_depth(winner, loser)
    names = list(Account.objects.filter(merged_into=loser).order_by("name", "id"))
    its, theirs = _lists_of(winner), lists_of_account(loser, names)
    return MergePreview(
        winner=winner,
        loser=loser,
        leads=Lead.objects.filter(account=loser).count(),
        subsidiaries=list(Account.objects.filter(parent=loser).exclude(id=winner.id).order_by("name", "id")),
        names=names,
        filled=_filling(winner, loser),
        comes_on=_without(theirs, its),
        joins=_without(its, theirs),
    )


def _lists_of(account: Account) -> list[NamedList]:
    return lists_of_account(account, Account.objects.filter(merged_into=account))


def _without(some: Iterable[NamedList], others: Iterable[NamedList]) -> list[NamedList]:
    known = {each.slug for each in others}
    return [each for each in some if each.slug not in known]


@transaction.atomic
def merge_accounts(*, winner_id: UUID, loser_id: UUID, actor: str, now: datetime) -> AccountMerge:
    """Make the loser a part of the winner: leads, subsidiaries, other names and domains move, and the lists
    that name it name the winner through it. Audited.

    Raises NotFound; ValidationFailed at /into for two that cannot be one, or more leads than one merge moves;
    Conflict where one of them was merged meanwhile.
    """
    lock_tree()
    found = {each.id: each for each in Account.objects.filter(id__in=[winner_id, loser_id])}
    pair = _checked(found, winner_id, loser_id)
    _check_size(*pair)
    _check_depth(*pair)
    for _ in range(_TRIES):
        try:
            with transaction.atomic():
                return _merge(winner_id, loser_id, actor=actor, now=now)
        except _MoreLeads:
            continue
    raise Conflict("Leads keep coming in for this account at this moment; try again.")


class _MoreLeads(Exception):
    """A lead came in before the account was locked, and somebody is at it."""


def _merge(winner_id: UUID, loser_id: UUID, *, actor: str, now: datetime) -> AccountMerge:
    own = Lead.objects.filter(account_id=loser_id).values_list("id", flat=True)
    locked = set(_lock_leads(own))
    around = Account.objects.filter(merged_into_id=loser_id) | Account.objects.filter(parent_id=loser_id)
    found = _lock_accounts({winner_id, loser_id, *around.values_list("id", flat=True)})
    winner, loser = _checked(found, winner_id, loser_id)
    leads = sorted(own.all())
    try:
        _lock_leads(set(leads) - locked, nowait=True)
    except OperationalError as error:
        # Somebody has a lead that came meanwhile, and may be waiting for the account: they go first.
        raise _MoreLeads from error
    filled = _filling(winner, loser)
    subsidiaries = [row.id for row in found.values() if row.parent_id == loser_id and row.id != winner_id]
    names = [row.id for row in found.values() if row.merged_into_id == loser_id]
    Lead.objects.filter(id__in=leads).update(account_id=winner_id)
    Account.objects.filter(id__in=subsidiaries).update(parent_id=winner_id)
    Account.objects.filter(id__in=names).update(merged_into_id=winner_id)
    Account.objects.filter(id=loser_id).update(merged_into_id=winner_id)
    if filled:
        Account.objects.filter(id=winner_id).update(**{name: after for name, (_, after) in filled.items()})
    first, second = sorted([winner_id, loser_id])
    AccountPair.objects.filter(first_id=first, second_id=second).update(
        state=AccountPair.State.SAME, answered_at=now, answered_by=actor
    )
    accounts_changed([winner_id], now=now)
    merge: AccountMerge = AccountMerge.objects.create(
        winner_id=winner_id,
        loser_id=loser_id,
        moved={
            "leads": _texts(leads),
            "subsidiaries": _texts(subsidiaries),
            "names": _texts(names),
            "filled": _plain(filled),
        },
        at=now,
        by=actor,
    )
    record_change(
        actor=actor,
        action="account.merge",
        object_type="account",
        object_id=winner_id,
        before={**_named(loser), "fields": {name: was for name, (was, _) in _plain(filled).items()}},
        after={
            "merge": str(merge.id),
            "leads": len(leads),
            "subsidiaries": len(subsidiaries),
            "names": len(names),
            "fields": {name: said for name, (_, said) in _plain(filled).items()},
        },
        now=now,
    )
    return merge


@transaction.atomic
def undo_merge(*, merge_id: UUID, actor: str, now: datetime) -> AccountMerge:
    """Make two accounts of one again, as they were: what moved goes back unless it went elsewhere since, what
    the winner took over is given up unless somebody changed it since or another merge gives it too. Leads
    that came in afterwards stay.

    Raises NotFound; Conflict for one that was undone, is too old, or under a later merge, and where parents
    of meanwhile leave no room for it. Audited.
    """
    lock_tree()
    merge = get_merge(merge_id=merge_id, lock=True)
    _check_undoable(merge, now)
    moved = {"leads": [], "subsidiaries": [], "names": [], "filled": {}, **merge.moved}
    leads = _lock_leads(
        Lead.objects.filter(id__in=moved["leads"], account_id=merge.winner_id).values_list("id", flat=True)
    )
    ids = {merge.winner_id, merge.loser_id, *map(UUID, moved["subsidiaries"]), *map(UUID, moved["names"])}
    found = _lock_accounts(ids)
    winner, loser = found[merge.winner_id], found[merge.loser_id]
    children = Account.objects.filter(id__in=moved["subsidiaries"], parent_id=winner.id)
    names = Account.objects.filter(id__in=moved["names"], merged_into_id=winner.id)
    given = {
        name: before
        for name, (before, after) in moved["filled"].items()
        if _text(getattr(winner, name)) == after and not _given_by_another(merge, name, before, after)
    }
    _check_tree(winner, loser, list(children.values_list("id", flat=True)), given)
    Lead.objects.filter(id__in=leads).update(account_id=loser.id)
    back = {"leads": len(leads), "subsidiaries": children.update(parent_id=loser.id)}
    back["names"] = names.update(merged_into_id=loser.id)
    Account.objects.filter(id=loser.id).update(merged_into=None)
    if given:
        Account.objects.filter(id=winner.id).update(**given)
    accounts_changed([winner.id, loser.id], now=now)
    merge.undone_at = now
    merge.save(update_fields=["undone_at"])
    first, second = sorted([winner.id, loser.id])
    AccountPair.objects.filter(first_id=first, second_id=second).update(
        state=AccountPair.State.DIFFERENT, answered_at=now, answered_by=actor
    )
    record_change(
        actor=actor,
        action="account.undo_merge",
        object_type="account",
        object_id=winner.id,
        before={"merge": str(merge.id)},
        after={**_named(loser), **back, "fields": given},
        now=now,
    )
    return merge


def _given_by_another(merge: AccountMerge, name: str, before: Any, after: Any) -> bool:
    """Does another merge that still is give the winner the same? Then it is that one's from now on, and its
    undoing takes it back."""
    if before not in (None, "", False):
        return False  # a parent that was swallowed: nobody gave that
    rows = AccountMerge.objects.select_related("loser").filter(winner_id=merge.winner_id, undone_at=None)
    for other in rows.exclude(id=merge.id).select_for_update(of=("self",)).order_by("id"):
        if _text(getattr(other.loser, name)) == after:
            filled = {**other.moved.get("filled", {}), name: [before, after]}
            other.moved = {**other.moved, "filled": filled}
            other.save(update_fields=["moved"])
            return True
    return False


def get_merge(*, merge_id: UUID, lock: bool = False) -> AccountMerge:
    """A merge of this organisation. Raises NotFound."""
    rows = AccountMerge.objects.select_for_update(of=("self",)) if lock else AccountMerge.objects
    found: AccountMerge | None = rows.filter(id=merge_id).first()
    if found is None:
        raise NotFound("There is no such merge.")
    return found


def merges_of(account_id: UUID) -> list[AccountMerge]:
    """What was merged into an account and still is, the latest first."""
    rows = AccountMerge.objects.select_related("loser").filter(winner_id=account_id, undone_at=None)
    return list(rows.order_by("-at", "-id")[:50])


def _check_undoable(merge: AccountMerge, now: datetime) -> None:
    if merge.undone_at is not None:
        raise Conflict("This merge was undone already.")
    if now - merge.at > UNDO_FOR:
        raise Conflict(f"A merge can be undone for {UNDO_FOR.days} days; this one is older.")
    winner = Account.objects.select_related("merged_into").get(id=merge.winner_id)
    if winner.merged_into is not None:
        raise Conflict(f"{winner.name} was merged into {winner.merged_into.name} since: undo that first.")


def _check_tree(winner: Account, loser: Account, children: Sequence[UUID], given: dict[str, Any]) -> None:
    """Raises Conflict where the parents of meanwhile would close a circle with what goes back, or where more
    would stand above one another than may, and than do now. children: who comes under the loser again."""
    now = parents_around([winner.id, loser.id, *children])
    then = {**now, **dict.fromkeys(children, loser.id)}
    if "parent_id" in given:
        then[winner.id] = UUID(given["parent_id"]) if given["parent_id"] else None
    for start in (winner.id, loser.id):
        way = _way_up(start, then)
        if way[-1] in way[:-1]:
            called = dict(Account.objects.filter(id__in=way).values_list("id", "name"))
            circle = " below ".join(called[each] for each in way)
            text = f"This would close a circle: {circle}. Change their parents first, then undo."
            raise Conflict(text)
    highest = max(_height(each.id, then) for each in (winner, loser))
    if highest > max(MOST_LEVELS, _height(winner.id, now)):
        raise Conflict(
            f"More than {MOST_LEVELS} companies would stand above one another, with {loser.name} between "
            "those above it and its subsidiaries. Change their parents first, then undo."
        )


def _way_up(account_id: UUID, parents: Mapping[UUID, UUID | None]) -> list[UUID]:
    """The account and what stands above it; where that comes round, the last is there twice."""
    way, above = [account_id], parents.get(account_id)
    while above is not None:
        way.append(above)
        if above in way[:-1]:
            break
        above = parents.get(above)
    return way


def _height(account_id: UUID, parents: Mapping[UUID, UUID | None]) -> int:
    """How many stand above one another, through this account."""
    return len(_way_up(account_id, parents)) + levels_below(account_id, children_by_parent(parents))


def _checked(found: dict[UUID, Account], winner_id: UUID, loser_id: UUID) -> tuple[Account, Account]:
    """The two of a merge. Raises what says why they cannot be one."""
    winner, loser = found.get(winner_id), found.get(loser_id)
    if loser is None:
        raise NotFound("There is no such account.")
    if winner is None:
        raise ValidationFailed.at("/into", "There is no such account.", "invalid_choice")
    if winner.id == loser.id:
        raise ValidationFailed.at("/into", "Choose another account: this is the same one.", "same")
    for each in (winner, loser):
        if each.merged_into_id is not None:
            raise Conflict(f"{each.name} was merged into another account meanwhile. Look again.")
    if loser.domain and not winner.domain:
        text = (
            f"{loser.name} has a domain and {winner.name} has none: rules would not see it any more. Merge "
            f"{winner.name} into {loser.name} instead."
        )
        raise ValidationFailed.at("/into", text, "direction")
    if winner.parent_id != loser.id and is_above(loser.id, winner):
        text = f"{loser.name} stands above {winner.name}. Merge {winner.name} into {loser.name} instead."
        raise ValidationFailed.at("/into", text, "direction")
    return winner, loser


def _check_size(winner: Account, loser: Account) -> None:
    """Raises ValidationFailed, with a way out, where more leads would move than one merge can."""
    if not _is_large(loser):
        return
    text = f"{loser.name} has more than {MOST_LEADS:,} leads, and one merge moves no more than that."
    if not _is_large(winner) and _may_swap(winner, loser):
        text += f" Merge {winner.name} into {loser.name} instead: it has fewer."
    else:
        text += f" Keep both, and name {winner.name} as the parent of {loser.name} instead."
    raise ValidationFailed.at("/into", text, "too_many")


def _check_depth(winner: Account, loser: Account) -> None:
    """Raises ValidationFailed where more would stand above one another than may, and than do already."""
    children = children_by_parent(parents_around([winner.id, loser.id]))
    above = [len(ancestors(each)) for each in (winner, loser)]
    below = [levels_below(each.id, children) for each in (winner, loser)]
    filled = _filling(winner, loser)
    over = above[1] if "parent_id" in filled else above[0]
    highest = over + 1 + max(below)
    if highest > max(MOST_LEVELS, above[0] + 1 + below[0], above[1] + 1 + below[1]):
        text = (
            f"More than {MOST_LEVELS} companies would stand above one another: {winner.name} would stand "
            f"between those above it and those below {loser.name}. Change their parents first."
        )
        raise ValidationFailed.at("/into", text, "too_deep")


def _is_large(account: Account) -> bool:
    return Lead.objects.filter(account=account).order_by()[: MOST_LEADS + 1].count() > MOST_LEADS


def _may_swap(winner: Account, loser: Account) -> bool:
    """Could the winner be merged into the loser?"""
    try:
        _checked({winner.id: winner, loser.id: loser}, loser.id, winner.id)
    except ValidationFailed:
        return False
    return True


def _filling(winner: Account, loser: Account) -> dict[str, tuple[Any, Any]]:
    """What changes of the winner's own fields: {field: (before, after)}."""
    filled: dict[str, tuple[Any, Any]] = {}
    for name in _FILLED:
        mine, theirs = getattr(winner, name), getattr(loser, name)
        if mine in (None, "") and theirs not in (None, ""):
            filled[name] = (mine, theirs)
    for name in _FLAGS:
        if getattr(loser, name) and not getattr(winner, name):
            filled[name] = (False, True)
    if winner.parent_id == loser.id:
        filled["parent_id"] = (loser.id, loser.parent_id)
    elif "parent_id" in filled and (loser.parent_id == winner.id or is_above(winner.id, loser)):
        del filled["parent_id"]
    return filled


def _lock_leads(ids: Iterable[UUID], *, nowait: bool = False) -> list[UUID]:
    rows = Lead.objects.filter(id__in=list(ids)).order_by("id")
    return list(rows.select_for_update(of=("self",), no_key=True, nowait=nowait).values_list("id", flat=True))


def _lock_accounts(ids: Iterable[UUID]) -> dict[UUID, Account]:
    rows = Account.objects.filter(id__in=list(ids)).order_by("id").select_for_update(of=("self",))
    return {row.id: row for row in rows}


def _named(account: Account) -> dict[str, Any]:
    return {"account": str(account.id), "name": account.name, "domain": account.domain}


def _plain(filled: dict[str, tuple[Any, Any]]) -> dict[str, list[Any]]:
    return {name: [_text(before), _text(after)] for name, (before, after) in filled.items()}


def _text(value: Any) -> Any:
    return str(value) if isinstance(value, UUID) else value


def _texts(ids: Iterable[UUID]) -> list[str]:
    return [str(each) for each in ids]
