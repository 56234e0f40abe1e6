"""The calls about the versions of one kind, whatever it is: read, save and throw away its draft, put it in
force, ask for it, go back. Each view says what its call is named and documented as, and calls one of these.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

from rest_framework.request import Request
from rest_framework.response import Response

from core.errors import NotFound
from leads import strict
from tenants import versions
from tenants.models import VersionedModel
from web.api import TenantAPIView
from web.pagination import known_query
from web.version_api import (
    AgainInSerializer,
    DraftInSerializer,
    PublishDraftInSerializer,
    PublishingView,
    version_document,
)

Version = TypeVar("Version", bound=VersionedModel)
#: Raises ValidationFailed, with a path to each error, for a content that cannot be put in force.
Check = Callable[[Any], object]

_read_draft: Callable[..., dict[str, Any]] = strict.reader_of(DraftInSerializer)
_read_publish: Callable[..., dict[str, Any]] = strict.reader_of(PublishDraftInSerializer)
_read_again: Callable[..., dict[str, Any]] = strict.reader_of(AgainInSerializer)


def the_draft(model: type[Version]) -> Version:
    """The draft of the next version. Raises NotFound."""
    found = versions.open_draft(model)
    if found is None:
        raise NotFound("There is no draft.")
    return found


class DraftCalls(TenantAPIView):
    """Base of the call about a draft."""

    model: ClassVar[type[VersionedModel]]

    def read_draft(self, request: Request) -> Response:
        known_query(request)
        return Response(version_document(the_draft(self.model)))

    def save_draft(self, request: Request) -> Response:
        """Raises Conflict where somebody saved it since the revision that was said."""
        said = strict.read(_read_draft, request.data)
        found = versions.write_draft(
            self.model,
            content=said["content"],
            revision=said.get("revision"),
            actor=self.actor,
            now=self.clock(),
        )
        return Response(version_document(found))

    def discard_draft(self) -> Response:
        versions.discard_draft(the_draft(self.model), actor=self.actor, now=self.clock())
        return Response(status=204)


class PublishingCalls(PublishingView):
    """Base of the calls that put a version in force, or ask for it. check: before it is."""

    model: ClassVar[type[VersionedModel]]

    def publish_draft(self, request: Request, check: Check) -> Response:
        said = strict.read(_read_publish, request.data)
        version = versions.publish(
            the_draft(self.model), expected_revision=said["revision"], validate=check, **self.wishes(said)
        )
        return Response(version_document(version))

    def ask_for_draft(self, request: Request, check: Check) -> Response:
        said = strict.read(_read_publish, request.data)
        found = the_draft(self.model)
        if found.revision == said["revision"]:  # of another one `ask` says what changed
            check(found.content)
        order = versions.ask(found, asker=None, expected_revision=said["revision"], **self.wishes(said))
        return self.asked(order)

    def publish_again(self, request: Request, old: VersionedModel, check: Check) -> Response:
        """A copy of an earlier version, under a new number."""
        said = strict.read(_read_again, request.data)
        return Response(version_document(versions.roll_back(old, validate=check, **self.wishes(said))))

    def ask_for_again(self, request: Request, old: VersionedModel) -> Response:
        said = strict.read(_read_again, request.data)
        return self.asked(versions.ask_again(old, asker=None, **self.wishes(said)))
