"""What a file tells of one lead's history."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from leads.incoming import LeadIn
from leads.lifecycle import Stage


@dataclass(frozen=True, slots=True)
class Owner:
    """Who owned a lead, as far as the file says: an e-mail, another system's id, or only a name."""

    email: str = ""
    ref: str = ""
    name: str = ""
    team: str = field(default="", compare=False)  # of somebody who is made here: an existing team's name

    def __bool__(self) -> bool:
        return bool(self.email or self.ref or self.name)


@dataclass(slots=True)
class Past:
    """One lead's history. dates: when it reached which stage. stage: where it stands now, None for unsaid."""

    lead: LeadIn
    country: str = ""
    region: str = ""
    stage: Stage | None = None
    stage_at: datetime | None = None
    created_at: datetime | None = None
    first_touch_at: datetime | None = None
    dates: dict[Stage, datetime] = field(default_factory=dict)
    owner: Owner = Owner()
    touched_at: datetime | None = None  # one activity: the first from MQL on is the first touch
    first_touch_due_at: datetime | None = None
    decision_due_at: datetime | None = None
    decided_at: datetime | None = None
    is_day: Mapping[str, bool] = field(default_factory=dict)  # by field given: a day without a time
    is_change: bool = False  # a row of a file of changes: the earliest date of a stage stands
    file: str = ""
