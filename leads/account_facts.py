"""What rules may ask that stands in other tables: the named lists that somebody is on, and what is above
their company. Read when a rule asks, for all leads of a batch at once: three statements, whatever their
number.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import NamedTuple
from uuid import UUID

from django.db import connection

from leads.company_names import normal_name
from leads.matching import email_domain, registrable_domain
from leads.models import Account, Lead, NamedList
from tenants.arrays import with_arrays
from tenants.context import current_tenant_id


class Who(NamedTuple):
    """By what somebody is found on a list; "" and None for what is not known."""

    email: str
    company: str
    account_id: UUID | None
    account_name: str
    account_domain: str

    @classmethod
    def of(cls, lead: Lead, account: Account | None) -> Who:
        """Of a lead with its account."""
        if account is None:
            return cls(lead.email, lead.company_name, None, "", "")
        return cls(lead.email, lead.company_name, account.id, account.name, account.domain)


class Beside:
    """The facts of some leads that are read together, once one of them is asked for."""

    def __init__(self, people: Iterable[tuple[Lead, Account | None]]) -> None:
        self._people = {lead.id: (lead, account) for lead, account in people}

    def values_of(self, lead: Lead) -> dict[str, object]:
        """Facts of one of the leads, by field: functions, which read when they are called."""
        return {
            "lead.lists": lambda: self._lists[lead.id],
            "account.parent_name": lambda: self._parents[lead.id][0],
            "account.parent_is_customer": lambda: self._parents[lead.id][1],
        }

    @cached_property
    def _lists(self) -> dict[UUID, list[str]]:
        found = lists_of([Who.of(lead, account) for lead, account in self._people.values()])
        return dict(zip(self._people, found, strict=True))

    @cached_property
    def _parents(self) -> dict[UUID, tuple[str | None, bool]]:
        """(name, is a customer) of what is above each lead's company."""
        above = {account.parent_id for _, account in self._people.values() if account and account.parent_id}
        rows = Account.objects.filter(id__in=above).values_list("id", "name", "is_customer") if above else []
        known = {parent_id: (name, customer) for parent_id, name, customer in rows}
        return {
            lead_id: known.get(account.parent_id, (None, False)) if account else (None, False)
            for lead_id, (_, account) in self._people.items()
        }


_LISTED = """
select e.key, l.slug, l.name, l.id from leads_listentry e
join leads_namedlist l on l.tenant_id = e.tenant_id and l.id = e.named_list_id
where e.tenant_id = %s and e.key = any(%s)
"""


def lists_of(people: Sequence[Who]) -> list[list[str]]:
    """The slugs of the named lists that each is on. Two statements."""
    return [[each.slug for each in its] for its in lists_named(people)]


def lists_named(people: Sequence[Who]) -> list[list[NamedList]]:
    """The named lists that each is on, with name and slug alone: by address, by the domain of it or of the
    account, and by the company's name; an account is on a list by its other names and domains too."""
    accounts = {who.account_id for who in people if who.account_id}
    names: dict[UUID, set[str]] = defaultdict(set)
    rows = Account.objects.filter(merged_into_id__in=list(accounts)) if accounts else Account.objects.none()
    for account_id, name, domain in rows.values_list("merged_into_id", "name", "domain"):
        names[account_id] |= _account_keys(name, domain)
    return _listed([_keys_of(who) | (names[who.account_id] if who.account_id else set()) for who in people])


def lists_of_account(account: Account, names: Iterable[Account]) -> list[NamedList]:
    """The named lists that an account with these other names is on. One statement."""
    return _listed([set().union(*(_account_keys(each.name, each.domain) for each in (account, *names)))])[0]


def _listed(keys: Sequence[set[str]]) -> list[list[NamedList]]:
    asked = sorted(set().union(*keys)) if keys else []
    if not asked:
        return [[] for _ in keys]
    listed: dict[str, set[str]] = defaultdict(set)
    lists: dict[str, NamedList] = {}
    with connection.cursor() as cursor:
        cursor.execute(_LISTED, with_arrays([str(current_tenant_id()), asked]))
        for key, slug, name, list_id in cursor.fetchall():
            listed[key].add(slug)
            lists[slug] = NamedList(id=list_id, name=name, slug=slug)
    found = [sorted({slug for key in its & listed.keys() for slug in listed[key]}) for its in keys]
    return [[lists[slug] for slug in its] for its in found]


def _keys_of(who: Who) -> set[str]:
    keys = _account_keys(who.account_name, who.account_domain)
    if who.company and (company := normal_name(who.company)):
        keys.add(f"n:{company}")
    if who.email:
        keys.add(f"e:{who.email}")
        keys |= {f"d:{domain}" for domain in _and_above(email_domain(who.email))}
    return keys


def _account_keys(name: str, domain: str) -> set[str]:
    keys = {f"d:{domain}"} if domain else set()
    if name and (company := normal_name(name)):
        keys.add(f"n:{company}")
    return keys


def _and_above(host: str) -> list[str]:
    """The host and what it is part of, up to what somebody registered: mail.acme.com, acme.com."""
    top = registrable_domain(host) or host
    found = [host]
    while host != top and "." in host:
        host = host.partition(".")[2]
        found.append(host)
    return found
