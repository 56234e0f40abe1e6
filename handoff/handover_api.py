"""What hands a lead over, what is owed at each stage, and the leads that nobody owns, over the API."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from django.db import transaction
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from handoff import words
from handoff.selectors import waiting_handoffs
from leads import owed, settings, strict, triggers
from leads.incoming import MAX_INTEGER
from leads.models import Handoff
from leads.owed import ASKING, STANDING
from routing.facts import load_setup
from routing.settings import set_enabled
from web.api import TenantAPIView
from web.openapi import PAGE_PARAMETERS, page_serializer
from web.pagination import api_page, known_query


def _texts(help_text: str) -> serializers.ListField:
    return serializers.ListField(child=serializers.CharField(), required=False, help_text=help_text)


class HandoverInSerializer(serializers.Serializer[Any]):
    """What is to be different."""

    triggers = _texts(f"What hands a lead over, one is enough: {', '.join(triggers.KINDS)}.")
    outside_stages = _texts('Stages in another system: "MQL", or of one alone "hubspot: MQL".')
    score_from = serializers.IntegerField(
        required=False, allow_null=True, min_value=-MAX_INTEGER, max_value=MAX_INTEGER
    )
    form_kinds = _texts("Kinds of engagement.")
    routes = serializers.BooleanField(
        required=False,
        help_text="False: the CRM or another router chooses the owners, and only the clocks run here.",
    )


class HandoverSerializer(serializers.Serializer[Any]):
    """What hands a lead over, and who chooses its owner."""

    triggers = serializers.ListField(child=serializers.CharField())
    outside_stages = serializers.ListField(child=serializers.CharField())
    score_from = serializers.IntegerField(allow_null=True)
    form_kinds = serializers.ListField(child=serializers.CharField())
    routes = serializers.BooleanField()
    text = serializers.CharField(help_text="The same in words.")


class UpkeepInSerializer(serializers.Serializer[Any]):
    """What is to be different; what is sent takes the place of the whole."""

    owed = serializers.DictField(
        required=False,
        help_text='Fields by stage: {"sal": ["phone"], "opportunity": ["custom.amount", "sql.budget"]}. '
        f"Stages: {', '.join(ASKING)}.",
    )
    stale_days = serializers.DictField(
        required=False, help_text=f"Working days by stage: {', '.join(STANDING)}."
    )


class UpkeepSerializer(serializers.Serializer[Any]):
    """What is owed at each stage, and after how many working days a status is stale."""

    owed = serializers.DictField()
    stale_days = serializers.DictField()


class UnownedSerializer(serializers.Serializer[Any]):
    """An open lead that nobody owns."""

    lead = serializers.UUIDField()
    handoff = serializers.UUIDField()
    started_at = serializers.DateTimeField()
    reason = serializers.CharField(help_text="A code: outside where another system routes and named nobody.")
    text = serializers.CharField(help_text="The reason in words.")
    tier = serializers.CharField(allow_blank=True)
    priority = serializers.IntegerField()


_read_handover: Callable[..., dict[str, Any]] = strict.reader_of(HandoverInSerializer)
_read_upkeep: Callable[..., dict[str, Any]] = strict.reader_of(UpkeepInSerializer)


class HandoverView(TenantAPIView):
    scopes: ClassVar[Mapping[str, str]] = {"GET": "config:read", "PATCH": "config:write"}

    @extend_schema(operation_id="handover", responses={200: HandoverSerializer})
    def get(self, request: Request) -> Response:
        """What hands a lead over, and who chooses its owner."""
        known_query(request)
        return Response(_handover())

    @extend_schema(
        operation_id="handover_change", request=HandoverInSerializer, responses={200: HandoverSerializer}
    )
    def patch(self, request: Request) -> Response:
        """Change what is sent; it counts from each lead's next arrival on. 400 with the place of each
        error."""
        said = strict.read(_read_handover, request.data)
        present = _handover()
        with transaction.atomic():
            settings.change_triggers(
                kinds=said.get("triggers", present["triggers"]),
                stages=said.get("outside_stages", present["outside_stages"]),
                # A null is said too: no threshold.
                score_from=said.get("score_from", None if "score_from" in request.data else _score()),
                forms=said.get("form_kinds", present["form_kinds"]),
                actor=self.actor,
                now=self.clock(),
            )
            if "routes" in said:
                set_enabled(enabled=said["routes"], actor=self.actor, clock=self.clock)
        return Response(_handover())


def _score() -> int | None:
    return owed.settings_row().score_from


def _handover() -> dict[str, Any]:
    row = owed.settings_row()
    return {
        "triggers": row.triggers or [triggers.CRITERIA],
        "outside_stages": row.outside_stages,
        "score_from": row.score_from,
        "form_kinds": row.form_kinds,
        "routes": load_setup().enabled,
        "text": triggers.waits_for(triggers.triggers_in_force()),
    }


class UpkeepView(TenantAPIView):
    scopes: ClassVar[Mapping[str, str]] = {"GET": "config:read", "PATCH": "config:write"}

    @extend_schema(operation_id="upkeep", responses={200: UpkeepSerializer})
    def get(self, request: Request) -> Response:
        """What is owed at each stage, and after how many working days a status is stale."""
        known_query(request)
        return Response(_upkeep())

    @extend_schema(
        operation_id="upkeep_change", request=UpkeepInSerializer, responses={200: UpkeepSerializer}
    )
    def patch(self, request: Request) -> Response:
        """Change the stages that are sent, and leave the others: an empty list, or null, takes one out. 400
        with the place of each error."""
        said = strict.read(_read_upkeep, request.data)
        present = _upkeep()
        settings.change_upkeep(
            owed_fields=_changed(present["owed"], said.get("owed")),
            stale_days=_changed(present["stale_days"], said.get("stale_days")),
            actor=self.actor,
            now=self.clock(),
        )
        return Response(_upkeep())


def _changed(present: Mapping[str, Any], said: Mapping[str, Any] | None) -> dict[str, Any]:
    """By stage, what stands with what was said of it."""
    merged = {**present, **(said or {})}
    return {stage: value for stage, value in merged.items() if value not in (None, [])}


def _upkeep() -> dict[str, Any]:
    row = owed.settings_row()
    return {"owed": row.owed, "stale_days": row.stale_days}


class UnroutedView(TenantAPIView):
    scopes: ClassVar[Mapping[str, str]] = {"GET": "leads:read"}

    @extend_schema(
        operation_id="unrouted_list",
        parameters=PAGE_PARAMETERS,
        responses={200: page_serializer("UnroutedPage", UnownedSerializer)},
    )
    def get(self, request: Request) -> Response:
        """Open leads that nobody owns, the one that waits longest first, each with its reason."""
        known_query(request, "cursor", "limit")
        rows, following = api_page(request, waiting_handoffs(), order=("started_at", "id"))
        return Response({"results": [_unowned(each) for each in rows], "next": following})


def _unowned(handoff: Handoff) -> dict[str, Any]:
    return {
        "lead": handoff.lead_id,
        "handoff": handoff.id,
        "started_at": handoff.started_at,
        "reason": handoff.unrouted_reason or "nobody_available",
        "text": words.unowned_reason(handoff.unrouted_reason),
        "tier": handoff.tier,
        "priority": handoff.priority,
    }
