"""What was said and decided in a review: as it stands, and as it was frozen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from reporting.reviews.models import Review, ReviewDecision, ReviewNote
from tenants.audit import names_of_actors


@dataclass(frozen=True, slots=True)
class Note:
    text: str
    by: str  # a name
    at: datetime


@dataclass(frozen=True, slots=True)
class Decision:
    """done_at: None where it is not done yet."""

    id: str
    text: str
    owner: str
    owner_id: str
    due_on: date
    by: str
    at: datetime
    done_at: datetime | None
    done_by: str

    def is_late(self, today: date) -> bool:
        return self.done_at is None and self.due_on < today


@dataclass(frozen=True, slots=True)
class Said:
    notes: Sequence[Note]
    decisions: Sequence[Decision]

    def as_document(self) -> dict[str, Any]:
        """JSON, to be kept."""
        return {
            "notes": [{**asdict(each), "at": each.at.isoformat()} for each in self.notes],
            "decisions": [
                {
                    **asdict(each),
                    "due_on": each.due_on.isoformat(),
                    "at": each.at.isoformat(),
                    "done_at": each.done_at.isoformat() if each.done_at else None,
                }
                for each in self.decisions
            ],
        }


def from_document(document: Mapping[str, Any]) -> Said:
    """What was said, as it was kept."""
    return Said(
        [Note(each["text"], each["by"], datetime.fromisoformat(each["at"])) for each in document["notes"]],
        [
            Decision(
                **{
                    **each,
                    "due_on": date.fromisoformat(each["due_on"]),
                    "at": datetime.fromisoformat(each["at"]),
                    "done_at": datetime.fromisoformat(each["done_at"]) if each["done_at"] else None,
                }
            )
            for each in document["decisions"]
        ],
    )


def said_in(review: Review, *, since: datetime | None = None) -> Said:
    """Notes and decisions, in the order in which they were written; three queries.

    since: only notes after that moment (addenda), with all decisions.
    """
    notes = ReviewNote.objects.filter(review=review).order_by("at", "id")
    if since is not None:
        notes = notes.filter(at__gt=since)
    rows = list(notes)
    decisions = list(
        ReviewDecision.objects.filter(review=review).select_related("owner").order_by("at", "id")
    )
    people = names_of_actors(
        {*(each.by for each in rows), *(by for each in decisions for by in (each.by, each.done_by) if by)}
    )
    return Said(
        [Note(each.text, people[each.by], each.at) for each in rows],
        [
            Decision(
                id=str(each.id),
                text=each.text,
                owner=each.owner.name,
                owner_id=str(each.owner_id),
                due_on=each.due_on,
                by=people[each.by],
                at=each.at,
                done_at=each.done_at,
                done_by=people.get(each.done_by, ""),
            )
            for each in decisions
        ],
    )
