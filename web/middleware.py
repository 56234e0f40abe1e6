"""Edges every request passes: an id for its log lines, a limit on its size, and an answer to refusals of the
domain."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from uuid_utils.compat import uuid7

from core.errors import DomainError, ValidationFailed
from web.logs import request_id
from web.problems import (
    bad_request,
    domain_problem,
    exception_handler,
    is_api,
    method_not_allowed,
    problem,
    problem_response,
    refusal_page,
    too_large_detail,
)

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
    """Refuse a body of the API over the limit before anything reads it, whether its length is told or not.

    A chunked body has no length and Django would take it for empty: it is read here, up to the limit.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path.startswith("/api/"):
            return self.get_response(request)
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        length = request.META.get("CONTENT_LENGTH") or ""
        if length.isdigit():
            return self._refusal(limit) if int(length) > limit else self.get_response(request)
        if "chunked" in request.META.get("HTTP_TRANSFER_ENCODING", "").lower():
            source = request.META.get("wsgi.input")
            if not request.META.get("wsgi.input_terminated") or source is None:
                return problem_response(
                    problem("length_required", 411, "Send the body with a Content-Length.")
                )
            body = source.read(limit + 1)
            if len(body) > limit:
                return self._refusal(limit)
            request.META["CONTENT_LENGTH"] = str(len(body))
            request._stream = BytesIO(body)  # type: ignore[attr-defined]
        return self.get_response(request)

    @staticmethod
    def _refusal(limit: int) -> HttpResponse:
        return problem_response(problem("too_large", 413, too_large_detail(limit)))


class StorableAddressMiddleware:
    """Refuse an address with a NUL character: no text of the database can hold one, so nothing of ours has
    it, and each view that looks for a text would have to take it out."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        query = request.META.get("QUERY_STRING", "")
        if "\x00" not in request.path and "\x00" not in query and "%00" not in query:
            return self.get_response(request)
        if not is_api(request):
            return bad_request(request)
        name = next((f"/{name}" for name, told in request.GET.lists() if "\x00" in name + "".join(told)), "")
        message = "The address has a character that no text can hold (NUL)."
        return problem_response(domain_problem(ValidationFailed.at(name, message, "bad_text")))


class RefusalMiddleware:
    """Turn a DomainError that a page's view raised into a page for a person, and a bare "method not allowed"
    of one that takes only a form.

    It stands before the tenant's middleware in the list, so that the transaction has been marked for rolling
    back when the page is made.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        bare = response.status_code == 405 and not response.streaming and not response.content
        return method_not_allowed(request, response) if bare and not is_api(request) else response

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not isinstance(exception, DomainError):
            return None
        if is_api(request):
            answer = exception_handler(exception, {"request": request})
            return problem_response(answer.data)
        return refusal_page(request, exception)
