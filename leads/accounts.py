"""Which company is it? The account of each person in a batch of arrivals, found or made."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from django.db import connection

from leads.arrivals import Person
from leads.incoming import CompanyIn
from leads.matching import company_domain, normalise_email
from leads.models import Account
from tenants.arrays import with_arrays
from tenants.bulk import fresh, insert_rows, update_rows
from tenants.context import current_tenant_id


def match_accounts(people: Sequence[Person], now: datetime) -> None:
    """Find or make the account of each person: by domain, else by the exact name of one that has no
    domain."""
    wanted: dict[Person, tuple[str, str]] = {}
    for person in people:
        wanted[person] = _account_key(person)
    domains = sorted({domain for domain, _ in wanted.values() if domain})
    names = sorted({name for domain, name in wanted.values() if name and not domain})
    known = sorted({person.lead.account_id for person in people if person.lead and person.lead.account_id})
    if not (domains or names or known):
        return
    by_domain, by_name, by_id = _find_accounts(domains, names, known)
    missing = [domain for domain in domains if domain not in by_domain]
    nameless = [name for name in names if name not in by_name]
    if missing or nameless:
        _make_accounts(missing, nameless, wanted, by_domain, by_name, now)
    changed: dict[UUID, Account] = {}
    for person, (domain, name) in wanted.items():
        found = by_domain.get(domain) if domain else by_name.get(name) if name else None
        current = by_id.get(person.lead.account_id) if person.lead and person.lead.account_id else None
        person.account = found or current
        if person.account is not None:
            for _, item in person.items:
                if _improve_account(person.account, item.company):
                    changed[person.account.id] = person.account
    if changed:
        list(
            Account.objects.filter(id__in=list(changed))
            .select_for_update(of=("self",), no_key=True)
            .order_by("id")
            .only("id")
        )
        update_rows(list(changed.values()), ["name", "employees", "revenue", "industry", "country", "region"])


def _account_key(person: Person) -> tuple[str, str]:
    """(domain, name) of the company that the items name; a known lead keeps its account unless they name
    one."""
    has_account = person.lead is not None and person.lead.account_id is not None
    for _, item in person.items:
        domain = company_domain(
            given=item.company.domain, email="" if has_account else normalise_email(item.email)
        )
        if domain:
            return domain, item.company.name
    name = next((item.company.name for _, item in person.items if item.company.name), "")
    return "", "" if has_account else name


@cache
def _account_columns() -> list[str]:
    return [each.attname for each in Account._meta.local_concrete_fields]


@cache
def _accounts_sql(condition: str) -> str:
    """The accounts of a tenant that meet one of our own conditions, by ascending id."""
    names = ", ".join(_account_columns())
    # Names and conditions are our own, never from a request.
    return f"select {names} from leads_account where tenant_id = %s and ({condition}) order by id"  # noqa: S608


def _find_accounts(
    domains: list[str], names: list[str], ids: list[UUID]
) -> tuple[dict[str, Account], dict[str, Account], dict[UUID, Account]]:
    # Written out: on the way of every lead, and building the query by its parts costs more than running it.
    parts: list[str] = []
    parameters: list[Any] = [str(current_tenant_id())]
    if domains:
        # "not (domain = '')" is the condition of the index.
        parts.append("(domain = any(%s) and not (domain = ''))")
        parameters.append(domains)
    if names:
        parts.append("(name = any(%s) and domain = '')")
        parameters.append(names)
    if ids:
        parts.append("id = any(%s::uuid[])")
        parameters.append(list(ids))
    if not parts:
        return {}, {}, {}
    with connection.cursor() as cursor:
        cursor.execute(_accounts_sql(" or ".join(parts)), with_arrays(parameters))
        rows = cursor.fetchall()
    by_domain: dict[str, Account] = {}
    by_name: dict[str, Account] = {}
    by_id: dict[UUID, Account] = {}
    for row in rows:
        account = Account.from_db(connection.alias, _account_columns(), row)
        by_id[account.id] = account
        if account.domain:
            by_domain[account.domain] = account
        else:
            by_name.setdefault(account.name, account)
    return by_domain, by_name, by_id


def _make_accounts(
    domains: list[str],
    names: list[str],
    wanted: dict[Person, tuple[str, str]],
    by_domain: dict[str, Account],
    by_name: dict[str, Account],
    now: datetime,
) -> None:
    """Make the accounts that there are not yet. Those that somebody else is making are waited for and
    taken."""
    tenant_id = current_tenant_id()
    title = {domain: name for domain, name in reversed(wanted.values()) if name}
    if names:
        # Names are no unique key: whoever makes accounts by name does so one after the other.
        with connection.cursor() as cursor:
            cursor.execute("select pg_advisory_xact_lock(hashtext(%s))", [f"accounts:{tenant_id}"])
        by_name.update(_find_accounts([], names, [])[1])
    rows = [
        fresh(
            Account,
            tenant_id=tenant_id,
            name=(title.get(domain) or domain)[:200],
            domain=domain,
            created_at=now,
        )
        for domain in domains
    ]
    rows += [
        fresh(Account, tenant_id=tenant_id, name=name, created_at=now)
        for name in names
        if name not in by_name
    ]
    by_key = {(row.domain, "" if row.domain else row.name): row for row in rows}
    for person, (domain, name) in wanted.items():
        row = by_key.get((domain, "" if domain else name))
        if row is not None:
            for _, item in person.items:
                _improve_account(row, item.company)
    made = set(insert_rows(rows, conflict="on conflict do nothing", returning=True))
    lost = [row.domain for row in rows if row.id not in made]
    for row in rows:
        if row.id in made:
            (by_domain if row.domain else by_name)[row.domain or row.name] = row
    if lost:
        by_domain.update(_find_accounts(lost, [], [])[0])


def _improve_account(account: Account, company: CompanyIn) -> bool:
    """Write what the arrival says about the company; True if that changed anything. A real name replaces a
    domain."""
    changed = False
    for name in ("employees", "revenue", "industry", "country", "region"):
        value = getattr(company, name)
        if value not in (None, "") and getattr(account, name) != value:
            setattr(account, name, value)
            changed = True
    if company.name and account.name == account.domain:
        account.name = company.name
        changed = True
    return changed
