"""Excuses over the API: ask, read, decide."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core.errors import FieldError
from handoff import excuses
from handoff.serializers import (
    AcceptInSerializer,
    ExcuseAnswerInSerializer,
    ExcuseInSerializer,
    ExcuseSerializer,
)
from handoff.services import Actor
from leads import strict
from sla.models import Excuse
from tenants.models import Role
from tenants.selectors import find_member
from web.api import TenantAPIView
from web.openapi import PAGE_PARAMETERS, page_serializer
from web.pagination import api_page, known_query

EXCUSE_PAGE = page_serializer("ExcusePage", ExcuseSerializer)


class _ActView(TenantAPIView):
    """A POST about an excuse. shape: what may be sent."""

    idempotent = True
    scopes: ClassVar[Mapping[str, str]] = {"POST": "leads:write"}
    shape: ClassVar[type[serializers.Serializer[Any]]]

    def said(self, request: Request) -> tuple[dict[str, Any], Actor]:
        """The body, read strictly, and for whom the key acts."""
        said = strict.read(strict.reader_of(self.shape), request.data)
        if not said.get("by"):
            return said, Actor(self.actor, None, oversees=True)
        member = find_member(said["by"], path="/by")
        return said, Actor(self.actor, member, oversees=member.role in (Role.MANAGER, Role.ADMIN))


class AskView(_ActView):
    shape = ExcuseInSerializer

    @extend_schema(operation_id="timer_excuse", request=ExcuseInSerializer, responses={201: ExcuseSerializer})
    def post(self, request: Request, timer_id: UUID) -> Response:
        """Ask that an overdue or missed clock be excused. The manager of the team, else an admin, decides."""
        said, actor = self.said(request)
        made = excuses.ask(
            timer_id=timer_id, kind=said["kind"], note=said["note"], actor=actor, clock=self.clock
        )
        return Response(excuses.document(made), status=201)


class ExcusesView(TenantAPIView):
    scopes: ClassVar[Mapping[str, str]] = {"GET": "leads:read"}

    @extend_schema(
        operation_id="excuses_list",
        parameters=[OpenApiParameter("state", str, enum=Excuse.State.values), *PAGE_PARAMETERS],
        responses={200: EXCUSE_PAGE},
    )
    def get(self, request: Request) -> Response:
        """Excuses, the one asked for last at the top."""
        known_query(request, "state", "cursor", "limit")
        state = request.query_params.get("state", "")
        if state and state not in Excuse.State.values:
            known = ", ".join(Excuse.State.values)
            raise strict.refusal([FieldError("/state", f"Use one of: {known}.", "invalid_choice")])
        found = excuses.visible_excuses(None)
        if state:
            found = found.filter(state=state)
        rows, following = api_page(request, found, order=("-asked_at", "-id"))
        return Response({"results": [excuses.document(each) for each in rows], "next": following})


class _DecideView(_ActView):
    shape = ExcuseAnswerInSerializer
    decide: ClassVar[Callable[..., Excuse]]

    def answer(self, request: Request, excuse_id: UUID) -> Response:
        said, actor = self.said(request)
        decide = type(self).decide
        made = decide(excuse_id=excuse_id, note=said["note"], actor=actor, clock=self.clock)
        return Response(excuses.document(made))


class ApproveView(_DecideView):
    decide = excuses.approve

    @extend_schema(
        operation_id="excuse_approve", request=ExcuseAnswerInSerializer, responses={200: ExcuseSerializer}
    )
    def post(self, request: Request, excuse_id: UUID) -> Response:
        """Leave the clock out of the second rate. Not by whoever asked, nor by the clock's own owner."""
        return self.answer(request, excuse_id)


class RefuseView(_DecideView):
    decide = excuses.refuse

    @extend_schema(
        operation_id="excuse_refuse", request=ExcuseAnswerInSerializer, responses={200: ExcuseSerializer}
    )
    def post(self, request: Request, excuse_id: UUID) -> Response:
        """Say no."""
        return self.answer(request, excuse_id)


class WithdrawView(_ActView):
    shape = AcceptInSerializer

    @extend_schema(
        operation_id="excuse_withdraw", request=AcceptInSerializer, responses={200: ExcuseSerializer}
    )
    def post(self, request: Request, excuse_id: UUID) -> Response:
        """Take back what nobody has answered yet; by whoever asked."""
        _, actor = self.said(request)
        return Response(
            excuses.document(excuses.withdraw(excuse_id=excuse_id, actor=actor, clock=self.clock))
        )
