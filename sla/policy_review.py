"""What an admin is shown before a policy is put in force: what is wrong with it, what it changes, what it
will not do as it seems to, and whom it tells.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from core.errors import FieldError, ValidationFailed, pointer
from leads.criteria import SCHEMA
from leads.list_use import unknown_lists
from sla import moving, words
from sla.models import PolicyVersion
from sla.policy_changes import changes
from sla.policy_edit import listed, steps_of
from sla.policy_warnings import policy_warnings
from sla.recipients import Heard, fallback_person, heard, lead_owners_among, named_members
from sla.tiers import MOVES, Policy, is_id, parse_policy, read_step, unknown_parts, validate_policy
from tenants.models import Member, Tenant, VersionState


@dataclass(frozen=True, slots=True)
class Place:
    """Something wrong and where: the tier to open ("" for the whole policy), the field, and words for it."""

    tier: str
    anchor: str
    where: str
    message: str


@dataclass(frozen=True, slots=True)
class Review:
    """A policy looked at. With errors it cannot be published, and the rest is not known but the changes."""

    errors: Sequence[FieldError]
    places: Sequence[Place]
    changes: Sequence[str]
    warnings: Sequence[str] = ()
    heard: Sequence[Heard] = ()
    preview: moving.Preview | None = None
    policy: Policy | None = field(default=None, repr=False)


def review(version: PolicyVersion, *, current: PolicyVersion | None, tenant: Tenant, now: datetime) -> Review:
    """Look at a draft, or at an older version that is to be used again. Writes nothing."""
    content = version.content
    errors = publishing_errors(content)
    before = current or _for_everybody_else(version)
    said = changes(before.content if before else {}, content, names_in(content))
    if errors:
        return Review(errors, [place_of(error, content) for error in errors], said)
    policy = parse_policy(content, SCHEMA)
    fallback = fallback_person()
    told = heard(policy, fallback)
    warnings = policy_warnings(content, policy, tenant, told)
    if fallback is None:
        warnings.append(
            "No active fallback person is named: of a lead that nobody owns, nobody hears. "
            "Name one under Routing."
        )
    return Review((), (), said, warnings, told, moving.preview_policy(version, now=now), policy)


def _for_everybody_else(version: PolicyVersion) -> PolicyVersion | None:
    """The policy by which a unit's leads run until the unit has its first; None for the main policy."""
    if version.unit_id is None:
        return None
    found: PolicyVersion | None = PolicyVersion.objects.filter(
        unit_id__isnull=True, state=VersionState.PUBLISHED
    ).first()
    return found


def names_in(content: Mapping[str, Any]) -> dict[str, str]:
    """Names of the members whom the steps of a content name, by id; a draft may have written anything."""
    acts = [act for step in steps_of(content) for act in listed(step.get("actions"))]
    ids = {act["to"] for act in acts if isinstance(act, dict) and is_id(act.get("to"))}
    return {str(each.id): each.name for each in Member.objects.filter(id__in=ids)} if ids else {}


def publishing_errors(content: object) -> list[FieldError]:
    """All that stands between a content and its publication: what is wrong with it, and steps that name
    somebody who is not there.
    """
    errors = validate_policy(content, SCHEMA)
    if errors or not isinstance(content, Mapping):
        return errors
    errors = [*unknown_parts(content), *unknown_lists(content)]
    steps = [read_step(step) for step in content["ladder"]]
    members = named_members(steps)
    owners = lead_owners_among(members)
    for index, step in enumerate(steps):
        for number, act in enumerate(step.actions):
            if act.member_id is None:
                continue
            member = members.get(act.member_id)
            where = pointer("ladder", index, "actions", number, "to")
            if member is None:
                errors.append(FieldError(where, "There is no such person here: choose another.", "unknown"))
            elif not member.is_active:
                message = f"{member.name} is not active: choose another person."
                errors.append(FieldError(where, message, "inactive"))
            elif act.do in MOVES and member.id not in owners:
                message = f"{member.name} takes no leads: choose somebody with working hours under People."
                errors.append(FieldError(where, message, "owns_no_leads"))
    return errors


def check_publishable(content: object) -> None:
    """Raises ValidationFailed with the place of every error where a content cannot be put in force."""
    errors = publishing_errors(content)
    if errors:
        raise ValidationFailed("The policy is not valid: " + errors[0].message, field_errors=errors)


def place_of(error: FieldError, content: Mapping[str, Any]) -> Place:
    """Where in the editor an error of validate_policy is put right."""
    parts = error.path.strip("/").split("/")
    if parts[0] == "tiers" and len(parts) > 1 and parts[1].isdigit():
        return _tier_place(error, parts, content["tiers"][int(parts[1])])
    if parts[0] == "ladder" and len(parts) > 1:
        part = _part_of_step(parts, content)
        return Place("", f"id_step_{parts[1]}_{part}", f"Step {int(parts[1]) + 1}", error.message)
    anchors = {
        "ladder": ("ladder", "When time runs out"),
        "responses": ("id_responses", "What counts"),
        "on_reassign": ("id_on_reassign", "When a lead moves"),
    }
    anchor, where = anchors.get(parts[0], ("tiers", "The policy"))
    return Place("", anchor, where, error.message)


def _part_of_step(parts: Sequence[str], content: Mapping[str, Any]) -> str:
    """The field of a step's sentence that an error is about."""
    if parts[-1:] != ["to"]:
        return "at"
    act = content["ladder"][int(parts[1])]["actions"][int(parts[3])]
    return "to" if act.get("do") in MOVES else "person"


def _tier_place(error: FieldError, parts: Sequence[str], tier: object) -> Place:
    if not isinstance(tier, Mapping):
        return Place("", "tiers", f"Tier {int(parts[1]) + 1}", error.message)
    slug, name = str(tier.get("slug") or ""), str(tier.get("name") or tier.get("slug") or "Tier")
    if parts[2:3] == ["targets"] and len(parts) > 3:
        target = tier["targets"][int(parts[3])]
        which = str(target.get("target")) if isinstance(target, Mapping) else "first_touch"
        last = "clock" if parts[4:5] == ["clock"] else "amount"
        where = f"{name}, {words.target_name(which)}"
        return Place(slug, f"id_{which}_{last}", where, error.message)
    anchor = {"name": "id_name", "when": "id_kind", "targets": "targets"}.get((*parts, "", "")[2], "tier")
    return Place(slug, anchor, name, error.message)
