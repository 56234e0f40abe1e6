"""Routing over the API: pools with their settings, who sits in them, and what catches the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core.errors import ValidationFailed
from leads import strict
from routing import overview, pools, settings
from routing.decide import OffHours, Strategy
from routing.models import Pool, PoolSeat, RoutingSettings
from tenants.selectors import find_member, person_document
from web.api import TenantAPIView
from web.openapi import PAGE_PARAMETERS, page_serializer
from web.pagination import api_page, known_query


class SeatedSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()
    email = serializers.CharField()


class SeatSerializer(serializers.Serializer[Any]):
    """A person in a pool. weight: turns they take where weight 1 takes one."""

    id = serializers.UUIDField()
    member = SeatedSerializer()
    weight = serializers.IntegerField()


class PoolSerializer(serializers.Serializer[Any]):
    """People who share leads."""

    id = serializers.UUIDField()
    slug = serializers.CharField(help_text="How rules name it.")
    name = serializers.CharField()
    strategy = serializers.ChoiceField(choices=list(Strategy))
    owner_first = serializers.BooleanField(help_text="The account's owner is asked before anybody.")
    off_hours = serializers.ChoiceField(choices=list(OffHours))
    overflow = serializers.UUIDField(allow_null=True, help_text='The pool that off_hours "overflow" asks.')
    absence_turns = serializers.IntegerField(help_text="Turns that absence saves up at most.")
    calendar = serializers.UUIDField(allow_null=True, help_text="Hours in place of its people's own.")
    is_active = serializers.BooleanField()
    seats = SeatSerializer(many=True)


class PoolChangeSerializer(serializers.Serializer[Any]):
    """What is to be different of a pool."""

    name = serializers.CharField(max_length=pools.LONGEST_NAME, required=False)
    strategy = serializers.ChoiceField(choices=list(Strategy), required=False)
    owner_first = serializers.BooleanField(required=False)
    off_hours = serializers.ChoiceField(choices=list(OffHours), required=False)
    overflow = serializers.UUIDField(required=False, allow_null=True)
    absence_turns = serializers.IntegerField(required=False)
    calendar = serializers.UUIDField(required=False, allow_null=True)
    is_active = serializers.BooleanField(required=False)


class PoolInSerializer(PoolChangeSerializer):
    """A new pool."""

    name = serializers.CharField(max_length=pools.LONGEST_NAME)
    slug = serializers.CharField(
        max_length=pools.LONGEST_SLUG, required=False, help_text="Made from the name where it is left out."
    )


class SeatInSerializer(serializers.Serializer[Any]):
    """Somebody who is to sit in a pool."""

    member = serializers.CharField(max_length=254, help_text="Id or e-mail of somebody who takes leads.")
    weight = serializers.IntegerField(required=False)


class SeatChangeSerializer(serializers.Serializer[Any]):
    """Another weight."""

    weight = serializers.IntegerField()


class RoutingSettingsSerializer(serializers.Serializer[Any]):
    """What catches the leads that nobody takes."""

    enabled = serializers.BooleanField(help_text="False: owners come from outside.")
    fallback = SeatedSerializer(allow_null=True)
    max_hops = serializers.IntegerField(help_text="Moves before the fallback person gets a lead.")
    breaches_in_a_row = serializers.IntegerField(
        allow_null=True,
        help_text="Broken promises in a row that take somebody off the rotation; null: never.",
    )


class RoutingSettingsInSerializer(serializers.Serializer[Any]):
    """What is to be different."""

    fallback = serializers.CharField(max_length=254, required=False, help_text="Id or e-mail of a member.")
    max_hops = serializers.IntegerField(required=False)
    breaches_in_a_row = serializers.IntegerField(required=False, allow_null=True)
    enabled = serializers.BooleanField(
        required=False,
        help_text="False: the CRM or another router chooses the owners, and only the clocks run here.",
    )


_read_pool = strict.reader_of(PoolInSerializer)
_read_change = strict.reader_of(PoolChangeSerializer)
_read_seat = strict.reader_of(SeatInSerializer)
_read_weight = strict.reader_of(SeatChangeSerializer)
_read_settings = strict.reader_of(RoutingSettingsInSerializer)


class _SetUpView(TenantAPIView):
    scopes: ClassVar[Mapping[str, str]] = {
        "GET": "config:read",
        "POST": "config:write",
        "PATCH": "config:write",
        "DELETE": "config:write",
    }

    @property
    def by(self) -> dict[str, Any]:
        return {"actor": self.actor, "clock": self.clock}


class PoolsView(_SetUpView):
    idempotent = True

    @extend_schema(
        operation_id="pools",
        parameters=PAGE_PARAMETERS,
        responses={200: page_serializer("Pools", PoolSerializer)},
    )
    def get(self, request: Request) -> Response:
        """Every pool with its settings and who sits in it, by name."""
        known_query(request, "cursor", "limit")
        rows, following = api_page(request, Pool.objects.all(), order=("name", "id"))
        return Response({"results": _documents(rows), "next": following})

    @extend_schema(operation_id="pools_create", request=PoolInSerializer, responses={201: PoolSerializer})
    def post(self, request: Request) -> Response:
        """A new pool, with nobody in it yet."""
        said = strict.read(_read_pool, request.data)
        slug = said.pop("slug", "")
        _check_overflow(said, pools.PoolSettings().off_hours)
        made = pools.create_pool(settings=pools.PoolSettings(**said), slug=slug, **self.by)
        return Response(_documents([made])[0], status=201)


class PoolView(_SetUpView):
    @extend_schema(operation_id="pool", responses={200: PoolSerializer})
    def get(self, request: Request, pool_id: UUID) -> Response:
        """One pool."""
        known_query(request)
        return Response(_documents([overview.get_pool(pool_id=pool_id)])[0])

    @extend_schema(operation_id="pool_change", request=PoolChangeSerializer, responses={200: PoolSerializer})
    def patch(self, request: Request, pool_id: UUID) -> Response:
        """Change what is sent; it counts from the next lead on. 409 where a pool that is needed would be
        switched off."""
        said = strict.read_nulls(_read_change, request.data)
        _check_overflow(said, overview.get_pool(pool_id=pool_id).off_hours)
        return Response(_documents([pools.change_pool(pool_id=pool_id, changes=said, **self.by)])[0])


class SeatsView(_SetUpView):
    idempotent = True
    scopes: ClassVar[Mapping[str, str]] = {"POST": "config:write"}

    @extend_schema(
        operation_id="pool_seats_create", request=SeatInSerializer, responses={201: SeatSerializer}
    )
    def post(self, request: Request, pool_id: UUID) -> Response:
        """Seat a person in the pool; their first turn is at the mean of the others'."""
        said = strict.read(_read_seat, request.data)
        overview.get_pool(pool_id=pool_id)
        member = find_member(said["member"], path="/member")
        weight = said.get("weight", 1)
        seat = settings.add_seat(pool_id=pool_id, member_id=member.id, weight=weight, **self.by)
        return Response(_seat(seat), status=201)


