"""Forms speak our words, and take numbers as people write them."""

from __future__ import annotations

import pytest
from django import forms

from web.numbers import WholeNumberField, without_separators


@pytest.mark.parametrize(
    ("typed", "plain"),
    [
        ("2,000", "2000"),
        ("1 200", "1200"),
        ("1'200'000", "1200000"),
        ("1,2", "1,2"),
        ("2.000", "2.000"),
        ("many", "many"),
        ("1,200.5", "1200.5"),
    ],
)
def test_separators_of_thousands_are_read_over(typed: str, plain: str) -> None:
    assert without_separators(typed) == plain


class _Form(forms.Form):
    employees = WholeNumberField(min_value=1, max_value=9000)
    name = forms.CharField(max_length=3)


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({"employees": "0", "name": "Ava"}, {"employees": ["At least 1."]}),
        ({"employees": "9,001", "name": "Ava"}, {"employees": ["At most 9000."]}),
        ({"employees": "many", "name": "Ava"}, {"employees": ["A whole number is wanted, like 2,000."]}),
        ({"employees": "2", "name": "Avatar"}, {"name": ["This has at most 3 characters, not 6."]}),
    ],
)
def test_limits_say_what_is_allowed(sent: dict[str, str], said: dict[str, list[str]]) -> None:
    assert _Form(sent).errors == said


def test_two_thousand_is_a_number() -> None:
    form = _Form({"employees": "2,000", "name": "Ava"})
    assert form.is_valid()
    assert form.cleaned_data["employees"] == 2000
