"""Whether what is known of a lead can be true, and how much of it is known."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leads.disposable import DISPOSABLE_DOMAINS
from leads.matching import registrable_domain
from leads.quality import CHECKS, COMPLETE, Known, completeness, findings, phone_problem
from leads.requirements import REQUIRED_FIELDS


@pytest.mark.parametrize(
    ("known", "codes"),
    [
        (Known(), []),
        (Known(email="ruth@okapi.com", phone="+49 30 901820", country="DE", domain="okapi.com"), []),
        (Known(email="ruth@"), ["invalid_email"]),
        (Known(email="ruth@mailinator.com"), ["disposable_email"]),
        (Known(email="ruth@eu.mailinator.com"), ["disposable_email"]),
        (Known(email="ruth@gmail.com"), ["free_email"]),
        (Known(phone="030 901820", country="de"), []),
        (Known(phone="030 901820", country="Germany"), []),
        (Known(phone="030 901820", country="DEU"), []),
        (Known(phone="030 901820", country="Elsewhere"), ["invalid_phone"]),
        (Known(phone="+49 30 901820", country="US"), []),  # a number of abroad is no error
        (Known(phone="+49 30 1"), ["invalid_phone"]),
        (Known(phone="call me"), ["invalid_phone"]),
        (Known(domain="okapi.internal"), ["invalid_domain"]),
        (Known(domain="okapi.example"), []),
    ],
)
def test_each_check_finds_what_it_is_for(known: Known, codes: list[str]) -> None:
    assert [each.code for each in findings(known)] == codes


def test_a_number_without_a_prefix_says_that_the_country_is_what_it_lacks() -> None:
    assert phone_problem("030 901820") == (
        "030 901820 has no international prefix (+49 …), and the lead's country is not known."
    )
    assert phone_problem("+49 30 1") == "+49 30 1 is no number that exists in DE."


@given(st.text(max_size=60), st.text(max_size=60), st.text(max_size=20), st.text(max_size=60))
def test_nothing_that_anybody_types_breaks_the_checks(
    email: str, phone: str, country: str, domain: str
) -> None:
    for each in findings(Known(email, phone, country, domain)):
        assert each.field == CHECKS[each.code].field
        assert each.words


def test_what_is_listed_fits_together() -> None:
    assert {check.field for check in CHECKS.values()} <= set(COMPLETE) <= set(REQUIRED_FIELDS)
    assert all(registrable_domain(domain) == domain for domain in DISPOSABLE_DOMAINS)


@given(st.dictionaries(st.sampled_from(sorted(COMPLETE)), st.sampled_from(["x", "", None, "ruth@okapi.com"])))
def test_a_field_is_known_missing_or_invalid_and_never_two_of_them(fields: dict[str, str | None]) -> None:
    values = {name if "." in name else f"lead.{name}": value for name, value in fields.items()}
    found = completeness(values)
    assert not set(found.missing) & set(found.invalid)
    assert found.known == len(COMPLETE) - len(found.missing) - len(found.invalid)
    assert set(found.missing) == {name for name in COMPLETE if not fields.get(name)}
