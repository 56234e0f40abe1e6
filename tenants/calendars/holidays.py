"""Public holidays by country and subdivision, from the `holidays` library."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import NamedTuple

import holidays as library
from holidays.registry import COUNTRIES

from core.errors import ValidationFailed

#: Years around the writing of a version for which public holidays are resolved into it.
YEARS_BACK, YEARS_AHEAD = 10, 15


class Country(NamedTuple):
    """code: ISO 3166 alpha-2. subdivisions: codes that the library tells apart, such as "BE" of Germany."""

    code: str
    name: str
    subdivisions: tuple[str, ...]


@cache
def countries() -> tuple[Country, ...]:
    """Every country with a calendar, by name."""
    names = {entry[1]: _spaced(entry[0]) for entry in COUNTRIES.values()}
    supported = library.list_supported_countries()
    found = [Country(code, names.get(code, code), tuple(parts)) for code, parts in supported.items()]
    return tuple(sorted(found, key=lambda country: country.name))


def _spaced(name: str) -> str:
    """Such as "UnitedStates" as "United States"."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)


@lru_cache(maxsize=256)
def holidays_of(country: str, subdivision: str, first_year: int, last_year: int) -> dict[str, str]:
    """Public holidays of the years as {"2026-12-25": "Christmas Day", ...}; empty for no country.

    Raises ValidationFailed at /country or /subdivision for one that there is no calendar for.
    """
    if not country:
        return {}
    known = next((each for each in countries() if each.code == country), None)
    if known is None:
        raise ValidationFailed.at(
            "/country", f"There is no public holiday calendar for {country}.", "unknown_country"
        )
    if subdivision and subdivision not in known.subdivisions:
        allowed = ", ".join(known.subdivisions) or "none"
        raise ValidationFailed.at(
            "/subdivision",
            f"There is no {subdivision} in the public holidays of {known.name}; there are: {allowed}.",
            "unknown_subdivision",
        )
    years = range(first_year, last_year + 1)
    found = library.country_holidays(country, subdiv=subdivision or None, years=years)
    return {day.isoformat(): name for day, name in sorted(found.items())}


def resolve_holidays(*, country: str, subdivision: str, around: int) -> dict[str, str]:
    """The public holidays that a version written in the year `around` keeps."""
    return dict(holidays_of(country, subdivision, around - YEARS_BACK, around + YEARS_AHEAD - 1))
