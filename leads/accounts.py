"""Which company is it? The account of each person in a batch of arrivals, found or made.

Found by its domain, or its exact name where neither has a domain; by another domain or name of it just so:
those are rows of their own that point to their account (`Account.merged_into`), so they cost no further
look-up until one is met. Names that are merely alike join nothing: `leads.account_compare` asks about them
later.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, Final
from uuid import UUID

from django.db import connection

from leads.arrivals import Person
from leads.incoming import CompanyIn
from leads.matching import company_domain, normalise_email
from leads.models import Account
from leads.recheck import accounts_changed
from tenants.arrays import with_arrays
from tenants.bulk import fresh, insert_rows, update_rows
from tenants.context import current_tenant_id

#: Columns that arrivals write, the name first: what they fill is empty or a domain.
_SAID_OF_IT: Final = ("name", "employees", "revenue", "industry", "country", "region")
# Whoever gives leads to an account keeps it from being merged away until that is committed, and hinders
# nobody else: the check of the leads' references would take the same lock a moment later.
_TO_NAME: Final = "for key share"
_TO_WRITE: Final = "for no key update"


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
    told: dict[UUID, tuple[Account, list[CompanyIn]]] = {}
    for person, (domain, name) in wanted.items():
        found = by_domain.get(domain) if domain else by_name.get(name) if name else None
        current = by_id.get(person.lead.account_id) if person.lead and person.lead.account_id else None
        person.account = found or current
        if person.account is not None:
            person.account, companies = told.setdefault(person.account.id, (person.account, []))
            companies += [item.company for _, item in person.items]
    _improve_known(told, [person.lead.id for person in people if person.lead is not None], now)


def _improve_known(
    told: Mapping[UUID, tuple[Account, list[CompanyIn]]], own_leads: Sequence[UUID], now: datetime
) -> None:
    """Write what arrivals say about the accounts that are there already, and have their other leads looked at
    that wait for it. own_leads: those of the arrivals, which are judged anyway.

    They were read without a lock, which most arrivals never need: what they say is known. One that says
    something new locks its account, reads it again, and is judged and written by what stands there then, so
    that nobody's word of meanwhile is taken back.
    """
    news = [
        account.id
        for account, companies in told.values()
        if any(_news(account, company) for company in companies)
    ]
    if not news:
        return
    for row in _rows_of("id = any(%s::uuid[])", [sorted(news)], lock=_TO_WRITE):
        account, companies = told[row.id]
        for column in _account_columns():
            setattr(account, column, getattr(row, column))
        for company in companies:
            _improve_account(account, company)
    update_rows([told[account_id][0] for account_id in news], list(_SAID_OF_IT))
    accounts_changed(news, now=now, but_leads=own_leads)


def account_to_be(person: Person) -> Account | None:
    """The account that `match_accounts` will give this person, locked; None where it will make
    one, or none."""
    domain, name = _account_key(person)
    own = person.lead.account_id if person.lead is not None else None
    if domain:
        found = _rows_of("domain = %s and not (domain = '')", [domain], lock=_TO_WRITE)
    elif name:
        found = _rows_of("name = %s and domain = ''", [name], lock=_TO_WRITE)
    else:
        found = _rows_of("id = %s", [str(own)], lock=_TO_WRITE) if own else []
    if found and found[0].merged_into_id:
        found = _rows_of("id = %s", [str(found[0].merged_into_id)], lock=_TO_WRITE)
    return found[0] if found else None


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


def _rows_of(condition: str, parameters: Sequence[Any], *, lock: str) -> list[Account]:
    sql = f"{_accounts_sql(condition)} {lock}"
    with connection.cursor() as cursor:
        cursor.execute(sql, with_arrays([str(current_tenant_id()), *parameters]))
        return [Account.from_db(connection.alias, _account_columns(), row) for row in cursor.fetchall()]


def _find_accounts(
    domains: list[str], names: list[str], ids: list[UUID]
) -> tuple[dict[str, Account], dict[str, Account], dict[UUID, Account]]:
    # Written out: on the way of every lead, and building the query by its parts costs more than running it.
    parts: list[str] = []
    parameters: list[Any] = []
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
    by_domain: dict[str, Account] = {}
    by_name: dict[str, Account] = {}
    by_id: dict[UUID, Account] = {}
    rows = _rows_of(" or ".join(parts), parameters, lock=_TO_NAME)
    for row, account in zip(rows, _followed(rows), strict=True):
        by_id[row.id] = account
        if row.domain:
            by_domain[row.domain] = account
        else:
            by_name.setdefault(row.name, account)
    return by_domain, by_name, by_id


def _followed(rows: Sequence[Account]) -> list[Account]:
    """The account that each row stands for: itself, or the one of which it is another name or domain."""
    elsewhere = {row.merged_into_id for row in rows if row.merged_into_id} - {row.id for row in rows}
    found = {row.id: row for row in rows}
    if elsewhere:
        others = _rows_of("id = any(%s::uuid[])", [sorted(elsewhere)], lock=_TO_NAME)
        found |= {row.id: row for row in others}
    return [found[row.merged_into_id] if row.merged_into_id else row for row in rows]


def accounts_of_domains(domains: Iterable[str]) -> dict[str, Account]:
    """The accounts that these domains name, as arrivals find them."""
    return _find_accounts(sorted(domains), [], [])[0]


def lock_new_names() -> None:
    """Names are no unique key: whoever makes accounts by name does so one after the other, and looks for them
    again once it holds this. Taken before any account is locked to be written."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(hashtext(%s))", [f"accounts:{current_tenant_id()}"])


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
        lock_new_names()
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


def _news(account: Account, company: CompanyIn) -> dict[str, Any]:
    """What an arrival says about the company that its account does not have so: value by column. A real name
    replaces a domain."""
    found = {}
    for name in _SAID_OF_IT[1:]:
        value = getattr(company, name)
        if value not in (None, "") and getattr(account, name) != value:
            found[name] = value
    if company.name and account.name == account.domain != company.name:
        found["name"] = company.name
    return found


def _improve_account(account: Account, company: CompanyIn) -> None:
    """Put what the arrival says about the company into its account (not saved)."""
    for name, value in _news(account, company).items():
        setattr(account, name, value)
