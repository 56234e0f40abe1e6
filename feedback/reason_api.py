"""The API of the taxonomy of reasons, and of what was agreed about disputes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core.errors import FieldError
from feedback import taxonomy
from feedback.models import FeedbackSettings, Reason
from feedback.reasons import stage_of
from feedback.settings import DISPUTE_DAYS, SHEET_SIZE, change_settings, settings
from leads import strict
from leads.lifecycle import Stage
from web.api import TenantAPIView
from web.pagination import known_query

_SCOPES: Mapping[str, str] = {
    "GET": "config:read",
    "POST": "config:write",
    "PUT": "config:write",
    "PATCH": "config:write",
}


class ReasonPatchSerializer(serializers.Serializer[Any]):
    """What is left out stays. Kind and slug never change."""

    label = serializers.CharField(max_length=60, required=False)  # type: ignore[assignment]
    hint = serializers.CharField(max_length=120, required=False, allow_blank=True)
    side = serializers.ChoiceField(
        Reason.Side.values,
        required=False,
        help_text="routing: the lead goes to somebody else instead. Of a rejection only.",
    )
    note_required = serializers.BooleanField(required=False)
    earns_credit = serializers.BooleanField(
        required=False, help_text="The rotation gives the turn back. Of a rejection only."
    )
    leads_to = serializers.ChoiceField(
        ["", *Stage.values],
        required=False,
        help_text="The stage that the lead comes to; blank: that of the kind.",
    )


class ReasonInSerializer(ReasonPatchSerializer):
    kind = serializers.ChoiceField(Reason.Kind.values)
    slug = serializers.CharField(
        max_length=40, required=False, help_text="Made from the label where it is left out."
    )
    label = serializers.CharField(max_length=60)  # type: ignore[assignment]


class ReasonSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    kind = serializers.ChoiceField(Reason.Kind.values)
    slug = serializers.CharField(help_text="What calls say.")
    label = serializers.CharField()  # type: ignore[assignment]
    hint = serializers.CharField(allow_blank=True)
    side = serializers.ChoiceField(Reason.Side.values)
    note_required = serializers.BooleanField()
    earns_credit = serializers.BooleanField()
    leads_to = serializers.ChoiceField(
        Stage.values, allow_null=True, help_text="null: it goes to another person instead."
    )
    active = serializers.BooleanField(help_text="False: it was retired, and is given no more.")


class ReasonsSerializer(serializers.Serializer[Any]):
    results = ReasonSerializer(many=True)


class ReasonOrderSerializer(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(Reason.Kind.values)
    reasons = serializers.ListField(child=serializers.UUIDField(), max_length=taxonomy.MOST)


class FeedbackSettingsSerializer(serializers.Serializer[Any]):
    dispute_days = serializers.IntegerField(min_value=DISPUTE_DAYS[0], max_value=DISPUTE_DAYS[1])
    sheet_size = serializers.IntegerField(min_value=SHEET_SIZE[0], max_value=SHEET_SIZE[1])


_read_new: Callable[..., dict[str, Any]] = strict.reader_of(ReasonInSerializer)
_read_patch: Callable[..., dict[str, Any]] = strict.reader_of(ReasonPatchSerializer)
_read_order: Callable[..., dict[str, Any]] = strict.reader_of(ReasonOrderSerializer)
_read_settings: Callable[..., dict[str, Any]] = strict.reader_of(FeedbackSettingsSerializer)


def _document(reason: Reason) -> dict[str, Any]:
    return {
        "id": reason.id,
        "kind": reason.kind,
        "slug": reason.slug,
        "label": reason.label,
        "hint": reason.hint,
        "side": reason.side,
        "note_required": reason.note_required,
        "earns_credit": reason.earns_credit,
        "leads_to": stage_of(reason),
        "active": reason.is_active,
    }


class ReasonsView(TenantAPIView):
    idempotent = True
    scopes: ClassVar[Mapping[str, str]] = _SCOPES

    @extend_schema(
        operation_id="reasons_list",
        parameters=[
            OpenApiParameter("kind", str, enum=Reason.Kind.values),
            OpenApiParameter("active", str, enum=["true", "false"], description="Default: both."),
        ],
        responses={200: ReasonsSerializer},
    )
    def get(self, request: Request) -> Response:
        """Every reason, by kind and in the organisation's order; retired ones too."""
        known_query(request, "kind", "active")
        asked = {name: request.query_params.get(name, "") for name in ("kind", "active")}
        choices = {"kind": Reason.Kind.values, "active": ["true", "false"]}
        for name, value in asked.items():
            if value and value not in choices[name]:
                known = ", ".join(choices[name])
                raise strict.refusal([FieldError(f"/{name}", f"Use one of: {known}.", "invalid_choice")])
        found = [
            each
            for each in taxonomy.all_reasons()
            if asked["kind"] in ("", each.kind)
            and asked["active"] in ("", "true" if each.is_active else "false")
        ]
        return Response({"results": [_document(each) for each in found]})

    @extend_schema(
        operation_id="reasons_create", request=ReasonInSerializer, responses={201: ReasonSerializer}
    )
    def post(self, request: Request) -> Response:
        """A reason more, at the end of its kind; 409 where there are 40 in use."""
        said = strict.read(_read_new, request.data)
        made = taxonomy.create_reason(
            kind=said.pop("kind"),
            slug=said.pop("slug", ""),
            said=said,
            actor=self.actor,
            now=self.clock(),
        )
        return Response(_document(made), 201)


