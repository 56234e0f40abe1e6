"""What else must hold before a draft is put in force: said by apps above, which register theirs when they
start. Going back to an earlier version is done in a hurry, and asks none of them.
"""

from __future__ import annotations

from collections.abc import Callable

from core.errors import FieldError, ValidationFailed
from tenants.models import VersionedModel

#: What stands between a version and its publication; nothing where it may come. Reads only.
Gate = Callable[[VersionedModel], list[FieldError]]

gates: list[Gate] = []


def gate_errors(version: VersionedModel) -> list[FieldError]:
    """All that the gates say against a version."""
    return [error for gate in gates for error in gate(version)]


def check_gates(version: VersionedModel) -> None:
    """Raises ValidationFailed with what the gates say against a version."""
    errors = gate_errors(version)
    if errors:
        more = f" ({len(errors) - 1} more)" if len(errors) > 1 else ""
        raise ValidationFailed(f"{errors[0].message}{more}", field_errors=errors)
