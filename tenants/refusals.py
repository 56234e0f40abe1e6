"""A service's refusal, shown in the form that asked for it."""

from __future__ import annotations

from django.forms import BaseForm

from core.errors import DomainError


def take_errors(form: BaseForm, error: DomainError) -> None:
    """Put each error of a refusal at the field that its path names, and what has no field on top."""
    if not error.field_errors:
        form.add_error(None, error.message)
        return
    for each in error.field_errors:
        name = each.path.strip("/").replace("/", "_")
        form.add_error(name if name in form.fields else None, each.message)
