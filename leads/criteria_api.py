"""The API about the qualification criteria: those in force, and the next version. The same rules as on the
page.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core.errors import NotFound
from leads import strict
from leads.models import CriteriaVersion
from leads.services import propose_criteria, publish_criteria
from tenants import versions
from web.api import TenantAPIView


class CriteriaSerializer(serializers.Serializer[Any]):
    """A version of the criteria."""

    id = serializers.UUIDField()
    number = serializers.IntegerField()
    published_at = serializers.DateTimeField(allow_null=True)
    published_by = serializers.CharField(allow_blank=True)
    content = serializers.DictField(help_text="rule, and fit, exclude, required where they are said.")


class CriteriaInSerializer(serializers.Serializer[Any]):
    content = serializers.DictField(help_text="The whole of the next version.")
    based_on = serializers.IntegerField(
        min_value=0, help_text="Number of the version that you saw in force; 0 where there was none."
    )


class CriteriaAskedSerializer(serializers.Serializer[Any]):
    """A request for a second admin's approval."""

    publication = serializers.UUIDField(help_text="See /publications.")
    version = serializers.UUIDField()


_read_criteria: Callable[..., dict[str, Any]] = strict.reader_of(CriteriaInSerializer)


def criteria_document(version: CriteriaVersion) -> dict[str, Any]:
    """A version as the API answers it."""
    return {
        "id": version.id,
        "number": version.number,
        "published_at": version.published_at,
        "published_by": version.published_by,
        "content": version.content,
    }


class CriteriaView(TenantAPIView):
    scopes: ClassVar[Mapping[str, str]] = {"GET": "config:read"}

    @extend_schema(operation_id="criteria_retrieve", responses={200: CriteriaSerializer})
    def get(self, request: Request) -> Response:
        """The criteria in force."""
        found = versions.version_in_force(CriteriaVersion, self.clock())
        if found is None:
            raise NotFound("No qualification criteria are published yet.")
        return Response(criteria_document(found))


class CriteriaPublishView(TenantAPIView):
    idempotent = True
    scopes: ClassVar[Mapping[str, str]] = {"POST": "config:write"}

    @extend_schema(
        operation_id="criteria_publish", request=CriteriaInSerializer, responses={200: CriteriaSerializer}
    )
    def post(self, request: Request) -> Response:
        """Put the next version in force: leads are judged by it from their next arrival on. 400 with the
        place of every error; 409 where another version came between, and `approval_needed` where a second
        admin must approve.
        """
        said = strict.read(_read_criteria, request.data)
        version = publish_criteria(
            said["content"], based_on=said["based_on"], actor=self.actor, now=self.clock()
        )
        return Response(criteria_document(version))


class CriteriaAskView(TenantAPIView):
    idempotent = True
    scopes: ClassVar[Mapping[str, str]] = {"POST": "config:write"}

    @extend_schema(
        operation_id="criteria_ask", request=CriteriaInSerializer, responses={201: CriteriaAskedSerializer}
    )
    def post(self, request: Request) -> Response:
        """Ask a second admin to put the next version in force: it is the draft until they decide, on the
        page.
        """
        said = strict.read(_read_criteria, request.data)
        order = propose_criteria(
            said["content"], based_on=said["based_on"], actor=self.actor, asker=None, now=self.clock()
        )
        return Response({"publication": order.id, "version": order.version_id}, status=201)
