"""Texts of the messages: small files with `{placeholder}`s, filled without a template engine.

templates/notifications/<kind>.txt: the first line is the title (a mail's subject, a line of a bundle, the
bell), the rest the body. A placeholder is a bare name; anything else in braces stays as it is, and what is
filled in is never read again as a text. A line all of whose placeholders are empty is left out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from django.conf import settings

_PLACEHOLDER: Final = re.compile(r"\{([a-z][a-z0-9_]*)\}")
_KIND: Final = re.compile(r"[a-z]+(?:\.[a-z_]+)+")
_BLANKS: Final = re.compile(r"\n{3,}")


@dataclass(frozen=True, slots=True)
class Text:
    """A message in words: one line, and what follows it."""

    title: str
    body: str


def render(kind: str, words: Mapping[str, str]) -> Text:
    """The text of a kind with its words. Raises LookupError for a kind that has no text."""
    title, lines = _template(kind)
    filled = [_fill(line, words) for line in lines if not _is_bare(line, words)]
    body = _BLANKS.sub("\n\n", "\n".join(filled)).strip()
    return Text(title=one_line(_fill(title, words)), body=body)


def one_line(text: str) -> str:
    """Without line breaks and control characters: a mail's header must not be splittable."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def _fill(line: str, words: Mapping[str, str]) -> str:
    return _PLACEHOLDER.sub(lambda match: str(words.get(match[1], match[0])), line)


def _is_bare(line: str, words: Mapping[str, str]) -> bool:
    names = _PLACEHOLDER.findall(line)
    return bool(names) and not any(words.get(name) for name in names)


@cache
def _template(kind: str) -> tuple[str, list[str]]:
    if not _KIND.fullmatch(kind):
        raise LookupError(f"{kind!r} is not a kind of message.")
    path = Path(settings.BASE_DIR) / "templates" / "notifications" / f"{kind}.txt"
    try:
        title, _, body = path.read_text().partition("\n")
    except FileNotFoundError:
        raise LookupError(f"There is no text for {kind}.") from None
    return title, body.strip("\n").split("\n")
