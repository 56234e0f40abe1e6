"""What a request asks, and the addresses and words that follow from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.urls import get_urlconf, reverse

from reporting import params, selectors
from reporting.selectors import Question
from tenants.clock import database_clock
from tenants.models import Role
from tenants.requests import TenantRequest, moment_given

#: What an address keeps when a link on the page changes one thing.
KEPT: Final = (
    "period",
    "from",
    "to",
    "clock",
    "target",
    "pauses",
    "team",
    "rep",
    "source",
    "campaign",
    "tier",
    "by",
    "breaches",
    "kind",
    # Of reports about handoffs.
    "channel",
    "segment",
    "follow",
    "cohort",
    "rule",
)


def address(query: Mapping[str, str], view: str, **changes: str | None) -> str:
    """The address of a view with this page's period and filters, some changed; None takes one away."""
    kept = {name: query[name] for name in KEPT if query.get(name)}
    kept |= {name: value for name, value in changes.items() if value is not None}
    for name, value in changes.items():
        if value is None:
            kept.pop(name, None)
    text = urlencode(kept)
    return _path(view, get_urlconf()) + (f"?{text}" if text else "")


@cache
def _path(view: str, urlconf: str | None) -> str:
    """Looked up once: a page links to the same few views hundreds of times."""
    return reverse(f"reporting:{view}", urlconf=urlconf)


@dataclass(frozen=True, slots=True)
class Asked:
    """What this request asks, and who asks."""

    query: dict[str, str]
    question: Question
    by: str
    now: datetime
    own: bool  # a rep, who sees only what is theirs
    may_reassign: bool = False

    @property
    def ahead(self) -> bool:
        """Whether the period has not begun."""
        return lies_ahead(self.question.first, zone=self.question.zone, now=self.now)

    def link(self, view: str, **changes: str | None) -> str:
        return address(self.query, view, **changes)


def asked_by(request: TenantRequest) -> Asked:
    now = moment_given(request) or database_clock()
    query = {name: value for name, value in request.GET.items() if isinstance(value, str)}
    question = params.question_for_page(query, tenant=request.tenant, member=request.member, now=now)
    own = request.member.role == Role.REP
    by = params.choice(query, "by", tuple(selectors.SPLITS), "tier" if own else "rep")
    may = request.member.role in (Role.MANAGER, Role.ADMIN)
    return Asked(query, question, by, now, own, may)


def day_text(value: date, year: bool = False) -> str:
    return f"{value.day} {value:%b %Y}" if year else f"{value.day} {value:%b}"


def lies_ahead(first: date, *, zone: ZoneInfo, now: datetime) -> bool:
    """Whether a period that begins on this day has not begun."""
    return first > now.astimezone(zone).date()


def period_text(of: Question | params.Days) -> str:
    if of.first == of.last:
        return day_text(of.first, year=True)
    same = of.first.year == of.last.year
    return f"{day_text(of.first, year=not same)} to {day_text(of.last, year=True)}"


def periods_of(query: Mapping[str, str], of: Question | params.Days) -> list[tuple[str, str, bool]]:
    """What the select of periods offers, as (value, words, chosen): one given by its days stands first."""
    chosen = params.period_name(query)
    known = [(value, text, value == chosen) for value, text in params.PERIOD_NAMES.items()]
    return known if chosen else [("", period_text(of), True), *known]


WEEK: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def hour_text(hour: int) -> str:
    """ "Fri 17:00 to 18:00", of an hour since Monday's midnight."""
    return f"{WEEK[hour // 24]} {hour % 24}:00 to {hour % 24 + 1}:00"


def file_name(asked: Asked, what: str) -> str:
    """Without its ending."""
    return f"{what}-{asked.question.first}-to-{asked.question.last}"
