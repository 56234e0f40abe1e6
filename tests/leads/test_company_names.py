"""When two names may be one company: normal forms, likeness, and keys that find what is alike."""

from __future__ import annotations

import csv
import random
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leads.account_models import AccountSettings
from leads.company_names import likeness, name_keys, normal_name
from tests.outside import needs, outside

DATA = outside("crm-sales-opportunities", "accounts.csv")
NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30)
WORDS = st.text(string.ascii_lowercase, min_size=4, max_size=18)


@pytest.mark.parametrize(
    ("name", "normal"),
    [
        ("Müller & Söhne GmbH & Co. KG", "muller and sohne"),
        ("MULLER UND SOHNE", "muller und sohne"),
        ("Heron S.A.", "heron"),
        ("Heron S. A.", "heron"),
        ("Heron, Inc.", "heron"),
        ("The Heron Company Ltd", "heron"),
        ("Heron Sp. z o.o.", "heron"),
        ("A.P. Møller - Mærsk A/S", "ap moller maersk"),
        ("AT&T Inc.", "at and t"),
        ("McDonald's", "mcdonalds"),
        ("GmbH", "gmbh"),
        ("Plan E", "plan e"),
        ("  ", ""),
        ("---", ""),
    ],
)
def test_a_name_loses_case_accents_punctuation_and_legal_form(name: str, normal: str) -> None:
    assert normal_name(name) == normal


def test_legal_form_and_order_of_words_make_no_other_company() -> None:
    assert likeness("Heron GmbH", "HERON, Inc.") == 100
    assert likeness("Bank of Heron", "Heron Bank of") == 100
    assert likeness("Heron", "Heron Logistics") < 70
    assert likeness("Heron Studio 54", "Heron Studio 55") == 0
    assert likeness("", "Heron") == likeness("--", "--") == 0


@given(NAMES, NAMES)
def test_likeness_is_the_same_both_ways_round_and_a_percentage(one: str, other: str) -> None:
    assert likeness(one, other) == likeness(other, one)
    assert 0 <= likeness(one, other) <= 100
    assert likeness(one, one) == (100 if normal_name(one) else 0)


@given(NAMES)
def test_the_normal_form_is_its_own_and_keys_fit_their_column(name: str) -> None:
    assert all(len(key) <= 40 for key in name_keys(name))
    assert bool(name_keys(name)) == bool(normal_name(name))


@given(WORDS, st.integers(0, 17), st.sampled_from(string.ascii_lowercase), st.integers(0, 3))
def test_two_names_that_differ_by_one_letter_share_a_key(word: str, at: int, letter: str, kind: int) -> None:
    at = at % len(word)
    other = _harmed(word, at, letter, kind)
    if normal_name(other) and normal_name(word) == word and normal_name(other) == other:
        assert name_keys(word) & name_keys(other)


def _harmed(word: str, at: int, letter: str, kind: int) -> str:
    """The word with a letter left out, added, exchanged, or swapped with the next."""
    if kind == 0:
        return word[:at] + word[at + 1 :]
    if kind == 1:
        return word[:at] + letter + word[at:]
    if kind == 2:
        return word[:at] + letter + word[at + 1 :]
    return word[:at] + word[at + 1 : at + 2] + word[at] + word[at + 2 :]


@needs(DATA)
def test_the_usual_threshold_finds_typing_errors_and_confuses_no_two_of_85_companies() -> None:
    threshold = AccountSettings().threshold
    with DATA.open(encoding="utf-8", newline="") as file:
        names = [row["account"] for row in csv.DictReader(file)]
    for index, name in enumerate(names):
        assert [other for other in names[:index] if likeness(name, other) >= threshold] == []
    chance = random.Random(7)
    harmed = [
        (
            name,
            _harmed(name, chance.randrange(len(name)), chance.choice(string.ascii_lowercase), kind)
            + chance.choice(["", " Inc", " GmbH", ", Ltd."]),
        )
        for name in names
        for kind in range(4)
        for _ in range(5)
    ]
    found = [
        likeness(name, other) >= threshold and bool(name_keys(name) & name_keys(other))
        for name, other in harmed
    ]
    assert sum(found) / len(found) >= 0.93
