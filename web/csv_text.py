"""The text of a CSV file that somebody sends. Which characters it is written in is never guessed: a wrong
guess spoils names, and nobody sees it. Pure.
"""

from __future__ import annotations

import codecs
import re
from typing import Final

_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before that of UTF-16, which it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
#: What no text has; the last stands where a character was lost before.
_NO_TEXT: Final = re.compile(r"[\x00-\x08\x0e-\x1f\x7f\ufffd]")

#: A number whose thousands are divided (of large ones in India every two digits, before the last three).
_DIVIDED: Final = re.compile(
    r"[+-]?[0-9]{1,3}(?:[, '\u00a0\u202f][0-9]{2,3})*[, '\u00a0\u202f][0-9]{3}(?:\.[0-9]+)?"
)
_DIVIDERS: Final = str.maketrans("", "", ", '\u00a0\u202f")


class NotText(ValueError):
    """A file that cannot be read: the first line that shows it, and words with the way out."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line, self.message = line, message


def encoding_of(head: bytes) -> str:
    """What a file is written in by its first bytes: what its mark says, else UTF-8."""
    return next((name for mark, name in _MARKS if head.startswith(mark)), "utf-8")


def not_text_in(encoding: str, line: int, way_out: str = "send it again") -> NotText:
    """The refusal of a file that is not written so, from this line on."""
    message = f"Line {line} has characters that are not {said(encoding)}, so names would be spoilt. "
    return NotText(line, f'{message}Save the file as "CSV UTF-8", and {way_out}.')


def said(encoding: str) -> str:
    """An encoding as people call it: "UTF-8"."""
    return encoding.upper().removesuffix("-SIG")


def text_of(data: bytes) -> tuple[str, str]:
    """(text, encoding) of a file in UTF-8, with its mark or without, or in UTF-16 or UTF-32 with its mark.

    Raises NotText for anything else, and for what is no text.
    """
    encoding = encoding_of(data)
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data[: error.start].decode(encoding, "ignore").count("\n") + 1
        raise not_text_in(encoding, line) from error
    found = _NO_TEXT.search(text)
    if found is not None:
        line = text.count("\n", 0, found.start()) + 1
        message = f"Line {line} has a character that is no text. Is this a CSV file, and not a workbook? "
        raise NotText(line, f'{message}Save it as "CSV UTF-8", and send it again.')
    return text, said(encoding)


def undivided(cell: str) -> str:
    """A number as somebody wrote it, without what divides its thousands: "1,200" is "1200". Anything else
    stays as it is, so that "1,5" is not taken for fifteen."""
    text = cell.strip()
    return text.translate(_DIVIDERS) if _DIVIDED.fullmatch(text) else text
