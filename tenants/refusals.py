"""A service's refusal, shown in the form that asked for it."""

from __future__ import annotations

from typing import Final

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


#: What a page answers that shows a refused form again; htmx swaps it like 200.
REFUSED: Final = 422


def status_of(*forms: BaseForm) -> int:
    """The status of a page with these forms: REFUSED where one of them was sent and is wrong."""
    return REFUSED if any(form.is_bound and form.errors for form in forms) else 200


def status_of_refusal(error: DomainError) -> int:
    """The status of a form that a service refused: 409 where somebody else came first, else REFUSED."""
    return 409 if error.status == 409 else REFUSED
