"""The text of a CSV file that somebody sends. Which characters it is written in is never guessed: a wrong
guess spoils names, and nobody sees it. Pure.
"""

from __future__ import annotations

import codecs
import re
from typing import Final

_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
#: What no text has; the last stands where a character was lost before.
_NO_TEXT: Final = re.compile(r"[\x00-\x08\x0e-\x1f\x7f\ufffd]")


class NotText(ValueError):
    """A file that cannot be read: the first line that shows it, and words with the way out."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line, self.message = line, message


def text_of(data: bytes) -> tuple[str, str]:
    """(text, encoding) of a file in UTF-8, with its mark or without, or in UTF-16 with its mark.

    Raises NotText for anything else, and for what is no text.
    """
    encoding = next((name for mark, name in _MARKS if data.startswith(mark)), "utf-8")
    said = encoding.upper().removesuffix("-SIG")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data[: error.start].decode(encoding, "ignore").count("\n") + 1
        message = f"Line {line} has characters that are not {said}, so names would be spoilt. "
        raise NotText(line, f'{message}Save the file as "CSV UTF-8", and send it again.') from error
    found = _NO_TEXT.search(text)
    if found is not None:
        line = text.count("\n", 0, found.start()) + 1
        message = f"Line {line} has a character that is no text. Is this a CSV file, and not a workbook? "
        raise NotText(line, f'{message}Save it as "CSV UTF-8", and send it again.')
    return text, said
