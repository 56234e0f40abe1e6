"""Other names and other domains of an account: whatever comes in under one joins the account at once.

Each is a row of accounts of its own that points to its account, so that a domain stands once whatever it is,
and arrivals find it on the way that they take anyway.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, transaction

from core.errors import Conflict, NotFound, ValidationFailed
from core.rules.text import fold
from leads.account_tree import lock_tree
from leads.accounts import lock_new_names
from leads.incoming import storable
from leads.matching import check_domain, registrable_domain
from leads.models import Account, AccountMerge
from tenants.audit import record_change

MAX_NAMES = 100


def names_of(account_ids: Iterable[UUID]) -> dict[UUID, list[Account]]:
    """The rows that point to each of these accounts: other names and domains, and what was merged into it."""
    found: dict[UUID, list[Account]] = {account_id: [] for account_id in account_ids}
    for row in Account.objects.filter(merged_into_id__in=list(found)).order_by("name", "id"):
        found[row.merged_into_id].append(row)
    return found


@transaction.atomic
def add_name(*, account_id: UUID, name: str = "", domain: str = "", actor: str, now: datetime) -> Account:
    """Another name, another domain, or both at once; gives back its row. Audited.

    Raises NotFound; ValidationFailed at /name or /domain, also for what another account has; Conflict for an
    account that was merged away.
    """
    lock_tree()
    if not domain.strip():
        lock_new_names()  # an arrival may be making an account of this name
    account = locked_account(account_id)
    text = " ".join(name.split())
    site = check_domain(domain, "/domain")
    if not text and not site:
        raise ValidationFailed.at("/name", "Give another name or another domain of the company.", "required")
    if len(text) > 200 or not storable(text):
        raise ValidationFailed.at("/name", "At most 200 characters of plain text.", "max_length")
    if Account.objects.filter(merged_into=account).count() >= MAX_NAMES:
        raise ValidationFailed.at("", f"An account has at most {MAX_NAMES} other names.", "too_many")
    if site:
        _check_free(Account.objects.filter(domain=site).first(), account, "/domain", site)
    if text and fold(text) == fold(account.name):
        raise ValidationFailed.at("/name", f"The account is called {account.name} already.", "taken")
    if text and not site:
        taken = Account.objects.filter(name=text, domain="").exclude(id=account.id).first()
        _check_free(taken, account, "/name", text)
    row = Account(name=text or site, domain=site, merged_into=account, created_at=now)
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError as error:
        found = Account.objects.filter(domain=site).first()
        _check_free(found, account, "/domain", site)
        raise Conflict("Somebody else took this domain at the same moment. Try again.") from error
    record_change(
        actor=actor,
        action="account.add_name",
        object_type="account",
        object_id=account.id,
        after={"name": text, "domain": site},
        now=now,
    )
    return row


def _check_free(taken: Account | None, account: Account, path: str, text: str) -> None:
    """Raises ValidationFailed where another row has this name or domain."""
    if taken is None:
        return
    if taken.id == account.id or taken.merged_into_id == account.id:
        raise ValidationFailed.at(path, f"{account.name} is known by {text} already.", "taken")
    owner = taken.merged_into or taken
    message = f"{owner.name} has this already. If they are one company, merge the two accounts."
    raise ValidationFailed.at(path, message, "taken")


def keep_website(account: Account, website: str, *, now: datetime) -> None:
    """Let a website at another domain than the account's name the account too. The tree is locked. Raises
    ValidationFailed at /website for one that is none, or another account's; Conflict for one that came and
    went meanwhile."""
    site = registrable_domain(website)
    if not site:
        message = "This is no website. Write it like https://www.acme.com, or leave it empty."
        raise ValidationFailed.at("/website", message, "invalid_domain")
    try:
        check_domain(site, "/website")
    except ValidationFailed:
        return  # a page at a host of many: it says nothing about whose mail comes from there
    taken = Account.objects.filter(domain=site).first()
    if taken is not None and account.id in (taken.id, taken.merged_into_id):
        return
    _check_free(taken, account, "/website", site)
    try:
        with transaction.atomic():
            Account.objects.create(name=site, domain=site, merged_into=account, created_at=now)
    except IntegrityError as error:  # an arrival made it since
        _check_free(Account.objects.filter(domain=site).first(), account, "/website", site)
        raise Conflict("Somebody else took this domain at the same moment. Try again.") from error


@transaction.atomic
def remove_name(*, account_id: UUID, name_id: UUID, actor: str, now: datetime) -> None:
    """Take another name or domain away again. Audited. Leads that came under it stay.

    Raises NotFound; Conflict for an account that was merged in, which an undoing takes out.
    """
    lock_tree()
    row: Account | None = (
        Account.objects.select_for_update(of=("self",)).filter(id=name_id, merged_into_id=account_id).first()
    )
    if row is None:
        raise NotFound("The account has no such name.")
    if AccountMerge.objects.filter(loser=row).exists():
        raise Conflict("This was an account of its own. Undo its merge to take it out.")
    record_change(
        actor=actor,
        action="account.remove_name",
        object_type="account",
        object_id=account_id,
        before={"name": row.name, "domain": row.domain},
        now=now,
    )
    row.delete()


def locked_account(account_id: UUID) -> Account:
    """An account, locked against other writers. Raises NotFound; Conflict for one that was merged away."""
    found: Account | None = (
        Account.objects.select_for_update(of=("self",), no_key=True).filter(id=account_id).first()
    )
    if found is None:
        raise NotFound("There is no such account.")
    if found.merged_into_id is not None:
        raise Conflict("This account was merged into another. Change that one, or undo the merge.")
    return found
