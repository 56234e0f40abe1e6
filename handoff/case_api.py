"""Saved test leads over the API: keep them, run them, and choose what they guard."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core.businesstime.hours import WEEKDAYS
from core.errors import ValidationFailed
from handoff.simulation import cases
from handoff.simulation.asking import with_owner_id
from handoff.simulation.comes import Comes
from handoff.simulation.shapes import TypedLeadSerializer
from leads import strict
from routing.models import LeadCase
from tenants.selectors import find_member
from web.api import TenantAPIView
from web.pagination import known_query


class ExpectsSerializer(serializers.Serializer[Any]):
    """What is expected of it; any of these."""

    qualifies = serializers.BooleanField(required=False, allow_null=True)
    tier = serializers.CharField(max_length=60, required=False, allow_null=True, help_text="Slug.")
    pool = serializers.CharField(max_length=60, required=False, allow_null=True, help_text="Slug.")
    person = serializers.CharField(
        max_length=254, required=False, allow_null=True, help_text="Id or e-mail of a member."
    )


class CaseInSerializer(serializers.Serializer[Any]):
    """A test lead."""

    name = serializers.CharField(max_length=cases.LONGEST_NAME)
    facts = TypedLeadSerializer()
    expects = ExpectsSerializer()
    comes_on = serializers.ChoiceField(
        choices=list(WEEKDAYS), required=False, help_text="The weekday on which it comes; with comes_at."
    )
    comes_at = serializers.CharField(
        max_length=5,
        required=False,
        help_text='The time then, where the organisation is: "10:00". A new one comes on Tuesday at 10:00.',
    )
    revision = serializers.IntegerField(
        min_value=1,
        required=False,
        allow_null=True,
        help_text="Of the test lead that you saw; 409 if changed.",
    )


class CaseSerializer(serializers.Serializer[Any]):
    """A saved test lead."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    facts = TypedLeadSerializer()
    expects = ExpectsSerializer()
    comes_on = serializers.CharField()
    comes_at = serializers.CharField()
    revision = serializers.IntegerField()
    saved_at = serializers.DateTimeField()
    saved_by = serializers.CharField()


class CaseListSerializer(serializers.Serializer[Any]):
    """Every test lead, by name."""

    results = CaseSerializer(many=True)


class CaseRunInSerializer(serializers.Serializer[Any]):
    rules = serializers.ChoiceField(
        choices=["draft", "live"], help_text="The drafts of rules and criteria, or what is in force."
    )


