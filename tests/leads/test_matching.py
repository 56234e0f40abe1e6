"""One spelling for what arrives in many."""

from __future__ import annotations

import pytest

from core.errors import ValidationFailed
from leads.matching import company_domain, normalise_email, normalise_phone, registrable_domain


@pytest.mark.parametrize(
    ("raw", "written"),
    [
        ("  Ann.Lee@EXAMPLE.com ", "ann.lee@example.com"),
        ("ann+news@example.com", "ann+news@example.com"),
        ("ü@BÜCHER.de", "ü@bücher.de"),
        ("", ""),
    ],
)
def test_an_address_has_one_spelling(raw, written):
    assert normalise_email(raw) == written


@pytest.mark.parametrize(
    "raw", ["ann", "ann@", "@example.com", "ann@localhost", "a b@example.com", "a@b@c.com"]
)
def test_what_is_no_address_is_refused(raw):
    with pytest.raises(ValidationFailed) as refused:
        normalise_email(raw)
    assert refused.value.field_errors[0].path == "/email"


@pytest.mark.parametrize(
    ("host", "domain"),
    [
        ("www.shop.acme.co.uk", "acme.co.uk"),
        ("https://www.acme.com/about?x=1", "acme.com"),
        ("ann@mail.acme.com", "acme.com"),
        ("ACME.example", "acme.example"),
        ("www.acme.example", "acme.example"),
        ("localhost", ""),
        ("192.168.0.1", ""),
        ("co.uk", ""),
        ("", ""),
        ("https://ann:secret@www.bücher.de:8443/x@y", "bücher.de"),
        ("acme。com.", "acme.com"),
        ("a..b", ""),
        ("acme .com", ""),
        ("-acme.com", ""),
        ("ü" * 80 + ".de", ""),
        ("x" * 63 + ".com", "x" * 63 + ".com"),
        ("x" * 64 + ".com", ""),
        (".".join(["x" * 62] * 4) + ".com", ""),
    ],
)
def test_the_domain_is_what_somebody_registered(host, domain):
    assert registrable_domain(host) == domain


def test_free_mail_says_nothing_about_the_company():
    assert company_domain(given="", email="ann@gmail.com") == ""
    assert company_domain(given="gmail.com", email="ann@acme.com") == "acme.com"
    assert company_domain(given="acme.com", email="ann@gmail.com") == "acme.com"


@pytest.mark.parametrize(
    ("raw", "country", "written"),
    [
        ("+49 (30) 123 4567", "", "+49301234567"),
        ("030 1234567", "DE", "+49301234567"),
        ("030 1234567", "", "030 1234567"),
        ("ask Ann", "DE", "ask Ann"),
        ("+1", "", "+1"),
    ],
)
def test_a_number_that_can_be_read_is_e164_and_any_other_is_kept(raw, country, written):
    assert normalise_phone(raw, country) == written
