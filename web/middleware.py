"""Edges every request passes: an id for its log lines, and a limit on its size."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from uuid_utils.compat import uuid7

from web.logs import request_id

GetResponse = Callable[[HttpRequest], HttpResponse]


class RequestIdMiddleware:
    """Give the request an id that its log lines and its answer carry."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        token = request_id.set(str(uuid7()))
        try:
            response = self.get_response(request)
            response["X-Request-Id"] = request_id.get()
            return response
        finally:
            request_id.reset(token)


class BodyLimitMiddleware:
    """Refuse a body over the limit before anything reads it."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        length = request.META.get("CONTENT_LENGTH") or "0"
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        if request.path.startswith("/api/") and length.isdigit() and int(length) > limit:
            return JsonResponse(
                {
                    "type": "about:blank",
                    "title": "Payload too large",
                    "status": 413,
                    "code": "too_large",
                    "detail": f"A body may have at most {limit:,} bytes; split a bulk call into smaller ones.",
                },
                status=413,
                content_type="application/problem+json",
            )
        return self.get_response(request)
