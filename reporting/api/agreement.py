"""The agreement for programs: to be read. People sign."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from reporting.agreement.gather import due_day, present_terms
from reporting.agreement.models import Agreement
from reporting.agreement.selectors import (
    agreement_in_force,
    all_agreements,
    get_agreement,
    open_agreement,
    readers_of,
)
from reporting.agreement.terms import Terms, as_document, changes
from tenants.selectors import person_document
from web.api import TenantAPIView
from web.openapi import PAGE_PARAMETERS, page_serializer
from web.pagination import api_page, known_query


class AgreementPersonSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()
    email = serializers.EmailField()


class SignatureSerializer(serializers.Serializer[Any]):
    side = serializers.ChoiceField(choices=["marketing", "sales"])
    member = AgreementPersonSerializer()
    role = serializers.CharField(help_text="At that time.")
    at = serializers.DateTimeField()


class AgreementVersionSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    number = serializers.IntegerField()
    state = serializers.ChoiceField(choices=Agreement.State.values)
    digest = serializers.CharField(help_text="SHA-256 of what is promised.")
    opened_at = serializers.DateTimeField(help_text="The first signature.")
    in_force_at = serializers.DateTimeField(allow_null=True)
    closed_at = serializers.DateTimeField(allow_null=True, help_text="Replaced, or lapsed.")
    frozen_until = serializers.DateTimeField(allow_null=True)
    signatures = SignatureSerializer(many=True)


class TermsGroupSerializer(serializers.Serializer[Any]):
    heading = serializers.CharField(allow_blank=True)
    lines = serializers.ListField(child=serializers.CharField())
    head = serializers.ListField(child=serializers.CharField())
    rows = serializers.ListField(child=serializers.ListField(child=serializers.CharField()))
    binding = serializers.BooleanField(help_text="False for what may change without a new signature.")


class TermsSectionSerializer(serializers.Serializer[Any]):
    slug = serializers.CharField()
    title = serializers.CharField()
    groups = TermsGroupSerializer(many=True)
    promise = serializers.JSONField(help_text="The configured values that are compared.")


class AgreementChangeSerializer(serializers.Serializer[Any]):
    section = serializers.CharField()
    title = serializers.CharField()
    gone = serializers.ListField(child=serializers.CharField())
    come = serializers.ListField(child=serializers.CharField())


class AgreementReadSerializer(serializers.Serializer[Any]):
    member = AgreementPersonSerializer()
    at = serializers.DateTimeField()


class AgreementReadersSerializer(serializers.Serializer[Any]):
    read = AgreementReadSerializer(many=True)
    not_read = AgreementPersonSerializer(many=True)


class AgreementSerializer(serializers.Serializer[Any]):
    """What is configured now, and how it stands to what was signed."""

    state = serializers.ChoiceField(
        choices=["not_signed", "signed", "changed"],
        help_text="changed: since the version in force was signed.",
    )
    digest = serializers.CharField()
    sections = TermsSectionSerializer(many=True)
    lacking = serializers.ListField(
        child=serializers.CharField(), help_text="What must be in force before it can be signed."
    )
    in_force = AgreementVersionSerializer(allow_null=True)
    open = AgreementVersionSerializer(allow_null=True, help_text="Signed by some, waiting for others.")
    changes = AgreementChangeSerializer(many=True)
    readers = AgreementReadersSerializer(allow_null=True, help_text="Of the version in force.")
    recalibration_due = serializers.DateField(allow_null=True)


class AgreementVersionInFullSerializer(AgreementVersionSerializer):
    sections = TermsSectionSerializer(many=True)


VERSION_PAGE = page_serializer("AgreementVersionPage", AgreementVersionSerializer)


def _version(agreement: Agreement) -> dict[str, Any]:
    return {
        "id": str(agreement.id),
        "number": agreement.number,
        "state": str(agreement.state),
        "digest": agreement.digest,
        "opened_at": agreement.opened_at,
        "in_force_at": agreement.in_force_at,
        "closed_at": agreement.closed_at,
        "frozen_until": agreement.frozen_until,
        "signatures": [
            {"side": each.side, "member": person_document(each.member), "role": each.role, "at": each.at}
            for each in agreement.signatures.all()
        ],
    }


def _changes(before: Terms, after: Terms) -> list[dict[str, Any]]:
    return [
        {"section": each.slug, "title": each.title, "gone": list(each.gone), "come": list(each.come)}
        for each in changes(before, after)
    ]


def _readers(agreement: Agreement) -> dict[str, Sequence[Any]]:
    found = readers_of(agreement)
    return {
        "read": [{"member": person_document(each.member), "at": each.at} for each in found.read],
        "not_read": [person_document(member) for member in found.not_read],
    }


class AgreementView(TenantAPIView):
    """GET agreement"""

    scopes: ClassVar[Mapping[str, str]] = {"GET": "reports:read"}

    @extend_schema(
        operation_id="agreement",
        summary="What marketing and sales agreed, as it is configured now",
        description="Who signed it and who confirmed having read it. Keys cannot sign: people do.",
        responses=AgreementSerializer,
    )
    def get(self, request: Request) -> Response:
        known_query(request)
        now = self.clock()
        terms = present_terms(self.tenant, now).terms
        standing, waiting = agreement_in_force(), open_agreement()
        state = "not_signed"
        if standing is not None:
            state = "signed" if standing.promises(terms, now) else "changed"
        return Response(
            {
                "state": state,
                "digest": terms.digest,
                "sections": as_document(terms)["sections"],
                "lacking": list(terms.lacking),
                "in_force": _version(standing) if standing else None,
                "open": _version(waiting) if waiting else None,
                "changes": _changes(standing.terms_at(now), terms) if standing else [],
                "readers": _readers(standing) if standing else None,
                "recalibration_due": due_day(standing, self.tenant) if standing else None,
            }
        )


class AgreementVersionsView(TenantAPIView):
    """GET agreement/versions"""

    scopes: ClassVar[Mapping[str, str]] = {"GET": "reports:read"}

    @extend_schema(
        operation_id="agreement_versions",
        summary="Every version that was signed by somebody, the youngest first",
        parameters=PAGE_PARAMETERS,
        responses={200: VERSION_PAGE},
    )
    def get(self, request: Request) -> Response:
        known_query(request, "cursor", "limit")
        rows, following = api_page(request, all_agreements(), order=("-number", "-id"))
        return Response({"results": [_version(each) for each in rows], "next": following})


class AgreementVersionView(TenantAPIView):
    """GET agreement/versions/<id>"""

    scopes: ClassVar[Mapping[str, str]] = {"GET": "reports:read"}

    @extend_schema(
        operation_id="agreement_version",
        summary="A version as it was signed",
        responses=AgreementVersionInFullSerializer,
    )
    def get(self, request: Request, agreement_id: UUID) -> Response:
        found = get_agreement(agreement_id)
        return Response({**_version(found), "sections": found.document["sections"]})
