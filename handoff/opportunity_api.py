"""Opportunities of a lead over the API."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC
from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from handoff import services
from handoff.api import actor_of
from handoff.serializers import OpportunitiesSerializer, OpportunityInSerializer, OpportunitySerializer
from leads import strict
from leads.models import Opportunity
from leads.opportunities import opportunities_of
from leads.selectors import get_lead
from tenants.selectors import find_member
from web.api import TenantAPIView
from web.pagination import known_query

_read: Callable[..., dict[str, Any]] = strict.reader_of(OpportunityInSerializer)


def opportunity_document(found: Opportunity) -> dict[str, Any]:
    """A deal as the API answers it."""
    return {
        "id": found.id,
        "lead": found.lead_id,
        "handoff": found.handoff_id,
        "name": found.name,
        "amount": _money(found.amount),
        "currency": found.currency,
        "close_date": found.close_date,
        "first_amount": _money(found.first_amount),
        "first_close_date": found.first_close_date,
        "outcome": found.outcome or "open",
        "opened_at": found.opened_at.astimezone(UTC),
        "closed_at": found.closed_at.astimezone(UTC) if found.closed_at else None,
        "owner": found.owner_id,
        "external_system": found.external_system,
        "external_id": found.external_id,
    }


def _money(amount: Any) -> str | None:
    """A text: a number of JSON would not keep cents."""
    return None if amount is None else f"{amount:.2f}"


class _OpportunityView(TenantAPIView):
    def save(self, request: Request, lead_id: UUID, opportunity_id: UUID | None = None) -> Response:
        said = strict.read(_read, request.data)
        actor = actor_of(self.actor, {"by": said.pop("by", None)})
        if said.get("owner"):
            said["owner"] = find_member(said["owner"], path="/owner")
        if said.get("outcome") == "open":
            said["outcome"] = ""
        saved, is_new = services.save_opportunity(
            tenant=self.tenant,
            lead_id=lead_id,
            said=said,
            actor=actor,
            clock=self.clock,
            opportunity_id=opportunity_id,
        )
        return Response(opportunity_document(saved), status=201 if is_new else 200)


class OpportunitiesView(_OpportunityView):
    idempotent = True
    scopes: ClassVar[Mapping[str, str]] = {"GET": "leads:read", "POST": "leads:write"}

    @extend_schema(operation_id="lead_opportunities_list", responses={200: OpportunitiesSerializer})
    def get(self, request: Request, lead_id: UUID) -> Response:
        """The deals of a lead, the one opened last first."""
        known_query(request)
        lead = get_lead(lead_id=lead_id)
        return Response({"results": [opportunity_document(each) for each in opportunities_of(lead.id)]})

    @extend_schema(
        operation_id="lead_opportunities_create",
        request=OpportunityInSerializer,
        responses={201: OpportunitySerializer, 200: OpportunitySerializer},
    )
    def post(self, request: Request, lead_id: UUID) -> Response:
        """Keep a deal of the lead; by an `external_id` that it has already, change that one (200). What is
        said first of amount and close date is kept as the first forecast. The lead's stage stays."""
        return self.save(request, lead_id)


class OpportunityView(_OpportunityView):
    scopes: ClassVar[Mapping[str, str]] = {"PATCH": "leads:write"}

    @extend_schema(
        operation_id="lead_opportunities_update",
        request=OpportunityInSerializer,
        responses={200: OpportunitySerializer},
    )
    def patch(self, request: Request, lead_id: UUID, opportunity_id: UUID) -> Response:
        """Change a deal, or close it by its outcome; what is not said stays."""
        return self.save(request, lead_id, opportunity_id)
