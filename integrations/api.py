"""The lead API: post leads and what they do, read them back, put right what is known of them."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from django.core.exceptions import RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import UnreadablePostError
from django.http.response import HttpResponseBase
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from core.errors import Conflict, FieldError, ValidationFailed
from handoff.corrections import correct
from handoff.intake import IntakeResult, receive_lead, receive_leads
from integrations.drill.sending import as_drilled
from integrations.models import IntakeEntry
from integrations.present import LeadView, lead_document, lead_documents
from integrations.serializers import (
    MAX_BULK,
    BulkInSerializer,
    BulkOutSerializer,
    EngagementInSerializer,
    LeadInSerializer,
    LeadPatchSerializer,
    LeadSerializer,
)
from integrations.services import complete_entry, log_payload, refuse_entry
from leads import selectors as leads
from leads import strict
from leads.corrections import said_of
from leads.incoming import CompanyIn, EngagementIn, LeadIn, storable
from leads.lifecycle import Stage
from leads.models import Lead
from tenants.config import configured, steady_config
from tenants.context import tenant_scope
from tenants.models import Member
from tenants.roundtrips import travelling_together
from tenants.selectors import find_member
from web.api import TenantAPIView
from web.idempotency import REPLAYED
from web.openapi import PAGE_PARAMETERS, page_serializer
from web.pagination import api_page, known_query
from web.problems import domain_problem

logger = logging.getLogger("slaportal.intake")

_read_lead = strict.reader_of(LeadInSerializer)
_read_patch = strict.reader_of(LeadPatchSerializer)
_read_engagement = strict.reader_of(EngagementInSerializer)

LEAD_PAGE = page_serializer("LeadPage", LeadSerializer)


def lead_in(said: Mapping[str, Any]) -> LeadIn:
    """The arrival that a checked object describes."""
    company = said.get("company")
    rest = {name: value for name, value in said.items() if name not in ("company", "engagements")}
    return LeadIn(
        **rest,
        company=CompanyIn(**company) if company else CompanyIn(),
        engagements=tuple(EngagementIn(**each) for each in said.get("engagements") or ()),
    )


class IntakeView(TenantAPIView):
    """A POST whose payload is kept in the intake log, whatever becomes of it."""

    idempotent = True
    channel: ClassVar[str] = "api"
    entry_id: UUID | None = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """The key is known and may call: keep the payload before anything is done with it.

        A body that cannot be read, or is over the limit, leaves no entry: there is nothing to keep.
        """
        super().initial(request, *args, **kwargs)
        if request.method != "POST":
            return
        try:
            body = request._request.body
        except (RequestDataTooBig, UnreadablePostError):
            return
        self.entry_id = log_payload(
            tenant_id=self.tenant_id, channel=self.channel, actor=self.actor, payload=body
        )

    def handle_exception(self, exc: Exception) -> Response:
        """The work was rolled back: say so in the log, in a transaction of its own."""
        response = super().handle_exception(exc)
        if self.entry_id is not None:
            try:
                with tenant_scope(self.tenant_id):
                    refuse_entry(self.entry_id, status=response.status_code, problem=response.data)
            except (InterfaceError, OperationalError) as error:
                # The database went away: the sender still gets the answer, and the entry stays open.
                logger.warning("the intake log could not be written", exc_info=error)
        return response

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        """A repeated call was answered from its first one: its entry says so."""
        if self.entry_id is not None and isinstance(response, HttpResponseBase) and REPLAYED in response:
            complete_entry(
                self.entry_id,
                outcome=IntakeEntry.Outcome.ENGAGED,
                detail={"status": response.status_code, "repeat": True},
            )
        return super().finalize_response(request, response, *args, **kwargs)

    def done(self, result: IntakeResult, status: int) -> None:
        """Write in the work's own transaction that it was done."""
        if self.entry_id is not None:
            outcome = IntakeEntry.Outcome.CREATED if result.created else IntakeEntry.Outcome.ENGAGED
            complete_entry(self.entry_id, outcome=outcome, detail={"status": status}, lead_id=result.lead.id)


