"""What an arrival leaves, and one person's share of a batch of arrivals."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from core.rules import Facts
from leads.criteria import Judgement
from leads.incoming import LeadIn
from leads.lifecycle import Stage
from leads.models import Account, Handoff, Lead
from leads.triggers import Standing


@dataclass(slots=True)
class NewEngagement:
    """A row of leads.Engagement that this arrival leaves."""

    id: UUID
    lead_id: UUID
    kind: str
    subject: str
    at: datetime
    received_at: datetime
    source: str
    campaign: str


@dataclass(slots=True)
class Arrival:
    """What became of one item.

    at:           when we took it: where its clocks start.
    created:      the lead is new, and this item made it.
    handoff:      the handoff that is open already, locked; None where there is none.
    last_number:  of the lead's handoffs so far; 0 for none.
    qualifies:    judged an MQL, lacks nothing, has no open handoff: a handoff is to be opened (once a lead).
    judgement:    None where the tenant has published no criteria.
    may_open:     it qualifies or would with all that is required, and has no open handoff (once a lead).
    """

    item: LeadIn
    at: datetime
    lead: Lead
    created: bool
    engagements: list[NewEngagement]
    account: Account | None = None
    facts: Facts | None = None
    handoff: Handoff | None = None
    last_number: int = 0
    qualifies: bool = False
    judgement: Judgement | None = None
    steps: list[tuple[str, Stage]] = field(default_factory=list)
    may_open: bool = False


@dataclass(slots=True, eq=False)
class Person:
    """Everything about one person in this batch."""

    lead_id: UUID | None  # of the known lead
    items: list[tuple[int, LeadIn]] = field(default_factory=list)
    lead: Lead | None = None
    is_new: bool = False
    account: Account | None = None
    new_ids: dict[tuple[str, str], None] = field(default_factory=dict)
    # What counts for the judgement: (kind, subject, at).
    past: list[tuple[str, str | None, datetime]] = field(default_factory=list)
    known_events: set[tuple[str, str, datetime]] = field(default_factory=set)
    latest: datetime | None = None  # the last thing known of the lead before this batch
    handoff: Handoff | None = None
    closed_at: datetime | None = None
    last_number: int = 0
    engagements: dict[int, list[NewEngagement]] = field(default_factory=dict)
    facts: Facts | None = None
    judgement: Judgement | None = None
    qualifies: bool = False
    may_open: bool = False
    steps: list[tuple[str, Stage]] = field(default_factory=list)
    # What said before this batch that it is to be handed over.
    stood: Standing = frozenset()
