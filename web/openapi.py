"""The API's description: which problems each call may answer with, how to send a key, which scope it
needs."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ResolvedComponent
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers

from web.idempotency import HEADER, MAX_KEY
from web.pagination import DEFAULT_SIZE, MAX_SIZE
from web.problems import CONTENT_TYPE

ERROR = {
    "type": "object",
    "required": ["path", "message", "code"],
    "properties": {
        "path": {"type": "string", "description": 'JSON pointer into the body, "" for the whole of it'},
        "message": {"type": "string"},
        "code": {"type": "string"},
    },
}
PROBLEM = {
    "type": "object",
    "description": "RFC 9457 problem details. Some problems carry further members.",
    "required": ["type", "title", "status", "detail", "code", "errors"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string", "description": "what a program branches on"},
        "errors": {"type": "array", "items": ERROR},
        "request": {"type": "string", "description": "quote it when you report an error"},
    },
    "additionalProperties": True,
}
MEANINGS = {
    400: "The input is not valid; `errors` says where and why.",
    401: "No key, or one that is unknown, expired or revoked.",
    403: "The key lacks the scope.",
    404: "Not there, or another organisation's.",
    405: "The address does not know that method.",
    406: "There is no such representation.",
    409: "The request contradicts what is already there.",
    411: "A chunked body behind this server needs a Content-Length.",
    413: "The body is too large.",
    415: "The body is not application/json.",
    422: "The idempotency key was used before for another body.",
    429: "Too many calls; see Retry-After.",
    500: "An unexpected error, logged under the request id.",
    503: "The database is busy; nothing was written.",
}
_ALWAYS = {400, 401, 403, 404, 405, 406, 429, 500, 503}
_WITH_BODY = {409, 411, 413, 415}

PAGE_PARAMETERS = [
    OpenApiParameter("cursor", str, description="From `next` of the page before."),
    OpenApiParameter(
        "limit",
        {"type": "integer", "minimum": 1, "maximum": MAX_SIZE, "default": DEFAULT_SIZE},
        description="Rows a page.",
    ),
]


class BearerKey(OpenApiAuthenticationExtension):
    """How the schema names our keys."""

    target_class = "tenants.auth.ApiKeyAuthentication"
    name = "ApiKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "bearerFormat": "slp_<prefix>_<secret>"}


class ProblemAutoSchema(AutoSchema):
    """Adds to each operation: its problem answers, the scope it needs, and Idempotency-Key where it is
    taken."""

    def get_description(self) -> str:  # type: ignore[override]
        text = super().get_description() or ""
        scope = getattr(self.view, "scopes", {}).get(self.method)
        return f"{text}\n\nNeeds the scope `{scope}`.".strip() if scope else text

    def get_override_parameters(self) -> list[Any]:
        given = list(super().get_override_parameters())
        if self._takes_key():
            given.append(
                OpenApiParameter(
                    HEADER,
                    {"type": "string", "minLength": 1, "maxLength": MAX_KEY, "pattern": "^[ -~]+$"},
                    OpenApiParameter.HEADER,
                    description="A repeat with the same key and body gets the first answer again.",
                )
            )
        return given

    def _get_response_bodies(self, direction: Any = "response") -> Any:
        responses = super()._get_response_bodies(direction)
        component = ResolvedComponent(
            name="Problem", type=ResolvedComponent.SCHEMA, schema=PROBLEM, object="Problem"
        )
        self.registry.register_on_missing(component)
        wanted = set(_ALWAYS)
        if self.method in ("POST", "PUT", "PATCH", "DELETE"):
            wanted |= _WITH_BODY
        if self._takes_key():
            wanted.add(422)
        for status_code in sorted(wanted):
            responses.setdefault(
                str(status_code),
                {"description": MEANINGS[status_code], "content": {CONTENT_TYPE: {"schema": component.ref}}},
            )
        return responses

    def _takes_key(self) -> bool:
        return self.method == "POST" and bool(getattr(self.view, "idempotent", False))


def page_serializer(name: str, row: type[serializers.Serializer]) -> type[serializers.Serializer]:
    """The serializer of a cursor page of `row`, for the schema: {"results": [...], "next": URL or null}."""
    fields = {
        "results": row(many=True),
        "next": serializers.URLField(
            allow_null=True, help_text="Address of the next page; null on the last."
        ),
    }
    return type(name, (serializers.Serializer,), fields)
