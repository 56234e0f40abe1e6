"""Facts of a lead as somebody types them: {"title", "country", ..., "stage", "system", "account": {...},
"engagements": [...]}. stage and system: what another system calls its stage, and which.

The same shape is stored of a saved test lead, sent over the API, and shown by the form. What is left out is
not known, but for what `Companies` knows of the account; of its flags it is false.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Final

from core.errors import FieldError, ValidationFailed
from core.rules import Facts
from handoff.simulation.single import Known
from leads.account_facts import Who, lists_of
from leads.criteria import ACCOUNT_FIELDS, FLAGS, HANDOFF_KIND, LEAD_FIELDS
from leads.incoming import COMPANY_LIMITS, LEAD_LIMITS
from leads.list_use import FIELD as LISTS
from leads.matching import check_domain, company_domain, email_domain, is_free_mail, normalise_email
from leads.models import Account, Engagement, Handoff, Lead
from routing.decide import ACCOUNT_OWNER

MOST_ENGAGEMENTS: Final = 20
LONGEST_AGO: Final = 400 * 24 * 60  # minutes
LARGEST: Final = 2_147_483_647
#: Texts of a lead and of its account, with the most characters of each.
LEAD_TEXTS: Final = {
    name: LEAD_LIMITS.get(name, COMPANY_LIMITS["name"] if name == "company_name" else 60)
    for name in LEAD_FIELDS
    if name != "score"
}
#: Its stage in another system, and that one's name.
OUTSIDE_TEXTS: Final = {"stage": LEAD_LIMITS["stage"], "system": LEAD_LIMITS["external_system"]}
ACCOUNT_TEXTS: Final = {name: COMPANY_LIMITS[name] for name in ACCOUNT_FIELDS if name in COMPANY_LIMITS}
ACCOUNT_NUMBERS: Final = ("employees", "revenue")
KIND_LIMIT: Final = int(Engagement._meta.get_field("kind").max_length or 60)
SUBJECT_LIMIT: Final = int(Engagement._meta.get_field("subject").max_length or 200)


class Companies:
    """The accounts that typed leads would be matched to by their domains, with what is above each, and the
    named lists that each lead is on: read at once for all of them, the lists where a rule asks."""

    def __init__(self, leads: Iterable[Mapping[str, Any]]) -> None:
        self._leads = list(leads)
        domains = {domain for typed in self._leads if (domain := _company_domain(typed))}
        rows = Account.objects.filter(domain__in=domains) if domains else Account.objects.none()
        above = rows.exclude(domain="").select_related("parent", "merged_into__parent")
        self._by_domain: dict[str, Account] = {row.domain: row.merged_into or row for row in above}

    def of(self, typed: Mapping[str, Any]) -> Account | None:
        """The account of one of the leads."""
        return self._by_domain.get(_company_domain(typed))

    def lists(self, typed: Mapping[str, Any]) -> list[str]:
        """The slugs of the lists that one of the leads is on."""
        return self._lists[id(typed)]

    @cached_property
    def _lists(self) -> dict[int, list[str]]:
        found = lists_of([self._who(typed) for typed in self._leads])
        return {id(typed): its for typed, its in zip(self._leads, found, strict=True)}

    def _who(self, typed: Mapping[str, Any]) -> Who:
        account: Mapping[str, Any] = typed.get("account") or {}
        stored = self.of(typed)
        return Who(
            typed.get("email") or "",
            typed.get("company_name") or "",
            stored.id if stored is not None else None,
            account.get("name") or (stored.name if stored is not None else ""),
            account.get("domain") or (stored.domain if stored is not None else ""),
        )


def _company_domain(typed: Mapping[str, Any]) -> str:
    given = (typed.get("account") or {}).get("domain") or ""
    return company_domain(given=given, email=typed.get("email") or "")


def facts_at(typed: Mapping[str, Any], at: datetime, companies: Companies | None = None) -> Facts:
    """What the rules see of a typed lead that is handed over at a moment.

    What is typed of its account stands. Of the account with its domain, where we have one, come the owner and
    the flags that are not typed, and what is above it. companies: of many leads at once.
    """
    account: Mapping[str, Any] = typed.get("account") or {}
    known = companies or Companies([typed])
    stored = known.of(typed)
    parent = stored.parent if stored is not None else None
    domain = email_domain(typed.get("email") or "")
    values: dict[str, object] = {f"lead.{name}": typed.get(name) for name in LEAD_FIELDS}
    values["lead.email_domain"] = domain
    values["lead.free_email"] = is_free_mail(domain) if domain else None
    values |= {f"account.{name}": account.get(name) for name in ACCOUNT_FIELDS}
    for flag in FLAGS:
        values[f"account.{flag}"] = bool(account[flag] if flag in account else getattr(stored, flag, False))
    values["account.parent_name"] = parent.name if parent is not None else None
    values["account.parent_is_customer"] = parent is not None and parent.is_customer
    for name in ("country", "region"):
        values[f"place.{name}"] = typed.get(name) or account.get(name)
    owner_id = stored.owner_id if stored is not None else None
    values[ACCOUNT_OWNER] = account.get("owner") or (str(owner_id) if owner_id else None)
    values[HANDOFF_KIND] = str(Handoff.Kind.INBOUND)
    values[LISTS] = lambda: known.lists(typed)  # read where a rule asks
    did = [
        (each["kind"], each.get("subject") or "", at - timedelta(minutes=each.get("minutes_ago") or 0))
        for each in typed.get("engagements") or ()
    ]
    return Facts(values, did, at)


def known_at(typed: Mapping[str, Any]) -> Known:
    """What is known of a typed lead beside its facts: it never was handed over."""
    stage, system = typed.get("stage") or "", typed.get("system") or ""
    return Known(Lead(outside_stage=stage.strip(), outside_system=system.strip()))


def tidy(typed: Mapping[str, Any]) -> dict[str, Any]:
    """The same without what is empty."""
    account = {key: value for key, value in (typed.get("account") or {}).items() if not _is_empty(value)}
    kept = {
        key: value
        for key, value in typed.items()
        if key not in ("account", "engagements") and not _is_empty(value)
    }
    if account:
        kept["account"] = account
    if typed.get("engagements"):
        kept["engagements"] = [
            {
                "kind": each["kind"],
                "subject": each.get("subject") or "",
                "minutes_ago": each.get("minutes_ago") or 0,
            }
            for each in typed["engagements"]
        ]
    return kept


def _is_empty(value: object) -> bool:
    return value is None or value == ""


def check_addresses(typed: Mapping[str, Any]) -> None:
    """Refuse an e-mail or a domain that cannot be, as for a lead that is there. Raises ValidationFailed,
    under /facts, with both."""
    account: Mapping[str, Any] = typed.get("account") or {}
    wrong: list[FieldError] = []
    for path, test in (
        ("/facts/email", lambda: normalise_email(typed.get("email") or "")),
        ("/facts/account/domain", lambda: check_domain(account.get("domain") or "", "/domain")),
    ):
        try:
            test()
        except ValidationFailed as refusal:
            wrong += [FieldError(path, each.message, each.code) for each in refusal.field_errors]
    if wrong:
        raise ValidationFailed(wrong[0].message, field_errors=wrong)


def check(typed: Mapping[str, Any], members: Iterable[str]) -> None:
    """Raises ValidationFailed, under /facts, for an address that cannot be, and where an account's owner is
    nobody here."""
    check_addresses(typed)
    owner = (typed.get("account") or {}).get("owner")
    if owner and owner not in set(members):
        raise ValidationFailed(
            "The account's owner is nobody who may own leads.",
            field_errors=[
                FieldError(
                    "/facts/account/owner", "Choose an active person who owns leads.", "unknown_member"
                )
            ],
        )
