"""Facts of a lead as somebody types them: {"title", "country", ..., "stage", "system", "account": {...},
"engagements": [...]}. stage and system: what another system calls its stage, and which.

The same shape is stored of a saved test lead, sent over the API, and shown by the form. What is left out is
not known; of an account's flags it is false.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from core.errors import FieldError, ValidationFailed
from core.rules import Facts
from handoff.simulation.single import Known
from leads.account_facts import Who, lists_of
from leads.criteria import ACCOUNT_FIELDS, FLAGS, LEAD_FIELDS
from leads.incoming import COMPANY_LIMITS, LEAD_LIMITS
from leads.list_use import FIELD as LISTS
from leads.matching import email_domain, is_free_mail
from leads.models import Engagement, Lead
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


def facts_at(typed: Mapping[str, Any], at: datetime) -> Facts:
    """What the rules see of a typed lead that is handed over at a moment."""
    account: Mapping[str, Any] = typed.get("account") or {}
    domain = email_domain(typed.get("email") or "")
    values: dict[str, object] = {f"lead.{name}": typed.get(name) for name in LEAD_FIELDS}
    values["lead.email_domain"] = domain
    values["lead.free_email"] = is_free_mail(domain) if domain else None
    values |= {f"account.{name}": account.get(name) for name in ACCOUNT_FIELDS}
    values |= {f"account.{flag}": bool(account.get(flag)) for flag in FLAGS}
    for name in ("country", "region"):
        values[f"place.{name}"] = typed.get(name) or account.get(name)
    values[ACCOUNT_OWNER] = account.get("owner")
    who = Who(
        typed.get("email") or "",
        typed.get("company_name") or "",
        None,
        account.get("name") or "",
        account.get("domain") or "",
    )
    values[LISTS] = lambda: lists_of([who])[0]  # read where a rule asks
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
    return value is None or value is False or value == ""


def check(typed: Mapping[str, Any], members: Iterable[str]) -> None:
    """Raises ValidationFailed, under /facts, where an account's owner is nobody here."""
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
