"""A lead as it comes in, from whatever door, and what every door must check."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from core.errors import DomainError, FieldError, ValidationFailed, pointer
from leads.matching import normalise_email
from leads.models import Account, Engagement, Lead, LeadExternalId

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")

#: How far ahead of our clock a sender's clock may be.
AHEAD = timedelta(minutes=2)
#: Nothing that we are told of happened before it. The first days that a date can name do not exist in every
#: time zone, and whoever reads there would see no page.
EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
MAX_ENGAGEMENTS = 100
MAX_CUSTOM_KEYS = 100
MAX_CUSTOM_DEPTH = 5
MAX_CUSTOM_CHARS = 10_000
MAX_INTEGER = 2_147_483_647
MAX_BIG_INTEGER = 9_007_199_254_740_991  # what every JSON reader knows exactly


@dataclass(frozen=True, slots=True)
class EngagementIn:
    """Something the lead did. at: aware; None means when the lead came in."""

    kind: str
    subject: str = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class CompanyIn:
    """The lead's company. revenue: a year, in the tenant's currency."""

    name: str = ""
    domain: str = ""
    employees: int | None = None
    revenue: int | None = None
    industry: str = ""
    country: str = ""
    region: str = ""


@dataclass(frozen=True, slots=True)
class LeadIn:
    """One arrival of one person: an e-mail or an outside id says who. Blank text means "not said".

    owner:       e-mail of the member whom another system chose.
    stage:       what that system calls the stage that the lead is at.
    occurred_at: aware; when it happened out there.
    drill_seconds: a lead of a drill, whose promises run so long; said by the drill itself, never by a sender.
    """

    email: str = ""
    external_system: str = ""
    external_id: str = ""
    first_name: str = ""
    last_name: str = ""
    title: str = ""
    phone: str = ""
    postal_code: str = ""
    owner: str = ""
    stage: str = ""
    company: CompanyIn = CompanyIn()
    source: str = ""
    campaign: str = ""
    channel: str = ""
    score: int | None = None
    occurred_at: datetime | None = None
    engagements: tuple[EngagementIn, ...] = ()
    custom: dict[str, Any] = field(default_factory=dict)
    test: bool = False
    drill_seconds: int | None = None


def _limit(model: Any, name: str) -> int:
    return int(model._meta.get_field(name).max_length)


LEAD_LIMITS: dict[str, int] = {
    name: _limit(Lead, name)
    for name in (
        "email",
        "first_name",
        "last_name",
        "title",
        "phone",
        "postal_code",
        "source",
        "campaign",
        "channel",
    )
} | {
    "external_system": _limit(LeadExternalId, "system"),
    "external_id": _limit(LeadExternalId, "external_id"),
    "owner": 254,
    "stage": _limit(Lead, "outside_stage"),
}
COMPANY_LIMITS: dict[str, int] = {
    name: _limit(Account, name) for name in ("name", "domain", "industry", "country", "region")
}
ENGAGEMENT_LIMITS: dict[str, int] = {name: _limit(Engagement, name) for name in ("kind", "subject")}


def check(item: LeadIn, now: datetime) -> DomainError | None:
    """What stops this arrival from being taken, with a path to each error; None for a good one."""
    errors = list(_text_errors(item)) + list(_number_errors(item)) + list(_time_errors(item, now))
    errors += check_custom(item.custom)
    if bool(item.external_system) != bool(item.external_id):
        missing = "external_id" if item.external_system else "external_system"
        errors.append(
            FieldError(pointer(missing), "external_system and external_id only go together.", "required")
        )
    elif not item.email and not item.external_id:
        errors.append(
            FieldError("/email", "Say who it is: an email, or external_system and external_id.", "required")
        )
    if len(item.engagements) > MAX_ENGAGEMENTS:
        errors.append(
            FieldError("/engagements", f"At most {MAX_ENGAGEMENTS} engagements at once.", "max_length")
        )
    try:
        normalise_email(item.email)
    except ValidationFailed as error:
        errors += error.field_errors
    if not errors:
        return None
    return ValidationFailed(errors[0].message, field_errors=errors)


def _text_errors(item: LeadIn) -> list[FieldError]:
    errors = []
    groups: list[tuple[str, Any, dict[str, int]]] = [
        ("", item, LEAD_LIMITS),
        ("/company", item.company, COMPANY_LIMITS),
    ]
    groups += [
        (f"/engagements/{index}", each, ENGAGEMENT_LIMITS) for index, each in enumerate(item.engagements)
    ]
    for path, holder, limits in groups:
        for name, limit in limits.items():
            text = getattr(holder, name)
            if len(text) > limit:
                errors.append(FieldError(f"{path}/{name}", f"At most {limit} characters.", "max_length"))
            elif not storable(text):
                errors.append(FieldError(f"{path}/{name}", "This text cannot be stored.", "invalid_text"))
    for index, each in enumerate(item.engagements):
        if not each.kind:
            errors.append(FieldError(f"/engagements/{index}/kind", "Say what the lead did.", "required"))
    return errors


def storable(text: str) -> bool:
    """Can PostgreSQL keep it? Not the null character, not half of a surrogate pair."""
    return _UNSTORABLE.search(text) is None


def _number_errors(item: LeadIn) -> list[FieldError]:
    errors = []
    for path, number, low, high in (
        ("/score", item.score, -MAX_INTEGER, MAX_INTEGER),
        ("/company/employees", item.company.employees, 0, MAX_INTEGER),
        ("/company/revenue", item.company.revenue, 0, MAX_BIG_INTEGER),
    ):
        if number is not None and not low <= number <= high:
            errors.append(FieldError(path, f"A number from {low} to {high}.", "out_of_range"))
    return errors


def _time_errors(item: LeadIn, now: datetime) -> list[FieldError]:
    errors = []
    moments = [("/occurred_at", item.occurred_at)]
    moments += [(f"/engagements/{index}/at", each.at) for index, each in enumerate(item.engagements)]
    for path, moment in moments:
        if moment is None:
            continue
        if moment.utcoffset() is None:
            errors.append(FieldError(path, "Give the time with its offset from UTC.", "naive_time"))
        elif moment > now + AHEAD:
            errors.append(FieldError(path, "This lies in the future.", "in_the_future"))
        elif moment < EARLIEST:
            errors.append(FieldError(path, f"Not before {EARLIEST.year}.", "too_early"))
    return errors


def check_custom(value: dict[str, Any]) -> list[FieldError]:
    """What is wrong with the tenant's own fields: too many, too deep, too long, or not to be stored."""
    errors: list[FieldError] = []
    if len(value) > MAX_CUSTOM_KEYS:
        errors.append(FieldError("/custom", f"At most {MAX_CUSTOM_KEYS} fields.", "max_length"))
        return errors
    room = MAX_CUSTOM_CHARS
    pending: list[tuple[str, Any, int]] = [("/custom", value, 1)]
    while pending:
        path, each, depth = pending.pop()
        if depth > MAX_CUSTOM_DEPTH:
            return [FieldError(path, f"At most {MAX_CUSTOM_DEPTH} levels.", "too_deep")]
        if isinstance(each, dict):
            room -= sum(len(key) for key in each)
            if not all(isinstance(key, str) and storable(key) for key in each):
                return [FieldError(path, "This name cannot be stored.", "invalid_text")]
            pending += [(path + pointer(key[:80]), inner, depth + 1) for key, inner in each.items()]
        elif isinstance(each, list):
            room -= len(each)
            pending += [(f"{path}/{index}", inner, depth + 1) for index, inner in enumerate(each[:1_000])]
        elif isinstance(each, str):
            room -= len(each)
            if not storable(each):
                return [FieldError(path, "This text cannot be stored.", "invalid_text")]
        elif isinstance(each, float):
            if each != each or each in (float("inf"), float("-inf")):
                return [FieldError(path, "This is no number.", "invalid_number")]
        elif isinstance(each, int):
            room -= len(str(each)) if abs(each) < 10**60 else room + 1
        if room < 0:
            return [FieldError("/custom", f"At most {MAX_CUSTOM_CHARS:,} characters in all.", "max_length")]
    return errors