def documents_of(results: Sequence[IntakeResult], *, now: datetime) -> dict[UUID, dict[str, Any]]:
    """The documents of the leads that were taken, by id. New ones are shown from what is at hand, without
    reading them back."""
    views: dict[UUID, LeadView] = {}
    known: list[UUID] = []
    for result in results:
        arrival = result.arrival
        if arrival is None or result.lead.id in views:
            continue
        if not result.created:
            known.append(result.lead.id)
            continue
        engagements = sorted(arrival.engagements, key=lambda each: each.at, reverse=True)[:20]
        views[result.lead.id] = LeadView(
            lead=result.lead,
            account=arrival.account,
            owner=None,
            external=(arrival.item.external_system, arrival.item.external_id),
            handoff=result.handoff,
            assignment=result.assignment,
            timers=result.timers,
            engagements=engagements,
        )
    known = [lead_id for lead_id in dict.fromkeys(known) if lead_id not in views]
    _add_owners(views)
    found = {lead_id: lead_document(view, now=now) for lead_id, view in views.items()}
    if known:
        rows = Lead.objects.select_related("account", "owner").filter(id__in=known)
        found.update({document["id"]: document for document in lead_documents(list(rows), now=now)})
    return found


def _add_owners(views: Mapping[UUID, LeadView]) -> None:
    owned = [view for view in views.values() if view.handoff is not None and view.handoff.owner_id]
    owners = {view.handoff.owner_id for view in owned if view.handoff and view.handoff.owner_id}
    members = _members(frozenset(owners)) if owners else {}
    for view in owned:
        if view.handoff is not None and view.handoff.owner_id is not None:
            view.owner = members.get(view.handoff.owner_id)


@configured
def _members(member_ids: frozenset[UUID]) -> dict[UUID, Member]:
    return {member.id: member for member in Member.objects.filter(id__in=member_ids)}


class LeadsView(IntakeView):
    """Post one lead; list leads."""

    scopes: ClassVar[Mapping[str, str]] = {"GET": "leads:read", "POST": "leads:write"}

    @extend_schema(
        operation_id="leads_create",
        request=LeadInSerializer,
        responses={201: LeadSerializer, 200: LeadSerializer},
        description="Take a lead in: match, judge, route, start its clocks. "
        "201 for a new person, 200 for a known one.",
    )
    def post(self, request: Request) -> Response:
        (item,) = as_drilled([lead_in(strict.read(_read_lead, request.data))])
        with steady_config(), travelling_together():
            result = receive_lead(item=item, actor=self.actor, clock=self.clock)
            status = 201 if result.created else 200
            self.done(result, status)
            assert result.arrival is not None
            document = documents_of([result], now=result.arrival.at)[result.lead.id]
        headers = {"Location": f"/api/v1/leads/{result.lead.id}"} if result.created else {}
        return Response(document, status=status, headers=headers)

    @extend_schema(
        operation_id="leads_list",
        parameters=[
            OpenApiParameter(
                "stage", str, enum=[str(stage) for stage in Stage], description="Leads at this stage."
            ),
            OpenApiParameter("owner", str, description="Id or e-mail of the member who owns the lead now."),
            OpenApiParameter("source", str, description="Leads of this source."),
            OpenApiParameter("external_id", str, description="The lead with this id in an outside system."),
            OpenApiParameter(
                "updated_since",
                {"type": "string", "format": "date-time"},
                description="Leads that changed at or after this time.",
            ),
            *PAGE_PARAMETERS,
        ],
        responses={200: LEAD_PAGE},
        description="Leads, the latest change first.",
    )
    def get(self, request: Request) -> Response:
        known_query(request, *_FILTERS)
        rows, following = api_page(request, filtered(request.query_params))
        return Response({"results": lead_documents(rows, now=self.clock()), "next": following})


_FILTERS = ("stage", "owner", "source", "external_id", "updated_since", "cursor", "limit")


