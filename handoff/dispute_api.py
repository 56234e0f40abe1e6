"""Disputes over the API: object, read both sides, decide; the weekly sheet; what outcomes owe."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, OpenApiTypes, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core.errors import FieldError
from feedback.models import ARGUMENT_LIMIT, AuditSheet, Dispute, FollowUp
from handoff import disputes, follow_ups, sheets
from handoff.api import actor_of
from handoff.dispute_reads import evidence_of, get_dispute, visible_disputes
from handoff.serializers import by_field, text_field
from handoff.services import Actor
from leads import strict
from web.api import TenantAPIView
from web.openapi import PAGE_PARAMETERS, page_serializer
from web.pagination import api_page, known_query

_WRITES: Mapping[str, str] = {"GET": "leads:read", "POST": "leads:write"}


class DisputeInSerializer(serializers.Serializer[Any]):
    """Marketing objects to a rejection."""

    argument = text_field(ARGUMENT_LIMIT, "Why the lead was good.", required=True)
    handoff = serializers.UUIDField(
        required=False, allow_null=True, help_text="Whose rejection; the lead's last one, unless given."
    )
    by = by_field("Id or e-mail of the member for whom the key acts: of marketing, or an admin.")


class OutcomeInSerializer(serializers.Serializer[Any]):
    """What became of it."""

    outcome = serializers.ChoiceField([str(each) for each in disputes.OUTCOMES])
    note = text_field(ARGUMENT_LIMIT, "Why; both sides read it.", required=True)
    same_rep = serializers.BooleanField(
        required=False, help_text="An overturned lead may go to whoever rejected it."
    )
    by = by_field("Id or e-mail of the member for whom the key acts. Not who rejected or disputed it.")


class ReopenInSerializer(serializers.Serializer[Any]):
    """An outcome is taken back."""

    why = text_field(ARGUMENT_LIMIT, required=True)
    by = by_field("Id or e-mail of the admin for whom the key acts.")


class SheetInSerializer(serializers.Serializer[Any]):
    """This week's sheet is opened."""

    by = by_field("Id or e-mail of the member for whom the key acts.")


class FollowUpInSerializer(serializers.Serializer[Any]):
    """A version answers it."""

    version = serializers.IntegerField(min_value=1, help_text="Number of a version published since.")
    by = by_field("Id or e-mail of the member for whom the key acts.")


class DisputeSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    lead = serializers.UUIDField()
    handoff = serializers.UUIDField(help_text="The one that was rejected.")
    reason = serializers.CharField(allow_null=True, help_text="Slug that the rejection gave.")
    note = serializers.CharField(allow_blank=True, help_text="The rep's.")
    rejected_at = serializers.DateTimeField()
    rejected_by = serializers.UUIDField(allow_null=True)
    argument = serializers.CharField(allow_blank=True, help_text="Blank: undisputed, from a weekly sheet.")
    opened_at = serializers.DateTimeField()
    opened_by = serializers.CharField(help_text="member:<id>, or key:<prefix> for a program.")
    state = serializers.ChoiceField(Dispute.State.values)
    decided_at = serializers.DateTimeField(allow_null=True)
    decided_by = serializers.CharField(allow_blank=True)
    decision_note = serializers.CharField(allow_blank=True)
    week = serializers.DateField(allow_null=True, help_text="Monday of the sheet on which it was decided.")
    fresh_handoff = serializers.UUIDField(allow_null=True, help_text="With which the lead came back.")


class SeenSerializer(serializers.Serializer[Any]):
    label = serializers.CharField()  # type: ignore[assignment]
    state = serializers.CharField(help_text="met, not_met or missing")
    seen = serializers.JSONField(allow_null=True)


class MadeSerializer(serializers.Serializer[Any]):
    kind = serializers.CharField()
    at = serializers.DateTimeField()
    outcome = serializers.CharField(allow_blank=True)
    note = serializers.CharField(allow_blank=True)


class EvidenceSerializer(serializers.Serializer[Any]):
    """Both sides, as things stood when it was rejected."""

    criteria_version = serializers.IntegerField(allow_null=True)
    criteria = SeenSerializer(many=True)
    touches = MadeSerializer(many=True, help_text="Attempts by people before the rejection.")
    owners = serializers.IntegerField()
    minutes_to_rejection = serializers.IntegerField()


class DisputeWithEvidenceSerializer(DisputeSerializer):
    evidence = EvidenceSerializer()


class SheetItemSerializer(serializers.Serializer[Any]):
    item = serializers.UUIDField()
    place = serializers.IntegerField()
    why = serializers.CharField(help_text="Why it was picked.")
    lead = serializers.UUIDField()
    handoff = serializers.UUIDField()
    reason = serializers.CharField(allow_null=True)
    note = serializers.CharField(allow_blank=True)
    dispute = serializers.UUIDField(allow_null=True)
    state = serializers.ChoiceField(Dispute.State.values, allow_null=True)
    evidence = EvidenceSerializer()


