"""The API about business units. Calls about the policy take `unit`, a slug, to say whose policy they mean."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Final
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from leads import strict
from sla import units
from sla.models import BusinessUnit
from web.api import TenantAPIView

UNIT_PARAMETER: Final = OpenApiParameter(
    "unit", str, description="Slug of a business unit. Left out: the organisation's main policy."
)


def asked_unit(request: Request) -> BusinessUnit | None:
    """The unit that a call names (?unit=<slug>); None for the main policy. Raises NotFound."""
    return units.named_unit(request.query_params.get("unit"))


class BusinessUnitSerializer(serializers.Serializer[Any]):
    """A part of the organisation whose leads run by a policy of their own."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    slug = serializers.CharField()
    position = serializers.IntegerField(help_text="They are tried in this order.")
    when = serializers.DictField(help_text="The rule that its leads fit. See the rules of tiers.")
    is_active = serializers.BooleanField()


class BusinessUnitListSerializer(serializers.Serializer[Any]):
    results = BusinessUnitSerializer(many=True)
    next = serializers.CharField(allow_null=True)


class BusinessUnitInSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=units.LONGEST_NAME)
    slug = serializers.CharField(
        required=False,
        max_length=units.LONGEST_SLUG,
        help_text="Small letters, digits and hyphens; made from the name where it is left out.",
    )
    when = serializers.DictField(help_text="A rule, as the condition of a tier.")
    is_active = serializers.BooleanField(required=False, help_text="True unless said.")


class BusinessUnitChangeSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(required=False, max_length=units.LONGEST_NAME)
    when = serializers.DictField(required=False)
    is_active = serializers.BooleanField(
        required=False, help_text="False: new leads go to the next match; open ones keep their policy."
    )
    position = serializers.IntegerField(required=False, min_value=1, help_text="1 is tried first.")


_read_new: Callable[..., dict[str, Any]] = strict.reader_of(BusinessUnitInSerializer)
_read_change: Callable[..., dict[str, Any]] = strict.reader_of(BusinessUnitChangeSerializer)


def _document(unit: BusinessUnit) -> dict[str, Any]:
    return {"id": unit.id, **units.unit_document(unit)}


class BusinessUnitsView(TenantAPIView):
    idempotent = True
    scopes: ClassVar[Mapping[str, str]] = {"GET": "config:read", "POST": "config:write"}

    @extend_schema(operation_id="policy_units_list", responses={200: BusinessUnitListSerializer})
    def get(self, request: Request) -> Response:
        """Every business unit, in the order in which they are tried."""
        return Response({"results": [_document(unit) for unit in units.all_units()], "next": None})

    @extend_schema(
        operation_id="policy_units_create",
        request=BusinessUnitInSerializer,
        responses={201: BusinessUnitSerializer},
    )
    def post(self, request: Request) -> Response:
        """A new unit, tried after the others. Its leads run by the main policy until a version of its own is
        published. 409 before the main policy is published, and beyond fifty.
        """
        said = strict.read(_read_new, request.data)
        unit = units.create_unit(**said, actor=self.actor, now=self.clock())
        return Response(_document(unit), status=201)


class BusinessUnitView(TenantAPIView):
    scopes: ClassVar[Mapping[str, str]] = {
        "GET": "config:read",
        "PATCH": "config:write",
        "DELETE": "config:write",
    }

    @extend_schema(operation_id="policy_units_retrieve", responses={200: BusinessUnitSerializer})
    def get(self, request: Request, business_unit_id: UUID) -> Response:
        """One business unit."""
        return Response(_document(units.get_unit(business_unit_id)))

    @extend_schema(
        operation_id="policy_units_change",
        request=BusinessUnitChangeSerializer,
        responses={200: BusinessUnitSerializer},
    )
    def patch(self, request: Request, business_unit_id: UUID) -> Response:
        """Change what is said; the rest stays. New leads follow at once, open ones keep their policy."""
        said = strict.read(_read_change, request.data)
        unit = units.change_unit(business_unit_id, changes=said, actor=self.actor, now=self.clock())
        return Response(_document(unit))

    @extend_schema(operation_id="policy_units_remove", responses={204: None})
    def delete(self, request: Request, business_unit_id: UUID) -> Response:
        """Take away a unit that never had a policy. 409 for any other: switch it off instead."""
        units.remove_unit(business_unit_id, actor=self.actor, now=self.clock())
        return Response(status=204)
