"""The number fields of every form. Django's own read what Python reads: see core.numbers."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from core.numbers import PLAIN, is_plain


class _Plain:
    def to_python(self, value: Any) -> Any:
        """Raises ValidationError for a number that is written in another way."""
        if isinstance(value, str) and not is_plain(value):
            raise ValidationError(PLAIN, code="invalid")
        return super().to_python(value)  # type: ignore[misc]  # the field beside it has one


class IntegerField(_Plain, forms.IntegerField):
    """A whole number."""


class FloatField(_Plain, forms.FloatField):
    """A number."""


class DecimalField(_Plain, forms.DecimalField):
    """A number that is kept digit by digit."""