class SheetSerializer(serializers.Serializer[Any]):
    week = serializers.DateField(help_text="Its Monday.")
    opened_at = serializers.DateTimeField(allow_null=True, help_text="null: nobody opened it.")
    results = SheetItemSerializer(many=True)


class FollowUpSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    dispute = serializers.UUIDField()
    about = serializers.ChoiceField(FollowUp.About.values)
    opened_at = serializers.DateTimeField()
    note = serializers.CharField(help_text="Why it is owed.")
    answered_by_version = serializers.IntegerField(allow_null=True)
    answered_at = serializers.DateTimeField(allow_null=True)
    candidates = serializers.ListField(
        child=serializers.IntegerField(), help_text="Versions published since, of one that is owed."
    )


class FollowUpsSerializer(serializers.Serializer[Any]):
    results = FollowUpSerializer(many=True)


DISPUTE_PAGE = page_serializer("DisputePage", DisputeSerializer)


def document(found: Dispute) -> dict[str, Any]:
    """A dispute as the API gives it."""
    answer = found.disposition
    return {
        "id": found.id,
        "lead": found.handoff.lead_id,
        "handoff": found.handoff_id,
        "reason": answer.reason.slug if answer.reason else None,
        "note": answer.note,
        "rejected_at": answer.at,
        "rejected_by": answer.by_id,
        "argument": found.argument,
        "opened_at": found.opened_at,
        "opened_by": found.opened_by,
        "state": found.state,
        "decided_at": found.decided_at,
        "decided_by": found.decided_by,
        "decision_note": found.note,
        "week": found.week,
        "fresh_handoff": found.fresh_handoff_id,
    }


class _ActView(TenantAPIView):
    """A POST that acts. shape: what may be sent."""

    idempotent = True
    scopes: ClassVar[Mapping[str, str]] = _WRITES
    shape: ClassVar[type[serializers.Serializer[Any]]]

    def said(self, request: Request) -> tuple[dict[str, Any], Actor]:
        """The body, read strictly, and for whom the key acts."""
        said = strict.read(strict.reader_of(self.shape), request.data)
        return said, actor_of(self.actor, said)


class OpenDisputeView(_ActView):
    shape = DisputeInSerializer

    @extend_schema(
        operation_id="lead_dispute", request=DisputeInSerializer, responses={201: DisputeSerializer}
    )
    def post(self, request: Request, lead_id: UUID) -> Response:
        """Object to a rejection, once and within the days that the organisation allows; else 409."""
        said, actor = self.said(request)
        made = disputes.open_dispute(
            lead_id=lead_id,
            argument=said["argument"],
            handoff_id=said.get("handoff"),
            actor=actor,
            clock=self.clock,
        )
        return Response(document(get_dispute(None, made.id)), status=201)


class DisputesView(TenantAPIView):
    scopes: ClassVar[Mapping[str, str]] = _WRITES

    @extend_schema(
        operation_id="disputes_list",
        parameters=[OpenApiParameter("state", str, enum=Dispute.State.values), *PAGE_PARAMETERS],
        responses={200: DISPUTE_PAGE},
    )
    def get(self, request: Request) -> Response:
        """Disputes, the latest first."""
        known_query(request, "state", "cursor", "limit")
        state = request.query_params.get("state", "")
        if state and state not in Dispute.State.values:
            known = ", ".join(Dispute.State.values)
            raise strict.refusal([FieldError("/state", f"Use one of: {known}.", "invalid_choice")])
        found = visible_disputes(None)
        found = found.filter(state=state) if state else found
        rows, following = api_page(request, found, order=("-opened_at", "-id"))
        return Response({"results": [document(each) for each in rows], "next": following})


class DisputeView(TenantAPIView):
    scopes: ClassVar[Mapping[str, str]] = _WRITES

    @extend_schema(operation_id="disputes_retrieve", responses={200: DisputeWithEvidenceSerializer})
    def get(self, request: Request, dispute_id: UUID) -> Response:
        """One dispute with the facts of both sides."""
        found = get_dispute(None, dispute_id)
        evidence = evidence_of([found.disposition])[found.disposition_id]
        return Response({**document(found), "evidence": evidence.document})


class DecideDisputeView(_ActView):
    shape = OutcomeInSerializer

    @extend_schema(
        operation_id="dispute_decide", request=OutcomeInSerializer, responses={200: DisputeSerializer}
    )
    def post(self, request: Request, dispute_id: UUID) -> Response:
        """Decide it. Overturned, the lead comes back with a fresh handoff (`fresh_handoff`), unless it came
        back by itself."""
        said, actor = self.said(request)
        found = get_dispute(None, dispute_id)
        done = disputes.decide(
            dispute_id=found.id,
            outcome=said["outcome"],
            note=said["note"],
            same_rep=said.get("same_rep", False),
            week=sheets.week_on_sheet(found.disposition_id),
            actor=actor,
            clock=self.clock,
        )
        return Response(document(get_dispute(None, done.id)))


