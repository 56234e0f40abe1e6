"""The SLA tiers that there are, lent from above: criteria may ask more of the leads of one, and policies are
a floor higher.
"""

from __future__ import annotations

from collections.abc import Callable

#: (slug, name) of each tier of the policies in force.
Source = Callable[[], list[tuple[str, str]]]
_sources: list[Source] = []


def register_tiers(source: Source) -> None:
    """Said once, when the app is ready."""
    if source not in _sources:
        _sources.append(source)


def tiers_in_force() -> list[tuple[str, str]]:
    """(slug, name) of each tier, each slug once; none where no policy is in force."""
    found: dict[str, str] = {}
    for source in _sources:
        for slug, name in source():
            found.setdefault(slug, name)
    return list(found.items())