def filtered(params: Mapping[str, str]) -> Any:
    """The leads that the query asks for. Raises ValidationFailed with a path to each parameter that is
    wrong."""
    errors = [
        FieldError(f"/{name}", "This text cannot be stored.", "invalid_text")
        for name in _FILTERS
        if not storable(params.get(name, ""))
    ]
    stage = params.get("stage", "")
    if stage and stage not in Stage.values:
        errors.append(FieldError("/stage", f"Use one of: {', '.join(Stage.values)}.", "invalid_choice"))
    since = None
    if params.get("updated_since"):
        try:
            since = strict.moment_of_query(params["updated_since"])
        except ValueError as error:
            errors.append(FieldError("/updated_since", str(error), "invalid_time"))
    if errors:
        raise strict.refusal(errors)
    owner = params.get("owner", "")
    owner_id = _owner_id(owner) if owner else None
    return leads.leads_filtered(
        stage=stage,
        owner_id=owner_id,
        source=params.get("source", ""),
        external_id=params.get("external_id", ""),
        updated_since=since,
    )


def _owner_id(text: str) -> UUID:
    """Of an id that nobody has there are no leads; an e-mail that nobody has is a slip."""
    try:
        return UUID(text)
    except ValueError:
        return find_member(text, path="/owner", active=False).id


class BulkView(IntakeView):
    """Post up to 1,000 leads."""

    scopes: ClassVar[Mapping[str, str]] = {"POST": "leads:write"}
    channel: ClassVar[str] = "bulk"

    @extend_schema(
        operation_id="leads_bulk_create",
        request=BulkInSerializer,
        responses={200: BulkOutSerializer},
        description=f"Take up to {MAX_BULK:,} leads in. Each lands or is refused for itself; "
        "results are in order.",
    )
    def post(self, request: Request) -> Response:
        rows = _bulk_rows(request.data)
        results: list[IntakeResult] = [IntakeResult() for _ in rows]
        items: list[LeadIn] = []
        places: list[int] = []
        for index, row in enumerate(rows):
            errors: list[FieldError] = []
            said = _read_lead(row, "", errors)
            if errors:
                results[index].error = strict.refusal(errors)
            else:
                items.append(lead_in(said))
                places.append(index)
        taken = receive_leads(items=as_drilled(items), actor=self.actor, clock=self.clock)
        for index, result in zip(places, taken, strict=True):
            results[index] = result
        return Response({"results": self.outcomes(results)})

    def outcomes(self, results: Sequence[IntakeResult]) -> list[dict[str, Any]]:
        """One outcome per row, and their counts in the log."""
        documents = documents_of(results, now=self.clock())
        rows: list[dict[str, Any]] = []
        for index, result in enumerate(results):
            if result.error is not None:
                rows.append(
                    {"index": index, "status": result.error.status, "problem": domain_problem(result.error)}
                )
            else:
                status = 201 if result.created else 200
                rows.append({"index": index, "status": status, "lead": documents[result.lead.id]})
        counts = Counter(str(row["status"]) for row in rows)
        if self.entry_id is not None:
            refused = [{"index": row["index"], "problem": row["problem"]} for row in rows if "problem" in row]
            complete_entry(
                self.entry_id,
                outcome=_bulk_outcome(results),
                detail={"rows": dict(counts), "refused": refused[:100]},
            )
        return rows


def _bulk_rows(data: Any) -> list[Any]:
    errors: list[FieldError] = [
        FieldError(f"/{str(name)[:80]}", f"There is no field {str(name)[:80]!r}.", "unknown_field")
        for name in data
        if name != "leads"
    ]
    rows = data.get("leads")
    if "leads" not in data:
        errors.append(FieldError("/leads", "This is required.", "required"))
    elif not isinstance(rows, list):
        errors.append(FieldError("/leads", "A list is wanted.", "wrong_type"))
    elif not rows:
        errors.append(FieldError("/leads", "Send at least one lead.", "min_length"))
    elif len(rows) > MAX_BULK:
        errors.append(
            FieldError(
                "/leads", f"At most {MAX_BULK:,} leads at once; these are {len(rows):,}.", "max_length"
            )
        )
    if errors:
        raise strict.refusal(errors)
    return list(rows)


