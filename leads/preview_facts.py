"""The last leads as rules see them, each at its latest sign of life: read in two statements, and no more of
them than the rules ask for. Writes nothing.

What a lead did counts as it does for whoever judges it again (`leads.past`); the sign of life may be one that
counts no more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from django.db import connection
from django.db.models import Exists, OuterRef, QuerySet, TextField
from django.db.models.functions import Cast

from core.rules import Rule
from leads.account_facts import Who, lists_of
from leads.criteria import ACCOUNT_FIELDS, FLAGS, HANDOFF_KIND, LEAD_FIELDS
from leads.list_use import FIELD as LISTS
from leads.matching import email_domain, is_free_mail
from leads.models import Handoff, Lead
from leads.past import Did
from tenants.arrays import as_array
from tenants.context import current_tenant_id


class SeenLead(NamedTuple):
    """key: the lead's id, as text. values: of the fields that are asked for, by name. did: what it did that
    counts, of the kinds that are asked for. at: its latest sign of life.
    """

    key: str
    values: Mapping[str, object]
    did: Sequence[Did]
    at: datetime


def latest_leads(last: int) -> QuerySet[Lead]:
    """The last leads that are real, those heard of latest first."""
    history = Handoff.objects.filter(lead_id=OuterRef("pk"), is_history=True)
    real: QuerySet[Lead] = Lead.objects.filter(is_test=False).exclude(Exists(history))
    return real.order_by("-updated_at", "-id")[:last]


def see_leads(last: int, rules: Sequence[Rule]) -> list[SeenLead]:
    """The last leads, those heard of latest first, with what these rules read of them; two statements, and
    two more where lists are asked about."""
    fields = {name for rule in rules for name in rule.fields}
    reading = [(column, _READ[column]) for column in _columns(fields)]
    # An id as text: the driver takes long to make ids of ten thousand.
    rows = latest_leads(last).annotate(key=Cast("id", TextField()))
    found = list(rows.values_list("key", "created_at", *(column for column, _ in reading)))
    past = _past(last, rules) if found else {}
    places = [(name, *_PLACES[name]) for name in _PLACES if name in fields]
    lists = _lists(found, [column for column, _ in reading]) if LISTS in fields else None
    seen = []
    for position, (key, created_at, *its) in enumerate(found):
        values: dict[str, object] = {HANDOFF_KIND: str(Handoff.Kind.INBOUND)}
        for (_, read), value in zip(reading, its, strict=True):
            read(values, value)
        for name, own, accounts in places:
            values[name] = values.get(own) or values.get(accounts)
        if lists is not None:
            values[LISTS] = lists[position]
        latest, did = past.get(key, (created_at, ()))
        seen.append(SeenLead(key, values, did, max(created_at, latest)))
    return seen


# --- What they are ---

_Reading = Callable[[dict[str, object], Any], None]
#: Facts that are the lead's own, else its account's.
_PLACES: Final = {
    "place.country": ("lead.country", "account.country"),
    "place.region": ("lead.region", "account.region"),
}
_WHO: Final = ("email", "company_name", "account_id", "account__name", "account__domain")
_COLUMNS: Final = {
    **{f"lead.{name}": name for name in LEAD_FIELDS},
    **{f"account.{name}": f"account__{name}" for name in (*ACCOUNT_FIELDS, *FLAGS)},
    "lead.email_domain": "email",
    "lead.free_email": "email",
    "account.parent_name": "account__parent__name",
    "account.parent_is_customer": "account__parent__is_customer",
}


def _columns(fields: Iterable[str]) -> list[str]:
    """The columns that make these fields."""
    read = {part for name in fields for part in _PLACES.get(name, (name,))}
    who = _WHO if LISTS in read else ()
    return sorted({_COLUMNS[name] for name in read if name in _COLUMNS}.union(who))


def _plain(name: str) -> _Reading:
    def read(values: dict[str, object], value: object) -> None:
        values[name] = value

    return read


def _flag(name: str) -> _Reading:
    def read(values: dict[str, object], value: object) -> None:
        values[name] = bool(value)  # a lead without an account has none of these

    return read


def _email(values: dict[str, object], value: str) -> None:
    domain = email_domain(value)
    values["lead.email"] = value
    values["lead.email_domain"] = domain
    values["lead.free_email"] = is_free_mail(domain) if domain else None


def _not_a_fact(values: dict[str, object], value: object) -> None:
    """Read to find its lists."""


_FLAG_COLUMNS: Final = frozenset([*(f"account__{flag}" for flag in FLAGS), "account__parent__is_customer"])
#: How a column becomes facts, as `leads.criteria.facts_of` has them.
_READ: Final[Mapping[str, _Reading]] = {
    "account_id": _not_a_fact,
    **{column: _flag(name) if column in _FLAG_COLUMNS else _plain(name) for name, column in _COLUMNS.items()},
    "email": _email,
}


def _lists(rows: Sequence[Sequence[Any]], columns: Sequence[str]) -> list[list[str]]:
    """The named lists that each of the rows (key, creation, *columns) is on."""
    places = [columns.index(column) + 2 for column in _WHO]
    people = []
    for row in rows:
        email, company, account_id, name, domain = (row[place] for place in places)
        people.append(Who(email, company, account_id, name or "", domain or ""))
    return lists_of(people)


# --- What they did ---

#: Kinds are compared folded, which the database cannot do; those of such letters are folded already.
_COUNTS: Final = "(ended.closed_at is null or e.received_at >= ended.closed_at)"
_ASKED: Final = "(e.kind = any(%s::text[]) or e.kind !~ '^[a-z0-9_.-]+$')"
_DID: Final = """
select e.lead_id::text, max(e.at), array_agg(e.kind::text) filter (where it.is_read),
    array_agg(e.subject::text) filter (where it.is_read), array_agg(e.at) filter (where it.is_read)
from leads_engagement e
left join (
    select lead_id, max(closed_at) as closed_at from leads_handoff
    where tenant_id = %s and closed_at is not null group by lead_id
) ended on ended.lead_id = e.lead_id
cross join lateral (select {is_read} as is_read offset 0) it
where e.tenant_id = %s and e.lead_id in ({latest})
group by e.lead_id
"""


def _past(last: int, rules: Iterable[Rule]) -> dict[str, tuple[datetime, Sequence[Did]]]:
    """The latest thing that each of the last leads did, and of what counts the kinds that the rules ask
    for."""
    kinds: set[str] | None = set()
    for rule in rules:
        kinds = None if kinds is None or rule.kinds is None else kinds | rule.kinds
    is_read = _COUNTS if kinds is None else f"{_COUNTS} and {_ASKED}" if kinds else "false"
    asked = [as_array(sorted(kinds))] if kinds else []
    latest, named = latest_leads(last).values("id").query.sql_with_params()
    tenant = str(current_tenant_id())
    with connection.cursor() as cursor:
        statement = _DID.format(is_read=is_read, latest=latest)
        cursor.execute(statement, [tenant, *asked, tenant, *named])
        return {
            key: (latest_at, list(zip(its_kinds, subjects, moments, strict=True)) if its_kinds else ())
            for key, latest_at, its_kinds, subjects, moments in cursor.fetchall()
        }
