"""Ask who would get a lead, and under which tier: the live rules on a lead that is not taken in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core.errors import FieldError, ValidationFailed
from handoff.trial import Trial, try_lead
from handoff.words import REASONS, say
from integrations.api import lead_in
from integrations.serializers import LeadInSerializer
from leads import strict
from leads.incoming import LeadIn
from routing.traces import candidates_of
from tenants.selectors import person_document
from web.api import TenantAPIView

#: Why nobody was asked to take the lead.
_NOT_ROUTED = {
    "not_qualified": "It is not handed over: it does not meet the MQL criteria",
    "needs_data": "It qualifies, and waits for what its handoff asks for",
    "held": "It qualifies, and is held for enrichment first",
    "open_handoff": "It is handed over already, and stays with whom it is",
    "nurture": "A nurture sequence answers it instead of a person",
}


class SimulateInSerializer(serializers.Serializer[Any]):
    """A lead as it would be posted."""

    lead = LeadInSerializer()


class SimulateOutSerializer(serializers.Serializer[Any]):
    """What would become of it; nothing is written."""

    qualified = serializers.BooleanField()
    needs = serializers.ListField(child=serializers.CharField())
    qualification = serializers.DictField(allow_null=True)
    tier = serializers.CharField(
        allow_null=True, help_text="Null where it is not handed over, or no policy is published."
    )
    owner = serializers.DictField(allow_null=True)
    outcome = serializers.CharField(help_text="assigned, unrouted, stays, or not_handed_over")
    reason = serializers.CharField()
    words = serializers.CharField()
    pool = serializers.CharField(allow_null=True)
    rule = serializers.CharField(allow_blank=True)
    priority = serializers.IntegerField()
    trace = serializers.DictField(help_text="Empty where nobody was asked to take it.")


_read: Callable[..., dict[str, Any]] = strict.reader_of(SimulateInSerializer)


class SimulateView(TenantAPIView):
    scopes: ClassVar[Mapping[str, str]] = {"POST": "routing:simulate"}

    @extend_schema(
        operation_id="routing_simulate",
        request=SimulateInSerializer,
        responses={200: SimulateOutSerializer},
    )
    def post(self, request: Request) -> Response:
        """Say what would become of this lead now: whether it qualifies, under which tier it falls, who would
        get it and why not the others. It goes the way of a posted lead, a known person's included. Nothing is
        written and no turn is taken."""
        item = lead_in(strict.read(_read, request.data)["lead"])
        return Response(_document(self._tried(item)))

    def _tried(self, item: LeadIn) -> Trial:
        try:
            return try_lead(item=item, actor=self.actor, clock=self.clock)
        except ValidationFailed as error:  # its paths begin at the lead, ours at the body
            errors = [FieldError(f"/lead{each.path}", each.message, each.code) for each in error.field_errors]
            raise ValidationFailed(error.message, field_errors=errors) from error


def _document(trial: Trial) -> dict[str, Any]:
    arrival, handoff, owner = trial.result.arrival, trial.result.handoff, trial.owner
    judged = arrival.judgement if arrival else None
    return {
        "qualified": judged.qualified if judged else False,
        "needs": _needs(trial),
        "qualification": judged.verdict if judged else None,
        "tier": (handoff.tier if handoff else "") or None,
        "owner": person_document(owner),
        "priority": handoff.priority if handoff else 0,
        **_routed(trial),
    }


def _kept(trial: Trial) -> str:
    """Why a lead is not handed over."""
    arrival = trial.result.arrival
    if arrival is None or not arrival.may_open:
        return "not_qualified"
    return "needs_data" if arrival.lead.needs else "held"


def _needs(trial: Trial) -> list[str]:
    """What it lacks: all of it where it qualifies, what its tier asks for included."""
    arrival = trial.result.arrival
    if arrival is None or arrival.judgement is None:
        return []
    return arrival.lead.needs if arrival.judgement.qualified else arrival.judgement.needs


def _routed(trial: Trial) -> dict[str, Any]:
    """How its owner was found, or why nobody was looked for."""
    decision = trial.decision
    if decision is None:
        if trial.result.handoff is None:
            outcome, reason = "not_handed_over", _kept(trial)
        elif trial.opened:
            outcome, reason = "unrouted", "nurture"
        else:
            outcome, reason = "stays", "open_handoff"
        return {
            "outcome": outcome,
            "reason": reason,
            "words": _NOT_ROUTED[reason],
            "pool": None,
            "rule": "",
            "trace": {},
        }
    kept = {name: value for name, value in decision.trace.items() if name != "columns"}
    return {
        "outcome": decision.outcome,
        "reason": decision.reason,
        "words": say(REASONS, decision.reason),
        "pool": decision.pool.slug if decision.pool else None,
        "rule": decision.rule,
        "trace": {**kept, "candidates": candidates_of(decision.trace)},
    }
