"""What a caller is told when something is refused: problem documents (RFC 9457) for programs, pages for
people.

Every error answer of the API has one shape, whatever raised it:
    {"type", "title", "status", "detail", "code", "errors": [{"path", "message", "code"}], "request"}
`code` is what a program branches on; `path` is a JSON pointer into the body that was sent. An unexpected
error says nothing but its request id: what happened is in the log, under that id.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.core import exceptions as django_errors
from django.core.signals import got_request_exception
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from rest_framework import exceptions, status
from rest_framework.response import Response
from rest_framework.settings import api_settings

from core.errors import DomainError, FieldError, pointer
from tenants.refusals import status_of_refusal
from web.logs import request_id

logger = logging.getLogger("slaportal.problems")

CONTENT_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:slaportal:problem:"

TITLES: dict[str, str] = {
    "invalid": "The input is not valid",
    "malformed": "The body cannot be read",
    "unauthenticated": "Not signed in",
    "permission_denied": "Not allowed",
    "not_found": "Not found",
    "method_not_allowed": "This address does not know that method",
    "not_acceptable": "There is no such representation",
    "too_large": "The body is too large",
    "unsupported_media_type": "The body has the wrong type",
    "rate_limited": "Too many requests",
    "busy": "The database is busy",
    "internal": "Something went wrong on our side",
}

# DRF's exceptions and our codes.
_CODES: list[tuple[type[exceptions.APIException], str]] = [
    (exceptions.ParseError, "malformed"),
    (exceptions.AuthenticationFailed, "unauthenticated"),
    (exceptions.NotAuthenticated, "unauthenticated"),
    (exceptions.PermissionDenied, "permission_denied"),
    (exceptions.NotFound, "not_found"),
    (exceptions.MethodNotAllowed, "method_not_allowed"),
    (exceptions.NotAcceptable, "not_acceptable"),
    (exceptions.UnsupportedMediaType, "unsupported_media_type"),
    (exceptions.Throttled, "rate_limited"),
]


class BodyTooLarge(exceptions.APIException):
    """The body has more bytes than one call may bring."""

    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_code = "too_large"

    def __init__(self, limit: int) -> None:
        super().__init__(too_large_detail(limit))


class MalformedBody(exceptions.ParseError):
    """The body is no JSON; `data` says where: line and column from 1."""

    def __init__(self, detail: str, **data: Any) -> None:
        super().__init__(detail)
        self.data = data


def too_large_detail(limit: int) -> str:
    return f"A body may have at most {limit:,} bytes; split a bulk call into smaller ones."


def problem(
    code: str,
    status_code: int,
    detail: str,
    *,
    title: str = "",
    errors: Sequence[Mapping[str, str]] = (),
    **data: Any,
) -> dict[str, Any]:
    """The problem document as a plain dict. `data` are extra members; they never override the standard
    ones."""
    document: dict[str, Any] = {
        **data,
        "type": f"{TYPE_PREFIX}{code}",
        "title": title or TITLES.get(code, "The request could not be carried out"),
        "status": status_code,
        "detail": detail,
        "code": code,
        "errors": [dict(error) for error in errors],
    }
    if request_id.get():
        document["request"] = request_id.get()
    return document


def domain_problem(error: DomainError) -> dict[str, Any]:
    """The problem document of a refusal of the domain. Bulk calls use it for single rows too."""
    return problem(
        error.code, error.status, error.message, title=error.title, errors=error.errors, **error.data
    )


def problem_response(document: Mapping[str, Any]) -> JsonResponse:
    """A problem document as a plain Django response, for places outside the API framework."""
    return JsonResponse(document, status=int(document["status"]), content_type=CONTENT_TYPE)


def field_errors(detail: Any, *path: str | int) -> Iterator[FieldError]:
    """The nested error structure of the API framework as a flat list with JSON pointers.

    {"leads": [{}, {"email": ["Enter a valid email."]}]} gives one error at "/leads/1/email".
    """
    if isinstance(detail, Mapping):
        for key, value in detail.items():
            own = key == api_settings.NON_FIELD_ERRORS_KEY
            yield from field_errors(value, *path, *(() if own else (key,)))
    elif isinstance(detail, list | tuple):
        for index, value in enumerate(detail):
            nested = isinstance(value, Mapping | list | tuple)
            yield from field_errors(value, *path, *((index,) if nested else ()))
    else:
        yield FieldError(pointer(*path), str(detail), getattr(detail, "code", None) or "invalid")


def validation_problem(detail: Any) -> dict[str, Any]:
    """The problem document of a serializer's errors (`serializer.errors` or `ValidationError.detail`)."""
    errors = [error.as_dict() for error in field_errors(detail)]
    first = errors[0] if errors else {"path": "", "message": "The input is not valid."}
    where = f"{first['path']}: " if first["path"] else ""
    more = f" ({len(errors) - 1} more)" if len(errors) > 1 else ""
    return problem("invalid", 400, f"{where}{first['message']}{more}", errors=errors)


