"""Where a handoff says that a target was answered, and when: said once, for every target."""

from __future__ import annotations

from datetime import datetime
from typing import Final, assert_never

from leads.models import Handoff
from sla.models import Target


def _column(target: Target) -> str | None:
    """The column of a handoff that says when this target was answered; None for one that no column answers,
    which no tier can set yet."""
    match target:
        case Target.FIRST_TOUCH:
            return "first_touch_at"
        case Target.DECISION:
            return "accepted_at"
        case Target.ATTEMPTS | Target.SQL_DECISION:
            return None
        case _:
            assert_never(target)


#: For queries. A target that is not here has no answer that a handoff knows of.
ANSWER_COLUMNS: Final[dict[str, str]] = {
    str(target): column for target in Target if (column := _column(target)) is not None
}


def answered_at(handoff: Handoff, target: str) -> datetime | None:
    """When the handoff answered this target as far as it knows; None while it has not."""
    column = _column(Target(target))
    found: datetime | None = getattr(handoff, column) if column else None
    return found
