"""Countries as ISO 3166 knows them, by whatever people and systems call them: "DE", "deu", "Germany" and
"Deutschland" are one. Pure; the names are those of the `pycountry` package.

A text that is no country stays what it is, so that nothing that somebody wrote is lost or guessed at.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from difflib import get_close_matches
from functools import cache, lru_cache
from gettext import GNUTranslations, NullTranslations
from pathlib import Path
from typing import Final

import pycountry

from core.rules.schema import Vocabulary
from core.rules.text import fold, words

#: Names of countries in these languages are known beside the English ones.
_LANGUAGES: Final = (
    "ar", "bg", "ca", "cs", "da", "de", "el", "es", "et", "fi", "fr", "he", "hr", "hu", "is", "it", "ja",
    "ko", "lt", "lv", "nb_NO", "nl", "nn", "pl", "pt", "pt_BR", "ro", "ru", "sk", "sl", "sr", "sv", "tr",
    "uk", "vi", "zh_CN", "zh_TW",
)  # fmt: skip
#: What they are called here, where ISO's own name is for a register: "Congo, The Democratic Republic of the".
_SHORT: Final = {
    "BN": "Brunei",
    "CC": "Cocos Islands",
    "CD": "DR Congo",
    "CG": "Republic of the Congo",
    "FK": "Falkland Islands",
    "FM": "Micronesia",
    "MF": "Saint Martin",
    "PS": "Palestine",
    "RU": "Russia",
    "SH": "Saint Helena",
    "SX": "Sint Maarten",
    "TR": "Turkey",
    "VA": "Vatican City",
    "VG": "British Virgin Islands",
    "VI": "U.S. Virgin Islands",
    "XK": "Kosovo",  # of no standard, and in use
}
#: What people write besides.
_ALSO: Final = {
    "AE": ("UAE", "Emirates"),
    "AT": ("Oesterreich",),
    "BA": ("Bosnia",),
    "CD": ("Congo Kinshasa", "DRC", "Democratic Republic of Congo", "Zaire"),
    "CG": ("Congo Brazzaville",),
    "CI": ("Ivory Coast", "Elfenbeinküste"),
    "CN": ("PRC", "Mainland China"),
    "CV": ("Cape Verde",),
    "CZ": ("Czech Rep",),
    "DE": ("BRD", "Federal Republic of Germany"),
    "GB": ("UK", "Great Britain", "Britain", "England", "Scotland", "Wales", "Northern Ireland", "イギリス"),
    "GR": ("EL", "Hellas"),
    "IE": ("Republic of Ireland", "Eire"),
    "KN": ("St Kitts and Nevis", "Saint Kitts"),
    "KR": ("Korea", "Republic of Korea", "Korea South"),
    "KP": ("DPRK", "Korea North"),
    "LC": ("St Lucia",),
    "MK": ("Macedonia", "FYROM"),
    "MM": ("Burma",),
    "MO": ("Macau",),
    "NL": ("Holland", "The Netherlands"),
    "RU": (
        "Russland",
        "Russie",
        "Rusia",
        "Rosja",
        "Rusko",
        "Ryssland",
        "Venäjä",
        "Россия",
        "ロシア",
        "러시아",
    ),
    "SA": ("KSA",),
    "SK": ("Slovak Republic", "Slovenská republika"),
    "ST": ("Sao Tome",),
    "SZ": ("Swaziland",),
    "TL": ("East Timor",),
    "TT": ("Trinidad",),
    "TW": ("대만",),
    "US": ("America", "US of A", "United States of America (USA)"),
    "VA": ("Vatican", "Vatikanstadt", "Vaticano", "Città del Vaticano"),
    "VC": ("St Vincent and the Grenadines", "St Vincent", "Saint Vincent"),
    "XK": ("XKX", "XKK", "Republic of Kosovo"),
}
#: Longer texts are no name of a country; no list of known ones grows by them either.
_LONGEST: Final = 120
#: How alike a slip of the pen is to what was meant, of 1.
_ALIKE: Final = 0.8

NOT_KNOWN: Final = "unknown_country"


@lru_cache(maxsize=8_192)
def code_of(text: str) -> str | None:
    """The two letters of the country that a text names, by its codes of two and three letters, its English
    names, or one of the names in other languages; None for anything else. Case, accents, full stops, hyphens
    and a "the" before it do not matter.
    """
    return _codes().get(_key(text)) if len(text) <= _LONGEST else None


def spell(text: str) -> str:
    """The one way in which a country is compared: its two letters. Any other text, trimmed."""
    return code_of(text) or text.strip()


def name_of(code: str) -> str:
    """The English name behind two letters; the letters where there is none."""
    return _names().get(code, code)


def shown(text: str) -> str:
    """A text as people read it: with the country that it is taken for, "DE (Germany)", where it is not its
    name.
    """
    code = code_of(text)
    if code is None or _key(name_of(code)) == _key(text):
        return text
    return f"{text.strip()} ({name_of(code)})"


@lru_cache(maxsize=1_024)
def doubt(text: str) -> str:
    """What to tell whoever writes a text where a country is asked for; "" where it is one."""
    if not text.strip() or code_of(text) is not None:
        return ""
    key = _key(text[:_LONGEST])
    # A slip is seldom in the first letter, and each comparison costs what a look-up of hundreds does.
    alike = [each for each in _by_key() if each[:1] == key[:1]]
    likely = get_close_matches(key, alike, n=1, cutoff=_ALIKE)
    written = text.strip() if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
    question = f" Did you mean {_by_key()[likely[0]]}?" if likely else ""
    return f'Not a country we know: "{written}" is compared as written.{question}'


@cache
def names() -> tuple[str, ...]:
    """All countries by their English names, in order."""
    return tuple(sorted(_names().values(), key=fold))


@cache
def _by_key() -> dict[str, str]:
    return {_key(name): name for name in names()}


def _key(text: str) -> str:
    plain = fold(text).replace(".", "").replace("&", " and ")
    return words(plain).strip().removeprefix("the ")


@cache
def _names() -> dict[str, str]:
    found = {each.alpha_2: getattr(each, "common_name", each.name) for each in pycountry.countries}
    return found | _SHORT


@cache
def _codes() -> dict[str, str]:
    """Codes by every key: what is said in English goes before what is said elsewhere, and of that what most
    languages say. What names two countries as often names none.
    """
    votes: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for translate in _translations():
        for code, text in _written():
            key = _key(translate(text))
            # It may be the code of another country: "Mỹ" is what Vietnamese calls the United States.
            if key and not (key.isascii() and len(key) <= 3):
                votes[key][code] += 1
    found: dict[str, str] = {}
    for key, counted in votes.items():
        (code, most), *others = counted.most_common(2)
        if not others or others[0][1] < most:
            found[key] = code
    found |= {_key(text): code for code, texts in _ALSO.items() for text in texts}
    found |= {_key(text): code for code, text in _names().items()}
    found |= {_key(text): code for code, text in _written()}
    for each in pycountry.countries:
        found |= {each.alpha_3.lower(): each.alpha_2, each.alpha_2.lower(): each.alpha_2}
    return found | {"xk": "XK"}


def _written() -> Iterator[tuple[str, str]]:
    """(code, name) of each English name."""
    for each in pycountry.countries:
        for kind in ("name", "official_name", "common_name"):
            text = getattr(each, kind, None)
            if text:
                yield each.alpha_2, text


def _translations() -> Iterator[Callable[[str], str]]:
    """One language after the other; none is kept, since `gettext` would hold on to all of them."""
    for language in _LANGUAGES:
        path = Path(pycountry.LOCALES_DIR) / language / "LC_MESSAGES" / "iso3166-1.mo"
        found: NullTranslations = NullTranslations()
        if path.is_file():  # a language that a later release leaves out is no reason to stop
            with path.open("rb") as file:
                found = GNUTranslations(file)
        yield found.gettext


#: For a field of rules that holds a country.
COUNTRIES: Final = Vocabulary(spell=spell, shown=shown, doubt=doubt, offered=names, code=NOT_KNOWN)