class CaseResultSerializer(serializers.Serializer[Any]):
    """How a test lead came out."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    passed = serializers.BooleanField()
    misses = serializers.ListField(child=serializers.CharField())
    got = serializers.DictField(help_text="qualifies, tier, pool, person and the reason.")


class CaseRunSerializer(serializers.Serializer[Any]):
    passed = serializers.IntegerField()
    failed = serializers.IntegerField()
    results = CaseResultSerializer(many=True)


class GateSerializer(serializers.Serializer[Any]):
    """Which versions are not published before the test leads pass."""

    kinds = serializers.ListField(
        child=serializers.ChoiceField(choices=list(cases.GUARDED)), max_length=len(cases.GUARDED)
    )


_read: Callable[..., dict[str, Any]] = strict.reader_of(CaseInSerializer)
_read_run: Callable[..., dict[str, Any]] = strict.reader_of(CaseRunInSerializer)
_read_gate: Callable[..., dict[str, Any]] = strict.reader_of(GateSerializer)


def case_document(case: LeadCase) -> dict[str, Any]:
    """A test lead, for programs."""
    return {
        "id": case.id,
        **cases.told(case),
        "revision": case.revision,
        "saved_at": case.saved_at,
        "saved_by": case.saved_by,
    }


def _comes(said: Mapping[str, Any]) -> Comes | None:
    """When it comes; None where it is not said. Raises ValidationFailed where half of it is."""
    day, at = said.get("comes_on"), said.get("comes_at")
    if (day is None) != (at is None):
        missing = "comes_on" if day is None else "comes_at"
        raise ValidationFailed.at(f"/{missing}", "comes_on and comes_at go together.", "required")
    return Comes(day, at) if day is not None and at is not None else None


class _CaseView(TenantAPIView):
    def save(self, request: Request, case_id: UUID | None) -> LeadCase:
        said = strict.read(_read, request.data)
        expects = dict(said["expects"])
        if expects.get("person"):
            expects["person"] = str(find_member(expects["person"], path="/expects/person").id)
        return cases.save_case(
            name=said["name"],
            facts=with_owner_id(said["facts"]),
            expects=expects,
            actor=self.actor,
            clock=self.clock,
            comes=_comes(said),
            case_id=case_id,
            revision=said.get("revision"),
        )


class CasesView(_CaseView):
    idempotent = True
    scopes: ClassVar[Mapping[str, str]] = {"GET": "config:read", "POST": "config:write"}

    @extend_schema(operation_id="test_leads_list", responses={200: CaseListSerializer})
    def get(self, request: Request) -> Response:
        """The saved test leads; at most 50."""
        known_query(request)
        return Response({"results": [case_document(case) for case in cases.all_cases()]})

    @extend_schema(operation_id="test_lead_create", request=CaseInSerializer, responses={201: CaseSerializer})
    def post(self, request: Request) -> Response:
        """Save a test lead."""
        return Response(case_document(self.save(request, None)), status=201)


class CaseView(_CaseView):
    scopes: ClassVar[Mapping[str, str]] = {
        "GET": "config:read",
        "PUT": "config:write",
        "DELETE": "config:write",
    }

    @extend_schema(operation_id="test_lead_retrieve", responses={200: CaseSerializer})
    def get(self, request: Request, lead_case_id: UUID) -> Response:
        """A test lead."""
        known_query(request)
        return Response(case_document(cases.get_case(lead_case_id)))

    @extend_schema(operation_id="test_lead_update", request=CaseInSerializer, responses={200: CaseSerializer})
    def put(self, request: Request, lead_case_id: UUID) -> Response:
        """Write a test lead anew."""
        return Response(case_document(self.save(request, lead_case_id)))

    @extend_schema(operation_id="test_lead_remove", responses={204: None})
    def delete(self, request: Request, lead_case_id: UUID) -> Response:
        """Forget a test lead."""
        cases.remove_case(lead_case_id, actor=self.actor, now=self.clock())
        return Response(status=204)


class RunCasesView(TenantAPIView):
    scopes: ClassVar[Mapping[str, str]] = {"POST": "routing:simulate"}

    @extend_schema(
        operation_id="test_leads_run", request=CaseRunInSerializer, responses={200: CaseRunSerializer}
    )
    def post(self, request: Request) -> Response:
        """Run every test lead now. Nothing is written. 409 where nothing is drafted."""
        said = strict.read(_read_run, request.data)
        results = cases.run_side(said["rules"], now=self.clock())
        return Response(
            {
                "passed": sum(one.passed for one in results),
                "failed": sum(not one.passed for one in results),
                "results": [
                    {
                        "id": one.case.id,
                        "name": one.case.name,
                        "passed": one.passed,
                        "misses": list(one.misses),
                        "got": dict(one.got),
                    }
                    for one in results
                ],
            }
        )


class GateView(TenantAPIView):
    scopes: ClassVar[Mapping[str, str]] = {"GET": "config:read", "PUT": "config:write"}

    @extend_schema(operation_id="test_leads_gate_retrieve", responses={200: GateSerializer})
    def get(self, request: Request) -> Response:
        """Which versions are not published before the test leads pass: none unless chosen."""
        known_query(request)
        return Response({"kinds": cases.gated_kinds()})

    @extend_schema(
        operation_id="test_leads_gate_update", request=GateSerializer, responses={200: GateSerializer}
    )
    def put(self, request: Request) -> Response:
        """Choose it. Earlier versions may be used again whatever the test leads say."""
        said = strict.read(_read_gate, request.data)
        return Response({"kinds": cases.set_gate(said["kinds"], actor=self.actor, now=self.clock())})