class ReasonView(TenantAPIView):
    scopes: ClassVar[Mapping[str, str]] = _SCOPES

    @extend_schema(operation_id="reasons_retrieve", responses={200: ReasonSerializer})
    def get(self, request: Request, reason_id: UUID) -> Response:
        """One reason."""
        return Response(_document(taxonomy.get_reason(reason_id)))

    @extend_schema(
        operation_id="reasons_change", request=ReasonPatchSerializer, responses={200: ReasonSerializer}
    )
    def patch(self, request: Request, reason_id: UUID) -> Response:
        """Change a reason. What was answered before keeps what it led to."""
        said = strict.read(_read_patch, request.data)
        done = taxonomy.change_reason(reason_id=reason_id, said=said, actor=self.actor, now=self.clock())
        return Response(_document(done))


class RetireReasonView(TenantAPIView):
    idempotent = True
    scopes: ClassVar[Mapping[str, str]] = _SCOPES

    @extend_schema(operation_id="reasons_retire", request=None, responses={200: ReasonSerializer})
    def post(self, request: Request, reason_id: UUID) -> Response:
        """Let it be given no more; history keeps it. 409 for the last of its kind."""
        done = taxonomy.retire_reason(reason_id=reason_id, actor=self.actor, now=self.clock())
        return Response(_document(done))


class RestoreReasonView(TenantAPIView):
    idempotent = True
    scopes: ClassVar[Mapping[str, str]] = _SCOPES

    @extend_schema(operation_id="reasons_restore", request=None, responses={200: ReasonSerializer})
    def post(self, request: Request, reason_id: UUID) -> Response:
        """Let a retired reason be given again, at the end of its kind."""
        done = taxonomy.restore_reason(reason_id=reason_id, actor=self.actor, now=self.clock())
        return Response(_document(done))


class OrderReasonsView(TenantAPIView):
    scopes: ClassVar[Mapping[str, str]] = _SCOPES

    @extend_schema(
        operation_id="reasons_order", request=ReasonOrderSerializer, responses={200: ReasonsSerializer}
    )
    def put(self, request: Request) -> Response:
        """Put the reasons of a kind in order: each that is in use, once."""
        said = strict.read(_read_order, request.data)
        done = taxonomy.order_reasons(
            kind=said["kind"], ids=said["reasons"], actor=self.actor, now=self.clock()
        )
        return Response({"results": [_document(each) for each in done]})


class FeedbackSettingsView(TenantAPIView):
    scopes: ClassVar[Mapping[str, str]] = _SCOPES

    @extend_schema(operation_id="feedback_settings", responses={200: FeedbackSettingsSerializer})
    def get(self, request: Request) -> Response:
        """For how many days a rejection may be disputed, and how many stand on a weekly sheet."""
        return Response(_settings(settings()))

    @extend_schema(
        operation_id="feedback_settings_change",
        request=FeedbackSettingsSerializer,
        responses={200: FeedbackSettingsSerializer},
    )
    def put(self, request: Request) -> Response:
        """Choose both."""
        said = strict.read(_read_settings, request.data)
        return Response(_settings(change_settings(**said, actor=self.actor, now=self.clock())))


def _settings(found: FeedbackSettings) -> dict[str, int]:
    return {"dispute_days": found.dispute_days, "sheet_size": found.sheet_size}
