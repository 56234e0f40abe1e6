"""The API about publications that wait for a second admin or for their time, and about the setting."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core.errors import FieldError
from leads import strict
from tenants import versions
from tenants.models import Publication, Tenant
from web.api import TenantAPIView
from web.openapi import PAGE_PARAMETERS, page_serializer
from web.pagination import api_page, known_query

NOTE = 300


class PublicationSerializer(serializers.Serializer[Any]):
    """An order to put a version in force that is not carried out at once."""

    id = serializers.UUIDField()
    kind = serializers.CharField(help_text="policy, criteria, routing, sql_bar or meeting_bar.")
    version = serializers.UUIDField()
    unit = serializers.UUIDField(
        allow_null=True, help_text="The business unit whose policy it is; null for the main one."
    )
    revision = serializers.IntegerField(help_text="Of the draft that was asked for.")
    state = serializers.ChoiceField(choices=Publication.State.choices)
    effective_at = serializers.DateTimeField(allow_null=True, help_text="From when on; null is at once.")
    move_open = serializers.BooleanField(help_text="Whether the clocks of open leads are moved to it then.")
    asked_at = serializers.DateTimeField()
    asked_by = serializers.CharField()
    decided_at = serializers.DateTimeField(allow_null=True)
    decided_by = serializers.CharField(allow_blank=True)
    note = serializers.CharField(allow_blank=True, help_text="Of whoever approved or refused.")
    why = serializers.CharField(
        allow_blank=True, help_text="Why it was withdrawn, or could not come into force."
    )


class DecisionInSerializer(serializers.Serializer[Any]):
    note = serializers.CharField(max_length=NOTE, help_text="Why; whoever asked reads it.")


class ApprovalsSerializer(serializers.Serializer[Any]):
    """Of which kinds each version needs a second admin's approval. A kind left out stays as it is."""

    policy = serializers.BooleanField(required=False)
    criteria = serializers.BooleanField(required=False)
    routing = serializers.BooleanField(required=False)
    sql_bar = serializers.BooleanField(required=False)
    meeting_bar = serializers.BooleanField(required=False)


class ApprovalsNowSerializer(ApprovalsSerializer):
    """The setting as it is, and what one admin wants off and another has not confirmed."""

    switching_off = serializers.ListField(
        child=serializers.CharField(), help_text="Kinds that another admin must confirm to turn off."
    )


PUBLICATION_PAGE = page_serializer("PublicationPage", PublicationSerializer)
_read_decision: Callable[..., dict[str, Any]] = strict.reader_of(DecisionInSerializer)
_read_approvals: Callable[..., dict[str, Any]] = strict.reader_of(ApprovalsSerializer)


def document(order: Publication) -> dict[str, Any]:
    """An order as the API gives it."""
    return {
        "id": order.id,
        "kind": order.kind,
        "version": order.version_id,
        "unit": order.line,
        "revision": order.revision,
        "state": order.state,
        "effective_at": order.effective_at,
        "move_open": bool(order.options.get("move_open")),
        "asked_at": order.asked_at,
        "asked_by": order.asked_by,
        "decided_at": order.decided_at,
        "decided_by": order.decided_by,
        "note": order.note,
        "why": order.why,
    }


class PublicationsView(TenantAPIView):
    scopes: ClassVar[Mapping[str, str]] = {"GET": "config:read"}

    @extend_schema(
        operation_id="publications_list",
        parameters=[
            OpenApiParameter("kind", str, enum=["criteria", "meeting_bar", "policy", "routing", "sql_bar"]),
            OpenApiParameter("state", str, enum=Publication.State.values),
            *PAGE_PARAMETERS,
        ],
        responses={200: PUBLICATION_PAGE},
    )
    def get(self, request: Request) -> Response:
        """What waits or waited for a second admin or for its time, the last asked for at the top."""
        known_query(request, "kind", "state", "cursor", "limit")
        found = Publication.objects.all()
        known = {"kind": [kind.slug for kind in versions.kinds()], "state": Publication.State.values}
        for name, values in known.items():
            wanted = request.query_params.get(name, "")
            if wanted and wanted not in values:
                message = f"Use one of: {', '.join(values)}."
                raise strict.refusal([FieldError(f"/{name}", message, "invalid_choice")])
            if wanted:
                found = found.filter(**{name: wanted})
        rows, following = api_page(request, found, order=("-asked_at", "-id"))
        return Response({"results": [document(each) for each in rows], "next": following})


