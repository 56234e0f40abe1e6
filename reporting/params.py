"""What a report's address may carry, read once for pages, files and the API: `period=30d` or `from=` and
`to=`, `clock=`, `by=`, `target=`, `pauses=`, `kind=`, and the filters. Raises ValidationFailed with the name
of what is wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import QuerySet

from core.errors import FieldError, ValidationFailed
from reporting.definitions import BAND_LABELS, COHORT_WEEKS, FOLLOWED, LATER_STAGES, STAGES
from reporting.measures import SEGMENTS, TARGETS
from reporting.models import HandoffFact
from reporting.selectors import (
    CLOCKS,
    HOURS,
    INBOUND,
    KINDS,
    LISTED,
    Question,
    handoffs_behind,
    number_behind,
    sight_of,
)
from routing.models import Pool
from tenants.models import Member, Role, Tenant

PERIODS: Final = {"7d": 7, "30d": 30, "90d": 90, "365d": 365}
PERIOD_NAMES: Final = {
    "7d": "Last 7 days",
    "30d": "Last 30 days",
    "90d": "Last 90 days",
    "365d": "Last 365 days",
}
#: How pauses count: as they were agreed, or as if no clock had ever stood still for one.
COUNTED: Final = "counted"
PAUSES: Final = (COUNTED, "ignored")
MOST_DAYS: Final = 3_660
NONE: Final = "none"  # a filter's word for "without": leads that nobody owned


def choice(query: Mapping[str, str], name: str, known: tuple[str, ...], default: str) -> str:
    """One of the known words. Raises ValidationFailed at the parameter."""
    value = query.get(name) or default
    if value not in known:
        words = ", ".join(filter(None, known))  # an empty one stands for "not said"
        raise ValidationFailed.at(f"/{name}", f"{name} is one of: {words}.", "invalid_choice")
    return value


def question_for_page(query: Mapping[str, str], *, tenant: Tenant, member: Member, now: datetime) -> Question:
    """The question of a page's address, as far as this reader may ask it."""
    default = "owner" if member.role == Role.REP else "company"
    return _question(query, tenant=tenant, now=now, default_clock=default, **sight_of(member))


def question_for_api(
    query: Mapping[str, str], *, tenant: Tenant, now: datetime, rep: str = "rep"
) -> Question:
    """The question of a call, which sees the whole organisation. rep: the parameter that names a person."""
    return _question(query, tenant=tenant, now=now, default_clock="company", rep=rep)


def _question(
    query: Mapping[str, str],
    *,
    tenant: Tenant,
    now: datetime,
    default_clock: str,
    rep: str = "rep",
    **sight: Any,
) -> Question:
    zone = ZoneInfo(tenant.time_zone)
    first, last = period(query, today=now.astimezone(zone).date())
    without = {rep: "member_id", "team": "team_id"}
    none = [name for name in without if query.get(name) == NONE]
    return Question(
        zone=zone,
        first=first,
        last=last,
        clock=choice(query, "clock", CLOCKS, default_clock),
        team=None if "team" in none else id_asked(query, "team"),
        member=None if rep in none else id_asked(query, rep),
        without=tuple(without[name] for name in none),
        source=_text(query, "source"),
        campaign=_text(query, "campaign"),
        tier=_text(query, "tier"),
        channel=_text(query, "channel"),
        segment=_segment(query),
        kind=choice(query, "kind", tuple(KINDS), INBOUND),
        target=choice(query, "target", ("", *TARGETS), "") or None,
        hour=_hour(query),
        ignore_pauses=choice(query, "pauses", PAUSES, COUNTED) != COUNTED,
        **sight,
    )


def period(query: Mapping[str, str], *, today: date) -> tuple[date, date]:
    """First and last day asked for; the last 30 days, today included, unless said otherwise."""
    if query.get("from") or query.get("to"):
        last = _day(query, "to") or today
        first = _day(query, "from") or last - timedelta(days=29)
        if first > last:
            raise ValidationFailed.at("/from", "The period ends before it begins.", "invalid")
        if (last - first).days >= MOST_DAYS:
            raise ValidationFailed.at("/from", f"A period has at most {MOST_DAYS:,} days.", "invalid")
        return first, last
    days = PERIODS[choice(query, "period", tuple(PERIODS), "30d")]
    return today - timedelta(days=days - 1), today


@dataclass(frozen=True, slots=True)
class Days:
    """A period in the organisation's days, both included."""

    first: date
    last: date
    zone: ZoneInfo

    @property
    def since(self) -> datetime:
        return datetime.combine(self.first, time(), self.zone)

    @property
    def until(self) -> datetime:
        """The midnight after the last day, no more part of the period."""
        return datetime.combine(self.last + timedelta(days=1), time(), self.zone)