class SeatView(_SetUpView):
    scopes: ClassVar[Mapping[str, str]] = {
        "GET": "config:read",
        "PATCH": "config:write",
        "DELETE": "config:write",
    }

    @extend_schema(operation_id="pool_seat", responses={200: SeatSerializer})
    def get(self, request: Request, pool_seat_id: UUID) -> Response:
        """One seat."""
        known_query(request)
        return Response(_seat(overview.get_seat(seat_id=pool_seat_id)))

    @extend_schema(
        operation_id="pool_seat_change", request=SeatChangeSerializer, responses={200: SeatSerializer}
    )
    def patch(self, request: Request, pool_seat_id: UUID) -> Response:
        """Change how many turns a person takes in the pool."""
        said = strict.read(_read_weight, request.data)
        settings.change_weight(seat_id=pool_seat_id, weight=said["weight"], **self.by)
        return Response(_seat(overview.get_seat(seat_id=pool_seat_id)))

    @extend_schema(operation_id="pool_seat_remove", responses={204: None})
    def delete(self, request: Request, pool_seat_id: UUID) -> Response:
        """Take a person out of the pool; leads that they own stay theirs."""
        settings.remove_seat(seat_id=pool_seat_id, **self.by)
        return Response(status=204)


class RoutingSettingsView(_SetUpView):
    scopes: ClassVar[Mapping[str, str]] = {"GET": "config:read", "PATCH": "config:write"}

    @extend_schema(operation_id="routing_settings", responses={200: RoutingSettingsSerializer})
    def get(self, request: Request) -> Response:
        """Who catches what nobody takes, and when."""
        known_query(request)
        return Response(_settings(overview.settings_in_force()))

    @extend_schema(
        operation_id="routing_settings_change",
        request=RoutingSettingsInSerializer,
        responses={200: RoutingSettingsSerializer},
    )
    def patch(self, request: Request) -> Response:
        """Change what is sent. There is always a fallback person: the first change names one."""
        said = strict.read_nulls(_read_settings, request.data)
        if "enabled" in said:
            settings.set_enabled(enabled=said.pop("enabled"), **self.by)
            if not said:
                return Response(_settings(overview.settings_in_force()))
        present = overview.settings_in_force()
        named = said.get("fallback")
        settings.change_settings(
            fallback_id=find_member(named, path="/fallback").id if named else present.fallback_id,
            max_hops=said.get("max_hops", present.max_hops),
            breaches_in_a_row=said.get("breaches_in_a_row", present.breaches_in_a_row),
            **self.by,
        )
        return Response(_settings(overview.settings_in_force()))


def _check_overflow(said: Mapping[str, Any], off_hours: str) -> None:
    """Raises ValidationFailed for a pool to pass leads on to that would never be asked: the page hides it
    there, but a program would be answered as if it had been kept. off_hours: where the call says none."""
    if said.get("overflow") is not None and said.get("off_hours", off_hours) != OffHours.OVERFLOW:
        message = 'It is asked only where off_hours is "overflow": send that too, or leave this out.'
        raise ValidationFailed.at("/overflow", message, "not_asked")


def _documents(rows: Sequence[Pool]) -> list[dict[str, Any]]:
    """Pools with their seats; one query more for any number."""
    seats: dict[UUID, list[PoolSeat]] = {pool.id: [] for pool in rows}
    for seat in PoolSeat.objects.filter(pool_id__in=list(seats)).select_related("member").order_by("id"):
        seats[seat.pool_id].append(seat)
    return [
        {
            "id": pool.id,
            "slug": pool.slug,
            "name": pool.name,
            "strategy": pool.strategy,
            "owner_first": pool.owner_first,
            "off_hours": pool.off_hours,
            "overflow": pool.overflow_id,
            "absence_turns": pool.absence_turns,
            "calendar": pool.calendar_id,
            "is_active": pool.is_active,
            "seats": [_seat(each) for each in seats[pool.id]],
        }
        for pool in rows
    ]


def _seat(seat: PoolSeat) -> dict[str, Any]:
    return {"id": seat.id, "member": person_document(seat.member), "weight": seat.weight}


def _settings(found: RoutingSettings) -> dict[str, Any]:
    return {
        "enabled": found.enabled,
        "fallback": person_document(found.fallback),
        "max_hops": found.max_hops,
        "breaches_in_a_row": found.breaches_in_a_row,
    }