class ReopenDisputeView(_ActView):
    shape = ReopenInSerializer

    @extend_schema(
        operation_id="dispute_reopen", request=ReopenInSerializer, responses={200: DisputeSerializer}
    )
    def post(self, request: Request, dispute_id: UUID) -> Response:
        """Take the outcome back, for an admin (`by`); 409 once the lead that came back was accepted."""
        said, actor = self.said(request)
        found = get_dispute(None, dispute_id)
        done = disputes.reopen(dispute_id=found.id, why=said["why"], actor=actor, clock=self.clock)
        return Response(document(get_dispute(None, done.id)))


class SheetView(_ActView):
    shape = SheetInSerializer

    @extend_schema(
        operation_id="dispute_sheet",
        parameters=[
            OpenApiParameter("week", OpenApiTypes.DATE, description="Its Monday; default: this week.")
        ],
        responses={200: SheetSerializer},
    )
    def get(self, request: Request) -> Response:
        """The rejections that both sides look at in a week, with the facts of each."""
        known_query(request, "week")
        text = request.query_params.get("week", "")
        try:
            week = date.fromisoformat(text) if text else sheets.week_of(self.clock(), self.tenant.time_zone)
        except ValueError:
            raise strict.refusal([FieldError("/week", "A day: 2026-11-16.", "invalid")]) from None
        return Response(self._document(week, sheets.find_sheet(week)))

    @extend_schema(
        operation_id="dispute_sheet_open", request=SheetInSerializer, responses={200: SheetSerializer}
    )
    def post(self, request: Request) -> Response:
        """Open this week's sheet, which freezes it; opened before, it is given as it is."""
        _, actor = self.said(request)
        found = sheets.open_sheet(actor=actor.key, now=self.clock(), zone=self.tenant.time_zone)
        return Response(self._document(found.week, found))

    def _document(self, week: date, found: AuditSheet | None) -> dict[str, Any]:
        lines = sheets.lines_of(found) if found else []
        evidence = evidence_of([line.disposition for line in lines])
        return {
            "week": week,
            "opened_at": found.opened_at if found else None,
            "results": [
                {**sheets.document(line), "evidence": evidence[line.disposition.id].document}
                for line in lines
            ],
        }


class DecideItemView(_ActView):
    shape = OutcomeInSerializer

    @extend_schema(
        operation_id="dispute_item_decide", request=OutcomeInSerializer, responses={200: DisputeSerializer}
    )
    def post(self, request: Request, sheet_item_id: UUID) -> Response:
        """Decide about a rejection of a sheet that nobody disputed."""
        said, actor = self.said(request)
        item = sheets.get_item(sheet_item_id)
        done = disputes.audit(
            disposition_id=item.disposition_id,
            outcome=said["outcome"],
            note=said["note"],
            same_rep=said.get("same_rep", False),
            week=item.sheet.week,
            actor=actor,
            clock=self.clock,
        )
        return Response(document(get_dispute(None, done.id)))


class FollowUpsView(TenantAPIView):
    scopes: ClassVar[Mapping[str, str]] = _WRITES

    @extend_schema(
        operation_id="follow_ups_list",
        parameters=[OpenApiParameter("about", str, enum=FollowUp.About.values)],
        responses={200: FollowUpsSerializer},
    )
    def get(self, request: Request) -> Response:
        """What outcomes owe, the oldest first, and then the latest 100 that were answered."""
        known_query(request, "about")
        about = request.query_params.get("about", "")
        if about and about not in FollowUp.About.values:
            known = ", ".join(FollowUp.About.values)
            raise strict.refusal([FieldError("/about", f"Use one of: {known}.", "invalid_choice")])
        waiting = follow_ups.owed(about)
        done = follow_ups.follow_ups(about).filter(answered_at__isnull=False).order_by("-answered_at")[:100]
        found = [follow_ups.document(each.follow_up, each.versions) for each in waiting]
        return Response({"results": [*found, *(follow_ups.document(each) for each in done)]})


class AnswerFollowUpView(_ActView):
    shape = FollowUpInSerializer

    @extend_schema(
        operation_id="follow_up_answer", request=FollowUpInSerializer, responses={200: FollowUpSerializer}
    )
    def post(self, request: Request, follow_up_id: UUID) -> Response:
        """Say which published version answers it."""
        said, actor = self.said(request)
        done = follow_ups.answer(
            follow_up_id=follow_up_id, version=said["version"], actor=actor.key, now=self.clock()
        )
        return Response(follow_ups.document(done))
