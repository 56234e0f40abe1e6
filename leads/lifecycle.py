"""The lifecycle of a lead, as a table. `leads.services.move_stage` is the one function that walks it."""

from __future__ import annotations

from django.db import models


class Stage(models.TextChoices):
    SUBSCRIBER = "subscriber", "Subscriber"  # opted in, fit not confirmed
    LEAD = "lead", "Lead"  # fit confirmed, below the engagement threshold
    MQL = "mql", "MQL"  # fit + engagement + intent, as the written criteria say
    SAL = "sal", "SAL"  # sales has reviewed and accepted it
    SQL = "sql", "SQL"  # a qualifying conversation confirmed the opportunity
    OPPORTUNITY = "opportunity", "Opportunity"
    WON = "won", "Won"
    LOST = "lost", "Lost"
    REJECTED = "rejected", "Rejected"
    NURTURE = "nurture", "Nurture"
    DISQUALIFIED = "disqualified", "Disqualified"


NEXT: dict[Stage, frozenset[Stage]] = {
    Stage.SUBSCRIBER: frozenset({Stage.LEAD, Stage.MQL, Stage.DISQUALIFIED}),
    Stage.LEAD: frozenset({Stage.SUBSCRIBER, Stage.MQL, Stage.NURTURE, Stage.DISQUALIFIED}),
    Stage.MQL: frozenset({Stage.SAL, Stage.REJECTED, Stage.NURTURE, Stage.DISQUALIFIED}),
    Stage.SAL: frozenset(
        {Stage.MQL, Stage.SQL, Stage.NURTURE, Stage.LOST, Stage.DISQUALIFIED}
    ),  # MQL: an undone accept
    Stage.SQL: frozenset({Stage.OPPORTUNITY, Stage.WON, Stage.NURTURE, Stage.LOST, Stage.DISQUALIFIED}),
    Stage.OPPORTUNITY: frozenset({Stage.WON, Stage.LOST, Stage.NURTURE}),
    # Closed handoffs: a return opens a new cycle, judged afresh.
    Stage.WON: frozenset({Stage.LEAD, Stage.MQL}),
    Stage.LOST: frozenset({Stage.LEAD, Stage.MQL, Stage.NURTURE}),
    Stage.REJECTED: frozenset({Stage.LEAD, Stage.MQL, Stage.NURTURE, Stage.DISQUALIFIED}),
    Stage.NURTURE: frozenset({Stage.LEAD, Stage.MQL, Stage.DISQUALIFIED}),
    Stage.DISQUALIFIED: frozenset({Stage.LEAD, Stage.MQL}),
}

# A lead in one of these has an open handoff.
IN_HANDOFF: frozenset[Stage] = frozenset({Stage.MQL, Stage.SAL, Stage.SQL, Stage.OPPORTUNITY})


def can_move(old: Stage, new: Stage) -> bool:
    """May a lead go from `old` to `new` in one step?"""
    return new in NEXT[old]
