"""The API about handed-over leads: answer for a rep, read clocks, decisions and explanations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core.errors import FieldError
from handoff import deadlines, explain, pauses, services
from handoff.explain import timer_row
from handoff.selectors import last_handoff
from handoff.serializers import (
    AcceptInSerializer,
    AcceptLeadInSerializer,
    AnswerSerializer,
    ClaimInSerializer,
    ExplainSerializer,
    LedgerSerializer,
    NurtureInSerializer,
    PauseInSerializer,
    ProgressInSerializer,
    ReassignInSerializer,
    RejectInSerializer,
    StageInSerializer,
    TimelineSerializer,
    TimerExplainSerializer,
    TimerRowSerializer,
    TouchInSerializer,
    TouchSerializer,
)
from handoff.services import Actor
from handoff.timeline import assignments_of, timeline
from leads import strict
from leads.models import Handoff, Lead, Touch
from leads.selectors import get_lead
from sla.explain import explain_timer, get_timer, timers_of
from sla.models import Timer
from sla.selectors import possible, status_now
from sla.status import Status
from tenants.models import Role
from tenants.selectors import find_member, person_document
from web.api import TenantAPIView
from web.openapi import PAGE_PARAMETERS, page_serializer
from web.pagination import api_page, known_query, next_url, page_size

TIMER_PAGE = page_serializer("TimerPage", TimerRowSerializer)
_READERS: dict[type, Callable[..., dict[str, Any]]] = {
    shape: strict.reader_of(shape)
    for shape in (
        TouchInSerializer,
        AcceptInSerializer,
        AcceptLeadInSerializer,
        RejectInSerializer,
        NurtureInSerializer,
        ProgressInSerializer,
        PauseInSerializer,
        StageInSerializer,
        ReassignInSerializer,
        ClaimInSerializer,
    )
}


def actor_of(key: str, said: Mapping[str, Any]) -> Actor:
    """The key alone, which may do everything, or for the member who is said as `by`, with their rights."""
    if not said.get("by"):
        return Actor(key, None, oversees=True)
    member = find_member(said["by"], path="/by")
    return Actor(key, member, oversees=member.role in (Role.MANAGER, Role.ADMIN))


class ActView(TenantAPIView):
    """A POST that answers for a lead. shape: what may be sent."""

    idempotent = True
    scopes: ClassVar[Mapping[str, str]] = {"POST": "leads:write"}
    shape: ClassVar[type[serializers.Serializer[Any]]]

    def said(self, request: Request) -> dict[str, Any]:
        """The body, read strictly."""
        return strict.read(_READERS[self.shape], request.data)

    def acting(self, said: Mapping[str, Any]) -> Actor:
        return actor_of(self.actor, said)

    def answer(self, lead_id: UUID, result: str) -> Response:
        """The lead after the act."""
        now = self.clock()
        lead = Lead.objects.select_related("owner").get(id=lead_id)
        handoff = last_handoff(lead_id)
        assert handoff is not None  # it was answered just now
        timers = Timer.objects.filter(handoff=handoff).order_by("started_at", "id")
        owner = lead.owner
        return Response(
            {
                "lead": lead.id,
                "result": result,
                "stage": lead.stage,
                "owner": person_document(owner),
                "handoff": _handoff_document(handoff),
                "timers": [timer_row(timer, lead_id=lead.id, now=now) for timer in timers],
            }
        )


def _handoff_document(handoff: Handoff) -> dict[str, Any]:
    return {
        "id": handoff.id,
        "number": handoff.number,
        "state": handoff.state,
        "outcome": handoff.outcome,
        "started_at": handoff.started_at,
        "accepted_at": handoff.accepted_at,
        "first_touch_at": handoff.first_touch_at,
        "closed_at": handoff.closed_at,
    }


class TouchesView(ActView):
    shape = TouchInSerializer

    @extend_schema(
        operation_id="lead_touches_create", request=TouchInSerializer, responses={201: TouchSerializer}
    )
    def post(self, request: Request, lead_id: UUID) -> Response:
        """Log an attempt to reach the lead. One that the policy counts meets the first-touch target as of
        `at`; logged late it repairs the record."""
        said = self.said(request)
        touch = services.log_touch(
            lead_id=lead_id,
            kind=said["kind"],
            at=said.get("at"),
            outcome=said.get("outcome", ""),
            note=said.get("note", ""),
            automatic=said.get("automatic", False),
            external_id=said.get("external_id", ""),
            actor=self.acting(said),
            clock=self.clock,
        )
        return Response(_touch_document(touch), status=201)


def _touch_document(touch: Touch) -> dict[str, Any]:
    return {
        "id": touch.id,
        "lead": touch.lead_id,
        "handoff": touch.handoff_id,
        "kind": touch.kind,
        "at": touch.at,
        "logged_at": touch.logged_at,
        "outcome": touch.outcome,
        "note": touch.note,
        "by": touch.by_id,
        "automatic": touch.automatic,
        "external_id": touch.external_id,
    }


class AcceptView(ActView):
    shape = AcceptLeadInSerializer

    @extend_schema(
        operation_id="lead_accept", request=AcceptLeadInSerializer, responses={200: AnswerSerializer}
    )
    def post(self, request: Request, lead_id: UUID) -> Response:
        """Take the lead: it becomes a SAL and the decision target is met. 400 at /fields/<name> for what must
        be known at that step and is not; it may be sent along."""
        said = self.said(request)
        services.accept_lead(
            lead_id=lead_id, fields=said.get("fields"), actor=self.acting(said), clock=self.clock
        )
        return self.answer(lead_id, "accepted")


class RejectView(ActView):
    shape = RejectInSerializer

    @extend_schema(operation_id="lead_reject", request=RejectInSerializer, responses={200: AnswerSerializer})
    def post(self, request: Request, lead_id: UUID) -> Response:
        """Refuse the lead with a reason. A reason of routing (wrong_territory, wrong_owner) moves it on
        instead."""
        said = self.said(request)
        result = services.reject_lead(
            lead_id=lead_id,
            reason=said["reason"],
            note=said.get("note", ""),
            actor=self.acting(said),
            clock=self.clock,
        )
        return self.answer(lead_id, result.outcome)


class NurtureView(ActView):
    shape = NurtureInSerializer

    @extend_schema(
        operation_id="lead_nurture", request=NurtureInSerializer, responses={200: AnswerSerializer}
    )
    def post(self, request: Request, lead_id: UUID) -> Response:
        """Send the lead back to marketing; the handoff ends."""
        said = self.said(request)
        # A day means the organisation's day: a program has no zone of its own.
        with timezone.override(self.tenant.time_zone):
            services.nurture_lead(
                lead_id=lead_id,
                reason=said["reason"],
                until=said.get("until"),
                note=said.get("note", ""),
                actor=self.acting(said),
                clock=self.clock,
            )
        return self.answer(lead_id, "nurture")


class ProgressView(ActView):
    shape = ProgressInSerializer

    @extend_schema(
        operation_id="lead_progress", request=ProgressInSerializer, responses={200: AnswerSerializer}
    )
    def post(self, request: Request, lead_id: UUID) -> Response:
        """Contacted, progressing: feedback that closes nothing; as often as there is something to say."""
        said = self.said(request)
        services.report_progress(
            lead_id=lead_id, note=said.get("note", ""), actor=self.acting(said), clock=self.clock
        )
        return self.answer(lead_id, "progressing")


class UndoView(ActView):
    shape = AcceptInSerializer

    @extend_schema(operation_id="lead_undo", request=AcceptInSerializer, responses={200: AnswerSerializer})
    def post(self, request: Request, lead_id: UUID) -> Response:
        """Take the last answer back, within 10 seconds: accepted, rejected, nurture, progressing, lost or
        disqualified. An ended handoff goes on as if it had never ended."""
        said = self.said(request)
        services.undo_answer(lead_id=lead_id, actor=self.acting(said), clock=self.clock)
        return self.answer(lead_id, "undone")


class PauseView(ActView):
    shape = PauseInSerializer

    @extend_schema(operation_id="lead_pause", request=PauseInSerializer, responses={200: AnswerSerializer})
    def post(self, request: Request, lead_id: UUID) -> Response:
        """Let the lead's clocks stand still for a reason that the policy allows. They go on at `until`, with
        resume, or when the lead comes back."""
        said = self.said(request)
        pauses.pause_lead(
            lead_id=lead_id,
            reason=said["reason"],
            until=said.get("until"),
            note=said.get("note", ""),
            actor=self.acting(said),
            clock=self.clock,
        )
        return self.answer(lead_id, "paused")


class ResumeView(ActView):
    shape = AcceptInSerializer

    @extend_schema(operation_id="lead_resume", request=AcceptInSerializer, responses={200: AnswerSerializer})
    def post(self, request: Request, lead_id: UUID) -> Response:
        """Let the clocks of a paused lead go on; deadlines move by the working time that the pause took."""
        said = self.said(request)
        pauses.resume_lead(lead_id=lead_id, actor=self.acting(said), clock=self.clock)
        return self.answer(lead_id, "resumed")


class StageView(ActView):
    shape = StageInSerializer

    @extend_schema(operation_id="lead_stage", request=StageInSerializer, responses={200: AnswerSerializer})
    def post(self, request: Request, lead_id: UUID) -> Response:
        """Report a later stage: sql, opportunity, won, lost, disqualified. The last three end the handoff;
        lost and disqualified need a reason of their kind.

        400 with the place of each where the step asks for more: /answers/<key> of the SQL criteria,
        /fields/<name> of what is owed at that stage. Both may be sent along.
        """
        said = self.said(request)
        services.move_to_stage(
            lead_id=lead_id,
            to=said["to"],
            reason=said.get("reason", ""),
            why=said.get("why", ""),
            answers=said.get("answers"),
            fields=said.get("fields"),
            opportunity=said.get("opportunity"),
            actor=self.acting(said),
            clock=self.clock,
        )
        return self.answer(lead_id, "moved")


class ReassignView(ActView):
    shape = ReassignInSerializer

    @extend_schema(
        operation_id="lead_reassign", request=ReassignInSerializer, responses={200: AnswerSerializer}
    )
    def post(self, request: Request, lead_id: UUID) -> Response:
        """Give the lead to somebody, or to the next in the pool. `result` is assigned, fallback, stays or
        unrouted."""
        said = self.said(request)
        actor = self.acting(said)
        to = find_member(said["to"], path="/to").id if said.get("to") else None
        move = services.reassign_lead if actor.oversees else services.hand_over
        result = move(lead_id=lead_id, why=said["why"], to=to, actor=actor, clock=self.clock)
        return self.answer(lead_id, result.outcome)


class ClaimView(ActView):
    shape = ClaimInSerializer

    @extend_schema(operation_id="lead_claim", request=ClaimInSerializer, responses={200: AnswerSerializer})
    def post(self, request: Request, lead_id: UUID) -> Response:
        """Claim a lead that waits in a pool where the first to come is served. 409 where somebody was
        quicker, or where the member is away or full."""
        said = self.said(request)
        services.claim_lead(lead_id=lead_id, actor=self.acting(said), clock=self.clock)
        return self.answer(lead_id, "claimed")


# --- Reading ---


class TimelineView(TenantAPIView):
    scopes: ClassVar[Mapping[str, str]] = {"GET": "leads:read"}

    @extend_schema(
        operation_id="lead_timeline", parameters=PAGE_PARAMETERS, responses={200: TimelineSerializer}
    )
    def get(self, request: Request, lead_id: UUID) -> Response:
        """Everything that happened to the lead, the newest first. `limit` counts engagements: a page has
        besides whatever else happened in their time."""
        known_query(request, "cursor", "limit")
        lead = get_lead(lead_id=lead_id)
        handoffs = list(Handoff.objects.filter(lead=lead).values_list("id", flat=True))
        page = timeline(
            lead,
            handoffs,
            assignments_of(handoffs),
            cursor=request.query_params.get("cursor", ""),
            size=page_size(request._request),
        )
        results = [
            {
                "kind": item.kind,
                "at": item.at,
                "title": item.title,
                "text": item.text,
                "note": item.body,
                "data": item.data,
            }
            for item in page.items
        ]
        return Response({"results": results, "next": next_url(request._request, page.older)})


class ExplainView(TenantAPIView):
    scopes: ClassVar[Mapping[str, str]] = {"GET": "leads:read"}

    @extend_schema(operation_id="lead_explain", responses={200: ExplainSerializer})
    def get(self, request: Request, lead_id: UUID) -> Response:
        """Why the lead qualified, why this person has it and not the others, why it is due when it is."""
        return Response(explain.explain_document(get_lead(lead_id=lead_id), now=self.clock()))


class LedgerView(TenantAPIView):
    scopes: ClassVar[Mapping[str, str]] = {"GET": "leads:read"}

    @extend_schema(operation_id="lead_ledger", responses={200: LedgerSerializer})
    def get(self, request: Request, lead_id: UUID) -> Response:
        """Who had every second of the lead's last handoff: nobody, an owner, a pause, or closed hours."""
        lead = get_lead(lead_id=lead_id)
        handoff = last_handoff(lead.id)
        if handoff is None:
            return Response({"lead": lead.id, "handoff": None, "wall_seconds": 0, "entries": []})
        found = deadlines.ledger_of(handoff, timers_of(handoff), now=self.clock())
        return Response(
            {
                "lead": lead.id,
                "handoff": handoff.id,
                "wall_seconds": found.wall,
                "entries": deadlines.ledger_document(found),
            }
        )


