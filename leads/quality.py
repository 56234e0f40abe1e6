"""Whether what is known of a lead can be true: its address, its telephone number, its company's domain. Pure.

Nothing here asks a network: a number that exists may be somebody else's, and an address may bounce.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import phonenumbers

from core.countries import code_of
from core.errors import ValidationFailed
from leads.disposable import DISPOSABLE_DOMAINS
from leads.matching import email_domain, has_known_suffix, is_free_mail, normalise_email, registrable_domain


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that is looked at. field: by the name of a handoff requirement. label: what holds where
    nothing is found. spoils: what is found makes the value worthless; else it is only worth knowing.
    """

    field: str
    label: str
    spoils: bool = True


#: What is looked at, by code. The codes are stored with leads and stand in criteria: never rename one.
CHECKS: Final[Mapping[str, Check]] = {
    "invalid_email": Check("email", "The e-mail address is well formed"),
    "disposable_email": Check("email", "The e-mail address is no throw-away one"),
    "free_email": Check("email", "The e-mail address is one of a company", spoils=False),
    "invalid_phone": Check("phone", "The phone number exists in its country"),
    "invalid_domain": Check("account.domain", "The company domain ends in a public suffix"),
}


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a lead, as far as it is looked at here. domain: its company's."""

    email: str = ""
    phone: str = ""
    country: str = ""
    domain: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with one value. words: a sentence for whoever mends it; it has the value in it, so it is
    never stored.
    """

    field: str
    code: str
    words: str

    @property
    def spoils(self) -> bool:
        return CHECKS[self.code].spoils


def findings(known: Known) -> tuple[Finding, ...]:
    """Everything that is wrong with what is known. What is not known is not wrong."""
    return (*_email_findings(known.email), *_phone_findings(known), *_domain_findings(known.domain))


def known_of(values: Mapping[str, object]) -> Known:
    """What is known, from facts by the names that rules have for them (`leads.criteria.facts_of`)."""
    return Known(
        email=_text(values.get("lead.email")),
        phone=_text(values.get("lead.phone")),
        country=_text(values.get("lead.country")) or _text(values.get("account.country")),
        domain=_text(values.get("account.domain")),
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _email_findings(email: str) -> list[Finding]:
    if not email:
        return []
    try:
        domain = email_domain(normalise_email(email))
    except ValidationFailed:
        return [Finding("email", "invalid_email", f"{email} is no e-mail address.")]
    if is_disposable(domain):
        text = f"{domain} gives away addresses that last minutes: nobody reads them."
        return [Finding("email", "disposable_email", text)]
    if is_free_mail(domain):
        text = f"Anybody gets an address at {domain}: it says nothing about the company."
        return [Finding("email", "free_email", text)]
    return []


def is_disposable(domain: str) -> bool:
    """Does it give away addresses that are thrown away? Its subdomains are what it is."""
    return domain in DISPOSABLE_DOMAINS or registrable_domain(domain) in DISPOSABLE_DOMAINS


def _phone_findings(known: Known) -> list[Finding]:
    if not known.phone:
        return []
    words = phone_problem(known.phone, known.country)
    return [Finding("phone", "invalid_phone", words)] if words else []


@lru_cache(maxsize=8192)
def phone_problem(phone: str, country: str = "") -> str:
    """Why a telephone number cannot be called, in a sentence; "" for one that can.

    country: by any of its names; a number without its international prefix is read by it.
    """
    region = code_of(country)
    try:
        number = phonenumbers.parse(phone, region)
    except phonenumbers.NumberParseException as error:
        if error.error_type == phonenumbers.NumberParseException.INVALID_COUNTRY_CODE and region is None:
            return f"{phone} has no international prefix (+49 …), and the lead's country is not known."
        return f"{phone} is no telephone number."
    if phonenumbers.is_valid_number(number):
        return ""
    where = phonenumbers.region_code_for_country_code(number.country_code or 0)
    place = f" in {where}" if where and where not in ("ZZ", "001") else ""
    return f"{phone} is no number that exists{place}."


def _domain_findings(domain: str) -> list[Finding]:
    if not domain or has_known_suffix(domain):
        return []
    text = f"{domain} ends in nothing that domains are registered under."
    return [Finding("account.domain", "invalid_domain", text)]


def spoiled(found: Collection[Finding], codes: Collection[str]) -> dict[str, Finding]:
    """The findings of these codes by field: fields whose value counts as missing."""
    return {each.field: each for each in reversed(tuple(found)) if each.code in codes}


# --- How complete a lead is ---------------------------------------------------------------------------------

#: What a complete lead has, with the words for it; the same for every organisation, so that numbers compare.
COMPLETE: Final[Mapping[str, str]] = {
    "email": "E-mail",
    "first_name": "First name",
    "last_name": "Last name",
    "title": "Title",
    "phone": "Phone",
    "country": "Country",
    "company_name": "Company name",
    "account.domain": "Company domain",
    "account.employees": "Employees",
    "account.industry": "Industry",
}
#: Of a lead's field, the one of its account that stands for it.
INSTEAD: Final[Mapping[str, str]] = {
    "country": "account.country",
    "region": "account.region",
    "company_name": "account.name",
}


@dataclass(frozen=True, slots=True)
class Completeness:
    """How much of COMPLETE is known and can be true. missing, invalid: fields, in order."""

    missing: tuple[str, ...]
    invalid: tuple[str, ...]
    findings: tuple[Finding, ...]

    @property
    def of(self) -> int:
        return len(COMPLETE)

    @property
    def known(self) -> int:
        """Fields that are known and can be true."""
        return self.of - len(self.missing) - len(self.invalid)

    @property
    def percent(self) -> int:
        return round(100 * self.known / self.of)

    def as_dict(self) -> dict[str, Any]:
        """As the API answers it."""
        return {
            "known": self.known,
            "of": self.of,
            "missing": list(self.missing),
            "invalid": list(self.invalid),
            "findings": [
                {"field": each.field, "code": each.code, "words": each.words} for each in self.findings
            ],
        }


def completeness(values: Mapping[str, object]) -> Completeness:
    """How complete a lead is, from its facts."""
    found = findings(known_of(values))
    bad = {each.field for each in found if each.spoils}
    missing = tuple(name for name in COMPLETE if not is_known(values, name))
    invalid = tuple(name for name in COMPLETE if name in bad and name not in missing)
    return Completeness(missing, invalid, found)


def is_known(values: Mapping[str, object], name: str) -> bool:
    """Whether a field of COMPLETE, or a handoff requirement, has a value: its own, or that of its account
    where one stands for it. What is complete, required, waited for, and owed at a stage all ask this."""
    own = values.get(name if "." in name else f"lead.{name}")
    if own not in (None, ""):
        return True
    instead = INSTEAD.get(name)
    return instead is not None and values.get(instead) not in (None, "")
