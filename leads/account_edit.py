"""Accounts kept by hand: what the company is to us, which criteria and routing rules ask about."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Coalesce

from core.errors import FieldError, NotFound, StaleVersion, ValidationFailed
from leads.account_names import keep_website, locked_account
from leads.account_tree import check_parent, lock_tree
from leads.incoming import storable
from leads.matching import check_domain, registrable_domain
from leads.models import Account
from leads.recheck import accounts_changed
from leads.text_search import begins, is_one_of
from tenants.audit import record_change
from tenants.models import Member

FLAGS: Final[Mapping[str, str]] = {
    "is_customer": "Customer",
    "is_partner": "Partner",
    "is_competitor": "Competitor",
    "has_open_opportunity": "Open opportunity",
    "is_named": "Named account",
}
FIELDS: Final = (
    "name",
    "domain",
    "website",
    "employees",
    "revenue",
    "industry",
    "country",
    "region",
    "owner",
    "tier",
    "parent",
    *FLAGS,
)
_ID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_REFERENCES: Final = ("owner", "parent")


def find_accounts(*, text: str = "", flag: str = "") -> QuerySet[Account]:
    """Accounts whose name or domain begins with `text`, whatever its case, by another name of theirs too;
    flag: only those that carry it. Those that were merged away are left out."""
    found: QuerySet[Account] = Account.objects.select_related("owner", "parent").filter(merged_into=None)
    wanted = text.strip()
    if wanted:
        named = Account.objects.filter(Q(begins("lower_name", wanted)) | Q(begins("domain", wanted)))
        found = found.filter(is_one_of("id", named.values_list(Coalesce("merged_into_id", "id"))))
    if flag in FLAGS:
        found = found.filter(**{flag: True})
    return found


def get_account(*, account_id: UUID) -> Account:
    """An account of this organisation, with its owner and what stands above it. Raises NotFound."""
    rows = Account.objects.select_related("owner", "parent", "merged_into")
    account: Account | None = rows.filter(id=account_id).first()
    if account is None:
        raise NotFound("There is no such account.")
    return account


def account_called(text: str, path: str) -> Account | None:
    """The account that somebody wrote by its domain, by its name as it stands there, by another of its
    domains or names, or by its id; None for nothing written. Raises ValidationFailed at `path`."""
    wanted = " ".join(text.split())
    if not wanted:
        return None
    rows = Account.objects.select_related("merged_into")
    domain = registrable_domain(wanted)
    named = list(rows.filter(domain=domain)[:1]) if domain else []
    named = named or list(rows.filter(id=wanted)[:1] if _ID.fullmatch(wanted) else [])
    named = named or list(rows.filter(name=wanted).order_by("id")[:5] if storable(wanted) else [])
    found = {(each.merged_into or each).id: each.merged_into or each for each in named}
    if not found:
        message = f"No account is called {wanted[:80]!r}. Give its domain, or its name as it stands here."
        raise ValidationFailed.at(path, message, "invalid_choice")
    if len(found) > 1:
        message = f"Several accounts are called {wanted[:80]!r}. Give the domain of the one you mean."
        raise ValidationFailed.at(path, message, "ambiguous")
    return next(iter(found.values()))


@transaction.atomic
def change_account(
    *,
    account_id: UUID,
    changes: Mapping[str, Any],
    actor: str,
    now: datetime,
    seen: Mapping[str, Any] | None = None,
) -> tuple[Account, bool]:
    """Write these of FIELDS and no others; gives back the account and whether anything changed. Audited.

    changes: owner is a member's id or None, parent an account's. Leads that are judged already stay judged,
             but those that wait for data, which are looked at again; the next arrival or correction of each
             reads what stands here then.
    seen:    what the author saw, by field; a field that is to be changed and has another value by now is
             refused, lest somebody else's word of meanwhile is taken back unread.
    Raises NotFound; ValidationFailed at the field's name; Conflict for an account that was merged away;
    StaleVersion with `changes`, a list of {"field", "before", "after"}.
    """
    if {"parent", "domain", "website"} & set(changes):
        lock_tree()
    account = locked_account(account_id)
    wanted = _checked(changes)
    names = [name for name in wanted if getattr(account, _column(name)) != wanted[name]]
    if not names:
        return get_account(account_id=account_id), False
    _check_seen(account, names, seen or {})
    if "parent" in names and wanted["parent"] is not None:
        check_parent(account, wanted["parent"])
    before = {name: _plain(getattr(account, _column(name))) for name in names}
    for name in names:
        setattr(account, _column(name), wanted[name])
    try:
        with transaction.atomic():
            account.save(update_fields=[_column(name) for name in names])
            if wanted.get("website"):
                keep_website(account, wanted["website"], now=now)
    except IntegrityError as error:
        if getattr(getattr(error.__cause__, "diag", None), "constraint_name", "") != "account_domain_once":
            raise
        message = (
            "Another account has this domain already. Search for it under Accounts, and merge the two where "
            "they are one company, or write another domain."
        )
        raise ValidationFailed(message, field_errors=[FieldError("/domain", message, "taken")]) from error
    record_change(
        actor=actor,
        action="account.change",
        object_type="account",
        object_id=account.id,
        before=before,
        after={name: _plain(wanted[name]) for name in names},
        now=now,
    )
    accounts_changed([account.id], now=now)
    return get_account(account_id=account_id), True


def _check_seen(account: Account, names: Sequence[str], seen: Mapping[str, Any]) -> None:
    """Raises StaleVersion where a field that is to be changed is not as its author saw it."""
    stale = [
        {"field": name, "before": _plain(seen[name]), "after": _plain(getattr(account, _column(name)))}
        for name in names
        if name in seen and _plain(seen[name]) != _plain(getattr(account, _column(name)))
    ]
    if stale:
        text = "Somebody else changed the same of this account meanwhile. Nothing is saved yet."
        raise StaleVersion(text, changes=stale)


def _column(name: str) -> str:
    return f"{name}_id" if name in _REFERENCES else name


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, UUID) else value


def _checked(changes: Mapping[str, Any]) -> dict[str, Any]:
    """The values as they are kept. Raises ValidationFailed with every wrong field."""
    errors: list[FieldError] = []
    found = dict(changes)
    if "name" in found and not str(found["name"] or "").strip():
        errors.append(FieldError("/name", "An account needs a name.", "required"))
    if found.get("domain"):
        try:
            found["domain"] = check_domain(str(found["domain"]), "/domain")
        except ValidationFailed as refusal:
            errors += refusal.field_errors
    owner_id = found.get("owner")
    if owner_id is not None and not Member.objects.filter(id=owner_id, is_active=True).exists():
        errors.append(FieldError("/owner", "Choose somebody who is active here.", "invalid_choice"))
    if errors:
        raise ValidationFailed("This account cannot be saved so.", field_errors=errors)
    return {name: value.strip() if isinstance(value, str) else value for name, value in found.items()}