class PublicationView(TenantAPIView):
    scopes: ClassVar[Mapping[str, str]] = {"GET": "config:read"}

    @extend_schema(operation_id="publications_retrieve", responses={200: PublicationSerializer})
    def get(self, request: Request, publication_id: UUID) -> Response:
        """One order."""
        return Response(document(versions.get_order(publication_id)))


class ApproveView(TenantAPIView):
    scopes: ClassVar[Mapping[str, str]] = {"POST": "config:write"}

    @extend_schema(
        operation_id="publication_approve",
        request=DecisionInSerializer,
        responses={200: PublicationSerializer},
    )
    def post(self, request: Request, publication_id: UUID) -> Response:
        """Always 403: a key is not a person. An admin approves on the page."""
        said = strict.read(_read_decision, request.data)
        versions.approve(
            order_id=publication_id, member=None, actor=self.actor, note=said["note"], now=self.clock()
        )
        return Response(document(versions.get_order(publication_id)))


class RefuseView(TenantAPIView):
    scopes: ClassVar[Mapping[str, str]] = {"POST": "config:write"}

    @extend_schema(
        operation_id="publication_refuse",
        request=DecisionInSerializer,
        responses={200: PublicationSerializer},
    )
    def post(self, request: Request, publication_id: UUID) -> Response:
        """Refuse what waits for approval; the draft stays as it is. A key may: nothing comes into force."""
        said = strict.read(_read_decision, request.data)
        order = versions.refuse(
            order_id=publication_id, member=None, actor=self.actor, note=said["note"], now=self.clock()
        )
        return Response(document(order))


class WithdrawView(TenantAPIView):
    scopes: ClassVar[Mapping[str, str]] = {"POST": "config:write"}

    @extend_schema(operation_id="publication_withdraw", request=None, responses={200: PublicationSerializer})
    def post(self, request: Request, publication_id: UUID) -> Response:
        """Take a request back that nobody has decided; by the key that asked."""
        order = versions.withdraw(order_id=publication_id, actor=self.actor, now=self.clock())
        return Response(document(order))


class CancelView(TenantAPIView):
    scopes: ClassVar[Mapping[str, str]] = {"POST": "config:write"}

    @extend_schema(operation_id="publication_cancel", request=None, responses={200: PublicationSerializer})
    def post(self, request: Request, publication_id: UUID) -> Response:
        """Call a scheduled version off, or one that could not come into force: it is the draft again, or kept
        among the versions where another draft is open.
        """
        versions.cancel(order_id=publication_id, actor=self.actor, now=self.clock())
        return Response(document(versions.get_order(publication_id)))


class SecondApprovalView(TenantAPIView):
    scopes: ClassVar[Mapping[str, str]] = {"GET": "config:read", "PUT": "config:write"}

    @extend_schema(operation_id="second_approval_retrieve", responses={200: ApprovalsNowSerializer})
    def get(self, request: Request) -> Response:
        """Of which kinds each version needs a second admin's approval."""
        return Response(_approvals())

    @extend_schema(
        operation_id="second_approval_update",
        request=ApprovalsSerializer,
        responses={200: ApprovalsNowSerializer},
    )
    def put(self, request: Request) -> Response:
        """Turn it on or off by kind. 409 where fewer than two admins are active.

        Off takes two where there is another active admin than the key's maker: the kind is in `switching_off`
        until an admin confirms on the page. `true` takes that back.
        """
        for kind, on in strict.read(_read_approvals, request.data).items():
            versions.set_second_approval(kind=kind, on=on, actor=self.actor, now=self.clock())
        return Response(_approvals())


def _approvals() -> dict[str, Any]:
    chosen, leaving = Tenant.objects.values_list("second_approval", "switching_off").get()
    return {
        **{kind.slug: kind.slug in chosen for kind in versions.kinds()},
        "switching_off": sorted(leaving),
    }
