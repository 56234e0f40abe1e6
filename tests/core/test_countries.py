"""A country is one thing, however it is written; what is none stays what it is."""

from __future__ import annotations

import pycountry
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.countries import COUNTRIES, code_of, doubt, name_of, names, shown, spell

KNOWN = sorted(
    {
        text
        for each in pycountry.countries
        for kind in ("alpha_2", "alpha_3", "name", "official_name", "common_name")
        if (text := getattr(each, kind, None))
    }
)


@pytest.mark.parametrize("each", list(pycountry.countries), ids=lambda each: each.alpha_2)
def test_each_country_is_known_by_its_codes_and_its_english_names(each):
    written = [each.alpha_2, each.alpha_3, each.name, name_of(each.alpha_2)]
    written += [text for kind in ("official_name", "common_name") if (text := getattr(each, kind, None))]
    assert {spell(text) for text in written} == {each.alpha_2}


@pytest.mark.parametrize(
    ("code", "texts"),
    [
        ("DE", ["Deutschland", "Allemagne", "Alemania", "Niemcy", "Tyskland", "ドイツ", "Германия", "deu"]),
        ("US", ["USA", "U.S.", "u.s.a.", "the United States", "Estados Unidos", "America"]),
        ("GB", ["UK", "U.K.", "Great Britain", "England", "Royaume-Uni", "Vereinigtes Königreich"]),
        ("CH", ["Schweiz", "Suisse", "Svizzera"]),
        ("AT", ["Österreich", "Oesterreich", "Osterreich", "Austria"]),
        ("KR", ["South Korea", "Korea, Republic of", "Republic of Korea", "Korea"]),
        ("BA", ["Bosnia & Herzegovina", "Bosnia and Herzegovina", "Bosnia-Herzegovina", "Bosnia"]),
        ("CI", ["Ivory Coast", "Côte d’Ivoire", "Cote d'Ivoire"]),
        ("SK", ["Slovensko", "Slovenská republika"]),
        ("NL", ["Holland", "The Netherlands", "Nederland"]),
        ("TR", ["Turkey", "Türkiye"]),
        ("XK", ["Kosovo", "XK"]),
        ("NE", ["Niger"]),
        ("NG", ["Nigeria"]),
    ],
)
def test_the_names_in_use_are_known(code, texts):
    assert {text: spell(text) for text in texts} == dict.fromkeys(texts, code)


@given(st.text(max_size=200))
def test_what_is_spelled_is_spelled_the_same_again(text):
    assert spell(spell(text)) == spell(text)


@given(st.text(max_size=200))
def test_what_is_no_country_stays_as_it_is_but_trimmed(text):
    assert spell(text) == (code_of(text) or text.strip())


@given(
    st.sampled_from(KNOWN),
    st.sampled_from([str.upper, str.lower, str.title, str.swapcase, str.casefold]),
    st.text(" \t\n", max_size=3),
)
def test_case_and_blanks_do_not_matter(text, case, blanks):
    assert spell(f"{blanks}{case(text)}{blanks}") == spell(text)
    assert spell(text.replace(" ", f" {blanks}")) == spell(text)


@given(st.text(max_size=200))
def test_a_doubt_is_about_what_is_no_country(text):
    assert bool(doubt(text)) == (bool(text.strip()) and code_of(text) is None)


def test_a_text_of_ten_thousand_characters_is_no_country():
    long = "Germany " * 1_250
    assert spell(long) == long.strip()
    assert len(doubt(long)) < 300


def test_people_see_what_a_text_is_taken_for():
    assert [shown(text) for text in ("DE", "DEU", "Deutschland", "Germany", "germany", "Germny")] == [
        "DE (Germany)",
        "DEU (Germany)",
        "Deutschland (Germany)",
        "Germany",
        "germany",
        "Germny",
    ]


def test_a_slip_of_the_pen_is_asked_about():
    assert doubt("Germny") == (
        'Not a country we know: "Germny" is compared as written. Did you mean Germany?'
    )
    assert doubt("EMEA") == 'Not a country we know: "EMEA" is compared as written.'
    assert doubt("Germany") == doubt("de") == doubt("") == doubt("  ") == ""


def test_the_names_that_are_offered_are_known_and_each_is_another_country():
    offered = COUNTRIES.offered()
    assert offered == names()
    codes = [code_of(name) for name in offered]
    assert None not in codes
    assert len(set(codes)) == len(codes) == len(pycountry.countries) + 1
    assert [name_of(str(code)) for code in codes] == list(offered)