def _document(error: Exception) -> tuple[dict[str, Any], dict[str, str]] | None:
    """(problem document, headers) of an expected error; None for one that nobody expected."""
    if isinstance(error, DomainError):
        headers = {"Retry-After": str(error.data["retry_after"])} if "retry_after" in error.data else {}
        return domain_problem(error), headers
    if isinstance(error, exceptions.ValidationError):
        return validation_problem(error.detail), {}
    if isinstance(error, exceptions.APIException):
        return _framework_problem(error)
    if isinstance(error, Http404):
        return problem("not_found", 404, "There is nothing at this address."), {}
    if isinstance(error, django_errors.PermissionDenied):
        return problem("permission_denied", 403, str(error) or "This is not allowed."), {}
    if isinstance(error, django_errors.ValidationError):
        messages = [FieldError("", message).as_dict() for message in error.messages]
        return problem("invalid", 400, " ".join(error.messages), errors=messages), {}
    if isinstance(error, django_errors.RequestDataTooBig):
        return problem("too_large", 413, "The body is too large; split a bulk call into smaller ones."), {}
    if isinstance(error, InterfaceError | OperationalError):
        # Lock waits, deadlocks, a restarting server, a connection that it cut: nothing was written, and
        # asking again is right.
        logger.warning("database refused the request", exc_info=error)
        return problem("busy", 503, "The database is busy. Nothing was written; send it again."), {
            "Retry-After": "1"
        }
    return None


def _framework_problem(error: exceptions.APIException) -> tuple[dict[str, Any], dict[str, str]]:
    codes = error.get_codes()
    fallback = codes if isinstance(codes, str) else "error"
    code = next((ours for kind, ours in _CODES if isinstance(error, kind)), fallback)
    headers: dict[str, str] = {}
    data: dict[str, Any] = dict(getattr(error, "data", {}))
    if isinstance(error, exceptions.AuthenticationFailed | exceptions.NotAuthenticated):
        headers["WWW-Authenticate"] = getattr(error, "auth_header", None) or 'Bearer realm="slaportal"'
        error.status_code = status.HTTP_401_UNAUTHORIZED
    if (wait := getattr(error, "wait", None)) is not None:
        headers["Retry-After"] = str(max(1, int(wait)))
        data["retry_after"] = max(1, int(wait))
    return problem(code, error.status_code, str(error.detail), **data), headers


def exception_handler(error: Exception, context: Mapping[str, Any]) -> Response:
    """Answer every error of the API by a problem document. The unexpected ones are logged whole and told by
    id only."""
    found = _document(error)
    if found is None:
        logger.exception("unexpected error in the API", exc_info=error)
        request = context.get("request")
        got_request_exception.send(sender=None, request=getattr(request, "_request", request))
        found = problem("internal", 500, "An unexpected error; quote the request id when you report it."), {}
    document, headers = found
    return Response(document, status=document["status"], headers=headers, content_type=CONTENT_TYPE)


# Pages


def is_api(request: HttpRequest) -> bool:
    return request.path.startswith("/api/") and not request.path.startswith("/api/docs")


def refusal_page(request: HttpRequest, error: DomainError) -> HttpResponse:
    """A refusal of the domain, said to a person: what is wrong, and the way back.

    For a part of a page (htmx) the sentence comes as a toast, and the page stays as it is.
    """
    if error.status == 404:
        return render(request, "404.html", status=404)
    context = {"title": error.title, "message": error.message, "errors": error.errors}
    if getattr(request, "htmx", False):
        response = HttpResponse(status=status_of_refusal(error))
        response["HX-Reswap"] = "none"
        response["HX-Trigger"] = json.dumps({"sp:toast": {"text": error.message, "tone": "bad"}})
        return response
    return render(request, "web/refused.html", {**context, "back": _way_back(request)}, status=error.status)


def _way_back(request: HttpRequest) -> str:
    """The path of the page that the person came from, if it is one of ours."""
    from urllib.parse import urlsplit

    referer = urlsplit(request.headers.get("Referer", ""))
    return referer.path if referer.netloc == request.get_host() and referer.path.startswith("/") else "/"


def _error_view(
    request: HttpRequest, code: str, status_code: int, detail: str, template: str
) -> HttpResponse:
    if is_api(request):
        return problem_response(problem(code, status_code, detail))
    return render(request, template, {"request_id": request_id.get()}, status=status_code)


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    if isinstance(exception, django_errors.RequestDataTooBig):
        return _error_view(request, "too_large", 413, "The body is too large.", "400.html")
    return _error_view(request, "invalid", 400, "The request cannot be read.", "400.html")


def permission_denied(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _error_view(request, "permission_denied", 403, "This is not allowed.", "403.html")


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _error_view(request, "not_found", 404, "There is nothing at this address.", "404.html")


def method_not_allowed(request: HttpRequest, refused: HttpResponse) -> HttpResponse:
    """What a person sees who opens an address that only takes a form. refused: the answer in its place."""
    page = _error_view(request, "method_not_allowed", 405, "This address takes no such call.", "405.html")
    page["Allow"] = refused.get("Allow", "")
    return page


def server_error(request: HttpRequest) -> HttpResponse:
    detail = "An unexpected error; quote the request id when you report it."
    return _error_view(request, "internal", 500, detail, "500.html")
