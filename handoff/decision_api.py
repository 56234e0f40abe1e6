"""The decision log over the API: search it, read one whole, and clear what it holds of a lead."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, OpenApiTypes, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from handoff import words
from handoff.decision_log import FILTERS, line_document, read_search
from handoff.explain import decision_document
from handoff.serializers import DecisionInputsSerializer, DecisionLineSerializer, DecisionSerializer
from leads.selectors import get_lead
from routing.decisions import LOOKED_THROUGH, count_inputs, forget_inputs, search
from routing.selectors import get_decision
from tenants.audit import record_change
from web.api import TenantAPIView
from web.openapi import PAGE_PARAMETERS, page_serializer
from web.pagination import known_query, next_url, page_size


class DecisionsView(TenantAPIView):
    scopes: ClassVar[Mapping[str, str]] = {"GET": "leads:read"}

    @extend_schema(
        operation_id="decisions",
        parameters=[
            OpenApiParameter("lead", str, description="Id or e-mail of a lead."),
            OpenApiParameter("member", str, description='Who got the lead, by id or e-mail; "none": nobody.'),
            OpenApiParameter(
                "candidate",
                str,
                description=(
                    "Who was looked at, chosen or not, by id or e-mail, in the pools around them. Each page"
                    f" looks through {LOOKED_THROUGH:,} decisions, so that it may be short, or empty, and"
                    " have a next."
                ),
            ),
            OpenApiParameter("rule", str, description="Name of the rule that chose the pool."),
            OpenApiParameter("pool", str, description="Id or slug of the pool that decided."),
            OpenApiParameter("reason", str, description="A reason code, of docs/routing.md."),
            OpenApiParameter("trigger", str, enum=list(words.TRIGGERS)),
            OpenApiParameter("from", OpenApiTypes.DATE, description="First day, in the organisation's zone."),
            OpenApiParameter("to", OpenApiTypes.DATE, description="Last day, which is included."),
            *PAGE_PARAMETERS,
        ],
        responses={200: page_serializer("DecisionPage", DecisionLineSerializer)},
    )
    def get(self, request: Request) -> Response:
        """Routing decisions, the last first. Kept for 400 days after that for handoffs that are closed."""
        known_query(request, *FILTERS, "cursor", "limit")
        wanted = read_search(request.query_params.dict(), tenant=self.tenant)
        cursor = request.query_params.get("cursor", "")
        page = search(wanted, cursor=cursor, size=page_size(request._request))
        rows = [line_document(each) for each in page.rows]
        return Response({"results": rows, "next": next_url(request._request, page.next)})


class DecisionInputsView(TenantAPIView):
    scopes: ClassVar[Mapping[str, str]] = {"GET": "leads:read", "DELETE": "leads:write"}

    @extend_schema(operation_id="lead_decision_inputs", responses={200: DecisionInputsSerializer})
    def get(self, request: Request, lead_id: UUID) -> Response:
        """How many decisions hold what the rules read of this lead."""
        known_query(request)
        return Response({"decisions": count_inputs(lead_id=get_lead(lead_id=lead_id).id)})

    @extend_schema(operation_id="lead_decision_inputs_clear", responses={204: None})
    def delete(self, request: Request, lead_id: UUID) -> Response:
        """Clear what the rules read of this lead from every decision about it. The decisions stay, with ids
        and numbers alone."""
        lead = get_lead(lead_id=lead_id)
        cleared = forget_inputs(lead_ids=[lead.id])
        record_change(
            actor=self.actor,
            action="decision_inputs.cleared",
            object_type="lead",
            object_id=lead.id,
            after={"decisions": cleared},
            now=self.clock(),
        )
        return Response(status=204)


class DecisionView(TenantAPIView):
    scopes: ClassVar[Mapping[str, str]] = {"GET": "leads:read"}

    @extend_schema(operation_id="decision", responses={200: DecisionSerializer})
    def get(self, request: Request, decision_id: UUID) -> Response:
        """One routing decision with its whole trace."""
        return Response(decision_document(get_decision(decision_id=decision_id)))