def _bulk_outcome(results: Sequence[IntakeResult]) -> IntakeEntry.Outcome:
    """What a bulk call is filed under: the worst that happened to a row, as that is what one looks for."""
    refusals = [result.error for result in results if result.error is not None]
    if any(error.status >= 500 for error in refusals):
        return IntakeEntry.Outcome.FAILED
    if refusals:
        return IntakeEntry.Outcome.REFUSED
    created = any(result.created for result in results)
    return IntakeEntry.Outcome.CREATED if created else IntakeEntry.Outcome.ENGAGED


class OneLeadView(TenantAPIView):
    """One lead."""

    scopes: ClassVar[Mapping[str, str]] = {"GET": "leads:read", "PATCH": "leads:write"}

    @extend_schema(operation_id="leads_retrieve", responses={200: LeadSerializer}, description="One lead.")
    def get(self, request: Request, lead_id: UUID) -> Response:
        lead = leads.get_lead(lead_id=lead_id)
        return Response(lead_documents([lead], now=self.clock())[0])

    @extend_schema(
        operation_id="leads_update",
        request=LeadPatchSerializer,
        responses={200: LeadSerializer},
        description="Put right what is known of a lead. It is judged again, and handed over if it now has "
        "all that a handoff asks for; answers with the lead.",
    )
    def patch(self, request: Request, lead_id: UUID) -> Response:
        lead = leads.get_lead(lead_id=lead_id)
        said = strict.read(_read_patch, request.data)
        seen_at = said.pop("updated_at", None)
        sent: dict[str, Any] = dict(request.data)
        # The reader leaves out what is null; here null has a meaning.
        values = {name: said.get(name) for name in sent if name not in ("company", "updated_at")}
        values |= {f"company.{name}": said["company"].get(name) for name in sent.get("company", ())}
        if not values:
            raise ValidationFailed.at("", "Send at least one field to put right.", "required")
        correct(lead=lead, correction=said_of(values, seen_at=seen_at), actor=self.actor, clock=self.clock)
        lead = leads.get_lead(lead_id=lead_id)
        return Response(lead_documents([lead], now=self.clock())[0])


class EngagementsView(IntakeView):
    """Post something that a known lead did."""

    scopes: ClassVar[Mapping[str, str]] = {"POST": "leads:write"}

    @extend_schema(
        operation_id="leads_engagements_create",
        request=EngagementInSerializer,
        responses={201: LeadSerializer},
        description="Keep an engagement of a known lead and judge the lead again; answers with the lead.",
    )
    def post(self, request: Request, lead_id: UUID) -> Response:
        lead = leads.get_lead(lead_id=lead_id)
        said = strict.read(_read_engagement, request.data)
        item = _same_person(lead, EngagementIn(**said))
        try:
            result = receive_lead(item=item, actor=self.actor, clock=self.clock)
        except ValidationFailed as error:
            raise ValidationFailed(error.message, field_errors=_without_prefix(error.field_errors)) from error
        self.done(result, 201)
        assert result.arrival is not None
        document = documents_of([result], now=result.arrival.at)[result.lead.id]
        return Response(document, status=201)


def _without_prefix(errors: Sequence[FieldError]) -> list[FieldError]:
    """Paths into the engagement that was sent, not into the arrival that we made of it."""
    prefix = "/engagements/0"
    return [FieldError(each.path.removeprefix(prefix), each.message, each.code) for each in errors]


def _same_person(lead: Lead, engagement: EngagementIn) -> LeadIn:
    """An arrival of a known lead that says nothing new but the engagement. Its time errors have their own
    paths."""
    if lead.email:
        return LeadIn(email=lead.email, engagements=(engagement,), test=lead.is_test)
    outside = leads.external_ids([lead.id]).get(lead.id)
    if outside is None:
        raise Conflict("This lead has neither an e-mail nor an external id.")
    return LeadIn(
        external_system=outside.system,
        external_id=outside.external_id,
        engagements=(engagement,),
        test=lead.is_test,
    )