def days_asked(query: Mapping[str, str], *, tenant: Tenant, now: datetime) -> Days:
    """The period of a report that asks for nothing but days."""
    zone = ZoneInfo(tenant.time_zone)
    return Days(*period(query, today=now.astimezone(zone).date()), zone)


def pool_asked(query: Mapping[str, str]) -> Pool | None:
    """The pool with the slug asked for; None is all of them."""
    slug = query.get("pool", "")
    if not slug:
        return None
    pool = Pool.objects.defer("counters").filter(slug=slug[:60]).first()
    if pool is None:
        raise ValidationFailed.at("/pool", "There is no pool with this slug.", "unknown_pool")
    return pool


@dataclass(frozen=True, slots=True)
class NumberAsked:
    """Which number of the funnel a list is of; see selectors.handoffs_behind. reason: None is any, "" is
    none given. response: how soon they were reached; "" is any."""

    stage: str
    before: str
    weeks: int | None
    follow: int | None
    reason: str | None
    response: str

    def listed(self, question: Question, *, now: datetime) -> QuerySet[HandoffFact]:
        """The handoffs of it."""
        return handoffs_behind(question, self.stage, now=now, **self._narrowed())

    def count(self, question: Question, *, now: datetime) -> int:
        """How many these are, two queries at most."""
        return number_behind(question, self.stage, now=now, **self._narrowed())

    def _narrowed(self) -> dict[str, Any]:
        return {
            "follow": self.follow,
            "reason": self.reason,
            "before": self.before,
            "weeks": self.weeks,
            "response": self.response,
        }


#: The parameters that say it.
NUMBER: Final = ("stage", "before", "weeks", "follow", "reason", "response")


def number_asked(query: Mapping[str, str]) -> NumberAsked:
    """The number that a list of leads is of. Raises ValidationFailed at the parameter."""
    weeks = choice(query, "weeks", ("", *(str(week + 1) for week in range(COHORT_WEEKS))), "")
    reason = query.get("reason")
    if reason is not None:
        reason = "" if reason == NONE else reason[:40]
    return NumberAsked(
        stage=choice(query, "stage", tuple(LISTED), STAGES[0]),
        before=choice(query, "before", ("", *LATER_STAGES), ""),
        weeks=int(weeks) if weeks else None,
        follow=days_followed(query),
        reason=reason,
        response=choice(query, "response", ("", *BAND_LABELS), ""),
    )


def days_followed(query: Mapping[str, str]) -> int | None:
    """For how many days MQLs are followed; None is until now."""
    chosen = choice(query, "follow", ("", *map(str, FOLLOWED)), "")
    return int(chosen) if chosen else None


def period_name(query: Mapping[str, str]) -> str:
    """The chosen period of the list, "" for one given by its days."""
    if query.get("from") or query.get("to"):
        return ""
    return query.get("period") or "30d"


_DAYS: Final = {"from": "The first day", "to": "The last day"}


def _day(query: Mapping[str, str], name: str) -> date | None:
    text = query.get(name, "")
    if not text:
        return None
    try:
        day = date.fromisoformat(text) if len(text) == 10 else None
    except ValueError:
        day = None
    if day is None or not 2000 <= day.year <= 2100:
        raise ValidationFailed.at(
            f"/{name}", f"{_DAYS.get(name, name)} is a day from 2000 to 2100, like 2026-11-17.", "invalid"
        )
    return day


def id_asked(query: Mapping[str, str], name: str) -> UUID | None:
    text = query.get(name, "")
    if not text:
        return None
    try:
        return UUID(text)
    except ValueError as error:
        raise ValidationFailed.at(f"/{name}", "This is no id of ours.", "invalid") from error


def _hour(query: Mapping[str, str]) -> int | None:
    """An hour of the week, by its number since Monday's midnight."""
    text = query.get("hour", "")
    if not text:
        return None
    # Few digits, so that zeros in front of a huge number do not carry it past the limit.
    if not (text.isascii() and text.isdigit() and len(text) <= 3 and int(text) < HOURS):
        raise ValidationFailed.at(
            "/hour", f"hour is a number from 0 to {HOURS - 1}, 0 is Monday 0:00.", "invalid"
        )
    return int(text)


def _segment(query: Mapping[str, str]) -> str | None:
    text = choice(query, "segment", ("", NONE, *SEGMENTS), "")
    return None if not text else "" if text == NONE else text


def _text(query: Mapping[str, str], name: str) -> str | None:
    """A filter by text; "none" asks for those without one."""
    text = query.get(name, "")
    if len(text) > 120:
        raise ValidationFailed(
            "This filter cannot be read.", field_errors=[FieldError(f"/{name}", "Too long or unreadable.")]
        )
    return None if not text else "" if text == NONE else text
