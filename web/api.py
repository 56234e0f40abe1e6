"""Base of every view of the API: one call is one transaction of the key's tenant."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, ClassVar
from uuid import UUID

from django.db import transaction
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from tenants.auth import KeyIdentity
from tenants.clock import Clock, database_clock
from tenants.context import tenant_scope
from tenants.models import Tenant
from web import idempotency
from web.problems import CONTENT_TYPE

Handler = Callable[..., HttpResponseBase]


class TenantAPIView(APIView):
    """A view of the API.

    scopes:     the scope that a key needs, per method: {"GET": "leads:read", "POST": "leads:write"}. Every
                method that the view answers must be there.
    idempotent: True lets a POST carry an Idempotency-Key (see web.idempotency).

    A call goes: key -> tenant; rate; `before_transaction`; then, as one transaction of that tenant, the
    handler and the rendering of its answer; then `after_transaction`. The transaction is rolled back when the
    handler raised or answered 400 and above: a refused call leaves nothing written. The two hooks are
    transactions of their own, for what must be kept whatever becomes of the call (the intake log).

    A handler finds `self.tenant`, `self.actor` ("key:<id>") and `self.clock`.
    """

    scopes: ClassVar[Mapping[str, str]] = {}
    idempotent: ClassVar[bool] = False
    clock: Clock = staticmethod(database_clock)

    # No OPTIONS: a program reads the schema. HEAD comes with GET.
    http_method_names = ["get", "head", "post", "put", "patch", "delete"]
    options = None  # type: ignore[assignment]
    request: Request

    @property
    def identity(self) -> KeyIdentity:
        """The key that calls."""
        return self.request.user  # type: ignore[return-value]

    @property
    def tenant_id(self) -> UUID:
        return self.identity.tenant_id

    @property
    def actor(self) -> str:
        """How the caller is named in records."""
        return self.identity.actor

    @cached_property
    def tenant(self) -> Tenant:
        """The key's organisation. Read within the tenant's scope: a handler or a hook."""
        return Tenant.objects.get(id=self.tenant_id)

    def before_transaction(self, request: Request) -> None:
        """Called in a transaction of its own before the handler's. Override it to keep what came in."""

    def after_transaction(self, request: Request, response: HttpResponseBase) -> None:
        """Called in a transaction of its own after the handler's ended, well or badly, with the rendered
        answer."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        self.args, self.kwargs = args, kwargs
        api_request = self.initialize_request(request, *args, **kwargs)
        self.request, self.headers = api_request, self.default_response_headers
        try:
            self.initial(api_request, *args, **kwargs)
        except Exception as error:
            return self._rendered(api_request, self.handle_exception(error))
        handler = self._handler(api_request) or self.http_method_not_allowed
        if self._overrides("before_transaction"):
            with tenant_scope(self.tenant_id):
                self.before_transaction(api_request)
        try:
            response = self._work(api_request, handler)
        except Exception as error:
            response = self._rendered(api_request, self.handle_exception(error))
        if self._overrides("after_transaction"):
            with tenant_scope(self.tenant_id):
                self.after_transaction(api_request, response)
        return response

    def check_permissions(self, request: Request) -> None:
        """A method that the view does not know is 405, before anybody asks for scopes."""
        if request.user is not None and not self._handler(request):
            self.http_method_not_allowed(request)
        super().check_permissions(request)

    def _handler(self, request: Request) -> Handler | None:
        method = (request.method or "").lower()
        return getattr(self, method, None) if method in self.http_method_names else None

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Add the rate's headers, on refusals too."""
        finished = super().finalize_response(request, response, *args, **kwargs)
        for name, value in getattr(request, "rate_headers", {}).items():
            finished[name] = value
        return finished

    def _work(self, request: Request, handler: Handler) -> HttpResponseBase:
        """The handler's transaction: its answer is rendered, and kept for a repeat, before it commits."""
        key = idempotency.key_of(request._request) if self.idempotent and request.method == "POST" else ""
        request_hash = idempotency.hash_of(request._request) if key else ""
        with tenant_scope(self.tenant_id):
            if key and (replay := idempotency.begin(key, request_hash)) is not None:
                return self.finalize_response(request, replay, *self.args, **self.kwargs)
            response = self._rendered(request, handler(request, *self.args, **self.kwargs))
            if response.status_code >= 400:
                transaction.set_rollback(True)
            elif key:
                idempotency.store(key, request_hash, response, now=self.clock())
            return response

    def _rendered(self, request: Request, response: HttpResponseBase) -> HttpResponseBase:
        """Render now: what is read while rendering belongs to the transaction."""
        if isinstance(response, Response) and response.status_code >= 400 and response.content_type is None:
            response.content_type = CONTENT_TYPE
        self.response = self.finalize_response(request, response, *self.args, **self.kwargs)
        if hasattr(self.response, "render") and not getattr(self.response, "is_rendered", True):
            self.response.render()
        return self.response

    def _overrides(self, hook: str) -> bool:
        return getattr(type(self), hook) is not getattr(TenantAPIView, hook)
