"""Calls that only the tests of the API's base know."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import connection
from django.urls import include, path
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core.errors import Conflict, NotFound, ValidationFailed
from leads.models import Account
from slaportal.urls import *  # noqa: F403
from slaportal.urls import urlpatterns as real
from tenants.models import AuditEntry
from web.api import TenantAPIView
from web.pagination import api_page


class AccountIn(serializers.Serializer):
    name = serializers.CharField(max_length=20)
    tags = serializers.ListField(child=serializers.CharField(max_length=5), required=False)
    people = serializers.ListField(
        child=serializers.DictField(child=serializers.IntegerField()), required=False
    )


def write_account(name: str, now: datetime) -> Account:
    return Account.objects.create(name=name, created_at=now)


class Accounts(TenantAPIView):
    """Writes a row and then does what the body says."""

    scopes = {"GET": "leads:read", "POST": "leads:write"}
    idempotent = True

    def get(self, request: Request) -> Response:
        rows, following = api_page(request, Account.objects.all(), order=("name", "id"))
        return Response({"results": [row.name for row in rows], "next": following})

    def post(self, request: Request) -> Response:
        body = AccountIn(data={key: value for key, value in request.data.items() if key != "then"})
        account = write_account(str(request.data.get("name", "x"))[:20], self.clock())
        body.is_valid(raise_exception=True)
        match request.data.get("then"):
            case "raise":
                raise Conflict("Already there.", stage="mql")
            case "invalid":
                raise ValidationFailed.at("/name", "No such name.", "unknown")
            case "missing":
                raise NotFound("There is no such account.")
            case "answer":
                return Response({"title": "I refuse", "status": 409}, status=409)
            case "break":
                raise RuntimeError("the secret of the machine")
            case "commit":  # breaks when the transaction ends, by a deferred constraint
                with connection.cursor() as cursor:
                    cursor.execute("update leads_account set owner_id = id where id = %s", [account.id])
        return Response({"id": str(account.id), "actor": self.actor, "tenant": self.tenant.slug}, status=201)


class Logged(Accounts):
    """Keeps what came in, and what became of it, whatever becomes of it."""

    def before_transaction(self, request: Request) -> None:
        self.entry = self._note("came", {"bytes": len(request.body)})

    def after_transaction(self, request: Request, response: Any) -> None:
        self._note("went", {"status": response.status_code})

    def _note(self, action: str, after: dict[str, Any]) -> AuditEntry:
        return AuditEntry.objects.create(
            at=self.clock(), actor=self.actor, action=action, object_type="test", after=after
        )


class Silent(TenantAPIView):
    """A view whose author forgot to name the scope."""

    def get(self, request: Request) -> Response:
        return Response({})


urlpatterns = [
    path(
        "api/v1/",
        include(
            (
                [
                    path("accounts", Accounts.as_view()),
                    path("logged", Logged.as_view()),
                    path("silent", Silent.as_view()),
                ],
                "test_api",
            )
        ),
    ),
    *real,
]