class TimerExplainView(TenantAPIView):
    scopes: ClassVar[Mapping[str, str]] = {"GET": "leads:read"}

    @extend_schema(operation_id="timer_explain", responses={200: TimerExplainSerializer})
    def get(self, request: Request, timer_id: UUID) -> Response:
        """Why this clock is due when it is, day by day; the days add up to its duration, to the second."""
        timer = get_timer(timer_id=timer_id)
        return Response(deadlines.explanation_document(explain_timer(timer, now=self.clock())))


class TimersView(TenantAPIView):
    scopes: ClassVar[Mapping[str, str]] = {"GET": "leads:read"}

    @extend_schema(
        operation_id="timers_list",
        parameters=[
            OpenApiParameter("state", str, enum=Timer.State.values),
            OpenApiParameter("status", str, enum=[each.value for each in Status]),
            OpenApiParameter("due_before", datetime, description="With offset."),
            *PAGE_PARAMETERS,
        ],
        responses={200: TIMER_PAGE},
    )
    def get(self, request: Request) -> Response:
        """Clocks, the one due first at the top. By `status` a page may hold fewer rows than `limit`, even
        none, and yet have a next one."""
        known_query(request, "state", "status", "due_before", "cursor", "limit")
        now = self.clock()
        state, status, due_before = _timer_filters(request.query_params)
        found = Timer.objects.filter(handoff__is_history=False).select_related("handoff")
        if state:
            found = found.filter(state=state)
        if status:
            found = found.filter(possible(status, now=now))
        if due_before:
            found = found.filter(due_at__lt=due_before)
        rows, following = api_page(request, found, order=("due_at", "id"))
        if status:
            rows = [timer for timer in rows if status_now(timer, now=now) is status]
        results = [timer_row(timer, lead_id=timer.handoff.lead_id, now=now) for timer in rows]
        return Response({"results": results, "next": following})


def _timer_filters(params: Mapping[str, str]) -> tuple[str, Status | None, datetime | None]:
    errors: list[FieldError] = []
    state, status = params.get("state", ""), params.get("status", "")
    if state and state not in Timer.State.values:
        known = ", ".join(Timer.State.values)
        errors.append(FieldError("/state", f"Use one of: {known}.", "invalid_choice"))
    if status and status not in {each.value for each in Status}:
        known = ", ".join(each.value for each in Status)
        errors.append(FieldError("/status", f"Use one of: {known}.", "invalid_choice"))
    due_before = None
    if params.get("due_before"):
        try:
            due_before = strict.moment_of_query(params["due_before"])
        except ValueError as error:
            errors.append(FieldError("/due_before", str(error), "invalid_time"))
    if errors:
        raise strict.refusal(errors)
    return state, Status(status) if status else None, due_before
