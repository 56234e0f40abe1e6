"""Whole numbers as people write them: with separators between the thousands."""

from __future__ import annotations

import re
from typing import Any, Final

from django import forms

from tenants.numbers import IntegerField

_GROUPED: Final = re.compile(r"[+-]?\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_SPACES: Final = re.compile(r"(?<=\d)[ \u00a0\u202f\u2019'](?=\d{3}\b)")


def without_separators(text: str) -> str:
    """ "2,000", "2 000" and "2'000" as "2000"; any other text as it is. A point parts no thousands."""
    plain = _SPACES.sub("", text.strip())
    return plain.replace(",", "") if _GROUPED.fullmatch(plain) else plain


class WholeNumberField(IntegerField):
    """A whole number as people write it. Its control takes any text: a number control of a browser would send
    nothing at all for "2,000"."""

    widget = forms.TextInput(attrs={"inputmode": "numeric"})
    default_error_messages = {"invalid": "A whole number is wanted, like 2,000."}

    def to_python(self, value: Any) -> Any:
        """Without the separators."""
        return super().to_python(without_separators(value) if isinstance(value, str) else value)
