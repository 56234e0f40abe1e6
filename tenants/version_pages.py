"""What the pages of every kind of version share: putting one in force or asking for it, a save that somebody
else was faster with, and the list of versions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar
from uuid import UUID

from core.errors import Conflict, DomainError, FieldError, StaleVersion, ValidationFailed
from core.rules.schema import spoken
from tenants import versions
from tenants.audit import member_actor, names_of_actors
from tenants.clock import database_clock
from tenants.models import Publication, Tenant, VersionedModel, VersionState
from tenants.publication_views import house_time
from tenants.publish_form import PublishForm
from tenants.refusals import take_errors
from tenants.requests import TenantRequest

V = TypeVar("V", bound=VersionedModel)
#: States of a version that can be used again.
REUSABLE: Final = (VersionState.RETIRED, VersionState.CANCELLED)
PAGE: Final = 20


def number_of(request: TenantRequest, name: str) -> int | None:
    """A number that a hidden field carries; None where it is none."""
    text = request.POST.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


# --- Putting in force ---


def publish_draft(
    draft: V, form: PublishForm, request: TenantRequest, *, validate: versions.Validate
) -> V | Publication:
    """Put a draft in force as a valid form says, or ask for its approval where a second admin must approve.

    Raises as `versions.publish` and `versions.ask`.
    """
    wishes = {**_by(request), **form.wishes(), "expected_revision": form.cleaned_data["revision"] or 0}
    if not versions.needs_approval(versions.kind_of(type(draft)).slug):
        return versions.publish(draft, validate=validate, **wishes)
    if draft.revision == wishes["expected_revision"]:  # of another one `ask` says what changed
        validate(draft.content)
    return versions.ask(draft, asker=request.member, **wishes)


def publish_again(
    old: V, form: PublishForm, request: TenantRequest, *, validate: versions.Validate
) -> V | Publication:
    """Put a copy of an earlier version in force, or ask for it. Raises as `versions.roll_back`."""
    wishes = {**_by(request), **form.wishes()}
    if versions.needs_approval(versions.kind_of(type(old)).slug):
        return versions.ask_again(old, asker=request.member, **wishes)
    return versions.roll_back(old, validate=validate, **wishes)


def _by(request: TenantRequest) -> dict[str, Any]:
    return {"actor": member_actor(request.member), "now": database_clock()}


def try_publishing(
    form: PublishForm, publish: Callable[[PublishForm], V | Publication]
) -> tuple[V | Publication | None, DomainError | None]:
    """(what a sent form led to, why it was refused); Nones for a form that was not sent or is wrong."""
    if not form.is_bound or not form.is_valid():
        return None, None
    try:
        return publish(form), None
    except (Conflict, ValidationFailed) as refusal:
        if any(each.path == "/effective_at" for each in refusal.field_errors):
            take_errors(form, refusal)
        return None, refusal


def published_words(made: VersionedModel | Publication, tenant: Tenant) -> str:
    """What is in force now, will be, or waits for somebody."""
    if isinstance(made, Publication):
        return "The other admins are asked for their approval. Nothing is in force before."
    if made.state == VersionState.SCHEDULED and made.effective_at is not None:
        return f"Version {made.number} comes into force on {house_time(made.effective_at, tenant)}."
    return f"Version {made.number} is in force."


def test_lead_of(error: FieldError) -> str:
    """The id of the saved test lead whose failure a gate tells of (at /test_leads/<id>); "" for any other."""
    _, part, *rest = [*error.path.split("/"), ""]
    try:
        return str(UUID(rest[0])) if part == "test_leads" else ""
    except ValueError:
        return ""


# --- Two who save one draft ---


def stale_words(stale: StaleVersion) -> dict[str, Any]:
    """Who saved meanwhile, and what that changed, in words: {text, changes}."""
    return {
        "text": stale.message,
        "changes": [
            place_words(change["path"], change["before"], change["after"])
            for change in stale.data.get("changes", ())
        ],
    }


def place_words(path: str, before: object, after: object) -> str:
    """ "Tiers, demo request, targets, first touch, duration, minutes: 5, now 10."."""
    where = spoken(", ".join(part.replace("_", " ") for part in path.strip("/").split("/")))
    plain = all(each is None or isinstance(each, str | int) for each in (before, after))
    told = f": {'nothing' if before is None else before}, now {'nothing' if after is None else after}"
    return f"{where}{told if plain else ' changed'}."


# --- Versions ---


def history_rows(
    model: type[VersionedModel],
    request: TenantRequest,
    changes: Callable[[Mapping[str, Any], Mapping[str, Any]], list[str]],
    *,
    line: UUID | None = None,
) -> dict[str, Any]:
    """The versions of a line, the newest first, for tenants/_version_rows.html: {rows, next}.

    changes: what is different between two contents, in words. ?before=<number> goes on from a page.
    """
    before = request.GET.get("before", "")
    listed = versions.of_line(model, line).exclude(state=VersionState.DRAFT).order_by("-number")
    if before.isascii() and before.isdigit() and len(before) < 10:
        listed = listed.filter(number__lt=int(before))
    found = list(listed[: PAGE + 1])
    approvals = versions.approvals_of(each.id for each in found)
    actors = names_of_actors([*(each.published_by or each.created_by for each in found), *approvals.values()])
    older: list[VersionedModel | None] = [*found[1:], None][: len(found)]
    rows = [
        {
            "version": version,
            "by": actors[version.published_by or version.created_by],
            "approved_by": actors[approvals[version.id]] if version.id in approvals else "",
            "from": house_time(version.effective_at, request.tenant) if version.effective_at else "",
            "changes": changes(previous.content, version.content) if previous else [],
            "first": previous is None,
            "again": version.copy_of if previous and version.copy_of != previous.number else None,
        }
        for version, previous in zip(found, older, strict=True)
    ]
    return {"rows": rows[:PAGE], "next": found[PAGE - 1].number if len(found) > PAGE else None}
