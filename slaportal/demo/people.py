"""Who walks through the demo: invented people and companies, drawn from a seeded source of chance."""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from leads.incoming import CompanyIn


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


# Region -> countries with their share, and the dialling code of a number that is valid there.
COUNTRIES: Mapping[str, Sequence[tuple[str, str, int]]] = {
    "EMEA": (
        ("Germany", "+4930901820", 40),
        ("Austria", "+4317120", 8),
        ("Switzerland", "+4144668", 10),
        ("Netherlands", "+3120794", 12),
        ("United Kingdom", "+4420794", 20),
        ("France", "+3314276", 10),
    ),
    "AMER": (("United States", "+1212736", 75), ("Canada", "+1416392", 20), ("Mexico", "+525552", 5)),
    "APAC": (
        ("Singapore", "+656338", 50),
        ("Australia", "+612937", 30),
        ("Malaysia", "+60321", 10),
        ("Philippines", "+63285", 10),
    ),
}

FIRST_NAMES: Mapping[str, Sequence[str]] = {
    "EMEA": _words(
        "Anna Lukas Marie Jonas Katharina Felix Sophie Tobias Nina Stefan Eva Matthias Julia Oliver Amelia"
        " Harry Chloé Antoine Camille Daan Sanne Lotte Bram Ingrid Sven Petra Moritz Greta Emil Clara"
    ),
    "AMER": _words(
        "Emily Michael Ashley James Madison Tyler Olivia Brandon Grace Ethan Hannah Logan Ava Mason Zoe"
        " Carlos Lucía Diego Naomi Marcus Denise Terrence Priya Kevin Rachel Aaron Megan Derek Paige"
    ),
    "APAC": _words(
        "Wei Jia Hui Siti Arjun Mei Daniel Aisyah Kumar Grace Rohan Charlotte Liam Isla Jack Matilda Hao Yi"
        " Nur Farid Angelica Miguel Anjali Vikram Xin Cheryl Bryan Lakshmi"
    ),
}
LAST_NAMES: Mapping[str, Sequence[str]] = {
    "EMEA": _words(
        "Becker Hoffmann Schäfer Koch Richter Klein Wolf Neumann Schwarz Zimmermann Krüger Hartmann Lange"
        " Werner Huber Steiner Keller Baumann de-Vries Visser Bakker Taylor Walker Hughes Dubois Laurent"
        " Fournier Jansen Peeters"
    ),
    "AMER": _words(
        "Anderson Martinez Thompson Garcia Robinson Clark Lewis Young Hall Allen Wright Scott Green Baker"
        " Nelson Carter Mitchell Perez Roberts Turner Phillips Campbell Parker Evans Tremblay Gagnon"
    ),
    "APAC": _words(
        "Tan Lim Lee Ng Wong Goh Chua Ong Koh Teo Nair Menon Sharma Rahman Abdullah Santos Reyes Cruz"
        " Williams Brown Wilson Kelly Ryan Harris"
    ),
}
STUDENT: Final = "Working Student"
STUDENTS_DOMAIN: Final = "campus.example"  # never qualifies, by the demo's criteria
TITLES: Sequence[tuple[str, int]] = (
    ("Head of Operations", 10),
    ("VP Sales", 8),
    ("Chief Operating Officer", 5),
    ("Director of Marketing", 9),
    ("Revenue Operations Manager", 9),
    ("Head of IT", 8),
    ("Managing Director", 7),
    ("Procurement Manager", 6),
    ("Product Manager", 8),
    ("Operations Analyst", 7),
    ("Marketing Manager", 8),
    ("Supply Chain Manager", 6),
    ("Project Coordinator", 4),
    (STUDENT, 3),
    ("Consultant", 4),
)
_STEMS = _words(
    "Albatros Alder Altura Amber Anchor Arbor Arctura Ashford Aster Bergwerk Birch Blueline Boreal Brook"
    " Cairn Calder Cedar Cobalt Copper Corvus Delta Dorn Eastgate Ember Fjord Flint Forge Gable Garnet Granit"
    " Harbour Hazel Helio Hollow Indigo Iris Juniper Kestrel Kiesel Lantern Larch Linden Lumen Maple Marlin"
    " Meridian Mistral Nova Oak Onyx Orchard Osprey Pagoda Pebble Pine Quarry Quill Raven Ridge Rowan Saffron"
    " Sable Sienna Silver Slate Sparrow Spruce Summit Tamar Teal Thistle Timber Umber Valley Vesper Willow"
    " Wren Yarrow Zephyr"
)
_KINDS: Sequence[tuple[str, str]] = (
    ("Logistics", "Logistics"),
    ("Foods", "Food and drink"),
    ("Analytics", "Software"),
    ("Systems", "Software"),
    ("Health", "Health care"),
    ("Energy", "Energy"),
    ("Tools", "Manufacturing"),
    ("Works", "Manufacturing"),
    ("Partners", "Professional services"),
    ("Retail", "Retail"),
    ("Finance", "Financial services"),
    ("Media", "Media"),
)
_SIZES = (8, 14, 25, 40, 60, 85, 120, 180, 240, 350, 500, 800, 1200, 2400, 6000)
_SIZE_SHARES = (3, 5, 7, 9, 10, 11, 11, 10, 9, 8, 6, 5, 3, 2, 1)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who may become a lead."""

    first_name: str
    last_name: str
    title: str
    email: str
    phone: str
    country: str
    region: str
    company: CompanyIn


def pick(chance: random.Random, choices: Sequence[tuple[str, int]]) -> str:
    """One of (value, share)."""
    return chance.choices([value for value, _ in choices], weights=[share for _, share in choices])[0]


def plain(text: str) -> str:
    """Lower-case ASCII for addresses: "Schäfer" is "schafer"."""
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(
        letter for letter in decomposed.lower() if letter.isascii() and (letter.isalnum() or letter == "-")
    )


class Crowd:
    """An endless line of people of one organisation's market, the same for the same seed."""

    def __init__(self, chance: random.Random, regions: Sequence[tuple[str, int]]) -> None:
        self._chance = chance
        self._regions = regions
        self._companies: dict[str, list[tuple[CompanyIn, str, str]]] = {}
        self._names_used: set[str] = set()
        self._emails_used: set[str] = set()

    def person(self, region: str | None = None) -> Person:
        """The next person; later about every second works for a company seen before."""
        chance = self._chance
        region = region or pick(chance, self._regions)
        company, country, dial = self._company(region)
        first, last = chance.choice(FIRST_NAMES[region]), chance.choice(LAST_NAMES[region]).replace("-", " ")
        local = f"{plain(first)}.{plain(last.replace(' ', ''))}"
        title = pick(chance, TITLES)
        domain = STUDENTS_DOMAIN if title == STUDENT else company.domain
        email, number = f"{local}@{domain}", 2
        while email in self._emails_used:
            email, number = f"{local}{number}@{domain}", number + 1
        self._emails_used.add(email)
        return Person(
            first_name=first,
            last_name=last,
            title=title,
            email=email,
            phone=f"{dial}{chance.randrange(1000, 9999)}" if chance.random() < 0.85 else "",
            country=country,
            region=region,
            company=company,
        )

    def _company(self, region: str) -> tuple[CompanyIn, str, str]:
        chance = self._chance
        known = self._companies.setdefault(region, [])
        if chance.random() < 0.5 * min(1, len(known) / 40):
            return chance.choice(known)
        entries = COUNTRIES[region]
        country, dial, _ = chance.choices(entries, weights=[share for _, _, share in entries])[0]
        for _attempt in range(50):
            kind, industry = chance.choice(_KINDS)
            name = f"{chance.choice(_STEMS)} {kind}"
            if name not in self._names_used:
                break
        else:
            return chance.choice(known) if known else self._company(region)
        self._names_used.add(name)
        employees = chance.choices(_SIZES, weights=_SIZE_SHARES)[0]
        company = CompanyIn(
            name=name,
            domain=f"{plain(name)}.example",
            employees=employees,
            revenue=employees * chance.randrange(90, 260) * 1000,
            industry=industry,
            country=country,
            region=region,
        )
        known.append((company, country, dial))
        return known[-1]
