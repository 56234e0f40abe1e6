"""What somebody meant whose word is not one of those that are known."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Final

#: How alike two names are at least, of 1: "emial" is "email" (0.8), "hour" is not "source" (0.6).
ALIKE: Final = 0.7
#: Of a name that is longer no more is looked at.
_MOST: Final = 80


def hint(name: str, known: Iterable[str]) -> str:
    """ " Did you mean email?", to stand behind a refusal of the name; "" where nothing is near."""
    close = get_close_matches(name[:_MOST], list(known), n=1, cutoff=ALIKE)
    return f" Did you mean {close[0]}?" if close else ""
