"""The score of one lead as of now, point by point, for its page and its explanation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from leads.criteria import criteria_that_judged, facts_of
from leads.models import Lead
from leads.past import past_of
from leads.score import OUTSIDE, SIGNALS, Line


@dataclass(frozen=True, slots=True)
class ScoreNow:
    """points: None where none is known. lines: what makes them; empty for a score from outside."""

    points: int | None
    lines: Sequence[Line] = ()
    is_counted: bool = False

    @property
    def shows_alone(self) -> bool:
        """Whether there is a number to show and nothing that makes it."""
        return self.points is not None and not self.is_counted

    def as_dict(self) -> dict[str, Any]:
        """As the API answers it."""
        return {
            "from": SIGNALS if self.is_counted else OUTSIDE,
            "points": self.points,
            "lines": [line.as_dict() for line in self.lines],
        }


def score_now(lead: Lead, *, now: datetime) -> ScoreNow:
    """The score of a lead by the criteria that judged it last.

    One query where it is counted from what the lead did, none where it comes from outside. As when it was
    judged, what led to a handoff that was closed before counts no more.
    """
    criteria = criteria_that_judged(lead)
    if criteria is None or criteria.signals is None:
        return ScoreNow(lead.score)
    past = past_of([lead.id])[lead.id] if criteria.signals.reads_engagements else []
    lines = criteria.signals.lines(facts_of(lead, lead.account, past, now))
    return ScoreNow(sum(line.points for line in lines), lines, True)
