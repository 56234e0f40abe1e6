"""What an admin is shown before a policy is put in force: what is wrong with it, what it changes, what it
will not do as it seems to, and whom it tells.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import Any, Final

from core.errors import FieldError, ValidationFailed, pointer
from leads.criteria import SCHEMA
from sla import moving, words
from sla.ladder import MESSAGES
from sla.models import PolicyVersion
from sla.policy_changes import changes
from sla.policy_edit import listed, steps_of, tiers_of
from sla.recipients import Heard, fallback_person, heard, lead_owners_among, named_members
from sla.tiers import MOVES, Policy, TargetSpec, is_id, parse_policy, read_step, validate_policy
from tenants import selectors
from tenants.models import Member, Tenant
from web.templatetags.sp import minutes_text

_WEEK: Final = 7 * 86_400
#: Hours under which a promise of minutes says little: most leads arrive when nobody is there.
_FEW_HOURS: Final = 10 * 3_600
_DAY: Final = 86_400
#: Two messages about one clock within this are one too many.
_CROWDED: Final = 60
_TELLING: Final = frozenset(MESSAGES) - {"call_webhook"}


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
    said = changes(current.content if current else {}, content, names_in(content))
    if errors:
        return Review(errors, [place_of(error, content) for error in errors], said)
    policy = parse_policy(content, SCHEMA)
    fallback = fallback_person()
    told = heard(policy, fallback)
    warnings = [
        *_never_matching(content),
        *_unmeetable(policy, tenant),
        *_crowded(policy),
        *_unheard(told),
    ]
    if fallback is None:
        warnings.append(
            "No active fallback person is named: of a lead that nobody owns, nobody hears. "
            "Name one under Routing."
        )
    return Review((), (), said, warnings, told, moving.preview_policy(version, now=now), policy)


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


# --- Warnings ---


def _never_matching(content: Mapping[str, Any]) -> list[str]:
    """Tiers that an earlier one leaves nobody for."""
    tiers = tiers_of(content)
    said = []
    for index, tier in enumerate(tiers):
        for earlier in tiers[:index]:
            if covers(earlier.get("when"), tier.get("when")):
                said.append(
                    f"No lead ever gets {tier['name']}: whoever it is for is caught by "
                    f"{earlier['name']} before."
                )
                break
    return said


def covers(wide: Any, narrow: Any) -> bool:
    """Whether all whom `narrow` is for are surely among those of `wide`; False where that takes thought."""
    if wide is None or json.dumps(wide, sort_keys=True) == json.dumps(narrow, sort_keys=True):
        return True
    if not isinstance(narrow, Mapping):
        return False
    if "any" in narrow:
        return all(covers(wide, each) for each in narrow["any"])
    if "any" in wide:
        return any(covers(each, narrow) for each in wide["any"])
    if "all" in wide:
        return all(covers(each, narrow) for each in wide["all"])
    if "all" in narrow:
        return any(covers(wide, each) for each in narrow["all"])
    return _counts_more(wide.get("engagements"), narrow.get("engagements"))


def _counts_more(wide: Any, narrow: Any) -> bool:
    """The same engagement, asked for as often or less, in as long a time or longer."""
    if not isinstance(wide, Mapping) or not isinstance(narrow, Mapping):
        return False
    loose = ("value", "within_days")
    if {name: value for name, value in wide.items() if name not in loose} != {
        name: value for name, value in narrow.items() if name not in loose
    }:
        return False
    if wide.get("op", "at_least") != "at_least" or wide.get("measure", "count") != "count":
        return False
    often = wide.get("value", 1) <= narrow.get("value", 1)
    long = "within_days" not in wide or wide["within_days"] >= narrow.get("within_days", float("inf"))
    return often and long


def _unmeetable(policy: Policy, tenant: Tenant) -> list[str]:
    """Promises that the hours of those who must keep them make empty or hopeless."""
    users = selectors.calendar_users(tenant=tenant)
    said = []
    for calendar, version in selectors.calendars(tenant=tenant):
        if calendar.id not in users:
            continue
        week = open_seconds_a_week(version.spec["weekly"])
        hours = f"{calendar.name} ({', '.join(users[calendar.id])}) is open {_hours(week)} a week"
        for tier in policy.tiers:
            for spec in tier.targets:
                seconds = _seconds(spec)
                promise = f"{tier.name}, {words.target_words(spec)}"
                if seconds is None or week >= _WEEK:
                    continue
                if spec.wall:
                    if seconds < _DAY:
                        said.append(
                            f"{promise}: {hours}. This clock runs at night too: a lead that arrives outside "
                            "these hours is overdue before anybody is at work."
                        )
                elif seconds > week:
                    said.append(f"{promise}: {hours}. It takes more than a week of working time.")
                elif week < _FEW_HOURS and seconds < _DAY:
                    said.append(
                        f"{promise}: {hours}. Most leads wait for days until these "
                        f"{minutes_text(seconds)} begin."
                    )
    return said


def _seconds(spec: TargetSpec) -> int | None:
    """The time of a promise that is counted in hours, minutes or seconds; None for days."""
    return {"seconds": 1, "minutes": 60, "hours": 3_600}.get(
        spec.duration.unit, 0
    ) * spec.duration.amount or None


def open_seconds_a_week(weekly: Mapping[str, Sequence[Sequence[str]]]) -> int:
    """Opening hours of a usual week, holidays aside."""
    return sum(_length(start, end) for spans in weekly.values() for start, end in spans)


def _length(start: str, end: str) -> int:
    opens, closes = (int(clock[:2]) * 3_600 + int(clock[3:5]) * 60 for clock in (start, end))
    return closes - opens if closes > opens else closes - opens + _DAY


def _hours(seconds: int) -> str:
    hours = round(seconds / 3_600, 1)
    return f"{hours:g} hour{'' if hours == 1 else 's'}"


def _crowded(policy: Policy) -> list[str]:
    """Steps so close to each other that people hear twice of one thing."""
    said = []
    for first, second in pairwise(policy.ladder):
        both = {act.do for act in first.actions} & {act.do for act in second.actions} & _TELLING
        if not both or first.after or second.after:
            continue
        for tier in policy.tiers:
            seconds = min((_seconds(spec) or _DAY for spec in tier.targets), default=_DAY)
            apart = seconds * (second.at - first.at) // 100
            if apart < _CROWDED:
                said.append(
                    f"{tier.name}: the steps at {first.at} % and {second.at} % are {minutes_text(apart)} "
                    f"apart, and both {words.order_words(sorted(both)[0])}."
                )
    return said


def _unheard(rows: Sequence[Heard]) -> list[str]:
    return [
        f"{row.step} nobody hears of the leads of {', '.join(row.nobody)}: there is no active manager or "
        "director, and no fallback person."
        for row in rows
        if row.nobody
    ]
