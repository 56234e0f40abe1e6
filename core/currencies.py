"""Currencies as ISO 4217 knows them. Pure; the list is that of the `pycountry` package."""

from __future__ import annotations

from functools import cache

import pycountry


@cache
def known_currencies() -> dict[str, str]:
    """Name by code, the codes in order."""
    return {each.alpha_3: each.name for each in sorted(pycountry.currencies, key=lambda one: one.alpha_3)}


def is_currency(code: str) -> bool:
    return code in known_currencies()
