"""What can go wrong in the domain, said once and without a web framework.

Services raise these; the web layer turns `status`, `code`, `title`, the message and `errors` into a
problem document or a form error.  Nothing here knows about HTTP beyond the status number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class FieldError:
    """One thing wrong with one place of the input.

    `path` is a JSON pointer (RFC 6901) into the input, "" for the whole of it: "/engagements/0/at".
    """

    path: str
    message: str
    code: str = "invalid"

    def as_dict(self) -> dict[str, str]:
        """The error as the plain dict that problem documents carry."""
        return {"path": self.path, "message": self.message, "code": self.code}


def pointer(*parts: str | int) -> str:
    """The JSON pointer of `parts`: `pointer("leads", 3, "a/b")` is "/leads/3/a~1b"."""
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in parts)


class DomainError(Exception):
    """A refusal the caller can act on.

    `message` is a full sentence for a person.  `data` holds JSON-safe extra members for the problem
    document (for example the current stage), and never an e-mail address or other personal data.
    """

    code: ClassVar[str] = "error"
    status: ClassVar[int] = 400
    title: ClassVar[str] = "The request could not be carried out"

    def __init__(self, message: str, *, field_errors: Sequence[FieldError] = (), **data: Any) -> None:
        super().__init__(message)
        self.message = message
        self.field_errors: tuple[FieldError, ...] = tuple(field_errors)
        self.data: dict[str, Any] = data

    def __str__(self) -> str:
        return self.message

    @property
    def errors(self) -> list[dict[str, str]]:
        """The field errors as plain dicts: path, message, code."""
        return [error.as_dict() for error in self.field_errors]


class NotFound(DomainError):
    """It does not exist, or it is another tenant's: the caller must not be able to tell which."""

    code = "not_found"
    status = 404
    title = "Not found"


class Unauthenticated(DomainError):
    """The caller did not prove who they are: no credential, or one that is wrong, revoked or expired."""

    code = "unauthenticated"
    status = 401
    title = "Not signed in"


class PermissionDenied(DomainError):
    """The caller is known, and may not do this."""

    code = "permission_denied"
    status = 403
    title = "Not allowed"


class ValidationFailed(DomainError):
    """The input is wrong; `errors` says where and why."""

    code = "invalid"
    status = 400
    title = "The input is not valid"

    @classmethod
    def at(cls, path: str, message: str, code: str = "invalid", **data: Any) -> ValidationFailed:
        """The error for one wrong place of the input; `path` is a JSON pointer."""
        return cls(message, field_errors=(FieldError(path, message, code),), **data)


class Conflict(DomainError):
    """The request is sound, and contradicts what is already there."""

    code = "conflict"
    status = 409
    title = "Conflict"


class ApprovalNeeded(Conflict):
    """A second person must approve this before it is done."""

    code = "approval_needed"
    title = "Somebody else must approve this"


class StageError(Conflict):
    """The lifecycle has no such step from the present stage."""

    code = "stage_not_allowed"
    title = "Not possible at this stage"


class AlreadyDecided(Conflict):
    """The handoff was accepted, rejected or put to nurture before."""

    code = "already_decided"
    title = "Already decided"


class NotOwner(Conflict):
    """The handoff belongs to somebody else now, for example after a reassignment."""

    code = "not_owner"
    title = "Owned by somebody else"


class StaleVersion(Conflict):
    """The caller edited a version that has been replaced meanwhile."""

    code = "stale_version"
    title = "Changed meanwhile"
