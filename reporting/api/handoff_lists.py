"""The handoffs behind a number, as rows for programs."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from reporting.definitions import STAGES, furthest_of
from reporting.measures import SEGMENTS
from reporting.models import HandoffFact
from reporting.selectors.questions import KINDS
from web.openapi import page_serializer


class HandoffFactSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField(help_text="Of the handoff.")
    lead = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=[each for each in KINDS if each != "both"])
    is_history = serializers.BooleanField(help_text="It was imported.")
    rep = serializers.UUIDField(allow_null=True, help_text="Null: nobody owned it.")
    team = serializers.UUIDField(allow_null=True)
    tier = serializers.CharField(allow_blank=True, help_text="Slug.")
    source = serializers.CharField(allow_blank=True)  # type: ignore[assignment]
    campaign = serializers.CharField(allow_blank=True)
    channel = serializers.CharField(allow_blank=True)
    segment = serializers.ChoiceField(
        choices=list(SEGMENTS), allow_blank=True, help_text="Company size; blank: not known."
    )
    mql_at = serializers.DateTimeField(help_text="When it was handed over.")
    first_touch_at = serializers.DateTimeField(allow_null=True)
    decided_at = serializers.DateTimeField(allow_null=True, help_text="Of the first answer that stands.")
    closed_at = serializers.DateTimeField(allow_null=True)
    stage = serializers.ChoiceField(choices=list(STAGES), help_text="The furthest that it reached.")
    decision = serializers.CharField(allow_blank=True, help_text="accepted, rejected or nurture.")
    reason = serializers.CharField(allow_blank=True, help_text="Slug.")
    outcome = serializers.CharField(
        allow_blank=True, help_text="How it ended: won, lost, rejected, nurture or disqualified."
    )
    touches = serializers.IntegerField(help_text="By people.")
    amount = serializers.DecimalField(
        max_digits=16,
        decimal_places=2,
        allow_null=True,
        coerce_to_string=True,
        help_text="Of its opportunities, in the organisation's currency.",
    )


HANDOFF_PAGE = page_serializer("HandoffFactPage", HandoffFactSerializer)


def handoff_row(fact: HandoffFact) -> dict[str, Any]:
    return {
        "id": fact.id,
        "lead": fact.lead_id,
        "kind": fact.kind,
        "is_history": fact.is_history,
        "rep": fact.member_id,
        "team": fact.team_id,
        "tier": fact.tier,
        "source": fact.source,
        "campaign": fact.campaign,
        "channel": fact.channel,
        "segment": fact.segment,
        "mql_at": fact.started_at,
        "first_touch_at": fact.first_touch_at,
        "decided_at": fact.decided_at,
        "closed_at": fact.closed_at,
        "stage": furthest_of(fact),
        "decision": fact.decision,
        "reason": fact.reason,
        "outcome": fact.outcome,
        "touches": fact.touches,
        "amount": None if fact.amount is None else f"{fact.amount:.2f}",
    }
